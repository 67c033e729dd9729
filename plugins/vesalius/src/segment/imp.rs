//! The machinery of `vesaliussegment`.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::base_transform::GenerateOutputSuccess;
use gst_base::subclass::prelude::*;
use parking_lot::Mutex;
use vesalius_engine::{Engine, PrecisionChoice, ProviderChoice, Registry, SessionOptions};
use vesalius_measure::result::{EngineIdentity, FrameResult, Reason};

use super::infer::{Inference, Job, Outcome};
use super::pool::{Pool, Ticket, promise};
use super::settings::{AUTO, Mode, Plan, Settings};
use super::stats::Stats;
use crate::frame::template_caps;
use crate::messages::BackendMessage;
use crate::result_meta::ResultMeta;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("vesaliussegment", gst::DebugColorFlags::empty(), Some("Vesalius segmentation"))
});

/// A frame on its way, and the right to its result.
struct InFlight {
    buffer: gst::Buffer,
    pts_ns: u64,
    ticket: Ticket<Outcome>,
}

/// What the streaming thread works with.
#[derive(Default)]
struct Stream {
    info: Option<Arc<gst_video::VideoInfo>>,
    in_flight: VecDeque<InFlight>,
    /// A flow error met while draining on an event, returned with the next buffer.
    pending_error: Option<gst::FlowError>,
    /// The result last attached in newest-frame mode.
    newest: Option<Arc<FrameResult>>,
}

/// The engine at work; there from READY on.
struct Running {
    pool: Pool<Job>,
    plan: Plan,
    mode: Mode,
    max_age: Duration,
    identity: Arc<EngineIdentity>,
    /// Where the threads leave results in newest-frame mode.
    finished: Arc<Mutex<Finished>>,
}

/// What the threads leave for the next frame in newest-frame mode.
#[derive(Default)]
struct Finished {
    /// The newest outcome and its [epoch](Job::epoch).
    newest: Option<(u64, Outcome)>,
    /// The errors since the last frame, in order: a newer outcome must not hide that an older one failed.
    errors: Vec<String>,
}

impl Finished {
    fn leave(&mut self, epoch: u64, mut outcome: Outcome) {
        self.errors.extend(outcome.error.take());
        self.newest = Some((epoch, outcome));
    }
}

#[derive(Default)]
pub struct Segment {
    settings: Mutex<Settings>,
    running: Mutex<Option<Arc<Running>>>,
    stream: Mutex<Stream>,
    stats: Arc<Mutex<Stats>>,
    flushing: AtomicBool,
    /// See [`Job::epoch`].
    epoch: AtomicU64,
}

#[glib::object_subclass]
impl ObjectSubclass for Segment {
    const NAME: &'static str = "VesaliusSegment";
    type Type = super::Segment;
    type ParentType = gst_base::BaseTransform;
}

impl Segment {
    fn load(&self) -> Result<Running, gst::ErrorMessage> {
        let settings = self.settings.lock().clone();
        if settings.engine.is_empty() {
            return Err(gst::error_msg!(
                gst::ResourceError::Settings,
                ("no engine is set: set the property 'engine' to a name or a folder")
            ));
        }
        let wrong =
            |error: &dyn std::fmt::Display| gst::error_msg!(gst::ResourceError::Settings, ("{error}"));
        let provider = settings.backend.parse::<ProviderChoice>().map_err(|e| wrong(&e))?;
        let precision = settings.precision.parse::<PrecisionChoice>().map_err(|e| wrong(&e))?;
        let fail = |error: &dyn std::fmt::Display| gst::error_msg!(gst::ResourceError::NotFound, ("{error}"));
        let folder = Registry::standard().find(&settings.engine).map_err(|e| fail(&e))?;
        let engine = Engine::open(&folder).map_err(|e| fail(&e))?;
        let asked = SessionOptions {
            runtime: settings.runtime.clone(),
            provider,
            precision,
            ..SessionOptions::default()
        };
        // Once for all threads: results of one stream come from one backend.
        let selection = engine.select(&asked).map_err(|e| fail(&e))?;
        let plan = settings.plan(selection.provider);
        let options = SessionOptions { threads: plan.threads_per_worker, ..asked.on(&selection) };
        let identity = engine.identity_on(&selection);
        let why = &selection.why;
        let finished = Arc::new(Mutex::new(Finished::default()));
        let make = {
            let (engine, finished, stats) = (engine.clone(), finished.clone(), self.stats.clone());
            let identity = identity.clone();
            move || {
                let mut inference = Inference::load(&engine, &identity, &options)?;
                let (finished, stats) = (finished.clone(), stats.clone());
                Ok(move |job: Job| {
                    let Job { buffer, info, pts_ns, epoch, promise } = job;
                    let outcome = inference.run(&buffer, &info, pts_ns);
                    // The frame goes on as soon as the answer is there, and then it should be nobody else's.
                    drop(buffer);
                    let (ns, error) = (outcome.result.times.inference_ns, outcome.error.clone());
                    let count = || stats.lock().count_inference(ns, error);
                    match promise {
                        // A frame does not leave before it is counted.
                        Some(promise) => {
                            count();
                            promise.keep(outcome);
                        }
                        // What is counted can be taken.
                        None => {
                            finished.lock().leave(epoch, outcome);
                            count();
                        }
                    }
                })
            }
        };
        let pool = Pool::start::<vesalius_engine::EngineError, _, _>(
            plan.workers,
            settings.mode == Mode::Latest,
            make,
        )
        .map_err(|e| fail(&e))?;
        self.stats.lock().backend.clone_from(&identity.backend);
        let message = BackendMessage {
            backend: identity.backend.clone(),
            why: why.clone(),
            engine: identity.name.clone(),
            engine_sha256: identity.sha256.clone(),
        };
        gst::info!(CAT, imp = self, "engine {} on {} ({why}), {plan:?}", identity.name, identity.backend);
        let obj = self.obj();
        let posted = gst::message::Element::builder(gst::Structure::from(&message)).src(&*obj).build();
        let _ = obj.post_message(posted);
        Ok(Running { pool, plan, mode: settings.mode, max_age: settings.max_age, identity, finished })
    }

    /// Attaches a result to a frame and keeps count.
    fn attach(&self, buffer: &mut gst::Buffer, pts_ns: u64, outcome: Option<Outcome>) {
        let identity = self.running.lock().as_ref().map(|r| r.identity.clone());
        let outcome = match (outcome, identity) {
            (Some(outcome), _) => outcome,
            (None, Some(identity)) => {
                let error = "a thread for inference ended".to_owned();
                self.stats.lock().count_failure(error.clone());
                Outcome {
                    result: FrameResult::missing(identity, pts_ns, Reason::InferenceFailed),
                    error: Some(error),
                }
            }
            (None, None) => return,
        };
        if let Some(error) = outcome.error {
            self.report(&error);
        }
        ResultMeta::add(buffer.make_mut(), Arc::new(outcome.result));
    }

    /// Says that the engine failed, less and less often.
    fn report(&self, error: &str) {
        let (reported, failed) = {
            let mut stats = self.stats.lock();
            stats.reported += 1;
            (stats.reported, stats.failed)
        };
        if reported.is_power_of_two() {
            gst::element_imp_warning!(
                self,
                gst::StreamError::Failed,
                ("{error}"),
                ["{failed} frames without a result so far"]
            );
        }
    }

    /// Takes the oldest frame if its result is there, or waits for it if `wait` says so.
    fn oldest(&self, wait: impl Fn(usize) -> bool) -> Result<Option<gst::Buffer>, gst::FlowError> {
        let head = {
            let mut stream = self.stream.lock();
            let waiting = stream.in_flight.len();
            let settled = stream.in_flight.front().is_some_and(|head| head.ticket.is_settled());
            if settled || wait(waiting) { stream.in_flight.pop_front() } else { None }
        };
        let Some(InFlight { mut buffer, pts_ns, ticket }) = head else { return Ok(None) };
        let outcome = ticket.wait(&self.flushing);
        if self.flushing.load(Ordering::Acquire) {
            return Err(gst::FlowError::Flushing);
        }
        self.attach(&mut buffer, pts_ns, outcome);
        Ok(Some(buffer))
    }

    /// Lets every frame on its way finish, before what follows it in the stream.
    fn drain(&self) {
        loop {
            match self.oldest(|waiting| waiting > 0) {
                Ok(Some(buffer)) => {
                    if let Err(error) = self.obj().src_pad().push(buffer) {
                        let mut stream = self.stream.lock();
                        stream.in_flight.clear();
                        stream.pending_error = Some(error);
                        return;
                    }
                }
                Ok(None) => return,
                Err(_) => {
                    self.stream.lock().in_flight.clear();
                    return;
                }
            }
        }
    }

    /// Forgets everything about the frames before: they do not belong with those to come.
    fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        {
            let mut stream = self.stream.lock();
            stream.in_flight.clear();
            stream.newest = None;
        }
        if let Some(running) = self.running.lock().as_ref() {
            running.pool.forget_waiting();
            *running.finished.lock() = Finished::default();
        }
    }

    fn accept(&self, mut buffer: gst::Buffer) -> Result<Option<gst::Buffer>, gst::FlowError> {
        let Some(running) = self.running.lock().clone() else { return Err(gst::FlowError::Flushing) };
        let Some(info) = self.stream.lock().info.clone() else { return Err(gst::FlowError::NotNegotiated) };
        let Some(pts) = buffer.pts() else {
            gst::element_imp_error!(
                self,
                gst::StreamError::Format,
                ("a frame has no time stamp: a result could not be told which frame it belongs to")
            );
            return Err(gst::FlowError::Error);
        };
        let pts_ns = pts.nseconds();
        self.stats.lock().frames += 1;
        let epoch = self.epoch.load(Ordering::Acquire);
        let mut job = Job { buffer: buffer.clone(), info, pts_ns, epoch, promise: None };
        match running.mode {
            Mode::EveryFrame => {
                let (promise, ticket) = promise();
                job.promise = Some(promise);
                // A job that the pool cannot take is dropped, and its promise with it: the ticket knows.
                drop(running.pool.give(job));
                self.stream.lock().in_flight.push_back(InFlight { buffer, pts_ns, ticket });
                Ok(None)
            }
            Mode::Latest => {
                if running.pool.give(job).is_some() {
                    self.stats.lock().skipped += 1;
                }
                self.attach_newest(&running, &mut buffer, pts_ns);
                Ok(Some(buffer))
            }
        }
    }

    /// Attaches the newest result with its age, or says why there is none to show.
    fn attach_newest(&self, running: &Running, buffer: &mut gst::Buffer, pts_ns: u64) {
        // The lock is not held while messages are posted.
        let Finished { newest, errors } = std::mem::take(&mut *running.finished.lock());
        for error in &errors {
            self.report(error);
        }
        if let Some((epoch, outcome)) = newest
            && epoch == self.epoch.load(Ordering::Acquire)
        {
            self.stream.lock().newest = Some(Arc::new(outcome.result));
        }
        let newest = self.stream.lock().newest.clone();
        let result = match newest {
            None => FrameResult::missing(running.identity.clone(), pts_ns, Reason::NoResultYet),
            Some(newest) => {
                let age_ns = pts_ns.saturating_sub(newest.source_pts_ns);
                if u128::from(age_ns) > running.max_age.as_nanos() {
                    self.stats.lock().stale += 1;
                    let mut stale =
                        FrameResult::missing(running.identity.clone(), newest.source_pts_ns, Reason::Stale);
                    stale.age_ns = age_ns;
                    stale
                } else {
                    let mut result = (*newest).clone();
                    result.age_ns = age_ns;
                    result
                }
            }
        };
        ResultMeta::add(buffer.make_mut(), Arc::new(result));
    }
}

impl ObjectImpl for Segment {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let default = Settings::default();
            vec![
                glib::ParamSpecString::builder("engine")
                    .nick("Engine")
                    .blurb("Engine to run: a name, or the folder of a manifest")
                    .mutable_ready()
                    .build(),
                glib::ParamSpecString::builder("backend")
                    .nick("Backend")
                    .blurb(
                        "What runs the engine: auto, cpu, cuda or tensorrt. One that is named and does not work is an error; \
                         auto says which it took and why",
                    )
                    .default_value(Some(default.backend.as_str()))
                    .mutable_ready()
                    .build(),
                glib::ParamSpecString::builder("precision")
                    .nick("Precision")
                    .blurb("Numbers that the engine runs in: auto, f32, f16 or int8, as its manifest has them")
                    .default_value(Some(default.precision.as_str()))
                    .mutable_ready()
                    .build(),
                glib::ParamSpecEnum::builder_with_default("mode", default.mode)
                    .nick("Mode")
                    .blurb("Which frames are looked at")
                    .mutable_ready()
                    .build(),
                glib::ParamSpecUInt::builder("threads")
                    .nick("Threads")
                    .blurb("Threads for inference (0 = one a core)")
                    .default_value(default.threads)
                    .maximum(256)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecUInt::builder("max-in-flight")
                    .nick("Frames in flight")
                    .blurb("Frames that may be on their way in mode=every-frame (0 = threads + 1)")
                    .default_value(default.max_in_flight)
                    .maximum(256)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecUInt64::builder("max-age")
                    .nick("Maximum age")
                    .blurb("Age in nanoseconds above which a result is not used in mode=latest")
                    .default_value(u64::try_from(default.max_age.as_nanos()).unwrap_or(u64::MAX))
                    .mutable_ready()
                    .build(),
                glib::ParamSpecString::builder("runtime")
                    .nick("Runtime")
                    .blurb("Path of libonnxruntime.so (unset = looked for)")
                    .mutable_ready()
                    .build(),
                glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                    .nick("Statistics")
                    .blurb("Counts of frames and percentiles of times, in nanoseconds")
                    .read_only()
                    .build(),
            ]
        });
        PROPERTIES.as_ref()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let mut settings = self.settings.lock();
        let text = || value.get::<Option<String>>().ok().flatten();
        match pspec.name() {
            "engine" => settings.engine = text().unwrap_or_default(),
            "backend" => settings.backend = text().unwrap_or_else(|| AUTO.to_owned()),
            "precision" => settings.precision = text().unwrap_or_else(|| AUTO.to_owned()),
            "mode" => settings.mode = value.get().unwrap_or_default(),
            "threads" => settings.threads = value.get().unwrap_or_default(),
            "max-in-flight" => settings.max_in_flight = value.get().unwrap_or_default(),
            "max-age" => settings.max_age = Duration::from_nanos(value.get().unwrap_or_default()),
            "runtime" => settings.runtime = text().filter(|t| !t.is_empty()).map(PathBuf::from),
            _ => {}
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        let settings = self.settings.lock();
        match pspec.name() {
            "engine" => settings.engine.to_value(),
            "backend" => settings.backend.to_value(),
            "precision" => settings.precision.to_value(),
            "mode" => settings.mode.to_value(),
            "threads" => settings.threads.to_value(),
            "max-in-flight" => settings.max_in_flight.to_value(),
            "max-age" => u64::try_from(settings.max_age.as_nanos()).unwrap_or(u64::MAX).to_value(),
            "runtime" => settings.runtime.as_ref().map(|p| p.to_string_lossy().into_owned()).to_value(),
            "stats" => self.stats.lock().structure().to_value(),
            _ => pspec.default_value().clone(),
        }
    }
}

impl GstObjectImpl for Segment {}

impl ElementImpl for Segment {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Vesalius segmentation",
                "Filter/Analyzer/Video",
                "Runs a segmentation engine on the frames and attaches class masks with their geometry; \
                 the picture passes untouched",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&*METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
            LazyLock::new(|| crate::pad_templates(&template_caps(), &template_caps()));
        TEMPLATES.as_ref()
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::NullToReady {
            let running = self.load().map_err(|message| {
                self.post_error_message(message);
                gst::StateChangeError
            })?;
            *self.running.lock() = Some(Arc::new(running));
        }
        let result = self.parent_change_state(transition)?;
        if transition == gst::StateChange::ReadyToNull {
            *self.running.lock() = None;
        }
        Ok(result)
    }
}

impl BaseTransformImpl for Segment {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = true;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        self.flushing.store(false, Ordering::Release);
        let backend = std::mem::take(&mut self.stats.lock().backend);
        *self.stats.lock() = Stats { backend, ..Stats::default() };
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        self.flushing.store(true, Ordering::Release);
        self.forget();
        *self.stream.lock() = Stream::default();
        Ok(())
    }

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info = gst_video::VideoInfo::from_caps(incaps)
            .map_err(|_| gst::loggable_error!(CAT, "no video caps: {}", incaps))?;
        let declared = self.latency();
        // Maps of another picture size mean nothing here.
        self.epoch.fetch_add(1, Ordering::AcqRel);
        {
            let mut stream = self.stream.lock();
            stream.newest = None;
            stream.info = Some(Arc::new(info));
        }
        if self.latency() != declared {
            let obj = self.obj();
            let _ = obj.post_message(gst::message::Latency::builder().src(&*obj).build());
        }
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        match event.view() {
            gst::EventView::FlushStart(_) => self.flushing.store(true, Ordering::Release),
            gst::EventView::FlushStop(_) => {
                self.forget();
                self.stream.lock().pending_error = None;
                self.flushing.store(false, Ordering::Release);
            }
            gst::EventView::Segment(segment) => {
                self.drain();
                if segment.segment().format() != gst::Format::Time {
                    gst::element_imp_error!(
                        self,
                        gst::StreamError::Format,
                        ("the stream is not timed: put a parser or demuxer before vesaliussegment")
                    );
                    return false;
                }
            }
            gst::EventView::Gap(_) | gst::EventView::StreamStart(_) => {
                self.drain();
                self.forget();
            }
            _ if event.is_serialized() => self.drain(),
            _ => {}
        }
        self.parent_sink_event(event)
    }

    fn query(&self, direction: gst::PadDirection, query: &mut gst::QueryRef) -> bool {
        if direction == gst::PadDirection::Sink && query.is_serialized() {
            self.drain();
        }
        if !BaseTransformImplExt::parent_query(self, direction, query) {
            return false;
        }
        if let (gst::PadDirection::Src, gst::QueryViewMut::Latency(latency)) = (direction, query.view_mut()) {
            let (live, min, max) = latency.result();
            let ours = self.latency();
            latency.set(live, min + ours, max.map(|max| max + ours));
        }
        true
    }

    fn propose_allocation(
        &self,
        decide_query: Option<&gst::query::Allocation>,
        query: &mut gst::query::Allocation,
    ) -> Result<(), gst::LoggableError> {
        self.parent_propose_allocation(decide_query, query)?;
        crate::offer_video_meta(query);
        Ok(())
    }

    fn submit_input_buffer(
        &self,
        is_discont: bool,
        inbuf: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        if let Some(error) = self.stream.lock().pending_error.take() {
            return Err(error);
        }
        if is_discont || inbuf.flags().contains(gst::BufferFlags::DISCONT) {
            let mode = self.running.lock().as_ref().map(|r| r.mode);
            if mode == Some(Mode::Latest) {
                self.forget();
            }
        }
        self.parent_submit_input_buffer(is_discont, inbuf)
    }

    fn generate_output(&self) -> Result<GenerateOutputSuccess, gst::FlowError> {
        if let Some(buffer) = self.take_queued_buffer()
            && let Some(done) = self.accept(buffer)?
        {
            return Ok(GenerateOutputSuccess::Buffer(done));
        }
        let limit = self.running.lock().as_ref().map_or(1, |r| r.plan.max_in_flight);
        // A full house waits for its oldest; otherwise only what is finished goes.
        Ok(match self.oldest(|waiting| waiting >= limit)? {
            Some(buffer) => GenerateOutputSuccess::Buffer(buffer),
            None => GenerateOutputSuccess::NoOutput,
        })
    }
}

impl Segment {
    /// How long a frame may stay: the frames in flight, less the one being taken.
    fn latency(&self) -> gst::ClockTime {
        let Some(plan) = self.running.lock().as_ref().map(|r| r.plan) else { return gst::ClockTime::ZERO };
        let fps = self.stream.lock().info.as_ref().map(|info| info.fps());
        let Some(fps) = fps.filter(|fps| fps.numer() > 0 && fps.denom() > 0) else {
            return gst::ClockTime::ZERO;
        };
        gst::ClockTime::SECOND
            .mul_div_floor(fps.denom() as u64, fps.numer() as u64)
            .map_or(gst::ClockTime::ZERO, |frame| frame * (plan.max_in_flight as u64 - 1))
    }
}

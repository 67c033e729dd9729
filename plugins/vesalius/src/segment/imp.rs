//! The machinery of `vesaliussegment`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::subclass::base_transform::GenerateOutputSuccess;
use gst_base::subclass::prelude::*;
use parking_lot::Mutex;
use vesalius_cuda::{CudaError, DeviceBuffer, Kernels};

use super::live::LiveSide;
use super::running::{LoadError, Loaded, Running};
use super::settings::{AUTO, Alignment, Isolation, Mode, Settings};
use super::sight::Outlook;
use super::stats::Stats;
use super::stream::Stream;
use super::wait::Held;
use crate::device::{Frames, Place, Preference, Sharing, is_primary, offered, with_device, within};
use crate::frame::template_caps;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("vesaliussegment", gst::DebugColorFlags::empty(), Some("Vesalius segmentation"))
});

#[derive(Default)]
pub struct Segment {
    pub(super) settings: Mutex<Settings>,
    pub(super) running: Mutex<Option<Arc<Running>>>,
    pub(super) stream: Mutex<Stream>,
    pub(super) stats: Arc<Mutex<Stats>>,
    pub(super) flushing: AtomicBool,
    /// See [`Job::epoch`](super::infer::Job::epoch).
    pub(super) epoch: AtomicU64,
    sharing: Sharing,
    /// Whether a person does not want results.
    pub(super) disabled: AtomicBool,
    pub(super) live: Mutex<LiveSide>,
    /// Counts what makes an engine that is still being loaded come too late.
    pub(super) loading: AtomicU64,
    /// Who loads an engine in the background.
    pub(super) loader: Mutex<Option<JoinHandle<()>>>,
}

#[glib::object_subclass]
impl ObjectSubclass for Segment {
    const NAME: &'static str = "VesaliusSegment";
    type Type = super::Segment;
    type ParentType = gst_base::BaseTransform;
}

impl Segment {
    /// Loads the engine. Where a GPU runs it, pictures are prepared there too, in a context that is offered to the
    /// pipeline before anybody else makes another.
    pub(super) fn load(&self) -> Result<Running, LoadError> {
        // Out of its lock, for loading takes long, and properties are asked meanwhile.
        let settings = self.settings.lock().clone();
        let loaded = Arc::new(Loaded::choose(&settings)?);
        self.start(&loaded)
    }

    /// Starts an engine's threads, and says what it runs on.
    pub(super) fn start(&self, loaded: &Arc<Loaded>) -> Result<Running, LoadError> {
        let kernels = if !loaded.provider.is_gpu() {
            None
        } else {
            let kernels = self.kernels(loaded);
            if let Err(why) = &kernels {
                let text = format!("the processor prepares the pictures for the GPU: {why}");
                gst::element_imp_warning!(self, gst::ResourceError::NotFound, ["{text}"]);
            }
            kernels.ok()
        };
        let running =
            loaded.start(kernels, &self.stats).map_err(|error| LoadError::Missing(error.to_string()))?;
        let message = loaded.message();
        self.stats.lock().backend.clone_from(&message.backend);
        gst::info!(CAT, imp = self, "engine {} on {}, {:?}", message.engine, message.backend, loaded.plan);
        let obj = self.obj();
        let posted = gst::message::Element::builder(gst::Structure::from(&message)).src(&*obj).build();
        let _ = obj.post_message(posted);
        Ok(running)
    }

    /// Kernels in the pipeline's context, where the engine can run there too.
    fn kernels(&self, loaded: &Loaded) -> Result<Kernels, String> {
        let text = |error: CudaError| error.to_string();
        let context = self.sharing.ensure(&*self.obj()).map_err(text)?;
        if !loaded.provider.is_gpu() {
            if !DeviceBuffer::new(&context, 16).map_err(text)?.is_seen_by_host() {
                return Err("the engine runs on the processor".to_owned());
            }
        } else if !is_primary(&context).map_err(text)? {
            return Err(
                "the pipeline's CUDA context is not the device's primary one, in which ONNX Runtime works: \
                        set that on the pipeline, or let vesaliussegment come to READY first"
                    .to_owned(),
            );
        }
        let kernels = crate::device::kernels(&context).map_err(text)?;
        self.stats.lock().context = Some(context);
        Ok(kernels)
    }

    /// Lets the engine look at frames where they lie, or at copies where that cannot be, which is said.
    fn settle(&self, caps: &gst::CapsRef) -> Result<Option<Outlook>, gst::LoggableError> {
        let running = self.running.lock().clone();
        self.stats.lock().comes_down = false;
        let (Some(running), true) = (running, Place::of(caps) != Place::Host) else { return Ok(None) };
        match self.look_there(caps, &running) {
            Ok(outlook) => Ok(outlook),
            Err(why) if Place::of(caps).is_readable() => {
                gst::element_imp_warning!(
                    self,
                    gst::ResourceError::NotFound,
                    ("every frame is copied from the GPU for the engine: {why}")
                );
                self.stats.lock().comes_down = true;
                Ok(None)
            }
            Err(why) => Err(gst::loggable_error!(CAT, "{}", why)),
        }
    }

    /// Makes ready to look at frames with these caps where they lie.
    fn look_there(&self, caps: &gst::CapsRef, running: &Running) -> Result<Option<Outlook>, String> {
        let text = |error: CudaError| error.to_string();
        let Some(frames) = Frames::of(caps).map_err(text)? else { return Ok(None) };
        if !running.sees_device {
            let kernels = self.kernels(&running.loaded)?;
            let started =
                running.loaded.start(Some(kernels), &self.stats).map_err(|error| error.to_string())?;
            // The threads of before end outside the lock.
            drop(self.running.lock().replace(Arc::new(started)));
        }
        let context = self.stats.lock().context.clone().ok_or("no context was found")?;
        Outlook::new(frames, running.loaded.mode, &context).map(Some).map_err(text)
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
                        "What runs the engine: auto, cpu, openvino, cuda or tensorrt. One that is named and does not work is an error; \
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
                glib::ParamSpecEnum::builder_with_default("isolation", Isolation::default())
                    .nick("Isolation")
                    .blurb(
                        "Where the engine runs on the processor; a process of its own needs the program 'vesalius'. An \
                         engine on a GPU runs in a thread",
                    )
                    .mutable_ready()
                    .build(),
                glib::ParamSpecString::builder("program")
                    .nick("Program")
                    .blurb(
                        "The program 'vesalius' that runs the engine's own process; empty: the one that VESALIUS_PROGRAM names, this \
                         program, or the one in PATH",
                    )
                    .mutable_ready()
                    .build(),
                glib::ParamSpecUInt64::builder("deadline")
                    .nick("Deadline")
                    .blurb(
                        "How long an answer may take before the engine's own process is ended or, in mode=latest on the processor, \
                         the run; in nanoseconds",
                    )
                    .minimum(1_000_000)
                    .default_value(1_000_000_000)
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
                glib::ParamSpecBoolean::builder("enabled")
                    .nick("Enabled")
                    .blurb(
                        "Whether frames are looked at; off takes effect with the next frame, whatever the engine does",
                    )
                    .default_value(true)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecBoolean::builder("load-in-background")
                    .nick("Load in the background")
                    .blurb(
                        "In mode=latest, let frames pass while the engine is loaded; one that cannot be loaded is then a \
                         state (FAULT) and a warning, and no error",
                    )
                    .default_value(default.background)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecBoolean::builder("watch-signal")
                    .nick("Watch the signal")
                    .blurb(
                        "In mode=latest, look whether the picture is frozen, black or colour bars: then nothing is shown on it",
                    )
                    .default_value(default.watch_signal)
                    .mutable_playing()
                    .build(),
                glib::ParamSpecEnum::builder_with_default("alignment", Alignment::default())
                    .nick("Alignment")
                    .blurb("In mode=latest, where a result that is older than the picture is drawn")
                    .mutable_playing()
                    .build(),
                glib::ParamSpecUInt64::builder("motion-within")
                    .nick("Motion within")
                    .blurb(
                        "With alignment=motion, how long a picture may be held up to find out how it moved, in nanoseconds; where that \
                         is not enough, the result is drawn where it was found",
                    )
                    .default_value(u64::try_from(default.motion_within.as_nanos()).unwrap_or(u64::MAX))
                    .mutable_playing()
                    .build(),
                glib::ParamSpecUInt64::builder("delay")
                    .nick("Delay")
                    .blurb(
                        "With alignment=delay, how long every picture waits for what is found in it, in nanoseconds; declared as latency. \
                         What takes longer is drawn on the next picture, with its age",
                    )
                    .maximum(10_000_000_000)
                    .default_value(u64::try_from(default.delay.as_nanos()).unwrap_or(u64::MAX))
                    .mutable_playing()
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
            "isolation" => settings.isolation = value.get().unwrap_or_default(),
            "program" => settings.program = text().filter(|t| !t.is_empty()).map(PathBuf::from),
            "deadline" => settings.deadline = Duration::from_nanos(value.get().unwrap_or_default()),
            "enabled" => self.disabled.store(!value.get().unwrap_or(true), Ordering::Release),
            "load-in-background" => settings.background = value.get().unwrap_or_default(),
            "watch-signal" => settings.watch_signal = value.get().unwrap_or_default(),
            "alignment" => settings.alignment = value.get().unwrap_or_default(),
            "delay" => settings.delay = Duration::from_nanos(value.get().unwrap_or_default()),
            "motion-within" => {
                settings.motion_within = Duration::from_nanos(value.get().unwrap_or_default());
            }
            "runtime" => settings.runtime = text().filter(|t| !t.is_empty()).map(PathBuf::from),
            _ => {}
        }
        drop(settings);
        if matches!(pspec.name(), "alignment" | "delay") {
            self.declare();
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        if pspec.name() == "stats" {
            // A picture on its way counts in them: it does not wait until they are summed up.
            let stats = self.stats.lock().clone();
            return stats.structure().to_value();
        }
        let settings = self.settings.lock();
        match pspec.name() {
            "engine" => settings.engine.to_value(),
            "backend" => settings.backend.to_value(),
            "precision" => settings.precision.to_value(),
            "mode" => settings.mode.to_value(),
            "threads" => settings.threads.to_value(),
            "max-in-flight" => settings.max_in_flight.to_value(),
            "max-age" => u64::try_from(settings.max_age.as_nanos()).unwrap_or(u64::MAX).to_value(),
            "isolation" => settings.isolation.to_value(),
            "program" => settings.program.as_ref().map(|p| p.to_string_lossy().into_owned()).to_value(),
            "deadline" => u64::try_from(settings.deadline.as_nanos()).unwrap_or(u64::MAX).to_value(),
            "enabled" => (!self.disabled.load(Ordering::Acquire)).to_value(),
            "load-in-background" => settings.background.to_value(),
            "watch-signal" => settings.watch_signal.to_value(),
            "alignment" => settings.alignment.to_value(),
            "delay" => u64::try_from(settings.delay.as_nanos()).unwrap_or(u64::MAX).to_value(),
            "motion-within" => {
                u64::try_from(settings.motion_within.as_nanos()).unwrap_or(u64::MAX).to_value()
            }
            "runtime" => settings.runtime.as_ref().map(|p| p.to_string_lossy().into_owned()).to_value(),
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
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = with_device(&template_caps(), &[gst_video::VideoFormat::P01010le]);
            crate::pad_templates(&caps, &caps)
        });
        TEMPLATES.as_ref()
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::NullToReady {
            let failed = |message| {
                self.post_error_message(message);
                gst::StateChangeError
            };
            let in_background = self.settings.lock().in_background();
            if in_background {
                self.load_in_background()
                    .map_err(|text| failed(gst::error_msg!(gst::ResourceError::Failed, ("{text}"))))?;
            } else {
                let running = self.load().map_err(|error| failed(error.into()))?;
                *self.running.lock() = Some(Arc::new(running));
            }
        }
        let result = self.parent_change_state(transition)?;
        if transition == gst::StateChange::ReadyToNull {
            self.loading.fetch_add(1, Ordering::AcqRel);
            self.end_loading();
            // The threads end outside the lock.
            drop(self.running.lock().take());
            self.stats.lock().context = None;
            self.sharing.forget();
        }
        Ok(result)
    }

    fn set_context(&self, context: &gst::Context) {
        self.sharing.set(&*self.obj(), context);
        self.parent_set_context(context);
    }
}

impl BaseTransformImpl for Segment {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = true;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        self.flushing.store(false, Ordering::Release);
        let mut stats = self.stats.lock();
        let (backend, isolation) = (std::mem::take(&mut stats.backend), std::mem::take(&mut stats.isolation));
        let (context, process_id) = (stats.context.take(), stats.process_id);
        *stats = Stats { backend, isolation, process_id, context, ..Stats::default() };
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        self.flushing.store(true, Ordering::Release);
        self.forget();
        *self.stream.lock() = Stream::default();
        self.live.lock().stopped();
        Ok(())
    }

    fn transform_caps(
        &self,
        _direction: gst::PadDirection,
        caps: &gst::Caps,
        filter: Option<&gst::Caps>,
    ) -> Option<gst::Caps> {
        let provider = self.running.lock().as_ref().map(|running| running.loaded.provider);
        let preference = match provider {
            None => Preference::None,
            Some(provider) if provider.is_gpu() => Preference::Device,
            Some(_) => Preference::Host,
        };
        Some(within(offered(caps, preference), filter))
    }

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info = gst_video::VideoInfo::from_caps(incaps)
            .map_err(|_| gst::loggable_error!(CAT, "no video caps: {}", incaps))?;
        let outlook = self.settle(incaps)?;
        let declared = self.latency();
        // Maps of another picture size mean nothing here.
        self.epoch.fetch_add(1, Ordering::AcqRel);
        {
            let mut stream = self.stream.lock();
            stream.results.forget();
            stream.info = Some(Arc::new(info));
            stream.outlook = outlook;
            stream.place = Place::of(incaps);
        }
        self.live.lock().other_picture();
        if self.latency() != declared {
            self.declare();
        }
        Ok(())
    }

    fn sink_event(&self, event: gst::Event) -> bool {
        match event.view() {
            gst::EventView::FlushStart(_) => self.flushing.store(true, Ordering::Release),
            gst::EventView::FlushStop(_) => {
                self.forget();
                {
                    let mut stream = self.stream.lock();
                    stream.pending_error = None;
                    stream.held = Held::default();
                }
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
            gst::EventView::CustomDownstream(custom) => {
                self.drain();
                let structure = custom.structure();
                if let Some(state) = structure.and_then(crate::events::read_signal) {
                    self.live.lock().told = state;
                } else if structure.and_then(crate::events::read_anew).is_some() {
                    self.forget();
                }
            }
            _ if event.is_serialized() => self.drain(),
            _ => {}
        }
        self.parent_sink_event(event)
    }

    fn query(&self, direction: gst::PadDirection, query: &mut gst::QueryRef) -> bool {
        if query.type_() == gst::QueryType::Context && self.sharing.answer(&*self.obj(), query) {
            return true;
        }
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
            let mode = self.running.lock().as_ref().map(|r| r.loaded.mode);
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
        if let Some(buffer) = self.due() {
            return Ok(GenerateOutputSuccess::Buffer(buffer));
        }
        let limit = self.running.lock().as_ref().map_or(1, |r| r.loaded.plan.max_in_flight);
        // A full house waits for its oldest; otherwise only what is finished goes.
        Ok(match self.oldest(|waiting| waiting >= limit)? {
            Some(buffer) => GenerateOutputSuccess::Buffer(buffer),
            None => GenerateOutputSuccess::NoOutput,
        })
    }
}

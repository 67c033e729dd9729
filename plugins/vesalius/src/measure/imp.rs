//! The machinery of `vesaliusmeasure`.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use parking_lot::Mutex;
use vesalius_measure::calibration::Scale;
use vesalius_measure::calibration::keeper::{Keeper, Notice};
use vesalius_measure::calibration::luma::Luma;
use vesalius_measure::calibration::state::{DEFAULT_AGE_LIMIT, Expiry};
use vesalius_measure::frame::Frame;
use vesalius_measure::live::SignalState;
use vesalius_measure::protocol::{Event, ProtocolConfig, Session};
use vesalius_measure::result::{EngineIdentity, FrameResult};
use vesalius_measure::track::{ObjectCounts, ObjectRules, TrackRules};

use crate::calibration_meta::scale_of;
use crate::device::{Place, Preference, offered, with_device, within};
use crate::frame::{template_caps, view};
use crate::histogram::Histogram;
use crate::messages::MeasurementMessage;
use crate::result_meta::ResultMeta;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("vesaliusmeasure", gst::DebugColorFlags::empty(), Some("Vesalius measurement"))
});

/// The property's value that takes what the engine's manifest asks for.
const PROTOCOL_AUTO: &str = "auto";

/// Events that wait for the first result, the newest ones: nobody notes more before there is anything to see.
const MOST_TOLD: usize = 256;

#[derive(Clone, Debug)]
struct Settings {
    calibration: String,
    calibration_max_age: Duration,
    watch_depth: bool,
    protocol: String,
    confirm_ms: u32,
    track_gap_ms: u32,
    post_messages: bool,
}

impl Settings {
    fn objects(&self) -> ObjectRules {
        let ns = |ms: u32| u64::from(ms) * 1_000_000;
        let track = TrackRules { gap_ns: ns(self.track_gap_ms), ..TrackRules::default() };
        ObjectRules { track, confirm_ns: ns(self.confirm_ms) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            calibration: String::new(),
            calibration_max_age: DEFAULT_AGE_LIMIT,
            watch_depth: false,
            protocol: PROTOCOL_AUTO.to_owned(),
            confirm_ms: 0,
            track_gap_ms: u32::try_from(TrackRules::default().gap_ns / 1_000_000).unwrap_or(u32::MAX),
            post_messages: true,
        }
    }
}

#[derive(Default)]
struct State {
    /// From here on a new property is taken at once.
    started: bool,
    /// The property's scale and what became of it; there once started.
    keeper: Option<Keeper>,
    info: Option<gst_video::VideoInfo>,
    /// Where the frames lie.
    place: Place,
    /// Frames that were copied from a GPU to be looked at.
    downloaded: u64,
    /// Whether upstream says that what it sends are no pictures of the source.
    sends_cards: bool,
    /// Whether a picture of the source has come: a scale is not given up for what a card looked like.
    has_picture: bool,
    stream_id: Option<gst::glib::GString>,
    /// The property's protocol, read; `None` for what each engine asks for.
    protocol: Option<ProtocolConfig>,
    /// When outlines are of one object, and from when on it counts.
    objects: ObjectRules,
    /// What people told, in order, that sessions may still begin with.
    told: VecDeque<(Event, u64)>,
    /// Presentation time of the newest frame, nanoseconds.
    now_ns: u64,
    /// The protocol at work on the results of each engine, by engine.
    sessions: Vec<(Arc<EngineIdentity>, Session)>,
    frames: u64,
    values: u64,
    times: Histogram,
}

impl State {
    /// Whether the picture itself can be looked at, which is about to happen.
    fn may_look(&mut self) -> bool {
        self.downloaded += u64::from(self.place == Place::Cuda);
        self.place.is_readable()
    }

    /// The session that measures an engine's results; `None` only where the engine asks for an unknown protocol.
    fn session_of(&mut self, result: &FrameResult) -> Option<&mut Session> {
        let index = match self.sessions.iter().position(|(engine, _)| *engine == result.engine) {
            Some(index) => index,
            None => {
                // A manifest holds known names alone.
                let own = || ProtocolConfig::from_name(&result.engine.protocol).ok();
                let config = self.protocol.clone().or_else(own)?;
                let mut session = Session::with_objects(&config, self.objects);
                for (event, pts_ns) in &self.told {
                    session.event(event, *pts_ns);
                }
                self.sessions.push((result.engine.clone(), session));
                self.sessions.len() - 1
            }
        };
        self.sessions.get_mut(index).map(|(_, session)| session)
    }

    /// Drops what the sessions have heard: a frame with results is through, and every engine of the stream has its session.
    fn forget_told(&mut self) {
        if !self.sessions.is_empty() {
            let now_ns = self.now_ns;
            self.told.retain(|(_, pts_ns)| *pts_ns > now_ns);
        }
    }

    /// The objects of all engines.
    fn object_counts(&self) -> ObjectCounts {
        self.sessions.iter().map(|(_, session)| session.objects()).fold(ObjectCounts::default(), |sum, c| {
            ObjectCounts {
                objects: sum.objects + c.objects,
                confirmed: sum.confirmed + c.confirmed,
                withheld: sum.withheld + c.withheld,
                longest_delay_ns: sum.longest_delay_ns.max(c.longest_delay_ns),
            }
        })
    }
}

#[derive(Default)]
pub struct Measure {
    settings: Mutex<Settings>,
    state: Mutex<State>,
}

#[glib::object_subclass]
impl ObjectSubclass for Measure {
    const NAME: &'static str = "VesaliusMeasure";
    type Type = super::Measure;
    type ParentType = gst_base::BaseTransform;
}

impl Measure {
    /// Takes a new statement while running. One that is none takes the millimetres away rather than stop the picture.
    fn restate(&self, text: &str) {
        let read = super::read_statement(text);
        if let Some(keeper) = &mut self.state.lock().keeper {
            keeper.restate(read.as_ref().ok().cloned().flatten());
        }
        if let Err(error) = read {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{error}"));
        }
    }

    /// Takes the property's scale away, for something changed that it does not outlive.
    fn expire(&self, why: Expiry) {
        let notice = self.state.lock().keeper.as_mut().and_then(|keeper| keeper.change(why));
        self.tell(notice);
    }

    fn tell(&self, notice: Option<Notice>) {
        match notice {
            Some(Notice::Expired(why)) => gst::element_imp_warning!(
                self,
                gst::StreamError::Format,
                ("the calibration no longer holds ({}): set it again", why.display())
            ),
            Some(Notice::NoScale(error)) => {
                gst::element_imp_warning!(
                    self,
                    gst::ResourceError::Settings,
                    ("not calibrated yet: {error}")
                );
            }
            _ => {}
        }
    }

    /// The property's scale for a frame.
    fn scale(&self, buffer: &gst::BufferRef) -> Scale {
        let now_ns = buffer.pts().map_or(0, |pts| pts.nseconds());
        let (info, wants) = {
            let mut state = self.state.lock();
            let wants = state.keeper.as_ref().is_some_and(|keeper| keeper.wants_picture(now_ns));
            (state.info.clone(), wants && state.may_look())
        };
        let mut gray = Vec::new();
        let mapped = info
            .as_ref()
            .filter(|_| wants)
            .and_then(|info| gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info).ok());
        let picture = mapped.as_ref().and_then(|mapped| view(mapped).ok());
        let luma = picture.as_ref().and_then(|picture| luma_of(picture, &mut gray));
        let aspect = info.map_or(1.0, |info| {
            let par = info.par();
            f64::from(par.numer()) / f64::from(par.denom().max(1))
        });
        let (notice, scale) = match &mut self.state.lock().keeper {
            Some(keeper) => (keeper.frame(now_ns, aspect, luma.as_ref()), keeper.scale()),
            None => (None, Scale::default()),
        };
        self.tell(notice);
        scale
    }

    /// Reads the property. `None` is what the engine asks for.
    fn read_protocol(text: &str) -> Result<Option<ProtocolConfig>, String> {
        if text == PROTOCOL_AUTO { Ok(None) } else { super::read_protocol(text).map(Some) }
    }

    /// Measures one engine's result of a frame.
    fn measure(&self, result: &mut FrameResult, scale: &Scale, picture: Option<&Frame<'_>>) {
        let mut state = self.state.lock();
        let Some(session) = state.session_of(result) else { return };
        let start = Instant::now();
        session.measure(result, scale, picture);
        result.times.measure_ns = u64::try_from(start.elapsed().as_nanos()).ok();
        state.frames += 1;
        state.values += result.measurements.iter().filter(|m| m.value.is_some()).count() as u64;
        if let Some(ns) = result.times.measure_ns {
            state.times.add(ns);
        }
    }

    /// Measures the results of a frame of which the picture itself is looked at too.
    fn measure_with_picture(
        &self,
        buffer: &mut gst::BufferRef,
        info: &gst_video::VideoInfo,
        scale: &Scale,
    ) -> Result<(), String> {
        // The picture and its results lie in one buffer, which is either read or written.
        let mut results: Vec<FrameResult> =
            buffer.iter_meta::<ResultMeta>().map(|meta| meta.result().as_ref().clone()).collect();
        {
            let mapped = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info)
                .map_err(|_| "a frame's memory cannot be read".to_owned())?;
            let picture = view(&mapped).map_err(|e| e.to_string())?;
            for result in &mut results {
                self.measure(result, scale, Some(&picture));
            }
        }
        for (mut meta, measured) in buffer.iter_meta_mut::<ResultMeta>().zip(results) {
            meta.update(|result| *result = measured);
        }
        Ok(())
    }

    /// Hands on what somebody told.
    fn take_event(&self, event: Event, pts_ns: Option<u64>) {
        let mut state = self.state.lock();
        let pts_ns = pts_ns.unwrap_or(state.now_ns);
        for (_, session) in &mut state.sessions {
            session.event(&event, pts_ns);
        }
        if state.told.len() >= MOST_TOLD {
            state.told.pop_front();
        }
        state.told.push_back((event, pts_ns));
    }

    /// Begins anew: the frames to come do not go on from those before.
    fn forget(&self) {
        let mut state = self.state.lock();
        state.told.clear();
        for (_, session) in &mut state.sessions {
            session.reset();
        }
    }

    /// As [`forget`](Self::forget), and with the numbers of objects, for they are another patient's.
    fn begin_anew(&self) {
        let mut state = self.state.lock();
        state.told.clear();
        state.sessions.clear();
    }

    fn post(&self, result: &FrameResult) {
        let obj = self.obj();
        for measurement in result.measurements.iter().chain(&result.series) {
            let message = MeasurementMessage::new(result, measurement);
            let _ = obj.post_message(
                gst::message::Element::builder(gst::Structure::from(&message)).src(&*obj).build(),
            );
        }
    }
}

impl ObjectImpl for Measure {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let default = Settings::default();
            vec![
                glib::ParamSpecString::builder("calibration")
                    .nick("Calibration")
                    .blurb(
                        "Millimetres per pixel, one number or X,Y; ruler:MM for the distance of the ticks of a ruler in \
                         the picture; caliper:X,Y,X,Y=MM for two points of known distance; profile:FILE,… for profiles of \
                         devices (empty = not calibrated)",
                    )
                    .mutable_playing()
                    .build(),
                glib::ParamSpecUInt64::builder("calibration-max-age")
                    .nick("Maximum age of the calibration")
                    .blurb("Nanoseconds of the stream after which the calibration must be set again (0 = never)")
                    .default_value(u64::try_from(default.calibration_max_age.as_nanos()).unwrap_or(u64::MAX))
                    .mutable_ready()
                    .build(),
                glib::ParamSpecBoolean::builder("watch-depth")
                    .nick("Watch depth")
                    .blurb(
                        "Give the calibration up when ruler or sector of the picture change; one from a ruler or profile \
                         always is",
                    )
                    .default_value(default.watch_depth)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecString::builder("protocol")
                    .nick("Protocol")
                    .blurb("What is measured: a protocol by name, a TOML file with one and its settings, or auto for what the engine asks for")
                    .default_value(Some(default.protocol.as_str()))
                    .mutable_ready()
                    .build(),
                glib::ParamSpecUInt::builder("confirm-ms")
                    .nick("Confirmation time")
                    .blurb(
                        "Milliseconds for which an object must be seen, in all results but one, before it is measured and \
                         drawn: it comes so much later, on to the next result (0 = at once)",
                    )
                    .maximum(60_000)
                    .default_value(default.confirm_ms)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecUInt::builder("track-gap-ms")
                    .nick("Gap of a track")
                    .blurb("Milliseconds after which an object that was not seen is a new one, with a new number")
                    .maximum(3_600_000)
                    .default_value(default.track_gap_ms)
                    .mutable_ready()
                    .build(),
                glib::ParamSpecBoolean::builder("post-messages")
                    .nick("Post messages")
                    .blurb("Post each value as a vesalius-measurement message on the bus")
                    .default_value(default.post_messages)
                    .mutable_playing()
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
        let text = || value.get::<Option<String>>().ok().flatten();
        match pspec.name() {
            "calibration" => {
                let text = text().unwrap_or_default();
                self.settings.lock().calibration.clone_from(&text);
                // Before, `start` parses it and an error keeps the element from starting.
                let started = self.state.lock().started;
                if started {
                    self.restate(&text);
                }
            }
            "calibration-max-age" => {
                self.settings.lock().calibration_max_age =
                    Duration::from_nanos(value.get().unwrap_or_default());
            }
            "watch-depth" => self.settings.lock().watch_depth = value.get().unwrap_or_default(),
            "protocol" => {
                self.settings.lock().protocol = text().unwrap_or_else(|| PROTOCOL_AUTO.to_owned());
            }
            "confirm-ms" => self.settings.lock().confirm_ms = value.get().unwrap_or_default(),
            "track-gap-ms" => self.settings.lock().track_gap_ms = value.get().unwrap_or_default(),
            "post-messages" => self.settings.lock().post_messages = value.get().unwrap_or(true),
            _ => {}
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "calibration" => self.settings.lock().calibration.to_value(),
            "calibration-max-age" => {
                let age = self.settings.lock().calibration_max_age;
                u64::try_from(age.as_nanos()).unwrap_or(u64::MAX).to_value()
            }
            "watch-depth" => self.settings.lock().watch_depth.to_value(),
            "protocol" => self.settings.lock().protocol.to_value(),
            "confirm-ms" => self.settings.lock().confirm_ms.to_value(),
            "track-gap-ms" => self.settings.lock().track_gap_ms.to_value(),
            "post-messages" => self.settings.lock().post_messages.to_value(),
            "stats" => {
                let state = self.state.lock();
                let objects = state.object_counts();
                let mut s = gst::Structure::builder("vesalius-measure-stats")
                    .field("frames", state.frames)
                    .field("frames-downloaded", state.downloaded)
                    .field("values", state.values)
                    .field("objects", objects.objects)
                    .field("confirmed", objects.confirmed)
                    .field("withheld", objects.withheld)
                    .field("added-delay", state.objects.confirm_ns)
                    .field("added-delay-max", objects.longest_delay_ns)
                    .build();
                for (name, q) in [("measure-p50", 0.5), ("measure-p95", 0.95), ("measure-p99", 0.99)] {
                    if let Some(ns) = state.times.quantile_ns(q) {
                        s.set(name, ns);
                    }
                }
                s.to_value()
            }
            _ => pspec.default_value().clone(),
        }
    }
}

impl GstObjectImpl for Measure {}

impl ElementImpl for Measure {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Vesalius measurement",
                "Filter/Analyzer/Video",
                "Turns the masks of vesaliussegment into values with units, uncertainty and validity",
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
}

impl BaseTransformImpl for Measure {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = true;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let settings = self.settings.lock().clone();
        let protocol = Self::read_protocol(&settings.protocol)
            .map_err(|e| gst::error_msg!(gst::ResourceError::Settings, ("{e}")))?;
        let statement = super::read_statement(&settings.calibration)
            .map_err(|e| gst::error_msg!(gst::ResourceError::Settings, ("{e}")))?;
        let limit = Some(settings.calibration_max_age).filter(|age| !age.is_zero()).unwrap_or(Duration::MAX);
        let keeper = Some(Keeper::new(statement, settings.watch_depth, limit));
        let objects = settings.objects();
        *self.state.lock() = State { started: true, keeper, protocol, objects, ..State::default() };
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.state.lock() = State::default();
        Ok(())
    }

    fn transform_caps(
        &self,
        _direction: gst::PadDirection,
        caps: &gst::Caps,
        filter: Option<&gst::Caps>,
    ) -> Option<gst::Caps> {
        Some(within(offered(caps, Preference::None), filter))
    }

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info = gst_video::VideoInfo::from_caps(incaps)
            .map_err(|_| gst::loggable_error!(CAT, "no video caps: {}", incaps))?;
        let shape = |info: &gst_video::VideoInfo| (info.width(), info.height(), info.par());
        let other = {
            let mut state = self.state.lock();
            let before = state.info.replace(info.clone());
            state.place = Place::of(incaps);
            state.has_picture && before.is_some_and(|before| shape(&before) != shape(&info))
        };
        if other {
            self.expire(Expiry::PictureChanged);
        }
        self.forget();
        Ok(())
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

    fn sink_event(&self, event: gst::Event) -> bool {
        match event.view() {
            gst::EventView::FlushStop(_) => self.forget(),
            gst::EventView::StreamStart(start) => {
                let before = self.state.lock().stream_id.replace(start.stream_id().into());
                if before.is_some_and(|before| before != *start.stream_id()) {
                    self.expire(Expiry::SourceChanged);
                }
                self.forget();
            }
            gst::EventView::CustomDownstream(custom) => {
                if let Some((event, pts_ns)) = custom.structure().and_then(crate::events::read) {
                    self.take_event(event, pts_ns);
                } else if let Some(signal) = custom.structure().and_then(crate::events::read_signal) {
                    self.state.lock().sends_cards = signal != SignalState::Live;
                } else if let Some(why) = custom.structure().and_then(crate::events::read_anew) {
                    self.expire(why.expiry());
                    self.begin_anew();
                }
            }
            _ => {}
        }
        self.parent_sink_event(event)
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        if buffer.flags().contains(gst::BufferFlags::DISCONT) {
            self.forget();
        }
        let scale = scale_of(buffer).unwrap_or_else(|| self.scale(buffer));
        let results: Vec<_> = buffer.iter_meta::<ResultMeta>().map(|meta| meta.result().clone()).collect();
        let info = {
            let mut state = self.state.lock();
            state.has_picture |= !state.sends_cards;
            state.now_ns = buffer.pts().map_or(state.now_ns, |pts| pts.nseconds());
            let needs_picture =
                results.iter().any(|result| state.session_of(result).is_some_and(|s| s.needs_picture()));
            let may_look = needs_picture && state.may_look();
            state.info.clone().filter(|_| may_look)
        };
        // Given back, or changing a result below would copy it.
        drop(results);
        match info {
            Some(info) => self.measure_with_picture(buffer, &info, &scale).map_err(|error| {
                gst::element_imp_error!(self, gst::StreamError::Format, ("{error}"));
                gst::FlowError::Error
            })?,
            None => {
                for mut meta in buffer.iter_meta_mut::<ResultMeta>() {
                    meta.update(|result| self.measure(result, &scale, None));
                }
            }
        }
        self.state.lock().forget_told();
        if self.settings.lock().post_messages {
            for meta in buffer.iter_meta::<ResultMeta>() {
                self.post(meta.result());
            }
        }
        Ok(gst::FlowSuccess::Ok)
    }
}

/// The picture's brightness: the luma plane where there is one, else green, which carries most of it.
fn luma_of<'a>(picture: &'a Frame<'_>, gray: &'a mut Vec<u8>) -> Option<Luma<'a>> {
    let (width, height) = (picture.width(), picture.height());
    if picture.format().is_luma_first() {
        let (data, stride) = picture.plane(0);
        return Luma::new(data, width, height, stride);
    }
    let (step, [_, green, _]) = (picture.format().bytes_per_pixel(), picture.format().rgb_offsets()?);
    for y in 0..height {
        gray.extend(picture.row(0, y).iter().skip(green).step_by(step).take(width));
    }
    Luma::new(gray, width, height, width)
}

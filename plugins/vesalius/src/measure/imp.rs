//! The machinery of `vesaliusmeasure`.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::subclass::prelude::*;
use parking_lot::Mutex;
use vesalius_measure::calibration::state::{self, CalibrationState, Expiry};
use vesalius_measure::calibration::{Calibration, CalibrationError, CalibrationSource, Scale};
use vesalius_measure::frame::Frame;
use vesalius_measure::protocol::{ProtocolConfig, Session};
use vesalius_measure::result::{EngineIdentity, FrameResult, Reason};

use crate::calibration_meta::scale_of;
use crate::frame::{template_caps, view};
use crate::histogram::Histogram;
use crate::messages::MeasurementMessage;
use crate::result_meta::ResultMeta;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("vesaliusmeasure", gst::DebugColorFlags::empty(), Some("Vesalius measurement"))
});

/// The property's value that takes what the engine's manifest asks for.
const PROTOCOL_AUTO: &str = "auto";

#[derive(Clone, Debug)]
struct Settings {
    calibration: String,
    calibration_max_age: Duration,
    protocol: String,
    post_messages: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            calibration: String::new(),
            calibration_max_age: state::DEFAULT_AGE_LIMIT,
            protocol: PROTOCOL_AUTO.to_owned(),
            post_messages: true,
        }
    }
}

#[derive(Default)]
struct State {
    /// From here on a new property is taken at once.
    started: bool,
    /// The property's scale and what became of it.
    calibration: CalibrationState,
    /// Presentation time of the newest frame, nanoseconds: the clock that a scale's age is counted by.
    now_ns: u64,
    info: Option<gst_video::VideoInfo>,
    stream_id: Option<gst::glib::GString>,
    /// The property's protocol, read; `None` for what each engine asks for.
    protocol: Option<ProtocolConfig>,
    /// The protocol at work on the results of each engine, by engine.
    sessions: Vec<(Arc<EngineIdentity>, Session)>,
    frames: u64,
    values: u64,
    times: Histogram,
}

impl State {
    /// The property's scale as it stands now.
    fn scale(&mut self) -> Scale {
        let now_ns = self.now_ns;
        self.calibration.apply(state::Event::Tick, now_ns);
        match self.calibration.calibration(now_ns) {
            Some(calibration) => Scale::Uniform(calibration.clone()),
            None => Scale::None(self.calibration.reason(now_ns).unwrap_or(Reason::NoCalibration)),
        }
    }

    /// The session that measures an engine's results; `None` only where the engine asks for an unknown protocol.
    fn session_of(&mut self, result: &FrameResult) -> Option<&mut Session> {
        let index = match self.sessions.iter().position(|(engine, _)| *engine == result.engine) {
            Some(index) => index,
            None => {
                // A manifest holds known names alone.
                let own = || ProtocolConfig::from_name(&result.engine.protocol).ok();
                let config = self.protocol.clone().or_else(own)?;
                self.sessions.push((result.engine.clone(), Session::new(&config)));
                self.sessions.len() - 1
            }
        };
        self.sessions.get_mut(index).map(|(_, session)| session)
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
    /// Parses the property. An empty one is no calibration.
    fn parse_calibration(text: &str) -> Result<Option<Arc<Calibration>>, CalibrationError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        Calibration::parse(text, CalibrationSource::Operator).map(|c| Some(Arc::new(c)))
    }

    /// Takes a new calibration while running. One that is none takes the millimetres away rather than stop the
    /// picture.
    fn recalibrate(&self, text: &str) {
        let parsed = Self::parse_calibration(text);
        {
            let mut state = self.state.lock();
            let now_ns = state.now_ns;
            let event = match &parsed {
                Ok(Some(calibration)) => state::Event::Adopt(calibration.clone()),
                Ok(None) | Err(_) => state::Event::Reject,
            };
            state.calibration.apply(event, now_ns);
        }
        if let Err(error) = parsed {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{error}"));
        }
    }

    /// Takes the property's scale away, for something changed that it does not outlive.
    fn expire(&self, why: Expiry) {
        let expired = {
            let mut state = self.state.lock();
            let now_ns = state.now_ns;
            let held = state.calibration.calibration(now_ns).is_some();
            state.calibration.apply(state::Event::Change(why), now_ns);
            held
        };
        if expired {
            gst::element_imp_warning!(
                self,
                gst::StreamError::Format,
                ("the calibration no longer holds ({}): set it again", why.display())
            );
        }
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

    /// Begins anew: the frames to come do not go on from those before.
    fn forget(&self) {
        for (_, session) in &mut self.state.lock().sessions {
            session.reset();
        }
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
                    .blurb("Millimetres per pixel, one number or X,Y (empty = not calibrated)")
                    .mutable_playing()
                    .build(),
                glib::ParamSpecUInt64::builder("calibration-max-age")
                    .nick("Maximum age of the calibration")
                    .blurb("Nanoseconds of the stream after which the calibration must be set again (0 = never)")
                    .default_value(u64::try_from(default.calibration_max_age.as_nanos()).unwrap_or(u64::MAX))
                    .mutable_ready()
                    .build(),
                glib::ParamSpecString::builder("protocol")
                    .nick("Protocol")
                    .blurb("What is measured: a protocol by name, a TOML file with one and its settings, or auto for what the engine asks for")
                    .default_value(Some(default.protocol.as_str()))
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
                    self.recalibrate(&text);
                }
            }
            "calibration-max-age" => {
                self.settings.lock().calibration_max_age =
                    Duration::from_nanos(value.get().unwrap_or_default());
            }
            "protocol" => {
                self.settings.lock().protocol = text().unwrap_or_else(|| PROTOCOL_AUTO.to_owned());
            }
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
            "protocol" => self.settings.lock().protocol.to_value(),
            "post-messages" => self.settings.lock().post_messages.to_value(),
            "stats" => {
                let state = self.state.lock();
                let mut s = gst::Structure::builder("vesalius-measure-stats")
                    .field("frames", state.frames)
                    .field("values", state.values)
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
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
            LazyLock::new(|| crate::pad_templates(&template_caps(), &template_caps()));
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
        let calibration = Self::parse_calibration(&settings.calibration)
            .map_err(|e| gst::error_msg!(gst::ResourceError::Settings, ("{e}")))?;
        let limit = Some(settings.calibration_max_age).filter(|age| !age.is_zero()).unwrap_or(Duration::MAX);
        let mut state = CalibrationState::new(limit);
        if let Some(calibration) = calibration {
            state.apply(state::Event::Adopt(calibration), 0);
        }
        *self.state.lock() = State { started: true, calibration: state, protocol, ..State::default() };
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.state.lock() = State::default();
        Ok(())
    }

    fn set_caps(&self, incaps: &gst::Caps, _outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info = gst_video::VideoInfo::from_caps(incaps)
            .map_err(|_| gst::loggable_error!(CAT, "no video caps: {}", incaps))?;
        let shape = |info: &gst_video::VideoInfo| (info.width(), info.height(), info.par());
        let other = {
            let mut state = self.state.lock();
            let before = state.info.replace(info.clone());
            before.is_some_and(|before| shape(&before) != shape(&info))
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
            _ => {}
        }
        self.parent_sink_event(event)
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        if buffer.flags().contains(gst::BufferFlags::DISCONT) {
            self.forget();
        }
        let own = scale_of(buffer);
        let results: Vec<_> = buffer.iter_meta::<ResultMeta>().map(|meta| meta.result().clone()).collect();
        let (scale, info) = {
            let mut state = self.state.lock();
            let needs_picture =
                results.iter().any(|result| state.session_of(result).is_some_and(|s| s.needs_picture()));
            if let Some(pts) = buffer.pts() {
                state.now_ns = pts.nseconds();
            }
            (own.unwrap_or_else(|| state.scale()), state.info.clone().filter(|_| needs_picture))
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
        if self.settings.lock().post_messages {
            for meta in buffer.iter_meta::<ResultMeta>() {
                self.post(meta.result());
            }
        }
        Ok(gst::FlowSuccess::Ok)
    }
}

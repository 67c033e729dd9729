//! The machinery of `vesaliusoverlay`.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::base_transform::{GenerateOutputSuccess, InputBuffer, PrepareOutputBufferSuccess};
use gst_base::subclass::prelude::*;
use parking_lot::Mutex;
use vesalius_draw::{Layer, Style, blend, draw_result};

use super::composition;
use super::copies::Copies;
use super::device::{Canvas, note_time};
use super::settings;
use crate::device::{Place, Preference, Sharing, offered, with_device, within};
use crate::frame::{template_caps, view_mut};
use crate::histogram::Histogram;
use crate::result_meta::ResultMeta;

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("vesaliusoverlay", gst::DebugColorFlags::empty(), Some("Vesalius overlay"))
});

/// How the drawing reaches the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Way {
    /// Not known: downstream is asked before the next frame.
    #[default]
    Undecided,
    /// As a composition beside the picture.
    Attach,
    /// Into the picture.
    Blend,
}

/// What the streaming thread works with.
#[derive(Default)]
struct State {
    info: Option<gst_video::VideoInfo>,
    out_caps: Option<gst::Caps>,
    /// Whether the stream carried compositions when it came in.
    upstream_composes: bool,
    way: Way,
    /// For frames that are drawn on where they lie on a GPU.
    canvas: Option<Canvas>,
    /// Whether frames on a GPU are copied to and fro to be drawn on.
    goes_round: bool,
    /// Kept between frames for its memory.
    layer: Option<Layer>,
    copies: Copies,
}

#[derive(Clone, Default)]
struct Stats {
    frames: u64,
    attached: u64,
    blended: u64,
    /// Frames that were copied from a GPU and back.
    went_round: u64,
    /// What the canvas has counted.
    device: vesalius_cuda::CountersNow,
    times: Histogram,
}

impl Stats {
    fn structure(&self) -> gst::Structure {
        let mut s = gst::Structure::builder("vesalius-overlay-stats")
            .field("frames", self.frames)
            .field("attached", self.attached)
            .field("blended", self.blended)
            .field("frames-uploaded", self.device.frames_uploaded + self.went_round)
            .field("frames-downloaded", self.device.frames_downloaded + self.went_round)
            .field("frames-copied-on-device", self.device.frames_copied)
            .build();
        for (name, q) in [("overlay-p50", 0.5), ("overlay-p95", 0.95), ("overlay-p99", 0.99)] {
            if let Some(ns) = self.times.quantile_ns(q) {
                s.set(name, ns);
            }
        }
        s
    }
}

#[derive(Default)]
pub struct Overlay {
    style: Mutex<Style>,
    state: Mutex<State>,
    stats: Mutex<Stats>,
    /// Downstream takes the caps with compositions but does not read them: they are not offered again until it
    /// asks for another negotiation. Without this every frame would negotiate anew.
    refused: AtomicBool,
    sharing: Sharing,
}

#[glib::object_subclass]
impl ObjectSubclass for Overlay {
    const NAME: &'static str = "VesaliusOverlay";
    type Type = super::Overlay;
    type ParentType = gst_base::BaseTransform;
}

impl Overlay {
    /// Attaches where the caps carry compositions and downstream says that it reads them; sinks that merely accept
    /// the caps would lose the drawing.
    fn decide(&self, state: &mut State) {
        let Some(caps) = state.out_caps.clone() else { return };
        let obj = self.obj();
        let composes =
            composition::has_feature(&caps) && composition::downstream_composes(obj.src_pad(), &caps);
        state.way = if composes || (state.upstream_composes && composition::has_feature(&caps)) {
            Way::Attach
        } else {
            Way::Blend
        };
        if state.way == Way::Blend && composition::has_feature(&caps) {
            let plain = composition::without_feature(&caps);
            self.refused.store(true, Ordering::Release);
            if obj.update_src_caps(&plain).is_ok() {
                state.out_caps = Some(plain);
            }
        }
        gst::info!(
            CAT,
            imp = self,
            "drawing is {}",
            if state.way == Way::Attach { "attached" } else { "blended" }
        );
    }

    /// Draws all results of a frame. Whether there is anything to show.
    fn draw(&self, state: &mut State, buffer: &gst::BufferRef) -> Option<()> {
        let info = state.info.as_ref()?;
        let (width, height) = (info.width() as usize, info.height() as usize);
        if state.layer.as_ref().is_none_or(|l| (l.width(), l.height()) != (width, height)) {
            match Layer::new(width, height) {
                Ok(layer) => state.layer = Some(layer),
                Err(error) => {
                    gst::warning!(CAT, imp = self, "nothing is drawn: {error}");
                    return None;
                }
            }
        }
        let layer = state.layer.as_mut()?;
        layer.clear();
        let style = self.style.lock();
        for meta in buffer.iter_meta::<ResultMeta>() {
            draw_result(layer, meta.result(), &style);
        }
        (!layer.is_empty()).then_some(())
    }

    /// Attaches what is drawn, where that is the way.
    fn attach(&self, state: &State, buffer: &mut gst::BufferRef) -> bool {
        if state.way == Way::Attach
            && let Some(composition) = state.layer.as_ref().and_then(composition::compose)
        {
            composition::attach(buffer, &composition);
            self.stats.lock().attached += 1;
        }
        state.way == Way::Attach
    }

    fn show(&self, state: &mut State, buffer: &mut gst::BufferRef) {
        if self.draw(state, buffer).is_none() || self.attach(state, buffer) {
            return;
        }
        let (Some(layer), Some(info)) = (&state.layer, &state.info) else { return };
        let drawn = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, info)
            .map_err(|_| "the frame's memory cannot be written".to_owned())
            .and_then(|mut mapped| {
                let mut frame = view_mut(&mut mapped).map_err(|e| e.to_string())?;
                blend(layer, &mut frame).map_err(|e| e.to_string())
            });
        match drawn {
            Ok(()) => {
                let mut stats = self.stats.lock();
                stats.blended += 1;
                stats.went_round += u64::from(state.goes_round);
            }
            // The picture goes on without the drawing.
            Err(error) => gst::warning!(CAT, imp = self, "nothing is drawn: {error}"),
        }
    }

    /// As [`show`](Self::show), for a frame on a GPU.
    fn show_on_device(&self, state: &mut State, mut buffer: gst::Buffer) -> gst::Buffer {
        if self.draw(state, &buffer).is_none() || self.attach(state, buffer.make_mut()) {
            return buffer;
        }
        let (Some(layer), Some(canvas)) = (&state.layer, &mut state.canvas) else { return buffer };
        let drawn = canvas.blend(buffer, layer);
        let mut stats = self.stats.lock();
        stats.device = canvas.counters();
        match drawn {
            Ok(buffer) => {
                stats.blended += 1;
                buffer
            }
            // The picture goes on without the drawing.
            Err((buffer, error)) => {
                gst::warning!(CAT, imp = self, "nothing is drawn: {error}");
                buffer
            }
        }
    }

    /// The state, out of its lock while downstream is asked, for that may take as long as downstream likes.
    fn begin(&self) -> State {
        let mut state = std::mem::take(&mut *self.state.lock());
        if state.way == Way::Undecided {
            self.decide(&mut state);
        }
        state
    }

    fn end(&self, state: State, buffer: &mut gst::BufferRef, start: Instant) {
        let ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        {
            let mut stats = self.stats.lock();
            stats.frames += 1;
            stats.times.add(ns);
        }
        note_time(buffer, ns);
        *self.state.lock() = state;
    }
}

impl ObjectImpl for Overlay {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            let stats = glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
                .nick("Statistics")
                .blurb("Counts of frames and percentiles of times, in nanoseconds")
                .read_only()
                .build();
            settings::properties().into_iter().chain([stats]).collect()
        });
        PROPERTIES.as_ref()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        if let Err(error) = settings::set(&mut self.style.lock(), pspec.name(), value) {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{error}"));
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        if pspec.name() == "stats" {
            // A picture on its way counts in them: it does not wait until they are summed up.
            let stats = self.stats.lock().clone();
            return stats.structure().to_value();
        }
        settings::get(&self.style.lock(), pspec.name()).unwrap_or_else(|| pspec.default_value().clone())
    }
}

impl GstObjectImpl for Overlay {}

impl ElementImpl for Overlay {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Vesalius overlay",
                "Filter/Editor/Video",
                "Draws the outlines, calipers, values and status of Vesalius results; \
                 pixels outside what is drawn keep their bytes",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&*METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let plain = with_device(&template_caps(), &[]);
            let mut caps = composition::with_feature(&plain);
            caps.merge(plain);
            crate::pad_templates(&caps, &caps)
        });
        TEMPLATES.as_ref()
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let result = self.parent_change_state(transition)?;
        if transition == gst::StateChange::ReadyToNull {
            self.sharing.forget();
        }
        Ok(result)
    }

    fn set_context(&self, context: &gst::Context) {
        self.sharing.set(&*self.obj(), context);
        self.parent_set_context(context);
    }
}

impl BaseTransformImpl for Overlay {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::AlwaysInPlace;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        *self.stats.lock() = Stats::default();
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        *self.state.lock() = State::default();
        self.refused.store(false, Ordering::Release);
        Ok(())
    }

    fn src_event(&self, event: gst::Event) -> bool {
        if event.type_() == gst::EventType::Reconfigure {
            self.refused.store(false, Ordering::Release);
        }
        self.parent_src_event(event)
    }

    fn transform_caps(
        &self,
        direction: gst::PadDirection,
        caps: &gst::Caps,
        filter: Option<&gst::Caps>,
    ) -> Option<gst::Caps> {
        let mut other = match direction {
            // Towards the source: compositions first, the plain picture else.
            gst::PadDirection::Sink if self.refused.load(Ordering::Acquire) => caps.clone(),
            gst::PadDirection::Sink => composition::with_feature(caps),
            // Towards the sink: a plain picture can become one with compositions.
            _ => composition::without_feature(caps),
        };
        other.merge(caps.clone());
        Some(within(offered(&other, Preference::None), filter))
    }

    fn set_caps(&self, incaps: &gst::Caps, outcaps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info = gst_video::VideoInfo::from_caps(incaps)
            .map_err(|_| gst::loggable_error!(CAT, "no video caps: {}", incaps))?;
        let canvas = Canvas::of(incaps, &self.sharing, &*self.obj()).unwrap_or_else(|error| {
            gst::element_imp_warning!(
                self,
                gst::ResourceError::NotFound,
                ("every frame is copied from the GPU and back to be drawn on: {error}")
            );
            None
        });
        let on_device = Place::of(incaps) != Place::Host;
        if on_device && canvas.is_none() && !Place::of(incaps).is_readable() {
            return Err(gst::loggable_error!(CAT, "such frames cannot be drawn on here: {}", incaps));
        }
        let mut state = self.state.lock();
        state.goes_round = on_device && canvas.is_none();
        state.canvas = canvas;
        state.info = Some(info);
        state.out_caps = Some(outcaps.clone());
        state.upstream_composes = composition::has_feature(incaps);
        state.way = Way::Undecided;
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

    fn query(&self, direction: gst::PadDirection, query: &mut gst::QueryRef) -> bool {
        if query.type_() == gst::QueryType::Context && self.sharing.answer(&*self.obj(), query) {
            return true;
        }
        BaseTransformImplExt::parent_query(self, direction, query)
    }

    fn prepare_output_buffer(
        &self,
        inbuf: InputBuffer<'_>,
    ) -> Result<PrepareOutputBufferSuccess, gst::FlowError> {
        let held = match &inbuf {
            InputBuffer::Readable(buffer) => Some(*buffer),
            // Nobody else has this buffer, but others may have its memory.
            InputBuffer::Writable(buffer) => {
                Some(&**buffer).filter(|buffer| !buffer.is_all_memory_writable())
            }
        };
        if let Some(buffer) = held {
            let mut state = self.state.lock();
            if state.way == Way::Blend
                && !state.goes_round
                && state.canvas.is_none()
                && let Some(copy) = state.copies.of(buffer)
            {
                return Ok(PrepareOutputBufferSuccess::Buffer(copy));
            }
        }
        self.parent_prepare_output_buffer(inbuf)
    }

    fn transform_ip(&self, buffer: &mut gst::BufferRef) -> Result<gst::FlowSuccess, gst::FlowError> {
        let start = Instant::now();
        let mut state = self.begin();
        self.show(&mut state, buffer);
        self.end(state, buffer, start);
        Ok(gst::FlowSuccess::Ok)
    }

    fn generate_output(&self) -> Result<GenerateOutputSuccess, gst::FlowError> {
        if self.state.lock().canvas.is_none() {
            return self.parent_generate_output();
        }
        // On a GPU the buffer itself is needed, which whoever draws holds until it is done.
        let Some(buffer) = self.take_queued_buffer() else { return Ok(GenerateOutputSuccess::NoOutput) };
        let start = Instant::now();
        let mut state = self.begin();
        let mut buffer = self.show_on_device(&mut state, buffer);
        self.end(state, buffer.make_mut(), start);
        Ok(GenerateOutputSuccess::Buffer(buffer))
    }
}

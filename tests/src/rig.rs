//! An element in a harness, everything it says and everything that leaves it.

use std::sync::Arc;

use gst::prelude::*;
use gst_check::Harness;
use parking_lot::Mutex;

/// What left an element, in the order it did.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A frame.
    Buffer(gst::Buffer),
    /// An event.
    Event(gst::Event),
}

impl Seen {
    /// `frame N` by its time stamp, or the event's type: for tables of what is expected.
    pub fn name(&self) -> String {
        match self {
            Self::Buffer(buffer) => {
                let frame = buffer.pts().map(|pts| pts.nseconds() * crate::picture::FPS / 1_000_000_000);
                format!("frame {}", frame.map_or("?".to_owned(), |n| n.to_string()))
            }
            Self::Event(event) => event.type_().to_string(),
        }
    }
}

/// An element between a source and a sink pad of the test's own.
pub struct Rig {
    /// The pads; pushes go through here.
    pub harness: Harness,
    /// What the element posts.
    pub bus: gst::Bus,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Rig {
    /// Sets an element to PLAYING between two pads.
    ///
    /// # Panics
    ///
    /// When the element has no such pads.
    pub fn new(element: &impl IsA<gst::Element>) -> Self {
        let bus = gst::Bus::new();
        element.set_bus(Some(&bus));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = seen.clone();
        let pad = element.static_pad("src").expect("a filter has a source pad");
        pad.add_probe(
            gst::PadProbeType::DATA_DOWNSTREAM | gst::PadProbeType::EVENT_FLUSH,
            move |_, probe| {
                match &probe.data {
                    Some(gst::PadProbeData::Buffer(buffer)) => {
                        record.lock().push(Seen::Buffer(buffer.clone()))
                    }
                    Some(gst::PadProbeData::Event(event)) => record.lock().push(Seen::Event(event.clone())),
                    _ => {}
                }
                gst::PadProbeReturn::Ok
            },
        );
        let harness = Harness::with_element(element, Some("sink"), Some("src"));
        Self { harness, bus, seen }
    }

    /// As [`new`](Self::new), with a stream begun.
    pub fn with_stream(element: &impl IsA<gst::Element>, info: &gst_video::VideoInfo) -> Self {
        let mut rig = Self::new(element);
        rig.set_caps(info);
        rig
    }

    /// Sends caps; the first time, a segment follows.
    ///
    /// # Panics
    ///
    /// When the picture has no caps.
    pub fn set_caps(&mut self, info: &gst_video::VideoInfo) {
        self.harness.set_src_caps(info.to_caps().expect("a picture has caps"));
    }

    /// Everything that left the element so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// The names of all that left the element so far, see [`Seen::name`].
    pub fn names(&self) -> Vec<String> {
        self.seen.lock().iter().map(Seen::name).collect()
    }

    /// The frames that left the element so far.
    pub fn frames(&self) -> Vec<gst::Buffer> {
        let seen = self.seen.lock();
        let frames = seen.iter().filter_map(|seen| match seen {
            Seen::Buffer(buffer) => Some(buffer.clone()),
            Seen::Event(_) => None,
        });
        frames.collect()
    }

    /// Texts of the warnings and errors posted since the last call.
    pub fn complaints(&self) -> Vec<String> {
        let types = [gst::MessageType::Warning, gst::MessageType::Error];
        let texts =
            std::iter::from_fn(|| self.bus.pop_filtered(&types)).map(|message| match message.view() {
                gst::MessageView::Warning(warning) => format!("warning: {}", warning.error().message()),
                gst::MessageView::Error(error) => format!("error: {}", error.error().message()),
                _ => String::new(),
            });
        texts.collect()
    }
}

//! The elements, made ready for a test.

use std::sync::Arc;

use gst::prelude::*;
use gstvesalius::{Measure, Mode, Overlay, ResultMeta, Segment};
use vesalius_measure::result::FrameResult;

/// `vesaliussegment` with a test engine and one thread for each frame.
///
/// # Panics
///
/// When the tests cannot run here; see [`init`](crate::init).
pub fn segment(engine: &str, mode: Mode) -> Segment {
    crate::init();
    let segment = Segment::new();
    segment.set_property("engine", crate::engine(engine).to_string_lossy().as_ref());
    segment.set_property("mode", mode);
    segment.set_property("threads", 2_u32);
    segment
}

/// `vesaliusmeasure` with a calibration; empty for none.
pub fn measure(calibration: &str) -> Measure {
    crate::init();
    let measure = Measure::new();
    measure.set_property("calibration", calibration);
    measure
}

/// `vesaliusoverlay`.
pub fn overlay() -> Overlay {
    crate::init();
    Overlay::new()
}

/// Elements in a row, as one with the pads `sink` and `src`.
///
/// # Panics
///
/// When two neighbours do not fit.
pub fn chain(elements: &[&gst::Element]) -> gst::Bin {
    let bin = gst::Bin::new();
    bin.add_many(elements).expect("the elements are new");
    gst::Element::link_many(elements).expect("neighbours take each other's caps");
    for (element, name) in [(elements.first(), "sink"), (elements.last(), "src")] {
        let pad = element.and_then(|e| e.static_pad(name)).expect("a filter has both pads");
        let ghost = gst::GhostPad::builder_with_target(&pad).expect("an unlinked pad").name(name).build();
        bin.add_pad(&ghost).expect("a new pad");
    }
    bin
}

/// The result that goes with a frame.
///
/// # Panics
///
/// When there is none.
pub fn result(buffer: &gst::BufferRef) -> Arc<FrameResult> {
    buffer.meta::<ResultMeta>().expect("every frame has a result").result().clone()
}

/// A count in an element's property `stats`.
///
/// # Panics
///
/// When there is no such count.
pub fn count(element: &impl IsA<gst::glib::Object>, name: &str) -> u64 {
    let stats: gst::Structure = element.property("stats");
    stats.get(name).expect("a count of the element's stats")
}

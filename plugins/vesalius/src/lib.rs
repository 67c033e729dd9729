//! GStreamer elements of Vesalius.
//!
//! * [`segment`] `vesaliussegment`: runs an engine on the frames and attaches a [`ResultMeta`];
//! * [`measure`] `vesaliusmeasure`: adds values with units to the result and posts them on the bus;
//! * [`overlay`] `vesaliusoverlay`: draws outlines, calipers, values and status.
//!
//! The elements translate between GStreamer and the crates beneath and decide nothing about pixels or medicine.
//! The library is both `libgstvesalius.so`, found by `GST_PLUGIN_PATH`, and an ordinary crate: [`Segment`],
//! [`Measure`] and [`Overlay`] are made with their `new` without going through the registry.

mod calibration_meta;
mod device;
mod events;
mod frame;
mod histogram;
mod messages;
mod result_meta;

pub mod measure;
pub mod overlay;
pub mod segment;

pub use calibration_meta::{add_scale, scale_of};
pub use events::{Anew, anew_event, protocol_event, signal_event};
pub use frame::{FORMATS, ViewError, template_caps, view, view_mut};
pub use histogram::Histogram;
pub use measure::{Measure, read_protocol, read_statement};
pub use messages::{BackendMessage, MeasurementMessage, MessageError, StateMessage};
pub use overlay::{Overlay, ValueCorner};
pub use result_meta::ResultMeta;
pub use segment::{Alignment, Isolation, Mode, Segment};

fn plugin_init(plugin: &gst::Plugin) -> Result<(), gst::glib::BoolError> {
    segment::register(plugin)?;
    measure::register(plugin)?;
    overlay::register(plugin)
}

/// The entry point that GStreamer looks for in the shared library.
#[allow(missing_docs)] // What the macro makes is GStreamer's contract, not an interface of ours.
mod plugin {
    use super::plugin_init;

    gst::plugin_define!(
        vesalius,
        env!("CARGO_PKG_DESCRIPTION"),
        plugin_init,
        env!("CARGO_PKG_VERSION"),
        // GStreamer knows licences by fixed names; this is its name for one of the two the project offers.
        "MIT/X11",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        "Vesalius"
    );
}
/// The always-there sink and source pads of a filter.
fn pad_templates(sink: &gst::Caps, src: &gst::Caps) -> Vec<gst::PadTemplate> {
    [("sink", gst::PadDirection::Sink, sink), ("src", gst::PadDirection::Src, src)]
        .into_iter()
        .filter_map(|(name, direction, caps)| {
            gst::PadTemplate::new(name, direction, gst::PadPresence::Always, caps).ok()
        })
        .collect()
}

/// Tells upstream that its own strides are understood.
fn offer_video_meta(query: &mut gst::query::Allocation) {
    if query.find_allocation_meta::<gst_video::VideoMeta>().is_none() {
        query.add_allocation_meta::<gst_video::VideoMeta>(None);
    }
}

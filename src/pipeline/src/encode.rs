//! From frames to an MP4 file that is whole whatever happens.

use std::path::Path;

use gst::prelude::*;

use crate::error::ReplayError;

/// Parts per second of the file's clock: fine enough that no time stamp moves by more than a microsecond.
const TIMESCALE: u32 = 1_000_000;

pub(crate) fn make(element: &'static str, package: &'static str) -> Result<gst::Element, ReplayError> {
    gst::ElementFactory::make(element).build().map_err(|_| ReplayError::ElementMissing { element, package })
}

/// How pictures are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Coding {
    /// Pixel format that the coder is given.
    pub(crate) format: &'static str,
}

impl Coding {
    /// H.264 with halved chroma holds even sizes alone; odd ones keep their last row and column with full chroma.
    pub(crate) fn of(width: u32, height: u32) -> Self {
        Self { format: if width.is_multiple_of(2) && height.is_multiple_of(2) { "I420" } else { "Y444" } }
    }
}

/// Smallest side of a picture that x264 takes.
pub(crate) const SMALLEST: u32 = 16;

/// `queue ! videoconvert ! x264enc ! mp4mux ! filesink`, added to a pipeline and linked. Returns the first element.
///
/// The file is written in fragments of a second, so that a run that is cut off leaves a file that plays; when the
/// stream ends it becomes an ordinary MP4.
pub(crate) fn add(
    pipeline: &gst::Pipeline,
    coding: Coding,
    location: &Path,
) -> Result<gst::Element, ReplayError> {
    let queue = make("queue", "libgstreamer1.0-0")?;
    // One frame: the coder has threads and frames enough of its own.
    queue.set_property("max-size-buffers", 1_u32);
    queue.set_property("max-size-bytes", 0_u32);
    queue.set_property("max-size-time", 0_u64);
    let convert = make("videoconvert", "gstreamer1.0-plugins-base")?;
    let filter = make("capsfilter", "libgstreamer1.0-0")?;
    filter.set_property("caps", gst::Caps::builder("video/x-raw").field("format", coding.format).build());
    let encoder = make("x264enc", "gstreamer1.0-plugins-ugly")?;
    encoder.set_property_from_str("speed-preset", "veryfast");
    // A constant quality that leaves fine lines clean, whatever the scene.
    encoder.set_property_from_str("pass", "qual");
    encoder.set_property("quantizer", 20_u32);
    encoder.set_property("key-int-max", 60_u32);
    // Each frame that the coder looks ahead is 13 MB at 1080p. Five give files of the same size as the preset's ten.
    encoder.set_property("rc-lookahead", 5_i32);
    // Reordered frames would need an offset between decoding and presentation, and players differ in undoing it.
    encoder.set_property("bframes", 0_u32);
    let mux = make("mp4mux", "gstreamer1.0-plugins-good")?;
    mux.set_property("fragment-duration", 1000_u32);
    mux.set_property_from_str("fragment-mode", "first-moov-then-finalise");
    mux.set_property("movie-timescale", TIMESCALE);
    let sink = make("filesink", "libgstreamer1.0-0")?;
    sink.set_property("location", location.to_string_lossy().as_ref());
    sink.set_property("async", false);

    let failed = |_| ReplayError::Encode {
        path: location.to_owned(),
        message: "its elements cannot be linked".to_owned(),
    };
    let all = [&queue, &convert, &filter, &encoder, &mux, &sink];
    pipeline.add_many(all).map_err(failed)?;
    gst::Element::link_many([&queue, &convert, &filter, &encoder]).map_err(failed)?;
    let track = mux.request_pad_simple("video_%u").ok_or_else(|| ReplayError::Encode {
        path: location.to_owned(),
        message: "the MP4 writer takes no video".to_owned(),
    })?;
    track.set_property("trak-timescale", TIMESCALE);
    encoder
        .static_pad("src")
        .and_then(|src| src.link(&track).ok())
        .ok_or_else(|| gst::glib::bool_error!("not linked"))
        .map_err(failed)?;
    mux.link(&sink).map_err(failed)?;
    Ok(queue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_sizes_keep_full_chroma() {
        assert_eq!(Coding::of(1920, 1080).format, "I420");
        assert_eq!(Coding::of(207, 141).format, "Y444");
        assert_eq!(Coding::of(208, 141).format, "Y444");
    }
}

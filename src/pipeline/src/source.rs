//! What gives a chain its frames: GStreamer's decoders, or the one for GIF.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gst::prelude::*;
use parking_lot::Mutex;
use vesalius_dicom::Recording;

use crate::bus::BusError;
use crate::encode::make;
use crate::error::ReplayError;
use crate::fed::{self, Fed};
use crate::{dicom, gif};

/// Elements of the decoding part, by parts of their paths.
const DECODING: [&str; 4] = ["decodebin", "filesrc", "typefind", fed::ELEMENT];

/// What the source has met.
#[derive(Default)]
pub(crate) struct Met {
    /// Whether a stream of pictures has been linked to the chain.
    pub(crate) linked: AtomicBool,
    /// Whether there are streams, and none of pictures.
    pub(crate) no_video: AtomicBool,
    /// What is wrong with a file that ended early, where whoever reads it says so and ends the stream.
    pub(crate) broken: Mutex<Option<String>>,
    /// Media types that nothing here decodes.
    undecoded: Mutex<Vec<String>>,
}

impl Met {
    /// Why nothing could be decoded.
    pub(crate) fn undecodable(&self, path: PathBuf, error: &BusError) -> ReplayError {
        let undecoded = self.undecoded.lock();
        let is_picture = |media: &&String| media.starts_with("video/") || media.starts_with("image/");
        match undecoded.iter().find(is_picture) {
            Some(media) => ReplayError::NotAVideo {
                path,
                message: format!("no decoder for {media} is installed; gstreamer1.0-libav has most"),
            },
            // Of sound alone, which is not asked for, decodebin says that it lacks what decodes it.
            None if error.lacks_element || !undecoded.is_empty() => ReplayError::NoVideo { path },
            None => ReplayError::NotAVideo { path, message: error.message.clone() },
        }
    }
}

/// Whether an error comes from what this module adds.
pub(crate) fn is_of_decoding(error: &BusError) -> bool {
    error.is_from(&DECODING)
}

/// Adds what decodes a file to a pipeline. `attach` is given the pad with the frames, once there is one, and says
/// whether it took it. What is returned must be fed when the pipeline runs.
///
/// # Errors
///
/// [`ReplayError`] where an element is missing or the file is not what it seemed.
pub(crate) fn add(
    pipeline: &gst::Pipeline,
    path: &Path,
    recording: Option<Recording>,
    met: &Arc<Met>,
    attach: impl Fn(&gst::Pad) -> bool + Send + Sync + 'static,
) -> Result<Option<Fed>, ReplayError> {
    let refused = |_| ReplayError::Pipeline {
        path: path.to_owned(),
        message: "its elements cannot be linked".to_owned(),
    };
    let (source, times) = match recording {
        Some(mut recording) => match dicom::stream(path, &mut recording)? {
            Some(stream) => (stream, Some(recording.times().clone())),
            None => return add_fed(pipeline, dicom::feed(path, recording)?, met, attach).map(Some),
        },
        None if gif::is_gif(path) => return add_fed(pipeline, gif::open(path)?, met, attach).map(Some),
        None => {
            let source = make("filesrc", "libgstreamer1.0-0")?;
            source.set_property("location", path.to_string_lossy().as_ref());
            (source, None)
        }
    };
    let decode = make("decodebin", "gstreamer1.0-plugins-base")?;
    // Video alone is decoded, and by the processor: hardware decoders differ in the last bit.
    decode.set_property("caps", gst::Caps::builder("video/x-raw").any_features().build());
    decode.set_property("expose-all-streams", false);
    decode.set_property("force-sw-decoders", true);
    spare_decoder_threads(&decode);
    pipeline.add_many([&source, &decode]).map_err(refused)?;
    source.link(&decode).map_err(refused)?;

    let seen = met.clone();
    decode.connect_pad_added(move |_, pad| {
        if !seen.linked.load(Ordering::Acquire) && attach(pad) {
            seen.linked.store(true, Ordering::Release);
            if let Some(times) = &times {
                dicom::retime(pad, times.clone());
            }
        }
    });
    let seen = met.clone();
    decode.connect("unknown-type", false, move |values| {
        let caps = values.get(2).and_then(|caps| caps.get::<gst::Caps>().ok());
        if let Some(structure) = caps.as_ref().and_then(|caps| caps.structure(0)) {
            seen.undecoded.lock().push(structure.name().to_string());
        }
        None
    });
    let seen = met.clone();
    decode.connect_no_more_pads(move |decode| {
        if !seen.linked.load(Ordering::Acquire) {
            seen.no_video.store(true, Ordering::Release);
            gst::element_error!(decode, gst::StreamError::WrongType, ["no video stream"]);
        }
    });
    Ok(None)
}

fn add_fed(
    pipeline: &gst::Pipeline,
    fed: Fed,
    met: &Arc<Met>,
    attach: impl Fn(&gst::Pad) -> bool,
) -> Result<Fed, ReplayError> {
    pipeline.add(fed.element()).map_err(|_| ReplayError::Pipeline {
        path: fed.path().to_owned(),
        message: "its elements cannot be linked".to_owned(),
    })?;
    let taken = fed.element().static_pad("src").is_some_and(|pad| attach(&pad));
    met.linked.store(taken, Ordering::Release);
    Ok(fed)
}

/// Where the networks keep all cores busy, more threads for the decoder gain nothing: each holds frames of its own,
/// and on two cores they cost a tenth of the memory and a sixth of the decoder's time.
fn spare_decoder_threads(decode: &gst::Element) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let Some(bin) = decode.downcast_ref::<gst::Bin>().filter(|_| cores <= 2) else { return };
    bin.connect_deep_element_added(|_, _, element| {
        let decodes = element.factory().is_some_and(|f| f.has_type(gst::ElementFactoryType::DECODER));
        if decodes && element.has_property_with_type("max-threads", i32::static_type()) {
            element.set_property("max-threads", 1_i32);
        }
    });
}

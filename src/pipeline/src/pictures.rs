//! Every picture of an input in red, green and blue, one after the other, for those who look at pictures alone.

use std::path::Path;

use gst::prelude::*;
use gst_video::prelude::*;

use crate::error::ReplayError;
use crate::input::Input;
use crate::pull::Pull;
use crate::{dicom, stills};

/// A decoded picture.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Number in the input, from 0.
    pub frame: u64,
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// When it is shown, nanoseconds; 0 for a still.
    pub pts_ns: u64,
    /// Red, green and blue of each pixel, rows from the top without padding.
    pub rgb: &'a [u8],
}

/// What an input of pictures was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Pictures that were handed on.
    pub frames: u64,
    /// Media type of the stream, such as `video/x-h264`, where GStreamer decoded one.
    pub media: Option<String>,
}

/// Hands on every picture of a recording or still, in order, until there are none or `look` says that it is enough.
///
/// # Errors
///
/// [`ReplayError`] where the input cannot be decoded; what `look` gives.
pub fn each<E: From<ReplayError>>(
    path: &Path,
    mut look: impl FnMut(Shown<'_>) -> Result<bool, E>,
) -> Result<Looked, E> {
    match Input::open(path)? {
        Input::Still(path) => {
            let picture = crate::picture::StillPicture::read(&path)
                .map_err(|e| ReplayError::BadStill { path: path.clone(), message: e.problem })?;
            let size = [picture.width() as u32, picture.height() as u32];
            look(Shown { frame: 0, size, pts_ns: 0, rgb: &picture.rgb() })?;
            Ok(Looked { frames: 1, media: None })
        }
        Input::Stills { folder, .. } => Err(ReplayError::NotAVideo {
            path: folder,
            message: "it is a folder: take its pictures one by one".to_owned(),
        }
        .into()),
        Input::Dicom(path) => {
            let mut recording = dicom::open(&path)?;
            if recording.facts().transfer_syntax.coding.is_video() {
                return stream(&path, Some(recording), &mut look);
            }
            let times = recording.times().clone();
            let mut looked = Looked::default();
            for frame in 0..recording.frame_count() {
                let picture = dicom::picture(&mut recording, frame)
                    .map_err(|source| ReplayError::Dicom { path: path.clone(), source })?;
                let size = [picture.width, picture.height];
                let pts_ns = times.frames.get(frame).map_or(0, |t| t.pts_ns);
                let rgb = stills::rgb(picture);
                looked.frames += 1;
                if !look(Shown { frame: frame as u64, size, pts_ns, rgb: &rgb })? {
                    break;
                }
            }
            Ok(looked)
        }
        Input::Video(path) => stream(&path, None, &mut look),
    }
}

fn stream<E: From<ReplayError>>(
    path: &Path,
    recording: Option<vesalius_dicom::Recording>,
    look: &mut impl FnMut(Shown<'_>) -> Result<bool, E>,
) -> Result<Looked, E> {
    let refused =
        |message: &str| ReplayError::Pipeline { path: path.to_owned(), message: message.to_owned() };
    let pull = Pull::start(
        path,
        recording,
        &gst_video::VideoCapsBuilder::new().format(gst_video::VideoFormat::Rgb).build(),
    )?;
    let mut looked = Looked::default();
    let mut rgb = Vec::new();
    while let Some(sample) = pull.next() {
        if looked.media.is_none() {
            looked.media = media(&pull.pipeline);
        }
        let (size, pts) = packed(&sample, &mut rgb).ok_or_else(|| refused("a picture has no memory"))?;
        let shown = Shown { frame: looked.frames, size, pts_ns: pts, rgb: &rgb };
        looked.frames += 1;
        if !look(shown)? {
            return Ok(looked);
        }
    }
    match pull.error() {
        Some(error) if looked.frames == 0 => Err(pull.met.undecodable(path.to_owned(), &error).into()),
        Some(error) => Err(refused(&error.message).into()),
        None => match pull.met.broken.lock().take() {
            Some(message) => Err(refused(&message).into()),
            None if pull.is_at_end() => Ok(looked),
            None => Err(refused("no picture came for half a minute").into()),
        },
    }
}

/// Media type of what is decoded.
fn media(pipeline: &gst::Pipeline) -> Option<String> {
    let is_decoder = |element: &gst::Element| {
        element.factory().is_some_and(|f| f.has_type(gst::ElementFactoryType::DECODER))
    };
    let decoder = pipeline.iterate_recurse().into_iter().flatten().find(is_decoder)?;
    let caps = decoder.static_pad("sink")?.current_caps()?;
    let structure = caps.structure(0)?;
    match structure.get::<i32>("mpegversion") {
        Ok(version) => Some(format!("{}-{version}", structure.name())),
        Err(_) => Some(structure.name().to_string()),
    }
}

/// The rows of a sample without padding, its size and when it is shown.
fn packed(sample: &gst::Sample, into: &mut Vec<u8>) -> Option<([u32; 2], u64)> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let buffer = sample.buffer()?;
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).ok()?;
    let stride = usize::try_from(*frame.plane_stride().first()?).ok()?.max(1);
    let row = 3 * info.width() as usize;
    into.clear();
    for line in frame.plane_data(0).ok()?.chunks(stride).take(info.height() as usize) {
        into.extend_from_slice(line.get(..row)?);
    }
    Some(([info.width(), info.height()], buffer.pts().map_or(0, gst::ClockTime::nseconds)))
}

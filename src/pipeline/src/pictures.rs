//! Every picture of an input in red, green and blue, one after the other, for those who look at pictures alone.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gst::prelude::*;
use gst_video::prelude::*;

use crate::bus::{BusError, error_told};
use crate::encode::make;
use crate::error::ReplayError;
use crate::input::Input;
use crate::source::{self, Met};
use crate::{dicom, stills};

/// Longest time that a picture may take to come.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(30);

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

/// A pipeline that ends with whoever holds it.
struct Running(gst::Pipeline, Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.1.store(true, Ordering::Release);
        let _ = self.0.set_state(gst::State::Null);
    }
}

fn stream<E: From<ReplayError>>(
    path: &Path,
    recording: Option<vesalius_dicom::Recording>,
    look: &mut impl FnMut(Shown<'_>) -> Result<bool, E>,
) -> Result<Looked, E> {
    let running = Running(gst::Pipeline::new(), Arc::default());
    let pipeline = &running.0;
    let convert = make("videoconvert", "gstreamer1.0-plugins-base")?;
    let sink = gst_app::AppSink::builder()
        .caps(&gst_video::VideoCapsBuilder::new().format(gst_video::VideoFormat::Rgb).build())
        .sync(false)
        .max_buffers(2)
        .build();
    let refused =
        |message: &str| ReplayError::Pipeline { path: path.to_owned(), message: message.to_owned() };
    let parts = [&convert, sink.upcast_ref::<gst::Element>()];
    pipeline.add_many(parts).map_err(|_| refused("its elements cannot be added"))?;
    gst::Element::link_many(parts).map_err(|_| refused("its elements cannot be linked"))?;
    let met = Arc::new(Met::default());
    let entry = convert.clone();
    let attach = move |pad: &gst::Pad| entry.static_pad("sink").is_some_and(|sink| pad.link(&sink).is_ok());
    let fed = source::add(pipeline, path, recording, &met, attach)?;
    // What does not start says so on the bus.
    let started = pipeline.set_state(gst::State::Playing);
    let _feeder = fed.map(|fed| fed.feed(running.1.clone(), met.clone())).transpose()?;
    let mut looked = Looked::default();
    let mut rgb = Vec::new();
    while started.is_ok() {
        let Some(sample) = sink.try_pull_sample(PATIENCE) else { break };
        if looked.media.is_none() {
            looked.media = media(pipeline);
        }
        let (size, pts) = packed(&sample, &mut rgb).ok_or_else(|| refused("a picture has no memory"))?;
        let shown = Shown { frame: looked.frames, size, pts_ns: pts, rgb: &rgb };
        looked.frames += 1;
        if !look(shown)? {
            return Ok(looked);
        }
    }
    match first_error(pipeline) {
        Some(error) if looked.frames == 0 => Err(met.undecodable(path.to_owned(), &error).into()),
        Some(error) => Err(refused(&error.message).into()),
        None => match met.broken.lock().take() {
            Some(message) => Err(refused(&message).into()),
            None if sink.is_eos() => Ok(looked),
            None => Err(refused("no picture came for half a minute").into()),
        },
    }
}

fn first_error(pipeline: &gst::Pipeline) -> Option<BusError> {
    let message = pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(error) => Some(error_told(error)),
        _ => None,
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

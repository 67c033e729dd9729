//! DICOM recordings: what their frames, times and regions become in the chain.

use std::path::Path;
use std::sync::Arc;

use gst::prelude::*;
use parking_lot::Mutex;
use vesalius_dicom::{DicomError, Layout, NoScale, Recording, Timebase, Times, VideoContainer, VideoStream};
use vesalius_measure::calibration::Scale;

use crate::error::ReplayError;
use crate::fed::{Fed, Timed};
use crate::stills::Picture;

/// Time between frames of a file without times, so that they can be shown. Nothing is measured over it.
const NO_TIME: gst::ClockTime = gst::ClockTime::from_mseconds(40);

/// Whether a file is DICOM: by its content or, where that says nothing, by its name.
pub(crate) fn is_dicom(path: &Path) -> bool {
    vesalius_dicom::is_dicom(path).unwrap_or(false)
        || path.extension().is_some_and(|e| e.eq_ignore_ascii_case("dcm"))
}

/// Opens a DICOM file.
///
/// # Errors
///
/// [`ReplayError::Dicom`].
pub(crate) fn open(path: &Path) -> Result<Recording, ReplayError> {
    Recording::open(path).map_err(|source| ReplayError::Dicom { path: path.to_owned(), source })
}

/// The scales of the file's own regions, or why there are none.
pub(crate) fn scale(recording: &Recording) -> (Scale, Option<NoScale>) {
    match recording.calibration() {
        Ok(field) => (Scale::Regions(Arc::new(field)), None),
        Err(refusal) => (Scale::default(), Some(refusal)),
    }
}

/// What is said of the frames' times in a run's first line.
pub(crate) fn timebase(times: &Times) -> &'static str {
    match times.timebase {
        Timebase::FrameTime => "frame-time",
        Timebase::FrameTimeVector => "frame-time-vector",
        Timebase::Nominal(_) => "nominal",
        _ => "none",
    }
}

/// What should be known of the times, a line each.
pub(crate) fn warnings(recording: &Recording) -> Vec<String> {
    let times = recording.times();
    let mut lines: Vec<String> = times.problem.iter().map(ToString::to_string).collect();
    lines.extend(times.notes.iter().map(ToString::to_string));
    lines.extend(recording.facts().notes.iter().map(ToString::to_string));
    match times.timebase {
        Timebase::Nominal(_) => lines.push(
            "the frames' times are a wish for the display, not when they were acquired: values over time rest on it"
                .to_owned(),
        ),
        Timebase::None if recording.frame_count() > 1 => {
            lines.push("the frames have no times: nothing is measured over time".to_owned());
        }
        _ => {}
    }
    lines
}

/// Width of a pixel over its height, as GStreamer has it.
fn pixel_aspect_ratio(recording: &Recording) -> gst::Fraction {
    // DICOM's ratio is the vertical size of a pixel over the horizontal one.
    let ratio = recording.spacing().aspect.and_then(|a| {
        Some((i32::try_from(a.horizontal).ok()?, i32::try_from(a.vertical).ok()?))
            .filter(|(h, v)| *h > 0 && *v > 0)
    });
    let (width, height) = ratio.unwrap_or((1, 1));
    gst::Fraction::new(width, height)
}

fn format(layout: Layout) -> gst_video::VideoFormat {
    match layout {
        Layout::Gray8 => gst_video::VideoFormat::Gray8,
        Layout::Rgb8 => gst_video::VideoFormat::Rgb,
    }
}

/// One frame as a picture.
///
/// # Errors
///
/// [`DicomError`].
pub(crate) fn picture(recording: &mut Recording, frame: usize) -> Result<Picture, DicomError> {
    let decoded = recording.frame(frame)?;
    let format = format(decoded.layout);
    Ok(Picture { format, width: decoded.width, height: decoded.height, pixels: decoded.data })
}

/// When a frame is shown and how long, and whether nothing may be measured over time up to it.
fn time_of(times: &Times, frame: usize) -> (gst::ClockTime, gst::ClockTime, bool) {
    match times.frames.get(frame) {
        Some(time) => {
            let ns = gst::ClockTime::from_nseconds;
            (ns(time.pts_ns), ns(time.duration_ns), false)
        }
        None => (NO_TIME * frame as u64, NO_TIME, true),
    }
}

/// The frames of a recording that is not a video stream, each decoded when its turn comes.
///
/// # Errors
///
/// As [`Fed::new`].
pub(crate) fn feed(path: &Path, mut recording: Recording) -> Result<Fed, ReplayError> {
    let (size, layout) = (recording.size(), recording.layout());
    let aspect = pixel_aspect_ratio(&recording);
    let times = recording.times().clone();
    let pictures = move |give: &mut dyn FnMut(Timed) -> bool| {
        for frame in 0..recording.frame_count() {
            let (pts, duration, discont) = time_of(&times, frame);
            let picture = picture(&mut recording, frame).map_err(|e| e.to_string())?;
            if !give(Timed { picture, pts, duration, discont }) {
                break;
            }
        }
        Ok(())
    };
    Fed::new(path, format(layout), size, aspect, Box::new(pictures))
}

/// The element that gives the bytes of a recording that is one video stream.
///
/// # Errors
///
/// [`ReplayError::Dicom`] where they cannot be read or are no such stream.
pub(crate) fn stream(path: &Path, recording: &mut Recording) -> Result<Option<gst::Element>, ReplayError> {
    let fail = |source| ReplayError::Dicom { path: path.to_owned(), source };
    let Some(VideoStream { bytes, container, codec, .. }) = recording.video().map_err(fail)? else {
        return Ok(None);
    };
    let source = gst_app::AppSrc::builder()
        .name(crate::fed::ELEMENT)
        .format(gst::Format::Bytes)
        .stream_type(gst_app::AppStreamType::RandomAccess)
        .build();
    source.set_size(i64::try_from(bytes.len()).unwrap_or(-1));
    if container == VideoContainer::Elementary {
        // Said rather than found out: the first bytes of the three look much alike.
        let caps = match codec {
            vesalius_dicom::VideoCodec::Mpeg2 => gst::Caps::builder("video/mpeg")
                .field("mpegversion", 2_i32)
                .field("systemstream", false)
                .build(),
            vesalius_dicom::VideoCodec::H264 => {
                gst::Caps::builder("video/x-h264").field("stream-format", "byte-stream").build()
            }
            vesalius_dicom::VideoCodec::Hevc => {
                gst::Caps::builder("video/x-h265").field("stream-format", "byte-stream").build()
            }
        };
        source.set_caps(Some(&caps));
    }
    let bytes: Arc<[u8]> = bytes.into();
    let at = Arc::new(Mutex::new(0_usize));
    let cursor = at.clone();
    source.set_callbacks(
        gst_app::AppSrcCallbacks::builder()
            .need_data(move |source, wanted| {
                let mut at = cursor.lock();
                let end = bytes.len().min(at.saturating_add((wanted as usize).clamp(4096, 1 << 20)));
                match bytes.get(*at..end) {
                    Some(part) if !part.is_empty() => {
                        let mut buffer = gst::Buffer::from_slice(part.to_vec());
                        buffer.make_mut().set_offset(*at as u64);
                        *at = end;
                        let _ = source.push_buffer(buffer);
                    }
                    _ => {
                        let _ = source.end_of_stream();
                    }
                }
            })
            .seek_data(move |_, offset| {
                *at.lock() = usize::try_from(offset).unwrap_or(usize::MAX);
                true
            })
            .build(),
    );
    Ok(Some(source.upcast()))
}

/// Gives the frames that pass a pad the recording's times, in the order in which they are shown.
pub(crate) fn retime(pad: &gst::Pad, times: Times) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let end = Mutex::new(gst::ClockTime::ZERO);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data else { return gst::PadProbeReturn::Ok };
        let frame = next.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        let (mut pts, duration, discont) = time_of(&times, frame);
        let mut end = end.lock();
        // A stream with more pictures than the header has times for goes on as before, after them.
        pts = pts.max(*end);
        *end = pts + duration;
        let buffer = buffer.make_mut();
        buffer.set_pts(pts);
        buffer.set_duration(duration);
        if discont {
            buffer.set_flags(gst::BufferFlags::DISCONT);
        }
        gst::PadProbeReturn::Ok
    });
}

//! Single pictures through the same chain.
//!
//! ```text
//! appsrc ! vesaliussegment ! vesaliusmeasure ─┬─ appsink
//!                                             └─ videoconvert ! vesaliusoverlay ! appsink
//! ```
//!
//! A still has no time. So that each result belongs to its picture, pictures are stamped a second apart.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use gst_video::prelude::*;
use gstvesalius::Overlay;
use parking_lot::Mutex;
use vesalius_ledger::summary::ObjectSummary;
use vesalius_measure::calibration::Scale;

use crate::bus::{self, BusError, End, Heard};
use crate::collect::{Position, result_of};
use crate::dicom;
use crate::encode::make;
use crate::error::ReplayError;
use crate::input::file_name;
use crate::replay::{self, Control, ReplayOptions};
use crate::video::VideoEnd;
use crate::write::{FrameItem, Intake};

/// Time between two stills.
const SPACING: gst::ClockTime = gst::ClockTime::SECOND;

/// One picture to be fed.
pub(crate) struct StillInput {
    pub(crate) path: PathBuf,
    pub(crate) scale: Option<Scale>,
}

/// A decoded picture in a format that the chain takes.
pub(crate) struct Picture {
    pub(crate) format: gst_video::VideoFormat,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Rows without padding.
    pub(crate) pixels: Vec<u8>,
}

pub(crate) fn decode(path: &Path) -> Result<Picture, String> {
    if dicom::is_dicom(path) {
        let mut recording = vesalius_dicom::Recording::open(path).map_err(|e| e.to_string())?;
        return dicom::picture(&mut recording, 0).map_err(|e| e.to_string());
    }
    let reader =
        image::ImageReader::open(path).and_then(|r| r.with_guessed_format()).map_err(|e| e.to_string())?;
    let picture = reader.decode().map_err(|e| e.to_string())?;
    let (width, height) = (picture.width(), picture.height());
    let gray = !picture.color().has_color();
    let (format, pixels) = if gray {
        (gst_video::VideoFormat::Gray8, picture.into_luma8().into_raw())
    } else {
        (gst_video::VideoFormat::Rgb, picture.into_rgb8().into_raw())
    };
    Ok(Picture { format, width, height, pixels })
}

/// Red, green and blue of a picture.
pub(crate) fn rgb(picture: Picture) -> Vec<u8> {
    match picture.format {
        gst_video::VideoFormat::Gray8 => picture.pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
        _ => picture.pixels,
    }
}

/// A picture as a buffer with its caps, rows padded as GStreamer wants them.
pub(crate) fn sample(picture: Picture) -> Result<(gst::Buffer, gst::Caps), String> {
    let info = gst_video::VideoInfo::builder(picture.format, picture.width, picture.height)
        .fps(gst::Fraction::new(0, 1))
        .build()
        .map_err(|e| e.to_string())?;
    let caps = info.to_caps().map_err(|e| e.to_string())?;
    let stride = info.stride().first().copied().and_then(|s| usize::try_from(s).ok()).unwrap_or(0);
    let row = picture.pixels.len() / picture.height.max(1) as usize;
    if stride == row {
        return Ok((gst::Buffer::from_mut_slice(picture.pixels), caps));
    }
    let mut padded = vec![0; stride * picture.height as usize];
    for (to, from) in padded.chunks_mut(stride.max(1)).zip(picture.pixels.chunks(row.max(1))) {
        if let Some(to) = to.get_mut(..from.len()) {
            to.copy_from_slice(from);
        }
    }
    Ok((gst::Buffer::from_mut_slice(padded), caps))
}

fn failed(path: &Path, message: &str) -> ReplayError {
    ReplayError::Pipeline { path: path.to_owned(), message: message.to_owned() }
}

/// The name of each still's masks and annotated pictures: the file's stem or, where several share one, its whole
/// name, so that none is written over another.
fn stems(stills: &[StillInput]) -> Vec<String> {
    let stem = |path: &Path| path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let mut count = HashMap::new();
    for still in stills {
        *count.entry(stem(&still.path)).or_insert(0_u64) += 1;
    }
    let mut taken = HashSet::new();
    let mut name_of = |still: &StillInput| {
        let stem = stem(&still.path);
        let mut name = if count.get(&stem) == Some(&1) { stem } else { file_name(&still.path) };
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        name
    };
    stills.iter().map(&mut name_of).collect()
}

/// Stills that could not be used.
#[derive(Default)]
struct Bad {
    count: u64,
    first: Option<String>,
}

/// Runs stills. `annotate` asks for each picture with the drawing on it.
pub(crate) fn run(
    path: &Path,
    stills: Vec<StillInput>,
    options: &ReplayOptions,
    annotate: bool,
    intake: Intake,
    control: &mut Control<'_>,
) -> Result<VideoEnd, ReplayError> {
    let total = stills.len() as u64;
    let single = total == 1;
    let stems = stems(&stills);
    let names: Arc<Vec<(PathBuf, String)>> =
        Arc::new(stills.iter().map(|s| s.path.clone()).zip(stems).collect());
    let pipeline = gst::Pipeline::new();
    let position = Arc::new(Position::default());
    let (source, sink) = build(&pipeline, path, options, annotate)?;
    take(&sink, names, annotate, intake, &position);

    let stop = Arc::new(AtomicBool::new(false));
    let bad = Arc::new(Mutex::new(Bad::default()));
    let mut heard = Heard::default();
    let mut objects = ObjectSummary::default();
    let end = match pipeline.set_state(gst::State::Playing) {
        Ok(_) => {
            let feeder = feed(source, stills, stop.clone(), bad.clone())
                .map_err(|source| ReplayError::Read { path: path.to_owned(), source })?;
            let end = bus::run(&pipeline, &mut heard, &stop, &position, || {
                let seen = position.frames() + bad.lock().count;
                control.tell(path, position.frames(), Some(seen as f64 / total.max(1) as f64))
            });
            objects = replay::objects(&pipeline);
            let _ = pipeline.set_state(gst::State::Null);
            let _ = feeder.join();
            end
        }
        Err(_) => End::Error(bus::startup_error(&pipeline).unwrap_or_else(BusError::no_start)),
    };
    let _ = pipeline.set_state(gst::State::Null);
    control.tell(path, position.frames(), None);
    let mut outcome = VideoEnd { objects, ..VideoEnd::default() };
    for warning in heard.warnings {
        if warning.element.contains("vesaliussegment") {
            outcome.inference_error = Some(warning.message);
        } else if warning.element.contains("vesalius") {
            outcome.warnings.push(warning.message);
        }
    }
    let bad = std::mem::take(&mut *bad.lock());
    outcome.error = match (end, bad.first) {
        (End::Error(error), _) if error.element.contains("vesalius") => {
            Some(ReplayError::Element { message: error.message })
        }
        (End::Error(error), _) => Some(failed(path, &error.message)),
        (End::Eos, _) if stop.load(std::sync::atomic::Ordering::Acquire) => {
            Some(ReplayError::Interrupted { path: path.to_owned(), frames: position.frames() })
        }
        (End::Eos, Some(message)) if single => Some(ReplayError::BadStill { path: path.to_owned(), message }),
        (End::Eos, Some(first)) => {
            Some(ReplayError::BadStills { path: path.to_owned(), bad: bad.count, total, first })
        }
        (End::Eos, None) => None,
    };
    Ok(outcome)
}

fn build(
    pipeline: &gst::Pipeline,
    path: &Path,
    options: &ReplayOptions,
    annotate: bool,
) -> Result<(gst_app::AppSrc, gst_app::AppSink), ReplayError> {
    let source = gst_app::AppSrc::builder().format(gst::Format::Time).block(true).max_buffers(3).build();
    let sink = gst_app::AppSink::builder().sync(false).max_buffers(3).build();
    let segment = options.segment();
    let measure = options.measure();
    let mut chain: Vec<gst::Element> = vec![source.clone().upcast(), segment.upcast(), measure.upcast()];
    if annotate {
        // Gray stills are drawn on in colour.
        let filter = make("capsfilter", "libgstreamer1.0-0")?;
        filter.set_property("caps", gst::Caps::builder("video/x-raw").field("format", "RGB").build());
        chain.push(make("videoconvert", "gstreamer1.0-plugins-base")?);
        chain.push(filter);
        chain.push(Overlay::new().upcast());
    }
    chain.push(sink.clone().upcast());
    let refused = |_| failed(path, "its elements cannot be linked");
    pipeline.add_many(&chain).map_err(refused)?;
    gst::Element::link_many(&chain).map_err(refused)?;
    Ok((source, sink))
}

/// Decodes the stills and feeds them, in a thread of its own.
fn feed(
    source: gst_app::AppSrc,
    stills: Vec<StillInput>,
    stop: Arc<AtomicBool>,
    bad: Arc<Mutex<Bad>>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name("vesalius-stills".to_owned()).spawn(move || {
        for (index, still) in (0_u64..).zip(&stills) {
            if stop.load(std::sync::atomic::Ordering::Acquire) {
                break;
            }
            let (mut buffer, caps) = match decode(&still.path).and_then(sample) {
                Ok(made) => made,
                Err(message) => {
                    let mut bad = bad.lock();
                    bad.count += 1;
                    bad.first.get_or_insert_with(|| format!("{}: {message}", file_name(&still.path)));
                    continue;
                }
            };
            let writable = buffer.make_mut();
            writable.set_pts(SPACING * index);
            writable.set_duration(SPACING);
            if let Some(scale) = &still.scale {
                // A refused meta leaves the frame uncalibrated, and its values say so.
                let _ = gstvesalius::add_scale(writable, scale);
            }
            let sample = gst::Sample::builder().buffer(&buffer).caps(&caps).build();
            drop(buffer);
            if source.push_sample(&sample).is_err() {
                break;
            }
        }
        let _ = source.end_of_stream();
    })
}

/// Takes finished pictures and hands them to the writer.
fn take(
    sink: &gst_app::AppSink,
    names: Arc<Vec<(PathBuf, String)>>,
    annotate: bool,
    intake: Intake,
    position: &Arc<Position>,
) {
    let position = position.clone();
    let callbacks = gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let (Some(buffer), Some(caps)) = (sample.buffer(), sample.caps()) else {
                return Err(gst::FlowError::Error);
            };
            let (Some(result), Some(pts)) = (result_of(buffer), buffer.pts()) else {
                return Err(gst::FlowError::Error);
            };
            let info = gst_video::VideoInfo::from_caps(caps).map_err(|_| gst::FlowError::NotNegotiated)?;
            let frame = pts.nseconds() / SPACING.nseconds();
            let Some((path, stem)) = names.get(frame as usize) else { return Err(gst::FlowError::Error) };
            position.advance(pts.nseconds());
            let item = FrameItem {
                input: file_name(path).into(),
                frame,
                pts_ns: pts.nseconds(),
                size: [info.width(), info.height()],
                result,
                stem: stem.clone(),
                annotated: if annotate { rgb_rows(buffer, &info) } else { None },
            };
            if intake.give(item) {
                return Ok(gst::FlowSuccess::Ok);
            }
            gst::element_error!(sink, gst::ResourceError::Write, ["results cannot be written"]);
            Err(gst::FlowError::Error)
        })
        .build();
    sink.set_callbacks(callbacks);
}

/// The picture's rows without their padding.
fn rgb_rows(buffer: &gst::BufferRef, info: &gst_video::VideoInfo) -> Option<Vec<u8>> {
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info).ok()?;
    let row = 3 * info.width() as usize;
    let stride = usize::try_from(*frame.plane_stride().first()?).ok()?;
    let rows = frame.plane_data(0).ok()?.chunks(stride.max(1)).take(info.height() as usize);
    Some(rows.filter_map(|line| line.get(..row)).flatten().copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_still_has_a_name_of_its_own() {
        let names = |files: &[&str]| {
            let stills: Vec<_> =
                files.iter().map(|f| StillInput { path: PathBuf::from(f), scale: None }).collect();
            stems(&stills)
        };
        assert_eq!(names(&["x/a.png", "x/b.jpg"]), ["a", "b"]);
        assert_eq!(names(&["a.bmp", "a.png", "b.png"]), ["a.bmp", "a.png", "b"]);
        assert_eq!(names(&["a.bmp", "a.png", "a.png.jpg"]), ["a.bmp", "a.png", "a.png_"]);
    }
}

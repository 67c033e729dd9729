//! A phantom's clip with its truth beside it.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use gst::prelude::*;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use serde::{Deserialize, Serialize};
use vesalius_ledger::summary::write_json;
use vesalius_phantom::scenes::{ClipRecord, FrameMeasures, FrameRecord, Phantom, PixelFormat, SceneOptions};
use vesalius_phantom::{FetalHeadScene, FrameTruth};

use crate::coder::Coder;
use crate::encode::{self, Coding, make};
use crate::error::ReplayError;
use crate::replay::{Control, MASKS};

/// Name of the clip.
pub const CLIP: &str = "clip.mp4";
/// Name of the truth.
pub const TRUTH: &str = "truth.json";
/// Name of the truth as a table.
pub const TRUTH_TABLE: &str = "truth.csv";
/// Name of the folder of single pictures.
pub const STILLS: &str = "images";
/// Name of the clip of the masks.
pub const MASK_CLIP: &str = "mask.mkv";

/// What is written beside the clip of a fetal head.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TruthFile {
    /// The options that the clip was rendered from.
    pub scene: FetalHeadScene,
    /// The truth of each frame.
    pub frames: Vec<FrameTruth>,
}

/// What is written beside the clip of any other scene.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SceneTruthFile {
    /// The options that the clip was rendered from.
    pub options: SceneOptions,
    /// The truth over the clip.
    pub clip: ClipRecord,
    /// The truth of each frame.
    pub frames: Vec<FrameRecord>,
}

/// How a phantom is written.
#[derive(Clone, Debug)]
pub struct PhantomOptions {
    /// Frames.
    pub frames: u64,
    /// Whether the mask of each frame is written.
    pub masks: bool,
    /// Whether each frame is written as a PNG, without the losses of video.
    pub stills: bool,
    /// Whether a lossless clip of the masks is written: the classes 1, 2 and 3 in its red, green and blue.
    pub mask_clip: bool,
}

/// Renders a fetal head into a folder, which is made where it is missing, and returns the clip's path.
///
/// # Errors
///
/// [`ReplayError`].
pub fn render(
    scene: &FetalHeadScene,
    options: &PhantomOptions,
    out: &Path,
    control: &mut Control<'_>,
) -> Result<PathBuf, ReplayError> {
    let phantom = scene.prepare()?;
    let (clip, records) = render_clip(&phantom, options, out, control)?;
    let truths: Vec<FrameTruth> = records
        .into_iter()
        .filter_map(|record| match record.measures {
            FrameMeasures::FetalHead(truth) => Some(truth),
            _ => None,
        })
        .collect();
    write_table(&out.join(TRUTH_TABLE), &truths)?;
    let path = out.join(TRUTH);
    write_json(&path, &TruthFile { scene: scene.clone(), frames: truths })
        .map_err(|source| ReplayError::Output { path, source })?;
    Ok(clip)
}

/// Renders any scene into a folder, which is made where it is missing, and returns the clip's path.
///
/// # Errors
///
/// [`ReplayError`].
pub fn render_scene(
    scene: &SceneOptions,
    options: &PhantomOptions,
    out: &Path,
    control: &mut Control<'_>,
) -> Result<PathBuf, ReplayError> {
    let phantom = scene.prepare()?;
    let (clip, frames) = render_clip(phantom.as_ref(), options, out, control)?;
    let path = out.join(TRUTH);
    let truth = SceneTruthFile { options: scene.clone(), clip: phantom.clip(frames.len() as u64), frames };
    write_json(&path, &truth).map_err(|source| ReplayError::Output { path, source })?;
    Ok(clip)
}

fn output(path: &Path) -> impl Fn(std::io::Error) -> ReplayError {
    let path = path.to_owned();
    move |source| ReplayError::Output { path: path.clone(), source }
}

/// Renders and codes the frames; returns the clip and the truth of each of its frames.
fn render_clip(
    phantom: &dyn Phantom,
    options: &PhantomOptions,
    out: &Path,
    control: &mut Control<'_>,
) -> Result<(PathBuf, Vec<FrameRecord>), ReplayError> {
    let folder = |name: &str| -> Result<PathBuf, ReplayError> {
        let path = out.join(name);
        std::fs::create_dir_all(&path).map_err(output(&path))?;
        Ok(path)
    };
    let out = folder("")?;
    let masks = options.masks.then(|| folder(MASKS)).transpose()?;
    let stills = options.stills.then(|| folder(STILLS)).transpose()?;
    let clip = out.join(CLIP);
    let [width, height] = phantom.size_px();
    let size = (width, height);
    let rate = gst::Fraction::approximate_f64(phantom.frame_rate_hz()).ok_or_else(|| {
        ReplayError::Encode { path: clip.clone(), message: "its frame rate cannot be written".to_owned() }
    })?;
    let coder =
        Coder::start(size, rate, &clip, |pipeline| encode::add(pipeline, Coding::of(width, height), &clip))?;
    let mask_clip = out.join(MASK_CLIP);
    let mask_coder = options
        .mask_clip
        .then(|| Coder::start(size, rate, &mask_clip, |pipeline| add_lossless(pipeline, &mask_clip)))
        .transpose()?;

    let stop = AtomicBool::new(false);
    let mut records = Vec::new();
    for index in 0..options.frames {
        let frame = phantom.render(index);
        let name = format!("{index:06}.png");
        if let Some(folder) = &stills {
            write_png(&folder.join(&name), &frame.pixels, frame.format, (width, height))?;
        }
        if let Some(folder) = &masks {
            write_png(&folder.join(&name), &frame.mask, PixelFormat::Gray8, (width, height))?;
        }
        records.push(frame.truth);
        let (pts, next) = (phantom.pts_ns(index), phantom.pts_ns(index + 1));
        let planes =
            || frame.mask.iter().flat_map(|class| [1, 2, 3].map(|c| if *class == c { 255 } else { 0 }));
        let mask_taken = mask_coder
            .as_ref()
            .is_none_or(|coder| coder.push(planes().collect(), gst_video::VideoFormat::Rgb, pts, next));
        if !coder.push(frame.pixels, video_format(frame.format), pts, next) || !mask_taken {
            break;
        }
        if control.tell(&clip, index + 1, Some((index + 1) as f64 / options.frames.max(1) as f64)) {
            stop.store(true, Ordering::Release);
            break;
        }
    }
    coder.finish(&stop)?;
    if let Some(coder) = mask_coder {
        coder.finish(&stop)?;
    }
    Ok((clip, records))
}

fn video_format(format: PixelFormat) -> gst_video::VideoFormat {
    match format {
        PixelFormat::Gray8 => gst_video::VideoFormat::Gray8,
        PixelFormat::Rgb24 => gst_video::VideoFormat::Rgb,
    }
}

/// `videoconvert ! avenc_ffv1 ! matroskamux ! filesink`: every byte comes back. Returns the first element.
fn add_lossless(pipeline: &gst::Pipeline, location: &Path) -> Result<gst::Element, ReplayError> {
    let convert = make("videoconvert", "gstreamer1.0-plugins-base")?;
    let filter = make("capsfilter", "libgstreamer1.0-0")?;
    // Without a change of colour space, which would round.
    filter.set_property("caps", gst::Caps::builder("video/x-raw").field("format", "BGRA").build());
    let coder = make("avenc_ffv1", "gstreamer1.0-libav")?;
    let mux = make("matroskamux", "gstreamer1.0-plugins-good")?;
    let sink = make("filesink", "libgstreamer1.0-0")?;
    sink.set_property("location", location.to_string_lossy().as_ref());
    sink.set_property("async", false);
    let failed = |_| ReplayError::Encode {
        path: location.to_owned(),
        message: "its elements cannot be linked".to_owned(),
    };
    let all = [&convert, &filter, &coder, &mux, &sink];
    pipeline.add_many(all).map_err(failed)?;
    gst::Element::link_many(all).map_err(failed)?;
    Ok(convert)
}

/// Reads the truth beside a fetal head's clip.
///
/// # Errors
///
/// [`ReplayError::Read`].
pub fn read_truth(path: &Path) -> Result<TruthFile, ReplayError> {
    let fail = |source| ReplayError::Read { path: path.to_owned(), source };
    let text = std::fs::read(path).map_err(fail)?;
    serde_json::from_slice(&text).map_err(|e| fail(e.into()))
}

fn write_table(path: &Path, truths: &[FrameTruth]) -> Result<(), ReplayError> {
    let fail = |e: csv::Error| ReplayError::Output { path: path.to_owned(), source: e.into() };
    let mut writer = csv::Writer::from_path(path).map_err(fail)?;
    for truth in truths {
        writer.serialize(truth).map_err(fail)?;
    }
    writer.flush().map_err(output(path))
}

fn write_png(
    path: &Path,
    pixels: &[u8],
    format: PixelFormat,
    (width, height): (u32, u32),
) -> Result<(), ReplayError> {
    let color = match format {
        PixelFormat::Gray8 => ExtendedColorType::L8,
        PixelFormat::Rgb24 => ExtendedColorType::Rgb8,
    };
    let file = BufWriter::new(File::create(path).map_err(output(path))?);
    PngEncoder::new_with_quality(file, CompressionType::Fast, FilterType::Up)
        .write_image(pixels, width, height, color)
        .map_err(|e| output(path)(std::io::Error::other(e.to_string())))
}

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
use vesalius_phantom::{FetalHeadScene, FrameTruth};

use crate::bus::{self, End, Heard};
use crate::collect::Position;
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

/// What is written beside a clip.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TruthFile {
    /// The options that the clip was rendered from.
    pub scene: FetalHeadScene,
    /// The truth of each frame.
    pub frames: Vec<FrameTruth>,
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
}

/// Renders a scene into a folder, which is made where it is missing, and returns the clip's path.
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
    let folder = |name: &str| -> Result<PathBuf, ReplayError> {
        let path = out.join(name);
        std::fs::create_dir_all(&path)
            .map_err(|source| ReplayError::Output { path: path.clone(), source })?;
        Ok(path)
    };
    let out = folder("")?;
    let masks = options.masks.then(|| folder(MASKS)).transpose()?;
    let stills = options.stills.then(|| folder(STILLS)).transpose()?;
    let clip = out.join(CLIP);

    let pipeline = gst::Pipeline::new();
    let failed = |message: &str| ReplayError::Encode { path: clip.clone(), message: message.to_owned() };
    let size = (scene.width_px, scene.height_px);
    let rate = gst::Fraction::approximate_f64(scene.frame_rate_hz)
        .ok_or_else(|| failed("its frame rate cannot be written"))?;
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Gray8, size.0, size.1)
        .fps(rate)
        .build()
        .map_err(|_| failed("its size cannot be written"))?;
    let caps = info.to_caps().map_err(|_| failed("its size cannot be written"))?;
    let source =
        gst_app::AppSrc::builder().caps(&caps).format(gst::Format::Time).block(true).max_buffers(3).build();
    // Named as the ends of other pipelines are.
    let pass = make("identity", "libgstreamer1.0-0")?;
    let linked = |_| failed("its elements cannot be linked");
    pipeline.add_many([source.upcast_ref::<gst::Element>(), &pass]).map_err(linked)?;
    let coder = encode::add(&pipeline, Coding::of(size.0, size.1), &clip)?;
    gst::Element::link_many([source.upcast_ref(), &pass, &coder]).map_err(linked)?;
    if pipeline.set_state(gst::State::Playing).is_err() {
        let said =
            bus::startup_error(&pipeline).map_or_else(|| "it does not start".to_owned(), |e| e.message);
        let _ = pipeline.set_state(gst::State::Null);
        return Err(failed(&said));
    }
    let stop = AtomicBool::new(false);
    let mut truths = Vec::new();
    let stride = info.stride().first().copied().and_then(|s| usize::try_from(s).ok()).unwrap_or(0);
    for index in 0..options.frames {
        let frame = phantom.render(index);
        let name = format!("{index:06}.png");
        if let Some(folder) = &stills {
            write_gray(&folder.join(&name), &frame.gray8, size)?;
        }
        if let Some(folder) = &masks {
            write_gray(&folder.join(&name), &frame.truth.mask(), size)?;
        }
        truths.push(frame.truth);
        let mut padded = vec![0; stride * size.1 as usize];
        let width = size.0 as usize;
        for (to, from) in padded.chunks_mut(stride.max(1)).zip(frame.gray8.chunks(width.max(1))) {
            if let Some(to) = to.get_mut(..from.len()) {
                to.copy_from_slice(from);
            }
        }
        let mut buffer = gst::Buffer::from_mut_slice(padded);
        let at = |i: u64| {
            gst::ClockTime::SECOND
                .mul_div_round(
                    i * u64::from(rate.denom().unsigned_abs()),
                    u64::from(rate.numer().unsigned_abs().max(1)),
                )
                .unwrap_or_default()
        };
        let writable = buffer.make_mut();
        writable.set_pts(at(index));
        writable.set_duration(at(index + 1) - at(index));
        if source.push_buffer(buffer).is_err() {
            break;
        }
        if control.tell(&clip, index + 1, Some((index + 1) as f64 / options.frames.max(1) as f64)) {
            stop.store(true, Ordering::Release);
            break;
        }
    }
    let _ = source.end_of_stream();
    let end = bus::run(&pipeline, &mut Heard::default(), &stop, &Position::default(), || false);
    let _ = pipeline.set_state(gst::State::Null);
    if let End::Error(error) = end {
        return Err(failed(&error.message));
    }
    write_table(&out.join(TRUTH_TABLE), &truths)?;
    let path = out.join(TRUTH);
    write_json(&path, &TruthFile { scene: scene.clone(), frames: truths })
        .map_err(|source| ReplayError::Output { path, source })?;
    Ok(clip)
}

/// Reads the truth beside a clip.
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
    writer.flush().map_err(|source| ReplayError::Output { path: path.to_owned(), source })
}

fn write_gray(path: &Path, pixels: &[u8], (width, height): (u32, u32)) -> Result<(), ReplayError> {
    let fail = |source: std::io::Error| ReplayError::Output { path: path.to_owned(), source };
    let file = BufWriter::new(File::create(path).map_err(fail)?);
    PngEncoder::new_with_quality(file, CompressionType::Fast, FilterType::Up)
        .write_image(pixels, width, height, ExtendedColorType::L8)
        .map_err(|e| fail(std::io::Error::other(e.to_string())))
}

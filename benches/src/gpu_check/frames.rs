//! Frames of full HD that stay on the device: NV12 in, NV12 with outlines and values out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use vesalius_cuda::kernels::Blender;
use vesalius_cuda::{DeviceBuffer, DevicePicture, Kernels};
use vesalius_draw::{Layer, Style, draw_result};
use vesalius_engine::{DeviceWorker, Engine, Provider, Worker};
use vesalius_measure::calibration::{Calibration, CalibrationSource, Scale};
use vesalius_measure::frame::{ColorMatrix, ColorRange, Frame, PixelFormat};
use vesalius_measure::protocol::{ProtocolConfig, Session};
use vesalius_measure::result::{FrameResult, Reason, ResultStatus};
use vesalius_phantom::FetalHeadScene;

use super::parity::{Difference, options};
use super::report::{Row, Verdict};

const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;

/// Frames that are taken in turn, so that a frame is not found in a cache with what was drawn on it.
const POOL: usize = 8;

/// Frames before the clock runs.
const WARM_UP: usize = 50;

/// Goals on a GPU of the class of an H100, milliseconds.
const GOAL_P50_MS: f64 = 0.8;
const GOAL_P999_MS: f64 = 1.2;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// An engine on frames on the device: the same answer as from the computer's memory, no copies, and how long it takes.
pub fn rows(engine: &Engine, kernels: &Kernels, frames: usize) -> Vec<Row> {
    let what = format!("{}, frames on the device", engine.name());
    match run(engine, kernels, frames) {
        Ok(rows) => rows,
        Err(error) => vec![Row::new(what, Verdict::Failed, error.to_string())],
    }
}

/// A phantom as NV12 in limited range.
fn nv12(index: u64) -> Outcome<Vec<u8>> {
    let scene = FetalHeadScene {
        width_px: WIDTH as u32,
        height_px: HEIGHT as u32,
        mm_per_px_x: 0.1,
        mm_per_px_y: 0.1,
        ..FetalHeadScene::default()
    };
    let gray = scene.prepare()?.render(index).gray8;
    let mut bytes: Vec<u8> = gray.iter().map(|&v| (16 + u32::from(v) * 219 / 255) as u8).collect();
    bytes.resize(WIDTH * HEIGHT * 3 / 2, 128);
    Ok(bytes)
}

fn run(engine: &Engine, kernels: &Kernels, frames: usize) -> Outcome<Vec<Row>> {
    let context = kernels.context();
    let device = context.device().ordinal;
    let options = options(Provider::Cuda, device);
    let mut worker = DeviceWorker::new(engine, &options, kernels)?;
    let stream = worker.stream().clone();
    let mut pictures = Vec::new();
    let mut sources = Vec::new();
    for index in 0..POOL {
        let bytes = nv12(5 * index as u64)?;
        let buffer = DeviceBuffer::new(context, bytes.len())?;
        let mut work = stream.begin();
        work.upload(&buffer, 0, &bytes)?;
        work.finish()?.block()?;
        let planes = [(0, WIDTH), (WIDTH * HEIGHT, WIDTH)];
        let picture = DevicePicture::new(&buffer, PixelFormat::Nv12.into(), WIDTH, HEIGHT, &planes)?
            .with_colorimetry(ColorRange::Limited, ColorMatrix::Bt709);
        pictures.push(picture);
        sources.push(bytes);
    }
    let mut rows = vec![same_answer(engine, &mut worker, &options, &pictures, &sources)?];

    let mut blender = Blender::new(kernels, &stream, WIDTH, HEIGHT)?;
    let scale = Scale::Uniform(Arc::new(Calibration::parse("0.1", CalibrationSource::Phantom)?));
    let mut protocol = Session::new(&ProtocolConfig::from_name(&engine.identity().protocol)?);
    let (style, mut layer) = (Style::default(), Layer::new(WIDTH, HEIGHT)?);
    let mut times = Vec::with_capacity(frames);
    let mut before = context.counters();
    for i in 0..frames + WARM_UP {
        if i == WARM_UP {
            before = context.counters();
        }
        let Some(picture) = pictures.get(i % POOL) else { continue };
        let start = Instant::now();
        let output = worker.process(picture, None, (1, 1))?;
        let mut result =
            FrameResult::missing(engine.identity().clone(), 33_000_000 * i as u64, Reason::NoResultYet);
        result.status = ResultStatus::Ok;
        result.geometry = Some(output.geometry);
        result.classes = output.classes;
        protocol.measure(&mut result, &scale, None);
        layer.clear();
        draw_result(&mut layer, &result, &style);
        let mut work = stream.begin();
        blender.blend(&mut work, &layer, picture)?;
        work.finish()?.block()?;
        if i >= WARM_UP {
            times.push(start.elapsed());
        }
    }
    let after = context.counters();
    let copies = (after.frames_uploaded - before.frames_uploaded)
        + (after.frames_downloaded - before.frames_downloaded);
    let allocations = after.allocations - before.allocations;
    let verdict = if copies + allocations == 0 { Verdict::Passed } else { Verdict::Failed };
    let per_frame = |now: u64, then: u64| (now - then) as f64 / frames.max(1) as f64;
    let (up, down) =
        (per_frame(after.bytes_up, before.bytes_up), per_frame(after.bytes_down, before.bytes_down));
    let found = format!(
        "{copies} frames copied and {allocations} allocations in {frames} frames; a frame: {:.0} KiB up (drawing), \
         {:.0} KiB down (maps)",
        up / 1024.0,
        down / 1024.0
    );
    let numbers = json!({
        "frames": frames, "frame_copies": copies, "allocations": allocations, "bytes_up": up, "bytes_down": down,
    });
    rows.push(Row::new(format!("{}, copies", engine.name()), verdict, found).with(numbers));
    rows.push(latency(engine.name(), times));
    Ok(rows)
}

/// The answer from the device beside that of the same provider from the computer's memory: the same bits go into the
/// network, so the same should come out.
fn same_answer(
    engine: &Engine,
    worker: &mut DeviceWorker,
    options: &vesalius_engine::SessionOptions,
    pictures: &[DevicePicture],
    sources: &[Vec<u8>],
) -> Outcome<Row> {
    let mut here = Worker::new(engine, options)?;
    let mut difference = Difference::NONE;
    for (picture, bytes) in pictures.iter().zip(sources) {
        let (luma, chroma) = bytes.split_at(WIDTH * HEIGHT);
        let frame = Frame::new(PixelFormat::Nv12, WIDTH, HEIGHT, &[(luma, WIDTH), (chroma, WIDTH)])?
            .with_colorimetry(ColorRange::Limited, ColorMatrix::Bt709);
        let (expected, found) = (here.process(&frame, (1, 1))?, worker.process(picture, None, (1, 1))?);
        difference.take(&found.classes, &expected.classes);
    }
    let found = format!(
        "{} frames: probabilities differ by at most {:.1e}, smallest Dice of masks {:.5}",
        pictures.len(),
        difference.probability,
        difference.dice
    );
    let verdict = if difference.is_small() { Verdict::Passed } else { Verdict::Failed };
    let numbers = json!({ "largest_difference": difference.probability, "smallest_dice": difference.dice });
    Ok(Row::new(format!("{}, device against host memory", engine.name()), verdict, found).with(numbers))
}

fn latency(engine: &str, mut times: Vec<Duration>) -> Row {
    times.sort();
    let at = |q: f64| {
        let rank = ((q * times.len() as f64).ceil() as usize).clamp(1, times.len().max(1)) - 1;
        times.get(rank).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    };
    let found = format!(
        "p50 {:.3}, p95 {:.3}, p99 {:.3}, p99.9 {:.3}, max {:.3} ms of {} frames (goals: p50 {GOAL_P50_MS}, \
         p99.9 {GOAL_P999_MS})",
        at(0.5),
        at(0.95),
        at(0.99),
        at(0.999),
        at(1.0),
        times.len()
    );
    let numbers = json!({
        "p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99), "p999_ms": at(0.999), "max_ms": at(1.0),
        "goal_p50_ms": GOAL_P50_MS, "goal_p999_ms": GOAL_P999_MS,
    });
    // A goal belongs to one class of GPU, so it is no verdict here.
    Row::new(format!("{engine}, 1080p NV12 to NV12 with overlay and values"), Verdict::Measured, found)
        .with(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks() {
        let times = (1..=1000).map(Duration::from_millis).collect();
        let row = latency("x", times);
        assert!(
            format!("{row:?}").contains("p50 500.000, p95 950.000, p99 990.000, p99.9 999.000"),
            "{row:?}"
        );
    }
}

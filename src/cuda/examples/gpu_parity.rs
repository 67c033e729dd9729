//! Every kernel on a GPU, against the references that it has on the CPU, and how long each takes.
//!
//! ```text
//! cargo run --release -p vesalius-cuda --example gpu_parity [-- CASES [DEVICE]]
//! ```
//!
//! Ends with 0 when everything is the same to the last bit, with 1 when something differs, and where there is no GPU
//! says `no GPU: ` and why, and ends with 0.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/device/parity/mod.rs"]
mod parity;

use std::process::ExitCode;

use parity::{Compared, Outcome, Rig, text};
use vesalius_cuda::kernels::{
    Blender, ClassSums, EdgeBand, Floats, InputColor, InputRule, OutputKind, OutputRule, Postprocessor,
    Preprocessor, ShiftFinder, SourceLabels,
};
use vesalius_cuda::{
    Compiler, Context, CubinCache, Cuda, CudaError, DevicePicture, Kernels, Stream, SurfaceFormat, Timer,
    Work,
};
use vesalius_draw::{Color, Layer, Stroke};
use vesalius_measure::frame::{ColorMatrix, ColorRange, PixelFormat};
use vesalius_measure::geometry::{Geometry, PixelRect, PointInFrame, ResizeRule};

/// The case that is timed: a network of 256×256 on full HD.
const SIZE: (usize, usize) = (1920, 1080);
const MODEL: (u32, u32) = (256, 256);
/// Measured so often; the median counts.
const RUNS: usize = 200;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let cases = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(300);
    let device = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let cuda = match Cuda::probe() {
        Ok(cuda) => cuda,
        Err(off) => {
            println!("no GPU: {off}");
            return ExitCode::SUCCESS;
        }
    };
    match run(&cuda, device, cases) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cuda: &Cuda, device: i32, cases: usize) -> Outcome<bool> {
    let context = Context::primary(cuda, device).map_err(text)?;
    let version = cuda.driver_version();
    println!(
        "{}, sm_{}, driver for CUDA {}.{}",
        context.device().name,
        context.device().arch(),
        version / 1000,
        version % 1000 / 10
    );
    let compiler = Compiler::new(None, CubinCache::standard());
    let kernels = Kernels::load(&context, &compiler).map_err(text)?;
    let rig = Rig { stream: Stream::new(&context).map_err(text)?, kernels };
    let mut all_same = true;
    type Run = fn(&Rig, usize, u64) -> Outcome<Compared>;
    let suites: [(&str, Run, usize); 5] = [
        ("preprocess.cu", parity::preprocess::run, cases),
        ("labels.cu", parity::labels::run, cases),
        ("blend.cu", parity::blend::run, cases),
        ("reduce.cu", parity::sums::run, cases),
        ("shift.cu", parity::shift::run, cases.div_ceil(5)),
    ];
    for (name, run, cases) in suites {
        match run(&rig, cases, 1) {
            Ok(Compared { cases, values }) => {
                println!("{name}: {values} values of {cases} cases are the same to the last bit")
            }
            Err(error) => {
                all_same = false;
                println!("{name}: DIFFERS: {error}");
            }
        }
    }
    time(&rig)?;
    println!("{:?}", context.counters());
    Ok(all_same)
}

/// Median and 99th percentile of what the device needs, microseconds.
fn measure(
    rig: &Rig,
    name: &str,
    mut act: impl FnMut(&mut Work<'_>) -> Result<(), CudaError>,
) -> Outcome<()> {
    let timer = Timer::new(rig.stream.context()).map_err(text)?;
    let mut times = Vec::new();
    for run in 0..RUNS + 10 {
        let time = timer.measure(&rig.stream, || {
            let mut work = rig.stream.begin();
            act(&mut work)?;
            work.finish().map(drop)
        });
        // The first ones warm up.
        let time = time.map_err(text)?;
        if run >= 10 {
            times.push(time * 1000.0);
        }
    }
    times.sort_by(f32::total_cmp);
    println!("{name:<44} p50 {:>8.1} us  p99 {:>8.1} us", times[RUNS / 2], times[RUNS * 99 / 100]);
    Ok(())
}

fn time(rig: &Rig) -> Outcome<()> {
    let (width, height) = SIZE;
    let layouts = |format: PixelFormat| {
        let mut end = 0;
        let planes: Vec<(usize, usize)> = (0..format.planes())
            .map(|plane| {
                let layout = format.plane_layout(plane, width, height);
                let at = (end, layout.row_bytes);
                end += layout.row_bytes * layout.rows;
                at
            })
            .collect();
        (planes, end)
    };
    let mut random = parity::Random::new(7);
    let geometry =
        Geometry::new((width as u32, height as u32), MODEL, ResizeRule::Letterbox, (1, 1)).unwrap();
    println!("{width}x{height} pixels, a model of {}x{}, {RUNS} runs each, by events:", MODEL.0, MODEL.1);
    let picture = |format: PixelFormat, random: &mut parity::Random| -> Outcome<DevicePicture> {
        let (planes, bytes) = layouts(format);
        let buffer = rig.upload(&random.bytes(bytes))?;
        let picture = DevicePicture::new(&buffer, SurfaceFormat::Pixels(format), width, height, &planes);
        Ok(picture.map_err(text)?.with_colorimetry(ColorRange::Limited, ColorMatrix::Bt709))
    };
    let (nv12, rgba) = (picture(PixelFormat::Nv12, &mut random)?, picture(PixelFormat::Rgba, &mut random)?);

    let rule = InputRule {
        width: MODEL.0,
        height: MODEL.1,
        channels_last: false,
        color: InputColor::Rgb,
        range: [0.0, 1.0],
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
        pad: 0,
        floats: Floats::F32,
    };
    let tensor = rig.buffer(rule.bytes())?;
    for (name, picture) in [("NV12", &nv12), ("RGBA", &rgba)] {
        let mut preprocessor = Preprocessor::new(&rig.kernels, &rig.stream, &rule).map_err(text)?;
        measure(rig, &format!("preprocess {name}"), |work| {
            preprocessor.process(work, picture, &geometry, &tensor)
        })?;
    }

    let rule = OutputRule {
        width: MODEL.0,
        height: MODEL.1,
        channels_last: false,
        kind: OutputKind::Softmax,
        channels: 3,
        thresholds: vec![0.5; 2],
    };
    let pixels = (MODEL.0 * MODEL.1) as usize;
    let scores: Vec<u8> = (0..3)
        .flat_map(|_| random.field(MODEL.0 as usize, MODEL.1 as usize))
        .flat_map(|v| ((v - 0.5) * 10.0).to_ne_bytes())
        .collect();
    let output = rig.upload(&scores)?;
    let mut post = Postprocessor::new(&rig.kernels, &rig.stream, &rule).map_err(text)?;
    measure(rig, "probabilities and labels", |work| post.probabilities(work, &output, &geometry).map(drop))?;
    let mask = || {
        SourceLabels::new(&rig.buffer(width * height)?, width as u32, width as u32, height as u32)
            .map_err(text)
    };
    let (labels, edges) = (mask()?, mask()?);
    measure(rig, "labels of the source", |work| post.label_source(work, &geometry, &labels))?;
    measure(rig, "edges of the source", |work| post.edges(work, &labels, &edges))?;
    let capacity = pixels as u32 / 8;
    let band = rig.buffer(EdgeBand::bytes(MODEL.0, MODEL.1, capacity))?;
    measure(rig, "edge of a class to the host", |work| {
        post.edge_band(work, &geometry, 1, &band, capacity).map(drop)
    })?;
    let sums = ClassSums::new(&rig.kernels, &rig.stream, 2).map_err(text)?;
    let field = PixelRect { x: 0, y: 0, width: width as u32, height: height as u32 };
    measure(rig, "sums of the source's classes to the host", |work| {
        sums.sum(work, &labels, field).map(drop)
    })?;

    let mut layer = Layer::new(width, height).unwrap();
    let points: Vec<PointInFrame> = (0..200)
        .map(|i| {
            let angle = f64::from(i) * std::f64::consts::TAU / 200.0;
            PointInFrame { x_px: 960.0 + 300.0 * angle.cos(), y_px: 540.0 + 220.0 * angle.sin() }
        })
        .collect();
    layer.fill([points.as_slice()], Color::SKY_BLUE.with_alpha(60));
    layer.polyline(points, true, &Stroke::new(Color::SKY_BLUE, 3.0));
    let tiles = layer.drawn_tiles().count();
    for (name, picture) in [("NV12", &nv12), ("RGBA", &rgba)] {
        let mut blender = Blender::new(&rig.kernels, &rig.stream, width, height).map_err(text)?;
        measure(rig, &format!("blend {name}, {tiles} tiles with upload"), |work| {
            blender.blend(work, &layer, picture)
        })?;
        measure(rig, &format!("tint {name}"), |work| {
            blender.tint(work, &labels, &[Color::SKY_BLUE.with_alpha(60), Color::ORANGE], picture)
        })?;
    }
    let mut finder = ShiftFinder::new(&rig.kernels, &rig.stream, width, height, 64).map_err(text)?;
    measure(rig, "shift of the picture to the host", |work| finder.push(work, &nv12).map(drop))
}

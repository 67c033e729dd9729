//! Times the stages of an engine on 1080p pictures: `cargo run --release --example stages -- ENGINE [THREADS] [spin]`.

use std::error::Error;

use vesalius_engine::{Engine, Registry, SessionOptions, Worker};
use vesalius_measure::frame::{ColorMatrix, ColorRange, Frame, PixelFormat};

const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;
const RUNS: usize = 100;

/// Median and 95th percentile in milliseconds.
fn percentiles(mut nanos: Vec<u64>) -> (f64, f64) {
    nanos.sort_unstable();
    let at =
        |share: f64| nanos.get((nanos.len() as f64 * share) as usize).map_or(f64::NAN, |&n| n as f64 / 1e6);
    (at(0.5), at(0.95))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("which engine? give a name or a folder")?;
    let threads = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let spinning = arguments.next().is_some_and(|text| text == "spin");
    let engine = Engine::open(&Registry::standard().find(&name)?)?;
    let mut worker =
        Worker::new(&engine, &SessionOptions { threads, spinning, ..SessionOptions::default() })?;
    if let Some(runtime) = vesalius_engine::runtime::loaded() {
        println!("ONNX Runtime {} ({})", runtime.version, runtime.path.display());
    }
    println!("{name}, {threads} threads, {RUNS} pictures of {WIDTH}x{HEIGHT}; median / p95 in ms");
    println!("{:6} {:>17} {:>17} {:>17}", "", "preprocess", "inference", "postprocess");
    for format in
        [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Rgb, PixelFormat::Bgrx, PixelFormat::Gray8]
    {
        let planes: Vec<(Vec<u8>, usize)> = (0..format.planes())
            .map(|plane| {
                let layout = format.plane_layout(plane, WIDTH, HEIGHT);
                let stride = layout.row_bytes + 64;
                let byte = |i: usize| {
                    let (x, y) = (
                        (i % stride) as f64 / layout.row_bytes as f64,
                        (i / stride) as f64 / layout.rows as f64,
                    );
                    let ring = ((x - 0.5).hypot(y - 0.5) - 0.3).abs();
                    (30.0 + 200.0 * (-ring * ring * 400.0).exp() + (i * 7_919 % 20) as f64) as u8
                };
                ((0..stride * layout.rows).map(byte).collect(), stride)
            })
            .collect();
        let views: Vec<(&[u8], usize)> =
            planes.iter().map(|(data, stride)| (data.as_slice(), *stride)).collect();
        let frame = Frame::new(format, WIDTH, HEIGHT, &views)?
            .with_colorimetry(ColorRange::Limited, ColorMatrix::Bt709);
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for run in 0..RUNS + 3 {
            let found = worker.process(&frame, (1, 1))?.times;
            if run < 3 {
                continue;
            }
            for (times, stage) in
                times.iter_mut().zip([found.preprocess_ns, found.inference_ns, found.postprocess_ns])
            {
                times.extend(stage);
            }
        }
        let cells = times.map(percentiles).map(|(median, p95)| format!("{median:8.3}/{p95:8.3}"));
        println!("{:6} {}", format!("{format:?}"), cells.join(" "));
    }
    Ok(())
}

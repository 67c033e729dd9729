//! Draws a made-up result on a made-up gray picture at several sizes, writes the PNGs and says how long it took.
//!
//! `cargo run --release -p vesalius-draw --example sample_overlay -- OUT_FOLDER`

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use vesalius_draw::{Layer, Style, blend, draw_result, rectangles};
use vesalius_measure::frame::{ColorMatrix, ColorRange, FrameMut, PixelFormat};
use vesalius_measure::result::{FrameResult, Reason};

#[path = "../tests/scene/mod.rs"]
mod scene;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "out/overlay".to_owned()));
    std::fs::create_dir_all(&out)?;
    let style = Style::default();
    let found = |w, h| scene::head(w, h, scene::Case::Found);
    write(&out, "found", 1920, 1080, &found(1920, 1080), &style)?;
    write(&out, "found", 800, 540, &found(800, 540), &style)?;
    write(&out, "found", 208, 208, &found(208, 208), &style)?;
    write(&out, "found", 3840, 2160, &found(3840, 2160), &style)?;
    write(&out, "cut", 800, 540, &scene::head(800, 540, scene::Case::Cut), &style)?;
    write(&out, "uncalibrated", 800, 540, &scene::head(800, 540, scene::Case::Uncalibrated), &style)?;
    write(&out, "nothing", 800, 540, &scene::head(800, 540, scene::Case::NothingFound), &style)?;
    let missing = FrameResult::missing(found(8, 8).engine, 0, Reason::Stale);
    write(&out, "missing", 800, 540, &missing, &style)?;
    let filled = Style { fill_opacity: 0.25, ..Style::default() };
    write(&out, "filled", 800, 540, &found(800, 540), &filled)?;
    let clear = ["0,0,1,0.08", "0,0.85,1,0.15", "0,0,0.06,1"];
    let clear = Style {
        keep_clear: clear.map(str::parse).into_iter().collect::<Result<_, _>>()?,
        ..Style::default()
    };
    write(&out, "clear", 800, 540, &found(800, 540), &clear)?;
    time(&found(1920, 1080), &style)
}

fn write(
    out: &std::path::Path,
    name: &str,
    width: usize,
    height: usize,
    result: &FrameResult,
    style: &Style,
) -> Result<(), Box<dyn Error>> {
    let gray = scene::background(width, height);
    let mut rgb: Vec<u8> = gray.iter().flat_map(|&v| [v; 3]).collect();
    let mut layer = Layer::new(width, height)?;
    draw_result(&mut layer, result, style);
    let mut frame = FrameMut::new(PixelFormat::Rgb, width, height, [(rgb.as_mut_slice(), 3 * width)])?;
    blend(&layer, &mut frame)?;
    let path = out.join(format!("{name}_{width}x{height}.png"));
    image::save_buffer(&path, &rgb, width as u32, height as u32, image::ColorType::Rgb8)?;
    println!("{}: {layer:?}, {} rectangles", path.display(), rectangles(&layer).len());
    Ok(())
}

/// Draws and blends on a 1080p I420 frame, as a stream does, and prints percentiles.
fn time(result: &FrameResult, style: &Style) -> Result<(), Box<dyn Error>> {
    let (width, height) = (1920, 1080);
    let mut y = scene::background(width, height);
    let (mut u, mut v) = (vec![128_u8; width * height / 4], vec![128_u8; width * height / 4]);
    let mut layer = Layer::new(width, height)?;
    let (mut drawing, mut blending, mut cutting) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..1000 {
        let start = Instant::now();
        layer.clear();
        draw_result(&mut layer, result, style);
        let drawn = Instant::now();
        let planes =
            [(y.as_mut_slice(), width), (u.as_mut_slice(), width / 2), (v.as_mut_slice(), width / 2)];
        let mut frame = FrameMut::new(PixelFormat::I420, width, height, planes)?
            .with_colorimetry(ColorRange::Limited, ColorMatrix::Bt709);
        blend(&layer, &mut frame)?;
        let blended = Instant::now();
        let count = rectangles(&layer).len();
        cutting.push(blended.elapsed());
        drawing.push(drawn - start);
        blending.push(blended - drawn);
        std::hint::black_box(count);
    }
    let whole = drawing.iter().zip(&blending).map(|(a, b)| *a + *b).collect();
    println!("1080p I420, {:?}:", layer);
    for (name, mut times) in [
        ("draw", drawing),
        ("blend", blending),
        ("draw and blend", whole),
        ("rectangles instead of blend", cutting),
    ] {
        times.sort_unstable();
        let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or(Duration::ZERO);
        println!("  {name}: least {:?}, p50 {:?}, p95 {:?}", at(0), at(50), at(95));
    }
    Ok(())
}

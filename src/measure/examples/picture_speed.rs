//! Time to look at a picture: `cargo run --release -p vesalius-measure --example picture_speed`.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_measure::picture::{
    FieldFinder, Glare, PictureAnalysis, PictureLevels, Quality, WorkingPicture,
};

/// Medians of the stages.
fn stages(frame: &Frame<'_>) {
    let levels = PictureLevels::default();
    let (mut picture, mut glare) = (WorkingPicture::default(), Glare::default());
    let mut finder = FieldFinder::new(levels.black_luma);
    let mut times = [const { Vec::new() }; 4];
    for i in 0..100 {
        let start = Instant::now();
        picture.take(frame);
        let taken = start.elapsed();
        finder.push(&picture, i * 40_000_000);
        let found = start.elapsed();
        glare.find(&picture, &levels);
        let glared = start.elapsed();
        std::hint::black_box(Quality::of(&picture, finder.field(), &glare, &levels));
        let done = start.elapsed();
        for (times, time) in times.iter_mut().zip([taken, found - taken, glared - found, done - glared]) {
            times.push(time);
        }
    }
    times.iter_mut().for_each(|t| t.sort_unstable());
    let [take, find, glare, quality] = times.map(|t| t[t.len() / 2]);
    print!("take {take:.2?} + field {find:.2?} + glare {glare:.2?} + quality {quality:.2?}; ");
}

fn main() {
    for (width, height) in [(512, 512), (1280, 720), (1920, 1080), (3840, 2160)] {
        for format in [PixelFormat::Rgb, PixelFormat::Rgba, PixelFormat::Nv12, PixelFormat::I420] {
            let planes: Vec<(Vec<u8>, usize)> = (0..format.planes())
                .map(|plane| {
                    let layout = format.plane_layout(plane, width, height);
                    let bytes = (0..layout.row_bytes * layout.rows)
                        .map(|i| (60 + ((i * 2_654_435_761) >> 7) % 150) as u8)
                        .collect();
                    (bytes, layout.row_bytes)
                })
                .collect();
            let views: Vec<(&[u8], usize)> = planes.iter().map(|(p, s)| (p.as_slice(), *s)).collect();
            let frame = Frame::new(format, width, height, &views).unwrap();
            let mut analysis = PictureAnalysis::new(PictureLevels::default());
            let mut times: Vec<f64> = (0..150)
                .map(|i| {
                    let start = Instant::now();
                    analysis.look(&frame, i * 40_000_000);
                    start.elapsed().as_secs_f64() * 1e3
                })
                .collect();
            stages(&frame);
            times.sort_by(f64::total_cmp);
            let at = |q: f64| times[(q * (times.len() - 1) as f64) as usize];
            println!(
                "{width}x{height} {format:?}: p50 {:.3} ms, p95 {:.3} ms, max {:.3} ms",
                at(0.5),
                at(0.95),
                at(1.0)
            );
        }
    }
}

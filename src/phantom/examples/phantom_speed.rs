//! Times the preparation and the rendering of the default cine on one thread, and writes frames to look at:
//! `phantom_speed [OUT_DIR]`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use image::{ColorType, ImageFormat};
use vesalius_phantom::FetalHeadScene;

/// Frames timed: six seconds of cine.
const FRAMES: u64 = 180;

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args().nth(1);
    let start = Instant::now();
    let phantom = FetalHeadScene::default().prepare()?;
    let prepared = start.elapsed();

    let start = Instant::now();
    let mut checksum = 0_u64;
    for index in 0..FRAMES {
        let frame = phantom.render(index);
        checksum += frame.gray8.iter().map(|&v| u64::from(v)).sum::<u64>();
    }
    let rendered = start.elapsed().as_secs_f64();
    println!(
        "prepared in {:.0} ms; {FRAMES} frames of 800x540 in {rendered:.3} s: {:.1} frames/s (sum {checksum})",
        prepared.as_secs_f64() * 1e3,
        FRAMES as f64 / rendered
    );

    if let Some(out) = out {
        std::fs::create_dir_all(&out)?;
        for index in [0, 15, 30, 60, 90, 150] {
            let frame = phantom.render(index);
            image::save_buffer_with_format(
                Path::new(&out).join(format!("{index:06}.png")),
                &frame.gray8,
                frame.truth.width_px,
                frame.truth.height_px,
                ColorType::L8,
                ImageFormat::Png,
            )?;
        }
    }
    Ok(())
}

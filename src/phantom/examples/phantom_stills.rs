//! Writes phantom stills with their masks and truth, for training and for looking at.
//!
//! `phantom_stills OUT_DIR COUNT [SEED]` writes `images/NNNNNN.png` (8-bit gray), `masks/NNNNNN.png` (0 background,
//! 1 head) and `truth.csv`; still number i is frame 0 of `FetalHeadScene::random(SEED + i)`.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use image::{ColorType, ImageFormat};
use vesalius_phantom::{FetalHeadScene, FrameTruth};

const USAGE: &str = "usage: phantom_stills OUT_DIR COUNT [SEED]";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (out, count, seed) = match arguments.as_slice() {
        [out, count] => (out, count.parse::<u64>()?, 1),
        [out, count, seed] => (out, count.parse::<u64>()?, seed.parse::<u64>()?),
        _ => return Err(USAGE.into()),
    };
    let out = Path::new(out);
    fs::create_dir_all(out.join("images"))?;
    fs::create_dir_all(out.join("masks"))?;

    let mut csv = String::from(
        "image,mask,mm_per_px_x,mm_per_px_y,center_x_px,center_y_px,\
         semi_major_mm,semi_minor_mm,angle_deg,head_circumference_mm\n",
    );
    for i in 0..count {
        let scene = FetalHeadScene::random(seed.wrapping_add(i));
        let frame = scene.prepare()?.render(0);
        let image = format!("images/{i:06}.png");
        let mask = format!("masks/{i:06}.png");
        save(&out.join(&image), &frame.gray8, &frame.truth)?;
        save(&out.join(&mask), &frame.truth.mask(), &frame.truth)?;
        let t = &frame.truth;
        writeln!(
            csv,
            "{image},{mask},{},{},{},{},{},{},{},{}",
            t.mm_per_px_x,
            t.mm_per_px_y,
            t.center_x_px,
            t.center_y_px,
            t.semi_major_mm,
            t.semi_minor_mm,
            t.angle_deg,
            t.head_circumference_mm
        )?;
    }
    fs::write(out.join("truth.csv"), csv)?;
    println!("{count} stills in {}", out.display());
    Ok(())
}

fn save(path: &Path, pixels: &[u8], truth: &FrameTruth) -> image::ImageResult<()> {
    image::save_buffer_with_format(
        path,
        pixels,
        truth.width_px,
        truth.height_px,
        ColorType::L8,
        ImageFormat::Png,
    )
}

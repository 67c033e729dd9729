//! Writes each scene as a contact sheet to look at: frames in rows, the analytic outlines drawn on every other one, and
//! prints the truth and the time taken: `contact_sheet OUT_DIR [SCENE | OPTIONS.json] [FRAMES]`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use image::{Rgb, RgbImage};
use vesalius_phantom::scenes::{Phantom, PixelFormat, SceneOptions};

const USAGE: &str = "usage: contact_sheet OUT_DIR [SCENE | OPTIONS.json] [FRAMES]";
/// Pictures on a sheet.
const PICTURES: u64 = 8;
/// Okabe-Ito: orange, sky blue, green.
const COLOURS: [[u8; 3]; 3] = [[230, 159, 0], [86, 180, 233], [0, 158, 115]];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (out, which, frames) = match arguments.as_slice() {
        [out] => (out, None, None),
        [out, which] => (out, Some(which), None),
        [out, which, frames] => (out, Some(which), Some(frames.parse()?)),
        _ => return Err(USAGE.into()),
    };
    std::fs::create_dir_all(out)?;
    let scenes = match which {
        None => SceneOptions::CATALOGUE
            .iter()
            .map(|info| SceneOptions::from_name(info.name))
            .collect::<Result<Vec<_>, _>>()?,
        Some(path) if path.ends_with(".json") => vec![serde_json::from_slice(&std::fs::read(path)?)?],
        Some(name) => vec![SceneOptions::from_name(name)?],
    };
    for scene in scenes {
        let start = Instant::now();
        let phantom = scene.prepare()?;
        let prepared = start.elapsed().as_secs_f64();
        let info = phantom.info();
        sheet(phantom.as_ref(), frames.unwrap_or(info.suggested_frames))?
            .save(Path::new(out).join(format!("{}.png", info.name)))?;
        let start = Instant::now();
        let timed = 60;
        let sum: u64 = (0..timed).map(|index| u64::from(phantom.render(index).pixels[0])).sum();
        let [width, height] = phantom.size_px();
        println!(
            "{}: prepared in {prepared:.2} s, {:.0} frames/s of {width}x{height} with masks ({sum})",
            info.name,
            timed as f64 / start.elapsed().as_secs_f64()
        );
        println!("{}", serde_json::to_string(&phantom.truth(0))?);
        println!("{}", serde_json::to_string(&phantom.clip(info.suggested_frames))?);
    }
    Ok(())
}

fn sheet(phantom: &dyn Phantom, frames: u64) -> Result<RgbImage, Box<dyn Error>> {
    let [width, height] = phantom.size_px();
    let columns = 4;
    let rows = PICTURES.div_ceil(columns);
    let mut sheet = RgbImage::new(width * columns as u32, height * rows as u32);
    for k in 0..PICTURES {
        let index = (k / 2) * frames / (PICTURES / 2);
        let frame = phantom.render(index);
        let pixels = match frame.format {
            PixelFormat::Gray8 => frame.pixels.iter().flat_map(|&v| [v; 3]).collect(),
            PixelFormat::Rgb24 => frame.pixels,
        };
        let mut picture = RgbImage::from_raw(width, height, pixels).ok_or("wrong picture size")?;
        if k % 2 == 1 {
            for outline in phantom.outlines(index) {
                let colour = COLOURS[usize::from(outline.class.saturating_sub(1)) % COLOURS.len()];
                for [x, y] in outline.points_px {
                    let (x, y) = (x.round(), y.round());
                    if x >= 0.0 && y >= 0.0 && x < f64::from(width) && y < f64::from(height) {
                        picture.put_pixel(x as u32, y as u32, Rgb(colour));
                    }
                }
            }
        }
        let (left, top) = ((k % columns) as i64 * i64::from(width), (k / columns) as i64 * i64::from(height));
        image::imageops::replace(&mut sheet, &picture, left, top);
    }
    Ok(sheet)
}

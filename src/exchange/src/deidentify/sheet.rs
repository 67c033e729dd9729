//! The contact sheet: what was written, for somebody to look at.

use std::path::Path;

use image::{Rgb, RgbImage, imageops};
use vesalius_dicom::Recording;

use super::DeidentifyError;
use super::pixels::{Survey, each};

/// Pictures on a sheet at the most, evenly over the recording, and in a row.
const MOST: u64 = 12;
const IN_A_ROW: u32 = 4;
/// Longest side of a picture on the sheet, pixels.
const SIDE: u32 = 480;
const GAP: u32 = 4;
const AROUND: Rgb<u8> = Rgb([64, 64, 64]);
const MARK: Rgb<u8> = Rgb([0xD5, 0x5E, 0x00]);

/// Draws the sheet of a file as it was written, with a box around what looks like text.
pub(super) fn draw(written: &Path, survey: &Survey) -> Result<RgbImage, DeidentifyError> {
    let frames = (survey.pts_ns.len() as u64).max(1);
    let count = frames.min(MOST);
    let chosen = |frame: u64| (0..count).any(|n| n * (frames - 1) / (count - 1).max(1) == frame);
    let (width, height) = survey.size;
    let scale = f64::from(SIDE) / f64::from(width.max(height).max(1));
    let scaled = |side: u32| ((f64::from(side) * scale.min(1.0)).round() as u32).max(1);
    let (w, h) = (scaled(width), scaled(height));
    let columns = IN_A_ROW.min(count as u32);
    let rows = (count as u32).div_ceil(columns);
    let mut sheet = RgbImage::from_pixel(columns * (w + GAP) + GAP, rows * (h + GAP) + GAP, AROUND);
    let mut recording = Recording::open(written).ok();
    let mut place = 0;
    each(written, recording.as_mut(), &mut |picture| {
        if !chosen(picture.frame) {
            return Ok(());
        }
        let rgb: Vec<u8> = if picture.bytes == 1 {
            picture.pixels.iter().flat_map(|&grey| [grey; 3]).collect()
        } else {
            picture.pixels.clone()
        };
        let Some(mut shown) = RgbImage::from_raw(picture.size.0, picture.size.1, rgb) else { return Ok(()) };
        for text in &survey.text_left {
            outline(&mut shown, text);
        }
        let small = imageops::thumbnail(&shown, w, h);
        let (column, row) = (place % columns, place / columns);
        let (x, y) = (GAP + column * (w + GAP), GAP + row * (h + GAP));
        imageops::replace(&mut sheet, &small, x.into(), y.into());
        place += 1;
        Ok(())
    })?;
    Ok(sheet)
}

fn outline(picture: &mut RgbImage, r: &super::Rectangle) {
    let (width, height) = picture.dimensions();
    let mut put = |x: u32, y: u32| {
        if x < width && y < height {
            picture.put_pixel(x, y, MARK);
        }
    };
    for x in r.x0..=r.x1 {
        put(x, r.y0);
        put(x, r.y1);
    }
    for y in r.y0..=r.y1 {
        put(r.x0, y);
        put(r.x1, y);
    }
}

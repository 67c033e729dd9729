//! Marks that a scanner burns into the picture: ruler, gray bar, letters, blacked-out patches.

use crate::field::Beams;
use crate::noise::{hash_unit, hash64};
use crate::scene::Annotations;

/// Whether a black-out covers the pixel.
pub(crate) fn is_blacked_out(annotations: &Annotations, size_px: [u32; 2], x: u32, y: u32) -> bool {
    let fraction_x = (f64::from(x) + 0.5) / f64::from(size_px[0]);
    let fraction_y = (f64::from(y) + 0.5) / f64::from(size_px[1]);
    annotations
        .black_outs
        .iter()
        .any(|b| (b.left..b.right).contains(&fraction_x) && (b.top..b.bottom).contains(&fraction_y))
}

/// The picture without ultrasound: black, with the marks outside the field.
pub(crate) fn base_picture(
    seed: u64,
    annotations: &Annotations,
    size_px: [u32; 2],
    mm_per_px: [f64; 2],
    beams: &Beams,
) -> Vec<u8> {
    let [width, height] = size_px.map(|side| side as usize);
    let mut canvas = Canvas { width, height, pixels: vec![0; width * height] };
    if annotations.gray_bar {
        canvas.gray_bar();
    }
    if annotations.depth_ruler {
        canvas.depth_ruler(10.0 / mm_per_px[1]);
    }
    canvas.text(seed, usize::from(annotations.text_lines));
    // Marks inside the field would hide echoes: the field is painted over them anyway, and black-outs stay black.
    for (index, pixel) in canvas.pixels.iter_mut().enumerate().filter(|(_, p)| **p > 0) {
        let (x, y) = ((index % width) as u32, (index / width) as u32);
        let point = [f64::from(x) * mm_per_px[0], f64::from(y) * mm_per_px[1]];
        let (lateral, range_mm) = beams.coordinates(point);
        if beams.covers(lateral, range_mm) || is_blacked_out(annotations, size_px, x, y) {
            *pixel = 0;
        }
    }
    canvas.pixels
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    /// Fills a rectangle; what falls outside the picture is left out.
    fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, value: u8) {
        let right = (left + width).min(self.width);
        for y in top..(top + height).min(self.height) {
            if let Some(row) = self.pixels.get_mut(y * self.width + left.min(right)..y * self.width + right) {
                row.fill(value);
            }
        }
    }

    fn gray_bar(&mut self) {
        let (top, height) = (self.height / 24, self.height / 3);
        let width = (self.width / 100).max(2);
        for y in 0..height {
            let value = 255 - 255 * y / height.max(1);
            self.fill(width / 2, top + y, width, 1, value as u8);
        }
    }

    fn depth_ruler(&mut self, tick_pitch_px: f64) {
        let length = (self.width / 80).max(2);
        let mut tick = 0_u32;
        loop {
            let y = (f64::from(tick) * tick_pitch_px).round();
            if y >= self.height as f64 || tick > 4096 {
                break;
            }
            let this = if tick.is_multiple_of(5) { 2 * length } else { length };
            self.fill(self.width.saturating_sub(this + 2), y as usize, this, 1, 200);
            tick += 1;
        }
    }

    /// Letter-like blocks: random 5×7 dot patterns in words.
    fn text(&mut self, seed: u64, lines: usize) {
        let dot = (self.height / 400).max(1);
        let (cell_width, cell_height) = (6 * dot, 10 * dot);
        for line in 0..lines {
            let letters = 4 + (hash_unit(seed, 900 + line as u64) * 14.0) as usize;
            for letter in 0..letters {
                let bits = hash64(seed ^ 0x7465_7874, (line * 64 + letter) as u64);
                if bits.is_multiple_of(6) {
                    continue;
                }
                for cell in 0..35 {
                    // Two bits in three: about the ink of a capital letter.
                    if (bits >> cell) & 1 == 1 || (bits >> (cell + 17)) & 3 == 3 {
                        self.fill(
                            self.width / 40 + letter * cell_width + (cell % 5) * dot,
                            self.height / 60 + line * cell_height + (cell / 5) * dot,
                            dot,
                            dot,
                            190,
                        );
                    }
                }
            }
        }
    }
}

//! Looks for burned-in text: a help for the person who looks, not a proof that there is none.
//!
//! Text stands still, is bright, and is made of strokes of one height in a row. So of a recording the darkest value that
//! each pixel ever had is looked at (what moves becomes dark), and in it pieces that are as high as letters, sharp against
//! what is around them, and stand side by side on a line. Speckle that stands still, as in a single picture, is taken for
//! text now and then; letters under 6 pixels, dark ones, moving ones and handwriting are missed.

use super::area::Rectangle;

/// Letters are at least and at most so high, pixels.
const HEIGHTS: std::ops::RangeInclusive<u32> = 6..=48;
/// Pieces in a row that make a text.
const LEAST_LETTERS: usize = 4;
/// Above its surroundings by so much a pixel is a stroke.
const CONTRAST: i32 = 70;
/// Side of the surroundings, pixels.
const AROUND: usize = 24;
/// Of a letter's box, strokes fill at least and at most so much, per cent.
const FILLED: std::ops::RangeInclusive<u32> = 12..=85;

/// Gathers the darkest value of each pixel.
#[derive(Default)]
pub(super) struct StillPart {
    darkest: Vec<u8>,
}

impl StillPart {
    /// Adds a picture of `bytes` (1 or 3) a pixel: the brightest channel counts, for text may have a colour.
    pub(super) fn add(&mut self, pixels: &[u8], bytes: usize) {
        let brightest = pixels.chunks_exact(bytes.max(1)).map(|p| p.iter().copied().max().unwrap_or(0));
        if self.darkest.is_empty() {
            self.darkest = brightest.collect();
        } else {
            self.darkest.iter_mut().zip(brightest).for_each(|(d, b)| *d = (*d).min(b));
        }
    }

    /// The darkest value of each pixel, rows from the top.
    pub(super) fn darkest(&self) -> &[u8] {
        &self.darkest
    }
}

/// Boxes of what looks like text in a picture of luma, rows from the top.
pub(super) fn find(luma: &[u8], width: usize) -> Vec<Rectangle> {
    if width == 0 || luma.is_empty() {
        return Vec::new();
    }
    let strokes = strokes(luma, width);
    let mut letters: Vec<Rectangle> = pieces(&strokes, width);
    letters.sort_by_key(|b| (b.x0, b.y0));
    lines(&letters)
}

/// Pixels that stand out from the mean around them (a table of sums makes it quick).
fn strokes(luma: &[u8], width: usize) -> Vec<bool> {
    let height = luma.len() / width;
    let mut sums = vec![0_u64; (width + 1) * (height + 1)];
    let at = |sums: &[u64], x: usize, y: usize| sums.get(y * (width + 1) + x).copied().unwrap_or(0);
    for (y, row) in luma.chunks_exact(width).enumerate() {
        let mut of_row = 0;
        for (x, &value) in row.iter().enumerate() {
            of_row += u64::from(value);
            let sum = at(&sums, x + 1, y) + of_row;
            if let Some(place) = sums.get_mut((y + 1) * (width + 1) + x + 1) {
                *place = sum;
            }
        }
    }
    let half = AROUND / 2;
    let mut out = Vec::with_capacity(luma.len());
    for (y, row) in luma.chunks_exact(width).enumerate() {
        let (y0, y1) = (y.saturating_sub(half), (y + half).min(height));
        for (x, &value) in row.iter().enumerate() {
            let (x0, x1) = (x.saturating_sub(half), (x + half).min(width));
            let sum = at(&sums, x1, y1) + at(&sums, x0, y0) - at(&sums, x0, y1) - at(&sums, x1, y0);
            let mean = sum / (((x1 - x0) * (y1 - y0)).max(1) as u64);
            out.push(i32::from(value) - mean as i32 >= CONTRAST);
        }
    }
    out
}

/// Boxes of connected strokes (eight neighbours) that may be letters.
fn pieces(strokes: &[bool], width: usize) -> Vec<Rectangle> {
    let height = strokes.len() / width.max(1);
    let mut seen = vec![false; strokes.len()];
    let (mut found, mut stack) = (Vec::new(), Vec::new());
    for start in 0..strokes.len() {
        if !strokes.get(start).copied().unwrap_or(false) || seen.get(start).copied().unwrap_or(true) {
            continue;
        }
        stack.push(start);
        if let Some(seen) = seen.get_mut(start) {
            *seen = true;
        }
        let (mut x0, mut x1, mut y0, mut y1, mut count) = (width, 0, height, 0, 0_u32);
        while let Some(at) = stack.pop() {
            let (x, y) = (at % width, at / width);
            (x0, x1, y0, y1, count) = (x0.min(x), x1.max(x), y0.min(y), y1.max(y), count + 1);
            for near_y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for near_x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let near = near_y * width + near_x;
                    if strokes.get(near) == Some(&true)
                        && let Some(seen) = seen.get_mut(near).filter(|s| !**s)
                    {
                        *seen = true;
                        stack.push(near);
                    }
                }
            }
        }
        let (w, h) = ((x1 - x0 + 1) as u32, (y1 - y0 + 1) as u32);
        if HEIGHTS.contains(&h) && w <= 3 * h && FILLED.contains(&(100 * count / (w * h))) {
            found.push(Rectangle { x0: x0 as u32, y0: y0 as u32, x1: x1 as u32, y1: y1 as u32 });
        }
    }
    found
}

/// Joins letters of one height that stand side by side, from the left on.
fn lines(letters: &[Rectangle]) -> Vec<Rectangle> {
    let mut taken = vec![false; letters.len()];
    let mut lines = Vec::new();
    for start in 0..letters.len() {
        if taken.get(start).copied().unwrap_or(true) {
            continue;
        }
        let Some(&first) = letters.get(start) else { continue };
        let (mut line, mut last, mut members) = (first, first, vec![start]);
        for (i, letter) in letters.iter().enumerate().skip(start + 1) {
            let height = last.y1 - last.y0 + 1;
            if letter.x0 > last.x1 + 2 * height {
                break;
            }
            let other = letter.y1 - letter.y0 + 1;
            let is_alike = 10 * height.min(other) >= 6 * height.max(other);
            let is_level = last.y1.abs_diff(letter.y1) * 3 <= height;
            if !taken.get(i).copied().unwrap_or(true) && letter.x0 > last.x0 && is_alike && is_level {
                last = *letter;
                members.push(i);
                line = Rectangle {
                    x0: line.x0.min(letter.x0),
                    y0: line.y0.min(letter.y0),
                    x1: line.x1.max(letter.x1),
                    y1: line.y1.max(letter.y1),
                };
            }
        }
        if members.len() >= LEAST_LETTERS {
            for member in members {
                if let Some(taken) = taken.get_mut(member) {
                    *taken = true;
                }
            }
            // Strokes fade out at their sides.
            lines.push(Rectangle {
                x0: line.x0.saturating_sub(2),
                y0: line.y0.saturating_sub(2),
                x1: line.x1 + 2,
                y1: line.y1 + 2,
            });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_draw::{Color, Font, Layer, blend};
    use vesalius_measure::frame::FrameMut;

    /// Tissue that moves from picture to picture, with a line of text that does not.
    fn picture(seed: u32, text: Option<(&str, i64, i64)>) -> Vec<u8> {
        let (width, height) = (320_usize, 240_usize);
        let mut pixels: Vec<u8> = (0..(width * height) as u32)
            .map(|i| {
                let n = (i / 3).wrapping_add(seed.wrapping_mul(7919)).wrapping_mul(2_654_435_761) >> 24;
                (40 + n / 2) as u8
            })
            .collect();
        if let Some((text, x, y)) = text {
            let mut layer = Layer::new(width, height).unwrap();
            layer.text(x, y, text, Font::at_least(16.0), Color::WHITE, 0);
            let mut frame = FrameMut::new(
                vesalius_measure::frame::PixelFormat::Gray8,
                width,
                height,
                [(pixels.as_mut_slice(), width)],
            )
            .unwrap();
            blend(&layer, &mut frame).unwrap();
        }
        pixels
    }

    #[test]
    fn text_that_stands_still_is_found_where_it_stands() {
        let mut still = StillPart::default();
        for seed in 0..6 {
            still.add(&picture(seed, Some(("DOE JANE 1961", 60, 100))), 1);
        }
        let found = find(still.darkest(), 320);
        assert!(!found.is_empty());
        let spanned = found.iter().map(|b| b.x1 - b.x0).sum::<u32>();
        assert!(spanned > 60 && found.iter().all(|b| b.y0 > 80 && b.y1 < 130), "{found:?}");
    }

    #[test]
    fn moving_tissue_is_no_text() {
        let mut still = StillPart::default();
        for seed in 0..6 {
            still.add(&picture(seed, None), 1);
        }
        assert_eq!(find(still.darkest(), 320), []);
    }
}

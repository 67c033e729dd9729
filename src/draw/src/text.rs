//! Text in a fixed-width face of ready-made anti-aliased glyphs.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster};

use crate::color::{Color, over};
use crate::layer::Layer;

/// The largest factor by which glyphs are scaled up.
const MAX_FACTOR: usize = 16;

/// A size of text: the height of a line and the width of a character, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Font {
    raster: RasterHeight,
    weight: FontWeight,
    /// Beyond 32 px, glyphs are scaled up by a whole number.
    factor: usize,
}

impl Font {
    /// The smallest size whose lines are at least `line_px` high: 16, 20, 24 or 32 pixels or a multiple of them.
    pub fn at_least(line_px: f64) -> Self {
        let rasters =
            [RasterHeight::Size16, RasterHeight::Size20, RasterHeight::Size24, RasterHeight::Size32];
        for factor in 1..=MAX_FACTOR {
            for raster in rasters {
                if (raster.val() * factor) as f64 >= line_px {
                    return Self { raster, weight: FontWeight::Regular, factor };
                }
            }
        }
        Self { raster: RasterHeight::Size32, weight: FontWeight::Regular, factor: MAX_FACTOR }
    }

    /// The same size in bold.
    #[must_use]
    pub fn bold(self) -> Self {
        Self { weight: FontWeight::Bold, ..self }
    }

    /// Height of a line in pixels.
    pub fn line_height(self) -> usize {
        self.raster.val() * self.factor
    }

    /// Width of a text in pixels.
    pub fn text_width(self, text: &str) -> usize {
        text.chars().count() * self.char_width()
    }

    fn char_width(self) -> usize {
        get_raster(' ', self.weight, self.raster).map_or(0, |r| r.width()) * self.factor
    }
}

/// Coverage of a line of text, kept between calls for its memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    width: usize,
    letters: Vec<u8>,
    spread: Vec<u8>,
    halo: Vec<u8>,
}

impl Scratch {
    /// Rasterises `text` with `rim` empty pixels on every side.
    fn set(&mut self, text: &str, font: Font, rim: usize, max_width: usize) {
        let (char_width, line) = (font.char_width(), font.line_height());
        let fitting = if char_width == 0 { 0 } else { max_width.div_ceil(char_width) };
        let count = text.chars().count().min(fitting);
        self.width = count * char_width + 2 * rim;
        self.letters.clear();
        self.letters.resize(self.width * (line + 2 * rim), 0);
        for (i, c) in text.chars().take(count).enumerate() {
            let glyph =
                get_raster(c, font.weight, font.raster).or_else(|| get_raster('?', font.weight, font.raster));
            let Some(glyph) = glyph else { continue };
            for y in 0..line {
                let start = (y + rim) * self.width + rim + i * char_width;
                let Some(row) = self.letters.get_mut(start..start + char_width) else { continue };
                if font.factor == 1 {
                    let pixels = glyph.pixels().get(y * char_width..(y + 1) * char_width);
                    row.copy_from_slice(pixels.unwrap_or(&[]));
                } else {
                    for (x, out) in row.iter_mut().enumerate() {
                        *out = enlarged(&glyph, font.factor, x, y);
                    }
                }
            }
        }
    }

    /// The greatest coverage within `rim` pixels along each axis.
    fn spread(&mut self, rim: usize) {
        let width = self.width.max(1);
        self.spread.clear();
        self.spread.extend_from_slice(&self.letters);
        for (out, row) in self.spread.chunks_exact_mut(width).zip(self.letters.chunks_exact(width)) {
            for shift in 1..=rim.min(width) {
                raise(out, row.get(shift..).unwrap_or(&[]));
                raise(out.get_mut(shift..).unwrap_or(&mut []), row);
            }
        }
        self.halo.clear();
        self.halo.extend_from_slice(&self.spread);
        for shift in (1..=rim).map(|s| s * width) {
            raise(&mut self.halo, self.spread.get(shift..).unwrap_or(&[]));
            raise(self.halo.get_mut(shift..).unwrap_or(&mut []), &self.spread);
        }
    }
}

fn raise(out: &mut [u8], by: &[u8]) {
    for (out, &v) in out.iter_mut().zip(by) {
        *out = (*out).max(v);
    }
}

/// Coverage at a pixel of a glyph scaled up by `factor`, bilinear between the centres of the glyph's pixels.
fn enlarged(glyph: &noto_sans_mono_bitmap::RasterizedChar, factor: usize, x: usize, y: usize) -> u8 {
    // Position in units of 1/(2·factor) glyph pixel, shifted by one pixel so that it is never negative.
    let unit = 2 * factor;
    let (px, py) = (2 * x + 1 + factor, 2 * y + 1 + factor);
    let (column, row, fx, fy) = (px / unit, py / unit, px % unit, py % unit);
    let at = |c: usize, r: usize| match (c.checked_sub(1), r.checked_sub(1)) {
        (Some(c), Some(r)) => usize::from(glyph.pixel(c, r).unwrap_or(0)),
        _ => 0,
    };
    let upper = at(column, row) * (unit - fx) + at(column + 1, row) * fx;
    let lower = at(column, row + 1) * (unit - fx) + at(column + 1, row + 1) * fx;
    ((upper * (unit - fy) + lower * fy + unit * unit / 2) / (unit * unit)) as u8
}

impl Layer {
    /// Writes one line of text; `x` and `y` are the first column and row of its box. `halo_px` is the width of the
    /// dark rim, 0 for none. What lies outside the picture is left out.
    pub fn text(&mut self, x: i64, y: i64, text: &str, font: Font, color: Color, halo_px: usize) {
        let rim = halo_px.min(16);
        let (x, y) = (x.clamp(-1 << 20, 1 << 20) - rim as i64, y.clamp(-1 << 20, 1 << 20) - rim as i64);
        let mut scratch = std::mem::take(&mut self.scratch);
        // A line that starts left of the picture may still reach into it.
        scratch.set(text, font, rim, self.width() + x.unsigned_abs() as usize);
        let width = scratch.width.max(1);
        if rim > 0 {
            scratch.spread(rim);
            self.apply(x, y, width, &scratch.halo, |pixel, coverage| {
                over(*pixel, Color::HALO.cover(coverage))
            });
        }
        self.apply(x, y, width, &scratch.letters, |pixel, coverage| over(color.cover(coverage), *pixel));
        self.scratch = scratch;
    }

    fn apply(
        &mut self,
        x: i64,
        y: i64,
        width: usize,
        coverage: &[u8],
        paint: impl Fn(&crate::color::Pixel, u16) -> crate::color::Pixel,
    ) {
        for (row, y) in coverage.chunks_exact(width).zip(y..) {
            let (Some(first), Some(last)) =
                (row.iter().position(|&c| c > 0), row.iter().rposition(|&c| c > 0))
            else {
                continue;
            };
            self.paint_row(y, x + first as i64, x + last as i64 + 1, |start, run| {
                let covered = usize::try_from(start as i64 - x).ok().and_then(|skip| row.get(skip..));
                for (pixel, &c) in run.iter_mut().zip(covered.unwrap_or(&[])) {
                    if c > 0 {
                        // 255 becomes 256, the unit of coverage.
                        *pixel = paint(pixel, u16::from(c) + u16::from(c >> 7));
                    }
                }
            });
        }
    }
}

//! How good a picture is: sharpness, exposure, glare, and how red it is.

use super::field::Field;
use super::working::{Row, WorkingPicture};
use crate::wide::with_wide_instructions;

/// Luma below 5 % and above 98 %.
const DARK_BELOW: u8 = 13;
const BRIGHT_ABOVE: u8 = 249;

/// How far glare reaches beyond its pixels, working pixels.
const GLARE_REACH_PX: usize = 2;

/// Pixels at the field's border that take no part in sharpness: the border itself is sharp.
const BORDER_PX: usize = 3;

/// The limits by which pixels are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLevels {
    /// Luma from which a pixel is near saturation, 0 to 255.
    pub glare_luma: u8,
    /// Largest chroma of glare, (max − min)/max of red, green and blue, in per cent.
    pub glare_chroma_percent: u8,
    /// Largest part of red in red + green + blue of glare, in per cent, at most 85: lit mucosa has more.
    pub glare_red_percent: u8,
    /// Luma up to which a pixel is black and tells nothing of its colour.
    pub black_luma: u8,
}

impl Default for PictureLevels {
    fn default() -> Self {
        Self { glare_luma: 224, glare_chroma_percent: 25, glare_red_percent: 38, black_luma: 20 }
    }
}

/// Where glare lies in a working picture: near saturation, nearly without colour, and two pixels around.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Glare {
    width: usize,
    /// 1 where there is glare.
    pixels: Vec<u8>,
    /// The same before it grew up and down; rows without any are not written.
    rows: Vec<u8>,
    /// Which rows have any.
    has_any: Vec<bool>,
    /// Glare of a row before it grew, between uses.
    own: Vec<u8>,
}

impl Glare {
    /// Finds it; memory of the picture before is used again.
    pub fn find(&mut self, picture: &WorkingPicture, levels: &PictureLevels) {
        let (width, height) = (picture.width(), picture.height());
        self.width = width;
        self.rows.resize(width * height, 0);
        self.pixels.resize(width * height, 0);
        self.own.resize(width, 0);
        self.has_any.clear();
        for (y, found) in self.rows.chunks_exact_mut(width.max(1)).enumerate() {
            self.has_any.push(find_row(picture.row(y), levels, found, &mut self.own));
        }
        for (y, grown) in self.pixels.chunks_exact_mut(width.max(1)).enumerate() {
            let (first, end) = (y.saturating_sub(GLARE_REACH_PX), (y + GLARE_REACH_PX + 1).min(height));
            grown.fill(0);
            let near = self.rows.get(first * width..end * width).unwrap_or(&[]).chunks_exact(width.max(1));
            let has_any = self.has_any.get(first..end).unwrap_or(&[]);
            for (row, _) in near.zip(has_any).filter(|(_, has_any)| **has_any) {
                grow(grown, row);
            }
        }
    }

    /// One row, 1 where there is glare.
    pub fn row(&self, y: usize) -> &[u8] {
        self.pixels.get(y * self.width..(y + 1) * self.width).unwrap_or(&[])
    }
}

fn grow(grown: &mut [u8], by: &[u8]) {
    with_wide_instructions(move || grown.iter_mut().zip(by).for_each(|(grown, by)| *grown |= by));
}

/// Glare of one row, already grown along it; `false` and nothing written where there is none. `own` is memory for it before
/// growing.
fn find_row(row: Row<'_>, levels: &PictureLevels, found: &mut [u8], own: &mut [u8]) -> bool {
    // Most rows of most pictures have none, and one look at luma tells.
    if row.luma.iter().copied().max().is_none_or(|most| most < levels.glare_luma) {
        return false;
    }
    let chroma_kept = 100 - u16::from(levels.glare_chroma_percent.min(100));
    let red_percent = u16::from(levels.glare_red_percent.min(85));
    let glare_luma = levels.glare_luma;
    let pixels = own.iter_mut().zip(row.luma).zip(row.red.iter().zip(row.green).zip(row.blue));
    with_wide_instructions(move || {
        for ((own, &luma), ((&r, &g), &b)) in pixels {
            let (most, least) = (r.max(g).max(b), r.min(g).min(b));
            // Compared as products, so that nothing is divided: (max − min)/max and r/(r + g + b). 765 · 85 fits.
            let is_pale = u16::from(least) * 100 >= u16::from(most) * chroma_kept;
            let sum = u16::from(r) + u16::from(g) + u16::from(b);
            let is_not_red = u16::from(r) * 100 <= sum * red_percent;
            *own = u8::from((luma >= glare_luma) & is_pale & is_not_red);
        }
    });
    found.copy_from_slice(own);
    for shift in 1..=GLARE_REACH_PX {
        grow(found, own.get(shift..).unwrap_or(&[]));
        grow(found.get_mut(shift..).unwrap_or(&mut []), own);
    }
    true
}

/// What a picture is like inside its field. Fractions are of the field's pixels, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quality {
    /// Root mean square of the Laplacian of luma over mean luma, glare and the field's border left out; 0 for
    /// a picture without structure or light. It grows with detail and with noise, and falls with blur.
    pub sharpness: f64,
    /// Luma below 5 %.
    pub dark_fraction: f64,
    /// Luma above 98 %.
    pub bright_fraction: f64,
    /// Glare, two working pixels around it included.
    pub specular_fraction: f64,
    /// Brighter than black.
    pub lit_fraction: f64,
    /// Of the lit pixels, those that are as red as tissue: red at least a tenth above green and blue, chroma
    /// of a fifth or more, and blue at most a quarter above green. Counted in every second row.
    pub red_fraction: f64,
    /// Of the lit pixels, those of these whose green is at most 0.72 of their red: most tissue has less, and pale skin, fur and walls in
    /// warm light have more.
    pub deep_red_fraction: f64,
    /// Pixels of the field without glare, in working pixels.
    pub visible_px: usize,
}

#[derive(Default)]
struct Sums {
    field: usize,
    dark: usize,
    bright: usize,
    glare: usize,
    lit: usize,
    /// Of the rows that colour is counted in.
    lit_of_red: usize,
    red: usize,
    deep_red: usize,
    used: u64,
    luma: u64,
    laplacian2: u64,
}

impl Sums {
    fn of(picture: &WorkingPicture, field: &Field, glare: &Glare, levels: &PictureLevels) -> Self {
        let mut sums = Self::default();
        for (y, (first, end)) in field.spans().enumerate() {
            if first >= end {
                continue;
            }
            sums.field += end - first;
            count(&mut sums, picture.row(y), glare.row(y), first..end, levels);
            // Every second row tells as much of colour.
            if y % 2 == 0 {
                count_red(&mut sums, picture.row(y), first..end, levels);
            }
            if y == 0 {
                continue;
            }
            // Within the field, as are the pixels above and below.
            let (a, b) = (field.span(y - 1), field.span(y + 1));
            let (from, to) = (first.max(a.0).max(b.0) + BORDER_PX, end.min(a.1).min(b.1));
            let to = to.saturating_sub(BORDER_PX);
            if from < to && a.0 < a.1 && b.0 < b.1 {
                let rows = [y - 1, y, y + 1].map(|y| picture.row(y).luma);
                laplacian(&mut sums, rows, glare.row(y), from..to);
            }
        }
        sums
    }
}

impl Quality {
    /// Looks at a picture within its field.
    pub fn of(picture: &WorkingPicture, field: &Field, glare: &Glare, levels: &PictureLevels) -> Self {
        let sums = Sums::of(picture, field, glare, levels);
        let of_field = |n: usize| if sums.field == 0 { 0.0 } else { n as f64 / sums.field as f64 };
        // Σ L² / n over (Σ Y / n)².
        let sharpness = if sums.luma == 0 {
            0.0
        } else {
            (sums.laplacian2 as f64 * sums.used as f64).sqrt() / sums.luma as f64
        };
        Self {
            sharpness,
            dark_fraction: of_field(sums.dark),
            bright_fraction: of_field(sums.bright),
            specular_fraction: of_field(sums.glare),
            lit_fraction: of_field(sums.lit),
            red_fraction: sums.red as f64 / sums.lit_of_red.max(1) as f64,
            deep_red_fraction: sums.deep_red as f64 / sums.lit_of_red.max(1) as f64,
            visible_px: sums.field - sums.glare,
        }
    }
}

/// The part of a row within a span.
#[inline]
fn part(plane: &[u8], span: std::ops::Range<usize>) -> &[u8] {
    plane.get(span.start..span.end.min(plane.len())).unwrap_or(&[])
}

fn count(sums: &mut Sums, row: Row<'_>, glare: &[u8], span: std::ops::Range<usize>, levels: &PictureLevels) {
    let (luma, glare, black) = (part(row.luma, span.clone()), part(glare, span), levels.black_luma);
    let [dark, bright, lit, glares] = with_wide_instructions(move || {
        let (mut dark, mut bright, mut lit, mut glares) = (0_u32, 0_u32, 0_u32, 0_u32);
        for &g in glare {
            glares += u32::from(g);
        }
        for &y in luma {
            dark += u32::from(y < DARK_BELOW);
            bright += u32::from(y > BRIGHT_ABOVE);
            lit += u32::from(y > black);
        }
        [dark, bright, lit, glares].map(|count| count as usize)
    });
    sums.dark += dark;
    sums.bright += bright;
    sums.lit += lit;
    sums.glare += glares;
}

fn count_red(sums: &mut Sums, row: Row<'_>, span: std::ops::Range<usize>, levels: &PictureLevels) {
    let [luma, red, green, blue] =
        [row.luma, row.red, row.green, row.blue].map(|plane| part(plane, span.clone()));
    let black = levels.black_luma;
    let [lit, reds, deep] = with_wide_instructions(move || {
        let (mut lit, mut reds, mut deep) = (0_u32, 0_u32, 0_u32);
        for (&y, ((&r, &g), &b)) in luma.iter().zip(red.iter().zip(green).zip(blue)) {
            let (r, g, b) = (u16::from(r), u16::from(g), u16::from(b));
            let is_red = (10 * r >= 11 * g) & (10 * r >= 11 * b);
            let is_coloured = 5 * g.min(b) <= 4 * r;
            let is_warm = 5 * g >= 4 * b;
            let is_lit = y > black;
            lit += u32::from(is_lit);
            let is_tissue = is_red & is_coloured & is_warm & is_lit;
            reds += u32::from(is_tissue);
            deep += u32::from(is_tissue & (25 * g <= 18 * r));
        }
        [lit, reds, deep].map(|count| count as usize)
    });
    sums.lit_of_red += lit;
    sums.red += reds;
    sums.deep_red += deep;
}

fn laplacian(sums: &mut Sums, rows: [&[u8]; 3], glare: &[u8], span: std::ops::Range<usize>) {
    let of =
        |plane, shift: usize| <[u8]>::get(plane, span.start + shift - 1..span.end + shift - 1).unwrap_or(&[]);
    let [above, here, below] = rows;
    let (left, right) = (of(here, 0), of(here, 2));
    let [above, here, below, glare] = [above, here, below, glare].map(|plane| of(plane, 1));
    let [used, luma, squares] = with_wide_instructions(move || {
        // Rows of a working picture are short enough for 32 bits: 1020² a pixel.
        let (mut used, mut luma, mut squares) = (0_i32, 0_i32, 0_i32);
        let neighbours = above.iter().zip(below).zip(left.iter().zip(right));
        for ((&y, &g), ((&a, &b), (&l, &r))) in here.iter().zip(glare).zip(neighbours) {
            // All of it fits 16 bits, which are twice as many numbers an instruction.
            let kept = i16::from(1 - g.min(1));
            let value = 4 * i16::from(y) - i16::from(a) - i16::from(b) - i16::from(l) - i16::from(r);
            let value = value * kept;
            squares += i32::from(value) * i32::from(value);
            luma += i32::from(i16::from(y) * kept);
            used += i32::from(kept);
        }
        // None is negative.
        [used, luma, squares].map(|sum| u64::from(sum.unsigned_abs()))
    });
    sums.used += used;
    sums.luma += luma;
    sums.laplacian2 += squares;
}

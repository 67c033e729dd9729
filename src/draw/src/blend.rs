//! A layer onto a frame, in the frame's own format.
//!
//! # The arithmetic
//!
//! With s a premultiplied 8-bit channel of the layer, a its alpha and d the frame's byte:
//!
//! * RGB: d′ = s + (d·(255 − a) + 127) / 255, whole-number division;
//! * luma: Y′ = y + (Y·(255 − a) + 127) / 255 with y = (c_r·r + c_g·g + c_b·b + c_o·a + 2¹³) >> 14;
//! * chroma of a block of n = 4 pixels (2 or 1 at odd edges), with Σ over the block:
//!   U′ = u + (U·(255·n − Σa) + 127·n) / (255·n) with u = (c_r·Σr + c_g·Σg + c_b·Σb + c_o·Σa + 2¹³·n) / (2¹⁴·n),
//!   which is the mean of the block's colours and alphas.
//!
//! The coefficients are the rows of the frame's matrix in 1/16 384 (see [`Coefficients`]), c_o carries the offset
//! (16 or 128) since the layer is premultiplied. A pixel or block with alpha 0 keeps its bytes: "drawn" means
//! pixels for RGB and luma and 2×2 blocks for chroma. Alpha and unused bytes of the frame are never written.

use vesalius_measure::frame::{ColorMatrix, ColorRange, FrameMut, PixelFormat};
use vesalius_measure::wide::with_wide_instructions;

use crate::color::{Pixel, divide_by_255, floor_by_255};
use crate::layer::{DrawError, Layer};
use crate::tile::{Span, TILE_HEIGHT, TILE_WIDTH, Tile};

/// Fraction bits of the coefficients: the most that keep them in 16 bits, which vectorises well.
const BITS: u32 = 14;

/// One row of a colour matrix for premultiplied pixels, in 1/16 384.
#[derive(Clone, Copy, Debug)]
struct Row {
    red: i16,
    green: i16,
    blue: i16,
    /// Times alpha: the offset of black or grey, divided by 255.
    offset: i16,
}

/// From red, green and blue to a YUV matrix and range.
#[derive(Clone, Copy, Debug)]
struct Coefficients {
    y: Row,
    u: Row,
    v: Row,
}

impl Coefficients {
    fn new(matrix: ColorMatrix, range: ColorRange) -> Self {
        // K_R and K_B of ITU-R BT.601-7 (2.5.1), BT.709-6 (3.2) and BT.2020-2 (table 4).
        let (kr, kb) = match matrix {
            ColorMatrix::Bt601 => (0.299, 0.114),
            ColorMatrix::Bt709 => (0.2126, 0.0722),
            ColorMatrix::Bt2020 => (0.2627, 0.0593),
        };
        let (luma, chroma, black) = match range {
            ColorRange::Full => (1.0, 1.0, 0.0),
            ColorRange::Limited => (219.0 / 255.0, 224.0 / 255.0, 16.0),
        };
        let fixed = |v: f64| (v * f64::from(1 << BITS)).round() as i16;
        let (yr, yb) = (fixed(luma * kr), fixed(luma * kb));
        // What is left over goes to green, so that white is exactly white and grey has no colour.
        let y = Row { red: yr, green: fixed(luma) - yr - yb, blue: yb, offset: fixed(black / 255.0) };
        let gray = fixed(128.0 / 255.0);
        let half = fixed(chroma / 2.0);
        let ur = fixed(-chroma * kr / (2.0 * (1.0 - kb)));
        let u = Row { red: ur, green: -half - ur, blue: half, offset: gray };
        let vb = fixed(-chroma * kb / (2.0 * (1.0 - kr)));
        let v = Row { red: half, green: -half - vb, blue: vb, offset: gray };
        Self { y, u, v }
    }
}

/// What red, green, blue and alpha of a premultiplied pixel weigh in Y, U and V, in 1/16 384: the numbers that
/// [`blend`] works with, for whoever blends elsewhere (a GPU).
pub fn blend_coefficients(matrix: ColorMatrix, range: ColorRange) -> [[i16; 4]; 3] {
    let Coefficients { y, u, v } = Coefficients::new(matrix, range);
    [y, u, v].map(|row| [row.red, row.green, row.blue, row.offset])
}

impl Row {
    /// The row times a sum of `1 << SHIFT` pixels, as their mean.
    #[inline]
    fn apply<const SHIFT: u32>(self, [b, g, r, a]: [i16; 4]) -> i32 {
        let times = |c: i16, v: i16| i32::from(c) * i32::from(v);
        let sum = times(self.red, r) + times(self.green, g) + times(self.blue, b) + times(self.offset, a);
        (sum + (1 << (BITS - 1 + SHIFT))) >> (BITS + SHIFT)
    }
}

/// Draws a layer on a frame of the same size, in place.
///
/// # Errors
///
/// [`DrawError::Mismatch`] when the sizes differ.
pub fn blend(layer: &Layer, frame: &mut FrameMut<'_>) -> Result<(), DrawError> {
    if (layer.width(), layer.height()) != (frame.width(), frame.height()) {
        return Err(DrawError::Mismatch {
            layer_width: layer.width(),
            layer_height: layer.height(),
            width: frame.width(),
            height: frame.height(),
        });
    }
    let yuv = Coefficients::new(frame.matrix(), frame.range());
    for tile in layer.tiles() {
        match frame.format() {
            PixelFormat::Rgb => packed::<3, false>(tile, frame),
            PixelFormat::Bgr => packed::<3, true>(tile, frame),
            PixelFormat::Rgbx | PixelFormat::Rgba => packed::<4, false>(tile, frame),
            PixelFormat::Bgrx | PixelFormat::Bgra => packed::<4, true>(tile, frame),
            // A gray picture has the luma of BT.601 in full range, whatever the frame says of YUV.
            PixelFormat::Gray8 => {
                luma(tile, frame, Coefficients::new(ColorMatrix::Bt601, ColorRange::Full).y)
            }
            PixelFormat::I420 | PixelFormat::Nv12 => {
                luma(tile, frame, yuv.y);
                chroma(tile, frame, &yuv);
            }
        }
    }
    Ok(())
}

/// Rows of a tile that lie in the picture and have something drawn: row in the tile, its run and its pixels.
fn rows(tile: &Tile, height: usize) -> impl Iterator<Item = (usize, Span, &[Pixel])> {
    let count = TILE_HEIGHT.min(height.saturating_sub(tile.top));
    (0..count).filter_map(|row| {
        let (span, pixels) = tile.row(row);
        (!span.is_empty()).then(|| (row, span, pixels.get(span.start()..span.end()).unwrap_or(&[])))
    })
}

fn packed<const BYTES: usize, const BLUE_FIRST: bool>(tile: &Tile, frame: &mut FrameMut<'_>) {
    for (row, span, pixels) in rows(tile, frame.height()) {
        let line = frame.row_mut(0, tile.top + row);
        let start = (tile.left + span.start()) * BYTES;
        let (line, _) = line.get_mut(start..).unwrap_or(&mut []).as_chunks_mut::<BYTES>();
        with_wide_instructions(move || {
            for (bytes, &[b, g, r, a]) in line.iter_mut().zip(pixels) {
                let rest = u16::from(255 - a);
                let source = if BLUE_FIRST { [b, g, r] } else { [r, g, b] };
                for (d, s) in bytes.iter_mut().zip(source) {
                    *d = s + divide_by_255(u16::from(*d) * rest);
                }
            }
        });
    }
}

fn luma(tile: &Tile, frame: &mut FrameMut<'_>, y: Row) {
    for (row, span, pixels) in rows(tile, frame.height()) {
        let line = frame.row_mut(0, tile.top + row);
        let line = line.get_mut(tile.left + span.start()..).unwrap_or(&mut []);
        with_wide_instructions(move || {
            for (d, pixel) in line.iter_mut().zip(pixels) {
                let rest = divide_by_255(u16::from(*d) * u16::from(255 - pixel[3]));
                *d = (y.apply::<0>(pixel.map(i16::from)) + i32::from(rest)).clamp(0, 255) as u8;
            }
        });
    }
}

fn chroma(tile: &Tile, frame: &mut FrameMut<'_>, yuv: &Coefficients) {
    let (width, height) = (frame.width() - tile.left, frame.height() - tile.top);
    // Plane, first byte and bytes from block to block of U and of V.
    let planes = match frame.format() {
        PixelFormat::Nv12 => [(1, 0, 2, yuv.u), (1, 1, 2, yuv.v)],
        _ => [(1, 0, 1, yuv.u), (2, 0, 1, yuv.v)],
    };
    // Sums of the blocks of one row of the tile: blue, green, red, alpha.
    let mut sums = [[0_i16; 4]; TILE_WIDTH / 2];
    for row in (0..TILE_HEIGHT.min(height)).step_by(2) {
        let (upper_span, upper) = tile.row(row);
        let two_rows = row + 1 < height;
        let (lower_span, lower) = if two_rows { tile.row(row + 1) } else { (upper_span, upper) };
        let span = upper_span.union(lower_span);
        if span.is_empty() {
            continue;
        }
        // Whole blocks: beyond its run and beyond the picture a tile is transparent.
        let (first, last) = (span.start() / 2, span.end().div_ceil(2));
        let (upper, _) = upper.as_chunks::<2>();
        let (lower, _) = lower.as_chunks::<2>();
        let part = first..last.min(upper.len());
        let [upper, lower] = [upper, lower].map(|row| row.get(part.clone()).unwrap_or(&[]));
        // Of the last row alone there is no lower one.
        let lower_counts = i16::from(two_rows);
        let out = &mut sums;
        with_wide_instructions(move || {
            for (sum, (upper, lower)) in out.iter_mut().zip(upper.iter().zip(lower)) {
                let ([a, b], [c, d]) = (upper.map(|p| p.map(i16::from)), lower.map(|p| p.map(i16::from)));
                let of = |i: usize| a[i] + b[i] + lower_counts * (c[i] + d[i]);
                *sum = [of(0), of(1), of(2), of(3)];
            }
        });
        let count = last - first;
        // A block at an odd right edge has one column: a division by another number of pixels.
        let whole = count.min((width / 2).saturating_sub(first));
        let chroma_row = (tile.top + row) / 2;
        let at = tile.left / 2 + first;
        let (sums_whole, sums_rest) = sums.get(..count).unwrap_or(&[]).split_at(whole);
        for (plane, offset, step, matrix_row) in planes {
            let line = frame.row_mut(plane, chroma_row).get_mut(step * at + offset..).unwrap_or(&mut []);
            let (line, rest) = line.split_at_mut((step * whole).min(line.len()));
            if two_rows {
                blocks_onto::<2>(line, step, sums_whole, matrix_row);
                blocks_onto::<1>(rest, step, sums_rest, matrix_row);
            } else {
                blocks_onto::<1>(line, step, sums_whole, matrix_row);
                blocks_onto::<0>(rest, step, sums_rest, matrix_row);
            }
        }
    }
}

/// Blends blocks of `1 << SHIFT` pixels onto every `step`-th byte of a chroma line.
fn blocks_onto<const SHIFT: u32>(line: &mut [u8], step: usize, sums: &[[i16; 4]], row: Row) {
    // x / (255·n) = (x / n) / 255 in whole numbers, and x / n is at most 255·255 + 127.
    let onto = move |d: u8, sum: [i16; 4]| {
        let clear = (255 << SHIFT) - u32::from(sum[3] as u16);
        let rest = floor_by_255(((u32::from(d) * clear + (127 << SHIFT)) >> SHIFT) as u16);
        (row.apply::<SHIFT>(sum) + i32::from(rest)).clamp(0, 255) as u8
    };
    if step == 1 {
        with_wide_instructions(move || {
            line.iter_mut().zip(sums).for_each(|(d, &sum)| *d = onto(*d, sum));
        });
    } else {
        line.iter_mut().step_by(step).zip(sums).for_each(|(d, &sum)| *d = onto(*d, sum));
    }
}

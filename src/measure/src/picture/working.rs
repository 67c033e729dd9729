//! A picture of any format, brought to a size and a form in which it is quick to look at.

use crate::frame::{ColorMatrix, ColorRange, Frame, PixelFormat};
use crate::geometry::PointInFrame;

use crate::wide::with_wide_instructions;

/// Longer side, in pixels, that a working picture has about.
const TARGET_PX: usize = 640;

/// Luma, red, green and blue of a picture, full range, reduced by a whole factor.
///
/// From a factor of 2 on, a pixel is the mean of four samples of the block that it stands for (of all pixels
/// at 2, of a regular choice above), so what it costs depends on the working size alone. Fractions and means
/// of pictures are not biased by that; noise is 2 times less than in the source. Chroma of YUV formats is one
/// sample a block. Luma of YUV formats is their own, that of RGB formats is BT.601's.
///
/// Rows and columns beyond the last whole block are left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkingPicture {
    width: usize,
    height: usize,
    factor: usize,
    luma: Vec<u8>,
    red: Vec<u8>,
    green: Vec<u8>,
    blue: Vec<u8>,
    /// Chroma of a row, U and V, between uses.
    chroma: [Vec<u8>; 2],
}

/// One row of a working picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Luma.
    pub luma: &'a [u8],
    /// Red.
    pub red: &'a [u8],
    /// Green.
    pub green: &'a [u8],
    /// Blue.
    pub blue: &'a [u8],
}

/// Chroma of a picture without colour.
const GRAY: u8 = 128;

/// The places in a block of `factor` pixels that are looked at, along one axis.
const fn samples(factor: usize) -> [usize; 2] {
    [(factor - 1) / 4, factor - 1 - (factor - 1) / 4]
}

#[inline]
fn luma_of(r: u8, g: u8, b: u8) -> u8 {
    // 299, 587 and 114 thousandths, in parts of 256; 255 · 256 + 128 still fits.
    ((77 * u16::from(r) + 150 * u16::from(g) + 29 * u16::from(b) + 128) >> 8) as u8
}

#[inline]
fn mean(values: [u8; 4]) -> u8 {
    let [a, b, c, d] = values.map(u16::from);
    ((a + b + c + d + 2) >> 2) as u8
}

/// What planes are made of.
trait Sample: Copy {
    /// Stands for one that is not there.
    const NONE: Self;
}

impl Sample for u8 {
    const NONE: Self = 0;
}

impl<const BYTES: usize> Sample for [u8; BYTES] {
    const NONE: Self = [0; BYTES];
}

/// Writes what `of` makes of the four samples of each block of `factor` pixels along two rows of it; of a block of one pixel they
/// are all that one.
fn write_blocks<T: Sample>(
    out: &mut [u8],
    [above, below]: [&[T]; 2],
    factor: usize,
    of: impl Fn([T; 4]) -> u8,
) {
    // With a size that is known when this is compiled it is several times as quick; these are what pictures up to 4K have.
    match factor {
        1 => with_wide_instructions(|| {
            out.iter_mut().zip(above).for_each(|(out, &sample)| *out = of([sample; 4]));
        }),
        2 => write_blocks_of::<T, 2>(out, [above, below], of),
        3 => write_blocks_of::<T, 3>(out, [above, below], of),
        4 => write_blocks_of::<T, 4>(out, [above, below], of),
        6 => write_blocks_of::<T, 6>(out, [above, below], of),
        _ => {
            let places = samples(factor);
            let (above, below) = (above.chunks_exact(factor), below.chunks_exact(factor));
            for (out, (a, b)) in out.iter_mut().zip(above.zip(below)) {
                *out = of(corners(a, b, places));
            }
        }
    }
}

fn write_blocks_of<T: Sample, const FACTOR: usize>(
    out: &mut [u8],
    rows: [&[T]; 2],
    of: impl Fn([T; 4]) -> u8,
) {
    let [above, below] = rows.map(|row| row.as_chunks::<FACTOR>().0);
    with_wide_instructions(move || {
        for (out, (a, b)) in out.iter_mut().zip(above.iter().zip(below)) {
            *out = of(corners(a, b, const { samples(FACTOR) }));
        }
    });
}

/// Writes the chroma of blocks of `factor` pixels of a row, of which there is a sample for every second pixel.
fn write_places<T: Sample>(out: &mut [u8], row: &[T], factor: usize, of: impl Fn(T) -> u8) {
    let done = with_wide_instructions(|| match factor {
        1 => {
            let pairs = out.as_chunks_mut::<2>().0.iter_mut().zip(row);
            2 * pairs.map(|(out, &sample)| *out = [of(sample); 2]).count()
        }
        2 => out.iter_mut().zip(row).map(|(out, &sample)| *out = of(sample)).count(),
        // Two blocks are six pixels and three samples.
        3 => {
            let pairs = out.as_chunks_mut::<2>().0.iter_mut().zip(row.as_chunks::<3>().0);
            2 * pairs.map(|(out, &[a, _, b])| *out = [of(a), of(b)]).count()
        }
        _ => 0,
    });
    // The others, and what is left at the end.
    for (x, out) in out.iter_mut().enumerate().skip(done) {
        *out = row.get((x * factor + factor / 2) / 2).map_or(GRAY, |&sample| of(sample));
    }
}

/// The samples at two places of two rows of a block.
#[inline]
fn corners<T: Sample>(above: &[T], below: &[T], [left, right]: [usize; 2]) -> [T; 4] {
    let at = |row: &[T], place: usize| row.get(place).copied().unwrap_or(T::NONE);
    [at(above, left), at(above, right), at(below, left), at(below, right)]
}

/// Fraction bits of the factors of a [`Conversion`]: as many as it takes for every byte to come out as it would with real numbers.
const BITS: u32 = 16;

/// From YUV bytes to RGB, in whole numbers.
#[derive(Clone, Copy)]
struct Conversion {
    black: i32,
    luma: i32,
    red_v: i32,
    green_u: i32,
    green_v: i32,
    blue_u: i32,
}

/// A number times a factor, rounded to the nearest.
#[inline]
fn times(value: i32, factor: i32) -> i32 {
    (value * factor + (1 << (BITS - 1))) >> BITS
}

impl Conversion {
    /// For a frame of a format that has chroma.
    fn for_frame(frame: &Frame<'_>) -> Option<Self> {
        (frame.format().planes() > 1).then(|| Self::of(frame.range(), frame.matrix()))
    }

    fn of(range: ColorRange, matrix: ColorMatrix) -> Self {
        let (kr, kb) = match matrix {
            ColorMatrix::Bt601 => (0.299, 0.114),
            ColorMatrix::Bt709 => (0.2126, 0.0722),
            ColorMatrix::Bt2020 => (0.2627, 0.0593),
        };
        let kg = 1.0 - kr - kb;
        let (black, luma_gain, chroma_gain) = match range {
            ColorRange::Full => (0, 1.0, 1.0),
            ColorRange::Limited => (16, 255.0 / 219.0, 255.0 / 224.0),
        };
        let fixed = |gain: f64| (gain * f64::from(1 << BITS)).round() as i32;
        let chroma = |gain: f64| fixed(gain * chroma_gain);
        Self {
            black,
            luma: fixed(luma_gain),
            red_v: chroma(2.0 * (1.0 - kr)),
            green_u: chroma(-2.0 * (1.0 - kb) * kb / kg),
            green_v: chroma(-2.0 * (1.0 - kr) * kr / kg),
            blue_u: chroma(2.0 * (1.0 - kb)),
        }
    }

    /// Luma in full range.
    #[inline]
    fn luma(&self, y: u8) -> u8 {
        times(i32::from(y) - self.black, self.luma).clamp(0, 255) as u8
    }

    /// Red, green and blue of a luma in full range and of chroma.
    #[inline]
    fn rgb(&self, luma: u8, u: u8, v: u8) -> [u8; 3] {
        let (luma, u, v) = (i32::from(luma), i32::from(u) - 128, i32::from(v) - 128);
        let red = luma + times(v, self.red_v);
        let green = luma + times(u, self.green_u) + times(v, self.green_v);
        let blue = luma + times(u, self.blue_u);
        [red, green, blue].map(|colour| colour.clamp(0, 255) as u8)
    }
}

/// The two rows of a plane in which a row's samples lie.
fn sampled<'a>(frame: &Frame<'a>, y: usize, factor: usize) -> [&'a [u8]; 2] {
    samples(factor).map(|s| frame.row(0, y * factor + s))
}

fn packed<const BYTES: usize>(
    [luma, red, green, blue]: [&mut [u8]; 4],
    frame: &Frame<'_>,
    y: usize,
    factor: usize,
    rgb: impl Fn([u8; BYTES]) -> [u8; 3],
) {
    let rows = sampled(frame, y, factor).map(|row| row.as_chunks::<BYTES>().0);
    // One plane at a time: loops without branches, which become wide instructions.
    write_blocks(red, rows, factor, |block| mean(block.map(|p| rgb(p)[0])));
    write_blocks(green, rows, factor, |block| mean(block.map(|p| rgb(p)[1])));
    write_blocks(blue, rows, factor, |block| mean(block.map(|p| rgb(p)[2])));
    let colours = red.iter().zip(green.iter()).zip(blue.iter());
    with_wide_instructions(|| {
        for (luma, ((&r, &g), &b)) in luma.iter_mut().zip(colours) {
            *luma = luma_of(r, g, b);
        }
    });
}

fn packed_luma<const BYTES: usize>(
    out: &mut [u8],
    frame: &Frame<'_>,
    y: usize,
    factor: usize,
    rgb: impl Fn([u8; BYTES]) -> [u8; 3],
) {
    let rows = sampled(frame, y, factor).map(|row| row.as_chunks::<BYTES>().0);
    write_blocks(out, rows, factor, |block| {
        let [a, b, c, d] = block.map(&rgb);
        luma_of(
            mean([a[0], b[0], c[0], d[0]]),
            mean([a[1], b[1], c[1], d[1]]),
            mean([a[2], b[2], c[2], d[2]]),
        )
    });
}

/// Luma of a format that has it, brought to full range where there is a conversion.
fn first_plane(out: &mut [u8], frame: &Frame<'_>, y: usize, factor: usize, conversion: Option<&Conversion>) {
    let rows = sampled(frame, y, factor);
    match conversion {
        Some(&conversion) => write_blocks(out, rows, factor, move |block| conversion.luma(mean(block))),
        None => write_blocks(out, rows, factor, mean),
    }
}

fn yuv(
    [luma, red, green, blue]: [&mut [u8]; 4],
    chroma: &mut [Vec<u8>; 2],
    frame: &Frame<'_>,
    y: usize,
    factor: usize,
    conversion: &Conversion,
) {
    first_plane(luma, frame, y, factor, Some(conversion));
    let chroma_row = (y * factor + factor / 2) / 2;
    let (first, second) = (frame.row(1, chroma_row), frame.row(2, chroma_row));
    let [us, vs] = chroma;
    us.resize(luma.len(), GRAY);
    vs.resize(luma.len(), GRAY);
    if frame.format() == PixelFormat::Nv12 {
        let (pairs, _) = first.as_chunks::<2>();
        write_places(us, pairs, factor, |[u, _]| u);
        write_places(vs, pairs, factor, |[_, v]| v);
    } else {
        write_places(us, first, factor, |u| u);
        write_places(vs, second, factor, |v| v);
    }
    let conversion = *conversion;
    with_wide_instructions(|| {
        let from = luma.iter().zip(us.iter().zip(vs.iter()));
        for ((&luma, (&u, &v)), ((red, green), blue)) in from.zip(red.iter_mut().zip(green).zip(blue)) {
            [*red, *green, *blue] = conversion.rgb(luma, u, v);
        }
    });
}

impl WorkingPicture {
    /// Takes a frame; memory of the frame before is used again.
    pub fn take(&mut self, frame: &Frame<'_>) {
        self.set_size(frame.width(), frame.height());
        self.set_colours();
        let conversion = Conversion::for_frame(frame);
        (0..self.height).for_each(|y| self.write(frame, y, y, conversion.as_ref()));
    }

    /// Takes one row of what [`take`](Self::take) would make of a frame, by its number there.
    pub fn take_row(&mut self, frame: &Frame<'_>, y: usize) {
        self.set_size(frame.width(), frame.height());
        self.set_colours();
        if y < self.height {
            self.write(frame, y, 0, Conversion::for_frame(frame).as_ref());
        }
        self.height = 1;
    }

    /// Takes a frame's luma alone, which is the same as with [`take`](Self::take) and costs a fraction; rows have no colours then.
    pub fn take_luma(&mut self, frame: &Frame<'_>) {
        self.set_size(frame.width(), frame.height());
        for colour in [&mut self.red, &mut self.green, &mut self.blue] {
            colour.clear();
        }
        let (conversion, factor, width) = (Conversion::for_frame(frame), self.factor, self.width);
        for (y, out) in self.luma.chunks_exact_mut(width.max(1)).enumerate() {
            match frame.format() {
                PixelFormat::Rgb => packed_luma::<3>(out, frame, y, factor, |[r, g, b]| [r, g, b]),
                PixelFormat::Bgr => packed_luma::<3>(out, frame, y, factor, |[b, g, r]| [r, g, b]),
                PixelFormat::Rgbx | PixelFormat::Rgba => {
                    packed_luma::<4>(out, frame, y, factor, |[r, g, b, _]| [r, g, b]);
                }
                PixelFormat::Bgrx | PixelFormat::Bgra => {
                    packed_luma::<4>(out, frame, y, factor, |[b, g, r, _]| [r, g, b]);
                }
                PixelFormat::Gray8 | PixelFormat::Nv12 | PixelFormat::I420 => {
                    first_plane(out, frame, y, factor, conversion.as_ref());
                }
            }
        }
    }

    /// A black picture as it would be of a frame of this size.
    pub fn blank(&mut self, frame_width: usize, frame_height: usize) {
        self.set_size(frame_width, frame_height);
        self.set_colours();
        for plane in [&mut self.luma, &mut self.red, &mut self.green, &mut self.blue] {
            plane.fill(0);
        }
    }

    /// Chooses the factor; the plane of luma is as large as it is said to be.
    fn set_size(&mut self, frame_width: usize, frame_height: usize) {
        let (longer, shorter) = (frame_width.max(frame_height), frame_width.min(frame_height).max(1));
        self.factor = ((longer + TARGET_PX / 2) / TARGET_PX).clamp(1, shorter);
        (self.width, self.height) = (frame_width / self.factor, frame_height / self.factor);
        self.luma.resize(self.width * self.height, 0);
    }

    /// The planes of colours are as large as that of luma.
    fn set_colours(&mut self) {
        for plane in [&mut self.red, &mut self.green, &mut self.blue] {
            plane.resize(self.luma.len(), 0);
        }
    }

    /// Writes what row `y` would be into row `to`.
    fn write(&mut self, frame: &Frame<'_>, y: usize, to: usize, conversion: Option<&Conversion>) {
        let (factor, at) = (self.factor, to * self.width..(to + 1) * self.width);
        let planes = [&mut self.luma, &mut self.red, &mut self.green, &mut self.blue];
        let out = planes.map(|plane| plane.get_mut(at.clone()).unwrap_or(&mut []));
        match frame.format() {
            PixelFormat::Rgb => packed::<3>(out, frame, y, factor, |[r, g, b]| [r, g, b]),
            PixelFormat::Bgr => packed::<3>(out, frame, y, factor, |[b, g, r]| [r, g, b]),
            PixelFormat::Rgbx | PixelFormat::Rgba => {
                packed::<4>(out, frame, y, factor, |[r, g, b, _]| [r, g, b]);
            }
            PixelFormat::Bgrx | PixelFormat::Bgra => {
                packed::<4>(out, frame, y, factor, |[b, g, r, _]| [r, g, b]);
            }
            PixelFormat::Gray8 => {
                let [luma, colours @ ..] = out;
                first_plane(luma, frame, y, factor, None);
                colours.into_iter().for_each(|colour| colour.copy_from_slice(luma));
            }
            PixelFormat::Nv12 | PixelFormat::I420 => {
                if let Some(conversion) = conversion {
                    yuv(out, &mut self.chroma, frame, y, factor, conversion);
                }
            }
        }
    }

    /// Width in working pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in working pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Source pixels a working pixel is wide and high; 0 before the first frame.
    pub fn factor(&self) -> usize {
        self.factor
    }

    /// One row; empty where there is none.
    pub fn row(&self, y: usize) -> Row<'_> {
        let range = y * self.width..(y + 1) * self.width;
        fn of(plane: &[u8], range: std::ops::Range<usize>) -> &[u8] {
            plane.get(range).unwrap_or(&[])
        }
        Row {
            luma: of(&self.luma, range.clone()),
            red: of(&self.red, range.clone()),
            green: of(&self.green, range.clone()),
            blue: of(&self.blue, range),
        }
    }

    /// Where a point of the source picture lies in the working picture; see the crate's convention.
    pub fn from_frame(&self, p: PointInFrame) -> (f64, f64) {
        let factor = self.factor.max(1) as f64;
        ((p.x_px + 0.5) / factor - 0.5, (p.y_px + 0.5) / factor - 0.5)
    }

    /// Where a point of the working picture lies in the source picture.
    pub fn to_frame(&self, (x, y): (f64, f64)) -> PointInFrame {
        let factor = self.factor.max(1) as f64;
        PointInFrame { x_px: (x + 0.5) * factor - 0.5, y_px: (y + 0.5) * factor - 0.5 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_give_what_real_ones_do() {
        // K_R and K_B of ITU-R BT.601-7 (2.5.1), BT.709-6 (3.2) and BT.2020-2 (table 4).
        for (matrix, kr, kb) in [
            (ColorMatrix::Bt601, 0.299, 0.114),
            (ColorMatrix::Bt709, 0.2126, 0.0722),
            (ColorMatrix::Bt2020, 0.2627, 0.0593),
        ] {
            let kg = 1.0 - kr - kb;
            for (range, black, luma_gain, chroma_gain) in
                [(ColorRange::Full, 0.0, 1.0, 1.0), (ColorRange::Limited, 16.0, 255.0 / 219.0, 255.0 / 224.0)]
            {
                let conversion = Conversion::of(range, matrix);
                for byte in 0..=255_u8 {
                    let luma = ((f64::from(byte) - black) * luma_gain).round() as u8;
                    assert_eq!(conversion.luma(byte), luma, "luma {byte}, {range:?}");
                    let chroma = |gain: f64| ((f64::from(byte) - 128.0) * gain * chroma_gain).round() as i32;
                    let colour = |part: i32| (100 + part).clamp(0, 255) as u8;
                    let of_v = conversion.rgb(100, 128, byte);
                    assert_eq!(of_v[0], colour(chroma(2.0 * (1.0 - kr))), "red of {byte}");
                    assert_eq!(of_v[1], colour(chroma(-2.0 * (1.0 - kr) * kr / kg)), "green of V {byte}");
                    let of_u = conversion.rgb(100, byte, 128);
                    assert_eq!(of_u[1], colour(chroma(-2.0 * (1.0 - kb) * kb / kg)), "green of U {byte}");
                    assert_eq!(of_u[2], colour(chroma(2.0 * (1.0 - kb))), "blue of {byte}");
                }
            }
        }
    }

    #[test]
    fn chroma_is_that_of_the_middle_of_a_block_whatever_its_size() {
        let row: Vec<u8> = (0..200).collect();
        for factor in 1..9 {
            for width in [1, 2, 7, 8, 45] {
                let mut out = vec![0; width];
                write_places(&mut out, &row, factor, |u| u);
                let expected: Vec<u8> = (0..width).map(|x| row[(x * factor + factor / 2) / 2]).collect();
                assert_eq!(out, expected, "{factor}, {width}");
            }
            // A row that is too short leaves gray.
            let mut out = vec![0; 50];
            write_places(&mut out, &row[..3], factor, |u| u);
            assert_eq!(out.last(), Some(&GRAY), "{factor}");
        }
    }
}

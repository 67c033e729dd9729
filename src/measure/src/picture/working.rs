//! A picture of any format, brought to a size and a form in which it is quick to look at.

use crate::frame::{ColorMatrix, ColorRange, Frame, PixelFormat};
use crate::geometry::PointInFrame;

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
    /// What chroma adds to a row, between uses.
    chroma: [Vec<i16>; 3],
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

/// The places in a block of `factor` pixels that are looked at, along one axis.
const fn samples(factor: usize) -> [usize; 2] {
    [(factor - 1) / 4, factor - 1 - (factor - 1) / 4]
}

fn luma_of(r: u8, g: u8, b: u8) -> u8 {
    // 299, 587 and 114 thousandths, in parts of 256; 255 · 256 + 128 still fits.
    ((77 * u16::from(r) + 150 * u16::from(g) + 29 * u16::from(b) + 128) >> 8) as u8
}

fn mean(values: [u8; 4]) -> u8 {
    ((values.iter().map(|&v| u32::from(v)).sum::<u32>() + 2) / 4) as u8
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

/// Appends what `of` makes of the four samples of each block of `factor` pixels along two rows of it; of a block of one pixel they
/// are all that one.
fn extend_by_blocks<T: Sample>(
    out: &mut Vec<u8>,
    [above, below]: [&[T]; 2],
    factor: usize,
    of: impl Fn([T; 4]) -> u8,
) {
    // With a size that is known when this is compiled it is several times as quick; these are what pictures up to 4K have.
    match factor {
        1 => out.extend(above.iter().map(|&sample| of([sample; 4]))),
        2 => extend_by_blocks_of::<T, 2>(out, [above, below], of),
        3 => extend_by_blocks_of::<T, 3>(out, [above, below], of),
        4 => extend_by_blocks_of::<T, 4>(out, [above, below], of),
        6 => extend_by_blocks_of::<T, 6>(out, [above, below], of),
        _ => {
            let places = samples(factor);
            let (above, below) = (above.chunks_exact(factor), below.chunks_exact(factor));
            out.extend(above.zip(below).map(|(a, b)| of(corners(a, b, places))));
        }
    }
}

fn extend_by_blocks_of<T: Sample, const FACTOR: usize>(
    out: &mut Vec<u8>,
    rows: [&[T]; 2],
    of: impl Fn([T; 4]) -> u8,
) {
    let [above, below] = rows.map(|row| row.as_chunks::<FACTOR>().0);
    out.extend(above.iter().zip(below).map(|(a, b)| of(corners(a, b, const { samples(FACTOR) }))));
}

/// The samples at two places of two rows of a block.
fn corners<T: Sample>(above: &[T], below: &[T], [left, right]: [usize; 2]) -> [T; 4] {
    let at = |row: &[T], place: usize| row.get(place).copied().unwrap_or(T::NONE);
    [at(above, left), at(above, right), at(below, left), at(below, right)]
}

/// From YUV bytes to RGB: what each byte adds.
struct Conversion {
    luma: [u8; 256],
    red_v: [i16; 256],
    green_u: [i16; 256],
    green_v: [i16; 256],
    blue_u: [i16; 256],
}

/// Of a byte in a table of all bytes.
fn of_byte<T: Copy + Default>(table: &[T; 256], byte: u8) -> T {
    table.get(usize::from(byte)).copied().unwrap_or_default()
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
            ColorRange::Full => (0.0, 1.0, 1.0),
            ColorRange::Limited => (16.0, 255.0 / 219.0, 255.0 / 224.0),
        };
        // Below a few hundreds in size; the cast to a byte saturates.
        let chroma =
            |gain: f64| std::array::from_fn(|v| ((v as f64 - 128.0) * gain * chroma_gain).round() as i16);
        Self {
            luma: std::array::from_fn(|v| ((v as f64 - black) * luma_gain).round() as u8),
            red_v: chroma(2.0 * (1.0 - kr)),
            green_u: chroma(-2.0 * (1.0 - kb) * kb / kg),
            green_v: chroma(-2.0 * (1.0 - kr) * kr / kg),
            blue_u: chroma(2.0 * (1.0 - kb)),
        }
    }

    /// What chroma adds to red, green and blue.
    fn chroma(&self, u: u8, v: u8) -> [i16; 3] {
        [
            of_byte(&self.red_v, v),
            of_byte(&self.green_u, u) + of_byte(&self.green_v, v),
            of_byte(&self.blue_u, u),
        ]
    }
}

impl WorkingPicture {
    /// Takes a frame; memory of the frame before is used again.
    pub fn take(&mut self, frame: &Frame<'_>) {
        self.set_size(frame.width(), frame.height());
        let conversion = Conversion::for_frame(frame);
        (0..self.height).for_each(|y| self.append(frame, y, conversion.as_ref()));
        self.fill_up();
    }

    /// Takes one row of what [`take`](Self::take) would make of a frame, by its number there.
    pub fn take_row(&mut self, frame: &Frame<'_>, y: usize) {
        self.set_size(frame.width(), frame.height());
        if y < self.height {
            self.append(frame, y, Conversion::for_frame(frame).as_ref());
        }
        self.height = 1;
        self.fill_up();
    }

    /// Takes a frame's luma alone, which is the same as with [`take`](Self::take) and costs a fraction; rows have no colours then.
    pub fn take_luma(&mut self, frame: &Frame<'_>) {
        self.set_size(frame.width(), frame.height());
        let conversion = Conversion::for_frame(frame);
        for y in 0..self.height {
            match frame.format() {
                PixelFormat::Rgb => self.packed_luma::<3>(frame, y, |[r, g, b]| [r, g, b]),
                PixelFormat::Bgr => self.packed_luma::<3>(frame, y, |[b, g, r]| [r, g, b]),
                PixelFormat::Rgbx | PixelFormat::Rgba => {
                    self.packed_luma::<4>(frame, y, |[r, g, b, _]| [r, g, b]);
                }
                PixelFormat::Bgrx | PixelFormat::Bgra => {
                    self.packed_luma::<4>(frame, y, |[b, g, r, _]| [r, g, b]);
                }
                PixelFormat::Gray8 | PixelFormat::Nv12 | PixelFormat::I420 => {
                    self.first_plane(frame, y, conversion.as_ref());
                }
            }
        }
        self.luma.resize(self.width * self.height, 0);
    }

    /// Appends a row.
    fn append(&mut self, frame: &Frame<'_>, y: usize, conversion: Option<&Conversion>) {
        match frame.format() {
            PixelFormat::Rgb => self.packed::<3>(frame, y, |[r, g, b]| [r, g, b]),
            PixelFormat::Bgr => self.packed::<3>(frame, y, |[b, g, r]| [r, g, b]),
            PixelFormat::Rgbx | PixelFormat::Rgba => self.packed::<4>(frame, y, |[r, g, b, _]| [r, g, b]),
            PixelFormat::Bgrx | PixelFormat::Bgra => self.packed::<4>(frame, y, |[b, g, r, _]| [r, g, b]),
            PixelFormat::Gray8 => {
                let from = self.luma.len();
                self.first_plane(frame, y, None);
                for colour in [&mut self.red, &mut self.green, &mut self.blue] {
                    colour.extend_from_slice(self.luma.get(from..).unwrap_or(&[]));
                }
            }
            PixelFormat::Nv12 | PixelFormat::I420 => {
                if let Some(conversion) = conversion {
                    self.yuv(frame, y, conversion);
                }
            }
        }
    }

    /// Whatever a frame held, every plane is as large as it is said to be.
    fn fill_up(&mut self) {
        for plane in [&mut self.luma, &mut self.red, &mut self.green, &mut self.blue] {
            plane.resize(self.width * self.height, 0);
        }
    }

    /// A black picture as it would be of a frame of this size.
    pub fn blank(&mut self, frame_width: usize, frame_height: usize) {
        self.set_size(frame_width, frame_height);
        self.fill_up();
    }

    /// Chooses the factor and empties the planes.
    fn set_size(&mut self, frame_width: usize, frame_height: usize) {
        let (longer, shorter) = (frame_width.max(frame_height), frame_width.min(frame_height).max(1));
        self.factor = ((longer + TARGET_PX / 2) / TARGET_PX).clamp(1, shorter);
        (self.width, self.height) = (frame_width / self.factor, frame_height / self.factor);
        for plane in [&mut self.luma, &mut self.red, &mut self.green, &mut self.blue] {
            plane.clear();
            plane.reserve(self.width * self.height);
        }
    }

    fn packed<const BYTES: usize>(
        &mut self,
        frame: &Frame<'_>,
        y: usize,
        rgb: impl Fn([u8; BYTES]) -> [u8; 3],
    ) {
        let rows = samples(self.factor).map(|s| frame.row(0, y * self.factor + s).as_chunks::<BYTES>().0);
        let from = self.luma.len();
        // One plane at a time: loops without branches, which become wide instructions.
        extend_by_blocks(&mut self.red, rows, self.factor, |block| mean(block.map(|p| rgb(p)[0])));
        extend_by_blocks(&mut self.green, rows, self.factor, |block| mean(block.map(|p| rgb(p)[1])));
        extend_by_blocks(&mut self.blue, rows, self.factor, |block| mean(block.map(|p| rgb(p)[2])));
        let of = |plane| <[u8]>::get(plane, from..).unwrap_or(&[]);
        let colours = of(&self.red).iter().zip(of(&self.green)).zip(of(&self.blue));
        self.luma.extend(colours.map(|((&r, &g), &b)| luma_of(r, g, b)));
    }

    fn packed_luma<const BYTES: usize>(
        &mut self,
        frame: &Frame<'_>,
        y: usize,
        rgb: impl Fn([u8; BYTES]) -> [u8; 3],
    ) {
        let rows = samples(self.factor).map(|s| frame.row(0, y * self.factor + s).as_chunks::<BYTES>().0);
        extend_by_blocks(&mut self.luma, rows, self.factor, |block| {
            let [a, b, c, d] = block.map(&rgb);
            luma_of(
                mean([a[0], b[0], c[0], d[0]]),
                mean([a[1], b[1], c[1], d[1]]),
                mean([a[2], b[2], c[2], d[2]]),
            )
        });
    }

    /// Luma of a format that has it, brought to full range where there is a conversion.
    fn first_plane(&mut self, frame: &Frame<'_>, y: usize, conversion: Option<&Conversion>) {
        let rows = samples(self.factor).map(|s| frame.row(0, y * self.factor + s));
        match conversion {
            Some(conversion) => {
                extend_by_blocks(&mut self.luma, rows, self.factor, |block| {
                    of_byte(&conversion.luma, mean(block))
                });
            }
            None => extend_by_blocks(&mut self.luma, rows, self.factor, mean),
        }
    }

    fn yuv(&mut self, frame: &Frame<'_>, y: usize, conversion: &Conversion) {
        let from = self.luma.len();
        self.first_plane(frame, y, Some(conversion));
        let chroma_row = (y * self.factor + self.factor / 2) / 2;
        let luma = self.luma.get(from..).unwrap_or(&[]);
        let (first, second) = (frame.row(1, chroma_row), frame.row(2, chroma_row));
        let (pairs, _) = first.as_chunks::<2>();
        let is_interleaved = frame.format() == PixelFormat::Nv12;
        let chroma_at = |at: usize| {
            if is_interleaved {
                pairs.get(at).map_or((128, 128), |&[u, v]| (u, v))
            } else {
                (first.get(at).copied().unwrap_or(128), second.get(at).copied().unwrap_or(128))
            }
        };
        // What chroma adds, pixel by pixel; two share a sample where the picture is not reduced.
        let mut parts = std::mem::take(&mut self.chroma);
        parts.iter_mut().for_each(|part| part.resize(self.width.next_multiple_of(2), 0));
        let [red, green, blue] = &mut parts;
        if self.factor == 1 {
            let pairs = [red, green, blue].map(|part| part.as_chunks_mut::<2>().0);
            let [red, green, blue] = pairs;
            for (at, ((r, g), b)) in red.iter_mut().zip(green).zip(blue).enumerate() {
                let (u, v) = chroma_at(at);
                let [to_r, to_g, to_b] = conversion.chroma(u, v);
                (*r, *g, *b) = ([to_r; 2], [to_g; 2], [to_b; 2]);
            }
        } else {
            for (x, ((r, g), b)) in red.iter_mut().zip(green).zip(blue).enumerate() {
                let (u, v) = chroma_at((x * self.factor + self.factor / 2) / 2);
                [*r, *g, *b] = conversion.chroma(u, v);
            }
        }
        let add = |(&luma, &part): (&u8, &i16)| (i16::from(luma) + part).clamp(0, 255) as u8;
        let [red, green, blue] = &parts;
        self.red.extend(luma.iter().zip(red).map(add));
        self.green.extend(luma.iter().zip(green).map(add));
        self.blue.extend(luma.iter().zip(blue).map(add));
        self.chroma = parts;
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

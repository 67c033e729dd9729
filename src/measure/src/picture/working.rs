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
#[derive(Clone, Copy, Debug)]
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
fn samples(factor: usize) -> [usize; 2] {
    [(factor - 1) / 4, factor - 1 - (factor - 1) / 4]
}

fn luma_of(r: u8, g: u8, b: u8) -> u8 {
    // 299, 587 and 114 thousandths, in parts of 256; 255 · 256 + 128 still fits.
    ((77 * u16::from(r) + 150 * u16::from(g) + 29 * u16::from(b) + 128) >> 8) as u8
}

fn mean(values: [u8; 4]) -> u8 {
    ((values.iter().map(|&v| u32::from(v)).sum::<u32>() + 2) / 4) as u8
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
        let conversion = (frame.format().planes() > 1).then(|| Conversion::of(frame.range(), frame.matrix()));
        for y in 0..self.height {
            match frame.format() {
                PixelFormat::Rgb => self.packed::<3>(frame, y, |[r, g, b]| [r, g, b]),
                PixelFormat::Bgr => self.packed::<3>(frame, y, |[b, g, r]| [r, g, b]),
                PixelFormat::Rgbx | PixelFormat::Rgba => {
                    self.packed::<4>(frame, y, |[r, g, b, _]| [r, g, b]);
                }
                PixelFormat::Bgrx | PixelFormat::Bgra => {
                    self.packed::<4>(frame, y, |[b, g, r, _]| [r, g, b]);
                }
                PixelFormat::Gray8 => {
                    self.first_plane(frame, y, |v| v);
                    let from = y * self.width;
                    for colour in [&mut self.red, &mut self.green, &mut self.blue] {
                        colour.extend_from_slice(self.luma.get(from..).unwrap_or(&[]));
                    }
                }
                PixelFormat::Nv12 | PixelFormat::I420 => {
                    if let Some(conversion) = &conversion {
                        self.yuv(frame, y, conversion);
                    }
                }
            }
        }
        // Whatever a frame held, every plane is as large as it is said to be.
        for plane in [&mut self.luma, &mut self.red, &mut self.green, &mut self.blue] {
            plane.resize(self.width * self.height, 0);
        }
    }

    /// A black picture as it would be of a frame of this size.
    pub fn blank(&mut self, frame_width: usize, frame_height: usize) {
        self.set_size(frame_width, frame_height);
        for plane in [&mut self.luma, &mut self.red, &mut self.green, &mut self.blue] {
            plane.resize(self.width * self.height, 0);
        }
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

    fn push(&mut self, [r, g, b]: [u8; 3]) {
        self.luma.push(luma_of(r, g, b));
        self.red.push(r);
        self.green.push(g);
        self.blue.push(b);
    }

    fn packed<const BYTES: usize>(
        &mut self,
        frame: &Frame<'_>,
        y: usize,
        rgb: impl Fn([u8; BYTES]) -> [u8; 3],
    ) {
        let pixels = |row: usize| frame.row(0, row).as_chunks::<BYTES>().0;
        if self.factor == 1 {
            // One plane at a time: loops without branches, which become wide instructions.
            let row = pixels(y);
            self.red.extend(row.iter().map(|&p| rgb(p)[0]));
            self.green.extend(row.iter().map(|&p| rgb(p)[1]));
            self.blue.extend(row.iter().map(|&p| rgb(p)[2]));
            let from = y * self.width;
            let of = |plane| <[u8]>::get(plane, from..).unwrap_or(&[]);
            let colours = of(&self.red).iter().zip(of(&self.green)).zip(of(&self.blue));
            self.luma.extend(colours.map(|((&r, &g), &b)| luma_of(r, g, b)));
            return;
        }
        let [above, below] = samples(self.factor).map(|s| pixels(y * self.factor + s));
        let [left, right] = samples(self.factor);
        let (above, below) = (above.chunks_exact(self.factor), below.chunks_exact(self.factor));
        for (a, b) in above.zip(below) {
            let (Some(&tl), Some(&tr), Some(&bl), Some(&br)) =
                (a.get(left), a.get(right), b.get(left), b.get(right))
            else {
                continue;
            };
            let [tl, tr, bl, br] = [tl, tr, bl, br].map(&rgb);
            self.push([
                mean([tl[0], tr[0], bl[0], br[0]]),
                mean([tl[1], tr[1], bl[1], br[1]]),
                mean([tl[2], tr[2], bl[2], br[2]]),
            ]);
        }
    }

    fn first_plane(&mut self, frame: &Frame<'_>, y: usize, full: impl Fn(u8) -> u8) {
        if self.factor == 1 {
            self.luma.extend(frame.row(0, y).iter().map(|&v| full(v)));
            return;
        }
        let [above, below] = samples(self.factor).map(|s| frame.row(0, y * self.factor + s));
        let [left, right] = samples(self.factor);
        let (above, below) = (above.chunks_exact(self.factor), below.chunks_exact(self.factor));
        self.luma.extend(above.zip(below).filter_map(|(a, b)| {
            Some(full(mean([*a.get(left)?, *a.get(right)?, *b.get(left)?, *b.get(right)?])))
        }));
    }

    fn yuv(&mut self, frame: &Frame<'_>, y: usize, conversion: &Conversion) {
        self.first_plane(frame, y, |v| of_byte(&conversion.luma, v));
        let chroma_row = (y * self.factor + self.factor / 2) / 2;
        let from = y * self.width;
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

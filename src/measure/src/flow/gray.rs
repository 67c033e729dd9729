//! Grey pictures, and what is made of them: means, slopes, local contrast, half their size.

use crate::frame::{Frame, PixelFormat};

/// Half the side of the surroundings that local contrast is taken from, pixels.
const SURROUNDINGS: usize = 8;
/// Samples of a block along one axis, where a frame is made small: more would not make its mean better.
const SAMPLES: usize = 4;

/// A grey picture, made small: motion of masks needs no fine detail.
#[derive(Clone, PartialEq)]
pub struct Gray {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
}

impl std::fmt::Debug for Gray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gray")
            .field("width", &self.width)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

impl Gray {
    /// A picture of `width · height` grey levels, row by row; `None` where they do not fit.
    pub fn new(width: usize, height: usize, luma: &[u8]) -> Option<Self> {
        let fits = width > 0 && height > 0 && width.checked_mul(height) == Some(luma.len());
        fits.then(|| Self { width, height, values: luma.iter().map(|v| f32::from(*v) / 255.0).collect() })
    }

    /// A frame, brought to `side` pixels along its longer side or left as it is where that is shorter. A pixel is the mean of up to 16
    /// samples of the block that it stands for, so what it costs depends on the small picture alone.
    pub fn of_frame(frame: &Frame<'_>, side: usize) -> Self {
        let longest = frame.width().max(frame.height()).max(1);
        let small = |whole: usize| (whole * side.clamp(1, longest)).div_ceil(longest).max(1);
        let (width, height) = (small(frame.width()), small(frame.height()));
        let places = |of: usize, whole: usize| {
            (0..of).map(move |i| {
                let (from, to) = (i * whole / of, ((i + 1) * whole / of).max(i * whole / of + 1));
                let n = (to - from).min(SAMPLES);
                (0..n).map(move |k| from + (2 * k + 1) * (to - from) / (2 * n)).collect::<Vec<_>>()
            })
        };
        let columns: Vec<Vec<usize>> = places(width, frame.width()).collect();
        let luma = luma_of(frame.format());
        let mut values = Vec::with_capacity(width * height);
        let (mut sums, mut counts) = (vec![0_u32; width], vec![0_u32; width]);
        for rows in places(height, frame.height()) {
            sums.fill(0);
            counts.fill(0);
            for y in rows {
                let row = frame.row(0, y);
                for ((sum, count), columns) in sums.iter_mut().zip(&mut counts).zip(&columns) {
                    *sum += columns.iter().map(|&x| luma(row, x)).sum::<u32>();
                    *count += columns.len() as u32;
                }
            }
            // In the steps of `luma`, of which there are 256 to a grey level.
            let mean = |(sum, count): (&u32, &u32)| *sum as f32 / ((*count).max(1) as f32 * 256.0 * 255.0);
            values.extend(sums.iter().zip(&counts).map(mean));
        }
        Self { width, height, values }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    pub(super) fn row(&self, y: usize) -> &[f32] {
        let from = y.min(self.height.saturating_sub(1)) * self.width;
        self.values.get(from..from + self.width).unwrap_or(&[])
    }

    pub(super) fn at(&self, x: usize, y: usize) -> f32 {
        self.row(y).get(x.min(self.width - 1)).copied().unwrap_or(0.0)
    }

    /// Between pixels, by straight lines; beyond the edge as at it.
    pub(super) fn sample(&self, x: f32, y: f32) -> f32 {
        let (x, y) = (x.clamp(0.0, (self.width - 1) as f32), y.clamp(0.0, (self.height - 1) as f32));
        let (x0, y0) = (x as usize, y as usize);
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let at = y0 * self.width + x0;
        let inside = (x0 + 1 < self.width)
            .then(|| (self.values.get(at..at + 2), self.values.get(at + self.width..at + self.width + 2)));
        let (top, bottom) = match inside {
            Some((Some(&[a, b]), Some(&[c, d]))) => (a * (1.0 - fx) + b * fx, c * (1.0 - fx) + d * fx),
            _ => (
                self.at(x0, y0) * (1.0 - fx) + self.at(x0 + 1, y0) * fx,
                self.at(x0, y0 + 1) * (1.0 - fx) + self.at(x0 + 1, y0 + 1) * fx,
            ),
        };
        top * (1.0 - fy) + bottom * fy
    }

    /// A picture of the same size by a function of the place.
    pub(super) fn map(&self, value: impl Fn(usize, usize) -> f32) -> Self {
        let (width, height) = (self.width, self.height);
        let mut values = Vec::with_capacity(width * height);
        for y in 0..height {
            values.extend((0..width).map(|x| value(x, y)));
        }
        Self { width, height, values }
    }

    /// A picture of the same size by a function of this one's and another's pixels.
    pub(super) fn with(&self, other: &Self, of: impl Fn(f32, f32) -> f32) -> Self {
        let values = self.values.iter().zip(&other.values).map(|(&a, &b)| of(a, b)).collect();
        Self { width: self.width, height: self.height, values }
    }

    /// Means over squares of `2·half + 1` pixels, cut at the edges: running sums along rows, then along columns.
    pub(super) fn blurred(&self, half: usize) -> Self {
        let (width, height) = (self.width, self.height);
        // One over how many pixels a mean is of.
        let parts: Vec<f32> = (0..=2 * half + 1).map(|n| 1.0 / n.max(1) as f32).collect();
        let part = |n: usize| parts.get(n).copied().unwrap_or(0.0);
        let mut rows = Vec::with_capacity(width * height);
        for y in 0..height {
            let row = self.row(y);
            let mut sum: f32 = row.iter().take(half + 1).sum();
            let mut n = width.min(half + 1);
            for x in 0..width {
                rows.push(sum * part(n));
                if let Some(v) = row.get(x + half + 1) {
                    sum += v;
                    n += 1;
                }
                if let Some(v) = x.checked_sub(half).and_then(|x| row.get(x)) {
                    sum -= v;
                    n -= 1;
                }
            }
        }
        let rows = Self { width, height, values: rows };
        let mut sums = vec![0.0_f32; width];
        let add = |sums: &mut [f32], row: &[f32]| sums.iter_mut().zip(row).for_each(|(s, v)| *s += v);
        (0..height.min(half + 1)).for_each(|y| add(&mut sums, rows.row(y)));
        let mut n = height.min(half + 1);
        let mut values = Vec::with_capacity(width * height);
        for y in 0..height {
            let part = part(n);
            values.extend(sums.iter().map(|s| s * part));
            if y + half + 1 < height {
                add(&mut sums, rows.row(y + half + 1));
                n += 1;
            }
            if y >= half {
                sums.iter_mut().zip(rows.row(y - half)).for_each(|(s, v)| *s -= v);
                n -= 1;
            }
        }
        Self { width, height, values }
    }

    /// What differs from the surroundings, in their own contrast.
    pub(super) fn local_contrast(&self) -> Self {
        let off = self.with(&self.blurred(SURROUNDINGS), |v, mean| v - mean);
        let square = off.with(&off, |a, b| a * b).blurred(SURROUNDINGS);
        // Running sums may end a little below nothing.
        off.with(&square, |off, square| 0.2 * off / (square.max(0.0).sqrt() + 0.02))
    }

    /// Half the size, each pixel the mean of four.
    pub(super) fn half(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let small = Self { width, height, values: Vec::new() };
        small.map(|x, y| {
            let (x, y) = (2 * x, 2 * y);
            0.25 * (self.at(x, y) + self.at(x + 1, y) + self.at(x, y + 1) + self.at(x + 1, y + 1))
        })
    }

    /// How fast it grows to the right and downwards, per pixel.
    pub(super) fn slopes(&self) -> (Self, Self) {
        let (width, height) = (self.width, self.height);
        let (mut right, mut down) = (Vec::with_capacity(width * height), Vec::with_capacity(width * height));
        for y in 0..height {
            let row = self.row(y);
            let before = row.first().into_iter().chain(row);
            let after = row.iter().skip(1).chain(row.last());
            right.extend(after.zip(before).map(|(after, before)| 0.5 * (after - before)));
            let (above, below) = (self.row(y.saturating_sub(1)), self.row(y + 1));
            down.extend(below.iter().zip(above).map(|(below, above)| 0.5 * (below - above)));
        }
        (Self { width, height, values: right }, Self { width, height, values: down })
    }
}

/// Luma of a row's pixel, in parts of 256 of a grey level. Of YUV it is their own, in whatever range: motion does not mind.
fn luma_of(format: PixelFormat) -> fn(&[u8], usize) -> u32 {
    fn packed<const N: usize>(row: &[u8], x: usize, [r, g, b]: [usize; 3]) -> u32 {
        let pixel = row.get(x * N..x * N + N).unwrap_or(&[]);
        let of = |i: usize| u32::from(pixel.get(i).copied().unwrap_or(0));
        77 * of(r) + 150 * of(g) + 29 * of(b)
    }
    match format {
        PixelFormat::Rgb => |row, x| packed::<3>(row, x, [0, 1, 2]),
        PixelFormat::Bgr => |row, x| packed::<3>(row, x, [2, 1, 0]),
        PixelFormat::Rgbx | PixelFormat::Rgba => |row, x| packed::<4>(row, x, [0, 1, 2]),
        PixelFormat::Bgrx | PixelFormat::Bgra => |row, x| packed::<4>(row, x, [2, 1, 0]),
        PixelFormat::Gray8 | PixelFormat::Nv12 | PixelFormat::I420 => {
            |row, x| 256 * u32::from(row.get(x).copied().unwrap_or(0))
        }
    }
}

//! Small changes of a picture's framing, and the way back.

use vesalius_measure::geometry::PixelRect;

use super::pixels_of;

/// Shifts, as a part of the content's sides.
const SHIFT: f64 = 0.04;
/// Scales down and up.
const SCALES: [f64; 2] = [0.93, 1.07];

/// A framing: mirrored left to right, scaled about the middle of the content, shifted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Warp {
    mirror: bool,
    scale: f64,
    /// In pixels of the model's picture: where the middle goes.
    shift: (f64, f64),
}

/// The picture as it is, its mirror image, four shifts, two scales, and the mirror image of those that differ most.
pub(super) fn framings(content: PixelRect) -> Vec<Warp> {
    let (dx, dy) = (SHIFT * f64::from(content.width), SHIFT * f64::from(content.height));
    let shifted = [(dx, 0.0), (-dx, 0.0), (0.0, dy), (0.0, -dy)].map(|shift| Warp { shift, ..Warp::NONE });
    let scaled = SCALES.map(|scale| Warp { scale, ..Warp::NONE });
    let mirrored = Warp { mirror: true, ..Warp::NONE };
    let both = scaled.map(|warp| Warp { mirror: true, ..warp });
    [&[Warp::NONE, mirrored][..], &shifted, &scaled, &both].concat()
}

impl Warp {
    /// The picture as it is.
    pub(super) const NONE: Self = Self { mirror: false, scale: 1.0, shift: (0.0, 0.0) };

    /// Where a pixel of the framed picture is taken from.
    fn source(&self, at: (f64, f64), middle: (f64, f64)) -> (f64, f64) {
        let sign = if self.mirror { -1.0 } else { 1.0 };
        (
            middle.0 + sign * (at.0 - middle.0 - self.shift.0) / self.scale,
            middle.1 + (at.1 - middle.1 - self.shift.1) / self.scale,
        )
    }

    /// Where a pixel of the picture is in the framed one: the inverse of [`Self::source`].
    fn target(&self, at: (f64, f64), middle: (f64, f64)) -> (f64, f64) {
        let sign = if self.mirror { -1.0 } else { 1.0 };
        (
            middle.0 + self.shift.0 + sign * self.scale * (at.0 - middle.0),
            middle.1 + self.shift.1 + self.scale * (at.1 - middle.1),
        )
    }

    /// Frames a plane anew. What comes in from outside the content repeats its edge.
    pub(super) fn apply(&self, plane: &[f32], width: usize, content: PixelRect) -> Vec<f32> {
        let (mut framed, middle) = (plane.to_vec(), middle(content));
        for (x, y) in pixels_of(content) {
            let from = self.source((x as f64, y as f64), middle);
            if let Some(value) = framed.get_mut(y * width + x) {
                *value = at(plane, width, content, from);
            }
        }
        framed
    }

    /// Brings a map of the framed picture back, and says of which pixels it tells: those that the frame held.
    pub(super) fn undo(&self, map: &[f32], width: usize, content: PixelRect) -> (Vec<f32>, Vec<bool>) {
        let (mut back, mut seen) = (vec![0.0; map.len()], vec![false; map.len()]);
        let middle = middle(content);
        for (x, y) in pixels_of(content) {
            let to = self.target((x as f64, y as f64), middle);
            let (Some(value), Some(is_seen)) = (back.get_mut(y * width + x), seen.get_mut(y * width + x))
            else {
                continue;
            };
            *is_seen = is_inside(content, to);
            if *is_seen {
                *value = at(map, width, content, to);
            }
        }
        (back, seen)
    }
}

fn middle(content: PixelRect) -> (f64, f64) {
    let of = |first: u32, count: u32| f64::from(first) + (f64::from(count) - 1.0) / 2.0;
    (of(content.x, content.width), of(content.y, content.height))
}

/// Pixel (i, j) covers [i − ½, i + ½].
fn is_inside(content: PixelRect, (x, y): (f64, f64)) -> bool {
    let inside = |at: f64, first: u32, count: u32| {
        (f64::from(first) - 0.5..=f64::from(first + count) - 0.5).contains(&at)
    };
    inside(x, content.x, content.width) && inside(y, content.y, content.height)
}

/// Bilinear between the centres of the content's pixels.
fn at(plane: &[f32], width: usize, content: PixelRect, (x, y): (f64, f64)) -> f32 {
    let clamp = |at: f64, first: u32, count: u32| at.clamp(f64::from(first), f64::from(first + count - 1));
    let (x, y) = (clamp(x, content.x, content.width), clamp(y, content.y, content.height));
    let (left, top) = (x.floor(), y.floor());
    let (fx, fy) = ((x - left) as f32, (y - top) as f32);
    let (right, bottom) = (x.ceil() as usize, y.ceil() as usize);
    let (left, top) = (left as usize, top as usize);
    let value = |x: usize, y: usize| plane.get(y * width + x).copied().unwrap_or(0.0);
    let upper = value(left, top) + (value(right, top) - value(left, top)) * fx;
    let lower = value(left, bottom) + (value(right, bottom) - value(left, bottom)) * fx;
    upper + (lower - upper) * fy
}

/// Sums over framings.
pub(super) struct Sums {
    count: Vec<u32>,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

impl Sums {
    pub(super) fn new(pixels: usize) -> Self {
        Self { count: vec![0; pixels], sum: vec![0.0; pixels], squares: vec![0.0; pixels] }
    }

    /// Adds a map where it is known: everywhere without `seen`.
    pub(super) fn add(&mut self, map: &[f32], seen: Option<&[bool]>) {
        let sums = self.count.iter_mut().zip(&mut self.sum).zip(&mut self.squares);
        for (i, (((count, sum), squares), &p)) in sums.zip(map).enumerate() {
            if seen.is_none_or(|seen| seen.get(i) == Some(&true)) {
                *count += 1;
                *sum += f64::from(p);
                *squares += f64::from(p).powi(2);
            }
        }
    }

    /// Mean and standard deviation of what was seen of each pixel.
    pub(super) fn mean_and_spread(&self) -> (Vec<f32>, Vec<f32>) {
        let each = self.count.iter().zip(&self.sum).zip(&self.squares);
        each.map(|((&count, &sum), &squares)| {
            let n = f64::from(count.max(1));
            let mean = sum / n;
            (mean as f32, (squares / n - mean * mean).max(0.0).sqrt() as f32)
        })
        .unzip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: PixelRect = PixelRect { x: 2, y: 3, width: 60, height: 40 };
    const WIDTH: usize = 64;

    /// A smooth hill off the middle, so that every change of framing moves it.
    fn hill() -> Vec<f32> {
        let value = |x: f64, y: f64| (-((x - 22.0).powi(2) + (y - 20.0).powi(2)) / 90.0).exp() as f32;
        (0..WIDTH * 48).map(|i| value((i % WIDTH) as f64, (i / WIDTH) as f64)).collect()
    }

    #[test]
    fn every_framing_comes_back_to_where_it_was() {
        let hill = hill();
        let framings = framings(CONTENT);
        assert_eq!(framings.len(), 10);
        for warp in framings {
            let framed = warp.apply(&hill, WIDTH, CONTENT);
            if warp != Warp::NONE {
                let moved =
                    pixels_of(CONTENT).map(|(x, y)| (framed[y * WIDTH + x] - hill[y * WIDTH + x]).abs());
                assert!(moved.fold(0.0, f32::max) > 0.05, "{warp:?}");
            }
            let (back, seen) = warp.undo(&framed, WIDTH, CONTENT);
            let known = pixels_of(CONTENT).filter(|(x, y)| seen[y * WIDTH + x]);
            let off = known.clone().map(|(x, y)| (back[y * WIDTH + x] - hill[y * WIDTH + x]).abs());
            // Two interpolations of a smooth hill.
            assert!(off.fold(0.0, f32::max) < 0.02, "{warp:?}");
            assert!(known.count() > 60 * 40 * 8 / 10, "{warp:?}");
            assert!((0..WIDTH).all(|x| !seen[x] && back[x] == 0.0), "outside the content nothing is known");
        }
    }

    #[test]
    fn a_mirror_image_is_exact() {
        let hill = hill();
        let mirror = Warp { mirror: true, ..Warp::NONE };
        let framed = mirror.apply(&hill, WIDTH, CONTENT);
        assert_eq!(framed[20 * WIDTH + 2], hill[20 * WIDTH + 61]);
        let (back, seen) = mirror.undo(&framed, WIDTH, CONTENT);
        assert!(
            pixels_of(CONTENT)
                .all(|(x, y)| seen[y * WIDTH + x] && back[y * WIDTH + x] == hill[y * WIDTH + x])
        );
    }

    #[test]
    fn mean_and_spread_are_of_what_was_seen() {
        let mut sums = Sums::new(2);
        sums.add(&[0.2, 0.2], None);
        sums.add(&[0.6, 0.9], Some(&[true, false]));
        let (mean, spread) = sums.mean_and_spread();
        assert!((mean[0] - 0.4).abs() < 1e-6 && (mean[1] - 0.2).abs() < 1e-6);
        assert!((spread[0] - 0.2).abs() < 1e-6 && spread[1] < 1e-6);
    }
}

//! Spots of a picture hidden one after the other.

use vesalius_measure::geometry::PixelRect;

use super::pixels_of;

/// Spots along the content's shorter side, each overlapping its neighbours by half.
const SPOTS_PER_SIDE: usize = 12;

/// A grid of soft-edged spots. Their windows (von Hann's, in x times in y) overlap by half and add up to 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spots {
    first: (usize, usize),
    columns: usize,
    rows: usize,
    /// From one middle to the next; half a spot's side.
    step: usize,
}

impl Spots {
    pub(super) fn over(content: PixelRect) -> Self {
        let (width, height) = (content.width as usize, content.height as usize);
        let step = width.min(height).div_ceil(SPOTS_PER_SIDE).max(1);
        Self {
            first: (content.x as usize, content.y as usize),
            columns: width.div_ceil(step) + 1,
            rows: height.div_ceil(step) + 1,
            step,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.columns * self.rows
    }

    /// Side of a spot, within which its window is above 0, in pixels.
    pub(super) fn side(&self) -> usize {
        2 * self.step
    }

    /// The middles of all spots.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let Self { first, columns, rows, step } = *self;
        (0..rows).flat_map(move |r| (0..columns).map(move |c| (first.0 + c * step, first.1 + r * step)))
    }

    /// The window of the spot with this middle at a pixel, 0 to 1.
    fn window(&self, spot: (usize, usize), (x, y): (usize, usize)) -> f32 {
        let along = |at: usize, middle: usize| {
            let off = at.abs_diff(middle) as f32 / self.step as f32;
            if off < 1.0 { 0.5 + 0.5 * (std::f32::consts::PI * off).cos() } else { 0.0 }
        };
        along(x, spot.0) * along(y, spot.1)
    }

    /// A plane so blurred that a spot holds nothing but its mean brightness: two passes of a box of a spot's side.
    pub(super) fn blur(&self, plane: &[f32], width: usize, content: PixelRect) -> Vec<f32> {
        let mut blurred = plane.to_vec();
        for _ in 0..2 {
            blurred = box_blur(&blurred, width, content, self.step, (1, 0));
            blurred = box_blur(&blurred, width, content, self.step, (0, 1));
        }
        blurred
    }

    /// A plane with one spot blurred.
    pub(super) fn hide(
        &self,
        plane: &[f32],
        blurred: &[f32],
        width: usize,
        content: PixelRect,
        spot: (usize, usize),
    ) -> Vec<f32> {
        let mut hidden = plane.to_vec();
        for (x, y) in self.pixels(content, spot) {
            let at = y * width + x;
            if let (Some(value), Some(blurred)) = (hidden.get_mut(at), blurred.get(at)) {
                *value += (blurred - *value) * self.window(spot, (x, y));
            }
        }
        hidden
    }

    /// The pixels of a spot that lie in the content.
    fn pixels(
        &self,
        content: PixelRect,
        spot: (usize, usize),
    ) -> impl Iterator<Item = (usize, usize)> + use<> {
        let range = |middle: usize, first: u32, count: u32, step: usize| {
            let (first, end) = (first as usize, (first + count) as usize);
            middle.saturating_sub(step).max(first)..(middle + step).min(end)
        };
        let columns = range(spot.0, content.x, content.width, self.step);
        let rows = range(spot.1, content.y, content.height, self.step);
        rows.flat_map(move |y| columns.clone().map(move |x| (x, y)))
    }
}

/// The mean over `radius` pixels to either side, of those within the content, along (1, 0) or (0, 1).
fn box_blur(
    plane: &[f32],
    width: usize,
    content: PixelRect,
    radius: usize,
    along: (usize, usize),
) -> Vec<f32> {
    let mut out = plane.to_vec();
    let (left, top) = (content.x as usize, content.y as usize);
    let (columns, rows) = (content.width as usize, content.height as usize);
    let (lines, length) = if along.0 == 1 { (rows, columns) } else { (columns, rows) };
    let mut sums = Vec::with_capacity(length + 1);
    for line in 0..lines {
        let index = |i: usize| {
            let (x, y) = if along.0 == 1 { (left + i, top + line) } else { (left + line, top + i) };
            y * width + x
        };
        sums.clear();
        sums.push(0.0_f64);
        let mut sum = 0.0;
        for i in 0..length {
            sum += f64::from(plane.get(index(i)).copied().unwrap_or(0.0));
            sums.push(sum);
        }
        for i in 0..length {
            let (from, to) = (i.saturating_sub(radius), (i + radius + 1).min(length));
            let (Some(a), Some(b), Some(out)) = (sums.get(from), sums.get(to), out.get_mut(index(i))) else {
                continue;
            };
            *out = ((b - a) / (to - from) as f64) as f32;
        }
    }
    out
}

/// The changes that spots make, gathered.
pub(super) struct Importance {
    plain: Vec<f32>,
    /// Of a row.
    width: usize,
    content: PixelRect,
    /// Of the structure, in pixels weighted by probability; where there is hardly any, a hundredth of the content.
    area: f32,
    sum: Vec<f32>,
    weight: Vec<f32>,
}

impl Importance {
    pub(super) fn new(plain: &[f32], width: usize, threshold: f32, content: PixelRect) -> Self {
        let area: f32 = plain.iter().filter(|p| **p >= threshold).sum();
        let least = (content.width * content.height) as f32 / 100.0;
        let zeros = vec![0.0; plain.len()];
        let (plain, area) = (plain.to_vec(), area.max(least));
        Self { plain, width, content, area, sum: zeros.clone(), weight: zeros }
    }

    /// Adds the answer to the picture with a spot hidden.
    pub(super) fn add(&mut self, hidden: &[f32], spots: &Spots, spot: (usize, usize)) {
        let changed: f32 = self.plain.iter().zip(hidden).map(|(a, b)| (a - b).abs()).sum();
        let part = changed / self.area;
        for (x, y) in spots.pixels(self.content, spot) {
            let (at, window) = (y * self.width + x, spots.window(spot, (x, y)));
            if let (Some(sum), Some(weight)) = (self.sum.get_mut(at), self.weight.get_mut(at)) {
                *sum += window * part;
                *weight += window;
            }
        }
    }

    /// The part of the structure's area that changes with each pixel's spots, 0 outside the content.
    pub(super) fn map(&self) -> Vec<f32> {
        let mut map = vec![0.0; self.sum.len()];
        for (x, y) in pixels_of(self.content) {
            let at = y * self.width + x;
            if let (Some(out), Some(sum), Some(weight)) =
                (map.get_mut(at), self.sum.get(at), self.weight.get(at))
                && *weight > 0.0
            {
                *out = sum / weight;
            }
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: PixelRect = PixelRect { x: 4, y: 2, width: 50, height: 31 };
    const WIDTH: usize = 64;

    #[test]
    fn windows_add_up_to_one_everywhere_in_the_content() {
        let spots = Spots::over(CONTENT);
        assert_eq!(spots.all().count(), spots.count());
        for at in pixels_of(CONTENT) {
            let sum: f32 = spots.all().map(|spot| spots.window(spot, at)).sum();
            assert!((sum - 1.0).abs() < 1e-5, "{at:?}: {sum}");
        }
    }

    #[test]
    fn a_blur_keeps_a_flat_plane_and_levels_a_line() {
        let spots = Spots::over(CONTENT);
        let flat = vec![0.25; WIDTH * 40];
        let off = |(a, b): (&f32, &f32)| (a - b).abs();
        let blurred = spots.blur(&flat, WIDTH, CONTENT);
        assert!(blurred.iter().zip(&flat).map(off).fold(0.0, f32::max) < 1e-6);
        let mut line = vec![0.0; WIDTH * 40];
        line.iter_mut().skip(20).step_by(WIDTH).for_each(|v| *v = 1.0);
        let blurred = spots.blur(&line, WIDTH, CONTENT);
        let row: f32 = blurred[10 * WIDTH..11 * WIDTH].iter().sum();
        assert!((row - 1.0).abs() < 0.05 && blurred[10 * WIDTH + 20] < 0.3, "{row}");
    }

    /// Of a model that finds what is bright, the place of what is bright is all that counts.
    #[test]
    fn importance_is_where_the_answer_comes_from() {
        let spots = Spots::over(CONTENT);
        let bright = |x: usize, y: usize| (30..40).contains(&x) && (10..20).contains(&y);
        let picture: Vec<f32> =
            (0..WIDTH * 40).map(|i| f32::from(u8::from(bright(i % WIDTH, i / WIDTH)))).collect();
        let model =
            |picture: &[f32]| -> Vec<f32> { picture.iter().map(|v| f32::from(u8::from(*v > 0.6))).collect() };
        let blurred = spots.blur(&picture, WIDTH, CONTENT);
        let mut importance = Importance::new(&model(&picture), WIDTH, 0.5, CONTENT);
        for spot in spots.all() {
            let hidden = spots.hide(&picture, &blurred, WIDTH, CONTENT, spot);
            importance.add(&model(&hidden), &spots, spot);
        }
        let map = importance.map();
        let mean = |inside: bool| {
            let chosen: Vec<f32> = pixels_of(CONTENT)
                .filter(|&(x, y)| bright(x, y) == inside)
                .map(|(x, y)| map[y * WIDTH + x])
                .collect();
            chosen.iter().sum::<f32>() / chosen.len() as f32
        };
        assert!(mean(true) > 20.0 * mean(false), "{} inside, {} outside", mean(true), mean(false));
        assert!(map.iter().all(|v| (0.0..=1.0).contains(v)));
        assert_eq!(map[0], 0.0, "outside the content");
    }
}

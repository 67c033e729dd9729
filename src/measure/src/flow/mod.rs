//! Motion between two pictures, so that a mask can be moved along with it.
//!
//! Dense flow by Lucas & Kanade (1981) over a pyramid, each step on the picture warped so far (Bouguet 2000), in windows of
//! local contrast so that a change of light is no motion. It is made for neighbouring frames; what is uncovered or hidden
//! between them has no right answer.

mod gray;
mod motion;
#[cfg(test)]
mod tests;

use crate::mask::LabelMask;

pub use gray::Gray;
pub use motion::Motion;

/// Longest side that pictures should have been made small to where time does not matter, pixels.
pub const SIDE: usize = 192;
/// Half the side of a window, pixels.
const WINDOW: usize = 4;
/// Steps a level of the pyramid, where time does not matter.
const STEPS: usize = 10;
/// The smallest level's shorter side, pixels.
const SMALLEST: usize = 10;
/// Where a window has less structure than this, squared grey levels of 1, nothing is known of its motion and it stays.
const LEAST_STRUCTURE: f32 = 2e-4;
/// Longest step, pixels.
const MOST_STEP: f32 = 2.0;

/// A picture at several sizes, each in its local contrast: what motion is looked for in.
#[derive(Clone, Debug)]
pub struct Pyramid {
    /// The finest first; at least one.
    levels: Vec<Gray>,
}

impl Pyramid {
    /// Of a picture; `None` where it is too small for motion to be found in.
    pub fn new(picture: &Gray) -> Option<Self> {
        let mut sizes = vec![picture.clone()];
        while let Some(half) = sizes.last().filter(|l| l.width.min(l.height) >= 2 * SMALLEST).map(Gray::half)
        {
            sizes.push(half);
        }
        let is_enough = picture.width.min(picture.height) >= SMALLEST;
        // Of each level by itself: what is taken away as surroundings at a fine one is what coarser ones have to go by.
        is_enough.then(|| Self { levels: sizes.iter().map(Gray::local_contrast).collect() })
    }

    fn size(&self) -> (usize, usize) {
        self.levels.first().map_or((0, 0), |l| (l.width, l.height))
    }
}

/// Where each pixel of the later picture was in the earlier one: this much to the right and down.
#[derive(Clone, Debug)]
pub struct Flow {
    x: Gray,
    y: Gray,
}

/// The motion from an earlier picture to a later one of the same size; `None` where sizes differ or are too small.
pub fn flow(earlier: &Gray, later: &Gray) -> Option<Flow> {
    flow_while(&Pyramid::new(earlier)?, &Pyramid::new(later)?, STEPS, || true)
}

/// As [`flow`], in so many steps a level, and given up (`None`) when `goes_on` says so between two of them.
pub fn flow_while(
    earlier: &Pyramid,
    later: &Pyramid,
    steps: usize,
    mut goes_on: impl FnMut() -> bool,
) -> Option<Flow> {
    if earlier.size() != later.size() {
        return None;
    }
    let still = later.levels.last()?.map(|_, _| 0.0);
    let mut flow = Flow { x: still.clone(), y: still };
    for (earlier, later) in earlier.levels.iter().zip(&later.levels).rev() {
        flow = flow.at_size_of(later);
        for _ in 0..steps {
            if !goes_on() {
                return None;
            }
            flow.step(earlier, later);
        }
    }
    Some(flow)
}

impl Flow {
    /// The same motion at another size.
    fn at_size_of(self, picture: &Gray) -> Self {
        if (self.x.width, self.x.height) == (picture.width, picture.height) {
            return self;
        }
        let scale =
            [picture.width as f32 / self.x.width as f32, picture.height as f32 / self.x.height as f32];
        let of = |motion: &Gray, factor: f32| {
            picture.map(|x, y| {
                let at = [(x as f32 + 0.5) / scale[0] - 0.5, (y as f32 + 0.5) / scale[1] - 0.5];
                factor * motion.sample(at[0], at[1])
            })
        };
        Self { x: of(&self.x, scale[0]), y: of(&self.y, scale[1]) }
    }

    /// The earlier picture, moved along.
    fn warped(&self, earlier: &Gray) -> Gray {
        let (width, height) = (self.x.width, self.x.height);
        let mut values = Vec::with_capacity(width * height);
        for y in 0..height {
            let motion = self.x.row(y).iter().zip(self.y.row(y)).enumerate();
            values.extend(motion.map(|(x, (dx, dy))| earlier.sample(x as f32 + dx, y as f32 + dy)));
        }
        Gray { width, height, values }
    }

    /// Whether the later picture is not less like the earlier one once that has been moved along.
    fn fits(&self, earlier: &Pyramid, later: &Pyramid) -> bool {
        let (Some(earlier), Some(later)) = (earlier.levels.first(), later.levels.first()) else {
            return false;
        };
        let off = |other: &Gray| later.with(other, |a, b| (a - b).abs()).values.iter().sum::<f32>();
        off(&self.warped(earlier)) <= off(earlier)
    }

    fn step(&mut self, earlier: &Gray, later: &Gray) {
        let warped = self.warped(earlier);
        let (gx, gy) = later.with(&warped, |a, b| 0.5 * (a + b)).slopes();
        let off = later.with(&warped, |a, b| a - b);
        let product = |a: &Gray, b: &Gray| a.with(b, |a, b| a * b).blurred(WINDOW);
        let (xx, xy, yy) = (product(&gx, &gx), product(&gx, &gy), product(&gy, &gy));
        let (xr, yr) = (product(&gx, &off), product(&gy, &off));
        let windows = xx.values.iter().zip(&xy.values).zip(&yy.values).zip(xr.values.iter().zip(&yr.values));
        let steps = windows.map(|(((xx, xy), yy), (xr, yr))| {
            let (a, b, c) = (xx + LEAST_STRUCTURE, xy, yy + LEAST_STRUCTURE);
            let det = a * c - b * b;
            let step = [(c * xr - b * yr) / det, (a * yr - b * xr) / det];
            step.map(|s| if s.is_finite() { s.clamp(-MOST_STEP, MOST_STEP) } else { 0.0 })
        });
        for ((x, y), step) in self.x.values.iter_mut().zip(&mut self.y.values).zip(steps) {
            *x += step[0];
            *y += step[1];
        }
        // Neighbours move alike: what a window without structure lacks comes from those about it.
        self.x = self.x.blurred(1);
        self.y = self.y.blurred(1);
    }

    /// For every class of `classes`: intersection over union of the earlier mask, moved along, with the later one. `None` where
    /// neither has it, or the masks differ in size.
    pub fn moved_iou(&self, earlier: &LabelMask, later: &LabelMask, classes: &[u8]) -> Vec<Option<f64>> {
        let same = (earlier.width, earlier.height) == (later.width, later.height);
        if !same || later.width == 0 || earlier.labels.len() != later.labels.len() {
            return vec![None; classes.len()];
        }
        let (mut both, mut earlier_n, mut later_n) = ([0_u64; 256], [0_u64; 256], [0_u64; 256]);
        let add = |counts: &mut [u64; 256], label: u8| {
            if let Some(n) = counts.get_mut(usize::from(label)) {
                *n += 1;
            }
        };
        let scale = [self.x.width as f32 / later.width as f32, self.x.height as f32 / later.height as f32];
        for (i, &now) in later.labels.iter().enumerate() {
            let (x, y) = (i % later.width, i / later.width);
            let at = [(x as f32 + 0.5) * scale[0] - 0.5, (y as f32 + 0.5) * scale[1] - 0.5];
            let was_x = x as f32 + self.x.sample(at[0], at[1]) / scale[0];
            let was_y = y as f32 + self.y.sample(at[0], at[1]) / scale[1];
            let column = was_x.round().clamp(0.0, (later.width - 1) as f32) as usize;
            let row = was_y.round().clamp(0.0, (later.height - 1) as f32) as usize;
            let then = earlier.labels.get(row * later.width + column).copied().unwrap_or(0);
            add(&mut earlier_n, then);
            add(&mut later_n, now);
            if then == now {
                add(&mut both, now);
            }
        }
        let count = |counts: &[u64; 256], class: u8| counts.get(usize::from(class)).copied().unwrap_or(0);
        let iou = |&class: &u8| {
            let both = count(&both, class);
            let either = count(&earlier_n, class) + count(&later_n, class) - both;
            (either > 0).then(|| both as f64 / either as f64)
        };
        classes.iter().map(iou).collect()
    }
}

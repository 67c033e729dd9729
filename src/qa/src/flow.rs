//! Motion between two pictures, so that a mask can be moved along with it: what then does not fit is not the motion's fault.
//!
//! Dense flow by Lucas & Kanade (1981) over a pyramid, each step on the picture warped so far (Bouguet 2000), in windows of
//! local contrast so that a change of light is no motion. It is made for neighbouring frames; what is uncovered or hidden
//! between them has no right answer.

use vesalius_measure::mask::LabelMask;

/// A grey picture, made small: motion of masks needs no fine detail.
#[derive(Clone, Debug, PartialEq)]
pub struct Gray {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

/// Longest side that pictures should have been made small to, pixels.
pub const SIDE: usize = 192;
/// Half the side of a window, pixels.
const WINDOW: usize = 4;
/// Half the side of the surroundings that local contrast is taken from, pixels.
const SURROUNDINGS: usize = 8;
/// Steps a level of the pyramid.
const STEPS: usize = 10;
/// The smallest level's shorter side, pixels.
const SMALLEST: usize = 10;
/// Where a window has less structure than this, squared grey levels of 1, nothing is known of its motion and it stays.
const LEAST_STRUCTURE: f32 = 2e-4;
/// Longest step, pixels.
const MOST_STEP: f32 = 2.0;

impl Gray {
    /// A picture of `width · height` grey levels, row by row; `None` where they do not fit.
    pub fn new(width: usize, height: usize, luma: &[u8]) -> Option<Self> {
        let fits = width > 0 && height > 0 && width.checked_mul(height) == Some(luma.len());
        fits.then(|| Self { width, height, values: luma.iter().map(|v| f32::from(*v) / 255.0).collect() })
    }

    fn at(&self, x: usize, y: usize) -> f32 {
        let (x, y) = (x.min(self.width - 1), y.min(self.height - 1));
        self.values.get(y * self.width + x).copied().unwrap_or(0.0)
    }

    /// Between pixels, by straight lines; beyond the edge as at it.
    fn sample(&self, x: f32, y: f32) -> f32 {
        let (x, y) = (x.clamp(0.0, (self.width - 1) as f32), y.clamp(0.0, (self.height - 1) as f32));
        let (x0, y0) = (x as usize, y as usize);
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let top = self.at(x0, y0) * (1.0 - fx) + self.at(x0 + 1, y0) * fx;
        let bottom = self.at(x0, y0 + 1) * (1.0 - fx) + self.at(x0 + 1, y0 + 1) * fx;
        top * (1.0 - fy) + bottom * fy
    }

    fn map(&self, value: impl Fn(usize, usize) -> f32) -> Self {
        let (width, height) = (self.width, self.height);
        let values = (0..width * height).map(|i| value(i % width, i / width)).collect();
        Self { width, height, values }
    }

    /// Means over squares of `2·half + 1` pixels, cut at the edges: sums along rows, then along columns.
    fn blurred(&self, half: usize) -> Self {
        let rows = self.map(|x, y| {
            let (from, to) = (x.saturating_sub(half), (x + half).min(self.width - 1));
            (from..=to).map(|x| self.at(x, y)).sum::<f32>() / (to - from + 1) as f32
        });
        rows.map(|x, y| {
            let (from, to) = (y.saturating_sub(half), (y + half).min(self.height - 1));
            (from..=to).map(|y| rows.at(x, y)).sum::<f32>() / (to - from + 1) as f32
        })
    }

    /// What differs from the surroundings, in their own contrast.
    fn local_contrast(&self) -> Self {
        let mean = self.blurred(SURROUNDINGS);
        let off = self.map(|x, y| self.at(x, y) - mean.at(x, y));
        let square = off.map(|x, y| off.at(x, y).powi(2)).blurred(SURROUNDINGS);
        off.map(|x, y| 0.2 * off.at(x, y) / (square.at(x, y).sqrt() + 0.02))
    }

    fn half(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let small = Self { width, height, values: Vec::new() };
        small.map(|x, y| {
            let (x, y) = (2 * x, 2 * y);
            0.25 * (self.at(x, y) + self.at(x + 1, y) + self.at(x, y + 1) + self.at(x + 1, y + 1))
        })
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
    if (earlier.width, earlier.height) != (later.width, later.height)
        || later.width.min(later.height) < SMALLEST
    {
        return None;
    }
    let mut levels = vec![[earlier.clone(), later.clone()]];
    while let Some([a, b]) = levels.last().filter(|l| l[0].width.min(l[0].height) >= 2 * SMALLEST) {
        let next = [a.half(), b.half()];
        levels.push(next);
    }
    let coarsest = levels.last()?.first()?;
    let still = coarsest.map(|_, _| 0.0);
    let mut flow = Flow { x: still.clone(), y: still };
    for [earlier, later] in levels.iter().rev() {
        // Of each level by itself: what is taken away as surroundings at a fine one is what coarser ones have to go by.
        let (earlier, later) = (earlier.local_contrast(), later.local_contrast());
        flow = flow.at_size_of(&later);
        for _ in 0..STEPS {
            flow.step(&earlier, &later);
        }
    }
    Some(flow)
}

impl Flow {
    /// The same motion at another size.
    fn at_size_of(&self, picture: &Gray) -> Self {
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

    fn step(&mut self, earlier: &Gray, later: &Gray) {
        let warped = later.map(|x, y| earlier.sample(x as f32 + self.x.at(x, y), y as f32 + self.y.at(x, y)));
        let both = later.map(|x, y| 0.5 * (later.at(x, y) + warped.at(x, y)));
        let gx = both.map(|x, y| 0.5 * (both.at(x + 1, y) - both.at(x.saturating_sub(1), y)));
        let gy = both.map(|x, y| 0.5 * (both.at(x, y + 1) - both.at(x, y.saturating_sub(1))));
        let off = later.map(|x, y| later.at(x, y) - warped.at(x, y));
        let product = |a: &Gray, b: &Gray| a.map(|x, y| a.at(x, y) * b.at(x, y)).blurred(WINDOW);
        let (xx, xy, yy) = (product(&gx, &gx), product(&gx, &gy), product(&gy, &gy));
        let (xr, yr) = (product(&gx, &off), product(&gy, &off));
        let solve = |x: usize, y: usize| {
            let (a, b, c) = (xx.at(x, y) + LEAST_STRUCTURE, xy.at(x, y), yy.at(x, y) + LEAST_STRUCTURE);
            let det = a * c - b * b;
            let step = [(c * xr.at(x, y) - b * yr.at(x, y)) / det, (a * yr.at(x, y) - b * xr.at(x, y)) / det];
            step.map(|s| if s.is_finite() { s.clamp(-MOST_STEP, MOST_STEP) } else { 0.0 })
        };
        let steps: Vec<[f32; 2]> =
            (0..later.width * later.height).map(|i| solve(i % later.width, i / later.width)).collect();
        let step = |x: usize, y: usize| steps.get(y * later.width + x).copied().unwrap_or([0.0; 2]);
        // Neighbours move alike: what a window without structure lacks comes from those about it.
        self.x = later.map(|x, y| self.x.at(x, y) + step(x, y)[0]).blurred(1);
        self.y = later.map(|x, y| self.y.at(x, y) + step(x, y)[1]).blurred(1);
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

#[cfg(test)]
mod tests {
    use super::*;

    const W: usize = 128;
    const H: usize = 96;

    /// A number from 0 to 1 for a place, the same each time.
    fn speckle(x: i64, y: i64, octave: i64) -> f32 {
        let n = (x * 374_761_393 + y * 668_265_263 + octave * 974_634_777) & 0xffff_ffff;
        let n = ((n ^ (n >> 13)) * 1_274_126_177) & 0xffff_ffff;
        ((n ^ (n >> 16)) & 0xffff) as f32 / 65_535.0
    }

    /// A texture with detail at several sizes that never repeats, the coarse the stronger, as in pictures of tissue.
    fn texture(x: f32, y: f32) -> f32 {
        let octaves = [(5.0, 22.0), (10.0, 36.0), (20.0, 54.0), (40.0, 80.0)];
        let of = |octave: i64, cell: f32| {
            let (u, v) = (x / cell + 100.0, y / cell + 100.0);
            let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
            let (fu, fv) = (smooth(u - u.floor()), smooth(v - v.floor()));
            let at = |i: i64, j: i64| speckle(u.floor() as i64 + i, v.floor() as i64 + j, octave);
            let (top, bottom) =
                (at(0, 0) * (1.0 - fu) + at(1, 0) * fu, at(0, 1) * (1.0 - fu) + at(1, 1) * fu);
            top * (1.0 - fv) + bottom * fv - 0.5
        };
        (0..).zip(octaves).map(|(octave, (cell, strength))| strength * of(octave, cell)).sum()
    }

    /// The texture, looked at from elsewhere: `at` says where a pixel's content lies in it.
    fn picture(at: impl Fn(f32, f32) -> (f32, f32), gain: f32) -> Gray {
        let pixel = |i: usize| {
            let (x, y) = at((i % W) as f32, (i / W) as f32);
            (gain * (128.0 + texture(x, y))).clamp(0.0, 255.0) as u8
        };
        Gray::new(W, H, &(0..W * H).map(pixel).collect::<Vec<_>>()).unwrap()
    }

    /// How far the flow is off, pixels, away from the edges: mean and 95th percentile.
    fn off(flow: &Flow, was: impl Fn(f32, f32) -> (f32, f32)) -> (f32, f32) {
        let mut all: Vec<f32> = (16..H - 16)
            .flat_map(|y| (16..W - 16).map(move |x| (x, y)))
            .map(|(x, y)| {
                let (wx, wy) = was(x as f32, y as f32);
                (flow.x.at(x, y) + x as f32 - wx).hypot(flow.y.at(x, y) + y as f32 - wy)
            })
            .collect();
        all.sort_by(f32::total_cmp);
        (all.iter().sum::<f32>() / all.len() as f32, all[all.len() * 95 / 100])
    }

    fn disc(cx: f32, cy: f32) -> LabelMask {
        // Twice the picture's size, as masks are larger than what motion is looked for in.
        let inside = |i: usize| {
            let (x, y) = ((i % (2 * W)) as f32, (i / (2 * W)) as f32);
            (x - cx).hypot(y - cy) < 40.0
        };
        LabelMask {
            width: 2 * W,
            height: 2 * H,
            labels: (0..4 * W * H).map(|i| u8::from(inside(i))).collect(),
        }
    }

    #[test]
    fn what_moves_with_the_picture_fits_and_what_stays_behind_does_not() {
        // Six pixels to the right and three up, and a little darker.
        let earlier = picture(|x, y| (x, y), 1.0);
        let later = picture(|x, y| (x - 6.0, y + 3.0), 0.8);
        let flow = flow(&earlier, &later).unwrap();
        let (mean, most) = off(&flow, |x, y| (x - 6.0, y + 3.0));
        assert!(mean < 0.5 && most < 1.5, "{mean} {most}");
        // Twelve and six pixels of the masks.
        let (then, along, behind) = (disc(120.0, 100.0), disc(132.0, 94.0), disc(120.0, 100.0));
        let iou = |now: &LabelMask| flow.moved_iou(&then, now, &[1, 2]);
        assert!(iou(&along)[0].unwrap() > 0.95, "{:?}", iou(&along));
        assert!(iou(&behind)[0].unwrap() < 0.8, "{:?}", iou(&behind));
        assert_eq!(iou(&along)[1], None);
    }

    #[test]
    fn a_turn_and_a_zoom_are_followed() {
        let turn = |degrees: f32, zoom: f32| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            move |x: f32, y: f32| {
                let (x, y) = ((x - 64.0) * zoom, (y - 48.0) * zoom);
                (64.0 + x * cos + y * sin, 48.0 + y * cos - x * sin)
            }
        };
        let earlier = picture(|x, y| (x, y), 1.0);
        let later = picture(turn(4.0, 0.96), 1.0);
        let flow = flow(&earlier, &later).unwrap();
        let (mean, most) = off(&flow, turn(4.0, 0.96));
        assert!(mean < 0.3 && most < 1.0, "{mean} {most}");
    }

    #[test]
    fn a_picture_without_structure_stays_and_sizes_must_agree() {
        let flat = Gray::new(W, H, &[90; W * H]).unwrap();
        let still = flow(&flat, &flat).unwrap();
        assert!(still.x.values.iter().chain(&still.y.values).all(|v| v.abs() < 1e-3));
        let mask = disc(100.0, 100.0);
        assert_eq!(still.moved_iou(&mask, &mask, &[1]), [Some(1.0)]);
        let other = Gray::new(64, 64, &[90; 4096]).unwrap();
        assert!(flow(&flat, &other).is_none());
        assert!(Gray::new(4, 4, &[0; 15]).is_none());
        let small = LabelMask { width: 2, height: 2, labels: vec![1; 4] };
        assert_eq!(still.moved_iou(&small, &mask, &[1]), [None]);
    }
}

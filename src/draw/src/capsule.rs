//! The points near a segment: what lines are made of.

use std::ops::Range;

use wide::{f32x8, i16x8};

use crate::chord::Point;
use crate::tile::{REACH_UNIT, TILE_BLOCK, Tile};

/// The length of a vector.
pub(crate) fn length(v: Point) -> f64 {
    (v.0 * v.0 + v.1 * v.1).sqrt()
}

/// The points within `radius` of a segment.
pub(crate) struct Capsule {
    from: Point,
    step: Point,
    /// The segment's direction and length; the direction is 0 where the segment is a point.
    direction: Point,
    length: f64,
    radius: f64,
    /// 1 over the segment's height; `None` where it lies along a row.
    per_row: Option<f64>,
}

impl Capsule {
    pub(crate) fn new(a: Point, b: Point, radius: f64) -> Self {
        let step = (b.0 - a.0, b.1 - a.1);
        let length = length(step);
        let direction = if length > 0.0 { (step.0 / length, step.1 / length) } else { (0.0, 0.0) };
        let per_row = (step.1.abs() >= 1e-9).then(|| 1.0 / step.1);
        Self { from: a, step, direction, length, radius, per_row }
    }

    /// The rows of a picture that can be reached.
    pub(crate) fn rows(&self, height: usize) -> Range<usize> {
        let (a, b) = (self.from.1, self.from.1 + self.step.1);
        around(a.min(b) - self.radius, a.max(b) + self.radius, height)
    }

    /// The columns of a picture that can be reached in rows `first` to `last`: those near the part of the segment that is
    /// within `radius` of these rows.
    pub(crate) fn columns(&self, first: usize, last: usize, width: usize) -> Range<usize> {
        let (t, u) = self.per_row.map_or((0.0, 1.0), |per_row| {
            let t = (first as f64 - self.from.1 - self.radius) * per_row;
            let u = (last as f64 - self.from.1 + self.radius) * per_row;
            (t.min(u).clamp(0.0, 1.0), t.max(u).clamp(0.0, 1.0))
        });
        let (p, q) = (self.from.0 + t * self.step.0, self.from.0 + u * self.step.0);
        around(p.min(q) - self.radius, p.max(q) + self.radius, width)
    }

    /// Raises the reach of a run of pixels of a tile, in row `y` of the picture, of which the tile has `width` columns.
    ///
    /// An outline is made of thousands of short segments, so it is here that the time goes.
    #[inline]
    pub(crate) fn raise(&self, tile: &mut Tile, y: usize, run: &Range<usize>, width: usize) {
        let splat = |value: f64| f32x8::splat(value as f32);
        let (ux, uy, length) = (splat(self.direction.0), splat(self.direction.1), splat(self.length));
        let first_dx = splat(tile.left as f64 - self.from.0) + LANES;
        let dy = splat(y as f64 - self.from.1);
        let (radius, unit, along_dy) = (splat(self.radius), f32x8::splat(REACH_UNIT), dy * uy);
        for (block, reaches) in tile.reach_blocks(y - tile.top, run) {
            let dx = first_dx + f32x8::splat(block as f32);
            let along = (dx * ux + along_dy).fast_max(f32x8::ZERO).fast_min(length);
            let (ex, ey) = (dx - along * ux, dy - along * uy);
            let inside = (radius - (ex * ex + ey * ey).sqrt()) * unit;
            let inside = i16x8::from_i32x8_saturate(inside.fast_round_int());
            let inside = VISIBLE.get(width - block).map_or(inside, |&visible| inside & visible);
            *reaches = i16x8::from(*reaches).max(inside).to_array();
        }
    }
}

/// Beyond its columns a segment raises nothing, however rough its numbers: those of 32 bits are a hundredth of a pixel off at
/// the far end of the largest picture.
const ROUGHNESS_PX: f64 = 0.1;

/// The whole numbers of `0..limit` within `low..=high`, and some of those next to them.
fn around(low: f64, high: f64, limit: usize) -> Range<usize> {
    let (low, high) = (low - ROUGHNESS_PX, high + ROUGHNESS_PX);
    // The casts cut off and saturate.
    low as usize..if high < 0.0 { 0 } else { (high as usize + 1).min(limit) }
}

/// Columns of a block's pixels.
const LANES: f32x8 = f32x8::new([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);

/// Which pixels of a block are in the picture where so many are.
static VISIBLE: [i16x8; TILE_BLOCK] = {
    let mut masks = [i16x8::ZERO; TILE_BLOCK];
    let mut count = 0;
    while count < TILE_BLOCK {
        let mut mask = [0; TILE_BLOCK];
        let mut i = 0;
        while i < count {
            mask[i] = -1;
            i += 1;
        }
        masks[count] = i16x8::new(mask);
        count += 1;
    }
    masks
};

//! Exact Euclidean distances to a set of grid points, asked for at some points only.
//!
//! The columns are done first, as in every separable transform (Meijster, Roerdink & Hesselink 2000,
//! doi:10.1007/0-306-47025-X_36): how many rows away the nearest point of the same column is. A point then looks left and
//! right in its own row until nothing farther can be nearer. Where the other outline is close, which is what masks are
//! made for, that is a few steps; where it is not, the rest of the row is answered from the lower envelope of its
//! parabolas (Felzenszwalb & Huttenlocher 2012, doi:10.4086/toc.2012.v008a019), so that no input takes longer than the
//! full transform.

/// Size of one pixel along each axis, in the unit that the distances are wanted in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelSize {
    /// Along x.
    pub x: f64,
    /// Along y.
    pub y: f64,
}

/// Columns whose nearest is kept too, so that all of them can be passed over at once.
const BLOCK: usize = 8;
/// Columns looked at in a row, as multiples of its width, after which the envelope is cheaper.
const LOOKS_PER_WIDTH: usize = 16;

/// Distances to a set of points of a grid.
#[derive(Debug)]
pub struct DistanceField {
    width: usize,
    /// Rows to the nearest point of the column; the grid's height where the column has none.
    rows_away: Vec<u16>,
    /// The least of each [`BLOCK`] of columns.
    least: Vec<u16>,
    /// Square of the distance of so many columns, counted from `width` − 1 to either side.
    square_x: Vec<f64>,
    /// Square of the distance of so many rows; the last entry, none, is infinite.
    square_y: Vec<f64>,
}

impl DistanceField {
    /// Prepares for a set: `cells` are `width` a row, non-zero where a point is. Grids taller than 65 534 rows are not
    /// taken apart correctly; masks are checked for that before.
    pub fn to(cells: &[u8], width: usize, size: PixelSize) -> Self {
        let width = width.max(1);
        let height = cells.len() / width;
        let none = u16::try_from(height).unwrap_or(u16::MAX);
        let mut rows_away = vec![none; width * height];
        let mut above = vec![none; width];
        for (row, cells) in rows_away.chunks_exact_mut(width).zip(cells.chunks_exact(width)) {
            for ((away, above), &cell) in row.iter_mut().zip(&mut above).zip(cells) {
                let next = above.saturating_add(1).min(none);
                *above = if cell == 0 { next } else { 0 };
                *away = *above;
            }
        }
        let mut below = vec![none; width];
        for row in rows_away.chunks_exact_mut(width).rev() {
            for (away, below) in row.iter_mut().zip(&mut below) {
                *below = (*away).min(below.saturating_add(1));
                *away = *below;
            }
        }
        let mut least = Vec::with_capacity(width.div_ceil(BLOCK) * height);
        for row in rows_away.chunks_exact(width) {
            least.extend(
                row.chunks(BLOCK).map(|block| block.iter().fold(none, |least, &away| least.min(away))),
            );
        }
        let square = |n: usize, size: f64| (n as f64 * size) * (n as f64 * size);
        let square_x = (0..2 * width).map(|n| square(n.abs_diff(width - 1), size.x)).collect();
        let square_y = (0..height).map(|n| square(n, size.y)).chain([f64::INFINITY]).collect();
        Self { width, rows_away, least, square_x, square_y }
    }

    fn of_rows(&self, away: u16) -> f64 {
        self.square_y.get(usize::from(away)).copied().unwrap_or(f64::INFINITY)
    }

    fn of_columns(&self, columns: usize) -> f64 {
        self.square_x.get(self.width - 1 + columns).copied().unwrap_or(f64::INFINITY)
    }

    /// The rows away of a row's columns, and the least of its blocks.
    fn row(&self, y: usize) -> Option<(&[u16], &[u16])> {
        let blocks = self.width.div_ceil(BLOCK);
        let row = self.rows_away.get(y * self.width..(y + 1) * self.width)?;
        Some((row, self.least.get(y * blocks..(y + 1) * blocks)?))
    }

    /// Square of the distance from pixel (x, y) to the nearest point of its own column; infinite where it has none.
    pub fn column_square(&self, x: usize, y: usize) -> f64 {
        self.rows_away.get(y * self.width + x).map_or(f64::INFINITY, |&away| self.of_rows(away))
    }

    /// Square of the distance from pixel (x, y) to the set; infinite where that is empty.
    pub fn square(&self, x: usize, y: usize) -> f64 {
        self.row(y).map_or(f64::INFINITY, |(row, least)| self.look_about(row, least, x).0)
    }

    /// Squares of the distances of the points at columns `xs` of row `y`, handed to `take` in their order. Infinite where
    /// the set is empty.
    pub fn squares(&self, y: usize, xs: &[u32], mut take: impl FnMut(f64)) {
        let Some((row, least)) = self.row(y) else { return };
        let mut budget = LOOKS_PER_WIDTH * self.width;
        let mut envelope: Option<Vec<f64>> = None;
        for &x in xs {
            let x = x as usize;
            if let Some(all) = &envelope {
                take(all.get(x).copied().unwrap_or(f64::INFINITY));
                continue;
            }
            let (square, looks) = self.look_about(row, least, x);
            take(square);
            match budget.checked_sub(looks) {
                Some(left) => budget = left,
                None => envelope = Some(self.envelope(row)),
            }
        }
    }

    /// The square of the distance of column `x`, and how many columns and blocks were looked at for it.
    fn look_about(&self, row: &[u16], least: &[u16], x: usize) -> (f64, usize) {
        let own = x / BLOCK;
        let mut best = self.look_at(row, own, x, f64::INFINITY);
        let mut looks = BLOCK;
        // Blocks to the left, nearest column first, then to the right: as far as any could still be nearer.
        for block in (0..own).rev() {
            let beside = self.of_columns(x - (block * BLOCK + BLOCK - 1));
            looks += 1;
            if beside >= best {
                break;
            }
            if least.get(block).is_some_and(|&away| self.of_rows(away) + beside < best) {
                best = self.look_at(row, block, x, best);
                looks += BLOCK;
            }
        }
        for (block, &away) in least.iter().enumerate().skip(own + 1) {
            let beside = self.of_columns(block * BLOCK - x);
            looks += 1;
            if beside >= best {
                break;
            }
            if self.of_rows(away) + beside < best {
                best = self.look_at(row, block, x, best);
                looks += BLOCK;
            }
        }
        (best, looks)
    }

    /// The least of `best` and what the columns of a block offer.
    fn look_at(&self, row: &[u16], block: usize, x: usize, best: f64) -> f64 {
        let first = block * BLOCK;
        let columns = row.get(first..(first + BLOCK).min(row.len())).unwrap_or(&[]);
        let beside = self.square_x.get(first + self.width - 1 - x..).unwrap_or(&[]);
        columns.iter().zip(beside).fold(best, |best, (&away, beside)| best.min(self.of_rows(away) + beside))
    }

    /// The whole row at once.
    fn envelope(&self, row: &[u16]) -> Vec<f64> {
        let step = self.of_columns(1);
        // Parabolas of the envelope from left to right: column of the vertex, its height, where it begins to be lowest.
        let mut hull: Vec<(usize, f64, f64)> = Vec::new();
        for (q, &away) in row.iter().enumerate() {
            let height = self.of_rows(away);
            if height.is_infinite() {
                continue;
            }
            let mut from = f64::NEG_INFINITY;
            while let Some(&(v, lower, begin)) = hull.last() {
                let (qf, vf) = (q as f64, v as f64);
                from = ((height - lower) / step + (qf * qf - vf * vf)) / (2.0 * (qf - vf));
                if from > begin {
                    break;
                }
                hull.pop();
                from = f64::NEG_INFINITY;
            }
            hull.push((q, height, from));
        }
        let mut k = 0;
        (0..row.len())
            .map(|x| {
                while hull.get(k + 1).is_some_and(|next| next.2 <= x as f64) {
                    k += 1;
                }
                hull.get(k).map_or(f64::INFINITY, |&(v, height, _)| height + self.of_columns(x.abs_diff(v)))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn brute(cells: &[u8], width: usize, size: PixelSize, x: usize, y: usize) -> f64 {
        let set = (0..cells.len()).filter(|&i| cells[i] != 0);
        set.map(|i| {
            let (dx, dy) = ((i % width).abs_diff(x) as f64 * size.x, (i / width).abs_diff(y) as f64 * size.y);
            dy * dy + dx * dx
        })
        .fold(f64::INFINITY, f64::min)
    }

    fn all(cells: &[u8], width: usize, size: PixelSize) -> Vec<f64> {
        let field = DistanceField::to(cells, width, size);
        let xs: Vec<u32> = (0..width as u32).collect();
        let mut out = Vec::new();
        for y in 0..cells.len() / width {
            field.squares(y, &xs, |d| out.push(d));
        }
        out
    }

    #[test]
    fn one_point_in_a_corner_is_as_far_as_pythagoras_says() {
        let mut cells = vec![0; 7 * 5];
        cells[0] = 1;
        let d = all(&cells, 7, PixelSize { x: 3.0, y: 4.0 });
        assert_eq!(d[4 * 7 + 6], 18.0 * 18.0 + 16.0 * 16.0);
        assert_eq!(d[0], 0.0);
    }

    #[test]
    fn the_envelope_says_the_same_as_looking_about() {
        // All that is to be found lies to the right and far: every row changes over to its envelope.
        let (width, height) = (400, 40);
        let mut cells = vec![0; width * height];
        for y in 0..height {
            cells[y * width + width - 1 - (y * y) % 37] = 1;
        }
        let size = PixelSize { x: 0.3, y: 0.7 };
        let field = DistanceField::to(&cells, width, size);
        for (i, d) in all(&cells, width, size).into_iter().enumerate() {
            let alone = field.square(i % width, i / width);
            assert!((d - alone).abs() <= 1e-12 * alone, "{d} and {alone}");
        }
    }

    #[test]
    fn nothing_is_infinitely_far() {
        assert!(all(&[0; 12], 4, PixelSize { x: 1.0, y: 1.0 }).iter().all(|d| d.is_infinite()));
    }

    proptest! {
        #[test]
        fn every_distance_is_that_of_trying_all_points(
            width in 1_usize..40,
            height in 1_usize..30,
            sx in 0.05_f64..3.0,
            sy in 0.05_f64..3.0,
            one_in in 2_u64..200,
            seed in any::<u64>(),
        ) {
            let mut state = seed | 1;
            let cells: Vec<u8> = (0..width * height)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    u8::from((state >> 33) % one_in == 0)
                })
                .collect();
            let size = PixelSize { x: sx, y: sy };
            let field = DistanceField::to(&cells, width, size);
            for (y, x) in [(0, 0), (height / 2, width / 2), (height - 1, width - 1)] {
                prop_assert_eq!(field.square(x, y), brute(&cells, width, size, x, y));
            }
            for (i, d) in all(&cells, width, size).into_iter().enumerate() {
                let truth = brute(&cells, width, size, i % width, i / width);
                prop_assert!(d == truth || (d - truth).abs() <= 1e-12 * truth, "{d} for {truth}");
            }
        }
    }
}

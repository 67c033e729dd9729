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

/// Steps of looking about in a row, as multiples of its width, after which the envelope is cheaper.
const STEPS_PER_WIDTH: usize = 6;

/// Distances to a set of points of a grid.
#[derive(Debug)]
pub struct DistanceField {
    width: usize,
    /// Rows to the nearest point of the column; the grid's height where the column has none.
    rows_away: Vec<u16>,
    /// Square of the distance of so many columns.
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
        let square = |n: usize, size: f64| (n as f64 * size) * (n as f64 * size);
        let square_x = (0..width).map(|n| square(n, size.x)).collect();
        let square_y = (0..height).map(|n| square(n, size.y)).chain([f64::INFINITY]).collect();
        Self { width, rows_away, square_x, square_y }
    }

    /// Square of the distance from pixel (x, y) to the nearest point of its own column; infinite where it has none.
    pub fn column_square(&self, x: usize, y: usize) -> f64 {
        let away = self.rows_away.get(y * self.width + x);
        away.and_then(|&a| self.square_y.get(usize::from(a))).copied().unwrap_or(f64::INFINITY)
    }

    /// Squares of the distances of the points at columns `xs` of row `y`, handed to `take` in their order with the number
    /// of the query. Infinite where the set is empty.
    pub fn squares(&self, y: usize, xs: &[u32], mut take: impl FnMut(usize, f64)) {
        let Some(row) = self.rows_away.get(y * self.width..(y + 1) * self.width) else { return };
        let mut budget = STEPS_PER_WIDTH * self.width;
        let mut envelope: Option<Vec<f64>> = None;
        for (i, &x) in xs.iter().enumerate() {
            let x = x as usize;
            if let Some(all) = &envelope {
                take(i, all.get(x).copied().unwrap_or(f64::INFINITY));
                continue;
            }
            let (square, steps) = self.look_about(row, x);
            take(i, square);
            match budget.checked_sub(steps) {
                Some(left) => budget = left,
                None => envelope = Some(self.envelope(row)),
            }
        }
    }

    fn look_about(&self, row: &[u16], x: usize) -> (f64, usize) {
        let rows = |away: u16| self.square_y.get(usize::from(away)).copied().unwrap_or(f64::INFINITY);
        let mut best = row.get(x).map_or(f64::INFINITY, |&away| rows(away));
        let mut steps = 0;
        for (columns, &beside) in self.square_x.iter().enumerate().skip(1) {
            if beside >= best {
                break;
            }
            steps += 1;
            let left = x.checked_sub(columns).and_then(|x| row.get(x));
            let right = row.get(x + columns);
            if left.is_none() && right.is_none() {
                break;
            }
            for &away in [left, right].into_iter().flatten() {
                best = best.min(rows(away) + beside);
            }
        }
        (best, steps)
    }

    /// The whole row at once.
    fn envelope(&self, row: &[u16]) -> Vec<f64> {
        let step = self.square_x.get(1).copied().unwrap_or(1.0);
        let rows = |away: u16| self.square_y.get(usize::from(away)).copied().unwrap_or(f64::INFINITY);
        // Parabolas of the envelope from left to right: column of the vertex, its height, where it begins to be lowest.
        let mut hull: Vec<(usize, f64, f64)> = Vec::new();
        for (q, &away) in row.iter().enumerate() {
            let height = rows(away);
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
                hull.get(k).map_or(f64::INFINITY, |&(v, height, _)| {
                    height + self.square_x.get(x.abs_diff(v)).copied().unwrap_or(f64::INFINITY)
                })
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
            field.squares(y, &xs, |_, d| out.push(d));
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
            for (i, d) in all(&cells, width, size).into_iter().enumerate() {
                let truth = brute(&cells, width, size, i % width, i / width);
                prop_assert!(d == truth || (d - truth).abs() <= 1e-12 * truth, "{d} for {truth}");
            }
        }
    }
}

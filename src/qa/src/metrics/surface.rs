//! Distances between two outlines.

use serde::Serialize;

use super::boundary::{Patch, Points, boundary, edge_pixels};
use super::distance::{DistanceField, PixelSize};

/// Distances between the outlines of truth and prediction, all in the unit of the pixel size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SurfaceScore {
    /// Hausdorff distance between the edge pixels: the farthest that any lies from the other outline. Equal to MedPy's and
    /// MONAI's.
    pub hd100: f64,
    /// Hausdorff distance between the masks as sets of pixels, insides included: equal to SimpleITK's. It differs from
    /// [`Self::hd100`] only where one outline lies within the other mask.
    pub hd100_sets: f64,
    /// The larger of the two directed 95th percentiles of edge pixels' distances, interpolated. Equal to MONAI's; MedPy
    /// pools both directions.
    pub hd95: f64,
    /// Mean of the distances of all edge pixels of both outlines (MONAI, symmetric).
    pub assd: f64,
    /// Mean of the two directed mean distances.
    pub masd: f64,
    /// Part of both boundaries' length within the tolerance of the other, 0 to 1 (Nikolov et al. 2018, arXiv 1809.04430).
    /// Equal to DeepMind's surface-distance.
    pub nsd: f64,
}

impl SurfaceScore {
    /// What counts where one of the two masks is empty: every distance is the picture's diagonal, no boundary is near.
    pub fn one_empty(diagonal: f64) -> Self {
        Self {
            hd100: diagonal,
            hd100_sets: diagonal,
            hd95: diagonal,
            assd: diagonal,
            masd: diagonal,
            nsd: 0.0,
        }
    }
}

/// Distances of each point of `from` to the nearest of a set.
fn distances(from: &Points, to: &DistanceField) -> Vec<f64> {
    let mut all = Vec::with_capacity(from.xs.len());
    for (y, xs) in from.rows() {
        to.squares(y, xs, |square| all.push(square.sqrt()));
    }
    all
}

/// The quantile `p` of values, interpolated (definition 7 of Hyndman & Fan 1996, doi:10.2307/2684934), without sorting all
/// of them.
fn quantile(values: &mut [f64], p: f64) -> Option<f64> {
    let at = p * values.len().checked_sub(1)? as f64;
    let (_, &mut below, upper) = values.select_nth_unstable_by(at as usize, f64::total_cmp);
    let above = upper.iter().copied().fold(f64::INFINITY, f64::min);
    Some(if above.is_finite() { below + (above - below) * at.fract() } else { below })
}

/// Farthest that a pixel of `from` which is not in `other` lies from `other`, squared.
///
/// Most pixels are ruled out: none lies farther than its column says, nor farther than a neighbour by more than the way
/// there.
fn farthest_square(from: &Patch, other: &Patch, to_other: &DistanceField, size: PixelSize) -> f64 {
    let w = from.width;
    let (mut most_square, mut most) = (0.0_f64, 0.0_f64);
    // Per column, the last distance found, and in which row.
    let mut above = vec![(f64::INFINITY, 0_usize); w];
    for (y, (line, there)) in from.cells.chunks_exact(w).zip(other.cells.chunks_exact(w)).enumerate() {
        let mut left = (f64::INFINITY, 0_usize);
        for (block, (here, there)) in line.chunks(16).zip(there.chunks(16)).enumerate() {
            if here.iter().zip(there).fold(0, |any, (h, t)| any | (h & !t)) == 0 {
                continue;
            }
            for (i, (h, t)) in here.iter().zip(there).enumerate() {
                let x = 16 * block + i;
                let Some(above) = above.get_mut(x).filter(|_| h & !t != 0) else { continue };
                let near = left.0 + (x - left.1) as f64 * size.x <= most
                    || above.0 + (y - above.1) as f64 * size.y <= most;
                if near || to_other.column_square(x, y) <= most_square {
                    continue;
                }
                let square = to_other.square(x, y);
                let distance = square.sqrt();
                (left, *above) = ((distance, x), (distance, y));
                if square > most_square {
                    (most_square, most) = (square, distance);
                }
            }
        }
    }
    most_square
}

/// Compares two patches of one size, neither of them empty. `tolerance` is in the unit of `size`.
pub(super) fn compare(
    truth: &Patch,
    prediction: &Patch,
    size: PixelSize,
    tolerance: f64,
) -> Option<SurfaceScore> {
    let (edge_t, edge_p) = (edge_pixels(truth), edge_pixels(prediction));
    let field_t = DistanceField::to(&edge_t.cells, edge_t.width, size);
    let field_p = DistanceField::to(&edge_p.cells, edge_p.width, size);
    let mut from_t = distances(&edge_t, &field_p);
    let mut from_p = distances(&edge_p, &field_t);
    let mean = |d: &[f64]| d.iter().sum::<f64>() / d.len() as f64;
    let (sum_t, sum_p) = (from_t.iter().sum::<f64>(), from_p.iter().sum::<f64>());
    let assd = (sum_t + sum_p) / (from_t.len() + from_p.len()) as f64;
    let masd = f64::midpoint(mean(&from_t), mean(&from_p));
    let hd100 = from_t.iter().chain(&from_p).copied().fold(0.0, f64::max);
    let hd95 = quantile(&mut from_t, 0.95)?.max(quantile(&mut from_p, 0.95)?);
    // Outside a mask its nearest pixel is an edge pixel, so the same fields serve.
    let hd100_sets = farthest_square(truth, prediction, &field_p, size)
        .max(farthest_square(prediction, truth, &field_t, size))
        .sqrt();
    Some(SurfaceScore { hd100, hd100_sets, hd95, assd, masd, nsd: nsd(truth, prediction, size, tolerance) })
}

fn nsd(truth: &Patch, prediction: &Patch, size: PixelSize, tolerance: f64) -> f64 {
    let (t, p) = (boundary(truth, size), boundary(prediction, size));
    let (mut near, mut all) = (0.0, 0.0);
    for (from, to) in [(&t, &p), (&p, &t)] {
        let field = DistanceField::to(&to.points.cells, to.points.width, size);
        for (distance, length) in distances(&from.points, &field).into_iter().zip(&from.lengths) {
            all += length;
            if distance <= tolerance {
                near += length;
            }
        }
    }
    near / all
}

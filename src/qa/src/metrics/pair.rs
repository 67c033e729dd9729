//! Every class of a true and a predicted label mask.

use serde::Serialize;
use vesalius_measure::mask::LabelMask;

use super::boundary::Patch;
use super::distance::PixelSize;
use super::instances::{InstanceCounts, match_instances};
use super::overlap::Counts;
use super::surface::{self, SurfaceScore};

/// Largest side of a mask, pixels.
pub const MAX_SIDE: usize = 32_768;

/// A class to be scored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    /// Value in both masks.
    pub index: u8,
    /// How far boundaries may lie apart and still agree, in the unit of the pixel size.
    pub tolerance: f64,
    /// Whether its pieces are objects that are counted one by one.
    pub instances: bool,
}

/// In which of the two masks a class is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// In both.
    Both,
    /// In the truth alone: a miss.
    TruthOnly,
    /// In the prediction alone: a false alarm.
    PredictionOnly,
    /// In neither: a true negative.
    Neither,
}

/// One class of one pair of masks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StructureScore {
    /// The class.
    pub class: u8,
    /// Where it is.
    pub presence: Presence,
    /// Its pixels.
    pub pixels: Counts,
    /// Its outlines; `None` where neither mask has it. Where one has it, the distances are the picture's diagonal.
    pub surface: Option<SurfaceScore>,
    /// Its objects, where they were asked for.
    pub instances: Option<InstanceCounts>,
}

impl StructureScore {
    /// Dice coefficient; 0 where one of the two is empty, `None` where both are.
    pub fn dice(&self) -> Option<f64> {
        self.pixels.dice()
    }
}

/// Two masks cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    /// The sizes differ.
    #[error("the truth is {}x{} pixels and the prediction {}x{}: bring the truth to the picture's own size", truth[0], truth[1], prediction[0], prediction[1])]
    Size {
        /// Width and height of the truth.
        truth: [usize; 2],
        /// Width and height of the prediction.
        prediction: [usize; 2],
    },
    /// A mask is empty, larger than the limit, or does not hold as many labels as it says.
    #[error(
        "a mask of {width}x{height} pixels with {labels} labels is none: sides are 1 to {MAX_SIDE} pixels"
    )]
    Mask {
        /// Width.
        width: usize,
        /// Height.
        height: usize,
        /// Labels it holds.
        labels: usize,
    },
    /// A pixel has no size, or a tolerance none.
    #[error("{0} is no size of a pixel or tolerance: it must be finite and above zero")]
    Scale(f64),
}

fn check(mask: &LabelMask) -> Result<(), PairError> {
    let sides = 1..=MAX_SIDE;
    let fits = mask.width.checked_mul(mask.height) == Some(mask.labels.len());
    if fits && sides.contains(&mask.width) && sides.contains(&mask.height) {
        Ok(())
    } else {
        Err(PairError::Mask { width: mask.width, height: mask.height, labels: mask.labels.len() })
    }
}

/// Compares two masks of one picture, class by class. Distances come in the unit of `size`.
///
/// # Errors
///
/// [`PairError`].
pub fn score_pair(
    truth: &LabelMask,
    prediction: &LabelMask,
    classes: &[Class],
    size: PixelSize,
) -> Result<Vec<StructureScore>, PairError> {
    check(truth)?;
    check(prediction)?;
    if (truth.width, truth.height) != (prediction.width, prediction.height) {
        return Err(PairError::Size {
            truth: [truth.width, truth.height],
            prediction: [prediction.width, prediction.height],
        });
    }
    let tolerances = classes.iter().map(|c| c.tolerance);
    if let Some(bad) = [size.x, size.y].into_iter().chain(tolerances).find(|v| !(v.is_finite() && *v > 0.0)) {
        return Err(PairError::Scale(bad));
    }
    Ok(classes.iter().map(|class| score_class(truth, prediction, class, size)).collect())
}

fn score_class(truth: &LabelMask, prediction: &LabelMask, class: &Class, size: PixelSize) -> StructureScore {
    let (pixels, extent) = count(truth, prediction, class.index);
    let presence = match (pixels.truth() > 0, pixels.prediction() > 0) {
        (true, true) => Presence::Both,
        (true, false) => Presence::TruthOnly,
        (false, true) => Presence::PredictionOnly,
        (false, false) => Presence::Neither,
    };
    let patches = extent.map(|extent| [truth, prediction].map(|mask| extent.patch(mask, class.index)));
    let surface = match (presence, &patches) {
        (Presence::Neither, _) | (_, None) => None,
        (Presence::Both, Some([t, p])) => surface::compare(t, p, size, class.tolerance),
        _ => Some(SurfaceScore::one_empty((truth.width as f64 * size.x).hypot(truth.height as f64 * size.y))),
    };
    let instances = class
        .instances
        .then(|| patches.as_ref().map_or_else(InstanceCounts::default, |[t, p]| match_instances(t, p)));
    StructureScore { class: class.index, presence, pixels, surface, instances }
}

/// The smallest box that holds a class in both masks; ends are one past the last.
#[derive(Clone, Copy)]
struct Extent {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

impl Extent {
    fn patch(&self, mask: &LabelMask, class: u8) -> Patch {
        let width = self.right - self.left + 2;
        let mut cells = vec![0; width * (self.bottom - self.top + 2)];
        let rows = mask.labels.chunks_exact(mask.width).skip(self.top).take(self.bottom - self.top);
        for (out, row) in cells.chunks_exact_mut(width).skip(1).zip(rows) {
            let inside = row.get(self.left..self.right).unwrap_or(&[]);
            for (cell, &label) in out.iter_mut().skip(1).zip(inside) {
                *cell = u8::from(label == class);
            }
        }
        Patch { width, cells }
    }
}

fn count(truth: &LabelMask, prediction: &LabelMask, class: u8) -> (Counts, Option<Extent>) {
    let w = truth.width;
    let (mut in_truth, mut in_prediction, mut both) = (0_u64, 0_u64, 0_u64);
    let mut extent: Option<Extent> = None;
    let rows = truth.labels.chunks_exact(w).zip(prediction.labels.chunks_exact(w));
    for (y, (t, p)) in rows.enumerate() {
        let (mut nt, mut np, mut nb) = (0_u32, 0_u32, 0_u32);
        // Blocks short enough that each count fits a byte: that is what lets sixteen and more be counted at once.
        for (t, p) in t.chunks(128).zip(p.chunks(128)) {
            let (mut bt, mut bp, mut bb) = (0_u8, 0_u8, 0_u8);
            for (&t, &p) in t.iter().zip(p) {
                let (t, p) = (u8::from(t == class), u8::from(p == class));
                bt += t;
                bp += p;
                bb += t & p;
            }
            nt += u32::from(bt);
            np += u32::from(bp);
            nb += u32::from(bb);
        }
        if nt + np > 0 {
            let is = |(&t, &p): (&u8, &u8)| t == class || p == class;
            let left = t.iter().zip(p).position(is).unwrap_or(0);
            let right = t.iter().zip(p).rposition(is).map_or(w, |x| x + 1);
            let e = extent.get_or_insert(Extent { left, right, top: y, bottom: y + 1 });
            (e.left, e.right, e.bottom) = (e.left.min(left), e.right.max(right), y + 1);
        }
        in_truth += u64::from(nt);
        in_prediction += u64::from(np);
        both += u64::from(nb);
    }
    let all = truth.labels.len() as u64;
    let counts = Counts {
        both,
        prediction_only: in_prediction - both,
        truth_only: in_truth - both,
        neither: all + both - in_truth - in_prediction,
    };
    (counts, extent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: usize = 60;
    const H: usize = 40;

    fn rectangle(left: usize, top: usize, width: usize, height: usize) -> LabelMask {
        let mut labels = vec![0; W * H];
        for y in top..top + height {
            labels[y * W + left..y * W + left + width].fill(1);
        }
        LabelMask { width: W, height: H, labels }
    }

    fn score(truth: &LabelMask, prediction: &LabelMask, size: PixelSize, tolerance: f64) -> StructureScore {
        let class = Class { index: 1, tolerance, instances: false };
        score_pair(truth, prediction, &[class], size).unwrap().remove(0)
    }

    #[test]
    fn a_shifted_square_is_as_far_as_it_was_shifted() {
        // 10×10 shifted by 3 columns of 0.5: the outermost column is 3 columns away, both ways.
        let size = PixelSize { x: 0.5, y: 2.0 };
        let s = score(&rectangle(10, 10, 10, 10), &rectangle(13, 10, 10, 10), size, 0.1);
        assert_eq!(s.dice(), Some(0.7));
        let surface = s.surface.unwrap();
        assert_eq!((surface.hd100, surface.hd100_sets), (1.5, 1.5));
        // Of 36 edge pixels of each, 14 lie on the other's rows of edge and 22 do not: columns of 8 at three, and two
        // groups of three at the ends that stick out by 1, 2 and 3, for whom the ones at 3 are counted in the column.
        let ends = 2.0 * (0.5 + 1.0 + 1.5);
        let (lone_side, inner_side) = (8.0 * 1.5, 8.0 * 1.5);
        assert!((surface.assd - (ends + lone_side + inner_side) / 36.0).abs() < 1e-12);
        assert!((surface.masd - surface.assd).abs() < 1e-12);
    }

    #[test]
    fn a_frame_within_a_frame_is_told_apart_by_its_inside() {
        // The truth is a filled square of 21, the prediction its rim of width 3: the outlines are 3 apart at most, while
        // the middle of the square is 8 from the rim's pixels.
        let truth = rectangle(10, 10, 21, 21);
        let mut rim = truth.clone();
        for y in 13..28 {
            rim.labels[y * W + 13..y * W + 28].fill(0);
        }
        let s = score(&truth, &rim, PixelSize { x: 1.0, y: 1.0 }, 1.0).surface.unwrap();
        // From the inner corner (12, 12) of the rim two columns to its outer edge.
        assert_eq!(s.hd100, 2.0);
        assert_eq!(s.hd100_sets, 8.0);
    }

    #[test]
    fn a_boundary_agrees_up_to_the_tolerance() {
        let size = PixelSize { x: 1.0, y: 1.0 };
        let (a, b) = (rectangle(10, 10, 10, 10), rectangle(12, 10, 10, 10));
        assert_eq!(score(&a, &b, size, 2.0).surface.unwrap().nsd, 1.0);
        let s = score(&a, &b, size, 0.5).surface.unwrap();
        // Each boundary has 36 points of length 1 on its sides and 4 corners of half a diagonal. Those of one that lie on the
        // other are 8 on the upper side and 8 on the lower, and two corners.
        let half_diagonal = 2.0_f64.sqrt() / 2.0;
        let (near, all) = (16.0 + 2.0 * half_diagonal, 36.0 + 4.0 * half_diagonal);
        assert!((s.nsd - near / all).abs() < 1e-12, "{}", s.nsd);
    }

    #[test]
    fn identical_masks_are_perfect_even_at_the_border() {
        let mask = rectangle(0, 0, W, H);
        let s = score(&mask, &mask, PixelSize { x: 0.3, y: 0.7 }, 0.1);
        assert_eq!((s.dice(), s.pixels.specificity()), (Some(1.0), None));
        let surface = s.surface.unwrap();
        assert_eq!((surface.hd100, surface.hd95, surface.assd, surface.nsd), (0.0, 0.0, 0.0, 1.0));
    }

    #[test]
    fn one_empty_counts_as_the_whole_diagonal_and_both_as_a_true_negative() {
        let (something, nothing) = (rectangle(5, 5, 3, 3), rectangle(0, 0, 0, 0));
        let size = PixelSize { x: 0.5, y: 1.0 };
        let diagonal = 30.0_f64.hypot(40.0);
        for (truth, prediction, presence) in
            [(&something, &nothing, Presence::TruthOnly), (&nothing, &something, Presence::PredictionOnly)]
        {
            let s = score(truth, prediction, size, 1.0);
            assert_eq!((s.presence, s.dice()), (presence, Some(0.0)));
            let surface = s.surface.unwrap();
            assert_eq!(
                (surface.hd100, surface.hd95, surface.assd, surface.nsd),
                (diagonal, diagonal, diagonal, 0.0)
            );
        }
        let s = score(&nothing, &nothing, size, 1.0);
        assert_eq!((s.presence, s.dice(), s.surface), (Presence::Neither, None, None));
        assert_eq!(s.pixels.specificity(), Some(1.0));
    }

    #[test]
    fn a_far_island_moves_the_maximum_and_hardly_the_percentile() {
        let truth = rectangle(5, 5, 20, 20);
        let mut prediction = truth.clone();
        prediction.labels[(H - 1) * W + W - 1] = 1;
        let s = score(&truth, &prediction, PixelSize { x: 1.0, y: 1.0 }, 1.0).surface.unwrap();
        assert_eq!((s.hd100, s.hd95), (35.0_f64.hypot(15.0), 0.0));
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let a = rectangle(5, 5, 3, 3);
        let other = LabelMask { width: H, height: W, labels: vec![0; W * H] };
        let class = Class { index: 1, tolerance: 1.0, instances: false };
        let unit = PixelSize { x: 1.0, y: 1.0 };
        let error = score_pair(&a, &other, &[class], unit).unwrap_err();
        assert!(error.to_string().contains("60x40") && error.to_string().contains("40x60"), "{error}");
        let short = LabelMask { width: W, height: H, labels: vec![0; 5] };
        assert!(matches!(score_pair(&a, &short, &[class], unit), Err(PairError::Mask { .. })));
        let nan = PixelSize { x: f64::NAN, y: 1.0 };
        assert!(matches!(score_pair(&a, &a, &[class], nan), Err(PairError::Scale(_))));
    }
}

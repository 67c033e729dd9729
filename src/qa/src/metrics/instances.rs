//! Objects of one class, counted one by one.
//!
//! An object is an 8-connected piece. A true and a predicted one belong together where their intersection over union is
//! above one half; no piece can do so with two others, so that nothing has to be assigned (Kirillov et al. 2019,
//! arXiv 1801.00868, theorem 1).

use std::collections::BTreeMap;

use serde::Serialize;

use super::boundary::Patch;

/// Objects by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct InstanceCounts {
    /// True objects that were found.
    pub matched: u64,
    /// Predicted objects that are none: false positives.
    pub prediction_only: u64,
    /// True objects that were missed: false negatives.
    pub truth_only: u64,
    /// Sum of the matched ones' intersection over union.
    pub iou_sum: f64,
}

impl InstanceCounts {
    fn of_one_each(&self) -> f64 {
        self.matched as f64 + (self.prediction_only + self.truth_only) as f64 / 2.0
    }
    /// F1 of detection, 0 to 1 (the recognition quality of panoptic scores); `None` without any object.
    pub fn f1(&self) -> Option<f64> {
        (self.of_one_each() > 0.0).then(|| self.matched as f64 / self.of_one_each())
    }
    /// Panoptic quality, 0 to 1; `None` without any object.
    pub fn panoptic_quality(&self) -> Option<f64> {
        (self.of_one_each() > 0.0).then(|| self.iou_sum / self.of_one_each())
    }
}

impl std::ops::AddAssign for InstanceCounts {
    fn add_assign(&mut self, other: Self) {
        self.matched += other.matched;
        self.prediction_only += other.prediction_only;
        self.truth_only += other.truth_only;
        self.iou_sum += other.iou_sum;
    }
}

/// Number of each pixel's piece, 0 outside, and the pieces' sizes in pixels (the first is nobody's).
fn pieces(patch: &Patch) -> (Vec<u32>, Vec<u64>) {
    let w = patch.width;
    let mut number = vec![0_u32; patch.cells.len()];
    let mut sizes = vec![0_u64];
    let mut stack = Vec::new();
    let free = |number: &[u32], i: usize| patch.cells.get(i) == Some(&1) && number.get(i) == Some(&0);
    for start in 0..patch.cells.len() {
        if !free(&number, start) {
            continue;
        }
        let this = sizes.len() as u32;
        let mut size = 0;
        stack.push(start);
        if let Some(n) = number.get_mut(start) {
            *n = this;
        }
        while let Some(i) = stack.pop() {
            size += 1;
            // The patch's empty border keeps neighbours within it.
            for row in [i.wrapping_sub(w), i, i + w] {
                for j in [row.wrapping_sub(1), row, row.wrapping_add(1)] {
                    if free(&number, j) {
                        if let Some(n) = number.get_mut(j) {
                            *n = this;
                        }
                        stack.push(j);
                    }
                }
            }
        }
        sizes.push(size);
    }
    (number, sizes)
}

/// Matches the pieces of two patches of one size.
pub(super) fn match_instances(truth: &Patch, prediction: &Patch) -> InstanceCounts {
    let (t_of, t_sizes) = pieces(truth);
    let (p_of, p_sizes) = pieces(prediction);
    let mut shared: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    for (&t, &p) in t_of.iter().zip(&p_of) {
        if t != 0 && p != 0 {
            *shared.entry((t, p)).or_default() += 1;
        }
    }
    let mut counts = InstanceCounts::default();
    for ((t, p), both) in shared {
        let size = |sizes: &[u64], i: u32| sizes.get(i as usize).copied().unwrap_or(0);
        let union = size(&t_sizes, t) + size(&p_sizes, p) - both;
        let iou = both as f64 / union as f64;
        if iou > 0.5 {
            counts.matched += 1;
            counts.iou_sum += iou;
        }
    }
    counts.truth_only = t_sizes.len() as u64 - 1 - counts.matched;
    counts.prediction_only = p_sizes.len() as u64 - 1 - counts.matched;
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(picture: &[&str]) -> Patch {
        let width = picture[0].len();
        let cells = picture.iter().flat_map(|l| l.bytes()).map(|b| u8::from(b == b'#')).collect();
        Patch { width, cells }
    }

    #[test]
    fn one_found_one_missed_one_invented_one_too_loose() {
        let truth = patch(&[
            "..............", //
            ".####..##..#..",
            ".####..##...#.",
            "..............",
        ]);
        let prediction = patch(&[
            "..............", //
            ".###....##....",
            ".####...##.##.",
            "..............",
        ]);
        // The first matches with 7 of 8; of the second 2 of 6 are shared; the diagonal pair is one piece and shares one
        // of three.
        let counts = match_instances(&truth, &prediction);
        assert_eq!((counts.matched, counts.truth_only, counts.prediction_only), (1, 2, 2));
        assert!((counts.iou_sum - 7.0 / 8.0).abs() < 1e-15);
        assert!((counts.f1().unwrap() - 1.0 / 3.0).abs() < 1e-15);
        assert!((counts.panoptic_quality().unwrap() - 7.0 / 24.0).abs() < 1e-15);
    }

    #[test]
    fn nothing_at_all_has_no_quality() {
        let counts = match_instances(&patch(&["...", "...", "..."]), &patch(&["...", "...", "..."]));
        assert_eq!((counts, counts.f1()), (InstanceCounts::default(), None));
    }
}

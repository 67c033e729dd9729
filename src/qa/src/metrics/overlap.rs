//! Pixels of a class in two masks, and the ratios of their counts.

use serde::Serialize;

/// Pixels of one class by what truth and prediction say of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// In both.
    pub both: u64,
    /// In the prediction alone: false positives.
    pub prediction_only: u64,
    /// In the truth alone: false negatives.
    pub truth_only: u64,
    /// In neither: true negatives.
    pub neither: u64,
}

/// A ratio of counts; `None` where its denominator is zero, which is not the same as zero.
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Counts {
    /// Pixels of the class in the truth.
    pub fn truth(&self) -> u64 {
        self.both + self.truth_only
    }
    /// Pixels of the class in the prediction.
    pub fn prediction(&self) -> u64 {
        self.both + self.prediction_only
    }
    /// All pixels.
    pub fn all(&self) -> u64 {
        self.both + self.prediction_only + self.truth_only + self.neither
    }

    /// Dice coefficient 2|A∩B| / (|A| + |B|), 0 to 1 (Dice 1945, doi:10.2307/1932409); `None` where both are empty.
    pub fn dice(&self) -> Option<f64> {
        ratio(2 * self.both, self.truth() + self.prediction())
    }
    /// Intersection over union, the Jaccard index, 0 to 1; `None` where both are empty.
    pub fn iou(&self) -> Option<f64> {
        ratio(self.both, self.both + self.truth_only + self.prediction_only)
    }
    /// Part of all pixels on which both agree. Close to 1 for any small structure: not a measure of quality by itself.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.both + self.neither, self.all())
    }
    /// Part of the truth that was found; `None` where there is no truth.
    pub fn sensitivity(&self) -> Option<f64> {
        ratio(self.both, self.truth())
    }
    /// Part of what is not the truth that was left alone; `None` where the truth is everywhere.
    pub fn specificity(&self) -> Option<f64> {
        ratio(self.neither, self.neither + self.prediction_only)
    }
    /// Part of the prediction that is right; `None` where nothing was predicted.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.both, self.prediction())
    }
    /// How much larger the predicted area is, as a part of the true one; `None` where there is no truth.
    pub fn area_bias(&self) -> Option<f64> {
        (self.truth() > 0).then(|| (self.prediction() as f64 - self.truth() as f64) / self.truth() as f64)
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.both += other.both;
        self.prediction_only += other.prediction_only;
        self.truth_only += other.truth_only;
        self.neither += other.neither;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_squares_that_share_a_quarter() {
        // Squares of 10×10, one shifted by (5, 5), in a picture of 20×20.
        let c = Counts { both: 25, prediction_only: 75, truth_only: 75, neither: 225 };
        assert_eq!(c.dice(), Some(0.25));
        assert_eq!(c.iou(), Some(1.0 / 7.0));
        assert_eq!(c.accuracy(), Some(250.0 / 400.0));
        assert_eq!((c.sensitivity(), c.precision()), (Some(0.25), Some(0.25)));
        assert_eq!(c.specificity(), Some(0.75));
        assert_eq!(c.area_bias(), Some(0.0));
        let (dice, iou) = (c.dice().unwrap(), c.iou().unwrap());
        assert!((iou - dice / (2.0 - dice)).abs() < 1e-15);
    }

    #[test]
    fn what_has_no_denominator_has_no_value() {
        let empty = Counts { neither: 9, ..Counts::default() };
        assert_eq!(
            (empty.dice(), empty.iou(), empty.sensitivity(), empty.precision()),
            (None, None, None, None)
        );
        assert_eq!((empty.specificity(), empty.accuracy()), (Some(1.0), Some(1.0)));
        let missed = Counts { truth_only: 4, neither: 5, ..Counts::default() };
        assert_eq!((missed.dice(), missed.sensitivity(), missed.precision()), (Some(0.0), Some(0.0), None));
    }
}

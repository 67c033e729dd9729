//! The values of a whole recording in bounded memory.

use sketches_ddsketch::{Config, DDSketch};

use super::stats::{Running, quantile};

/// Values up to which the median is exact: more than two minutes at 30 frames a second.
pub const EXACT_VALUES: usize = 4096;

/// How far the median of more values may be off, as a part of it.
pub const MEDIAN_ERROR: f64 = 0.001;

/// With 8192 steps of 0.2 % the greatest value may be ten million times the least before small ones are joined.
const MOST_BINS: u32 = 8192;

/// What lies nearer to zero counts as zero for the median.
const LEAST: f64 = 1e-9;

/// Count, least, greatest, mean, spread and median of values, however many there are.
///
/// All but the median are exact. The median is too, up to [`EXACT_VALUES`] values; from there on it comes from a sketch (DDSketch,
/// Masson, Rim and Lee 2019, doi:10.14778/3352063.3352135) and is within [`MEDIAN_ERROR`] of the value in the middle, of two the
/// smaller. It then takes 160 KiB at the most.
#[derive(Clone, Default)]
pub struct Distribution {
    running: Running,
    /// In order.
    few: Vec<f64>,
    many: Option<DDSketch>,
}

impl std::fmt::Debug for Distribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Distribution").field("running", &self.running).finish_non_exhaustive()
    }
}

impl Distribution {
    /// Takes what a frame gave; `None` and what is not finite count for the coverage alone.
    pub fn push(&mut self, value: Option<f64>) {
        let value = value.filter(|v| v.is_finite());
        self.running.push(value);
        let Some(value) = value else { return };
        if let Some(sketch) = &mut self.many {
            sketch.add(value);
            return;
        }
        let place = self.few.partition_point(|v| v.total_cmp(&value).is_le());
        self.few.insert(place, value);
        if self.few.len() > EXACT_VALUES {
            let mut sketch = DDSketch::new(Config::new(MEDIAN_ERROR, MOST_BINS, LEAST));
            for value in std::mem::take(&mut self.few) {
                sketch.add(value);
            }
            self.many = Some(sketch);
        }
    }

    /// Count, least, greatest, mean, spread and coverage.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// The median; `None` without values.
    pub fn median(&self) -> Option<f64> {
        let Some(sketch) = &self.many else { return quantile(&self.few, 0.5) };
        let median = sketch.quantile(0.5).ok().flatten()?;
        Some(median.max(self.running.min()?).min(self.running.max()?))
    }

    /// Whether the median is exact.
    pub fn is_exact(&self) -> bool {
        self.many.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::super::stats::Summary;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_values_are_exact() {
        let mut distribution = Distribution::default();
        assert_eq!((distribution.median(), distribution.running().mean()), (None, None));
        for value in [Some(3.0), Some(1.0), None, Some(f64::NAN), Some(2.0), Some(4.0)] {
            distribution.push(value);
        }
        assert_eq!((distribution.median(), distribution.running().count()), (Some(2.5), 4));
        assert!(distribution.is_exact());
    }

    #[test]
    fn an_hour_takes_no_more_memory_than_minutes() {
        let mut distribution = Distribution::default();
        for frame in 0..108_000_u32 {
            // A diameter that swings, and once a frame of nonsense.
            let value = if frame == 50_000 { 1e-7 } else { 20.0 + 5.0 * (f64::from(frame) * 0.21).sin() };
            distribution.push(Some(value));
            assert!(distribution.few.capacity() <= 2 * EXACT_VALUES);
        }
        assert!(!distribution.is_exact());
        assert!(distribution.few.capacity() == 0, "what the sketch holds is given back");
        assert!(distribution.many.as_ref().unwrap().length() <= 2 * MOST_BINS as usize);
        let error = distribution.median().unwrap() / 20.0 - 1.0;
        assert!(error.abs() <= 1.1 * MEDIAN_ERROR, "{error}");
        assert_eq!(distribution.running().count(), 108_000);
        assert_eq!(distribution.running().min(), Some(1e-7));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// The median stays within the error that is stated, of values of either sign and of every size; the rest is exact.
        #[test]
        fn the_error_is_as_stated(seed in any::<u64>(), shift in -2.0..2.0_f64, spread in 0.001..3.0_f64) {
            use rand_chacha::rand_core::{Rng, SeedableRng};
            let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let mut distribution = Distribution::default();
            let mut values: Vec<f64> = Vec::new();
            for _ in 0..2 * EXACT_VALUES {
                let uniform = f64::from(random.next_u32()) / f64::from(u32::MAX);
                let value = (shift + spread * (2.0 * uniform - 1.0)) * 100.0;
                values.push(value);
                distribution.push(Some(value));
            }
            let summary = Summary::of(&mut values).unwrap();
            let lower = values[(values.len() - 1) / 2];
            let off = (distribution.median().unwrap() - lower).abs();
            prop_assert!(off <= 1.0001 * MEDIAN_ERROR * lower.abs(), "{off} of {lower}");
            let running = distribution.running();
            prop_assert_eq!((running.min(), running.max()), (Some(summary.min), Some(summary.max)));
            prop_assert!((running.mean().unwrap() - summary.mean).abs() <= 1e-9 * summary.max.abs().max(summary.min.abs()));
        }
    }
}

//! Intervals by drawing the units of a study again and again: bias-corrected and accelerated, BCa (Efron 1987,
//! doi:10.1080/01621459.1987.10478410).
//!
//! Frames of one video, and videos of one patient, are alike. Drawing frames as if they were independent gives intervals
//! that hold the truth a fraction of the times they promise, so what is drawn is whole patients or, where those are not
//! known, whole videos. The same seed gives the same interval.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};
use vesalius_measure::series::stats::quantile;

use super::Interval;

/// How an interval is made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bootstrap {
    /// Times that the units are drawn.
    pub resamples: u32,
    /// Part of the intervals that are to hold the truth, such as 0.95.
    pub confidence: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 4000, confidence: 0.95, seed: 1 }
    }
}

/// Why there is no interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoInterval {
    /// Too few units to draw from.
    #[error("fewer than 3 units")]
    TooFewUnits,
    /// Every draw says the same, which says nothing of the spread.
    #[error("all units alike")]
    NoSpread,
    /// The statistic has no value for the units.
    #[error("no value")]
    NoValue,
}

/// A whole number below `n`, uniform: Lemire 2019 (doi:10.1145/3230636), with the rare values that would favour some thrown
/// away.
fn below(generator: &mut ChaCha8Rng, n: u32) -> u32 {
    let n = n.max(1);
    let least = n.wrapping_neg() % n;
    loop {
        let product = u64::from(generator.next_u32()) * u64::from(n);
        if product as u32 >= least {
            return (product >> 32) as u32;
        }
    }
}

impl Bootstrap {
    /// The interval of a statistic of `units` units. The statistic is given the numbers of the units that were drawn, some
    /// more than once, and may have no value for some draws: those are left out.
    ///
    /// # Errors
    ///
    /// [`NoInterval`].
    pub fn interval(
        &self,
        units: usize,
        statistic: impl Fn(&[usize]) -> Option<f64>,
    ) -> Result<Interval, NoInterval> {
        let count = u32::try_from(units).map_err(|_| NoInterval::NoValue)?;
        if units < 3 {
            return Err(NoInterval::TooFewUnits);
        }
        let mut drawn: Vec<usize> = (0..units).collect();
        let observed = statistic(&drawn).filter(|v| v.is_finite()).ok_or(NoInterval::NoValue)?;
        let mut without_one = Vec::with_capacity(units);
        for left_out in 0..units {
            let others: Vec<usize> = (0..units).filter(|&i| i != left_out).collect();
            without_one.extend(statistic(&others).filter(|v| v.is_finite()));
        }
        let mut generator = ChaCha8Rng::seed_from_u64(self.seed);
        let mut replicates = Vec::with_capacity(self.resamples as usize);
        for _ in 0..self.resamples {
            drawn.fill_with(|| below(&mut generator, count) as usize);
            replicates.extend(statistic(&drawn).filter(|v| v.is_finite()));
        }
        bca(observed, &mut replicates, &without_one, self.confidence)
    }

    /// The mean of values, one a unit, with its interval.
    ///
    /// # Errors
    ///
    /// [`NoInterval`].
    pub fn of_mean(&self, values: &[f64]) -> Result<Interval, NoInterval> {
        self.interval(values.len(), |drawn| {
            let sum: f64 = drawn.iter().filter_map(|&i| values.get(i)).sum();
            Some(sum / drawn.len() as f64)
        })
    }
}

/// The standard normal distribution.
pub(super) fn normal() -> Option<Normal> {
    Normal::new(0.0, 1.0).ok()
}

/// Acceleration from the values without one unit each: a sixth of their skewness.
fn acceleration(without_one: &[f64]) -> f64 {
    let Some(mean) = super::mean(without_one) else { return 0.0 };
    let (mut squares, mut cubes) = (0.0, 0.0);
    for value in without_one {
        let d = mean - value;
        squares += d * d;
        cubes += d * d * d;
    }
    let a = cubes / (6.0 * squares.powf(1.5));
    if a.is_finite() { a } else { 0.0 }
}

/// The interval from the statistic, its replicates and its values without one unit each. Sorts the replicates.
fn bca(
    observed: f64,
    replicates: &mut [f64],
    without_one: &[f64],
    confidence: f64,
) -> Result<Interval, NoInterval> {
    replicates.sort_unstable_by(f64::total_cmp);
    let (Some(&least), Some(&most)) = (replicates.first(), replicates.last()) else {
        return Err(NoInterval::NoValue);
    };
    // Sums of the same numbers in another order differ in the last digits.
    if most - least <= 1e-12 * observed.abs().max(1e-12) {
        return Err(NoInterval::NoSpread);
    }
    let normal = normal().ok_or(NoInterval::NoValue)?;
    // Ties count half, as in SciPy, which matters for statistics of few values.
    let lower = replicates.partition_point(|r| *r < observed);
    let not_above = replicates.partition_point(|r| *r <= observed);
    let n = replicates.len() as f64;
    // At most all but half a replicate on one side: beyond, the normal quantile is infinite.
    let below = ((lower + not_above) as f64 / (2.0 * n)).clamp(0.5 / n, 1.0 - 0.5 / n);
    let bias = normal.inverse_cdf(below);
    let a = acceleration(without_one);
    let end = |tail: f64| {
        let z = bias + normal.inverse_cdf(tail);
        let p = normal.cdf(bias + z / (1.0 - a * z));
        quantile(replicates, p)
    };
    let tail = (1.0 - confidence) / 2.0;
    match (end(tail), end(1.0 - tail)) {
        (Some(low), Some(high)) if low.is_finite() && high.is_finite() => Ok(Interval { low, high }),
        _ => Err(NoInterval::NoValue),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The spatial test data of Efron & Tibshirani, An Introduction to the Bootstrap (1993), table 14.1, column A.
    const SPATIAL: [f64; 26] = [
        48.0, 36.0, 20.0, 29.0, 42.0, 42.0, 20.0, 42.0, 22.0, 41.0, 45.0, 14.0, 6.0, 0.0, 33.0, 28.0, 34.0,
        4.0, 32.0, 24.0, 47.0, 41.0, 24.0, 26.0, 30.0, 41.0,
    ];

    fn variance_of(drawn: &[usize]) -> Option<f64> {
        let values: Vec<f64> = drawn.iter().map(|&i| SPATIAL[i]).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some(values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn the_textbook_example_comes_out_as_in_the_textbook() {
        let all: Vec<usize> = (0..26).collect();
        assert!((variance_of(&all).unwrap() - 171.5).abs() < 0.05);
        let without: Vec<f64> = (0..26)
            .map(|left| variance_of(&(0..26).filter(|&i| i != left).collect::<Vec<_>>()).unwrap())
            .collect();
        assert!((acceleration(&without) - 0.061).abs() < 0.0006);
        // Printed there for 2000 draws: 115.8 to 259.6. The draws move the ends by about one and three.
        let settings = Bootstrap { resamples: 20_000, confidence: 0.9, seed: 7 };
        let interval = settings.interval(26, variance_of).unwrap();
        assert!((interval.low - 115.8).abs() < 2.5 && (interval.high - 259.6).abs() < 6.0, "{interval:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let settings = Bootstrap::default();
        let values = [0.9, 0.93, 0.88, 0.97, 0.7];
        assert_eq!(settings.of_mean(&values), settings.of_mean(&values));
        assert_ne!(settings.of_mean(&values), Bootstrap { seed: 2, ..settings }.of_mean(&values));
    }

    #[test]
    fn too_few_or_all_alike_is_said_and_not_hidden_in_a_narrow_interval() {
        let settings = Bootstrap::default();
        assert_eq!(settings.of_mean(&[1.0, 2.0]), Err(NoInterval::TooFewUnits));
        assert_eq!(settings.of_mean(&[0.1; 9]), Err(NoInterval::NoSpread));
        assert_eq!(settings.interval(5, |_| None), Err(NoInterval::NoValue));
    }

    #[test]
    fn draws_are_even() {
        let mut generator = ChaCha8Rng::seed_from_u64(3);
        let mut seen = [0_u32; 7];
        for _ in 0..70_000 {
            seen[below(&mut generator, 7) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n.abs_diff(10_000) < 400), "{seen:?}");
    }

    #[test]
    fn intervals_hold_the_truth_about_as_often_as_they_promise() {
        // Thirty units of a skewed distribution (exponential, mean 1), 400 studies.
        let mut generator = ChaCha8Rng::seed_from_u64(11);
        let settings = Bootstrap { resamples: 600, ..Bootstrap::default() };
        let mut held = 0;
        for study in 0..400 {
            let values: Vec<f64> =
                (0..30).map(|_| -((f64::from(generator.next_u32()) + 0.5) / 4_294_967_296.0).ln()).collect();
            let interval = Bootstrap { seed: study, ..settings }.of_mean(&values).unwrap();
            held += u32::from((interval.low..=interval.high).contains(&1.0));
        }
        assert!((355..=392).contains(&held), "{held} of 400");
    }
}

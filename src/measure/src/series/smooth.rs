//! Smoothing that is right for samples at any times.
//!
//! A quadratic is fitted by least squares to the samples around each sample and read there. For samples at
//! equal distances that is the filter of Savitzky & Golay 1964 (doi:10.1021/ac60214a047); for any others it
//! is local regression (Cleveland 1979, doi:10.1080/01621459.1979.10481038) with equal weights.

use nalgebra::{Matrix3, Vector3};

use super::stats::median;

/// Fewest samples that a local quadratic rests on: with three it would only repeat them.
const LEAST_SAMPLES: usize = 5;

/// A smoothed curve, sample by sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Smoothed {
    /// The curve at each sample.
    pub values: Vec<f64>,
    /// Weight of each sample in its own smoothed value, which is also the variance of that value as a
    /// fraction of a sample's.
    pub leverage: Vec<f64>,
}

impl Smoothed {
    /// Smooths samples at increasing `times_s` over a window of `window_s`, centred, and at the ends
    /// one-sided. Where fewer than five samples lie in it, the five nearest take part.
    pub fn of(times_s: &[f64], values: &[f64], window_s: f64) -> Self {
        let half = window_s / 2.0 + 1e-9;
        let (mut first, mut end) = (0, 0);
        let mut out = Self::default();
        for &at in times_s {
            while times_s.get(first).is_some_and(|t| at - t > half) {
                first += 1;
            }
            while times_s.get(end).is_some_and(|t| t - at <= half) {
                end += 1;
            }
            let (from, to) = widen(times_s, at, first, end);
            let near = times_s.get(from..to).unwrap_or_default().iter();
            let (value, leverage) = local_quadratic(near.zip(values.get(from..to).unwrap_or_default()), at);
            out.values.push(value);
            out.leverage.push(leverage);
        }
        out
    }

    /// Standard deviation of the noise of a single sample, from the median of what smoothing took away, so
    /// that outliers do not count. `None` without samples.
    pub fn noise(&self, values: &[f64]) -> Option<f64> {
        let mut residuals: Vec<f64> = self
            .values
            .iter()
            .zip(values)
            .zip(&self.leverage)
            .map(|((s, v), l)| (v - s).abs() / (1.0 - l).max(0.05).sqrt())
            .collect();
        // Of a normal distribution, the median of the absolute value is 0.6745 standard deviations.
        median(&mut residuals).map(|m| m / 0.6745)
    }
}

/// The range `first..end` grown to [`LEAST_SAMPLES`] by the neighbours that are nearest in time.
fn widen(times_s: &[f64], at: f64, mut first: usize, mut end: usize) -> (usize, usize) {
    while end - first < LEAST_SAMPLES {
        let before = first.checked_sub(1).and_then(|i| times_s.get(i)).map(|t| at - t);
        let after = times_s.get(end).map(|t| t - at);
        match (before, after) {
            (Some(b), Some(a)) if b <= a => first -= 1,
            (_, Some(_)) => end += 1,
            (Some(_), None) => first -= 1,
            (None, None) => break,
        }
    }
    (first, end)
}

/// The quadratic through samples near `at`: its value there and the weight that a sample there has.
fn local_quadratic<'a>(near: impl Iterator<Item = (&'a f64, &'a f64)> + Clone, at: f64) -> (f64, f64) {
    let scale = near.clone().map(|(t, _)| (t - at).abs()).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let (mut normal, mut right, mut count, mut sum) = (Matrix3::zeros(), Vector3::zeros(), 0.0, 0.0);
    for (t, v) in near {
        let x = (t - at) / scale;
        let row = Vector3::new(1.0, x, x * x);
        normal += row * row.transpose();
        right += row * *v;
        (count, sum) = (count + 1.0, sum + v);
    }
    match normal.try_inverse() {
        Some(inverse) => ((inverse * right).x, inverse.m11.clamp(0.0, 1.0)),
        None => (sum / count, 1.0 / count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_distances_give_the_published_weights() {
        // Savitzky & Golay 1964, table I, quadratic, 5 points: (−3, 12, 17, 12, −3)/35.
        let times: Vec<f64> = (0..9).map(|i| 0.04 * f64::from(i)).collect();
        for (k, weight) in [(2, -3.0), (3, 12.0), (4, 17.0), (5, 12.0), (6, -3.0)] {
            let mut values = vec![0.0; 9];
            values[k] = 35.0;
            let smoothed = Smoothed::of(&times, &values, 0.16);
            assert!((smoothed.values[4] - weight).abs() < 1e-9, "{k}: {}", smoothed.values[4]);
            assert!((smoothed.leverage[4] - 17.0 / 35.0).abs() < 1e-12);
        }
    }

    #[test]
    fn few_samples_are_survived() {
        assert_eq!(Smoothed::of(&[], &[], 0.2), Smoothed::default());
        assert_eq!(Smoothed::of(&[1.0], &[3.0], 0.2).values, [3.0]);
        assert_eq!(Smoothed::of(&[1.0, 2.0], &[3.0, 5.0], 0.2).values.len(), 2);
    }

    proptest! {
        /// A parabola goes through unchanged, whatever the times; noise of a known size is found.
        #[test]
        fn a_parabola_stays(steps in proptest::collection::vec(1e-3..0.3_f64, 5..60),
                            a in -5.0..5.0_f64, b in -5.0..5.0_f64, c in -5.0..5.0_f64,
                          window in 0.05..1.0_f64) {
            let times: Vec<f64> = steps.iter().scan(0.0, |t, s| { *t += s; Some(*t) }).collect();
            let values: Vec<f64> = times.iter().map(|t| a + b * t + c * t * t).collect();
            let smoothed = Smoothed::of(&times, &values, window);
            let size = values.iter().fold(1.0, |m: f64, v| m.max(v.abs()));
            for (s, v) in smoothed.values.iter().zip(&values) {
                prop_assert!((s - v).abs() < 1e-6 * size, "{s} for {v}");
            }
            prop_assert!(smoothed.noise(&values).unwrap() < 1e-5 * size);
        }
    }
}

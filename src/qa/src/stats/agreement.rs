//! Agreement of measured values with true ones.
//!
//! Differences are measured less true. Bias and limits of agreement follow Bland & Altman for several pairs a patient whose
//! true value varies (2007, doi:10.1080/10543400701329422), in the unweighted form of Zou 2013
//! (doi:10.1177/0962280211402548), which gives the limits their intervals too: the spread of the patients' mean
//! differences, plus what the spread within patients adds that the means have lost. For equal numbers of pairs a patient
//! both are the same, and for one pair each they are the limits of 1986.

use serde::Serialize;
use statrs::distribution::{ChiSquared, ContinuousCDF, StudentsT};

use super::bootstrap::normal;
use super::icc::{Icc, icc_2_1};
use super::{Interval, mean, variance};

/// A measured value beside the true one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Number of the patient, or of the video where patients are not known.
    pub unit: usize,
    /// What was measured.
    pub measured: f64,
    /// What is true.
    pub truth: f64,
}

/// Agreement of one value over a study.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Pairs.
    pub n_pairs: usize,
    /// Patients, or videos.
    pub n_units: usize,
    /// Mean difference of the units.
    pub bias: f64,
    /// Its interval, by t; `None` for one unit.
    pub bias_interval: Option<Interval>,
    /// Standard deviation of a single difference.
    pub sd: Option<f64>,
    /// Limits within which 95 % of differences lie.
    pub limits: Option<Limits>,
    /// Mean absolute difference over all pairs.
    pub mae: f64,
    /// The largest absolute difference.
    pub max_absolute: f64,
    /// ICC(2,1) of the units' means, measured against true.
    pub icc: Option<Icc>,
    /// Lin's concordance correlation of all pairs (1989, doi:10.2307/2532051).
    pub ccc: Option<f64>,
    /// Rank correlation of absolute difference and size (Spearman): far from zero, limits in per cent would suit better.
    pub spread_with_size: Option<f64>,
}

/// Limits of agreement with the intervals of both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
    /// Interval of the lower limit.
    pub low_interval: Interval,
    /// Interval of the upper limit.
    pub high_interval: Interval,
    /// Variance of a difference between units.
    pub between_variance: f64,
    /// Variance of a difference within a unit; `None` where no unit has two pairs.
    pub within_variance: Option<f64>,
}

/// Part of the differences that the limits hold.
const COVERED: f64 = 0.95;

/// Agreement of pairs; `None` without any, or where a value is not finite.
pub fn agreement(pairs: &[Pair], confidence: f64) -> Option<Agreement> {
    if pairs.is_empty() || pairs.iter().any(|p| !p.measured.is_finite() || !p.truth.is_finite()) {
        return None;
    }
    let units = by_unit(pairs);
    let means: Vec<f64> = units
        .iter()
        .filter_map(|u| mean(&u.iter().map(|p| p.measured - p.truth).collect::<Vec<_>>()))
        .collect();
    let bias = mean(&means)?;
    let absolute: Vec<f64> = pairs.iter().map(|p| (p.measured - p.truth).abs()).collect();
    let limits = limits(&units, &means, bias, confidence);
    let of_unit = |u: &[Pair], value: fn(&Pair) -> f64| u.iter().map(value).sum::<f64>() / u.len() as f64;
    let table: Vec<[f64; 2]> =
        units.iter().map(|u| [of_unit(u, |p| p.measured), of_unit(u, |p| p.truth)]).collect();
    Some(Agreement {
        n_pairs: pairs.len(),
        n_units: units.len(),
        bias,
        bias_interval: bias_interval(&means, bias, confidence),
        sd: limits.map(|(_, sd)| sd),
        limits: limits.map(|(limits, _)| limits),
        mae: mean(&absolute)?,
        max_absolute: absolute.iter().copied().fold(0.0, f64::max),
        icc: icc_2_1(&table, confidence),
        ccc: concordance(pairs),
        spread_with_size: spearman(
            &absolute,
            &pairs.iter().map(|p| f64::midpoint(p.measured, p.truth)).collect::<Vec<_>>(),
        ),
    })
}

/// The pairs of each unit.
fn by_unit(pairs: &[Pair]) -> Vec<Vec<Pair>> {
    let mut units: std::collections::BTreeMap<usize, Vec<Pair>> = std::collections::BTreeMap::new();
    for pair in pairs {
        units.entry(pair.unit).or_default().push(*pair);
    }
    units.into_values().collect()
}

fn bias_interval(means: &[f64], bias: f64, confidence: f64) -> Option<Interval> {
    let n = means.len();
    let error = (variance(means)? / n as f64).sqrt();
    let t = StudentsT::new(0.0, 1.0, (n - 1) as f64).ok()?.inverse_cdf(1.0 - (1.0 - confidence) / 2.0);
    Some(Interval { low: bias - t * error, high: bias + t * error })
}

/// The limits and the standard deviation of a difference.
fn limits(units: &[Vec<Pair>], means: &[f64], bias: f64, confidence: f64) -> Option<(Limits, f64)> {
    let (n, all) = (units.len() as f64, units.iter().map(Vec::len).sum::<usize>() as f64);
    let of_means = variance(means)?;
    let squares: f64 = units
        .iter()
        .zip(means)
        .map(|(u, m)| u.iter().map(|p| (p.measured - p.truth - m).powi(2)).sum::<f64>())
        .sum();
    let within = (all > n).then(|| squares / (all - n));
    // Harmonic mean of the numbers of pairs: how much of the spread within the means have lost.
    let harmonic = n / units.iter().map(|u| 1.0 / u.len() as f64).sum::<f64>();
    let added = within.map_or(0.0, |w| (1.0 - 1.0 / harmonic) * w);
    let total = of_means + added;
    let (z, tail) = (normal()?.inverse_cdf(0.5 + COVERED / 2.0), (1.0 - confidence) / 2.0);
    let (z_confidence, sd) = (normal()?.inverse_cdf(1.0 - tail), total.sqrt());

    // Intervals of the two variances, recovered and joined (Zou's MOVER).
    let below = |variance: f64, freedom: f64, p: f64| {
        let chi = ChiSquared::new(freedom).ok()?.inverse_cdf(p);
        Some((variance * (1.0 - freedom / chi)).powi(2))
    };
    let part = |p: f64| -> Option<f64> {
        let within = if within.is_some() { below(added, all - n, p)? } else { 0.0 };
        Some((below(of_means, n - 1.0, p)? + within).sqrt())
    };
    let least = (total - part(1.0 - tail)?).max(0.0).sqrt();
    let most = (total + part(tail)?).sqrt();
    let of_bias = (z_confidence * z_confidence) * of_means / n;
    let outward = (of_bias + (z * (most - sd)).powi(2)).sqrt();
    let inward = (of_bias + (z * (sd - least)).powi(2)).sqrt();
    let (low, high) = (bias - z * sd, bias + z * sd);
    let limits = Limits {
        low,
        high,
        low_interval: Interval { low: low - outward, high: low + inward },
        high_interval: Interval { low: high - inward, high: high + outward },
        between_variance: of_means - within.unwrap_or(0.0) / harmonic,
        within_variance: within,
    };
    Some((limits, sd))
}

fn concordance(pairs: &[Pair]) -> Option<f64> {
    let n = pairs.len() as f64;
    let (mx, my) = pairs.iter().fold((0.0, 0.0), |s, p| (s.0 + p.measured / n, s.1 + p.truth / n));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for p in pairs {
        let (x, y) = (p.measured - mx, p.truth - my);
        xx += x * x / n;
        yy += y * y / n;
        xy += x * y / n;
    }
    let ccc = 2.0 * xy / (xx + yy + (mx - my).powi(2));
    (pairs.len() > 1 && ccc.is_finite()).then_some(ccc)
}

/// Ranks from 1, equal values sharing the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let value = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
    order.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
    let mut ranks = vec![0.0; values.len()];
    let mut done = 0;
    for group in order.chunk_by(|&a, &b| value(a) == value(b)) {
        let shared = done as f64 + (group.len() + 1) as f64 / 2.0;
        for &i in group {
            if let Some(rank) = ranks.get_mut(i) {
                *rank = shared;
            }
        }
        done += group.len();
    }
    ranks
}

fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let (ma, mb) = (mean(&a)?, mean(&b)?);
    let sum = |f: &dyn Fn(f64, f64) -> f64| a.iter().zip(&b).map(|(x, y)| f(x - ma, y - mb)).sum::<f64>();
    let r = sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt();
    (a.len() > 2 && r.is_finite()).then_some(r)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    fn pairs(differences: &[&[f64]]) -> Vec<Pair> {
        let units = differences.iter().enumerate();
        units
            .flat_map(|(unit, d)| d.iter().map(move |d| Pair { unit, measured: 100.0 + d, truth: 100.0 }))
            .collect()
    }

    #[test]
    fn one_pair_each_gives_the_limits_of_1986() {
        // Differences 1 to 5: mean 3, SD √2.5.
        let a = agreement(&pairs(&[&[1.0], &[2.0], &[3.0], &[4.0], &[5.0]]), 0.95).unwrap();
        let limits = a.limits.unwrap();
        assert!((a.bias - 3.0).abs() < 1e-12 && (a.sd.unwrap() - 2.5_f64.sqrt()).abs() < 1e-12);
        assert!((limits.high - (3.0 + 1.959_964 * 2.5_f64.sqrt())).abs() < 1e-5);
        assert!((limits.high - 3.0 - (3.0 - limits.low)).abs() < 1e-12);
        assert_eq!(limits.within_variance, None);
        // t of 4 degrees, 97.5 %: 2.7764; standard error √0.5.
        let i = a.bias_interval.unwrap();
        assert!((i.high - (3.0 + 2.776_445 * 0.5_f64.sqrt())).abs() < 1e-5, "{i:?}");
        assert_eq!((a.mae, a.max_absolute), (3.0, 5.0));
    }

    #[test]
    fn many_frames_of_a_patient_do_not_narrow_the_limits() {
        // Two patients that differ by 10, each with the same tiny scatter: the limits must span both however many frames.
        let few = agreement(&pairs(&[&[-5.1, -4.9], &[4.9, 5.1]]), 0.95).unwrap();
        let many = agreement(&pairs(&[&[-5.1, -4.9].repeat(50), &[4.9, 5.1].repeat(50)]), 0.95).unwrap();
        assert_eq!((few.n_units, many.n_units, many.n_pairs), (2, 2, 200));
        assert!((few.sd.unwrap() - many.sd.unwrap()).abs() < 0.01);
        assert!(few.sd.unwrap() > 7.0);
    }

    #[test]
    fn the_intervals_of_the_limits_hold_them_as_often_as_they_promise() {
        let mut generator = ChaCha8Rng::seed_from_u64(5);
        let mut normal = || {
            let mut unit = || (f64::from(generator.next_u32()) + 0.5) / 4_294_967_296.0;
            (-2.0 * unit().ln()).sqrt() * (std::f64::consts::TAU * unit()).cos()
        };
        // Between-patient SD 1, within 0.5, 15 patients with 2 to 6 pairs; the true upper limit is 1.96 √1.25.
        let truth = 1.959_964 * 1.25_f64.sqrt();
        let studies = 1000;
        let mut held = 0;
        for _ in 0..studies {
            let mut all = Vec::new();
            for unit in 0..15 {
                let center = normal();
                all.extend((0..2 + unit % 5).map(|_| Pair {
                    unit,
                    measured: center + 0.5 * normal(),
                    truth: 0.0,
                }));
            }
            let i = agreement(&all, 0.95).unwrap().limits.unwrap().high_interval;
            held += u32::from((i.low..=i.high).contains(&truth));
        }
        assert!((925..=975).contains(&held), "{held} of {studies}");
    }

    #[test]
    fn what_is_not_a_number_is_no_agreement() {
        assert_eq!(agreement(&[], 0.95), None);
        assert_eq!(agreement(&pairs(&[&[f64::NAN]]), 0.95), None);
        let one = agreement(&pairs(&[&[1.0]]), 0.95).unwrap();
        assert_eq!((one.limits, one.bias_interval, one.icc), (None, None, None));
    }

    #[test]
    fn equal_ranks_are_shared() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        assert_eq!(spearman(&[1.0, 2.0, 3.0, 4.0], &[10.0, 20.0, 30.0, 99.0]), Some(1.0));
    }
}

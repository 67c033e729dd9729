//! Measured values as a line of true ones, where both have errors: Deming, and Passing & Bablok.
//!
//! Pairs are the patients' means, so that a patient with many frames counts once.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::bootstrap::normal;
use super::{Interval, variance};

/// A line `measured = intercept + slope · true`. A slope of 1 and an intercept of 0 are perfect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Slope.
    pub slope: f64,
    /// Its interval.
    pub slope_interval: Option<Interval>,
    /// Measured where true is 0.
    pub intercept: f64,
    /// Its interval.
    pub intercept_interval: Option<Interval>,
    /// Pairs.
    pub n: usize,
}

/// Fewest pairs that a line is told of.
const LEAST: usize = 3;
/// More pairs than these have too many slopes between them.
const MOST: usize = 3000;

/// Deming's line with errors alike on both sides (Deming 1943; Cornbleet & Gochman 1979), with intervals by the jackknife
/// (Linnet 1990, doi:10.1002/sim.4780091210). `None` for fewer than three pairs and where nothing varies.
pub fn deming(pairs: &[(f64, f64)], confidence: f64) -> Option<Line> {
    let n = pairs.len();
    let (slope, intercept) = deming_fit(pairs).filter(|_| n >= LEAST)?;
    let without: Option<Vec<(f64, f64)>> = (0..n)
        .map(|left_out| {
            let rest: Vec<(f64, f64)> =
                pairs.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, p)| *p).collect();
            deming_fit(&rest)
        })
        .collect();
    let t = StudentsT::new(0.0, 1.0, (n.saturating_sub(2)).max(1) as f64).ok()?;
    let reach = t.inverse_cdf(1.0 - (1.0 - confidence) / 2.0);
    let interval = |value: f64, pick: fn(&(f64, f64)) -> f64| {
        let without = without.as_ref()?;
        let count = n as f64;
        let pseudo: Vec<f64> = without.iter().map(|w| count * value - (count - 1.0) * pick(w)).collect();
        // About the estimate itself, as R's mcr and CLSI EP09 have it, not about the mean of the pseudovalues.
        let error = (variance(&pseudo)? / count).sqrt();
        Some(Interval { low: value - reach * error, high: value + reach * error })
    };
    Some(Line {
        slope,
        slope_interval: interval(slope, |w| w.0),
        intercept,
        intercept_interval: interval(intercept, |w| w.1),
        n,
    })
}

/// Slope and intercept; pairs are (true, measured).
fn deming_fit(pairs: &[(f64, f64)]) -> Option<(f64, f64)> {
    if pairs.len() < LEAST - 1 || pairs.iter().any(|p| !p.0.is_finite() || !p.1.is_finite()) {
        return None;
    }
    let n = pairs.len() as f64;
    let (mx, my) = pairs.iter().fold((0.0, 0.0), |m, p| (m.0 + p.0 / n, m.1 + p.1 / n));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for p in pairs {
        xx += (p.0 - mx).powi(2);
        xy += (p.0 - mx) * (p.1 - my);
        yy += (p.1 - my).powi(2);
    }
    let slope = (yy - xx + ((yy - xx).powi(2) + 4.0 * xy * xy).sqrt()) / (2.0 * xy);
    (slope.is_finite() && xx > 0.0).then_some((slope, my - slope * mx))
}

/// The line of Passing & Bablok (1983, doi:10.1515/cclm.1983.21.11.709): the median slope between all pairs, moved by the
/// number of those below −1. A few wild pairs do not move it. `None` for fewer than three pairs, or more than 3000.
pub fn passing_bablok(pairs: &[(f64, f64)], confidence: f64) -> Option<Line> {
    let n = pairs.len();
    if !(LEAST..=MOST).contains(&n) || pairs.iter().any(|p| !p.0.is_finite() || !p.1.is_finite()) {
        return None;
    }
    let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
    for (i, a) in pairs.iter().enumerate() {
        for b in pairs.iter().skip(i + 1) {
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let slope = match (dx == 0.0, dy == 0.0) {
                // Equal pairs have no slope.
                (true, true) => continue,
                (true, false) => f64::INFINITY.copysign(dy),
                _ => dy / dx,
            };
            // A slope of −1 says neither.
            if slope != -1.0 {
                slopes.push(slope);
            }
        }
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let below = slopes.partition_point(|s| *s < -1.0);
    let count = slopes.len();
    let at = |i: usize| slopes.get(i).copied().filter(|s| s.is_finite());
    // The middle of those that are left of the order, counted from the offset.
    let slope = if count % 2 == 1 {
        at((count - 1) / 2 + below)?
    } else {
        f64::midpoint(at((count / 2 + below).checked_sub(1)?)?, at(count / 2 + below)?)
    };
    let offsets = |slope: f64| {
        let mut offsets: Vec<f64> = pairs.iter().map(|p| p.1 - slope * p.0).collect();
        vesalius_measure::series::stats::median(&mut offsets)
    };
    let intercept = offsets(slope)?;
    let z = normal()?.inverse_cdf(1.0 - (1.0 - confidence) / 2.0);
    let (n_f, count_f) = (n as f64, count as f64);
    let spread = z * (n_f * (n_f - 1.0) * (2.0 * n_f + 5.0) / 18.0).sqrt();
    let first = ((count_f - spread) / 2.0).round();
    let interval = (first >= 1.0).then(|| {
        let first = first as usize;
        let last = count + 1 - first;
        Some(Interval {
            low: at((first + below).checked_sub(1)?)?,
            high: at((last + below).checked_sub(1)?)?,
        })
    });
    let slope_interval = interval.flatten();
    let intercept_interval =
        slope_interval.and_then(|i| Some(Interval { low: offsets(i.high)?, high: offsets(i.low)? }));
    Some(Line { slope, slope_interval, intercept, intercept_interval, n })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    /// Normal numbers by Box and Muller.
    fn noise(generator: &mut ChaCha8Rng) -> f64 {
        let mut unit = || (f64::from(generator.next_u32()) + 0.5) / 4_294_967_296.0;
        (-2.0 * unit().ln()).sqrt() * (std::f64::consts::TAU * unit()).cos()
    }

    fn study(seed: u64, n: usize, slope: f64, offset: f64, sd: f64) -> Vec<(f64, f64)> {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        (0..n)
            .map(|i| {
                let truth = 100.0 + 200.0 * i as f64 / n as f64;
                (truth + sd * noise(&mut generator), offset + slope * truth + sd * noise(&mut generator))
            })
            .collect()
    }

    #[test]
    fn a_line_without_errors_is_that_line() {
        let pairs: Vec<(f64, f64)> = (1..20).map(|i| (f64::from(i), 3.0 + 1.5 * f64::from(i))).collect();
        for line in [deming(&pairs, 0.95).unwrap(), passing_bablok(&pairs, 0.95).unwrap()] {
            assert!((line.slope - 1.5).abs() < 1e-9 && (line.intercept - 3.0).abs() < 1e-9, "{line:?}");
            let i = line.slope_interval.unwrap();
            assert!((i.low - 1.5).abs() < 1e-6 && (i.high - 1.5).abs() < 1e-6);
        }
    }

    #[test]
    fn errors_on_both_sides_do_not_flatten_it() {
        // Ordinary least squares would give 0.85 here: errors of 35 against a spread of 58 (√12 of 200) and some.
        let pairs = study(3, 4000, 1.0, 0.0, 25.0);
        let d = deming(&pairs[..2000], 0.95).unwrap();
        assert!((d.slope - 1.0).abs() < 0.05, "{d:?}");
        let p = passing_bablok(&pairs[..800], 0.95).unwrap();
        assert!((p.slope - 1.0).abs() < 0.08, "{p:?}");
    }

    #[test]
    fn intervals_hold_the_slope_about_as_often_as_they_promise() {
        let (mut held, studies) = ([0, 0], 300);
        for seed in 0..studies {
            let pairs = study(seed, 40, 1.1, -4.0, 6.0);
            for (held, line) in held.iter_mut().zip([deming(&pairs, 0.95), passing_bablok(&pairs, 0.95)]) {
                let i = line.unwrap().slope_interval.unwrap();
                *held += u32::from((i.low..=i.high).contains(&1.1));
            }
        }
        // 285 of 300 are promised; four standard deviations are 15.
        assert!(held.iter().all(|h| (270..=300).contains(h)), "{held:?}");
    }

    #[test]
    fn a_wild_pair_moves_the_one_and_not_the_other() {
        let mut pairs = study(9, 60, 1.0, 0.0, 0.5);
        pairs[59].1 += 400.0;
        assert!((passing_bablok(&pairs, 0.95).unwrap().slope - 1.0).abs() < 0.02);
        assert!((deming(&pairs, 0.95).unwrap().slope - 1.0).abs() > 0.1);
    }

    #[test]
    fn where_nothing_varies_there_is_no_line() {
        assert_eq!(deming(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)], 0.95), None);
        assert_eq!(deming(&[(1.0, 1.0), (2.0, 2.0)], 0.95), None);
        assert_eq!(passing_bablok(&[(1.0, 1.0), (2.0, 2.0)], 0.95), None);
        assert_eq!(passing_bablok(&[(1.0, f64::NAN), (2.0, 2.0), (3.0, 3.0)], 0.95), None);
        assert_eq!(passing_bablok(&[(1.0, 1.0), (1.0, 1.0), (1.0, 1.0)], 0.95), None);
    }
}

//! Decisions by a threshold: does the measured value fall on the true one's side of it.

use std::borrow::Cow;

use serde::Serialize;

use super::Interval;
use super::agreement::Pair;
use super::bootstrap::Bootstrap;
use crate::aggregate::{Share, share};

/// A side of a threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// Name of the value.
    #[serde(skip)]
    pub value: Cow<'static, str>,
    /// The limit, in the value's unit.
    pub limit: f64,
    /// Whether values below it are the ones that are looked for; else those above.
    pub is_below: bool,
}

const fn usual(value: &'static str, limit: f64, is_below: bool) -> Threshold {
    Threshold { value: Cow::Borrowed(value), limit, is_below }
}

/// Thresholds at which people decide: a value on one side is "yes". Of an ejection fraction and of the like in per cent, of a
/// collapsibility as a part.
pub static USUAL: [Threshold; 5] = [
    usual("ejection_fraction", 40.0, true),
    usual("ejection_fraction", 50.0, true),
    usual("fractional_area_change", 35.0, true),
    usual("taller_than_wide_ratio", 1.0, false),
    usual("collapsibility", 0.5, false),
];

/// Agreement of decisions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// The threshold.
    #[serde(flatten)]
    pub threshold: Threshold,
    /// Both yes, true alone, measured alone, neither.
    pub counts: [u64; 4],
    /// Part of what is truly yes that was measured so.
    pub sensitivity: Share,
    /// Part of what is truly no that was measured so.
    pub specificity: Share,
    /// Agreement beyond chance (Cohen 1960, doi:10.1177/001316446002000104); `None` where all fall on one side.
    pub kappa: Option<f64>,
    /// Its interval, by patients.
    pub kappa_interval: Option<Interval>,
}

impl Threshold {
    fn yes(&self, value: f64) -> bool {
        if self.is_below { value < self.limit } else { value > self.limit }
    }
}

/// Cohen's kappa of both, true alone, measured alone, neither.
fn kappa([both, truth, measured, neither]: [f64; 4]) -> Option<f64> {
    let n = both + truth + measured + neither;
    let observed = (both + neither) / n;
    let chance = ((both + truth) * (both + measured) + (neither + measured) * (neither + truth)) / (n * n);
    let kappa = (observed - chance) / (1.0 - chance);
    kappa.is_finite().then_some(kappa)
}

/// How decisions agree; `None` without pairs.
pub fn decision(pairs: &[Pair], threshold: Threshold, bootstrap: &Bootstrap) -> Option<Decision> {
    if pairs.is_empty() {
        return None;
    }
    let mut units: std::collections::BTreeMap<usize, [f64; 4]> = std::collections::BTreeMap::new();
    let (mut there, mut not_there) = (Vec::new(), Vec::new());
    for p in pairs {
        let (truth, measured) = (threshold.yes(p.truth), threshold.yes(p.measured));
        let cell = match (truth, measured) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        if let Some(n) = units.entry(p.unit).or_default().get_mut(cell) {
            *n += 1.0;
        }
        if truth { there.push((p.unit, measured)) } else { not_there.push((p.unit, !measured)) }
    }
    let units: Vec<[f64; 4]> = units.into_values().collect();
    let sum = |drawn: &[usize]| {
        let mut sum = [0.0; 4];
        for unit in drawn.iter().filter_map(|&i| units.get(i)) {
            sum.iter_mut().zip(unit).for_each(|(s, n)| *s += n);
        }
        sum
    };
    let counts = sum(&(0..units.len()).collect::<Vec<_>>());
    Some(Decision {
        threshold,
        counts: counts.map(|n| n as u64),
        sensitivity: share(&there, bootstrap),
        specificity: share(&not_there, bootstrap),
        kappa: kappa(counts),
        kappa_interval: bootstrap.interval(units.len(), |drawn| kappa(sum(drawn))).ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kappa_is_that_of_the_textbook() {
        // Altman, Practical Statistics for Medical Research (1991), by hand: 0.7 observed, 0.5 by chance.
        assert!((kappa([20.0, 10.0, 5.0, 15.0]).unwrap() - 0.4).abs() < 1e-12);
        assert!((kappa([25.0, 0.0, 0.0, 25.0]).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(kappa([25.0, 0.0, 0.0, 0.0]), None);
    }

    #[test]
    fn sides_are_counted() {
        let pair = |unit, measured, truth| Pair { unit, measured, truth };
        let pairs = [
            pair(0, 35.0, 38.0),
            pair(1, 42.0, 39.0),
            pair(2, 39.0, 41.0),
            pair(3, 60.0, 62.0),
            pair(4, 30.0, 25.0),
            pair(5, 55.0, 50.0),
        ];
        let d = decision(&pairs, USUAL[0].clone(), &Bootstrap::default()).unwrap();
        assert_eq!(d.counts, [2, 1, 1, 2]);
        assert_eq!((d.sensitivity.value, d.specificity.value), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
        assert!((d.kappa.unwrap() - 1.0 / 3.0).abs() < 1e-12 && d.kappa_interval.is_some());
        assert!(decision(&[], USUAL[0].clone(), &Bootstrap::default()).is_none());
    }
}

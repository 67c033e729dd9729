//! Equivalence: not "no difference was found" but "the difference is smaller than one that matters".

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{Interval, mean, variance};

/// Two one-sided t tests of a mean difference against ± a bound (Schuirmann 1987, doi:10.1007/BF01068419).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Equivalence {
    /// Mean of the differences.
    pub difference: f64,
    /// The bound, in the unit of the differences.
    pub bound: f64,
    /// The larger of the two p values: below 0.05, the difference is within the bound.
    pub p: f64,
    /// The 90 % interval of the difference, which lies within the bound just when p is below 0.05.
    pub interval_90: Interval,
    /// Units.
    pub n: usize,
}

/// Tests differences, one a patient or video, for lying within ± `bound`. `None` for fewer than two, for what is not finite,
/// and for a bound that is none. Without any spread the answer is 0 or 1.
pub fn equivalence(differences: &[f64], bound: f64) -> Option<Equivalence> {
    if !(bound.is_finite() && bound > 0.0) || differences.iter().any(|d| !d.is_finite()) {
        return None;
    }
    let (difference, n) = (mean(differences)?, differences.len());
    let error = (variance(differences)? / n as f64).sqrt();
    let t = StudentsT::new(0.0, 1.0, (n - 1) as f64).ok()?;
    // With an error of zero the quotient is ± infinity, as it should be, and NaN just at the bound.
    let tail = |distance: f64| {
        if error > 0.0 { t.sf(distance / error) } else { f64::from(u8::from(distance <= 0.0)) }
    };
    let p = tail(difference + bound).max(tail(bound - difference));
    let reach = t.inverse_cdf(0.95) * error;
    let interval_90 = Interval { low: difference - reach, high: difference + reach };
    Some(Equivalence { difference, bound, p, interval_90, n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_the_bound_just_when_the_interval_is() {
        let differences = [0.1, -0.2, 0.3, 0.0, 0.15, -0.05, 0.2];
        for bound in [0.05, 0.1, 0.15, 0.18, 0.19, 0.2, 0.25, 0.4] {
            let e = equivalence(&differences, bound).unwrap();
            let inside = e.interval_90.low > -bound && e.interval_90.high < bound;
            assert_eq!(e.p < 0.05, inside, "{e:?}");
        }
    }

    #[test]
    fn without_spread_it_is_so_or_not() {
        assert_eq!(equivalence(&[0.1; 4], 0.2).unwrap().p, 0.0);
        assert_eq!(equivalence(&[0.3; 4], 0.2).unwrap().p, 1.0);
        assert_eq!(equivalence(&[0.3], 0.2), None);
        assert_eq!(equivalence(&[0.3, f64::NAN], 0.2), None);
    }
}

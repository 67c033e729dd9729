//! Gestational age from head circumference: Hadlock, Deter, Harrist & Park, "Estimating fetal age:
//! computer-assisted analysis of multiple fetal growth parameters", Radiology 1984;152:497–501
//! (doi:10.1148/radiology.152.2.6739822).
//!
//! This is the equation that gives an *age for a size*. Growth tables that give a size for an age are another
//! statistic: inverting one differs by more than a week in the third trimester.

use crate::units::{Cm, Mm, Weeks};

/// Ages that the equation was made from.
pub const VALID_WEEKS: std::ops::RangeInclusive<f64> = 14.0..=42.0;

/// Two standard deviations of the age about the equation, by the age it gives (upper limit in weeks, ± weeks).
///
/// The paper's variability of ages from head circumference. For the last band makers of scanners quote ±2.70 or
/// ±3.20; the larger is taken.
const TWO_SD_WEEKS: [(f64, f64); 5] =
    [(18.0, 1.19), (24.0, 1.48), (30.0, 2.06), (36.0, 2.98), (f64::INFINITY, 3.20)];

/// Age for a head circumference: 8.96 + 0.540·HC + 0.0003·HC³, with HC in centimetres.
pub fn age_from_head_circumference(hc: Mm) -> Weeks {
    let hc = Cm::from(hc).get();
    Weeks(8.96 + 0.540 * hc + 0.0003 * hc.powi(3))
}

/// How much the age changes with the head circumference, in weeks a millimetre.
pub fn weeks_per_mm(hc: Mm) -> f64 {
    let hc = Cm::from(hc).get();
    (0.540 + 0.0009 * hc * hc) / 10.0
}

/// One standard deviation of the true age about the equation at an age.
pub fn standard_deviation(age: Weeks) -> Weeks {
    let two_sd =
        TWO_SD_WEEKS.iter().find(|(limit, _)| age.get() < *limit).map_or(3.20, |(_, two_sd)| *two_sd);
    Weeks(two_sd / 2.0)
}

/// Completed weeks and days: the days are rounded first, so that 6.6 days never become seven.
pub fn weeks_and_days(age: Weeks) -> (u32, u32) {
    // An age is a few dozen weeks; what is not saturates.
    let days = (age.get() * 7.0).round().clamp(0.0, 7.0e6) as u32;
    (days / 7, days % 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_vectors() {
        // Hand-checked against several independent implementations of the published equation.
        for (hc_cm, weeks) in [(12.4, 16.23), (17.7, 20.18), (24.6, 26.71), (30.1, 33.40), (34.6, 40.07)] {
            let age = age_from_head_circumference(Mm(hc_cm * 10.0)).get();
            assert!((age - weeks).abs() < 0.005 + 1e-9, "HC {hc_cm} cm: {age} for {weeks}");
        }
    }

    #[test]
    fn the_slope_is_the_derivative() {
        for hc in [100.0, 200.0, 300.0] {
            let rise = age_from_head_circumference(Mm(hc + 0.5)).get()
                - age_from_head_circumference(Mm(hc - 0.5)).get();
            assert!((rise - weeks_per_mm(Mm(hc))).abs() < 1e-5);
        }
        // At a head circumference of 30 cm one millimetre is about a day.
        assert!((7.0 * weeks_per_mm(Mm(300.0)) - 0.945).abs() < 1e-3);
    }

    #[test]
    fn days_never_reach_seven() {
        assert_eq!(weeks_and_days(Weeks(27.94)), (28, 0));
        assert_eq!(weeks_and_days(Weeks(33.40)), (33, 3));
        assert_eq!(weeks_and_days(Weeks(f64::NAN)), (0, 0));
    }

    #[test]
    fn spread_grows_with_age() {
        assert_eq!(standard_deviation(Weeks(16.0)), Weeks(0.595));
        assert_eq!(standard_deviation(Weeks(18.0)), Weeks(0.74));
        assert_eq!(standard_deviation(Weeks(40.0)), Weeks(1.6));
    }
}

//! Values as people read them: with their unit, and with no digit that the uncertainty does not support.

use std::borrow::Cow;

use vesalius_measure::result::{Measurement, Validity};
use vesalius_measure::units::Unit;

/// A measurement cut into the parts that a list lines up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) label: Cow<'static, str>,
    /// The number, or "--" where there is none.
    pub(crate) value: String,
    /// "± 1.2 mm", "mm", or nothing.
    pub(crate) rest: String,
}

/// The short name of a value, as scanners write it; names without one get spaces for underscores.
pub fn short_label(name: &str) -> Cow<'_, str> {
    Cow::Borrowed(match name {
        "head_circumference" => "HC",
        "bpd" => "BPD",
        "ofd" => "OFD",
        "cephalic_index" => "CI",
        "gestational_age" => "GA",
        "ejection_fraction" => "EF",
        "end_diastolic_volume" | "edv" => "EDV",
        "end_systolic_volume" | "esv" => "ESV",
        "stroke_volume" => "SV",
        "cardiac_output" => "CO",
        "fractional_area_change" => "FAC",
        "heart_rate" => "HR",
        "intima_media_thickness" => "IMT",
        "optic_nerve_sheath_diameter" => "ONSD",
        "area" => "A",
        "perimeter" => "P",
        other => return Cow::Owned(other.replace('_', " ")),
    })
}

/// A measurement on one line: "HC 251.3 ± 1.2 mm", "GA 27w2d ± 2.2 wk", "GA -- (no calibration)".
///
/// The ± is the measurement's standard uncertainty (k = 1). It keeps two figures where they begin with 10 to 35
/// and else one, and the value ends at the same place (Particle Data Group, *Review of Particle Physics*,
/// introduction, 5.3 "Rounding"); at most two decimals below 10 and one from there on. A gestational age is
/// written in completed weeks and days. What keeps a value from being valid follows in brackets.
pub fn format_measurement(measurement: &Measurement) -> String {
    let Parts { label, value, rest } = parts(measurement);
    let mut text = format!("{label} {value}");
    if !rest.is_empty() {
        text.push(' ');
        text.push_str(&rest);
    }
    if let Some(reason) = measurement.reason.filter(|_| measurement.validity != Validity::Valid) {
        text.push_str(&format!(" ({})", reason.display()));
    }
    text
}

pub(crate) fn parts(measurement: &Measurement) -> Parts {
    let label = short_label(measurement.name);
    let value = measurement.value.filter(|v| v.is_finite() && measurement.validity != Validity::Invalid);
    let Some(value) = value else {
        return Parts { label, value: "--".to_owned(), rest: String::new() };
    };
    let unit = measurement.unit;
    let uncertainty = measurement.uncertainty.filter(|u| u.is_finite() && *u > 0.0);
    let decimals = uncertainty
        .map_or_else(|| usual_decimals(unit, value), |u| supported_decimals(u).min(most_decimals(value)));
    let in_weeks = unit == Unit::Week && measurement.name == "gestational_age";
    let text = if in_weeks { weeks_and_days(value) } else { fixed(value, decimals) };
    let rest = match (uncertainty, in_weeks) {
        // Never "± 0": what the last place cannot show is shown as one of it.
        (Some(u), _) => {
            let least = power_of_ten(-decimals);
            format!("± {} {}", fixed(u.max(least), decimals), unit.display())
        }
        (None, true) => String::new(),
        (None, false) => unit.display().to_owned(),
    };
    Parts { label, value: text, rest }
}

/// Days = round(7·weeks), so that 6.6 days is the next week and never "7 d".
fn weeks_and_days(weeks: f64) -> String {
    let days = (weeks * 7.0).round() as i64;
    format!("{}w{}d", days.div_euclid(7), days.rem_euclid(7))
}

/// Decimals without an uncertainty: what scanners show.
fn usual_decimals(unit: Unit, value: f64) -> i32 {
    match unit {
        Unit::Mm2 | Unit::Px2 if value.abs() >= 100.0 => 0,
        _ => 1,
    }
}

fn most_decimals(value: f64) -> i32 {
    if value.abs() < 10.0 { 2 } else { 1 }
}

/// Decimals that an uncertainty supports; negative where it rounds to tens, hundreds and so on.
fn supported_decimals(uncertainty: f64) -> i32 {
    let (mut figures, mut exponent) = (uncertainty, 0);
    // Three figures before the point: at most 640 steps from any finite number.
    while figures >= 1000.0 {
        (figures, exponent) = (figures / 10.0, exponent + 1);
    }
    while figures < 100.0 {
        (figures, exponent) = (figures * 10.0, exponent - 1);
    }
    let kept_exponent = if figures < 354.5 { exponent + 1 } else { exponent + 2 };
    -kept_exponent
}

fn power_of_ten(exponent: i32) -> f64 {
    let power = (0..exponent.unsigned_abs().min(300)).fold(1.0, |p, _| p * 10.0);
    if exponent < 0 { 1.0 / power } else { power }
}

/// A number with so many decimals; rounded to tens and so on where they are negative.
fn fixed(value: f64, decimals: i32) -> String {
    // Adding zero turns "-0" into "0".
    if decimals <= 0 {
        let step = power_of_ten(-decimals);
        format!("{:.0}", (value / step).round() * step + 0.0)
    } else {
        let text = format!("{:.*}", decimals.unsigned_abs() as usize, value);
        let is_zero = text.trim_start_matches('-').bytes().all(|b| b == b'0' || b == b'.');
        if is_zero { text.trim_start_matches('-').to_owned() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_measure::result::Reason;

    fn measurement(
        name: &'static str,
        value: Option<f64>,
        unit: Unit,
        uncertainty: Option<f64>,
    ) -> Measurement {
        let validity = if value.is_some() { Validity::Valid } else { Validity::Invalid };
        Measurement {
            structure: "head".into(),
            name,
            value,
            unit,
            uncertainty,
            validity,
            reason: None,
            method: "test",
            calibration_id: None,
        }
    }

    #[test]
    fn digits_follow_the_uncertainty() {
        use Unit::{Mm, Mm2, Percent, Px};
        for (value, unit, uncertainty, wanted) in [
            (251.34, Mm, Some(1.24), "HC 251.3 ± 1.2 mm"),
            (251.34, Mm, Some(3.54), "HC 251.3 ± 3.5 mm"),
            (251.34, Mm, Some(3.56), "HC 251 ± 4 mm"),
            (251.34, Mm, Some(0.96), "HC 251.3 ± 1.0 mm"),
            (251.34, Mm, Some(0.034), "HC 251.3 ± 0.1 mm"),
            (251.34, Mm, Some(12.0), "HC 251 ± 12 mm"),
            (251.34, Mm, Some(41.0), "HC 250 ± 40 mm"),
            (98_765.0, Mm2, Some(1500.0), "HC 98800 ± 1500 mm²"),
            (0.6172, Mm, Some(0.031), "HC 0.62 ± 0.03 mm"),
            (-0.001, Mm, Some(0.2), "HC 0.00 ± 0.20 mm"),
            (251.34, Mm, None, "HC 251.3 mm"),
            (820.55, Px, None, "HC 820.5 px"),
            (5468.2, Mm2, None, "HC 5468 mm²"),
            (78.84, Percent, Some(0.92), "HC 78.8 ± 0.9 %"),
            (78.84, Percent, Some(f64::NAN), "HC 78.8 %"),
            (78.84, Percent, Some(0.0), "HC 78.8 %"),
        ] {
            let m = measurement("head_circumference", Some(value), unit, uncertainty);
            assert_eq!(format_measurement(&m), wanted, "{value} ± {uncertainty:?}");
        }
    }

    #[test]
    fn gestational_age_is_in_weeks_and_days() {
        for (weeks, uncertainty, wanted) in [
            (27.29, Some(2.2), "GA 27w2d ± 2.2 wk"),
            (27.0 + 6.6 / 7.0, None, "GA 28w0d"),
            (26.99, Some(1.0), "GA 27w0d ± 1.0 wk"),
        ] {
            let m = measurement("gestational_age", Some(weeks), Unit::Week, uncertainty);
            assert_eq!(format_measurement(&m), wanted);
        }
    }

    #[test]
    fn missing_is_not_zero_and_reasons_are_said() {
        let mut m = measurement("gestational_age", None, Unit::Week, None);
        m.reason = Some(Reason::NoCalibration);
        assert_eq!(format_measurement(&m), "GA -- (no calibration)");
        let mut m = measurement("max_feret", Some(12.34), Unit::Mm, Some(0.1));
        (m.validity, m.reason) = (Validity::Limited, Some(Reason::Truncated));
        assert_eq!(format_measurement(&m), "max feret 12.3 ± 0.1 mm (cut by the edge)");
        assert_eq!(format_measurement(&measurement("bpd", Some(f64::NAN), Unit::Mm, None)), "BPD --");
    }

    #[test]
    fn no_number_makes_it_hang_or_panic() {
        let numbers = [0.0, -1.0, 1e-320, 1e-300, 1e300, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY];
        for (value, uncertainty) in numbers.iter().flat_map(|v| numbers.map(|u| (*v, u))) {
            for (name, unit) in [("gestational_age", Unit::Week), ("area", Unit::Mm2)] {
                let text = format_measurement(&measurement(name, Some(value), unit, Some(uncertainty)));
                assert!(text.len() < 700);
            }
        }
    }
}

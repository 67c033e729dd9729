//! By how much a value differs when nothing has changed: what published studies of observers found.

use serde::Serialize;

use crate::score::settings::Limit;

/// How far two measurements of an unchanged structure lie apart, 95 % of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Error {
    /// Of one careful observer, or of several with one procedure; `None` where no study is known.
    pub repeated: Option<Limit>,
    /// Of different observers in routine.
    pub between: Limit,
    /// The studies.
    pub source: &'static str,
    /// What should be known before anything is made of a change.
    pub caution: Option<&'static str>,
}

const fn error(repeated: Option<Limit>, between: Limit, source: &'static str) -> Error {
    Error { repeated, between, source, caution: None }
}

use Limit::{Absolute, Percent};

/// Protocol (or the beginning of its name), value, and the error. Absolute limits are in the value's unit. Of a standard
/// deviation s between readers 1.96·s is taken, of a standard error of measurement or a coefficient of variation √2 times that.
const KNOWN: [(&str, &str, Error); 20] = [
    (
        "fetal-head",
        "head_circumference",
        error(Some(Percent(3.0)), Percent(4.9), "Sarris et al. 2012: limits within and between observers"),
    ),
    (
        "fetal-head",
        "bpd",
        error(None, Percent(5.0), "Sarris et al. 2012: limits between observers below 5 %"),
    ),
    (
        "fetal-head",
        "ofd",
        error(None, Percent(8.0), "Sarris et al. 2012: head measures over planes, below 8 %"),
    ),
    (
        "nodule",
        "max_diameter",
        error(
            Some(Percent(7.3)),
            Percent(19.6),
            "Choi et al. 2015 (doi:10.3348/kjr.2015.16.3.560), two experts, one procedure; Lee et al. 2018, between observers",
        ),
    ),
    ("nodule", "ap_diameter", error(None, Percent(21.0), "Lee et al. 2018, between observers")),
    ("nodule", "ap_diameter_median", error(None, Percent(21.0), "Lee et al. 2018, between observers")),
    ("nodule", "transverse_diameter", error(None, Percent(18.2), "Lee et al. 2018, between observers")),
    (
        "nodule",
        "transverse_diameter_median",
        error(None, Percent(18.2), "Lee et al. 2018, between observers"),
    ),
    ("nodule", "longitudinal_diameter", error(None, Percent(22.3), "Lee et al. 2018, between observers")),
    (
        "nodule",
        "longitudinal_diameter_median",
        error(None, Percent(22.3), "Lee et al. 2018, between observers"),
    ),
    (
        "nodule",
        "volume",
        error(
            Some(Percent(13.1)),
            Percent(49.0),
            "Choi et al. 2015, two experts, one procedure; Brauer et al. 2005 (doi:10.1089/thy.2005.15.1169): below 49 % not interpretable",
        ),
    ),
    ("bladder", "volume", error(None, Percent(25.0), "formulas of the volume: 20 to 25 %")),
    (
        "lv-function",
        "ejection_fraction",
        error(
            None,
            Absolute(10.0),
            "Thavendiranathan et al. 2013 (doi:10.1016/j.jacc.2012.09.035): two-dimensional, stable patients",
        ),
    ),
    ("lv-function", "edv", error(None, Percent(19.4), "core laboratories: coefficient of variation of 7 %")),
    ("vessel", "lumen_diameter", error(None, Absolute(0.53), "between readers: SD of 0.27 mm (PMC5567409)")),
    ("ivc", "diameter_max", error(None, Absolute(9.1), "standard error of measurement 3.3 mm (PMC5599119)")),
    ("ivc", "diameter_min", error(None, Absolute(13.3), "standard error of measurement 4.8 mm (PMC5599119)")),
    (
        "intima-media",
        "intima_media_thickness",
        Error {
            repeated: None,
            between: Absolute(0.12),
            source: "between readers: SD of 0.06 mm (PMC5567409)",
            caution: Some(
                "the Mannheim consensus advises against following single persons by intima–media thickness",
            ),
        },
    ),
    (
        "optic-nerve-sheath",
        "optic_nerve_sheath_diameter_mean",
        error(None, Absolute(0.31), "between observers: SD of 0.16 mm"),
    ),
    (
        "muscle-thickness",
        "muscle_thickness",
        error(
            Some(Absolute(2.0)),
            Absolute(4.3),
            "Takahashi et al. 2021 (doi:10.1186/s13089-021-00224-8): least detectable change within and between raters",
        ),
    ),
];

/// The error of a protocol's value; `None` where no study of it is known here.
pub fn known(protocol: &str, value: &str) -> Option<Error> {
    let fits =
        |known: &str| protocol == known || protocol.strip_prefix(known).is_some_and(|r| r.starts_with('-'));
    KNOWN.iter().find(|(p, name, _)| fits(p) && *name == value).map(|(.., error)| *error)
}

/// What a limit is of a value, in its unit.
pub fn in_unit(limit: Limit, value: f64) -> f64 {
    match limit {
        Limit::Absolute(limit) => limit,
        Limit::Percent(limit) => value.abs() * limit / 100.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_known_by_its_protocol_too() {
        assert_eq!(known("nodule-thyroid", "volume").unwrap().between, Percent(49.0));
        assert_eq!(known("bladder", "volume").unwrap().between, Percent(25.0));
        assert_eq!(known("lv-function", "volume"), None);
        assert_eq!(known("nodules", "volume"), None);
        assert_eq!(known("fetal-head", "head_circumference").unwrap().repeated, Some(Percent(3.0)));
    }

    #[test]
    fn what_one_observer_differs_by_is_no_more_than_what_several_do() {
        for (protocol, name, error) in KNOWN {
            if let Some(repeated) = error.repeated {
                assert!(in_unit(repeated, 100.0) <= in_unit(error.between, 100.0), "{protocol} {name}");
            }
        }
    }
}

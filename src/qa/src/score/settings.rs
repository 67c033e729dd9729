//! How a run is scored.

use serde::Serialize;
use vesalius_measure::mask::LabelMask;

use super::error::ScoreError;
use crate::stats::bootstrap::Bootstrap;
use crate::stats::decision::Threshold;

/// How far boundaries may lie apart and still agree.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tolerance {
    /// Where millimetres are known; `None`: pixel rows there too.
    pub mm: Option<f64>,
    /// Where they are not.
    pub px: f64,
}

/// The largest difference of a value that would not matter to whoever uses it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// In the value's unit.
    Absolute(f64),
    /// Per cent of the true value.
    Percent(f64),
}

impl Limit {
    /// Whether a difference lies within.
    pub fn holds(&self, measured: f64, truth: f64) -> bool {
        let difference = (measured - truth).abs();
        match self {
            Self::Absolute(limit) => difference <= *limit,
            Self::Percent(limit) => difference <= truth.abs() * limit / 100.0,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absolute(limit) => write!(f, "{limit}"),
            Self::Percent(limit) => write!(f, "{limit} %"),
        }
    }
}

/// Tolerances by words in a structure's name: what observers differ by.
const TOLERANCES: [(&[&str], Tolerance); 5] = [
    (&["tool", "instrument"], Tolerance { mm: None, px: 5.0 }),
    (&["head", "skull"], Tolerance { mm: Some(1.5), px: 5.0 }),
    (&["ventricle", "lv", "endo", "cavity", "atrium"], Tolerance { mm: Some(2.0), px: 5.0 }),
    (&["nodule", "lesion", "cyst", "mass"], Tolerance { mm: Some(1.0), px: 5.0 }),
    (&["vessel", "lumen", "wall", "artery", "vein"], Tolerance { mm: Some(0.3), px: 5.0 }),
];
/// For what none of them names.
const OTHER: Tolerance = Tolerance { mm: Some(1.0), px: 5.0 };
/// Words in the names of structures of which there may be several.
const OBJECTS: [&str; 3] = ["polyp", "tool", "instrument"];
/// Limits by name of the value: the accuracy that a user should ask for.
const LIMITS: [(&str, Limit); 12] = [
    ("head_circumference", Limit::Percent(3.0)),
    ("area", Limit::Percent(5.0)),
    ("bpd", Limit::Percent(7.0)),
    ("ofd", Limit::Percent(7.0)),
    ("edv", Limit::Percent(10.0)),
    ("esv", Limit::Percent(15.0)),
    ("ejection_fraction", Limit::Absolute(10.0)),
    ("fractional_area_change", Limit::Absolute(8.0)),
    ("lumen_diameter", Limit::Absolute(0.25)),
    ("volume", Limit::Percent(20.0)),
    ("onsd", Limit::Absolute(0.3)),
    ("withdrawal_time", Limit::Absolute(15.0)),
];

/// How a run is scored.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Settings {
    /// True class and the engine's that it is, 0 for background.
    pub classes: Vec<(u8, u8)>,
    /// Tolerances by name of the structure, where the usual ones do not suit.
    pub tolerances: Vec<(String, Tolerance)>,
    /// Structures of which there may be several, besides the usual ones.
    pub objects: Vec<String>,
    /// Limits by name of the value, where the usual ones do not suit.
    pub limits: Vec<(String, Limit)>,
    /// Thresholds of values at which something is decided, besides the usual ones.
    pub thresholds: Vec<Threshold>,
    /// How intervals are made.
    pub bootstrap: Bootstrap,
    /// Column of the table of truth to take the results apart by.
    pub by: Option<String>,
    /// Frames a second of the sequences that the stills are from: each is then looked at over time like a clip, at the times
    /// that the truth's frame numbers give.
    pub frame_rate_hz: Option<f64>,
}

/// Splits `NAME=VALUE`.
fn assignment<'a>(text: &'a str, example: &str) -> Result<(&'a str, &'a str), ScoreError> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok((name.trim(), value.trim()))
        }
        _ => Err(ScoreError::Setting(format!("'{text}' is not understood: write it like {example}"))),
    }
}

fn positive(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|v| v.is_finite() && *v > 0.0)
}

impl Settings {
    /// Takes `TRUTH=RUN`, class numbers.
    ///
    /// # Errors
    ///
    /// [`ScoreError::Setting`].
    pub fn class(&mut self, text: &str) -> Result<(), ScoreError> {
        let (truth, run) = assignment(text, "255=1")?;
        let number = |t: &str| {
            t.parse()
                .map_err(|_| ScoreError::Setting(format!("'{text}': '{t}' is no class number, 0 to 255")))
        };
        self.classes.push((number(truth)?, number(run)?));
        Ok(())
    }

    /// Takes `STRUCTURE=1.5mm` or `STRUCTURE=5px`.
    ///
    /// # Errors
    ///
    /// [`ScoreError::Setting`].
    pub fn tolerance(&mut self, text: &str) -> Result<(), ScoreError> {
        let (name, value) = assignment(text, "head=1.5mm or tool=5px")?;
        let usual = usual_tolerance(name);
        let tolerance = if let Some(mm) = value.strip_suffix("mm").and_then(positive) {
            Tolerance { mm: Some(mm), px: usual.px }
        } else if let Some(px) = value.strip_suffix("px").and_then(positive) {
            Tolerance { mm: None, px }
        } else {
            return Err(ScoreError::Setting(format!(
                "'{value}' is no tolerance: write it like 1.5mm or 5px"
            )));
        };
        self.tolerances.push((name.to_owned(), tolerance));
        Ok(())
    }

    /// Takes `VALUE=5` or `VALUE=3%`.
    ///
    /// # Errors
    ///
    /// [`ScoreError::Setting`].
    pub fn limit(&mut self, text: &str) -> Result<(), ScoreError> {
        let (name, value) = assignment(text, "head_circumference=3% or bpd=2")?;
        let limit = match value.strip_suffix('%') {
            Some(percent) => positive(percent).map(Limit::Percent),
            None => positive(value).map(Limit::Absolute),
        };
        let limit =
            limit.ok_or_else(|| ScoreError::Setting(format!("'{value}' is no limit: write 5 or 3%")))?;
        self.limits.push((name.to_owned(), limit));
        Ok(())
    }

    /// Takes `VALUE<40` or `VALUE>10`: what lies on that side is looked for.
    ///
    /// # Errors
    ///
    /// [`ScoreError::Setting`].
    pub fn threshold(&mut self, text: &str) -> Result<(), ScoreError> {
        let parts = text.split_once('<').map(|p| (p, true)).or_else(|| Some((text.split_once('>')?, false)));
        let read = parts.and_then(|((name, limit), is_below)| {
            let limit = limit.trim().parse::<f64>().ok().filter(|v| v.is_finite())?;
            let name = name.trim();
            (!name.is_empty()).then(|| Threshold { value: name.to_owned().into(), limit, is_below })
        });
        let wrong = || {
            ScoreError::Setting(format!(
                "'{text}' is no threshold: write it like ejection_fraction<40 or max_diameter>10"
            ))
        };
        self.thresholds.push(read.ok_or_else(wrong)?);
        Ok(())
    }

    /// Turns the truth's class numbers into the engine's.
    pub fn rename(&self, mask: &mut LabelMask) {
        if self.classes.is_empty() {
            return;
        }
        let map = self.class_map();
        for label in &mut mask.labels {
            *label = map.get(usize::from(*label)).copied().unwrap_or(0);
        }
    }

    /// What each class number of the truth is with the engine.
    pub(super) fn class_map(&self) -> [u8; 256] {
        let mut map: [u8; 256] = std::array::from_fn(|i| i as u8);
        for &(truth, run) in &self.classes {
            if let Some(entry) = map.get_mut(usize::from(truth)) {
                *entry = run;
            }
        }
        map
    }

    /// The tolerance of a structure.
    pub fn tolerance_of(&self, structure: &str) -> Tolerance {
        let given = self.tolerances.iter().rev().find(|(name, _)| name == structure);
        given.map_or_else(|| usual_tolerance(structure), |(_, tolerance)| *tolerance)
    }

    /// Whether there may be several of a structure.
    pub fn is_objects(&self, structure: &str) -> bool {
        self.objects.iter().any(|name| name == structure) || words(structure).any(|w| OBJECTS.contains(&w))
    }

    /// The limit of a value, where there is one.
    pub fn limit_of(&self, value: &str) -> Option<Limit> {
        let given = self.limits.iter().rev().find(|(name, _)| name == value).map(|(_, limit)| *limit);
        given.or_else(|| LIMITS.iter().find(|(name, _)| *name == value).map(|(_, limit)| *limit))
    }
}

/// The words of a name, without the plural's s.
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split('_').map(|w| w.strip_suffix('s').unwrap_or(w))
}

fn usual_tolerance(structure: &str) -> Tolerance {
    let named = |known: &[&str]| words(structure).any(|w| known.contains(&w));
    TOLERANCES.iter().find(|(known, _)| named(known)).map_or(OTHER, |(_, tolerance)| *tolerance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_goes_before_what_is_usual() {
        let mut s = Settings::default();
        assert_eq!(s.tolerance_of("head").mm, Some(1.5));
        assert_eq!(s.tolerance_of("surgical_tools"), Tolerance { mm: None, px: 5.0 });
        assert!(s.is_objects("polyps") && !s.is_objects("head"));
        s.tolerance("head=0.7mm").unwrap();
        s.tolerance("vocal_folds=3px").unwrap();
        assert_eq!(s.tolerance_of("head").mm, Some(0.7));
        assert_eq!(s.tolerance_of("vocal_folds"), Tolerance { mm: None, px: 3.0 });
        s.limit("head_circumference=5").unwrap();
        assert_eq!(s.limit_of("head_circumference"), Some(Limit::Absolute(5.0)));
        assert_eq!(s.limit_of("unheard_of"), None);
        s.class("255=1").unwrap();
        s.threshold("max_diameter > 10").unwrap();
        assert_eq!((s.thresholds[0].value.as_ref(), s.thresholds[0].limit), ("max_diameter", 10.0));
        assert_eq!(s.classes, [(255, 1)]);
    }

    #[test]
    fn every_fault_is_one_line() {
        let mut s = Settings::default();
        let faults = [
            s.tolerance("head").unwrap_err(),
            s.tolerance("head=3").unwrap_err(),
            s.tolerance("head=-1mm").unwrap_err(),
            s.limit("bpd=NaN").unwrap_err(),
            s.limit("=3").unwrap_err(),
            s.class("a=1").unwrap_err(),
            s.class("256=1").unwrap_err(),
            s.threshold("bpd").unwrap_err(),
            s.threshold("bpd<wide").unwrap_err(),
            s.threshold(">3").unwrap_err(),
        ];
        for fault in faults {
            assert!(!fault.to_string().contains('\n') && fault.to_string().len() > 15, "{fault}");
        }
    }

    #[test]
    fn a_limit_in_per_cent_is_of_the_truth() {
        assert!(Limit::Percent(5.0).holds(105.0, 100.0) && !Limit::Percent(5.0).holds(105.1, 100.0));
        assert!(Limit::Absolute(2.0).holds(-1.0, 1.0) && !Limit::Absolute(2.0).holds(-1.1, 1.0));
    }
}

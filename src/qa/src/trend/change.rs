//! Whether a value has changed, or only been measured again.

use serde::Serialize;

use super::limits::{Error, in_unit};

/// A value as it stands at one date.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// Number; `None` where there is none to rely on.
    pub value: Option<f64>,
    /// Standard uncertainty, where one is known.
    pub uncertainty: Option<f64>,
    /// Frames that it is the median of; `None` of a value over time.
    pub n_frames: Option<usize>,
    /// Why there is no number, or what reservation there is, as a code.
    pub reason: Option<String>,
}

/// What became of a value between two dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It differs by more than measurements of an unchanged structure do.
    RealChange,
    /// It differs by no more than careful measurements of an unchanged structure do.
    NoChange,
    /// It cannot be told.
    CannotTell,
}

impl Verdict {
    /// For people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::RealChange => "real change",
            Self::NoChange => "no change",
            Self::CannotTell => "can't tell",
        }
    }
}

/// The change of a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Later less earlier, in the unit; `None` where one of them is missing.
    pub difference: Option<f64>,
    /// In per cent of the earlier; `None` as before, of 0, and of what is itself in per cent or an angle.
    pub percent: Option<f64>,
    /// Up to this, in the unit, nothing has changed.
    pub same_within: Option<f64>,
    /// Beyond this, in the unit, something has.
    pub real_beyond: Option<f64>,
    /// What follows.
    pub verdict: Verdict,
    /// Why it cannot be told; empty where it can.
    pub why: String,
}

/// Part of the differences of an unchanged structure that the limits hold: 95 %.
const TWO_SIDED: f64 = 1.96;

/// Judges a change. Between what careful and what routine measurements of an unchanged structure differ by, it cannot be told;
/// neither limit is ever less than the measurements' own uncertainty. `obstacle` says why the two cannot be held against each
/// other at all.
pub fn judge(
    earlier: &Standing,
    later: &Standing,
    error: Option<&Error>,
    has_percent: bool,
    obstacle: Option<String>,
) -> Change {
    let mut change = Change {
        difference: None,
        percent: None,
        same_within: None,
        real_beyond: None,
        verdict: Verdict::CannotTell,
        why: String::new(),
    };
    let (Some(a), Some(b)) = (earlier.value, later.value) else {
        let lacking = if earlier.value.is_none() { earlier } else { later };
        change.why = format!("no value: {}", lacking.reason.as_deref().unwrap_or("not measured"));
        return change;
    };
    if let Some(obstacle) = obstacle {
        change.why = obstacle;
        return change;
    }
    let difference = b - a;
    change.difference = Some(difference);
    change.percent = (has_percent && a != 0.0).then(|| 100.0 * difference / a.abs());
    let Some(error) = error else {
        change.why = "how far it differs without a change is not known; say it with --limit".to_owned();
        return change;
    };
    let own = TWO_SIDED * earlier.uncertainty.unwrap_or(0.0).hypot(later.uncertainty.unwrap_or(0.0));
    let real = in_unit(error.between, a).max(own);
    let same = error.repeated.map_or(0.0, |limit| in_unit(limit, a)).max(own);
    (change.same_within, change.real_beyond) = (Some(same), Some(real));
    if let Some(reason) = earlier.reason.as_ref().or(later.reason.as_ref()) {
        change.why = format!("a value with a reservation: {reason}");
    } else if difference.abs() > real {
        change.verdict = Verdict::RealChange;
    } else if difference.abs() <= same {
        change.verdict = Verdict::NoChange;
    } else {
        change.why = "more than careful measurements differ by, and no more than those of routine".to_owned();
    }
    change
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::settings::Limit;

    fn standing(value: f64, uncertainty: f64) -> Standing {
        Standing { value: Some(value), uncertainty: Some(uncertainty), n_frames: Some(9), reason: None }
    }

    const ERROR: Error = Error {
        repeated: Some(Limit::Percent(7.0)),
        between: Limit::Percent(20.0),
        source: "",
        caution: None,
    };

    #[test]
    fn three_answers_by_two_limits() {
        let judged = |b: f64| judge(&standing(10.0, 0.1), &standing(b, 0.1), Some(&ERROR), true, None);
        assert_eq!(judged(10.5).verdict, Verdict::NoChange);
        assert_eq!(judged(11.5).verdict, Verdict::CannotTell);
        assert_eq!(judged(12.5).verdict, Verdict::RealChange);
        assert_eq!(judged(7.5).verdict, Verdict::RealChange);
        let change = judged(12.5);
        assert_eq!((change.percent, change.real_beyond), (Some(25.0), Some(2.0)));
        assert!(change.why.is_empty() && judged(11.5).why.contains("careful"));
    }

    #[test]
    fn no_limit_is_less_than_the_measurements_own_uncertainty() {
        // 1.96·√2·1 = 2.77: above both limits.
        let change = judge(&standing(10.0, 1.0), &standing(12.5, 1.0), Some(&ERROR), true, None);
        assert_eq!(change.verdict, Verdict::NoChange);
        assert!((change.real_beyond.unwrap() - 2.772).abs() < 1e-3);
    }

    #[test]
    fn what_is_missing_reserved_or_unknown_cannot_be_told() {
        let none =
            Standing { value: None, uncertainty: None, n_frames: None, reason: Some("NOT_FOUND".into()) };
        let change = judge(&standing(1.0, 0.0), &none, Some(&ERROR), true, None);
        assert_eq!((change.verdict, change.why.as_str()), (Verdict::CannotTell, "no value: NOT_FOUND"));
        let limited = Standing { reason: Some("TRUNCATED".into()), ..standing(20.0, 0.0) };
        let change = judge(&standing(10.0, 0.0), &limited, Some(&ERROR), true, None);
        assert_eq!(change.verdict, Verdict::CannotTell);
        assert_eq!((change.difference, change.why.contains("TRUNCATED")), (Some(10.0), true));
        assert!(judge(&standing(1.0, 0.0), &standing(2.0, 0.0), None, true, None).why.contains("--limit"));
        let stopped =
            judge(&standing(1.0, 0.0), &standing(2.0, 0.0), None, true, Some("engines differ".into()));
        assert_eq!((stopped.difference, stopped.why.as_str()), (None, "engines differ"));
    }
}

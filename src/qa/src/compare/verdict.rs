//! Each gate, met or not.

use serde::Serialize;

use super::gates::Gates;
use super::report::{Report, Spread, StructureReport};
use super::value_report::ValueReport;
use crate::score::Settings;
use crate::score::settings::Limit;

/// What became of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is met.
    Met,
    /// It is not.
    Missed,
    /// What there is does not say: too few, or no measure for it.
    Undecided,
    /// There was nothing to look at.
    NotLookedAt,
}

/// What became of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// No gate is missed or undecided, and some are met.
    Parity,
    /// A gate is missed.
    Missed,
    /// None is missed, and some are undecided.
    Undecided,
}

impl Outcome {
    /// Of all gates.
    pub fn of(verdicts: &[Verdict]) -> Self {
        let any = |status| verdicts.iter().any(|v| v.status == status);
        match (any(Status::Missed), any(Status::Undecided) || !any(Status::Met)) {
            (true, _) => Self::Missed,
            (false, true) => Self::Undecided,
            (false, false) => Self::Parity,
        }
    }
}

/// Which way a gate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The figure is to be the limit or more.
    AtLeast,
    /// The figure is to be the limit or less.
    AtMost,
    /// The figure is to be more than the limit.
    Above,
    /// The figure is to be less than the limit.
    Below,
}

/// One gate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Structure or value; `frames` for the runs as a whole.
    pub subject: String,
    /// What is looked at.
    pub gate: &'static str,
    /// The figure.
    pub figure: Option<f64>,
    /// Which way it is to be.
    pub bound: Bound,
    /// The limit.
    pub limit: f64,
    /// Unit of both.
    pub unit: String,
    /// What became of it.
    pub status: Status,
    /// What should be known of it.
    pub note: Option<String>,
}

impl Verdict {
    fn new(
        subject: &str,
        gate: &'static str,
        figure: Option<f64>,
        bound: Bound,
        limit: f64,
        unit: &str,
    ) -> Self {
        let holds = |figure: f64| match bound {
            Bound::AtLeast => figure >= limit,
            Bound::AtMost => figure <= limit,
            Bound::Above => figure > limit,
            Bound::Below => figure < limit,
        };
        let status = match figure {
            Some(figure) if holds(figure) => Status::Met,
            Some(_) => Status::Missed,
            None => Status::Undecided,
        };
        let (subject, unit) = (subject.to_owned(), unit.to_owned());
        Self { subject, gate, figure, bound, limit, unit, status, note: None }
    }

    fn because(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    fn not_looked_at(mut self, note: &str) -> Self {
        self.status = Status::NotLookedAt;
        self.because(note)
    }
}

/// Judges every gate.
pub fn judge(report: &Report, settings: &Settings) -> Vec<Verdict> {
    let gates = &report.gates.gates;
    let mut out = Vec::new();
    if let Some(limit) = gates.frames.in_one_only_percent {
        let figure = report.coverage.in_one_only_percent();
        out.push(Verdict::new("frames", "in one run only", figure, Bound::AtMost, limit, "%"));
    }
    if let Some(limit) = gates.frames.differing_records_percent {
        let n = report.coverage.paired;
        let figure = (n > 0).then(|| 100.0 * (n - report.same_records) as f64 / n as f64);
        out.push(Verdict::new("frames", "records that differ", figure, Bound::AtMost, limit, "%"));
    }
    for structure in &report.structures {
        judge_structure(structure, gates, report.coverage.paired, &mut out);
    }
    for value in &report.values {
        judge_value(value, report, settings, &mut out);
    }
    judge_absent(report, gates, &mut out);
    judge_truth(report, gates, &mut out);
    out
}

/// Gates of values that neither run has, as those of a name that is not written as the value is.
fn judge_absent(report: &Report, gates: &Gates, out: &mut Vec<Verdict>) {
    for (name, own) in gates.value.iter().filter(|(name, _)| report.values.iter().all(|v| *v.name != ***name))
    {
        for (gate, limit) in [("bias", own.bias), ("limits of agreement", own.loa)] {
            let Some(limit) = limit else { continue };
            let verdict = Verdict::new(name, gate, None, Bound::AtMost, limit, "");
            out.push(verdict.because("neither run has a value of this name"));
        }
    }
}

/// Frames that must all be alike before a share of `percent` can be excluded at 95 %: the rule of three.
fn frames_to_show(percent: f64) -> f64 {
    (300.0 / percent).ceil()
}

/// Says of no flips in too few frames how little that is.
fn with_count(verdict: Verdict, n: usize) -> Verdict {
    let needed = frames_to_show(verdict.limit);
    let few = verdict.figure == Some(0.0) && verdict.limit > 0.0 && (n as f64) < needed;
    if few { verdict.because(format!("of {n}; to show it takes {needed}")) } else { verdict }
}

fn judge_structure(s: &StructureReport, gates: &Gates, n: usize, out: &mut Vec<Verdict>) {
    let name = s.structure.name.as_str();
    if let Some(limit) = gates.masks.presence_flips_percent {
        let verdict =
            Verdict::new(name, "in one run only", Some(s.flips_percent), Bound::AtMost, limit, "% of frames");
        out.push(with_count(verdict, n));
    }
    let of_masks = [
        ("Dice, median", gates.masks.dice_median),
        ("Dice, 1st percentile", gates.masks.dice_p1),
        ("Dice, worst", gates.masks.dice_worst),
    ];
    for (gate, limit) in of_masks {
        let Some(limit) = limit else { continue };
        let dice = s.masks.as_ref().and_then(|m| m.dice);
        let figure = dice.map(|d| match gate {
            "Dice, median" => d.median,
            "Dice, worst" => d.worst,
            _ => d.worst_hundredth,
        });
        let verdict = Verdict::new(name, gate, figure, Bound::AtLeast, limit, "");
        out.push(match (dice, &s.masks) {
            (Some(d), _) if gate == "Dice, 1st percentile" && d.n_frames < 100 => {
                verdict.because(format!("of {} frames: hardly better than the worst", d.n_frames))
            }
            (Some(_), _) => verdict,
            (None, Some(_)) => verdict.not_looked_at("neither run has it in any frame"),
            (None, None) => verdict.not_looked_at("masks were not looked at"),
        });
    }
    if let Some(limit) = gates.masks.differing_percent {
        let figure = s.masks.as_ref().map(|m| m.differing_percent);
        let verdict = Verdict::new(name, "masks that differ", figure, Bound::AtMost, limit, "% of frames");
        out.push(if figure.is_some() { verdict } else { verdict.not_looked_at("masks were not looked at") });
    }
}

/// In which unit a value is judged, and what by.
struct Measure<'a> {
    spread: Option<&'a Spread>,
    unit: &'a str,
    bias: Option<f64>,
    loa: Option<f64>,
}

fn judge_value(v: &ValueReport, report: &Report, settings: &Settings, out: &mut Vec<Verdict>) {
    let gates = &report.gates.gates;
    let own = gates.value.get(&*v.name);
    if own.is_some_and(|own| own.ignore) {
        return;
    }
    let label = v.label();
    if let Some(limit) = gates.values.flips_percent {
        let n = v.both + v.reference_only + v.candidate_only + v.neither;
        let of = if v.over_time { "% of clips" } else { "% of frames" };
        let verdict = Verdict::new(&label, "in one run only", v.flips_percent(), Bound::AtMost, limit, of);
        out.push(with_count(verdict, n));
    }
    let percent = Measure {
        spread: v.percent.as_ref(),
        unit: "%",
        bias: gates.values.bias_percent,
        loa: gates.values.loa_percent,
    };
    let measures: Vec<Measure<'_>> = match own {
        Some(own) => {
            let absolute =
                Measure { spread: v.difference.as_ref(), unit: &v.unit, bias: own.bias, loa: own.loa };
            // What the value's own gates leave open stays with those of all.
            let rest = Measure {
                bias: percent.bias.filter(|_| own.bias.is_none()),
                loa: percent.loa.filter(|_| own.loa.is_none()),
                ..percent
            };
            vec![absolute, rest]
        }
        None => vec![percent],
    };
    for measure in &measures {
        judge_spread(v, &label, measure, report, out);
    }
    if let (Some(part), None) = (gates.values.loa_part_of_limit, own.and_then(|o| o.loa))
        && let Some(limit) = settings.limit_of(&v.name)
    {
        let (spread, limit, unit) = match limit {
            Limit::Percent(p) => (v.percent.as_ref(), part * p, "%"),
            Limit::Absolute(a) => (v.difference.as_ref(), part * a, &*v.unit),
        };
        let gate = "limits of agreement, part of what observers differ by";
        let verdict = Verdict::new(&label, gate, spread.map(Spread::farthest), Bound::AtMost, limit, unit);
        out.push(explain(verdict, spread, v));
    }
}

fn judge_spread(v: &ValueReport, label: &str, m: &Measure<'_>, report: &Report, out: &mut Vec<Verdict>) {
    if let Some(limit) = m.bias {
        let figure = m.spread.map(|s| s.bias.abs());
        out.push(explain(Verdict::new(label, "bias", figure, Bound::AtMost, limit, m.unit), m.spread, v));
    }
    if let Some(limit) = m.loa {
        let figure = m.spread.map(Spread::farthest);
        let verdict = Verdict::new(label, "limits of agreement", figure, Bound::AtMost, limit, m.unit);
        out.push(explain(verdict, m.spread, v));
    }
    if report.gates.gates.values.equivalence == Some(true)
        && let Some(bound) = m.bias
    {
        let p = v.equivalence.map(|e| e.p);
        let verdict = Verdict::new(label, "equivalence, p", p, Bound::Below, 0.05, "");
        out.push(match (p, m.spread) {
            (Some(_), _) => verdict.because(format!("bias within ±{bound} {}", m.unit)),
            (None, Some(s)) => {
                let plural = if s.n_units == 1 { "" } else { "s" };
                verdict.because(format!("{} {}{plural}: too few to test", s.n_units, report.unit))
            }
            (None, None) => explain(verdict, m.spread, v),
        });
    }
}

/// Says why a value has no figure, or what the figure rests on.
fn explain(verdict: Verdict, spread: Option<&Spread>, v: &ValueReport) -> Verdict {
    match spread {
        Some(s) if s.limits.is_none() && verdict.gate.starts_with("limits") => {
            verdict.because("one pair: its difference")
        }
        Some(_) => verdict,
        None if v.both == 0 => verdict.not_looked_at("no frame has it in both runs"),
        None => match v.no_percent {
            Some(why) => verdict.because(format!("{why}: name [value.{}] in the gates' file", v.name)),
            None => verdict,
        },
    }
}

fn judge_truth(report: &Report, gates: &Gates, out: &mut Vec<Verdict>) {
    let Some(limit) = gates.truth.dice_change_low else { return };
    let gate = "change of the Dice with truth, lower end";
    let Some(truth) = &report.truth else {
        out.push(
            Verdict::new("masks", gate, None, Bound::Above, limit, "")
                .not_looked_at("no truth given (--truth)"),
        );
        return;
    };
    for d in truth.differences.iter().filter(|d| d.metric == "dice") {
        use crate::stats::bootstrap::NoInterval::NoSpread;
        // Where all patients change alike, and mostly not at all, the change is known as it is.
        let low = match (d.interval, d.no_interval) {
            (Some(i), _) => Some(i.low),
            (None, Some(NoSpread)) => Some(d.mean),
            (None, _) => None,
        };
        let verdict = Verdict::new(&d.structure, gate, low, Bound::Above, limit, "");
        out.push(if low.is_some() { verdict } else { verdict.because(format!("{} too few", d.n_patients)) });
    }
}

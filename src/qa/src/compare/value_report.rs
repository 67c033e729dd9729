//! One value of both runs summed up.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::masks::FrameDifference;
use super::report::{LEAST_UNITS, Parts, Spread, WORST};
use super::values::{ValueRow, ValueStudy};
use crate::aggregate::{Sample, patient_means};
use crate::stats::equivalence::{Equivalence, equivalence};

/// One value.
#[derive(Clone, Debug, Serialize)]
pub struct ValueReport {
    /// Structure; empty for the whole picture.
    pub structure: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// Unit, as UCUM code.
    pub unit: Arc<str>,
    /// Whether it is a value over time, as it stands at the end of each clip.
    pub over_time: bool,
    /// Frames (or clips) in which both have it.
    pub both: usize,
    /// Those in which the reference alone has it.
    pub reference_only: usize,
    /// Those in which the candidate alone has it.
    pub candidate_only: usize,
    /// Those in which neither has it.
    pub neither: usize,
    /// Of those in which both have it, the ones with the very same number.
    pub identical: usize,
    /// Where validity or reason differ: from what to what, and how often.
    pub changed_states: BTreeMap<String, usize>,
    /// Differences in its unit.
    pub difference: Option<Spread>,
    /// Differences in per cent of the reference.
    pub percent: Option<Spread>,
    /// Why there are none in per cent.
    pub no_percent: Option<&'static str>,
    /// Whether the mean difference is shown to be within the gate, in per cent or the gate's own unit.
    pub equivalence: Option<Equivalence>,
    /// The frames to look at first.
    pub worst: Vec<WorstValue>,
}

impl ValueReport {
    /// Frames in which one alone has it, per cent.
    pub fn flips_percent(&self) -> Option<f64> {
        let all = self.both + self.reference_only + self.candidate_only + self.neither;
        (all > 0).then(|| 100.0 * (self.reference_only + self.candidate_only) as f64 / all as f64)
    }

    /// What it is called: with its structure, and marked where it is over time.
    pub fn label(&self) -> String {
        let of = if self.structure.is_empty() { String::new() } else { format!("{} ", self.structure) };
        format!("{of}{}{}", self.name, if self.over_time { " over time" } else { "" })
    }
}

/// A value to look at.
#[derive(Clone, Debug, Serialize)]
pub struct WorstValue {
    /// File.
    pub input: String,
    /// Number in the reference.
    pub reference_frame: u64,
    /// Number in the candidate.
    pub candidate_frame: u64,
    /// In the reference.
    pub reference: f64,
    /// In the candidate.
    pub candidate: f64,
    /// Candidate less reference.
    pub difference: f64,
}

/// Sums a value up.
pub fn value_report(study: &ValueStudy, parts: &Parts<'_>) -> ValueReport {
    let confidence = parts.options.settings.bootstrap.confidence;
    let mut report = ValueReport {
        structure: study.structure.clone(),
        name: study.name.clone(),
        unit: study.unit.clone(),
        over_time: study.over_time,
        both: 0,
        reference_only: 0,
        candidate_only: 0,
        neither: 0,
        identical: 0,
        changed_states: BTreeMap::new(),
        difference: None,
        percent: None,
        no_percent: None,
        equivalence: None,
        worst: worst_values(study, parts.frames),
    };
    let (mut differences, mut percents) = (Vec::new(), Vec::new());
    for row in &study.rows {
        if row.reference_state != row.candidate_state {
            let change = format!("{} -> {}", row.reference_state, row.candidate_state);
            *report.changed_states.entry(change).or_default() += 1;
        }
        *match (row.reference, row.candidate) {
            (Some(_), Some(_)) => &mut report.both,
            (Some(_), None) => &mut report.reference_only,
            (None, Some(_)) => &mut report.candidate_only,
            (None, None) => &mut report.neither,
        } += 1;
        let Some((a, b)) = row.both() else { continue };
        let d = study.difference(a, b);
        report.identical += usize::from(a.to_bits() == b.to_bits());
        differences.push((row.unit, d));
        match (study.no_percent(), a == 0.0, d == 0.0) {
            (Some(why), ..) => report.no_percent = Some(why),
            (None, true, false) => report.no_percent = Some("a reference of 0 has no per cent"),
            (None, true, true) => percents.push((row.unit, 0.0)),
            (None, false, _) => percents.push((row.unit, 100.0 * d / a.abs())),
        }
    }
    report.difference = Spread::of(&differences, confidence);
    if report.no_percent.is_none() {
        report.percent = Spread::of(&percents, confidence);
    }
    let gates = &parts.gates.gates;
    let own = gates.value.get(&*study.name).and_then(|v| v.bias);
    let bound = own.or(gates.values.bias_percent);
    let tested = if own.is_some() { &differences } else { &percents };
    report.equivalence =
        bound.filter(|_| own.is_some() || report.no_percent.is_none()).and_then(|bound| test(tested, bound));
    report
}

/// Two one-sided tests over patients, clips or stills; `None` for too few.
fn test(differences: &[(usize, f64)], bound: f64) -> Option<Equivalence> {
    let samples: Vec<Sample> =
        differences.iter().map(|&(unit, d)| Sample { patient: unit, video: unit, value: Some(d) }).collect();
    let means: Vec<f64> = patient_means(&samples).into_values().collect();
    if means.len() < LEAST_UNITS { None } else { equivalence(&means, bound) }
}

fn worst_values(study: &ValueStudy, frames: &[FrameDifference]) -> Vec<WorstValue> {
    let size = |a: f64, b: f64| {
        let d = study.difference(a, b).abs();
        if study.no_percent().is_none() && a != 0.0 { d / a.abs() } else { d }
    };
    let mut rows: Vec<(&ValueRow, f64, f64)> = study
        .rows
        .iter()
        .filter_map(|row| row.both().map(|(a, b)| (row, a, b)))
        .filter(|&(_, a, b)| study.difference(a, b) != 0.0)
        .collect();
    rows.sort_by(|x, y| size(y.1, y.2).total_cmp(&size(x.1, x.2)));
    rows.into_iter()
        .take(WORST)
        .filter_map(|(row, reference, candidate)| {
            let frame = frames.get(row.frame)?;
            Some(WorstValue {
                input: frame.input.clone(),
                reference_frame: frame.reference_frame,
                candidate_frame: frame.candidate_frame,
                reference,
                candidate,
                difference: study.difference(reference, candidate),
            })
        })
        .collect()
}

//! Measured values beside the true ones.

use std::collections::BTreeMap;

use serde::Serialize;

use super::join::{Joined, clip_truth};
use super::run::{Frame, Run, RunValue};
use super::settings::{Limit, Settings};
use super::truth::{Column, Truth};
use crate::aggregate::{Share, share};
use crate::stats::Interval;
use crate::stats::agreement::{Agreement, Pair, agreement};
use crate::stats::bootstrap::Bootstrap;
use crate::stats::decision::{Decision, USUAL, decision};
use crate::stats::regression::{Line, deming, passing_bablok};

/// One value over a study.
#[derive(Clone, Debug, Serialize)]
pub struct ValueReport {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: &'static str,
    /// True values with a frame or clip of the run.
    pub n_true: usize,
    /// Of these, how many the run gave no value for, by why not.
    pub without_value: BTreeMap<String, usize>,
    /// How measured and true agree.
    pub agreement: Option<Agreement>,
    /// Measured as a line of true by Deming, over the patients' means.
    pub deming: Option<Line>,
    /// The same by Passing and Bablok.
    pub passing_bablok: Option<Line>,
    /// Decisions at usual thresholds of this value.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// Interval of the mean absolute difference, by patients.
    pub mae_interval: Option<Interval>,
    /// Largest difference that would not matter.
    pub limit: Option<Limit>,
    /// Part of the pairs within it.
    pub within_limit: Option<Share>,
}

/// A measured value beside the true one.
#[derive(Clone, Debug)]
pub struct ValuePair {
    /// Number of the run.
    pub run: usize,
    /// File that it is from.
    pub input: String,
    /// Number of the frame in the run; `None` where it is a value of a clip.
    pub frame: Option<u64>,
    /// Name.
    pub name: String,
    /// Unit, as UCUM code.
    pub unit: &'static str,
    /// Number of the patient or video.
    pub patient: usize,
    /// What was measured.
    pub measured: f64,
    /// What is true.
    pub truth: f64,
}

/// Compares every value that both the table of truth and the run have a name for. Values of the table that the run measures
/// nowhere come apart, by name; so do the pairs, value by value.
pub fn compare_values(
    joined: &Joined<'_>,
    runs: &[Run],
    truth: &Truth,
    settings: &Settings,
) -> (Vec<ValueReport>, Vec<ValuePair>, Vec<String>) {
    let (mut reports, mut pairs, mut unmeasured) = (Vec::new(), Vec::new(), Vec::new());
    for (i, column) in truth.columns.iter().enumerate() {
        let mut study = Study::default();
        for m in &joined.matches {
            if let Some(Some(value)) = m.truth.values.get(i) {
                study.add(column, &m.frame.values, *value, m.patient, (m.run_index, Some(m.frame)));
            }
        }
        for (number, run) in runs.iter().enumerate() {
            let row = clip_truth(run, truth);
            if let Some(Some(value)) = row.and_then(|row| row.values.get(i)) {
                // Patients of clips without masks are not among the frames': clips stand for themselves.
                let unit =
                    row.and_then(|r| r.patient).map_or(usize::MAX / 2 + number, |p| usize::MAX / 4 + p);
                study.add(column, &run.series, *value, unit, (number, None));
            }
        }
        if study.without.get(NOT_MEASURED) == Some(&study.n_true) {
            unmeasured.push(column.name.clone());
        } else if study.n_true > 0 {
            pairs.extend(study.named_pairs(column, runs));
            reports.push(study.report(column, settings));
        }
    }
    (reports, pairs, unmeasured)
}

/// Why there is no value: the run has none of this name in the frame.
const NOT_MEASURED: &str = "not measured";

/// Where a pair is from: the number of the run, and the frame unless it is of the whole clip.
type Place<'a> = (usize, Option<&'a Frame>);

#[derive(Default)]
struct Study<'a> {
    n_true: usize,
    without: BTreeMap<String, usize>,
    pairs: Vec<Pair>,
    places: Vec<Place<'a>>,
}

impl<'a> Study<'a> {
    fn add(&mut self, column: &Column, values: &[RunValue], truth: f64, unit: usize, place: Place<'a>) {
        self.n_true += 1;
        let named: Vec<&RunValue> = values.iter().filter(|v| *v.name == *column.name).collect();
        let in_unit = named.iter().find(|v| &*v.unit == column.unit);
        let why = match in_unit {
            Some(v) => match v.usable() {
                Some(measured) => {
                    self.pairs.push(Pair { unit, measured, truth });
                    self.places.push(place);
                    return;
                }
                None => "invalid".to_owned(),
            },
            None if named.is_empty() => NOT_MEASURED.to_owned(),
            None => "in another unit".to_owned(),
        };
        *self.without.entry(why).or_default() += 1;
    }

    fn named_pairs(&self, column: &Column, runs: &[Run]) -> Vec<ValuePair> {
        let mut units: BTreeMap<usize, usize> = BTreeMap::new();
        let named = self.pairs.iter().zip(&self.places).map(|(pair, &(run, frame))| {
            let next = units.len();
            let input = |frame: Option<&Frame>| match frame {
                Some(frame) => frame.input.clone(),
                None => runs.get(run).map(|run| run.input.clone()).unwrap_or_default(),
            };
            ValuePair {
                run,
                input: input(frame),
                frame: frame.map(|frame| frame.number),
                name: column.name.clone(),
                unit: column.unit,
                patient: *units.entry(pair.unit).or_insert(next),
                measured: pair.measured,
                truth: pair.truth,
            }
        });
        named.collect()
    }

    fn report(self, column: &Column, settings: &Settings) -> ValueReport {
        let limit = settings.limit_of(&column.name);
        let bootstrap = &settings.bootstrap;
        let yes = |limit: Limit| -> Vec<(usize, bool)> {
            self.pairs.iter().map(|p| (p.unit, limit.holds(p.measured, p.truth))).collect()
        };
        let means = unit_means(&self.pairs);
        let usual = USUAL.iter().chain(&settings.thresholds).filter(|t| t.value == column.name);
        ValueReport {
            name: column.name.clone(),
            unit: column.unit,
            n_true: self.n_true,
            agreement: agreement(&self.pairs, bootstrap.confidence),
            deming: deming(&means, bootstrap.confidence),
            passing_bablok: passing_bablok(&means, bootstrap.confidence),
            decisions: usual.filter_map(|t| decision(&self.pairs, t.clone(), bootstrap)).collect(),
            mae_interval: mae_interval(&self.pairs, bootstrap),
            limit,
            within_limit: limit.filter(|_| !self.pairs.is_empty()).map(|limit| share(&yes(limit), bootstrap)),
            without_value: self.without,
        }
    }
}

/// Each patient's means, true and measured.
fn unit_means(pairs: &[Pair]) -> Vec<(f64, f64)> {
    let mut units: BTreeMap<usize, (f64, f64, f64)> = BTreeMap::new();
    for p in pairs {
        let sums = units.entry(p.unit).or_default();
        *sums = (sums.0 + p.truth, sums.1 + p.measured, sums.2 + 1.0);
    }
    units.into_values().map(|(truth, measured, n)| (truth / n, measured / n)).collect()
}

fn mae_interval(pairs: &[Pair], bootstrap: &Bootstrap) -> Option<Interval> {
    let mut units: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for p in pairs {
        let sums = units.entry(p.unit).or_default();
        sums.0 += (p.measured - p.truth).abs();
        sums.1 += 1.0;
    }
    let sums: Vec<(f64, f64)> = units.into_values().collect();
    let mean = |drawn: &[usize]| {
        let (d, n) =
            drawn.iter().filter_map(|&i| sums.get(i)).fold((0.0, 0.0), |s, v| (s.0 + v.0, s.1 + v.1));
        (n > 0.0).then(|| d / n)
    };
    bootstrap.interval(sums.len(), mean).ok()
}

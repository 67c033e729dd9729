//! `summary.json`: a run on one page.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Serialize;
use vesalius_measure::result::{FrameResult, Measurement, ResultStatus, Validity};
use vesalius_measure::units::Unit;

use crate::record::RunRecord;

/// A run on one page.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// What the run is, as in the first line of `results.jsonl`.
    pub run: RunRecord,
    /// `complete`, `interrupted` or `failed`.
    pub state: &'static str,
    /// What failed, a line each.
    pub errors: Vec<String>,
    /// What should be known, a line each.
    pub warnings: Vec<String>,
    /// Frames by what became of them.
    pub frames: FrameCounts,
    /// Distribution of each value over the frames, valid and limited ones apart.
    pub values: Vec<ValueSummary>,
    /// Values over time, as they stand with the last frame.
    pub series: Vec<Measurement>,
    /// Milliseconds a frame by stage.
    pub timing_ms: BTreeMap<&'static str, Percentiles>,
    /// Wall time, start included, seconds.
    pub wall_s: f64,
    /// Frames a second of wall time.
    pub frames_per_s: f64,
    /// Largest resident memory of the process, bytes; `None` where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
    /// Files written, by what they are.
    pub files: BTreeMap<&'static str, String>,
}

/// Frames by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FrameCounts {
    /// Frames read.
    pub total: u64,
    /// Frames with a result.
    pub with_result: u64,
    /// Frames with a result in which something was found.
    pub with_finding: u64,
    /// Frames on which inference failed.
    pub failed: u64,
}

impl FrameCounts {
    /// Counts one frame.
    pub fn add(&mut self, result: &FrameResult) {
        self.total += 1;
        match result.status {
            ResultStatus::Ok => self.with_result += 1,
            ResultStatus::Missing(_) => self.failed += 1,
        }
        if result.found_something() {
            self.with_finding += 1;
        }
    }
}

/// Percentiles of a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of all take no longer.
    pub p50: f64,
    /// 95 % take no longer.
    pub p95: f64,
    /// 99 % take no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// One value over a run. Invalid ones do not enter; missing is not zero.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueSummary {
    /// Class by name.
    pub structure: String,
    /// Name of the value.
    pub name: &'static str,
    /// Unit.
    pub unit: Unit,
    /// Frames in which it is valid.
    pub valid: u64,
    /// Frames in which it is there with a reservation.
    pub limited: u64,
    /// Frames in which it is not there.
    pub invalid: u64,
    /// Over the valid frames or, where there are none, the limited ones: which of the two.
    pub over: Option<Validity>,
    /// Median.
    pub median: Option<f64>,
    /// Mean.
    pub mean: Option<f64>,
    /// Standard deviation over the frames (n − 1), from two frames on.
    pub sd: Option<f64>,
    /// Smallest.
    pub min: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
}

/// Gathers the values of a run.
#[derive(Clone, Debug, Default)]
pub struct ValueCollector {
    series: Vec<Series>,
}

#[derive(Clone, Debug)]
struct Series {
    structure: String,
    name: &'static str,
    unit: Unit,
    valid: Vec<f64>,
    limited: Vec<f64>,
    invalid: u64,
}

impl ValueCollector {
    /// Takes a frame's values.
    pub fn add(&mut self, values: &[Measurement]) {
        for m in values {
            let known = self
                .series
                .iter()
                .position(|s| s.name == m.name && s.unit == m.unit && *s.structure == *m.structure);
            let index = known.unwrap_or_else(|| {
                self.series.push(Series {
                    structure: m.structure.to_string(),
                    name: m.name,
                    unit: m.unit,
                    valid: Vec::new(),
                    limited: Vec::new(),
                    invalid: 0,
                });
                self.series.len() - 1
            });
            let Some(series) = self.series.get_mut(index) else { continue };
            match (m.value, m.validity) {
                (Some(v), Validity::Valid) => series.valid.push(v),
                (Some(v), Validity::Limited) => series.limited.push(v),
                _ => series.invalid += 1,
            }
        }
    }

    /// The distributions, in the order in which the values first came.
    pub fn summaries(&self) -> Vec<ValueSummary> {
        self.series.iter().map(Series::summary).collect()
    }
}

impl Series {
    fn summary(&self) -> ValueSummary {
        let (over, values) = if !self.valid.is_empty() {
            (Some(Validity::Valid), &self.valid)
        } else if !self.limited.is_empty() {
            (Some(Validity::Limited), &self.limited)
        } else {
            (None, &self.valid)
        };
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let mean = (!sorted.is_empty()).then(|| sorted.iter().sum::<f64>() / n);
        let sd = mean
            .filter(|_| sorted.len() > 1)
            .map(|mean| (sorted.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt());
        let middle = sorted.len() / 2;
        let median = match (sorted.get(middle), sorted.len() % 2) {
            (Some(&upper), 0) => sorted.get(middle - 1).map(|lower| f64::midpoint(*lower, upper)),
            (upper, _) => upper.copied(),
        };
        ValueSummary {
            structure: self.structure.clone(),
            name: self.name,
            unit: self.unit,
            valid: self.valid.len() as u64,
            limited: self.limited.len() as u64,
            invalid: self.invalid,
            over,
            median,
            mean,
            sd,
            min: sorted.first().copied(),
            max: sorted.last().copied(),
        }
    }
}

/// Writes a JSON file in one step: whoever reads it sees the old one or the whole new one.
///
/// # Errors
///
/// Those of the file system.
pub fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    let partial = path.with_extension("json.partial");
    std::fs::write(&partial, bytes).and_then(|()| std::fs::rename(&partial, path)).inspect_err(|_| {
        let _ = std::fs::remove_file(&partial);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_measure::result::Reason;

    fn m(value: Option<f64>, validity: Validity) -> Measurement {
        Measurement {
            structure: "head".into(),
            name: "bpd",
            value,
            unit: Unit::Mm,
            uncertainty: None,
            validity,
            reason: (validity != Validity::Valid).then_some(Reason::Truncated),
            method: "test",
            calibration_id: None,
        }
    }

    #[test]
    fn missing_is_not_zero() {
        let mut collector = ValueCollector::default();
        for v in [3.0, 1.0, 2.0, 4.0] {
            collector.add(&[m(Some(v), Validity::Valid)]);
        }
        collector.add(&[m(None, Validity::Invalid)]);
        collector.add(&[m(Some(100.0), Validity::Limited)]);
        let s = &collector.summaries()[0];
        assert_eq!((s.valid, s.limited, s.invalid), (4, 1, 1));
        assert_eq!((s.median, s.mean, s.min, s.max), (Some(2.5), Some(2.5), Some(1.0), Some(4.0)));
        assert!((s.sd.unwrap() - (5.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn without_valid_ones_the_limited_ones_speak_and_say_so() {
        let mut collector = ValueCollector::default();
        collector.add(&[m(Some(7.0), Validity::Limited)]);
        let s = &collector.summaries()[0];
        assert_eq!((s.over, s.median, s.sd), (Some(Validity::Limited), Some(7.0), None));
        let mut nothing = ValueCollector::default();
        nothing.add(&[m(None, Validity::Invalid)]);
        assert_eq!((nothing.summaries()[0].over, nothing.summaries()[0].median), (None, None));
    }
}

//! Two runs against one truth: is one better than the other, or as good.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Scored;
use super::error::ScoreError;
use super::frames::FrameScore;
use super::report::METRICS;
use super::run::Engine;
use crate::aggregate::{Sample, patient_means};
use crate::stats::bootstrap::{Bootstrap, NoInterval};
use crate::stats::equivalence::{Equivalence, equivalence};
use crate::stats::{Interval, mean};

/// Metrics that are compared: of overlap and boundary, 0 to 1.
const COMPARED: [&str; 2] = ["dice", "nsd"];

/// The run less the other, over the frames that both have.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Engine of the other run.
    pub other: Engine,
    /// Frames that both have.
    pub n_frames: usize,
    /// Differences, by structure and metric.
    pub differences: Vec<Difference>,
}

/// One metric of one structure.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Structure.
    pub structure: String,
    /// Metric.
    pub metric: &'static str,
    /// Mean over patients of this run's value less the other's.
    pub mean: f64,
    /// Its interval, patients drawn in pairs.
    pub interval: Option<Interval>,
    /// Why there is none.
    pub no_interval: Option<NoInterval>,
    /// Patients.
    pub n_patients: usize,
    /// Frames in which both have a value.
    pub n_frames: usize,
    /// Whether the difference lies within the margin.
    pub equivalence: Option<Equivalence>,
}

/// Compares two scored runs. `margin` is the difference that would not matter.
///
/// # Errors
///
/// [`ScoreError::NothingInCommon`].
pub fn compare(
    this: &Scored,
    other: &Scored,
    margin: f64,
    bootstrap: &Bootstrap,
) -> Result<Comparison, ScoreError> {
    let key = |f: &FrameScore| (f.input.clone(), f.frame);
    let by_key: BTreeMap<_, &FrameScore> = other.frames.frames.iter().map(|f| (key(f), f)).collect();
    let pairs: Vec<(&FrameScore, &FrameScore)> =
        this.frames.frames.iter().filter_map(|f| Some((f, *by_key.get(&key(f))?))).collect();
    if pairs.is_empty() {
        return Err(ScoreError::NothingInCommon);
    }
    let mut differences = Vec::new();
    for (i, structure) in this.frames.structures.iter().enumerate() {
        let there = other.frames.structures.iter().position(|s| s.name == structure.name);
        let Some(there) = there else { continue };
        for &(metric, .., pick) in METRICS.iter().filter(|m| COMPARED.contains(&m.0)) {
            let samples: Vec<Sample> = pairs
                .iter()
                .map(|(a, b)| {
                    let value = |f: &FrameScore, i: usize| f.scores.get(i).and_then(pick);
                    let difference = value(a, i).zip(value(b, there)).map(|(a, b)| a - b);
                    Sample { patient: a.patient, video: a.video, value: difference }
                })
                .collect();
            let means: Vec<f64> = patient_means(&samples).into_values().collect();
            let Some(mean) = mean(&means) else { continue };
            let interval = bootstrap.of_mean(&means);
            differences.push(Difference {
                structure: structure.name.clone(),
                metric,
                mean,
                interval: interval.ok(),
                no_interval: interval.err(),
                n_patients: means.len(),
                n_frames: samples.iter().filter(|s| s.value.is_some()).count(),
                equivalence: equivalence(&means, margin),
            });
        }
    }
    Ok(Comparison { other: other.report.engine.clone(), n_frames: pairs.len(), differences })
}

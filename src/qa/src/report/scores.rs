//! What a scoring left behind, from memory or from its files: both come to the same.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::error::ReportError;
use crate::score::run::Run;
use crate::score::{Scored, report, write};

/// A scored study.
#[derive(Clone, Debug)]
pub struct Scores {
    /// What `score.json` holds.
    pub json: Value,
    /// A row a frame and structure.
    pub rows: Vec<Row>,
    /// A row a measured value that has a true one.
    pub values: Vec<ValueRow>,
}

/// One structure in one frame, as in `score.csv`.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Number of the run.
    pub run: usize,
    /// File.
    pub input: String,
    /// Number in the run.
    pub frame: u64,
    /// Time, seconds.
    pub time_s: f64,
    /// Number of the patient.
    pub patient: usize,
    /// Number of the video.
    pub video: usize,
    /// Structure.
    pub structure: String,
    /// `both`, `truth_only`, `prediction_only` or `neither`.
    pub presence: String,
    /// Dice.
    pub dice: Option<f64>,
    /// Part of the boundary within the tolerance.
    pub nsd: Option<f64>,
    /// 95th percentile of distances.
    pub hd95: Option<f64>,
    /// The farthest distance.
    pub hd100: Option<f64>,
    /// Pixels in the truth.
    pub true_pixels: u64,
    /// Pixels in the prediction.
    pub predicted_pixels: u64,
}

/// One value, as in `score_values.csv`.
#[derive(Clone, Debug, Deserialize)]
pub struct ValueRow {
    /// Name.
    pub name: String,
    /// Unit, as UCUM code.
    pub unit: String,
    /// What was measured.
    pub measured: f64,
    /// What is true.
    #[serde(rename = "true")]
    pub truth: f64,
}

impl Scores {
    /// Those of a study that was just scored.
    ///
    /// # Errors
    ///
    /// [`ReportError::Scores`], which does not happen.
    pub fn of(scored: &Scored, folder: &Path) -> Result<Self, ReportError> {
        let bad = |path: &str, message: String| ReportError::Scores { path: folder.join(path), message };
        let json = serde_json::to_value(&scored.report).map_err(|e| bad(write::REPORT, e.to_string()))?;
        let rows = write::rows(scored).map_err(|e| bad(write::TABLE, e.to_string()))?;
        let values = write::value_rows(scored).map_err(|e| bad(write::VALUES, e.to_string()))?;
        Ok(Self {
            json,
            rows: table(&rows).map_err(|m| bad(write::TABLE, m))?,
            values: table(&values).map_err(|m| bad(write::VALUES, m))?,
        })
    }

    /// Those that `vesalius score` left in a folder, of the runs given.
    ///
    /// # Errors
    ///
    /// [`ReportError::Scores`] and [`ReportError::OtherRuns`].
    pub fn read(folder: &Path, runs: &[Run]) -> Result<Self, ReportError> {
        let bad = |name: &str, message: String| ReportError::Scores { path: folder.join(name), message };
        let bytes = |name: &str| std::fs::read(folder.join(name)).map_err(|e| bad(name, e.to_string()));
        let json: Value =
            serde_json::from_slice(&bytes(write::REPORT)?).map_err(|e| bad(write::REPORT, e.to_string()))?;
        if json["record"] != "score" || json["schema"] != report::SCHEMA {
            let message =
                format!("it is written in another format than {}: score the run again", report::SCHEMA);
            return Err(bad(write::REPORT, message));
        }
        let scores = Self {
            rows: table(&bytes(write::TABLE)?).map_err(|m| bad(write::TABLE, m))?,
            values: table(&bytes(write::VALUES)?).map_err(|m| bad(write::VALUES, m))?,
            json,
        };
        scores.belongs_to(runs, folder)?;
        Ok(scores)
    }

    fn belongs_to(&self, runs: &[Run], folder: &Path) -> Result<(), ReportError> {
        let other = |name: &str, message: String| ReportError::OtherRuns { path: folder.join(name), message };
        let model = runs.first().map(|run| run.engine.sha256.as_str());
        if self.json.pointer("/engine/sha256").and_then(Value::as_str) != model {
            return Err(other(write::REPORT, "the engine's model is another".to_owned()));
        }
        // Frames of a run are in the order of their numbers.
        let frame = |run: &Run, n: u64| {
            run.frames
                .binary_search_by_key(&n, |f| f.number)
                .ok()
                .and_then(|i| run.frames.get(i).map(|f| f.input.clone()))
        };
        for row in &self.rows {
            let found = runs.get(row.run).and_then(|run| frame(run, row.frame));
            if found.as_deref() != Some(row.input.as_str()) {
                let message = format!("it has frame {} of '{}', and they do not", row.frame, row.input);
                return Err(other(write::TABLE, message));
            }
        }
        let counts: u64 = self.json["structures"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|s| {
                ["both", "truth_only", "prediction_only", "neither"]
                    .iter()
                    .filter_map(|k| s.pointer(&format!("/frames/{k}")).and_then(Value::as_u64))
                    .sum::<u64>()
            })
            .sum();
        if counts != self.rows.len() as u64 {
            let message = format!("it has {} rows and {} counts {counts}", self.rows.len(), write::REPORT);
            return Err(other(write::TABLE, message));
        }
        Ok(())
    }
}

fn table<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<Vec<T>, String> {
    let mut reader = csv::Reader::from_reader(bytes);
    reader.deserialize().map(|row| row.map_err(|e| e.to_string().replace('\n', " "))).collect()
}

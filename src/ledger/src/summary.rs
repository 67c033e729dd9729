//! `summary.json`: a run on one page.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use vesalius_measure::result::{FrameResult, Measurement, ResultStatus};

use crate::record::RunRecord;
use crate::values::ValueSummary;

/// A run on one page.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// What the run is, as in the first line of `results.jsonl`.
    pub run: RunRecord,
    /// The whole way to the input as it was then, for whoever needs its pictures again; nothing rests on it. Results have the
    /// input's name alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_path: Option<PathBuf>,
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
    /// Values that came when there were too many kinds of them already, and of which nothing else is known; see
    /// [`MOST_VALUES`](crate::values::MOST_VALUES).
    #[serde(skip_serializing_if = "is_zero")]
    pub values_left_out: u64,
    /// Values over time, as they stand with the last frame; of objects that went away before, as they stood then.
    pub series: Vec<Measurement>,
    /// The objects that were followed.
    pub objects: ObjectSummary,
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
    /// Frames with a result that gives no value, for the picture is unlike the engine's training data.
    pub unlike_training: u64,
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
        self.unlike_training += u64::from(result.is_unlike_training());
        if result.found_something() {
            self.with_finding += 1;
        }
    }
}

/// The objects of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ObjectSummary {
    /// Objects: numbers that were given.
    pub numbered: u64,
    /// Those of them that were measured and drawn.
    pub confirmed: u64,
    /// Outlines that were not measured and not drawn, for their object had not been seen for long enough.
    pub withheld_outlines: u64,
    /// For so long an object had to be seen before it was measured and drawn, milliseconds: the delay that this adds, on to
    /// the next frame with it.
    pub added_delay_ms: f64,
    /// The longest that it took of an object that was confirmed in the end, milliseconds.
    pub longest_added_delay_ms: f64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
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

//! Runs against truth.
//!
//! * [`run`]: what `vesalius replay --masks` has left; [`truth`]: a folder or table of what is true; [`label_png`]: masks;
//! * [`join`]: which frame is which, by name; [`frames`]: each frame scored; [`values`]: measured beside true;
//! * [`report`]: summed up; [`table`]: for people; [`write`](mod@write): `score.json`, `score.csv`; [`compare`](mod@compare): two runs.

pub mod compare;
pub mod error;
pub mod frames;
pub mod join;
pub mod label_png;
pub mod report;
pub mod run;
pub mod settings;
pub mod table;
pub mod truth;
pub mod values;
pub mod write;

use std::path::Path;

pub use compare::compare;
pub use error::ScoreError;
pub use report::Report;
pub use settings::Settings;
pub use write::write;

use frames::{Frames, Pictures};
use run::Run;
use truth::Truth;
use values::ValuePair;

/// A run scored: frame by frame, and summed up.
#[derive(Clone, Debug)]
pub struct Scored {
    /// Every frame.
    pub frames: Frames,
    /// Every value that was measured and has a true one.
    pub pairs: Vec<ValuePair>,
    /// All of it.
    pub report: Report,
}

/// Scores a run's folder (or a folder of runs' folders) against a folder of label masks or a table.
///
/// # Errors
///
/// [`ScoreError`].
pub fn score(run: &Path, truth: &Path, settings: &Settings) -> Result<Scored, ScoreError> {
    let truth = Truth::read(truth, settings.by.as_deref())?;
    score_runs(&Run::read_all(run)?, &truth, settings, None)
}

/// Scores runs that were read; with their pictures, where there are some, for what the pictures' own motion explains.
///
/// # Errors
///
/// [`ScoreError`].
pub fn score_runs(
    runs: &[Run],
    truth: &Truth,
    settings: &Settings,
    pictures: Option<Pictures<'_>>,
) -> Result<Scored, ScoreError> {
    let joined = join::join(runs, truth)?;
    let mut frames = frames::score_frames(&joined, settings, pictures)?;
    let (values, pairs, unmeasured) = values::compare_values(&joined, runs, truth, settings);
    if !unmeasured.is_empty() {
        frames.notes.push(format!("true values that the run has none of: {}", unmeasured.join(", ")));
    }
    let report = report::report(runs, truth, &joined, &frames, values, settings)
        .ok_or_else(|| ScoreError::NoRun(runs.first().map(|run| run.folder.clone()).unwrap_or_default()))?;
    Ok(Scored { frames, pairs, report })
}

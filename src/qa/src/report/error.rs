//! What can be wrong with what a report is asked of.

use std::path::PathBuf;

use crate::compare::CompareError;
use crate::score::ScoreError;

/// A report cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A run, its masks or the truth cannot be read or scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// Two runs cannot be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// A run without frames.
    #[error("{}: the run has no frame: nothing can be said of it; replay the recording again", .0.display())]
    NoFrames(PathBuf),
    /// The same run is named twice.
    #[error("{}: named twice: give each run once", .0.display())]
    Twice(PathBuf),
    /// What `vesalius score` left cannot be read.
    #[error("{}: cannot be read as what `vesalius score` writes: {message}", path.display())]
    Scores {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// What `vesalius score` left is of other runs.
    #[error("{}: is of other runs: {message}; score these runs again", path.display())]
    OtherRuns {
        /// The file.
        path: PathBuf,
        /// In what they differ.
        message: String,
    },
    /// The report cannot be written.
    #[error("{} cannot be written: {fault}; choose another place with --out", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        fault: std::io::Error,
    },
}

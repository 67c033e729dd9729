//! What can be wrong with runs and truth.

use std::path::PathBuf;

use crate::metrics::PairError;

/// A run cannot be scored. No message holds a value of the truth's table that could tell who a patient is: lines and columns
/// are named instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// No run there.
    #[error("{}: no run: results.jsonl is neither in it nor in the folders in it; give what `vesalius replay --out` wrote", .0.display())]
    NoRun(PathBuf),
    /// A record cannot be read.
    #[error("{}: line {line} cannot be read as a record of a run: {message}; replay the recording again", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The records have another layout.
    #[error("{}: written in format {found}, and this program reads format {known}: replay the recording again", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it says of itself.
        found: String,
        /// What is understood.
        known: u32,
    },
    /// The runs are of different engines.
    #[error("{}: the runs in it are of different engines: score those of one engine at a time", .0.display())]
    Engines(PathBuf),
    /// A run lacks a frame's mask.
    #[error("{}: the mask of frame {frame} is missing: replay with --masks", run.display())]
    NoMask {
        /// The run.
        run: PathBuf,
        /// The frame's number.
        frame: u64,
    },
    /// A file cannot be read.
    #[error("{}: cannot be read: {message}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        message: String,
    },
    /// A label mask that is none.
    #[error("{}: is no label mask: {message}", path.display())]
    Mask {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// The table of truth cannot be understood.
    #[error("{}: {message}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its line.
        message: String,
    },
    /// The masks cannot be compared.
    #[error("{}: {fault}", path.display())]
    Pair {
        /// The true mask.
        path: PathBuf,
        /// Why not.
        fault: PairError,
    },
    /// A true mask holds a class that the engine does not have.
    #[error("{}: holds class {label}, and the engine has {known}: say which is which with --classes TRUTH=RUN,… (0 is background)", path.display())]
    Classes {
        /// The true mask.
        path: PathBuf,
        /// The class.
        label: u8,
        /// The engine's classes.
        known: String,
    },
    /// Nothing to compare.
    #[error(
        "no frame of the run has a truth: the run has frames such as '{run}', the truth such as '{truth}'; names must be equal but for the ending"
    )]
    NoOverlap {
        /// A name of the run.
        run: String,
        /// A name of the truth.
        truth: String,
    },
    /// Several truths for one frame, or several frames for one truth.
    #[error("{0}")]
    Ambiguous(String),
    /// Two runs have no frame in common.
    #[error("the two runs have no scored frame in common: give two runs of the same input")]
    NothingInCommon,
    /// A setting that is none.
    #[error("{0}")]
    Setting(String),
    /// A result cannot be written.
    #[error("{} cannot be written: {fault}; choose another folder with --out", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        fault: std::io::Error,
    },
}

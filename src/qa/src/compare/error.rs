//! What can be wrong with two runs.

use std::path::PathBuf;

use crate::score::ScoreError;

/// Two runs cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// A run or the truth cannot be read.
    #[error(transparent)]
    Run(#[from] ScoreError),
    /// The runs are of different inputs.
    #[error(
        "the runs are of different inputs: the reference has '{reference}', the candidate '{candidate}'; give two runs of the same input"
    )]
    Inputs {
        /// An input of the reference.
        reference: String,
        /// An input of the candidate.
        candidate: String,
    },
    /// Which run is which cannot be told.
    #[error(
        "several runs are of an input named '{0}': give the folders of both runs of an input the same name"
    )]
    Ambiguous(String),
    /// No frame is in both.
    #[error(
        "the runs have no frame in common: the reference has frames such as {reference}, the candidate {candidate}; stills go together by file name, frames of a clip by time"
    )]
    NoFrames {
        /// A frame of the reference.
        reference: String,
        /// A frame of the candidate.
        candidate: String,
    },
    /// No structure is in both.
    #[error(
        "the runs have no structure in common: the reference has {reference}, the candidate {candidate}; say which is which with --structures REFERENCE=CANDIDATE"
    )]
    NoStructures {
        /// Structures of the reference.
        reference: String,
        /// Structures of the candidate.
        candidate: String,
    },
    /// A structure that was named is not there.
    #[error("--structures names '{name}', which the {side} does not have: it has {known}")]
    Structure {
        /// What was named.
        name: String,
        /// `reference` or `candidate`.
        side: &'static str,
        /// What is there.
        known: String,
    },
    /// A run lacks a frame's mask.
    #[error("{}: the mask of frame {frame} is missing: replay with --masks, or compare values alone with --values-only", run.display())]
    NoMask {
        /// The run.
        run: PathBuf,
        /// The frame's number.
        frame: u64,
    },
    /// Two masks of a frame have different sizes.
    #[error("{}: is {}x{} pixels, and the reference's {}x{}: replay the same pictures", mask.display(), candidate[0], candidate[1], reference[0], reference[1])]
    Size {
        /// The candidate's mask.
        mask: PathBuf,
        /// Width and height of the reference's.
        reference: [usize; 2],
        /// Width and height of the candidate's.
        candidate: [usize; 2],
    },
    /// A mask holds a class that its run does not have.
    #[error("{}: holds class {label}, and its run has {known}: the mask is of another run; replay with --masks again", mask.display())]
    Label {
        /// The mask.
        mask: PathBuf,
        /// The class.
        label: u8,
        /// The run's classes.
        known: String,
    },
    /// The gates cannot be understood.
    #[error("{}: {message}", path.display())]
    Gates {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A result cannot be written.
    #[error("{} cannot be written: {fault}; choose another folder with --out", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        fault: std::io::Error,
    },
}

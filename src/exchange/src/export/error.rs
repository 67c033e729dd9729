//! Why a run cannot be exported. Every message is one line that says what to do.

use std::path::PathBuf;

use crate::dicom::{OriginError, WriteError};
use vesalius_pipeline::ReplayError;

/// Why a run cannot be exported, or not all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// No run in the folder.
    #[error("{}: is no run: results.jsonl is missing; give the folder that a replay wrote into", .0.display())]
    NoRun(PathBuf),
    /// A run without a frame.
    #[error("{}: the run has no frames: replay again", .0.display())]
    NoFrames(PathBuf),
    /// A record that cannot be read.
    #[error("{}: line {line} cannot be read: {message}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The run does not say where its input is.
    #[error("the run does not say where its input {name} is: give it with --source")]
    NoSource {
        /// The input's name.
        name: String,
    },
    /// The input is not where the run says.
    #[error("{}: the run's input is not there: give it with --source", .0.display())]
    SourceGone(PathBuf),
    /// Another input than the run's.
    #[error("{}: is not what the run was made of: its SHA-256 differs; give the file itself with --source", .0.display())]
    OtherSource(PathBuf),
    /// The input cannot be read.
    #[error(transparent)]
    Source(#[from] ReplayError),
    /// The DICOM input has no identity.
    #[error("{}: {source}", path.display())]
    Origin {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: OriginError,
    },
    /// The run has no masks.
    #[error("{}: the run has no masks, and a Segmentation is made of them: replay with --masks", .0.display())]
    NoMasks(PathBuf),
    /// The run has no annotated pictures.
    #[error("{}: the run has no annotated pictures, and a Secondary Capture is made of them: replay without --no-video", .0.display())]
    NoPictures(PathBuf),
    /// A mask cannot be read, or fits no picture.
    #[error("{}: {message}", path.display())]
    Mask {
        /// The mask.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// Pictures do not fit the records.
    #[error("{}: {message}: replay again", path.display())]
    Pictures {
        /// The pictures.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A file cannot be written.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: WriteError,
    },
    /// The folder cannot be made.
    #[error("{}: cannot be written: {source}; choose another folder with --out", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

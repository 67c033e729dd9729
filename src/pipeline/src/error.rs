//! What can go wrong in a job. Every message is one line that says what to do.

use std::path::PathBuf;

use vesalius_engine::EngineError;
use vesalius_ledger::LedgerError;
use vesalius_measure::calibration::CalibrationError;

/// Why a replay could not be done, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// There is nothing at the path.
    #[error("{}: there is no such file or folder", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A folder without pictures.
    #[error("{}: the folder holds no pictures (PNG, JPEG, WebP, BMP or TIFF)", path.display())]
    NoPictures {
        /// The folder.
        path: PathBuf,
    },
    /// A file or folder cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file without a byte.
    #[error("{}: the file is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A folder for results cannot be made or written.
    #[error("{}: cannot be written: {source}; choose another folder with --out", path.display())]
    Output {
        /// The folder or file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not a recording that GStreamer decodes.
    #[error("{}: is not a video that can be decoded: {message}", path.display())]
    NotAVideo {
        /// The file.
        path: PathBuf,
        /// What GStreamer says.
        message: String,
    },
    /// The file is DICOM and cannot be used.
    #[error("{}: {source}", path.display())]
    Dicom {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: vesalius_dicom::DicomError,
    },
    /// The table of events cannot be used.
    #[error("{}: {message}", path.display())]
    Events {
        /// The table.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
    /// The protocol's settings cannot be used.
    #[error("{message}")]
    Protocol {
        /// What is wrong.
        message: String,
    },
    /// The file has no pictures.
    #[error("{}: has no video, only other streams", path.display())]
    NoVideo {
        /// The file.
        path: PathBuf,
    },
    /// The frame that was asked for is not there.
    #[error("{}: {message}", path.display())]
    NoFrame {
        /// The file.
        path: PathBuf,
        /// Why not.
        message: String,
    },
    /// The stream ended before its first frame.
    #[error("{}: not one frame could be decoded", path.display())]
    NoFrames {
        /// The file.
        path: PathBuf,
    },
    /// Decoding broke off.
    #[error("{}: decoding broke off after {frames} frames: {message}; their results are kept", path.display())]
    BrokenOff {
        /// The file.
        path: PathBuf,
        /// Frames that were written.
        frames: u64,
        /// What GStreamer says.
        message: String,
    },
    /// The file ends before it should.
    #[error(
        "{}: the recording is cut off: {found} of at least {promised} bytes are there; {}",
        path.display(),
        if *frames > 0 { format!("the results of its {frames} frames are kept") } else { "give a whole copy".to_owned() }
    )]
    CutOff {
        /// The file.
        path: PathBuf,
        /// Bytes that are there.
        found: u64,
        /// Bytes that the container promises.
        promised: u64,
        /// Frames that were written.
        frames: u64,
    },
    /// The results would be written over the input.
    #[error("{}: its own results would be written over it; choose another folder with --out", path.display())]
    OverInput {
        /// The input.
        path: PathBuf,
    },
    /// The picture's size changed while an annotated video was written.
    #[error(
        "{}: the picture's size changes from {}x{} to {}x{} after {frames} frames, which one annotated video cannot \
         hold; the results up to there are kept, use --no-video for all of them",
        path.display(), from.0, from.1, to.0, to.1
    )]
    SizeChanged {
        /// The file.
        path: PathBuf,
        /// Frames that were written.
        frames: u64,
        /// Width and height before.
        from: (u32, u32),
        /// Width and height after.
        to: (u32, u32),
    },
    /// The annotated video could not be made.
    #[error("the annotated video of {} cannot be made: {message}; use --no-video for the results alone", path.display())]
    Encode {
        /// The input.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A still could not be read.
    #[error("{}: is not a picture that can be read: {message}", path.display())]
    BadStill {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        message: String,
    },
    /// Some stills of a folder could not be used.
    #[error("{}: {bad} of {total} pictures could not be read, the first: {first}", path.display())]
    BadStills {
        /// The folder.
        path: PathBuf,
        /// How many.
        bad: u64,
        /// Of how many.
        total: u64,
        /// What was said of the first.
        first: String,
    },
    /// The engine failed on frames.
    #[error("{}: inference failed on {failed} of {total} frames: {first}", path.display())]
    Inference {
        /// The input.
        path: PathBuf,
        /// Frames without a result.
        failed: u64,
        /// All frames.
        total: u64,
        /// What was said first.
        first: String,
    },
    /// The calibration is none.
    #[error(transparent)]
    Calibration(#[from] CalibrationError),
    /// The statement about the scale is none.
    #[error("{message}")]
    Statement {
        /// What is wrong.
        message: String,
    },
    /// A statement that looks at the picture, for pictures of which each has its own scale.
    #[error(
        "{}: a ruler, distances or a profile hold for one recording; give stills a table with a line each", path.display()
    )]
    StatedForStills {
        /// The folder.
        path: PathBuf,
    },
    /// The calibration's table cannot be used.
    #[error("{}: {message}", path.display())]
    CalibrationTable {
        /// The table.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
    /// The table says nothing of an input.
    #[error(
        "the calibration table has no line for '{file}': add one, or leave --calibration out to measure in pixels"
    )]
    NotCalibrated {
        /// File by name.
        file: String,
    },
    /// The engine cannot be used.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A result could not be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A phantom could not be rendered.
    #[error(transparent)]
    Phantom(#[from] vesalius_phantom::PhantomError),
    /// A GStreamer element is missing.
    #[error("the GStreamer element '{element}' is missing: run scripts/setup.sh, or install {package}")]
    ElementMissing {
        /// The element.
        element: &'static str,
        /// The package that has it on Debian and Ubuntu.
        package: &'static str,
    },
    /// GStreamer failed in a way that is none of the above.
    #[error("the pipeline for {} failed: {message}", path.display())]
    Pipeline {
        /// The input.
        path: PathBuf,
        /// What GStreamer says.
        message: String,
    },
    /// One of the elements cannot work; its own words.
    #[error("{message}")]
    Element {
        /// What it says.
        message: String,
    },
    /// The user asked to stop.
    #[error("{}: stopped after {frames} frames; their results are kept", path.display())]
    Interrupted {
        /// The input.
        path: PathBuf,
        /// Frames that were written.
        frames: u64,
    },
}

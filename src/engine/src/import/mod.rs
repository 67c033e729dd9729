//! Anyone's own ONNX model, made an engine.
//!
//! A file says its tensors' names, types and shapes. What was done to a picture before it became the input it does not say:
//! the order of colours, the numbers that bytes became, how it was resized. Those are the errors that people make most, and
//! they show: so an import tries every [interpretation] on a picture and lays what the model finds side by side as [cells](cell),
//! for somebody to look at, or compares each with the output that the model's makers got ([`parity`]).
//!
//! ```text
//! file ─ read ─► ModelFacts ─ Trial::new ─► InputForm, OutputForm ─ Trial::cells ─► Cells ─ manifest ─► an engine's folder
//! ```
//!
//! * [`facts`]: what a file says of itself; [`modelinfo`]: what GStreamer's file beside it does;
//! * [`input`], [`output`]: what follows from shapes, operators and numbers;
//! * [`normalisation`], [`interpretation`]: what is open; [`cell`]: one of them tried; [`npy`]: NumPy's files;
//! * [`trial`]: the model on a picture; [`write`](mod@write): the manifest and its folder.

pub mod cell;
mod external;
pub mod facts;
pub(crate) mod failure;
pub mod input;
pub mod interpretation;
pub(crate) mod limits;
pub mod modelinfo;
pub mod normalisation;
pub mod npy;
pub mod output;
pub mod parity;
mod raw;
pub mod trial;
pub mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vesalius_measure::geometry::ResizeRule;

use crate::error::EngineError;
use crate::manifest::{Color, Filter, Layout, OutputKind};
use crate::provider::trust::sha256_hex;
use facts::ModelFacts;
use limits::{MAX_MODEL_BYTES, gigabytes};
use normalisation::{Normalisation, PRESETS};

/// What a user said of a model; `None` is open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// Name of the input.
    pub input: Option<String>,
    /// Name of the output that holds the segmentation.
    pub output: Option<String>,
    /// Order of the input's axes.
    pub layout: Option<Layout>,
    /// Width and height, for a model that leaves them free.
    pub size: Option<(u32, u32)>,
    /// Order of the colours.
    pub color: Option<Color>,
    /// What bytes become.
    pub normalisation: Option<GivenNormalisation>,
    /// How a picture is resized.
    pub resize: Option<ResizeRule>,
    /// How pixels are mixed.
    pub filter: Option<Filter>,
    /// Whether the output is scores or probabilities.
    pub kind: Option<OutputKind>,
    /// Byte value of a letterbox's border.
    pub pad: Option<u8>,
    /// Names of the classes, without the background.
    pub classes: Vec<String>,
}

/// What a user says bytes become.
#[derive(Clone, Debug, PartialEq)]
pub enum GivenNormalisation {
    /// One of [`PRESETS`].
    Preset(String),
    /// Numbers, a channel each in the model's order.
    Numbers(Normalisation),
}

impl GivenNormalisation {
    /// For an input of some colours; `None` where it does not fit them. One number stands for all channels.
    pub fn for_color(&self, color: Color) -> Option<Normalisation> {
        match self {
            Self::Preset(name) => Normalisation::preset(name, color),
            Self::Numbers(numbers) => {
                let channels = color.channels();
                let all = |values: &[f32]| match values {
                    &[one] => Some(vec![one; channels]),
                    several => (several.len() == channels).then(|| several.to_vec()),
                };
                let (mean, std) = (all(&numbers.mean)?, all(&numbers.std)?);
                Some(Normalisation { mean, std, ..numbers.clone() }.named(color))
            }
        }
    }
}

/// Why a model was not imported. Displayed as one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is something else, or cut off.
    #[error("it is no whole ONNX file: export the model as ONNX")]
    NoModel,
    /// It is larger than ONNX files can be.
    #[error("it has {} with its weights, and an engine is one file below 2 GB: export the weights in f16", gigabytes(*bytes))]
    TooLarge {
        /// Bytes of model and weights.
        bytes: u64,
    },
    /// There is no room for it.
    #[error(
        "it needs about {} of memory while it is loaded and {} are free: end other programs, or export the weights in f16",
        gigabytes(*needed), gigabytes(*free)
    )]
    Memory {
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// Weights that should lie beside it.
    #[error("its weights in '{}' cannot be taken in: {problem}; keep that file beside the model, or export without external data", file.escape_debug())]
    External {
        /// The file that the model names.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It computes in integers.
    #[error(
        "it is quantised (int8), and nobody said how far it is from its f32 original: import that one and add this file to its \
         [[precisions]] with parity figures, or take it as it is by --unverified-int8"
    )]
    Quantised,
    /// The runtime does not take it.
    #[error("it cannot be loaded: {0}")]
    Load(String),
    /// The runtime failed while running it.
    #[error("it failed on a picture: {0}; if it needs another size, give it by --size")]
    Run(String),
    /// It takes nothing.
    #[error("it has no input")]
    NoInput,
    /// It takes more than a picture.
    #[error("it wants several inputs ({0}), and an engine gives one: export it with one")]
    InputCount(String),
    /// Its input is no picture's.
    #[error("its input '{}' {shape}: {problem}", name.escape_debug())]
    Input {
        /// Name of the tensor.
        name: String,
        /// Its shape.
        shape: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Its output is no segmentation.
    #[error("its output: {0}")]
    Output(String),
    /// The names do not fit the channels.
    #[error("{0}")]
    Classes(String),
    /// What was said does not fit the model.
    #[error("{0}")]
    Said(String),
    /// A `.modelinfo` file is wrong.
    #[error("{}: {problem}", path.display())]
    ModelInfo {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The reference does not fit.
    #[error("the reference {}: {problem}", path.display())]
    Reference {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Something of the engine that it becomes.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A model's file, read.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// The model; with its weights, where those lay in other files.
    pub bytes: Arc<[u8]>,
    /// SHA-256 of these bytes.
    pub sha256: String,
    /// What it says of itself.
    pub facts: ModelFacts,
    /// Files whose weights were taken in.
    pub taken_in: Vec<String>,
}

/// Reads a model's file, and takes in the weights that lie in others.
///
/// # Errors
///
/// [`ImportError`] where it is none, or too large for the format or this machine.
pub fn read(path: &Path) -> Result<ModelFile, ImportError> {
    let unreadable = |source| ImportError::Read { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    has_room(length)?;
    let mut bytes = std::fs::read(path).map_err(unreadable)?;
    let mut facts = ModelFacts::read(&bytes).ok_or(ImportError::NoModel)?;
    let taken_in: Vec<String> = std::mem::take(&mut facts.external_files).into_iter().collect();
    if !taken_in.is_empty() {
        let folder = path.parent().unwrap_or(Path::new(""));
        let size = |file: &String| std::fs::metadata(folder.join(file)).map_or(0, |data| data.len());
        has_room(length + taken_in.iter().map(size).sum::<u64>())?;
        bytes = external::take_in(&bytes, folder)?;
    }
    let sha256 = sha256_hex(&bytes);
    Ok(ModelFile { bytes: bytes.into(), sha256, facts, taken_in })
}

fn has_room(bytes: u64) -> Result<(), ImportError> {
    if bytes > MAX_MODEL_BYTES {
        return Err(ImportError::TooLarge { bytes });
    }
    match limits::shortage(bytes) {
        Some((needed, free)) => Err(ImportError::Memory { needed, free }),
        None => Ok(()),
    }
}

/// The names of the presets, for people.
pub fn preset_names() -> String {
    PRESETS.join(", ")
}

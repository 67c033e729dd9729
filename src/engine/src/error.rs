//! What can go wrong between a picture and its outlines.

use std::path::PathBuf;

use vesalius_measure::frame::PixelFormat;
use vesalius_measure::geometry::GeometryError;
use vesalius_measure::mask::MaskError;

use crate::import::limits::gigabytes;
use crate::manifest::ManifestError;
use crate::provider::cache::CacheError;
use crate::provider::choose::ProviderError;
use crate::registry::RegistryError;
use crate::runtime::RuntimeError;

/// First digits of a hash, enough to tell two files apart in a message.
pub(crate) fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// Makes one line of a library's message.
pub(crate) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What callers branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EngineErrorKind {
    /// No such engine, or its folder does not hold one.
    NotFound,
    /// ONNX Runtime is missing or cannot be used.
    Runtime,
    /// The backend that was asked for cannot run here, or not this engine.
    Backend,
    /// The engine's files are wrong: nothing that a retry would mend.
    BadEngine,
    /// This picture cannot be processed; the next may.
    Frame,
    /// The network failed on this picture; the next may work.
    Inference,
}

/// Why an engine cannot be used, or a picture not be processed. Displayed as one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// There is no such engine.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The manifest is not valid.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// ONNX Runtime is missing or unfit.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// It cannot run on what was asked for.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The GPU refused something.
    #[error(transparent)]
    Device(#[from] vesalius_cuda::CudaError),
    /// The stored sample cannot be used.
    #[error(transparent)]
    Sample(#[from] crate::sample::SampleError),
    /// The model's file cannot be read.
    #[error("the model of engine '{engine}' cannot be read: {source} ({})", path.display())]
    ModelFile {
        /// Name of the engine.
        engine: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// There is no room for the model.
    #[error(
        "the model of engine '{engine}' needs about {} of memory while it is loaded and {} are free: end other programs, or \
         use a smaller engine",
        gigabytes(*needed), gigabytes(*free)
    )]
    ModelMemory {
        /// Name of the engine.
        engine: String,
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The model's file is not the one that the manifest describes.
    #[error(
        "the model of engine '{engine}' is not the one its manifest names: SHA-256 {}… expected, {}… found; \
         restore the file, or correct model.sha256 if the change is meant ({})",
        short(expected), short(found), path.display()
    )]
    HashMismatch {
        /// Name of the engine.
        engine: String,
        /// Hash in the manifest.
        expected: String,
        /// Hash of the file.
        found: String,
        /// The file.
        path: PathBuf,
    },
    /// ONNX Runtime does not take the model.
    #[error("the model of engine '{engine}' cannot be loaded: {message}; export it again as ONNX ({})", path.display())]
    ModelLoad {
        /// Name of the engine.
        engine: String,
        /// What ONNX Runtime says.
        message: String,
        /// The file.
        path: PathBuf,
    },
    /// The model lacks a tensor that the manifest names.
    #[error(
        "the model of engine '{engine}' has no {role} '{expected}' (it has {found}): correct {role}.name in the manifest"
    )]
    TensorName {
        /// Name of the engine.
        engine: String,
        /// `input` or `output`.
        role: &'static str,
        /// Name in the manifest.
        expected: String,
        /// Names in the model.
        found: String,
    },
    /// The model lacks the output that says how unlike the training data a picture is.
    #[error(
        "the model of engine '{engine}' has no output '{name}' (it has {found}): correct output.unlikeness.name in the \
         manifest, or export the model with it"
    )]
    NoUnlikeness {
        /// Name of the engine.
        engine: String,
        /// Name in the manifest.
        name: String,
        /// Names in the model.
        found: String,
    },
    /// The model wants more than one input.
    #[error(
        "the model of engine '{engine}' wants {count} inputs ({names}) and an engine gives one: export it with one"
    )]
    InputCount {
        /// Name of the engine.
        engine: String,
        /// How many it wants.
        count: usize,
        /// Their names.
        names: String,
    },
    /// A tensor's numbers are of another type than the manifest implies.
    #[error("{role} '{name}' of engine '{engine}' is {found} where the manifest asks for {expected}")]
    TensorType {
        /// Name of the engine.
        engine: String,
        /// `input` or `output`.
        role: &'static str,
        /// Name of the tensor.
        name: String,
        /// What the manifest implies.
        expected: &'static str,
        /// What the model has.
        found: String,
    },
    /// Something that is done in the computer's memory alone.
    #[error(
        "engine '{engine}' cannot work on frames that stay on the GPU: {problem}; give it frames in the computer's memory"
    )]
    OnDevice {
        /// Name of the engine.
        engine: String,
        /// What is not done there.
        problem: &'static str,
    },
    /// A tensor's shape is another than the manifest implies.
    #[error(
        "{role} '{name}' of engine '{engine}' has the shape {found} where the manifest asks for {expected}: \
         correct the manifest or export the model again"
    )]
    TensorShape {
        /// Name of the engine.
        engine: String,
        /// `input` or `output`.
        role: &'static str,
        /// Name of the tensor.
        name: String,
        /// What the manifest implies.
        expected: String,
        /// What the model has; `?` is a free axis.
        found: String,
    },
    /// The engine has no class of that name.
    #[error("engine '{engine}' has no structure '{name}': it has {known}")]
    NoSuchClass {
        /// Name of the engine.
        engine: String,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// ONNX Runtime failed while running the model.
    #[error("engine '{engine}' failed on a picture: {message}")]
    Run {
        /// Name of the engine.
        engine: String,
        /// What ONNX Runtime says.
        message: String,
    },
    /// The model gave NaN, infinity or a probability outside 0 to 1.
    #[error(
        "engine '{engine}' gave {found} in '{output}', which is no {kind}: its answer for this picture is not used"
    )]
    NotFinite {
        /// Name of the engine.
        engine: String,
        /// Name of the output tensor.
        output: String,
        /// What an entry should be.
        kind: &'static str,
        /// The first value at fault.
        found: f32,
    },
    /// The model gave a class that the manifest does not list.
    #[error("engine '{engine}' gave the label {found} and its manifest lists classes up to {classes}")]
    UnknownLabel {
        /// Name of the engine.
        engine: String,
        /// The label.
        found: i64,
        /// Largest class index in the manifest.
        classes: usize,
    },
    /// A tensor does not hold as many numbers as it must.
    #[error("a tensor for engine '{engine}' holds {found} numbers and must hold {expected}")]
    TensorLength {
        /// Name of the engine.
        engine: String,
        /// How many it must.
        expected: usize,
        /// How many it does.
        found: usize,
    },
    /// The process that runs an engine has no answer.
    #[error("engine '{engine}': {message}")]
    Apart {
        /// Name of the engine.
        engine: String,
        /// What happened, in one line.
        message: String,
    },
    /// A geometry does not belong to the model's picture.
    #[error(
        "a geometry of a model picture of {found:?} pixels does not fit engine '{engine}' of {expected:?}"
    )]
    GeometryMismatch {
        /// Name of the engine.
        engine: String,
        /// Width and height of the model's picture.
        expected: (usize, usize),
        /// Width and height in the geometry.
        found: (usize, usize),
    },
    /// A picture is too large to be addressed.
    #[error("a picture of {width}x{height} pixels is too large: give one of less than 65536 pixels a side")]
    FrameTooLarge {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// A picture could not be resized.
    #[error("a {format:?} picture of {width}x{height} pixels cannot be resized: {message}")]
    Resize {
        /// Its format.
        format: PixelFormat,
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// What the resizer says.
        message: String,
    },
    /// No geometry follows from the picture's size and pixel aspect ratio.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// A class map could not be made.
    #[error(transparent)]
    Mask(#[from] MaskError),
}

impl From<CacheError> for EngineError {
    fn from(error: CacheError) -> Self {
        Self::Provider(error.into())
    }
}

impl EngineError {
    /// What to branch on.
    pub fn kind(&self) -> EngineErrorKind {
        match self {
            Self::Registry(_) | Self::NoSuchClass { .. } => EngineErrorKind::NotFound,
            Self::Runtime(_) => EngineErrorKind::Runtime,
            Self::Provider(_) | Self::OnDevice { .. } => EngineErrorKind::Backend,
            Self::Manifest(_)
            | Self::ModelFile { .. }
            | Self::ModelMemory { .. }
            | Self::HashMismatch { .. }
            | Self::ModelLoad { .. }
            | Self::TensorName { .. }
            | Self::NoUnlikeness { .. }
            | Self::Sample(_)
            | Self::InputCount { .. }
            | Self::TensorType { .. }
            | Self::TensorShape { .. } => EngineErrorKind::BadEngine,
            Self::FrameTooLarge { .. } | Self::Resize { .. } | Self::Geometry(_) => EngineErrorKind::Frame,
            Self::Run { .. }
            | Self::Apart { .. }
            | Self::Device(_)
            | Self::NotFinite { .. }
            | Self::UnknownLabel { .. }
            | Self::TensorLength { .. }
            | Self::GeometryMismatch { .. }
            | Self::Mask(_) => EngineErrorKind::Inference,
        }
    }
}

impl vesalius_cuda::DeviceError for EngineError {
    fn is_sticky(&self) -> bool {
        matches!(self, Self::Device(error) if error.is_sticky())
    }
}

//! The manifest: the contract between a model file and everything else.
//!
//! `manifest.toml` stands beside the model. Unknown keys and unknown values are errors, so that a slip of the pen
//! never changes what a network is given or how its answer is read.

mod validate;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vesalius_measure::components::KeepComponents;
use vesalius_measure::geometry::ResizeRule;

/// The version of the format that this module reads.
pub const SCHEMA: u32 = 1;

/// The file's name in an engine's folder.
pub const FILE_NAME: &str = "manifest.toml";

/// Everything that a `manifest.toml` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format, [`SCHEMA`].
    pub schema: u32,
    /// What the engine is.
    pub engine: EngineSection,
    /// The model's file.
    pub model: ModelSection,
    /// The tensor it takes and how a picture becomes it.
    pub input: InputSection,
    /// The tensor it gives and how it is read.
    pub output: OutputSection,
    /// What it segments; background is class 0 and not listed.
    pub classes: Vec<ClassSection>,
    /// The numbers it can run in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub precisions: Vec<PrecisionSection>,
    /// TensorRT plans that the engine's maker vouches for. The files are not shipped: each fits one GPU and one TensorRT.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<PlanSection>,
    /// Published scores on data that it was not trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<ScoresSection>,
}

/// What the engine is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineSection {
    /// Name, as in the folder's name: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// Version of the weights.
    pub version: String,
    /// One line for people.
    pub description: String,
    /// What it does.
    pub task: Task,
    /// On which pictures.
    pub modality: Modality,
    /// Licence of the weights, with attribution.
    pub licence: String,
    /// The measuring protocol it is meant for, one of
    /// [`ProtocolConfig::NAMES`](vesalius_measure::protocol::ProtocolConfig::NAMES).
    pub protocol: String,
}

/// What an engine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// A class a pixel.
    Segmentation,
}

/// Which pictures an engine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Modality {
    /// B-mode ultrasound.
    Ultrasound,
    /// Endoscopy.
    Endoscopy,
}

/// The model's file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSection {
    /// Plain file name, in the manifest's folder.
    pub file: String,
    /// SHA-256 of the file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// ONNX operator set it was exported with.
    pub opset: u32,
}

/// The tensor a model takes and how a picture becomes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSection {
    /// Name of the tensor.
    pub name: String,
    /// Order of its axes; the output has the same unless it says otherwise.
    pub layout: Layout,
    /// What its numbers are; those of [`precisions`](Manifest::precisions) are converted to and from it.
    #[serde(default, skip_serializing_if = "Element::is_f32")]
    pub element: Element,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Channels.
    pub color: Color,
    /// What byte values 0 and 255 become before mean and deviation.
    pub range: [f32; 2],
    /// Subtracted from each channel.
    pub mean: Vec<f32>,
    /// Each channel is divided by it, after the mean.
    pub std: Vec<f32>,
    /// How the picture is brought to the tensor's size.
    pub resize: ResizeRule,
    /// How pixels are mixed in doing so.
    pub filter: Filter,
    /// Byte value of a letterbox's border.
    pub pad: u8,
}

/// What an input's numbers are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Element {
    /// 32-bit floating point.
    #[default]
    F32,
    /// 16-bit floating point.
    F16,
    /// Bytes, the picture's own: the model normalises them itself.
    U8,
}

impl Element {
    /// Its name in manifests and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::U8 => "u8",
        }
    }

    // As serde wants it.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_f32(&self) -> bool {
        *self == Self::F32
    }
}

/// Order of a tensor's axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Batch, channel, row, column.
    Nchw,
    /// Batch, row, column, channel.
    Nhwc,
}

/// A tensor's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// One: full-range luma. Of RGB pictures by ITU-R BT.601; of YUV pictures their own luma plane.
    Gray,
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

impl Color {
    /// How many channels.
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb | Self::Bgr => 3,
        }
    }
}

/// How pixels are mixed when a picture is resized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// A triangle whose support grows with the down-scale, rounded to 8 bits: Pillow's `BILINEAR`.
    #[default]
    LinearAntialias,
    /// Between the two nearest pixels of each axis whatever the scale, rounded to 8 bits: OpenCV's `INTER_LINEAR`, and
    /// `tf.image.resize`. Of a picture that is made much smaller it skips most pixels.
    Linear,
}

/// The tensor a model gives and how it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSection {
    /// Name of the tensor.
    pub name: String,
    /// What its numbers are.
    pub kind: OutputKind,
    /// What makes probabilities of them.
    pub activation: Activation,
    /// Logits are divided by it before the activation, so that a probability of 0.8 is right in 8 of 10 pixels (temperature
    /// scaling: Guo et al. 2017, arXiv 1706.04599); 1 where it is not given, and only of logits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// A second output that says how unlike the training data a picture is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlikeness: Option<UnlikenessSection>,
    /// Order of its axes, where it is not the input's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
}

/// An output that says how unlike the training data a picture is: one f32, of shape `[1]` or `[1, 1]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnlikenessSection {
    /// Name of the tensor.
    pub name: String,
    /// A number greater than this means: unlike the training data.
    pub threshold: f32,
    /// How well the number tells other data from that of training, by the other data's name: area under the ROC curve, 0
    /// to 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub auroc: BTreeMap<String, f64>,
}

/// What an output's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// Scores that an activation makes probabilities of; f32 or f16.
    Logits,
    /// Probabilities, the activation already applied inside the model; f32 or f16.
    Probabilities,
    /// One class index a pixel, `[1, 1, H, W]` or `[1, H, W]`; u8, i32 or i64.
    Labels,
}

/// What makes probabilities of scores, and with it how many channels an output has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// One channel: class 1 against background.
    Sigmoid,
    /// A channel for background and one a class.
    Softmax,
    /// Nothing is left to do: labels.
    None,
}

/// One class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassSection {
    /// Channel in a softmax output and value in label masks, from 1.
    pub index: u8,
    /// Name in files, snake_case.
    pub name: String,
    /// Name for people.
    pub label: String,
    /// Colour of its outline, `#RRGGBB`.
    pub color: String,
    /// Probability from which a pixel belongs to the class.
    pub threshold: f32,
    /// Which pieces are kept.
    pub components: KeepComponents,
    /// Whether holes are filled.
    pub fill_holes: bool,
    /// How far inside the mask's edge the outline lies that is drawn and measured, in pixels of the model's picture, at most
    /// [`MOST_INSET_PX`]. For labels that hold more than the structure: a line that was drawn around it, say.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outline_inset_px: f64,
}

/// Greatest `outline_inset_px`: more is no label's margin.
pub const MOST_INSET_PX: f64 = 4.0;

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl ClassSection {
    /// Red, green and blue of `#RRGGBB`; `None` where the text is none.
    pub fn rgb(&self) -> Option<[u8; 3]> {
        let digits = self.color.strip_prefix('#').filter(|d| d.len() == 6 && d.is_ascii())?;
        let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        // from_str_radix takes a sign, which a colour does not have.
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        Some([byte(0)?, byte(2)?, byte(4)?])
    }
}

/// Numbers that a model can run in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrecisionSection {
    /// Which.
    pub name: Precision,
    /// Plain file name of the model in these numbers, its inputs and outputs as those of `model.file`: needed for int8,
    /// wanted for f16 (without it only TensorRT runs f16, which converts by itself), none for f32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// SHA-256 of that file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Takes the place of `output.temperature` in these numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Takes the place of `output.unlikeness.threshold` in these numbers: int8 rounds what the number is made of, which moves
    /// it, so that int8 needs one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlikeness_threshold: Option<f32>,
    /// How far it is from f32, by the figure's name; empty for f32, and never for another. See
    /// [`parity`](crate::parity) for the figures that count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parity: BTreeMap<String, f64>,
}

/// A TensorRT plan that may be run: a plan is code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanSection {
    /// SHA-256 of the file that `trtexec` wrote.
    pub sha256: String,
    /// The numbers it runs in.
    pub precision: Precision,
    /// On which GPU and with which TensorRT it was made, one line.
    pub made_with: String,
}

/// A number format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point.
    F16,
    /// 8-bit integer, quantised.
    Int8,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Int8];

    /// Its name in manifests, settings and results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Published scores on data that the model was not trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoresSection {
    /// Which data, with its source.
    pub data: String,
    /// How it was split.
    pub split: String,
    /// Pictures scored.
    pub images: u32,
    /// Subjects they come from.
    pub subjects: u32,
    /// The figures by name, the unit in the name.
    pub values: BTreeMap<String, f64>,
}

/// Why a manifest is not one. Displayed as one line.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ManifestError {
    /// The file, where there is one.
    pub path: Option<PathBuf>,
    /// Line in it, from 1, where one is to blame.
    pub line: Option<usize>,
    /// The table or key to blame, such as `input.std`; empty where it is the whole file.
    pub key: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl std::error::Error for ManifestError {}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("engine manifest: ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        // Messages of the TOML reader can span lines.
        f.write_str(&self.problem.split_whitespace().collect::<Vec<_>>().join(" "))?;
        match (&self.path, self.line) {
            (Some(path), Some(line)) => write!(f, " ({}:{line})", path.display()),
            (Some(path), None) => write!(f, " ({})", path.display()),
            (None, Some(line)) => write!(f, " (line {line})"),
            (None, None) => Ok(()),
        }
    }
}

impl ManifestError {
    fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: None, line: None, key: key.into(), problem: problem.into() }
    }

    fn from_toml(text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map(|span| span.start.min(text.len()));
        let before = at.and_then(|at| text.get(..at)).unwrap_or("");
        let line = at.map(|_| before.matches('\n').count() + 1);
        // The reader names the key and not the table it stands in.
        let table = text
            .lines()
            .take(line.unwrap_or(0))
            .filter(|l| l.starts_with('['))
            .last()
            .map(|l| l.trim_matches(|c: char| "[] \t".contains(c)).to_owned())
            .unwrap_or_default();
        Self { path: None, line, key: table, problem: error.message().to_owned() }
    }
}

impl Manifest {
    /// Reads and checks the text of a manifest.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] for text that is no TOML, for a schema other than [`SCHEMA`], for a missing or unknown key
    /// or value, and for values that do not fit together.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        // The schema comes first: keys of a newer format are not "unknown", the format is.
        let table: toml::Table = text.parse().map_err(|e| ManifestError::from_toml(text, &e))?;
        match table.get("schema") {
            Some(toml::Value::Integer(schema)) if *schema == i64::from(SCHEMA) => {}
            Some(other) => {
                return Err(ManifestError::new(
                    "schema",
                    format!("{other} is not understood: this version reads schema {SCHEMA}"),
                ));
            }
            None => {
                return Err(ManifestError::new(
                    "schema",
                    format!("missing: write 'schema = {SCHEMA}' as the first line"),
                ));
            }
        }
        let manifest: Self = toml::from_str(text).map_err(|e| ManifestError::from_toml(text, &e))?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// Reads and checks a manifest file.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] as [`Self::parse`], and for a file that cannot be read.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let text = std::fs::read_to_string(path).map_err(|error| ManifestError {
            path: Some(path.to_owned()),
            ..ManifestError::new("", format!("cannot be read: {error}"))
        })?;
        Self::parse(&text).map_err(|error| ManifestError { path: Some(path.to_owned()), ..error })
    }

    /// Writes the manifest as TOML, such that [`Self::parse`] gives it back.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] where the manifest is not valid or cannot be expressed.
    pub fn to_toml(&self) -> Result<String, ManifestError> {
        self.validate()?;
        toml::to_string(self).map_err(|error| ManifestError::new("", error.to_string()))
    }

    /// What it says of a precision.
    pub fn precision(&self, name: Precision) -> Option<&PrecisionSection> {
        self.precisions.iter().find(|section| section.name == name)
    }

    /// File name and SHA-256 of the model in a precision; `None` where there is no such file.
    pub fn model_file(&self, precision: Precision) -> Option<(&str, &str)> {
        if precision == Precision::F32 {
            return Some((&self.model.file, &self.model.sha256));
        }
        let section = self.precision(precision)?;
        Some((section.file.as_deref()?, section.sha256.as_deref()?))
    }

    /// What a picture's unlikeness is compared with where the model runs in `precision`; `None` for an engine without it.
    pub fn unlikeness_threshold(&self, precision: Precision) -> Option<f32> {
        let own = self.precision(precision).and_then(|section| section.unlikeness_threshold);
        self.output.unlikeness.as_ref().map(|section| own.unwrap_or(section.threshold))
    }

    /// What logits are divided by where the model runs in `precision`; 1 where nothing is said.
    pub fn temperature(&self, precision: Precision) -> f32 {
        let own = self.precision(precision).and_then(|section| section.temperature);
        own.or(self.output.temperature).unwrap_or(1.0)
    }

    /// Order of the output's axes.
    pub fn output_layout(&self) -> Layout {
        self.output.layout.unwrap_or(self.input.layout)
    }

    /// How many channels the output has.
    pub fn output_channels(&self) -> usize {
        match self.output.activation {
            Activation::Sigmoid | Activation::None => 1,
            Activation::Softmax => self.classes.len() + 1,
        }
    }
}

#[cfg(test)]
mod tests;

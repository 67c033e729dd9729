//! The command lines of `vesalius engine import` and `bench`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use vesalius_engine::import::GivenNormalisation;
use vesalius_engine::import::normalisation::{Normalisation, PRESETS};
use vesalius_engine::manifest::{Color, Filter, Layout, Modality, OutputKind};
use vesalius_measure::geometry::ResizeRule;

use crate::args::BackendArgs;

#[derive(Debug, Parser)]
pub struct ImportArgs {
    /// The model, an ONNX file
    pub model: PathBuf,
    /// A still of the kind that the model is for (PNG, JPEG, WebP, BMP, TIFF, DICOM), in its full size and colours. Every way
    /// to prepare it that the file leaves open is tried on it, and laid on a contact sheet
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// The output that the model's makers got for that picture, saved by numpy.save: the way that gives the same is taken
    #[arg(long, value_name = "FILE.npy", requires = "picture")]
    pub reference: Option<PathBuf>,
    /// Take the interpretation of this number on the contact sheet
    #[arg(long, value_name = "NUMBER")]
    pub choose: Option<usize>,
    /// Where the contact sheet goes; without it NAME-interpretations.png in the working folder. It shows the picture
    #[arg(long, value_name = "FILE.png", requires = "picture")]
    pub sheet: Option<PathBuf>,

    /// The engine's name; without it the file's
    #[arg(long)]
    pub name: Option<String>,
    /// Folder in which the engine gets a folder of its name; without it the user's engines
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Names of the classes in the model's order, without the background: head or folds,glottis,tool
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub classes: Vec<String>,
    /// On which pictures
    #[arg(long, value_enum)]
    pub modality: Option<ModalityName>,
    /// What is measured; see docs/protocols.md
    #[arg(long, default_value = "generic")]
    pub protocol: String,
    /// One line that says what it is
    #[arg(long)]
    pub description: Option<String>,
    /// Version of the weights
    #[arg(long = "model-version", default_value = "1", value_name = "TEXT")]
    pub version: String,
    /// Licence of the weights
    #[arg(long)]
    pub licence: Option<String>,

    /// Order of the colours
    #[arg(long, value_enum)]
    pub color: Option<ColorName>,
    /// What bytes become: unit (0 to 1), signed (−1 to 1), bytes (0 to 255), imagenet (0 to 1, then its mean and deviation),
    /// caffe (0 to 255 less its mean)
    #[arg(long, value_name = "PRESET", conflicts_with_all = ["range", "mean", "std"], value_parser = preset)]
    pub normalise: Option<String>,
    /// What bytes 0 and 255 become before mean and deviation
    #[arg(long, value_name = "MIN,MAX", value_delimiter = ',', num_args = 1, allow_hyphen_values = true)]
    pub range: Vec<f32>,
    /// Subtracted then, one number or a channel each in the model's order
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', num_args = 1, allow_hyphen_values = true)]
    pub mean: Vec<f32>,
    /// Divided by at last, one number or a channel each
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', num_args = 1)]
    pub std: Vec<f32>,
    /// How the picture is brought to the model's size
    #[arg(long, value_enum)]
    pub resize: Option<ResizeName>,
    /// How pixels are mixed: linear-antialias (Pillow's BILINEAR), or linear (OpenCV's INTER_LINEAR, tf.image.resize), which
    /// does not smooth. Without it linear-antialias; with --reference the nearer one
    #[arg(long, value_enum)]
    pub filter: Option<FilterName>,
    /// Byte value of a letterbox's border
    #[arg(long, default_value_t = 0)]
    pub pad: u8,
    /// Width and height, for a model that leaves them free
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub size: Option<(u32, u32)>,
    /// Order of the input's axes, where its shape does not tell
    #[arg(long, value_enum)]
    pub layout: Option<LayoutName>,
    /// Name of the input
    #[arg(long, value_name = "NAME")]
    pub input: Option<String>,
    /// Name of the output that holds the segmentation, where there are several
    #[arg(long, value_name = "NAME")]
    pub output: Option<String>,
    /// What the output's numbers are, where they do not tell
    #[arg(long, value_enum)]
    pub kind: Option<KindName>,
    /// Take a quantised (int8) model although nobody measured how far it is from its f32 original
    #[arg(long)]
    pub unverified_int8: bool,

    /// Also write a .modelinfo file for GStreamer's own inference elements beside the model
    #[arg(long)]
    pub modelinfo: bool,
    /// Replace an engine of that name that is another model
    #[arg(long)]
    pub force: bool,
    /// Ask nothing, as without a terminal
    #[arg(long)]
    pub yes: bool,
    /// libonnxruntime.so, where it is not to be looked for
    #[arg(long, value_name = "FILE")]
    pub runtime: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Parser)]
pub struct BenchArgs {
    /// Engine by name or folder
    pub name: String,
    /// What runs it and in which numbers; auto is all that work here
    #[command(flatten)]
    pub backend: BackendArgs,
    /// Threads on the processor; without it 1, 2, 4 … up to all cores
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Vec<u16>,
    /// Seconds for each line
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    pub seconds: f64,
    /// A still to run on; without it a ring on a dark ground, of --size
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// Width and height of the picture without --picture
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = size)]
    pub size: (u32, u32),
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Named values of an option, and what they stand for.
macro_rules! names {
    ($name:ident, $of:ty { $($variant:ident => $value:expr),+ }) => {
        #[derive(Clone, Copy, Debug, ValueEnum)]
        pub enum $name { $($variant),+ }
        impl From<$name> for $of {
            fn from(name: $name) -> Self {
                match name { $($name::$variant => $value),+ }
            }
        }
    };
}

names!(ModalityName, Modality { Ultrasound => Modality::Ultrasound, Endoscopy => Modality::Endoscopy });
names!(ColorName, Color { Gray => Color::Gray, Rgb => Color::Rgb, Bgr => Color::Bgr });
names!(ResizeName, ResizeRule { Stretch => ResizeRule::Stretch, Letterbox => ResizeRule::Letterbox });
names!(FilterName, Filter { LinearAntialias => Filter::LinearAntialias, Linear => Filter::Linear });
names!(LayoutName, Layout { Nchw => Layout::Nchw, Nhwc => Layout::Nhwc });
names!(KindName, OutputKind { Logits => OutputKind::Logits, Probabilities => OutputKind::Probabilities });

impl ImportArgs {
    /// The numbers that were given for bytes, if any.
    pub fn normalisation(&self) -> Result<Option<GivenNormalisation>, String> {
        if let Some(name) = &self.normalise {
            return Ok(Some(GivenNormalisation::Preset(name.clone())));
        }
        if self.range.is_empty() && self.mean.is_empty() && self.std.is_empty() {
            return Ok(None);
        }
        let range = match self.range.as_slice() {
            [] => [0.0, 1.0],
            &[low, high] if low < high => [low, high],
            _ => return Err("--range wants two numbers, MIN,MAX with MIN below MAX".to_owned()),
        };
        let or =
            |values: &[f32], missing: f32| if values.is_empty() { vec![missing] } else { values.to_vec() };
        let (mean, std) = (or(&self.mean, 0.0), or(&self.std, 1.0));
        if std.contains(&0.0) || mean.iter().chain(&std).any(|value| !value.is_finite()) {
            return Err("--mean and --std want finite numbers, and --std none that is 0".to_owned());
        }
        Ok(Some(GivenNormalisation::Numbers(Normalisation { name: "given".to_owned(), range, mean, std })))
    }
}

fn preset(name: &str) -> Result<String, String> {
    if PRESETS.contains(&name) { Ok(name.to_owned()) } else { Err(format!("choose {}", PRESETS.join(", "))) }
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once(['x', 'X']).and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    sides
        .filter(|(w, h)| (1..=16_384).contains(w) && (1..=16_384).contains(h))
        .ok_or_else(|| "write WxH, such as 256x192".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|s| (0.01..=600.0).contains(s)).ok_or_else(|| "write 0.01 to 600".to_owned())
}

//! Arguments of phantoms.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct PhantomArgs {
    #[command(subcommand)]
    pub kind: Option<PhantomKind>,
    /// List the phantoms, a line each
    #[arg(long, required = true)]
    pub list: bool,
}

#[derive(Debug, Subcommand)]
pub enum PhantomKind {
    /// A fetal head in an ultrasound fan or rectangle
    FetalHead(FetalHeadArgs),
    /// Any other phantom, by its name in the list: `vesalius phantom lv --out DIR`
    #[command(external_subcommand)]
    Other(Vec<String>),
}

#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
pub struct SceneArgs {
    /// Folder for the clip and its truth
    #[arg(long, short, value_name = "DIR")]
    pub out: PathBuf,
    /// Frames; without it, as many as show all that the scene does
    #[arg(long)]
    pub frames: Option<u64>,
    /// An option of the scene as KEY=VALUE, its value in JSON: `--set ef_percent=35`, `--set ultrasound.seed=7`. The
    /// options are those of `truth.json`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Write each frame as a PNG too, without the losses of video
    #[arg(long)]
    pub stills: bool,
    /// Do not write the masks
    #[arg(long)]
    pub no_masks: bool,
    /// Write a lossless clip of the masks too, the classes 1, 2 and 3 in its red, green and blue: true outlines for whoever
    /// wants to measure them
    #[arg(long)]
    pub mask_clip: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FieldKind {
    /// Convex probe: a sector
    Fan,
    /// Linear probe: a rectangle
    Linear,
}

#[derive(Debug, Parser)]
pub struct FetalHeadArgs {
    /// Folder for the clip and its truth
    #[arg(long, short, value_name = "DIR")]
    pub out: PathBuf,
    /// Frames
    #[arg(long, default_value_t = 150)]
    pub frames: u64,
    /// Frames a second
    #[arg(long, default_value_t = 30.0)]
    pub fps: f64,
    /// Width of the picture in pixels
    #[arg(long, default_value_t = 800)]
    pub width: u32,
    /// Height of the picture in pixels
    #[arg(long, default_value_t = 540)]
    pub height: u32,
    /// Millimetres per pixel, one number or X,Y
    #[arg(long, default_value = "0.2", allow_hyphen_values = true)]
    pub mm_per_px: String,
    /// Head circumference in mm
    #[arg(long, default_value_t = 250.0, allow_negative_numbers = true)]
    pub head_circumference: f64,
    /// Cephalic index in per cent
    #[arg(long, default_value_t = 78.3, allow_negative_numbers = true)]
    pub cephalic_index: f64,
    /// Direction of the long axis in degrees, clockwise from the right
    #[arg(long, default_value_t = -6.0, allow_negative_numbers = true)]
    pub angle: f64,
    /// Shape of the scanned field
    #[arg(long, value_enum, default_value_t = FieldKind::Fan)]
    pub field: FieldKind,
    /// Gain in dB
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    pub gain: f64,
    /// Looks averaged in the speckle (1 = fully developed)
    #[arg(long, default_value_t = 3)]
    pub compounding: u8,
    /// Loss in an acoustic shadow behind the skull, in dB (0 = no shadow)
    #[arg(long, default_value_t = 0.0)]
    pub shadow: f64,
    /// Factor on the probe's motion (0 = still)
    #[arg(long, default_value_t = 1.0)]
    pub motion: f64,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// A varied scene drawn from the seed; size, scale and place are then its own
    #[arg(long)]
    pub random: bool,
    /// Write each frame as a PNG too, without the losses of video
    #[arg(long)]
    pub stills: bool,
    /// Do not write the masks
    #[arg(long)]
    pub no_masks: bool,
}

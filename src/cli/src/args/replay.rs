//! Arguments of what goes over recordings.

use std::path::PathBuf;

use clap::Parser;

use super::BackendArgs;

#[derive(Debug, Parser)]
pub struct ReplayArgs {
    /// Recordings (whatever GStreamer decodes, DICOM), stills (PNG, JPEG, WebP, BMP, TIFF, DICOM), folders of stills or of
    /// DICOM files
    #[arg(required_unless_present = "list", value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Many recordings, each once: a CSV, here or in a store (s3://BUCKET/LIST.csv), with the header input and, where wanted, id,
    /// calibration, events and columns of your own. What is finished is not done again, whatever ended the run before
    #[arg(long, value_name = "CSV", conflicts_with = "inputs")]
    pub list: Option<String>,
    /// Of a list, recordings at a time
    #[arg(long, value_name = "N", default_value_t = 1, requires = "list", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// Of a list, every N-th recording from number I on (from 0); or env, as an array job of Slurm or an indexed job of Kubernetes
    /// says. `vesalius merge` makes one run of the shards
    #[arg(long, value_name = "I/N", requires = "list")]
    pub shard: Option<String>,
    /// Of a list, try those again that failed before
    #[arg(long, requires = "list")]
    pub retry_failed: bool,
    /// Engine by name or folder; see `vesalius engine list`
    #[arg(long, default_value = "fetal-head")]
    pub engine: String,
    /// Folder for the results; several inputs get a folder each within it. Of a list also s3://BUCKET/FOLDER
    #[arg(long, short, value_name = "DIR")]
    pub out: PathBuf,
    /// Also write the results as tables, values.parquet and frames.parquet
    #[arg(long)]
    pub parquet: bool,
    /// Millimetres per pixel: MM_PER_PX, or X,Y, or a CSV with the header file,mm_per_px_x,mm_per_px_y; or ruler:MM, the
    /// distance of the ticks of a ruler in the picture; or caliper:X,Y,X,Y=MM, two points and their distance; or
    /// profile:FILE,…, profiles of devices.
    /// Without it, that of the DICOM file's regions; where there is none, lengths are in pixels
    #[arg(long, value_name = "SCALE", allow_hyphen_values = true)]
    pub calibration: Option<String>,
    /// Give the scale up when ruler or sector of the picture show another depth; one from a ruler or profile always is
    #[arg(long, requires = "calibration")]
    pub watch_depth: bool,
    /// What is measured: a protocol by name, or a TOML file with one and its settings. Without it, what the engine asks for
    #[arg(long, value_name = "NAME|FILE")]
    pub protocol: Option<String>,
    /// What was noted of the recording, for protocols that ask: a CSV with the header time_s,event
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Milliseconds for which an object must be seen, in all frames but one, before it is measured and drawn. Flicker is not
    /// shown then, and what stays comes so much later
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=60_000))]
    pub confirm_ms: u32,
    /// Milliseconds after which an object that was not seen is a new one
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(..=3_600_000))]
    pub track_gap_ms: u32,
    /// Write a label mask a frame, at the input's size, pixel value = class index
    #[arg(long)]
    pub masks: bool,
    /// Write the outlines into results.jsonl, which `vesalius combine` needs of ventricles
    #[arg(long)]
    pub outlines: bool,
    /// Write no annotated video and no annotated stills
    #[arg(long)]
    pub no_video: bool,
    /// Threads for inference (0 = one a core)
    #[arg(long, default_value_t = 0)]
    pub threads: u32,
    #[command(flatten)]
    pub backend: BackendArgs,
    /// Print one JSON object an input instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Parser)]
pub struct MergeArgs {
    /// Folders, or addresses in a store, that `replay --list` wrote into
    #[arg(required = true, value_name = "ARCHIVE")]
    pub archives: Vec<String>,
    /// Folder for all of it; without it, the one archive's own
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The list: what it names must all be finished
    #[arg(long, value_name = "CSV")]
    pub list: Option<String>,
    /// Merge what is there of the list
    #[arg(long, requires = "list")]
    pub partial: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Parser)]
pub struct CombineArgs {
    /// Run of the first plane: four-chamber, or transverse
    #[arg(value_name = "RUN")]
    pub first: PathBuf,
    /// Run of the second plane: two-chamber, or longitudinal (sagittal)
    #[arg(value_name = "RUN")]
    pub second: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Parser)]
pub struct ExplainArgs {
    /// Recording or still
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// Engine by name or folder; see `vesalius engine list`
    #[arg(long, default_value = "fetal-head")]
    pub engine: String,
    /// Number of the frame, from 0
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub frame: u64,
    /// Structure by name; without it, that of the largest area
    #[arg(long, value_name = "NAME")]
    pub structure: Option<String>,
    /// Picture to write (PNG); without it, INPUT.explained.png in the working folder
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Threads for inference (0 = one a core)
    #[arg(long, default_value_t = 0)]
    pub threads: u32,
    #[command(flatten)]
    pub backend: BackendArgs,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use vesalius_engine::manifest::Precision;
use vesalius_engine::{PrecisionChoice, ProviderChoice, SessionOptions};

use crate::engine::args::{BenchArgs, ImportArgs};

/// Live segmentation, overlays and measurements with units on ultrasound and endoscopy video.
///
/// Not for clinical use.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Args {
    /// Record who ran this, with which engine and on what, in this audit log; without it in that of VESALIUS_AUDIT, where that is
    /// set. What cannot be recorded is not run
    #[arg(long, global = true, value_name = "FILE")]
    pub audit: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Segment, measure and annotate recordings and stills, every frame
    Replay(ReplayArgs),
    /// Show a live picture with outlines and values; the picture never waits for them
    Live(Box<LiveArgs>),
    /// Control a live job from the shell
    Ctl(CtlArgs),
    /// Make one run of the shards of `replay --list`: check their files, and write one index and one table of all values
    Merge(MergeArgs),
    /// Join the runs of two planes: biplane ventricular volumes, the volume of a nodule or the bladder
    Combine(CombineArgs),
    /// Score a run's masks and values against truth
    Score(ScoreArgs),
    /// Show what an engine's answer on one frame rests on and how sure it is, as one picture
    Explain(ExplainArgs),
    /// Compare two runs of the same inputs: two engines, precisions, versions or machines, against gates of parity.
    /// Ends with 0 where no gate is missed, 1 where one is, 2 where the runs cannot be compared
    Compare(CompareArgs),
    /// Hand a run on as DICOM objects: masks as a Segmentation, values as a Structured Report, annotated pictures as a
    /// Secondary Capture
    Export(ExportArgs),
    /// Put runs on one page for people, which works without a network: of one run or several, against truth, or two runs of the
    /// same inputs beside each other
    Report(ReportArgs),
    /// Follow one patient through several dates: what has changed, against what measuring again would change
    Trend(TrendArgs),
    /// Write recordings anew without their patients: header, pixels outside of the scanned field, sound, metadata
    Deidentify(DeidentifyArgs),
    /// Look at the record of who ran what
    Audit(AuditArgs),
    /// Say what a DICOM recording is, when its frames were taken, and whether millimetres will be shown and why
    Show(ShowArgs),
    /// Render a phantom with exactly known truth
    Phantom(PhantomArgs),
    /// Look at the engines
    Engine(EngineArgs),
    /// Say what is installed, what works, and what to do about what does not
    Doctor(DoctorArgs),
    /// Render a phantom, replay it, and compare what was measured with the truth
    Demo(DemoArgs),
}

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

/// Whether pictures are looked at from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AiSwitch {
    /// They are.
    On,
    /// Not before a person turns it on.
    Off,
}

/// Where the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IsolationChoice {
    /// In a process of its own.
    Process,
    /// In a thread of this one.
    Thread,
}

/// Where a result that is older than the picture is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AlignmentChoice {
    /// Where it was found.
    Lag,
    /// Where the picture has moved to since.
    Motion,
}

/// What happens when there is no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WhenFullChoice {
    /// Recording ends.
    Stop,
    /// The oldest recordings go.
    Oldest,
}

#[derive(Debug, Parser)]
pub struct LiveArgs {
    /// v4l2:///dev/video0, decklink://0, rtsp://…, srt://…, launch:… (as gst-launch-1.0 takes it), phantom:NAME, or a recording, which is
    /// shown at its own pace
    #[arg(value_name = "SOURCE", required_unless_present = "profile")]
    pub source: Option<String>,
    /// Settings of a whole job: endoscopy-tower, ultrasound-hdmi, headless-cart, second-monitor, or a TOML file. What else is
    /// given here comes first
    #[arg(long, value_name = "NAME|FILE")]
    pub profile: Option<String>,
    /// Engine by name or folder; see `vesalius engine list` [default: fetal-head]
    #[arg(long)]
    pub engine: Option<String>,
    /// Whether pictures are looked at from the start [default: on]
    #[arg(long, value_enum)]
    pub ai: Option<AiSwitch>,
    /// Millimetres per pixel: MM_PER_PX or X,Y; or ruler:MM, caliper:X,Y,X,Y=MM, profile:FILE,…. Without it, lengths are in
    /// pixels
    #[arg(long, value_name = "SCALE", allow_hyphen_values = true)]
    pub calibration: Option<String>,
    /// Give the scale up when ruler or sector of the picture show another depth; one from a ruler or profile always is
    #[arg(long)]
    pub watch_depth: bool,
    /// What is measured: a protocol by name, or a TOML file with one and its settings. Without it, what the engine asks for
    #[arg(long, value_name = "NAME|FILE")]
    pub protocol: Option<String>,
    /// Milliseconds for which an object must be seen before it is measured and drawn [default: 0]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(..=60_000))]
    pub confirm_ms: Option<u32>,
    /// Milliseconds after which a result is not shown any more [default: 200]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_age_ms: Option<u32>,
    /// Where outlines that are older than the picture are drawn: where they were found, or where the picture has moved to since
    /// [default: lag]
    #[arg(long, value_enum)]
    pub alignment: Option<AlignmentChoice>,
    /// With --alignment motion, milliseconds that a picture may be held up to find out how it moved [default: 5]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub motion_within_ms: Option<u32>,
    /// Milliseconds after which an engine without an answer is ended and started again [default: 1000]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(10..=600_000))]
    pub deadline_ms: Option<u32>,
    /// Where the engine runs on the processor: a crash or a hang of a process of its own ends that and nothing else [default:
    /// process]
    #[arg(long, value_enum)]
    pub isolation: Option<IsolationChoice>,
    /// Begin a recording anew at its end
    #[arg(long = "loop")]
    pub again: bool,
    /// Open a window
    #[arg(long)]
    pub window: bool,
    /// Another way to show the picture, as gst-launch-1.0 takes it, such as kmssink; may be given several times, and takes the place of
    /// the profile's and of its window
    #[arg(long = "sink", value_name = "TEXT")]
    pub sinks: Vec<String>,
    /// Serve a page with the picture, control and metrics, such as 127.0.0.1:8080; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS")]
    pub serve: Option<SocketAddr>,
    /// File with what others must know to be let in; needed on every address but this machine's own
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Record from the start into this folder, as shown and as it came; snapshots go there too
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Folder for snapshots and for what is recorded on demand, without recording from the start
    #[arg(long, short, value_name = "DIR", conflicts_with = "record")]
    pub out: Option<PathBuf>,
    /// Seconds before now that are kept in memory, to be written when somebody asks for them
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=600))]
    pub look_back: Option<u32>,
    /// Blank pictures that are not known to show the inside of a body on recordings, snapshots and the page, not on screens; for
    /// endoscopy
    #[arg(long)]
    pub privacy_gate: bool,
    /// Length of a recording's files in seconds [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub file_length: Option<u32>,
    /// What happens when there is no more room for recordings [default: stop]
    #[arg(long, value_enum)]
    pub when_full: Option<WhenFullChoice>,
    /// Megabytes that stay free on the disk [default: 64]
    #[arg(long, value_name = "MB")]
    pub keep_free_mb: Option<u64>,
    /// Most megabytes of recordings in the folder; without it, as many as fit
    #[arg(long, value_name = "MB")]
    pub most_mb: Option<u64>,
    /// Seconds after which it ends by itself
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<f64>,
    /// At the end, print how long pictures took and how old what was drawn on them was: a table, then a line of JSON
    #[arg(long)]
    pub latency: bool,
    /// Threads for inference (0 = one a core)
    #[arg(long)]
    pub threads: Option<u32>,
    /// What runs the engine: auto, cpu, openvino, cuda or tensorrt [default: auto]
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Numbers it runs in: auto, f32, f16 or int8 [default: auto]
    #[arg(long, value_name = "NAME")]
    pub precision: Option<String>,
    /// libonnxruntime.so, where it is not to be looked for
    #[arg(long, value_name = "FILE")]
    pub runtime: Option<PathBuf>,
}

#[derive(Debug, Parser)]
pub struct CtlArgs {
    /// Where the job serves its page
    #[arg(long, value_name = "ADDRESS", env = "VESALIUS_LIVE", default_value = "127.0.0.1:8080")]
    pub at: String,
    /// File with the token that it asks for; without it, the token in VESALIUS_TOKEN
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
    #[command(subcommand)]
    pub action: CtlAction,
}

#[derive(Debug, Subcommand)]
pub enum CtlAction {
    /// Say how picture, engine and recording are
    Status,
    /// Turn results and drawing on or off
    Ai {
        /// On or off
        #[arg(value_enum)]
        switch: AiSwitch,
    },
    /// Take another engine when it has been loaded and has run; the old one serves until then
    Engine {
        /// Engine by name
        name: String,
    },
    /// Start or stop recording
    Record {
        /// Start or stop
        #[arg(value_enum)]
        switch: RecordSwitch,
    },
    /// Keep the picture, as shown and as it came
    Snapshot,
    /// Keep the seconds before now
    #[command(name = "look-back", visible_alias = "lookback")]
    LookBack {
        /// Seconds; without it, all that are kept
        #[arg(value_parser = clap::value_parser!(u32).range(1..=600))]
        seconds: Option<u32>,
    },
    /// Begin anew for another patient: tracks, times, extremes, calibration
    NewPatient,
}

/// Whether it records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecordSwitch {
    /// It does.
    Start,
    /// It does not.
    Stop,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=1e7).contains(&seconds) => Ok(seconds),
        _ => Err("write seconds, 0.1 and more".to_owned()),
    }
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
pub struct ScoreArgs {
    /// Folder of a run made with `replay --masks`, or of several runs of one engine
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Label masks: a folder of PNGs named like the pictures (or like the frames' numbers), or a CSV with the header
    /// image,mask and, where known, subject, sequence, pixel_size_mm, and true values as NAME_UNIT
    #[arg(long, value_name = "DIR|CSV")]
    pub truth: PathBuf,
    /// The recordings or folders of stills that the runs are of, or a folder that holds them: masks are held against those of the
    /// frame before moved along with the picture too
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub pictures: Vec<PathBuf>,
    /// Folder for score.json, score.csv and score_values.csv; without it, the run's
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Another run of the same input: is this one better, or as good
    #[arg(long, value_name = "RUN")]
    pub against: Option<PathBuf>,
    /// Difference of Dice and NSD between the two runs that would not matter
    #[arg(long, default_value_t = 0.01, requires = "against", allow_negative_numbers = true)]
    pub margin: f64,
    #[command(flatten)]
    pub agreement: AgreementArgs,
    /// Thresholds of true values at which something is decided, besides the usual ones: ejection_fraction<40 or max_diameter>10
    #[arg(long, value_name = "VALUE<LIMIT", value_delimiter = ',')]
    pub decide: Vec<String>,
    /// Structures of which there may be several, to be counted one by one
    #[arg(long, value_name = "STRUCTURE", value_delimiter = ',')]
    pub objects: Vec<String>,
    /// Column of the truth's table to take the results apart by
    #[arg(long, value_name = "COLUMN")]
    pub by: Option<String>,
    /// Frames a second of the sequences that the stills are from, by the truth's columns sequence and frame: they are then
    /// looked at over time
    #[arg(long, value_name = "HZ", allow_negative_numbers = true)]
    pub frame_rate: Option<f64>,
    /// Part of the intervals that are to hold the truth
    #[arg(long, default_value_t = 0.95, allow_negative_numbers = true)]
    pub confidence: f64,
    /// Times that patients are drawn for an interval
    #[arg(long, default_value_t = 4000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub resamples: u32,
    /// Seed of the draws
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Fail where a truth has no frame in the run
    #[arg(long)]
    pub complete: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// What counts as the same, of two sets of masks and values.
#[derive(Debug, clap::Args)]
pub struct AgreementArgs {
    /// Which class of the truth is which of the engine, where the numbers differ: 255=1,4=0 (0 is background)
    #[arg(long, value_name = "TRUTH=RUN", value_delimiter = ',', requires = "truth")]
    pub classes: Vec<String>,
    /// How far boundaries may lie apart and still agree: head=1.5mm,tool=5px
    #[arg(long, value_name = "STRUCTURE=LENGTH", value_delimiter = ',')]
    pub tolerance: Vec<String>,
    /// Largest difference of a value that would not matter; gates of `compare` may take a part of it: head_circumference=3% or
    /// bpd=2
    #[arg(long, value_name = "VALUE=LIMIT", value_delimiter = ',')]
    pub limit: Vec<String>,
}

impl AgreementArgs {
    /// Reads all of it into settings.
    pub fn read(&self, settings: &mut vesalius_qa::score::Settings) -> anyhow::Result<()> {
        for class in &self.classes {
            settings.class(class)?;
        }
        for tolerance in &self.tolerance {
            settings.tolerance(tolerance)?;
        }
        for limit in &self.limit {
            settings.limit(limit)?;
        }
        Ok(())
    }
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

#[derive(Debug, Parser)]
pub struct CompareArgs {
    /// Folder of the run that is relied on, made with `replay --masks`, or of several such runs of one engine
    #[arg(value_name = "REFERENCE")]
    pub reference: PathBuf,
    /// Folder of the run of the same inputs that is to be as good
    #[arg(value_name = "CANDIDATE")]
    pub candidate: PathBuf,
    /// What counts as parity: exact, f16, int8, or a TOML file with thresholds; auto takes what suits what differs
    #[arg(long, value_name = "NAME|FILE", default_value = "auto")]
    pub gates: String,
    /// Truth of both, as for `score`: what the candidate loses against it is a gate then
    #[arg(long, value_name = "DIR|CSV")]
    pub truth: Option<PathBuf>,
    #[command(flatten)]
    pub agreement: AgreementArgs,
    /// Structures that the two engines call differently: head=fetal_head
    #[arg(long, value_name = "REFERENCE=CANDIDATE", value_delimiter = ',')]
    pub structures: Vec<String>,
    /// Compare values and presence alone, for runs without masks
    #[arg(long)]
    pub values_only: bool,
    /// Take a gate that cannot be decided for one that is missed
    #[arg(long)]
    pub complete: bool,
    /// Folder for compare.json, compare.csv (a row a frame and structure) and compare_values.csv (a row a frame and value)
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Parser)]
#[command(group = clap::ArgGroup::new("objects").required(true).multiple(true))]
pub struct ExportArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Masks as a Segmentation; the run must have been made with --masks
    #[arg(long, group = "objects")]
    pub dicom_seg: bool,
    /// Values as a Structured Report (TID 1500)
    #[arg(long, group = "objects")]
    pub dicom_sr: bool,
    /// Annotated pictures as a Secondary Capture
    #[arg(long, group = "objects")]
    pub dicom_sc: bool,
    /// The run's input, where it is not where it was; it is held to its hash
    #[arg(long, value_name = "INPUT")]
    pub source: Option<PathBuf>,
    /// Modality of the generated study of an input that is no DICOM file, such as US or ES
    #[arg(long, value_name = "CODE", default_value = "OT", value_parser = modality)]
    pub modality: String,
    /// Folder for the objects; without it, `dicom` in the run's
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

fn modality(text: &str) -> Result<String, String> {
    let fits =
        (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("write a code of DICOM's in capitals, such as US or ES".to_owned())
    }
}

#[derive(Debug, Parser)]
pub struct ReportArgs {
    /// Folders of runs, or folders with such, of one engine. Two of the same inputs are compared, the first being the reference
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Truth, as for `score`: a folder of label masks or a table
    #[arg(long, value_name = "DIR|CSV")]
    pub truth: Option<PathBuf>,
    /// Folder with what `score` left for these runs, so that masks are not scored again
    #[arg(long, value_name = "DIR")]
    pub scores: Option<PathBuf>,
    /// The recordings or folders of stills that the runs are of, or a folder that holds them: frames to look at are shown then.
    /// The page holds those pictures
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub pictures: Vec<PathBuf>,
    /// Page to write; without it, report.html in the folder of the (last) run
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write the same as Markdown too, with its figures in the folder images beside it and without any picture of a frame
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Title in place of the engine's name
    #[arg(long)]
    pub title: Option<String>,
    #[command(flatten)]
    pub agreement: AgreementArgs,
    /// Column of the truth's table to take the results apart by
    #[arg(long, value_name = "COLUMN", requires = "truth")]
    pub by: Option<String>,
    /// Frames a second of the sequences that the stills are from, as for `score`
    #[arg(long, value_name = "HZ", requires = "truth", allow_negative_numbers = true)]
    pub frame_rate: Option<f64>,
    /// Of two runs: what counts as parity, as for `compare`
    #[arg(long, value_name = "NAME|FILE", default_value = "auto")]
    pub gates: String,
    /// Of two runs: structures that the two engines call differently: head=fetal_head
    #[arg(long, value_name = "REFERENCE=CANDIDATE", value_delimiter = ',')]
    pub structures: Vec<String>,
    /// Of two runs: compare values and presence alone, for runs without masks
    #[arg(long)]
    pub values_only: bool,
}

#[derive(Debug, Parser)]
pub struct TrendArgs {
    /// Runs of one patient, each with the day of its examination: 2026-03-01=out/march; or all without, in their order
    #[arg(required = true, value_name = "[DATE=]RUN")]
    pub runs: Vec<String>,
    /// Page to write
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What a value differs by without a change, as you have found it yourself: head_circumference=3% or bpd=2
    #[arg(long, value_name = "VALUE=LIMIT", value_delimiter = ',')]
    pub limit: Vec<String>,
    /// Title in place of the dates
    #[arg(long)]
    pub title: Option<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Parser)]
pub struct DeidentifyArgs {
    /// DICOM files, recordings, stills, or folders of such
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// Folder for what can be handed on
    #[arg(long, short, value_name = "DIR")]
    pub out: PathBuf,
    /// File with the key that pseudonyms are made with; drawn where there is none. Keep it apart: it must not lie in --out
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Write which file, patient and study became which, for yourself alone; must not lie in --out
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// What is kept of every picture: first and last column and row, in pixels. Without it the file's regions and the field
    /// that the pictures show tell; where neither does, the file is refused
    #[arg(long, value_name = "X0,Y0,X1,Y1", value_parser = rectangle)]
    pub keep: Option<vesalius_exchange::deidentify::Rectangle>,
    /// Where nothing else tells, keep all but so many per cent of the height at the top
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub strip_top: Option<f64>,
    /// Blank what looks like text within what is kept, too
    #[arg(long)]
    pub blank_text: bool,
    /// Blank frames that do not look like the inside of a body. Told by colour alone: look through the result
    #[arg(long)]
    pub endoscopy: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

fn rectangle(text: &str) -> Result<vesalius_exchange::deidentify::Rectangle, String> {
    let numbers: Vec<u32> = text.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    match numbers[..] {
        [x0, y0, x1, y1] if x0 <= x1 && y0 <= y1 && text.matches(',').count() == 3 => {
            Ok(vesalius_exchange::deidentify::Rectangle { x0, y0, x1, y1 })
        }
        _ => Err("write first and last column and row, such as 80,40,719,559 for X0,Y0,X1,Y1".to_owned()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if percent > 0.0 && percent < 100.0 => Ok(percent / 100.0),
        _ => Err("write per cent, above 0 and below 100".to_owned()),
    }
}

#[derive(Debug, Parser)]
pub struct AuditArgs {
    #[command(subcommand)]
    pub command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Find out whether lines were altered, removed or put elsewhere. Ends with 1 where some were
    Verify {
        /// The log; without it, that of VESALIUS_AUDIT
        #[arg(value_name = "FILE")]
        log: Option<PathBuf>,
        /// A hash that was noted earlier: its line must still be there
        #[arg(long, value_name = "HASH")]
        expect: Option<String>,
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Parser)]
pub struct ShowArgs {
    /// DICOM files, or folders with such
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
}

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

/// What runs an engine.
#[derive(Clone, Debug, ClapArgs)]
pub struct BackendArgs {
    /// What runs the engine: auto, cpu, openvino, cuda or tensorrt. One that is named and does not work is an error; auto takes the
    /// fastest that works and says why
    #[arg(long, default_value_t, value_name = "NAME")]
    pub provider: ProviderChoice,
    /// Numbers it runs in: auto, f32, f16 or int8
    #[arg(long, default_value_t, value_name = "NAME")]
    pub precision: PrecisionChoice,
    /// libonnxruntime.so, where it is not to be looked for
    #[arg(long, value_name = "FILE")]
    pub runtime: Option<PathBuf>,
}

impl BackendArgs {
    /// As a session is told.
    pub fn options(&self) -> SessionOptions {
        SessionOptions {
            runtime: self.runtime.clone(),
            provider: self.provider,
            precision: self.precision,
            ..SessionOptions::default()
        }
    }
}

#[derive(Debug, Parser)]
pub struct EngineArgs {
    #[command(subcommand)]
    pub action: EngineAction,
}

#[derive(Debug, Subcommand)]
pub enum EngineAction {
    /// All engines, a line each, with what is compiled for this GPU and what is stale
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What a manifest says
    Show {
        /// Engine by name or folder
        name: String,
    },
    /// Check an engine: hash, shapes, a run, the stored sample bit for bit in f32 on the processor and within tolerance
    /// elsewhere, and the parity figures of its precisions against their gates
    Verify {
        /// Engine by name or folder
        name: String,
        #[command(flatten)]
        backend: BackendArgs,
    },
    /// Store pictures and the masks that an engine gives on them in f32 on the processor, for `verify`
    Sample {
        /// Engine by name or folder
        name: String,
        /// PNG pictures, gray or RGB; those with a pixel too near to its threshold are left out
        #[arg(required = true, value_name = "PICTURE")]
        pictures: Vec<PathBuf>,
        /// libonnxruntime.so, where it is not to be looked for
        #[arg(long, value_name = "FILE")]
        runtime: Option<PathBuf>,
    },
    /// Make an engine of your own ONNX model: what its file leaves open is tried on a picture, for you to see which is right
    Import(Box<ImportArgs>),
    /// Measure an engine's speed on this machine, by provider, precision and threads, and which live rate each sustains
    Bench(BenchArgs),
    /// Compile an engine ahead for this GPU, into the cache
    Build {
        /// Engine by name or folder
        name: String,
        #[command(flatten)]
        backend: BackendArgs,
    },
    /// Take a TensorRT plan that trtexec made as the build of an engine. A plan is code: its SHA-256 must stand in the
    /// engine's manifest or in trusted-plans.txt
    ImportPlan {
        /// Engine by name or folder
        name: String,
        /// The file that trtexec wrote (--saveEngine)
        plan: PathBuf,
        /// Numbers it runs in, which a plan does not say: f32, f16 or int8
        #[arg(long, value_name = "NAME", value_parser = named_precision)]
        precision: Precision,
        /// Only write the ONNX model with the plan in it, without a GPU
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// libonnxruntime.so, where it is not to be looked for
        #[arg(long, value_name = "FILE")]
        runtime: Option<PathBuf>,
    },
    /// Remove builds that are stale, and what was left half-made
    Clean {
        /// Remove all builds
        #[arg(long)]
        all: bool,
    },
}

fn named_precision(name: &str) -> Result<Precision, String> {
    match name.parse() {
        Ok(PrecisionChoice::Named(precision)) => Ok(precision),
        Ok(PrecisionChoice::Auto) => Err("a plan runs in f32, f16 or int8: say which".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[derive(Debug, Parser)]
pub struct DoctorArgs {
    /// Look at what live pictures need: capture devices and their formats, screens, and whether an engine keeps up here
    #[arg(long)]
    pub live: bool,
    /// With --live: the engine that is to keep up
    #[arg(long, value_name = "NAME", default_value = "fetal-head", requires = "live")]
    pub engine: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Parser)]
pub struct DemoArgs {
    /// Folder for the results
    #[arg(long, short, default_value = "out/demo", value_name = "DIR")]
    pub out: PathBuf,
    /// Engine by name or folder
    #[arg(long, default_value = "fetal-head")]
    pub engine: String,
}

//! Arguments of live pictures.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

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

/// A corner of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CornerChoice {
    /// Top left.
    TopLeft,
    /// Top right.
    TopRight,
    /// Bottom left.
    BottomLeft,
    /// Bottom right.
    BottomRight,
}

/// How urgent the picture's threads are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PriorityChoice {
    /// They go before those of other programs.
    Raised,
    /// They wait for their turn as any other.
    Usual,
}

/// Where a result that is older than the picture is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AlignmentChoice {
    /// Where it was found.
    Lag,
    /// Where the picture has moved to since.
    Motion,
    /// On the picture that it is of, which waits.
    Delay,
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
    /// Where outlines that are older than the picture are drawn: where they were found, where the picture has moved to since, or on
    /// the picture that they are of, which waits [default: lag]
    #[arg(long, value_enum)]
    pub alignment: Option<AlignmentChoice>,
    /// With --alignment motion, milliseconds that a picture may be held up to find out how it moved [default: 5]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub motion_within_ms: Option<u32>,
    /// With --alignment delay, milliseconds that every picture waits for what is found in it [default: 100]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub delay_ms: Option<u32>,
    /// Milliseconds after which an engine without an answer is ended and started again [default: 1000]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(10..=600_000))]
    pub deadline_ms: Option<u32>,
    /// Where the engine runs on the processor: a crash or a hang of a process of its own ends that and nothing else [default:
    /// process]
    #[arg(long, value_enum)]
    pub isolation: Option<IsolationChoice>,
    /// Whether the picture's threads go before those of other programs, where the system permits it [default: raised]
    #[arg(long, value_enum)]
    pub priority: Option<PriorityChoice>,
    /// Draw nothing on this part of the picture, LEFT,TOP,WIDTH,HEIGHT in parts of it, 0 to 1: a scanner's header is 0,0,1,0.08; may be
    /// given several times
    #[arg(long, value_name = "PART")]
    pub keep_clear: Vec<String>,
    /// Corner of the list of values; state and notice stand across from it [default: bottom-left]
    #[arg(long, value_enum, value_name = "CORNER")]
    pub values_at: Option<CornerChoice>,
    /// Begin a recording anew at its end
    #[arg(long = "loop")]
    pub again: bool,
    /// Open a window
    #[arg(long)]
    pub window: bool,
    /// Show the picture on a whole monitor: of Wayland, of X, or of the kernel where there is no desktop
    #[arg(long)]
    pub fullscreen: bool,
    /// With --fullscreen, which monitor, by its name; `vesalius doctor --live` lists them [default: the first]
    #[arg(long, value_name = "NAME")]
    pub monitor: Option<String>,
    /// Another way to show the picture, as gst-launch-1.0 takes it, such as 'decklinkvideosink mode=1080p60'; may be given several times; what is named here, or a
    /// window or monitor, takes the place of the profile's screens
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

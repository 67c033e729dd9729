//! The command line.

mod engine;
mod exchange;
mod live;
mod phantom;
mod qa;
mod replay;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
pub use engine::*;
pub use exchange::*;
pub use live::*;
pub use phantom::*;
pub use qa::*;
pub use replay::*;

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
pub struct ShowArgs {
    /// DICOM files, or folders with such
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
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

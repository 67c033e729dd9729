//! `vesalius-bench`: the figures of `docs/performance.md`, as ratios within one run where that can be.
//!
//! ```text
//! cargo run --release -p vesalius-benches -- --program target/release/vesalius [--peer-python PYTHON]
//! ```
//!
//! `PYTHON` is an interpreter with numpy, opencv-python-headless and onnxruntime; without one the comparison with a
//! Python loop is left out, and said to be.

mod program;
mod series;
mod stages;

use std::path::PathBuf;

use clap::Parser;

/// The figures of docs/performance.md.
#[derive(Debug, Parser)]
struct Args {
    /// The program to measure
    #[arg(long, default_value = "target/release/vesalius")]
    program: PathBuf,
    /// Engine by name or folder
    #[arg(long, default_value = "fetal-head")]
    engine: String,
    /// Python with numpy, opencv-python-headless and onnxruntime
    #[arg(long)]
    peer_python: Option<PathBuf>,
    /// Rounds of each comparison, sides taken in turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only the stages of one frame, in this process
    #[arg(long)]
    stages_only: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    stages::run(&args.engine)?;
    if !args.stages_only {
        program::run(&program::Setting {
            program: args.program,
            engine: args.engine,
            peer_python: args.peer_python,
            rounds: args.rounds,
        })?;
    }
    Ok(())
}

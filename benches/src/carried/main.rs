//! `vesalius-carried`: what it is worth to carry a mask along with the picture, and what that costs.
//!
//! ```text
//! cargo run --release -p vesalius-benches --bin vesalius-carried -- DATA
//! ```
//!
//! `DATA` holds `vocalfolds` (Laves et al., arXiv 1807.06081): pictures of eight sequences with true label maps. The true mask of a
//! frame is the mask that an engine would have given; it is held against the true mask of each of the frames after it up to six
//! later, once where it was and once carried along as the live picture does it. The same with phantoms that move. Prints the tables of
//! docs/live.md.

mod larynx;
mod phantoms;
mod score;

use std::path::PathBuf;

use clap::Parser;

/// What carrying masks along is worth.
#[derive(Debug, Parser)]
struct Args {
    /// The folder with vocalfolds in it
    data: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    larynx::run(&args.data.join("vocalfolds"))?;
    phantoms::run()
}

//! `vesalius explain`.

use std::io::IsTerminal;
use std::path::PathBuf;

use vesalius_pipeline::explain::{ExplainOptions, explain};

use crate::args::ExplainArgs;

/// Runs the command.
pub fn run(args: &ExplainArgs) -> anyhow::Result<u8> {
    gst::init()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut session = args.backend.options();
    session.threads = if args.threads == 0 { cores } else { args.threads as usize };
    let options = ExplainOptions {
        engine: args.engine.clone(),
        frame: args.frame,
        structure: args.structure.clone(),
        out: args.out.clone().unwrap_or_else(|| beside(&args.input)),
        session,
    };
    let bar = indicatif::ProgressBar::new(0);
    if args.json || !std::io::stderr().is_terminal() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    let found = explain(&args.input, &options, &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    if args.json {
        say!("{}", serde_json::to_string(&found)?);
        return Ok(crate::OK);
    }
    say!("{}, frame {}: {} by {}", found.input, found.frame, found.label, found.engine.name);
    match found.confidence {
        Some(confidence) if found.unsure => {
            say!("  confidence   {confidence:.3}: too low for a value");
        }
        Some(confidence) => say!("  confidence   {confidence:.3}"),
        None => say!("  not found"),
    }
    say!("  steadiness   {:.3}, the least overlap of {} framings", found.steadiness, found.framings);
    match (found.unlikeness, found.unlike) {
        (Some([score, limit]), Some(unlike)) => {
            let is = if unlike { "UNLIKE TRAINING DATA: no values" } else { "like the training data" };
            say!("  unlikeness   {score:.4} (limit {limit:.4}): {is}");
        }
        _ => say!("  unlikeness   this engine does not say"),
    }
    say!("  picture      {}", found.out.display());
    Ok(crate::OK)
}

/// The picture's name where none is given: in the working folder, after the input.
fn beside(input: &std::path::Path) -> PathBuf {
    let stem = input.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    PathBuf::from(format!("{stem}.explained.png"))
}

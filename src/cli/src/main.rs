//! The program `vesalius`: arguments in, jobs of `vesalius-pipeline` run, people told.

#[macro_use]
mod say;

mod archive;
mod args;
mod audit;
mod builds;
mod combine;
mod compare;
mod ctl;
mod deidentify;
mod demo;
mod doctor;
mod doctor_live;
mod engine;
mod explain;
mod export;
mod live;
mod phantom;
mod progress;
mod replay;
mod report;
mod score;
mod service;
mod show;
mod trend;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// Everything was done.
const OK: u8 = 0;
/// Something was not done.
const FAILED: u8 = 1;
/// The user stopped it (128 + SIGINT, as shells have it).
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    vesalius_engine::runtime::keep_private();
    // Before anything is opened or started: this process serves another one's inference, confined.
    if std::env::args_os().nth(1).is_some_and(|first| first == vesalius_engine::apart::ARGUMENT) {
        return vesalius_engine::apart::serve();
    }
    vesalius_engine::share_heaps();
    let args = Args::parse();
    if matches!(args.command, Command::Live(_)) {
        vesalius_engine::return_large_memory(4 << 20);
    }
    let recorded = match audit::begin(&args) {
        Ok(recorded) => recorded,
        Err(error) => {
            complain!("vesalius: {}", say::one_line(&error));
            return ExitCode::from(FAILED);
        }
    };
    let result = match &args.command {
        Command::Replay(args) => replay::run(args),
        Command::Merge(args) => archive::merge(args),
        Command::Live(args) => live::run(args, &recorded),
        Command::Ctl(args) => ctl::run(args),
        Command::Combine(args) => combine::run(args),
        Command::Score(args) => score::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Compare(args) => Ok(compare::run(args)),
        Command::Export(args) => export::run(args),
        Command::Report(args) => report::run(args),
        Command::Trend(args) => trend::run(args),
        Command::Deidentify(args) => deidentify::run(args),
        Command::Audit(command) => audit::run(command, args.audit.as_ref()),
        Command::Show(args) => show::run(args),
        Command::Phantom(args) => phantom::run(args),
        Command::Engine(args) => engine::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Demo(args) => demo::run(args),
    };
    let code = result.unwrap_or_else(|error| {
        // The whole chain on one line: what failed, then why.
        complain!("vesalius: {}", say::one_line(&error));
        FAILED
    });
    match recorded.end(code) {
        Ok(()) => ExitCode::from(code),
        Err(error) => {
            complain!("vesalius: {}", say::one_line(&error));
            ExitCode::from(FAILED)
        }
    }
}

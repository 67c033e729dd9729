//! How fast two runs of many recordings are compared, and in how much memory: the records and masks of two real runs of one
//! clip are repeated until there are as many recordings of as many frames as asked for, in a folder of their own.
//!
//! `compare_speed REFERENCE CANDIDATE RECORDINGS FRAMES FOLDER [values-only]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod many;

use std::path::Path;
use std::time::Instant;

use vesalius_qa::compare::{Options, compare, write};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [reference, candidate, recordings, frames, folder, rest @ ..] = args.as_slice() else {
        panic!("compare_speed REFERENCE CANDIDATE RECORDINGS FRAMES FOLDER [values-only]")
    };
    let folder = Path::new(folder);
    let (recordings, frames): (u64, u64) = (recordings.parse().unwrap(), frames.parse().unwrap());
    let [a, b] = [(reference, "reference"), (candidate, "candidate")].map(|(run, name)| {
        let into = folder.join(name);
        if !into.is_dir() {
            many::repeat(Path::new(run), recordings, frames, &into);
        }
        into
    });
    let options = Options { values_only: rest.iter().any(|a| a == "values-only"), ..Options::default() };
    let started = Instant::now();
    let compared = compare(&a, &b, &options).expect("the runs can be compared");
    let all = started.elapsed();
    write(&compared, &folder.join("compared")).expect("the tables can be written");
    println!(
        "{recordings} recordings of {frames} frames{}: compared in {:.1} s, with its tables in {:.1} s, peak memory {} MB",
        if options.values_only { ", values only" } else { "" },
        all.as_secs_f64(),
        started.elapsed().as_secs_f64(),
        many::peak_mb()
    );
}

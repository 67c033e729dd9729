//! How fast a report is made of many recordings, and in how much memory: a real run's records are repeated until there are as
//! many recordings of as many frames as asked for, in a folder of their own. Run it in release:
//!
//! `report_speed RUN RECORDINGS FRAMES FOLDER`, where RUN is the folder of a clip's run; where `vesalius score` left its files
//! in it, the report is made of those too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod many;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use vesalius_qa::report::{Options, Pictures, Study, html, write_file};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [run, recordings, frames, folder] = args.as_slice() else {
        panic!("report_speed RUN RECORDINGS FRAMES FOLDER")
    };
    let (run, folder) = (Path::new(run), Path::new(folder));
    let (recordings, frames): (u64, u64) = (recordings.parse().unwrap(), frames.parse().unwrap());
    if !folder.join("runs").is_dir() {
        many::repeat(run, recordings, frames, &folder.join("runs"));
        if run.join("score.json").is_file() {
            repeat_scores(run, recordings, frames, &folder.join("scores"));
        }
    }
    let scores = folder.join("scores");
    let started = Instant::now();
    let options = Options { scores: scores.is_dir().then(|| scores.clone()), ..Options::default() };
    let study = Study::read(&[folder.join("runs")], &options).expect("the runs can be read");
    let read = started.elapsed();
    let page = html::page(&study.document(&Pictures::new()));
    write_file(&folder.join("report.html"), &page).expect("the page can be written");
    println!(
        "{recordings} recordings of {frames} frames{}: read in {:.1} s, all in {:.1} s, page {:.1} MB, peak memory {} MB",
        if scores.is_dir() { ", scored before" } else { "" },
        read.as_secs_f64(),
        started.elapsed().as_secs_f64(),
        page.len() as f64 / 1e6,
        many::peak_mb()
    );
}

fn repeat_scores(run: &Path, recordings: u64, frames: u64, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let mut report: Value =
        serde_json::from_str(&fs::read_to_string(run.join("score.json")).unwrap()).unwrap();
    let table = fs::read_to_string(run.join("score.csv")).unwrap();
    let mut lines = table.lines();
    let head = lines.next().unwrap();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let at = |name: &str| head.split(',').position(|h| h == name).unwrap();
    let (input, frame, time, run_at) = (at("input"), at("frame"), at("time_s"), at("run"));
    let structures = report["structures"].as_array().unwrap().len();
    let mut out = format!("{head}\n");
    for n in 0..recordings {
        for i in 0..frames {
            for s in 0..structures {
                let from = (((i + 7 * n) as usize * structures) % rows.len()) / structures * structures + s;
                let mut row: Vec<String> = rows[from].iter().map(ToString::to_string).collect();
                row[input] = format!("clip{n:04}.mp4");
                row[frame] = i.to_string();
                row[time] = (i as f64 * many::STEP_NS as f64 / 1e9).to_string();
                row[at("patient")] = n.to_string();
                row[at("video")] = n.to_string();
                row[run_at] = n.to_string();
                writeln!(out, "{}", row.join(",")).unwrap();
            }
        }
    }
    for structure in report["structures"].as_array_mut().unwrap() {
        structure["frames"] = serde_json::json!({"both": recordings * frames, "truth_only": 0, "prediction_only": 0, "neither": 0});
    }
    let write = |name: &str, text: String| fs::write(folder.join(PathBuf::from(name)), text).unwrap();
    write("score.csv", out);
    write("score.json", report.to_string());
    write("score_values.csv", fs::read_to_string(run.join("score_values.csv")).unwrap());
}

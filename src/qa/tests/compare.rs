//! Two runs of the same inputs on the disk, as people have them, right and wrong.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use vesalius_qa::compare::verdict::{Outcome, Status};
use vesalius_qa::compare::{Choice, Compared, Gates, Options, Report, compare, table, write};

const SIDE: u32 = 40;

/// A frame: its file, its time in milliseconds, the left edge of its square (none for `None`), what was measured, and why not.
#[derive(Clone, Copy)]
struct Frame<'a> {
    file: &'a str,
    at_ms: u64,
    square: Option<u32>,
    width: Result<f64, &'a str>,
    has_result: bool,
}

fn frame<'a>(file: &'a str, at_ms: u64, square: Option<u32>, width: Result<f64, &'a str>) -> Frame<'a> {
    Frame { file, at_ms, square, width, has_result: true }
}

/// A run to be written.
#[derive(Clone)]
struct Run<'a> {
    kind: &'a str,
    input: &'a str,
    precision: &'a str,
    classes: &'a [&'a str],
    /// Value of the square in the masks.
    label: u8,
    ejection_fraction: Option<f64>,
}

const STILLS: Run<'static> = Run {
    kind: "stills",
    input: "x",
    precision: "f32",
    classes: &["head"],
    label: 1,
    ejection_fraction: None,
};

struct Study {
    folder: tempfile::TempDir,
}

impl Study {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, name: &str, run: &Run<'_>, frames: &[Frame<'_>]) -> PathBuf {
        let folder = self.at(name);
        let (kind, input, precision) = (run.kind, run.input, run.precision);
        let mut lines = format!(
            r#"{{"record":"run","schema":1,"started_utc":"2026-01-01T00:00:00Z","software":{{"vesalius":"0.1.0"}},"engine":{{"name":"e","version":"1","sha256":"{precision}","precision":"{precision}","backend":"cpu"}},"input":{{"name":"{input}","kind":"{kind}","sha256":"00"}}}}"#
        );
        lines.push('\n');
        for (i, f) in frames.iter().enumerate() {
            let (status, file) = (if f.has_result { "ok" } else { "missing" }, f.file);
            let reason =
                if f.has_result { String::new() } else { r#""reason":"INFERENCE_FAILED","#.to_owned() };
            let (width, validity) = match f.width {
                Ok(w) => (w.to_string(), r#""valid","reason":null"#.to_owned()),
                Err(why) => ("null".to_owned(), format!(r#""invalid","reason":"{why}""#)),
            };
            let structures: Vec<String> = run
                .classes
                .iter()
                .enumerate()
                .map(|(c, n)| {
                    let found = f.square.is_some() && c + 1 == usize::from(run.label);
                    format!(r#"{{"name":"{n}","found":{found}}}"#)
                })
                .collect();
            let ef = run.ejection_fraction.map_or(String::new(), |ef| {
                format!(r#","series":[{{"structure":"head","name":"ejection_fraction","value":{ef},"unit":"%","validity":"valid","reason":null}}]"#)
            });
            writeln!(
                lines,
                r#"{{"record":"frame","input":"{file}","frame":{i},"pts_ns":{},"status":"{status}",{reason}"calibration":"operator:0.5x0.5","structures":[{}],"values":[{{"structure":"{}","name":"width","value":{width},"unit":"mm","validity":{validity}}}]{ef}}}"#,
                f.at_ms * 1_000_000,
                structures.join(","),
                run.classes[usize::from(run.label) - 1],
            )
            .unwrap();
            if f.has_result {
                let stem = match kind {
                    "video" => format!("{i:06}"),
                    _ => Path::new(file).file_stem().unwrap().to_string_lossy().into_owned(),
                };
                png(&folder.join(format!("masks/{stem}.png")), &square(f.square, run.label), SIDE);
            }
        }
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("results.jsonl"), lines).unwrap();
        folder
    }
}

/// A square of 20 by 20 with its left edge at `at`.
fn square(at: Option<u32>, label: u8) -> Vec<u8> {
    let inside = |x: u32, y: u32| at.is_some_and(|at| (at..at + 20).contains(&x) && (8..28).contains(&y));
    (0..SIDE * SIDE).map(|i| label * u8::from(inside(i % SIDE, i / SIDE))).collect()
}

fn png(path: &Path, labels: &[u8], width: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), width, labels.len() as u32 / width);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(labels).unwrap();
}

fn gates(name: &str) -> Options {
    Options { gates: name.parse::<Choice>().unwrap(), ..Options::default() }
}

fn status<'a>(report: &'a Report, subject: &str, gate: &str) -> (Status, Option<f64>, &'a str) {
    let v = report
        .verdicts
        .iter()
        .find(|v| v.subject == subject && v.gate == gate)
        .unwrap_or_else(|| panic!("no gate {subject} {gate}: {:#?}", report.verdicts));
    (v.status, v.figure, v.note.as_deref().unwrap_or(""))
}

fn fault(reference: &Path, candidate: &Path, options: &Options) -> String {
    let error = compare(reference, candidate, options).unwrap_err().to_string();
    assert!(!error.contains('\n') && error.len() > 30, "{error}");
    error
}

const NAMES: [&str; 5] = ["a.png", "b.png", "c.png", "d.png", "e.png"];

fn stills(square: [Option<u32>; 5], width: [f64; 5]) -> Vec<Frame<'static>> {
    (0..5).map(|i| frame(NAMES[i], 0, square[i], Ok(width[i]))).collect()
}

const AT: [Option<u32>; 5] = [Some(4), Some(6), Some(8), Some(10), None];
const WIDTHS: [f64; 5] = [100.0, 110.0, 120.0, 130.0, 140.0];

#[test]
fn the_same_bits_are_parity_and_one_pixel_or_digit_is_not() {
    let study = Study::new();
    let frames = stills(AT, WIDTHS);
    let a = study.run("a", &STILLS, &frames);
    let b = study.run("b", &STILLS, &frames);
    let same = compare(&a, &b, &Options::default()).unwrap().report;
    assert_eq!((same.gates.name.as_str(), same.outcome, same.same_records), ("exact", Outcome::Parity, 5));
    assert!(same.differ_in.is_empty() && same.losses.is_empty() && same.notes.is_empty(), "{same:?}");

    let mut labels = square(AT[2], 1);
    labels[8 * SIDE as usize + 8] = 0;
    png(&b.join("masks/c.png"), &labels, SIDE);
    let one = compare(&a, &b, &Options::default()).unwrap().report;
    assert_eq!(status(&one, "head", "masks that differ").0, Status::Missed);
    assert_eq!(status(&one, "frames", "records that differ").0, Status::Met);
    assert_eq!((one.outcome, one.structures[0].worst[0].input.as_str()), (Outcome::Missed, "c.png"));
    // 400 pixels and 399 of them.
    assert_eq!(one.structures[0].worst[0].dice, Some(798.0 / 799.0));

    let c = study.run("c", &STILLS, &stills(AT, [100.0, 110.0, 120.0, 130.0, 140.000_000_1]));
    let digit = compare(&a, &c, &Options::default()).unwrap().report;
    assert_eq!(status(&digit, "frames", "records that differ"), (Status::Missed, Some(20.0), ""));
    let width = &digit.values[0];
    assert_eq!((width.both, width.identical, width.worst[0].input.as_str()), (5, 4, "e.png"));
}

#[test]
fn masks_are_measured_frame_by_frame_and_a_vanished_structure_counts_as_nothing_in_common() {
    let study = Study::new();
    let int8 = Run { precision: "int8", ..STILLS };
    let a = study.run("a", &STILLS, &stills(AT, WIDTHS));
    // One column of twenty further on: 380 of 400 in common. d is lost, e is new.
    let b = study.run("b", &int8, &stills([Some(5), Some(6), Some(8), None, Some(1)], WIDTHS));
    let compared = compare(&a, &b, &Options::default()).unwrap();
    let report = &compared.report;
    assert_eq!((report.gates.name.as_str(), report.outcome), ("int8", Outcome::Missed));
    assert!(report.differ_in.iter().any(|d| d.what == "engine.precision" && d.candidate == "int8"));
    let head = &report.structures[0];
    let f = head.frames;
    assert_eq!((f.both, f.reference_only, f.candidate_only, f.neither), (3, 1, 1, 0));
    let dice = head.masks.as_ref().unwrap().dice.unwrap();
    assert_eq!((dice.n_frames, dice.worst, dice.median), (5, 0.0, 0.95));
    assert!((dice.mean - (0.95 + 1.0 + 1.0) / 5.0).abs() < 1e-12);
    assert_eq!(status(report, "head", "in one run only"), (Status::Missed, Some(40.0), ""));
    assert_eq!(status(report, "head", "Dice, median").0, Status::Missed);
    // The column is half a millimetre wide.
    assert_eq!(compared.frames[0].structures[0].masks.unwrap().hd100, Some(0.5));
    let text = table::text(report);
    assert!(text.contains("reference only 1, candidate only 1") && text.contains("no parity"), "{text}");
}

#[test]
fn values_are_judged_by_bias_limits_and_equivalence() {
    let study = Study::new();
    let int8 = Run { precision: "int8", ..STILLS };
    let a = study.run("a", &STILLS, &stills(AT, WIDTHS));
    let scaled = |by: [f64; 5]| -> [f64; 5] { std::array::from_fn(|i| WIDTHS[i] * by[i]) };
    let near = study.run("near", &int8, &stills(AT, scaled([1.001, 0.999, 1.002, 1.0, 0.998])));
    let near = compare(&a, &near, &Options::default()).unwrap().report;
    assert_eq!(status(&near, "head width", "bias").0, Status::Met);
    let p = status(&near, "head width", "equivalence, p");
    assert!(p.0 == Status::Met && p.1.unwrap() < 0.001, "{p:?}");
    // Differences 0.1, −0.1, 0.2, 0, −0.2 %: SD √(0.1/4) %.
    let spread = near.values[0].percent.unwrap();
    assert!((spread.farthest() - 1.959_964 * (0.1_f64 / 4.0).sqrt()).abs() < 1e-6, "{spread:?}");
    assert_eq!((near.outcome, spread.n_units, spread.by_frame), (Outcome::Parity, 5, false));

    // Two per cent too large throughout: no spread, and yet no parity.
    let large = study.run("large", &int8, &stills(AT, scaled([1.02; 5])));
    let large = compare(&a, &large, &Options::default()).unwrap().report;
    assert_eq!(status(&large, "head width", "bias").0, Status::Missed);
    assert_eq!(status(&large, "head width", "limits of agreement").0, Status::Met);
    assert_eq!(status(&large, "head width", "equivalence, p").0, Status::Missed);

    // No bias, but single values that are far off.
    let wide = study.run("wide", &int8, &stills(AT, scaled([1.04, 0.96, 1.03, 0.97, 1.0])));
    let wide = compare(&a, &wide, &Options::default()).unwrap().report;
    assert_eq!(status(&wide, "head width", "bias").0, Status::Met);
    assert_eq!(status(&wide, "head width", "limits of agreement").0, Status::Missed);
    assert_eq!(status(&wide, "head width", "equivalence, p").0, Status::Missed);
}

#[test]
fn a_value_that_vanishes_is_counted_with_its_reason() {
    let study = Study::new();
    let a = study.run("a", &STILLS, &stills(AT, WIDTHS));
    let mut frames = stills(AT, WIDTHS);
    frames[1].width = Err("TRUNCATED");
    let b = study.run("b", &STILLS, &frames);
    let report = compare(&a, &b, &gates("f16")).unwrap().report;
    assert_eq!(status(&report, "head width", "in one run only"), (Status::Missed, Some(20.0), ""));
    assert_eq!(report.values[0].changed_states["valid -> TRUNCATED"], 1);
    // The others are the same, and that is no per cent of nothing.
    assert_eq!(report.values[0].percent.unwrap().max_absolute, 0.0);
}

#[test]
fn gates_come_from_a_file_and_a_value_may_have_its_own() {
    let study = Study::new();
    let a = study.run("a", &STILLS, &stills(AT, WIDTHS));
    let b = study.run("b", &STILLS, &stills(AT, [101.0, 111.0, 121.0, 131.0, 141.0]));
    let outcome = |text: &str| {
        let path = study.at("gates.toml");
        fs::write(&path, text).unwrap();
        let report = compare(&a, &b, &gates(&path.display().to_string())).unwrap().report;
        assert_eq!(report.gates.name, "gates.toml");
        report.outcome
    };
    assert_eq!(outcome("base = \"f16\"\n"), Outcome::Missed);
    assert_eq!(outcome("base = \"f16\"\n[value.width]\nbias = 1.5\nloa = 1.5\n"), Outcome::Parity);
    assert_eq!(outcome("base = \"f16\"\n[value.width]\nbias = 0.5\nloa = 1.5\n"), Outcome::Missed);
    // A value that neither has is not passed over: its name may be written wrong.
    let misspelt = "base = \"f16\"\n[value.width]\nbias = 1.5\nloa = 1.5\n[value.wdith]\nbias = 1.0\n";
    assert_eq!(outcome(misspelt), Outcome::Undecided);
    assert_eq!(outcome("base = \"f16\"\n[value.width]\nignore = true\n"), Outcome::Parity);
    assert_eq!(outcome("[masks]\ndice_worst = 0.9\n"), Outcome::Parity);
    fs::write(study.at("gates.toml"), "[masks]\ndise = 1\n").unwrap();
    let error = fault(&a, &b, &gates(&study.at("gates.toml").display().to_string()));
    assert!(error.contains("gates.toml: line 2") && error.contains("dise"), "{error}");
}

const CLIP: Run<'static> = Run { kind: "video", input: "clip.mp4", ..STILLS };

fn clip(frames: std::ops::Range<u64>) -> Vec<Frame<'static>> {
    frames.map(|i| frame("clip.mp4", i * 40, Some(4 + (i % 5) as u32), Ok(100.0 + i as f64))).collect()
}

#[test]
fn frames_of_a_clip_go_together_by_time_and_what_was_dropped_is_listed() {
    let study = Study::new();
    let a = study.run("a", &CLIP, &clip(0..20));
    // Live: every third frame is dropped, those that are left are numbered anew, and one has no result.
    let mut frames: Vec<Frame<'_>> = clip(0..20).into_iter().filter(|f| f.at_ms % 120 != 80).collect();
    frames[0].has_result = false;
    let b = study.run("b", &CLIP, &frames);
    let report = compare(&a, &b, &gates("f16")).unwrap().report;
    let c = report.coverage;
    assert_eq!((c.reference_frames, c.candidate_frames, c.paired, c.in_one_only), (20, 14, 14, 7));
    assert!(report.notes.iter().any(|n| n.contains("paired by time stamp")), "{:?}", report.notes);
    let lost: Vec<_> = report.losses.iter().map(|l| (l.lacking, l.first, l.last, l.why.as_str())).collect();
    assert_eq!(lost[0], ("candidate", 2, 2, "NOT_IN_THE_RUN"));
    assert_eq!(lost[6], ("candidate", 0, 0, "INFERENCE_FAILED"));
    // All that was paired is the same, but for the frame without a result, which is an empty mask.
    let masks = report.structures[0].masks.as_ref().unwrap();
    assert_eq!((masks.identical, report.structures[0].frames.reference_only), (13, 1));
    assert_eq!(status(&report, "frames", "in one run only").0, Status::Missed);
    assert!(table::text(&report).contains("the candidate lacks clip.mp4 2: NOT_IN_THE_RUN"));

    let c = study.run("c", &CLIP, &clip(0..8));
    let tail = compare(&a, &c, &gates("f16")).unwrap().report;
    assert_eq!(
        (tail.losses.len(), tail.losses[0].first, tail.losses[0].last, tail.losses[0].frames),
        (1, 8, 19, 12)
    );
}

#[test]
fn of_one_clip_nothing_is_tested_for_equivalence_and_values_over_time_are_single_pairs() {
    let study = Study::new();
    let run = |ef: f64| Run { ejection_fraction: Some(ef), ..CLIP };
    let a = study.run("a", &run(60.0), &clip(0..20));
    let b = study.run("b", &run(60.1), &clip(0..20));
    let report = compare(&a, &b, &gates("f16")).unwrap().report;
    assert_eq!(report.outcome, Outcome::Undecided);
    assert_eq!(status(&report, "head width", "equivalence, p").0, Status::Undecided);
    let (status_of, figure, note) =
        status(&report, "head ejection_fraction over time", "limits of agreement");
    assert!(status_of == Status::Met && note == "one pair: its difference", "{note}");
    assert!((figure.unwrap() - 100.0 * 0.1 / 60.0).abs() < 1e-9);
    assert!(report.notes[0].contains("1 video is too few"), "{:?}", report.notes);
    assert!(table::text(&report).contains("parity as far as it could be decided"));
}

#[test]
fn folders_of_runs_go_together_by_input_and_lonely_runs_are_listed() {
    let study = Study::new();
    for (side, inputs) in [("a", ["one", "two", "three", "four"]), ("b", ["one", "two", "three", "five"])] {
        for input in inputs {
            let name = format!("{input}.mp4");
            study.run(&format!("{side}/{input}"), &Run { input: &name, ..CLIP }, &clip(0..6));
        }
    }
    let report = compare(&study.at("a"), &study.at("b"), &gates("f16")).unwrap().report;
    assert_eq!((report.n_units, report.unit, report.coverage.paired), (3, "video", 18));
    assert_eq!(
        report.losses.iter().map(|l| (l.lacking, l.frames)).collect::<Vec<_>>(),
        [("candidate", 6), ("reference", 6)]
    );
    // Without spread and without a difference: shown to be equivalent.
    assert_eq!(status(&report, "head width", "equivalence, p").1, Some(0.0));
}

#[test]
fn class_numbers_may_differ_where_names_do_not() {
    let study = Study::new();
    let a = study.run("a", &STILLS, &stills(AT, WIDTHS));
    let other = Run { classes: &["neck", "head"], label: 2, ..STILLS };
    let b = study.run("b", &other, &stills(AT, WIDTHS));
    let report = compare(&a, &b, &gates("f16")).unwrap().report;
    assert_eq!(
        (report.outcome, report.structures[0].masks.as_ref().unwrap().identical),
        (Outcome::Parity, 5)
    );
    assert!(report.notes.iter().any(|n| n.contains("head is 1 and 2")), "{:?}", report.notes);
    assert!(report.notes.iter().any(|n| n.contains("candidate alone, not compared: neck")));

    let named = Run { classes: &["skull"], ..STILLS };
    let c = study.run("c", &named, &stills(AT, WIDTHS));
    let error = fault(&a, &c, &gates("f16"));
    assert!(error.contains("no structure in common") && error.contains("--structures"), "{error}");
    let same = vec![("head".to_owned(), "skull".to_owned())];
    let report = compare(&a, &c, &Options { same, ..gates("f16") }).unwrap().report;
    assert_eq!((report.outcome, report.values.len(), report.values[0].both), (Outcome::Parity, 1, 5));
    let same = vec![("head".to_owned(), "skul".to_owned())];
    assert!(
        fault(&a, &c, &Options { same, ..gates("f16") })
            .contains("'skul', which the candidate does not have")
    );
}

#[test]
fn the_loss_against_truth_is_a_gate_where_there_is_truth() {
    let study = Study::new();
    let a = study.run("a", &STILLS, &stills([Some(4); 5], WIDTHS));
    let b = study.run("b", &STILLS, &stills([Some(4), Some(5), Some(4), Some(5), Some(6)], WIDTHS));
    for name in ["a", "b", "c", "d", "e"] {
        png(&study.at(&format!("truth/{name}.png")), &square(Some(4), 1), SIDE);
    }
    let report =
        |truth: Option<PathBuf>| compare(&a, &b, &Options { truth, ..gates("int8") }).unwrap().report;
    let gate = "change of the Dice with truth, lower end";
    assert_eq!(status(&report(None), "masks", gate).0, Status::NotLookedAt);
    let with = report(Some(study.at("truth")));
    let (state, low, _) = status(&with, "head", gate);
    assert!(state == Status::Missed && low.unwrap() < -0.04, "{low:?}");
    let same = compare(&a, &a, &Options { truth: Some(study.at("truth")), ..gates("int8") }).unwrap().report;
    assert_eq!(status(&same, "head", gate), (Status::Met, Some(0.0), ""));
    assert!(same.notes.iter().any(|n| n.contains("same folder")));
}

#[test]
fn runs_without_masks_are_compared_by_values_where_that_is_asked_for() {
    let study = Study::new();
    let a = study.run("a", &STILLS, &stills(AT, WIDTHS));
    let b = study.run("b", &STILLS, &stills([Some(4), Some(6), Some(8), None, None], WIDTHS));
    fs::remove_dir_all(b.join("masks")).unwrap();
    let error = fault(&a, &b, &gates("f16"));
    assert!(error.contains("the mask of frame 0 is missing") && error.contains("--values-only"), "{error}");
    let report = compare(&a, &b, &Options { values_only: true, ..gates("f16") }).unwrap().report;
    assert_eq!(status(&report, "head", "in one run only"), (Status::Missed, Some(20.0), ""));
    assert_eq!(status(&report, "head", "Dice, median").0, Status::NotLookedAt);
}

#[test]
fn what_does_not_fit_is_one_line_that_says_what_to_do() {
    let study = Study::new();
    let options = gates("f16");
    let a = study.run("a", &STILLS, &stills(AT, WIDTHS));
    let frames: Vec<Frame<'_>> = ["v.png", "w.png"].map(|n| frame(n, 0, Some(4), Ok(1.0))).to_vec();
    let other = study.run("other", &STILLS, &frames);
    let error = fault(&a, &other, &options);
    assert!(
        error.contains("no frame in common") && error.contains("'a.png'") && error.contains("'v.png'"),
        "{error}"
    );

    let one = study.run("one", &CLIP, &clip(0..4));
    let renamed = Run { input: "other.mp4", ..CLIP };
    let two = study.run("two", &renamed, &clip(0..4));
    // The same bytes under another name are the same input; other bytes are not.
    assert!(compare(&one, &two, &options).is_ok());
    let text = fs::read_to_string(two.join("results.jsonl"))
        .unwrap()
        .replace(r#""sha256":"00""#, r#""sha256":"11""#);
    fs::write(two.join("results.jsonl"), text).unwrap();
    assert!(
        fault(&one, &two, &options)
            .contains("different inputs: the reference has 'clip.mp4', the candidate 'other.mp4'")
    );
    assert!(fault(&a, &one, &options).contains("different inputs"));

    let small = study.run("small", &STILLS, &stills(AT, WIDTHS));
    png(&small.join("masks/b.png"), &[1; 12], 4);
    assert!(fault(&a, &small, &options).contains("is 4x3 pixels, and the reference's 40x40"));
    png(&small.join("masks/b.png"), &square(Some(3), 7), SIDE);
    assert!(fault(&a, &small, &options).contains("holds class 7, and its run has 1 head"));
    fs::write(small.join("masks/b.png"), b"GIF89a").unwrap();
    assert!(fault(&a, &small, &options).contains("is no label mask"));
    let old =
        fs::read_to_string(small.join("results.jsonl")).unwrap().replace(r#""schema":1"#, r#""schema":0"#);
    fs::write(small.join("results.jsonl"), old).unwrap();
    assert!(fault(&a, &small, &options).contains("written in format 0, and this program reads format 1"));
    assert!(fault(&a, &study.at("none"), &options).contains("no run"));
    assert!(fault(&a, &a, &gates("/nowhere/gates.toml")).contains("cannot be read"));
}

fn written(compared: &Compared, out: &Path) -> Vec<String> {
    write(compared, out).unwrap().map(|path| fs::read_to_string(path).unwrap()).to_vec()
}

#[test]
fn the_files_hold_every_frame_and_value_and_a_store_that_takes_nothing_is_one_line() {
    let study = Study::new();
    let a = study.run("a", &STILLS, &stills(AT, WIDTHS));
    let b = study.run(
        "b",
        &STILLS,
        &stills([Some(5), Some(6), Some(8), Some(10), None], [101.0, 110.0, 120.0, 130.0, 140.0]),
    );
    let compared = compare(&a, &b, &gates("int8")).unwrap();
    let files = written(&compared, &study.at("out/deep"));
    let json: serde_json::Value = serde_json::from_str(&files[0]).unwrap();
    assert_eq!(
        (&json["record"], &json["outcome"], &json["gates"]["name"]),
        (&"compare".into(), &"parity".into(), &"int8".into())
    );
    assert_eq!(json["structures"][0]["masks"]["dice"]["worst"], 0.95);
    assert!(
        files[1].lines().count() == 6 && files[1].contains("a.png,0,0,0,head,both,0.95,"),
        "{}",
        files[1]
    );
    assert!(files[2].contains("a.png,0,0,0,head,width,mm,false,100,101,1,valid,valid"), "{}", files[2]);
    // The same runs give the same bytes.
    let again = compare(&a, &b, &gates("int8")).unwrap();
    assert_eq!(files, written(&again, &study.at("again")));
    fs::write(study.at("file"), b"").unwrap();
    let error = write(&compared, &study.at("file/out")).unwrap_err().to_string();
    assert!(
        error.contains("cannot be written") && error.contains("--out") && !error.contains('\n'),
        "{error}"
    );
}

fn read_gates(text: &str) -> Result<Gates, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gates.toml");
    fs::write(&path, text).unwrap();
    Gates::read(&path).map_err(|e| e.to_string())
}

#[test]
fn a_file_of_gates_changes_a_usual_set_or_stands_alone() {
    let g = read_gates("base = \"int8\"\n[masks]\ndice_p1 = 0.9\n[value.bpd]\nbias = 0.5\n").unwrap();
    assert_eq!((g.masks.dice_p1, g.masks.dice_median), (Some(0.9), Some(0.99)));
    assert_eq!((g.values.loa_percent, g.value["bpd"].bias), (Some(4.0), Some(0.5)));
    let g = read_gates("[masks]\ndice_median = 0.9\n").unwrap();
    assert_eq!(
        (g.masks.dice_median, g.values.bias_percent, g.truth.dice_change_low),
        (Some(0.9), None, None)
    );
}

#[test]
fn every_fault_in_a_file_of_gates_is_one_line_that_says_where() {
    for (text, expected) in [
        ("", "names no gate"),
        ("base = \"f32\"", "line 1"),
        ("[masks]\ndice_mean = 0.9", "line 2: unknown field `dice_mean`"),
        ("[masks]\ndice_median = 99", "masks.dice_median: a Dice is 0 to 1"),
        ("[masks]\npresence_flips_percent = -1", "0 to 100"),
        ("[values]\nbias_percent = nan", "values.bias_percent: a limit is"),
        ("[value.bpd]\nloa = 0.0", "value.bpd.loa"),
        ("[truth]\ndice_change_low = 0.01", "truth.dice_change_low"),
        ("[masks\n", "line 1"),
    ] {
        let error = read_gates(text).unwrap_err();
        assert!(error.contains(expected) && !error.contains('\n'), "{text:?}: {error}");
    }
}

#[test]
fn the_file_of_gates_in_the_page_is_one() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/qa.md")).unwrap();
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let g = read_gates(example).unwrap();
    assert_eq!((g.masks.dice_worst, g.value["head_circumference"].loa), (Some(0.9), Some(2.0)));
    assert!(g.value["orientation"].ignore && g.masks.dice_median == Some(0.99));
    // Every name that the page lists is one that is understood.
    for name in page
        .split("Further names:")
        .nth(1)
        .unwrap()
        .split("The last")
        .next()
        .unwrap()
        .split('`')
        .skip(1)
        .step_by(2)
    {
        let (section, field) = name.split_once('.').unwrap();
        let value = ["0.5", "true", "-0.5"]
            .into_iter()
            .find(|v| read_gates(&format!("[{section}]\n{field} = {v}\n")).is_ok());
        assert!(value.is_some(), "{name}");
    }
}

//! Runs and truths on the disk, as people have them, right and wrong.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use vesalius_qa::score::{Settings, compare, score, table, write};

const SIDE: u32 = 24;

/// A square of class 1 with its upper left corner at (`at`, 8), eight pixels wide; none for `None`.
fn square(at: Option<u32>) -> Vec<u8> {
    let inside = |x: u32, y: u32| at.is_some_and(|at| (at..at + 8).contains(&x) && (8..16).contains(&y));
    (0..SIDE * SIDE).map(|i| u8::from(inside(i % SIDE, i / SIDE))).collect()
}

fn png(path: &Path, labels: &[u8], width: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), width, labels.len() as u32 / width);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(labels).unwrap();
}

/// A study in a folder of its own.
struct Study {
    folder: tempfile::TempDir,
}

/// A frame: its file, where its square is, and what was measured.
type Frame<'a> = (&'a str, Option<u32>, Option<f64>);

impl Study {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, name: &str, kind: &str, input: &str, scale: Option<&str>, frames: &[Frame<'_>]) -> PathBuf {
        let folder = self.at(name);
        let mut lines = format!(
            r#"{{"record":"run","schema":1,"engine":{{"name":"e","version":"1","sha256":"ab"}},"input":{{"name":"{input}","kind":"{kind}"}}}}"#
        );
        lines.push('\n');
        for (i, (file, at, value)) in frames.iter().enumerate() {
            let calibration = scale.map_or("null".to_owned(), |s| format!("\"operator:{s}\""));
            let (number, validity) = match value {
                Some(v) => (v.to_string(), "valid"),
                None => ("null".to_owned(), "invalid"),
            };
            writeln!(
                lines,
                r#"{{"record":"frame","input":"{file}","frame":{i},"pts_ns":{},"status":"ok","calibration":{calibration},"structures":[{{"name":"head","found":true}}],"values":[{{"structure":"head","name":"width","value":{number},"unit":"mm","validity":"{validity}"}}]}}"#,
                i * 40_000_000
            )
            .unwrap();
            let stem = match kind {
                "video" => format!("{i:06}"),
                _ => Path::new(file).file_stem().unwrap().to_string_lossy().into_owned(),
            };
            png(&folder.join(format!("masks/{stem}.png")), &square(*at), SIDE);
        }
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("results.jsonl"), lines).unwrap();
        folder
    }

    fn truth(&self, masks: &[(&str, Option<u32>)]) -> PathBuf {
        for (name, at) in masks {
            png(&self.at("truth").join(name), &square(*at), SIDE);
        }
        self.at("truth")
    }

    fn table(&self, text: &str) -> PathBuf {
        fs::write(self.at("labels.csv"), text).unwrap();
        self.at("labels.csv")
    }
}

fn fault(run: &Path, truth: &Path) -> String {
    let error = score(run, truth, &Settings::default()).unwrap_err().to_string();
    assert!(!error.contains('\n') && error.len() > 30, "{error}");
    error
}

const STILLS: [Frame<'static>; 4] = [
    ("a.webp", Some(4), Some(8.0)),
    ("b.webp", Some(6), Some(7.0)),
    ("c.webp", None, None),
    ("d.webp", None, Some(9.0)),
];

#[test]
fn misses_count_as_zero_and_true_negatives_do_not_count() {
    let study = Study::new();
    let run = study.run("run", "stills", "stills", Some("0.5x0.5"), &STILLS);
    // a agrees, b is shifted by 2 of 8, c is missed, d is empty in both.
    let truth = study.truth(&[("a.png", Some(4)), ("b.png", Some(4)), ("c.png", Some(4)), ("d.png", None)]);
    let scored = score(&run, &truth, &Settings::default()).unwrap();
    let head = &scored.report.structures[0];
    let metric = |name: &str| head.metrics.iter().find(|m| m.name == name).unwrap();
    let dice = metric("dice").summary.as_ref().unwrap();
    assert!((dice.mean - (1.0 + 0.75 + 0.0) / 3.0).abs() < 1e-12);
    assert_eq!((dice.n_frames, dice.n_without_value), (3, 1));
    assert_eq!((head.frames.both, head.frames.truth_only, head.frames.neither), (2, 1, 1));
    let (hd, diagonal) = (metric("hd100"), f64::from(SIDE) * 0.5 * 2.0_f64.sqrt());
    assert_eq!(hd.unit, "mm");
    assert!((hd.summary.as_ref().unwrap().mean - (0.0 + 1.0 + diagonal) / 3.0).abs() < 1e-12);
    assert_eq!((head.frame_sensitivity.value, head.frame_specificity.value), (Some(2.0 / 3.0), Some(1.0)));
    assert_eq!((scored.report.unit, scored.report.n_units), ("still", 4));
    assert_eq!(head.worst[0].input, "c.webp");

    let out = study.at("out/deep");
    let [report, rows, values] = write(&scored, &out).unwrap();
    assert_eq!(fs::read_to_string(values).unwrap().lines().count(), 1);
    let json: serde_json::Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(json["coverage"]["matched"], 4);
    assert_eq!(json["structures"][0]["metrics"][0]["summary"]["n_frames"], 3);
    let rows = fs::read_to_string(rows).unwrap();
    assert!(rows.lines().count() == 5 && rows.contains("c.webp,2,0.08,2,2,head,truth_only,mm,0,"), "{rows}");
    let text = table::text(&scored.report);
    assert!(text.contains("missed 1") && text.contains("true negative 1"), "{text}");
}

#[test]
fn values_are_compared_by_name_and_unit_and_what_is_missing_is_counted() {
    let study = Study::new();
    let run = study.run("run", "stills", "stills", None, &STILLS);
    let table = study.table(
        "image,patient,width_mm,height_mm\nx/a.webp,p1,7,1\nx/b.webp,p1,7,1\nx/c.webp,p2,6,\nx/d.webp,p3,8,1\n",
    );
    let scored = score(&run, &table, &Settings::default()).unwrap();
    assert!(scored.frames.frames.is_empty() && scored.report.structures.is_empty());
    let width = &scored.report.values[0];
    assert_eq!((width.name.as_str(), width.n_true, width.without_value["invalid"]), ("width", 4, 1));
    let a = width.agreement.unwrap();
    assert_eq!((a.n_pairs, a.n_units), (3, 2));
    // Patients: (1 + 0)/2 and 1.
    assert!((a.bias - 0.75).abs() < 1e-12 && (a.mae - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!(scored.report.values.len(), 1);
    assert_eq!(scored.report.notes, ["true values that the run has none of: height"]);
    assert!(table::text(&scored.report).contains("1 invalid"));
}

#[test]
fn equal_names_in_several_sequences_are_told_apart_by_their_folder() {
    let study = Study::new();
    study.run("runs/seq1", "stills", "seq1", None, &[("0001.webp", Some(4), None)]);
    study.run(
        "runs/seq2",
        "stills",
        "seq2",
        None,
        &[("0001.webp", Some(6), None), ("0002.webp", Some(4), None)],
    );
    // seq1 has no 0001 of its own here: that of seq2 must not stand in for it.
    study.truth(&[("seq2/0001.png", Some(6)), ("seq1/0009.png", None), ("seq2/0002.png", Some(4))]);
    let table = study.table(
        "image,mask,patient,sequence\nimages/seq2/0001.webp,truth/seq2/0001.png,p1,seq2\n\
         images/seq1/0009.webp,truth/seq1/0009.png,p2,seq1\nimages/seq2/0002.webp,truth/seq2/0002.png,p1,seq2\n",
    );
    for truth in [study.at("truth"), table] {
        let scored = score(&study.at("runs"), &truth, &Settings::default()).unwrap();
        let coverage = scored.report.coverage;
        assert_eq!(
            (coverage.matched, coverage.run_frames_without_truth, coverage.truth_without_frame),
            (2, 1, 1)
        );
        assert_eq!(scored.report.mean_dice, Some(1.0));
        assert_eq!(scored.report.distance_unit, "[px]");
    }
}

#[test]
fn a_clip_has_steadiness_and_its_truth_is_named_by_number() {
    let study = Study::new();
    let frames: Vec<Frame<'_>> =
        (0..20).map(|i| ("clip.mp4", (i != 7 && i != 8).then_some(4 + i % 2), None)).collect();
    let run = study.run("run", "video", "clip.mp4", Some("0.2x0.3"), &frames);
    let names: Vec<String> = (0..20).map(|i| format!("{i:04}.png")).collect();
    let truth = study.truth(&names.iter().map(|n| (n.as_str(), Some(4))).collect::<Vec<_>>());
    let scored = score(&run, &truth, &Settings::default()).unwrap();
    let head = &scored.report.structures[0];
    let clip = &head.temporal[0].steadiness;
    assert_eq!((clip.n_frames, scored.report.n_units, scored.report.unit), (20, 1, "video"));
    assert_eq!(clip.truth_consecutive_dice, Some(1.0));
    // Seventeen changes by one column of eight but for the gap, whose two ends have nothing in common.
    let dice = clip.consecutive_dice.unwrap();
    assert!((dice - 16.0 * 0.875 / 18.0).abs() < 1e-12, "{dice}");
    assert!((clip.longest_gap_s - 0.08).abs() < 1e-9 && clip.drop_outs == 0);
    assert!(table::text(&scored.report).contains("over time, clip.mp4"));
}

#[test]
fn the_truths_scale_goes_before_the_runs_and_a_missing_one_means_pixels() {
    let study = Study::new();
    let run = study.run("run", "stills", "stills", Some("0.5x0.5"), &STILLS[..2]);
    study.truth(&[("a.png", Some(4)), ("b.png", Some(4))]);
    let hd100 = |table: &str| {
        let report = score(&run, &study.table(table), &Settings::default()).unwrap().report;
        let metric = report.structures[0].metrics.iter().find(|m| m.name == "hd100").unwrap();
        (metric.summary.as_ref().unwrap().worst, metric.unit, report.notes)
    };
    // b is two columns off.
    let (worst, unit, notes) = hd100("image,mask,pixel_size_mm\na,truth/a.png,0.25\nb,truth/b.png,0.25\n");
    assert_eq!((worst, unit), (0.5, "mm"));
    assert!(notes[0].contains("in 2 frames the run's scale differs from the truth's"), "{notes:?}");
    assert_eq!(hd100("image,mask\na,truth/a.png\nb,truth/b.png\n").0, 1.0);
    let uncalibrated = study.run("other", "stills", "stills", None, &STILLS[..2]);
    let table = study.table("image,mask,pixel_size_mm\na,truth/a.png,\nb,truth/b.png,0.25\n");
    let report = score(&uncalibrated, &table, &Settings::default()).unwrap().report;
    assert_eq!((report.distance_unit, report.structures[0].tolerance), ("[px]", 5.0));
    assert!(report.notes[0].contains("1 of 2 frames have a scale"), "{:?}", report.notes);
}

#[test]
fn of_too_few_patients_the_videos_are_drawn_and_that_is_said() {
    let study = Study::new();
    let run = study.run("run", "stills", "stills", None, &STILLS);
    study.truth(&[("a.png", Some(4)), ("b.png", Some(4)), ("c.png", Some(4)), ("d.png", None)]);
    let table = study.table(
        "image,mask,patient,video\na.webp,truth/a.png,p,1\nb.webp,truth/b.png,p,2\nc.webp,truth/c.png,p,3\nd.webp,truth/d.png,q,4\n",
    );
    let report = score(&run, &table, &Settings::default()).unwrap().report;
    assert_eq!((report.unit, report.n_units, report.n_patients), ("video", 4, Some(2)));
    assert!(report.notes[0].contains("2 patients are too few"), "{:?}", report.notes);
    assert!(report.structures[0].metrics[0].summary.as_ref().unwrap().interval.is_some());
}

#[test]
fn strata_are_taken_apart() {
    let study = Study::new();
    let run = study.run("run", "stills", "stills", None, &STILLS[..2]);
    study.truth(&[("a.png", Some(4)), ("b.png", Some(4))]);
    let table = study.table("image,mask,device\na.webp,truth/a.png,one\nb.webp,truth/b.png,two\n");
    let settings = Settings { by: Some("device".to_owned()), ..Settings::default() };
    let report = score(&run, &table, &settings).unwrap().report;
    assert_eq!(report.strata.keys().collect::<Vec<_>>(), ["one", "two"]);
    assert!(table::text(&report).contains("device = two: 1 frame, few"));
    let settings = Settings { by: Some("probe".to_owned()), ..Settings::default() };
    assert!(score(&run, &table, &settings).unwrap_err().to_string().contains("no column 'probe'"));
}

#[test]
fn two_runs_are_compared_frame_by_frame() {
    let study = Study::new();
    let names = ["a.png", "b.png", "c.png", "d.png", "e.png"];
    let frames = |at: [u32; 5]| -> Vec<Frame<'static>> {
        names.iter().zip(at).map(|(n, at)| (*n, Some(at), None)).collect()
    };
    let good = study.run("good", "stills", "x", None, &frames([4, 4, 5, 4, 4]));
    let bad = study.run("bad", "stills", "x", None, &frames([6, 5, 6, 7, 6]));
    let other = study.run("other", "stills", "x", None, &[("z.png", Some(4), None)]);
    let truth =
        study.truth(&names.map(|n| (n, Some(4))).into_iter().chain([("z.png", Some(4))]).collect::<Vec<_>>());
    let settings = Settings::default();
    let [good, bad, other] = [good, bad, other].map(|run| score(&run, &truth, &settings).unwrap());
    let c = compare(&good, &bad, 0.01, &settings.bootstrap).unwrap();
    let dice = &c.differences[0];
    // Eighths less: 2, 1, 1, 3, 2.
    assert!((dice.mean - 9.0 / 40.0).abs() < 1e-12 && dice.interval.unwrap().low > 0.0);
    assert!(dice.equivalence.unwrap().p > 0.5);
    assert!(table::comparison_text(&c).contains("not shown to be within"));
    assert_eq!(
        compare(&good, &good, 0.01, &settings.bootstrap).unwrap().differences[0].equivalence.unwrap().p,
        0.0
    );
    let error = compare(&good, &other, 0.01, &settings.bootstrap).unwrap_err().to_string();
    assert!(error.contains("no scored frame in common"), "{error}");
}

#[test]
fn what_does_not_fit_is_one_line_that_says_what_to_do() {
    let study = Study::new();
    let run = study.run("run", "stills", "stills", None, &STILLS[..1]);
    let masks = study.at("truth");

    png(&masks.join("a.png"), &vec![0; (SIDE * 12) as usize], 12);
    assert!(fault(&run, &masks).contains("the truth is 12x24 pixels and the prediction 24x24"));

    let mut other: Vec<u8> = square(Some(4)).iter().map(|l| l * 255).collect();
    png(&masks.join("a.png"), &other, SIDE);
    let error = fault(&run, &masks);
    assert!(
        error.contains("class 255") && error.contains("1 head") && error.contains("--classes"),
        "{error}"
    );
    let mut settings = Settings::default();
    settings.class("255=1").unwrap();
    assert_eq!(score(&run, &masks, &settings).unwrap().report.mean_dice, Some(1.0));
    other.fill(3);
    png(&masks.join("a.png"), &other, SIDE);
    assert!(score(&run, &masks, &settings).unwrap_err().to_string().contains("class 3"));

    let elsewhere = Study::new();
    let error = fault(&run, &elsewhere.truth(&[("frame-7.png", None)]));
    assert!(error.contains("no frame of the run has a truth") && error.contains("'frame-7'"), "{error}");

    png(&masks.join("a.png"), &square(None), SIDE);
    fs::remove_file(run.join("masks/a.png")).unwrap();
    assert!(fault(&run, &masks).contains("the mask of frame 0 is missing: replay with --masks"));
    fs::write(run.join("masks/a.png"), b"\x89PNG\r\n").unwrap();
    assert!(fault(&run, &masks).contains("is no label mask"));

    fs::write(run.join("results.jsonl"), r#"{"record":"run","schema":0,"engine":{}}"#).unwrap();
    assert!(fault(&run, &masks).contains("format 0, and this program reads format 1"));
    assert!(fault(&study.at("none"), &masks).contains("no run"));
    assert!(fault(&run, &study.at("none.csv")).contains("cannot be read"));
}

#[test]
fn a_store_that_takes_nothing_is_one_line() {
    let study = Study::new();
    let run = study.run("run", "stills", "stills", None, &STILLS[..1]);
    let truth = study.truth(&[("a.png", Some(4))]);
    let scored = score(&run, &truth, &Settings::default()).unwrap();
    // A file where a folder should be: what a read-only store does, to every user alike.
    fs::write(study.at("file"), b"").unwrap();
    let error = write(&scored, &study.at("file/out")).unwrap_err().to_string();
    assert!(
        error.contains("cannot be written") && error.contains("--out") && !error.contains('\n'),
        "{error}"
    );
}

#[test]
fn stills_of_a_sequence_are_looked_at_over_time_where_their_rate_is_told() {
    let study = Study::new();
    // Named so that the order of names is not that of the frames' numbers.
    let names = ["b_1", "a_2", "c_3", "d_4", "e_9"];
    let frames: Vec<String> = names.iter().map(|n| format!("{n}.png")).collect();
    let at = [4, 5, 6, 7, 9];
    let frames: Vec<Frame<'_>> = frames.iter().zip(at).map(|(n, at)| (n.as_str(), Some(at), None)).collect();
    let run = study.run("run", "stills", "stills", None, &frames);
    let masks: Vec<String> = names.iter().map(|n| format!("{n}.png")).collect();
    study.truth(&masks.iter().map(|n| (n.as_str(), Some(4))).collect::<Vec<_>>());
    let rows: Vec<String> =
        names.iter().map(|n| format!("seq/{n}.png,truth/{n}.png,s1,{}_l", &n[2..])).collect();
    let table = study.table(&format!("image,mask,sequence,frame\n{}\n", rows.join("\n")));
    let settings = Settings { frame_rate_hz: Some(10.0), ..Settings::default() };
    let scored = score(&run, &table, &settings).unwrap();
    let clip = &scored.report.structures[0].temporal[0];
    assert_eq!((clip.input.as_str(), clip.steadiness.n_frames), ("seq", 5));
    // Three pairs of neighbours, each a column of eight apart; the fifth frame is half a second later.
    assert!((clip.steadiness.consecutive_dice.unwrap() - 0.875).abs() < 1e-12);
    assert_eq!(clip.steadiness.truth_consecutive_dice, Some(1.0));
    assert!((scored.frames.frames[4].at_s - 0.9).abs() < 1e-12);
    assert!(score(&run, &table, &Settings::default()).unwrap().report.structures[0].temporal.is_empty());
    let bare = study.table("image,mask\nb_1,truth/b_1.png\n");
    let error = score(&run, &bare, &settings).unwrap_err().to_string();
    assert!(error.contains("--frame-rate") && error.contains("sequence and frame"), "{error}");
}

//! Reports of runs on the disk: what stands in them, that they stand alone, and what cannot be reported.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::slice::from_ref;

use serde_json::Value;
use vesalius_qa::report::{Options, Picture, Pictures, Study, html, markdown, write_file};
use vesalius_qa::score;

const SIDE: u32 = 24;

fn png(path: &Path, at: Option<u32>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let inside = |x: u32, y: u32| at.is_some_and(|at| (at..at + 8).contains(&x) && (8..16).contains(&y));
    let labels: Vec<u8> = (0..SIDE * SIDE).map(|i| u8::from(inside(i % SIDE, i / SIDE))).collect();
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), SIDE, SIDE);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&labels).unwrap();
}

struct Folder(tempfile::TempDir);

/// What a clip's name must not be able to do.
const EVIL: &str = "<b>&\\\"clip\\\"'.mp4";

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A clip of 30 frames at 25 Hz: a square that moves, a value that follows it, one frame without a result, two beats.
    fn clip(&self, name: &str, input: &str, shift: u32, precision: &str) -> PathBuf {
        let folder = self.at(name);
        let mut lines = format!(
            r#"{{"record":"run","schema":1,"started_utc":"2026-01-02T03:04:05Z","engine":{{"name":"heart","version":"1","sha256":"ab","precision":"{precision}","backend":"cpu"}},"input":{{"name":"{input}","kind":"video","sha256":"{input}"}},"configuration":{{"protocol":"lv"}}}}"#
        );
        lines.push('\n');
        for i in 0..30_u32 {
            let at = 4 + (i + shift) % 5;
            let pts = u64::from(i) * 40_000_000;
            if i == 11 {
                writeln!(lines, r#"{{"record":"frame","input":"{input}","frame":{i},"pts_ns":{pts},"size":[24,24],"status":"missing","reason":"INFERENCE_FAILED","calibration":null}}"#).unwrap();
                png(&folder.join(format!("masks/{i:06}.png")), None);
                continue;
            }
            let series = match i {
                0..=9 => String::new(),
                _ => format!(
                    r#","series":[{{"structure":"lv","name":"end_diastole_time","value":{},"unit":"s","validity":"valid"}}]"#,
                    if i < 20 { 0.24 } else { 0.72 }
                ),
            };
            let value = 100.0 + f64::from(at) + 0.25 * f64::from(shift);
            writeln!(
                lines,
                r#"{{"record":"frame","input":"{input}","frame":{i},"pts_ns":{pts},"size":[24,24],"status":"ok","calibration":"operator:0.5x0.5","unlikeness":{{"score":{},"threshold":1.5,"unlike":false}},"structures":[{{"name":"lv","found":true,"confidence":{}}}],"values":[{{"structure":"lv","name":"volume","value":{value},"unit":"mL","uncertainty":1.5,"validity":"valid","reason":null}},{{"structure":"lv","name":"length","value":null,"unit":"mm","validity":"invalid","reason":"AXIS_AMBIGUOUS"}}]{series}}}"#,
                0.5 + 0.01 * f64::from(i),
                0.9 + 0.002 * f64::from(i)
            )
            .unwrap();
            png(&folder.join(format!("masks/{i:06}.png")), Some(at));
        }
        fs::write(folder.join("results.jsonl"), lines).unwrap();
        folder
    }

    fn truth(&self) -> PathBuf {
        let mut table = "frame,mask,mm_per_px,volume_ml\n".to_owned();
        for i in 0..30_u32 {
            png(&self.at(&format!("truth/{i:06}.png")), Some(4 + i % 5));
            writeln!(table, "{i:06},truth/{i:06}.png,0.5,{}", 103 + i % 5).unwrap();
        }
        fs::write(self.at("truth.csv"), table).unwrap();
        self.at("truth.csv")
    }
}

fn options(truth: Option<PathBuf>) -> Options {
    Options { truth, ..Options::default() }
}

/// Holds a page to being well formed: every element closed where it should be, every attribute in quotes, nothing loaded from
/// elsewhere; and gives the text of its cells, row by row.
fn rows(page: &str) -> Vec<Vec<String>> {
    const VOID: [&str; 1] = ["meta"];
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
    let (mut open, mut rows, mut rest): (Vec<String>, Vec<Vec<String>>, &str) = (vec![], vec![], &page[16..]);
    while let Some((before, after)) = rest.split_once('<') {
        assert!(!before.contains('>'), "a stray > in {before:?}");
        match open.last().map(String::as_str) {
            Some("th" | "td") => rows.last_mut().unwrap().push(before.to_owned()),
            Some("style") => {}
            _ => {}
        }
        let (tag, next) = after.split_once('>').unwrap();
        rest = next;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed out of order");
            continue;
        }
        let name: String = tag.chars().take_while(|c| !c.is_whitespace() && *c != '/').collect();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{tag}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if name == "tr" {
            rows.push(Vec::new());
        }
        if !VOID.contains(&name.as_str()) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    for outside in ["src=", "<script", "<link", "url(", "@import", "<iframe", "http-equiv"] {
        assert!(!page.contains(outside), "{outside}");
    }
    // The namespace of SVG is a name, not a place.
    let places = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!places.contains("http:") && !places.contains("https:"));
    let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|s| s.split('"').next().unwrap()).collect();
    for link in page.split("href=\"#").skip(1).map(|s| s.split('"').next().unwrap()) {
        assert!(ids.contains(&link), "#{link} leads nowhere");
    }
    rows
}

#[test]
fn one_run_is_told_with_its_beats_its_gap_and_what_is_missing() {
    let folder = Folder::new();
    let run = folder.clip("run", EVIL, 0, "f32");
    let study = Study::read(&[run], &options(None)).unwrap();
    let page = html::page(&study.document(&Pictures::new()));
    let rows = rows(&page);
    assert!(!page.contains("<b>") && page.contains("&lt;b&gt;&amp;&quot;clip&quot;&#39;.mp4"));
    let row = |first: &str| rows.iter().find(|r| r.first().is_some_and(|c| c == first)).unwrap();
    assert_eq!(row("lv")[1..3], ["29", "100.0 %"]);
    // Of 104 to 108 over 29 frames, one of them missing.
    assert_eq!(row("lv volume")[1..5], ["mL", "29", "0", "0"]);
    assert!(rows.contains(&vec![
        "lv length".into(),
        "no number".into(),
        "AXIS_AMBIGUOUS".into(),
        "29".into()
    ]));
    assert!(rows.contains(&vec!["INFERENCE_FAILED".into(), "1".into()]));
    assert!(page.contains("29 of 30 frames have a result"));
    assert_eq!(page.matches("class=\"mark c\"").count(), 2, "two beats on the one curve");
    assert!(page.contains("no result: INFERENCE_FAILED") && page.contains("end diastole time (2)"));
    for id in ["summary", "distributions", "time", "worst", "strata", "excluded", "identity"] {
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
    assert!(rows.iter().any(|r| r == &["engine.sha256", "ab"]));
}

#[test]
fn figures_are_those_of_the_scoring_and_pictures_carry_both_outlines() {
    let folder = Folder::new();
    let (run, truth) = (folder.clip("run", "clip.mp4", 1, "f32"), folder.truth());
    let study = Study::read(from_ref(&run), &options(Some(truth.clone()))).unwrap();
    let wanted = study.wanted();
    assert_eq!(wanted[&0].len(), 20);
    assert!(wanted[&0].contains(&11), "the frame without a result is the worst");
    let picture = Picture { jpeg: vec![0xff, 0xd8, 0xff].into() };
    let frame = *wanted[&0].iter().find(|n| **n != 11).unwrap();
    let page = html::page(&study.document(&BTreeMap::from([((0, frame), picture)])));
    let rows = rows(&page);

    let scored = score::score(&run, &truth, &score::Settings::default()).unwrap();
    let json: Value = serde_json::to_value(&scored.report).unwrap();
    let summary = |name: &str| {
        let metrics = json["structures"][0]["metrics"].as_array().unwrap();
        metrics.iter().find(|m| m["name"] == name).unwrap()["summary"].clone()
    };
    let f = |value: &Value, digits: usize| format!("{:.digits$}", value.as_f64().unwrap());
    for (label, name, digits) in [("Dice", "dice", 4), ("HD95, mm", "hd95", 2), ("HD100, mm", "hd100", 2)] {
        let s = summary(name);
        let row = rows.iter().find(|r| r.len() == 8 && r[1] == label).unwrap();
        let expected = [&s["mean"], &s["frame_median"], &s["frame_worst_decile"], &s["worst"]];
        let expected = expected.map(|v| f(v, digits));
        assert_eq!([&row[2], &row[4], &row[5], &row[6]], expected.each_ref(), "{label}");
        assert_eq!(row[7], s["n_frames"].to_string());
    }
    let a = &json["values"][0]["agreement"];
    let row = rows.iter().find(|r| r.len() == 10 && r[0] == "volume").unwrap();
    assert!(row[4].starts_with(&f(&a["bias"], 2)) && row[6].starts_with(&f(&a["mae"], 2)), "{row:?}");
    assert_eq!((row[2].as_str(), row[3].as_str()), ("29", "1"));
    // Bland & Altman: a point a pair.
    assert!(page.matches("<circle class=\"dot a\"").count() >= 29);
    let steady = rows.iter().find(|r| r.len() == 13 && r[1] == "clip.mp4").unwrap();
    assert_eq!(steady[2], f(&json["structures"][0]["temporal"][0]["consecutive_dice"], 4));

    assert!(page.contains("data:image/jpeg;base64,/9j/"));
    assert_eq!(page.matches("<path class=\"is\"").count(), 19, "the empty mask has no outline");
    assert_eq!(page.matches("<path class=\"true\"").count(), 20);

    // The same from the files that the scoring leaves.
    let out = folder.at("scores");
    score::write(&scored, &out).unwrap();
    let stored = Options { scores: Some(out.clone()), ..options(Some(truth)) };
    let again = html::page(&Study::read(&[run], &stored).unwrap().document(&Pictures::new()));
    let bare = html::page(&study.document(&Pictures::new()));
    assert_eq!(again, bare);
}

#[test]
fn two_runs_of_one_input_are_compared_and_of_two_are_one_study() {
    let folder = Folder::new();
    let (a, b) = (folder.clip("a", "clip.mp4", 0, "f32"), folder.clip("b", "clip.mp4", 1, "int8"));
    let study = Study::read(&[a.clone(), b], &options(None)).unwrap();
    let page = html::page(&study.document(&Pictures::new()));
    let rows = rows(&page);
    assert!(page.contains("No parity") && page.contains("heart 1, int8 beside heart 1, f32"));
    let compared = &study.comparison.as_ref().unwrap().json;
    let value = compared["values"].as_array().unwrap().iter().find(|v| v["name"] == "volume").unwrap();
    let row = rows.iter().find(|r| r.len() == 9 && r[0] == "lv volume").unwrap();
    assert_eq!(row[4], format!("{:.3}", value["difference"]["bias"].as_f64().unwrap()));
    assert!(rows.iter().any(|r| r == &["engine.precision", "f32", "int8"]));
    assert!(page.contains("dashed: the candidate"));

    let c = folder.clip("c", "other.mp4", 0, "f32");
    let study = Study::read(&[a, c], &options(None)).unwrap();
    assert!(study.comparison.is_none() && study.runs.len() == 2);
    let page = html::page(&study.document(&Pictures::new()));
    assert!(page.contains("2 recordings, 60 frames") && page.contains("58 of 60 frames"));
}

#[test]
fn as_markdown_it_has_the_same_figures_and_no_picture() {
    let folder = Folder::new();
    let run = folder.clip("run", "clip.mp4", 1, "f32");
    let study = Study::read(&[run], &options(Some(folder.truth()))).unwrap();
    let picture = Picture { jpeg: vec![1, 2, 3].into() };
    let pictures: Pictures = study.wanted()[&0].iter().map(|&n| ((0, n), picture.clone())).collect();
    let written = markdown::write(&study.document(&pictures), "images", "heart");
    assert!(!written.text.contains("base64") && !written.text.contains("<svg"));
    assert!(written.text.contains("](images/heart-1.svg)") && written.text.contains("| lv | Dice |"));
    assert!(written.figures.len() >= 4);
    for (name, svg) in &written.figures {
        assert!(name.starts_with("heart-") && svg.contains("<style>") && !svg.contains("data:"), "{name}");
    }
}

fn fault(paths: &[PathBuf], options: &Options) -> String {
    let error = Study::read(paths, options).unwrap_err().to_string();
    assert!(!error.contains('\n') && error.len() > 30, "{error}");
    error
}

#[test]
fn what_cannot_be_reported_is_one_line_that_says_what_to_do() {
    let folder = Folder::new();
    let (run, truth) = (folder.clip("run", "clip.mp4", 1, "f32"), folder.truth());
    assert!(fault(&[folder.at("none")], &options(None)).contains("no run"));
    assert!(fault(&[run.clone(), run.clone()], &options(None)).contains("named twice"));
    assert!(fault(from_ref(&run), &options(Some(folder.at("no.csv")))).contains("cannot be read"));

    let empty = folder.at("empty");
    fs::create_dir_all(&empty).unwrap();
    let text = fs::read_to_string(run.join("results.jsonl")).unwrap();
    fs::write(empty.join("results.jsonl"), text.lines().next().unwrap()).unwrap();
    assert!(fault(from_ref(&empty), &options(None)).contains("no frame"));
    fs::write(empty.join("results.jsonl"), text.replace("\"schema\":1", "\"schema\":0")).unwrap();
    assert!(fault(&[empty], &options(None)).contains("format 0"));

    let scored = score::score(&run, &truth, &score::Settings::default()).unwrap();
    let out = folder.at("scores");
    score::write(&scored, &out).unwrap();
    let with = |out: &Path| Options { scores: Some(out.to_owned()), ..options(None) };
    let other = folder.clip("other", "other.mp4", 0, "f32");
    assert!(fault(&[other], &with(&out)).contains("is of other runs: it has frame 0 of 'clip.mp4'"));
    assert!(fault(from_ref(&run), &with(&folder.at("truth"))).contains("score.json"));
    // A row taken out of the table.
    let table = fs::read_to_string(out.join("score.csv")).unwrap();
    fs::write(out.join("score.csv"), table.lines().take(20).collect::<Vec<_>>().join("\n")).unwrap();
    assert!(fault(from_ref(&run), &with(&out)).contains("it has 19 rows and score.json counts 30"));
    let json = fs::read_to_string(out.join("score.json")).unwrap();
    fs::write(out.join("score.json"), json.replace("\"schema\": 1", "\"schema\": 9")).unwrap();
    assert!(fault(&[run], &with(&out)).contains("another format"));

    // A file where a folder should be: what a read-only store does, to every user alike.
    fs::write(folder.at("file"), b"").unwrap();
    let error = write_file(&folder.at("file/report.html"), "x").unwrap_err().to_string();
    assert!(
        error.contains("cannot be written") && error.contains("--out") && !error.contains('\n'),
        "{error}"
    );
}

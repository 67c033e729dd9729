//! One patient at several dates, from runs on the disk.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use vesalius_qa::report::html;
use vesalius_qa::score::Settings;
use vesalius_qa::trend::change::Verdict;
use vesalius_qa::trend::{TrendError, follow, page};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Nine frames of a nodule: AP and transverse diameter, volume over time; `unit` is that of the lengths.
    fn run(
        &self,
        name: &str,
        engine: &str,
        unit: &str,
        [ap, transverse, volume]: [f64; 3],
        validity: &str,
    ) -> PathBuf {
        let folder = self.0.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut lines = format!(
            r#"{{"record":"run","schema":1,"engine":{{"name":"n","version":"1","sha256":"{engine}"}},"input":{{"name":"a.mp4","kind":"video"}},"configuration":{{"protocol":{{"protocol":"nodule-thyroid"}}}}}}"#
        );
        lines.push('\n');
        let reason = if validity == "valid" { "null" } else { "\"TRUNCATED\"" };
        for i in 0..9 {
            let value = |name: &str, value: f64, unit: &str| {
                format!(
                    r#"{{"structure":"nodule","name":"{name}","value":{value},"unit":"{unit}","uncertainty":0.05,"validity":"{validity}","reason":{reason}}}"#
                )
            };
            // One frame far off, which a median does not mind.
            let ap = if i == 4 { 90.0 } else { ap };
            writeln!(
                lines,
                r#"{{"record":"frame","input":"a.mp4","frame":{i},"pts_ns":{},"status":"ok","calibration":null,"structures":[{{"name":"nodule","found":true}}],"values":[{},{}],"series":[{}]}}"#,
                i * 40_000_000,
                value("ap_diameter", ap, unit),
                value("transverse_diameter", transverse, unit),
                value("volume", volume, "mL"),
            )
            .unwrap();
        }
        fs::write(folder.join("results.jsonl"), lines).unwrap();
        folder
    }
}

fn dated(date: &str, run: &std::path::Path) -> String {
    format!("{date}={}", run.display())
}

#[test]
fn three_dates_are_told_in_order_against_the_error_of_measuring() {
    let folder = Folder::new();
    let a = folder.run("a", "x", "mm", [10.0, 12.0, 1.0], "valid");
    let b = folder.run("b", "x", "mm", [10.5, 12.2, 1.3], "valid");
    let c = folder.run("c", "x", "mm", [13.0, 15.0, 1.6], "valid");
    // Out of order: the dates say which comes first.
    let runs = [dated("2026-07-01", &c), dated("2026-01-01", &a), dated("2026-04-01", &b)];
    let trend = follow(&runs, &Settings::default()).unwrap();
    assert_eq!(trend.visits.iter().map(|v| v.day.unwrap()).collect::<Vec<_>>(), [0, 90, 181]);
    let value = |name: &str| trend.values.iter().find(|v| v.name == name).unwrap();
    let ap = value("ap_diameter");
    assert_eq!(ap.standings.iter().map(|s| s.value.unwrap()).collect::<Vec<_>>(), [10.0, 10.5, 13.0]);
    // 5 % is within no limit of care that is known, and 30 % beyond what observers in routine differ by (21 %).
    assert_eq!(ap.from_first[0].verdict, Verdict::CannotTell);
    assert_eq!(ap.from_first[1].verdict, Verdict::RealChange);
    // Volume: 13.1 % careful, 49 % in routine.
    let volume = value("volume");
    assert_eq!(volume.standings[0].n_frames, None);
    assert_eq!(
        volume.from_first.iter().map(|c| c.verdict).collect::<Vec<_>>(),
        [Verdict::CannotTell, Verdict::RealChange]
    );
    assert_eq!(volume.from_last[1].verdict, Verdict::CannotTell);

    assert_eq!(trend.rules.iter().map(|r| r.is_met).collect::<Vec<_>>(), [Some(false), Some(true)]);

    let settings =
        Settings { limits: vec![("ap_diameter".into(), "6%".parse_limit())], ..Settings::default() };
    let own = follow(&runs, &settings).unwrap();
    let ap = own.values.iter().find(|v| v.name == "ap_diameter").unwrap();
    assert_eq!(ap.from_first[0].verdict, Verdict::NoChange);

    let page_text = html::page(&page::document(&trend, None));
    assert!(
        page_text.contains("Course from 2026-01-01 to 2026-07-01") && page_text.contains("▲ real change")
    );
    assert!(page_text.contains("days since 2026-01-01") && page_text.contains("growth by ACR TI-RADS 2017"));
    let text = page::text(&trend);
    assert!(text.contains("10.00 → 10.50 → 13.00 mm   real change"), "{text}");
}

trait ParseLimit {
    fn parse_limit(&self) -> vesalius_qa::score::settings::Limit;
}

impl ParseLimit for str {
    fn parse_limit(&self) -> vesalius_qa::score::settings::Limit {
        let mut settings = Settings::default();
        settings.limit(&format!("x={self}")).unwrap();
        settings.limits[0].1
    }
}

#[test]
fn what_cannot_be_compared_is_not() {
    let folder = Folder::new();
    let a = folder.run("a", "x", "mm", [10.0, 12.0, 1.0], "valid");
    let verdict = |other: PathBuf, name: &str| {
        let runs = [a.display().to_string(), other.display().to_string()];
        let trend = follow(&runs, &Settings::default()).unwrap();
        assert!(trend.notes[0].contains("without dates"));
        let v = trend.values.iter().find(|v| v.name == name).unwrap();
        (v.from_first[0].verdict, v.from_first[0].why.clone())
    };
    let (v, why) = verdict(folder.run("engine", "y", "mm", [20.0, 24.0, 9.0], "valid"), "volume");
    assert!(v == Verdict::CannotTell && why.contains("different engines"), "{why}");
    let (v, why) = verdict(folder.run("limited", "x", "mm", [20.0, 24.0, 9.0], "limited"), "volume");
    assert!(v == Verdict::CannotTell && why.contains("TRUNCATED"), "{why}");
    // Of the lengths in pixels nothing is left to be followed; the volumes are.
    let runs = [
        a.display().to_string(),
        folder.run("px", "x", "[px]", [20.0, 24.0, 9.0], "valid").display().to_string(),
    ];
    let trend = follow(&runs, &Settings::default()).unwrap();
    assert_eq!(trend.values.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), ["volume"]);
}

#[test]
fn every_fault_is_one_line() {
    let folder = Folder::new();
    let a = folder.run("a", "x", "mm", [10.0, 12.0, 1.0], "valid");
    let path = a.display().to_string();
    let fault = |runs: &[String]| {
        let error: TrendError = follow(runs, &Settings::default()).unwrap_err();
        let text = error.to_string();
        assert!(!text.contains('\n') && text.len() > 30, "{text}");
        text
    };
    assert!(fault(std::slice::from_ref(&path)).contains("DATE=RUN"));
    assert!(fault(&[path.clone(), dated("2026-02-01", &a)]).contains("has no date and others have one"));
    assert!(
        fault(&[dated("2026-02-01", &a), dated("2026-02-01", &a)]).contains("two runs are dated 2026-02-01")
    );
    assert!(fault(&[path.clone(), dated("2026-02-30", &a)]).contains("no day that there is"));
    assert!(fault(&[path, "/nowhere/at/all".to_owned()]).contains("no run"));
    let px = folder.run("px", "x", "[px]", [1.0, 1.0, 1.0], "invalid").display().to_string();
    assert!(fault(&[px.clone(), format!("{px}/../px")]).contains("no value is measured at two dates"));
}

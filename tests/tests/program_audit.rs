//! Somebody asks who ran what, and whether the record was changed since.

use std::path::Path;

use serde_json::Value;
use vesalius_tests::program::{Ran, phantom, results, run, vesalius};

fn lines(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn verify(log: &Path, args: &[&str]) -> Ran {
    run(vesalius().args(["audit", "verify"]).arg(log).args(args))
}

#[test]
fn a_replay_is_recorded_without_names_and_a_change_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let clip = phantom(&folder.path().join("p"), &["--frames", "2", "--no-masks"]);
    let named = folder.path().join("DOE_JANE.mp4");
    std::fs::rename(clip, &named).unwrap();
    let (out, log) = (folder.path().join("run"), folder.path().join("audit.jsonl"));
    let replayed = run(vesalius()
        .arg("--audit")
        .arg(&log)
        .args(["replay", "--no-video", "--out"])
        .arg(&out)
        .arg(&named)
        .env("VESALIUS_OPERATOR", "op-7"));
    replayed.ok();
    let recorded = lines(&log);
    assert_eq!(recorded.len(), 2);
    let (started, finished) = (&recorded[0], &recorded[1]);
    assert_eq!((&started["event"], &started["command"]), (&"started".into(), &"replay".into()));
    assert_eq!((&finished["event"], &finished["exit_code"]), (&"finished".into(), &0.into()));
    assert_eq!(finished["operator"], "op-7");
    let head = &results(&out)[0];
    assert_eq!(finished["runs"][0]["engine"], head["engine"]);
    assert_eq!(finished["runs"][0]["input"]["sha256"], head["input"]["sha256"]);
    assert!(finished["runs"][0]["outputs"]["results.jsonl"].as_str().is_some_and(|h| h.len() == 64));
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(!text.contains("DOE"), "{text}");

    // A run that fails is recorded too, and what cannot be recorded is not run.
    let missing = folder.path().join("none.mp4");
    let failed = run(vesalius()
        .args(["replay", "--out"])
        .arg(folder.path().join("other"))
        .arg(&missing)
        .env("VESALIUS_AUDIT", &log));
    failed.one_line_error();
    assert_eq!(lines(&log)[3]["exit_code"], 1);
    let refused =
        run(vesalius().arg("--audit").arg(folder.path()).args(["replay", "--out"]).arg(&missing).arg(&named));
    assert!(refused.one_line_error().contains("audit log"), "{}", refused.err);
    assert!(!missing.exists());

    let good = verify(&log, &[]).ok();
    let last = lines(&log)[3]["hash"].as_str().unwrap().to_owned();
    assert!(good.out.contains(&last), "{}", good.out);
    let text = std::fs::read_to_string(&log).unwrap();
    let whole: Vec<&str> = text.lines().collect();
    let changed = |change: &dyn Fn(&mut Vec<String>), args: &[&str]| {
        let mut lines: Vec<String> = whole.iter().map(|l| (*l).to_owned()).collect();
        change(&mut lines);
        let path = folder.path().join("changed.jsonl");
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        verify(&path, args).one_line_error().to_owned()
    };
    let altered = changed(&|lines| lines[1] = lines[1].replace("op-7", "op-8"), &[]);
    assert!(altered.contains("line 2 was altered"), "{altered}");
    let removed = changed(&|lines| drop(lines.remove(1)), &[]);
    assert!(removed.contains("record 2 was removed"), "{removed}");
    let cut = changed(&|lines| lines.truncate(2), &["--expect", &last]);
    assert!(cut.contains("expected hash is not there"), "{cut}");
    let mut swapped: Vec<&str> = whole.clone();
    swapped.swap(1, 2);
    let path = folder.path().join("swapped.jsonl");
    std::fs::write(&path, swapped.join("\n") + "\n").unwrap();
    let ran = verify(&path, &[]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("line 2 was moved: it is record 3, where 2 belongs"), "{}", ran.err);
    assert!(verify(&missing, &[]).one_line_error().contains("cannot be read"));
}

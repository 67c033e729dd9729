//! `vesalius report` and `vesalius trend`: replays of clips on one page, with the pictures of their frames.

use std::path::Path;

use vesalius_tests::program::{Ran, phantom, replay, run, vesalius};

fn report(args: &[&str], paths: &[&Path]) -> Ran {
    run(vesalius().arg("report").args(paths).args(args))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn assert_fault(ran: &Ran, expected: &str) {
    let line = ran.one_line_error();
    assert!(line.contains(expected), "{expected}: {line}");
}

#[test]
fn a_replay_is_on_one_page_with_its_truth_and_its_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let clip = phantom(folder.path(), &["--frames", "6"]);
    let source = clip.parent().unwrap();
    let again = |name: &str, precision: &str| {
        let out = folder.path().join(name);
        let args = ["--no-video", "--masks", "--calibration", "0.2", "--precision", precision];
        replay(&clip, &out, &args).ok();
        out
    };
    let (f32, int8) = (again("f32", "f32"), again("int8", "int8"));
    let (truth, page) = (source.join("masks"), folder.path().join("pages/report.html"));

    // Where nothing else is said the page lies in the run's folder.
    let bare = report(&[], &[&f32]).ok();
    assert_eq!(bare.out.trim(), text(&f32.join("report.html")));
    let bare = std::fs::read_to_string(f32.join("report.html")).unwrap();
    assert!(bare.contains("6 of 6 frames have a result") && !bare.contains("data:image"));

    let notes = folder.path().join("notes/report.md");
    let args = [
        "--truth",
        text(&truth),
        "--pictures",
        text(source),
        "--out",
        text(&page),
        "--markdown",
        text(&notes),
        "--title",
        "A <title>",
    ];
    report(&args, &[&f32]).ok();
    let with = std::fs::read_to_string(&page).unwrap();
    assert!(with.contains("<title>A &lt;title&gt;</title>"));
    assert_eq!(with.matches("data:image/jpeg;base64,").count(), 6);
    assert_eq!(with.matches("<path class=\"true\"").count(), 6);
    let notes = std::fs::read_to_string(notes).unwrap();
    assert!(notes.starts_with("# A \\<title\\>") && !notes.contains("base64"));
    assert!(folder.path().join("notes/images/report-1.svg").is_file());

    // With pictures `score` follows their motion, and the page says what the files say.
    let scores = folder.path().join("scores");
    let mut score = vesalius();
    score.arg("score").arg(&f32).args(["--truth", text(&truth), "--pictures", text(&clip)]);
    run(score.args(["--out", text(&scores)])).ok();
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(scores.join("score.json")).unwrap()).unwrap();
    let clip_of = &json["structures"][0]["temporal"][0];
    for figure in ["moved_iou", "truth_moved_iou"] {
        let iou = clip_of[figure].as_f64().unwrap();
        assert!(iou > 0.9 && iou <= 1.0, "{figure} {iou}");
    }
    report(&["--scores", text(&scores), "--out", text(&page)], &[&f32]).ok();
    let stored = std::fs::read_to_string(&page).unwrap();
    let dice = json["structures"][0]["metrics"][0]["summary"]["mean"].as_f64().unwrap();
    assert!(stored.contains(&format!("<td class=\"n\">{dice:.4}</td>")), "{dice}");

    report(&["--out", text(&page)], &[&f32, &int8]).ok();
    let beside = std::fs::read_to_string(&page).unwrap();
    assert!(beside.contains("fetal-head 1.0.0, int8 beside fetal-head 1.0.0, f32"));
    assert!(beside.contains("engine.precision"));

    for (args, expected) in [
        (vec!["--pictures", text(&truth)], "no recording of the runs is among --pictures"),
        (vec!["--truth", "/nowhere"], "cannot be read"),
        (vec!["--scores", text(source)], "score.json"),
        (vec!["--out", "/dev/null/report.html"], "cannot be written"),
        (vec!["--frame-rate", "-1", "--truth", text(&truth)], "--frame-rate"),
    ] {
        assert_fault(&report(&args, &[&f32]), expected);
    }
    assert_fault(&report(&[], &[&folder.path().join("none")]), "no run");
    assert_fault(&report(&[], &[&f32, &f32]), "named twice");
    // Another recording under the same name.
    let forged = folder.path().join("forged");
    std::fs::create_dir(&forged).unwrap();
    std::fs::write(forged.join("clip.mp4"), [std::fs::read(&clip).unwrap(), vec![0]].concat()).unwrap();
    assert_fault(&report(&["--pictures", text(&forged)], &[&f32]), "its SHA-256 is another");

    let trend = |args: &[&str]| run(vesalius().arg("trend").args(args));
    let (first, second) = (format!("2026-01-10={}", text(&f32)), format!("2026-03-02={}", text(&int8)));
    let course = folder.path().join("course.html");
    let told = trend(&[&second, &first, "--out", text(&course)]).ok();
    assert!(told.out.starts_with("2 dates: 2026-01-10, 2026-03-02"), "{}", told.out);
    assert!(told.out.contains("can't tell (outlined by different engines"), "{}", told.out);
    assert!(std::fs::read_to_string(&course).unwrap().contains("days since 2026-01-10"));
    let again = folder.path().join("again");
    replay(&clip, &again, &["--no-video", "--calibration", "0.2", "--precision", "f32"]).ok();
    let told = trend(&[&first, &format!("2026-03-02={}", text(&again)), "--json"]).ok();
    let json: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    let value = |name: &str| json["values"].as_array().unwrap().iter().find(|v| v["name"] == name).unwrap();
    assert_eq!(value("head_circumference")["from_first"][0]["verdict"], "no_change");
    assert_fault(&trend(&[&first]), "one run alone");
    assert_fault(&trend(&[&first, text(&int8)]), "has no date");
    assert_fault(&trend(&["2026-02-30=x", &first]), "no day that there is");
}

//! `vesalius replay --list` and `vesalius merge`: shards, one of them killed half-way.

use std::path::Path;
use std::time::{Duration, Instant};

use vesalius_tests::program::{Ran, phantom, run, summary, vesalius};

const OPTIONS: [&str; 6] = ["--calibration", "0.2", "--no-video", "--masks", "--threads", "1"];

fn replay(list: &Path, out: &Path, args: &[&str]) -> Ran {
    run(vesalius().arg("replay").arg("--list").arg(list).arg("--out").arg(out).args(OPTIONS).args(args))
}

fn finished(out: &Path) -> usize {
    let entries = std::fs::read_dir(out).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().join("done.json").exists()).count()
}

#[test]
fn a_shard_that_is_killed_is_picked_up_with_nothing_lost_and_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let clip = phantom(folder.path(), &["--frames", "6"]);
    let list = folder.path().join("list.csv");
    let mut text = "input,id,site\n".to_owned();
    for n in 0..6 {
        text += &format!("{},clip{n},ward\n", clip.display());
    }
    // One that is no recording: the others do not suffer from it.
    std::fs::write(folder.path().join("none.mp4"), "not a video").unwrap();
    std::fs::write(&list, text + "none.mp4,,ward\n").unwrap();
    let whole = folder.path().join("whole");
    let first = replay(&list, &whole, &["--jobs", "2"]);
    assert_eq!(first.code, Some(1), "{}", first.err);
    assert!(
        first.out.ends_with(&format!("7 now, 1 failed, 0 left; results in {}\n", whole.display())),
        "{}",
        first.out
    );
    assert_eq!(summary(&whole.join("clip3"))["frames"]["total"], 6);

    let out = folder.path().join("out");
    let mut command = vesalius();
    command
        .arg("replay")
        .arg("--list")
        .arg(&list)
        .arg("--out")
        .arg(&out)
        .args(OPTIONS)
        .args(["--shard", "0/2"]);
    let mut victim =
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while finished(&out) == 0 && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(2));
    }
    victim.kill().unwrap();
    victim.wait().unwrap();
    let kept = finished(&out);
    assert!((1..4).contains(&kept), "{kept} recordings were finished when it was killed");
    let mark = |id: &str| std::fs::metadata(out.join(id).join("done.json")).and_then(|m| m.modified()).ok();
    let before = mark("clip0");

    let said = run(vesalius().arg("merge").arg(&out).arg("--list").arg(&list));
    let line = said.one_line_error();
    assert!(line.contains("of 7 recordings are not finished") && line.contains("--partial"), "{line}");
    let settings = replay(&list, &out, &["--shard", "0/2", "--confirm-ms", "100"]);
    let line = settings.one_line_error();
    assert!(line.contains("was begun with confirm_ms 0, and this is 100"), "{line}");

    // An array job's second task and the first one again.
    for index in ["1", "0"] {
        let mut task = vesalius();
        task.env("JOB_COMPLETION_INDEX", index).env("VESALIUS_SHARDS", "2").env_remove("SLURM_ARRAY_TASK_ID");
        let task = task.arg("replay").arg("--list").arg(&list).arg("--out").arg(&out).args(OPTIONS);
        // The shard with what is no recording says so.
        assert_eq!(run(task.args(["--shard", "env"])).code, Some(if index == "0" { 1 } else { 0 }));
    }
    assert_eq!(mark("clip0"), before);
    for folder in [&whole, &out] {
        let merged = run(vesalius().arg("merge").arg(folder).arg("--list").arg(&list)).ok();
        assert!(merged.out.starts_with("7 recordings (1 failed), 36 frames and "), "{}", merged.out);
    }
    for name in ["values.parquet", "frames.parquet", "clip5/measurements.csv", "clip5/masks/000003.png"] {
        let read = |folder: &Path| std::fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(read(&whole) == read(&out), "{name} differs");
    }
    assert!(!out.join(".work").exists());
}

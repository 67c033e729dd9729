//! `vesalius compare`: two replays of one clip, told apart by exit code.

use std::path::Path;

use vesalius_tests::program::{Ran, phantom, replay, run, vesalius};

fn compare(reference: &Path, candidate: &Path, args: &[&str]) -> Ran {
    run(vesalius().arg("compare").arg(reference).arg(candidate).args(args))
}

#[test]
fn a_replay_is_on_a_par_with_itself_and_its_exit_code_says_when_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let clip = phantom(folder.path(), &["--frames", "4"]);
    let again = |name: &str, args: &[&str]| {
        let out = folder.path().join(name);
        replay(&clip, &out, &[&["--no-video", "--masks", "--calibration", "0.2"], args].concat()).ok();
        out
    };
    // Left to itself the program takes int8 where the processor is fit for it.
    let f32 = &["--precision", "f32"];
    let (one, two) = (again("one", f32), again("two", f32));
    let same = compare(&one, &two, &["--complete"]).ok();
    assert!(
        same.out.contains("gates exact")
            && same.out.contains("4 frames of 1 video in both, 4 with the same record"),
        "{}",
        same.out
    );
    assert!(
        same.out.trim_end().ends_with("parity: 3 gates met, 0 missed, 0 undecided, 0 not looked at"),
        "{}",
        same.out
    );

    // Another precision: the gates for it, and not the bits. Of one clip nothing can be tested for equivalence.
    let int8 = again("int8", &["--precision", "int8"]);
    let out = folder.path().join("out");
    let numbers = compare(&one, &int8, &["--json", "--out", out.to_str().unwrap()]).ok();
    let printed: serde_json::Value = serde_json::from_str(&numbers.out).unwrap();
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("compare.json")).unwrap()).unwrap();
    assert_eq!(printed, written);
    assert_eq!((&printed["gates"]["name"], &printed["outcome"]), (&"int8".into(), &"undecided".into()));
    assert!(printed["structures"][0]["masks"]["dice"]["median"].as_f64().unwrap() > 0.99);
    assert_eq!(compare(&one, &int8, &["--complete"]).code, Some(1));
    let exact = compare(&one, &int8, &["--gates", "exact"]);
    assert_eq!((exact.code, exact.err.as_str()), (Some(1), ""));
    assert!(exact.out.contains("MISSED") && exact.out.contains("no parity"), "{}", exact.out);

    let gates = folder.path().join("gates.toml");
    std::fs::write(&gates, "[masks]\ndice_worst = 0.9\n").unwrap();
    compare(&one, &int8, &["--gates", gates.to_str().unwrap(), "--complete"]).ok();

    // No verdict is not a bad one.
    let shifted = replay_other(folder.path());
    for (args, expected) in [
        (vec!["--gates", "strict"], "strict: cannot be read"),
        (vec!["--structures", "head"], "is not understood"),
        (vec!["--tolerance", "head=3"], "is no tolerance"),
        (vec!["--out", "/dev/null/out"], "cannot be written"),
    ] {
        assert_no_verdict(&compare(&one, &two, &args), expected);
    }
    assert_no_verdict(&compare(&one, &shifted, &[]), "different inputs");
    assert_no_verdict(&compare(&one, folder.path().join("none").as_path(), &[]), "no run");
}

/// A run of another clip.
fn replay_other(folder: &Path) -> std::path::PathBuf {
    let other = folder.join("other");
    let clip = phantom(&other, &["--frames", "2", "--seed", "2"]);
    let renamed = other.join("renamed.mp4");
    std::fs::rename(clip, &renamed).unwrap();
    replay(&renamed, &other.join("run"), &["--no-video", "--masks", "--calibration", "0.2"]).ok();
    other.join("run")
}

fn assert_no_verdict(ran: &Ran, expected: &str) {
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.err.starts_with("vesalius: ") && ran.err.lines().count() == 1, "{ran:?}");
    assert!(ran.err.contains(expected), "{ran:?}");
}

//! Somebody looks at what is installed before trusting it: the engines, their hashes, the libraries, the help.

use std::path::Path;

use vesalius_tests::program::{Ran, project, run, vesalius};

fn call(args: &[&str]) -> Ran {
    run(vesalius().args(args))
}

/// A folder of engines: two that can be read, and what else lies about.
fn engines(folder: &Path) {
    for name in ["threshold", "nan"] {
        let to = folder.join(name);
        std::fs::create_dir(&to).unwrap();
        for file in ["manifest.toml", "model.onnx"] {
            std::fs::copy(vesalius_tests::engine(name).join(file), to.join(file)).unwrap();
        }
    }
    std::fs::create_dir(folder.join("broken")).unwrap();
    std::fs::write(folder.join("broken/manifest.toml"), "schema = 99").unwrap();
    std::fs::create_dir(folder.join("no-engine")).unwrap();
    std::fs::write(folder.join("notes.txt"), "x").unwrap();
}

#[test]
fn the_list_has_every_engine() {
    let ran = call(&["engine", "list"]).ok();
    for name in ["fetal-head ", "larynx "] {
        assert!(ran.out.lines().any(|line| line.starts_with(name)), "{}", ran.out);
    }

    let folder = tempfile::tempdir().unwrap();
    engines(folder.path());
    let ran = run(vesalius().env("VESALIUS_ENGINES", folder.path()).args(["engine", "list", "--json"])).ok();
    let list: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let find = |name: &str| list.as_array().unwrap().iter().find(|entry| entry["name"] == name);
    for name in ["threshold", "nan"] {
        let entry = find(name).unwrap_or_else(|| panic!("no {name} in {list}"));
        assert_eq!(entry["sha256"].as_str().unwrap().len(), 64, "{entry}");
        assert!(entry["version"].is_string() && entry["description"].is_string(), "{entry}");
    }
    assert!(find("broken").unwrap()["error"].as_str().unwrap().contains("schema"), "{list}");
    assert!(find("no-engine").is_none(), "{list}");
}

#[test]
fn an_engine_shows_its_manifest() {
    let ran = call(&["engine", "show", "fetal-head"]).ok();
    let manifest = std::fs::read_to_string(project().join("engines/fetal-head/manifest.toml")).unwrap();
    assert!(ran.out.starts_with(manifest.trim_end()), "{}", ran.out);
    assert!(ran.out.contains("engines/fetal-head"), "it says where: {}", ran.out);
    for command in ["show", "verify"] {
        let ran = call(&["engine", command, "no-such-engine"]);
        let error = ran.one_line_error();
        assert!(error.contains("no-such-engine") && error.contains("fetal-head"), "{error}");
    }
}

#[test]
fn verifying_runs_the_engine() {
    let ran = call(&["engine", "verify", "fetal-head"]).ok();
    for word in ["SHA-256", "[1, 1, 192, 288]", "ms"] {
        assert!(ran.out.contains(word), "'{word}' is not in {}", ran.out);
    }
    let ran = call(&["engine", "verify", "larynx"]).ok();
    for word in ["SHA-256", "[1, 3, 256, 256]", "[1, 7, 256, 256]"] {
        assert!(ran.out.contains(word), "'{word}' is not in {}", ran.out);
    }
    let ran = call(&["engine", "verify", vesalius_tests::engine("threshold").to_str().unwrap()]).ok();
    assert!(ran.out.contains("[1, 1, 48, 64]"), "{}", ran.out);
    for (name, words) in [("corrupt", "cannot be loaded"), ("wrong-shape", "shape"), ("nan", "NaN")] {
        let ran = call(&["engine", "verify", vesalius_tests::engine(name).to_str().unwrap()]);
        let error = ran.one_line_error();
        assert!(error.contains(words), "{name}: {error}");
    }
    // One byte of the model changed.
    let folder = tempfile::tempdir().unwrap();
    engines(folder.path());
    let model = folder.path().join("threshold/model.onnx");
    let mut bytes = std::fs::read(&model).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&model, bytes).unwrap();
    let ran = call(&["engine", "verify", folder.path().join("threshold").to_str().unwrap()]);
    assert!(ran.one_line_error().contains("SHA-256"), "{}", ran.err);
}

#[test]
fn the_doctor_finds_what_works_and_what_does_not() {
    let ran = call(&["doctor"]).ok();
    assert!(ran.out.contains("everything works"), "{}", ran.out);
    let ran = call(&["doctor", "--json"]).ok();
    let checks: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let checks = checks.as_array().unwrap();
    // A GPU may be missing.
    let fine = |check: &serde_json::Value| check["works"] == true || check["optional"] == true;
    assert!(
        checks.iter().all(|check| fine(check) && (check["works"] == false || check["remedy"].is_null())),
        "{checks:?}"
    );
    for what in [
        "GStreamer",
        "element x264enc",
        "ONNX Runtime",
        "engine fetal-head",
        "backend onnxruntime-cpu",
        "backend onnxruntime-cuda",
        "backend onnxruntime-tensorrt",
    ] {
        assert!(checks.iter().any(|check| check["what"] == what), "{what} is not in {checks:?}");
    }
    let found =
        |what: &str| checks.iter().find(|check| check["what"] == what).unwrap()["found"].as_str().unwrap();
    assert!(found("ONNX Runtime").starts_with("1."), "its version is told: {}", found("ONNX Runtime"));

    // Without ONNX Runtime: it, the engines and the backend do not work, each with what to do.
    let lame = |args: &[&str]| run(vesalius().env("ORT_DYLIB_PATH", "/nonexistent").args(args));
    let ran = lame(&["doctor"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("make setup") && !ran.err.contains("panicked"), "{ran:?}");
    let ran = lame(&["doctor", "--json"]);
    assert_eq!(ran.code, Some(1));
    let checks: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    for check in checks.as_array().unwrap() {
        assert_eq!(
            check["works"] == false,
            check["remedy"].as_str().is_some_and(|r| !r.is_empty()),
            "{check}"
        );
    }
    let broken =
        |what: &str| checks.as_array().unwrap().iter().any(|c| c["what"] == what && c["works"] == false);
    assert!(broken("ONNX Runtime") && broken("engine fetal-head"), "{checks}");

    // Without a GStreamer plugin.
    let folder = tempfile::tempdir().unwrap();
    let mut command = vesalius();
    command
        .env("GST_PLUGIN_SYSTEM_PATH_1_0", folder.path())
        .env("GST_REGISTRY", folder.path().join("registry"));
    let ran = run(command.env("GST_REGISTRY_FORK", "no").arg("doctor"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("x264enc") && ran.out.contains("gstreamer1.0-plugins-ugly"), "{}", ran.out);
}

#[test]
fn a_missing_element_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clip.mp4");
    std::fs::write(&file, "not looked at without elements").unwrap();
    let mut command = vesalius();
    command
        .env("GST_PLUGIN_SYSTEM_PATH_1_0", folder.path())
        .env("GST_REGISTRY", folder.path().join("registry"));
    command
        .env("GST_REGISTRY_FORK", "no")
        .arg("replay")
        .arg(&file)
        .arg("--out")
        .arg(folder.path().join("out"));
    let ran = run(&mut command);
    let error = ran.one_line_error();
    assert!(error.contains("missing") && error.contains("scripts/setup.sh"), "{error}");
}

#[test]
fn help_says_what_there_is() {
    let whole = call(&["--help"]).ok();
    for command in ["replay", "phantom", "engine", "doctor", "demo"] {
        assert!(whole.out.contains(command), "{command} is not in {}", whole.out);
    }
    assert!(whole.out.contains("Not for clinical use"), "{}", whole.out);
    for (args, options) in [
        (
            &["replay", "--help"][..],
            &[
                "--engine",
                "--out",
                "--calibration",
                "MM_PER_PX",
                "X,Y",
                "mm_per_px_x",
                "--masks",
                "--no-video",
                "--json",
            ][..],
        ),
        (
            &["phantom", "fetal-head", "--help"],
            &["--seed", "--field", "--gain", "--shadow", "--motion", "--mm-per-px", "--head-circumference"],
        ),
        (
            &["engine", "--help"],
            &["list", "show", "verify", "import", "bench", "build", "import-plan", "clean"],
        ),
        (
            &["engine", "import", "--help"],
            &["--picture", "--reference", "--choose", "--normalise", "--modelinfo"],
        ),
        (&["engine", "bench", "--help"], &["--threads", "--provider", "--precision", "--json"]),
        (&["engine", "verify", "--help"], &["--runtime", "--provider", "--precision"]),
        (&["engine", "build", "--help"], &["--runtime", "--provider", "--precision"]),
        (&["engine", "import-plan", "--help"], &["--precision", "--out", "trusted-plans.txt"]),
        (&["doctor", "--help"], &["--json"]),
        (&["demo", "--help"], &["--out"]),
    ] {
        let ran = call(args).ok();
        for option in options {
            assert!(ran.out.contains(option), "{option} is not in the help of {args:?}: {}", ran.out);
        }
    }
    let version = call(&["--version"]).ok();
    assert_eq!(version.out.trim(), format!("vesalius {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_demo_ends_with_a_measurement_beside_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let ran = run(vesalius().arg("demo").arg("--out").arg(&out)).ok();
    let line = ran.out.lines().find(|line| line.contains("truth")).unwrap_or_else(|| panic!("{}", ran.out));
    let number = |before: &str| -> f64 {
        let rest = line.split(before).nth(1).unwrap_or_else(|| panic!("no '{before}' in {line}"));
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    let (measured, truth) = (number("measured "), number("truth "));
    assert!((truth - 250.0).abs() < 2.0, "{line}");
    assert!((measured / truth - 1.0).abs() < 0.02, "{line}");
    assert!(line.contains("frames/s"), "{line}");
    let video = out.join("replay/annotated.mp4");
    assert!(ran.out.contains(video.to_str().unwrap()), "it says where: {}", ran.out);
    assert_eq!(vesalius_tests::program::decode(&video).len(), 150);
}

//! Somebody wants a GPU: on a machine without one the program says what is missing and what to do, and falls back only when
//! it was left the choice. What needs a GPU is skipped where there is none, and the other way round.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use vesalius_engine::provider::choose::multiplies_bytes;
use vesalius_tests::program::{Ran, phantom, replay, results, run, summary, vesalius};

/// A home of its own: no cache, no list of trusted plans, but the library where it is.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn call(&self, args: &[&str]) -> Ran {
        let mut command = vesalius();
        command
            .env("XDG_CACHE_HOME", self.folder.path().join("cache"))
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"));
        run(command.args(args))
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        path
    }

    fn engines(&self) -> PathBuf {
        self.folder.path().join("cache/vesalius/engines")
    }
}

/// Whether there is no GPU; tells where there is one.
fn without_gpu() -> bool {
    let gpu = vesalius_engine::provider::probe::driver(0);
    if let Ok(gpu) = &gpu {
        println!("skipped: this machine has a GPU, {gpu}");
    }
    gpu.is_err()
}

fn test_engine(name: &str) -> String {
    vesalius_tests::engine(name).to_str().unwrap().to_owned()
}

#[test]
fn a_gpu_that_is_asked_for_and_missing_is_one_clear_line() {
    if !without_gpu() {
        return;
    }
    let home = Home::new();
    for provider in ["cuda", "tensorrt"] {
        let ran = home.call(&["engine", "verify", &test_engine("threshold"), "--provider", provider]);
        let line = ran.one_line_error();
        for words in ["cannot run here", "there is no NVIDIA driver", "install the driver", "auto or cpu"] {
            assert!(line.contains(words), "'{words}' is not in {line}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = phantom(folder.path(), &["--frames", "3", "--width", "160", "--height", "120"]);
    let ran = replay(&clip, &folder.path().join("out"), &["--provider", "tensorrt"]);
    assert!(ran.one_line_error().contains("there is no NVIDIA driver"), "{}", ran.err);
    assert!(!folder.path().join("out").exists(), "nothing was begun");
    // A name that is none is told by the command line itself.
    let ran = home.call(&["engine", "verify", "fetal-head", "--provider", "abacus"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.err.contains("'abacus'") && ran.err.contains("cpu, openvino, cuda or tensorrt"),
        "{}",
        ran.err
    );
}

#[test]
fn auto_falls_back_and_says_so() {
    if !without_gpu() {
        return;
    }
    let home = Home::new();
    let ran = home.call(&["engine", "verify", &test_engine("threshold")]).ok();
    let line = ran.out.lines().find(|line| line.contains("ran on")).unwrap_or_else(|| panic!("{}", ran.out));
    for words in ["onnxruntime-cpu in f32", "not tensorrt or cuda: there is no NVIDIA driver (libcuda.so.1"] {
        assert!(line.contains(words), "'{words}' is not in {line}");
    }
    let ran = home.call(&["engine", "verify", &test_engine("threshold"), "--provider", "cpu"]).ok();
    assert!(ran.out.contains("onnxruntime-cpu in f32 (asked for)"), "{}", ran.out);

    let folder = tempfile::tempdir().unwrap();
    let clip = phantom(folder.path(), &["--frames", "3", "--width", "160", "--height", "120"]);
    for (provider, why) in [("auto", "not tensorrt or cuda: "), ("cpu", "asked for")] {
        let out = folder.path().join(provider);
        let ran = replay(&clip, &out, &["--provider", provider, "--no-video"]).ok();
        // Its manifest vouches for int8, which is taken where the processor has instructions for it.
        let precision = if multiplies_bytes() { "int8" } else { "f32" };
        assert!(ran.out.contains(&format!("ran on onnxruntime-cpu in {precision} (")), "{}", ran.out);
        let run = &results(&out)[0];
        assert_eq!(run["engine"]["backend"], "onnxruntime-cpu");
        assert_eq!(run["engine"]["precision"], precision);
        let told = run["configuration"]["backend_why"].as_str().unwrap();
        assert!(told.starts_with(why), "{told}");
        assert_eq!(summary(&out)["run"]["engine"]["backend"], "onnxruntime-cpu");
    }
}

#[test]
fn building_without_a_gpu_is_one_clear_line() {
    if !without_gpu() {
        return;
    }
    let home = Home::new();
    for args in [&["--provider", "tensorrt"][..], &[], &["--provider", "tensorrt", "--precision", "f16"]] {
        let ran = home.call(&[&["engine", "build", "fetal-head"][..], args].concat());
        let line = ran.one_line_error();
        assert!(line.contains("backend tensorrt cannot run here: there is no NVIDIA driver"), "{line}");
    }
    for provider in ["cpu", "cuda"] {
        let ran = home.call(&["engine", "build", "fetal-head", "--provider", provider]);
        let line = ran.one_line_error();
        assert!(line.contains("nothing is compiled ahead for") && line.contains("tensorrt"), "{line}");
    }
    let without_int8 = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/engine/tests/models/threshold");
    let ran = home.call(&["engine", "build", without_int8, "--precision", "int8"]);
    assert!(ran.one_line_error().contains("names no int8 file"), "{}", ran.err);
    assert!(!home.engines().exists(), "nothing is left behind");
}

#[test]
fn the_doctor_says_what_each_provider_lacks() {
    let home = Home::new();
    let ran = home.call(&["doctor", "--json"]).ok();
    let checks: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    for backend in ["onnxruntime-cuda", "onnxruntime-tensorrt"] {
        let what = format!("backend {backend}");
        let check = checks.as_array().unwrap().iter().find(|check| check["what"] == what.as_str());
        let check = check.unwrap_or_else(|| panic!("no {what} in {checks}"));
        assert_eq!(check["optional"], true);
        if check["works"] == true {
            continue;
        }
        let found = check["found"].as_str().unwrap();
        assert!(found.starts_with("offered") || found.starts_with("not offered"), "{found}");
        assert!(!check["remedy"].as_str().unwrap().is_empty(), "{check}");
        if without_gpu() {
            assert!(found.contains("there is no NVIDIA driver"), "{found}");
        }
    }
    let ran = home.call(&["doctor"]).ok();
    assert!(ran.out.contains("everything works"), "a GPU is nobody's duty: {}", ran.out);
}

/// A record of a build as the cache holds it, made for a GPU that no test machine has.
fn put_build(home: &Home, engine: &str, model_sha256: &str) -> PathBuf {
    let record = serde_json::json!({
        "schema": 1, "engine": engine, "built_at_s": 1_700_000_000, "took_ms": 92_000,
        "file": "abc.onnx", "sha256": "0".repeat(64), "bytes": 3,
        "key": { "model_sha256": model_sha256, "provider": "tensorrt", "precision": "f16",
            "onnxruntime": "1.31.1", "tensorrt": "10.9.0", "cuda": "13", "gpu": "NVIDIA Test 1",
            "compute_capability": "8.9" },
    });
    let folder = format!("cache/vesalius/engines/{engine}-tensorrt-f16-0123456789abcdef");
    home.file(&format!("{folder}/abc.onnx"), b"abc");
    home.file(&format!("{folder}/built.json"), record.to_string().as_bytes());
    home.folder.path().join(folder)
}

#[test]
fn the_list_tells_builds_that_fit_from_those_that_do_not() {
    let home = Home::new();
    let kept = put_build(&home, "fetal-head", &"ab".repeat(32));
    let gone = put_build(&home, "no-such-engine", &"cd".repeat(32));
    let ran = home.call(&["engine", "list"]).ok();
    let build =
        ran.out.lines().find(|line| line.contains("tensorrt f16")).unwrap_or_else(|| panic!("{}", ran.out));
    assert!(build.contains("for NVIDIA Test 1") && build.contains("days ago"), "{build}");
    if without_gpu() {
        assert!(build.contains("unknown (there is no NVIDIA driver"), "{build}");
    } else {
        assert!(build.contains("stale ("), "{build}");
    }
    let line = ran.out.lines().find(|line| line.starts_with("no-such-engine (gone)")).unwrap();
    assert!(line.contains("stale (its engine is gone)"), "{line}");

    let ran = home.call(&["engine", "list", "--json"]).ok();
    let list: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let engine = list.as_array().unwrap().iter().find(|e| e["name"] == "fetal-head").unwrap();
    assert_eq!(engine["builds"][0]["built"]["key"]["gpu"], "NVIDIA Test 1", "{engine}");
    assert!(["unknown", "stale"].contains(&engine["builds"][0]["state"].as_str().unwrap()), "{engine}");

    let ran = home.call(&["engine", "clean"]).ok();
    assert!(ran.out.contains(gone.to_str().unwrap()) && !gone.exists(), "{}", ran.out);
    if without_gpu() {
        assert!(kept.exists() && ran.out.contains("kept 1"), "{}", ran.out);
    }
    home.call(&["engine", "clean", "--all"]).ok();
    assert!(!kept.exists());
    let ran = home.call(&["engine", "clean"]).ok();
    assert!(ran.out.contains("nothing to remove"), "{}", ran.out);
}

fn sha256(path: &Path) -> String {
    let ran = run(std::process::Command::new("sha256sum").arg(path)).ok();
    ran.out.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_plan_is_taken_in_only_if_somebody_vouches_for_it() {
    let home = Home::new();
    let plan = home.file("mine.plan", b"ftrt not made by TensorRT, but it is the hash that counts");
    let out = home.folder.path().join("model.onnx");
    let import = |extra: &[&str]| {
        let args = ["engine", "import-plan", "fetal-head", plan.to_str().unwrap(), "--precision", "f16"];
        home.call(&[&args[..], extra].concat())
    };
    let wrap = || import(&["--out", out.to_str().unwrap()]);
    let ran = wrap();
    let line = ran.one_line_error();
    for words in ["is not trusted", "a plan is code", &sha256(&plan), "trusted-plans.txt"] {
        assert!(line.contains(words), "'{words}' is not in {line}");
    }
    assert!(!out.exists());

    let list = format!("# plans of this cart\n{}  mine.plan\n", sha256(&plan));
    let list = home.file("config/vesalius/trusted-plans.txt", list.as_bytes());
    let ran = wrap().ok();
    assert!(ran.out.contains(&sha256(&plan)), "{}", ran.out);
    let model = std::fs::read(&out).unwrap();
    assert!(model.windows(9).any(|part| part == b"EPContext"), "a node holds the plan");

    // The list itself must be the user's alone.
    std::fs::set_permissions(&list, std::fs::Permissions::from_mode(0o666)).unwrap();
    let ran = wrap();
    assert!(ran.one_line_error().contains("others than its owner can write to it"), "{}", ran.err);
    std::fs::set_permissions(&list, std::fs::Permissions::from_mode(0o644)).unwrap();

    // One byte changed.
    let mut bytes = std::fs::read(&plan).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&plan, &bytes).unwrap();
    assert!(wrap().one_line_error().contains("is not trusted"));
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&plan, &bytes).unwrap();
    if without_gpu() {
        let ran = import(&[]);
        assert!(ran.one_line_error().contains("there is no NVIDIA driver"), "{}", ran.err);
        assert!(!home.engines().exists());
    }
    // What it runs in must be said.
    let ran =
        home.call(&["engine", "import-plan", "fetal-head", plan.to_str().unwrap(), "--precision", "auto"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let ran = home.call(&["engine", "import-plan", "fetal-head", "/none.plan", "--precision", "f16"]);
    assert!(ran.one_line_error().contains("/none.plan"), "{}", ran.err);
}

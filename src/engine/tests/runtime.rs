//! Loading ONNX Runtime: once a process, so each scenario runs in a process of its own, this test again with the
//! name of the scenario in a variable.

// The lint's exemption for tests covers functions marked as such and not their helpers.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use vesalius_engine::runtime::{self, RuntimeError};
use vesalius_engine::{Engine, SessionOptions, Worker};
use vesalius_measure::frame::{Frame, PixelFormat};

const SCENARIO: &str = "VESALIUS_TEST_SCENARIO";

fn run(scenario: &str, variables: &[(&str, &Path)]) -> Output {
    run_with(scenario, variables.iter().map(|(name, value)| (*name, Some(*value))))
}

/// A variable without a value is not set.
fn run_with<'a>(scenario: &str, variables: impl IntoIterator<Item = (&'a str, Option<&'a Path>)>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--nocapture", "--test-threads=1", "scenario"]).env(SCENARIO, scenario);
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap()
}

fn assert_passes(scenario: &str, variables: &[(&str, &Path)]) {
    let output = run(scenario, variables);
    assert!(
        output.status.success(),
        "{scenario}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn worker() -> Worker {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/models/slow");
    Worker::new(&Engine::open(&folder).unwrap(), &SessionOptions { threads: 2, ..SessionOptions::default() })
        .unwrap()
}

fn process(worker: &mut Worker) {
    let picture = vec![99; 64 * 48];
    worker.process(&Frame::new(PixelFormat::Gray8, 64, 48, &[(&picture, 64)]).unwrap(), (1, 1)).unwrap();
}

/// Does nothing by itself: the other tests run it.
#[test]
fn scenario() {
    let Ok(scenario) = std::env::var(SCENARIO) else { return };
    let error = || runtime::load(None).unwrap_err();
    match scenario.as_str() {
        "missing" => assert!(matches!(error(), RuntimeError::Missing { .. }), "{}", error()),
        "not-at-path" => assert!(matches!(error(), RuntimeError::NotAtPath { .. }), "{}", error()),
        "unusable" => {
            assert!(matches!(error(), RuntimeError::Unusable { .. }), "{}", error());
            assert!(!error().to_string().contains('\n'));
        }
        "without-runtime" => {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/models/threshold");
            let engine = Engine::open(&folder).unwrap();
            let error = Worker::new(&engine, &SessionOptions::default()).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains("make setup"), "{error}");
        }
        "other-path" => {
            let loaded = runtime::load(None).unwrap();
            assert_eq!(runtime::loaded(), Some(loaded));
            assert_eq!(runtime::load(Some(&loaded.path)).unwrap(), loaded);
            let other = std::env::current_exe().unwrap();
            assert!(matches!(runtime::load(Some(&other)), Err(RuntimeError::AlreadyLoaded { .. })));
            let missing = other.with_file_name("no-such-library.so");
            assert!(matches!(runtime::load(Some(&missing)), Err(RuntimeError::NotAtPath { .. })));
        }
        "after-failure" => {
            let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
            assert!(matches!(runtime::load(Some(&text)), Err(RuntimeError::Unusable { .. })));
            runtime::load(None).unwrap();
        }
        "private" => process(&mut worker()),
        // The process ends while other threads are inside the runtime, and with a worker that is never dropped.
        "exit" => {
            let mut kept = worker();
            process(&mut kept);
            std::mem::forget(kept);
            for _ in 0..2 {
                std::thread::spawn(|| {
                    let mut worker = worker();
                    loop {
                        process(&mut worker);
                    }
                });
            }
            std::thread::sleep(std::time::Duration::from_millis(600));
            std::process::exit(0);
        }
        other => panic!("no scenario '{other}'"),
    }
}

#[test]
fn what_is_not_there_is_missing() {
    let nowhere = tempfile::tempdir().unwrap();
    // Where the system has the library there is nothing to be missing.
    let empty =
        [("ORT_DYLIB_PATH", Path::new("")), ("XDG_DATA_HOME", nowhere.path()), ("HOME", nowhere.path())];
    let by_system = run("missing", &empty);
    if by_system.status.success() {
        assert_passes("without-runtime", &empty);
    } else {
        assert!(String::from_utf8_lossy(&by_system.stderr).contains("Ok("), "{by_system:?}");
    }
    let no_file = nowhere.path().join("libonnxruntime.so");
    assert_passes("not-at-path", &[("ORT_DYLIB_PATH", &no_file)]);
}

#[test]
fn a_damaged_library_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.so");
    std::fs::write(&text, "This is no library.").unwrap();
    let empty = folder.path().join("empty.so");
    std::fs::write(&empty, "").unwrap();
    for path in [&text, &empty] {
        assert_passes("unusable", &[("ORT_DYLIB_PATH", path)]);
    }
    let Ok(library) = library() else { return };
    let bytes = std::fs::read(library).unwrap();
    for length in [1_000, 100_000, bytes.len() / 2] {
        let cut = folder.path().join("libonnxruntime.so");
        std::fs::write(&cut, &bytes[..length]).unwrap();
        assert_passes("unusable", &[("ORT_DYLIB_PATH", &cut)]);
    }
}

/// The library that is installed, or a line that says that the rest is skipped.
fn library() -> Result<PathBuf, ()> {
    runtime::load(None).map(|runtime| runtime.path.clone()).map_err(|error| println!("skipped: {error}"))
}

/// Builds of ONNX Runtime that record what they do put it in the user's cache, with an identifier of the machine.
#[test]
fn the_runtime_leaves_nothing_in_the_users_cache() {
    let Ok(library) = library() else { return };
    let home = tempfile::tempdir().unwrap();
    // Where these are set they record nothing anyway.
    let unset = ["CI", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY"].map(|name| (name, None));
    let set = [("ORT_DYLIB_PATH", library.as_path()), ("HOME", home.path()), ("XDG_CACHE_HOME", home.path())];
    let output = run_with("private", set.map(|(name, value)| (name, Some(value))).into_iter().chain(unset));
    assert!(output.status.success(), "{output:?}");
    let left: Vec<_> =
        std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn another_library_is_an_error() {
    // Any library that has no OrtGetApiBase.
    for path in
        ["/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6", "/usr/lib64/libm.so.6"]
    {
        if Path::new(path).is_file() {
            assert_passes("unusable", &[("ORT_DYLIB_PATH", Path::new(path))]);
        }
    }
}

#[test]
fn there_is_one_library_a_process() {
    let Ok(library) = library() else { return };
    assert_passes("other-path", &[("ORT_DYLIB_PATH", &library)]);
    assert_passes("after-failure", &[("ORT_DYLIB_PATH", &library)]);
    // A folder stands for the library in it.
    assert_passes("other-path", &[("ORT_DYLIB_PATH", library.parent().unwrap())]);
    // Found in the user's data folder.
    let data = tempfile::tempdir().unwrap();
    let version = data.path().join("vesalius/onnxruntime/1.99.0");
    std::fs::create_dir_all(&version).unwrap();
    std::os::unix::fs::symlink(&library, version.join("libonnxruntime.so")).unwrap();
    assert_passes("other-path", &[("ORT_DYLIB_PATH", Path::new("")), ("XDG_DATA_HOME", data.path())]);
}

#[test]
fn the_process_can_end_while_models_run() {
    let Ok(library) = library() else { return };
    for _ in 0..3 {
        assert_passes("exit", &[("ORT_DYLIB_PATH", &library)]);
    }
}

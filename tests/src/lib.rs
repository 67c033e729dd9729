//! What the tests of the elements share: pictures with a known bright ellipse, the elements with the small test
//! engines, and ways to feed them and to write down what comes out.
//!
//! * [`dicom`]: ultrasound recordings as DICOM files;
//! * [`picture`]: frames in every pixel format, with and without padding, and which of their bytes a drawing touches;
//! * [`elements`]: the elements with a test engine, alone or one after the other;
//! * [`rig`]: an element in a harness, with its bus and a record of everything that left it;
//! * [`job`]: a live job on a thread, and requests to its page;
//! * [`pipeline`]: whole pipelines, run until they end;
//! * [`program`]: the program as people run it, and what it leaves behind.

pub mod dicom;
pub mod elements;
pub mod job;
pub mod picture;
pub mod pipeline;
pub mod program;
pub mod rig;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest time that anything may take before a test gives up. Far above what a loaded machine needs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Starts GStreamer and makes sure that engines can run.
///
/// # Panics
///
/// When GStreamer or ONNX Runtime cannot be had: the tests have nothing to say then, and say so.
pub fn init() {
    gst::init().expect("GStreamer starts");
    if let Err(error) = vesalius_engine::runtime::load(None) {
        panic!("the tests of the elements need ONNX Runtime; `make test` installs it: {error}");
    }
}

/// The folder of a test engine, made by `src/engine/tests/make_models.py`.
pub fn engine(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/engine/tests/models").join(name)
}

/// The folder of what this build made: `libgstvesalius.so` lies there, two folders above the test's executable.
///
/// # Panics
///
/// When the executable is not where cargo puts tests.
pub fn build_folder() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|exe| exe.parent()?.parent().map(Path::to_owned))
        .expect("a test runs from cargo's folder deps/")
}

/// Waits until something is so.
///
/// # Panics
///
/// When it is not after [`PATIENCE`].
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "still not so after {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

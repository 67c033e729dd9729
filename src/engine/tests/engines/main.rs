//! Engines from picture to outlines, on models small enough to compute by hand (`tests/make_models.py`).

mod models;
mod preprocess;

use std::path::PathBuf;

/// The folder of a test engine.
fn model(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

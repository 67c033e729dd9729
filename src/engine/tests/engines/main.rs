//! Engines from picture to outlines, on models small enough to compute by hand (`tests/make_models.py`).

// The lint's exemption for tests covers functions marked as such and not their helpers.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod device;
mod import;
mod models;
mod parity;
mod preprocess;
mod providers;
mod trust;

use std::path::PathBuf;

/// The folder of a test engine.
fn model(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

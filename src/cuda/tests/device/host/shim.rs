//! The kernels, compiled by g++ with the shim in front of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use vesalius_cuda::kernels::{HEADER, HEADER_NAME, SOURCES};

const SHIM: &str = include_str!("shim.h");

/// No optimisation that changes a float, and a trap where behaviour is undefined.
const FLAGS: [&str; 12] = [
    "-std=c++17",
    "-O2",
    "-g",
    "-shared",
    "-fPIC",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-fsanitize=undefined",
    "-fsanitize-undefined-trap-on-error",
    "-fno-sanitize=vptr",
    "-w",
    "-x",
];

/// The shared library of each source.
pub fn libraries() -> &'static HashMap<&'static str, PathBuf> {
    static LIBRARIES: OnceLock<HashMap<&'static str, PathBuf>> = OnceLock::new();
    LIBRARIES.get_or_init(|| {
        SOURCES.iter().map(|source| (source.name, library(source.name, source.text))).collect()
    })
}

fn library(name: &str, text: &str) -> PathBuf {
    let key = vesalius_cuda::CubinCache::key(&[text, HEADER, SHIM, &FLAGS.join(" ")]);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shim").join(&key[..16]);
    let library = folder.join(name).with_extension("so");
    if library.exists() {
        return library;
    }
    std::fs::create_dir_all(&folder).unwrap();
    let work = tempfile::tempdir_in(&folder).unwrap();
    for (file, text) in [("shim.h", SHIM), (HEADER_NAME, HEADER), (name, text)] {
        std::fs::write(work.path().join(file), text).unwrap();
    }
    let made = work.path().join("made.so");
    let output = Command::new("g++")
        .args(FLAGS)
        .args(["c++", "-include"])
        .arg(work.path().join("shim.h"))
        .arg("-o")
        .arg(&made)
        .arg(work.path().join(name))
        .output()
        .expect("g++ runs (package build-essential)");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::rename(made, &library).unwrap();
    library
}

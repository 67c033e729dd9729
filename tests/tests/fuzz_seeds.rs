//! The fuzz targets on their committed seeds, cut off at every length and with every byte changed.

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

/// Runs a target on the committed seeds, and on each of them with every byte changed and at every length.
fn run(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(name);
    let mut seeds = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        seeds += 1;
        target(&bytes);
        for length in 0..bytes.len() {
            target(&bytes[..length]);
        }
        let mut changed = bytes.clone();
        for i in 0..bytes.len() {
            for value in [0, 0xFF, bytes[i] ^ 1, bytes[i] ^ 0x80] {
                changed[i] = value;
                target(&changed);
            }
            changed[i] = bytes[i];
        }
    }
    assert!(seeds > 0);
}

#[test]
fn dicom_seeds() {
    run("dicom_calibration", targets::dicom_calibration);
}

#[test]
fn manifest_seeds() {
    run("manifest", targets::manifest);
}

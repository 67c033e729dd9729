//! Pixel values against pydicom's, as `oracle/pixels.py` wrote them down.
//!
//! Without losses they are equal. JPEG with losses has one tolerance: decoders may round the inverse cosine transform
//! and the interpolation between colour differences either way (ITU-T T.83), so Y, Cb and Cr may differ by 1, which
//! makes up to 3 in R, G and B. Over a frame that comes to less than half a level.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use vesalius_dicom::{DicomError, Layout, Recording};

/// Levels that one level of Y, Cb and Cr can make: 1 + 1.772, rounded up.
const LEVELS: u8 = 3;
/// Levels that a channel's mean over a frame may differ by.
const MEAN_LEVELS: f64 = 0.5;

#[derive(Deserialize)]
struct Truth {
    frames: usize,
    width: u32,
    height: u32,
    layout: String,
    lossy: bool,
    #[serde(default)]
    sha256: Vec<String>,
    #[serde(default)]
    means: Vec<Vec<f64>>,
    #[serde(default)]
    step: usize,
    #[serde(default)]
    grids: BTreeMap<usize, Vec<u8>>,
}

#[derive(Deserialize)]
struct Truths {
    files: BTreeMap<String, Truth>,
    public: BTreeMap<String, Truth>,
}

fn truths() -> Truths {
    serde_json::from_str(include_str!("pixels.json")).expect("pixels.json is what the script writes")
}

fn differences(path: &Path, truth: &Truth) -> Result<(), String> {
    let mut recording = Recording::open(path).map_err(|e| e.to_string())?;
    let layout = match recording.layout() {
        Layout::Gray8 => "gray8",
        Layout::Rgb8 => "rgb8",
    };
    let found = (recording.frame_count(), recording.size(), layout);
    if found != (truth.frames, (truth.width, truth.height), truth.layout.as_str()) {
        return Err(format!("is {found:?}"));
    }
    let mut seen = 0;
    let frames: Result<Vec<_>, DicomError> = recording.frames().collect();
    for (i, frame) in frames.map_err(|e| e.to_string())?.into_iter().enumerate() {
        let channels = frame.layout.bytes();
        assert_eq!(frame.data.len(), (frame.width * frame.height) as usize * channels);
        seen += 1;
        if !truth.lossy {
            let hash: String = Sha256::digest(&frame.data).iter().map(|b| format!("{b:02x}")).collect();
            if hash != truth.sha256[i] {
                return Err(format!("frame {i} differs"));
            }
            continue;
        }
        for (c, expected) in truth.means[i].iter().enumerate() {
            let sum: u64 = frame.data.iter().skip(c).step_by(channels).map(|v| u64::from(*v)).sum();
            let mean = sum as f64 / f64::from(frame.width * frame.height);
            if (mean - expected).abs() > MEAN_LEVELS {
                return Err(format!("frame {i}: mean of channel {c} is {mean}, not {expected}"));
            }
        }
        let Some(grid) = truth.grids.get(&i) else { continue };
        let rows = frame.data.chunks_exact(frame.width as usize * channels).step_by(truth.step);
        let pixels = rows.flat_map(|row| row.chunks_exact(channels).step_by(truth.step)).flatten();
        let worst = pixels.clone().zip(grid).map(|(a, b)| a.abs_diff(*b)).max();
        if pixels.count() != grid.len() || worst > Some(LEVELS) {
            return Err(format!("frame {i} differs by {worst:?} levels"));
        }
    }
    if seen == truth.frames { Ok(()) } else { Err(format!("{seen} frames")) }
}

fn check(folder: &Path, truths: &BTreeMap<String, Truth>) {
    assert!(!truths.is_empty());
    let failures: Vec<String> = truths
        .iter()
        .filter_map(|(name, truth)| {
            let path = folder.join(format!("{name}.dcm"));
            differences(&path, truth).err().map(|e| format!("{name}: {e}"))
        })
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn every_way_of_storing_pixels_gives_what_pydicom_shows() {
    check(&common::files(), &truths().files);
}

#[test]
fn public_files_give_what_pydicom_shows() {
    let Some(folder) = common::public_files() else { return };
    check(&folder, &truths().public);
}

/// The script's files and the expected values belong together.
#[test]
fn every_test_file_has_expected_values() {
    let expected = truths().files;
    for entry in std::fs::read_dir(common::files()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(expected.contains_key(&name), "{name} has none");
    }
}

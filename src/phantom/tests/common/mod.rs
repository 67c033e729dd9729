//! What the tests of the scenes share.
#![allow(dead_code, clippy::unwrap_used)]

use sha2::{Digest, Sha256};
use vesalius_phantom::scenes::{ClassRecord, Outline, SceneOptions};

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Area in mm² of an outline's polygon.
pub fn polygon_area_mm2(outline: &Outline, pitch: [f64; 2]) -> f64 {
    let points = &outline.points_px;
    let twice: f64 = points
        .iter()
        .enumerate()
        .map(|(k, p)| {
            let q = points[(k + 1) % points.len()];
            p[0] * q[1] - q[0] * p[1]
        })
        .sum();
    0.5 * twice.abs() * pitch[0] * pitch[1]
}

/// Pixel counting errs by a small part of the pixels on the outline; `tolerance` is relative.
#[track_caller]
pub fn assert_area_matches_mask(mask: &[u8], class: &ClassRecord, pitch: [f64; 2], tolerance: f64) {
    let count = mask.iter().filter(|&&value| value == class.index).count() as f64;
    let area = count * pitch[0] * pitch[1];
    assert!(
        (area / class.area_mm2 - 1.0).abs() < tolerance,
        "{}: {area} counted, {} true",
        class.name,
        class.area_mm2
    );
}

/// Options, a frame's record and a clip's record are the same after a trip through JSON.
pub fn assert_json_round_trip(options: &SceneOptions) {
    let text = serde_json::to_string(options).unwrap();
    assert_eq!(&serde_json::from_str::<SceneOptions>(&text).unwrap(), options);
    let phantom = options.prepare().unwrap();
    // Numbers in decimal may differ from the binary ones in the last place; their text may not.
    let truth = serde_json::to_string(&phantom.truth(3)).unwrap();
    let back: vesalius_phantom::scenes::FrameRecord = serde_json::from_str(&truth).unwrap();
    assert_eq!(back.frame_index, 3);
    assert_eq!(back.classes.len(), phantom.truth(3).classes.len());
    let clip = serde_json::to_string(&phantom.clip(50)).unwrap();
    let back: vesalius_phantom::scenes::ClipRecord = serde_json::from_str(&clip).unwrap();
    assert_eq!(back.frames, 50);
}

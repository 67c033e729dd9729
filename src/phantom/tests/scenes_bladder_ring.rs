//! Bladder and short axis: truth against masks.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::f64::consts::PI;

use common::{assert_area_matches_mask, assert_json_round_trip, polygon_area_mm2, sha256};
use vesalius_phantom::PhantomError;
use vesalius_phantom::scenes::{
    BladderFrame, BladderPlane, BladderScene, ClipMeasures, FrameMeasures, LvShortAxisFrame,
    LvShortAxisScene, Phantom, SceneOptions,
};

fn bladder(phantom: &dyn Phantom, frame: u64) -> BladderFrame {
    match phantom.truth(frame).measures {
        FrameMeasures::Bladder(bladder) => bladder,
        other => panic!("{other:?}"),
    }
}

fn ring(phantom: &dyn Phantom, frame: u64) -> LvShortAxisFrame {
    match phantom.truth(frame).measures {
        FrameMeasures::LvShortAxis(ring) => ring,
        other => panic!("{other:?}"),
    }
}

/// Picture bytes of one frame each. A change must be meant, and noted.
#[test]
fn golden_digests() {
    let digest = |phantom: &dyn Phantom| sha256(&phantom.render(9).pixels);
    assert_eq!(
        [
            digest(&BladderScene { width_px: 210, ..BladderScene::default() }.prepare().unwrap()),
            digest(&LvShortAxisScene { width_px: 210, ..LvShortAxisScene::default() }.prepare().unwrap()),
        ],
        [
            "b5d726ea10d04c454e16808cd0cda74b8d89bdb4c53e972550d23842abefc212",
            "a9ae6a8c1e2a0c4b354e517d8837a165c6a28445df7927c2bca776e1e297466b"
        ]
    );
}

/// Lowest and highest coordinate of a class's pixels, with half a pixel added at each end, in mm.
fn extent_mm(mask: &[u8], width: usize, pitch: [f64; 2]) -> [f64; 2] {
    let at = |axis: usize| {
        let pixels = mask.iter().enumerate().filter(|(_, v)| **v == 1);
        pixels.map(move |(k, _)| if axis == 0 { k % width } else { k / width })
    };
    [0, 1].map(|axis| (at(axis).max().unwrap() - at(axis).min().unwrap() + 1) as f64 * pitch[axis])
}

#[test]
fn bladder_has_its_extents_in_both_planes() {
    for (tilt_deg, pitch) in [(0.0, [0.4, 0.4]), (20.0, [0.45, 0.38]), (-35.0, [0.42, 0.5])] {
        let scene = BladderScene {
            tilt_deg,
            mm_per_px_x: pitch[0],
            mm_per_px_y: pitch[1],
            plane: BladderPlane::Sagittal,
            switch_at_frame: Some(10),
            ..BladderScene::default()
        };
        let phantom = scene.prepare().unwrap();
        for frame in [0, 9, 10, 40] {
            let truth = phantom.truth(frame);
            let seen = bladder(&phantom, frame);
            let is_first = frame < 10;
            let plane = if is_first { BladderPlane::Sagittal } else { BladderPlane::Transverse };
            assert_eq!((seen.plane, seen.feret_max_mm), (plane, if is_first { 94.0 } else { 86.0 }));
            let mask = phantom.mask(frame);
            assert_area_matches_mask(&mask, &truth.classes[0], pitch, 5e-3);
            let [across, height] = extent_mm(&mask, 480, pitch);
            assert!((across - seen.across_extent_mm).abs() <= 1.01 * pitch[0], "{across}");
            assert!((height - seen.height_extent_mm).abs() <= 1.01 * pitch[1], "{height}");
            let polygon = polygon_area_mm2(&phantom.outlines(frame)[0], pitch);
            assert!((polygon / truth.classes[0].area_mm2 - 1.0).abs() < 1e-4);
        }
    }
}

#[test]
fn bladder_volume_is_a_closed_form() {
    let phantom = BladderScene { height_mm: 50.0, ..BladderScene::default() }.prepare().unwrap();
    let ClipMeasures::Bladder(clip) = phantom.clip(50).measures else { panic!("another scene") };
    assert!((clip.volume_ml - PI / 6.0 * 86.0 * 50.0 * 94.0 / 1000.0).abs() < 1e-9);
    assert_eq!(clip.switch_at_frame, None);
}

#[test]
fn ring_has_the_areas_of_the_truth_and_keeps_its_muscle() {
    for (axis_ratio, pitch) in [(0.94, [0.36, 0.36]), (0.7, [0.4, 0.33]), (1.0, [0.36, 0.36])] {
        let scene = LvShortAxisScene {
            axis_ratio,
            mm_per_px_x: pitch[0],
            mm_per_px_y: pitch[1],
            ..LvShortAxisScene::default()
        };
        let phantom = scene.prepare().unwrap();
        let muscle = |r: &LvShortAxisFrame| {
            let cavity = (r.drawn_area_mm2 / PI).sqrt();
            PI * ((cavity + r.wall_mm).powi(2) - cavity * cavity)
        };
        let expected = PI * ((scene.eda_mm2 / PI).sqrt() + scene.wall_mm).powi(2) - scene.eda_mm2;
        for frame in [0, 7, 19, 30] {
            let truth = phantom.truth(frame);
            let seen = ring(&phantom, frame);
            assert_eq!(seen.area_mm2, seen.drawn_area_mm2);
            let [long, short] = seen.axes_mm;
            assert!((short / long - axis_ratio).abs() < 1e-12);
            assert!((PI / 4.0 * long * short / seen.area_mm2 - 1.0).abs() < 1e-12);
            assert!((muscle(&seen) / expected - 1.0).abs() < 1e-9);
            assert_area_matches_mask(&phantom.mask(frame), &truth.classes[0], pitch, 0.01);
            let polygon = polygon_area_mm2(&phantom.outlines(frame)[0], pitch);
            assert!((polygon / seen.area_mm2 - 1.0).abs() < 1e-4);
        }
    }
}

#[test]
fn ring_beats_as_the_clip_says() {
    let scene = LvShortAxisScene { fac_percent: 42.0, frame_rate_hz: 400.0, ..LvShortAxisScene::default() };
    let phantom = scene.prepare().unwrap();
    let frames = 1600;
    let ClipMeasures::LvShortAxis(clip) = phantom.clip(frames).measures else { panic!("another scene") };
    assert!((clip.fac_percent - 100.0 * (1.0 - clip.esa_mm2 / clip.eda_mm2)).abs() < 1e-12);
    assert!((clip.heart_rate_bpm.unwrap() - 66.0).abs() < 1e-9);
    assert_eq!((clip.end_diastoles_ns.len(), clip.end_systoles_ns.len()), (4, 5));
    let areas: Vec<LvShortAxisFrame> = (0..frames).map(|frame| ring(&phantom, frame)).collect();
    let least = areas.iter().map(|r| r.area_mm2).fold(f64::MAX, f64::min);
    let largest = areas.iter().map(|r| r.area_mm2).fold(0.0, f64::max);
    assert!((largest / 1650.0 - 1.0).abs() < 1e-6 && (least / clip.esa_mm2 - 1.0).abs() < 1e-3);
    for (at, named) in [
        (&clip.end_diastoles_ns, areas.iter().filter(|r| r.is_end_diastole).count()),
        (&clip.end_systoles_ns, areas.iter().filter(|r| r.is_end_systole).count()),
    ] {
        assert_eq!(at.len(), named);
    }
}

#[test]
fn ring_noise_is_that_of_its_option() {
    let scene = LvShortAxisScene { area_noise_cv: 0.05, ..LvShortAxisScene::default() };
    let phantom = scene.prepare().unwrap();
    let noise: Vec<f64> =
        (0..400).map(|k| ring(&phantom, k)).map(|r| r.drawn_area_mm2 / r.area_mm2 - 1.0).collect();
    let mean = noise.iter().sum::<f64>() / 400.0;
    let sd = (noise.iter().map(|n| (n - mean) * (n - mean)).sum::<f64>() / 399.0).sqrt();
    assert!(mean.abs() < 0.01 && (sd / 0.05 - 1.0).abs() < 0.15, "{mean} {sd}");
}

#[test]
fn options_and_records_survive_json() {
    assert_json_round_trip(&SceneOptions::Bladder(BladderScene {
        switch_at_frame: Some(2),
        ..BladderScene::default()
    }));
    assert_json_round_trip(&SceneOptions::LvShortAxis(LvShortAxisScene::default()));
}

#[test]
fn wrong_options_are_said() {
    for (error, says) in [
        (BladderScene { width_mm: 2.0, ..BladderScene::default() }.prepare().unwrap_err(), "width_mm"),
        (
            LvShortAxisScene { axis_ratio: 0.2, ..LvShortAxisScene::default() }.prepare().unwrap_err(),
            "axis_ratio",
        ),
        (
            LvShortAxisScene { fac_percent: f64::NAN, ..LvShortAxisScene::default() }.prepare().unwrap_err(),
            "fac_percent",
        ),
    ] {
        assert!(matches!(error, PhantomError::OutOfRange { .. }));
        assert!(error.to_string().contains(says), "{error}");
    }
}

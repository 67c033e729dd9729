//! Nodule, muscle and optic nerve: truth against masks.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::f64::consts::PI;

use common::{assert_area_matches_mask, assert_json_round_trip, polygon_area_mm2, sha256};
use vesalius_phantom::PhantomError;
use vesalius_phantom::scenes::{
    ClipMeasures, FrameMeasures, MuscleFrame, MuscleScene, NoduleFrame, NodulePlane, NoduleScene,
    OpticNerveFrame, OpticNerveScene, Phantom, SceneOptions,
};

fn nodule(phantom: &dyn Phantom, frame: u64) -> NoduleFrame {
    match phantom.truth(frame).measures {
        FrameMeasures::Nodule(nodule) => nodule,
        other => panic!("{other:?}"),
    }
}

fn muscle(phantom: &dyn Phantom, frame: u64) -> MuscleFrame {
    match phantom.truth(frame).measures {
        FrameMeasures::Muscle(muscle) => muscle,
        other => panic!("{other:?}"),
    }
}

fn nerve(phantom: &dyn Phantom, frame: u64) -> OpticNerveFrame {
    match phantom.truth(frame).measures {
        FrameMeasures::OpticNerve(nerve) => nerve,
        other => panic!("{other:?}"),
    }
}

/// Picture bytes of one frame each. A change must be meant, and noted.
#[test]
fn golden_digests() {
    let digest = |phantom: &dyn Phantom| sha256(&phantom.render(9).pixels);
    assert_eq!(
        [
            digest(&NoduleScene { width_px: 210, ..NoduleScene::default() }.prepare().unwrap()),
            digest(&MuscleScene { width_px: 210, ..MuscleScene::default() }.prepare().unwrap()),
            digest(&OpticNerveScene { width_px: 210, ..OpticNerveScene::default() }.prepare().unwrap()),
        ],
        [
            "b14359d3f1e22ff146511d48c942296dc69d7ba2b54943b70d8597a7909ef8ee",
            "4b30b29f4ab47488e26bdb36873c946f872a6933a9fbf6c3619503498989aa1c",
            "6633180e885d2e6653000780512cd97aa1d8e1bc6949ffaee6ca42cd659cfaca"
        ]
    );
}

/// Lowest and highest coordinate of a class's pixels, with half a pixel added at each end, in mm.
fn extent_mm(mask: &[u8], width: usize, pitch: [f64; 2]) -> [f64; 2] {
    let mut ends = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
    for (index, _) in mask.iter().enumerate().filter(|(_, v)| **v == 1) {
        for (axis, at) in [index % width, index / width].into_iter().enumerate() {
            ends[axis] = [ends[axis][0].min(at as f64), ends[axis][1].max(at as f64)];
        }
    }
    [0, 1].map(|axis| (ends[axis][1] - ends[axis][0] + 1.0) * pitch[axis])
}

#[test]
fn nodule_has_its_extents_in_both_planes() {
    for (tilt_deg, pitch) in [(0.0, [0.11, 0.11]), (35.0, [0.13, 0.09]), (-70.0, [0.1, 0.12])] {
        let scene = NoduleScene {
            tilt_deg,
            mm_per_px_x: pitch[0],
            mm_per_px_y: pitch[1],
            height_px: 400,
            switch_at_frame: Some(10),
            ..NoduleScene::default()
        };
        let phantom = scene.prepare().unwrap();
        for frame in [0, 9, 10, 40] {
            let truth = phantom.truth(frame);
            let seen = nodule(&phantom, frame);
            let transverse = frame < 10;
            assert_eq!(
                seen.plane,
                if transverse { NodulePlane::Transverse } else { NodulePlane::Longitudinal }
            );
            assert_eq!(seen.feret_max_mm, if transverse { 15.0 } else { 19.0 });
            let mask = phantom.mask(frame);
            assert_area_matches_mask(&mask, &truth.classes[0], pitch, 5e-3);
            let [width, depth] = extent_mm(&mask, 420, pitch);
            assert!((width - seen.width_extent_mm).abs() <= 1.01 * pitch[0], "{width}");
            assert!((depth - seen.depth_extent_mm).abs() <= 1.01 * pitch[1], "{depth}");
            let polygon = polygon_area_mm2(&phantom.outlines(frame)[0], pitch);
            assert!((polygon / truth.classes[0].area_mm2 - 1.0).abs() < 1e-4);
        }
    }
}

#[test]
fn nodule_volume_and_shape_are_closed_forms() {
    let phantom = NoduleScene { depth_diameter_mm: 16.0, ..NoduleScene::default() }.prepare().unwrap();
    let ClipMeasures::Nodule(clip) = phantom.clip(50).measures else { panic!("another scene") };
    assert!((clip.volume_ml - PI / 6.0 * 16.0 * 15.0 * 19.0 / 1000.0).abs() < 1e-12);
    assert!((clip.taller_than_wide - 16.0 / 15.0).abs() < 1e-12);
    assert!((nodule(&phantom, 0).taller_than_wide - 16.0 / 15.0).abs() < 1e-12);
}

#[test]
fn muscle_has_the_thickness_of_the_truth() {
    for (deep_deg, wedge_deg, pitch) in
        [(0.0, 0.0, [0.13, 0.13]), (8.0, 3.0, [0.13, 0.11]), (-12.0, -4.0, [0.1, 0.14])]
    {
        let scene = MuscleScene {
            deep_deg,
            wedge_deg,
            mm_per_px_x: pitch[0],
            mm_per_px_y: pitch[1],
            height_px: 400,
            fat_mm: 10.0,
            ..MuscleScene::default()
        };
        let phantom = scene.prepare().unwrap();
        for frame in [0, 30, 50] {
            let truth = phantom.truth(frame);
            let mask = phantom.mask(frame);
            assert_area_matches_mask(&mask, &truth.classes[0], pitch, 0.01);
            let outline = &phantom.outlines(frame)[0];
            assert!((polygon_area_mm2(outline, pitch) / truth.classes[0].area_mm2 - 1.0).abs() < 1e-9);
            // The caliper's length is the thickness, and it stands across the deep border.
            let seen = muscle(&phantom, frame);
            let [top, deep] = seen.caliper_px.map(|p| [p[0] * pitch[0], p[1] * pitch[1]]);
            let [dx, dy] = [deep[0] - top[0], deep[1] - top[1]];
            assert!((dx.hypot(dy) - seen.thickness_mm).abs() < 1e-9);
            let (sin, cos) = seen.deep_deg.to_radians().sin_cos();
            assert!((dx * cos + dy * sin).abs() < 1e-9);
            // Mean over the mask's middle third, measured across the deep border: area of the band over its width.
            let band = mask
                .iter()
                .enumerate()
                .filter(|(index, v)| {
                    let x = (index % 420) as f64 * pitch[0] - deep[0];
                    let y = (index / 420) as f64 * pitch[1] - deep[1];
                    **v == 1 && (x * cos + y * sin).abs() <= 5.0
                })
                .count() as f64
                * pitch[0]
                * pitch[1]
                / 10.0;
            assert!((band / seen.thickness_mm - 1.0).abs() < 0.015, "{band} {}", seen.thickness_mm);
        }
        let rest = muscle(&phantom, 0);
        let contracted = muscle(&phantom, 50);
        assert!(rest.activity < 1e-9 && contracted.activity > 1.0 - 1e-9);
        assert!((contracted.thickness_mm - rest.thickness_mm - 0.15 * 19.0).abs() < 0.1);
    }
}

#[test]
fn sheath_has_its_width_three_millimetres_behind_the_globe() {
    for (taper, nerve_deg, pitch) in
        [(0.0, 0.0, [0.1, 0.1]), (-0.1, 20.0, [0.08, 0.11]), (0.12, -15.0, [0.12, 0.09])]
    {
        let scene = OpticNerveScene {
            taper,
            nerve_deg,
            mm_per_px_x: pitch[0],
            mm_per_px_y: pitch[1],
            width_px: 560,
            height_px: 500,
            ..OpticNerveScene::default()
        };
        let phantom = scene.prepare().unwrap();
        for frame in [0, 33] {
            let truth = phantom.truth(frame);
            let mask = phantom.mask(frame);
            for (class, outline) in truth.classes.iter().zip(phantom.outlines(frame)) {
                assert_area_matches_mask(&mask, class, pitch, 0.012);
                let polygon = polygon_area_mm2(&outline, pitch);
                assert!((polygon / class.area_mm2 - 1.0).abs() < 2e-4, "{} {polygon}", class.name);
            }
            let seen = nerve(&phantom, frame);
            assert!((seen.sheath_mm - 5.4).abs() < 1e-12);
            let mm = |p: [f64; 2]| [p[0] * pitch[0], p[1] * pitch[1]];
            let [a, b] = seen.site_px.map(mm);
            assert!(((a[0] - b[0]).hypot(a[1] - b[1]) - 5.4).abs() < 1e-9);
            let middle = [0.5 * (a[0] + b[0]), 0.5 * (a[1] + b[1])];
            let junction = mm(seen.junction_px);
            assert!(((middle[0] - junction[0]).hypot(middle[1] - junction[1]) - 3.0).abs() < 1e-9);
        }
    }
}

#[test]
fn options_are_checked_in_one_line() {
    let line = |result: Result<(), PhantomError>, option: &str| {
        let text = result.unwrap_err().to_string();
        assert!(text.contains(option) && !text.contains('\n'), "{text}");
    };
    for bad in [f64::NAN, -500.0, 1e9] {
        line(
            NoduleScene { depth_diameter_mm: bad, ..NoduleScene::default() }.validate(),
            "depth_diameter_mm",
        );
        line(
            NoduleScene { width_diameter_mm: bad, ..NoduleScene::default() }.validate(),
            "width_diameter_mm",
        );
        line(
            NoduleScene { length_diameter_mm: bad, ..NoduleScene::default() }.validate(),
            "length_diameter_mm",
        );
        line(NoduleScene { tilt_deg: bad, ..NoduleScene::default() }.validate(), "tilt_deg");
        line(NoduleScene { echo_db: bad, ..NoduleScene::default() }.validate(), "echo_db");
        line(MuscleScene { thickness_mm: bad, ..MuscleScene::default() }.validate(), "thickness_mm");
        line(MuscleScene { fat_mm: bad, ..MuscleScene::default() }.validate(), "fat_mm");
        line(MuscleScene { deep_deg: bad, ..MuscleScene::default() }.validate(), "deep_deg");
        line(MuscleScene { contraction: bad, ..MuscleScene::default() }.validate(), "contraction");
        line(OpticNerveScene { sheath_mm: bad, ..OpticNerveScene::default() }.validate(), "sheath_mm");
        line(OpticNerveScene { taper: bad, ..OpticNerveScene::default() }.validate(), "taper");
        line(OpticNerveScene { globe_mm: bad, ..OpticNerveScene::default() }.validate(), "globe_mm");
        line(OpticNerveScene { nerve_deg: bad, ..OpticNerveScene::default() }.validate(), "nerve_deg");
    }
    let thin = MuscleScene { thickness_mm: 4.0, wedge_deg: 12.0, ..MuscleScene::default() };
    line(thin.validate(), "wedge_deg");
    let pointed = OpticNerveScene { sheath_mm: 2.0, taper: -0.2, ..OpticNerveScene::default() };
    line(pointed.validate(), "taper");
}

#[test]
fn records_and_options_survive_json() {
    assert_json_round_trip(&SceneOptions::Nodule(NoduleScene {
        switch_at_frame: Some(3),
        ..NoduleScene::default()
    }));
    assert_json_round_trip(&SceneOptions::Muscle(MuscleScene { seed: 4, ..MuscleScene::default() }));
    assert_json_round_trip(&SceneOptions::OpticNerve(OpticNerveScene {
        seed: 4,
        ..OpticNerveScene::default()
    }));
}

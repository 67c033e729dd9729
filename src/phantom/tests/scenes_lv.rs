//! The ventricle: truth against the pictures' masks, against integration, and over time.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::f64::consts::PI;

use common::{assert_area_matches_mask, assert_json_round_trip, polygon_area_mm2, sha256};
use vesalius_phantom::ScanField;
use vesalius_phantom::scenes::{
    Beat, ClipMeasures, DepthChange, FrameMeasures, FrameTiming, LvClip, LvFrame, LvScene, LvView, Phantom,
    SceneOptions, Ultrasound,
};

fn small() -> LvScene {
    LvScene { width_px: 240, height_px: 180, mm_per_px_x: 0.92, mm_per_px_y: 0.92, ..LvScene::default() }
}

fn lv(phantom: &dyn Phantom, frame: u64) -> LvFrame {
    match phantom.truth(frame).measures {
        FrameMeasures::Lv(lv) => lv,
        other => panic!("{other:?}"),
    }
}

fn clip(phantom: &dyn Phantom, frames: u64) -> LvClip {
    match phantom.clip(frames).measures {
        ClipMeasures::Lv(lv) => lv,
        other => panic!("{other:?}"),
    }
}

/// Picture bytes and mask of one frame. A change must be meant, and noted.
#[test]
fn golden_digest() {
    let frame = small().prepare().unwrap().render(20);
    assert_eq!(
        [sha256(&frame.pixels), sha256(&frame.mask)],
        [
            "f3f0773537bd4dcc5c8fdeb576ef05e814826e507407e7cf474e62919eb25c57",
            "e42772e9e22b12cddb0a34538392e43bddc24ada0848d27e3d9dd29d6629046a",
        ]
    );
}

#[test]
fn mask_and_outline_have_the_closed_form_area() {
    for (pitch, axis_deg, lean) in
        [([0.46, 0.46], 6.0, 0.0), ([0.6, 0.4], -8.0, 0.0), ([0.4, 0.55], 15.0, 18.0)]
    {
        let scene = LvScene {
            width_px: 500,
            height_px: 440,
            mm_per_px_x: pitch[0],
            mm_per_px_y: pitch[1],
            axis_deg,
            foreshortening_deg: lean,
            ultrasound: Ultrasound {
                field: Some(ScanField::Fan { opening_deg: 120.0, probe_radius_mm: 10.0, depth_mm: None }),
                ..Ultrasound::default()
            },
            ..LvScene::default()
        };
        let phantom = scene.prepare().unwrap();
        for frame in [0, 25, 40] {
            let truth = phantom.truth(frame);
            let mask = phantom.mask(frame);
            for (class, outline) in truth.classes.iter().zip(phantom.outlines(frame)) {
                assert_eq!(class.index, outline.class);
                // The polygon is inscribed: short of the curve by less than 1e-4 of the area.
                let polygon = polygon_area_mm2(&outline, pitch);
                assert!((polygon / class.area_mm2 - 1.0).abs() < 1e-4, "{polygon} {}", class.area_mm2);
                if !class.truncated {
                    assert_area_matches_mask(&mask, class, pitch, 0.01);
                }
            }
            assert!(!truth.classes[0].truncated);
        }
    }
}

/// The discs of the outlines in the two planes give the volume of the ventricle, without any formula of the phantom.
#[test]
fn biplane_discs_of_the_outlines_give_the_volume() {
    let planes = [LvView::FourChamber, LvView::TwoChamber]
        .map(|view| LvScene { view, two_chamber_ratio: 0.85, ..LvScene::default() }.prepare().unwrap());
    for frame in [0, 10, 33] {
        let widths = planes.each_ref().map(|phantom| discs(phantom, frame, 2000));
        let truths = planes.each_ref().map(|phantom| lv(phantom, frame));
        let length = truths[0].long_axis_mm;
        assert!((truths[1].long_axis_mm / length - 1.0).abs() < 1e-12);
        let volume: f64 =
            widths[0].iter().zip(&widths[1]).map(|(a, b)| 0.25 * PI * a * b * length / 2000.0).sum();
        assert!((volume / 1000.0 / truths[0].volume_ml - 1.0).abs() < 2e-4, "{volume}");
        let single: f64 = widths[0].iter().map(|a| 0.25 * PI * a * a * length / 2000.0).sum();
        assert!((single / 1000.0 / truths[0].single_plane_volume_ml - 1.0).abs() < 2e-4);
        assert_eq!(truths[0].volume_ml, truths[1].volume_ml);
    }
}

/// Widths in mm of slices across the long axis, by cutting the outline's polygon.
fn discs(phantom: &dyn Phantom, frame: u64, count: u32) -> Vec<f64> {
    let truth = phantom.truth(frame);
    let pitch = [truth.mm_per_px_x.unwrap(), truth.mm_per_px_y.unwrap()];
    let lv = lv(phantom, frame);
    let mm = |p: [f64; 2]| [p[0] * pitch[0], p[1] * pitch[1]];
    let [left, right] = lv.annulus_px.map(mm);
    let base = [0.5 * (left[0] + right[0]), 0.5 * (left[1] + right[1])];
    let apex = mm(lv.apex_px);
    let length = (apex[0] - base[0]).hypot(apex[1] - base[1]);
    let axis = [(apex[0] - base[0]) / length, (apex[1] - base[1]) / length];
    let local: Vec<[f64; 2]> = phantom.outlines(frame)[0]
        .points_px
        .iter()
        .map(|&p| {
            let [x, y] = mm(p);
            let [x, y] = [x - base[0], y - base[1]];
            [x * axis[0] + y * axis[1], x * axis[1] - y * axis[0]]
        })
        .collect();
    (0..count)
        .map(|k| {
            let at = (f64::from(k) + 0.5) * length / f64::from(count);
            let mut crossings = Vec::new();
            for (i, p) in local.iter().enumerate() {
                let q = local[(i + 1) % local.len()];
                if (p[0] - at) * (q[0] - at) < 0.0 {
                    crossings.push(p[1] + (at - p[0]) / (q[0] - p[0]) * (q[1] - p[1]));
                }
            }
            assert_eq!(crossings.len(), 2);
            (crossings[0] - crossings[1]).abs()
        })
        .collect()
}

#[test]
fn ejection_fraction_and_rate_are_as_asked() {
    for (ef_percent, bpm) in [(35.0, 60.0), (55.0, 72.0), (65.0, 110.0)] {
        let scene = LvScene { ef_percent, heart_rate_bpm: bpm, frame_rate_hz: 200.0, ..small() };
        let phantom = scene.prepare().unwrap();
        let truth = clip(&phantom, 1000);
        assert!((truth.ef_percent - ef_percent).abs() < 1e-12);
        assert!((truth.heart_rate_bpm.unwrap() - bpm).abs() < 1e-9);
        assert!((truth.single_plane_ef_percent - ef_percent).abs() < 1e-9);
        // The frames' own extremes: 200 frames a second miss them by next to nothing.
        let volumes: Vec<f64> = (0..1000).map(|frame| lv(&phantom, frame).volume_ml).collect();
        let (low, high) =
            volumes.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &v| (low.min(v), high.max(v)));
        assert!((high - 120.0).abs() < 0.01 && (100.0 * (1.0 - low / high) - ef_percent).abs() < 0.05);
    }
}

/// Every end-diastole and end-systole within the clip has exactly one frame, the nearest in time.
#[test]
fn marked_frames_are_the_nearest_to_the_beats() {
    let scene = LvScene {
        beat_length_cv: 0.15,
        ectopic_beats: vec![4],
        timing: FrameTiming {
            jitter: 0.5,
            dropped_share: 0.2,
            dropped_frames: vec![100, 101, 102],
            ..FrameTiming::default()
        },
        ..small()
    };
    let phantom = scene.prepare().unwrap();
    let frames = 400;
    let truths: Vec<LvFrame> = (0..frames).map(|frame| lv(&phantom, frame)).collect();
    let last = phantom.pts_ns(frames - 1) as i64;
    let nearest = |event: i64| {
        (0..frames).min_by_key(|&frame| (phantom.pts_ns(frame) as i64 - event).abs()).unwrap() as usize
    };
    let beats = clip(&phantom, frames).beats;
    let within = |event: i64| event >= 0 && event < last;
    let starts: Vec<i64> = beats.iter().map(|b| b.end_diastole_ns).filter(|&t| within(t)).collect();
    let ends: Vec<i64> = beats.iter().map(|b| b.end_systole_ns).filter(|&t| within(t)).collect();
    assert!(starts.len() > 8);
    assert_eq!(truths.iter().filter(|t| t.is_end_diastole).count(), starts.len());
    assert_eq!(truths.iter().filter(|t| t.is_end_systole).count(), ends.len());
    assert!(starts.iter().all(|&t| truths[nearest(t)].is_end_diastole));
    assert!(ends.iter().all(|&t| truths[nearest(t)].is_end_systole));
}

#[test]
fn ectopic_beats_come_early_eject_little_and_pause() {
    let phantom = LvScene { ectopic_beats: vec![3], ..small() }.prepare().unwrap();
    let beats: Vec<Beat> = clip(&phantom, 400).beats;
    let regular = 60_000.0 / 66.0;
    assert!((beats[2].length_ms / regular - 0.6).abs() < 1e-9);
    assert!((beats[3].length_ms / regular - 1.4).abs() < 1e-9 && beats[3].is_ectopic);
    assert!(beats[3].ef_percent < 0.6 * beats[2].ef_percent);
    assert!((beats[4].length_ms / regular - 1.0).abs() < 1e-9);
}

#[test]
fn noise_has_the_variation_asked_for_and_leaves_the_truth() {
    let phantom = LvScene { volume_noise_cv: 0.04, ..small() }.prepare().unwrap();
    let ratios: Vec<f64> = (0..3000)
        .map(|frame| {
            let lv = lv(&phantom, frame);
            lv.drawn_volume_ml / lv.volume_ml - 1.0
        })
        .collect();
    let mean = ratios.iter().sum::<f64>() / 3000.0;
    let sd = (ratios.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>() / 3000.0).sqrt();
    // Standard errors: 0.07 % of the mean, 1.3 % of the deviation.
    assert!(mean.abs() < 0.003 && (sd / 0.04 - 1.0).abs() < 0.05, "{mean} {sd}");
    let quiet = small().prepare().unwrap();
    assert_eq!(lv(&quiet, 7).volume_ml, lv(&phantom, 7).volume_ml);
}

#[test]
fn a_leaning_plane_foreshortens() {
    let straight = small().prepare().unwrap();
    let leaning = LvScene { foreshortening_deg: 20.0, ..small() }.prepare().unwrap();
    let (a, b) = (lv(&straight, 0), lv(&leaning, 0));
    assert_eq!(a.volume_ml, b.volume_ml);
    assert!(b.long_axis_mm < 0.97 * b.true_long_axis_mm);
    assert!((a.annulus_mm - b.annulus_mm).abs() < 1e-9);
    assert!(b.single_plane_volume_ml < a.single_plane_volume_ml);
}

/// The depth knob: the same anatomy, other pixels.
#[test]
fn a_change_of_depth_changes_pixels_and_no_millimetres() {
    let mut scene = small();
    scene.ultrasound.annotations.depth_ruler = true;
    let before = scene.prepare().unwrap();
    scene.ultrasound.depth_change = Some(DepthChange { at_frame: 5, factor: 1.25 });
    let phantom = scene.prepare().unwrap();
    assert_eq!(phantom.render(4), before.render(4));
    let (old, new) = (before.truth(5), phantom.truth(5));
    assert_eq!(old.classes[0].area_mm2, new.classes[0].area_mm2);
    assert!((new.mm_per_px_y.unwrap() / old.mm_per_px_y.unwrap() - 1.25).abs() < 1e-12);
    assert_area_matches_mask(&phantom.mask(5), &new.classes[0], [1.15, 1.15], 0.02);
    // Ruler ticks at the right edge stand 10 mm apart.
    let ticks = |frame: u64| {
        let picture = phantom.render(frame).pixels;
        (0..180).filter(|y| picture[y * 240 + 236] == 200).count()
    };
    assert_eq!((ticks(4), ticks(5)), (17, 21));
}

#[test]
fn options_are_checked_in_one_line() {
    let refuses = |option: &str, change: &dyn Fn(&mut LvScene)| {
        let mut scene = LvScene::default();
        change(&mut scene);
        let text = scene.prepare().unwrap_err().to_string();
        assert!(text.contains(option) && !text.contains('\n'), "{text}");
    };
    for bad in [f64::NAN, -1.0, 1e9] {
        refuses("edv_ml", &|s| s.edv_ml = bad);
        refuses("ef_percent", &|s| s.ef_percent = bad);
        refuses("long_axis_mm", &|s| s.long_axis_mm = bad);
        refuses("two_chamber_ratio", &|s| s.two_chamber_ratio = bad);
        refuses("heart_rate_bpm", &|s| s.heart_rate_bpm = bad);
        refuses("beat_length_cv", &|s| s.beat_length_cv = bad);
        refuses("start_phase", &|s| s.start_phase = bad);
        refuses("volume_noise_cv", &|s| s.volume_noise_cv = bad);
        refuses("foreshortening_deg", &|s| s.foreshortening_deg = bad);
        refuses("wall_mm", &|s| s.wall_mm = bad);
        refuses("frame_rate_hz", &|s| s.frame_rate_hz = bad);
        refuses("timing.jitter", &|s| s.timing.jitter = bad);
        refuses("timing.rate_swing", &|s| s.timing.rate_swing = bad);
        refuses("timing.dropped_share", &|s| s.timing.dropped_share = bad);
        refuses("depth_change", &|s| {
            s.ultrasound.depth_change = Some(DepthChange { at_frame: 1, factor: bad });
        });
    }
    refuses("timing.rate_swing + timing.jitter", &|s| {
        s.timing = FrameTiming { jitter: 0.6, rate_swing: 0.6, ..FrameTiming::default() };
    });
    refuses("ectopic_beats", &|s| s.ectopic_beats = vec![0]);
    refuses("edv_ml and long_axis_mm", &|s| s.edv_ml = 400.0);
}

#[test]
fn records_and_options_survive_json() {
    assert_json_round_trip(&SceneOptions::Lv(LvScene { seed: 9, ..small() }));
    let options: SceneOptions =
        serde_json::from_str(r#"{"scene": "lv", "ef_percent": 35, "view": "two-chamber"}"#).unwrap();
    assert_eq!(
        options,
        SceneOptions::Lv(LvScene { ef_percent: 35.0, view: LvView::TwoChamber, ..LvScene::default() })
    );
    assert!(serde_json::from_str::<SceneOptions>(r#"{"scene": "lv", "ef": 35}"#).is_err());
}

//! The artery and the vena cava: truth against masks and over time.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{assert_area_matches_mask, assert_json_round_trip, polygon_area_mm2, sha256};
use vesalius_phantom::ScanField;
use vesalius_phantom::scenes::{
    ClipMeasures, FrameMeasures, IvcClip, IvcFrame, IvcScene, Phantom, SceneOptions, Sway, Ultrasound,
    VesselClip, VesselFrame, VesselScene,
};

fn vessel(phantom: &dyn Phantom, frame: u64) -> VesselFrame {
    match phantom.truth(frame).measures {
        FrameMeasures::Vessel(vessel) => vessel,
        other => panic!("{other:?}"),
    }
}

fn vessel_clip(phantom: &dyn Phantom, frames: u64) -> VesselClip {
    match phantom.clip(frames).measures {
        ClipMeasures::Vessel(vessel) => vessel,
        other => panic!("{other:?}"),
    }
}

fn ivc(phantom: &dyn Phantom, frame: u64) -> IvcFrame {
    match phantom.truth(frame).measures {
        FrameMeasures::Ivc(ivc) => ivc,
        other => panic!("{other:?}"),
    }
}

fn ivc_clip(phantom: &dyn Phantom, frames: u64) -> IvcClip {
    match phantom.clip(frames).measures {
        ClipMeasures::Ivc(ivc) => ivc,
        other => panic!("{other:?}"),
    }
}

/// Picture bytes of one frame each. A change must be meant, and noted.
#[test]
fn golden_digests() {
    let vessel = VesselScene { width_px: 200, height_px: 150, ..VesselScene::default() };
    let ivc = IvcScene {
        width_px: 220,
        height_px: 170,
        mm_per_px_x: 0.72,
        mm_per_px_y: 0.72,
        ..IvcScene::default()
    };
    assert_eq!(
        [
            sha256(&vessel.prepare().unwrap().render(7).pixels),
            sha256(&ivc.prepare().unwrap().render(7).pixels)
        ],
        [
            "96808e7b11d5dbe70f86b39c9155bf565ec63302aa80af5378a8c73203855387",
            "387b249fae0bc4ff1b25148b1f222f7c0fad3c27fe71436697b3c85b6dedec0f"
        ]
    );
}

#[test]
fn lumen_and_wall_have_the_area_and_thickness_of_the_truth() {
    for (tilt_deg, pitch, turn) in
        [(2.0, [0.09, 0.09], 0.0), (-7.0, [0.12, 0.08], 0.0), (5.0, [0.1, 0.1], 4.0)]
    {
        let scene = VesselScene {
            tilt_deg,
            mm_per_px_x: pitch[0],
            mm_per_px_y: pitch[1],
            height_px: 380,
            ultrasound: Ultrasound {
                sway: Sway { translation_mm: 1.0, rotation_deg: turn, period_s: 2.0 },
                ..Ultrasound::default()
            },
            ..VesselScene::default()
        };
        let phantom = scene.prepare().unwrap();
        for frame in [0, 8, 20] {
            let truth = phantom.truth(frame);
            let mask = phantom.mask(frame);
            let measures = vessel(&phantom, frame);
            // The lumen is 50 to 80 pixels high, the wall 5 to 8: half a pixel counts for more there.
            assert_area_matches_mask(&mask, &truth.classes[0], pitch, 0.01);
            assert_area_matches_mask(&mask, &truth.classes[1], pitch, 0.03);
            for (class, outline) in truth.classes.iter().zip(phantom.outlines(frame)) {
                assert!((polygon_area_mm2(&outline, pitch) / class.area_mm2 - 1.0).abs() < 1e-9);
            }
            // Perpendicular width of the outline's two long sides.
            let points = &phantom.outlines(frame)[0].points_px;
            let (sin, cos) = measures.axis_deg.to_radians().sin_cos();
            let across = |p: [f64; 2]| p[1] * pitch[1] * cos - p[0] * pitch[0] * sin;
            let width = across(points[points.len() - 1]) - across(points[0]);
            assert!((width - measures.drawn_lumen_mm).abs() < 1e-9, "{width}");
        }
    }
}

#[test]
fn the_wall_keeps_its_volume_and_the_pulse_its_limits() {
    let scene = VesselScene { frame_rate_hz: 200.0, heart_rate_bpm: 75.0, ..VesselScene::default() };
    let phantom = scene.prepare().unwrap();
    let frames: Vec<VesselFrame> = (0..800).map(|frame| vessel(&phantom, frame)).collect();
    let ring = |d: f64, t: f64| t * (d + t);
    for frame in &frames {
        assert!((ring(frame.drawn_lumen_mm, frame.intima_media_mm) - ring(5.8, 0.65)).abs() < 1e-9);
    }
    let low = frames.iter().map(|f| f.lumen_mm).fold(f64::INFINITY, f64::min);
    let high = frames.iter().map(|f| f.lumen_mm).fold(0.0, f64::max);
    assert!((low - 5.8).abs() < 1e-3 && (high - 6.4).abs() < 1e-3, "{low} {high}");
    let clip = vessel_clip(&phantom, 800);
    assert!((clip.distensibility - (6.4 - 5.8) / 5.8).abs() < 1e-12);
    assert!((clip.heart_rate_bpm.unwrap() - 75.0).abs() < 1e-9);
    assert_eq!(frames.iter().filter(|f| f.is_end_diastole).count(), clip.end_diastoles_ns.len());
    assert_eq!(frames.iter().filter(|f| f.is_systolic_peak).count(), clip.systolic_peaks_ns.len());
    let peak = frames.iter().find(|f| f.is_systolic_peak).unwrap();
    assert!((peak.lumen_mm - 6.4).abs() < 2e-3);
}

/// The echo of the far wall's two interfaces is where the truth says, at sub-pixel.
#[test]
fn interfaces_are_seen_where_they_are_true() {
    let scene = VesselScene {
        tilt_deg: 0.0,
        mm_per_px_x: 0.1,
        mm_per_px_y: 0.03,
        height_px: 800,
        width_px: 160,
        ..VesselScene::default()
    };
    let phantom = scene.prepare().unwrap();
    let frame = phantom.render(3);
    let truth = vessel(&phantom, 3);
    let profile: Vec<f64> = (0..800)
        .map(|y| (20..140).map(|x| f64::from(frame.pixels[y * 160 + x])).sum::<f64>() / 120.0)
        .collect();
    let true_px = truth.center_px[1] + 0.5 * truth.drawn_lumen_mm / 0.03;
    // The intima's peak within a quarter millimetre of its place.
    let near = (true_px as usize - 8)..(true_px as usize + 9);
    let peak = near.max_by(|&a, &b| profile[a].total_cmp(&profile[b])).unwrap();
    assert!((peak as f64 - true_px).abs() <= 1.5, "{peak} {true_px}");
}

#[test]
fn cava_has_the_area_and_the_diameters_of_the_truth() {
    for pitch in [[0.36, 0.36], [0.5, 0.3]] {
        let scene = IvcScene {
            mm_per_px_x: pitch[0],
            mm_per_px_y: pitch[1],
            height_px: 420,
            taper: 0.25,
            ..IvcScene::default()
        };
        let phantom = scene.prepare().unwrap();
        for frame in [0, 40, 70] {
            let truth = phantom.truth(frame);
            let measures = ivc(&phantom, frame);
            let outline = &phantom.outlines(frame)[0];
            assert!((polygon_area_mm2(outline, pitch) / truth.classes[0].area_mm2 - 1.0).abs() < 1e-3);
            assert_area_matches_mask(&phantom.mask(frame), &truth.classes[0], pitch, 0.01);
            let [near, far] = measures.site_px.map(|p| [p[0] * pitch[0], p[1] * pitch[1]]);
            let width = (far[0] - near[0]).hypot(far[1] - near[1]);
            assert!((width - measures.drawn_diameter_mm).abs() < 1e-9);
            // Pixels along the site's line: the mask's width is the diameter.
            let mask = phantom.mask(frame);
            let inside = (0..=2000)
                .filter(|k| {
                    let t = f64::from(*k) / 1000.0 - 0.5;
                    let at = |i: usize| {
                        measures.site_px[0][i] + t * (measures.site_px[1][i] - measures.site_px[0][i])
                    };
                    let (x, y) = (at(0).round() as usize, at(1).round() as usize);
                    mask[y * 440 + x] == 1
                })
                .count();
            let counted = inside as f64 / 1000.0 * width;
            assert!((counted - width).abs() < 2.0 * pitch[0].max(pitch[1]), "{counted} {width}");
        }
    }
}

/// A site that stays in the picture sees another part of the vein and another collapse.
#[test]
fn the_measuring_site_must_follow_the_tissue() {
    let phantom = IvcScene { frame_rate_hz: 100.0, ..IvcScene::default() }.prepare().unwrap();
    let frames: Vec<IvcFrame> = (0..1200).map(|frame| ivc(&phantom, frame)).collect();
    let collapse = |value: &dyn Fn(&IvcFrame) -> f64| {
        let low = frames.iter().map(value).fold(f64::INFINITY, f64::min);
        let high = frames.iter().map(value).fold(0.0, f64::max);
        (high - low) / high
    };
    let followed = collapse(&|f| f.diameter_mm);
    let fixed = collapse(&|f| f.fixed_site_diameter_mm);
    let clip = ivc_clip(&phantom, 1200);
    assert!((followed - clip.collapsibility).abs() < 1e-3, "{followed}");
    assert!(fixed > clip.collapsibility + 0.04, "{fixed}");
    assert!((clip.breath_rate_bpm.unwrap() - 15.0).abs() < 1e-9);
    assert_eq!(clip.widest_ns.len(), 3);
}

#[test]
fn sniffs_collapse_further() {
    let phantom = IvcScene { sniffs_s: vec![5.0], ..IvcScene::default() }.prepare().unwrap();
    let low = (0..300).map(|frame| ivc(&phantom, frame).diameter_mm).fold(f64::INFINITY, f64::min);
    assert!((low - 5.0).abs() < 0.3, "{low}");
    assert!((ivc_clip(&phantom, 300).sniff_collapsibility.unwrap() - 14.0 / 19.0).abs() < 1e-12);
    assert_eq!(ivc_clip(&phantom, 100).sniff_collapsibility, None);
}

#[test]
fn options_are_checked_in_one_line() {
    let line = |result: Result<(), vesalius_phantom::PhantomError>, option: &str| {
        let text = result.unwrap_err().to_string();
        assert!(text.contains(option) && !text.contains('\n'), "{text}");
    };
    for bad in [f64::NAN, -500.0, 1e9] {
        let vessel = |change: &dyn Fn(&mut VesselScene)| {
            let mut scene = VesselScene::default();
            change(&mut scene);
            scene.validate()
        };
        line(vessel(&|s| s.diastolic_mm = bad), "diastolic_mm");
        line(vessel(&|s| s.systolic_mm = bad), "systolic_mm");
        line(vessel(&|s| s.intima_media_mm = bad), "intima_media_mm");
        line(vessel(&|s| s.heart_rate_bpm = bad), "heart_rate_bpm");
        line(vessel(&|s| s.diameter_noise_mm = bad), "diameter_noise_mm");
        line(vessel(&|s| s.depth_mm = bad), "depth_mm");
        line(vessel(&|s| s.tilt_deg = bad), "tilt_deg");
        let ivc = |change: &dyn Fn(&mut IvcScene)| {
            let mut scene = IvcScene::default();
            change(&mut scene);
            scene.validate()
        };
        line(ivc(&|s| s.max_mm = bad), "max_mm");
        line(ivc(&|s| s.min_mm = bad), "min_mm");
        line(ivc(&|s| s.site_mm = bad), "site_mm");
        line(ivc(&|s| s.taper = bad), "taper");
        line(ivc(&|s| s.slide_mm = bad), "slide_mm");
        line(ivc(&|s| s.breath_rate_bpm = bad), "breath_rate_bpm");
        line(ivc(&|s| s.sniffs_s = vec![bad]), "sniffs_s");
        line(ivc(&|s| s.sniff_min_mm = bad), "sniff_min_mm");
        line(ivc(&|s| s.length_mm = bad), "length_mm");
    }
    let fan = Ultrasound { field: Some(ScanField::default()), ..Ultrasound::default() };
    line(VesselScene { ultrasound: fan, ..VesselScene::default() }.validate(), "ultrasound.field");
}

#[test]
fn records_and_options_survive_json() {
    assert_json_round_trip(&SceneOptions::Vessel(VesselScene { seed: 5, ..VesselScene::default() }));
    assert_json_round_trip(&SceneOptions::Ivc(IvcScene { sniffs_s: vec![1.0], ..IvcScene::default() }));
}

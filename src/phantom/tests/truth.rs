//! The truth against closed forms.
#![allow(clippy::unwrap_used)]

use std::f64::consts::PI;

use proptest::prelude::*;
use vesalius_phantom::{
    FetalHeadScene, FrameTruth, ProbeMotion, ScanField, circumference_ramanujan_ii, normalize_axis_deg,
    perimeter_exact, semi_axes_from_circumference,
};

/// A scene whose rendering is cheap: the tests here look at the truth only.
fn small(width_px: u32, height_px: u32, mm_per_px: [f64; 2], head_mm: f64) -> FetalHeadScene {
    FetalHeadScene {
        width_px,
        height_px,
        mm_per_px_x: mm_per_px[0],
        mm_per_px_y: mm_per_px[1],
        head_circumference_mm: head_mm,
        center_offset_mm: [0.0, 0.0],
        motion: ProbeMotion::still(),
        ..FetalHeadScene::default()
    }
}

fn truth(scene: &FetalHeadScene) -> FrameTruth {
    scene.prepare().unwrap().truth(0)
}

fn relative(value: f64, expected: f64) -> f64 {
    (value / expected - 1.0).abs()
}

#[test]
fn perimeters_match_closed_forms_and_reference_values() {
    // A circle, and an ellipse flattened to a line walked twice.
    assert!(relative(perimeter_exact(7.0, 7.0), 14.0 * PI) < 1e-14);
    assert!(relative(circumference_ramanujan_ii(7.0, 7.0), 14.0 * PI) < 1e-14);
    assert_eq!(perimeter_exact(3.0, 0.0), 12.0);
    // 4a·E(m): E(1/2) = 1.350643881047675502520… (DLMF 19.6, lemniscate case) with b/a = 1/√2;
    // E(3/4) = 1.211056027568459524803… (Abramowitz & Stegun, table 17.1) with b/a = 1/2.
    let lemniscate = 4.0 * 1.350_643_881_047_675_5;
    assert!(relative(perimeter_exact(1.0, 0.5_f64.sqrt()), lemniscate) < 1e-13);
    let half = 4.0 * 1.211_056_027_568_459_5;
    assert!(relative(perimeter_exact(1.0, 0.5), half) < 1e-13);
    assert!(relative(perimeter_exact(0.5, 1.0), half) < 1e-13);
}

#[test]
fn perimeter_agrees_with_numerical_integration() {
    for ratio in [0.05, 0.3, 0.66, 0.783, 0.95] {
        // The trapezium rule converges geometrically for a periodic integrand; the slowest, 0.05, needs some 700 points.
        let steps = 4096;
        let sum: f64 = (0..steps)
            .map(|k| {
                let (sin, cos) = (2.0 * PI * f64::from(k) / f64::from(steps)).sin_cos();
                (sin * sin + ratio * ratio * cos * cos).sqrt()
            })
            .sum();
        let integral = sum * 2.0 * PI / f64::from(steps);
        assert!(relative(perimeter_exact(1.0, ratio), integral) < 1e-12, "ratio {ratio}");
    }
}

#[test]
fn circle_has_the_truth_of_a_circle() {
    let scene = FetalHeadScene { cephalic_index_percent: 100.0, ..small(300, 300, [0.5, 0.5], 100.0 * PI) };
    let truth = truth(&scene);
    for (value, expected) in [
        (truth.semi_major_mm, 50.0),
        (truth.semi_minor_mm, 50.0),
        (truth.bpd_mm, 100.0),
        (truth.ofd_mm, 100.0),
        (truth.area_mm2, 2500.0 * PI),
        (truth.perimeter_mm, 100.0 * PI),
        (truth.head_circumference_mm, 100.0 * PI),
        (truth.cephalic_index_percent(), 100.0),
    ] {
        assert!(relative(value, expected) < 1e-12, "{value} is not {expected}");
    }
    assert_eq!(truth.center_x_px, 149.5);
    assert_eq!(truth.center_y_px, 149.5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn circumference_is_inverted_exactly(hc in 10.0..600.0_f64, index in 40.0..100.0_f64) {
        let (a, b) = semi_axes_from_circumference(hc, index);
        prop_assert!(relative(circumference_ramanujan_ii(a, b), hc) < 1e-13);
        prop_assert!((100.0 * b / a - index).abs() < 1e-10);
        // Ramanujan II is off by less than 4e-6 at a ratio of 0.4, by less than 1e-9 near 0.78.
        prop_assert!(relative(perimeter_exact(a, b), hc) < 4e-6);
    }

    #[test]
    fn axis_directions_are_normalised(turns in -5_i32..5, angle in -89.99..90.0_f64) {
        let normal = normalize_axis_deg(angle + 180.0 * f64::from(turns));
        prop_assert!(normal > -90.0 && normal <= 90.0);
        prop_assert!((normal - angle).abs() < 1e-9);
    }
}

#[test]
fn axis_direction_limits() {
    for (given, expected) in [(90.0, 90.0), (-90.0, 90.0), (270.0, 90.0), (180.0, 0.0), (91.0, -89.0)] {
        assert_eq!(normalize_axis_deg(given), expected, "{given}");
    }
}

/// The moments of the mask in mm space are those of the ellipse, whatever the pixels' shape. This is what catches an
/// ellipse drawn in pixel space. The tolerances are those of pixel counting on shapes of more than 100 pixels across.
#[test]
fn mask_has_the_area_axes_and_direction_of_the_ellipse() {
    for mm_per_px in [[0.25, 0.25], [0.5, 0.25], [0.2, 0.37]] {
        for angle_deg in [0.0, 23.0, -61.0, 90.0] {
            let width = (130.0 / mm_per_px[0]) as u32;
            let height = (130.0 / mm_per_px[1]) as u32;
            let scene = FetalHeadScene {
                angle_deg,
                cephalic_index_percent: 70.0,
                center_offset_mm: [3.33, -1.77],
                ..small(width, height, mm_per_px, 300.0)
            };
            let truth = truth(&scene);
            let mask = truth.mask();
            let (mut n, mut sx, mut sy, mut sxx, mut syy, mut sxy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
            for (index, _) in mask.iter().enumerate().filter(|(_, value)| **value == 1) {
                let x = (index % width as usize) as f64 * mm_per_px[0];
                let y = (index / width as usize) as f64 * mm_per_px[1];
                n += 1.0;
                sx += x;
                sy += y;
                sxx += x * x;
                syy += y * y;
                sxy += x * y;
            }
            let case = format!("{mm_per_px:?} at {angle_deg}");
            assert!(relative(n * mm_per_px[0] * mm_per_px[1], truth.area_mm2) < 1e-3, "area, {case}");
            let (cx, cy) = (sx / n, sy / n);
            assert!((cx - truth.center_x_px * mm_per_px[0]).abs() < 0.02, "centre, {case}");
            assert!((cy - truth.center_y_px * mm_per_px[1]).abs() < 0.02, "centre, {case}");
            let m20 = sxx / n - cx * cx + mm_per_px[0] * mm_per_px[0] / 12.0;
            let m02 = syy / n - cy * cy + mm_per_px[1] * mm_per_px[1] / 12.0;
            let m11 = sxy / n - cx * cy;
            let middle = 0.5 * (m20 + m02);
            let radius = (0.25 * (m20 - m02) * (m20 - m02) + m11 * m11).sqrt();
            assert!(relative(2.0 * (middle + radius).sqrt(), truth.semi_major_mm) < 1e-3, "{case}");
            assert!(relative(2.0 * (middle - radius).sqrt(), truth.semi_minor_mm) < 1e-3, "{case}");
            let direction = 0.5 * (2.0 * m11).atan2(m20 - m02).to_degrees();
            assert!(normalize_axis_deg(direction - truth.angle_deg).abs() < 0.1, "{case}: {direction}");
        }
    }
}

#[test]
fn mask_is_pixel_centre_inclusion() {
    let scene = FetalHeadScene { angle_deg: 31.0, ..small(97, 61, [1.3, 2.1], 310.0) };
    let truth = truth(&scene);
    for (index, &value) in truth.mask().iter().enumerate() {
        let (x, y) = ((index % 97) as f64, (index / 97) as f64);
        assert_eq!(value == 1, truth.contains_point(x, y));
    }
}

#[test]
fn truncation_is_told() {
    let linear = |width_mm| ScanField::Linear { width_mm: Some(width_mm), depth_mm: None };
    let whole = FetalHeadScene { field: linear(150.0), ..small(160, 110, [1.0, 1.0], 250.0) };
    let seen = truth(&whole);
    assert!(!seen.truncated);
    assert_eq!(seen.visible_outline_fraction, 1.0);

    // The field's edge runs through the centre, so half of the outline is seen.
    let by_field =
        FetalHeadScene { field: linear(80.0), probe_offset_mm: [40.0, 0.0], angle_deg: 0.0, ..whole.clone() };
    let cut = truth(&by_field);
    assert!(cut.truncated);
    assert!((cut.visible_outline_fraction - 0.5).abs() < 0.02, "{}", cut.visible_outline_fraction);

    // So does the picture's edge. The truth stays that of the whole ellipse.
    let by_picture = FetalHeadScene {
        center_offset_mm: [79.5, 0.0],
        angle_deg: 0.0,
        field: linear(1000.0),
        ..whole.clone()
    };
    let cut = truth(&by_picture);
    assert!(cut.truncated);
    assert!((cut.visible_outline_fraction - 0.5).abs() < 0.02, "{}", cut.visible_outline_fraction);
    assert!(relative(cut.head_circumference_mm, 250.0) < 1e-12);

    let gone = FetalHeadScene { center_offset_mm: [5000.0, 0.0], ..whole };
    let cut = truth(&gone);
    assert!(cut.truncated);
    assert_eq!(cut.visible_outline_fraction, 0.0);
    assert!(cut.mask().iter().all(|&v| v == 0));
}

#[test]
fn motion_is_smooth_bounded_and_starts_at_rest() {
    let scene = FetalHeadScene {
        motion: ProbeMotion { translation_mm: 6.0, rotation_deg: 8.0, breathing: 0.02, period_s: 4.0 },
        frame_rate_hz: 25.0,
        angle_deg: 85.0,
        ..small(160, 110, [1.0, 1.0], 250.0)
    };
    let phantom = scene.prepare().unwrap();
    let rest = phantom.truth(0);
    assert_eq!([rest.center_x_px, rest.center_y_px], [79.5, 54.5]);
    assert_eq!(rest.angle_deg, 85.0);
    assert!(relative(rest.head_circumference_mm, 250.0) < 1e-12);
    // Steepest slope of the two sines, with the shortest period, times the frame interval.
    let step = 2.0 * PI / (4.0 * 0.8) * (0.75 + 0.25 * std::f64::consts::E) / 25.0;
    let (mut before, mut widest) = (rest, 0.0_f64);
    for index in 1..500 {
        let now = phantom.truth(index);
        let moved = (now.center_x_px - before.center_x_px).abs();
        let turned = normalize_axis_deg(now.angle_deg - before.angle_deg).abs();
        let grown = (now.semi_major_mm / before.semi_major_mm - 1.0).abs();
        assert!(moved <= 6.0 * step + 1e-9 && turned <= 8.0 * step + 1e-9 && grown <= 0.021 * step);
        assert!((now.center_x_px - rest.center_x_px).abs() <= 6.0 + 1e-9);
        assert!(normalize_axis_deg(now.angle_deg - rest.angle_deg).abs() <= 8.0 + 1e-9);
        assert!(now.angle_deg > -90.0 && now.angle_deg <= 90.0);
        assert!((now.head_circumference_mm / 250.0 - 1.0).abs() <= 0.02 + 1e-12);
        assert!(relative(now.area_mm2, PI * now.semi_major_mm * now.semi_minor_mm) < 1e-14);
        widest = widest.max((now.center_x_px - rest.center_x_px).abs());
        before = now;
    }
    // It does move, over most of its range.
    assert!(widest > 4.0, "{widest}");
}

#[test]
fn truth_survives_json() {
    let truth = truth(&small(64, 48, [2.0, 2.0], 100.0));
    let text = serde_json::to_string(&truth).unwrap();
    let back: FrameTruth = serde_json::from_str(&text).unwrap();
    assert!(relative(back.head_circumference_mm, truth.head_circumference_mm) < 1e-15);
    assert_eq!(back.mask(), truth.mask());
    let scene: FetalHeadScene = serde_json::from_str(r#"{"field": {"shape": "linear"}, "seed": 7}"#).unwrap();
    assert_eq!(scene.seed, 7);
    assert!(serde_json::from_str::<FetalHeadScene>(r#"{"sead": 7}"#).is_err());
}

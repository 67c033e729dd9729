use super::*;
use crate::calibration::Scale;
use crate::protocol::scene::{self, value};
use crate::protocol::{ProtocolConfig, Session};
use crate::result::{FrameResult, Validity};

const SOURCE: (u32, u32) = (800, 600);
const MODEL: (u32, u32) = (256, 192);

fn session(settings: &str) -> Session {
    Session::new(&ProtocolConfig::from_toml(&format!("protocol = 'vessel'\n{settings}")).unwrap())
}

/// A straight vessel across the whole picture, in millimetres.
fn straight(mm: (f64, f64), diameter_mm: f64, angle_rad: f64, pts_ns: u64) -> FrameResult {
    let (sin, cos) = angle_rad.sin_cos();
    let inside = move |x: f64, y: f64| {
        let (x, y) = ((x - 401.2) * mm.0, (y - 298.7) * mm.1);
        let across = y * cos - x * sin;
        // Over the gradient in pixels: a distance in pixels.
        (diameter_mm / 2.0 - across.abs()) / (cos * mm.1).hypot(sin * mm.0)
    };
    scene::frame(SOURCE, MODEL, &[("lumen", &inside)], pts_ns)
}

#[test]
fn a_straight_vessel_at_any_angle_to_half_a_pixel() {
    let mut failures = String::new();
    for mm in [(0.06, 0.06), (0.08, 0.05)] {
        for angle_rad in [0.0, 0.1, -0.25, 0.5, -0.6] {
            for diameter_mm in [4.0, 6.37] {
                let mut result = straight(mm, diameter_mm, angle_rad, 0);
                session("").measure(&mut result, &scene::scale(mm.0, mm.1), None);
                let m = value(&result.measurements, "lumen_diameter");
                let error = m.value.unwrap() - diameter_mm;
                // A vessel leaves the picture at both ends, which does not touch its walls.
                if error.abs() > 0.5 * 0.05 || m.reason.is_some() || m.unit != Unit::Mm {
                    failures += &format!("{mm:?} {angle_rad} {diameter_mm}: {error:+.4} mm {:?}\n", m.reason);
                }
                let length = value(&result.measurements, "segment_length").value.unwrap();
                assert!((length - 10.0).abs() < 1e-6, "{length}");
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn the_straight_part_of_a_bent_vessel_is_taken() {
    // Straight on the left, then widening and bending away: a carotid bulb.
    let mm = 0.06;
    let inside = |x: f64, y: f64| {
        let beyond = (x - 430.0).max(0.0) * mm;
        let (middle, half) = (18.0 + 0.04 * beyond * beyond, 3.0 + 0.1 * beyond);
        (half - (y * mm - middle).abs()) / mm
    };
    let mut result = scene::frame(SOURCE, MODEL, &[("lumen", &inside)], 0);
    session("").measure(&mut result, &scene::scale(mm, mm), None);
    let m = value(&result.measurements, "lumen_diameter");
    assert!((m.value.unwrap() - 6.0).abs() < 0.03, "{m:?}");
    assert_eq!(m.validity, Validity::Valid);
    let axis = result.marks.iter().find_map(|m| match m {
        Mark::Line { points, .. } => Some(points.clone()),
        _ => None,
    });
    assert!(axis.unwrap().iter().all(|p| p.x_px < 440.0));
}

#[test]
fn a_short_piece_and_a_wall_at_the_edge_are_said() {
    let mm = 0.06;
    let short = |x: f64, y: f64| (3.0 / mm - (y - 300.0).abs()).min(130.0 - (x - 400.0).abs());
    let mut result = scene::frame(SOURCE, MODEL, &[("lumen", &short)], 0);
    session("").measure(&mut result, &scene::scale(mm, mm), None);
    let m = value(&result.measurements, "lumen_diameter");
    assert_eq!((m.validity, m.reason), (Validity::Limited, Some(Reason::ShapeMismatch)));
    assert!((m.value.unwrap() - 6.0).abs() < 0.03, "{m:?}");

    let cut = |_: f64, y: f64| 50.0 - (y - 20.0).abs();
    let mut result = scene::frame(SOURCE, MODEL, &[("lumen", &cut)], 0);
    session("").measure(&mut result, &scene::scale(mm, mm), None);
    assert_eq!(value(&result.measurements, "lumen_diameter").reason, Some(Reason::Truncated));

    let nothing = |_: f64, _: f64| -10.0;
    let mut result = scene::frame(SOURCE, MODEL, &[("lumen", &nothing)], 0);
    session("").measure(&mut result, &scene::scale(mm, mm), None);
    let m = value(&result.measurements, "lumen_diameter");
    assert_eq!((m.value, m.reason), (None, Some(Reason::NotFound)));
}

#[test]
fn a_pulse_over_beats_with_and_without_a_scale() {
    for scale in [scene::scale(0.06, 0.06), Scale::default()] {
        let mut s = session("");
        let mut last = scene::missing(0);
        for frame in 0..160_u32 {
            let t = f64::from(frame) / 50.0;
            let beat = 0.5 + 0.5 * (std::f64::consts::TAU * (t / 0.8 + 0.4)).cos();
            last = straight((0.06, 0.06), 6.0 + 0.6 * beat, 0.1, u64::from(frame) * 20_000_000);
            s.measure(&mut last, &scale, None);
        }
        let get = |name: &str| value(&last.series, name);
        let distensibility = get("distensibility");
        assert!((distensibility.value.unwrap() - 10.0).abs() < 0.2, "{distensibility:?}");
        assert_eq!((distensibility.unit, distensibility.validity), (Unit::Percent, Validity::Valid));
        assert!((get("heart_rate").value.unwrap() - 75.0).abs() < 0.2);
        assert_eq!((get("beats_used").value, get("coverage").value), (Some(3.0), Some(100.0)));
        let (systolic, diastolic) = (get("systolic_diameter"), get("diastolic_diameter"));
        let mm = if systolic.unit == Unit::Mm { 1.0 } else { 0.06 };
        assert!((systolic.value.unwrap() * mm - 6.6).abs() < 0.03, "{systolic:?}");
        assert!((diastolic.value.unwrap() * mm - 6.0).abs() < 0.03, "{diastolic:?}");
        assert_eq!(systolic.reason, (mm != 1.0).then_some(Reason::NoCalibration));
    }
}

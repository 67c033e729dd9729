use proptest::prelude::*;

use super::*;
use crate::calibration::Scale;
use crate::geometry::PointInFrame;
use crate::protocol::scene::{self, value};
use crate::protocol::{ProtocolConfig, Session};
use crate::result::{FrameResult, Validity};

/// A ventricle: a prolate ellipse cut across its long axis, in millimetres, apex at the far end of
/// `angle_rad`.
#[derive(Clone, Copy)]
struct Body {
    long: f64,
    across: f64,
    cut: f64,
    angle_rad: f64,
    /// Slant of the cut.
    slant_rad: f64,
    center_mm: (f64, f64),
}

const SOURCE: (u32, u32) = (800, 600);
const MODEL: (u32, u32) = (256, 192);

impl Body {
    /// Positive inside; grows towards the inside, but not as a distance does.
    fn inside(&self, x: f64, y: f64) -> f64 {
        let (sin, cos) = self.angle_rad.sin_cos();
        let (dx, dy) = (x - self.center_mm.0, y - self.center_mm.1);
        // Up the axis from base to apex, and across it.
        let (up, across) = (dx * cos + dy * sin, dy * cos - dx * sin);
        let wall = 1.0 - (up / self.long).hypot(across / self.across);
        let base = (up + self.cut * self.long) * self.slant_rad.cos() + across * self.slant_rad.sin();
        wall.min(base / self.long)
    }

    /// A disc of the atrium behind the base.
    fn atrium(&self, x: f64, y: f64) -> f64 {
        let (sin, cos) = self.angle_rad.sin_cos();
        let behind = self.cut * self.long + 12.0;
        let (cx, cy) = (self.center_mm.0 - behind * cos, self.center_mm.1 - behind * sin);
        10.0 - (x - cx).hypot(y - cy)
    }

    fn frame(&self, mm: (f64, f64), with_atrium: bool, pts_ns: u64) -> FrameResult {
        // Over its gradient, anything that is zero on an outline is a distance to it.
        let distance = |f: &dyn Fn(f64, f64) -> f64, x: f64, y: f64| {
            let at = |x: f64, y: f64| f(x * mm.0, y * mm.1);
            let h = 1e-3;
            let gx = (at(x + h, y) - at(x - h, y)) / (2.0 * h);
            let gy = (at(x, y + h) - at(x, y - h)) / (2.0 * h);
            at(x, y) / gx.hypot(gy).max(1e-9)
        };
        let cavity = |x: f64, y: f64| distance(&|x, y| self.inside(x, y), x, y);
        let atrium = |x: f64, y: f64| distance(&|x, y| self.atrium(x, y), x, y);
        let mut classes: Vec<(&str, scene::Inside<'_>)> = vec![("left_ventricle", &cavity)];
        if with_atrium {
            classes.push(("left_atrium", &atrium));
        }
        scene::frame(SOURCE, MODEL, &classes, pts_ns)
    }
}

fn session(settings: &str) -> Session {
    Session::new(&ProtocolConfig::from_toml(&format!("protocol = 'lv-function'\n{settings}")).unwrap())
}

/// Half axes, cut, and from tests/oracle/lv_discs.py the volume by numerical integration and that by discs of
/// a fine mask.
const BODIES: [(f64, f64, f64, f64, f64); 4] = [
    (52.0, 25.0, 0.5, 114.8645, 114.9439),
    (50.0, 25.0, 0.7, 122.9475, 123.0566),
    (47.0, 24.0, 0.85, 111.5810, 111.7119),
    (40.0, 17.0, 0.6, 43.3865, 43.4199),
];

#[test]
fn volumes_of_cut_ellipsoids_whatever_their_angle_and_the_pixels() {
    let mut failures = String::new();
    for (long, across, cut, truth, _) in BODIES {
        for mm in [(0.2, 0.2), (0.3, 0.22), (0.18, 0.27)] {
            for k in 0..6 {
                let ventricle = Body {
                    long,
                    across,
                    cut,
                    angle_rad: 1.13 * f64::from(k),
                    slant_rad: 0.0,
                    center_mm: (400.3 * mm.0 + 0.1 * f64::from(k), 299.6 * mm.1),
                };
                let mut result = ventricle.frame(mm, true, 0);
                for with_atrium in [true, false] {
                    if !with_atrium {
                        result.classes.truncate(1);
                    }
                    session("").measure(&mut result, &scene::scale(mm.0, mm.1), None);
                    let m = value(&result.measurements, "volume");
                    let error = 100.0 * (m.value.unwrap_or(f64::NAN) / truth - 1.0);
                    let length = value(&result.measurements, "long_axis_length");
                    let long_error = 100.0 * (length.value.unwrap_or(f64::NAN) / ((1.0 + cut) * long) - 1.0);
                    // NaN is not below anything.
                    if !(error.abs() < 0.5 && long_error.abs() < 0.5) {
                        failures += &format!(
                            "{long} {across} {cut} at {mm:?} turned {k} atrium {with_atrium}: \
                             volume {error:+.2} %, axis {long_error:+.2} % {:?}\n",
                            m.reason
                        );
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn discs_equal_those_of_a_published_way_to_count_them() {
    for (long, across, cut, truth, counted) in BODIES {
        // The outline itself, no mask: the base is a straight line at −cut, the apex at +long.
        let start = (-cut).acos();
        let outline: Vec<(f64, f64)> = (0..=4000)
            .map(|k| {
                let (sin, cos) = (start * (1.0 - f64::from(k) / 2000.0)).sin_cos();
                (long * cos, across * sin)
            })
            .collect();
        let axis = LongAxis { base: (-cut * long, 0.0), apex: (long, 0.0), hinges: None };
        let volume = Discs::of(&[outline], &axis, 1.0).volume() / 1000.0;
        // The counted ones carry rows and columns of 0.01 mm.
        assert!((volume / counted - 1.0).abs() < 2e-4, "{volume} for {counted}");
        assert!((volume / truth - 1.0).abs() < 1.5e-3, "{volume} for {truth}");
    }
}

#[test]
fn a_whole_ellipsoid_by_area_and_length() {
    assert!((discs::area_length(3534.292, 90.0) / 1000.0 - 117.8097).abs() < 1e-4);
    // Without an atrium no end of it is the base; with one, the base is where the atrium is.
    let mm = (0.2, 0.2);
    let ventricle =
        Body { long: 45.0, across: 25.0, cut: 1.2, angle_rad: 0.9, slant_rad: 0.0, center_mm: (80.0, 60.0) };
    let mut result = ventricle.frame(mm, true, 0);
    session("volume_method = 'area-length'").measure(&mut result, &scene::scale(mm.0, mm.1), None);
    let m = value(&result.measurements, "volume");
    assert!((m.value.unwrap() / 117.8097 - 1.0).abs() < 0.005, "{m:?}");
    assert_eq!((m.method, m.unit, m.validity), ("single-plane-area-length", Unit::Ml, Validity::Valid));

    let mut result = ventricle.frame(mm, false, 0);
    session("").measure(&mut result, &scene::scale(mm.0, mm.1), None);
    let m = value(&result.measurements, "volume");
    assert_eq!((m.value, m.validity, m.reason), (None, Validity::Invalid, Some(Reason::AxisAmbiguous)));
    assert_eq!(value(&result.measurements, "area").validity, Validity::Valid);
}

#[test]
fn a_slanted_base_is_still_the_base() {
    let mm = (0.2, 0.2);
    for slant_rad in [-0.3, -0.15, 0.15, 0.3] {
        let ventricle =
            Body { long: 50.0, across: 25.0, cut: 0.6, angle_rad: -1.5, slant_rad, center_mm: (80.0, 55.0) };
        let mut result = ventricle.frame(mm, false, 0);
        session("").measure(&mut result, &scene::scale(mm.0, mm.1), None);
        let hinges: Vec<(f64, f64)> = result
            .marks
            .iter()
            .filter_map(|m| match m {
                Mark::Point { at, .. } => Some((at.x_px * mm.0, at.y_px * mm.1)),
                _ => None,
            })
            .skip(1)
            .collect();
        // Both lie on the base's line and on the wall.
        assert_eq!(hinges.len(), 2);
        for (x, y) in hinges {
            assert!(ventricle.inside(x, y).abs() < 0.02, "{slant_rad}: {}", ventricle.inside(x, y));
            let cut = -ventricle.cut * ventricle.long;
            let (sin, cos) = ventricle.angle_rad.sin_cos();
            let up = (x - 80.0) * cos + (y - 55.0) * sin;
            let across = (y - 55.0) * cos - (x - 80.0) * sin;
            let from_base = (up - cut) * slant_rad.cos() + across * slant_rad.sin();
            assert!(from_base.abs() < 0.7, "{slant_rad}: {from_base} mm");
        }
    }
}

#[test]
fn pieces_of_a_chord_count_without_a_wide_gap() {
    let axis = LongAxis { base: (0.0, 0.0), apex: (100.0, 0.0), hinges: None };
    let rectangle = |x: (f64, f64), y: (f64, f64)| vec![(x.0, y.0), (x.1, y.0), (x.1, y.1), (x.0, y.1)];
    let outer = rectangle((0.0, 100.0), (-20.0, 20.0));
    let whole = Discs::of(std::slice::from_ref(&outer), &axis, 3.0);
    assert_eq!((whole.diameters, whole.is_broken), ([40.0; 20], false));
    // Cylinder: π/4·40²·100.
    assert!((whole.volume() - std::f64::consts::FRAC_PI_4 * 1600.0 * 100.0).abs() < 1e-9);
    let narrow = Discs::of(&[outer.clone(), rectangle((30.0, 50.0), (-1.0, 1.0))], &axis, 3.0);
    assert_eq!((narrow.volume(), narrow.is_broken), (whole.volume(), false));
    let wide = Discs::of(&[outer, rectangle((30.0, 50.0), (-2.0, 2.0))], &axis, 3.0);
    assert!(wide.is_broken);
    assert_eq!(wide.diameters.iter().filter(|d| **d == 36.0).count(), 4);
    // 0.1 further out: 40.2²·100.1 or so.
    let effect = whole.boundary_effect(0.1) / whole.volume();
    assert!((effect - (40.2 * 40.2 * 100.1 / 160_000.0 - 1.0)).abs() < 5e-4, "{effect}");
}

/// A ventricle that keeps its shape while its volume goes between two values as a cosine; its true ejection
/// fraction is 100·(1 − (smallest/largest)³) of the lengths.
fn beat(
    session: &mut Session,
    scale: &Scale,
    ejection_fraction: f64,
    frames: std::ops::Range<u32>,
) -> FrameResult {
    let mut last = scene::missing(0);
    for frame in frames {
        let t = f64::from(frame) / 50.0;
        let swing = 0.5 + 0.5 * (std::f64::consts::TAU * (t / 0.85 + 0.4)).cos();
        let size = (1.0 - ejection_fraction / 100.0 * (1.0 - swing)).cbrt();
        let ventricle = Body {
            long: 50.0 * size,
            across: 25.0 * size,
            cut: 0.7,
            angle_rad: -1.45,
            slant_rad: 0.0,
            center_mm: (80.0, 60.0 - 8.0 * size),
        };
        last = ventricle.frame((0.2, 0.2), true, u64::from(frame) * 20_000_000);
        session.measure(&mut last, scale, None);
    }
    last
}

#[test]
fn ejection_fraction_from_masks_is_exact_to_a_fifth_of_a_point() {
    for ejection_fraction in [35.0, 65.0] {
        let mut s = session("");
        let result = beat(&mut s, &scene::scale(0.2, 0.2), ejection_fraction, 0..170);
        let get = |name: &str| value(&result.series, name);
        let ef = get("ejection_fraction");
        assert!((ef.value.unwrap() - ejection_fraction).abs() < 0.2, "{ef:?}");
        assert_eq!((ef.validity, ef.unit), (Validity::Valid, Unit::Percent));
        assert!(ef.uncertainty.unwrap() < 3.0, "{ef:?}");
        // Volume goes with the cube of the size, area with the square.
        let truth = 100.0 * (1.0 - (1.0 - ejection_fraction / 100.0_f64).powf(2.0 / 3.0));
        let fac = get("fractional_area_change");
        assert!((fac.value.unwrap() - truth).abs() < 0.2, "{fac:?} for {truth}");
        let (edv, esv) = (get("edv").value.unwrap(), get("esv").value.unwrap());
        assert!((edv / 122.9475 - 1.0).abs() < 0.005, "{edv}");
        assert!((esv / (122.9475 * (1.0 - ejection_fraction / 100.0)) - 1.0).abs() < 0.007, "{esv}");
        let stroke = get("stroke_volume");
        assert!((stroke.value.unwrap() - (edv - esv)).abs() < 0.1, "{stroke:?}");
        let rate = get("heart_rate");
        assert!((rate.value.unwrap() - 60.0 / 0.85).abs() < 0.2, "{rate:?}");
        let output = get("cardiac_output").value.unwrap();
        assert!((output - stroke.value.unwrap() * rate.value.unwrap() / 1000.0).abs() < 1e-9);
        assert_eq!(get("beats_used").value, Some(3.0));
        assert_eq!((get("beats_rejected").value, get("coverage").value), (Some(0.0), Some(100.0)));
        assert!(edv / 10.0 > get("edv").uncertainty.unwrap() && get("edv").uncertainty.unwrap() > edv * 0.03);
        // Lost frames are seen, and the scale's end takes the millimetres with it in the same frame.
        let mut lost = scene::missing(170 * 20_000_000);
        s.measure(&mut lost, &scene::scale(0.2, 0.2), None);
        assert!(value(&lost.series, "coverage").value.unwrap() < 100.0);
        let mut expired = scene::missing(171 * 20_000_000);
        s.measure(&mut expired, &Scale::None(Reason::CalibrationExpired), None);
        let edv = value(&expired.series, "edv");
        assert_eq!((edv.value, edv.reason), (None, Some(Reason::CalibrationExpired)));
    }
}

#[test]
fn ratios_need_no_scale_and_volumes_do() {
    let result = beat(&mut session(""), &Scale::default(), 55.0, 0..130);
    let edv = value(&result.series, "edv");
    assert_eq!((edv.value, edv.validity, edv.reason), (None, Validity::Invalid, Some(Reason::NoCalibration)));
    let volume = value(&result.measurements, "volume");
    assert_eq!((volume.value, volume.reason), (None, Some(Reason::NoCalibration)));
    let ef = value(&result.series, "ejection_fraction");
    assert!((ef.value.unwrap() - 55.0).abs() < 0.2, "{ef:?}");
    assert_eq!((ef.validity, ef.calibration_id.clone()), (Validity::Valid, None));
}

#[test]
fn less_than_a_beat_is_no_answer() {
    let result = beat(&mut session(""), &scene::scale(0.2, 0.2), 55.0, 0..55);
    for name in ["ejection_fraction", "edv", "esv", "stroke_volume", "cardiac_output", "heart_rate"] {
        let m = value(&result.series, name);
        assert_eq!(
            (m.value, m.validity, m.reason),
            (None, Validity::Invalid, Some(Reason::TooFewCycles)),
            "{name}"
        );
    }
    assert_eq!(value(&result.series, "beats_used").value, Some(0.0));
}

#[test]
fn what_is_drawn_is_asked_for() {
    let ventricle =
        Body { long: 50.0, across: 25.0, cut: 0.6, angle_rad: -1.5, slant_rad: 0.0, center_mm: (80.0, 55.0) };
    let mut result = ventricle.frame((0.2, 0.2), true, 0);
    session("show_discs = true").measure(&mut result, &scene::scale(0.2, 0.2), None);
    let lines = result.marks.iter().filter(|m| matches!(m, Mark::Line { name: "volume", .. })).count();
    assert_eq!((lines, result.marks.len()), (20, 24));
    session("show_axis = false").measure(&mut result, &scene::scale(0.2, 0.2), None);
    assert!(result.marks.is_empty());
    for wrong in ["window_s = 0.0", "structure = ''", "smoothing_s = nan", "frames_per_beat = 2"] {
        let error = ProtocolConfig::from_toml(&format!("protocol = 'lv-function'\n{wrong}")).unwrap_err();
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn a_mask_of_ones_and_zeros_is_a_little_less_exact() {
    // A hard edge is known to half a pixel of the mask, 0.3 mm here, and its outline has steps.
    let (mut sum, mut worst, mut count) = (0.0, 0.0_f64, 0.0);
    for (long, across, cut, truth, _) in BODIES {
        for k in 0..12 {
            let body = Body {
                long,
                across,
                cut,
                angle_rad: 0.53 * f64::from(k),
                slant_rad: 0.0,
                center_mm: (80.03 + 0.07 * f64::from(k), 60.1),
            };
            let hard = |x: f64, y: f64| if body.inside(x * 0.2, y * 0.2) > 0.0 { 100.0 } else { -100.0 };
            let mut result = scene::frame(SOURCE, MODEL, &[("left_ventricle", &hard)], 0);
            session("").measure(&mut result, &scene::scale(0.2, 0.2), None);
            let error = value(&result.measurements, "volume").value.unwrap() / truth - 1.0;
            (sum, worst, count) = (sum + error, worst.max(error.abs()), count + 1.0);
        }
    }
    assert!((sum / count).abs() < 0.0025 && worst < 0.0075, "{} {worst}", sum / count);
}

#[test]
fn two_planes_of_masks_give_a_biplane_volume() {
    // Cut ellipsoids with 25 mm across in one plane and 21 mm in the other; the second view is taken at
    // another angle.
    let plane_of = |across: f64, size: f64, angle_rad: f64| {
        let body = Body {
            long: 50.0 * size,
            across: across * size,
            cut: 0.7,
            angle_rad,
            slant_rad: 0.0,
            center_mm: (80.0, 60.0),
        };
        let result = body.frame((0.2, 0.2), true, 0);
        let scale = scene::scale(0.2, 0.2);
        let geometry = result.geometry.unwrap();
        let plane = Plane::new(&geometry, Some(scale.uniform().unwrap().as_ref()));
        let outline = |k: usize| result.classes[k].contours.first();
        let ventricle = Ventricle::of(outline(0).unwrap(), outline(1), &plane, &geometry).unwrap();
        discs::PlaneDiscs::from_millimetres(&ventricle.discs.unwrap())
    };
    let at = |size: f64| (plane_of(25.0, size, -1.4), plane_of(21.0, size, -1.7));
    let ((four_ed, two_ed), (four_es, two_es)) = (at(1.0), at(0.75));
    let both = biplane::biplane((&four_ed, &two_ed), (&four_es, &two_es)).unwrap();
    let truth = 122.9475 * 21.0 / 25.0;
    assert!((both.end_diastole.volume_ml / truth - 1.0).abs() < 0.005, "{both:?}");
    assert!((both.ejection_fraction - 100.0 * (1.0 - 0.75_f64.powi(3))).abs() < 0.2, "{both:?}");
    assert_eq!(both.reason, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// No outline, however absurd, stops the stream; what is said of it is finite and its reasons are there.
    #[test]
    fn any_outline(points in proptest::collection::vec((-20.0..820.0_f64, -20.0..620.0_f64), 3..40),
                   repeat: bool, scaled: bool) {
        for protocol in ["lv-function", "vessel", "ivc"] {
            let inside = |_: f64, _: f64| -1.0;
            let names = match protocol {
                "lv-function" => ["left_ventricle", "left_atrium"],
                "vessel" => ["lumen", "none"],
                _ => ["inferior_vena_cava", "right_atrium"],
            };
            let mut result = scene::frame((800, 600), (8, 6), &[(names[0], &inside), (names[1], &inside)], 0);
            let mut outer: Vec<PointInFrame> =
                points.iter().map(|&(x_px, y_px)| PointInFrame { x_px, y_px }).collect();
            if repeat {
                outer = outer.iter().flat_map(|&p| [p, p]).collect();
            }
            for class in &mut result.classes {
                class.contours = vec![Contour {
                    outer: outer.clone(),
                    holes: vec![outer.clone()],
                    area_px2: 1.0,
                    hole_area_px2: 1.0,
                    border_fraction: 0.0,
                    object: None,
                }];
                outer.reverse();
            }
            let scale = if scaled { scene::scale(0.2, 0.3) } else { Scale::default() };
            Session::new(&ProtocolConfig::from_name(protocol).unwrap()).measure(&mut result, &scale, None);
            prop_assert!(!result.measurements.is_empty());
            for m in result.measurements.iter().chain(&result.series) {
                prop_assert!(m.value.is_none_or(f64::is_finite), "{m:?}");
                prop_assert!(m.value.is_some() || m.reason.is_some(), "{m:?}");
            }
        }
    }
}

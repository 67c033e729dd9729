//! Nodules, layers and the optic nerve's sheath on shapes of known size. `--nocapture` prints the errors
//! found.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Class, Edge, ellipse, frame, measured, number, same, scale};
use vesalius_measure::calibration::Scale;
use vesalius_measure::protocol::nodule::{Diameter, LongitudinalDiameters, TransverseDiameters, volume};
use vesalius_measure::protocol::{ProtocolConfig, Session};
use vesalius_measure::result::{FrameResult, Mark, Reason, Validity};
use vesalius_measure::units::{Mm, Unit};

const SOFT: Edge = Edge::Soft(3.0);

fn measure(settings: &str, result: &mut FrameResult, scale: &Scale) {
    Session::new(&ProtocolConfig::from_toml(settings).unwrap()).measure(result, scale, None);
}

/// How far an ellipse reaches along a direction.
fn extent(axes: (f64, f64), angle_rad: f64, direction_rad: f64) -> f64 {
    let (sin, cos) = (direction_rad - angle_rad).sin_cos();
    (axes.0 * cos).hypot(axes.1 * sin)
}

fn direction_of(result: &FrameResult, caliper: &str) -> f64 {
    let of = |mark: &Mark| match mark {
        Mark::Caliper { from, to, name } if *name == caliper => {
            Some((to.y_px - from.y_px).atan2(to.x_px - from.x_px))
        }
        _ => None,
    };
    result.marks.iter().find_map(of).unwrap()
}

const DOWN: f64 = std::f64::consts::FRAC_PI_2;

#[test]
fn a_nodules_diameters_are_right_to_three_quarters_of_a_pixel_and_its_ratio_to_half_a_per_cent() {
    for edge in [SOFT, Edge::Binary] {
        let (mut worst_px, mut worst_ratio) = ([0.0_f64; 4], 0.0_f64);
        for k in 0..24 {
            let angle = f64::from(k) * 0.27;
            let axes = (60.0 + 6.0 * f64::from(k), 45.0 + 4.0 * f64::from(k));
            let center = (160.0 + 0.37 * f64::from(k), 150.0 - 0.23 * f64::from(k));
            let depth = |x, y| ellipse((x, y), center, axes, angle);
            let mut result = frame(same(320, 300), edge, 0, &[Class("nodule", &depth)]);
            measure("protocol = 'nodule-thyroid'", &mut result, &scale(0.1, 0.1));
            let names = ["ap_diameter", "transverse_diameter", "max_diameter", "short_axis_diameter"];
            for (worst, name) in worst_px.iter_mut().zip(names) {
                // The largest diameter of a binary mask leans by chance, and what is at right angles to it
                // with it: the extent in the direction that was measured is what must be right, and the
                // largest is the major axis.
                let truth = if name == "max_diameter" {
                    axes.0
                } else {
                    extent(axes, angle, direction_of(&result, name))
                };
                *worst = worst.max((number(&result, name) / 0.1 - truth).abs());
            }
            let truth = extent(axes, angle, DOWN) / extent(axes, angle, 0.0);
            worst_ratio = worst_ratio.max((number(&result, "taller_than_wide_ratio") / truth - 1.0).abs());
        }
        println!("nodule, {edge:?}: diameters {worst_px:.3?} px, ratio {:.3} %", 100.0 * worst_ratio);
        // A binary mask does not know where within half a pixel its edge lies, at either end; the goals, 0.75
        // px and 0.5 %, are of what a network says.
        let (most_px, most_ratio) = if edge == SOFT { (0.75, 5e-3) } else { (1.0, 15e-3) };
        assert!(worst_px.iter().all(|&w| w <= most_px), "{edge:?}: {worst_px:?}");
        assert!(worst_ratio <= most_ratio, "{edge:?}: {worst_ratio}");
    }
}

#[test]
fn a_pixels_shape_is_no_nodules_shape() {
    // Round in millimetres, on pixels twice as wide as high.
    let depth = |x: f64, y: f64| ellipse((x, y), (150.0, 150.0), (60.0, 120.0), 0.0);
    let mut result = frame(same(300, 300), SOFT, 0, &[Class("nodule", &depth)]);
    measure("protocol = 'nodule-breast'", &mut result, &scale(0.2, 0.1));
    assert!((number(&result, "taller_than_wide_ratio") - 1.0).abs() < 5e-3);
    assert!((number(&result, "ap_diameter") - 12.0).abs() < 0.075);
}

#[test]
fn near_one_nothing_is_said_and_beyond_each_rule_says_its_own() {
    let of = |axes: (f64, f64), settings: &str| {
        let depth = |x: f64, y: f64| ellipse((x, y), (150.0, 150.0), axes, 0.0);
        let mut result = frame(same(300, 300), SOFT, 0, &[Class("nodule", &depth)]);
        measure(settings, &mut result, &Scale::default());
        result
    };
    // 60 px: the ends are known to 0.7 px, the ratio to 0.017.
    let near = of((60.0, 60.5), "protocol = 'nodule-thyroid'");
    let (ratio, verdict) = (measured(&near, "taller_than_wide_ratio"), measured(&near, "taller_than_wide"));
    assert_eq!((ratio.validity, ratio.reason), (Validity::Limited, Some(Reason::Indeterminate)));
    assert_eq!((verdict.value, verdict.reason), (None, Some(Reason::Indeterminate)));
    assert!((ratio.uncertainty.unwrap() - 2.0 * 0.5 / 60.0).abs() < 1e-3, "{ratio:?}");
    for protocol in ["nodule-thyroid", "nodule-breast"] {
        let settings = format!("protocol = '{protocol}'");
        let tall = of((60.0, 70.0), &settings);
        assert_eq!(number(&tall, "taller_than_wide"), 1.0);
        // Ratios need no scale, lengths do.
        assert_eq!(measured(&tall, "taller_than_wide").validity, Validity::Valid);
        assert_eq!(measured(&tall, "ap_diameter").unit, Unit::Px);
        assert_eq!(number(&of((70.0, 60.0), &settings), "taller_than_wide"), 0.0);
    }
    // The thyroid's rule is of the transverse plane.
    let along = of((60.0, 70.0), "protocol = 'nodule-thyroid'\nplane = 'longitudinal'");
    assert!(along.measurements.iter().all(|m| !m.name.starts_with("taller")));
    assert!((number(&along, "longitudinal_diameter") - 60.0).abs() < 0.75);
    let along = of((60.0, 70.0), "protocol = 'nodule-breast'\nplane = 'longitudinal'");
    assert_eq!(number(&along, "taller_than_wide"), 1.0);
}

#[test]
fn a_convex_probes_beam_leans() {
    // The long axis lies on the ray from the apex: taller than wide, though on the picture it leans by 35°.
    let (apex, lean) = ((200.0, -100.0), 35.0_f64.to_radians());
    let center = (apex.0 + 330.0 * lean.sin(), apex.1 + 330.0 * lean.cos());
    let depth = |x: f64, y: f64| ellipse((x, y), center, (120.0, 80.0), DOWN - lean);
    let mut result = frame(same(512, 400), SOFT, 0, &[Class("nodule", &depth)]);
    let settings = "protocol = 'nodule-thyroid'\napex = { x_px = 200.0, y_px = -100.0 }";
    measure(settings, &mut result, &scale(0.1, 0.1));
    assert!((number(&result, "ap_diameter") - 12.0).abs() < 0.075);
    assert!((number(&result, "transverse_diameter") - 8.0).abs() < 0.075);
    assert!((number(&result, "taller_than_wide_ratio") / 1.5 - 1.0).abs() < 5e-3);
    let drawn = direction_of(&result, "ap_diameter");
    assert!((drawn - (DOWN - lean)).abs() < 0.02, "the caliper lies along the beam: {drawn}");
}

#[test]
fn a_volume_needs_two_planes_and_is_right_to_one_per_cent() {
    let diameter = |result: &FrameResult, name: &str| {
        let m = measured(result, name);
        Diameter { value: Mm(m.value.unwrap()), uncertainty: Mm(m.uncertainty.unwrap()) }
    };
    let mut worst = 0.0_f64;
    for k in 0..12 {
        // An ellipsoid of d1 (depth) × d2 (across) × d3 (along) mm at 0.1 mm.
        let (d1, d2, d3) = (8.0 + 0.7 * f64::from(k), 9.0 + f64::from(k), 12.0 + 1.3 * f64::from(k));
        let plane = |across: f64, plane: &str| {
            let at = (200.0 + 0.31 * f64::from(k), 150.0 + 0.17 * f64::from(k));
            let depth = |x: f64, y: f64| ellipse((x, y), at, (across * 10.0, d1 * 10.0), 0.0);
            let mut result = frame(same(400, 300), SOFT, 0, &[Class("nodule", &depth)]);
            measure(
                &format!("protocol = 'nodule-thyroid'\nplane = '{plane}'"),
                &mut result,
                &scale(0.1, 0.1),
            );
            let one = measured(&result, "volume");
            assert_eq!((one.value, one.reason), (None, Some(Reason::NeedsSecondPlane)));
            result
        };
        let (transverse, longitudinal) = (plane(d2, "transverse"), plane(d3, "longitudinal"));
        let joined = volume(
            &TransverseDiameters {
                ap: diameter(&transverse, "ap_diameter"),
                transverse: diameter(&transverse, "transverse_diameter"),
            },
            &LongitudinalDiameters { longitudinal: diameter(&longitudinal, "longitudinal_diameter") },
            0.0,
        )
        .unwrap();
        let truth = std::f64::consts::PI / 6.0 * d1 * d2 * d3 / 1000.0;
        worst = worst.max((joined.ml / truth - 1.0).abs());
        assert!(joined.uncertainty_ml > 0.0 && joined.uncertainty_ml < 0.03 * joined.ml, "{joined:?}");
    }
    println!("nodule volume: {:.3} %", 100.0 * worst);
    assert!(worst < 0.01, "{worst}");
}

/// A layer between two lines or arcs: depth of a point in it, and its thickness at right angles to the deep
/// border.
struct Layer {
    thickness_px: f64,
    tilt_rad: f64,
    /// Radius of the deep border, centre above it; infinite for a straight one.
    radius_px: f64,
}

impl Layer {
    fn depth(&self, x: f64, y: f64, center: (f64, f64), length_px: f64) -> f64 {
        let (dx, dy) = (x - center.0, y - center.1);
        let (sin, cos) = self.tilt_rad.sin_cos();
        let (s, t) = (dx * cos + dy * sin, dy * cos - dx * sin);
        // Height above the deep border, which passes through the centre.
        let above =
            if self.radius_px.is_finite() { self.radius_px - s.hypot(t + self.radius_px) } else { -t };
        above.min(self.thickness_px - above).min(length_px / 2.0 - s.abs())
    }
}

#[test]
fn a_muscle_is_right_to_half_a_pixel() {
    for edge in [SOFT, Edge::Binary] {
        let (mut worst, mut worst_level) = (0.0_f64, 0.0_f64);
        for k in 0..30 {
            let layer = Layer {
                thickness_px: 40.0 + 4.3 * f64::from(k),
                tilt_rad: (f64::from(k) * 1.7).sin() * 0.35,
                radius_px: if k % 2 == 0 { f64::INFINITY } else { 700.0 + 30.0 * f64::from(k) },
            };
            let length = if k % 3 == 0 { 300.0 } else { 900.0 };
            let depth = |x, y| layer.depth(x, y, (250.3, 330.0 + 0.37 * f64::from(k)), length);
            let mut result = frame(same(500, 440), edge, 0, &[Class("muscle", &depth)]);
            measure("protocol = 'muscle-thickness'", &mut result, &scale(0.1, 0.1));
            let m = measured(&result, "muscle_thickness");
            assert_eq!((m.validity, m.unit), (Validity::Valid, Unit::Mm), "{k}: {m:?}");
            let error = (m.value.unwrap() / 0.1 - layer.thickness_px).abs();
            let is_level = layer.tilt_rad.abs() < 0.02 && layer.radius_px.is_infinite();
            let worst = if is_level { &mut worst_level } else { &mut worst };
            *worst = worst.max(error);
            let max = number(&result, "muscle_thickness_max");
            assert!(max >= m.value.unwrap() - 1e-9 && max - m.value.unwrap() < 0.12, "{k}: {max} {m:?}");
        }
        println!("muscle, {edge:?}: {worst:.3} px, level {worst_level:.3} px");
        assert!(worst <= 0.5, "{edge:?}: {worst}");
        // Where every column of a binary mask says the same, no mean knows more than one: half a pixel an
        // edge.
        assert!(worst_level <= if edge == SOFT { 0.5 } else { 1.0 } + 1e-9, "{edge:?}: {worst_level}");
    }
}

#[test]
fn a_wedge_is_as_thick_as_in_its_middle_third() {
    // Superficial border level, deep border sloping by 1 in 10: measured at right angles to the deep one.
    let slope = 0.1_f64;
    let depth = |x: f64, y: f64| (y - 100.0).min(((200.0 + slope * (x - 250.0)) - y) * slope.atan().cos());
    let mut result = frame(same(500, 400), SOFT, 0, &[Class("muscle", &depth)]);
    measure("protocol = 'muscle-thickness'", &mut result, &Scale::default());
    // A cut from depth 100 + 0.1·x at right angles to the slope meets the upper border at 1/cos of its
    // height. The middle of the visible length, along the slope, lies above the picture's middle.
    let value = number(&result, "muscle_thickness");
    let truth = 100.0 / slope.atan().cos();
    assert!((value - truth).abs() < 1.0, "{value} for {truth}");
    assert_eq!(measured(&result, "muscle_thickness").reason, Some(Reason::NoCalibration));
}

#[test]
fn a_muscle_whose_deep_border_is_not_in_the_picture_is_cut() {
    let depth = |_: f64, y: f64| y - 250.0;
    let mut result = frame(same(500, 400), SOFT, 0, &[Class("muscle", &depth)]);
    measure("protocol = 'muscle-thickness'", &mut result, &scale(0.1, 0.1));
    assert_eq!(measured(&result, "muscle_thickness").reason, Some(Reason::Truncated));
}

#[test]
fn an_intima_media_is_right_to_a_hundredth_of_a_millimetre() {
    const MM: f64 = 0.05;
    let mut worst = 0.0_f64;
    for k in 0..30 {
        let thickness = 0.45 + 0.02 * f64::from(k);
        let layer = Layer {
            thickness_px: thickness / MM,
            tilt_rad: (f64::from(k) * 2.3).sin() * 0.25,
            radius_px: if k % 2 == 0 { f64::INFINITY } else { 1500.0 },
        };
        let depth = |x, y| layer.depth(x, y, (200.4, 150.0 + 0.13 * f64::from(k)), 900.0);
        let mut result = frame(same(400, 300), SOFT, 0, &[Class("intima_media", &depth)]);
        measure("protocol = 'intima-media'", &mut result, &scale(MM, MM));
        let m = measured(&result, "intima_media_thickness");
        assert!(matches!(m.reason, None | Some(Reason::LowConfidence)), "{m:?}");
        worst = worst.max((m.value.unwrap() - thickness).abs());
        worst = worst.max((number(&result, "intima_media_thickness_max") - thickness).abs());
    }
    println!("intima–media: {worst:.4} mm");
    assert!(worst <= 0.01, "{worst}");
}

#[test]
fn plaque_and_a_short_wall_are_said_and_without_a_scale_there_is_nothing() {
    let of = |bump: f64, length: f64, scale: &Scale| {
        let depth = |x: f64, y: f64| {
            let thick = 13.0 + bump * (-((x - 200.0) / 12.0).powi(2)).exp();
            (150.0 - y).min(y - (150.0 - thick)).min(length / 2.0 - (x - 200.0).abs())
        };
        let mut result = frame(same(400, 300), SOFT, 0, &[Class("intima_media", &depth)]);
        measure("protocol = 'intima-media'", &mut result, scale);
        let m = measured(&result, "intima_media_thickness").clone();
        (m.value.is_some(), m.reason)
    };
    let calibrated = scale(0.05, 0.05);
    assert_eq!(of(0.0, 900.0, &calibrated), (true, None));
    assert_eq!(of(10.0, 900.0, &calibrated), (true, Some(Reason::OutOfRange)), "focal thickening");
    assert_eq!(of(0.0, 150.0, &calibrated), (true, Some(Reason::OutOfRange)), "7.5 mm of wall");
    assert_eq!(of(0.0, 900.0, &Scale::default()), (false, Some(Reason::NoCalibration)));
}

#[test]
fn an_optic_nerve_sheath_is_right_to_three_hundredths_of_a_millimetre() {
    let mut worst = [0.0_f64; 2];
    for (edge, worst) in [SOFT, Edge::Binary].into_iter().zip(&mut worst) {
        for k in 0..24 {
            let mm = 0.06 + 0.002 * f64::from(k % 10);
            let (lean, radius) = ((f64::from(k) * 1.9).sin() * 0.45, 12.0 / mm);
            let (width, taper) = ((4.2 + 0.12 * f64::from(k)) / mm, 0.04 * f64::from(k % 5 - 2));
            // The globe lies above and is cut by the picture's edge; the nerve leaves it downwards, leaning.
            let globe = (256.0 + 0.4 * f64::from(k), 60.0 - 0.3 * f64::from(k));
            let globe_depth = |x: f64, y: f64| radius - (x - globe.0).hypot(y - globe.1);
            let sheath_depth = |x: f64, y: f64| {
                let (dx, dy) = (x - globe.0, y - globe.1);
                let (s, t) = (dx * lean.sin() + dy * lean.cos(), dx * lean.cos() - dy * lean.sin());
                let half = (width + taper * (s - radius - 3.0 / mm)) / 2.0;
                ((half - t.abs()) * (taper / 2.0).atan().cos()).min(s - radius)
            };
            let classes = [Class("globe", &globe_depth), Class("nerve_sheath", &sheath_depth)];
            let mut result = frame(same(512, 420), edge, 0, &classes);
            measure("protocol = 'optic-nerve-sheath'", &mut result, &scale(mm, mm));
            let m = measured(&result, "optic_nerve_sheath_diameter");
            assert_eq!(m.validity, Validity::Valid, "{k} {edge:?}: {m:?}");
            let error = (m.value.unwrap() - width * mm).abs();
            *worst = worst.max(error);
        }
    }
    println!("optic nerve sheath: {:.4} mm soft, {:.4} mm binary", worst[0], worst[1]);
    assert!(worst[0] <= 0.03 && worst[1] <= 0.06, "{worst:?}");
}

#[test]
fn a_mean_of_sheaths_takes_three_frames_and_each_once() {
    let globe = |x: f64, y: f64| 150.0 - (x - 256.0).hypot(y - 100.0);
    let sheath = |width: f64| move |x: f64, y: f64| (width / 2.0 - (x - 256.0).abs()).min(y - 245.0);
    let mut session = Session::new(&ProtocolConfig::from_name("optic-nerve-sheath").unwrap());
    let mut at = |pts: u64, width: f64| {
        let sheath = sheath(width);
        let mut result =
            frame(same(512, 420), SOFT, pts, &[Class("globe", &globe), Class("nerve_sheath", &sheath)]);
        session.measure(&mut result, &scale(0.08, 0.08), None);
        let m = measured(&result, "optic_nerve_sheath_diameter_mean");
        (m.value.unwrap(), m.reason)
    };
    assert_eq!(at(0, 60.0).1, Some(Reason::TooFewSamples));
    assert_eq!(at(40, 60.0).1, Some(Reason::TooFewSamples));
    assert_eq!(at(40, 60.0).1, Some(Reason::TooFewSamples), "the same result again is no sample");
    let (mean, reason) = at(80, 66.0);
    assert_eq!(reason, None);
    assert!((mean - 62.0 * 0.08).abs() < 0.01, "{mean}");
    // Without a scale there is no place 3 mm behind anything.
    let mut result =
        frame(same(512, 420), SOFT, 0, &[Class("globe", &globe), Class("nerve_sheath", &sheath(60.0))]);
    measure("protocol = 'optic-nerve-sheath'", &mut result, &Scale::default());
    let m = measured(&result, "optic_nerve_sheath_diameter");
    assert_eq!((m.value, m.reason), (None, Some(Reason::NoCalibration)));
    // A sheath that ends before 3 mm.
    let short = |x: f64, y: f64| (30.0 - (x - 256.0).abs()).min(y - 245.0).min(275.0 - y);
    let mut result = frame(same(512, 420), SOFT, 0, &[Class("globe", &globe), Class("nerve_sheath", &short)]);
    measure("protocol = 'optic-nerve-sheath'", &mut result, &scale(0.08, 0.08));
    let m = measured(&result, "optic_nerve_sheath_diameter");
    assert_eq!((m.value, m.reason), (None, Some(Reason::ShapeMismatch)));
}

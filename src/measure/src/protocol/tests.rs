use std::sync::Arc;

use super::*;
use crate::calibration::{Calibration, CalibrationSource, Scale};
use crate::components::Components;
use crate::contour::trace;
use crate::geometry::{Geometry, PointInModel, ResizeRule};
use crate::mask::ProbabilityMap;
use crate::result::{
    ClassInfo, ClassResult, EngineIdentity, FrameResult, Measurement, Reason, ResultStatus, Unlikeness,
    Validity,
};
use crate::units::{Mm, MmPerPx, Unit};

fn measure(name: &str, result: &mut FrameResult, calibration: Option<Arc<Calibration>>) {
    Session::new(&ProtocolConfig::from_name(name).unwrap()).measure(result, &Scale::from(calibration), None);
}

fn engine() -> Arc<EngineIdentity> {
    Arc::new(EngineIdentity {
        name: "test".into(),
        version: "1.0.0".into(),
        sha256: "0".repeat(64),
        precision: "f32".into(),
        backend: "none".into(),
        protocol: "fetal-head".into(),
    })
}

/// A head of the given axes in source pixels, seen by a 288×192 model.
fn frame(center: (f64, f64), axes_px: (f64, f64), angle_rad: f64) -> FrameResult {
    let geometry = Geometry::new((800, 540), (288, 192), ResizeRule::Letterbox, (1, 1)).unwrap();
    let (sin, cos) = angle_rad.sin_cos();
    let values: Vec<f32> = (0..288 * 192)
        .map(|i| {
            let p = geometry
                .source_from_model(PointInModel { x_px: f64::from(i % 288), y_px: f64::from(i / 288) });
            let (dx, dy) = (p.x_px - center.0, p.y_px - center.1);
            let (u, v) = ((dx * cos + dy * sin) * 2.0 / axes_px.0, (dy * cos - dx * sin) * 2.0 / axes_px.1);
            (0.5 + (1.0 - u.hypot(v)) * 20.0).clamp(0.0, 1.0) as f32
        })
        .collect();
    let probability = ProbabilityMap::new(288, 192, values).unwrap();
    let class = Arc::new(ClassInfo {
        index: 1,
        name: "head".into(),
        label: "Fetal head".into(),
        color: [86, 180, 233],
        threshold: 0.5,
    });
    let contours = trace(&probability, &geometry, 0.5);
    let mut result = FrameResult::missing(engine(), 0, Reason::NoResultYet);
    result.status = ResultStatus::Ok;
    result.geometry = Some(geometry);
    result.classes = vec![ClassResult {
        class,
        probability,
        contours,
        unconfirmed: Vec::new(),
        withheld: None,
        confidence: Some(0.99),
        components: Components::default(),
    }];
    result
}

fn scale(mm: f64) -> Option<Arc<Calibration>> {
    Some(Arc::new(Calibration::new(MmPerPx(mm), MmPerPx(mm), CalibrationSource::Operator, 0.0).unwrap()))
}

fn value<'a>(result: &'a FrameResult, name: &str) -> &'a Measurement {
    result.measurements.iter().find(|m| m.name == name).unwrap()
}

#[test]
fn a_head_in_millimetres() {
    let mut result = frame((401.3, 268.9), (500.0, 391.5), 0.4);
    measure("fetal-head", &mut result, scale(0.2));
    let hc_truth = crate::ellipse::circumference(50.0, 39.15);
    // Software goal 0.2 % on a known mask.
    for (name, unit, truth, tolerance) in [
        ("head_circumference", Unit::Mm, hc_truth, 2e-3),
        ("bpd", Unit::Mm, 78.3, 2e-3),
        ("ofd", Unit::Mm, 100.0, 2e-3),
        ("cephalic_index", Unit::Percent, 78.3, 2e-3),
        ("area", Unit::Mm2, std::f64::consts::PI * 50.0 * 39.15, 4e-3),
        ("perimeter", Unit::Mm, hc_truth, 1e-2),
    ] {
        let m = value(&result, name);
        assert_eq!((m.unit, m.validity, m.reason), (unit, Validity::Valid, None), "{name}");
        let v = m.value.unwrap();
        assert!((v / truth - 1.0).abs() < tolerance, "{name}: {v} for {truth}");
        assert!(m.uncertainty.is_some_and(|u| u > 0.0 && u < 0.1 * v), "{name}: {:?}", m.uncertainty);
        assert_eq!(m.calibration_id.as_deref(), Some("operator:0.2x0.2"));
    }
    let age = value(&result, "gestational_age");
    let truth = hadlock::age_from_head_circumference(Mm(hc_truth)).get();
    assert!((age.value.unwrap() - truth).abs() < 0.07, "{age:?}");
    assert!(age.uncertainty.unwrap() >= 1.49, "the spread of the equation is in: {age:?}");
    assert_eq!(result.marks.len(), 3);
}

#[test]
fn several_pieces_are_said() {
    let mut result = frame((400.0, 270.0), (500.0, 391.5), 0.0);
    result.classes[0].components = Components { count: 2, largest_px: 1000, second_px: 51 };
    measure("fetal-head", &mut result, scale(0.2));
    let hc = value(&result, "head_circumference");
    assert_eq!((hc.validity, hc.reason), (Validity::Limited, Some(Reason::SeveralPieces)));
    result.classes[0].components.second_px = 50;
    measure("fetal-head", &mut result, scale(0.2));
    assert_eq!(value(&result, "head_circumference").validity, Validity::Valid);
}

#[test]
fn without_a_calibration_there_are_no_millimetres() {
    let mut result = frame((400.0, 270.0), (500.0, 391.5), 0.0);
    measure("fetal-head", &mut result, None);
    for m in &result.measurements {
        assert!(m.unit != Unit::Mm && m.unit != Unit::Mm2, "{m:?}");
        assert_eq!(m.calibration_id, None);
    }
    let hc = value(&result, "head_circumference");
    assert_eq!((hc.unit, hc.validity, hc.reason), (Unit::Px, Validity::Limited, Some(Reason::NoCalibration)));
    assert!(hc.value.is_some());
    let age = value(&result, "gestational_age");
    assert_eq!((age.value, age.validity, age.reason), (None, Validity::Invalid, Some(Reason::NoCalibration)));
    // A ratio needs no scale.
    assert_eq!(value(&result, "cephalic_index").validity, Validity::Valid);
}

#[test]
fn what_is_not_there_has_no_value() {
    let mut result = frame((400.0, 270.0), (500.0, 391.5), 0.0);
    result.classes[0].contours.clear();
    measure("fetal-head", &mut result, scale(0.2));
    assert_eq!(result.measurements.len(), 7);
    for m in &result.measurements {
        assert_eq!(
            (m.value, m.validity, m.reason),
            (None, Validity::Invalid, Some(Reason::NotFound)),
            "{m:?}"
        );
    }
    assert!(result.marks.is_empty());
}

#[test]
fn a_cut_head_is_estimated_from_its_free_rim_and_says_so() {
    // Centre 60 px from the left edge, semi-axis 250: three quarters are there.
    let mut result = frame((150.0, 270.0), (500.0, 391.5), 0.0);
    measure("fetal-head", &mut result, scale(0.2));
    let hc = value(&result, "head_circumference");
    assert_eq!((hc.validity, hc.reason), (Validity::Limited, Some(Reason::Truncated)));
    let truth = crate::ellipse::circumference(50.0, 39.15);
    assert!((hc.value.unwrap() / truth - 1.0).abs() < 0.01, "{hc:?} for {truth}");
    assert_eq!(hc.method, "ellipse-boundary-ramanujan2");
}

#[test]
fn what_is_no_head_is_doubted() {
    let mut result = frame((400.0, 270.0), (700.0, 200.0), 0.0);
    measure("fetal-head", &mut result, scale(0.2));
    assert_eq!(value(&result, "head_circumference").reason, Some(Reason::ShapeMismatch));
    // A tiny head is outside the equation's range, and that alone is said of the age.
    let mut result = frame((400.0, 270.0), (100.0, 78.0), 0.0);
    measure("fetal-head", &mut result, scale(0.2));
    assert_eq!(value(&result, "gestational_age").reason, Some(Reason::OutOfRange));
    assert_eq!(value(&result, "head_circumference").validity, Validity::Valid);
}

#[test]
fn generic_measures_every_class() {
    let mut result = frame((400.0, 270.0), (500.0, 391.5), 0.0);
    let mut second = result.classes[0].clone();
    second.contours.clear();
    result.classes.push(second);
    measure("generic", &mut result, scale(0.2));
    assert_eq!(result.measurements.len(), 36);
    assert!((value(&result, "ellipse_major_axis").value.unwrap() / 100.0 - 1.0).abs() < 2e-3);
}

#[test]
fn a_missing_result_measures_nothing() {
    let mut result = FrameResult::missing(engine(), 7, Reason::InferenceFailed);
    measure("fetal-head", &mut result, scale(0.2));
    assert!(result.measurements.is_empty() && result.marks.is_empty());
}

#[test]
fn a_step_back_and_another_scale_begin_anew() {
    // A procedure that counts what it has seen since it began anew.
    struct Count(f64);
    impl procedure::Procedure for Count {
        fn frame(&mut self, input: &procedure::Input<'_>, sheet: &mut sheet::Sheet<'_>) {
            self.0 += f64::from(u8::from(input.is_new));
            let number = Some((self.0, None));
            let value = sheet::Value { name: "count", unit: Unit::One, method: "test", number, reason: None };
            sheet.write_series("frames", value, None);
        }
        fn reset(&mut self) {
            self.0 = 0.0;
        }
    }
    let mut session = Session::with(ProtocolConfig::from_name("generic").unwrap(), Box::new(Count(0.0)));
    let mut count = |pts_ns, calibration| {
        let mut result = FrameResult::missing(engine(), pts_ns, Reason::InferenceFailed);
        session.measure(&mut result, &Scale::from(calibration), None);
        result.series[0].value.unwrap()
    };
    // A result that stands on two frames is one sample.
    assert_eq!([0, 40, 40, 80].map(|pts| count(pts, scale(0.2))), [1.0, 2.0, 2.0, 3.0]);
    assert_eq!(count(79, scale(0.2)), 1.0);
    assert_eq!(count(120, scale(0.2)), 2.0);
    assert_eq!(count(160, scale(0.3)), 1.0);
    assert_eq!(count(200, None), 1.0);
}

#[test]
fn what_the_engine_is_unsure_of_gives_no_value_and_stays_to_be_seen() {
    let mut result = frame((400.0, 270.0), (500.0, 391.5), 0.0);
    result.classes[0].confidence = Some(0.69);
    measure("fetal-head", &mut result, scale(0.2));
    assert!(!result.measurements.is_empty());
    for m in &result.measurements {
        let said = (m.value, m.uncertainty, m.validity, m.reason);
        assert_eq!(said, (None, None, Validity::Invalid, Some(Reason::LowConfidence)), "{m:?}");
    }
    assert!(result.marks.is_empty(), "no calipers without values");
    assert_eq!(result.classes[0].withheld, Some(Reason::LowConfidence));
    assert_eq!(result.classes[0].contours.len(), 1);
    // The same result looked at again, surer: nothing is left of it.
    result.classes[0].confidence = Some(0.7);
    measure("fetal-head", &mut result, scale(0.2));
    assert_eq!(result.classes[0].withheld, None);
    assert!(result.measurements.iter().all(|m| m.validity == Validity::Valid));
}

#[test]
fn a_picture_unlike_the_training_data_gives_no_value_at_all() {
    let unlike = |score| Some(Unlikeness { score, threshold: 1.0 });
    for (score, reason) in [(1.0, None), (1.01, Some(Reason::UnlikeTraining))] {
        let mut result = frame((400.0, 270.0), (500.0, 391.5), 0.0);
        result.unlikeness = unlike(score);
        measure("fetal-head", &mut result, scale(0.2));
        assert!(
            result.measurements.iter().all(|m| m.reason == reason && m.value.is_some() == reason.is_none())
        );
    }
    // Nothing found in such a picture is not "not found".
    let mut result = frame((400.0, 270.0), (500.0, 391.5), 0.0);
    result.classes[0].contours.clear();
    result.classes[0].confidence = None;
    result.unlikeness = unlike(2.0);
    measure("generic", &mut result, scale(0.2));
    for m in &result.measurements {
        assert_eq!(
            (m.value, m.reason),
            (None, Some(Reason::UnlikeTraining)),
            "a count of 0 is a value too: {m:?}"
        );
    }
}

//! Made-up results and pictures for looking and testing. Only exactly rounded arithmetic, so that golden digests
//! hold on every machine.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use vesalius_measure::components::Components;
use vesalius_measure::contour::Contour;
use vesalius_measure::ellipse::EllipseInFrame;
use vesalius_measure::geometry::PointInFrame;
use vesalius_measure::mask::ProbabilityMap;
use vesalius_measure::result::{
    ClassInfo, ClassResult, EngineIdentity, FrameResult, Mark, Measurement, Reason, ResultStatus, StageTimes,
    Validity,
};
use vesalius_measure::units::Unit;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Found,
    /// The head reaches out of the picture.
    Cut,
    Uncalibrated,
    NothingFound,
}

pub const CASES: [Case; 4] = [Case::Found, Case::Cut, Case::Uncalibrated, Case::NothingFound];

/// A whole number below 1000 that looks random.
fn noise(seed: u32) -> f64 {
    let mut v = seed.wrapping_mul(0x9E37_79B9) ^ 0x5bd1_e995;
    v = (v ^ (v >> 15)).wrapping_mul(0x2c1b_3c6d);
    v = (v ^ (v >> 12)).wrapping_mul(0x297a_2d39);
    f64::from((v ^ (v >> 15)) % 1000)
}

pub fn measurement(
    name: &'static str,
    value: Option<f64>,
    unit: Unit,
    uncertainty: Option<f64>,
) -> Measurement {
    Measurement {
        structure: "head".into(),
        name,
        value,
        unit,
        uncertainty,
        validity: if value.is_some() { Validity::Valid } else { Validity::Invalid },
        reason: None,
        method: "test",
        calibration_id: None,
    }
}

fn with_reason(mut m: Measurement, validity: Validity, reason: Reason) -> Measurement {
    (m.validity, m.reason) = (validity, Some(reason));
    m
}

fn measurements(case: Case) -> Vec<Measurement> {
    use Unit::{Mm, Mm2, Percent, Px, Px2, Week};
    let calibrated = || {
        vec![
            measurement("area", Some(5468.2), Mm2, Some(52.0)),
            measurement("perimeter", Some(265.4), Mm, Some(1.4)),
            measurement("head_circumference", Some(264.43), Mm, Some(1.2)),
            measurement("bpd", Some(74.13), Mm, Some(0.61)),
            measurement("ofd", Some(94.02), Mm, Some(0.74)),
            measurement("cephalic_index", Some(78.84), Percent, Some(0.92)),
            measurement("gestational_age", Some(28.79), Week, Some(1.1)),
        ]
    };
    match case {
        Case::Found => calibrated(),
        Case::Cut => {
            calibrated().into_iter().map(|m| with_reason(m, Validity::Limited, Reason::Truncated)).collect()
        }
        Case::Uncalibrated => {
            let age = measurement("gestational_age", None, Week, None);
            vec![
                measurement("area", Some(401_223.0), Px2, Some(3800.0)),
                measurement("perimeter", Some(2275.2), Px, Some(12.0)),
                measurement("head_circumference", Some(2264.3), Px, Some(10.0)),
                measurement("bpd", Some(635.3), Px, Some(5.2)),
                measurement("ofd", Some(805.9), Px, Some(6.3)),
                measurement("cephalic_index", Some(78.84), Percent, Some(0.92)),
                with_reason(age, Validity::Invalid, Reason::NoCalibration),
            ]
        }
        Case::NothingFound => ["head_circumference", "bpd", "ofd", "gestational_age"]
            .map(|name| with_reason(measurement(name, None, Mm, None), Validity::Invalid, Reason::NotFound))
            .into(),
    }
}

/// A head of 0.83 of the picture's shorter side, turned by about 17°.
pub fn head(width: usize, height: usize, case: Case) -> FrameResult {
    let side = width.min(height) as f64;
    let shift = if case == Case::Cut { 0.5 * width as f64 - 0.3 * side } else { 0.0 };
    let center = PointInFrame { x_px: 0.5 * width as f64 + shift, y_px: 0.46 * height as f64 };
    let (a, b) = (0.415 * side, 0.327 * side);
    let (cos, sin) = (0.9578, 0.2874);
    let ellipse = EllipseInFrame { center, major_px: (a * cos, a * sin), minor_px: (-b * sin, b * cos) };
    let at = |c: f64, s: f64| PointInFrame {
        x_px: center.x_px + ellipse.major_px.0 * c + ellipse.minor_px.0 * s,
        y_px: center.y_px + ellipse.major_px.1 * c + ellipse.minor_px.1 * s,
    };
    let points = 720_u32;
    let outer = (0..points)
        .map(|i| {
            // Rational points of the circle, a quarter at a time.
            let (quarter, t) = (i / (points / 4), f64::from(i % (points / 4)) / f64::from(points / 4));
            let (c, s) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
            let (c, s) = [(c, s), (-s, c), (-c, -s), (s, -c)][quarter as usize];
            let slow = |k: u32| {
                let f = f64::from(i % k) / f64::from(k);
                noise(i / k) * (1.0 - f) + noise((i / k + 1) % (points / k)) * f
            };
            let wobble = 1.0 + 0.016 * (slow(40) / 1000.0 - 0.5) + 0.004 * (slow(6) / 1000.0 - 0.5);
            let p = at(c * wobble, s * wobble);
            PointInFrame { x_px: p.x_px.clamp(-0.5, width as f64 - 0.5), y_px: p.y_px }
        })
        .collect();
    let found = case != Case::NothingFound;
    let contour = Contour {
        outer,
        holes: Vec::new(),
        area_px2: std::f64::consts::PI * a * b,
        hole_area_px2: 0.0,
        border_fraction: if case == Case::Cut { 0.1 } else { 0.0 },
        object: None,
    };
    let marks = vec![
        Mark::Ellipse(ellipse),
        Mark::Caliper { from: at(0.0, -1.0), to: at(0.0, 1.0), name: "bpd" },
        Mark::Caliper { from: at(-1.0, 0.0), to: at(1.0, 0.0), name: "ofd" },
    ];
    FrameResult {
        source_pts_ns: 40_000_000,
        age_ns: 0,
        motion: None,
        engine: Arc::new(EngineIdentity {
            name: "fetal-head".to_owned(),
            version: "1.0.0".to_owned(),
            sha256: "0".repeat(64),
            precision: "f32".to_owned(),
            backend: "test".to_owned(),
            protocol: "fetal-head".to_owned(),
        }),
        status: ResultStatus::Ok,
        geometry: None,
        classes: vec![ClassResult {
            class: Arc::new(ClassInfo {
                index: 1,
                name: "head".to_owned(),
                label: "Fetal head".to_owned(),
                color: [0x56, 0xB4, 0xE9],
                threshold: 0.5,
            }),
            probability: ProbabilityMap::new(1, 1, vec![0.0_f32]).unwrap(),
            contours: if found { vec![contour] } else { Vec::new() },
            unconfirmed: Vec::new(),
            withheld: None,
            confidence: found.then_some(0.97),
            components: Components::default(),
        }],
        unlikeness: None,
        calibration: None,
        measurements: measurements(case),
        marks: if found { marks } else { Vec::new() },
        series: Vec::new(),
        times: StageTimes::default(),
        live: None,
    }
}

/// A gray picture somewhat like an ultrasound sector: dark outside, grain inside, a bright band at the bottom.
pub fn background(width: usize, height: usize) -> Vec<u8> {
    let (w, h) = (width as f64, height as f64);
    (0..width * height)
        .map(|i| {
            let (x, y) = ((i % width) as f64, (i / width) as f64);
            let (dx, dy) = ((x - w / 2.0) / h, (y + 0.15 * h) / h);
            let radius = (dx * dx + dy * dy).sqrt();
            if !(0.2..1.1).contains(&radius) || dx.abs() > 0.85 * dy {
                return 4;
            }
            let coarse = ((i / width) / 3 * 7919 + (i % width) / 4) as u32;
            let grain = (noise(i as u32) + 2.0 * noise(coarse)) / 3000.0;
            let (hx, hy) = ((x - w / 2.0) / h, (y - 0.46 * h) / h);
            // The skull lies just inside the head's outline.
            let (u, v) = (0.9578 * hx + 0.2874 * hy, 0.9578 * hy - 0.2874 * hx);
            let ring = ((u / 0.4).powi(2) + (v / 0.312).powi(2)).sqrt() - 1.0;
            let level = if ring.abs() < 0.045 {
                190.0
            } else if radius > 0.98 {
                230.0
            } else {
                70.0
            };
            (level * (0.4 + 0.9 * grain)).min(255.0) as u8
        })
        .collect()
}

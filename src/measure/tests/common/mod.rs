//! Results of an engine that saw shapes of known size: probability maps of analytic shapes, and their
//! outlines.
#![allow(dead_code, clippy::panic, clippy::unwrap_used)]

use std::sync::Arc;

use vesalius_measure::calibration::{Calibration, CalibrationSource, Scale};
use vesalius_measure::components::Components;
use vesalius_measure::contour::trace;
use vesalius_measure::geometry::{Geometry, PointInModel, ResizeRule};
use vesalius_measure::mask::ProbabilityMap;
use vesalius_measure::result::{
    ClassInfo, ClassResult, EngineIdentity, FrameResult, Measurement, Reason, ResultStatus,
};
use vesalius_measure::units::MmPerPx;

/// How the probability falls across an edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Edge {
    /// Linearly over this many model pixels, as a network's does.
    Soft(f64),
    /// Inside or not, by the pixel's centre.
    Binary,
}

/// A class by name with the depth of a point (x, y in source pixels) inside it, in source pixels, negative
/// outside.
pub struct Class<'a>(pub &'a str, pub &'a dyn Fn(f64, f64) -> f64);

pub fn same(width: u32, height: u32) -> Geometry {
    Geometry::new((width, height), (width, height), ResizeRule::Stretch, (1, 1)).unwrap()
}

pub fn frame(geometry: Geometry, edge: Edge, pts_ns: u64, classes: &[Class<'_>]) -> FrameResult {
    let (width, height) = (geometry.model_width, geometry.model_height);
    let map = |depth: &dyn Fn(f64, f64) -> f64| {
        let values: Vec<f32> = (0..width * height)
            .map(|i| {
                let p = geometry
                    .source_from_model(PointInModel { x_px: (i % width).into(), y_px: (i / width).into() });
                let depth = depth(p.x_px, p.y_px) * geometry.scale_x();
                match edge {
                    Edge::Soft(ramp) => (0.5 + depth / ramp).clamp(0.0, 1.0) as f32,
                    Edge::Binary => f32::from(u8::from(depth >= 0.0)),
                }
            })
            .collect();
        ProbabilityMap::new(width as usize, height as usize, values).unwrap()
    };
    of_maps(geometry, pts_ns, classes.iter().map(|Class(name, depth)| (*name, map(depth))).collect())
}

pub fn of_maps(geometry: Geometry, pts_ns: u64, maps: Vec<(&str, ProbabilityMap)>) -> FrameResult {
    let engine = Arc::new(EngineIdentity {
        name: "test".into(),
        version: "1.0.0".into(),
        sha256: "0".repeat(64),
        precision: "f32".into(),
        backend: "none".into(),
        protocol: "generic".into(),
    });
    let mut result = FrameResult::missing(engine, pts_ns, Reason::NoResultYet);
    result.status = ResultStatus::Ok;
    result.geometry = Some(geometry);
    for (index, (name, probability)) in maps.into_iter().enumerate() {
        let contours = trace(&probability, &geometry, 0.5);
        result.classes.push(ClassResult {
            class: Arc::new(ClassInfo {
                index: index as u8 + 1,
                name: name.to_owned(),
                label: name.to_owned(),
                color: [86, 180, 233],
                threshold: 0.5,
            }),
            probability,
            contours,
            unconfirmed: Vec::new(),
            withheld: None,
            confidence: Some(0.9),
            components: Components::default(),
        });
    }
    result
}

pub fn scale(x: f64, y: f64) -> Scale {
    let calibration = Calibration::new(MmPerPx(x), MmPerPx(y), CalibrationSource::Phantom, 0.0).unwrap();
    Scale::from(Some(Arc::new(calibration)))
}

pub fn measured<'a>(result: &'a FrameResult, name: &str) -> &'a Measurement {
    let mut all = result.measurements.iter().chain(&result.series);
    all.find(|m| m.name == name).unwrap_or_else(|| panic!("there is no {name} in {:?}", result.measurements))
}

pub fn number(result: &FrameResult, name: &str) -> f64 {
    let m = measured(result, name);
    m.value.unwrap_or_else(|| panic!("{name} has no value: {m:?}"))
}

/// Depth inside an ellipse of `axes` at `center`, turned by `angle_rad`, to first order.
pub fn ellipse((x, y): (f64, f64), center: (f64, f64), axes: (f64, f64), angle_rad: f64) -> f64 {
    let (dx, dy) = (x - center.0, y - center.1);
    let (sin, cos) = angle_rad.sin_cos();
    let (a, b) = (axes.0 / 2.0, axes.1 / 2.0);
    let (u, v) = ((dx * cos + dy * sin) / a, (dy * cos - dx * sin) / b);
    let r = u.hypot(v).max(1e-9);
    (1.0 - r) * r / (u / a).hypot(v / b).max(1e-9)
}

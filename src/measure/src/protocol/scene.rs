//! Results of a network that sees simple shapes exactly, for tests.

use std::sync::Arc;

use crate::calibration::{Calibration, CalibrationSource, Scale};
use crate::components::Components;
use crate::contour::trace;
use crate::geometry::{Geometry, PointInModel, ResizeRule};
use crate::mask::ProbabilityMap;
use crate::result::{ClassInfo, ClassResult, EngineIdentity, FrameResult, Measurement, Reason, ResultStatus};
use crate::units::MmPerPx;

/// Signed distance to an outline in source pixels, positive inside.
pub(super) type Inside<'a> = &'a dyn Fn(f64, f64) -> f64;

pub(super) fn scale(mm_x: f64, mm_y: f64) -> Scale {
    let calibration = Calibration::new(MmPerPx(mm_x), MmPerPx(mm_y), CalibrationSource::Operator, 0.01);
    Scale::from(Some(Arc::new(calibration.unwrap())))
}

fn engine() -> Arc<EngineIdentity> {
    Arc::new(EngineIdentity {
        name: "test".into(),
        version: "1.0.0".into(),
        sha256: "0".repeat(64),
        precision: "f32".into(),
        backend: "none".into(),
        protocol: "generic".into(),
    })
}

/// A frame without a result.
pub(super) fn missing(pts_ns: u64) -> FrameResult {
    FrameResult::missing(engine(), pts_ns, Reason::InferenceFailed)
}

/// A frame of `source` pixels seen by a model of `model` pixels, whose edges are ramps two model pixels wide.
pub(super) fn frame(
    source: (u32, u32),
    model: (u32, u32),
    classes: &[(&str, Inside<'_>)],
    pts_ns: u64,
) -> FrameResult {
    let geometry = Geometry::new(source, model, ResizeRule::Letterbox, (1, 1)).unwrap();
    let mut result = missing(pts_ns);
    result.status = ResultStatus::Ok;
    result.geometry = Some(geometry);
    for (index, (name, inside)) in classes.iter().enumerate() {
        let values: Vec<f32> = (0..model.0 * model.1)
            .map(|i| {
                let p = PointInModel { x_px: f64::from(i % model.0), y_px: f64::from(i / model.0) };
                let p = geometry.source_from_model(p);
                (0.5 + inside(p.x_px, p.y_px) * geometry.scale_x() / 2.0).clamp(0.0, 1.0) as f32
            })
            .collect();
        let probability = ProbabilityMap::new(model.0 as usize, model.1 as usize, values).unwrap();
        let contours = trace(&probability, &geometry, 0.5);
        result.classes.push(ClassResult {
            class: Arc::new(ClassInfo {
                index: index as u8 + 1,
                name: (*name).into(),
                label: (*name).into(),
                color: [0, 0, 0],
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

pub(super) fn value<'a>(list: &'a [Measurement], name: &str) -> &'a Measurement {
    list.iter().find(|m| m.name == name).unwrap_or_else(|| panic!("there is no {name}"))
}

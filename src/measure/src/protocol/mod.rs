//! Protocols: from outlines to named values.
//!
//! A protocol sees one frame's classes and the scale in force and says which values they give, how sure, and what
//! to draw. It never invents: where a value cannot be had, it is there with its reason and without a number.

mod fetal_head;
mod generic;
pub mod hadlock;

use std::sync::Arc;

use crate::calibration::Calibration;
use crate::components::Components;
use crate::geometry::Geometry;
use crate::result::{ClassResult, FrameResult, Mark, Measurement, Reason, ResultStatus, Validity};
use crate::shape::{Plane, Shape};
use crate::units::Unit;

/// A second piece above this fraction of the largest is reported.
const SEVERAL_PIECES_FRACTION: f64 = 0.05;

/// A measuring protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Head circumference, BPD outer–outer, OFD, cephalic index, gestational age.
    FetalHead,
    /// Area, perimeter and ellipse of every class.
    Generic,
}

/// A protocol name that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no protocol '{name}': choose fetal-head or generic")]
pub struct UnknownProtocol {
    /// What was asked for.
    pub name: String,
}

impl std::str::FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(name: &str) -> Result<Self, UnknownProtocol> {
        match name {
            "fetal-head" => Ok(Self::FetalHead),
            "generic" => Ok(Self::Generic),
            _ => Err(UnknownProtocol { name: name.to_owned() }),
        }
    }
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 2] = [Self::FetalHead, Self::Generic];

    /// The name in manifests and settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FetalHead => "fetal-head",
            Self::Generic => "generic",
        }
    }

    /// Adds the values and marks of a frame to its result.
    pub fn measure(self, result: &mut FrameResult, calibration: Option<Arc<Calibration>>) {
        result.measurements.clear();
        result.marks.clear();
        result.calibration = calibration;
        let (ResultStatus::Ok, Some(geometry)) = (result.status, result.geometry) else { return };
        let mut sheet = Sheet {
            plane: Plane::new(&geometry, result.calibration.as_deref()),
            geometry,
            calibration: result.calibration.clone(),
            measurements: Vec::new(),
            marks: Vec::new(),
        };
        for class in &result.classes {
            match self {
                Self::FetalHead => fetal_head::measure(class, &mut sheet),
                Self::Generic => generic::measure(class, &mut sheet),
            }
        }
        result.measurements = sheet.measurements;
        result.marks = sheet.marks;
    }
}

/// What a protocol writes on.
struct Sheet {
    plane: Plane,
    geometry: Geometry,
    calibration: Option<Arc<Calibration>>,
    measurements: Vec<Measurement>,
    marks: Vec<Mark>,
}

/// One value before it is written down.
struct Value {
    name: &'static str,
    unit: Unit,
    method: &'static str,
    /// The number and its standard uncertainty, where there is one.
    number: Option<(f64, Option<f64>)>,
    /// A reservation of this value alone.
    reason: Option<Reason>,
}

impl Sheet {
    /// Writes a value down. `doubt` is a reservation about the whole structure; a value's own comes first.
    fn write(&mut self, class: &ClassResult, value: Value, doubt: Option<Reason>) {
        // Everything but a ratio rests on the scale.
        let uncalibrated =
            (self.calibration.is_none() && value.unit != Unit::Percent).then_some(Reason::NoCalibration);
        let finite = value.number.filter(|(v, _)| v.is_finite());
        let reason = value.reason.or(doubt).or(uncalibrated);
        let validity = match (finite, reason) {
            (None, _) => Validity::Invalid,
            (Some(_), None) => Validity::Valid,
            (Some(_), Some(_)) => Validity::Limited,
        };
        self.measurements.push(Measurement {
            structure: class.class.name.as_str().into(),
            name: value.name,
            value: finite.map(|(v, _)| v),
            unit: value.unit,
            uncertainty: finite.and_then(|(_, u)| u).filter(|u| u.is_finite()),
            validity,
            reason: if validity == Validity::Invalid {
                reason.or(Some(Reason::ShapeMismatch))
            } else {
                reason
            },
            method: value.method,
            calibration_id: self.calibration.as_ref().map(|c| c.id().clone()),
        });
    }

    /// Standard uncertainty of a length `value` of which both ends, or a rim, lie on the outline:
    /// u² = ends·u_b² + (value·u_s)².
    fn length_uncertainty(&self, value: f64, ends: f64) -> f64 {
        let boundary = self.plane.boundary_uncertainty(&self.geometry);
        (ends * boundary * boundary + (value * self.plane.relative_uncertainty).powi(2)).sqrt()
    }

    /// Of a circumference: an outline that lies u_b too far out is 2π·u_b too long, taken as common to the rim.
    fn circumference_uncertainty(&self, value: f64) -> f64 {
        let boundary = std::f64::consts::TAU * self.plane.boundary_uncertainty(&self.geometry);
        boundary.hypot(value * self.plane.relative_uncertainty)
    }

    /// Of an area: u² = (perimeter·u_b)² + (2·area·u_s)², the outline's error taken as common to the rim.
    fn area_uncertainty(&self, area: f64, perimeter: f64) -> f64 {
        (perimeter * self.plane.boundary_uncertainty(&self.geometry))
            .hypot(2.0 * area * self.plane.relative_uncertainty)
    }

    /// Area and perimeter, common to every protocol.
    fn write_size(&mut self, class: &ClassResult, shape: Option<&Shape>, doubt: Option<Reason>) {
        let area = Value {
            name: "area",
            unit: self.plane.area,
            method: "isoline-polygon",
            number: shape.map(|s| (s.area, Some(self.area_uncertainty(s.area, s.perimeter)))),
            reason: None,
        };
        self.write(class, area, doubt);
        let perimeter = Value {
            name: "perimeter",
            unit: self.plane.length,
            method: "isoline-smoothed",
            number: shape.map(|s| (s.perimeter, Some(self.circumference_uncertainty(s.perimeter)))),
            reason: None,
        };
        self.write(class, perimeter, doubt);
    }
}

/// A reservation about a class as a whole, from its outlines.
fn doubt_of(class: &ClassResult) -> Option<Reason> {
    let Some(largest) = class.contours.first() else { return Some(Reason::NotFound) };
    if largest.border_fraction > 0.0 {
        return Some(Reason::Truncated);
    }
    let Components { largest_px, second_px, .. } = class.components;
    (second_px as f64 > SEVERAL_PIECES_FRACTION * largest_px as f64).then_some(Reason::SeveralPieces)
}

#[cfg(test)]
mod tests;

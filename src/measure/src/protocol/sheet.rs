//! What a protocol writes its values and marks on.

use std::sync::Arc;

use crate::calibration::{Calibration, Scale};
use crate::components::Components;
use crate::contour::Contour;
use crate::geometry::Geometry;
use crate::result::{ClassResult, Mark, Measurement, Reason, Validity};
use crate::shape::{Plane, Shape};
use crate::units::Unit;

/// A second piece above this fraction of the largest is reported.
const SEVERAL_PIECES_FRACTION: f64 = 0.05;

/// A value whose standard uncertainty is above this fraction of it is shown as unsure.
const SURE_FRACTION: f64 = 0.2;

/// The values and marks of one frame in the making.
///
/// Lengths are taken in [`plane`](Self::plane), which [`take_scale`](Self::take_scale) sets for the outlines that a value
/// rests on: a picture may have several scales, and parts without any.
pub(crate) struct Sheet<'a> {
    pub(crate) plane: Plane,
    geometry: Option<Geometry>,
    scale: &'a Scale,
    calibration: Option<Arc<Calibration>>,
    /// Why there is no calibration.
    uncalibrated: Option<Reason>,
    pub(super) measurements: Vec<Measurement>,
    pub(super) marks: Vec<Mark>,
    pub(super) series: Vec<Measurement>,
}

/// A scale that was taken on a sheet.
#[derive(Clone, Debug)]
pub(crate) struct TakenScale {
    plane: Plane,
    calibration: Option<Arc<Calibration>>,
    uncalibrated: Option<Reason>,
}

/// One value before it is written down.
pub(crate) struct Value {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    pub(crate) method: &'static str,
    /// The number and its standard uncertainty, where there is one.
    pub(crate) number: Option<(f64, Option<f64>)>,
    /// A reservation of this value alone.
    pub(crate) reason: Option<Reason>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(geometry: Option<Geometry>, scale: &'a Scale) -> Self {
        let mut sheet = Self {
            plane: plane(geometry.as_ref(), None),
            geometry,
            scale,
            calibration: None,
            uncalibrated: None,
            measurements: Vec::new(),
            marks: Vec::new(),
            series: Vec::new(),
        };
        sheet.take_scale([]);
        sheet
    }

    /// Takes the scale that holds for all of some outlines; what is written from here on is in its plane.
    pub(crate) fn take_scale<'c>(&mut self, outlines: impl IntoIterator<Item = &'c Contour>) {
        match self.scale.of(outlines) {
            Ok(calibration) => (self.calibration, self.uncalibrated) = (Some(calibration), None),
            Err(reason) => (self.calibration, self.uncalibrated) = (None, Some(reason)),
        }
        self.plane = plane(self.geometry.as_ref(), self.calibration.as_deref());
    }

    /// Takes no scale, whichever is in force, and says why.
    pub(crate) fn refuse_scale(&mut self, reason: Reason) {
        (self.calibration, self.uncalibrated) = (None, Some(reason));
        self.plane = plane(self.geometry.as_ref(), None);
    }

    /// Takes a scale that was measured in this frame, in place of the one in force.
    pub(crate) fn take_own_scale(&mut self, calibration: Calibration) {
        self.plane = plane(self.geometry.as_ref(), Some(&calibration));
        (self.calibration, self.uncalibrated) = (Some(Arc::new(calibration)), None);
    }

    /// The scale as it is taken now, to be [taken again](Self::take_again) on a frame without the outlines that it is of.
    pub(crate) fn taken(&self) -> TakenScale {
        TakenScale {
            plane: self.plane,
            calibration: self.calibration.clone(),
            uncalibrated: self.uncalibrated,
        }
    }

    /// Takes a scale that was taken before.
    pub(crate) fn take_again(&mut self, taken: &TakenScale) {
        self.plane = taken.plane;
        self.calibration.clone_from(&taken.calibration);
        self.uncalibrated = taken.uncalibrated;
    }

    /// Whether lengths are in millimetres.
    pub(crate) fn is_calibrated(&self) -> bool {
        self.calibration.is_some()
    }

    /// Why they are not.
    pub(crate) fn uncalibrated(&self) -> Option<Reason> {
        self.uncalibrated
    }

    /// Where the masks lie in the picture; `None` on a frame without a result.
    pub(crate) fn geometry(&self) -> Option<&Geometry> {
        self.geometry.as_ref()
    }

    /// Adds something to draw.
    pub(crate) fn mark(&mut self, mark: Mark) {
        self.marks.push(mark);
    }

    /// Writes a value of this frame down. `doubt` is a reservation about the whole structure; a value's own comes first.
    pub(crate) fn write(&mut self, structure: &str, value: Value, doubt: Option<Reason>) {
        let measurement = self.measurement(structure, value, doubt);
        self.measurements.push(measurement);
    }

    /// Writes down a value over time, as it stands at this frame.
    pub(crate) fn write_series(&mut self, structure: &str, value: Value, doubt: Option<Reason>) {
        let measurement = self.measurement(structure, value, doubt);
        self.series.push(measurement);
    }

    fn measurement(&self, structure: &str, value: Value, doubt: Option<Reason>) -> Measurement {
        let uncalibrated = self.uncalibrated.filter(|_| !value.unit.is_scale_free());
        let finite = value.number.filter(|(v, _)| v.is_finite());
        let is_unsure = finite.is_some_and(|(v, u)| u.is_some_and(|u| u > SURE_FRACTION * v.abs()));
        let unsure = is_unsure.then_some(Reason::LowConfidence);
        let reason = value.reason.or(doubt).or(uncalibrated).or(unsure);
        let validity = match (finite, reason) {
            (None, _) => Validity::Invalid,
            (Some(_), None) => Validity::Valid,
            (Some(_), Some(_)) => Validity::Limited,
        };
        Measurement {
            structure: structure.into(),
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
        }
    }

    /// Standard uncertainty of where an outline lies, in the plane's unit; NaN on a frame without a result.
    pub(crate) fn boundary_uncertainty(&self) -> f64 {
        self.geometry.as_ref().map_or(f64::NAN, |g| self.plane.boundary_uncertainty(g))
    }

    /// Standard uncertainty of a length `value` of which both ends, or a rim, lie on the outline:
    /// u² = ends·u_b² + (value·u_s)².
    pub(crate) fn length_uncertainty(&self, value: f64, ends: f64) -> f64 {
        let boundary = self.boundary_uncertainty();
        (ends * boundary * boundary + (value * self.plane.relative_uncertainty).powi(2)).sqrt()
    }

    /// Of a circumference: an outline that lies u_b too far out is 2π·u_b too long, taken as common to the rim.
    pub(crate) fn circumference_uncertainty(&self, value: f64) -> f64 {
        let boundary = std::f64::consts::TAU * self.boundary_uncertainty();
        boundary.hypot(value * self.plane.relative_uncertainty)
    }

    /// Of an area: u² = (perimeter·u_b)² + (2·area·u_s)², the outline's error taken as common to the rim.
    pub(crate) fn area_uncertainty(&self, area: f64, perimeter: f64) -> f64 {
        (perimeter * self.boundary_uncertainty()).hypot(2.0 * area * self.plane.relative_uncertainty)
    }

    /// Area and perimeter of a class, common to every protocol.
    pub(crate) fn write_size(&mut self, class: &ClassResult, shape: Option<&Shape>, doubt: Option<Reason>) {
        self.write_size_of(&class.class.name, shape, doubt);
    }

    /// Area and perimeter.
    pub(crate) fn write_size_of(&mut self, structure: &str, shape: Option<&Shape>, doubt: Option<Reason>) {
        let area = Value {
            name: "area",
            unit: self.plane.area,
            method: "isoline-polygon",
            number: shape.map(|s| (s.area, Some(self.area_uncertainty(s.area, s.perimeter)))),
            reason: None,
        };
        self.write(structure, area, doubt);
        let perimeter = Value {
            name: "perimeter",
            unit: self.plane.length,
            method: "isoline-smoothed",
            number: shape.map(|s| (s.perimeter, Some(self.circumference_uncertainty(s.perimeter)))),
            reason: None,
        };
        self.write(structure, perimeter, doubt);
    }
}

/// The plane to measure in. Pixels of a frame without a result count as square: no length is taken on it.
fn plane(geometry: Option<&Geometry>, calibration: Option<&Calibration>) -> Plane {
    match (geometry, calibration) {
        (Some(geometry), _) => Plane::new(geometry, calibration),
        (None, Some(c)) => Plane {
            unit_per_px_x: c.mm_per_px_x().get(),
            unit_per_px_y: c.mm_per_px_y().get(),
            length: Unit::Mm,
            area: Unit::Mm2,
            relative_uncertainty: c.relative_uncertainty(),
        },
        (None, None) => Plane {
            unit_per_px_x: 1.0,
            unit_per_px_y: 1.0,
            length: Unit::Px,
            area: Unit::Px2,
            relative_uncertainty: 0.0,
        },
    }
}

/// A reservation about a class as a whole, from its outlines.
pub(crate) fn doubt_of(class: &ClassResult) -> Option<Reason> {
    let Some(largest) = class.contours.first() else { return class.absence() };
    if largest.border_fraction > 0.0 {
        return Some(Reason::Truncated);
    }
    let Components { largest_px, second_px, .. } = class.components;
    (second_px as f64 > SEVERAL_PIECES_FRACTION * largest_px as f64).then_some(Reason::SeveralPieces)
}

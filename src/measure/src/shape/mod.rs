//! Size and shape of one outline, in millimetres where there is a calibration and else in rows of the picture.
//!
//! Everything is computed in a plane of equal units: coordinates are scaled per axis *before* any length, area or
//! fit, never afterwards by a mean spacing. Area and moments are those of the outline's polygon with its holes
//! (Green's theorem; Steger 1996, "On the calculation of arbitrary moments of polygons"), made up for what a polygon
//! of chords lacks ([`CORNER_LOSS_PX2`](crate::contour::CORNER_LOSS_PX2)).
//!
//! [`Shape`] is size and moments; [`Morphology`] adds the hull and the caliper diameters.

mod morphology;

pub use morphology::Morphology;

use crate::calibration::Calibration;
use crate::contour::{Contour, at_border};
use crate::ellipse::Ellipse;
use crate::geometry::{Geometry, PointInFrame};
use crate::uncertainty::OutlineUncertainty;
use crate::units::Unit;

/// The plane that shapes are measured in: how large a source pixel is there, and in which unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plane {
    /// Width of a pixel.
    pub unit_per_px_x: f64,
    /// Height of a pixel.
    pub unit_per_px_y: f64,
    /// [`Unit::Mm`] or [`Unit::Px`].
    pub length: Unit,
    /// The square of `length`.
    pub area: Unit,
    /// Relative standard uncertainty of the scale.
    pub relative_uncertainty: f64,
}

impl Plane {
    /// Millimetres with a calibration; without one, rows of the picture, with the pixel's aspect carried by x.
    pub fn new(geometry: &Geometry, calibration: Option<&Calibration>) -> Self {
        match calibration {
            Some(c) => Self {
                unit_per_px_x: c.mm_per_px_x().get(),
                unit_per_px_y: c.mm_per_px_y().get(),
                length: Unit::Mm,
                area: Unit::Mm2,
                relative_uncertainty: c.relative_uncertainty(),
            },
            None => Self {
                unit_per_px_x: geometry.pixel_aspect(),
                unit_per_px_y: 1.0,
                length: Unit::Px,
                area: Unit::Px2,
                relative_uncertainty: 0.0,
            },
        }
    }

    /// A point of the picture in this plane.
    pub fn from_frame(&self, p: PointInFrame) -> (f64, f64) {
        (p.x_px * self.unit_per_px_x, p.y_px * self.unit_per_px_y)
    }

    /// A point of this plane in the picture.
    pub fn to_frame(&self, (x, y): (f64, f64)) -> PointInFrame {
        PointInFrame { x_px: x / self.unit_per_px_x, y_px: y / self.unit_per_px_y }
    }

    /// Standard uncertainty of where an outline lies, across it: half a pixel of the mask, the coarser axis taken.
    pub fn boundary_uncertainty(&self, geometry: &Geometry) -> f64 {
        let mask_x = self.unit_per_px_x / geometry.scale_x();
        let mask_y = self.unit_per_px_y / geometry.scale_y();
        // A mask finer than the source knows no more than the source does.
        0.5 * mask_x.max(mask_y).max(self.unit_per_px_x).max(self.unit_per_px_y)
    }

    /// What the uncertainty of every value of an outline comes from: [`Plane::boundary_uncertainty`] and the scale.
    pub fn uncertainty(&self, geometry: &Geometry) -> OutlineUncertainty {
        OutlineUncertainty { boundary: self.boundary_uncertainty(geometry), scale: self.relative_uncertainty }
    }
}

/// Size and shape of one outline, in the units of its [`Plane`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Area inside the outline, less the holes.
    pub area: f64,
    /// Area of the holes, which `area` leaves out.
    pub hole_area: f64,
    /// Length of the outer outline, steps of the pixel grid smoothed away; see [`perimeter`].
    pub perimeter: f64,
    /// Centroid.
    pub centroid: (f64, f64),
    /// The ellipse with the same area moments; `None` for degenerate shapes.
    pub ellipse: Option<Ellipse>,
}

/// Sums of area, first and second moments over a polygon, relative to an origin near it.
#[derive(Clone, Copy, Default)]
struct Moments {
    area: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Moments {
    fn add(&mut self, polygon: &[(f64, f64)], origin: (f64, f64)) {
        for (p, q) in polygon.iter().zip(polygon.iter().cycle().skip(1)) {
            let (x0, y0) = (p.0 - origin.0, p.1 - origin.1);
            let (x1, y1) = (q.0 - origin.0, q.1 - origin.1);
            let cross = x0 * y1 - x1 * y0;
            self.area += cross / 2.0;
            self.x += (x0 + x1) * cross / 6.0;
            self.y += (y0 + y1) * cross / 6.0;
            self.xx += (x0 * x0 + x0 * x1 + x1 * x1) * cross / 12.0;
            self.yy += (y0 * y0 + y0 * y1 + y1 * y1) * cross / 12.0;
            self.xy += (x0 * y1 + 2.0 * x0 * y0 + 2.0 * x1 * y1 + x1 * y0) * cross / 24.0;
        }
    }
}

/// Vertices on either side that take part in a smoothed one.
const SMOOTHING_REACH: usize = 4;

/// A closed polygon with each vertex replaced by the mean of itself and its neighbours on either side.
fn smooth(polygon: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let window = 2 * SMOOTHING_REACH + 1;
    let (head, tail) =
        (polygon.iter().take(SMOOTHING_REACH), polygon.iter().rev().take(SMOOTHING_REACH).rev());
    let around: Vec<(f64, f64)> = tail.chain(polygon).chain(head).copied().collect();
    around
        .windows(window)
        .map(|near| {
            let (x, y) = near.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0, sum.1 + p.1));
            (x / window as f64, y / window as f64)
        })
        .collect()
}

/// A closed polygon from a pixel grid without the grid's steps.
///
/// The iso-line of a binary mask is a staircase: 5 to 9 % too long, and its tips stand up to half a pixel outside
/// the shape. A circular mean over nine vertices takes the steps away but shrinks small shapes; smoothing "twice"
/// (2S − S², Tukey 1977) gives the shrinkage back. Lines of fewer vertices than a few windows stay as they are: the
/// shape itself would go.
pub fn without_steps(polygon: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if polygon.len() < 4 * SMOOTHING_REACH {
        return polygon.to_vec();
    }
    let once = smooth(polygon);
    let again = smooth(&once);
    once.iter().zip(&again).map(|(a, b)| (2.0 * a.0 - b.0, 2.0 * a.1 - b.1)).collect()
}

/// Length of a closed polygon from a pixel grid, see [`without_steps`].
///
/// Steps longer than the smoothing remain: a binary mask whose pixels are four times as long as broad reads up to 3 % too
/// long. Outlines of probabilities have no steps.
pub fn perimeter(polygon: &[(f64, f64)]) -> f64 {
    length(&without_steps(polygon))
}

/// Length of a closed polygon.
fn length(line: &[(f64, f64)]) -> f64 {
    line.iter().zip(line.iter().cycle().skip(1)).map(|(p, q)| (q.0 - p.0).hypot(q.1 - p.1)).sum()
}

impl Shape {
    /// Measures an outline in a plane. `None` where it encloses nothing.
    pub fn of(contour: &Contour, plane: &Plane) -> Option<Self> {
        let outer = in_plane(&contour.outer, plane);
        Self::of_lines(contour, &outer, &without_steps(&outer), plane)
    }

    /// As [`Shape::of`], the outer outline having been brought to the plane already, as it is and without steps.
    fn of_lines(
        contour: &Contour,
        outer: &[(f64, f64)],
        smoothed: &[(f64, f64)],
        plane: &Plane,
    ) -> Option<Self> {
        let origin = *outer.first()?;
        let mut sums = Moments::default();
        sums.add(outer, origin);
        for hole in &contour.holes {
            sums.add(&in_plane(hole, plane), origin);
        }
        // The plane scales axes and turns nothing, so areas scale by the product.
        let pixel = plane.unit_per_px_x * plane.unit_per_px_y;
        let (area, hole_area) = (contour.area_px2 * pixel, contour.hole_area_px2 * pixel);
        if !(sums.area > 0.0 && area > 0.0 && area.is_finite() && sums.area.is_finite()) {
            return None;
        }
        let (cx, cy) = (sums.x / sums.area, sums.y / sums.area);
        let centroid = (cx + origin.0, cy + origin.1);
        // The polygon lies within the shape all around. The spread is that of a shape grown to the right area.
        let grown = area / (sums.area * sums.area);
        let ellipse = Ellipse::from_moments(
            centroid,
            (sums.xx - sums.x * cx) * grown,
            (sums.xy - sums.x * cy) * grown,
            (sums.yy - sums.y * cy) * grown,
        );
        Some(Self { area, hole_area, perimeter: length(smoothed), centroid, ellipse })
    }

    /// Diameter of the circle with the same area.
    pub fn equivalent_diameter(&self) -> f64 {
        2.0 * (self.area / std::f64::consts::PI).sqrt()
    }

    /// 4π·area/perimeter²: 1 for a circle, less for everything else. May exceed 1 by the error of the perimeter.
    pub fn circularity(&self) -> f64 {
        4.0 * std::f64::consts::PI * self.area / (self.perimeter * self.perimeter)
    }

    /// Minor over major axis of the ellipse with the same moments, 0 to 1.
    pub fn aspect(&self) -> Option<f64> {
        self.ellipse.map(|e| e.semi_minor / e.semi_major)
    }

    /// √(1 − λ₂/λ₁) of the ellipse with the same moments: 0 for a circle, towards 1 for a line.
    pub fn eccentricity(&self) -> Option<f64> {
        self.aspect().map(|a| (1.0 - a * a).max(0.0).sqrt())
    }

    /// Direction of the long axis in radians, from +x (to the right), positive clockwise on screen (y is down), in
    /// (−π/2, π/2]. `None` where the shape is nearly as broad as long (λ₁/λ₂ below [`LEAST_ELONGATION`]): noise
    /// would choose the direction.
    pub fn orientation_rad(&self) -> Option<f64> {
        self.ellipse
            .filter(|e| (e.semi_major / e.semi_minor).powi(2) >= LEAST_ELONGATION)
            .map(|e| e.angle_rad)
    }
}

/// Ratio of the larger to the smaller eigenvalue of a shape's spread from which it has a direction.
pub const LEAST_ELONGATION: f64 = 1.05;

/// A line of the picture in a plane.
fn in_plane(line: &[PointInFrame], plane: &Plane) -> Vec<(f64, f64)> {
    line.iter().map(|&p| plane.from_frame(p)).collect()
}

/// The ellipse through the part of an outline that is not cut by the picture's edge.
pub fn ellipse_of_free_boundary(contour: &Contour, plane: &Plane, geometry: &Geometry) -> Option<Ellipse> {
    let free: Vec<_> =
        contour.outer.iter().filter(|&&p| !at_border(p, geometry)).map(|&p| plane.from_frame(p)).collect();
    Ellipse::fit_boundary(&free)
}

#[cfg(test)]
mod tests;

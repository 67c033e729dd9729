//! Everything about one outline at once.

use super::{Plane, Shape, in_plane, length, without_steps};
use crate::contour::Contour;
use crate::feret::{Extent, Feret, extent_along};
use crate::hull::ConvexHull;

/// Size, hull and caliper diameters of one outline, in the units of its [`Plane`].
#[derive(Clone, Debug, PartialEq)]
pub struct Morphology {
    /// Size and moments.
    pub shape: Shape,
    /// Convex hull of the outer outline, the steps of the pixel grid smoothed away ([`without_steps`]) but no vertex
    /// moved by more than such a step, so that a corner stays one. A binary mask's own iso-line would be 0.6 pixels
    /// too long, and up to one.
    pub hull: ConvexHull,
    /// The caliper diameters.
    pub feret: Feret,
    /// Area over the hull's area, 1 for a convex shape without holes.
    pub solidity: f64,
    /// Number of holes.
    pub holes: usize,
    /// Fraction of the outline at the picture's edge, 0 to 1. Above 0 the structure is cut and every size is a lower
    /// bound.
    pub border_fraction: f64,
}

impl Morphology {
    /// Measures an outline in a plane. `None` where it encloses nothing.
    pub fn of(contour: &Contour, plane: &Plane) -> Option<Self> {
        let outer = in_plane(&contour.outer, plane);
        let smoothed = without_steps(&outer);
        let shape = Shape::of_lines(contour, &outer, &smoothed, plane)?;
        let hull = ConvexHull::of(&near(&outer, &smoothed))?;
        let feret = Feret::of(&hull)?;
        // The hull has the polygon's chords too: what the polygon lacks, it lacks.
        let lacking = shape.area + shape.hole_area - filled_area(&outer);
        let solidity = shape.area / (hull.area() + lacking.max(0.0));
        Some(Self {
            shape,
            hull,
            feret,
            solidity,
            holes: contour.holes.len(),
            border_fraction: contour.border_fraction,
        })
    }

    /// How far the outline reaches along a direction, from +x clockwise on screen (y is down).
    pub fn extent_along(&self, direction_rad: f64) -> Option<Extent> {
        extent_along(&self.hull, direction_rad)
    }

    /// Whether the picture's edge cuts the structure.
    pub fn is_truncated(&self) -> bool {
        self.border_fraction > 0.0
    }
}

/// Share of the mean distance of vertices, which is 0.7 to 1 pixel of the mask, by which smoothing may move one. The
/// tips of steps stand out by less; more gains ellipses nothing (tried up to 0.65) and costs corners.
const MOST_MOVED: f64 = 0.3;

/// The smoothed outline, held near the one it comes from.
fn near(outer: &[(f64, f64)], smoothed: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let most = MOST_MOVED * length(outer) / outer.len().max(1) as f64;
    let held = |(p, q): (&(f64, f64), &(f64, f64))| {
        let (dx, dy) = (q.0 - p.0, q.1 - p.1);
        let share = (most / dx.hypot(dy)).min(1.0);
        // Where nothing moved the share is not a number.
        if share < 1.0 { (p.0 + share * dx, p.1 + share * dy) } else { *q }
    };
    outer.iter().zip(smoothed).map(held).collect()
}

/// Area of a closed polygon.
fn filled_area(polygon: &[(f64, f64)]) -> f64 {
    let Some(&(ox, oy)) = polygon.first() else { return 0.0 };
    let twice: f64 = polygon
        .iter()
        .zip(polygon.iter().cycle().skip(1))
        .map(|(p, q)| (p.0 - ox) * (q.1 - oy) - (q.0 - ox) * (p.1 - oy))
        .sum();
    (twice / 2.0).abs()
}

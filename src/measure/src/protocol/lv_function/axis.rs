//! The long axis of a ventricle from its outline alone.
//!
//! The base of a ventricle in an apical view is cut off straight at the mitral annulus, its apex is round.
//! The hinge points are the corners of the base, the long axis runs from half way between them to the
//! farthest point of the cavity (Lang et al. 2015, doi:10.1016/j.echo.2014.10.003). Which end is the base is
//! told by the atrium where one was found, else by the corners: they lie far apart at a flat end and close
//! together at a round one.

use crate::ellipse::Ellipse;
use crate::result::Reason;

type Point = (f64, f64);

/// Corners are looked for this far to either side of the end's direction: between a base's normal and its
/// walls'.
const CORNER_RAD: f64 = std::f64::consts::PI / 6.0;
/// The base may be slanted against the principal axis by this much.
const GREATEST_SLANT_RAD: f64 = 0.7;
/// One end counts as the flatter one if its corners lie farther apart by this factor.
const FLATTER: f64 = 1.25;
/// Corners nearer to each other than this fraction of the width are no corners: the end is round.
const LEAST_BASE: f64 = 0.35;
/// The ratio of the second moments below which a shape has no direction.
const LEAST_MOMENT_RATIO: f64 = 1.05;
/// The apex lies opposite the base, within this angle.
const GREATEST_TILT_RAD: f64 = 0.7;

/// The long axis, in the plane that the outline is in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongAxis {
    /// Half way between the hinge points, or the end of a round base.
    pub base: Point,
    /// The farthest point of the cavity from the base.
    pub apex: Point,
    /// The hinge points; `None` where the base is round and has none.
    pub hinges: Option<[Point; 2]>,
}

impl LongAxis {
    /// Its length.
    pub fn length(&self) -> f64 {
        (self.apex.0 - self.base.0).hypot(self.apex.1 - self.base.1)
    }

    /// Finds it in an outline with the ellipse of the same moments. `atrium` is a point of the atrium, such
    /// as its centroid; `pixel` the size of the mask's pixels, to which corners are rounded.
    ///
    /// # Errors
    ///
    /// [`Reason::AxisAmbiguous`] where the ends cannot be told apart.
    pub fn of(
        outline: &[Point],
        ellipse: &Ellipse,
        atrium: Option<Point>,
        pixel: f64,
    ) -> Result<Self, Reason> {
        let center = (ellipse.center_x, ellipse.center_y);
        let along = (ellipse.angle_rad.cos(), ellipse.angle_rad.sin());
        let is_round = ellipse.semi_major.powi(2) < LEAST_MOMENT_RATIO * ellipse.semi_minor.powi(2);
        let to_atrium = atrium.map(|a| (a.0 - center.0, a.1 - center.1));
        let direction = match (is_round, to_atrium) {
            (true, None) => return Err(Reason::AxisAmbiguous),
            (true, Some((x, y))) => (x / x.hypot(y), y / x.hypot(y)),
            (false, _) => along,
        };
        if !(direction.0.is_finite() && direction.1.is_finite()) {
            return Err(Reason::AxisAmbiguous);
        }
        let opposite = (-direction.0, -direction.1);
        let (end, other) = match to_atrium {
            Some(to) => {
                let cosine = dot(to, direction) / to.0.hypot(to.1);
                if cosine.abs() < 0.5 || cosine.is_nan() {
                    // Beside the ventricle: one of the two is not what it is taken for.
                    return Err(Reason::AxisAmbiguous);
                }
                let end = if cosine > 0.0 { direction } else { opposite };
                (End::of(outline, end).ok_or(Reason::AxisAmbiguous)?, None)
            }
            None => {
                let first = End::of(outline, direction).ok_or(Reason::AxisAmbiguous)?;
                let second = End::of(outline, opposite).ok_or(Reason::AxisAmbiguous)?;
                if first.span() > second.span() { (first, Some(second)) } else { (second, Some(first)) }
            }
        };
        let across = (-direction.1, direction.0);
        let (low, high) = outline
            .iter()
            .map(|&p| dot(p, across))
            .fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        let has_corners = end.span() >= LEAST_BASE * (high - low);
        if other.is_some_and(|o| end.span() < FLATTER * o.span() || !has_corners) {
            return Err(Reason::AxisAmbiguous);
        }
        let corners = end.sharpened(outline, pixel);
        let base = if has_corners {
            middle(corners)
        } else {
            farthest(outline, |p| dot(p, end.direction)).ok_or(Reason::AxisAmbiguous)?
        };
        let apex = farthest(outline, |p| (p.0 - base.0).powi(2) + (p.1 - base.1).powi(2))
            .ok_or(Reason::AxisAmbiguous)?;
        let axis = Self { base, apex, hinges: has_corners.then_some(corners) };
        let tilt = -dot((apex.0 - base.0, apex.1 - base.1), end.direction) / axis.length();
        if tilt < GREATEST_TILT_RAD.cos() || tilt.is_nan() {
            return Err(Reason::AxisAmbiguous);
        }
        Ok(axis)
    }
}

fn dot(a: Point, b: Point) -> f64 {
    a.0 * b.0 + a.1 * b.1
}

fn middle([a, b]: [Point; 2]) -> Point {
    ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0)
}

fn turned((x, y): Point, angle_rad: f64) -> Point {
    let (sin, cos) = angle_rad.sin_cos();
    (x * cos - y * sin, x * sin + y * cos)
}

fn farthest(outline: &[Point], reach: impl Fn(Point) -> f64) -> Option<Point> {
    outline.iter().copied().max_by(|&a, &b| reach(a).total_cmp(&reach(b)))
}

/// One end of an elongated outline.
#[derive(Clone, Copy)]
struct End {
    corners: [Point; 2],
    /// Outwards, at right angles to the line between the corners.
    direction: Point,
}

impl End {
    /// The outermost points obliquely to either side, the direction turned until it stands on the line
    /// between them.
    fn of(outline: &[Point], outwards: Point) -> Option<Self> {
        let corners_of = |direction: Point| {
            let corner = |side: f64| {
                let oblique = turned(direction, side * CORNER_RAD);
                farthest(outline, |p| dot(p, oblique))
            };
            Some([corner(-1.0)?, corner(1.0)?])
        };
        let mut end = Self { corners: corners_of(outwards)?, direction: outwards };
        for _ in 0..4 {
            let [left, right] = end.corners;
            let length = (right.0 - left.0).hypot(right.1 - left.1);
            let normal = ((right.1 - left.1) / length, (left.0 - right.0) / length);
            let normal = if dot(normal, outwards) < 0.0 { (-normal.0, -normal.1) } else { normal };
            let slant = dot(normal, outwards);
            // NaN where both corners are one point.
            if slant.is_nan() || slant < GREATEST_SLANT_RAD.cos() {
                break;
            }
            end = Self { corners: corners_of(normal)?, direction: normal };
        }
        Some(end)
    }

    /// The corners moved out to the straight part between them, where that lies less than a pixel further
    /// out: so much a grid takes off a sharp corner. What bulges further is no rounding, and the annulus
    /// stays where its hinges are.
    fn sharpened(&self, outline: &[Point], pixel: f64) -> [Point; 2] {
        let center = middle(self.corners);
        let quarter = self.span() / 4.0;
        let (mut sum, mut count) = (0.0, 0_u32);
        for p in outline.iter().map(|p| (p.0 - center.0, p.1 - center.1)) {
            let out = dot(p, self.direction);
            let across = p.1 * self.direction.0 - p.0 * self.direction.1;
            if across.abs() < quarter && out.abs() < quarter {
                (sum, count) = (sum + out, count + 1);
            }
        }
        let out = sum / f64::from(count);
        // False for NaN, where there was no vertex.
        if out > 0.0 && out < pixel {
            self.corners.map(|(x, y)| (x + out * self.direction.0, y + out * self.direction.1))
        } else {
            self.corners
        }
    }

    fn span(&self) -> f64 {
        let [left, right] = self.corners;
        (right.0 - left.0).hypot(right.1 - left.1)
    }
}

//! Caliper (Feret) diameters: what a pair of parallel jaws reads around a shape.
//!
//! All of them are those of the convex hull. The largest and the least come from one turn of rotating calipers
//! (Shamos 1978; Toussaint 1983, "Solving geometric problems with the rotating calipers").

use crate::hull::ConvexHull;

/// A straight distance with both its ends, in the plane of the hull.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// One end.
    pub from: (f64, f64),
    /// The other end.
    pub to: (f64, f64),
}

impl Span {
    /// Distance between the ends.
    pub fn length(&self) -> f64 {
        (self.to.0 - self.from.0).hypot(self.to.1 - self.from.1)
    }

    /// Direction from the first to the second end, from +x clockwise on screen (y is down), in (−π, π].
    pub fn direction_rad(&self) -> f64 {
        (self.to.1 - self.from.1).atan2(self.to.0 - self.from.0)
    }
}

/// How far a shape reaches along a direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// A line along the direction, as long as the shape reaches, half way between the two points of contact.
    pub span: Span,
    /// Where the jaws touch: the vertex furthest back and the one furthest ahead.
    pub touches: [(f64, f64); 2],
}

impl Extent {
    /// The extent itself.
    pub fn length(&self) -> f64 {
        self.span.length()
    }
}

/// The caliper diameters of one shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feret {
    /// The largest: the two vertices furthest apart. The clinical long axis.
    pub max: Span,
    /// The least, from a side of the hull to the vertex opposite. Its direction is at no given angle to the largest.
    pub min: Span,
    /// The extent at right angles to the largest, which is what clinicians call the short axis of a lesion. At
    /// least `min`.
    pub perpendicular: Extent,
}

/// Extent of a hull along a direction, given from +x clockwise on screen (y is down). Only a hull without
/// vertices would have none.
pub fn extent_along(hull: &ConvexHull, direction_rad: f64) -> Option<Extent> {
    let (sin, cos) = direction_rad.sin_cos();
    let along = |p: &(f64, f64)| p.0 * cos + p.1 * sin;
    let across = |p: &(f64, f64)| p.1 * cos - p.0 * sin;
    let by_reach = |a: &&(f64, f64), b: &&(f64, f64)| along(a).total_cmp(&along(b));
    let (&back, &ahead) =
        (hull.vertices().iter().min_by(by_reach)?, hull.vertices().iter().max_by(by_reach)?);
    let middle = (across(&back) + across(&ahead)) / 2.0;
    let at = |reach: f64| (reach * cos - middle * sin, reach * sin + middle * cos);
    let span = Span { from: at(along(&back)), to: at(along(&ahead)) };
    Some(Extent { span, touches: [back, ahead] })
}

impl Feret {
    /// All three of a hull. `None` where it has fewer than three vertices.
    pub fn of(hull: &ConvexHull) -> Option<Self> {
        let vertices = hull.vertices();
        let n = vertices.len();
        let at = |i: usize| vertices.get(i % n.max(1)).copied();
        let mut max: Option<(f64, Span)> = None;
        let mut min: Option<(f64, Span)> = None;
        let mut opposite = 1;
        for i in 0..n {
            let (a, b) = (at(i)?, at(i + 1)?);
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let side = dx.hypot(dy);
            // Distance from the line through a and b, times its length; grows, then falls, around the hull.
            let reach = |p: (f64, f64)| dx * (p.1 - a.1) - dy * (p.0 - a.0);
            opposite = opposite.max(i + 1);
            // Bounded, so that rounding cannot send it round for ever.
            while opposite < i + n && reach(at(opposite + 1)?) > reach(at(opposite)?) {
                opposite += 1;
            }
            let far = at(opposite)?;
            // Where two sides are parallel the next vertex is as far, and its pairs count too.
            for p in [far, at(opposite + 1)?] {
                for end in [a, b] {
                    let length = (p.0 - end.0).hypot(p.1 - end.1);
                    if max.is_none_or(|(best, _)| length > best) {
                        max = Some((length, Span { from: end, to: p }));
                    }
                }
            }
            let width = reach(far) / side;
            if min.is_none_or(|(best, _)| width < best) {
                let foot = (far.0 + width * dy / side, far.1 - width * dx / side);
                min = Some((width, Span { from: foot, to: far }));
            }
        }
        let (max, min) = (max?.1, min?.1);
        let perpendicular = extent_along(hull, max.direction_rad() + std::f64::consts::FRAC_PI_2)?;
        Some(Self { max, min, perpendicular })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feret(points: &[(f64, f64)]) -> Feret {
        Feret::of(&ConvexHull::of(points).unwrap()).unwrap()
    }

    #[test]
    fn a_rectangle() {
        let f = feret(&[(0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0)]);
        assert_eq!(f.max.length(), 5.0);
        assert_eq!(f.min.length(), 3.0);
        // 2·(4·3)/5: across the diagonal, further than the least.
        assert!((f.perpendicular.length() - 4.8).abs() < 1e-12);
    }

    #[test]
    fn a_triangle() {
        // 3-4-5: the least width is the height on the longest side.
        let f = feret(&[(0.0, 0.0), (4.0, 0.0), (0.0, 3.0)]);
        assert_eq!(f.max.length(), 5.0);
        assert!((f.min.length() - 2.4).abs() < 1e-12 && (f.perpendicular.length() - 2.4).abs() < 1e-12);
        assert_eq!(f.min.to, (0.0, 0.0));
    }

    #[test]
    fn along_the_axes() {
        let hull = ConvexHull::of(&[(1.0, 1.0), (5.0, 2.0), (2.0, 7.0)]).unwrap();
        let x = extent_along(&hull, 0.0).unwrap();
        assert_eq!((x.length(), x.touches), (4.0, [(1.0, 1.0), (5.0, 2.0)]));
        assert_eq!(x.span, Span { from: (1.0, 1.5), to: (5.0, 1.5) });
        let y = extent_along(&hull, std::f64::consts::FRAC_PI_2).unwrap();
        assert!((y.length() - 6.0).abs() < 1e-12);
    }

    proptest! {
        /// Against every pair of points, and against the extent in many directions.
        #[test]
        fn calipers_equal_a_search(points in proptest::collection::vec((-50.0..50.0_f64, -50.0..50.0_f64), 3..40),
                                   snap: bool) {
            // On a grid there are parallel sides and equal distances.
            let snap_to = |v: f64| if snap { (v / 10.0).round() * 10.0 } else { v };
            let points: Vec<_> = points.iter().map(|p| (snap_to(p.0), snap_to(p.1))).collect();
            let Some(hull) = ConvexHull::of(&points) else { return Ok(()) };
            let f = Feret::of(&hull).unwrap();
            let longest = points.iter().flat_map(|p| points.iter().map(|q| (p.0 - q.0).hypot(p.1 - q.1)))
                .fold(0.0, f64::max);
            prop_assert!((f.max.length() - longest).abs() < 1e-9);
            let least = (0..720)
                .map(|k| extent_along(&hull, f64::from(k) * std::f64::consts::PI / 720.0).unwrap().length())
                .fold(f64::INFINITY, f64::min);
            prop_assert!(f.min.length() <= least + 1e-9);
            prop_assert!(f.min.length() >= least - 0.005 * longest, "{} {least}", f.min.length());
            // The least is an extent itself, and what stands across the largest is no less.
            let again = extent_along(&hull, f.min.direction_rad()).unwrap().length();
            prop_assert!((f.min.length() - again).abs() < 1e-9);
            prop_assert!(f.perpendicular.length() >= f.min.length() - 1e-9);
            let turn = f.perpendicular.span.direction_rad() - f.max.direction_rad();
            prop_assert!(turn.cos().abs() < 1e-9);
        }
    }
}

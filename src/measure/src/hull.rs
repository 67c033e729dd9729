//! Convex hulls.

/// A convex polygon: the hull of an outline, in the plane that its points were given in.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvexHull {
    /// Counter-clockwise in a plane whose y points up, so clockwise on a screen. No three lie on a line.
    vertices: Vec<(f64, f64)>,
}

/// Twice the signed area of the triangle `o`, `a`, `b`.
fn cross(o: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - o.0) * (b.1 - o.1) - (a.1 - o.1) * (b.0 - o.0)
}

/// Extends a chain of the hull, taking back the vertices that the new one leaves inside.
fn extend(chain: &mut Vec<(f64, f64)>, keep: usize, p: (f64, f64)) {
    while chain.len() >= keep + 2
        && matches!(chain.as_slice(), [.., a, b] if {
            let turn = cross(*a, *b, p);
            turn <= 0.0 || turn.is_nan()
        })
    {
        chain.pop();
    }
    chain.push(p);
}

impl ConvexHull {
    /// The hull of points in any order, by monotone chains (Andrew 1979, doi:10.1016/0020-0190(79)90072-3).
    ///
    /// Points that are not finite are left out. `None` where all points lie on a line.
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        let mut sorted: Vec<(f64, f64)> =
            points.iter().copied().filter(|p| p.0.is_finite() && p.1.is_finite()).collect();
        // An outline rises and falls in few long runs, which a merging sort takes in one pass each.
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut vertices: Vec<(f64, f64)> = Vec::with_capacity(64);
        for &p in &sorted {
            extend(&mut vertices, 0, p);
        }
        let keep = vertices.len().saturating_sub(1);
        for &p in sorted.iter().rev().skip(1) {
            extend(&mut vertices, keep, p);
        }
        // The chain ends where it began.
        vertices.pop();
        let hull = Self { vertices };
        (hull.vertices.len() >= 3 && hull.area() > 0.0).then_some(hull)
    }

    /// The vertices in order; the last joins the first.
    pub fn vertices(&self) -> &[(f64, f64)] {
        &self.vertices
    }

    /// The sides, each from a vertex to the next.
    pub fn edges(&self) -> impl Iterator<Item = ((f64, f64), (f64, f64))> + '_ {
        self.vertices.iter().copied().zip(self.vertices.iter().copied().cycle().skip(1))
    }

    /// Area inside.
    pub fn area(&self) -> f64 {
        let Some(&origin) = self.vertices.first() else { return 0.0 };
        self.edges().map(|(p, q)| cross(origin, p, q)).sum::<f64>() / 2.0
    }

    /// Length of the hull.
    pub fn perimeter(&self) -> f64 {
        self.edges().map(|(p, q)| (q.0 - p.0).hypot(q.1 - p.1)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_square_with_points_on_and_in_it() {
        let hull = ConvexHull::of(&[
            (0.0, 0.0),
            (2.0, 0.0),
            (1.0, 0.0),
            (2.0, 2.0),
            (0.0, 2.0),
            (0.0, 1.0),
            (1.0, 1.2),
            (0.0, 0.0),
        ])
        .unwrap();
        assert_eq!(hull.vertices(), [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]);
        assert_eq!((hull.area(), hull.perimeter()), (4.0, 8.0));
    }

    #[test]
    fn lines_and_points_have_none() {
        assert_eq!(ConvexHull::of(&[]), None);
        assert_eq!(ConvexHull::of(&[(1.0, 1.0); 5]), None);
        assert_eq!(ConvexHull::of(&[(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]), None);
        assert_eq!(ConvexHull::of(&[(f64::NAN, 0.0), (1.0, 1.0), (2.0, 0.0)]), None);
    }

    proptest! {
        #[test]
        fn every_point_lies_within(points in proptest::collection::vec((-50.0..50.0_f64, -50.0..50.0_f64), 3..60)) {
            let Some(hull) = ConvexHull::of(&points) else { return Ok(()) };
            for (a, b) in hull.edges() {
                for &p in &points {
                    prop_assert!(cross(a, b, p) >= -1e-9);
                }
                prop_assert!(points.contains(&a));
            }
        }

        #[test]
        fn any_points_are_survived(points in proptest::collection::vec((any::<f64>(), any::<f64>()), 0..20)) {
            let _ = ConvexHull::of(&points);
        }
    }
}

//! Outlines with fewer vertices that look the same.

pub(crate) type Point = (f64, f64);

/// How far a line may pass from a vertex that is left out, in pixels: an edge's coverage changes by a twentieth at most.
pub(crate) const FLATNESS_PX: f64 = 0.05;

/// A straight piece for as many vertices of a line as it comes near to.
///
/// An outline that was traced on the engine's grid has a vertex a pixel or so, most of them nearly in line with their
/// neighbours. From the piece's start each vertex is seen within a cone of directions that pass it near enough; the piece
/// goes on while the next vertex lies in all of these cones (Williams 1978, doi:10.1016/0146-664X(78)90128-0, the cone
/// that is cut down vertex by vertex).
#[derive(Clone, Copy)]
pub(crate) struct Chord {
    from: Point,
    to: Point,
    /// The vertex furthest from the start until now: squared distance.
    far_px2: f64,
    /// Directions at the cone's two sides, the left one first; `None` while every direction does.
    cone: Option<(Point, Point)>,
}

fn cross(a: Point, b: Point) -> f64 {
    a.0 * b.1 - a.1 * b.0
}

impl Chord {
    /// A piece that begins at a vertex.
    pub(crate) fn new(from: Point) -> Self {
        Self { from, to: from, far_px2: 0.0, cone: None }
    }

    /// Where it begins and ends.
    pub(crate) fn ends(&self) -> (Point, Point) {
        (self.from, self.to)
    }

    /// Goes on to a vertex; `false` where it cannot, and ends at the vertex before.
    pub(crate) fn extend(&mut self, vertex: Point) -> bool {
        let v = (vertex.0 - self.from.0, vertex.1 - self.from.1);
        let distance_px2 = v.0 * v.0 + v.1 * v.1;
        // One that turns back passes vertices a second time, and is another piece.
        if distance_px2 < self.far_px2 {
            return false;
        }
        if self.cone.is_some_and(|(left, right)| cross(left, v) < 0.0 || cross(v, right) < 0.0) {
            return false;
        }
        (self.to, self.far_px2) = (vertex, distance_px2);
        let distance_px = distance_px2.sqrt();
        if distance_px > FLATNESS_PX {
            // Never wider than 30° to a side, so that which side is which stays clear.
            let sin = (FLATNESS_PX / distance_px).min(0.5);
            let cos = (1.0 - sin * sin).sqrt();
            let (left, right) = (
                (v.0 * cos + v.1 * sin, v.1 * cos - v.0 * sin),
                (v.0 * cos - v.1 * sin, v.1 * cos + v.0 * sin),
            );
            self.cone = Some(self.cone.map_or((left, right), |cone| {
                let left = if cross(cone.0, left) > 0.0 { left } else { cone.0 };
                let right = if cross(right, cone.1) > 0.0 { right } else { cone.1 };
                (left, right)
            }));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn thinned(line: &[Point]) -> Vec<Point> {
        let mut kept = vec![line[0]];
        let mut chord = Chord::new(line[0]);
        for &vertex in &line[1..] {
            if !chord.extend(vertex) {
                kept.push(chord.ends().1);
                chord = Chord::new(chord.ends().1);
                assert!(chord.extend(vertex));
            }
        }
        kept.push(chord.ends().1);
        kept
    }

    fn distance(p: Point, (a, b): (Point, Point)) -> f64 {
        let v = (b.0 - a.0, b.1 - a.1);
        let along = ((p.0 - a.0) * v.0 + (p.1 - a.1) * v.1) / (v.0 * v.0 + v.1 * v.1).max(1e-300);
        let along = along.clamp(0.0, 1.0);
        (p.0 - a.0 - along * v.0).hypot(p.1 - a.1 - along * v.1)
    }

    fn farthest(line: &[Point], kept: &[Point]) -> f64 {
        let near = |p: &Point| {
            kept.windows(2).map(|ends| distance(*p, (ends[0], ends[1]))).fold(f64::INFINITY, f64::min)
        };
        line.iter().map(near).fold(0.0, f64::max)
    }

    #[test]
    fn vertices_in_line_are_one_piece_and_a_corner_stays() {
        let mut line: Vec<Point> = (0..20).map(|i| (f64::from(i), 0.04 * f64::from(i % 2))).collect();
        line.extend((1..20).map(|i| (19.0, f64::from(i))));
        let kept = thinned(&line);
        assert!(kept.len() <= 4, "{kept:?}");
        assert!(kept.iter().any(|p| (p.0 - 19.0).abs() < 0.01 && p.1 < 0.1), "{kept:?}");
    }

    #[test]
    fn a_way_there_and_back_is_two() {
        let line = [(0.0, 0.0), (5.0, 0.0), (2.0, 0.0), (-3.0, 0.0)];
        assert_eq!(thinned(&line), [(0.0, 0.0), (5.0, 0.0), (-3.0, 0.0)]);
    }

    #[test]
    fn a_circle_keeps_its_shape_with_a_third_of_its_vertices() {
        let circle: Vec<Point> = (0..=1000)
            .map(|i| f64::from(i) / 1000.0 * std::f64::consts::TAU)
            .map(|t| (200.0 * t.cos(), 200.0 * t.sin()))
            .collect();
        let kept = thinned(&circle);
        assert!(kept.len() < 300, "{}", kept.len());
        assert!(farthest(&circle, &kept) <= FLATNESS_PX + 1e-9);
    }

    proptest! {
        #[test]
        fn no_vertex_is_far_from_what_is_left(steps in prop::collection::vec((-2.0..2.0_f64, -2.0..2.0_f64), 1..60)) {
            let mut at = (0.0, 0.0);
            let line: Vec<Point> = steps.iter().map(|s| { at = (at.0 + s.0, at.1 + s.1); at }).collect();
            let kept = thinned(&line);
            prop_assert!(farthest(&line, &kept) <= FLATNESS_PX + 1e-9);
            prop_assert_eq!((kept[0], kept[kept.len() - 1]), (line[0], line[line.len() - 1]));
        }
    }
}

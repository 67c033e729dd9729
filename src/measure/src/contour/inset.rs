//! Outlines moved inward, for classes whose labels hold more than the structure.

use super::{CORNER_LOSS_PX2, Contour, at_border, border_fraction, signed_area};
use crate::geometry::{Geometry, PointInFrame};

/// Vertices of an iso-line may lie arbitrarily near to each other, and then say little of its direction; the chord between
/// the vertices this many before and after does.
const REACH: usize = 2;

/// An outline whose inside is less deep than this many times the inset, as area over length, is left as it is.
const LEAST_DEPTH: f64 = 2.0;

impl Contour {
    /// The outline moved `depth_px` pixels of the model's picture into what it encloses; holes grow by as much. What the
    /// picture's edge cuts stays on the edge, and so does what is too thin to be moved.
    ///
    /// Exact for a straight line and for a circle; where a line bends within `depth_px`, corners are cut.
    pub fn inset(mut self, depth_px: f64, geometry: &Geometry) -> Self {
        if depth_px.is_finite() && depth_px > 0.0 {
            self.outer = moved(&self.outer, depth_px, geometry);
            for hole in &mut self.holes {
                *hole = moved(hole, depth_px, geometry);
            }
            let lost = CORNER_LOSS_PX2 / (geometry.scale_x() * geometry.scale_y());
            self.hole_area_px2 = self.holes.iter().map(|hole| signed_area(hole).abs() + lost).sum();
            let area = signed_area(&self.outer).abs();
            self.area_px2 = area + lost.min(area) - self.hole_area_px2;
            self.border_fraction = border_fraction(&self.outer, geometry);
        }
        self
    }
}

fn moved(line: &[PointInFrame], depth_px: f64, geometry: &Geometry) -> Vec<PointInFrame> {
    let (scale_x, scale_y) = (geometry.scale_x(), geometry.scale_y());
    let model = |p: &PointInFrame| (p.x_px * scale_x, p.y_px * scale_y);
    let length: f64 =
        line.iter().zip(line.iter().cycle().skip(1)).map(|(p, q)| distance(model(p), model(q))).sum();
    let area = signed_area(line) * scale_x * scale_y;
    // A hole grows into what is around it, however small it is.
    if line.len() <= 2 * REACH || (area > 0.0 && area < LEAST_DEPTH * depth_px * length) {
        return line.to_vec();
    }
    let around = |i: usize| line.get(i % line.len());
    let one = |(i, &p): (usize, &PointInFrame)| {
        let ends = around(i + line.len() - REACH).zip(around(i + REACH));
        let Some((before, after)) = ends.filter(|_| !at_border(p, geometry)) else { return p };
        let ((x0, y0), (x1, y1)) = (model(before), model(after));
        let chord = distance((x0, y0), (x1, y1));
        // The inside is on the right.
        let (inward_x, inward_y) = ((y0 - y1) / chord, (x1 - x0) / chord);
        let at = PointInFrame {
            x_px: p.x_px + depth_px * inward_x / scale_x,
            y_px: p.y_px + depth_px * inward_y / scale_y,
        };
        if at.x_px.is_finite() && at.y_px.is_finite() { at } else { p }
    };
    line.iter().enumerate().map(one).collect()
}

fn distance((x0, y0): (f64, f64), (x1, y1): (f64, f64)) -> f64 {
    (x1 - x0).hypot(y1 - y0)
}

#[cfg(test)]
mod tests {
    use super::super::trace;
    use super::*;
    use crate::geometry::ResizeRule;
    use crate::mask::ProbabilityMap;
    use proptest::prelude::*;
    use std::f64::consts::PI;

    /// A picture three times as wide and twice as high as the model's.
    fn stretched() -> Geometry {
        Geometry::new((192, 128), (64, 64), ResizeRule::Stretch, (1, 1)).unwrap()
    }

    /// The outlines of a distance to an edge, positive inside, in the model's pixels.
    fn outlines(geometry: &Geometry, depth: impl Fn(f64, f64) -> f64) -> Vec<Contour> {
        let value = |i: usize| (0.5 + depth((i % 64) as f64, (i / 64) as f64) / 4.0).clamp(0.0, 1.0) as f32;
        let map = ProbabilityMap::new(64, 64, (0..64 * 64).map(value).collect::<Vec<_>>()).unwrap();
        trace(&map, geometry, 0.5)
    }

    #[test]
    fn a_disc_loses_the_depth_of_its_radius_in_the_models_pixels() {
        let geometry = stretched();
        let disc =
            outlines(&geometry, |x, y| 20.0 - (x - 31.3).hypot(y - 30.6)).remove(0).inset(0.75, &geometry);
        for p in &disc.outer {
            let m = geometry.model_from_source(*p);
            let radius = (m.x_px - 31.3).hypot(m.y_px - 30.6);
            assert!((radius - 19.25).abs() < 0.02, "{radius}");
        }
        let expected = PI * 19.25_f64.powi(2) * 6.0;
        assert!((disc.area_px2 / expected - 1.0).abs() < 1e-3, "{} {expected}", disc.area_px2);
    }

    #[test]
    fn a_hole_grows_and_its_area_is_taken_off() {
        let geometry = stretched();
        let ring = |x: f64, y: f64| 8.0 - ((x - 32.0).hypot(y - 32.0) - 16.0).abs();
        let ring = outlines(&geometry, ring).remove(0).inset(0.5, &geometry);
        let disc = |radius: f64| PI * radius * radius * 6.0;
        assert!((ring.hole_area_px2 / disc(8.5) - 1.0).abs() < 5e-3, "{}", ring.hole_area_px2);
        assert!((ring.area_px2 / (disc(23.5) - disc(8.5)) - 1.0).abs() < 2e-3, "{}", ring.area_px2);
    }

    #[test]
    fn what_the_picture_cuts_stays_cut_and_what_is_thin_stays() {
        let geometry = stretched();
        let cut = outlines(&geometry, |x, y| 20.0 - x.hypot(y - 32.0)).remove(0);
        let inset = cut.clone().inset(0.5, &geometry);
        assert!((inset.border_fraction - cut.border_fraction).abs() < 0.02, "{}", inset.border_fraction);
        assert!(inset.area_px2 < cut.area_px2);
        let thin = outlines(&geometry, |x, _| 0.8 - (x - 32.0).abs()).remove(0);
        assert_eq!(thin.clone().inset(0.5, &geometry), thin);
        for depth in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(cut.clone().inset(depth, &geometry), cut);
        }
    }

    proptest! {
        #[test]
        fn any_map_keeps_its_outlines_and_none_grows(values in prop::collection::vec(0.0_f32..1.0, 24 * 24), depth in 0.01_f64..3.0) {
            let geometry = Geometry::new((24, 24), (24, 24), ResizeRule::Stretch, (1, 1)).unwrap();
            let map = ProbabilityMap::new(24, 24, values).unwrap();
            for contour in trace(&map, &geometry, 0.5) {
                let count = contour.outer.len();
                let inset = contour.inset(depth, &geometry);
                prop_assert_eq!(inset.outer.len(), count);
                prop_assert!(inset.outer.iter().all(|p| p.x_px.is_finite() && p.y_px.is_finite()));
                prop_assert!(inset.area_px2.is_finite());
            }
        }
    }
}

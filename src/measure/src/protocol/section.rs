//! Straight cuts through an outline.

use crate::contour::Contour;
use crate::shape::{Plane, without_steps};

/// An outer outline in a plane, the steps of the pixel grid taken away. Holes are filled.
pub(crate) struct Outline {
    points: Vec<(f64, f64)>,
}

/// A part of a line inside an outline: where it begins and ends, as distances along the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cut {
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Cut {
    pub(crate) fn length(&self) -> f64 {
        self.to - self.from
    }

    pub(crate) fn middle(&self) -> f64 {
        (self.from + self.to) / 2.0
    }
}

/// A place and a direction of length 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) origin: (f64, f64),
    pub(crate) direction: (f64, f64),
}

impl Line {
    pub(crate) fn new(origin: (f64, f64), angle_rad: f64) -> Self {
        let (sin, cos) = angle_rad.sin_cos();
        Self { origin, direction: (cos, sin) }
    }

    /// From one point towards another; `None` where they are one.
    pub(crate) fn through(from: (f64, f64), to: (f64, f64)) -> Option<Self> {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        (length > 0.0 && length.is_finite())
            .then(|| Self { origin: from, direction: (dx / length, dy / length) })
    }

    /// The point at a distance along the line.
    pub(crate) fn at(&self, along: f64) -> (f64, f64) {
        (self.origin.0 + along * self.direction.0, self.origin.1 + along * self.direction.1)
    }

    /// Where a point lies: along the line, and across it, positive to the right of its direction on screen (y
    /// is down).
    pub(crate) fn coordinates(&self, p: (f64, f64)) -> (f64, f64) {
        let (dx, dy) = (p.0 - self.origin.0, p.1 - self.origin.1);
        let (x, y) = self.direction;
        (dx * x + dy * y, dy * x - dx * y)
    }

    /// The line across this one, at a distance along it, its direction to the right on screen.
    pub(crate) fn across(&self, along: f64) -> Self {
        Self { origin: self.at(along), direction: (-self.direction.1, self.direction.0) }
    }
}

impl Outline {
    pub(crate) fn of(contour: &Contour, plane: &Plane) -> Self {
        let points: Vec<_> = contour.outer.iter().map(|&p| plane.from_frame(p)).collect();
        Self { points: without_steps(&points) }
    }

    pub(crate) fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// The parts of a line inside the outline, in order along it.
    pub(crate) fn cuts(&self, line: &Line) -> Vec<Cut> {
        let mut crossings = Vec::new();
        let Some(&last) = self.points.last() else { return Vec::new() };
        let mut before = line.coordinates(last);
        for &p in &self.points {
            let here = line.coordinates(p);
            if (before.1 < 0.0) != (here.1 < 0.0) {
                crossings.push(before.0 + (here.0 - before.0) * before.1 / (before.1 - here.1));
            }
            before = here;
        }
        cuts_between(crossings)
    }

    /// The [`cuts`](Self::cuts) of `count` lines side by side: the first, and others each `step` further to the right on
    /// screen (y is down). The outline is gone around once for all of them.
    pub(crate) fn parallel_cuts(&self, first: &Line, step: f64, count: usize) -> Vec<Vec<Cut>> {
        let mut crossings = vec![Vec::new(); count];
        let mut before = self.points.last().map_or((0.0, 0.0), |&last| first.coordinates(last));
        for &p in &self.points {
            let here = first.coordinates(p);
            // Lines beyond the lower end and up to the upper one: a vertex is counted once. The casts saturate.
            let beyond = |across: f64| ((across / step).floor() + 1.0).max(0.0) as usize;
            let lines = beyond(before.1.min(here.1))..beyond(before.1.max(here.1)).min(count);
            let slope = (here.0 - before.0) / (before.1 - here.1);
            for line in lines.clone().zip(crossings.get_mut(lines).unwrap_or(&mut [])) {
                line.1.push(before.0 + slope * (before.1 - line.0 as f64 * step));
            }
            before = here;
        }
        crossings.into_iter().map(cuts_between).collect()
    }

    /// How far the outline reaches along a line.
    pub(crate) fn reach(&self, line: &Line) -> Option<Cut> {
        let along = || self.points.iter().map(|&p| line.coordinates(p).0);
        let from = along().min_by(f64::total_cmp)?;
        Some(Cut { from, to: along().max_by(f64::total_cmp)? })
    }
}

/// The parts of a line between the places where it crosses an outline.
fn cuts_between(mut crossings: Vec<f64>) -> Vec<Cut> {
    crossings.sort_by(f64::total_cmp);
    crossings.as_chunks().0.iter().map(|&[from, to]| Cut { from, to }).collect()
}

/// Intercept and slope of the straight line that fits points best.
pub(crate) fn fit_line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let n = points.len() as f64;
    let (sx, sy) = points.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
    let (mx, my) = (sx / n, sy / n);
    let (xx, xy) = points.iter().fold((0.0, 0.0), |s, p| {
        let dx = p.0 - mx;
        (s.0 + dx * dx, s.1 + dx * (p.1 - my))
    });
    let slope = xy / xx;
    (slope.is_finite() && points.len() >= 2).then_some((my - slope * mx, slope))
}

/// Coefficients (constant, linear, quadratic) of the parabola that fits points best.
pub(crate) fn fit_parabola(points: &[(f64, f64)]) -> Option<[f64; 3]> {
    if points.len() < 3 {
        return None;
    }
    let (mut a, mut b) = (nalgebra::Matrix3::zeros(), nalgebra::Vector3::zeros());
    for &(x, y) in points {
        let row = nalgebra::Vector3::new(1.0, x, x * x);
        a += row * row.transpose();
        b += row * y;
    }
    let c = a.cholesky()?.solve(&b);
    c.iter().all(|v| v.is_finite()).then_some([c.x, c.y, c.z])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(points: &[(f64, f64)]) -> Outline {
        Outline { points: points.to_vec() }
    }

    #[test]
    fn a_line_through_a_u_has_two_parts() {
        let u = outline(&[
            (0.0, 0.0),
            (1.0, 0.0),
            (1.0, 2.0),
            (2.0, 2.0),
            (2.0, 0.0),
            (3.0, 0.0),
            (3.0, 3.0),
            (0.0, 3.0),
        ]);
        let cuts = u.cuts(&Line::new((-1.0, 1.0), 0.0));
        assert_eq!(cuts, [Cut { from: 1.0, to: 2.0 }, Cut { from: 3.0, to: 4.0 }]);
        let [only] = u.cuts(&Line::new((0.5, 5.0), -std::f64::consts::FRAC_PI_2))[..] else { panic!() };
        assert!((only.from - 2.0).abs() < 1e-12 && (only.to - 5.0).abs() < 1e-12);
        assert!(u.cuts(&Line::new((0.0, 7.0), 0.0)).is_empty());
    }

    #[test]
    fn parallel_cuts_are_those_of_each_line() {
        let star: Vec<(f64, f64)> = (0..50)
            .map(|i| f64::from(i) / 50.0 * std::f64::consts::TAU)
            .map(|t| (5.0 + (3.0 + (5.0 * t).cos()) * t.cos(), 2.0 + (3.0 + (5.0 * t).cos()) * t.sin()))
            .collect();
        let star = outline(&star);
        for (origin, angle_rad) in
            [((0.0, -2.5), 0.0), ((9.0, 1.0), 0.7), ((5.0, 7.0), 2.9), ((1.0, 1.0), -1.2)]
        {
            let first = Line::new(origin, angle_rad);
            let (step, count) = (0.37, 25);
            let together = star.parallel_cuts(&first, step, count);
            assert_eq!(together.len(), count);
            assert!(together.iter().any(|cuts| cuts.len() > 1));
            for (k, cuts) in together.iter().enumerate() {
                let right = first.across(0.0).at(k as f64 * step);
                let alone = star.cuts(&Line { origin: right, ..first });
                assert_eq!(cuts.len(), alone.len(), "{origin:?} {k}");
                for (a, b) in cuts.iter().zip(&alone) {
                    assert!((a.from - b.from).abs() < 1e-9 && (a.to - b.to).abs() < 1e-9, "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn coordinates_of_a_line_come_back() {
        let line = Line::through((1.0, 2.0), (4.0, 6.0)).unwrap();
        let (along, across) = line.coordinates((3.0, 1.0));
        let p = line.across(along).at(across);
        assert!((p.0 - 3.0).abs() < 1e-12 && (p.1 - 1.0).abs() < 1e-12);
        assert_eq!(Line::through((1.0, 2.0), (1.0, 2.0)), None);
    }

    #[test]
    fn fits_go_through_their_points() {
        let (a, b) = fit_line(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]).unwrap();
        assert!((a - 1.0).abs() < 1e-12 && (b - 2.0).abs() < 1e-12);
        assert_eq!(fit_line(&[(1.0, 1.0), (1.0, 2.0)]), None);
        let c = fit_parabola(&[(0.0, 1.0), (1.0, 2.0), (2.0, 5.0), (3.0, 10.0)]).unwrap();
        assert!((c[0] - 1.0).abs() < 1e-9 && c[1].abs() < 1e-9 && (c[2] - 1.0).abs() < 1e-9, "{c:?}");
    }
}

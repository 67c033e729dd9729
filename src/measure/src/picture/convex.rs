//! Convex polygons, and the disc that a rim lies on.

use crate::hull::ConvexHull;

/// A convex polygon, its vertices in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Polygon(Vec<(f64, f64)>);

/// A rectangle along the axes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Bounds {
    pub(super) fn of(hull: &ConvexHull) -> Self {
        let none = f64::INFINITY;
        let start = Self { left: none, right: -none, top: none, bottom: -none };
        hull.vertices().iter().fold(start, |b, p| Self {
            left: b.left.min(p.0),
            right: b.right.max(p.0),
            top: b.top.min(p.1),
            bottom: b.bottom.max(p.1),
        })
    }

    pub(super) fn area(&self) -> f64 {
        (self.right - self.left) * (self.bottom - self.top)
    }
}

/// A disc.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Disc {
    pub(super) center: (f64, f64),
    pub(super) radius: f64,
}

impl Disc {
    /// The circle through three points.
    fn through(a: (f64, f64), b: (f64, f64), c: (f64, f64)) -> Option<Self> {
        let (bx, by, cx, cy) = (b.0 - a.0, b.1 - a.1, c.0 - a.0, c.1 - a.1);
        let twice = 2.0 * (bx * cy - by * cx);
        let (b2, c2) = (bx * bx + by * by, cx * cx + cy * cy);
        let (x, y) = ((cy * b2 - by * c2) / twice, (bx * c2 - cx * b2) / twice);
        let radius = x.hypot(y);
        radius.is_finite().then_some(Self { center: (a.0 + x, a.1 + y), radius })
    }

    fn distance(&self, p: (f64, f64)) -> f64 {
        ((p.0 - self.center.0).hypot(p.1 - self.center.1) - self.radius).abs()
    }

    /// The circle that most of some points lie on, within `tolerance`: triples of points vote, and least
    /// squares over those who agree decides (Fischler & Bolles 1981, doi:10.1145/358669.358692, with every
    /// triple of a fixed choice in place of chance; Kåsa 1976, doi:10.1109/TIM.1976.6312298).
    pub(super) fn of_most(points: &[(f64, f64)], tolerance: f64) -> Option<Self> {
        let n = points.len();
        let at = |i: usize| points.get(i % n.max(1)).copied();
        let votes = |disc: &Self| points.iter().filter(|&&p| disc.distance(p) <= tolerance).count();
        let mut best: Option<(usize, Self)> = None;
        for i in 0..n {
            for (second, third) in [(n / 3, 2 * n / 3), (n / 4, n / 2), (n / 5, 2 * n / 5)] {
                let Some(disc) = Self::through(at(i)?, at(i + second)?, at(i + third)?) else { continue };
                let count = votes(&disc);
                if best.is_none_or(|(most, _)| count > most) {
                    best = Some((count, disc));
                }
            }
        }
        let (_, mut disc) = best?;
        for _ in 0..2 {
            let near: Vec<_> = points.iter().copied().filter(|&p| disc.distance(p) <= tolerance).collect();
            disc = Self::least_squares(&near)?;
        }
        Some(disc)
    }

    fn least_squares(points: &[(f64, f64)]) -> Option<Self> {
        let n = points.len() as f64;
        let (mx, my) = points.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0 / n, s.1 + p.1 / n));
        let (mut a, mut b) = (nalgebra::Matrix3::zeros(), nalgebra::Vector3::zeros());
        for p in points {
            let (x, y) = (p.0 - mx, p.1 - my);
            let row = nalgebra::Vector3::new(x, y, 1.0);
            a += row * row.transpose();
            b += row * (x * x + y * y);
        }
        let c = a.lu().solve(&b)?;
        let (x, y) = (c.x / 2.0, c.y / 2.0);
        let radius = (c.z + x * x + y * y).sqrt();
        (radius.is_finite() && radius > 0.0).then_some(Self { center: (mx + x, my + y), radius })
    }

    /// As a polygon of many sides, that lies outside as much as inside.
    pub(super) fn polygon(&self) -> Polygon {
        const SIDES: u16 = 256;
        let step = std::f64::consts::TAU / f64::from(SIDES);
        // A regular polygon with the same area.
        let radius = self.radius * (step / step.sin()).sqrt();
        let vertex = |i| {
            let (sin, cos) = (f64::from(i) * step).sin_cos();
            (self.center.0 + radius * cos, self.center.1 + radius * sin)
        };
        Polygon((0..SIDES).map(vertex).collect())
    }
}

impl Polygon {
    pub(super) fn of_bounds(b: &Bounds) -> Self {
        Self(vec![(b.left, b.top), (b.right, b.top), (b.right, b.bottom), (b.left, b.bottom)])
    }

    pub(super) fn of_hull(hull: &ConvexHull) -> Self {
        Self(hull.vertices().to_vec())
    }

    /// The part where `a·x + b·y ≤ c` (Sutherland & Hodgman 1974, doi:10.1145/360767.360802).
    pub(super) fn clip(&self, a: f64, b: f64, c: f64) -> Self {
        let excess = |p: (f64, f64)| a * p.0 + b * p.1 - c;
        let mut kept = Vec::with_capacity(self.0.len() + 1);
        for (&p, &q) in self.0.iter().zip(self.0.iter().cycle().skip(1)) {
            let (from, to) = (excess(p), excess(q));
            if from <= 0.0 {
                kept.push(p);
            }
            if (from < 0.0 && to > 0.0) || (from > 0.0 && to < 0.0) {
                let t = from / (from - to);
                kept.push((p.0 + t * (q.0 - p.0), p.1 + t * (q.1 - p.1)));
            }
        }
        Self(kept)
    }

    pub(super) fn clip_to(&self, b: &Bounds) -> Self {
        self.clip(-1.0, 0.0, -b.left).clip(1.0, 0.0, b.right).clip(0.0, -1.0, -b.top).clip(0.0, 1.0, b.bottom)
    }

    pub(super) fn area(&self) -> f64 {
        let Some(&(ox, oy)) = self.0.first() else { return 0.0 };
        let twice: f64 = self
            .0
            .iter()
            .zip(self.0.iter().cycle().skip(1))
            .map(|(p, q)| (p.0 - ox) * (q.1 - oy) - (q.0 - ox) * (p.1 - oy))
            .sum();
        (twice / 2.0).abs()
    }

    /// The part inside another.
    pub(super) fn intersection(&self, other: &Self) -> Self {
        let mut part = self.clone();
        for (p, q) in other.0.iter().zip(other.0.iter().cycle().skip(1)) {
            // Clockwise on screen: inside is to the right of each side.
            let (a, b) = (q.1 - p.1, p.0 - q.0);
            part = part.clip(a, b, a * p.0 + b * p.1);
        }
        part
    }

    /// Area in both over area in either.
    pub(super) fn overlap(&self, other: &Self) -> f64 {
        let both = self.intersection(other).area();
        both / (self.area() + other.area() - both)
    }

    /// Where the level `y` lies inside.
    pub(super) fn span_at(&self, y: f64) -> Option<(f64, f64)> {
        let mut span: Option<(f64, f64)> = None;
        for (p, q) in self.0.iter().zip(self.0.iter().cycle().skip(1)) {
            if (p.1 <= y) == (q.1 <= y) {
                continue;
            }
            let x = p.0 + (q.0 - p.0) * (y - p.1) / (q.1 - p.1);
            span = Some(span.map_or((x, x), |(from, to)| (from.min(x), to.max(x))));
        }
        span
    }
}

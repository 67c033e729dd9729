//! Tube-like shapes along a straight axis.

/// A frame of reference along a straight axis: `s` along it, `q` across, both in mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    pub(crate) origin_mm: [f64; 2],
    /// Unit vector of the axis.
    pub(crate) direction: [f64; 2],
}

impl Axis {
    /// An axis through a point, `angle_deg` clockwise from +x.
    pub(crate) fn new(origin_mm: [f64; 2], angle_deg: f64) -> Self {
        let (sin, cos) = libm::sincos(angle_deg.to_radians());
        Self { origin_mm, direction: [cos, sin] }
    }

    /// `[s, q]` of a point; q is positive to the right of the direction, which is below an axis that runs right.
    pub(crate) fn local(&self, point_mm: [f64; 2]) -> [f64; 2] {
        self.local_vector([point_mm[0] - self.origin_mm[0], point_mm[1] - self.origin_mm[1]])
    }

    pub(crate) fn local_vector(&self, vector: [f64; 2]) -> [f64; 2] {
        let [dx, dy] = self.direction;
        [vector[0] * dx + vector[1] * dy, vector[1] * dx - vector[0] * dy]
    }

    pub(crate) fn point(&self, s: f64, q: f64) -> [f64; 2] {
        let [dx, dy] = self.direction;
        [self.origin_mm[0] + s * dx - q * dy, self.origin_mm[1] + s * dy + q * dx]
    }

    /// Where the line at `q` across meets the vertical line `x` (mm), as `s`; the axis must not be vertical.
    pub(crate) fn at_x(&self, x_mm: f64, q: f64) -> f64 {
        (x_mm - self.origin_mm[0] + q * self.direction[1]) / self.direction[0]
    }
}

/// A polygon of a strip between two lines across (`low`, `high` in q as functions of s), from `start` to `end` along, with
/// `count` points a side.
pub(crate) fn strip_outline(
    axis: &Axis,
    [start, end]: [f64; 2],
    count: u32,
    low: impl Fn(f64) -> f64,
    high: impl Fn(f64) -> f64,
) -> Vec<[f64; 2]> {
    let at = |k: u32| start + (end - start) * f64::from(k) / f64::from(count);
    (0..=count)
        .map(|k| axis.point(at(k), low(at(k))))
        .chain((0..=count).rev().map(|k| axis.point(at(k), high(at(k)))))
        .collect()
}

/// The strip between `low` and `high` across an axis, cut by the vertical lines `x = ±half` (mm).
pub(crate) fn strip_within(axis: &Axis, half: f64, low: f64, high: f64) -> Vec<[f64; 2]> {
    const POINTS: u32 = 400;
    let side = |q: f64, from: f64, to: f64| {
        let ends = [axis.at_x(from, q), axis.at_x(to, q)];
        (0..=POINTS)
            .map(move |k| axis.point(ends[0] + (ends[1] - ends[0]) * f64::from(k) / f64::from(POINTS), q))
    };
    side(low, -half, half).chain(side(high, half, -half)).collect()
}

/// A smooth bump of unit height: 1 at 0, 1/e at `width`.
pub(crate) fn bump(offset: f64, width: f64) -> f64 {
    let x = offset / width;
    libm::exp(-x * x)
}

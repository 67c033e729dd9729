//! A half-ellipse cut by a plane across its axis: the section of a heart chamber.

use std::f64::consts::PI;

/// The region `u²/a² + v²/b² ≤ 1`, `u ≤ h`, in mm: the apex lies at `u = −a`, the cut at `u = h` with `0 ≤ h < a`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CutEllipse {
    /// Half the long axis.
    pub(crate) a: f64,
    /// Half the short axis.
    pub(crate) b: f64,
    /// Distance of the cut from the centre, away from the apex.
    pub(crate) h: f64,
}

impl CutEllipse {
    /// Distance from the apex to the middle of the cut.
    pub(crate) fn length(&self) -> f64 {
        self.a + self.h
    }

    /// Half the width of the cut.
    pub(crate) fn half_cut(&self) -> f64 {
        self.half_width(self.h)
    }

    /// Half the width at `u`.
    pub(crate) fn half_width(&self, u: f64) -> f64 {
        let share = u / self.a;
        self.b * (1.0 - share * share).max(0.0).sqrt()
    }

    /// Area: `∫₋ₐʰ 2b √(1 − u²/a²) du = a b (π/2 + κ √(1 − κ²) + arcsin κ)` with `κ = h / a`.
    pub(crate) fn area(&self) -> f64 {
        let k = self.h / self.a;
        self.a * self.b * (0.5 * PI + k * (1.0 - k * k).sqrt() + libm::asin(k))
    }

    /// Volume of the body with half widths `b` in this plane and `other_b` in the one across it:
    /// `π b b' ∫₋ₐʰ (1 − u²/a²) du = π b b' a (1 + κ − (1 + κ³) / 3)`. This is also what the method of discs tends to as
    /// discs get thinner, with `other_b = b` for a single plane.
    pub(crate) fn volume(&self, other_b: f64) -> f64 {
        PI * self.b * other_b * self.a * volume_factor(self.h / self.a)
    }

    pub(crate) fn contains(&self, u: f64, v: f64) -> bool {
        let (x, y) = (u / self.a, v / self.b);
        u <= self.h && x * x + y * y <= 1.0
    }

    /// Points on the outline: the curve from one end of the cut over the apex to the other, then the cut.
    pub(crate) fn outline(&self, curve: u32, cut: u32) -> Vec<[f64; 2]> {
        // Parametric angle from the apex at which the curve meets the cut.
        let end = PI - libm::acos((self.h / self.a).clamp(-1.0, 1.0));
        let mut points: Vec<[f64; 2]> = (0..=curve)
            .map(|k| {
                let t = end * (2.0 * f64::from(k) / f64::from(curve) - 1.0);
                [-self.a * libm::cos(t), self.b * libm::sin(t)]
            })
            .collect();
        let half = self.half_cut();
        points.extend((1..cut).map(|k| [self.h, half * (1.0 - 2.0 * f64::from(k) / f64::from(cut))]));
        points
    }

    /// Section of the body (`other_b` across this plane) with a plane that holds the cut's middle line and leans away
    /// from the axis by `angle_rad`: again an ellipse, cut at the same line, which misses the apex.
    ///
    /// With `s` along the leaning plane from the cut toward the apex, the surface is
    /// `v²/b² = 1 − h²/a² + 2 h cos s/a² − s² Q`, `Q = cos²/a² + sin²/b'²`.
    pub(crate) fn leaning(&self, other_b: f64, angle_rad: f64) -> Self {
        let (sin, cos) = libm::sincos(angle_rad);
        let q = cos * cos / (self.a * self.a) + sin * sin / (other_b * other_b);
        let h = self.h * cos / (self.a * self.a) / q;
        let rest = 1.0 - (self.h * self.h) / (self.a * self.a);
        let a = (rest / q + h * h).sqrt();
        Self { a, b: self.b * (rest + q * h * h).sqrt(), h }
    }
}

/// `V / (π b b' a)` for a cut at `κ a` beyond the centre.
pub(crate) fn volume_factor(k: f64) -> f64 {
    1.0 + k - (1.0 + k * k * k) / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: CutEllipse = CutEllipse { a: 56.0, b: 24.0, h: 31.0 };

    fn integrate(from: f64, to: f64, f: impl Fn(f64) -> f64) -> f64 {
        let steps = 200_000;
        let width = (to - from) / f64::from(steps);
        (0..steps).map(|k| f(from + (f64::from(k) + 0.5) * width)).sum::<f64>() * width
    }

    #[test]
    fn area_and_volume_agree_with_integration() {
        let area = integrate(-SHAPE.a, SHAPE.h, |u| 2.0 * SHAPE.half_width(u));
        assert!((area / SHAPE.area() - 1.0).abs() < 1e-6, "{area}");
        let other = 21.0 / SHAPE.b;
        let volume = integrate(-SHAPE.a, SHAPE.h, |u| PI * other * SHAPE.half_width(u) * SHAPE.half_width(u));
        assert!((volume / SHAPE.volume(21.0) - 1.0).abs() < 1e-9, "{volume}");
        // A whole ellipsoid: 117.81 mL for 90 x 50 x 50 mm.
        let whole = CutEllipse { a: 45.0, b: 25.0, h: 45.0 * (1.0 - 1e-12) };
        assert!((whole.volume(25.0) / 117_809.7 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn outline_lies_on_the_curve_and_encloses_the_area() {
        let points = SHAPE.outline(2000, 200);
        let mut twice = 0.0;
        for (k, p) in points.iter().enumerate() {
            let q = points[(k + 1) % points.len()];
            twice += p[0] * q[1] - q[0] * p[1];
            assert!(SHAPE.contains(p[0] * (1.0 - 1e-9) - 1e-9, p[1] * (1.0 - 1e-9)), "{p:?}");
        }
        assert!((0.5 * twice.abs() / SHAPE.area() - 1.0).abs() < 1e-5);
    }

    /// Every point of the leaning section's outline lies on the body.
    #[test]
    fn leaning_section_lies_on_the_body() {
        let other = 20.0;
        for degrees in [0.0, 8.0, 20.0, 35.0] {
            let angle = f64::to_radians(degrees);
            let section = SHAPE.leaning(other, angle);
            for point in section.outline(100, 10).into_iter().take(101) {
                let s = section.h - point[0];
                let u = SHAPE.h - s * angle.cos();
                let w = s * angle.sin();
                let level = (u / SHAPE.a).powi(2) + (point[1] / SHAPE.b).powi(2) + (w / other).powi(2);
                assert!((level - 1.0).abs() < 1e-9, "{degrees}: {level}");
            }
            assert!((section.half_cut() - SHAPE.half_cut()).abs() < 1e-9);
            assert!(section.length() <= SHAPE.length() + 1e-9);
        }
    }
}

//! Ellipses: fits, circumference, and how they lie on the picture.

use nalgebra::{Matrix3, Schur, Vector3};

use crate::geometry::PointInFrame;

/// An ellipse as drawn on the source picture: a centre and two conjugate half-diameters, in pixels, so that
/// `centre + major·cos t + minor·sin t` is a point of it. With anisotropic pixels the two are not at right angles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EllipseInFrame {
    /// Centre.
    pub center: PointInFrame,
    /// From the centre to one end of the major axis, x and y in pixels.
    pub major_px: (f64, f64),
    /// From the centre to one end of the minor axis, x and y in pixels.
    pub minor_px: (f64, f64),
}

/// An ellipse in a plane of equal units on both axes (millimetres, or rows of an uncalibrated picture).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ellipse {
    /// Centre, x to the right.
    pub center_x: f64,
    /// Centre, y downwards.
    pub center_y: f64,
    /// Half the major axis.
    pub semi_major: f64,
    /// Half the minor axis.
    pub semi_minor: f64,
    /// Direction of the major axis from +x, clockwise on screen (y is down), in (−π/2, π/2].
    pub angle_rad: f64,
}

/// Circumference of an ellipse of semi-axes `a` and `b` by Ramanujan's second approximation,
/// π(a+b)(1 + 3h/(10 + √(4−3h))) with h = ((a−b)/(a+b))² (Ramanujan 1914). The relative error is below 1e-6 for
/// the shapes of heads (b/a > 0.6).
pub fn circumference(a: f64, b: f64) -> f64 {
    let sum = a + b;
    if sum <= 0.0 {
        return 0.0;
    }
    let h = ((a - b) / sum).powi(2);
    std::f64::consts::PI * sum * (1.0 + 3.0 * h / (10.0 + (4.0 - 3.0 * h).sqrt()))
}

impl Ellipse {
    /// Area inside.
    pub fn area(&self) -> f64 {
        std::f64::consts::PI * self.semi_major * self.semi_minor
    }

    /// Circumference, see [`circumference`].
    pub fn circumference(&self) -> f64 {
        circumference(self.semi_major, self.semi_minor)
    }

    /// The same ellipse on the picture, `unit_per_px_x` and `unit_per_px_y` being the size of a pixel.
    pub fn in_frame(&self, unit_per_px_x: f64, unit_per_px_y: f64) -> EllipseInFrame {
        let (sin, cos) = self.angle_rad.sin_cos();
        EllipseInFrame {
            center: PointInFrame { x_px: self.center_x / unit_per_px_x, y_px: self.center_y / unit_per_px_y },
            major_px: (self.semi_major * cos / unit_per_px_x, self.semi_major * sin / unit_per_px_y),
            minor_px: (-self.semi_minor * sin / unit_per_px_x, self.semi_minor * cos / unit_per_px_y),
        }
    }

    /// The ellipse with the same area moments up to the second order: centroid, and the covariance
    /// [[xx, xy], [xy, yy]] of the area. Semi-axes are 2·√λ. `None` for degenerate moments.
    pub fn from_moments(center: (f64, f64), xx: f64, xy: f64, yy: f64) -> Option<Self> {
        let mean = (xx + yy) / 2.0;
        let spread = ((xx - yy) / 2.0).hypot(xy);
        let (large, small) = (mean + spread, mean - spread);
        if !(small > 0.0 && large.is_finite()) {
            return None;
        }
        Some(Self {
            center_x: center.0,
            center_y: center.1,
            semi_major: 2.0 * large.sqrt(),
            semi_minor: 2.0 * small.sqrt(),
            // Adding 0 turns −0 to 0: an upright ellipse lies at +π/2, never at −π/2.
            angle_rad: 0.5 * (2.0 * xy + 0.0).atan2(xx - yy),
        })
    }

    /// The ellipse nearest to boundary points in the sense of direct least squares: Fitzgibbon, Pilu & Fisher 1999
    /// (doi:10.1109/34.765658) in the numerically stable form of Halíř & Flusser 1998. Right for open or partial
    /// outlines too. `None` for fewer than 6 points or where the points are no ellipse.
    pub fn fit_boundary(points: &[(f64, f64)]) -> Option<Self> {
        if points.len() < 6 {
            return None;
        }
        // Centred and scaled to a mean distance of 1, or the fourth powers below lose their digits.
        let n = points.len() as f64;
        let (mx, my) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
        let scale = points.iter().map(|p| (p.0 - mx).hypot(p.1 - my)).sum::<f64>() / n;
        if !(scale > 0.0 && scale.is_finite()) {
            return None;
        }
        let (mut s1, mut s2, mut s3) = (Matrix3::zeros(), Matrix3::zeros(), Matrix3::zeros());
        for p in points {
            let (x, y) = ((p.0 - mx) / scale, (p.1 - my) / scale);
            let quadratic = Vector3::new(x * x, x * y, y * y);
            let linear = Vector3::new(x, y, 1.0);
            s1 += quadratic * quadratic.transpose();
            s2 += quadratic * linear.transpose();
            s3 += linear * linear.transpose();
        }
        let t = -s3.try_inverse()? * s2.transpose();
        let m = s1 + s2 * t;
        // Multiplied by the inverse of the constraint matrix of 4ac − b² = 1.
        let m = Matrix3::from_rows(&[m.row(2) / 2.0, -m.row(1), m.row(0) / 2.0]);
        if !m.iter().all(|v| v.is_finite()) {
            return None;
        }
        // Bounded: points of very different magnitudes can leave a matrix on which the iteration never settles.
        let conic = Schur::try_new(m, f64::EPSILON, 200)?
            .complex_eigenvalues()
            .iter()
            .filter(|value| value.im.abs() < 1e-9 * (1.0 + value.re.abs()))
            .filter_map(|value| null_vector(m - Matrix3::identity() * value.re))
            .find(|v| 4.0 * v.x * v.z - v.y * v.y > 0.0)?;
        let rest = t * conic;
        let fitted = Self::from_conic([conic.x, conic.y, conic.z, rest.x, rest.y, rest.z])?;
        Some(Self {
            center_x: fitted.center_x * scale + mx,
            center_y: fitted.center_y * scale + my,
            semi_major: fitted.semi_major * scale,
            semi_minor: fitted.semi_minor * scale,
            angle_rad: fitted.angle_rad,
        })
    }

    /// From a·x² + b·xy + c·y² + d·x + e·y + f = 0.
    fn from_conic([a, b, c, d, e, f]: [f64; 6]) -> Option<Self> {
        let det = 4.0 * a * c - b * b;
        if det <= 0.0 {
            return None;
        }
        let (x, y) = ((b * e - 2.0 * c * d) / det, (b * d - 2.0 * a * e) / det);
        let at_center = f + (d * x + e * y) / 2.0;
        // (x − centre)ᵀ Q (x − centre) = −at_center with Q = [[a, b/2], [b/2, c]].
        let (xx, xy, yy) = (a / -at_center, b / 2.0 / -at_center, c / -at_center);
        let mean = (xx + yy) / 2.0;
        let spread = ((xx - yy) / 2.0).hypot(xy);
        let (large, small) = (mean + spread, mean - spread);
        if !(small > 0.0 && large.is_finite()) {
            return None;
        }
        // The major axis belongs to the smaller eigenvalue, hence the signs.
        let mut angle_rad = 0.5 * (-2.0 * xy).atan2(yy - xx);
        if angle_rad <= -std::f64::consts::FRAC_PI_2 {
            angle_rad += std::f64::consts::PI;
        }
        Some(Self {
            center_x: x,
            center_y: y,
            semi_major: small.sqrt().recip(),
            semi_minor: large.sqrt().recip(),
            angle_rad,
        })
    }
}

/// A vector that a matrix of rank two sends to zero: the largest cross product of two of its rows.
fn null_vector(m: Matrix3<f64>) -> Option<Vector3<f64>> {
    let rows: [Vector3<f64>; 3] = [m.row(0).transpose(), m.row(1).transpose(), m.row(2).transpose()];
    let crosses = [rows[0].cross(&rows[1]), rows[1].cross(&rows[2]), rows[2].cross(&rows[0])];
    crosses
        .into_iter()
        .max_by(|a, b| a.norm_squared().total_cmp(&b.norm_squared()))
        .and_then(|v| v.try_normalize(f64::MIN_POSITIVE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn circumference_of_known_ellipses() {
        // A circle is exact. 4·a·E(e) for a = 60, b = 40 is 317.2946 (complete elliptic integral of the second
        // kind, computed here by the arithmetic–geometric mean).
        assert!((circumference(1.0, 1.0) - 2.0 * std::f64::consts::PI).abs() < 1e-15);
        assert!((circumference(60.0, 40.0) / exact(60.0, 40.0) - 1.0).abs() < 1e-8);
        assert!((circumference(100.0, 60.0) / exact(100.0, 60.0) - 1.0).abs() < 1e-6);
        assert_eq!(circumference(0.0, 0.0), 0.0);
    }

    /// Exact perimeter by the arithmetic–geometric mean (Gauss; DLMF 19.8.6 with 19.9.9).
    fn exact(a: f64, b: f64) -> f64 {
        let (mut x, mut y, mut power, mut sum) = (a, b, 0.5, 0.5 * (a * a - b * b));
        while (x - y).abs() > 1e-14 * x {
            let c = (x - y) / 2.0;
            (x, y) = ((x + y) / 2.0, (x * y).sqrt());
            power *= 2.0;
            sum += power * c * c;
        }
        2.0 * std::f64::consts::PI * (a * a - sum) / x
    }

    fn boundary(e: &Ellipse, from: f64, to: f64, count: usize) -> Vec<(f64, f64)> {
        let (sin, cos) = e.angle_rad.sin_cos();
        (0..count)
            .map(|i| {
                let (v, u) = (from + (to - from) * i as f64 / count as f64).sin_cos();
                let (u, v) = (u * e.semi_major, v * e.semi_minor);
                (e.center_x + u * cos - v * sin, e.center_y + u * sin + v * cos)
            })
            .collect()
    }

    fn close(a: &Ellipse, b: &Ellipse, tolerance: f64) -> bool {
        let turn = (a.angle_rad - b.angle_rad).sin().abs();
        (a.center_x - b.center_x).abs() < tolerance
            && (a.center_y - b.center_y).abs() < tolerance
            && (a.semi_major - b.semi_major).abs() < tolerance
            && (a.semi_minor - b.semi_minor).abs() < tolerance
            && turn * (a.semi_major / a.semi_minor - 1.0) < tolerance
    }

    proptest! {
        #[test]
        fn boundary_points_give_back_their_ellipse(
            x in -500.0..500.0_f64, y in -500.0..500.0_f64, a in 5.0..200.0_f64, ratio in 0.3..0.98_f64,
            angle in -1.57..1.57_f64, span in 0.45..1.0_f64) {
            let e = Ellipse { center_x: x, center_y: y, semi_major: a, semi_minor: a * ratio, angle_rad: angle };
            let points = boundary(&e, 0.3, 0.3 + span * std::f64::consts::TAU, 80);
            let fit = Ellipse::fit_boundary(&points);
            prop_assert!(fit.is_some());
            prop_assert!(fit.is_some_and(|f| close(&e, &f, 1e-4 * a)), "{e:?} {fit:?}");
        }

        #[test]
        fn moments_give_back_their_ellipse(a in 5.0..200.0_f64, ratio in 0.3..0.98_f64, angle in -1.57..1.57_f64) {
            let (sin, cos) = angle.sin_cos();
            let (l, s) = (a * a / 4.0, (a * ratio).powi(2) / 4.0);
            let fit = Ellipse::from_moments(
                (1.0, 2.0), l * cos * cos + s * sin * sin, (l - s) * sin * cos, l * sin * sin + s * cos * cos);
            let e = Ellipse { center_x: 1.0, center_y: 2.0, semi_major: a, semi_minor: a * ratio, angle_rad: angle };
            prop_assert!(fit.is_some_and(|f| close(&e, &f, 1e-9 * a)), "{e:?} {fit:?}");
        }

        #[test]
        fn any_points_are_survived(points in proptest::collection::vec((any::<f64>(), any::<f64>()), 0..20)) {
            let _ = Ellipse::fit_boundary(&points);
        }
    }

    #[test]
    fn a_line_is_no_ellipse() {
        let line: Vec<_> = (0..20).map(|i| (f64::from(i), 2.0 * f64::from(i))).collect();
        assert_eq!(Ellipse::fit_boundary(&line), None);
        assert_eq!(Ellipse::from_moments((0.0, 0.0), 1.0, 1.0, 1.0), None);
    }

    #[test]
    fn on_the_picture_the_axes_carry_the_aspect() {
        let e = Ellipse { center_x: 30.0, center_y: 15.0, semi_major: 6.0, semi_minor: 3.0, angle_rad: 0.0 };
        let f = e.in_frame(0.3, 0.15);
        assert!((f.center.x_px - 100.0).abs() < 1e-9 && (f.center.y_px - 100.0).abs() < 1e-9);
        assert!((f.major_px.0 - 20.0).abs() < 1e-9 && (f.minor_px.1 - 20.0).abs() < 1e-9);
    }
}

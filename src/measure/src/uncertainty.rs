//! From the doubts about outline and scale to the doubt about a value (k = 1).
//!
//! Two sources are carried (JCGM 100:2008, 5.1.2): where an outline lies across itself, and the scale. They are
//! independent. The outline's error is taken as common to the whole rim, which is the upper bound: errors that
//! change from place to place average out. A ratio of two lengths of one picture does not know the scale.

use std::f64::consts::{PI, SQRT_2};

/// What the uncertainty of every value of one outline comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutlineUncertainty {
    /// Standard uncertainty of where the outline lies, across it, in the unit of length.
    pub boundary: f64,
    /// Relative standard uncertainty of the scale, 0 where there is none.
    pub scale: f64,
}

impl OutlineUncertainty {
    /// Of a length of which both ends lie on the outline: u² = 2·u_b² + (L·u_s)².
    pub fn length(&self, length: f64) -> f64 {
        (SQRT_2 * self.boundary).hypot(length * self.scale)
    }

    /// Of a circumference or perimeter: an outline that lies u_b too far out is 2π·u_b too long;
    /// u² = (2π·u_b)² + (P·u_s)².
    pub fn circumference(&self, circumference: f64) -> f64 {
        (2.0 * PI * self.boundary).hypot(circumference * self.scale)
    }

    /// Of an area with a rim of length `perimeter`: u² = (P·u_b)² + (2·A·u_s)².
    pub fn area(&self, area: f64, perimeter: f64) -> f64 {
        (perimeter * self.boundary).hypot(2.0 * area * self.scale)
    }

    /// Of the diameter of the circle with the same area, D = 2·√(A/π): u_D = u_A·D/(2·A).
    pub fn equivalent_diameter(&self, area: f64, perimeter: f64) -> f64 {
        self.area(area, perimeter) / (PI * area).sqrt()
    }

    /// Of the ratio `over / under` of two lengths measured apart. The scale cancels.
    pub fn length_ratio(&self, over: f64, under: f64) -> f64 {
        let ends = SQRT_2 * self.boundary;
        ratio(over, ends, under, ends)
    }

    /// Of the ratio `over / under` of two areas, each with its rim. The scale cancels.
    pub fn area_ratio(&self, over: (f64, f64), under: (f64, f64)) -> f64 {
        ratio(over.0, over.1 * self.boundary, under.0, under.1 * self.boundary)
    }

    /// Of the volume π/6·d₁·d₂·d₃ of an ellipsoid. The scale is common to the three, hence 3·u_s; their ends
    /// are not: u² = V²·(Σ(√2·u_b/dᵢ)² + (3·u_s)²).
    pub fn ellipsoid_volume(&self, diameters: [f64; 3]) -> f64 {
        let volume = PI / 6.0 * diameters.iter().product::<f64>();
        let ends: f64 = diameters.iter().map(|d| (SQRT_2 * self.boundary / d).powi(2)).sum();
        volume.abs() * (ends + (3.0 * self.scale).powi(2)).sqrt()
    }
}

/// Standard uncertainty of `over / under` from those of the two, which are independent.
pub fn ratio(over: f64, over_uncertainty: f64, under: f64, under_uncertainty: f64) -> f64 {
    // Written so that a numerator of 0 keeps its uncertainty.
    (over_uncertainty / under).hypot(over * under_uncertainty / (under * under))
}

/// Standard uncertainty of a sum or difference of two independent values.
pub fn difference(a_uncertainty: f64, b_uncertainty: f64) -> f64 {
    a_uncertainty.hypot(b_uncertainty)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: OutlineUncertainty = OutlineUncertainty { boundary: 0.0, scale: 0.02 };
    const EDGE: OutlineUncertainty = OutlineUncertainty { boundary: 0.1, scale: 0.0 };

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12 * b.abs().max(1.0)
    }

    #[test]
    fn a_scale_counts_once_twice_three_times() {
        // 2 % of scale: 2 % of a length, 4 % of an area, 6 % of a volume, nothing of a ratio.
        assert!(near(SCALE.length(50.0), 1.0));
        assert!(near(SCALE.circumference(50.0), 1.0));
        assert!(near(SCALE.area(100.0, 36.0), 4.0));
        let volume = PI / 6.0 * 24.0;
        assert!(near(SCALE.ellipsoid_volume([2.0, 3.0, 4.0]), 0.06 * volume));
        assert_eq!(SCALE.length_ratio(3.0, 4.0), 0.0);
        assert_eq!(SCALE.area_ratio((3.0, 7.0), (4.0, 8.0)), 0.0);
    }

    #[test]
    fn an_edge_counts_by_how_much_of_it_there_is() {
        assert!(near(EDGE.length(50.0), 0.1 * SQRT_2));
        assert!(near(EDGE.circumference(50.0), 0.2 * PI));
        // A disc of radius 5 whose rim is 0.1 off: dA = 2πr·dr, dD = 2·dr.
        let (area, rim) = (25.0 * PI, 10.0 * PI);
        assert!(near(EDGE.area(area, rim), PI));
        assert!(near(EDGE.equivalent_diameter(area, rim), 0.2));
        // 0.1·√2 of 10 and of 20: 1.41 % and 0.71 %.
        assert!(near(EDGE.length_ratio(10.0, 20.0), 0.5 * (2.0e-4_f64 + 0.5e-4).sqrt()));
        assert!(near(EDGE.ellipsoid_volume([10.0; 3]), PI / 6.0 * 1000.0 * (6.0e-4_f64).sqrt()));
    }

    #[test]
    fn ratios_against_a_finite_difference() {
        let (a, ua, b, ub) = (3.0_f64, 0.02_f64, 7.0_f64, 0.05_f64);
        let h = 1e-6;
        let da = ((a + h) / b - a / b) / h * ua;
        let db = (a / (b + h) - a / b) / h * ub;
        assert!((ratio(a, ua, b, ub) - da.hypot(db)).abs() < 1e-6);
        assert!(near(ratio(0.0, ua, b, ub), ua / b));
        assert!(near(difference(0.3, 0.4), 0.5));
    }
}

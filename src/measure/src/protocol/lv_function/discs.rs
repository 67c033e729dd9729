//! The method of discs and the area–length method.
//!
//! V = (π/4)·Σ dᵢ²·(L/20): twenty discs of equal height on the long axis, each as wide as the cavity across
//! the axis at its middle ("modified Simpson"; Lang et al. 2015, doi:10.1016/j.echo.2014.10.003).

use super::axis::LongAxis;
use crate::units::Mm;

type Point = (f64, f64);

/// Number of discs.
pub const DISCS: usize = 20;

/// A ventricle cut across its long axis, in the unit of its plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discs {
    /// Length of the long axis.
    pub length: f64,
    /// Width of the cavity at the middle of each disc, base first.
    pub diameters: [f64; DISCS],
    /// Both ends of each width.
    pub chords: [[Point; 2]; DISCS],
    /// Whether a chord is in pieces with a gap too wide to be closed: then the pieces count without it.
    pub is_broken: bool,
}

impl Discs {
    /// Cuts polygons (the outer outline and its holes) across an axis. Gaps narrower than `closed_gap` are
    /// closed.
    pub fn of(polygons: &[Vec<Point>], axis: &LongAxis, closed_gap: f64) -> Self {
        let length = axis.length();
        let along = ((axis.apex.0 - axis.base.0) / length, (axis.apex.1 - axis.base.1) / length);
        let height = length / DISCS as f64;
        // Of each point: which disc's middle it lies at or before, and how far across the axis it is.
        let mut crossings: [Vec<f64>; DISCS] = std::array::from_fn(|_| Vec::new());
        for polygon in polygons {
            for (p, q) in polygon.iter().zip(polygon.iter().cycle().skip(1)) {
                let local = |p: &Point| {
                    let (x, y) = (p.0 - axis.base.0, p.1 - axis.base.1);
                    (x * along.0 + y * along.1, y * along.0 - x * along.1)
                };
                let ((z0, w0), (z1, w1)) = (local(p), local(q));
                let (low, high) = (z0.min(z1), z0.max(z1));
                for (i, found) in crossings.iter_mut().enumerate() {
                    let middle = (i as f64 + 0.5) * height;
                    // Half open, so that a vertex on the line counts once.
                    if low <= middle && middle < high {
                        found.push(w0 + (w1 - w0) * (middle - z0) / (z1 - z0));
                    }
                }
            }
        }
        let mut discs =
            Self { length, diameters: [0.0; DISCS], chords: [[axis.base; 2]; DISCS], is_broken: false };
        let places = discs.diameters.iter_mut().zip(&mut discs.chords);
        for ((i, found), (diameter, chord)) in crossings.iter_mut().enumerate().zip(places) {
            found.sort_unstable_by(f64::total_cmp);
            let middle = (i as f64 + 0.5) * height;
            let at = |w: f64| {
                (axis.base.0 + middle * along.0 - w * along.1, axis.base.1 + middle * along.1 + w * along.0)
            };
            let (first, last) = (found.first().copied().unwrap_or(0.0), found.last().copied().unwrap_or(0.0));
            *chord = [at(first), at(last)];
            *diameter = last - first;
            let gaps = found.iter().zip(found.iter().skip(1)).skip(1).step_by(2).map(|(from, to)| to - from);
            for gap in gaps.filter(|gap| *gap >= closed_gap) {
                *diameter -= gap;
                discs.is_broken = true;
            }
        }
        discs
    }

    /// The volume, in the cube of the plane's unit of length.
    pub fn volume(&self) -> f64 {
        let squares: f64 = self.diameters.iter().map(|d| d * d).sum();
        std::f64::consts::FRAC_PI_4 * squares * self.length / DISCS as f64
    }

    /// How much the volume grows where the whole outline lies `boundary` further out: each disc gains on both
    /// sides, and one end on the axis.
    pub fn boundary_effect(&self, boundary: f64) -> f64 {
        let sum: f64 = self.diameters.iter().sum();
        boundary * (std::f64::consts::PI * sum * self.length / DISCS as f64 + self.volume() / self.length)
    }
}

/// Single-plane area–length volume V = 8A²/(3πL), in the cube of the unit of length. Exact for a prolate
/// ellipsoid.
pub fn area_length(area: f64, length: f64) -> f64 {
    8.0 * area * area / (3.0 * std::f64::consts::PI * length)
}

/// Bullet volume from a short-axis area and a long axis, V = ⅚·A·L, in the cube of the unit of length.
pub fn bullet(short_axis_area: f64, length: f64) -> f64 {
    5.0 / 6.0 * short_axis_area * length
}

/// What one plane of a biplane volume is made of: one ventricle at one moment. A run that is to be combined
/// with another keeps these for end diastole and end systole of each beat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaneDiscs {
    /// Length of the long axis.
    pub length: Mm,
    /// Width of each disc, base first.
    pub diameters: [Mm; DISCS],
}

impl PlaneDiscs {
    /// Of discs whose plane is in millimetres.
    pub fn from_millimetres(discs: &Discs) -> Self {
        Self { length: Mm(discs.length), diameters: discs.diameters.map(Mm) }
    }
}

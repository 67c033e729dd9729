//! An ellipsoid in two planes through its middle.

use std::f64::consts::{PI, TAU};

use crate::ellipse::PlacedEllipse;

use super::record::SceneClass;
use super::scan::Shape;
use super::sonograph::{Rigid, Sonograph};

/// Points of the outline.
const OUTLINE_POINTS: u32 = 720;

/// One plane.
pub(crate) struct Section<P> {
    pub(crate) plane: P,
    /// Its "long axis" is the one that lies across the beams when nothing turns, whichever is longer.
    pub(crate) body: PlacedEllipse,
    pub(crate) picture: Sonograph,
}

/// How far a section reaches.
pub(crate) struct Extents {
    /// Direction of the axis that lies across when nothing turns, clockwise from +x.
    pub(crate) angle_rad: f64,
    /// Along the picture's x.
    pub(crate) width_mm: f64,
    /// Along the picture's y, `2 √(a² sin² + b² cos²)`.
    pub(crate) depth_mm: f64,
    pub(crate) feret_max_mm: f64,
    pub(crate) feret_min_mm: f64,
}

impl<P> Section<P> {
    pub(crate) fn contains(&self, point_mm: [f64; 2]) -> bool {
        let [u, v] = self.body.local(point_mm);
        let (u, v) = (u / self.body.semi_major_mm, v / self.body.semi_minor_mm);
        u * u + v * v <= 1.0
    }

    pub(crate) fn shape(&self, class: SceneClass, sway: &Rigid) -> Shape {
        let points = (0..OUTLINE_POINTS)
            .map(|k| self.body.outline_point(TAU * f64::from(k) / f64::from(OUTLINE_POINTS)));
        Shape::of_tissue(class, PI * self.body.semi_major_mm * self.body.semi_minor_mm, sway, points)
    }

    /// With the body turned by `tilt_deg` in the tissue, and the probe by its sway.
    pub(crate) fn extents(&self, tilt_deg: f64, sway: &Rigid) -> Extents {
        let angle_rad = tilt_deg.to_radians() + sway.angle_rad;
        let (sin, cos) = libm::sincos(angle_rad);
        let (across, deep) = (self.body.semi_major_mm, self.body.semi_minor_mm);
        let extent = |c: f64, s: f64| 2.0 * (across * across * c * c + deep * deep * s * s).sqrt();
        Extents {
            angle_rad,
            width_mm: extent(cos, sin),
            depth_mm: extent(sin, cos),
            feret_max_mm: 2.0 * across.max(deep),
            feret_min_mm: 2.0 * across.min(deep),
        }
    }
}

/// The plane that a clip shows, and where it changes the other.
pub(crate) struct TwoPlanes<P> {
    first: Section<P>,
    second: Option<(u64, Section<P>)>,
}

impl<P> TwoPlanes<P> {
    /// The clip shows the first of the planes and, from frame `switch_at_frame` on, the other.
    pub(crate) fn new(
        [first, other]: [P; 2],
        switch_at_frame: Option<u64>,
        section: impl Fn(P) -> Section<P>,
    ) -> Self {
        Self { first: section(first), second: switch_at_frame.map(|at| (at, section(other))) }
    }

    pub(crate) fn at(&self, frame_index: u64) -> &Section<P> {
        match &self.second {
            Some((at, second)) if frame_index >= *at => second,
            _ => &self.first,
        }
    }
}

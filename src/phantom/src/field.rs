//! The field that the probe insonifies: beams, depths and what of the picture they cover.

use serde::{Deserialize, Serialize};

use crate::error::PhantomError;
use crate::validate::check;

/// Shape of the scanned field. The probe's face looks down; its middle sits at the picture's top edge, half-way across,
/// moved by [`FetalHeadScene::probe_offset_mm`](crate::FetalHeadScene::probe_offset_mm).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ScanField {
    /// Convex probe: a sector between two arcs, its apex above the picture.
    Fan {
        /// Full opening angle in degrees (10 to 170).
        opening_deg: f64,
        /// Radius of the probe's face in mm (1 to 200).
        probe_radius_mm: f64,
        /// Depth below the face in mm; absent: down to the picture's bottom edge.
        #[serde(default)]
        depth_mm: Option<f64>,
    },
    /// Linear probe: a rectangle.
    Linear {
        /// Width in mm; absent: 90 % of the picture.
        #[serde(default)]
        width_mm: Option<f64>,
        /// Depth in mm; absent: down to the picture's bottom edge.
        #[serde(default)]
        depth_mm: Option<f64>,
    },
}

impl Default for ScanField {
    fn default() -> Self {
        Self::Fan { opening_deg: 76.0, probe_radius_mm: 50.0, depth_mm: None }
    }
}

impl ScanField {
    pub(crate) fn validate(&self) -> Result<(), PhantomError> {
        let depth = |depth: Option<f64>| match depth {
            Some(mm) => check("field.depth_mm", mm, 0.1, 10_000.0, "mm"),
            None => Ok(()),
        };
        match *self {
            Self::Fan { opening_deg, probe_radius_mm, depth_mm } => {
                check("field.opening_deg", opening_deg, 10.0, 170.0, "deg")?;
                check("field.probe_radius_mm", probe_radius_mm, 1.0, 200.0, "mm")?;
                depth(depth_mm)
            }
            Self::Linear { width_mm, depth_mm } => {
                if let Some(mm) = width_mm {
                    check("field.width_mm", mm, 0.1, 10_000.0, "mm")?;
                }
                depth(depth_mm)
            }
        }
    }
}

/// Beam coordinates of a picture: `lateral` is the beam's angle in radians (fan) or its x in mm (linear), `range` the
/// distance in mm from the fan's apex or from the linear probe's face.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beams {
    kind: Kind,
    /// The apex of a fan, or the middle of a linear probe's face, in mm.
    origin_mm: [f64; 2],
    pub(crate) face_range_mm: f64,
    pub(crate) depth_mm: f64,
    pub(crate) half_width: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Fan,
    Linear,
}

impl Beams {
    pub(crate) fn new(
        field: &ScanField,
        size_px: [u32; 2],
        mm_per_px: [f64; 2],
        probe_offset_mm: [f64; 2],
    ) -> Self {
        // The picture spans [−½, size − ½] pixels.
        let top_mm = -0.5 * mm_per_px[1];
        let bottom_mm = (f64::from(size_px[1]) - 0.5) * mm_per_px[1];
        let middle_mm = 0.5 * (f64::from(size_px[0]) - 1.0) * mm_per_px[0];
        let face = [middle_mm + probe_offset_mm[0], top_mm + probe_offset_mm[1]];
        let to_bottom = (bottom_mm - face[1]).max(mm_per_px[1]);
        match *field {
            ScanField::Fan { opening_deg, probe_radius_mm, depth_mm } => Self {
                kind: Kind::Fan,
                origin_mm: [face[0], face[1] - probe_radius_mm],
                face_range_mm: probe_radius_mm,
                depth_mm: depth_mm.unwrap_or(to_bottom),
                half_width: 0.5 * opening_deg.to_radians(),
            },
            ScanField::Linear { width_mm, depth_mm } => Self {
                kind: Kind::Linear,
                origin_mm: face,
                face_range_mm: 0.0,
                depth_mm: depth_mm.unwrap_or(to_bottom),
                half_width: 0.5 * width_mm.unwrap_or(0.9 * f64::from(size_px[0]) * mm_per_px[0]),
            },
        }
    }

    /// `(lateral, range)` of a point in mm.
    pub(crate) fn coordinates(&self, point_mm: [f64; 2]) -> (f64, f64) {
        let x = point_mm[0] - self.origin_mm[0];
        let y = point_mm[1] - self.origin_mm[1];
        match self.kind {
            Kind::Fan => (libm::atan2(x, y), (x * x + y * y).sqrt()),
            Kind::Linear => (x, y),
        }
    }

    /// Where the beam starts to be counted from (range 0) and its unit direction.
    pub(crate) fn ray(&self, lateral: f64) -> ([f64; 2], [f64; 2]) {
        match self.kind {
            Kind::Fan => (self.origin_mm, [libm::sin(lateral), libm::cos(lateral)]),
            Kind::Linear => ([self.origin_mm[0] + lateral, self.origin_mm[1]], [0.0, 1.0]),
        }
    }

    /// How many mm one unit of `lateral` is at a range.
    pub(crate) fn mm_per_lateral(&self, range_mm: f64) -> f64 {
        match self.kind {
            Kind::Fan => range_mm.max(1e-6),
            Kind::Linear => 1.0,
        }
    }

    /// Whether the field covers the point with these beam coordinates.
    pub(crate) fn covers(&self, lateral: f64, range_mm: f64) -> bool {
        let depth = range_mm - self.face_range_mm;
        lateral.abs() <= self.half_width && (0.0..=self.depth_mm).contains(&depth)
    }

    /// Position across the field, −1 at its left edge, 1 at its right.
    pub(crate) fn across(&self, lateral: f64) -> f64 {
        lateral / self.half_width
    }
}

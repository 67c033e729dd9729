//! What is known of the nodule.

use serde::{Deserialize, Serialize};

use super::NodulePlane;

/// The nodule in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoduleFrame {
    /// Plane that is shown.
    pub plane: NodulePlane,
    /// Longer axis of the section in mm: the largest Feret diameter.
    pub feret_max_mm: f64,
    /// Shorter axis of the section in mm: the smallest Feret diameter.
    pub feret_min_mm: f64,
    /// Extent along the beams (the picture's y) in mm, `2 √(a² sin² + b² cos²)`.
    pub depth_extent_mm: f64,
    /// Extent across the beams (the picture's x) in mm.
    pub width_extent_mm: f64,
    /// Extent in depth over extent across, as shown: taller than wide above 1.
    pub taller_than_wide: f64,
    /// Direction of the axis that lies across when nothing turns, in degrees clockwise from +x, with the probe's turn.
    pub angle_deg: f64,
    /// Middle of the section in pixels.
    pub center_px: [f64; 2],
}

/// The nodule over a clip.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoduleClip {
    /// Diameter in depth (antero-posterior) in mm.
    pub depth_diameter_mm: f64,
    /// Diameter across the neck (transverse) in mm.
    pub width_diameter_mm: f64,
    /// Diameter along the neck (craniocaudal) in mm.
    pub length_diameter_mm: f64,
    /// `π/6 · d₁ d₂ d₃` in mL.
    pub volume_ml: f64,
    /// Depth over width in the transverse plane when nothing turns.
    pub taller_than_wide: f64,
    /// First frame of the second plane, where the clip has one.
    pub switch_at_frame: Option<u64>,
}

//! What is known of the bladder.

use serde::{Deserialize, Serialize};

use super::BladderPlane;

/// The bladder in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BladderFrame {
    /// Plane that is shown.
    pub plane: BladderPlane,
    /// Extent along the picture's y in mm, `2 √(a² sin² + b² cos²)`.
    pub height_extent_mm: f64,
    /// Extent along the picture's x in mm: the width or the length, by the plane.
    pub across_extent_mm: f64,
    /// Longer axis of the section in mm: the largest Feret diameter.
    pub feret_max_mm: f64,
    /// Direction of the axis that lies across when nothing turns, in degrees clockwise from +x, with the probe's turn.
    pub angle_deg: f64,
    /// Middle of the section in pixels.
    pub center_px: [f64; 2],
}

/// The bladder over a clip.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BladderClip {
    /// Diameter across the body in mm.
    pub width_mm: f64,
    /// Diameter in depth in mm.
    pub height_mm: f64,
    /// Diameter along the body in mm.
    pub length_mm: f64,
    /// `π/6 · W H L` in mL.
    pub volume_ml: f64,
    /// First frame of the second plane, where the clip has one.
    pub switch_at_frame: Option<u64>,
}

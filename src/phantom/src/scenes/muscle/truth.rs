//! What is known of the muscle.

use serde::{Deserialize, Serialize};

/// The muscle in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MuscleFrame {
    /// Thickness across the deep border in mm, mean over the middle third of the deep border within the field. The borders
    /// are straight, so that the mean is the thickness at the third's middle.
    pub thickness_mm: f64,
    /// Smallest and largest thickness across the deep border within the middle third, in mm.
    pub thickness_range_mm: [f64; 2],
    /// Direction of the deep border in degrees clockwise from +x, with the probe's turn.
    pub deep_deg: f64,
    /// Where the mean stands: superficial and deep border, in pixels.
    pub caliper_px: [[f64; 2]; 2],
    /// How far the muscle is contracted, 0 to 1.
    pub activity: f64,
}

/// The muscle over a clip.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MuscleClip {
    /// Thickness at rest under the middle of the field, in mm.
    pub rest_mm: f64,
    /// The same at full contraction, in mm.
    pub contracted_mm: f64,
    /// Time from rest to rest in seconds.
    pub period_s: f64,
}

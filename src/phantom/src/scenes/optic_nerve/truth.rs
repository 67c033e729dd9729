//! What is known of the nerve's sheath.

use serde::{Deserialize, Serialize};

/// The eye and the nerve in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpticNerveFrame {
    /// Outer width of the sheath 3 mm behind the globe, across the nerve, in mm.
    pub sheath_mm: f64,
    /// Diameter of the globe in mm.
    pub globe_mm: f64,
    /// Direction of the nerve in degrees clockwise from straight down, with the probe's turn.
    pub nerve_deg: f64,
    /// Where the nerve's axis leaves the globe, in pixels.
    pub junction_px: [f64; 2],
    /// The sheath's outer borders 3 mm behind the globe, in pixels.
    pub site_px: [[f64; 2]; 2],
}

/// The eye and the nerve over a clip.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpticNerveClip {
    /// Outer width of the sheath 3 mm behind the globe, in mm.
    pub sheath_mm: f64,
    /// Diameter of the globe in mm.
    pub globe_mm: f64,
}

//! What is known of the vein.

use serde::{Deserialize, Serialize};

/// The inferior vena cava in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IvcFrame {
    /// Breath that the frame lies in, which starts with breathing in; breath 0 has begun before the clip.
    pub breath: u64,
    /// Share of the breath that has passed, 0 to 1.
    pub phase: f64,
    /// Diameter across the axis at the site that follows the tissue, in mm, without the frame's noise.
    pub diameter_mm: f64,
    /// The same in mm as drawn, noise included.
    pub drawn_diameter_mm: f64,
    /// Diameter in mm, without noise, where the site lies at the end of breathing out: what a site that stays in the
    /// picture measures. 0 where the vein has slid away from it.
    pub fixed_site_diameter_mm: f64,
    /// How far the tissue has slid along the axis from its place at the end of breathing out, in mm.
    pub slide_mm: f64,
    /// Direction of the axis in degrees clockwise from +x, in mm space, with the probe's turn.
    pub axis_deg: f64,
    /// Middle of the junction with the atrium, in pixels.
    pub junction_px: [f64; 2],
    /// Near and far wall at the site that follows the tissue, in pixels, as drawn.
    pub site_px: [[f64; 2]; 2],
}

/// The inferior vena cava over a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IvcClip {
    /// Largest diameter at the site in mm.
    pub max_mm: f64,
    /// Smallest diameter at the site in mm in quiet breathing.
    pub min_mm: f64,
    /// `(max − min) / max` of quiet breathing, a ratio.
    pub collapsibility: f64,
    /// `(max − min) / min` of quiet breathing, a ratio.
    pub distensibility: f64,
    /// `(max − sniff) / max`, a ratio; absent when the clip has no whole sniff.
    pub sniff_collapsibility: Option<f64>,
    /// Breaths per minute: 60 over the median length in seconds of those that lie within the clip; absent without one.
    pub breath_rate_bpm: Option<f64>,
    /// Starts of breathing in within the clip, in nanoseconds: the vein is widest.
    pub widest_ns: Vec<i64>,
    /// Ends of breathing in within the clip, in nanoseconds: the vein is narrowest.
    pub narrowest_ns: Vec<i64>,
}

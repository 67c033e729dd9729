//! What is known of the artery.

use serde::{Deserialize, Serialize};

/// The artery in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VesselFrame {
    /// Beat that the frame lies in; beat 0 has begun before the clip.
    pub beat: u64,
    /// Share of the beat that has passed, 0 to 1.
    pub phase: f64,
    /// Whether this frame is the nearest to an end-diastole (the diameter's minimum).
    pub is_end_diastole: bool,
    /// Whether this frame is the nearest to a systolic peak (the diameter's maximum).
    pub is_systolic_peak: bool,
    /// Lumen diameter across the axis in mm, without the frame's noise.
    pub lumen_mm: f64,
    /// Lumen diameter across the axis in mm as drawn, noise included.
    pub drawn_lumen_mm: f64,
    /// Intima-media thickness of the far wall across the axis in mm, as drawn.
    pub intima_media_mm: f64,
    /// Direction of the axis in degrees clockwise from +x, in mm space, with the probe's turn.
    pub axis_deg: f64,
    /// Middle of the lumen at the middle of the field's width, in pixels.
    pub center_px: [f64; 2],
}

/// The artery over a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VesselClip {
    /// Smallest lumen diameter in mm.
    pub diastolic_mm: f64,
    /// Largest lumen diameter in mm.
    pub systolic_mm: f64,
    /// `(D_s − D_d) / D_d`, a ratio.
    pub distensibility: f64,
    /// Intima-media thickness at end-diastole in mm.
    pub intima_media_mm: f64,
    /// 60 over the median length in seconds of the beats that lie within the clip; absent without one.
    pub heart_rate_bpm: Option<f64>,
    /// End-diastoles within the clip, in nanoseconds.
    pub end_diastoles_ns: Vec<i64>,
    /// Systolic peaks within the clip, in nanoseconds.
    pub systolic_peaks_ns: Vec<i64>,
}

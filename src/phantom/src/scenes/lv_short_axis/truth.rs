//! What is known of the ventricle's section.

use serde::{Deserialize, Serialize};

/// The section in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LvShortAxisFrame {
    /// Beat that the frame lies in; beat 0 has begun before the clip.
    pub beat: u64,
    /// Share of the beat that has passed, 0 to 1.
    pub phase: f64,
    /// Whether this frame is the nearest to an end-diastole (the area's maximum).
    pub is_end_diastole: bool,
    /// Whether this frame is the nearest to an end-systole (the area's minimum).
    pub is_end_systole: bool,
    /// Area of the cavity in mm² without the frame's noise.
    pub area_mm2: f64,
    /// Area of the cavity that is drawn in mm², noise included. The lengths below are those of this one.
    pub drawn_area_mm2: f64,
    /// Long and short axis of the cavity in mm.
    pub axes_mm: [f64; 2],
    /// Direction of the long axis in degrees clockwise from +x, with the probe's turn.
    pub angle_deg: f64,
    /// Mean thickness of the heart muscle in mm: between circles of the areas that its borders enclose.
    pub wall_mm: f64,
    /// Middle of the cavity in pixels.
    pub center_px: [f64; 2],
}

/// The section over a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LvShortAxisClip {
    /// End-diastolic area in mm².
    pub eda_mm2: f64,
    /// End-systolic area in mm².
    pub esa_mm2: f64,
    /// Fractional area change in per cent, `100 (EDA − ESA) / EDA`.
    pub fac_percent: f64,
    /// 60 over the median length in seconds of the beats that lie within the clip; absent without one.
    pub heart_rate_bpm: Option<f64>,
    /// End-diastoles within the clip, in nanoseconds.
    pub end_diastoles_ns: Vec<i64>,
    /// End-systoles within the clip, in nanoseconds.
    pub end_systoles_ns: Vec<i64>,
}

//! What is known of the ventricle.

use serde::{Deserialize, Serialize};

/// The left ventricle in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LvFrame {
    /// Beat that the frame lies in; beat 0 has begun before the clip.
    pub beat: u64,
    /// Share of the beat that has passed, 0 to 1.
    pub phase: f64,
    /// Whether this frame is the nearest to an end-diastole (the volume's maximum).
    pub is_end_diastole: bool,
    /// Whether this frame is the nearest to an end-systole (the volume's minimum).
    pub is_end_systole: bool,
    /// Volume in mL without the frame's noise.
    pub volume_ml: f64,
    /// Volume in mL of the ventricle that is drawn, noise included. The outlines and lengths below are those of this one.
    pub drawn_volume_ml: f64,
    /// Area of the cavity's section as drawn, in mm².
    pub area_mm2: f64,
    /// Long axis of the section as drawn, in mm: middle of the mitral line to the apex that the plane shows.
    pub long_axis_mm: f64,
    /// Long axis of the ventricle that is drawn, in mm; longer than the section's when the plane leans.
    pub true_long_axis_mm: f64,
    /// Volume in mL of the section turned about its long axis: what the single-plane method of discs tends to.
    pub single_plane_volume_ml: f64,
    /// `8 A² / (3 π L)` of the section in mL: what the single-plane area-length method gives.
    pub area_length_volume_ml: f64,
    /// Width of the mitral line in mm.
    pub annulus_mm: f64,
    /// Hinge points of the mitral valve in pixels: the septal one (left in the picture), the lateral one.
    pub annulus_px: [[f64; 2]; 2],
    /// Apex that the plane shows, in pixels.
    pub apex_px: [f64; 2],
    /// Area of the left atrium's section in mm².
    pub atrium_area_mm2: f64,
    /// Length of the left atrium from the mitral line to its far wall, in mm.
    pub atrium_length_mm: f64,
}

/// One beat.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beat {
    /// Number; beat 0 has begun before the clip.
    pub index: u64,
    /// End-diastole that it starts with, in nanoseconds; negative for one before the clip.
    pub end_diastole_ns: i64,
    /// End-systole in nanoseconds.
    pub end_systole_ns: i64,
    /// Next end-diastole in nanoseconds.
    pub end_ns: i64,
    /// Length in ms.
    pub length_ms: f64,
    /// End-diastolic volume in mL.
    pub edv_ml: f64,
    /// End-systolic volume in mL.
    pub esv_ml: f64,
    /// Ejection fraction in per cent.
    pub ef_percent: f64,
    /// Whether it is one of the early beats.
    pub is_ectopic: bool,
    /// Whether both its end-diastoles lie within the clip.
    pub is_complete: bool,
}

/// The left ventricle over a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LvClip {
    /// End-diastolic volume of the regular beats in mL.
    pub edv_ml: f64,
    /// End-systolic volume of the regular beats in mL.
    pub esv_ml: f64,
    /// Ejection fraction of the regular beats in per cent.
    pub ef_percent: f64,
    /// Stroke volume of the regular beats in mL.
    pub stroke_volume_ml: f64,
    /// Ejection fraction in per cent that the single-plane method of discs tends to on the sections as shown; it differs
    /// from `ef_percent` when the plane leans.
    pub single_plane_ef_percent: f64,
    /// 60 over the median length in seconds of the complete beats; absent without one.
    pub heart_rate_bpm: Option<f64>,
    /// The beats that the clip touches.
    pub beats: Vec<Beat>,
}

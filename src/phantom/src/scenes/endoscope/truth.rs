//! What is known of the endoscope's view.

use serde::{Deserialize, Serialize};

/// The lesion in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LesionTruth {
    /// Largest Feret diameter in mm: the ellipse's long axis.
    pub feret_mm: f64,
    /// Largest Feret diameter in pixels.
    pub feret_px: f64,
    /// Short axis in mm.
    pub short_mm: f64,
    /// Middle in pixels.
    pub center_px: [f64; 2],
    /// Direction of the long axis in degrees clockwise from +x.
    pub angle_deg: f64,
    /// Area in pixels of the whole ellipse, covered by the tool or not.
    pub area_px: f64,
}

/// The tool in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolTruth {
    /// Width across the shaft in mm.
    pub width_mm: f64,
    /// Width across the shaft in pixels.
    pub width_px: f64,
    /// Scale at the tool's depth, in mm per pixel.
    pub mm_per_px: f64,
    /// Middle of the tip in pixels.
    pub tip_px: [f64; 2],
    /// Where the axis crosses the field's border, in pixels.
    pub entry_px: [f64; 2],
    /// Direction from the border to the tip, in degrees clockwise from +x.
    pub angle_deg: f64,
    /// Whether it touches the lesion: tool and lesion are then at the same depth.
    pub is_touching: bool,
}

/// The endoscope's view in one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndoscopeFrame {
    /// Middle of the visible field in pixels.
    pub field_center_px: [f64; 2],
    /// Radius of the circle, or distance of the octagon's sides from the middle, in pixels.
    pub field_radius_px: f64,
    /// Corners of the octagon in pixels; empty for a circle.
    pub field_corners_px: Vec<[f64; 2]>,
    /// Area of the field in pixels by closed form, as if the picture did not cut it.
    pub field_area_px: f64,
    /// Scale at the lesion's depth, in mm per pixel.
    pub mm_per_px: f64,
    /// The lesion, where there is one in view.
    pub lesion: Option<LesionTruth>,
    /// The tool, where it is in view.
    pub tool: Option<ToolTruth>,
    /// Share of the field's pixels on which a specular highlight was painted, before any blur; 0 outside of the body.
    /// Counted while painting: absent from a truth without its picture.
    pub specular_fraction: Option<f64>,
    /// Whether the picture is blurred.
    pub is_blurred: bool,
    /// Whether the light is nearly out.
    pub is_dark: bool,
    /// Whether the endoscope is outside of the body.
    pub is_out_of_body: bool,
    /// Whether the caecum has been reached.
    pub is_withdrawal: bool,
}

/// The endoscope's view over a clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndoscopeClip {
    /// Long axis of the lesion in mm; absent without one.
    pub lesion_mm: Option<f64>,
    /// Width of the tool in mm; absent without one.
    pub tool_mm: Option<f64>,
    /// When the caecum is reached, in nanoseconds.
    pub caecum_ns: Option<i64>,
    /// When the endoscope leaves the body for good, in nanoseconds.
    pub exit_ns: Option<i64>,
    /// From caecum to exit in seconds, where both lie within the clip.
    pub withdrawal_s: Option<f64>,
    /// When the tool is in view, `[from, to]` in seconds; stretches outside of the body are not taken out.
    pub tool_seen_s: Vec<[f64; 2]>,
    /// When the tool touches the lesion, `[from, to]` in seconds; the same holds.
    pub tool_touching_s: Vec<[f64; 2]>,
    /// When the picture is blurred, in seconds.
    pub blurred_s: Vec<[f64; 2]>,
    /// When the light is nearly out, in seconds.
    pub dark_s: Vec<[f64; 2]>,
    /// When the endoscope is outside of the body before it leaves for good, in seconds.
    pub outside_s: Vec<[f64; 2]>,
}

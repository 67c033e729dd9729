//! The field of an endoscope in the colon: mucosa, a lesion, a tool of known width.

mod course;
mod mucosa;
mod phantom;
mod shape;
mod truth;

use serde::{Deserialize, Serialize};

use crate::error::PhantomError;
use crate::validate::{check, check_count, validate_size};

use super::timing::FrameTiming;

pub(crate) use phantom::CLASSES;
pub use phantom::EndoscopePhantom;
pub use truth::{EndoscopeClip, EndoscopeFrame, LesionTruth, ToolTruth};

/// Most entries of a list of stretches of time.
const MAX_STRETCHES: usize = 64;

/// A colour endoscope's view.
///
/// The lesion is an ellipse of known size in mm at a depth of known scale. The tool is a straight shaft of known width that
/// enters from the field's border, reaches for the lesion, touches it for a while and goes back; touching, it lies at the
/// lesion's depth, before and after it is nearer to the lens and looks wider. The camera moves throughout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndoscopeScene {
    /// Picture width in pixels (16 to 4096). Default 560.
    pub width_px: u32,
    /// Picture height in pixels (16 to 4096). Default 480.
    pub height_px: u32,
    /// Nominal frames per second (0.1 to 1000). Default 30.
    pub frame_rate_hz: f64,
    /// Seed of everything random. Default 1.
    pub seed: u64,
    /// How frame times differ from a steady rate.
    pub timing: FrameTiming,

    /// Outline of the visible field.
    pub field: EndoscopeField,
    /// Diameter of the circle, or distance of opposite sides of the octagon, as a share of the picture's shorter side (0.3
    /// to 1.4; above 1 the picture cuts it). Default 0.95.
    pub field_share: f64,
    /// Scale at the lesion's depth in mm per pixel, when the camera is at its middle distance (0.005 to 1). Default 0.075.
    pub mm_per_px: f64,
    /// How much the camera's distance, and with it the scale, goes up and down, as a share (0 to 0.4). Default 0.08.
    pub distance_swing: f64,
    /// Largest shift of the view by the camera's motion, in shares of the field's radius (0 to 0.3). Default 0.08.
    pub sway: f64,

    /// Long axis of the lesion in mm (0.5 to 60). Default 8.
    pub lesion_mm: f64,
    /// Short over long axis of the lesion (0.3 to 1). Default 0.8.
    pub lesion_ratio: f64,
    /// Direction of the long axis in degrees clockwise from +x (−180 to 180). Default 25.
    pub lesion_deg: f64,
    /// Middle of the lesion relative to the field's, in shares of the field's radius (each −0.8 to 0.8).
    /// Default `[-0.1, 0.12]`.
    pub lesion_at: [f64; 2],

    /// Width of the tool's shaft in mm (0.3 to 20). Default 2.4.
    pub tool_mm: f64,
    /// Where the tool enters: direction from the field's middle to its border, in degrees clockwise from +x (−180 to 180).
    /// Default 55.
    pub tool_deg: f64,
    /// How often the tool comes, in seconds (2 to 600). It is seen from 20 to 90 % of each period and touches the lesion
    /// from 40 to 70 %. Default 8.
    pub tool_period_s: f64,
    /// Whether there is a tool. Default true.
    pub has_tool: bool,
    /// Whether there is a lesion. Default true.
    pub has_lesion: bool,

    /// Strength of specular highlights, 0 (none) to 1. Default 0.5.
    pub highlights: f64,
    /// Stretches of time `[start, end]` in seconds in which the picture is blurred (at most 64).
    pub blurred_s: Vec<[f64; 2]>,
    /// Stretches in which the light is nearly out.
    pub dark_s: Vec<[f64; 2]>,
    /// Stretches in which the endoscope is outside of the body.
    pub outside_s: Vec<[f64; 2]>,
    /// When the caecum is reached and withdrawal starts, in seconds (0 to 36 000).
    pub caecum_s: Option<f64>,
    /// When the endoscope leaves the body for good, in seconds (0 to 36 000); after `caecum_s` where both are given.
    pub exit_s: Option<f64>,
}

/// Outlines of endoscope fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndoscopeField {
    /// A circle.
    Circle,
    /// A regular octagon with level top and bottom.
    #[default]
    Octagon,
}

impl Default for EndoscopeScene {
    fn default() -> Self {
        Self {
            width_px: 560,
            height_px: 480,
            frame_rate_hz: 30.0,
            seed: 1,
            timing: FrameTiming::default(),
            field: EndoscopeField::Octagon,
            field_share: 0.95,
            mm_per_px: 0.075,
            distance_swing: 0.08,
            sway: 0.08,
            lesion_mm: 8.0,
            lesion_ratio: 0.8,
            lesion_deg: 25.0,
            lesion_at: [-0.1, 0.12],
            tool_mm: 2.4,
            tool_deg: 55.0,
            tool_period_s: 8.0,
            has_tool: true,
            has_lesion: true,
            highlights: 0.5,
            blurred_s: Vec::new(),
            dark_s: Vec::new(),
            outside_s: Vec::new(),
            caecum_s: None,
            exit_s: None,
        }
    }
}

impl EndoscopeScene {
    /// Checks every option.
    ///
    /// # Errors
    /// The first option that is not finite, out of range or in conflict with another.
    pub fn validate(&self) -> Result<(), PhantomError> {
        validate_size([self.width_px, self.height_px])?;
        check("frame_rate_hz", self.frame_rate_hz, 0.1, 1000.0, "Hz")?;
        self.timing.validate()?;
        check("field_share", self.field_share, 0.3, 1.4, "1")?;
        check("mm_per_px", self.mm_per_px, 0.005, 1.0, "mm/[px]")?;
        check("distance_swing", self.distance_swing, 0.0, 0.4, "1")?;
        check("sway", self.sway, 0.0, 0.3, "1")?;
        check("lesion_mm", self.lesion_mm, 0.5, 60.0, "mm")?;
        check("lesion_ratio", self.lesion_ratio, 0.3, 1.0, "1")?;
        check("lesion_deg", self.lesion_deg, -180.0, 180.0, "deg")?;
        for share in self.lesion_at {
            check("lesion_at", share, -0.8, 0.8, "1")?;
        }
        check("tool_mm", self.tool_mm, 0.3, 20.0, "mm")?;
        check("tool_deg", self.tool_deg, -180.0, 180.0, "deg")?;
        check("tool_period_s", self.tool_period_s, 2.0, 600.0, "s")?;
        check("highlights", self.highlights, 0.0, 1.0, "1")?;
        for (option, stretches) in
            [("blurred_s", &self.blurred_s), ("dark_s", &self.dark_s), ("outside_s", &self.outside_s)]
        {
            check_count(option, stretches.len(), MAX_STRETCHES)?;
            for &[start_s, end_s] in stretches {
                check(option, start_s, 0.0, 36_000.0, "s")?;
                check(option, end_s, start_s, 36_000.0, "s")?;
            }
        }
        if let Some(caecum_s) = self.caecum_s {
            check("caecum_s", caecum_s, 0.0, 36_000.0, "s")?;
        }
        if let Some(exit_s) = self.exit_s {
            check("exit_s", exit_s, self.caecum_s.unwrap_or(0.0), 36_000.0, "s")?;
        }
        Ok(())
    }

    /// Checks the scene and computes what does not change from frame to frame.
    ///
    /// # Errors
    /// What [`validate`](Self::validate) finds.
    pub fn prepare(&self) -> Result<EndoscopePhantom, PhantomError> {
        self.validate()?;
        Ok(EndoscopePhantom::new(self))
    }
}

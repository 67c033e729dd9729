//! A beating left ventricle in the short axis: a ring.

mod anatomy;
mod phantom;
mod truth;

use serde::{Deserialize, Serialize};

use crate::error::PhantomError;
use crate::validate::check;

use super::scan::face;
use super::timing::FrameTiming;
use super::ultrasound::Ultrasound;

pub(crate) use phantom::CLASSES;
pub use phantom::LvShortAxisPhantom;
pub use truth::{LvShortAxisClip, LvShortAxisFrame};

/// Parasternal short axis of the left ventricle at the papillary muscles, as a phased-array probe shows it.
///
/// The cavity is an ellipse that keeps its form; papillary muscles lie within its outline and belong to it. The muscle's
/// ring keeps its area: it gets thicker as the cavity gets smaller. Over a beat the cavity's area does what the volume
/// does in the apical views.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LvShortAxisScene {
    /// Picture width in pixels (16 to 4096). Default 480.
    pub width_px: u32,
    /// Picture height in pixels (16 to 4096). Default 360.
    pub height_px: u32,
    /// Horizontal pixel pitch in mm (0.005 to 20). Default 0.36.
    pub mm_per_px_x: f64,
    /// Vertical pixel pitch in mm (0.005 to 20). Default 0.36.
    pub mm_per_px_y: f64,
    /// Nominal frames per second (0.1 to 1000). Default 50.
    pub frame_rate_hz: f64,
    /// Seed of everything random. Default 1.
    pub seed: u64,
    /// How frame times differ from a steady rate.
    pub timing: FrameTiming,
    /// Probe, receiver and display.
    pub ultrasound: Ultrasound,

    /// End-diastolic area of the cavity in mm² (100 to 6000). Default 1650.
    pub eda_mm2: f64,
    /// Fractional area change in per cent (5 to 85). Default 50.
    pub fac_percent: f64,
    /// Short over long axis of the cavity (0.5 to 1). Default 0.94.
    pub axis_ratio: f64,
    /// Direction of the long axis in degrees clockwise from +x (−90 to 90). Default 30.
    pub axis_deg: f64,
    /// Mean thickness of the heart muscle at end-diastole in mm (4 to 20). Default 9.5.
    pub wall_mm: f64,
    /// Heart rate in beats per minute (20 to 240). Default 66.
    pub heart_rate_bpm: f64,
    /// Coefficient of variation of the beat length (0 to 0.4). Default 0: a regular rhythm.
    pub beat_length_cv: f64,
    /// Where in its cycle the heart stands at time 0, as a share of the cycle (0 to 0.99). Default 0.3.
    pub start_phase: f64,
    /// Noise of the walls: coefficient of variation of the area drawn, new in every frame (0 to 0.15). Default 0.
    pub area_noise_cv: f64,
    /// Middle of the cavity in mm from the middle of the probe's face, `[x, y]` (x −100 to 100, y 20 to 200).
    /// Default `[6, 66]`.
    pub center_mm: [f64; 2],
}

impl Default for LvShortAxisScene {
    fn default() -> Self {
        Self {
            width_px: 480,
            height_px: 360,
            mm_per_px_x: 0.36,
            mm_per_px_y: 0.36,
            frame_rate_hz: 50.0,
            seed: 1,
            timing: FrameTiming::default(),
            ultrasound: Ultrasound::default(),
            eda_mm2: 1650.0,
            fac_percent: 50.0,
            axis_ratio: 0.94,
            axis_deg: 30.0,
            wall_mm: 9.5,
            heart_rate_bpm: 66.0,
            beat_length_cv: 0.0,
            start_phase: 0.3,
            area_noise_cv: 0.0,
            center_mm: [6.0, 66.0],
        }
    }
}

face!(LvShortAxisScene, LvShortAxisPhantom, validate);

impl LvShortAxisScene {
    /// Checks the options that are its own.
    fn check_own(&self) -> Result<(), PhantomError> {
        check("eda_mm2", self.eda_mm2, 100.0, 6000.0, "mm2")?;
        check("fac_percent", self.fac_percent, 5.0, 85.0, "%")?;
        check("axis_ratio", self.axis_ratio, 0.5, 1.0, "1")?;
        check("axis_deg", self.axis_deg, -90.0, 90.0, "deg")?;
        check("wall_mm", self.wall_mm, 4.0, 20.0, "mm")?;
        check("heart_rate_bpm", self.heart_rate_bpm, 20.0, 240.0, "{beats}/min")?;
        check("beat_length_cv", self.beat_length_cv, 0.0, 0.4, "1")?;
        check("start_phase", self.start_phase, 0.0, 0.99, "1")?;
        check("area_noise_cv", self.area_noise_cv, 0.0, 0.15, "1")?;
        check("center_mm[0]", self.center_mm[0], -100.0, 100.0, "mm")?;
        check("center_mm[1]", self.center_mm[1], 20.0, 200.0, "mm")
    }
}

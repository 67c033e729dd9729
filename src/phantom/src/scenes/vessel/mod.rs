//! A pulsating artery along its axis, as a linear probe shows the common carotid.

mod anatomy;
mod phantom;
mod pulse;
mod truth;

use serde::{Deserialize, Serialize};

use crate::error::PhantomError;
use crate::validate::check;

use super::scan::face;
use super::timing::FrameTiming;
use super::ultrasound::Ultrasound;

pub(crate) use phantom::CLASSES;
pub use phantom::VesselPhantom;
pub use truth::{VesselClip, VesselFrame};

/// Longitudinal view of a straight artery.
///
/// The lumen lies between two parallel lines, the lumen-intima interfaces; the media-adventitia interfaces run outside
/// them by the intima-media thickness. The wall does not change its volume: it gets thinner as the lumen widens,
/// `(D/2 + t)² − (D/2)²` staying what it is at diastole. Interfaces are thin reflectors: each echo is centred on its
/// interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VesselScene {
    /// Picture width in pixels (16 to 4096). Default 440.
    pub width_px: u32,
    /// Picture height in pixels (16 to 4096). Default 330.
    pub height_px: u32,
    /// Horizontal pixel pitch in mm (0.005 to 20). Default 0.09.
    pub mm_per_px_x: f64,
    /// Vertical pixel pitch in mm (0.005 to 20). Default 0.09.
    pub mm_per_px_y: f64,
    /// Nominal frames per second (0.1 to 1000). Default 30.
    pub frame_rate_hz: f64,
    /// Seed of everything random. Default 1.
    pub seed: u64,
    /// How frame times differ from a steady rate.
    pub timing: FrameTiming,
    /// Probe, receiver and display.
    pub ultrasound: Ultrasound,

    /// Smallest lumen diameter in mm, at end-diastole (1 to 40). Default 5.8.
    pub diastolic_mm: f64,
    /// Largest lumen diameter in mm (at least the diastolic, at most one and a half times it). Default 6.4.
    pub systolic_mm: f64,
    /// Intima-media thickness in mm at end-diastole (0.1 to 3). Default 0.65.
    pub intima_media_mm: f64,
    /// Heart rate in beats per minute (20 to 240). Default 66.
    pub heart_rate_bpm: f64,
    /// Coefficient of variation of the beat length (0 to 0.4). Default 0.
    pub beat_length_cv: f64,
    /// Where in its cycle the heart stands at time 0, as a share of the cycle (0 to 0.99). Default 0.4.
    pub start_phase: f64,
    /// Noise of the walls: standard deviation of the diameter drawn, in mm, new in every frame (0 to 1). Default 0.
    pub diameter_noise_mm: f64,
    /// Depth of the axis in mm at the middle of the field (1 to 200). Default 15.
    pub depth_mm: f64,
    /// Direction of the axis in degrees clockwise from +x (−40 to 40). Default −3.
    pub tilt_deg: f64,
}

impl Default for VesselScene {
    fn default() -> Self {
        Self {
            width_px: 440,
            height_px: 330,
            mm_per_px_x: 0.09,
            mm_per_px_y: 0.09,
            frame_rate_hz: 30.0,
            seed: 1,
            timing: FrameTiming::default(),
            ultrasound: Ultrasound::default(),
            diastolic_mm: 5.8,
            systolic_mm: 6.4,
            intima_media_mm: 0.65,
            heart_rate_bpm: 66.0,
            beat_length_cv: 0.0,
            start_phase: 0.4,
            diameter_noise_mm: 0.0,
            depth_mm: 15.0,
            tilt_deg: -3.0,
        }
    }
}

face!(VesselScene, VesselPhantom, validate_linear);

impl VesselScene {
    /// Checks the options that are its own.
    fn check_own(&self) -> Result<(), PhantomError> {
        check("diastolic_mm", self.diastolic_mm, 1.0, 40.0, "mm")?;
        check("systolic_mm", self.systolic_mm, self.diastolic_mm, 1.5 * self.diastolic_mm, "mm")?;
        check("intima_media_mm", self.intima_media_mm, 0.1, 3.0, "mm")?;
        check("heart_rate_bpm", self.heart_rate_bpm, 20.0, 240.0, "{beats}/min")?;
        check("beat_length_cv", self.beat_length_cv, 0.0, 0.4, "1")?;
        check("start_phase", self.start_phase, 0.0, 0.99, "1")?;
        check("diameter_noise_mm", self.diameter_noise_mm, 0.0, 1.0, "mm")?;
        // Four standard deviations must leave a lumen.
        check("4 x diameter_noise_mm", 4.0 * self.diameter_noise_mm, 0.0, 0.8 * self.diastolic_mm, "mm")?;
        check("depth_mm", self.depth_mm, 1.0, 200.0, "mm")?;
        check("tilt_deg", self.tilt_deg, -40.0, 40.0, "deg")
    }
}

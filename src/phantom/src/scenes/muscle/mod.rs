//! A muscle between its two aponeuroses.

mod anatomy;
mod phantom;
mod truth;

use serde::{Deserialize, Serialize};

use crate::error::PhantomError;
use crate::validate::check;

use super::scan::face;
use super::timing::FrameTiming;
use super::ultrasound::{Sway, Ultrasound};

pub(crate) use phantom::CLASSES;
pub use phantom::MusclePhantom;
pub use truth::{MuscleClip, MuscleFrame};

/// Longitudinal view of a pennate muscle, as a linear probe shows it.
///
/// Both aponeuroses are straight; the deep one is the reference. Thickness is measured across the deep one. As the muscle
/// contracts, its deep border moves down and the superficial one stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MuscleScene {
    /// Picture width in pixels (16 to 4096). Default 420.
    pub width_px: u32,
    /// Picture height in pixels (16 to 4096). Default 330.
    pub height_px: u32,
    /// Horizontal pixel pitch in mm (0.005 to 20). Default 0.13.
    pub mm_per_px_x: f64,
    /// Vertical pixel pitch in mm (0.005 to 20). Default 0.13.
    pub mm_per_px_y: f64,
    /// Nominal frames per second (0.1 to 1000). Default 25.
    pub frame_rate_hz: f64,
    /// Seed of everything random. Default 1.
    pub seed: u64,
    /// How frame times differ from a steady rate.
    pub timing: FrameTiming,
    /// Probe, receiver and display. By default the probe sways a little.
    pub ultrasound: Ultrasound,

    /// Thickness at rest under the middle of the field, across the deep border, in mm (3 to 80). Default 19.
    pub thickness_mm: f64,
    /// Depth of the superficial border at the middle of the field, in mm: skin and fat (1 to 80). Default 8.
    pub fat_mm: f64,
    /// Direction of the deep border in degrees clockwise from +x (−25 to 25). Default 3.
    pub deep_deg: f64,
    /// How fast the muscle gets thicker to the right: angle between the borders in degrees (−12 to 12). Default 1.5.
    pub wedge_deg: f64,
    /// Angle of the fibre bundles to the deep border in degrees (0 to 45). Default 16.
    pub pennation_deg: f64,
    /// Gain in thickness at full contraction, as a share (0 to 0.6). Default 0.15.
    pub contraction: f64,
    /// Time from rest to rest in seconds (0.2 to 600). Default 4.
    pub period_s: f64,
}

impl Default for MuscleScene {
    fn default() -> Self {
        Self {
            width_px: 420,
            height_px: 330,
            mm_per_px_x: 0.13,
            mm_per_px_y: 0.13,
            frame_rate_hz: 25.0,
            seed: 1,
            timing: FrameTiming::default(),
            ultrasound: Ultrasound {
                sway: Sway { translation_mm: 0.4, rotation_deg: 0.8, ..Sway::default() },
                ..Ultrasound::default()
            },
            thickness_mm: 19.0,
            fat_mm: 8.0,
            deep_deg: 3.0,
            wedge_deg: 1.5,
            pennation_deg: 16.0,
            contraction: 0.15,
            period_s: 4.0,
        }
    }
}

face!(MuscleScene, MusclePhantom, validate_linear);

impl MuscleScene {
    /// Checks the options that are its own.
    fn check_own(&self) -> Result<(), PhantomError> {
        check("thickness_mm", self.thickness_mm, 3.0, 80.0, "mm")?;
        check("fat_mm", self.fat_mm, 1.0, 80.0, "mm")?;
        check("deep_deg", self.deep_deg, -25.0, 25.0, "deg")?;
        check("wedge_deg", self.wedge_deg, -12.0, 12.0, "deg")?;
        check("pennation_deg", self.pennation_deg, 0.0, 45.0, "deg")?;
        check("contraction", self.contraction, 0.0, 0.6, "1")?;
        check("period_s", self.period_s, 0.2, 600.0, "s")?;
        // The borders must not meet in view, whatever depth the picture changes to.
        let factor = self.ultrasound.depth_change.map_or(1.0, |change| change.factor.max(1.0));
        let half_mm = 0.5 * f64::from(self.width_px) * self.mm_per_px_x * factor;
        if libm::tan(self.wedge_deg.to_radians()).abs() * 1.3 * half_mm > 0.8 * self.thickness_mm {
            return Err(PhantomError::Conflict {
                option: "wedge_deg",
                reason: "the borders would meet in the picture: give a smaller angle or a thicker muscle",
            });
        }
        Ok(())
    }
}

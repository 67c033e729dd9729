//! The eye and the sheath of the optic nerve behind it.

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
pub use phantom::OpticNervePhantom;
pub use truth::{OpticNerveClip, OpticNerveFrame};

/// Trans-orbital view, as a linear probe on the closed lid shows it.
///
/// The globe is a circle. The nerve runs straight away from its middle; the sheath's outer width is `D + k (d − 3 mm)` at the
/// distance d behind the globe, measured along the nerve's axis from the globe's border.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpticNerveScene {
    /// Picture width in pixels (16 to 4096). Default 400.
    pub width_px: u32,
    /// Picture height in pixels (16 to 4096). Default 420.
    pub height_px: u32,
    /// Horizontal pixel pitch in mm (0.005 to 20). Default 0.1.
    pub mm_per_px_x: f64,
    /// Vertical pixel pitch in mm (0.005 to 20). Default 0.1.
    pub mm_per_px_y: f64,
    /// Nominal frames per second (0.1 to 1000). Default 25.
    pub frame_rate_hz: f64,
    /// Seed of everything random. Default 1.
    pub seed: u64,
    /// How frame times differ from a steady rate.
    pub timing: FrameTiming,
    /// Probe, receiver and display. By default the probe sways a little.
    pub ultrasound: Ultrasound,

    /// Outer width of the sheath 3 mm behind the globe, across the nerve, in mm (2 to 10). Default 5.4.
    pub sheath_mm: f64,
    /// Change of the width along the nerve, in mm per mm (−0.2 to 0.2). Default −0.04.
    pub taper: f64,
    /// Length of the sheath that is seen, in mm (6 to 25). Default 13.
    pub length_mm: f64,
    /// Diameter of the globe in mm (15 to 32). Default 23.
    pub globe_mm: f64,
    /// Middle of the globe in mm from the middle of the probe's face, `[x, y]` (x −30 to 30, y 10 to 60).
    /// Default `[-1, 15]`.
    pub globe_center_mm: [f64; 2],
    /// Direction of the nerve in degrees clockwise from straight down (−45 to 45). Default −9.
    pub nerve_deg: f64,
}

impl Default for OpticNerveScene {
    fn default() -> Self {
        Self {
            width_px: 400,
            height_px: 420,
            mm_per_px_x: 0.1,
            mm_per_px_y: 0.1,
            frame_rate_hz: 25.0,
            seed: 1,
            timing: FrameTiming::default(),
            ultrasound: Ultrasound {
                sway: Sway { translation_mm: 0.4, rotation_deg: 1.0, ..Sway::default() },
                ..Ultrasound::default()
            },
            sheath_mm: 5.4,
            taper: -0.04,
            length_mm: 13.0,
            globe_mm: 23.0,
            globe_center_mm: [-1.0, 15.0],
            nerve_deg: -9.0,
        }
    }
}

face!(OpticNerveScene, OpticNervePhantom, validate_linear);

impl OpticNerveScene {
    /// Checks the options that are its own.
    fn check_own(&self) -> Result<(), PhantomError> {
        check("sheath_mm", self.sheath_mm, 2.0, 10.0, "mm")?;
        check("taper", self.taper, -0.2, 0.2, "1")?;
        check("length_mm", self.length_mm, 6.0, 25.0, "mm")?;
        check("globe_mm", self.globe_mm, 15.0, 32.0, "mm")?;
        check("globe_center_mm[0]", self.globe_center_mm[0], -30.0, 30.0, "mm")?;
        check("globe_center_mm[1]", self.globe_center_mm[1], 10.0, 60.0, "mm")?;
        check("nerve_deg", self.nerve_deg, -45.0, 45.0, "deg")?;
        // The sheath must have a width everywhere.
        if self.sheath_mm + (self.taper * (self.length_mm - 3.0)).min(-3.0 * self.taper) < 0.5 {
            return Err(PhantomError::Conflict {
                option: "taper",
                reason: "the sheath would come to a point: give a smaller taper or a shorter length",
            });
        }
        Ok(())
    }
}

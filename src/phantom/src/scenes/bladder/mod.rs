//! A full bladder, an ellipsoid, in two planes.

mod anatomy;
mod phantom;
mod truth;

use serde::{Deserialize, Serialize};

use crate::error::PhantomError;
use crate::validate::check;

use super::scan::face;
use super::timing::FrameTiming;
use super::ultrasound::{Sway, Ultrasound};

pub use phantom::BladderPhantom;
pub(crate) use phantom::CLASSES;
pub use truth::{BladderClip, BladderFrame};

/// A bladder with three axes, as a convex probe above the pubic bone shows it in one plane or, from a frame on, in the
/// other.
///
/// Both planes pass through the middle: the transverse one shows height (depth) and width, the sagittal one height and
/// length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BladderScene {
    /// Picture width in pixels (16 to 4096). Default 480.
    pub width_px: u32,
    /// Picture height in pixels (16 to 4096). Default 360.
    pub height_px: u32,
    /// Horizontal pixel pitch in mm (0.005 to 20). Default 0.4.
    pub mm_per_px_x: f64,
    /// Vertical pixel pitch in mm (0.005 to 20). Default 0.4.
    pub mm_per_px_y: f64,
    /// Nominal frames per second (0.1 to 1000). Default 25.
    pub frame_rate_hz: f64,
    /// Seed of everything random. Default 1.
    pub seed: u64,
    /// How frame times differ from a steady rate.
    pub timing: FrameTiming,
    /// Probe, receiver and display. By default the probe sways a little.
    pub ultrasound: Ultrasound,

    /// Plane that the clip shows, at first where it changes.
    pub plane: BladderPlane,
    /// First frame of the other plane; absent: the clip keeps to one.
    pub switch_at_frame: Option<u64>,
    /// Diameter across the body, in mm (10 to 200). Default 86.
    pub width_mm: f64,
    /// Diameter in depth, antero-posterior, in mm (10 to 200). Default 60.
    pub height_mm: f64,
    /// Diameter along the body, craniocaudal, in mm (10 to 200). Default 94.
    pub length_mm: f64,
    /// Turn of the bladder in the plane shown, in degrees clockwise (−90 to 90). Default 0.
    pub tilt_deg: f64,
    /// Middle of the bladder in mm from the middle of the probe's face, `[x, y]` (x −100 to 100, y 5 to 200).
    /// Default `[0, 60]`.
    pub center_mm: [f64; 2],
}

/// Planes of a pelvis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BladderPlane {
    /// Across the body.
    #[default]
    Transverse,
    /// Along it.
    Sagittal,
}

impl Default for BladderScene {
    fn default() -> Self {
        Self {
            width_px: 480,
            height_px: 360,
            mm_per_px_x: 0.4,
            mm_per_px_y: 0.4,
            frame_rate_hz: 25.0,
            seed: 1,
            timing: FrameTiming::default(),
            ultrasound: Ultrasound {
                sway: Sway { translation_mm: 1.0, rotation_deg: 1.0, ..Sway::default() },
                ..Ultrasound::default()
            },
            plane: BladderPlane::Transverse,
            switch_at_frame: None,
            width_mm: 86.0,
            height_mm: 60.0,
            length_mm: 94.0,
            tilt_deg: 0.0,
            center_mm: [0.0, 60.0],
        }
    }
}

face!(BladderScene, BladderPhantom, validate);

impl BladderScene {
    /// Checks the options that are its own.
    fn check_own(&self) -> Result<(), PhantomError> {
        check("width_mm", self.width_mm, 10.0, 200.0, "mm")?;
        check("height_mm", self.height_mm, 10.0, 200.0, "mm")?;
        check("length_mm", self.length_mm, 10.0, 200.0, "mm")?;
        check("tilt_deg", self.tilt_deg, -90.0, 90.0, "deg")?;
        check("center_mm[0]", self.center_mm[0], -100.0, 100.0, "mm")?;
        check("center_mm[1]", self.center_mm[1], 5.0, 200.0, "mm")
    }
}

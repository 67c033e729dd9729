//! A thyroid nodule, an ellipsoid, in two planes.

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
pub use phantom::NodulePhantom;
pub use truth::{NoduleClip, NoduleFrame};

/// A nodule with three axes in the thyroid, as a linear probe shows it in one plane or, from a frame on, in the other.
///
/// Both planes pass through the middle: the transverse one shows depth and width, the longitudinal one depth and length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoduleScene {
    /// Picture width in pixels (16 to 4096). Default 420.
    pub width_px: u32,
    /// Picture height in pixels (16 to 4096). Default 320.
    pub height_px: u32,
    /// Horizontal pixel pitch in mm (0.005 to 20). Default 0.11.
    pub mm_per_px_x: f64,
    /// Vertical pixel pitch in mm (0.005 to 20). Default 0.11.
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
    pub plane: NodulePlane,
    /// First frame of the other plane; absent: the clip keeps to one.
    pub switch_at_frame: Option<u64>,
    /// Diameter in depth, antero-posterior, in mm (1 to 80). Default 11.
    pub depth_diameter_mm: f64,
    /// Diameter across the neck, transverse, in mm (1 to 80). Default 15.
    pub width_diameter_mm: f64,
    /// Diameter along the neck, craniocaudal, in mm (1 to 80). Default 19.
    pub length_diameter_mm: f64,
    /// Turn of the nodule in the plane shown, in degrees clockwise (−90 to 90). Default 0.
    pub tilt_deg: f64,
    /// Middle of the nodule in mm from the middle of the probe's face, `[x, y]` (x −100 to 100, y 2 to 200).
    /// Default `[1, 17]`.
    pub center_mm: [f64; 2],
    /// Level of the nodule in dB over the gland (−30 to 15). Default −9.
    pub echo_db: f64,
    /// Whether the nodule holds small calcifications. Default true.
    pub calcified: bool,
}

/// Planes of a neck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodulePlane {
    /// Across the neck.
    #[default]
    Transverse,
    /// Along the neck.
    Longitudinal,
}

impl Default for NoduleScene {
    fn default() -> Self {
        Self {
            width_px: 420,
            height_px: 320,
            mm_per_px_x: 0.11,
            mm_per_px_y: 0.11,
            frame_rate_hz: 25.0,
            seed: 1,
            timing: FrameTiming::default(),
            ultrasound: Ultrasound {
                sway: Sway { translation_mm: 0.7, rotation_deg: 1.5, ..Sway::default() },
                ..Ultrasound::default()
            },
            plane: NodulePlane::Transverse,
            switch_at_frame: None,
            depth_diameter_mm: 11.0,
            width_diameter_mm: 15.0,
            length_diameter_mm: 19.0,
            tilt_deg: 0.0,
            center_mm: [1.0, 17.0],
            echo_db: -9.0,
            calcified: true,
        }
    }
}

face!(NoduleScene, NodulePhantom, validate_linear);

impl NoduleScene {
    /// Checks the options that are its own.
    fn check_own(&self) -> Result<(), PhantomError> {
        check("depth_diameter_mm", self.depth_diameter_mm, 1.0, 80.0, "mm")?;
        check("width_diameter_mm", self.width_diameter_mm, 1.0, 80.0, "mm")?;
        check("length_diameter_mm", self.length_diameter_mm, 1.0, 80.0, "mm")?;
        check("tilt_deg", self.tilt_deg, -90.0, 90.0, "deg")?;
        check("center_mm[0]", self.center_mm[0], -100.0, 100.0, "mm")?;
        check("center_mm[1]", self.center_mm[1], 2.0, 200.0, "mm")?;
        check("echo_db", self.echo_db, -30.0, 15.0, "dB")
    }
}

//! The inferior vena cava under the liver, breathing.

mod anatomy;
mod breath;
mod phantom;
mod truth;

use serde::{Deserialize, Serialize};

use crate::error::PhantomError;
use crate::validate::{check, check_count};

use super::scan::face;
use super::timing::FrameTiming;
use super::ultrasound::Ultrasound;

pub(crate) use phantom::CLASSES;
pub use phantom::IvcPhantom;
pub use truth::{IvcClip, IvcFrame};

/// Most entries of [`IvcScene::sniffs_s`].
const MAX_SNIFFS: usize = 64;

/// Subcostal longitudinal view of the inferior vena cava.
///
/// The cava is a tube along a straight axis that starts at its junction with the right atrium (left in the picture). Its
/// width changes along it, and all of it narrows alike as the patient breathes in, while the tissue slides along the axis:
/// a site that stays in the picture measures another part of the vein than one that stays with the tissue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IvcScene {
    /// Picture width in pixels (16 to 4096). Default 440.
    pub width_px: u32,
    /// Picture height in pixels (16 to 4096). Default 340.
    pub height_px: u32,
    /// Horizontal pixel pitch in mm (0.005 to 20). Default 0.36.
    pub mm_per_px_x: f64,
    /// Vertical pixel pitch in mm (0.005 to 20). Default 0.36.
    pub mm_per_px_y: f64,
    /// Nominal frames per second (0.1 to 1000). Default 25.
    pub frame_rate_hz: f64,
    /// Seed of everything random. Default 1.
    pub seed: u64,
    /// How frame times differ from a steady rate.
    pub timing: FrameTiming,
    /// Probe, receiver and display.
    pub ultrasound: Ultrasound,

    /// Largest diameter at the measuring site in mm, at the end of breathing out (4 to 40). Default 19.
    pub max_mm: f64,
    /// Smallest diameter at the measuring site in mm, at the end of breathing in (0.5 to the largest). Default 11.
    pub min_mm: f64,
    /// Distance of the measuring site from the junction, along the axis in the tissue, in mm (5 to 40). Default 20.
    pub site_mm: f64,
    /// Relative change of the width along the vein, each way (0 to 0.35). Default 0.15.
    pub taper: f64,
    /// How far breathing in slides the tissue along the axis away from the junction, in mm (0 to 25). Default 10.
    pub slide_mm: f64,
    /// Breaths per minute (4 to 60). Default 15.
    pub breath_rate_bpm: f64,
    /// Coefficient of variation of the breath length (0 to 0.4). Default 0.
    pub breath_length_cv: f64,
    /// Where in its breath the patient is at time 0, as a share of the breath (0 to 0.99). Default 0.6.
    pub start_phase: f64,
    /// Times of sniffs in seconds (0 to 3600 each; at most 64): quick, deep breaths of 0.7 s.
    pub sniffs_s: Vec<f64>,
    /// Diameter that a sniff narrows the site to, in mm (0.5 to the largest). Default 5.
    pub sniff_min_mm: f64,
    /// Noise of the walls: standard deviation of the diameter drawn, in mm, new in every frame (0 to 1.5). Default 0.
    pub diameter_noise_mm: f64,
    /// Junction with the atrium at rest, in mm from the middle of the probe's face, `[x, y]` (x −200 to 200, y 40 to 250).
    /// Default `[-34, 66]`.
    pub junction_mm: [f64; 2],
    /// Direction of the axis from the junction on, in degrees clockwise from +x (−40 to 40). Default 4.
    pub tilt_deg: f64,
    /// Length of the vein seen in the plane, in mm (60 to 150). Default 78.
    pub length_mm: f64,
}

impl Default for IvcScene {
    fn default() -> Self {
        Self {
            width_px: 440,
            height_px: 340,
            mm_per_px_x: 0.36,
            mm_per_px_y: 0.36,
            frame_rate_hz: 25.0,
            seed: 1,
            timing: FrameTiming::default(),
            ultrasound: Ultrasound::default(),
            max_mm: 19.0,
            min_mm: 11.0,
            site_mm: 20.0,
            taper: 0.15,
            slide_mm: 10.0,
            breath_rate_bpm: 15.0,
            breath_length_cv: 0.0,
            start_phase: 0.6,
            sniffs_s: Vec::new(),
            sniff_min_mm: 5.0,
            diameter_noise_mm: 0.0,
            junction_mm: [-34.0, 66.0],
            tilt_deg: 4.0,
            length_mm: 78.0,
        }
    }
}

face!(IvcScene, IvcPhantom, validate);

impl IvcScene {
    /// Checks the options that are its own.
    fn check_own(&self) -> Result<(), PhantomError> {
        check("max_mm", self.max_mm, 4.0, 40.0, "mm")?;
        check("min_mm", self.min_mm, 0.5, self.max_mm, "mm")?;
        check("site_mm", self.site_mm, 5.0, 40.0, "mm")?;
        check("taper", self.taper, 0.0, 0.35, "1")?;
        check("slide_mm", self.slide_mm, 0.0, 25.0, "mm")?;
        check("breath_rate_bpm", self.breath_rate_bpm, 4.0, 60.0, "{breaths}/min")?;
        check("breath_length_cv", self.breath_length_cv, 0.0, 0.4, "1")?;
        check("start_phase", self.start_phase, 0.0, 0.99, "1")?;
        check_count("sniffs_s", self.sniffs_s.len(), MAX_SNIFFS)?;
        for &time_s in &self.sniffs_s {
            check("sniffs_s", time_s, 0.0, 3600.0, "s")?;
        }
        check("sniff_min_mm", self.sniff_min_mm, 0.5, self.max_mm, "mm")?;
        check("diameter_noise_mm", self.diameter_noise_mm, 0.0, 1.5, "mm")?;
        check("junction_mm[0]", self.junction_mm[0], -200.0, 200.0, "mm")?;
        check("junction_mm[1]", self.junction_mm[1], 40.0, 250.0, "mm")?;
        check("tilt_deg", self.tilt_deg, -40.0, 40.0, "deg")?;
        check("length_mm", self.length_mm, 60.0, 150.0, "mm")
    }
}

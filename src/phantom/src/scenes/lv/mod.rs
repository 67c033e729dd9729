//! A beating left ventricle with its atrium, in an apical view.

mod anatomy;
mod heart;
mod phantom;
mod truth;

use serde::{Deserialize, Serialize};

use crate::error::PhantomError;
use crate::validate::{check, check_count};

use super::scan::face;
use super::timing::FrameTiming;
use super::ultrasound::Ultrasound;

pub(crate) use phantom::CLASSES;
pub use phantom::LvPhantom;
pub use truth::{Beat, LvClip, LvFrame};

/// Most entries of [`LvScene::ectopic_beats`].
const MAX_ECTOPIC: usize = 256;

/// Apical view of the left ventricle, as a phased-array probe shows it.
///
/// The cavity is a prolate ellipsoid cut by the mitral plane `κ = 0.6` of its half axis beyond the centre. With half axes
/// a (to the apex), b (four-chamber plane) and b′ (two-chamber plane) its volume is `π b b′ a (1 + κ − (1 + κ³)/3)`, its
/// length `L = a (1 + κ)`. As it ejects, length goes with the fourth root of the volume and both widths with the power 3/8,
/// so that the volume at any time is exact. The apex stays, the mitral plane moves, the atrium fills as the ventricle
/// empties.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LvScene {
    /// Picture width in pixels (16 to 4096). Default 480.
    pub width_px: u32,
    /// Picture height in pixels (16 to 4096). Default 360.
    pub height_px: u32,
    /// Horizontal pixel pitch in mm (0.005 to 20). Default 0.46.
    pub mm_per_px_x: f64,
    /// Vertical pixel pitch in mm (0.005 to 20). Default 0.46.
    pub mm_per_px_y: f64,
    /// Nominal frames per second (0.1 to 1000). Default 50.
    pub frame_rate_hz: f64,
    /// Seed of everything random. Default 1.
    pub seed: u64,
    /// How frame times differ from a steady rate.
    pub timing: FrameTiming,
    /// Probe, receiver and display.
    pub ultrasound: Ultrasound,

    /// Which apical plane is shown.
    pub view: LvView,
    /// End-diastolic volume in mL (20 to 400). Default 120.
    pub edv_ml: f64,
    /// Ejection fraction in per cent (5 to 85). Default 60.
    pub ef_percent: f64,
    /// Long axis at end-diastole in mm, mitral plane to apex (40 to 140). Default 90.
    pub long_axis_mm: f64,
    /// Two-chamber over four-chamber short axis (0.6 to 1.4). Default 0.92.
    pub two_chamber_ratio: f64,
    /// Heart rate in beats per minute (20 to 240). Default 66.
    pub heart_rate_bpm: f64,
    /// Coefficient of variation of the beat length (0 to 0.4). Default 0: a regular rhythm.
    pub beat_length_cv: f64,
    /// Numbers of beats that come early and eject little, each followed by a pause (1 or more each; at most 256).
    /// Beat 0 is the one that the clip starts in.
    pub ectopic_beats: Vec<u64>,
    /// Where in its cycle the heart stands at time 0, as a share of the cycle (0 to 0.99). Default 0.3.
    pub start_phase: f64,
    /// Noise of the walls: coefficient of variation of the volume drawn, new in every frame (0 to 0.15). Default 0.
    pub volume_noise_cv: f64,
    /// How far the plane leans away from the apex, in degrees (0 to 40). It still holds the mitral valve's middle line, so
    /// that the ventricle appears shorter: foreshortening. Default 0.
    pub foreshortening_deg: f64,
    /// Apex as shown, in mm from the middle of the probe's face, `[x, y]` (each −100 to 200). Default `[12, 16]`.
    pub apex_mm: [f64; 2],
    /// Direction of the long axis from the apex to the valve, in degrees clockwise from straight down (−60 to 60).
    /// Default 6.
    pub axis_deg: f64,
    /// Thickness of the heart muscle in mm at rest (4 to 20). Default 9.5.
    pub wall_mm: f64,
}

/// Apical planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LvView {
    /// Both ventricles and atria.
    #[default]
    FourChamber,
    /// The left ventricle and atrium alone, 60 degrees on.
    TwoChamber,
}

impl Default for LvScene {
    fn default() -> Self {
        Self {
            width_px: 480,
            height_px: 360,
            mm_per_px_x: 0.46,
            mm_per_px_y: 0.46,
            frame_rate_hz: 50.0,
            seed: 1,
            timing: FrameTiming::default(),
            ultrasound: Ultrasound::default(),
            view: LvView::FourChamber,
            edv_ml: 120.0,
            ef_percent: 60.0,
            long_axis_mm: 90.0,
            two_chamber_ratio: 0.92,
            heart_rate_bpm: 66.0,
            beat_length_cv: 0.0,
            ectopic_beats: Vec::new(),
            start_phase: 0.3,
            volume_noise_cv: 0.0,
            foreshortening_deg: 0.0,
            apex_mm: [12.0, 16.0],
            axis_deg: 6.0,
            wall_mm: 9.5,
        }
    }
}

face!(LvScene, LvPhantom, validate);

impl LvScene {
    /// Checks the options that are its own.
    fn check_own(&self) -> Result<(), PhantomError> {
        check("edv_ml", self.edv_ml, 20.0, 400.0, "mL")?;
        check("ef_percent", self.ef_percent, 5.0, 85.0, "%")?;
        check("long_axis_mm", self.long_axis_mm, 40.0, 140.0, "mm")?;
        check("two_chamber_ratio", self.two_chamber_ratio, 0.6, 1.4, "1")?;
        check("heart_rate_bpm", self.heart_rate_bpm, 20.0, 240.0, "{beats}/min")?;
        check("beat_length_cv", self.beat_length_cv, 0.0, 0.4, "1")?;
        check_count("ectopic_beats", self.ectopic_beats.len(), MAX_ECTOPIC)?;
        if self.ectopic_beats.contains(&0) {
            return Err(PhantomError::Conflict {
                option: "ectopic_beats",
                reason: "beat 0 has begun before the clip: give beats from 1 on",
            });
        }
        check("start_phase", self.start_phase, 0.0, 0.99, "1")?;
        check("volume_noise_cv", self.volume_noise_cv, 0.0, 0.15, "1")?;
        check("foreshortening_deg", self.foreshortening_deg, 0.0, 40.0, "deg")?;
        for mm in self.apex_mm {
            check("apex_mm", mm, -100.0, 200.0, "mm")?;
        }
        check("axis_deg", self.axis_deg, -60.0, 60.0, "deg")?;
        check("wall_mm", self.wall_mm, 4.0, 20.0, "mm")?;
        // A ventricle wider than long has no apex.
        let shape = heart::Ventricle::new(self).at_volume(self.edv_ml);
        if shape.plane.b.max(shape.other_b) > 0.8 * shape.plane.a {
            return Err(PhantomError::Conflict {
                option: "edv_ml and long_axis_mm",
                reason: "the ventricle would be a ball: give a smaller volume or a longer axis",
            });
        }
        Ok(())
    }
}

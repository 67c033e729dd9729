//! The heart over time: beats, volume, shape.

use crate::noise::smooth_step;
use crate::scenes::cut_ellipse::{CutEllipse, volume_factor};
use crate::scenes::heartbeat::{Heartbeat, Rhythm};

use super::{LvScene, LvView};

/// Distance of the mitral plane from the centre, in half long axes.
const CUT: f64 = 0.6;
/// The same of the atrium, whose blind end is its apex.
const ATRIUM_CUT: f64 = 0.35;
/// Length of the atrium at the ventricle's end-diastole, over the ventricle's.
const ATRIUM_LENGTH: f64 = 0.5;

/// A ventricle whose volume is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ventricle {
    edv_ml: f64,
    /// Half axes at end-diastole: to the apex, in the four-chamber plane, in the two-chamber plane.
    a: f64,
    b4: f64,
    b2: f64,
    view: LvView,
}

/// A ventricle of one volume, cut by the plane that is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chamber {
    /// Section through the apex.
    pub(super) plane: CutEllipse,
    /// Half the short axis across the plane.
    pub(super) other_b: f64,
}

impl Ventricle {
    pub(super) fn new(scene: &LvScene) -> Self {
        let a = scene.long_axis_mm / (1.0 + CUT);
        // V = π b b' a f with b' = ratio · b.
        let ratio = scene.two_chamber_ratio;
        let product = 1000.0 * scene.edv_ml / (std::f64::consts::PI * a * volume_factor(CUT));
        let b4 = (product / ratio).sqrt();
        Self { edv_ml: scene.edv_ml, a, b4, b2: ratio * b4, view: scene.view }
    }

    pub(super) fn at_volume(&self, volume_ml: f64) -> Chamber {
        let share = volume_ml / self.edv_ml;
        // Exponents that sum to 1 over the three axes: 1/4 + 3/8 + 3/8.
        let long = share.sqrt().sqrt();
        let short = libm::pow(share, 0.375);
        let a = long * self.a;
        let (b, other_b) = match self.view {
            LvView::FourChamber => (short * self.b4, short * self.b2),
            LvView::TwoChamber => (short * self.b2, short * self.b4),
        };
        Chamber { plane: CutEllipse { a, b, h: CUT * a }, other_b }
    }
}

/// What the picture shows of the heart at one volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Silhouette {
    /// The ventricle's section as shown.
    pub(super) ventricle: CutEllipse,
    /// The atrium's section; its own axis runs from its blind end to the valve.
    pub(super) atrium: CutEllipse,
}

/// Beats, their volumes, and the chambers of these volumes.
pub(super) struct Heart {
    ventricle: Ventricle,
    beats: Heartbeat,
    lean_rad: f64,
}

impl Heart {
    pub(super) fn new(scene: &LvScene) -> Self {
        let rhythm = Rhythm {
            rate_bpm: scene.heart_rate_bpm,
            length_cv: scene.beat_length_cv,
            start_phase: scene.start_phase,
            ectopic: &scene.ectopic_beats,
            seed: scene.seed,
        };
        Self {
            ventricle: Ventricle::new(scene),
            beats: Heartbeat::new(&rhythm, scene.edv_ml, scene.ef_percent / 100.0, scene.volume_noise_cv),
            lean_rad: scene.foreshortening_deg.to_radians(),
        }
    }

    /// Beats, and volumes in mL.
    pub(super) fn beats(&self) -> &Heartbeat {
        &self.beats
    }

    pub(super) fn chamber(&self, volume_ml: f64) -> Chamber {
        self.ventricle.at_volume(volume_ml)
    }

    pub(super) fn shape(&self, volume_ml: f64) -> Silhouette {
        let chamber = self.chamber(volume_ml);
        let ventricle = chamber.plane.leaning(chamber.other_b, self.lean_rad);
        let rest = self.chamber(self.ventricle.edv_ml).plane.length();
        // The valve's descent draws blood in; the blind end gives way by a part of it.
        let length = ATRIUM_LENGTH * rest + 0.7 * (rest - chamber.plane.length());
        let a = length / (1.0 + ATRIUM_CUT);
        let b = ventricle.half_cut() / (1.0 - ATRIUM_CUT * ATRIUM_CUT).sqrt();
        Silhouette { ventricle, atrium: CutEllipse { a, b, h: ATRIUM_CUT * a } }
    }

    /// How open the mitral valve is at a time, 0 to 1.
    pub(super) fn valve_opening(&self, time_s: f64) -> f64 {
        let cycle = self.beats.cycles().at(time_s);
        let end_systole = Heartbeat::end_systole_s(&cycle);
        let diastole = (time_s - end_systole) / (cycle.start_s + cycle.length_s - end_systole);
        if diastole <= 0.0 {
            return 0.0;
        }
        let early = smooth_step(0.05, 0.16, diastole) * (1.0 - 0.75 * smooth_step(0.34, 0.55, diastole));
        let late = 0.6 * smooth_step(0.74, 0.84, diastole);
        (early + late).min(1.0) * (1.0 - smooth_step(0.93, 1.0, diastole))
    }
}

//! The heart over time: beats, volume, shape.

use crate::noise::{Random, hash64, smooth_step};
use crate::scenes::cut_ellipse::{CutEllipse, volume_factor};
use crate::scenes::cycles::{Cycle, Cycles};

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
pub(super) struct Shape {
    /// The ventricle's section as shown.
    pub(super) ventricle: CutEllipse,
    /// The atrium's section; its own axis runs from its blind end to the valve.
    pub(super) atrium: CutEllipse,
}

/// Beats and their volumes.
pub(super) struct Heart {
    ventricle: Ventricle,
    cycles: Cycles,
    ectopic: Vec<u64>,
    edv_ml: f64,
    ejection: f64,
    noise_cv: f64,
    lean_rad: f64,
    seed: u64,
}

impl Heart {
    pub(super) fn new(scene: &LvScene) -> Self {
        let period_s = 60.0 / scene.heart_rate_bpm;
        let ectopic = scene.ectopic_beats.clone();
        let factor = |index: u64| {
            // An early beat cuts the one before it short; the pause after it makes up for that.
            if ectopic.contains(&index) {
                1.4
            } else if ectopic.contains(&(index + 1)) {
                0.6
            } else {
                1.0
            }
        };
        let first_s = -scene.start_phase * period_s;
        let cycles = Cycles::new(period_s, scene.beat_length_cv, first_s, scene.seed, factor);
        Self {
            ventricle: Ventricle::new(scene),
            cycles,
            ectopic: scene.ectopic_beats.clone(),
            edv_ml: scene.edv_ml,
            ejection: scene.ef_percent / 100.0,
            noise_cv: scene.volume_noise_cv,
            lean_rad: scene.foreshortening_deg.to_radians(),
            seed: hash64(scene.seed, 0x6865_6172),
        }
    }

    pub(super) fn cycles(&self) -> &Cycles {
        &self.cycles
    }

    pub(super) fn is_ectopic(&self, beat: u64) -> bool {
        self.ectopic.contains(&beat)
    }

    /// End-diastolic and end-systolic volume of a beat.
    pub(super) fn volumes_ml(&self, beat: u64) -> (f64, f64) {
        let (edv, ejection) = if self.is_ectopic(beat) {
            (0.82 * self.edv_ml, 0.55 * self.ejection)
        } else {
            (self.edv_ml, self.ejection)
        };
        (edv, edv * (1.0 - ejection))
    }

    /// When a beat's end-systole is: systole lasts 0.36 s times the root of the beat's length in seconds, as Weissler's
    /// regression of ejection time on heart rate has it within 20 ms from 50 to 120 beats a minute (Weissler, Harris,
    /// Schoenfeld, Circulation 37, 1968), and at most 55 % of the beat.
    pub(super) fn end_systole_s(&self, cycle: &Cycle) -> f64 {
        cycle.start_s + (0.36 * cycle.length_s.sqrt()).min(0.55 * cycle.length_s)
    }

    /// Volume at a time, without noise, and the beat.
    pub(super) fn volume_ml(&self, time_s: f64) -> (f64, Cycle) {
        let cycle = self.cycles.at(time_s);
        let (edv, esv) = self.volumes_ml(cycle.index);
        let end_systole = self.end_systole_s(&cycle);
        let volume = if time_s < end_systole {
            // Contraction without ejection at first.
            let systole = (time_s - cycle.start_s) / (end_systole - cycle.start_s);
            edv + (esv - edv) * smooth_step(0.08, 1.0, systole)
        } else {
            let (next_edv, _) = self.volumes_ml(cycle.index + 1);
            let diastole = (time_s - end_systole) / (cycle.start_s + cycle.length_s - end_systole);
            // Relaxation without filling, early filling, rest, the atrium's kick.
            let filled = 0.66 * smooth_step(0.06, 0.46, diastole) + 0.34 * smooth_step(0.76, 1.0, diastole);
            esv + (next_edv - esv) * filled
        };
        (volume, cycle)
    }

    /// Volume that a frame draws: the true one times the frame's noise.
    pub(super) fn drawn_volume_ml(&self, frame_index: u64, volume_ml: f64) -> f64 {
        if self.noise_cv <= 0.0 {
            return volume_ml;
        }
        let draw = Random::new(hash64(self.seed, frame_index), 0).normal().clamp(-4.0, 4.0);
        volume_ml * (1.0 + self.noise_cv * draw)
    }

    pub(super) fn chamber(&self, volume_ml: f64) -> Chamber {
        self.ventricle.at_volume(volume_ml)
    }

    pub(super) fn shape(&self, volume_ml: f64) -> Shape {
        let chamber = self.chamber(volume_ml);
        let ventricle = chamber.plane.leaning(chamber.other_b, self.lean_rad);
        let rest = self.chamber(self.edv_ml).plane.length();
        // The valve's descent draws blood in; the blind end gives way by a part of it.
        let length = ATRIUM_LENGTH * rest + 0.7 * (rest - chamber.plane.length());
        let a = length / (1.0 + ATRIUM_CUT);
        let b = ventricle.half_cut() / (1.0 - ATRIUM_CUT * ATRIUM_CUT).sqrt();
        Shape { ventricle, atrium: CutEllipse { a, b, h: ATRIUM_CUT * a } }
    }

    /// The volume at which the picture's echo field is made: midway, so that it is stretched least.
    pub(super) fn rest_volume_ml(&self) -> f64 {
        self.edv_ml * (1.0 - 0.5 * self.ejection)
    }

    /// How open the mitral valve is at a time, 0 to 1.
    pub(super) fn valve_opening(&self, time_s: f64) -> f64 {
        let cycle = self.cycles.at(time_s);
        let end_systole = self.end_systole_s(&cycle);
        let diastole = (time_s - end_systole) / (cycle.start_s + cycle.length_s - end_systole);
        if diastole <= 0.0 {
            return 0.0;
        }
        let early = smooth_step(0.05, 0.16, diastole) * (1.0 - 0.75 * smooth_step(0.34, 0.55, diastole));
        let late = 0.6 * smooth_step(0.74, 0.84, diastole);
        (early + late).min(1.0) * (1.0 - smooth_step(0.93, 1.0, diastole))
    }
}

//! From the beating ring to pictures and truth.

use std::f64::consts::{PI, TAU};

use crate::ellipse::PlacedEllipse;
use crate::field::ScanField;
use crate::scene::{Receiver, Speckle};
use crate::scenes::cycles::rate_per_minute;
use crate::scenes::heartbeat::{Heartbeat, Rhythm};
use crate::scenes::record::SceneClass;
use crate::scenes::scan::{Moment, Scan, Shape};
use crate::scenes::sonograph::Sonograph;
use crate::scenes::timing::FrameClock;
use crate::scenes::{ClipMeasures, FrameMeasures, LV_SHORT_AXIS, SceneInfo, nanoseconds};

use super::LvShortAxisScene;
use super::anatomy::ChestSection;
use super::truth::{LvShortAxisClip, LvShortAxisFrame};

const CLASS: SceneClass = SceneClass { index: 1, name: "left_ventricle" };
pub(crate) const CLASSES: [SceneClass; 1] = [CLASS];

/// Reach of the moving wall into the tissue around it, in mm.
const REACH_MM: f64 = 18.0;

/// The cavity and the muscle around it, two ellipses of one form.
///
/// Sizes are those of circles of equal area: the ellipse through a point has the radius `√(u² r + v² / r)`, with u along
/// the long axis, v across, r the ratio of the axes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ring {
    center_mm: [f64; 2],
    axis: [f64; 2],
    ratio: f64,
    /// Radius of the cavity, squared.
    cavity2: f64,
    /// Radius of the muscle's outer border, squared, less that of the cavity: it does not change.
    muscle2: f64,
}

impl Ring {
    fn new(scene: &LvShortAxisScene, area_mm2: f64) -> Self {
        let (sin, cos) = libm::sincos(scene.axis_deg.to_radians());
        let end_diastolic = (scene.eda_mm2 / PI).sqrt();
        let outer = end_diastolic + scene.wall_mm;
        Self {
            center_mm: scene.center_mm,
            axis: [cos, sin],
            ratio: scene.axis_ratio,
            cavity2: area_mm2 / PI,
            muscle2: outer * outer - end_diastolic * end_diastolic,
        }
    }

    pub(super) fn cavity_mm(&self) -> f64 {
        self.cavity2.sqrt()
    }

    pub(super) fn outer_mm(&self) -> f64 {
        (self.cavity2 + self.muscle2).sqrt()
    }

    /// From the middle to a point.
    pub(super) fn offset(&self, point_mm: [f64; 2]) -> [f64; 2] {
        [point_mm[0] - self.center_mm[0], point_mm[1] - self.center_mm[1]]
    }

    /// Radius, squared, of the ellipse through a point.
    pub(super) fn radius2(&self, point_mm: [f64; 2]) -> f64 {
        let [dx, dy] = self.offset(point_mm);
        let (u, v) = (dx * self.axis[0] + dy * self.axis[1], dy * self.axis[0] - dx * self.axis[1]);
        u * u * self.ratio + v * v / self.ratio
    }

    fn cavity(&self, scene: &LvShortAxisScene) -> PlacedEllipse {
        let [long, short] = self.semi_axes_mm();
        PlacedEllipse::new(self.center_mm, long, short, scene.axis_deg)
    }

    fn semi_axes_mm(&self) -> [f64; 2] {
        let root = self.ratio.sqrt();
        [self.cavity_mm() / root, self.cavity_mm() * root]
    }

    /// Borders go to borders and the muscle's area stays; tissue around follows less the farther it is.
    fn rest_from_now(&self, rest: &Self, point_mm: [f64; 2]) -> [f64; 2] {
        let now2 = self.radius2(point_mm);
        if now2 <= f64::MIN_POSITIVE {
            return point_mm;
        }
        let gain2 = rest.cavity2 - self.cavity2;
        let rest2 = if now2 <= self.cavity2 {
            now2 * rest.cavity2 / self.cavity2
        } else if now2 <= self.cavity2 + self.muscle2 {
            now2 + gain2
        } else {
            let beyond = (now2.sqrt() - self.outer_mm()) / REACH_MM;
            now2 + gain2 * libm::exp(-beyond * beyond)
        };
        let share = (rest2 / now2).max(0.0).sqrt();
        [0, 1].map(|i| self.center_mm[i] + share * (point_mm[i] - self.center_mm[i]))
    }
}

/// A prepared [`LvShortAxisScene`].
pub struct LvShortAxisPhantom {
    pub(super) scene: LvShortAxisScene,
    beats: Heartbeat,
    clock: FrameClock,
    picture: Sonograph,
    rest: Ring,
}

pub(crate) struct State {
    area_mm2: f64,
    drawn_area_mm2: f64,
    beat: u64,
    phase: f64,
    now: Ring,
}

impl LvShortAxisPhantom {
    /// Expects a validated scene.
    pub(super) fn new(scene: &LvShortAxisScene) -> Self {
        let rhythm = Rhythm {
            rate_bpm: scene.heart_rate_bpm,
            length_cv: scene.beat_length_cv,
            start_phase: scene.start_phase,
            ectopic: &[],
            seed: scene.seed,
        };
        let beats = Heartbeat::new(&rhythm, scene.eda_mm2, scene.fac_percent / 100.0, scene.area_noise_cv);
        let rest = Ring::new(scene, beats.rest());
        let setup = scene.common().setup(
            ScanField::Fan { opening_deg: 80.0, probe_radius_mm: 6.0, depth_mm: None },
            Speckle { axial_mm: 0.8, lateral_mm: 2.0, compounding: 1, decorrelation_per_frame: 0.0 },
            Receiver {
                noise_db: -86.0,
                attenuation_db_per_cm: 2.4,
                tgc_db_per_cm: 2.4,
                dynamic_range_db: 58.0,
                white_db: 18.5,
                gray_gamma: 1.25,
                ..Receiver::default()
            },
        );
        let anatomy = ChestSection { rest, seed: scene.seed };
        let picture = Sonograph::new(setup, &anatomy, scene.center_mm, 20.0);
        Self { scene: scene.clone(), beats, clock: scene.common().clock(), picture, rest }
    }
}

impl Scan for LvShortAxisPhantom {
    type State = State;

    const INFO: &'static SceneInfo = &LV_SHORT_AXIS;

    fn clock(&self) -> &FrameClock {
        &self.clock
    }

    fn picture(&self, _frame_index: u64) -> &Sonograph {
        &self.picture
    }

    fn state(&self, frame_index: u64, time_s: f64) -> State {
        let (area_mm2, cycle) = self.beats.size(time_s);
        let drawn_area_mm2 = self.beats.drawn(frame_index, area_mm2);
        State {
            area_mm2,
            drawn_area_mm2,
            beat: cycle.index,
            phase: (time_s - cycle.start_s) / cycle.length_s,
            now: Ring::new(&self.scene, drawn_area_mm2),
        }
    }

    fn class_at(&self, state: &State, point_mm: [f64; 2]) -> u8 {
        if state.now.radius2(point_mm) <= state.now.cavity2 { CLASS.index } else { 0 }
    }

    fn rest_from_now(&self, state: &State, point_mm: [f64; 2]) -> [f64; 2] {
        state.now.rest_from_now(&self.rest, point_mm)
    }

    fn shapes(&self, moment: &Moment<State>) -> Vec<Shape> {
        const POINTS: u32 = 720;
        let cavity = moment.state.now.cavity(&self.scene);
        let points = (0..POINTS).map(|k| cavity.outline_point(TAU * f64::from(k) / f64::from(POINTS)));
        vec![Shape::of_tissue(CLASS, moment.state.drawn_area_mm2, &moment.sway, points)]
    }

    fn measures(&self, moment: &Moment<State>) -> FrameMeasures {
        let State { area_mm2, drawn_area_mm2, beat, phase, now } = moment.state;
        let nearness = self.beats.nearness(&self.clock, moment.frame_index, moment.time_s, beat);
        FrameMeasures::LvShortAxis(LvShortAxisFrame {
            beat,
            phase,
            is_end_diastole: nearness.is_end_diastole,
            is_end_systole: nearness.is_end_systole,
            area_mm2,
            drawn_area_mm2,
            axes_mm: now.semi_axes_mm().map(|semi| 2.0 * semi),
            angle_deg: self.scene.axis_deg + moment.sway.angle_rad.to_degrees(),
            wall_mm: now.outer_mm() - now.cavity_mm(),
            center_px: self.pixel(moment, now.center_mm),
        })
    }

    fn clip_measures(&self, frames: u64) -> ClipMeasures {
        let last_s = self.clock.time_s(frames.saturating_sub(1));
        let cycles: Vec<_> = self.beats.cycles().until(last_s).collect();
        let within = |time_s: &f64| (0.0..=last_s).contains(time_s);
        let LvShortAxisScene { eda_mm2, fac_percent, .. } = self.scene;
        let ends = cycles.iter().map(Heartbeat::end_systole_s);
        ClipMeasures::LvShortAxis(LvShortAxisClip {
            eda_mm2,
            esa_mm2: eda_mm2 * (1.0 - fac_percent / 100.0),
            fac_percent,
            heart_rate_bpm: rate_per_minute(&cycles, last_s),
            end_diastoles_ns: cycles.iter().map(|c| c.start_s).filter(within).map(nanoseconds).collect(),
            end_systoles_ns: ends.filter(within).map(nanoseconds).collect(),
        })
    }
}

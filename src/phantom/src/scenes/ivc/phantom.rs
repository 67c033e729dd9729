//! From the vein to pictures and truth.

use crate::field::ScanField;
use crate::noise::smooth_step;
use crate::scene::{Receiver, Speckle};
use crate::scenes::cycles::rate_per_minute;
use crate::scenes::record::SceneClass;
use crate::scenes::scan::{Moment, Scan, Shape};
use crate::scenes::sonograph::Sonograph;
use crate::scenes::strip::{Axis, strip_outline};
use crate::scenes::timing::FrameClock;
use crate::scenes::{ClipMeasures, FrameMeasures, IVC, SceneInfo, nanoseconds};

use super::IvcScene;
use super::anatomy::LiverAnatomy;
use super::breath::{Breathing, Profile, Vein};
use super::truth::{IvcClip, IvcFrame};

const CAVA: SceneClass = SceneClass { index: 1, name: "ivc" };
pub(crate) const CLASSES: [SceneClass; 1] = [CAVA];

/// Reach of a moving wall into the tissue around it, in mm.
const REACH_MM: f64 = 15.0;
/// Depths between which the abdominal wall, which stays, goes over into what slides, in mm.
const SLIDES_FROM_MM: [f64; 2] = [12.0, 26.0];

/// A prepared [`IvcScene`].
pub struct IvcPhantom {
    pub(super) scene: IvcScene,
    breathing: Breathing,
    profile: Profile,
    clock: FrameClock,
    picture: Sonograph,
    axis: Axis,
    rest: Vein,
}

pub(crate) struct State {
    vein: Vein,
    breath: u64,
    phase: f64,
    /// What is drawn.
    now: Vein,
}

impl IvcPhantom {
    /// Expects a validated scene.
    pub(super) fn new(scene: &IvcScene) -> Self {
        let breathing = Breathing::new(scene);
        let profile = Profile::new(scene);
        let axis = Axis::new(scene.junction_mm, scene.tilt_deg);
        let setup = scene.common().setup(
            ScanField::Fan { opening_deg: 66.0, probe_radius_mm: 55.0, depth_mm: None },
            Speckle { axial_mm: 0.75, lateral_mm: 1.7, compounding: 2, decorrelation_per_frame: 0.0 },
            Receiver {
                noise_db: -82.0,
                attenuation_db_per_cm: 3.2,
                tgc_db_per_cm: 3.1,
                dynamic_range_db: 58.0,
                white_db: 22.0,
                gray_gamma: 1.2,
                ..Receiver::default()
            },
        );
        let rest = breathing.rest();
        let anatomy = LiverAnatomy { axis, profile, rest, seed: scene.seed };
        let reach_mm = scene.slide_mm + 0.5 * scene.max_mm;
        let picture = Sonograph::new(setup, &anatomy, axis.point(scene.site_mm, 0.0), reach_mm);
        let clock = scene.common().clock();
        Self { scene: scene.clone(), breathing, profile, clock, picture, axis, rest }
    }
}

impl Scan for IvcPhantom {
    type State = State;

    const INFO: &'static SceneInfo = &IVC;

    fn clock(&self) -> &FrameClock {
        &self.clock
    }

    fn picture(&self, _frame_index: u64) -> &Sonograph {
        &self.picture
    }

    fn state(&self, frame_index: u64, time_s: f64) -> State {
        let (vein, cycle) = self.breathing.vein(time_s);
        State {
            vein,
            breath: cycle.index,
            phase: (time_s - cycle.start_s) / cycle.length_s,
            now: self.breathing.drawn(frame_index, vein),
        }
    }

    fn class_at(&self, State { now, .. }: &State, point_mm: [f64; 2]) -> u8 {
        let [s, q] = self.axis.local(point_mm);
        let along = s - now.slide_mm;
        let inside = (0.0..=self.profile.length_mm).contains(&along)
            && q.abs() <= 0.5 * now.diameter_mm * self.profile.at(along);
        if inside { CAVA.index } else { 0 }
    }

    /// Walls go to walls, tissue around follows less the farther it is, and all but the abdominal wall slides.
    fn rest_from_now(&self, State { now, .. }: &State, point_mm: [f64; 2]) -> [f64; 2] {
        let rest = &self.rest;
        let [s, q] = self.axis.local(point_mm);
        let along = s - now.slide_mm;
        // Where the vein ends in the atrium its width goes on for a little.
        let fade = if along < 0.0 { libm::exp(-along * along / 60.0) } else { 1.0 };
        let width = fade * self.profile.at(along.max(0.0));
        let (radius, rest_radius) = (0.5 * now.diameter_mm * width, 0.5 * rest.diameter_mm * width);
        let away = q.abs();
        let rest_away = if away <= radius {
            away * rest.diameter_mm / now.diameter_mm
        } else {
            let beyond = (away - radius) / REACH_MM;
            away + (rest_radius - radius) * libm::exp(-beyond * beyond)
        };
        let moved = if q < 0.0 { away - rest_away } else { rest_away - away };
        let slides = smooth_step(SLIDES_FROM_MM[0], SLIDES_FROM_MM[1], point_mm[1]);
        let slid = slides * (rest.slide_mm - now.slide_mm);
        let [dx, dy] = self.axis.direction;
        [point_mm[0] + slid * dx - moved * dy, point_mm[1] + slid * dy + moved * dx]
    }

    fn shapes(&self, moment: &Moment<State>) -> Vec<Shape> {
        let now = &moment.state.now;
        let half = |s: f64| 0.5 * now.diameter_mm * self.profile.at(s - now.slide_mm);
        let ends = [now.slide_mm, now.slide_mm + self.profile.length_mm];
        let points = strip_outline(&self.axis, ends, 2400, |s| -half(s), half);
        let area_mm2 = now.diameter_mm * self.profile.integral_mm();
        vec![Shape::of_tissue(CAVA, area_mm2, &moment.sway, points)]
    }

    fn measures(&self, moment: &Moment<State>) -> FrameMeasures {
        let State { vein, breath, phase, now } = &moment.state;
        let site_mm = self.scene.site_mm;
        let pixel = |s, q| self.pixel(moment, self.axis.point(s, q));
        let site = now.slide_mm + site_mm;
        let half = 0.5 * now.diameter_mm;
        FrameMeasures::Ivc(IvcFrame {
            breath: *breath,
            phase: *phase,
            diameter_mm: vein.diameter_mm,
            drawn_diameter_mm: now.diameter_mm,
            fixed_site_diameter_mm: vein.diameter_mm * self.profile.at(site_mm - vein.slide_mm),
            slide_mm: now.slide_mm,
            axis_deg: self.scene.tilt_deg + moment.sway.angle_rad.to_degrees(),
            junction_px: pixel(now.slide_mm, 0.0),
            site_px: [pixel(site, -half), pixel(site, half)],
        })
    }

    fn clip_measures(&self, frames: u64) -> ClipMeasures {
        let last_s = self.clock.time_s(frames.saturating_sub(1));
        let cycles: Vec<_> = self.breathing.cycles().until(last_s).collect();
        let within = |time_s: &f64| (0.0..=last_s).contains(time_s);
        let scene = &self.scene;
        let sniffed = scene.sniffs_s.iter().any(|start_s| start_s + 0.7 <= last_s);
        ClipMeasures::Ivc(IvcClip {
            max_mm: scene.max_mm,
            min_mm: scene.min_mm,
            collapsibility: 1.0 - scene.min_mm / scene.max_mm,
            distensibility: scene.max_mm / scene.min_mm - 1.0,
            sniff_collapsibility: sniffed.then(|| 1.0 - scene.sniff_min_mm / scene.max_mm),
            breath_rate_bpm: rate_per_minute(&cycles, last_s),
            widest_ns: cycles.iter().map(|c| c.start_s).filter(within).map(nanoseconds).collect(),
            narrowest_ns: cycles.iter().map(Breathing::narrowest_s).filter(within).map(nanoseconds).collect(),
        })
    }
}

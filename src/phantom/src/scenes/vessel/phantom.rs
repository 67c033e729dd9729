//! From the artery to pictures and truth.

use crate::field::ScanField;
use crate::scene::{Receiver, Speckle};
use crate::scenes::cycles::{is_nearest, rate_per_minute};
use crate::scenes::record::SceneClass;
use crate::scenes::scan::{Moment, Scan, Shape};
use crate::scenes::sonograph::Sonograph;
use crate::scenes::strip::{Axis, strip_within};
use crate::scenes::timing::FrameClock;
use crate::scenes::{ClipMeasures, FrameMeasures, SceneInfo, VESSEL, nanoseconds};

use super::VesselScene;
use super::anatomy::NeckAnatomy;
use super::pulse::{Bore, Pulse};
use super::truth::{VesselClip, VesselFrame};

const LUMEN: SceneClass = SceneClass { index: 1, name: "lumen" };
const INTIMA_MEDIA: SceneClass = SceneClass { index: 2, name: "intima_media" };
pub(crate) const CLASSES: [SceneClass; 2] = [LUMEN, INTIMA_MEDIA];

/// Reach of a moving wall into the tissue around it, in mm.
const REACH_MM: f64 = 7.0;

/// A prepared [`VesselScene`].
pub struct VesselPhantom {
    pub(super) scene: VesselScene,
    pulse: Pulse,
    clock: FrameClock,
    picture: Sonograph,
    axis: Axis,
    rest: Bore,
}

pub(crate) struct State {
    lumen_mm: f64,
    beat: u64,
    phase: f64,
    now: Bore,
}

impl VesselPhantom {
    /// Expects a validated scene.
    pub(super) fn new(scene: &VesselScene) -> Self {
        let pulse = Pulse::new(scene);
        let axis = Axis::new([0.0, scene.depth_mm], scene.tilt_deg);
        let setup = scene.common().setup(
            ScanField::Linear { width_mm: None, depth_mm: None },
            Speckle { axial_mm: 0.2, lateral_mm: 0.42, compounding: 2, decorrelation_per_frame: 0.0 },
            Receiver {
                noise_db: -72.0,
                attenuation_db_per_cm: 6.0,
                tgc_db_per_cm: 5.8,
                dynamic_range_db: 60.0,
                white_db: 24.0,
                gray_gamma: 1.2,
                ..Receiver::default()
            },
        );
        let rest = pulse.rest();
        let anatomy = NeckAnatomy { axis, rest, seed: scene.seed };
        let reach_mm = 0.5 * (scene.systolic_mm - scene.diastolic_mm) + 4.0 * scene.diameter_noise_mm;
        let picture = Sonograph::new(setup, &anatomy, [0.0, scene.depth_mm], reach_mm);
        let clock = scene.common().clock();
        Self { scene: scene.clone(), pulse, clock, picture, axis, rest }
    }
}

impl Scan for VesselPhantom {
    type State = State;

    const INFO: &'static SceneInfo = &VESSEL;
    const GOES_ON: bool = true;

    fn clock(&self) -> &FrameClock {
        &self.clock
    }

    fn picture(&self, _frame_index: u64) -> &Sonograph {
        &self.picture
    }

    fn state(&self, frame_index: u64, time_s: f64) -> State {
        let (lumen_mm, cycle) = self.pulse.diameter_mm(time_s);
        State {
            lumen_mm,
            beat: cycle.index,
            phase: (time_s - cycle.start_s) / cycle.length_s,
            now: self.pulse.drawn(frame_index, lumen_mm),
        }
    }

    fn class_at(&self, State { now, .. }: &State, point_mm: [f64; 2]) -> u8 {
        let [_, q] = self.axis.local(point_mm);
        let radius = 0.5 * now.diameter_mm;
        if q.abs() <= radius {
            LUMEN.index
        } else if q > 0.0 && q <= radius + now.wall_mm {
            INTIMA_MEDIA.index
        } else {
            0
        }
    }

    /// Interfaces go to interfaces; tissue around follows less the farther it is.
    fn rest_from_now(&self, State { now, .. }: &State, point_mm: [f64; 2]) -> [f64; 2] {
        let rest = &self.rest;
        let [_, q] = self.axis.local(point_mm);
        let (radius, rest_radius) = (0.5 * now.diameter_mm, 0.5 * rest.diameter_mm);
        let away = q.abs();
        let rest_away = if away <= radius {
            away * rest_radius / radius
        } else if away <= radius + now.wall_mm {
            rest_radius + (away - radius) * rest.wall_mm / now.wall_mm
        } else {
            let beyond = (away - radius - now.wall_mm) / REACH_MM;
            away + (rest_radius + rest.wall_mm - radius - now.wall_mm) * libm::exp(-beyond * beyond)
        };
        let moved = if q < 0.0 { away - rest_away } else { rest_away - away };
        let [dx, dy] = self.axis.direction;
        [point_mm[0] - moved * dy, point_mm[1] + moved * dx]
    }

    /// The classes' parallelograms within the field's width.
    fn shapes(&self, moment: &Moment<State>) -> Vec<Shape> {
        let half = self.picture.field_mm(moment.frame_index).0.unwrap_or(0.0);
        let axis = moment.sway.axis(&self.axis);
        let now = &moment.state.now;
        let radius = 0.5 * now.diameter_mm;
        CLASSES
            .into_iter()
            .zip([[-radius, radius], [radius, radius + now.wall_mm]])
            .map(|(class, [low, high])| Shape {
                class,
                // The field's vertical edges cut the strip to this length.
                area_mm2: (high - low) * 2.0 * half / axis.direction[0],
                points_mm: strip_within(&axis, half, low, high),
            })
            .collect()
    }

    fn measures(&self, moment: &Moment<State>) -> FrameMeasures {
        let State { lumen_mm, beat, phase, now } = moment.state;
        let before_s = moment.frame_index.checked_sub(1).map(|index| self.clock.time_s(index));
        let after_s = self.clock.time_s(moment.frame_index.saturating_add(1));
        let nearest = |event_s: f64| event_s >= 0.0 && is_nearest(event_s, before_s, moment.time_s, after_s);
        let near = beat.saturating_sub(1)..=beat.saturating_add(1);
        let cycles = self.pulse.cycles();
        FrameMeasures::Vessel(VesselFrame {
            beat,
            phase,
            is_end_diastole: near.clone().any(|beat| nearest(cycles.cycle(beat).start_s)),
            is_systolic_peak: near.clone().any(|beat| nearest(Pulse::peak_s(&cycles.cycle(beat)))),
            lumen_mm,
            drawn_lumen_mm: now.diameter_mm,
            intima_media_mm: now.wall_mm,
            axis_deg: self.scene.tilt_deg + moment.sway.angle_rad.to_degrees(),
            center_px: self.pixel(moment, self.axis.origin_mm),
        })
    }

    fn clip_measures(&self, frames: u64) -> ClipMeasures {
        let last_s = self.clock.time_s(frames.saturating_sub(1));
        let cycles: Vec<_> = self.pulse.cycles().until(last_s).collect();
        let within = |time_s: &f64| (0.0..=last_s).contains(time_s);
        let starts = cycles.iter().map(|cycle| cycle.start_s);
        let peaks = cycles.iter().map(Pulse::peak_s);
        let scene = &self.scene;
        ClipMeasures::Vessel(VesselClip {
            diastolic_mm: scene.diastolic_mm,
            systolic_mm: scene.systolic_mm,
            distensibility: scene.systolic_mm / scene.diastolic_mm - 1.0,
            intima_media_mm: scene.intima_media_mm,
            heart_rate_bpm: rate_per_minute(&cycles, last_s),
            end_diastoles_ns: starts.filter(within).map(nanoseconds).collect(),
            systolic_peaks_ns: peaks.filter(within).map(nanoseconds).collect(),
        })
    }
}

//! From the artery to pictures and truth.

use crate::field::ScanField;
use crate::scene::{Receiver, Speckle};
use crate::scenes::cycles::is_nearest;
use crate::scenes::record::{
    ClassRecord, ClipRecord, FrameRecord, Outline, PixelFormat, RenderedFrame, SceneClass,
};
use crate::scenes::sonograph::{Rigid, Sonograph};
use crate::scenes::strip::{Axis, strip_within};
use crate::scenes::timing::FrameClock;
use crate::scenes::{
    ClipMeasures, FrameMeasures, Phantom, SceneInfo, VESSEL, clip_record, median, nanoseconds,
};

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
    scene: VesselScene,
    pulse: Pulse,
    clock: FrameClock,
    picture: Sonograph,
    axis: Axis,
}

struct State {
    time_s: f64,
    lumen_mm: f64,
    beat: u64,
    phase: f64,
    now: Bore,
    sway: Rigid,
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
        let anatomy = NeckAnatomy { axis, rest: pulse.rest(), seed: scene.seed };
        let reach_mm = 0.5 * (scene.systolic_mm - scene.diastolic_mm) + 4.0 * scene.diameter_noise_mm;
        let picture = Sonograph::new(setup, &anatomy, [0.0, scene.depth_mm], reach_mm);
        let clock = FrameClock::new(scene.frame_rate_hz, &scene.timing, scene.seed);
        Self { scene: scene.clone(), pulse, clock, picture, axis }
    }

    /// The scene this was prepared from.
    #[must_use]
    pub fn scene(&self) -> &VesselScene {
        &self.scene
    }

    fn state(&self, frame_index: u64) -> State {
        let time_s = self.clock.time_s(frame_index);
        let (lumen_mm, cycle) = self.pulse.diameter_mm(time_s);
        State {
            time_s,
            lumen_mm,
            beat: cycle.index,
            phase: (time_s - cycle.start_s) / cycle.length_s,
            now: self.pulse.drawn(frame_index, lumen_mm),
            sway: self.picture.sway(time_s),
        }
    }

    fn class_at(&self, now: &Bore, point_mm: [f64; 2]) -> u8 {
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
    fn rest_from_now(&self, now: &Bore, rest: &Bore, point_mm: [f64; 2]) -> [f64; 2] {
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

    /// The classes' parallelograms within the field's width, and their areas.
    fn pixel_outlines(&self, frame_index: u64, state: &State) -> Vec<(Outline, f64)> {
        let half = self.picture.field_mm(frame_index).0.unwrap_or(0.0);
        let axis = state.sway.axis(&self.axis);
        let radius = 0.5 * state.now.diameter_mm;
        CLASSES
            .into_iter()
            .zip([[-radius, radius], [radius, radius + state.now.wall_mm]])
            .map(|(class, [low, high])| {
                let points = strip_within(&axis, half, low, high);
                let outline = self.picture.outline(frame_index, &Rigid::STILL, class, &points);
                // The field's vertical edges cut the strip to this length.
                (outline, (high - low) * 2.0 * half / axis.direction[0])
            })
            .collect()
    }

    fn measures(&self, frame_index: u64, state: &State) -> VesselFrame {
        let before_s = frame_index.checked_sub(1).map(|index| self.clock.time_s(index));
        let after_s = self.clock.time_s(frame_index.saturating_add(1));
        let nearest = |event_s: f64| event_s >= 0.0 && is_nearest(event_s, before_s, state.time_s, after_s);
        let near = state.beat.saturating_sub(1)..=state.beat.saturating_add(1);
        let cycles = self.pulse.cycles();
        let center = state.sway.probe_from_tissue(self.axis.origin_mm);
        VesselFrame {
            beat: state.beat,
            phase: state.phase,
            is_end_diastole: near.clone().any(|beat| nearest(cycles.cycle(beat).start_s)),
            is_systolic_peak: near.clone().any(|beat| nearest(Pulse::peak_s(&cycles.cycle(beat)))),
            lumen_mm: state.lumen_mm,
            drawn_lumen_mm: state.now.diameter_mm,
            intima_media_mm: state.now.wall_mm,
            axis_deg: self.scene.tilt_deg + state.sway.angle_rad.to_degrees(),
            center_px: self.picture.pixel_from_probe(frame_index, center),
        }
    }

    fn record(&self, frame_index: u64, state: &State) -> FrameRecord {
        let classes: Vec<ClassRecord> = CLASSES
            .into_iter()
            .zip(self.pixel_outlines(frame_index, state))
            .map(|(class, (outline, area))| ClassRecord {
                // The vessel goes on beyond the field.
                truncated: true,
                ..self.picture.class_record(frame_index, class, area, &outline)
            })
            .collect();
        let pts_ns = self.clock.pts_ns(frame_index);
        let measures = FrameMeasures::Vessel(self.measures(frame_index, state));
        self.picture.record(frame_index, pts_ns, classes, measures)
    }
}

impl Phantom for VesselPhantom {
    fn info(&self) -> &'static SceneInfo {
        &VESSEL
    }

    fn size_px(&self) -> [u32; 2] {
        self.picture.size_px()
    }

    fn frame_rate_hz(&self) -> f64 {
        self.scene.frame_rate_hz
    }

    fn pts_ns(&self, frame_index: u64) -> u64 {
        self.clock.pts_ns(frame_index)
    }

    fn truth(&self, frame_index: u64) -> FrameRecord {
        self.record(frame_index, &self.state(frame_index))
    }

    fn outlines(&self, frame_index: u64) -> Vec<Outline> {
        let state = self.state(frame_index);
        self.pixel_outlines(frame_index, &state).into_iter().map(|(outline, _)| outline).collect()
    }

    fn mask(&self, frame_index: u64) -> Vec<u8> {
        let state = self.state(frame_index);
        self.picture.mask(frame_index, &state.sway, |point| self.class_at(&state.now, point))
    }

    fn render(&self, frame_index: u64) -> RenderedFrame {
        let state = self.state(frame_index);
        let rest = self.pulse.rest();
        let pixels = self.picture.paint(
            frame_index,
            &state.sway,
            |point| self.rest_from_now(&state.now, &rest, point),
            &[],
        );
        RenderedFrame {
            pixels,
            format: PixelFormat::Gray8,
            mask: self.picture.mask(frame_index, &state.sway, |point| self.class_at(&state.now, point)),
            truth: self.record(frame_index, &state),
        }
    }

    fn clip(&self, frames: u64) -> ClipRecord {
        let last_s = self.clock.time_s(frames.saturating_sub(1));
        let cycles: Vec<_> = self.pulse.cycles().until(last_s).collect();
        let within = |time_s: &f64| (0.0..=last_s).contains(time_s);
        let mut lengths: Vec<f64> = cycles
            .iter()
            .filter(|cycle| cycle.start_s >= 0.0 && cycle.start_s + cycle.length_s <= last_s)
            .map(|cycle| cycle.length_s)
            .collect();
        let starts = cycles.iter().map(|cycle| cycle.start_s);
        let peaks = cycles.iter().map(Pulse::peak_s);
        let scene = &self.scene;
        clip_record(
            self,
            frames,
            ClipMeasures::Vessel(VesselClip {
                diastolic_mm: scene.diastolic_mm,
                systolic_mm: scene.systolic_mm,
                distensibility: scene.systolic_mm / scene.diastolic_mm - 1.0,
                intima_media_mm: scene.intima_media_mm,
                heart_rate_bpm: median(&mut lengths).map(|length_s| 60.0 / length_s),
                end_diastoles_ns: starts.filter(within).map(nanoseconds).collect(),
                systolic_peaks_ns: peaks.filter(within).map(nanoseconds).collect(),
            }),
        )
    }
}

impl std::fmt::Debug for VesselPhantom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VesselPhantom").field("scene", &self.scene).finish_non_exhaustive()
    }
}

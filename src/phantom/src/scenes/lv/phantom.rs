//! From the beating heart to pictures and truth.

use crate::field::ScanField;
use crate::scene::{Receiver, Speckle};
use crate::scenes::cut_ellipse::CutEllipse;
use crate::scenes::heartbeat::Heartbeat;
use crate::scenes::record::SceneClass;
use crate::scenes::scan::{Moment, Scan, Shape};
use crate::scenes::sonograph::{Sonograph, Stroke};
use crate::scenes::timing::FrameClock;
use crate::scenes::{ClipMeasures, FrameMeasures, LV, SceneInfo, milliseconds, nanoseconds};

use super::LvScene;
use super::anatomy::HeartAnatomy;
use super::heart::{Heart, Silhouette};
use super::truth::{Beat, LvClip, LvFrame};

const VENTRICLE: SceneClass = SceneClass { index: 1, name: "left_ventricle" };
const ATRIUM: SceneClass = SceneClass { index: 2, name: "left_atrium" };
pub(crate) const CLASSES: [SceneClass; 2] = [VENTRICLE, ATRIUM];

/// Reach of a moving wall into the tissue around it, in mm.
const REACH_MM: f64 = 24.0;

/// A shape in its place: tissue space, apex fixed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placement {
    pub(super) shape: Silhouette,
    apex_mm: [f64; 2],
    /// Unit vector from the apex to the valve.
    axis: [f64; 2],
}

impl Placement {
    /// Components of a vector along and across the axis.
    pub(super) fn local_vector(&self, vector: [f64; 2]) -> [f64; 2] {
        [
            vector[0] * self.axis[0] + vector[1] * self.axis[1],
            vector[0] * self.axis[1] - vector[1] * self.axis[0],
        ]
    }

    /// Coordinates along and across the axis from the centre of the ventricle's ellipse.
    pub(super) fn ventricle_local(&self, point_mm: [f64; 2]) -> [f64; 2] {
        let [u, v] = self.local_vector([point_mm[0] - self.apex_mm[0], point_mm[1] - self.apex_mm[1]]);
        [u - self.shape.ventricle.a, v]
    }

    /// The same from the centre of the atrium's ellipse, along its own axis, which runs the other way.
    pub(super) fn atrium_local(&self, point_mm: [f64; 2]) -> [f64; 2] {
        let [u, v] = self.ventricle_local(point_mm);
        [self.shape.atrium.h - (u - self.shape.ventricle.h), v]
    }

    /// A point from its distance beyond the apex along the axis, and across.
    fn point(&self, along: f64, across: f64) -> [f64; 2] {
        [
            self.apex_mm[0] + along * self.axis[0] + across * self.axis[1],
            self.apex_mm[1] + along * self.axis[1] - across * self.axis[0],
        ]
    }

    fn class_at(&self, point_mm: [f64; 2]) -> u8 {
        let [u, v] = self.ventricle_local(point_mm);
        if self.shape.ventricle.contains(u, v) {
            return VENTRICLE.index;
        }
        let [u, v] = self.atrium_local(point_mm);
        if self.shape.atrium.contains(u, v) { ATRIUM.index } else { 0 }
    }

    fn outlines(&self) -> [Vec<[f64; 2]>; 2] {
        let ventricle = self.shape.ventricle;
        let atrium = self.shape.atrium;
        [
            ventricle.outline(720, 160).into_iter().map(|[u, v]| self.point(u + ventricle.a, v)).collect(),
            atrium
                .outline(540, 160)
                .into_iter()
                .map(|[u, v]| self.point(ventricle.length() + atrium.h - u, v))
                .collect(),
        ]
    }

    /// Where a point of this shape lies when the heart has the shape `rest`: outlines go to outlines, and the tissue
    /// around follows less the farther it is.
    fn rest_from_now(&self, rest: &Self, point_mm: [f64; 2]) -> [f64; 2] {
        let [u, v] = self.ventricle_local(point_mm);
        let valve = u - self.shape.ventricle.h;
        let share = crate::noise::smooth_step(-5.0, 5.0, valve);
        let mut moved = [0.0; 2];
        if share < 1.0 {
            let [du, dv] = pull(&self.shape.ventricle, &rest.shape.ventricle, u, v);
            // Both centres are counted from the same apex.
            let shift =
                (rest.shape.ventricle.a - self.shape.ventricle.a) * decay(&self.shape.ventricle, u, v);
            moved[0] += (1.0 - share) * (du + shift);
            moved[1] += (1.0 - share) * dv;
        }
        if share > 0.0 {
            let [au, av] = self.atrium_local(point_mm);
            let [du, dv] = pull(&self.shape.atrium, &rest.shape.atrium, au, av);
            let centre = |p: &Self| p.shape.ventricle.length() + p.shape.atrium.h;
            let shift = (centre(rest) - centre(self)) * decay(&self.shape.atrium, au, av);
            moved[0] += share * (shift - du);
            moved[1] += share * dv;
        }
        [
            point_mm[0] + moved[0] * self.axis[0] + moved[1] * self.axis[1],
            point_mm[1] + moved[0] * self.axis[1] - moved[1] * self.axis[0],
        ]
    }
}

/// How much a point follows the outline: all inside, less outside with the square of the distance.
fn decay(shape: &CutEllipse, u: f64, v: f64) -> f64 {
    let level2 = (u / shape.a) * (u / shape.a) + (v / shape.b) * (v / shape.b);
    if level2 <= 1.0 {
        return 1.0;
    }
    let away = (u * u + v * v).sqrt() * (1.0 - 1.0 / level2.sqrt()) / REACH_MM;
    libm::exp(-away * away)
}

/// Displacement about the centre that takes the ellipse `from` to the ellipse `to`.
fn pull(from: &CutEllipse, to: &CutEllipse, u: f64, v: f64) -> [f64; 2] {
    let level2 = (u / from.a) * (u / from.a) + (v / from.b) * (v / from.b);
    let inward = if level2 > 1.0 { decay(from, u, v) / level2.sqrt() } else { 1.0 };
    [u * inward * (to.a / from.a - 1.0), v * inward * (to.b / from.b - 1.0)]
}

/// A prepared [`LvScene`].
pub struct LvPhantom {
    pub(super) scene: LvScene,
    heart: Heart,
    clock: FrameClock,
    picture: Sonograph,
    rest: Placement,
}

/// One frame's state.
pub(crate) struct State {
    volume_ml: f64,
    drawn_volume_ml: f64,
    beat: u64,
    phase: f64,
    now: Placement,
}

impl LvPhantom {
    /// Expects a validated scene.
    pub(super) fn new(scene: &LvScene) -> Self {
        let heart = Heart::new(scene);
        let rest = place(scene, heart.shape(heart.beats().rest()));
        let setup = scene.common().setup(
            ScanField::Fan { opening_deg: 78.0, probe_radius_mm: 6.0, depth_mm: None },
            Speckle { axial_mm: 0.9, lateral_mm: 2.4, compounding: 1, decorrelation_per_frame: 0.0 },
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
        let anatomy = HeartAnatomy { rest, view: scene.view, wall_mm: scene.wall_mm, seed: scene.seed };
        let focus = rest.point(0.6 * rest.shape.ventricle.length(), 0.0);
        let picture = Sonograph::new(setup, &anatomy, focus, 20.0);
        let clock = scene.common().clock();
        Self { scene: scene.clone(), heart, clock, picture, rest }
    }

    /// The valve's leaflets, from the hinge points: closed they meet in the mitral plane, open they reach into the
    /// ventricle.
    fn leaflets(&self, moment: &Moment<State>) -> Vec<Stroke> {
        let opening = self.heart.valve_opening(moment.time_s);
        let now = &moment.state.now;
        let (length, half) = (now.shape.ventricle.length(), now.shape.ventricle.half_cut());
        let leaflet = |side: f64, reach: f64| {
            let points_mm = (0..=8)
                .map(|k| {
                    let t = f64::from(k) / 8.0;
                    // Closed: a shallow tent over the plane; open: a curve toward the apex.
                    let closed =
                        [length - 5.0 * libm::sin(std::f64::consts::FRAC_PI_2 * t), half * (1.0 - reach * t)];
                    let open = [length - 17.0 * t, half * (1.0 - 0.32 * libm::sin(2.0 * t))];
                    let mix = |i: usize| closed[i] + (open[i] - closed[i]) * opening;
                    now.point(mix(0), side * mix(1))
                })
                .collect();
            Stroke { points_mm, half_width_mm: 0.75, amplitude: 1.1 }
        };
        vec![leaflet(-1.0, 1.1), leaflet(1.0, 0.85)]
    }

    fn beat(&self, index: u64, last_s: f64) -> Beat {
        let cycle = self.heart.beats().cycles().cycle(index);
        let (edv_ml, esv_ml) = self.heart.beats().extremes(index);
        let end_s = cycle.start_s + cycle.length_s;
        Beat {
            index,
            end_diastole_ns: nanoseconds(cycle.start_s),
            end_systole_ns: nanoseconds(Heartbeat::end_systole_s(&cycle)),
            end_ns: nanoseconds(end_s),
            length_ms: milliseconds(cycle.length_s),
            edv_ml,
            esv_ml,
            ef_percent: 100.0 * (1.0 - esv_ml / edv_ml),
            is_ectopic: self.heart.beats().is_ectopic(index),
            is_complete: cycle.start_s >= 0.0 && end_s <= last_s,
        }
    }
}

fn place(scene: &LvScene, shape: Silhouette) -> Placement {
    let (sin, cos) = libm::sincos(scene.axis_deg.to_radians());
    // Clockwise on the screen turns straight down toward the left.
    Placement { shape, apex_mm: scene.apex_mm, axis: [-sin, cos] }
}

impl Scan for LvPhantom {
    type State = State;

    const INFO: &'static SceneInfo = &LV;

    fn clock(&self) -> &FrameClock {
        &self.clock
    }

    fn picture(&self, _frame_index: u64) -> &Sonograph {
        &self.picture
    }

    fn state(&self, frame_index: u64, time_s: f64) -> State {
        let (volume_ml, cycle) = self.heart.beats().size(time_s);
        let drawn_volume_ml = self.heart.beats().drawn(frame_index, volume_ml);
        State {
            volume_ml,
            drawn_volume_ml,
            beat: cycle.index,
            phase: (time_s - cycle.start_s) / cycle.length_s,
            now: place(&self.scene, self.heart.shape(drawn_volume_ml)),
        }
    }

    fn class_at(&self, state: &State, point_mm: [f64; 2]) -> u8 {
        state.now.class_at(point_mm)
    }

    fn rest_from_now(&self, state: &State, point_mm: [f64; 2]) -> [f64; 2] {
        state.now.rest_from_now(&self.rest, point_mm)
    }

    fn strokes(&self, moment: &Moment<State>) -> Vec<Stroke> {
        self.leaflets(moment)
    }

    fn shapes(&self, moment: &Moment<State>) -> Vec<Shape> {
        let now = &moment.state.now;
        let areas = [now.shape.ventricle.area(), now.shape.atrium.area()];
        CLASSES
            .into_iter()
            .zip(areas)
            .zip(now.outlines())
            .map(|((class, area), points)| Shape::of_tissue(class, area, &moment.sway, points))
            .collect()
    }

    fn measures(&self, moment: &Moment<State>) -> FrameMeasures {
        let State { volume_ml, drawn_volume_ml, beat, phase, now } = &moment.state;
        let ventricle = now.shape.ventricle;
        let nearness = self.heart.beats().nearness(&self.clock, moment.frame_index, moment.time_s, *beat);
        let area_mm2 = ventricle.area();
        let long_axis_mm = ventricle.length();
        let half = ventricle.half_cut();
        let pixel = |along, across| self.pixel(moment, now.point(along, across));
        FrameMeasures::Lv(LvFrame {
            beat: *beat,
            phase: *phase,
            is_end_diastole: nearness.is_end_diastole,
            is_end_systole: nearness.is_end_systole,
            volume_ml: *volume_ml,
            drawn_volume_ml: *drawn_volume_ml,
            area_mm2,
            long_axis_mm,
            true_long_axis_mm: self.heart.chamber(*drawn_volume_ml).plane.length(),
            single_plane_volume_ml: ventricle.volume(ventricle.b) / 1000.0,
            area_length_volume_ml: 8.0 * area_mm2 * area_mm2
                / (3.0 * std::f64::consts::PI * long_axis_mm)
                / 1000.0,
            annulus_mm: 2.0 * half,
            annulus_px: [pixel(long_axis_mm, -half), pixel(long_axis_mm, half)],
            apex_px: pixel(0.0, 0.0),
            atrium_area_mm2: now.shape.atrium.area(),
            atrium_length_mm: now.shape.atrium.length(),
        })
    }

    fn clip_measures(&self, frames: u64) -> ClipMeasures {
        let last_s = self.clock.time_s(frames.saturating_sub(1));
        let cycles = self.heart.beats().cycles().until(last_s);
        let beats: Vec<Beat> = cycles.map(|cycle| self.beat(cycle.index, last_s)).collect();
        let mut lengths: Vec<f64> =
            beats.iter().filter(|beat| beat.is_complete).map(|beat| beat.length_ms).collect();
        let edv_ml = self.scene.edv_ml;
        let ef_percent = self.scene.ef_percent;
        let esv_ml = edv_ml * (1.0 - ef_percent / 100.0);
        let seen = |volume| {
            let section = self.heart.shape(volume).ventricle;
            section.volume(section.b)
        };
        ClipMeasures::Lv(LvClip {
            edv_ml,
            esv_ml,
            ef_percent,
            stroke_volume_ml: edv_ml - esv_ml,
            single_plane_ef_percent: 100.0 * (1.0 - seen(esv_ml) / seen(edv_ml)),
            heart_rate_bpm: crate::scenes::median(&mut lengths).map(|ms| 60_000.0 / ms),
            beats,
        })
    }
}

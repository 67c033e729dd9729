//! From the muscle to pictures and truth.

use std::f64::consts::TAU;

use crate::field::ScanField;
use crate::scene::{Receiver, Speckle};
use crate::scenes::record::SceneClass;
use crate::scenes::scan::{Moment, Scan, Shape};
use crate::scenes::sonograph::Sonograph;
use crate::scenes::strip::Axis;
use crate::scenes::timing::FrameClock;
use crate::scenes::{ClipMeasures, FrameMeasures, MUSCLE, SceneInfo};

use super::MuscleScene;
use super::anatomy::LimbAnatomy;
use super::truth::{MuscleClip, MuscleFrame};

const CLASS: SceneClass = SceneClass { index: 1, name: "muscle" };
pub(crate) const CLASSES: [SceneClass; 1] = [CLASS];

/// Reach of the moving deep border into the tissue below, in mm.
const REACH_MM: f64 = 18.0;

/// The muscle's borders.
#[derive(Debug, Clone, Copy)]
pub(super) struct Belly {
    /// The deep border; s = 0 where the thickness is that of the options.
    pub(super) deep: Axis,
    thickness_mm: f64,
    /// Gain in thickness per mm along the deep border.
    slope: f64,
}

impl Belly {
    fn new(scene: &MuscleScene, thickness_mm: f64) -> Self {
        let mut deep = Axis::new([0.0, scene.fat_mm], scene.deep_deg);
        // The superficial border passes through this point; the deep one lies the thickness across from it.
        deep.origin_mm = deep.point(0.0, thickness_mm);
        Self { deep, thickness_mm, slope: libm::tan(scene.wedge_deg.to_radians()) }
    }

    /// Thickness across the deep border.
    pub(super) fn thickness_at(&self, s: f64) -> f64 {
        self.thickness_mm + self.slope * s
    }

    fn contains(&self, point_mm: [f64; 2]) -> bool {
        let [s, q] = self.deep.local(point_mm);
        q <= 0.0 && -q <= self.thickness_at(s)
    }

    /// Where the superficial border meets the vertical line `x`, as s.
    fn superficial_at_x(&self, x_mm: f64) -> f64 {
        // x = x₀ + s cos + (t + k s) sin, with (cos, sin) the deep border's direction.
        let [cos, sin] = self.deep.direction;
        (x_mm - self.deep.origin_mm[0] - self.thickness_mm * sin) / (cos + self.slope * sin)
    }

    /// Borders stay borders; the superficial one and what lies above do not move.
    fn rest_from_now(&self, rest: &Self, point_mm: [f64; 2]) -> [f64; 2] {
        let [s, q] = self.deep.local(point_mm);
        let (now_mm, rest_mm) = (self.thickness_at(s), rest.thickness_at(s));
        let under = q + now_mm;
        let moved = if under <= 0.0 {
            0.0
        } else if q <= 0.0 {
            under * (rest_mm / now_mm - 1.0)
        } else {
            (rest_mm - now_mm) * libm::exp(-(q / REACH_MM) * (q / REACH_MM))
        };
        let [dx, dy] = self.deep.direction;
        [point_mm[0] - moved * dy, point_mm[1] + moved * dx]
    }
}

/// A prepared [`MuscleScene`].
pub struct MusclePhantom {
    pub(super) scene: MuscleScene,
    clock: FrameClock,
    picture: Sonograph,
    rest: Belly,
}

pub(crate) struct State {
    activity: f64,
    now: Belly,
}

impl MusclePhantom {
    /// Expects a validated scene.
    pub(super) fn new(scene: &MuscleScene) -> Self {
        let rest = Belly::new(scene, scene.thickness_mm * (1.0 + 0.5 * scene.contraction));
        let setup = scene.common().setup(
            ScanField::Linear { width_mm: None, depth_mm: None },
            Speckle { axial_mm: 0.32, lateral_mm: 0.65, compounding: 3, decorrelation_per_frame: 0.0 },
            Receiver {
                noise_db: -74.0,
                attenuation_db_per_cm: 5.0,
                tgc_db_per_cm: 4.7,
                dynamic_range_db: 58.0,
                white_db: 21.0,
                gray_gamma: 1.25,
                ..Receiver::default()
            },
        );
        let anatomy = LimbAnatomy { rest, pennation_rad: scene.pennation_deg.to_radians(), seed: scene.seed };
        let focus = [0.0, scene.fat_mm + 0.5 * scene.thickness_mm];
        let picture = Sonograph::new(setup, &anatomy, focus, scene.contraction * scene.thickness_mm);
        let clock = scene.common().clock();
        Self { scene: scene.clone(), clock, picture, rest }
    }

    /// The muscle in probe space.
    fn in_probe_space(moment: &Moment<State>) -> Belly {
        Belly { deep: moment.sway.axis(&moment.state.now.deep), ..moment.state.now }
    }

    /// Half the field's width.
    fn half_mm(&self, frame_index: u64) -> f64 {
        self.picture.field_mm(frame_index).0.unwrap_or(0.0)
    }
}

impl Scan for MusclePhantom {
    type State = State;

    const INFO: &'static SceneInfo = &MUSCLE;
    const GOES_ON: bool = true;

    fn clock(&self) -> &FrameClock {
        &self.clock
    }

    fn picture(&self, _frame_index: u64) -> &Sonograph {
        &self.picture
    }

    fn state(&self, _frame_index: u64, time_s: f64) -> State {
        let activity = 0.5 - 0.5 * libm::cos(TAU * time_s / self.scene.period_s);
        let thickness_mm = self.scene.thickness_mm * (1.0 + self.scene.contraction * activity);
        State { activity, now: Belly::new(&self.scene, thickness_mm) }
    }

    fn class_at(&self, state: &State, point_mm: [f64; 2]) -> u8 {
        if state.now.contains(point_mm) { CLASS.index } else { 0 }
    }

    fn rest_from_now(&self, state: &State, point_mm: [f64; 2]) -> [f64; 2] {
        state.now.rest_from_now(&self.rest, point_mm)
    }

    /// The quadrilateral between the borders and the field's edges, its area by the shoelace formula.
    fn shapes(&self, moment: &Moment<State>) -> Vec<Shape> {
        const POINTS: u32 = 400;
        let half = self.half_mm(moment.frame_index);
        let belly = Self::in_probe_space(moment);
        let deep = [-half, half].map(|x| belly.deep.at_x(x, 0.0));
        let superficial = [half, -half].map(|x| belly.superficial_at_x(x));
        let line = |[from, to]: [f64; 2], on_deep: bool| {
            (0..=POINTS).map(move |k| {
                let s = from + (to - from) * f64::from(k) / f64::from(POINTS);
                belly.deep.point(s, if on_deep { 0.0 } else { -belly.thickness_at(s) })
            })
        };
        let points: Vec<[f64; 2]> = line(deep, true).chain(line(superficial, false)).collect();
        let next = points.iter().skip(1).chain(points.first());
        let twice: f64 = points.iter().zip(next).map(|(p, q)| p[0] * q[1] - q[0] * p[1]).sum();
        vec![Shape { class: CLASS, area_mm2: 0.5 * twice.abs(), points_mm: points }]
    }

    fn measures(&self, moment: &Moment<State>) -> FrameMeasures {
        let half = self.half_mm(moment.frame_index);
        let belly = Self::in_probe_space(moment);
        let [from, to] = [-half, half].map(|x| belly.deep.at_x(x, 0.0));
        let at = |share: f64| from + (to - from) * share;
        let ends = [1.0, 2.0].map(|third| belly.thickness_at(at(third / 3.0)));
        let middle = at(0.5);
        let thickness_mm = belly.thickness_at(middle);
        let [dx, dy] = belly.deep.direction;
        FrameMeasures::Muscle(MuscleFrame {
            thickness_mm,
            thickness_range_mm: [ends[0].min(ends[1]), ends[0].max(ends[1])],
            deep_deg: libm::atan2(dy, dx).to_degrees(),
            caliper_px: [-thickness_mm, 0.0]
                .map(|q| self.picture.pixel_from_probe(moment.frame_index, belly.deep.point(middle, q))),
            activity: moment.state.activity,
        })
    }

    fn clip_measures(&self, _frames: u64) -> ClipMeasures {
        let scene = &self.scene;
        ClipMeasures::Muscle(MuscleClip {
            rest_mm: scene.thickness_mm,
            contracted_mm: scene.thickness_mm * (1.0 + scene.contraction),
            period_s: scene.period_s,
        })
    }
}

//! From the eye to pictures and truth.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use crate::field::ScanField;
use crate::scene::{Receiver, Speckle};
use crate::scenes::record::SceneClass;
use crate::scenes::scan::{Moment, Scan, Shape};
use crate::scenes::sonograph::Sonograph;
use crate::scenes::strip::Axis;
use crate::scenes::timing::FrameClock;
use crate::scenes::{ClipMeasures, FrameMeasures, OPTIC_NERVE, SceneInfo};

use super::OpticNerveScene;
use super::anatomy::OrbitAnatomy;
use super::truth::{OpticNerveClip, OpticNerveFrame};

const GLOBE: SceneClass = SceneClass { index: 1, name: "globe" };
const SHEATH: SceneClass = SceneClass { index: 2, name: "nerve_sheath" };
pub(crate) const CLASSES: [SceneClass; 2] = [GLOBE, SHEATH];

/// Distance behind the globe at which the sheath is measured, in mm.
const SITE_MM: f64 = 3.0;

/// Globe and nerve in tissue space.
#[derive(Debug, Clone, Copy)]
pub(super) struct Orbit {
    pub(super) center_mm: [f64; 2],
    pub(super) radius_mm: f64,
    /// From the globe's middle along the nerve.
    pub(super) nerve: Axis,
    sheath_mm: f64,
    taper: f64,
    pub(super) length_mm: f64,
}

impl Orbit {
    fn new(scene: &OpticNerveScene) -> Self {
        Self {
            center_mm: scene.globe_center_mm,
            radius_mm: 0.5 * scene.globe_mm,
            nerve: Axis::new(scene.globe_center_mm, 90.0 + scene.nerve_deg),
            sheath_mm: scene.sheath_mm,
            taper: scene.taper,
            length_mm: scene.length_mm,
        }
    }

    /// Half the sheath's width at a distance behind the globe; before it, that at the globe.
    pub(super) fn half_width(&self, behind_mm: f64) -> f64 {
        0.5 * (self.sheath_mm + self.taper * (behind_mm.max(0.0) - SITE_MM))
    }

    fn class_at(&self, point_mm: [f64; 2]) -> u8 {
        let [s, q] = self.nerve.local(point_mm);
        let behind = s - self.radius_mm;
        if s * s + q * q <= self.radius_mm * self.radius_mm {
            GLOBE.index
        } else if s > 0.0 && behind <= self.length_mm && q.abs() <= self.half_width(behind) {
            SHEATH.index
        } else {
            0
        }
    }

    /// The sheath's area: the trapezium behind the globe's rear tangent plus what lies between that and the globe,
    /// `2hR − (h √(R² − h²) + R² arcsin(h / R))` with h half the width at the globe.
    fn sheath_area_mm2(&self) -> f64 {
        let h = self.half_width(0.0);
        let trapezium = (h + self.half_width(self.length_mm)) * self.length_mm;
        let r = self.radius_mm;
        trapezium + 2.0 * h * r - (h * (r * r - h * h).sqrt() + r * r * libm::asin(h / r))
    }

    fn globe_outline(&self) -> Vec<[f64; 2]> {
        (0..720)
            .map(|k| {
                let (sin, cos) = libm::sincos(TAU * f64::from(k) / 720.0);
                self.nerve.point(self.radius_mm * cos, self.radius_mm * sin)
            })
            .collect()
    }

    fn sheath_outline(&self) -> Vec<[f64; 2]> {
        const POINTS: u32 = 100;
        let r = self.radius_mm;
        let share = |k: u32| f64::from(k) / f64::from(POINTS);
        let h = self.half_width(0.0);
        // Where the border meets the globe.
        let start = (r * r - h * h).sqrt() - r;
        let angle = libm::asin(h / r);
        let side = |k: u32, sign: f64| {
            let behind = start + (self.length_mm - start) * share(k);
            self.nerve.point(r + behind, sign * self.half_width(behind))
        };
        let end = self.half_width(self.length_mm);
        let arc = (1..POINTS).map(|k| {
            let (sin, cos) = libm::sincos(angle * (2.0 * share(k) - 1.0));
            self.nerve.point(r * cos, r * sin)
        });
        (0..=POINTS)
            .rev()
            .map(|k| side(k, -1.0))
            .chain(arc)
            .chain((0..=POINTS).map(|k| side(k, 1.0)))
            .chain((1..POINTS).map(|k| self.nerve.point(r + self.length_mm, end * (1.0 - 2.0 * share(k)))))
            .collect()
    }
}

/// A prepared [`OpticNerveScene`].
pub struct OpticNervePhantom {
    pub(super) scene: OpticNerveScene,
    clock: FrameClock,
    picture: Sonograph,
    orbit: Orbit,
}

impl OpticNervePhantom {
    /// Expects a validated scene.
    pub(super) fn new(scene: &OpticNerveScene) -> Self {
        let orbit = Orbit::new(scene);
        let setup = scene.common().setup(
            ScanField::Linear { width_mm: None, depth_mm: None },
            Speckle { axial_mm: 0.26, lateral_mm: 0.5, compounding: 2, decorrelation_per_frame: 0.0 },
            Receiver {
                noise_db: -76.0,
                attenuation_db_per_cm: 5.0,
                tgc_db_per_cm: 4.9,
                dynamic_range_db: 58.0,
                white_db: 23.0,
                gray_gamma: 1.25,
                ..Receiver::default()
            },
        );
        let focus = orbit.nerve.point(orbit.radius_mm + SITE_MM, 0.0);
        let picture = Sonograph::new(setup, &OrbitAnatomy { orbit, seed: scene.seed }, focus, 0.0);
        let clock = scene.common().clock();
        Self { scene: scene.clone(), clock, picture, orbit }
    }
}

impl Scan for OpticNervePhantom {
    /// Nothing deforms.
    type State = ();

    const INFO: &'static SceneInfo = &OPTIC_NERVE;

    fn clock(&self) -> &FrameClock {
        &self.clock
    }

    fn picture(&self, _frame_index: u64) -> &Sonograph {
        &self.picture
    }

    fn state(&self, _frame_index: u64, _time_s: f64) {}

    fn class_at(&self, (): &(), point_mm: [f64; 2]) -> u8 {
        self.orbit.class_at(point_mm)
    }

    fn shapes(&self, moment: &Moment<()>) -> Vec<Shape> {
        let orbit = &self.orbit;
        let globe_mm2 = PI * orbit.radius_mm * orbit.radius_mm;
        vec![
            Shape::of_tissue(GLOBE, globe_mm2, &moment.sway, orbit.globe_outline()),
            Shape::of_tissue(SHEATH, orbit.sheath_area_mm2(), &moment.sway, orbit.sheath_outline()),
        ]
    }

    fn measures(&self, moment: &Moment<()>) -> FrameMeasures {
        let orbit = &self.orbit;
        let pixel = |s, q| self.pixel(moment, orbit.nerve.point(s, q));
        let half = orbit.half_width(SITE_MM);
        let [dx, dy] = moment.sway.axis(&orbit.nerve).direction;
        FrameMeasures::OpticNerve(OpticNerveFrame {
            sheath_mm: 2.0 * half,
            globe_mm: 2.0 * orbit.radius_mm,
            nerve_deg: (libm::atan2(dy, dx) - FRAC_PI_2).to_degrees(),
            junction_px: pixel(orbit.radius_mm, 0.0),
            site_px: [-half, half].map(|q| pixel(orbit.radius_mm + SITE_MM, q)),
        })
    }

    fn clip_measures(&self, _frames: u64) -> ClipMeasures {
        let OpticNerveScene { sheath_mm, globe_mm, .. } = self.scene;
        ClipMeasures::OpticNerve(OpticNerveClip { sheath_mm, globe_mm })
    }
}

//! From the bladder to pictures and truth.

use std::f64::consts::PI;

use crate::ellipse::PlacedEllipse;
use crate::field::ScanField;
use crate::scene::{Receiver, Speckle};
use crate::scenes::record::SceneClass;
use crate::scenes::scan::{Moment, Scan, Shape};
use crate::scenes::sonograph::Sonograph;
use crate::scenes::timing::FrameClock;
use crate::scenes::two_planes::{Section, TwoPlanes};
use crate::scenes::{BLADDER, ClipMeasures, FrameMeasures, SceneInfo};

use super::anatomy::{FACE_RADIUS_MM, PelvisSection};
use super::truth::{BladderClip, BladderFrame};
use super::{BladderPlane, BladderScene};

const CLASS: SceneClass = SceneClass { index: 1, name: "bladder" };
pub(crate) const CLASSES: [SceneClass; 1] = [CLASS];

/// A prepared [`BladderScene`].
pub struct BladderPhantom {
    pub(super) scene: BladderScene,
    clock: FrameClock,
    planes: TwoPlanes<BladderPlane>,
}

fn section(scene: &BladderScene, plane: BladderPlane) -> Section<BladderPlane> {
    let across = match plane {
        BladderPlane::Transverse => scene.width_mm,
        BladderPlane::Sagittal => scene.length_mm,
    };
    let body = PlacedEllipse::new(scene.center_mm, 0.5 * across, 0.5 * scene.height_mm, scene.tilt_deg);
    let setup = scene.common().setup(
        ScanField::Fan { opening_deg: 66.0, probe_radius_mm: FACE_RADIUS_MM, depth_mm: None },
        Speckle { axial_mm: 0.75, lateral_mm: 1.8, compounding: 2, decorrelation_per_frame: 0.0 },
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
    let picture =
        Sonograph::new(setup, &PelvisSection { seed: scene.seed, plane, body }, scene.center_mm, 0.0);
    Section { plane, body, picture }
}

impl BladderPhantom {
    /// Expects a validated scene.
    pub(super) fn new(scene: &BladderScene) -> Self {
        let other = match scene.plane {
            BladderPlane::Transverse => BladderPlane::Sagittal,
            BladderPlane::Sagittal => BladderPlane::Transverse,
        };
        let planes = TwoPlanes::new([scene.plane, other], scene.switch_at_frame, |p| section(scene, p));
        Self { scene: scene.clone(), clock: scene.common().clock(), planes }
    }
}

impl Scan for BladderPhantom {
    /// The frame that says which plane is shown.
    type State = u64;

    const INFO: &'static SceneInfo = &BLADDER;

    fn clock(&self) -> &FrameClock {
        &self.clock
    }

    fn picture(&self, frame_index: u64) -> &Sonograph {
        &self.planes.at(frame_index).picture
    }

    fn state(&self, frame_index: u64, _time_s: f64) -> u64 {
        frame_index
    }

    fn class_at(&self, frame_index: &u64, point_mm: [f64; 2]) -> u8 {
        if self.planes.at(*frame_index).contains(point_mm) { CLASS.index } else { 0 }
    }

    fn shapes(&self, moment: &Moment<u64>) -> Vec<Shape> {
        vec![self.planes.at(moment.frame_index).shape(CLASS, &moment.sway)]
    }

    fn measures(&self, moment: &Moment<u64>) -> FrameMeasures {
        let section = self.planes.at(moment.frame_index);
        let extents = section.extents(self.scene.tilt_deg, &moment.sway);
        FrameMeasures::Bladder(BladderFrame {
            plane: section.plane,
            height_extent_mm: extents.depth_mm,
            across_extent_mm: extents.width_mm,
            feret_max_mm: extents.feret_max_mm,
            angle_deg: extents.angle_rad.to_degrees(),
            center_px: self.pixel(moment, section.body.center_mm),
        })
    }

    fn clip_measures(&self, frames: u64) -> ClipMeasures {
        let BladderScene { width_mm, height_mm, length_mm, switch_at_frame, .. } = self.scene;
        ClipMeasures::Bladder(BladderClip {
            width_mm,
            height_mm,
            length_mm,
            volume_ml: PI / 6.0 * width_mm * height_mm * length_mm / 1000.0,
            switch_at_frame: switch_at_frame.filter(|&at| at < frames),
        })
    }
}

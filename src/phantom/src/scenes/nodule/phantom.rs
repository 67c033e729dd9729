//! From the nodule to pictures and truth.

use std::f64::consts::PI;

use crate::ellipse::PlacedEllipse;
use crate::field::ScanField;
use crate::scene::{Receiver, Speckle};
use crate::scenes::record::SceneClass;
use crate::scenes::scan::{Moment, Scan, Shape};
use crate::scenes::sonograph::Sonograph;
use crate::scenes::timing::FrameClock;
use crate::scenes::two_planes::{Section, TwoPlanes};
use crate::scenes::{ClipMeasures, FrameMeasures, NODULE, SceneInfo};

use super::anatomy::NeckSection;
use super::truth::{NoduleClip, NoduleFrame};
use super::{NodulePlane, NoduleScene};

const CLASS: SceneClass = SceneClass { index: 1, name: "nodule" };
pub(crate) const CLASSES: [SceneClass; 1] = [CLASS];

/// A prepared [`NoduleScene`].
pub struct NodulePhantom {
    pub(super) scene: NoduleScene,
    clock: FrameClock,
    planes: TwoPlanes<NodulePlane>,
}

fn section(scene: &NoduleScene, plane: NodulePlane) -> Section<NodulePlane> {
    let across = match plane {
        NodulePlane::Transverse => scene.width_diameter_mm,
        NodulePlane::Longitudinal => scene.length_diameter_mm,
    };
    let nodule =
        PlacedEllipse::new(scene.center_mm, 0.5 * across, 0.5 * scene.depth_diameter_mm, scene.tilt_deg);
    let setup = scene.common().setup(
        ScanField::Linear { width_mm: None, depth_mm: None },
        Speckle { axial_mm: 0.26, lateral_mm: 0.5, compounding: 3, decorrelation_per_frame: 0.0 },
        Receiver {
            noise_db: -74.0,
            attenuation_db_per_cm: 6.0,
            tgc_db_per_cm: 5.7,
            dynamic_range_db: 58.0,
            white_db: 21.0,
            gray_gamma: 1.25,
            ..Receiver::default()
        },
    );
    let picture = Sonograph::new(setup, &NeckSection { scene, plane, nodule }, scene.center_mm, 0.0);
    Section { plane, body: nodule, picture }
}

impl NodulePhantom {
    /// Expects a validated scene.
    pub(super) fn new(scene: &NoduleScene) -> Self {
        let other = match scene.plane {
            NodulePlane::Transverse => NodulePlane::Longitudinal,
            NodulePlane::Longitudinal => NodulePlane::Transverse,
        };
        let planes = TwoPlanes::new([scene.plane, other], scene.switch_at_frame, |p| section(scene, p));
        Self { scene: scene.clone(), clock: scene.common().clock(), planes }
    }
}

impl Scan for NodulePhantom {
    /// The frame that says which plane is shown.
    type State = u64;

    const INFO: &'static SceneInfo = &NODULE;

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
        FrameMeasures::Nodule(NoduleFrame {
            plane: section.plane,
            feret_max_mm: extents.feret_max_mm,
            feret_min_mm: extents.feret_min_mm,
            depth_extent_mm: extents.depth_mm,
            width_extent_mm: extents.width_mm,
            taller_than_wide: extents.depth_mm / extents.width_mm,
            angle_deg: extents.angle_rad.to_degrees(),
            center_px: self.pixel(moment, section.body.center_mm),
        })
    }

    fn clip_measures(&self, frames: u64) -> ClipMeasures {
        let scene = &self.scene;
        let product = scene.depth_diameter_mm * scene.width_diameter_mm * scene.length_diameter_mm;
        ClipMeasures::Nodule(NoduleClip {
            depth_diameter_mm: scene.depth_diameter_mm,
            width_diameter_mm: scene.width_diameter_mm,
            length_diameter_mm: scene.length_diameter_mm,
            volume_ml: PI / 6.0 * product / 1000.0,
            taller_than_wide: scene.depth_diameter_mm / scene.width_diameter_mm,
            switch_at_frame: scene.switch_at_frame.filter(|&at| at < frames),
        })
    }
}

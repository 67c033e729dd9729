//! From the nodule to pictures and truth.

use std::f64::consts::PI;

use crate::ellipse::PlacedEllipse;
use crate::field::ScanField;
use crate::scene::{Receiver, Speckle};
use crate::scenes::record::{ClipRecord, FrameRecord, Outline, PixelFormat, RenderedFrame, SceneClass};
use crate::scenes::sonograph::{Rigid, Sonograph};
use crate::scenes::timing::FrameClock;
use crate::scenes::{ClipMeasures, FrameMeasures, NODULE, Phantom, SceneInfo, clip_record};

use super::anatomy::NeckSection;
use super::truth::{NoduleClip, NoduleFrame};
use super::{NodulePlane, NoduleScene};

const CLASS: SceneClass = SceneClass { index: 1, name: "nodule" };
pub(crate) const CLASSES: [SceneClass; 1] = [CLASS];

/// One plane.
struct Section {
    plane: NodulePlane,
    /// Its "long axis" is the one that lies across the beams when nothing turns, whichever is longer.
    nodule: PlacedEllipse,
    picture: Sonograph,
}

/// A prepared [`NoduleScene`].
pub struct NodulePhantom {
    scene: NoduleScene,
    clock: FrameClock,
    first: Section,
    /// The other plane, where the clip changes to it.
    second: Option<Section>,
}

impl Section {
    fn new(scene: &NoduleScene, plane: NodulePlane) -> Self {
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
        Self { plane, nodule, picture }
    }
}

struct State<'a> {
    section: &'a Section,
    sway: Rigid,
}

impl NodulePhantom {
    /// Expects a validated scene.
    pub(super) fn new(scene: &NoduleScene) -> Self {
        let other = match scene.plane {
            NodulePlane::Transverse => NodulePlane::Longitudinal,
            NodulePlane::Longitudinal => NodulePlane::Transverse,
        };
        Self {
            scene: scene.clone(),
            clock: FrameClock::new(scene.frame_rate_hz, &scene.timing, scene.seed),
            first: Section::new(scene, scene.plane),
            second: scene.switch_at_frame.map(|_| Section::new(scene, other)),
        }
    }

    /// The scene this was prepared from.
    #[must_use]
    pub fn scene(&self) -> &NoduleScene {
        &self.scene
    }

    fn state(&self, frame_index: u64) -> State<'_> {
        let section = match (self.scene.switch_at_frame, &self.second) {
            (Some(at), Some(second)) if frame_index >= at => second,
            _ => &self.first,
        };
        State { section, sway: section.picture.sway(self.clock.time_s(frame_index)) }
    }

    fn class_at(state: &State<'_>, point_mm: [f64; 2]) -> u8 {
        let nodule = &state.section.nodule;
        let [u, v] = nodule.local(point_mm);
        let (u, v) = (u / nodule.semi_major_mm, v / nodule.semi_minor_mm);
        if u * u + v * v <= 1.0 { CLASS.index } else { 0 }
    }

    #[expect(clippy::unused_self, reason = "every scene's function of this name has the same form")]
    fn shapes(&self, frame_index: u64, state: &State<'_>) -> Vec<(Outline, f64)> {
        let nodule = &state.section.nodule;
        let points: Vec<[f64; 2]> =
            (0..720).map(|k| nodule.outline_point(std::f64::consts::TAU * f64::from(k) / 720.0)).collect();
        let outline = state.section.picture.outline(frame_index, &state.sway, CLASS, &points);
        vec![(outline, PI * nodule.semi_major_mm * nodule.semi_minor_mm)]
    }

    fn record(&self, frame_index: u64, state: &State<'_>) -> FrameRecord {
        let Section { plane, nodule, picture } = state.section;
        let angle_rad = self.scene.tilt_deg.to_radians() + state.sway.angle_rad;
        let (sin, cos) = libm::sincos(angle_rad);
        let (across, deep) = (nodule.semi_major_mm, nodule.semi_minor_mm);
        let extent = |c: f64, s: f64| 2.0 * (across * across * c * c + deep * deep * s * s).sqrt();
        let (width_extent_mm, depth_extent_mm) = (extent(cos, sin), extent(sin, cos));
        let center = state.sway.probe_from_tissue(nodule.center_mm);
        let measures = NoduleFrame {
            plane: *plane,
            feret_max_mm: 2.0 * across.max(deep),
            feret_min_mm: 2.0 * across.min(deep),
            depth_extent_mm,
            width_extent_mm,
            taller_than_wide: depth_extent_mm / width_extent_mm,
            angle_deg: angle_rad.to_degrees(),
            center_px: picture.pixel_from_probe(frame_index, center),
        };
        let classes = self
            .shapes(frame_index, state)
            .into_iter()
            .map(|(outline, area)| picture.class_record(frame_index, CLASS, area, &outline))
            .collect();
        let pts_ns = self.clock.pts_ns(frame_index);
        picture.record(frame_index, pts_ns, classes, FrameMeasures::Nodule(measures))
    }
}

impl Phantom for NodulePhantom {
    fn info(&self) -> &'static SceneInfo {
        &NODULE
    }

    fn size_px(&self) -> [u32; 2] {
        [self.scene.width_px, self.scene.height_px]
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
        self.shapes(frame_index, &self.state(frame_index)).into_iter().map(|(outline, _)| outline).collect()
    }

    fn mask(&self, frame_index: u64) -> Vec<u8> {
        let state = self.state(frame_index);
        state.section.picture.mask(frame_index, &state.sway, |point| Self::class_at(&state, point))
    }

    fn render(&self, frame_index: u64) -> RenderedFrame {
        let state = self.state(frame_index);
        RenderedFrame {
            pixels: state.section.picture.paint(frame_index, &state.sway, |point| point, &[]),
            format: PixelFormat::Gray8,
            mask: self.mask(frame_index),
            truth: self.record(frame_index, &state),
        }
    }

    fn clip(&self, frames: u64) -> ClipRecord {
        let scene = &self.scene;
        let product = scene.depth_diameter_mm * scene.width_diameter_mm * scene.length_diameter_mm;
        clip_record(
            self,
            frames,
            ClipMeasures::Nodule(NoduleClip {
                depth_diameter_mm: scene.depth_diameter_mm,
                width_diameter_mm: scene.width_diameter_mm,
                length_diameter_mm: scene.length_diameter_mm,
                volume_ml: PI / 6.0 * product / 1000.0,
                taller_than_wide: scene.depth_diameter_mm / scene.width_diameter_mm,
                switch_at_frame: scene.switch_at_frame.filter(|&at| at < frames),
            }),
        )
    }
}

impl std::fmt::Debug for NodulePhantom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodulePhantom").field("scene", &self.scene).finish_non_exhaustive()
    }
}

//! The fetal head by the face that all scenes share.

use serde::{Deserialize, Serialize};

use crate::render::FetalHeadPhantom;
use crate::truth::FrameTruth;

use super::record::{ClassRecord, ClipRecord, FrameRecord, Outline, PixelFormat, RenderedFrame, SceneClass};
use super::{ClipMeasures, FETAL_HEAD, FrameMeasures, Phantom, SceneInfo, clip_record};

const HEAD: SceneClass = SceneClass { index: 1, name: "head" };
pub(crate) const CLASSES: [SceneClass; 1] = [HEAD];

/// Points of the outline.
const OUTLINE_POINTS: u32 = 720;

/// The fetal head over a clip.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FetalHeadClip {
    /// Head circumference at time 0, in mm by Ramanujan II.
    pub head_circumference_mm: f64,
}

fn record(truth: FrameTruth, pts_ns: u64) -> FrameRecord {
    FrameRecord {
        frame_index: truth.frame_index,
        pts_ns,
        width_px: truth.width_px,
        height_px: truth.height_px,
        mm_per_px_x: Some(truth.mm_per_px_x),
        mm_per_px_y: Some(truth.mm_per_px_y),
        classes: vec![ClassRecord {
            index: HEAD.index,
            name: HEAD.name.to_owned(),
            area_mm2: truth.area_mm2,
            visible_outline_fraction: truth.visible_outline_fraction,
            truncated: truth.truncated,
        }],
        measures: FrameMeasures::FetalHead(truth),
    }
}

impl Phantom for FetalHeadPhantom {
    fn info(&self) -> &'static SceneInfo {
        &FETAL_HEAD
    }

    fn size_px(&self) -> [u32; 2] {
        [self.scene().width_px, self.scene().height_px]
    }

    fn frame_rate_hz(&self) -> f64 {
        self.scene().frame_rate_hz
    }

    fn pts_ns(&self, frame_index: u64) -> u64 {
        (1e9 * frame_index as f64 / self.scene().frame_rate_hz).round() as u64
    }

    fn truth(&self, frame_index: u64) -> FrameRecord {
        record(Self::truth(self, frame_index), self.pts_ns(frame_index))
    }

    fn outlines(&self, frame_index: u64) -> Vec<Outline> {
        let truth = Self::truth(self, frame_index);
        let ellipse = truth.ellipse();
        let points_px = (0..OUTLINE_POINTS)
            .map(|k| {
                let point =
                    ellipse.outline_point(std::f64::consts::TAU * f64::from(k) / f64::from(OUTLINE_POINTS));
                [point[0] / truth.mm_per_px_x, point[1] / truth.mm_per_px_y]
            })
            .collect();
        vec![Outline { class: HEAD.index, points_px }]
    }

    fn mask(&self, frame_index: u64) -> Vec<u8> {
        Self::truth(self, frame_index).mask()
    }

    fn render(&self, frame_index: u64) -> RenderedFrame {
        let frame = Self::render(self, frame_index);
        RenderedFrame {
            pixels: frame.gray8,
            format: PixelFormat::Gray8,
            mask: frame.truth.mask(),
            truth: record(frame.truth, self.pts_ns(frame_index)),
        }
    }

    fn clip(&self, frames: u64) -> ClipRecord {
        let head_circumference_mm = Self::truth(self, 0).head_circumference_mm;
        clip_record(self, frames, ClipMeasures::FetalHead(FetalHeadClip { head_circumference_mm }))
    }
}

//! From the endoscope's view to pictures and truth.

use std::f64::consts::PI;

use crate::scenes::record::{
    ClassRecord, ClipRecord, FrameRecord, Outline, PixelFormat, RenderedFrame, SceneClass,
};
use crate::scenes::timing::FrameClock;
use crate::scenes::{ClipMeasures, ENDOSCOPE, FrameMeasures, Phantom, SceneInfo, clip_record, nanoseconds};

use super::EndoscopeScene;
use super::course::{Sight, sight, tool_stretches};
use super::mucosa::Mucosa;
use super::shape::Field;
use super::truth::{EndoscopeClip, EndoscopeFrame, LesionTruth, ToolTruth};

const LESION: SceneClass = SceneClass { index: 1, name: "lesion" };
const TOOL: SceneClass = SceneClass { index: 2, name: "tool" };
pub(crate) const CLASSES: [SceneClass; 2] = [LESION, TOOL];

/// A prepared [`EndoscopeScene`].
pub struct EndoscopePhantom {
    scene: EndoscopeScene,
    clock: FrameClock,
    field: Field,
    mucosa: Mucosa,
}

impl EndoscopePhantom {
    /// Expects a validated scene.
    pub(super) fn new(scene: &EndoscopeScene) -> Self {
        Self {
            scene: scene.clone(),
            clock: FrameClock::new(scene.frame_rate_hz, &scene.timing, scene.seed),
            field: Field::new(scene),
            mucosa: Mucosa::new(scene.seed, scene.highlights),
        }
    }

    /// The scene this was prepared from.
    #[must_use]
    pub fn scene(&self) -> &EndoscopeScene {
        &self.scene
    }

    /// The visible field: 1 where it shows the centre of a pixel, row by row.
    #[must_use]
    pub fn field_mask(&self) -> Vec<u8> {
        self.each_pixel(|_, _| 1)
    }

    fn sight(&self, frame_index: u64) -> Sight {
        sight(&self.scene, &self.field, self.clock.time_s(frame_index))
    }

    fn each_pixel(&self, class_at: impl Fn(f64, f64) -> u8) -> Vec<u8> {
        let (width, height) = (self.scene.width_px, self.scene.height_px);
        let mut mask = Vec::with_capacity(width as usize * height as usize);
        for y in 0..height {
            mask.extend((0..width).map(|x| {
                let (x, y) = (f64::from(x), f64::from(y));
                if self.field.contains(x, y) { class_at(x, y) } else { 0 }
            }));
        }
        mask
    }

    fn mask_of(&self, sight: &Sight) -> Vec<u8> {
        self.each_pixel(|x, y| {
            // The tool lies over the lesion.
            if sight.tool.is_some_and(|tool| tool.shaft.contains(x, y)) {
                TOOL.index
            } else if sight.lesion.is_some_and(|lesion| lesion.contains(x, y)) {
                LESION.index
            } else {
                0
            }
        })
    }

    fn outlines_of(sight: &Sight) -> Vec<Outline> {
        let lesion = sight.lesion.map(|lesion| Outline { class: LESION.index, points_px: lesion.outline() });
        let tool = sight.tool.map(|tool| Outline { class: TOOL.index, points_px: tool.shaft.outline() });
        lesion.into_iter().chain(tool).collect()
    }

    fn classes(&self, sight: &Sight) -> Vec<ClassRecord> {
        let size = [self.scene.width_px, self.scene.height_px].map(f64::from);
        Self::outlines_of(sight)
            .into_iter()
            .filter_map(|outline| {
                let seen = outline
                    .points_px
                    .iter()
                    .filter(|[x, y]| {
                        let (x, y) = (x.round(), y.round());
                        x >= 0.0 && y >= 0.0 && x < size[0] && y < size[1] && self.field.contains(x, y)
                    })
                    .count();
                let all = outline.points_px.len().max(1);
                let is_tool = outline.class == TOOL.index;
                let area_mm2 = match (is_tool, sight.lesion, sight.tool) {
                    (true, _, Some(tool)) => {
                        2.0 * tool.shaft.half_width_px
                            * tool.shaft.length_px()
                            * tool.mm_per_px
                            * tool.mm_per_px
                    }
                    (false, Some(lesion), _) => {
                        PI * lesion.semi_long_px * lesion.semi_short_px * sight.mm_per_px * sight.mm_per_px
                    }
                    _ => return None,
                };
                let class = if is_tool { TOOL } else { LESION };
                Some(ClassRecord {
                    index: class.index,
                    name: class.name.to_owned(),
                    area_mm2,
                    visible_outline_fraction: seen as f64 / all as f64,
                    // The shaft goes on beyond the border.
                    truncated: is_tool || seen < all,
                })
            })
            .collect()
    }

    fn record(&self, frame_index: u64, sight: &Sight, specular_fraction: Option<f64>) -> FrameRecord {
        let degrees = |[x, y]: [f64; 2]| libm::atan2(y, x).to_degrees();
        let measures = EndoscopeFrame {
            field_center_px: self.field.center_px,
            field_radius_px: self.field.radius_px,
            field_corners_px: self.field.corners_px(),
            field_area_px: self.field.area_px(),
            mm_per_px: sight.mm_per_px,
            lesion: sight.lesion.map(|lesion| LesionTruth {
                feret_mm: 2.0 * lesion.semi_long_px * sight.mm_per_px,
                feret_px: 2.0 * lesion.semi_long_px,
                short_mm: 2.0 * lesion.semi_short_px * sight.mm_per_px,
                center_px: lesion.center_px,
                angle_deg: degrees(lesion.axis),
                area_px: PI * lesion.semi_long_px * lesion.semi_short_px,
            }),
            tool: sight.tool.map(|tool| ToolTruth {
                width_mm: 2.0 * tool.shaft.half_width_px * tool.mm_per_px,
                width_px: 2.0 * tool.shaft.half_width_px,
                mm_per_px: tool.mm_per_px,
                tip_px: tool.shaft.tip_px,
                entry_px: tool.shaft.entry_px,
                angle_deg: degrees(tool.shaft.direction),
                is_touching: tool.is_touching,
            }),
            specular_fraction,
            is_blurred: sight.is_blurred,
            is_dark: sight.is_dark,
            is_out_of_body: sight.is_outside,
            is_withdrawal: sight.is_withdrawal,
        };
        FrameRecord {
            frame_index,
            pts_ns: self.clock.pts_ns(frame_index),
            width_px: self.scene.width_px,
            height_px: self.scene.height_px,
            mm_per_px_x: Some(sight.mm_per_px),
            mm_per_px_y: Some(sight.mm_per_px),
            classes: self.classes(sight),
            measures: FrameMeasures::Endoscope(measures),
        }
    }

    fn painted(&self, frame_index: u64, sight: &Sight) -> (Vec<u8>, f64) {
        let size_px = [self.scene.width_px, self.scene.height_px];
        self.mucosa.paint(size_px, &self.field, sight, frame_index)
    }
}

impl Phantom for EndoscopePhantom {
    fn info(&self) -> &'static SceneInfo {
        &ENDOSCOPE
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
        self.record(frame_index, &self.sight(frame_index), None)
    }

    fn outlines(&self, frame_index: u64) -> Vec<Outline> {
        Self::outlines_of(&self.sight(frame_index))
    }

    fn mask(&self, frame_index: u64) -> Vec<u8> {
        self.mask_of(&self.sight(frame_index))
    }

    fn render(&self, frame_index: u64) -> RenderedFrame {
        let sight = self.sight(frame_index);
        let (pixels, specular_fraction) = self.painted(frame_index, &sight);
        RenderedFrame {
            pixels,
            format: PixelFormat::Rgb24,
            mask: self.mask_of(&sight),
            truth: self.record(frame_index, &sight, Some(specular_fraction)),
        }
    }

    fn clip(&self, frames: u64) -> ClipRecord {
        let last_s = self.clock.time_s(frames.saturating_sub(1));
        let scene = &self.scene;
        let within = |time_s: Option<f64>| time_s.filter(|&time_s| time_s <= last_s);
        let (caecum_s, exit_s) = (within(scene.caecum_s), within(scene.exit_s));
        let [tool_seen_s, tool_touching_s] = tool_stretches(scene, last_s);
        let shown = |stretches: &[[f64; 2]]| -> Vec<[f64; 2]> {
            stretches
                .iter()
                .filter(|stretch| stretch[0] <= last_s)
                .map(|&[from, to]| [from, to.min(last_s)])
                .collect()
        };
        clip_record(
            self,
            frames,
            ClipMeasures::Endoscope(EndoscopeClip {
                lesion_mm: scene.has_lesion.then_some(scene.lesion_mm),
                tool_mm: scene.has_tool.then_some(scene.tool_mm),
                caecum_ns: caecum_s.map(nanoseconds),
                exit_ns: exit_s.map(nanoseconds),
                withdrawal_s: caecum_s.zip(exit_s).map(|(caecum_s, exit_s)| exit_s - caecum_s),
                tool_seen_s,
                tool_touching_s: if scene.has_lesion { tool_touching_s } else { Vec::new() },
                blurred_s: shown(&scene.blurred_s),
                dark_s: shown(&scene.dark_s),
                outside_s: shown(&scene.outside_s),
            }),
        )
    }
}

impl std::fmt::Debug for EndoscopePhantom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndoscopePhantom").field("scene", &self.scene).finish_non_exhaustive()
    }
}

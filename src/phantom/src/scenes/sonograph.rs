//! The picture of tissue that deforms: one filtered echo field at rest, warped into each frame.
//!
//! Points are in *probe space*: mm from the middle of the probe's face, x to the right, y down into the body. The face
//! sits at the middle of the picture's top edge, so that a change of the displayed depth leaves the anatomy in place.
//! *Tissue space* is probe space before the probe sways.

use crate::annotations;
use crate::display::Display;
use crate::field::Beams;
use crate::noise::{hash_unit, hash64};
use crate::receiver::{NOISE_LENGTH, Probe, noise_samples, pixel_gains, row_spans};
use crate::tissue::{Echo, Echogenic, TissueInput, TissueMap};

use super::FrameMeasures;
use super::record::{ClassRecord, FrameRecord, Outline};
use super::scan::Shape;
use super::strip::Axis;
use super::ultrasound::Setup;

/// What a scene's tissue at rest echoes.
pub(crate) trait Medium {
    /// The echo at a point (tissue space) along a beam's unit direction.
    fn echo(&self, point_mm: [f64; 2], beam: [f64; 2]) -> Echo;
}

/// A thin reflector that the echo field does not hold because it moves on its own.
pub(crate) struct Stroke {
    /// Corners in tissue space, in mm.
    pub(crate) points_mm: Vec<[f64; 2]>,
    /// Half width at which the echo is 1/e of its amplitude, in mm.
    pub(crate) half_width_mm: f64,
    pub(crate) amplitude: f64,
}

/// A turn and a shift of tissue space into probe space.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rigid {
    shift_mm: [f64; 2],
    pivot_mm: [f64; 2],
    pub(crate) angle_rad: f64,
    sin: f64,
    cos: f64,
}

impl Rigid {
    /// An axis of tissue space in probe space.
    pub(crate) fn axis(&self, axis: &Axis) -> Axis {
        let [x, y] = axis.direction;
        Axis {
            origin_mm: self.probe_from_tissue(axis.origin_mm),
            direction: [self.cos * x - self.sin * y, self.sin * x + self.cos * y],
        }
    }

    pub(crate) fn probe_from_tissue(&self, point_mm: [f64; 2]) -> [f64; 2] {
        let [x, y] = [point_mm[0] - self.pivot_mm[0], point_mm[1] - self.pivot_mm[1]];
        [
            self.cos * x - self.sin * y + self.pivot_mm[0] + self.shift_mm[0],
            self.sin * x + self.cos * y + self.pivot_mm[1] + self.shift_mm[1],
        ]
    }

    pub(crate) fn tissue_from_probe(&self, point_mm: [f64; 2]) -> [f64; 2] {
        let x = point_mm[0] - self.pivot_mm[0] - self.shift_mm[0];
        let y = point_mm[1] - self.pivot_mm[1] - self.shift_mm[1];
        [self.cos * x + self.sin * y + self.pivot_mm[0], self.cos * y - self.sin * x + self.pivot_mm[1]]
    }
}

/// What does not change from frame to frame, for one displayed depth.
struct View {
    mm_per_px: [f64; 2],
    tissue: TissueMap,
    /// Per pixel: gain of the signal, gain of the noise; 0 outside the field.
    gains: Vec<[f32; 2]>,
    spans: Vec<(usize, usize)>,
    /// Black and the burnt-in marks.
    base: Vec<u8>,
    half_width_mm: Option<f64>,
    depth_mm: f64,
}

/// A prepared ultrasound picture of deforming tissue.
pub(crate) struct Sonograph {
    setup: Setup,
    /// The view at first, and the one after a change of depth.
    views: Vec<View>,
    noise: Vec<[f32; 2]>,
    display: Display,
}

/// Brings the anatomy of [`Medium`] to the beams.
struct AlongBeams<'a, M> {
    beams: &'a Beams,
    /// Probe space of the picture's millimetres.
    offset_mm: [f64; 2],
    medium: &'a M,
}

impl<M: Medium> Echogenic for AlongBeams<'_, M> {
    type Path = ([f64; 2], [f64; 2]);

    fn path(&self, lateral: f64) -> Self::Path {
        self.beams.ray(lateral)
    }

    fn echo(&self, (origin, direction): &Self::Path, range_mm: f64) -> Echo {
        let point = std::array::from_fn(|i| origin[i] + range_mm * direction[i] + self.offset_mm[i]);
        self.medium.echo(point, *direction)
    }
}

impl Sonograph {
    /// Expects validated options. `focus_mm` is where the point-spread function is as wide as the options say, `reach_mm`
    /// how far the scene's own deformation moves tissue.
    pub(crate) fn new(setup: Setup, medium: &impl Medium, focus_mm: [f64; 2], reach_mm: f64) -> Self {
        let factors = [Some(1.0), setup.options.depth_change.map(|change| change.factor)];
        let views = factors
            .into_iter()
            .flatten()
            .map(|factor| View::new(&setup, factor, medium, focus_mm, reach_mm))
            .collect();
        let noise = noise_samples(setup.seed);
        let display = Display::new(&setup.receiver);
        Self { setup, views, noise, display }
    }

    pub(crate) fn size_px(&self) -> [u32; 2] {
        self.setup.size_px
    }

    fn view(&self, frame_index: u64) -> Option<&View> {
        match (&self.setup.options.depth_change, self.views.as_slice()) {
            (Some(change), [_, after]) if frame_index >= change.at_frame => Some(after),
            (_, views) => views.first(),
        }
    }

    /// Pixel pitch of a frame.
    pub(crate) fn mm_per_px(&self, frame_index: u64) -> [f64; 2] {
        self.view(frame_index).map_or(self.setup.mm_per_px, |view| view.mm_per_px)
    }

    /// Half the width in mm of a linear field, and the depth of any.
    pub(crate) fn field_mm(&self, frame_index: u64) -> (Option<f64>, f64) {
        self.view(frame_index).map_or((None, 0.0), |view| (view.half_width_mm, view.depth_mm))
    }

    /// The probe's place at a time.
    pub(crate) fn sway(&self, time_s: f64) -> Rigid {
        let pose = self.setup.options.sway.motion().pose(self.setup.seed, time_s);
        let angle_rad = pose.rotation_deg.to_radians();
        let (sin, cos) = libm::sincos(angle_rad);
        // Of the first view: the pivot must not move when the depth changes.
        let pivot_mm = [0.0, 0.5 * f64::from(self.setup.size_px[1]) * self.setup.mm_per_px[1]];
        Rigid { shift_mm: pose.shift_mm, pivot_mm, angle_rad, sin, cos }
    }

    /// Pixels of a point in probe space.
    pub(crate) fn pixel_from_probe(&self, frame_index: u64, point_mm: [f64; 2]) -> [f64; 2] {
        let pitch = self.mm_per_px(frame_index);
        let [width, _] = self.setup.size_px;
        [point_mm[0] / pitch[0] + 0.5 * (f64::from(width) - 1.0), point_mm[1] / pitch[1] - 0.5]
    }

    /// Paints a frame. `rest_from_now` says where a point of tissue space rests when nothing deforms.
    pub(crate) fn paint(
        &self,
        frame_index: u64,
        sway: &Rigid,
        rest_from_now: impl Fn([f64; 2]) -> [f64; 2],
        strokes: &[Stroke],
    ) -> Vec<u8> {
        let Some(view) = self.view(frame_index) else {
            return Vec::new();
        };
        let width = self.setup.size_px[0] as usize;
        let mut gray8 = view.base.clone();
        let echo = view.tissue.echo_at(0);
        let moving = (!strokes.is_empty()).then(|| self.strokes(frame_index, sway, strokes));
        let origin = view.tissue.origin.map(|cells| cells as f64);
        let middle_px = 0.5 * (f64::from(self.setup.size_px[0]) - 1.0);
        let [pitch_x, pitch_y] = view.mm_per_px;
        let rows =
            gray8.chunks_exact_mut(width).zip(view.gains.chunks_exact(width)).zip(&view.spans).enumerate();
        for (y, ((row, gains), &(first, end))) in rows {
            let noise_at = hash64(self.setup.seed ^ frame_index.rotate_left(32), y as u64) as usize;
            let y_mm = (y as f64 + 0.5) * pitch_y;
            let pixels = row.iter_mut().zip(gains).enumerate().take(end).skip(first);
            for (x, (pixel, gain)) in pixels {
                if gain[1] <= 0.0 {
                    continue;
                }
                let point = sway.tissue_from_probe([(x as f64 - middle_px) * pitch_x, y_mm]);
                let rest = rest_from_now(point);
                let echo = view.tissue.sample(
                    &echo,
                    (rest[0] / pitch_x + middle_px + origin[0]) as f32,
                    (rest[1] / pitch_y - 0.5 + origin[1]) as f32,
                );
                let stroke =
                    moving.as_ref().and_then(|field| field.get(y * width + x)).copied().unwrap_or(0.0);
                let noise = self.noise[(noise_at.wrapping_add(x)) & (NOISE_LENGTH - 1)];
                let re = gain[0] * (echo[0] + stroke) + gain[1] * noise[0];
                let im = gain[0] * echo[1] + gain[1] * noise[1];
                *pixel = self.display.gray(re * re + im * im);
            }
        }
        gray8
    }

    /// Amplitude of the moving reflectors at every pixel.
    fn strokes(&self, frame_index: u64, sway: &Rigid, strokes: &[Stroke]) -> Vec<f32> {
        let [width, height] = self.setup.size_px.map(|side| side as usize);
        let pitch = self.mm_per_px(frame_index);
        let mut field = vec![0.0_f32; width * height];
        for (number, stroke) in strokes.iter().enumerate() {
            for (part, ends) in stroke.points_mm.windows(2).enumerate() {
                let &[from, to] = ends else { continue };
                let [from, to] =
                    [from, to].map(|p| self.pixel_from_probe(frame_index, sway.probe_from_tissue(p)));
                // A reflector is not even along its length.
                let uneven = 0.6 + 0.4 * hash_unit(self.setup.seed ^ 0x7374, (64 * number + part) as u64);
                let reach_px = pitch.map(|p| 2.5 * stroke.half_width_mm / p);
                let bound = |i: usize, side: usize| {
                    let low = (from[i].min(to[i]) - reach_px[i]).floor().max(0.0) as usize;
                    let high = (from[i].max(to[i]) + reach_px[i]).ceil().max(-1.0) + 1.0;
                    low.min(side)..(high as usize).min(side)
                };
                for y in bound(1, height) {
                    for x in bound(0, width) {
                        let away = distance_to_segment(
                            [x as f64 * pitch[0], y as f64 * pitch[1]],
                            [from[0] * pitch[0], from[1] * pitch[1]],
                            [to[0] * pitch[0], to[1] * pitch[1]],
                        ) / stroke.half_width_mm;
                        if let Some(value) = field.get_mut(y * width + x) {
                            let amplitude = uneven * stroke.amplitude * libm::exp(-away * away);
                            *value = value.max(amplitude as f32);
                        }
                    }
                }
            }
        }
        field
    }

    /// The class of each pixel of the field by its centre; `class_at` takes points of tissue space.
    pub(crate) fn mask(&self, frame_index: u64, sway: &Rigid, class_at: impl Fn([f64; 2]) -> u8) -> Vec<u8> {
        let [width, height] = self.setup.size_px.map(|side| side as usize);
        let mut mask = vec![0_u8; width * height];
        let Some(view) = self.view(frame_index) else {
            return mask;
        };
        let middle_px = 0.5 * (f64::from(self.setup.size_px[0]) - 1.0);
        for (y, (row, gains)) in mask.chunks_exact_mut(width).zip(view.gains.chunks_exact(width)).enumerate()
        {
            let y_mm = (y as f64 + 0.5) * view.mm_per_px[1];
            for (x, (pixel, gain)) in row.iter_mut().zip(gains).enumerate() {
                if gain[1] > 0.0 {
                    let point = [(x as f64 - middle_px) * view.mm_per_px[0], y_mm];
                    *pixel = class_at(sway.tissue_from_probe(point));
                }
            }
        }
        mask
    }

    /// The outline of a class in pixels.
    pub(crate) fn outline(&self, frame_index: u64, shape: &Shape) -> Outline {
        let points_px =
            shape.points_mm.iter().map(|&point| self.pixel_from_probe(frame_index, point)).collect();
        Outline { class: shape.class.index, points_px }
    }

    /// The record of a frame.
    pub(crate) fn record(
        &self,
        frame_index: u64,
        pts_ns: u64,
        classes: Vec<ClassRecord>,
        measures: FrameMeasures,
    ) -> FrameRecord {
        let [mm_per_px_x, mm_per_px_y] = self.mm_per_px(frame_index).map(Some);
        let [width_px, height_px] = self.setup.size_px;
        FrameRecord { frame_index, pts_ns, width_px, height_px, mm_per_px_x, mm_per_px_y, classes, measures }
    }

    /// The record of a class whose whole outline is given.
    pub(crate) fn class_record(&self, frame_index: u64, shape: &Shape) -> ClassRecord {
        let outline = self.outline(frame_index, shape);
        let [width, height] = self.setup.size_px.map(f64::from);
        let seen = outline
            .points_px
            .iter()
            .filter(|point| {
                let [x, y] = point.map(f64::round);
                let inside = x >= 0.0 && y >= 0.0 && x < width && y < height;
                inside
                    && self.view(frame_index).is_some_and(|view| {
                        let at = y as usize * self.setup.size_px[0] as usize + x as usize;
                        view.gains.get(at).is_some_and(|gain| gain[1] > 0.0)
                    })
            })
            .count();
        let points = outline.points_px.len().max(1);
        ClassRecord {
            index: shape.class.index,
            name: shape.class.name.to_owned(),
            area_mm2: shape.area_mm2,
            visible_outline_fraction: seen as f64 / points as f64,
            truncated: seen < points,
        }
    }
}

impl View {
    fn new(setup: &Setup, factor: f64, medium: &impl Medium, focus_mm: [f64; 2], reach_mm: f64) -> Self {
        let size_px = setup.size_px;
        let mm_per_px = setup.mm_per_px.map(|pitch| pitch * factor);
        let beams = Beams::new(&setup.field, size_px, mm_per_px, [0.0, 0.0]);
        let options = &setup.options;
        let base = annotations::base_picture(setup.seed, &options.annotations, size_px, mm_per_px, &beams);
        let gains = pixel_gains(&Probe {
            seed: setup.seed,
            size_px,
            mm_per_px,
            beams: &beams,
            receiver: &setup.receiver,
            shadows: &options.shadows,
            annotations: &options.annotations,
        });
        let spans = row_spans(&gains, size_px[0] as usize);
        // Picture millimetres have their origin at the centre of pixel (0, 0).
        let face_mm = [0.5 * (f64::from(size_px[0]) - 1.0) * mm_per_px[0], -0.5 * mm_per_px[1]];
        let offset_mm = face_mm.map(|mm| -mm);
        let extent_mm: [f64; 2] = std::array::from_fn(|i| f64::from(size_px[i]) * mm_per_px[i]);
        let diagonal_mm = (extent_mm[0] * extent_mm[0] + extent_mm[1] * extent_mm[1]).sqrt();
        let sway = &options.sway;
        let input = TissueInput {
            seed: setup.seed,
            size_px,
            mm_per_px,
            speckle: &setup.speckle,
            focus_mm: [focus_mm[0] - offset_mm[0], focus_mm[1] - offset_mm[1]],
            margin_mm: reach_mm
                + sway.translation_mm
                + diagonal_mm * libm::sin(sway.rotation_deg.to_radians()),
        };
        let tissue = TissueMap::new(&input, &beams, &AlongBeams { beams: &beams, offset_mm, medium });
        let linear = matches!(setup.field, crate::field::ScanField::Linear { .. });
        // Neither reaches beyond the picture.
        let half_width_mm = linear.then(|| beams.half_width.min(0.5 * extent_mm[0]));
        let depth_mm = beams.depth_mm.min(extent_mm[1]);
        Self { mm_per_px, tissue, gains, spans, base, half_width_mm, depth_mm }
    }
}

/// Distance of a point from the stretch between two others.
fn distance_to_segment(point: [f64; 2], from: [f64; 2], to: [f64; 2]) -> f64 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let away = [point[0] - from[0], point[1] - from[1]];
    let length2 = along[0] * along[0] + along[1] * along[1];
    let share = if length2 > 0.0 {
        ((away[0] * along[0] + away[1] * along[1]) / length2).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let [dx, dy] = [away[0] - share * along[0], away[1] - share * along[1]];
    (dx * dx + dy * dy).sqrt()
}

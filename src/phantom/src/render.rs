//! From a scene to pictures: what stays is computed once, each frame is a warp, a gain and a logarithm.

use crate::anatomy::Anatomy;
use crate::annotations;
use crate::display::Display;
use crate::ellipse::{PlacedEllipse, normalize_axis_deg, semi_axes_from_circumference};
use crate::field::Beams;
use crate::motion::Pose;
use crate::noise::hash64;
use crate::receiver::{NOISE_LENGTH, Probe, noise_samples, pixel_gains, row_spans};
use crate::scene::FetalHeadScene;
use crate::tissue::{TissueInput, TissueMap};
use crate::truth::{FrameTruth, TruthInput};

/// One picture and what is exactly known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct PhantomFrame {
    /// Gray values, `width_px × height_px` bytes, row by row without padding.
    pub gray8: Vec<u8>,
    /// The truth of this picture.
    pub truth: FrameTruth,
}

/// A prepared scene. Rendering takes `&self` and depends on nothing but the scene and the frame's number, so that any
/// number of threads may render any frames in any order.
pub struct FetalHeadPhantom {
    scene: FetalHeadScene,
    head: PlacedEllipse,
    tissue: TissueMap,
    /// Per pixel: gain of the signal, gain of the noise; 0 outside the field.
    gains: Vec<[f32; 2]>,
    /// Per row: first and one past the last pixel that the field covers.
    spans: Vec<(usize, usize)>,
    noise: Vec<[f32; 2]>,
    display: Display,
    /// The picture without ultrasound: black and the burnt-in marks.
    base: Vec<u8>,
}

impl FetalHeadPhantom {
    /// Expects a validated scene.
    pub(crate) fn new(scene: &FetalHeadScene) -> Self {
        let size_px = [scene.width_px, scene.height_px];
        let mm_per_px = [scene.mm_per_px_x, scene.mm_per_px_y];
        let (semi_major_mm, semi_minor_mm) =
            semi_axes_from_circumference(scene.head_circumference_mm, scene.cephalic_index_percent);
        let center_mm = std::array::from_fn(|i| {
            0.5 * (f64::from(size_px[i]) - 1.0) * mm_per_px[i] + scene.center_offset_mm[i]
        });
        let angle_deg = normalize_axis_deg(scene.angle_deg);
        let head = PlacedEllipse::new(center_mm, semi_major_mm, semi_minor_mm, angle_deg);
        let beams = Beams::new(&scene.field, size_px, mm_per_px, scene.probe_offset_mm);
        let base = annotations::base_picture(scene.seed, &scene.annotations, size_px, mm_per_px, &beams);
        let gains = pixel_gains(&Probe {
            seed: scene.seed,
            size_px,
            mm_per_px,
            beams: &beams,
            receiver: &scene.receiver,
            shadows: &scene.shadows,
            annotations: &scene.annotations,
        });
        let spans = row_spans(&gains, scene.width_px as usize);
        let extent_mm: [f64; 2] = std::array::from_fn(|i| f64::from(size_px[i]) * mm_per_px[i]);
        let diagonal_mm = (extent_mm[0] * extent_mm[0] + extent_mm[1] * extent_mm[1]).sqrt();
        // Motion moves a picture point by the shift and, at most a diagonal from the centre, by turn and scale.
        let motion = &scene.motion;
        let margin_mm = motion.translation_mm
            + diagonal_mm * (libm::sin(motion.rotation_deg.to_radians()) + motion.breathing);
        let input = TissueInput {
            seed: scene.seed,
            size_px,
            mm_per_px,
            speckle: &scene.speckle,
            focus_mm: center_mm,
            margin_mm,
        };
        let tissue = TissueMap::new(&input, &beams, &Anatomy::new(scene, &beams, head));
        let noise = noise_samples(scene.seed);
        let display = Display::new(&scene.receiver);
        Self { scene: scene.clone(), head, tissue, gains, spans, noise, display, base }
    }

    /// The scene this was prepared from.
    #[must_use]
    pub fn scene(&self) -> &FetalHeadScene {
        &self.scene
    }

    /// The truth of a frame, without rendering it.
    #[must_use]
    pub fn truth(&self, frame_index: u64) -> FrameTruth {
        let scene = &self.scene;
        let time_s = frame_index as f64 / scene.frame_rate_hz;
        let pose = scene.motion.pose(scene.seed, time_s);
        let mm_per_px = [scene.mm_per_px_x, scene.mm_per_px_y];
        let input = TruthInput {
            frame_index,
            time_s,
            size_px: [scene.width_px, scene.height_px],
            mm_per_px,
            center_px: std::array::from_fn(|i| (self.head.center_mm[i] + pose.shift_mm[i]) / mm_per_px[i]),
            semi_axes_mm: (self.head.semi_major_mm * pose.scale, self.head.semi_minor_mm * pose.scale),
            angle_deg: normalize_axis_deg(scene.angle_deg) + pose.rotation_deg,
        };
        let width = scene.width_px as usize;
        FrameTruth::new(&input, |x, y| {
            self.gains.get(y as usize * width + x as usize).is_some_and(|gain| gain[1] > 0.0)
        })
    }

    /// Renders a frame. The same scene and number give the same bytes.
    #[must_use]
    pub fn render(&self, frame_index: u64) -> PhantomFrame {
        let mut gray8 = self.base.clone();
        self.paint(frame_index, &mut gray8);
        PhantomFrame { gray8, truth: self.truth(frame_index) }
    }

    fn paint(&self, frame_index: u64, gray8: &mut [u8]) {
        let scene = &self.scene;
        let time_s = frame_index as f64 / scene.frame_rate_hz;
        let pose = scene.motion.pose(scene.seed, time_s);
        let warp = self.tissue_from_picture(&pose);
        let echo = self.tissue.echo_at(frame_index);
        let width = scene.width_px as usize;
        let display = &self.display;
        let rows =
            gray8.chunks_exact_mut(width).zip(self.gains.chunks_exact(width)).zip(&self.spans).enumerate();
        for (y, ((row, gains), &(first, end))) in rows {
            let noise_at = hash64(scene.seed ^ frame_index.rotate_left(32), y as u64) as usize;
            let start_x = warp[0][1] * y as f64 + warp[0][2];
            let start_y = warp[1][1] * y as f64 + warp[1][2];
            let pixels = row.iter_mut().zip(gains).enumerate().take(end).skip(first);
            for (x, (pixel, gain)) in pixels {
                if gain[1] <= 0.0 {
                    continue;
                }
                let echo = self.tissue.sample(
                    &echo,
                    (start_x + warp[0][0] * x as f64) as f32,
                    (start_y + warp[1][0] * x as f64) as f32,
                );
                let noise = self.noise[(noise_at.wrapping_add(x)) & (NOISE_LENGTH - 1)];
                let re = gain[0] * echo[0] + gain[1] * noise[0];
                let im = gain[0] * echo[1] + gain[1] * noise[1];
                *pixel = display.gray(re * re + im * im);
            }
        }
    }

    /// Affine map from picture pixels to tissue-map pixels at a pose, two rows of three.
    fn tissue_from_picture(&self, pose: &Pose) -> [[f64; 3]; 2] {
        let pitch = [self.scene.mm_per_px_x, self.scene.mm_per_px_y];
        let angle = pose.rotation_deg.to_radians();
        let (sin, cos) = libm::sincos(angle);
        // Inverse of a turn by `angle` and a scaling, in mm.
        let inverse = [[cos / pose.scale, sin / pose.scale], [-sin / pose.scale, cos / pose.scale]];
        std::array::from_fn(|i| {
            let row = inverse[i];
            let a = row[0] * pitch[0] / pitch[i];
            let b = row[1] * pitch[1] / pitch[i];
            let moved: [f64; 2] =
                std::array::from_fn(|k| (self.head.center_mm[k] + pose.shift_mm[k]) / pitch[k]);
            let offset = self.head.center_mm[i] / pitch[i] - a * moved[0] - b * moved[1]
                + self.tissue.origin[i] as f64;
            [a, b, offset]
        })
    }
}

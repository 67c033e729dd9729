//! What is exactly known of a rendered frame.

use serde::{Deserialize, Serialize};

use crate::ellipse::{PlacedEllipse, circumference_ramanujan_ii, normalize_axis_deg, perimeter_exact};
use crate::scene::MAX_SIDE_PX;

/// The exact truth of one frame of a fetal-head phantom.
///
/// Pixel (i, j) covers `[i−½, i+½] × [j−½, j+½]`; x runs right, y down. The outline is an ellipse in *millimetre* space:
/// with anisotropic pixels its image in pixel space is an ellipse with other axes and another angle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameTruth {
    /// Number of the frame, from 0.
    pub frame_index: u64,
    /// Presentation time in seconds, `frame_index / frame_rate_hz`.
    pub time_s: f64,
    /// Picture width in pixels.
    pub width_px: u32,
    /// Picture height in pixels.
    pub height_px: u32,
    /// Horizontal pixel pitch in mm.
    pub mm_per_px_x: f64,
    /// Vertical pixel pitch in mm.
    pub mm_per_px_y: f64,
    /// Column of the ellipse's centre, in pixels; may lie outside the picture.
    pub center_x_px: f64,
    /// Row of the ellipse's centre, in pixels; may lie outside the picture.
    pub center_y_px: f64,
    /// Half the long axis of the outer skull border, in mm.
    pub semi_major_mm: f64,
    /// Half the short axis of the outer skull border, in mm.
    pub semi_minor_mm: f64,
    /// Direction of the long axis in mm space, in degrees from +x, positive clockwise, `−90 < angle ≤ 90`.
    pub angle_deg: f64,
    /// Head circumference in mm by Ramanujan II, the formula of clinical practice.
    pub head_circumference_mm: f64,
    /// Exact perimeter of the ellipse in mm (arithmetic-geometric mean).
    pub perimeter_mm: f64,
    /// Area of the whole ellipse in mm², `π a b`, seen or not.
    pub area_mm2: f64,
    /// Biparietal diameter outer to outer in mm: the short axis.
    pub bpd_mm: f64,
    /// Occipito-frontal diameter outer to outer in mm: the long axis.
    pub ofd_mm: f64,
    /// Share of the outline, by parametric angle, that falls on pixels the probe insonifies, 0 to 1.
    pub visible_outline_fraction: f64,
    /// Whether a part of the outline leaves the field or the picture: a measured size is then a lower bound.
    pub truncated: bool,
}

/// What a [`FrameTruth`] is made from.
pub(crate) struct TruthInput {
    pub(crate) frame_index: u64,
    pub(crate) time_s: f64,
    pub(crate) size_px: [u32; 2],
    pub(crate) mm_per_px: [f64; 2],
    pub(crate) center_px: [f64; 2],
    pub(crate) semi_axes_mm: (f64, f64),
    pub(crate) angle_deg: f64,
}

/// Outline points tested for visibility: half a degree apart, which is below a pixel for heads up to 1400 pixels across.
const OUTLINE_SAMPLES: u32 = 1440;

impl FrameTruth {
    /// Computes every figure; `is_insonified(x, y)` says of a pixel of the picture whether the field covers it.
    pub(crate) fn new(input: &TruthInput, is_insonified: impl Fn(u32, u32) -> bool) -> Self {
        let (a, b) = input.semi_axes_mm;
        let mut truth = Self {
            frame_index: input.frame_index,
            time_s: input.time_s,
            width_px: input.size_px[0],
            height_px: input.size_px[1],
            mm_per_px_x: input.mm_per_px[0],
            mm_per_px_y: input.mm_per_px[1],
            center_x_px: input.center_px[0],
            center_y_px: input.center_px[1],
            semi_major_mm: a,
            semi_minor_mm: b,
            angle_deg: normalize_axis_deg(input.angle_deg),
            head_circumference_mm: circumference_ramanujan_ii(a, b),
            perimeter_mm: perimeter_exact(a, b),
            area_mm2: std::f64::consts::PI * a * b,
            bpd_mm: 2.0 * b,
            ofd_mm: 2.0 * a,
            visible_outline_fraction: 0.0,
            truncated: false,
        };
        let ellipse = truth.ellipse();
        let seen = (0..OUTLINE_SAMPLES)
            .filter(|&k| {
                let t = f64::from(k) * std::f64::consts::TAU / f64::from(OUTLINE_SAMPLES);
                let point = ellipse.outline_point(t);
                let x = (point[0] / truth.mm_per_px_x).round();
                let y = (point[1] / truth.mm_per_px_y).round();
                x >= 0.0
                    && y >= 0.0
                    && x < f64::from(truth.width_px)
                    && y < f64::from(truth.height_px)
                    && is_insonified(x as u32, y as u32)
            })
            .count();
        truth.visible_outline_fraction = seen as f64 / f64::from(OUTLINE_SAMPLES);
        truth.truncated = seen < OUTLINE_SAMPLES as usize;
        truth
    }

    /// Short axis over long axis, in per cent.
    #[must_use]
    pub fn cephalic_index_percent(&self) -> f64 {
        100.0 * self.bpd_mm / self.ofd_mm
    }

    /// Whether the point (pixels) lies inside or on the ellipse.
    #[must_use]
    pub fn contains_point(&self, x_px: f64, y_px: f64) -> bool {
        level(&self.ellipse(), x_px * self.mm_per_px_x, y_px * self.mm_per_px_y) <= 1.0
    }

    /// The head mask at the picture's size, row by row: 1 where the *centre* of the pixel lies inside or on the ellipse,
    /// else 0. The ellipse is filled also where the field does not reach; the picture's border cuts it. Empty where a truth
    /// read from elsewhere claims a side above [`MAX_SIDE_PX`](crate::MAX_SIDE_PX).
    #[must_use]
    pub fn mask(&self) -> Vec<u8> {
        if self.width_px.max(self.height_px) > MAX_SIDE_PX {
            return Vec::new();
        }
        let ellipse = self.ellipse();
        let (width, height) = (self.width_px as usize, self.height_px as usize);
        let mut mask = Vec::with_capacity(width * height);
        for y in 0..height {
            let y_mm = y as f64 * self.mm_per_px_y;
            mask.extend(
                (0..width).map(|x| u8::from(level(&ellipse, x as f64 * self.mm_per_px_x, y_mm) <= 1.0)),
            );
        }
        mask
    }

    pub(crate) fn ellipse(&self) -> PlacedEllipse {
        PlacedEllipse::new(
            [self.center_x_px * self.mm_per_px_x, self.center_y_px * self.mm_per_px_y],
            self.semi_major_mm,
            self.semi_minor_mm,
            self.angle_deg,
        )
    }
}

/// The ellipse's quadratic form: 1 on the outline, less inside.
fn level(ellipse: &PlacedEllipse, x_mm: f64, y_mm: f64) -> f64 {
    let [u, v] = ellipse.local([x_mm, y_mm]);
    let (u, v) = (u / ellipse.semi_major_mm, v / ellipse.semi_minor_mm);
    u * u + v * v
}

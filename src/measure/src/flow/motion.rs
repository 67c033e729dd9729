//! Outlines carried along with the picture.

use super::{Flow, Pyramid, flow_while};
use crate::contour::{BORDER_DISTANCE_PX, Contour};
use crate::ellipse::EllipseInFrame;
use crate::geometry::PointInFrame;
use crate::result::{FrameResult, Mark};

/// Where everything in a picture has gone to in a later one.
#[derive(Clone, Debug)]
pub struct Motion {
    /// Of each pixel of the earlier picture, made small: where it is in the later one.
    flow: Flow,
    /// Small pixels a pixel of the picture, to the right and down.
    scale: [f64; 2],
    /// Width and height of the picture, pixels.
    size: [f64; 2],
}

impl Motion {
    /// Steps a level of the pyramid: enough for outlines, and quick.
    pub const STEPS: usize = 3;
    /// Longest side that pictures are made small to, pixels.
    pub const SIDE: usize = 80;

    /// The motion from an earlier picture to a later one of `width · height` pixels, both made small. `None` where they differ in
    /// size, when `goes_on` says that it takes too long, and where what was found does not bring the two closer to each other: after a
    /// cut there is no motion, and what stays where it was is then more honest.
    pub fn between(
        earlier: &Pyramid,
        later: &Pyramid,
        (width, height): (usize, usize),
        goes_on: impl FnMut() -> bool,
    ) -> Option<Self> {
        // From the later to the earlier one: for outlines it must be known where a place has gone to, not where it came from.
        let flow = flow_while(later, earlier, Self::STEPS, goes_on)?;
        if !flow.fits(later, earlier) {
            return None;
        }
        let (small_width, small_height) = earlier.size();
        let scale = [small_width as f64 / width.max(1) as f64, small_height as f64 / height.max(1) as f64];
        Some(Self { flow, scale, size: [width as f64, height as f64] })
    }

    /// Where a place of the earlier picture is in the later one.
    pub fn point(&self, p: PointInFrame) -> PointInFrame {
        let [sx, sy] = self.scale;
        let (x, y) = (((p.x_px + 0.5) * sx - 0.5) as f32, ((p.y_px + 0.5) * sy - 0.5) as f32);
        PointInFrame {
            x_px: p.x_px + f64::from(self.flow.x.sample(x, y)) / sx,
            y_px: p.y_px + f64::from(self.flow.y.sample(x, y)) / sy,
        }
    }

    fn points(&self, points: &[PointInFrame]) -> Vec<PointInFrame> {
        points.iter().map(|p| self.point(*p)).collect()
    }

    /// As [`points`](Self::points), but what lies along the picture's edge stays along it: there the picture ends, and not the structure.
    fn outline(&self, points: &[PointInFrame]) -> Vec<PointInFrame> {
        let stays = |at: f64, whole: f64| at < BORDER_DISTANCE_PX || at > whole - 1.0 - BORDER_DISTANCE_PX;
        let carry = |p: &PointInFrame| {
            let [width, height] = self.size;
            let to = self.point(*p);
            PointInFrame {
                x_px: if stays(p.x_px, width) { p.x_px } else { to.x_px },
                y_px: if stays(p.y_px, height) { p.y_px } else { to.y_px },
            }
        };
        points.iter().map(carry).collect()
    }

    /// An outline as it lies in the later picture. Its area stays what it was: nothing is measured on what was carried.
    pub fn contour(&self, contour: &Contour) -> Contour {
        Contour {
            outer: self.outline(&contour.outer),
            holes: contour.holes.iter().map(|hole| self.outline(hole)).collect(),
            ..contour.clone()
        }
    }

    fn ellipse(&self, ellipse: &EllipseInFrame) -> EllipseInFrame {
        let c = ellipse.center;
        // The map that is linear and takes the axes' ends to where they have gone makes an ellipse of an ellipse.
        let half = |(x, y): (f64, f64)| {
            let [a, b] =
                [1.0, -1.0].map(|s| self.point(PointInFrame { x_px: c.x_px + s * x, y_px: c.y_px + s * y }));
            ((a.x_px - b.x_px) / 2.0, (a.y_px - b.y_px) / 2.0)
        };
        EllipseInFrame {
            center: self.point(c),
            major_px: half(ellipse.major_px),
            minor_px: half(ellipse.minor_px),
        }
    }

    fn mark(&self, mark: &Mark) -> Mark {
        match mark {
            Mark::Ellipse(ellipse) => Mark::Ellipse(self.ellipse(ellipse)),
            Mark::Caliper { from, to, name } => {
                Mark::Caliper { from: self.point(*from), to: self.point(*to), name }
            }
            Mark::Line { points, name } => Mark::Line { points: self.points(points), name },
            Mark::Point { at, name } => Mark::Point { at: self.point(*at), name },
        }
    }

    /// A result with its outlines and marks where they are in the later picture. Maps and values stay those of the earlier one.
    pub fn carried(&self, result: &FrameResult) -> FrameResult {
        let mut carried = result.clone();
        for class in &mut carried.classes {
            class.contours = class.contours.iter().map(|contour| self.contour(contour)).collect();
        }
        carried.marks = result.marks.iter().map(|mark| self.mark(mark)).collect();
        carried
    }
}

//! Vessels as tubes: a middle line, and the width of the lumen at right angles to it.
//!
//! The outline is cut by lines across its principal axis, a straight line is fitted to the middles of the
//! chords, and the cuts are made again across that line, until it stands still.

use crate::contour::{Contour, at_border};
use crate::geometry::Geometry;
use crate::shape::{Plane, Shape};

type Point = (f64, f64);

/// Cuts along the vessel.
const STATIONS: usize = 128;
/// Turns of the axis after which it stands still but for rounding.
const TURNS: usize = 3;
/// Ends of a vessel are left out up to this fraction of its median width: there cuts leave through the end.
const END_MARGIN: f64 = 0.5;

/// A cut across a vessel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    /// Where on the axis.
    pub(super) along: f64,
    /// From wall to wall across the axis.
    pub(super) width: f64,
    /// How far to the side of the axis its middle lies.
    pub(super) middle: f64,
    /// Whether the picture's edge cuts the wall here.
    pub(super) is_truncated: bool,
}

/// A vessel that was cut across.
#[derive(Clone, Debug)]
pub(super) struct Tube {
    origin: Point,
    direction: Point,
    /// In order along the axis, evenly.
    pub(super) cuts: Vec<Cut>,
    /// Distance of two cuts.
    pub(super) step: f64,
    /// Where the outline begins and ends on the axis.
    pub(super) reach: (f64, f64),
}

/// The outline in the plane, each vertex with whether it lies at the picture's edge.
fn outline(contour: &Contour, plane: &Plane, geometry: &Geometry) -> Vec<(Point, bool)> {
    contour.outer.iter().map(|&p| (plane.from_frame(p), at_border(p, geometry))).collect()
}

impl Tube {
    /// Cuts a vessel across the straight line through its middles. `None` for shapes that have no direction
    /// or no width.
    pub(super) fn of(contour: &Contour, plane: &Plane, geometry: &Geometry) -> Option<Self> {
        let ellipse = Shape::of(contour, plane)?.ellipse?;
        let outline = outline(contour, plane, geometry);
        let mut tube = Self {
            origin: (ellipse.center_x, ellipse.center_y),
            direction: (ellipse.angle_rad.cos(), ellipse.angle_rad.sin()),
            cuts: Vec::new(),
            step: 0.0,
            reach: (0.0, 0.0),
        };
        tube.cut(&outline)?;
        for _ in 0..TURNS {
            let (offset, slope) = tube.line(tube.reach.0, tube.reach.1)?;
            tube.turn(offset, slope);
            tube.cut(&outline)?;
        }
        Some(tube)
    }

    /// Cuts across the middle line of the part from `from` to `to` alone, and where that part lies on it.
    pub(super) fn along_part(
        &self,
        contour: &Contour,
        plane: &Plane,
        geometry: &Geometry,
        (from, to): (f64, f64),
    ) -> Option<(Self, (f64, f64))> {
        let outline = outline(contour, plane, geometry);
        let mut part = self.clone();
        let (center, half) = ((from + to) / 2.0, (to - from) / 2.0);
        let (mut low, mut high) = (from, to);
        // The part stays where it is in the picture, whatever way its axis turns.
        let middle = self.at(center);
        for _ in 0..TURNS {
            let (offset, slope) = part.line(low, high)?;
            part.turn(offset, slope);
            part.cut(&outline)?;
            let along = part.along(middle);
            (low, high) = (along - half, along + half);
        }
        Some((part, (low, high)))
    }

    /// How far along the axis a point lies.
    pub(super) fn along(&self, p: Point) -> f64 {
        (p.0 - self.origin.0) * self.direction.0 + (p.1 - self.origin.1) * self.direction.1
    }

    /// How far to the side of the axis a point lies.
    pub(super) fn side(&self, p: Point) -> f64 {
        (p.1 - self.origin.1) * self.direction.0 - (p.0 - self.origin.0) * self.direction.1
    }

    /// The point of the axis at a distance along it.
    pub(super) fn at(&self, along: f64) -> Point {
        self.beside(along, 0.0)
    }

    /// A point at a distance along the axis and to the side of it.
    pub(super) fn beside(&self, along: f64, side: f64) -> Point {
        (
            self.origin.0 + along * self.direction.0 - side * self.direction.1,
            self.origin.1 + along * self.direction.1 + side * self.direction.0,
        )
    }

    /// Median width of all cuts.
    pub(super) fn median_width(&self) -> f64 {
        let mut widths: Vec<f64> = self.cuts.iter().map(|c| c.width).collect();
        crate::series::stats::median(&mut widths).unwrap_or(f64::NAN)
    }

    /// The part of the axis where cuts go from wall to wall.
    pub(super) fn usable(&self) -> (f64, f64) {
        let margin = END_MARGIN * self.median_width();
        (self.reach.0 + margin, self.reach.1 - margin)
    }

    /// The cuts of a part of the axis.
    pub(super) fn between(&self, from: f64, to: f64) -> impl Iterator<Item = &Cut> + Clone + '_ {
        self.cuts.iter().filter(move |c| c.along >= from && c.along <= to)
    }

    /// Mean width over a part of the axis, and whether the picture's edge cuts a wall there. `None` without
    /// cuts.
    pub(super) fn mean_width(&self, from: f64, to: f64) -> Option<(f64, bool)> {
        let (sum, count, is_truncated) = self
            .between(from, to)
            .fold((0.0, 0_u32, false), |sum, c| (sum.0 + c.width, sum.1 + 1, sum.2 || c.is_truncated));
        (count > 0).then(|| (sum / f64::from(count), is_truncated))
    }

    /// How far the middles of a part lie from a straight line, root mean square. `None` for fewer than three
    /// cuts.
    pub(super) fn bend(&self, from: f64, to: f64) -> Option<f64> {
        let (offset, slope) = self.line(from, to)?;
        let (sum, count) = self
            .between(from, to)
            .fold((0.0, 0_u32), |sum, c| (sum.0 + (c.middle - offset - slope * c.along).powi(2), sum.1 + 1));
        (count > 2).then(|| (sum / f64::from(count)).sqrt())
    }

    /// The straight line through the middles of a part: side = offset + slope · along.
    fn line(&self, from: f64, to: f64) -> Option<(f64, f64)> {
        let cuts = || self.between(from, to);
        let n = cuts().count() as f64;
        let (mean_a, mean_m) = cuts().fold((0.0, 0.0), |sum, c| (sum.0 + c.along / n, sum.1 + c.middle / n));
        let (aa, am) = cuts().fold((0.0, 0.0), |sum, c| {
            (sum.0 + (c.along - mean_a).powi(2), sum.1 + (c.along - mean_a) * (c.middle - mean_m))
        });
        let slope = am / aa;
        slope.is_finite().then_some((mean_m - slope * mean_a, slope))
    }

    /// Lays the axis on a line given beside it.
    fn turn(&mut self, offset: f64, slope: f64) {
        let length = slope.hypot(1.0);
        let origin = self.beside(0.0, offset);
        let direction = self.beside(1.0, offset + slope);
        self.origin = origin;
        self.direction = ((direction.0 - origin.0) / length, (direction.1 - origin.1) / length);
    }

    fn cut(&mut self, outline: &[(Point, bool)]) -> Option<()> {
        let local: Vec<(f64, f64, bool)> = outline
            .iter()
            .map(|&((x, y), at_border)| {
                let (dx, dy) = (x - self.origin.0, y - self.origin.1);
                let side = dy * self.direction.0 - dx * self.direction.1;
                (dx * self.direction.0 + dy * self.direction.1, side, at_border)
            })
            .collect();
        self.reach = local.iter().fold((f64::MAX, f64::MIN), |r, p| (r.0.min(p.0), r.1.max(p.0)));
        let (from, to) = self.reach;
        self.step = (to - from) / STATIONS as f64;
        if !(self.step > 0.0 && self.step.is_finite()) {
            return None;
        }
        let station = |i: usize| from + (i as f64 + 0.5) * self.step;
        // Of each station the lowest and highest crossing.
        let mut spans = [(f64::MAX, f64::MIN, false); STATIONS];
        for (p, q) in local.iter().zip(local.iter().cycle().skip(1)) {
            let (low, high) = (p.0.min(q.0), p.0.max(q.0));
            let first = ((low - from) / self.step - 0.5).ceil().max(0.0) as usize;
            for (i, span) in spans.iter_mut().enumerate().skip(first) {
                let at = station(i);
                if at >= high {
                    break;
                }
                let side = p.1 + (q.1 - p.1) * (at - p.0) / (q.0 - p.0);
                *span = (span.0.min(side), span.1.max(side), span.2 || (p.2 && q.2));
            }
        }
        self.cuts = spans
            .iter()
            .enumerate()
            .filter(|(_, s)| s.1 > s.0)
            .map(|(i, &(low, high, is_truncated))| Cut {
                along: station(i),
                width: high - low,
                middle: (low + high) / 2.0,
                is_truncated,
            })
            .collect();
        (self.cuts.len() >= STATIONS / 2).then_some(())
    }
}

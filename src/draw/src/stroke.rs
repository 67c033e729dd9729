//! Lines: outlines, dashes, ellipses and caliper marks.
//!
//! A line of width w is the union of capsules around its segments: every point within w/2 of the line, so joins
//! and ends are round. A pixel's coverage is w/2 + ½ less the distance of its centre, within 0 and 1: the area
//! that a straight edge at that distance leaves of a pixel, exact along the axes and within 0.06 at 45°.

use vesalius_measure::ellipse::EllipseInFrame;
use vesalius_measure::geometry::PointInFrame;

use crate::capsule::{Capsule, length};
use crate::chord::{Chord, FLATNESS_PX, Point};
use crate::color::Color;
use crate::layer::Layer;
use crate::tile::{TILE_BLOCK, TILE_HEIGHT};

/// Where a segment reaches no more columns than this, all of them are looked at in each row.
const FEW_COLUMNS: usize = 2 * TILE_BLOCK;

/// Lines and halos are no wider than this, in pixels: reaches are 16 bit.
const MAX_WIDTH_PX: f64 = 200.0;
/// Coordinates are brought within this distance of the origin; far beyond any picture, and safe to calculate with.
const FAR_PX: f64 = 1e7;

/// Pieces and gaps of a broken line, along the line in pixels. Ends are round and lie outside `on_px`:
/// `on_px` = 0 gives dots.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dash {
    /// Length of a piece.
    pub on_px: f64,
    /// Length of a gap, from the end of one piece's line to the start of the next.
    pub off_px: f64,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Its colour.
    pub color: Color,
    /// Its width in pixels; below 1 it is 1 wide and fainter.
    pub width_px: f64,
    /// Width of the dark rim on either side, in pixels; 0 for none.
    pub halo_px: f64,
    /// Broken how; `None` for a solid line.
    pub dash: Option<Dash>,
}

impl Stroke {
    /// A solid line with a halo of one pixel.
    pub const fn new(color: Color, width_px: f64) -> Self {
        Self { color, width_px, halo_px: 1.0, dash: None }
    }

    /// The same line, broken.
    #[must_use]
    pub const fn dashed(self, on_px: f64, off_px: f64) -> Self {
        Self { dash: Some(Dash { on_px, off_px }), ..self }
    }

    /// The same line with another halo.
    #[must_use]
    pub const fn with_halo(self, halo_px: f64) -> Self {
        Self { halo_px, ..self }
    }
}

/// A number within limits; the lower one for what is not a number.
fn within(value: f64, low: f64, high: f64) -> f64 {
    if value > low { value.min(high) } else { low }
}

fn finite(p: PointInFrame) -> Option<Point> {
    let bring = |v: f64| v.clamp(-FAR_PX, FAR_PX);
    (p.x_px.is_finite() && p.y_px.is_finite()).then(|| (bring(p.x_px), bring(p.y_px)))
}

/// The part of segment `a` to `b` inside a box, as fractions of it (Liang and Barsky 1984,
/// doi:10.1145/357332.357333).
fn clip(a: Point, b: Point, low: Point, high: Point) -> Option<(f64, f64)> {
    let (mut from, mut to) = (0.0_f64, 1.0_f64);
    for (start, step, low, high) in [(a.0, b.0 - a.0, low.0, high.0), (a.1, b.1 - a.1, low.1, high.1)] {
        if step == 0.0 {
            if start < low || start > high {
                return None;
            }
        } else {
            let (t, u) = ((low - start) / step, (high - start) / step);
            from = from.max(t.min(u));
            to = to.min(t.max(u));
        }
    }
    (from <= to).then_some((from, to))
}

/// Draws segments on a layer's reach, one after the other, with the dash pattern going on from one to the next.
struct Pen<'a> {
    layer: &'a mut Layer,
    /// Half the width, the halo and the half pixel of anti-aliasing.
    radius: f64,
    dash: Option<Dash>,
    /// How far into the dash pattern the next segment starts.
    phase: f64,
}

impl Pen<'_> {
    fn segment(&mut self, a: Point, b: Point) {
        let margin = self.radius + 1.0;
        let high = (self.layer.width() as f64 + margin, self.layer.height() as f64 + margin);
        let v = (b.0 - a.0, b.1 - a.1);
        let whole = length(v);
        let at = |along: f64| {
            if whole > 0.0 { (a.0 + v.0 * (along / whole), a.1 + v.1 * (along / whole)) } else { a }
        };
        let visible = clip(a, b, (-margin, -margin), high);
        let Some(Dash { on_px, off_px }) = self.dash else {
            match visible {
                Some((0.0, 1.0)) => self.capsule(a, b),
                Some((from, to)) => self.capsule(at(from * whole), at(to * whole)),
                None => {}
            }
            return;
        };
        let period = on_px + off_px;
        if let Some((from, to)) = visible {
            let (from, to) = (from * whole, to * whole);
            // Start of the piece that is under way where the segment comes into sight, or of the next.
            let mut start = from - (self.phase + from) % period;
            while start <= to {
                let (first, last) = (start.max(from), (start + on_px).min(to));
                if first <= last {
                    self.capsule(at(first), at(last));
                }
                start += period;
            }
        }
        self.phase = (self.phase + whole) % period;
    }

    fn capsule(&mut self, a: Point, b: Point) {
        let capsule = Capsule::new(a, b, self.radius);
        let (width, rows) = (self.layer.width(), capsule.rows(self.layer.height()));
        let mut top = rows.start;
        while top < rows.end {
            let bottom = rows.end.min(top - top % TILE_HEIGHT + TILE_HEIGHT);
            let columns = capsule.columns(top, bottom - 1, width);
            self.layer.reach_tiles(top, &columns, |tile, width| {
                if columns.len() <= FEW_COLUMNS {
                    let run = tile.columns(&columns, width);
                    (top..bottom).for_each(|y| capsule.raise(tile, y, &run, width));
                } else {
                    for y in top..bottom {
                        let run = tile.columns(&capsule.columns(y, y, tile.left + width), width);
                        capsule.raise(tile, y, &run, width);
                    }
                }
            });
            top = bottom;
        }
    }
}

impl Layer {
    /// Draws a line through points, closed to a polygon's outline on demand; one point alone gives a dot.
    pub fn polyline(
        &mut self,
        points: impl IntoIterator<Item = PointInFrame>,
        closed: bool,
        stroke: &Stroke,
    ) {
        self.trace(points, closed, stroke);
        self.finish(stroke);
    }

    /// Draws an ellipse.
    pub fn ellipse(&mut self, ellipse: &EllipseInFrame, stroke: &Stroke) {
        let EllipseInFrame { center, major_px: major, minor_px: minor } = *ellipse;
        let extent = length(major).max(length(minor));
        if !extent.is_finite() {
            return;
        }
        let points = unit_circle(extent).map(|(cos, sin)| PointInFrame {
            x_px: center.x_px + major.0 * cos + minor.0 * sin,
            y_px: center.y_px + major.1 * cos + minor.1 * sin,
        });
        self.polyline(points, true, stroke);
    }

    /// Draws a "+" with arms of `arm_px` from its centre.
    pub fn cross(&mut self, center: PointInFrame, arm_px: f64, stroke: &Stroke) {
        let solid = Stroke { dash: None, ..*stroke };
        for (dx, dy) in [(arm_px, 0.0), (0.0, arm_px)] {
            let ends =
                [-1.0, 1.0].map(|s| PointInFrame { x_px: center.x_px + s * dx, y_px: center.y_px + s * dy });
            self.trace(ends, false, &solid);
        }
        self.finish(stroke);
    }

    /// Draws a filled disc.
    pub fn disc(&mut self, center: PointInFrame, diameter_px: f64, color: Color, halo_px: f64) {
        self.polyline([center], false, &Stroke { color, width_px: diameter_px, halo_px, dash: None });
    }

    fn trace(&mut self, points: impl IntoIterator<Item = PointInFrame>, closed: bool, stroke: &Stroke) {
        let dash = stroke.dash.map(|d| Dash {
            on_px: within(d.on_px, 0.0, FAR_PX),
            // A pattern finer than a pixel could not be seen and would take for ever.
            off_px: within(d.off_px, 1.0, FAR_PX),
        });
        let radius = line_width(stroke) / 2.0 + halo_width(stroke) + 0.5;
        let mut pen = Pen { layer: self, radius, dash, phase: 0.0 };
        let mut points = points.into_iter().filter_map(finite);
        let Some(first) = points.next() else { return };
        let (mut chord, mut count) = (Chord::new(first), 1);
        let mut go_to = |point| {
            if !chord.extend(point) {
                let (from, to) = chord.ends();
                pen.segment(from, to);
                chord = Chord::new(to);
                chord.extend(point);
            }
        };
        for point in points {
            go_to(point);
            count += 1;
        }
        if closed && count > 2 {
            go_to(first);
        }
        let (from, to) = chord.ends();
        pen.segment(from, to);
    }

    fn finish(&mut self, stroke: &Stroke) {
        let faintness = within(stroke.width_px, 0.0, 1.0);
        let alpha = (f64::from(stroke.color.alpha) * faintness).round() as u8;
        self.ink(stroke.color.with_alpha(alpha), Color::HALO, halo_width(stroke));
    }
}

fn line_width(stroke: &Stroke) -> f64 {
    within(stroke.width_px, 1.0, MAX_WIDTH_PX)
}

fn halo_width(stroke: &Stroke) -> f64 {
    within(stroke.halo_px, 0.0, MAX_WIDTH_PX / 4.0)
}

/// Cosines and sines around the circle, fine enough for an ellipse of this half-diameter.
///
/// By half-angle formulas and rotation rather than `sin` and `cos`, whose last bits differ between machines.
fn unit_circle(extent_px: f64) -> impl Iterator<Item = (f64, f64)> {
    let needed = std::f64::consts::PI * (extent_px / (2.0 * FLATNESS_PX)).sqrt();
    let (mut count, mut cos, mut sin) =
        (8_u32, std::f64::consts::FRAC_1_SQRT_2, std::f64::consts::FRAC_1_SQRT_2);
    while f64::from(count) < needed && count < 4096 {
        // sin(t/2) = sin t / (2 cos(t/2)): no cancellation at small angles.
        let half = ((1.0 + cos) / 2.0).sqrt();
        (cos, sin) = (half, sin / (2.0 * half));
        count *= 2;
    }
    let mut at = (1.0, 0.0);
    (0..count).map(move |_| {
        let here = at;
        at = (here.0 * cos - here.1 * sin, here.0 * sin + here.1 * cos);
        here
    })
}

//! Where a tool's tip is and how wide its shaft.
//!
//! The tip is the end of the tool furthest, along the tool, from where the shaft enters the field: distances
//! run within the mask over a grid, so a bent tool is followed. The point itself lies on the outline, on the
//! axis of the tool's end.

use crate::contour::Contour;
use crate::picture::{Field, WorkingPicture};
use crate::protocol::section::{Cut, Line, Outline, fit_line};
use crate::series::stats::{median, standard_deviation};
use crate::shape::Plane;

/// Cells along the longer side of the grid.
const CELLS: f64 = 64.0;

/// How near to the field's border a shaft enters, as a fraction of the field's width.
const ENTRY_FRACTION: f64 = 0.02;

/// A tool at least this much longer than wide has a shaft.
const SHAFT_ELONGATION: f64 = 1.5;

/// The shaft is measured from one width behind the tip to three and a half.
const SECTION_WIDTHS: (f64, f64) = (1.0, 3.5);
const SECTIONS: usize = 24;

/// A tool's end, in the plane that it was found in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tip {
    pub(super) at: (f64, f64),
    /// Length from the entry to the tip over mean width.
    pub(super) elongation: f64,
    /// The shaft near the tip, where there is one.
    pub(super) shaft: Option<Shaft>,
}

/// The part of a shaft that was measured.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shaft {
    /// Width at right angles to the axis: the median over the part.
    pub(super) width: f64,
    /// Its spread over the part: a shaft that comes nearer to the camera grows.
    pub(super) spread: f64,
    /// The cuts' ends.
    pub(super) cuts: Vec<((f64, f64), (f64, f64))>,
    /// The middle, from within the shaft towards the tip.
    axis: Line,
}

/// Fewest cuts that a width rests on.
const LEAST_CUTS: usize = 8;

/// The cells of a mask, with one more all around that is not of it.
struct Grid {
    origin: (f64, f64),
    cell: f64,
    /// Cells of a row, those at its ends counted.
    stride: usize,
    inside: Vec<bool>,
}

impl Grid {
    fn of(outline: &Outline) -> Option<Self> {
        let (x, y) = (outline.reach(&Line::new((0.0, 0.0), 0.0))?, outline.reach(&vertical())?);
        let cell = (x.length().max(y.length()) / CELLS).max(1.0);
        if !cell.is_finite() {
            return None;
        }
        let count = |cut: Cut| (cut.length() / cell).ceil().max(1.0) as usize;
        let (columns, rows) = (count(x), count(y));
        let stride = columns + 2;
        let mut inside = vec![false; stride * (rows + 2)];
        let level = Line::new((x.from, y.from + 0.5 * cell), 0.0);
        let cuts = outline.parallel_cuts(&level, cell, rows);
        for (cuts, cells) in cuts.iter().zip(inside.chunks_exact_mut(stride).skip(1)) {
            for cut in cuts {
                let first = (cut.from / cell - 0.5).ceil().max(0.0) as usize;
                let end = ((cut.to / cell - 0.5).floor() + 1.0).clamp(0.0, columns as f64) as usize;
                if let Some(cells) = cells.get_mut(first + 1..end.max(first) + 1) {
                    cells.fill(true);
                }
            }
        }
        Some(Self { origin: (x.from, y.from), cell, stride, inside })
    }

    fn center(&self, index: usize) -> (f64, f64) {
        let (column, row) = (index % self.stride, index / self.stride);
        (self.origin.0 + (column as f64 - 0.5) * self.cell, self.origin.1 + (row as f64 - 0.5) * self.cell)
    }

    /// Neighbours of a cell inside the mask, with their distances in cells.
    fn neighbours(&self, index: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        const DIAGONAL: f64 = std::f64::consts::SQRT_2;
        let row = self.stride.cast_signed();
        [
            (-row - 1, DIAGONAL),
            (-row, 1.0),
            (-row + 1, DIAGONAL),
            (-1, 1.0),
            (1, 1.0),
            (row - 1, DIAGONAL),
            (row, 1.0),
            (row + 1, DIAGONAL),
        ]
        .into_iter()
        .map(move |(offset, step)| (index.wrapping_add_signed(offset), step))
        .filter(|&(next, _)| self.inside.get(next) == Some(&true))
    }

    /// The cells inside the mask within `distance_px` of the field's border, given where a point of the grid is in the
    /// working picture: by axes alone, so that a row has one height there.
    fn at_border(
        &self,
        field: &Field,
        distance_px: f64,
        working: impl Fn((f64, f64)) -> (f64, f64),
    ) -> Vec<bool> {
        let mut at_border = vec![false; self.inside.len()];
        let rows = self.inside.chunks_exact(self.stride).zip(at_border.chunks_exact_mut(self.stride));
        for ((inside, at_border), first) in rows.zip((0..).step_by(self.stride)) {
            let within = field.columns_within(working(self.center(first)).1, distance_px);
            for ((inside, at_border), cell) in inside.iter().zip(at_border).zip(first..) {
                let is_within = |(from, to)| (from..to).contains(&working(self.center(cell)).0);
                *at_border = *inside && !within.is_some_and(is_within);
            }
        }
        at_border
    }

    /// The largest group of touching cells out of some.
    fn largest_group(&self, mut cells: Vec<bool>) -> Vec<usize> {
        let mut largest = Vec::new();
        let mut take = |cell: usize| cells.get_mut(cell).is_some_and(std::mem::take);
        for start in 0..self.inside.len() {
            if !take(start) {
                continue;
            }
            let (mut group, mut next) = (vec![start], 0);
            while let Some(&cell) = group.get(next) {
                next += 1;
                group.extend(self.neighbours(cell).map(|(n, _)| n).filter(|&n| take(n)));
            }
            if group.len() > largest.len() {
                largest = group;
            }
        }
        largest
    }

    /// Distance within the mask from the nearest of some cells, in cells; infinite where there is no way.
    ///
    /// Cells wait in buckets by whole distance (Dial 1969, doi:10.1145/363269.363610). As no step is shorter than a
    /// bucket is wide, what lies in one is final when its turn comes, and as none is longer than two, three buckets
    /// in turn are enough.
    fn distances(&self, from: &[usize]) -> Vec<f64> {
        let mut distances = vec![f64::INFINITY; self.inside.len()];
        for &cell in from {
            if let Some(d) = distances.get_mut(cell) {
                *d = 0.0;
            }
        }
        let [mut now, mut next, mut after] = [from.to_vec(), Vec::new(), Vec::new()];
        let mut whole = 0.0;
        while !(now.is_empty() && next.is_empty()) {
            for cell in now.drain(..) {
                // One that was reached on a shorter way since has had its turn.
                let Some(&here) = distances.get(cell).filter(|here| **here >= whole) else { continue };
                for (neighbour, step) in self.neighbours(cell) {
                    let there = here + step;
                    if let Some(best) = distances.get_mut(neighbour).filter(|best| there < **best) {
                        *best = there;
                        if there < whole + 2.0 { next.push(neighbour) } else { after.push(neighbour) }
                    }
                }
            }
            (now, next, after) = (next, after, now);
            whole += 1.0;
        }
        distances
    }

    /// Middle of the cells whose distance lies in a range.
    fn middle(&self, distances: &[f64], from: f64, to: f64) -> Option<(f64, f64)> {
        let cells = distances.iter().enumerate().filter(|(_, d)| (from..=to).contains(*d));
        let (n, x, y) = cells.fold((0.0, 0.0, 0.0), |sum, (i, _)| {
            let (x, y) = self.center(i);
            (sum.0 + 1.0, sum.1 + x, sum.2 + y)
        });
        (n > 0.0).then(|| (x / n, y / n))
    }
}

fn vertical() -> Line {
    Line { origin: (0.0, 0.0), direction: (0.0, 1.0) }
}

/// The cut nearest to a line's origin.
fn nearest(cuts: Vec<Cut>) -> Option<Cut> {
    let distance = |c: &Cut| if c.from <= 0.0 && c.to >= 0.0 { 0.0 } else { c.from.abs().min(c.to.abs()) };
    cuts.into_iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// Pieces of a tool's mask that are looked at, the largest first, down to this part of the largest.
const MOST_PIECES: usize = 4;
const LEAST_PIECE: f64 = 0.05;

impl Tip {
    /// The tip of the most elongated piece: next to a retractor or the scope's own cap, that is the
    /// instrument.
    pub(super) fn of_most_elongated(
        contours: &[Contour],
        plane: &Plane,
        picture: &WorkingPicture,
        field: &Field,
    ) -> Option<Self> {
        let least = LEAST_PIECE * contours.first()?.area_px2;
        contours
            .iter()
            .take(MOST_PIECES)
            .filter(|c| c.area_px2 >= least)
            .filter_map(|c| Self::of(c, plane, picture, field))
            .max_by(|a, b| a.elongation.total_cmp(&b.elongation))
    }

    /// Finds the tip of a tool that enters through the field's border; `None` where it does not.
    fn of(contour: &Contour, plane: &Plane, picture: &WorkingPicture, field: &Field) -> Option<Self> {
        let outline = Outline::of(contour, plane);
        let grid = Grid::of(&outline)?;
        let working = |p: (f64, f64)| picture.from_frame(plane.to_frame(p));
        // A cell in working pixels, so that one that only touches the border counts.
        let reach = ENTRY_FRACTION * field.width_px() + grid.cell / picture.factor().max(1) as f64;
        let entry = grid.largest_group(grid.at_border(field, reach, working));
        let distances = grid.distances(&entry);
        let length = distances.iter().copied().filter(|d| d.is_finite()).fold(0.0, f64::max);
        let cells = distances.iter().filter(|d| d.is_finite()).count() as f64;
        if length < 2.0 {
            return None;
        }
        let width = (cells / length).max(1.0);
        let end = grid.middle(&distances, length - 0.5 * width, length)?;
        let before = grid
            .middle(&distances, (length - 2.0 * width).max(0.0), (length - width).max(0.0))
            .or_else(|| grid.middle(&distances, 0.0, 0.0))?;
        let axis = Line::through(before, end)?;
        let from_end = Line { origin: end, ..axis };
        let at = from_end.at(nearest(outline.cuts(&from_end))?.to);
        let shaft = (length >= SHAFT_ELONGATION * width)
            .then(|| Shaft::of(&outline, &Line { origin: at, ..axis }, width * grid.cell, length * grid.cell))
            .flatten();
        // A straight tool's axis is known better from its shaft than from the cells of its end.
        let straight = shaft.as_ref().and_then(|s| {
            let ahead = s.axis.at(nearest(outline.cuts(&s.axis))?.to);
            let moved = (ahead.0 - at.0).hypot(ahead.1 - at.1);
            (moved <= 0.5 * s.width).then_some(ahead)
        });
        Some(Self { at: straight.unwrap_or(at), elongation: length / width, shaft })
    }
}

impl Shaft {
    /// Measures behind the tip, where `axis` begins and points forwards.
    fn of(outline: &Outline, axis: &Line, width: f64, length: f64) -> Option<Self> {
        let mut axis = *axis;
        let (from, to) = (SECTION_WIDTHS.0 * width, (SECTION_WIDTHS.1 * width).min(0.9 * length));
        if to <= from {
            return None;
        }
        let step = (to - from) / (SECTIONS - 1) as f64;
        // Across the axis to the right is along it backwards.
        let sections = |axis: &Line| {
            let cuts = outline.parallel_cuts(&axis.across(-from), step, SECTIONS);
            cuts.into_iter().enumerate().map(move |(i, cuts)| (-from - step * i as f64, nearest(cuts)))
        };
        for _ in 0..3 {
            let middles: Vec<(f64, f64)> =
                sections(&axis).filter_map(|(s, cut)| Some((s, cut?.middle()))).collect();
            let (offset, slope) = fit_line(&middles)?;
            let back = axis.across(-to).at(offset - slope * to);
            axis = Line::through(back, axis.across(0.0).at(offset))?;
            // Measured on from the tip again.
            axis.origin = axis.at(to.hypot(slope * to));
        }
        let cuts = sections(&axis)
            .filter_map(|(s, cut)| {
                let (line, cut) = (axis.across(s), cut?);
                Some((line.at(cut.from), line.at(cut.to)))
            })
            .collect();
        // Back to where the measured part begins, which lies within the tool.
        axis.origin = axis.at(-from);
        Self::of_cuts(cuts, axis)
    }

    fn of_cuts(cuts: Vec<((f64, f64), (f64, f64))>, axis: Line) -> Option<Self> {
        if cuts.len() < LEAST_CUTS {
            return None;
        }
        let mut widths: Vec<f64> = cuts.iter().map(|(a, b)| (b.0 - a.0).hypot(b.1 - a.1)).collect();
        let spread = standard_deviation(&widths)?;
        Some(Self { width: median(&mut widths)?, spread, cuts, axis })
    }

    /// The part of the shaft both ends of whose cuts lie where something holds; `None` where that is too
    /// little.
    pub(super) fn part(&self, holds: impl Fn((f64, f64)) -> bool) -> Option<Self> {
        let cuts = self.cuts.iter().copied().filter(|&(a, b)| holds(a) && holds(b)).collect();
        Self::of_cuts(cuts, self.axis)
    }
}

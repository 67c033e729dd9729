//! Where a tool's tip is and how wide its shaft.
//!
//! The tip is the end of the tool furthest, along the tool, from where the shaft enters the field: distances
//! run within the mask over a grid, so a bent tool is followed. The point itself lies on the outline, on the
//! axis of the tool's end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

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
const SECTIONS: u16 = 24;

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

/// The cells of a mask.
struct Grid {
    origin: (f64, f64),
    cell: f64,
    columns: usize,
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
        let mut grid = Self { origin: (x.from, y.from), cell, columns, inside: vec![false; columns * rows] };
        for row in 0..rows {
            let level = Line::new((x.from, y.from + (row as f64 + 0.5) * cell), 0.0);
            for cut in outline.cuts(&level) {
                let first = (cut.from / cell - 0.5).ceil().max(0.0) as usize;
                let end = ((cut.to / cell - 0.5).floor() + 1.0).clamp(0.0, columns as f64) as usize;
                if let Some(cells) =
                    grid.inside.get_mut(row * columns + first..row * columns + end.max(first))
                {
                    cells.fill(true);
                }
            }
        }
        Some(grid)
    }

    fn center(&self, index: usize) -> (f64, f64) {
        let (column, row) = (index % self.columns, index / self.columns);
        (self.origin.0 + (column as f64 + 0.5) * self.cell, self.origin.1 + (row as f64 + 0.5) * self.cell)
    }

    /// Neighbours of a cell inside the mask, with their distances in cells.
    fn neighbours(&self, index: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let (column, row) = (index % self.columns, index / self.columns);
        (-1_isize..=1).flat_map(move |dy| (-1_isize..=1).map(move |dx| (dx, dy))).filter_map(
            move |(dx, dy)| {
                let (x, y) = (column.checked_add_signed(dx)?, row.checked_add_signed(dy)?);
                let next = y * self.columns + x;
                let is_there = (dx, dy) != (0, 0) && x < self.columns && self.inside.get(next) == Some(&true);
                is_there.then_some((next, if dx != 0 && dy != 0 { std::f64::consts::SQRT_2 } else { 1.0 }))
            },
        )
    }

    /// The largest group of touching cells for which something holds.
    fn largest_group(&self, holds: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut seen = vec![false; self.inside.len()];
        let mut largest = Vec::new();
        for start in 0..self.inside.len() {
            if seen.get(start) != Some(&false) || self.inside.get(start) != Some(&true) || !holds(start) {
                continue;
            }
            let (mut group, mut next) = (vec![start], 0);
            seen.iter_mut().skip(start).take(1).for_each(|s| *s = true);
            while let Some(&cell) = group.get(next) {
                next += 1;
                for (n, _) in self.neighbours(cell) {
                    if let Some(seen) = seen.get_mut(n).filter(|seen| !**seen && holds(n)) {
                        *seen = true;
                        group.push(n);
                    }
                }
            }
            if group.len() > largest.len() {
                largest = group;
            }
        }
        largest
    }

    /// Distance within the mask from the nearest of some cells, in cells; infinite where there is no way
    /// (Dijkstra 1959, doi:10.1007/BF01386390).
    fn distances(&self, from: &[usize]) -> Vec<f64> {
        let mut distances = vec![f64::INFINITY; self.inside.len()];
        let mut heap = BinaryHeap::new();
        // Thousandths of a cell, so that the heap's order is total.
        let key = |distance: f64| (distance * 1000.0).round() as u64;
        for &cell in from {
            if let Some(d) = distances.get_mut(cell) {
                *d = 0.0;
            }
            heap.push(Reverse((0, cell)));
        }
        while let Some(Reverse((at, cell))) = heap.pop() {
            let Some(&here) = distances.get(cell) else { continue };
            if key(here) < at {
                continue;
            }
            for (next, step) in self.neighbours(cell) {
                if let Some(there) = distances.get_mut(next).filter(|there| here + step < **there) {
                    *there = here + step;
                    heap.push(Reverse((key(*there), next)));
                }
            }
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
        let entry = grid.largest_group(|cell| field.at_border(working(grid.center(cell)), reach));
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
        let places =
            move || (0..SECTIONS).map(move |i| -from - (to - from) * f64::from(i) / f64::from(SECTIONS - 1));
        if to <= from {
            return None;
        }
        for _ in 0..3 {
            let middles: Vec<(f64, f64)> = places()
                .filter_map(|s| Some((s, nearest(outline.cuts(&axis.across(s)))?.middle())))
                .collect();
            let (offset, slope) = fit_line(&middles)?;
            let back = axis.across(-to).at(offset - slope * to);
            axis = Line::through(back, axis.across(0.0).at(offset))?;
            // Measured on from the tip again.
            axis.origin = axis.at(to.hypot(slope * to));
        }
        let cuts = places()
            .filter_map(|s| {
                let line = axis.across(s);
                let cut = nearest(outline.cuts(&line))?;
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

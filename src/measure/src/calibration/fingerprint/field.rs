//! The straight sides of the scanned field against the black around it.

use serde::{Deserialize, Serialize};

use crate::calibration::luma::Luma;

/// A side of the field: the line x = x_at_top + slope · y in pixels of the picture, and the rows it was seen in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Where the line meets row 0.
    pub x_at_top: f64,
    /// Columns a row.
    pub slope: f64,
    /// First and last row.
    pub rows: (u32, u32),
    /// Share of the rows between that end on the line, 0 to 1.
    pub support: f64,
}

impl Side {
    fn x(&self, y: f64) -> f64 {
        self.x_at_top + self.slope * y
    }
}

/// What the sides say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Stays,
    Moved,
    Dark,
}

/// Rows looked at: every second.
const STEP: usize = 2;
/// Brightness above black from which a pixel is lit.
const LIT: u8 = 8;
/// A row begins where this share of the pixels that follow is lit.
const LIT_SHARE: f64 = 0.6;
/// An end this near to a line lies on it.
const ON_LINE_PX: f64 = 2.5;
/// A side is seen in at least this share of the picture's rows.
const LEAST_ROWS: f64 = 0.25;
/// Of the rows between its ends, at least this share lies on it.
const LEAST_SUPPORT: f64 = 0.5;
/// Root mean square distance of a side's rows from it. The scan converter draws it straight; where tissue fades out, ends
/// scatter over all that counts as near.
const MOST_ROUGH_PX: f64 = 1.2;
/// Nearer than this to the picture's edge, the picture cuts the field and tells nothing.
const AT_EDGE_PX: f64 = 3.0;
/// A side on which this share of its rows still ends has stayed.
const STILL_THERE: f64 = 0.15;
/// A picture of which nothing is known yet fits where this share of each side's rows ends on it.
const FITS: f64 = 0.5;
/// A side that has moved explains at least this share of the rows, where the other side moved too, or alone.
const MOVED_BOTH: f64 = 0.4;
const MOVED_ALONE: f64 = 0.6;

/// The brightness of black: what the darkest twentieth does not exceed.
fn black(luma: &Luma) -> u8 {
    let mut histogram = [0_usize; 256];
    for y in (0..luma.height()).step_by(4) {
        for &v in luma.row(y) {
            if let Some(count) = histogram.get_mut(usize::from(v)) {
                *count += 1;
            }
        }
    }
    let total: usize = histogram.iter().sum();
    let mut sum = 0;
    for (v, count) in (0_u8..=255).zip(histogram) {
        sum += count;
        if 20 * sum >= total {
            return v;
        }
    }
    0
}

/// Where the field begins in a row, counted from its start: the first lit pixel after which most are lit.
fn begin(row: impl Iterator<Item = bool> + Clone, window: usize) -> Option<usize> {
    let need = (LIT_SHARE * window as f64).ceil() as usize;
    let mut ahead = row.clone();
    let mut lit = ahead.by_ref().take(window).filter(|&l| l).count();
    for (x, first) in row.enumerate() {
        if first && lit >= need {
            return Some(x);
        }
        lit -= usize::from(first);
        match ahead.next() {
            Some(next) => lit += usize::from(next),
            // Fewer pixels are left than a window.
            None if lit < need => return None,
            None => {}
        }
    }
    None
}

/// Row and column of where the field begins, in rows that have it.
type Ends = Vec<(f64, f64)>;

/// The ends from the left, and from the right.
fn ends(luma: &Luma) -> (Ends, Ends) {
    let lit = black(luma).saturating_add(LIT);
    let window = 8.max(luma.width() / 40);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for y in (0..luma.height()).step_by(STEP) {
        let row = luma.row(y);
        if let Some(x) = begin(row.iter().map(|&v| v > lit), window) {
            left.push((y as f64, x as f64));
        }
        if let Some(x) = begin(row.iter().rev().map(|&v| v > lit), window) {
            right.push((y as f64, (row.len() - 1 - x) as f64));
        }
    }
    (left, right)
}

/// The line that most ends lie on, of the lines through pairs of them (Fischler & Bolles 1981,
/// doi:10.1145/358669.358692, with a fixed set of pairs in place of random ones).
fn line(ends: &[(f64, f64)], width: usize, height: usize, roughest: f64) -> Option<Side> {
    const ANCHORS: usize = 28;
    let anchors: Vec<(f64, f64)> = ends.iter().copied().step_by((ends.len() / ANCHORS).max(1)).collect();
    let on = |(top, slope): (f64, f64)| move |p: &&(f64, f64)| (p.1 - top - slope * p.0).abs() <= ON_LINE_PX;
    let mut best: (usize, (f64, f64)) = (0, (0.0, 0.0));
    for (i, a) in anchors.iter().enumerate() {
        // Near pairs have no direction.
        for b in anchors.iter().skip(i + 3) {
            let slope = (b.1 - a.1) / (b.0 - a.0);
            let candidate = (a.1 - slope * a.0, slope);
            let count = ends.iter().filter(on(candidate)).count();
            if count > best.0 {
                best = (count, candidate);
            }
        }
    }
    let within: Vec<&(f64, f64)> = ends.iter().filter(on(best.1)).collect();
    let n = within.len() as f64;
    let (first, last) = (within.first()?.0, within.last()?.0);
    let (my, mx) = within.iter().fold((0.0, 0.0), |(y, x), p| (y + p.0 / n, x + p.1 / n));
    let (syy, syx) =
        within.iter().fold((0.0, 0.0), |(yy, yx), p| (yy + (p.0 - my).powi(2), yx + (p.0 - my) * (p.1 - mx)));
    let slope = if syy > 0.0 { syx / syy } else { 0.0 };
    let side = Side {
        x_at_top: mx - slope * my,
        slope,
        rows: (first as u32, last as u32),
        support: n * STEP as f64 / (last - first + STEP as f64),
    };
    let squares: f64 = within.iter().map(|p| (p.1 - side.x(p.0)).powi(2)).sum();
    let smooth = (squares / n).sqrt() <= roughest;
    let long = n * STEP as f64 >= LEAST_ROWS * height as f64;
    let edge = |x: f64| x < AT_EDGE_PX || x > width as f64 - 1.0 - AT_EDGE_PX;
    let at_edge = edge(side.x(first)) && edge(side.x(last));
    (long && smooth && side.support >= LEAST_SUPPORT && !at_edge).then_some(side)
}

/// The sides of a picture's field.
pub(super) fn sides(luma: &Luma) -> (Option<Side>, Option<Side>) {
    let (left, right) = ends(luma);
    let of = |ends: &[(f64, f64)]| line(ends, luma.width(), luma.height(), MOST_ROUGH_PX);
    (of(&left), of(&right))
}

/// What became of one side.
enum Fate {
    Stays,
    /// With the share of rows that lie on the new line.
    Moved(f64),
    Dark,
}

/// Share of a side's rows that end on it. What the side had of its own rows counts as all of them.
fn still(old: &Side, ends: &[(f64, f64)]) -> f64 {
    let (from, to) = (f64::from(old.rows.0), f64::from(old.rows.1));
    let rows = ((to - from) / STEP as f64 + 1.0).max(1.0);
    let on = ends.iter().filter(|p| p.0 >= from && p.0 <= to && (p.1 - old.x(p.0)).abs() <= ON_LINE_PX);
    on.count() as f64 / (rows * old.support)
}

/// Whether a picture of unknown depth has the sides kept.
pub(super) fn fits(left: Option<&Side>, right: Option<&Side>, luma: &Luma) -> bool {
    let (left_ends, right_ends) = ends(luma);
    left.is_none_or(|s| still(s, &left_ends) >= FITS) && right.is_none_or(|s| still(s, &right_ends) >= FITS)
}

/// `outwards` is −1 for a left side and 1 for a right one.
fn fate(old: &Side, outwards: f64, ends: &[(f64, f64)], luma: &Luma) -> Fate {
    let (from, to) = (f64::from(old.rows.0), f64::from(old.rows.1));
    let rows = ((to - from) / STEP as f64 + 1.0).max(1.0);
    let within = || ends.iter().filter(|p| p.0 >= from && p.0 <= to);
    if still(old, ends) >= STILL_THERE {
        return Fate::Stays;
    }
    let least = 4.0_f64.max(0.012 * luma.width() as f64);
    // Light where there was black: no content does that. The new side may lie beyond the picture.
    let beyond = within().filter(|p| outwards * (p.1 - old.x(p.0)) > least).count() as f64 / rows;
    if beyond >= MOVED_BOTH {
        return Fate::Moved(beyond);
    }
    let Some(new) = line(ends, luma.width(), luma.height(), ON_LINE_PX) else { return Fate::Dark };
    let (a, b) = (f64::from(new.rows.0).max(from), f64::from(new.rows.1).min(to));
    let shift = |y: f64| (new.x(y) - old.x(y)).abs();
    if a < b && shift(a).max(shift(b)) > least { Fate::Moved(new.support) } else { Fate::Dark }
}

/// What became of the sides kept.
pub(super) fn check(left: Option<&Side>, right: Option<&Side>, luma: &Luma) -> Verdict {
    if left.is_none() && right.is_none() {
        return Verdict::Dark;
    }
    let (left_ends, right_ends) = ends(luma);
    let fates =
        [left.map(|s| fate(s, -1.0, &left_ends, luma)), right.map(|s| fate(s, 1.0, &right_ends, luma))];
    let moved =
        |fate: &Option<Fate>, least: f64| matches!(fate, Some(Fate::Moved(support)) if *support >= least);
    if fates.iter().all(|f| moved(f, MOVED_BOTH)) || fates.iter().any(|f| moved(f, MOVED_ALONE)) {
        return Verdict::Moved;
    }
    if fates.iter().any(|f| matches!(f, Some(Fate::Stays))) { Verdict::Stays } else { Verdict::Dark }
}

//! Short bright marks across a line that runs down the picture.

use crate::calibration::luma::Luma;
use crate::geometry::PixelRect;

/// A bright mark, narrow in y.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// First column.
    pub x0: usize,
    /// Last column.
    pub x1: usize,
    /// Middle in y, sub-pixel.
    pub y: f64,
    /// Height above what is above and below, in steps of brightness.
    pub contrast: f64,
}

/// Least brightness of a mark above what is above and below it.
const LEAST_CONTRAST: i32 = 20;
/// More pieces than this are speckle all over; no ruler is looked for.
const MOST_RUNS: usize = 60_000;

/// How far above and below a mark its surroundings are looked at: beyond the thickest tick.
pub(super) fn reach(luma: &Luma) -> usize {
    4.max(luma.height().min(luma.width()) / 200)
}

/// A run of ridge pixels in a row, joined to a piece.
struct Run {
    first: usize,
    last: usize,
    row: usize,
    piece: usize,
}

/// Extent of a piece.
#[derive(Clone, Copy)]
struct Piece {
    x: (usize, usize),
    y: (usize, usize),
    pixels: usize,
    /// The piece that it was joined to, or itself.
    parent: usize,
}

fn root(pieces: &[Piece], mut i: usize) -> usize {
    while let Some(piece) = pieces.get(i) {
        if piece.parent == i {
            break;
        }
        i = piece.parent;
    }
    i
}

/// The marks within a part of the picture.
pub(super) fn find(luma: &Luma, search: PixelRect) -> Vec<Mark> {
    let reach = reach(luma);
    let (left, top) = (search.x as usize, search.y as usize);
    let right = left.saturating_add(search.width as usize).min(luma.width());
    let bottom = top.saturating_add(search.height as usize).min(luma.height());
    let mut pieces: Vec<Piece> = Vec::new();
    let (mut above, mut current): (Vec<Run>, Vec<Run>) = (Vec::new(), Vec::new());
    for y in top.max(reach)..bottom.min(luma.height().saturating_sub(reach)) {
        let rows = [y - reach, y, y + reach].map(|y| luma.row(y).get(left..right).unwrap_or(&[]));
        current.clear();
        let mut open: Option<usize> = None;
        let pixels = rows[0]
            .iter()
            .zip(rows[1])
            .zip(rows[2])
            .map(|((&a, &v), &b)| i32::from(v) - i32::from(a.max(b)) >= LEAST_CONTRAST);
        // A closing "no" ends the last run.
        for (x, ridge) in pixels.chain(std::iter::once(false)).enumerate() {
            match (ridge, open) {
                (true, None) => open = Some(x),
                (false, Some(first)) => {
                    current.push(Run { first, last: x - 1, row: y, piece: usize::MAX });
                    open = None;
                }
                _ => {}
            }
        }
        join(&mut current, &above, &mut pieces);
        if pieces.len() > MOST_RUNS {
            return Vec::new();
        }
        std::mem::swap(&mut above, &mut current);
    }
    merge(&mut pieces);
    let longest = 12.max((right.saturating_sub(left)) / 8);
    pieces
        .iter()
        .enumerate()
        .filter(|(i, p)| p.parent == *i)
        .filter_map(|(_, p)| {
            let (w, h) = (p.x.1 - p.x.0 + 1, p.y.1 - p.y.0 + 1);
            // A bar or a dot fills its rectangle; a triangle or a letter's stroke does not.
            let full = if w > 3 && h > 2 { 10 * p.pixels >= 7 * w * h } else { 2 * p.pixels >= w * h };
            // Ridges are narrower than the reach; a mark is at least a dot of two columns.
            (full && h <= reach && (2..=longest).contains(&w))
                .then(|| refine(luma, (p.x.0 + left, p.x.1 + left), p.y, reach))?
        })
        .collect()
}

fn join(current: &mut [Run], above: &[Run], pieces: &mut Vec<Piece>) {
    let mut start = 0;
    for run in current.iter_mut() {
        while above.get(start).is_some_and(|a| a.last + 1 < run.first) {
            start += 1;
        }
        let own = Piece {
            x: (run.first, run.last),
            y: (run.row, run.row),
            pixels: run.last - run.first + 1,
            parent: pieces.len(),
        };
        run.piece = own.parent;
        pieces.push(own);
        for other in above.iter().skip(start).take_while(|a| a.first <= run.last + 1) {
            let (a, b) = (root(pieces, other.piece), root(pieces, run.piece));
            if let Some(piece) = pieces.get_mut(a.max(b)) {
                piece.parent = a.min(b);
            }
        }
    }
}

/// Adds every joined piece to its root.
fn merge(pieces: &mut [Piece]) {
    for i in 0..pieces.len() {
        let to = root(pieces, i);
        let Some(&from) = pieces.get(i) else { continue };
        if let (true, Some(piece)) = (to != i, pieces.get_mut(to)) {
            piece.x = (piece.x.0.min(from.x.0), piece.x.1.max(from.x.1));
            piece.y = (piece.y.0.min(from.y.0), piece.y.1.max(from.y.1));
            piece.pixels += from.pixels;
        }
    }
}

/// Mean brightness of columns `x` in a row.
pub(super) fn level(luma: &Luma, x: (usize, usize), y: usize) -> f64 {
    let pixels = luma.row(y).get(x.0..=x.1).unwrap_or(&[]);
    pixels.iter().map(|&v| f64::from(v)).sum::<f64>() / pixels.len().max(1) as f64
}

/// Where a mark's middle is, from the brightness above what surrounds it.
fn refine(luma: &Luma, x: (usize, usize), y: (usize, usize), reach: usize) -> Option<Mark> {
    let (from, to) = (y.0.checked_sub(reach)?, y.1 + reach);
    if to >= luma.height() {
        return None;
    }
    let (above, below) = (level(luma, x, from), level(luma, x, to));
    let (mut sum, mut moment, mut most) = (0.0, 0.0, 0.0_f64);
    for row in from..=to {
        let ground = above + (below - above) * (row - from) as f64 / (to - from) as f64;
        let light = (level(luma, x, row) - ground).max(0.0);
        sum += light;
        moment += light * row as f64;
        most = most.max(light);
    }
    (sum > 0.0).then(|| Mark { x0: x.0, x1: x.1, y: moment / sum, contrast: most })
}

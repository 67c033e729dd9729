//! The drawn parts of a layer as a few rectangles, for a composition that somebody else carries out.

use crate::layer::Layer;
use crate::tile::{TILE_HEIGHT, TILE_WIDTH};

/// What a rectangle costs whoever composes it, besides its pixels, in pixels: two rectangles become one where that
/// adds fewer transparent pixels than this.
const RECTANGLE_COST_PX: usize = 8192;

/// A piece of a layer with its own pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlayRectangle {
    /// First column in the frame.
    pub x: usize,
    /// First row in the frame.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Blue, green, red and alpha of each pixel, premultiplied, rows without padding.
    pub bgra: Vec<u8>,
}

/// Half-open box in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Bounds {
    fn area(self) -> usize {
        (self.right - self.left) * (self.bottom - self.top)
    }

    fn union(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    fn meets(self, other: Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

/// The drawn parts of a layer: disjoint rectangles that together hold every drawn pixel, from top to bottom.
pub fn rectangles(layer: &Layer) -> Vec<OverlayRectangle> {
    let mut boxes = runs(layer);
    merge(&mut boxes);
    boxes.sort_unstable_by_key(|b| (b.top, b.left));
    boxes.into_iter().map(|b| cut(layer, b)).collect()
}

/// Neighbouring drawn tiles of each row of the grid, trimmed to what is drawn in them.
fn runs(layer: &Layer) -> Vec<Bounds> {
    let (columns, rows) = layer.grid();
    let mut boxes = Vec::new();
    for row in 0..rows {
        let mut open: Option<Bounds> = None;
        for column in 0..columns {
            match (open, drawn_in(layer, column, row)) {
                (Some(run), Some(next)) => open = Some(run.union(next)),
                (None, next) => open = next,
                (Some(run), None) => {
                    boxes.push(run);
                    open = None;
                }
            }
        }
        boxes.extend(open);
    }
    boxes
}

/// The box of what is drawn in a tile.
fn drawn_in(layer: &Layer, column: usize, row: usize) -> Option<Bounds> {
    let tile = layer.tile_at(column, row)?;
    let mut bounds: Option<Bounds> = None;
    for line in 0..TILE_HEIGHT {
        let span = tile.row(line).0;
        if !span.is_empty() {
            let (left, top) = (tile.left + span.start(), tile.top + line);
            let here = Bounds { left, top, right: tile.left + span.end(), bottom: top + 1 };
            bounds = Some(bounds.map_or(here, |b| b.union(here)));
        }
    }
    bounds
}

/// Joins boxes while that is worth it and keeps them disjoint.
fn merge(boxes: &mut Vec<Bounds>) {
    let mut i = 0;
    while i < boxes.len() {
        let mut joined = false;
        let mut j = 0;
        while let (Some(&a), Some(&b)) = (boxes.get(i), boxes.get(j)) {
            let both = a.union(b);
            let cheap = both.area() <= a.area() + b.area() + RECTANGLE_COST_PX;
            let alone = || {
                let mut others = boxes.iter().enumerate().filter(|&(k, _)| k != i && k != j);
                !others.any(|(_, other)| both.meets(*other))
            };
            if i != j && cheap && alone() {
                if let Some(slot) = boxes.get_mut(i) {
                    *slot = both;
                }
                boxes.swap_remove(j);
                joined = true;
                break;
            }
            j += 1;
        }
        // A larger box may now be worth joining with one passed over before.
        i = if joined { 0 } else { i + 1 };
    }
}

fn cut(layer: &Layer, bounds: Bounds) -> OverlayRectangle {
    let (width, height) = (bounds.right - bounds.left, bounds.bottom - bounds.top);
    let mut bgra = vec![0; width * height * 4];
    for (line, y) in bgra.chunks_exact_mut(width * 4).zip(bounds.top..) {
        let (mut rest, mut x) = (line, bounds.left);
        while x < bounds.right {
            let within = x % TILE_WIDTH;
            let count = (TILE_WIDTH - within).min(bounds.right - x);
            let (part, after) = rest.split_at_mut(count * 4);
            if let Some(tile) = layer.tile_at(x / TILE_WIDTH, y / TILE_HEIGHT) {
                let (_, pixels) = tile.row(y % TILE_HEIGHT);
                let pixels = pixels.get(within..within + count).unwrap_or(&[]);
                part.copy_from_slice(pixels.as_flattened());
            }
            (rest, x) = (after, x + count);
        }
    }
    OverlayRectangle { x: bounds.left, y: bounds.top, width, height, bgra }
}

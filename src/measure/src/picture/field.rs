//! The visible field of an endoscope's picture.

use super::convex::Polygon;

/// What the visible field looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldShape {
    /// The whole picture.
    Whole,
    /// A rectangle within the picture.
    Rectangle,
    /// A disc, or one that straight sides cut.
    Disc,
    /// A rectangle with cut corners.
    Octagon,
    /// A convex shape that is none of these.
    Other,
}

impl FieldShape {
    /// The name for people and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Rectangle => "rectangle",
            Self::Disc => "disc",
            Self::Octagon => "octagon",
            Self::Other => "other",
        }
    }
}

/// The part of a working picture that shows the scene: a convex shape, as one span of pixels a row. Points
/// are in pixels of the working picture, by the crate's convention.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    shape: FieldShape,
    /// Of each row of the working picture, the first pixel of the field and one past its last.
    spans: Vec<(usize, usize)>,
    area_px: usize,
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
}

impl Field {
    /// The whole of a picture.
    pub fn whole(width: usize, height: usize) -> Self {
        Self::of_spans(FieldShape::Whole, vec![(0, width); height])
    }

    /// The pixels of a picture whose centres lie in a convex polygon.
    pub(super) fn of_polygon(shape: FieldShape, polygon: &Polygon, width: usize, height: usize) -> Self {
        let span = |y: usize| {
            let (from, to) = polygon.span_at(y as f64)?;
            // Centres are whole numbers; both casts saturate.
            let first = from.ceil().max(0.0) as usize;
            let end = ((to.floor() + 1.0).max(0.0) as usize).min(width);
            (first < end).then_some((first, end))
        };
        Self::of_spans(shape, (0..height).map(|y| span(y).unwrap_or((0, 0))).collect())
    }

    fn of_spans(shape: FieldShape, spans: Vec<(usize, usize)>) -> Self {
        let filled = || spans.iter().filter(|s| s.0 < s.1);
        let left = filled().map(|s| s.0).min().unwrap_or(0);
        let right = filled().map(|s| s.1).max().unwrap_or(0);
        let top = spans.iter().position(|s| s.0 < s.1).unwrap_or(0);
        let bottom = spans.iter().rposition(|s| s.0 < s.1).map_or(0, |y| y + 1);
        let area_px = spans.iter().map(|s| s.1.saturating_sub(s.0)).sum();
        Self { shape, spans, area_px, left, right, top, bottom }
    }

    /// What it looks like.
    pub fn shape(&self) -> FieldShape {
        self.shape
    }

    /// Its pixels.
    pub fn area_px(&self) -> usize {
        self.area_px
    }

    /// Its width in pixels, at its widest.
    pub fn width_px(&self) -> f64 {
        self.right.saturating_sub(self.left) as f64
    }

    /// Its height in pixels.
    pub fn height_px(&self) -> f64 {
        self.bottom.saturating_sub(self.top) as f64
    }

    /// The middle of the rectangle around it.
    pub fn center(&self) -> (f64, f64) {
        ((self.left + self.right) as f64 / 2.0 - 0.5, (self.top + self.bottom) as f64 / 2.0 - 0.5)
    }

    /// First pixel of a row in the field and one past the last; empty, as (0, 0), where the row has none.
    pub fn span(&self, y: usize) -> (usize, usize) {
        self.spans.get(y).copied().unwrap_or((0, 0))
    }

    /// Every row's span.
    pub fn spans(&self) -> impl ExactSizeIterator<Item = (usize, usize)> + '_ {
        self.spans.iter().copied()
    }

    /// Whether a point lies in a pixel of the field.
    pub fn contains(&self, (x, y): (f64, f64)) -> bool {
        self.columns(y).is_some_and(|(from, to)| x >= from && x < to)
    }

    /// Where the field is at a height: from and up to, but not with.
    fn columns(&self, y: f64) -> Option<(f64, f64)> {
        let row = (y + 0.5).floor();
        if !(row >= 0.0 && row < self.spans.len() as f64) {
            return None;
        }
        let (first, end) = self.span(row as usize);
        (first < end).then_some((first as f64 - 0.5, end as f64 - 0.5))
    }

    /// Whether a point lies in the field when that is shrunk towards its centre, to a fraction of its width.
    pub fn central_contains(&self, (x, y): (f64, f64), fraction: f64) -> bool {
        let (cx, cy) = self.center();
        self.contains((cx + (x - cx) / fraction, cy + (y - cy) / fraction))
    }

    /// Whether a point lies within `distance_px` of the field's border, or beyond it.
    pub fn at_border(&self, (x, y): (f64, f64), distance_px: f64) -> bool {
        !self.columns_within(y, distance_px).is_some_and(|(from, to)| x >= from && x < to)
    }

    /// Where, at a height, the field's border is further than `distance_px`, from and up to, but not with: in eight
    /// directions, which for a convex field is near enough to all. `None` where it is nowhere.
    pub fn columns_within(&self, y: f64, distance_px: f64) -> Option<(f64, f64)> {
        let diagonal = distance_px * std::f64::consts::FRAC_1_SQRT_2;
        let mut within = (f64::NEG_INFINITY, f64::INFINITY);
        for (dx, dy) in [
            (distance_px, 0.0),
            (0.0, distance_px),
            (0.0, -distance_px),
            (diagonal, diagonal),
            (diagonal, -diagonal),
        ] {
            let (from, to) = self.columns(y + dy)?;
            within = (within.0.max(from + dx), within.1.min(to - dx));
        }
        (within.0 < within.1).then_some(within)
    }

    /// Pixels in both over pixels in either, 0 to 1.
    pub fn overlap(&self, other: &Self) -> f64 {
        let both: usize =
            self.spans.iter().zip(&other.spans).map(|(a, b)| a.1.min(b.1).saturating_sub(a.0.max(b.0))).sum();
        let either = self.area_px + other.area_px - both;
        if either == 0 { 1.0 } else { both as f64 / either as f64 }
    }
}

//! Finds the visible field over time.
//!
//! A pixel belongs to it that was brighter than black in some of the last frames: a dark lumen at the border
//! of the field is lit in others, the black surround never is. The largest piece of such pixels leaves
//! burned-in text beside the field out; its hull closes what stayed dark, and the simplest of whole picture,
//! rectangle, disc (also one that straight sides cut) and octagon that agrees with the hull is taken.

use super::convex::{Bounds, Disc, Polygon};
use super::field::{Field, FieldShape};
use super::working::WorkingPicture;
use crate::components::{KeepComponents, clean};
use crate::hull::ConvexHull;
use crate::wide::with_wide_instructions;

/// Side of the cells in which pieces are told apart, working pixels.
const CELL_PX: usize = 4;

/// Part of the frames in which a pixel must be lit: one of the first twenty, and then more, so that a flash
/// is forgotten.
const LEAST_LIT_FRACTION: f64 = 0.05;

/// How long frames count, at least and, twice this, at most, where so many have come by then. A field that
/// has become smaller is seen by then.
const GENERATION_NS: u64 = 5_000_000_000;
const GENERATION_FRAMES: u32 = 50;

/// Time between two estimates; the first few frames have one each.
const ESTIMATE_NS: u64 = 500_000_000;
const EAGER_FRAMES: u64 = 4;

/// Least part of the picture that is a field.
const LEAST_AREA: f64 = 0.05;

/// Agreement with the hull from which a simpler shape is taken.
const RECTANGLE_AGREES: f64 = 0.985;
const AGREES: f64 = 0.97;

/// Agreement with the field before from which that one stays, so that it does not tremble.
const SAME: f64 = 0.995;

/// Agreement below which the field is another one: what was measured in the one before does not go on.
const CHANGED: f64 = 0.9;

/// How far the hull reaches beyond the centres of the outermost pixels: it holds their centres, and circles
/// that were drawn by centres come out neither larger nor smaller.
const PAD_PX: f64 = 0.25;

/// How near a rim is to a straight side, working pixels, and to the circle.
const NEAR_PX: f64 = 1.5;

/// Part of a side of the surrounding rectangle that a straight border takes up at least.
const STRAIGHT_FRACTION: f64 = 0.25;

/// How often each pixel was lit over some time.
#[derive(Clone, Debug, Default)]
struct Generation {
    start_ns: u64,
    frames: u32,
    lit: Vec<u8>,
}

impl Generation {
    fn new(start_ns: u64, pixels: usize) -> Self {
        Self { start_ns, frames: 0, lit: vec![0; pixels] }
    }

    /// Begins anew in the same memory.
    fn begin(&mut self, start_ns: u64) {
        (self.start_ns, self.frames) = (start_ns, 0);
        self.lit.fill(0);
    }
}

/// Writes 1 where a pixel of a row was lit in as many frames as needed, and else 0.
fn find_lit((older, newer): (&[u8], &[u8]), needed: u16, lit: &mut [u8]) {
    with_wide_instructions(move || {
        for (lit, (&a, &b)) in lit.iter_mut().zip(older.iter().zip(newer)) {
            *lit = u8::from(u16::from(a) + u16::from(b) >= needed);
        }
    });
}

/// Finds the field of a stream of working pictures.
#[derive(Clone, Debug)]
pub struct FieldFinder {
    /// Luma above which a pixel is lit.
    black: u8,
    size: (usize, usize),
    frames: u64,
    last_estimate_ns: u64,
    older: Generation,
    newer: Generation,
    field: Field,
    is_found: bool,
}

impl FieldFinder {
    /// Finds pixels brighter than the luma `black`.
    pub fn new(black: u8) -> Self {
        Self {
            black,
            size: (0, 0),
            frames: 0,
            last_estimate_ns: 0,
            older: Generation::default(),
            newer: Generation::default(),
            field: Field::whole(0, 0),
            is_found: false,
        }
    }

    /// The field as it is known; the whole picture until one was found.
    pub fn field(&self) -> &Field {
        &self.field
    }

    /// Whether a field was found; a black picture has none.
    pub fn is_found(&self) -> bool {
        self.is_found
    }

    /// Forgets every picture before.
    pub fn reset(&mut self) {
        *self = Self::new(self.black);
    }

    /// Takes the whole of a picture for the field, of which nothing else is known.
    pub fn whole(&mut self, width: usize, height: usize) {
        if self.size != (width, height) {
            self.reset();
            self.field = Field::whole(width, height);
        }
    }

    /// Takes a picture with its time; says whether the field became another one. A picture of another size,
    /// or from before the last one, begins anew.
    pub fn push(&mut self, picture: &WorkingPicture, pts_ns: u64) -> bool {
        let size = (picture.width(), picture.height());
        if self.size != size || pts_ns < self.newer.start_ns {
            self.reset();
            self.size = size;
            self.field = Field::whole(size.0, size.1);
            self.newer = Generation::new(pts_ns, size.0 * size.1);
            self.older = Generation::new(pts_ns, size.0 * size.1);
        }
        if pts_ns - self.newer.start_ns >= GENERATION_NS && self.newer.frames >= GENERATION_FRAMES {
            std::mem::swap(&mut self.older, &mut self.newer);
            self.newer.begin(pts_ns);
        }
        for (y, lit) in self.newer.lit.chunks_exact_mut(size.0.max(1)).enumerate() {
            let (luma, black) = (picture.row(y).luma, self.black);
            with_wide_instructions(move || {
                for (lit, &luma) in lit.iter_mut().zip(luma) {
                    *lit = lit.saturating_add(u8::from(luma > black));
                }
            });
        }
        self.newer.frames += 1;
        self.frames += 1;
        let is_due = self.frames <= EAGER_FRAMES || pts_ns - self.last_estimate_ns >= ESTIMATE_NS;
        if !is_due {
            return false;
        }
        self.last_estimate_ns = pts_ns;
        let Some(found) = self.estimate() else { return false };
        let overlap = self.field.overlap(&found);
        let had_one = std::mem::replace(&mut self.is_found, true);
        if overlap < SAME || !had_one {
            self.field = found;
        }
        overlap < CHANGED && had_one
    }

    fn needed(&self) -> u16 {
        let frames = self.older.frames + self.newer.frames;
        let part = (LEAST_LIT_FRACTION * f64::from(frames)).ceil() as u32;
        // Counts saturate at 255 a generation.
        part.clamp(1, 255) as u16
    }

    /// The hull of the largest lit piece, in working pixels.
    fn hull(&self) -> Option<ConvexHull> {
        let (width, height) = self.size;
        let needed = self.needed();
        let (cells_x, cells_y) = (width.div_ceil(CELL_PX), height.div_ceil(CELL_PX));
        let rows =
            || self.older.lit.chunks_exact(width.max(1)).zip(self.newer.lit.chunks_exact(width.max(1)));
        let mut lit = vec![0; width];
        let mut cells = vec![0_f32; cells_x * cells_y];
        for (y, row) in rows().enumerate() {
            find_lit(row, needed, &mut lit);
            let row = cells.get_mut(y / CELL_PX * cells_x..).unwrap_or(&mut []);
            for (cell, lit) in row.iter_mut().zip(lit.chunks(CELL_PX)) {
                *cell += f32::from(lit.iter().sum::<u8>());
            }
        }
        // One row or column of a cell is enough: the field may end there.
        let least = CELL_PX as f32;
        let pieces = clean(&mut cells, cells_x, least, KeepComponents::Largest, false);
        let area = (pieces.largest_px * CELL_PX * CELL_PX) as f64;
        if area < LEAST_AREA * (width * height) as f64 {
            return None;
        }
        let mut corners = Vec::with_capacity(4 * height);
        for (y, row) in rows().enumerate() {
            find_lit(row, needed, &mut lit);
            let row = cells.get(y / CELL_PX * cells_x..).unwrap_or(&[]);
            let lit = |x: usize| {
                row.get(x / CELL_PX).is_some_and(|&c| c >= least) && lit.get(x).is_some_and(|&lit| lit > 0)
            };
            let (Some(first), Some(last)) =
                ((0..width).find(|&x| lit(x)), (0..width).rev().find(|&x| lit(x)))
            else {
                continue;
            };
            for dy in [-PAD_PX, PAD_PX] {
                corners.push((first as f64 - PAD_PX, y as f64 + dy));
                corners.push((last as f64 + PAD_PX, y as f64 + dy));
            }
        }
        ConvexHull::of(&corners)
    }

    fn estimate(&self) -> Option<Field> {
        let (width, height) = self.size;
        let hull = self.hull()?;
        let bounds = Bounds::of(&hull);
        let outline = Polygon::of_hull(&hull);
        let whole = Bounds { left: -0.5, right: width as f64 - 0.5, top: -0.5, bottom: height as f64 - 0.5 };
        let field = |shape, polygon: &Polygon| Some(Field::of_polygon(shape, polygon, width, height));
        if hull.area() >= RECTANGLE_AGREES * bounds.area() {
            let is_whole = bounds.area() >= RECTANGLE_AGREES * whole.area();
            let (shape, of) =
                if is_whole { (FieldShape::Whole, whole) } else { (FieldShape::Rectangle, bounds) };
            return field(shape, &Polygon::of_bounds(&of));
        }
        let octagon = octagon(&hull, &bounds);
        let of_octagon = hull.area() / octagon.area();
        let disc = disc(&hull, &bounds, &whole);
        let of_disc = disc.as_ref().map_or(0.0, |disc| disc.overlap(&outline));
        match disc {
            Some(disc) if of_disc >= AGREES && of_disc >= of_octagon => field(FieldShape::Disc, &disc),
            _ if of_octagon >= AGREES => field(FieldShape::Octagon, &octagon),
            _ => field(FieldShape::Other, &outline),
        }
    }
}

/// The disc that the hull's rim lies on, less what the picture's edge and straight sides cut off.
fn disc(hull: &ConvexHull, bounds: &Bounds, whole: &Bounds) -> Option<Polygon> {
    // Sides of the bounds that a long straight border lies on cut the disc; others only touch it.
    let mut cut = Bounds { left: f64::MIN, right: f64::MAX, top: f64::MIN, bottom: f64::MAX };
    let (mut left, mut right, mut top, mut bottom) = (0.0, 0.0, 0.0, 0.0);
    for (p, q) in hull.edges() {
        let on = |a: f64, b: f64, side: f64| (a - side).abs() <= NEAR_PX && (b - side).abs() <= NEAR_PX;
        let (dx, dy) = ((q.0 - p.0).abs(), (q.1 - p.1).abs());
        left += if on(p.0, q.0, bounds.left) { dy } else { 0.0 };
        right += if on(p.0, q.0, bounds.right) { dy } else { 0.0 };
        top += if on(p.1, q.1, bounds.top) { dx } else { 0.0 };
        bottom += if on(p.1, q.1, bounds.bottom) { dx } else { 0.0 };
    }
    let (wide, high) = (bounds.right - bounds.left, bounds.bottom - bounds.top);
    let limit = |along: f64, of: f64, side: f64, open: f64| {
        if along >= STRAIGHT_FRACTION * of { side } else { open }
    };
    cut.left = limit(left, high, bounds.left, cut.left);
    cut.right = limit(right, high, bounds.right, cut.right);
    cut.top = limit(top, wide, bounds.top, cut.top);
    cut.bottom = limit(bottom, wide, bounds.bottom, cut.bottom);
    let on_rim = |p: &(f64, f64)| {
        p.0 - cut.left > NEAR_PX
            && cut.right - p.0 > NEAR_PX
            && p.1 - cut.top > NEAR_PX
            && cut.bottom - p.1 > NEAR_PX
    };
    let rim: Vec<_> = hull.vertices().iter().copied().filter(on_rim).collect();
    let disc = Disc::of_most(&rim, NEAR_PX)?;
    // Wider than any real one means a straight line taken for a rim.
    let largest = 2.0 * (whole.right - whole.left).hypot(whole.bottom - whole.top);
    if disc.radius > largest {
        return None;
    }
    let clip =
        |inner: f64, outer: f64, larger: bool| if larger { inner.max(outer) } else { inner.min(outer) };
    Some(disc.polygon().clip_to(&Bounds {
        left: clip(cut.left, whole.left, true),
        right: clip(cut.right, whole.right, false),
        top: clip(cut.top, whole.top, true),
        bottom: clip(cut.bottom, whole.bottom, false),
    }))
}

/// The rectangle around a hull with corners cut along the diagonals as far as the hull allows.
fn octagon(hull: &ConvexHull, bounds: &Bounds) -> Polygon {
    let mut polygon = Polygon::of_bounds(bounds);
    for (a, b) in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)] {
        let reach = hull.vertices().iter().map(|p| a * p.0 + b * p.1).fold(f64::MIN, f64::max);
        polygon = polygon.clip(a, b, reach);
    }
    polygon
}

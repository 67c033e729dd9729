//! Outlines: iso-lines of a probability map, sub-pixel, in the coordinates of the source picture.
//!
//! Marching squares (the plane case of Lorensen & Cline 1987, doi:10.1145/37402.37422) with linear interpolation
//! along the grid's edges. Cells where opposite corners are inside are joined when the mean of the four corners
//! is inside too. Outside the map's content lies 0, so that every outline is closed.

mod inset;

use crate::geometry::{Geometry, PointInFrame, PointInModel};
use crate::mask::ProbabilityMap;
use crate::track::TrackId;

/// How near to the picture's edge, in source pixels, an outline counts as cut by it.
pub const BORDER_DISTANCE_PX: f64 = 2.0;

/// Area that the polygon of an iso-line lacks inside each closed line, in pixels of the map: ½, however large the
/// shape. It is added to every outer outline and every hole.
///
/// Of a binary map it is exact: the line cuts ⅛ pixel off each convex corner of the pixels' edge, adds ⅛ in each
/// concave one and ¼ where two pixels touch by a corner, and by Gray 1971 (doi:10.1109/T-C.1971.223289) these add up
/// to ½ for each piece and −½ for each hole. With it a binary map's area is its number of pixels. Of smooth maps
/// it is the area between the chords and the arc, 0.6 square pixels for a ramp that is linear in the distance to the
/// edge and 0.95 for the coverage of pixels (means over ellipses of 10 to 300 pixels); what remains is below
/// 0.1 % from 500 square pixels up.
pub const CORNER_LOSS_PX2: f64 = 0.5;

/// One closed outline with the holes inside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Contour {
    /// Vertices of the outer outline in the source picture, clockwise on screen; the last joins the first.
    pub outer: Vec<PointInFrame>,
    /// Outlines of the holes, counter-clockwise on screen.
    pub holes: Vec<Vec<PointInFrame>>,
    /// Area inside the outer outline less the holes, in source pixels; not quite that of the polygons, see
    /// [`CORNER_LOSS_PX2`].
    pub area_px2: f64,
    /// Area of the holes, which `area_px2` leaves out, in source pixels.
    pub hole_area_px2: f64,
    /// Fraction of the outer outline's vertices within [`BORDER_DISTANCE_PX`] of the picture's edge, 0 to 1.
    pub border_fraction: f64,
    /// Number of the object that it is of, once [`Objects`](crate::track::Objects) has given it one.
    pub object: Option<TrackId>,
}

impl Contour {
    /// An outline that was written down after it was traced, without its holes. `None` for fewer than 3 points.
    pub fn from_outer(outer: Vec<PointInFrame>, geometry: &Geometry) -> Option<Self> {
        let lost = CORNER_LOSS_PX2 / (geometry.scale_x() * geometry.scale_y());
        let area_px2 = signed_area(&outer).abs() + lost;
        (outer.len() >= 3 && area_px2.is_finite()).then(|| Self {
            border_fraction: border_fraction(&outer, geometry),
            outer,
            holes: Vec::new(),
            area_px2,
            hole_area_px2: 0.0,
            object: None,
        })
    }
}

/// A directed piece of an outline from one grid edge to another, the inside on its right.
#[derive(Clone, Copy)]
struct Segment {
    from: u32,
    to: u32,
}

/// Finds the segment that starts at an edge: a table with open addressing, twice as large as what it holds, for the
/// search costs more than all else that is done with a segment.
struct Starts<'a> {
    segments: &'a [Segment],
    /// Index of a segment, or [`Self::NONE`].
    slots: Vec<u32>,
    shift: u32,
}

impl<'a> Starts<'a> {
    const NONE: u32 = u32::MAX;

    fn of(segments: &'a [Segment]) -> Self {
        let bits = (2 * segments.len()).next_power_of_two().trailing_zeros().max(1);
        let mut starts = Self { segments, slots: vec![Self::NONE; 1 << bits], shift: 64 - bits };
        for (i, segment) in (0_u32..).zip(segments) {
            let mut at = starts.first_slot(segment.from);
            while let Some(slot) = starts.slots.get_mut(at) {
                if *slot == Self::NONE {
                    *slot = i;
                    break;
                }
                at = (at + 1) % (1 << bits);
            }
        }
        starts
    }

    /// Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): neighbouring edges fall far apart.
    fn first_slot(&self, edge: u32) -> usize {
        (u64::from(edge).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }

    fn find(&self, edge: u32) -> Option<usize> {
        let mut at = self.first_slot(edge);
        loop {
            let i = *self.slots.get(at)? as usize;
            // An empty slot holds no segment's index and ends the search.
            if self.segments.get(i)?.from == edge {
                return Some(i);
            }
            at = (at + 1) % self.slots.len();
        }
    }
}

/// Cells that are looked at together.
const STRIDE: usize = 16;

/// Whether the first [`STRIDE`] cells between two rows of nodes, each 0 or 1, have no corner that differs: so it is
/// nearly everywhere, and one comparison of wide words tells.
fn uniform(above: &[u8], below: &[u8]) -> bool {
    let (Some((a, [a_end, ..])), Some((b, [b_end, ..]))) =
        (above.split_first_chunk::<STRIDE>(), below.split_first_chunk::<STRIDE>())
    else {
        return false;
    };
    let (a, b) = (u128::from_ne_bytes(*a), u128::from_ne_bytes(*b));
    a == b && a_end == b_end && a == u128::from_ne_bytes([*a_end; STRIDE])
}

/// The content of a map with a frame of zeros around it.
struct Grid<'a> {
    map: &'a ProbabilityMap,
    left: usize,
    top: usize,
    /// Nodes in a row, the frame of zeros included.
    nodes_x: usize,
    nodes_y: usize,
}

impl Grid<'_> {
    fn row(&self, node_y: usize) -> &[f32] {
        if node_y == 0 || node_y + 1 >= self.nodes_y {
            return &[];
        }
        let start = (self.top + node_y - 1) * self.map.width() + self.left;
        self.map.values().get(start..start + self.nodes_x - 2).unwrap_or(&[])
    }

    fn value(&self, node_x: usize, node_y: usize) -> f32 {
        node_x.checked_sub(1).and_then(|x| self.row(node_y).get(x)).copied().unwrap_or(0.0)
    }

    fn horizontal(&self, x: usize, y: usize) -> u32 {
        (2 * (y * self.nodes_x + x)) as u32
    }

    fn vertical(&self, x: usize, y: usize) -> u32 {
        (2 * (y * self.nodes_x + x) + 1) as u32
    }

    /// Where the iso-line crosses an edge, in the model's picture.
    fn crossing(&self, edge: u32, threshold: f32) -> PointInModel {
        let (node, down) = ((edge / 2) as usize, edge % 2 == 1);
        let (x, y) = (node % self.nodes_x, node / self.nodes_x);
        let a = f64::from(self.value(x, y));
        let b = f64::from(if down { self.value(x, y + 1) } else { self.value(x + 1, y) });
        let along = ((f64::from(threshold) - a) / (b - a)).clamp(0.0, 1.0);
        let (dx, dy) = if down { (0.0, along) } else { (along, 0.0) };
        PointInModel { x_px: (x + self.left) as f64 - 1.0 + dx, y_px: (y + self.top) as f64 - 1.0 + dy }
    }

    fn segments(&self, threshold: f32) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut above: Vec<u8> = vec![0; self.nodes_x];
        let mut below: Vec<u8> = vec![0; self.nodes_x];
        for y in 0..self.nodes_y - 1 {
            below.fill(0);
            for (inside, &v) in below.iter_mut().skip(1).zip(self.row(y + 1)) {
                *inside = u8::from(v >= threshold);
            }
            let mut x = 0;
            while x + 1 < self.nodes_x {
                let (a, b) = (above.get(x..).unwrap_or(&[]), below.get(x..).unwrap_or(&[]));
                if uniform(a, b) {
                    x += STRIDE;
                    continue;
                }
                for (i, (a, b)) in a.windows(2).zip(b.windows(2)).take(STRIDE).enumerate() {
                    let (&[tl, tr], &[bl, br]) = (a, b) else { continue };
                    if tl != tr || tr != bl || bl != br {
                        self.cell(x + i, y, [tl, tr, br, bl].map(|v| v == 1), threshold, &mut segments);
                    }
                }
                x += STRIDE;
            }
            std::mem::swap(&mut above, &mut below);
        }
        segments
    }

    fn cell(&self, x: usize, y: usize, corners: [bool; 4], threshold: f32, out: &mut Vec<Segment>) {
        let top = self.horizontal(x, y);
        let bottom = self.horizontal(x, y + 1);
        let left = self.vertical(x, y);
        let right = self.vertical(x + 1, y);
        let mut push = |from, to| out.push(Segment { from, to });
        // Corners in the order top left, top right, bottom right, bottom left.
        match corners {
            [true, false, false, false] => push(top, left),
            [false, true, false, false] => push(right, top),
            [false, false, true, false] => push(bottom, right),
            [false, false, false, true] => push(left, bottom),
            [true, true, false, false] => push(right, left),
            [false, true, true, false] => push(bottom, top),
            [false, false, true, true] => push(left, right),
            [true, false, false, true] => push(top, bottom),
            [false, true, true, true] => push(left, top),
            [true, false, true, true] => push(top, right),
            [true, true, false, true] => push(right, bottom),
            [true, true, true, false] => push(bottom, left),
            [true, false, true, false] | [false, true, false, true] => {
                let sum =
                    self.value(x, y) + self.value(x + 1, y) + self.value(x, y + 1) + self.value(x + 1, y + 1);
                let joined = sum >= 4.0 * threshold;
                match (corners[0], joined) {
                    (true, true) => {
                        push(top, right);
                        push(bottom, left);
                    }
                    (true, false) => {
                        push(top, left);
                        push(bottom, right);
                    }
                    (false, true) => {
                        push(left, top);
                        push(right, bottom);
                    }
                    (false, false) => {
                        push(right, top);
                        push(left, bottom);
                    }
                }
            }
            [true, true, true, true] | [false, false, false, false] => {}
        }
    }
}

/// Signed area of a closed polygon, positive when it runs clockwise on screen (y down).
fn signed_area(points: &[PointInFrame]) -> f64 {
    let following = points.iter().cycle().skip(1);
    points.iter().zip(following).map(|(p, q)| p.x_px * q.y_px - q.x_px * p.y_px).sum::<f64>() / 2.0
}

/// Whether a point lies inside a polygon (even–odd rule).
fn contains(polygon: &[PointInFrame], p: PointInFrame) -> bool {
    let following = polygon.iter().cycle().skip(1);
    polygon.iter().zip(following).fold(false, |inside, (a, b)| {
        let crosses = (a.y_px > p.y_px) != (b.y_px > p.y_px)
            && p.x_px < (b.x_px - a.x_px) * (p.y_px - a.y_px) / (b.y_px - a.y_px) + a.x_px;
        inside != crosses
    })
}

/// Outlines at `threshold` of a map, in the source picture, the largest area first.
///
/// `map` is of the model's size as `geometry` has it; its border does not take part. Values that are not finite
/// count as outside. An empty list means that nothing reaches the threshold.
pub fn trace(map: &ProbabilityMap, geometry: &Geometry, threshold: f32) -> Vec<Contour> {
    let content = geometry.content;
    if map.width() != geometry.model_width as usize || map.height() != geometry.model_height as usize {
        return Vec::new();
    }
    let grid = Grid {
        map,
        left: content.x as usize,
        top: content.y as usize,
        nodes_x: content.width as usize + 2,
        nodes_y: content.height as usize + 2,
    };
    let segments = grid.segments(threshold);
    let starts = Starts::of(&segments);
    let lost = CORNER_LOSS_PX2 / (geometry.scale_x() * geometry.scale_y());
    let mut used = vec![false; segments.len()];
    let (mut outers, mut holes) = (Vec::new(), Vec::new());
    for start in 0..segments.len() {
        let mut points = Vec::new();
        let mut at = Some(start);
        let mut first = (u32::MAX, 0);
        // Each edge starts exactly one segment, so following them closes the loop where it began.
        while let Some(i) = at {
            let (Some(segment), Some(seen)) = (segments.get(i), used.get_mut(i)) else { break };
            if std::mem::replace(seen, true) {
                break;
            }
            first = first.min((segment.from, points.len()));
            points.push(geometry.source_from_model(grid.crossing(segment.from, threshold)));
            at = starts.find(segment.to);
        }
        if points.len() < 3 {
            continue;
        }
        // A line begins at its first edge in reading order, in whatever order its pieces were found.
        points.rotate_left(first.1);
        let area = signed_area(&points);
        // A line finer than a pixel cannot lack more than it has.
        let area = area + area.signum() * lost.min(area.abs());
        if area > 0.0 {
            outers.push((points, area, first.0));
        } else if area < 0.0 {
            holes.push((points, area, first.0));
        }
    }
    outers.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.2.cmp(&b.2)));
    holes.sort_by_key(|hole| hole.2);
    let mut contours: Vec<Contour> = outers
        .into_iter()
        .map(|(outer, area_px2, _)| Contour {
            border_fraction: border_fraction(&outer, geometry),
            outer,
            holes: Vec::new(),
            area_px2,
            hole_area_px2: 0.0,
            object: None,
        })
        .collect();
    for (hole, area, _) in holes {
        let Some(&point) = hole.first() else { continue };
        // From the smallest up: the first that holds the hole is the one around it.
        if let Some(owner) = contours.iter_mut().rev().find(|c| contains(&c.outer, point)) {
            owner.area_px2 += area;
            owner.hole_area_px2 -= area;
            owner.holes.push(hole);
        }
    }
    contours.sort_by(|a, b| b.area_px2.total_cmp(&a.area_px2));
    contours
}

/// Whether a point lies within [`BORDER_DISTANCE_PX`] of the edge of the picture that `geometry` describes.
pub fn at_border(p: PointInFrame, geometry: &Geometry) -> bool {
    let crop = geometry.crop;
    let near = |v: f64, first: u32, count: u32| {
        v - (f64::from(first) - 0.5) < BORDER_DISTANCE_PX
            || f64::from(first) + f64::from(count) - 0.5 - v < BORDER_DISTANCE_PX
    };
    near(p.x_px, crop.x, crop.width) || near(p.y_px, crop.y, crop.height)
}

fn border_fraction(outer: &[PointInFrame], geometry: &Geometry) -> f64 {
    outer.iter().filter(|&&p| at_border(p, geometry)).count() as f64 / outer.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::ResizeRule;
    use proptest::prelude::*;

    fn map_of(width: usize, height: usize, f: impl Fn(f64, f64) -> f64) -> ProbabilityMap {
        let values: Vec<f32> =
            (0..width * height).map(|i| f((i % width) as f64, (i / width) as f64) as f32).collect();
        ProbabilityMap::new(width, height, values).unwrap()
    }

    fn same(width: u32, height: u32) -> Geometry {
        Geometry::new((width, height), (width, height), ResizeRule::Stretch, (1, 1)).unwrap()
    }

    #[test]
    fn a_soft_disc_has_its_radius_to_a_hundredth_of_a_pixel() {
        // A ramp of the distance to the circle: the 0.5 iso-line is the circle itself.
        let map = map_of(64, 64, |x, y| (0.5 + (20.0 - (x - 31.3).hypot(y - 30.6)) / 4.0).clamp(0.0, 1.0));
        let contours = trace(&map, &same(64, 64), 0.5);
        assert_eq!(contours.len(), 1);
        for p in &contours[0].outer {
            let radius = (p.x_px - 31.3).hypot(p.y_px - 30.6);
            assert!((radius - 20.0).abs() < 0.01, "{radius}");
        }
        assert_eq!(contours[0].border_fraction, 0.0);
    }

    #[test]
    fn holes_belong_to_their_piece_and_pieces_are_sorted() {
        let map = map_of(60, 30, |x, y| {
            let ring = (4.0..10.0).contains(&(x - 15.0).hypot(y - 15.0));
            let blob = (x - 45.0).hypot(y - 15.0) < 6.0;
            f64::from(u8::from(ring || blob))
        });
        let contours = trace(&map, &same(60, 30), 0.5);
        assert_eq!(contours.len(), 2);
        assert_eq!((contours[0].holes.len(), contours[1].holes.len()), (1, 0));
        assert!(contours[0].area_px2 > contours[1].area_px2);
        let pixels = map.values().iter().filter(|&&v| v > 0.0).count() as f64;
        assert_eq!(contours.iter().map(|c| c.area_px2).sum::<f64>(), pixels);
        assert_eq!(contours[0].hole_area_px2, 45.0);
    }

    #[test]
    fn an_outline_that_was_written_down_is_the_same() {
        let map = map_of(64, 64, |x, y| (0.5 + (20.0 - (x - 31.3).hypot(y - 30.6)) / 4.0).clamp(0.0, 1.0));
        let geometry = same(64, 64);
        let traced = trace(&map, &geometry, 0.5).remove(0);
        assert_eq!(Contour::from_outer(traced.outer.clone(), &geometry), Some(traced));
        assert_eq!(Contour::from_outer(Vec::new(), &geometry), None);
    }

    #[test]
    fn what_touches_the_edge_says_so() {
        let map = map_of(40, 40, |x, y| f64::from(u8::from(x.hypot(y - 20.0) < 10.0)));
        let contours = trace(&map, &same(40, 40), 0.5);
        assert!(contours[0].border_fraction > 0.2);
        let everything = map_of(8, 6, |_, _| 1.0);
        let contours = trace(&everything, &same(8, 6), 0.5);
        assert_eq!(contours[0].border_fraction, 1.0);
        assert!((contours[0].area_px2 - 48.0).abs() < 1e-9, "{}", contours[0].area_px2);
    }

    #[test]
    fn not_a_number_is_outside() {
        let map = map_of(8, 8, |x, _| if x < 4.0 { 1.0 } else { f64::NAN });
        for contour in trace(&map, &same(8, 8), 0.5) {
            assert!(contour.outer.iter().all(|p| p.x_px.is_finite() && p.y_px.is_finite()));
        }
        assert!(trace(&map_of(4, 4, |_, _| 0.2), &same(4, 4), 0.5).is_empty());
    }

    proptest! {
        /// Every outline is closed and inside the picture, and the areas add up to the number of pixels: pieces
        /// that touch by a corner, holes and lone pixels included, and also where the model's pixels are not the
        /// source's.
        #[test]
        fn any_map_gives_closed_outlines(bits in proptest::collection::vec(any::<bool>(), 12 * 9)) {
            let map = map_of(12, 9, |x, y| f64::from(u8::from(bits[y as usize * 12 + x as usize])));
            let contours = trace(&map, &same(12, 9), 0.5);
            let pixels = bits.iter().filter(|&&b| b).count() as f64;
            let area = |contours: &[Contour]| contours.iter().map(|c| c.area_px2).sum::<f64>();
            prop_assert!((pixels == 0.0) == contours.is_empty());
            prop_assert!((area(&contours) - pixels).abs() < 1e-9, "{} of {pixels}", area(&contours));
            let stretched = Geometry::new((36, 18), (12, 9), ResizeRule::Stretch, (1, 1)).unwrap();
            prop_assert!((area(&trace(&map, &stretched, 0.5)) - 6.0 * pixels).abs() < 1e-9);
            for p in contours.iter().flat_map(|c| c.outer.iter().chain(c.holes.iter().flatten())) {
                prop_assert!((-0.5..=11.5).contains(&p.x_px) && (-0.5..=8.5).contains(&p.y_px));
            }
        }
    }
}

//! The outline of a mask, in the two forms that the reference tools use.
//!
//! * **Edge pixels**: pixels of the mask with one of their four neighbours outside it; beyond the picture is outside. MONAI
//!   and MedPy measure distances between these.
//! * **The boundary with its length**: points at the corners of pixels, between those inside and those outside, each with
//!   the length of boundary that it stands for. DeepMind's surface-distance measures these.

use super::distance::PixelSize;

/// Pixels of one class within a box, with an empty border of one pixel on every side.
#[derive(Debug)]
pub(super) struct Patch {
    /// Width with the border.
    pub(super) width: usize,
    /// 1 inside the class, 0 outside.
    pub(super) cells: Vec<u8>,
}

/// Points of a grid: as cells, and row by row as a list.
#[derive(Debug)]
pub(super) struct Points {
    pub(super) width: usize,
    /// Non-zero where a point is.
    pub(super) cells: Vec<u8>,
    pub(super) xs: Vec<u32>,
    /// Where each row's points begin in `xs`; one more than there are rows.
    pub(super) row_starts: Vec<usize>,
}

impl Points {
    fn of(cells: Vec<u8>, width: usize) -> Self {
        let mut xs = Vec::new();
        let mut row_starts = vec![0];
        for row in cells.chunks_exact(width) {
            for (block, chunk) in row.chunks(8).enumerate() {
                // Most of a picture is no outline: eight at a time.
                if chunk.iter().fold(0, |any, c| any | c) != 0 {
                    let inside = chunk.iter().enumerate().filter(|&(_, &c)| c != 0);
                    xs.extend(inside.map(|(i, _)| (8 * block + i) as u32));
                }
            }
            row_starts.push(xs.len());
        }
        Self { width, cells, xs, row_starts }
    }

    /// Each row's number and the columns of its points.
    pub(super) fn rows(&self) -> impl Iterator<Item = (usize, &[u32])> {
        self.row_starts
            .windows(2)
            .enumerate()
            .filter_map(|(y, ends)| Some((y, self.xs.get(*ends.first()?..*ends.get(1)?)?)))
            .filter(|(_, xs)| !xs.is_empty())
    }
}

/// The edge pixels of a patch, on its grid.
pub(super) fn edge_pixels(patch: &Patch) -> Points {
    let w = patch.width;
    let mut cells = vec![0_u8; patch.cells.len()];
    let rows = patch.cells.len() / w;
    for y in 1..rows.saturating_sub(1) {
        let line =
            |y: usize, shift: usize| patch.cells.get(y * w + shift..y * w + shift + w - 2).unwrap_or(&[]);
        let Some(out) = cells.get_mut(y * w + 1..y * w + w - 1) else { continue };
        let across = line(y - 1, 1).iter().zip(line(y + 1, 1));
        let along = line(y, 0).iter().zip(line(y, 2));
        for (((out, here), (above, below)), (left, right)) in
            out.iter_mut().zip(line(y, 1)).zip(across).zip(along)
        {
            *out = here & !(above & below & left & right);
        }
    }
    Points::of(cells, w)
}

/// A boundary as points with lengths.
#[derive(Debug)]
pub(super) struct Boundary {
    pub(super) points: Points,
    /// How much of the boundary each point stands for, in the order of the points.
    pub(super) lengths: Vec<f64>,
}

/// Length of the boundary within a square of four pixel centres, by which of them are inside (bits: upper left 8, upper
/// right 4, lower left 2, lower right 1): the segments of marching squares, half a diagonal for a corner that is cut off.
fn length(code: u8, size: PixelSize) -> f64 {
    let diagonal = size.x.hypot(size.y);
    match code {
        0b0000 | 0b1111 => 0.0,
        0b0011 | 0b1100 => size.x,
        0b0101 | 0b1010 => size.y,
        // Two opposite corners: both are cut off.
        0b0110 | 0b1001 => diagonal,
        _ => diagonal / 2.0,
    }
}

/// The boundary of a patch, on the grid of its pixels' corners: point (x, y) is the lower right corner of pixel (x, y).
pub(super) fn boundary(patch: &Patch, size: PixelSize) -> Boundary {
    let w = patch.width;
    let table: [f64; 16] = std::array::from_fn(|code| length(code as u8, size));
    let rows = patch.cells.len() / w;
    // The codes of all corners; 0 and 15 are no boundary.
    let mut codes = vec![0_u8; patch.cells.len()];
    for y in 0..rows.saturating_sub(1) {
        let line =
            |y: usize, shift: usize| patch.cells.get(y * w + shift..y * w + shift + w - 1).unwrap_or(&[]);
        let Some(out) = codes.get_mut(y * w..y * w + w - 1) else { continue };
        let upper = line(y, 0).iter().zip(line(y, 1));
        let lower = line(y + 1, 0).iter().zip(line(y + 1, 1));
        for ((out, (ul, ur)), (ll, lr)) in out.iter_mut().zip(upper).zip(lower) {
            let code = ul << 3 | ur << 2 | ll << 1 | lr;
            *out = if code == 15 { 0 } else { code };
        }
    }
    let points = Points::of(codes, w);
    let mut lengths = Vec::with_capacity(points.xs.len());
    for (y, xs) in points.rows() {
        lengths.extend(xs.iter().map(|&x| {
            let code = points.cells.get(y * w + x as usize).copied().unwrap_or(0);
            table.get(usize::from(code)).copied().unwrap_or(0.0)
        }));
    }
    Boundary { points, lengths }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(picture: &[&str]) -> Patch {
        let width = picture[0].len() + 2;
        let mut cells = vec![0; width];
        for row in picture {
            cells.push(0);
            cells.extend(row.bytes().map(|b| u8::from(b == b'#')));
            cells.push(0);
        }
        cells.extend(vec![0; width]);
        Patch { width, cells }
    }

    #[test]
    fn edge_pixels_of_a_square_are_its_rim() {
        let edge = edge_pixels(&patch(&["####", "####", "####", "####"]));
        assert_eq!(edge.xs.len(), 12);
        assert_eq!(
            edge.rows().map(|(y, xs)| (y, xs.len())).collect::<Vec<_>>(),
            [(1, 4), (2, 2), (3, 2), (4, 4)]
        );
    }

    #[test]
    fn a_rectangle_is_as_long_round_as_it_is_less_its_corners() {
        // 4 × 3 pixels of 0.5 × 2: sides between the pixels' centres, and four corners cut off.
        let size = PixelSize { x: 0.5, y: 2.0 };
        let b = boundary(&patch(&["####", "####", "####"]), size);
        let expected = 2.0 * (3.0 * 0.5 + 2.0 * 2.0) + 4.0 * 0.5_f64.hypot(2.0) / 2.0;
        assert!((b.lengths.iter().sum::<f64>() - expected).abs() < 1e-12);
        assert_eq!(b.points.xs.len(), 14);
    }

    #[test]
    fn a_single_pixel_has_four_corners() {
        let b = boundary(&patch(&["#"]), PixelSize { x: 1.0, y: 1.0 });
        assert_eq!(b.points.xs.len(), 4);
        assert!((b.lengths.iter().sum::<f64>() - 2.0 * 2.0_f64.sqrt()).abs() < 1e-12);
    }
}

//! Areas: translucent panels, and outlines filled on request.

use vesalius_measure::geometry::PointInFrame;
use vesalius_measure::wide::with_wide_instructions;

use crate::color::{Color, over};
use crate::layer::Layer;

/// A filled outline never hides more than this of what is under it.
pub(crate) const MAX_FILL_OPACITY: f64 = 0.3;

/// Sub-rows a pixel row is cut into; along x the coverage is exact.
const SUB_ROWS: i64 = 4;
/// Fixed-point unit of coordinates: 1/64 pixel.
const UNIT: f64 = 64.0;

/// An edge of a polygon in 1/64 px, downwards.
#[derive(Clone, Copy)]
struct Edge {
    top_y: f64,
    bottom_y: f64,
    top_x: f64,
    x_per_y: f64,
}

impl Layer {
    /// Fills a rectangle of whole pixels whose corners are rounded with `radius_px`.
    ///
    /// `x` and `y` are the first column and row; what lies outside the picture is left out.
    pub fn rectangle(&mut self, x: i64, y: i64, width: usize, height: usize, radius_px: f64, color: Color) {
        let (width, height) = (width.min(1 << 20) as i64, height.min(1 << 20) as i64);
        let (x, y) = (x.clamp(-1 << 20, 1 << 20), y.clamp(-1 << 20, 1 << 20));
        let radius = radius_px.max(0.0).min(width.min(height) as f64 / 2.0);
        let full = color.cover(256);
        let inset = radius.ceil() as i64;
        for row in y.max(0)..(y + height).min(self.height() as i64) {
            // Distance from the row's centre to the line through the nearer corner centres, where there is one.
            let from_edge = (row - y).min(y + height - 1 - row) as f64 + 0.5;
            let dy = radius - from_edge;
            if dy <= 0.0 || inset == 0 {
                self.paint_row(row, x, x + width, |_, run| {
                    with_wide_instructions(move || {
                        run.iter_mut().for_each(|pixel| *pixel = over(full, *pixel));
                    });
                });
                continue;
            }
            self.paint_row(row, x, x + width, |first, run| {
                for (pixel, column) in run.iter_mut().zip(first as i64..) {
                    let dx = radius - ((column - x).min(x + width - 1 - column) as f64 + 0.5);
                    if dx <= 0.0 {
                        *pixel = over(full, *pixel);
                        continue;
                    }
                    let inside = radius + 0.5 - (dx * dx + dy * dy).sqrt();
                    let coverage = (inside.clamp(0.0, 1.0) * 256.0) as u16;
                    if coverage > 0 {
                        *pixel = over(color.cover(coverage), *pixel);
                    }
                }
            });
        }
    }

    /// Fills the inside of outlines by the even–odd rule, so that holes stay clear.
    ///
    /// Opacity is limited to 30 %: a fill must not hide what lies under it.
    pub fn fill<'a>(&mut self, outlines: impl IntoIterator<Item = &'a [PointInFrame]>, color: Color) {
        let opacity = (255.0 * MAX_FILL_OPACITY) as u8;
        let color = color.with_alpha(color.alpha.min(opacity));
        let mut edges = Vec::new();
        for outline in outlines {
            collect_edges(outline, &mut edges);
        }
        edges.sort_by(|a, b| a.top_y.total_cmp(&b.top_y));
        let (Some(top), Some(bottom)) =
            (edges.first().map(|e| e.top_y), edges.iter().map(|e| e.bottom_y).max_by(f64::total_cmp))
        else {
            return;
        };
        let first = ((top / UNIT).floor() - 1.0).max(0.0) as i64;
        let last = ((bottom / UNIT).ceil() + 1.0).min(self.height() as f64 - 1.0) as i64;
        let mut coverage = vec![0_u16; self.width()];
        let (mut active, mut crossings) = (Vec::<Edge>::new(), Vec::<i64>::new());
        let mut waiting = edges.into_iter().peekable();
        for row in first..=last {
            let (mut low, mut high) = (i64::MAX, i64::MIN);
            for sub in 0..SUB_ROWS {
                let y = (row as f64 - 0.5 + (sub as f64 + 0.5) / SUB_ROWS as f64) * UNIT;
                while let Some(edge) = waiting.next_if(|e| e.top_y <= y) {
                    active.push(edge);
                }
                active.retain(|e| e.bottom_y > y);
                crossings.clear();
                // Shifted by half a pixel, pixel i covers i·64 to (i + 1)·64.
                let limit = self.width() as f64 * UNIT;
                crossings.extend(active.iter().map(|e| {
                    (e.top_x + (y - e.top_y) * e.x_per_y + UNIT / 2.0).clamp(0.0, limit).round() as i64
                }));
                crossings.sort_unstable();
                for pair in crossings.chunks_exact(2) {
                    let &[from, to] = pair else { continue };
                    if from < to {
                        add_run(&mut coverage, from, to);
                        (low, high) = (low.min(from / 64), high.max((to + 63) / 64));
                    }
                }
            }
            if low >= high {
                continue;
            }
            // Four sub-rows of 64: a covered pixel has counted to 256.
            self.paint_row(row, low, high, |x, run| {
                let covered = coverage.get(x..).unwrap_or(&[]);
                for (pixel, &covered) in run.iter_mut().zip(covered) {
                    if covered > 0 {
                        *pixel = over(color.cover(covered), *pixel);
                    }
                }
            });
            if let Some(run) = coverage.get_mut(low as usize..(high as usize).min(self.width())) {
                run.fill(0);
            }
        }
    }
}

fn collect_edges(outline: &[PointInFrame], edges: &mut Vec<Edge>) {
    let bring = |v: f64| v.clamp(-1e7, 1e7) * UNIT;
    let points = || outline.iter().filter(|p| p.x_px.is_finite() && p.y_px.is_finite());
    for (p, q) in points().zip(points().cycle().skip(1)) {
        let (a, b) = ((bring(p.x_px), bring(p.y_px)), (bring(q.x_px), bring(q.y_px)));
        if a.1 == b.1 {
            continue;
        }
        let (top, bottom) = if a.1 < b.1 { (a, b) } else { (b, a) };
        edges.push(Edge {
            top_y: top.1,
            bottom_y: bottom.1,
            top_x: top.0,
            x_per_y: (bottom.0 - top.0) / (bottom.1 - top.1),
        });
    }
}

/// Adds the part of each pixel that the run `from..to` (1/64 px) covers, in 1/64 of the pixel.
fn add_run(coverage: &mut [u16], from: i64, to: i64) {
    let (first, last) = ((from / 64) as usize, ((to - 1) / 64) as usize);
    for (pixel, covered) in (first as i64..).zip(coverage.iter_mut().take(last + 1).skip(first)) {
        *covered += (to.min((pixel + 1) * 64) - from.max(pixel * 64)) as u16;
    }
}

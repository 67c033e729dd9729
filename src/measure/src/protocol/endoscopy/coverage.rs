//! How much of the visible field an outline covers.

use crate::contour::Contour;
use crate::geometry::PointInFrame;
use crate::picture::{Field, Glare, WorkingPicture};

/// Area in working pixels that outlines cover of the field without glare.
///
/// Rows of the working picture are cut by the outlines, holes left out (even–odd rule); along a row the cuts
/// are exact, glare is taken away pixel by pixel.
pub(super) fn visible_area(
    contours: &[Contour],
    picture: &WorkingPicture,
    field: &Field,
    glare: &Glare,
) -> f64 {
    // Where each row is crossed.
    let mut crossings: Vec<(usize, f64)> = Vec::new();
    for line in contours.iter().flat_map(|c| std::iter::once(&c.outer).chain(&c.holes)) {
        let Some(&last) = line.last() else { continue };
        let mut from = picture.from_frame(last);
        for &p in line {
            let to = picture.from_frame(p);
            cross(from, to, picture.height(), &mut crossings);
            from = to;
        }
    }
    crossings.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut area = 0.0;
    for pair in crossings.chunks_exact(2) {
        let &[(y, from), (_, to)] = pair else { continue };
        let (first, end) = field.span(y);
        let (from, to) = (from.max(first as f64 - 0.5), to.min(end as f64 - 0.5));
        if from >= to {
            continue;
        }
        let pixels = (from + 0.5).round() as usize..(to + 0.5).round() as usize;
        let hidden: usize = glare.row(y).get(pixels).unwrap_or(&[]).iter().map(|&g| usize::from(g)).sum();
        area += (to - from - hidden as f64).max(0.0);
    }
    area
}

/// Crossings of a side with the middles of rows.
fn cross(from: (f64, f64), to: (f64, f64), height: usize, crossings: &mut Vec<(usize, f64)>) {
    let (top, bottom) = if from.1 <= to.1 { (from, to) } else { (to, from) };
    if !(top.1.is_finite() && bottom.1.is_finite()) {
        return;
    }
    // Rows at or below the upper end and above the lower one: a vertex is counted once.
    let first = top.1.ceil().max(0.0) as usize;
    let end = (bottom.1.ceil().max(0.0) as usize).min(height);
    for y in first..end {
        let along = (y as f64 - top.1) / (bottom.1 - top.1);
        crossings.push((y, top.0 + along * (bottom.0 - top.0)));
    }
}

/// Whether an outline reaches the field's border.
pub(super) fn is_cut(outer: &[PointInFrame], picture: &WorkingPicture, field: &Field) -> bool {
    const NEAR_PX: f64 = 2.0;
    outer.iter().any(|&p| field.at_border(picture.from_frame(p), NEAR_PX))
}

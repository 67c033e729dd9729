//! Frames to look at: the picture, where whoever asks for the report has it, and the outlines of truth and prediction over it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use vesalius_measure::geometry::{Geometry, ResizeRule};
use vesalius_measure::mask::{LabelMask, ProbabilityMap};

use super::html::escape;

/// The picture of a frame, made small enough for a page.
#[derive(Clone, Debug)]
pub struct Picture {
    /// A JPEG file.
    pub jpeg: Arc<[u8]>,
}

/// The pictures that a report asks for: by number of the run, the numbers of frames.
pub type Wanted = BTreeMap<usize, BTreeSet<u64>>;
/// The pictures that there are, by number of the run and of the frame.
pub type Pictures = BTreeMap<(usize, u64), Picture>;

/// One frame to look at.
#[derive(Clone, Debug)]
pub struct Shot {
    /// What stands below it.
    pub caption: String,
    /// What is read out where it cannot be seen.
    pub title: String,
    /// Width and height of the frame in pixels.
    pub size: [usize; 2],
    /// The picture; without it, outlines are on black.
    pub picture: Option<Picture>,
    /// Outlines and their class in the style sheet.
    pub outlines: Vec<(&'static str, String)>,
}

/// How far an outline may be moved to be told by fewer points, pixels.
const STRAIGHT_PX: f64 = 0.4;

/// The outlines of a class in a mask as an SVG path in pixels of which corners are whole numbers; empty where it is not there.
pub fn path(mask: &LabelMask, class: u8) -> String {
    let mut path = String::new();
    let values: Vec<f32> = mask.labels.iter().map(|l| f32::from(u8::from(*l == class))).collect();
    let size = (mask.width as u32, mask.height as u32);
    let Ok(map) = ProbabilityMap::new(mask.width, mask.height, values) else { return path };
    let Ok(geometry) = Geometry::new(size, size, ResizeRule::Stretch, (1, 1)) else { return path };
    for contour in vesalius_measure::contour::trace(&map, &geometry, 0.5) {
        for ring in std::iter::once(&contour.outer).chain(&contour.holes) {
            let points: Vec<(f64, f64)> = ring.iter().map(|p| (p.x_px + 0.5, p.y_px + 0.5)).collect();
            for (i, (x, y)) in straightened(&points).into_iter().enumerate() {
                // Writing to a String cannot fail.
                let _ = write!(path, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
            }
            path.push('Z');
        }
    }
    path
}

/// A line told by fewer points, none of which moved (Ramer 1972, doi:10.1016/S0146-664X(72)80017-0; Douglas & Peucker 1973).
fn straightened(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let Some(last) = points.len().checked_sub(1) else { return Vec::new() };
    let mut keep = vec![false; points.len()];
    for end in [0, last] {
        if let Some(keep) = keep.get_mut(end) {
            *keep = true;
        }
    }
    let mut spans = vec![(0, last)];
    while let Some((from, to)) = spans.pop() {
        let (Some(&a), Some(&b)) = (points.get(from), points.get(to)) else { continue };
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = dx.hypot(dy);
        let off = |p: &(f64, f64)| {
            let (x, y) = (p.0 - a.0, p.1 - a.1);
            if length > 0.0 { (x * dy - y * dx).abs() / length } else { x.hypot(y) }
        };
        let inner = points.get(from + 1..to).unwrap_or(&[]).iter().map(off).enumerate();
        if let Some((i, farthest)) = inner.max_by(|a, b| a.1.total_cmp(&b.1))
            && farthest > STRAIGHT_PX
        {
            let middle = from + 1 + i;
            if let Some(keep) = keep.get_mut(middle) {
                *keep = true;
            }
            spans.extend([(from, middle), (middle, to)]);
        }
    }
    points.iter().zip(keep).filter(|(_, keep)| *keep).map(|(p, _)| *p).collect()
}

/// The frame as an SVG element.
pub fn svg(shot: &Shot) -> String {
    let [width, height] = shot.size;
    let mut out = format!(
        r#"<svg class="shot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{}">"#,
        escape(&shot.title)
    );
    if let Some(picture) = &shot.picture {
        let _ = write!(
            out,
            r#"<image href="data:image/jpeg;base64,{}" width="{width}" height="{height}" preserveAspectRatio="none"/>"#,
            base64(&picture.jpeg)
        );
    }
    for (class, path) in &shot.outlines {
        let _ = write!(out, r#"<path class="halo" d="{path}"/><path class="{class}" d="{path}"/>"#);
    }
    out.push_str("</svg>");
    out
}

/// Bytes as text (RFC 4648, with padding).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0_u32, |word, i| word << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let digit = DIGITS.get((word >> (18 - 6 * i)) as usize & 63).copied().unwrap_or(b'=');
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let known = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (n, text) in known.iter().enumerate() {
            assert_eq!(base64(b"foobar".get(..n).unwrap()), *text);
        }
        assert_eq!(base64(&[255, 254, 253]), "//79");
    }

    #[test]
    fn a_square_is_four_corners_or_so() {
        let inside = |i: usize| (4..12).contains(&(i % 20)) && (6..14).contains(&(i / 20));
        let mask =
            LabelMask { width: 20, height: 20, labels: (0..400).map(|i| u8::from(inside(i))).collect() };
        let path = path(&mask, 1);
        assert!(path.starts_with('M') && path.ends_with('Z') && path.len() < 120, "{path}");
        // Corners of pixels: the square begins at column 4 and row 6.
        assert!(path.contains("4.0 ") && path.contains(" 6.0"), "{path}");
        assert_eq!(super::path(&mask, 2), "");
    }

    #[test]
    fn straight_lines_lose_their_points_and_corners_stay() {
        let line: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i), 0.0)).collect();
        assert_eq!(straightened(&line), [(0.0, 0.0), (99.0, 0.0)]);
        let corner = [(0.0, 0.0), (5.0, 0.0), (10.0, 0.0), (10.0, 5.0), (10.0, 10.0)];
        assert_eq!(straightened(&corner), [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)]);
        assert!(straightened(&[]).is_empty());
    }
}

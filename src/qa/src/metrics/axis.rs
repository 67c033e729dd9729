//! The long axis of a structure: how long it is and where it points.

use vesalius_measure::ellipse::Ellipse;
use vesalius_measure::mask::LabelMask;

use super::distance::PixelSize;

/// A long axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongAxis {
    /// Length of the long axis of the ellipse with the same second moments, in the unit of the pixel size.
    pub length: f64,
    /// Its direction, degrees from the rows towards the columns' ends, at least 0 and below 180; `None` of what is nearly
    /// round, which points nowhere.
    pub orientation_deg: Option<f64>,
}

/// An ellipse whose short axis is a larger part of the long one is nearly round.
const ROUND: f64 = 0.95;

/// The long axis of a class by the second moments of its pixels; `None` where it is not in the mask.
pub fn long_axis(mask: &LabelMask, class: u8, size: PixelSize) -> Option<LongAxis> {
    let (mut n, mut sx, mut sy, mut sxx, mut sxy, mut syy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (y, row) in mask.labels.chunks_exact(mask.width.max(1)).enumerate() {
        let y = y as f64;
        for (x, _) in row.iter().enumerate().filter(|(_, label)| **label == class) {
            let x = x as f64;
            n += 1.0;
            sx += x;
            sy += y;
            sxx += x * x;
            sxy += x * y;
            syy += y * y;
        }
    }
    if n < 1.0 {
        return None;
    }
    let (mx, my) = (sx / n, sy / n);
    // A pixel is a square, which adds a twelfth of its side squared.
    let xx = (sxx / n - mx * mx + 1.0 / 12.0) * size.x * size.x;
    let yy = (syy / n - my * my + 1.0 / 12.0) * size.y * size.y;
    let xy = (sxy / n - mx * my) * size.x * size.y;
    let ellipse = Ellipse::from_moments((mx, my), xx, xy, yy)?;
    let orientation = ellipse.angle_rad.to_degrees().rem_euclid(180.0);
    Some(LongAxis {
        length: 2.0 * ellipse.semi_major,
        orientation_deg: (ellipse.semi_minor < ROUND * ellipse.semi_major).then_some(orientation),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ellipse(a: f64, b: f64, degrees: f64) -> LabelMask {
        let (side, (sin, cos)) = (200, degrees.to_radians().sin_cos());
        let inside = |i: usize| {
            let (x, y) = ((i % side) as f64 - 99.5, (i / side) as f64 - 99.5);
            let (u, v) = (x * cos + y * sin, y * cos - x * sin);
            (u / a).powi(2) + (v / b).powi(2) <= 1.0
        };
        LabelMask {
            width: side,
            height: side,
            labels: (0..side * side).map(|i| u8::from(inside(i))).collect(),
        }
    }

    #[test]
    fn an_ellipse_is_as_long_as_it_is_and_points_where_it_does() {
        for degrees in [0.0, 30.0, 75.0, 120.0, 179.0] {
            let axis = long_axis(&ellipse(80.0, 40.0, degrees), 1, PixelSize { x: 1.0, y: 1.0 }).unwrap();
            let off = (axis.orientation_deg.unwrap() - degrees + 90.0).rem_euclid(180.0) - 90.0;
            assert!((axis.length - 160.0).abs() < 0.4 && off.abs() < 0.2, "{degrees}: {axis:?}");
        }
        // Pixels twice as high as wide stretch it.
        let axis = long_axis(&ellipse(80.0, 40.0, 90.0), 1, PixelSize { x: 0.5, y: 1.0 }).unwrap();
        assert!((axis.length - 160.0).abs() < 0.4 && (axis.orientation_deg.unwrap() - 90.0).abs() < 0.2);
    }

    #[test]
    fn what_is_round_points_nowhere_and_what_is_not_there_has_no_axis() {
        let size = PixelSize { x: 1.0, y: 1.0 };
        let axis = long_axis(&ellipse(50.0, 50.0, 0.0), 1, size).unwrap();
        assert!(axis.orientation_deg.is_none() && (axis.length - 100.0).abs() < 0.4);
        assert_eq!(long_axis(&ellipse(50.0, 50.0, 0.0), 2, size), None);
    }
}

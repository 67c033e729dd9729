//! Parts of the picture that are kept clear: a scanner's own header, the patient's name, MI and TI, the depth ruler, an ECG.

use std::str::FromStr;

use crate::layer::Layer;
use crate::scene::Corner;

/// A rectangle of the picture on which nothing is drawn, in parts of the picture's width and height from its top left corner,
/// 0 to 1: so it is the same whatever size the picture comes in.
///
/// As text `LEFT,TOP,WIDTH,HEIGHT`: `0,0,1,0.08` is the uppermost twelfth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeepClear {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

/// Why something names no rectangle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no part of a picture to keep clear: give LEFT,TOP,WIDTH,HEIGHT in parts of the picture, each 0 to 1, such as 0,0,1,0.08 \
     for the uppermost twelfth"
)]
pub struct NoKeepClear(String);

impl FromStr for KeepClear {
    type Err = NoKeepClear;

    fn from_str(text: &str) -> Result<Self, NoKeepClear> {
        let wrong = || NoKeepClear(text.trim().chars().take(60).collect());
        let numbers: Vec<f64> = text
            .split(',')
            .map(|part| part.trim().parse().ok().filter(|part| (0.0..=1.0).contains(part)))
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        match *numbers {
            [left, top, width, height] if width > 0.0 && height > 0.0 => {
                Ok(Self { left, top, width, height })
            }
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for KeepClear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{},{},{}", self.left, self.top, self.width, self.height)
    }
}

impl KeepClear {
    /// The pixels that it touches.
    pub(crate) fn area(&self, (width, height): (usize, usize)) -> Area {
        let run = |from: f64, length: f64, whole: usize| {
            let whole = whole as f64;
            // A part of a pixel is one; what a sum of fractions adds to a whole number is none.
            ((from * whole + 1e-6).floor() as i64, ((from + length).min(1.0) * whole - 1e-6).ceil() as i64)
        };
        let ((left, right), (top, bottom)) =
            (run(self.left, self.width, width), run(self.top, self.height, height));
        Area { left, top, right, bottom }
    }
}

/// Columns `left..right` and rows `top..bottom`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) left: i64,
    pub(crate) top: i64,
    pub(crate) right: i64,
    pub(crate) bottom: i64,
}

impl Area {
    pub(crate) fn of((x, y): (i64, i64), (width, height): (usize, usize)) -> Self {
        Self { left: x, top: y, right: x + width as i64, bottom: y + height as i64 }
    }

    pub(crate) fn grown(self, by: usize) -> Self {
        let by = by as i64;
        Self { left: self.left - by, top: self.top - by, right: self.right + by, bottom: self.bottom + by }
    }

    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

/// Where a box stands that is to be in a corner and on none of the `taken` areas: in it or, where that is taken, as near to it as
/// there is room, beside one of them or in another corner. `None` where there is none.
pub(crate) fn place(
    corner: Corner,
    picture: (usize, usize),
    size: (usize, usize),
    margin: usize,
    taken: &[Area],
) -> Option<(i64, i64)> {
    let wanted = corner.place(picture, size, margin);
    let (width, height) = (size.0 as i64, size.1 as i64);
    let across = corner.across().place(picture, size, margin);
    let opposite = corner.along().place(picture, size, margin);
    let columns =
        [wanted.0, across.0].into_iter().chain(taken.iter().flat_map(|a| [a.right, a.left - width]));
    let rows =
        [wanted.1, opposite.1].into_iter().chain(taken.iter().flat_map(|a| [a.bottom, a.top - height]));
    let rows: Vec<i64> = rows.collect();
    let inside = Area { left: 0, top: 0, right: picture.0 as i64, bottom: picture.1 as i64 };
    let is_free = |&at: &(i64, i64)| {
        let here = Area::of(at, size);
        let is_inside = here.left >= inside.left
            && here.top >= inside.top
            && here.right <= inside.right
            && here.bottom <= inside.bottom;
        is_inside && !taken.iter().any(|area| area.meets(&here))
    };
    let far = |&(x, y): &(i64, i64)| (x - wanted.0).pow(2) + (y - wanted.1).pow(2);
    columns
        .flat_map(|x| rows.iter().map(move |&y| (x, y)))
        .filter(is_free)
        .min_by_key(|at| (far(at), at.1, at.0))
}

impl Layer {
    /// Makes an area as if nothing had been drawn on it.
    pub(crate) fn erase(&mut self, area: Area) {
        for y in area.top..area.bottom {
            self.erase_row(y, area.left, area.right);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::color::Color;

    #[test]
    fn a_rectangle_is_read_and_what_is_none_is_said() {
        let header: KeepClear = " 0, 0 ,1,0.08".parse().unwrap();
        assert_eq!(header.area((1920, 1080)), Area { left: 0, top: 0, right: 1920, bottom: 87 });
        assert_eq!(header.to_string().parse(), Ok(header));
        let corner: KeepClear = "0.9,0.1,0.5,0.2".parse().unwrap();
        assert_eq!(corner.area((100, 50)), Area { left: 90, top: 5, right: 100, bottom: 15 });
        for wrong in ["", "0,0,1", "0,0,1,1,1", "0,0,0,1", "0,0,1,-1", "0,0,nan,1", "0,0,2,1", "a,b,c,d"] {
            let said = wrong.parse::<KeepClear>().unwrap_err().to_string();
            assert!(said.contains("LEFT,TOP,WIDTH,HEIGHT") && !said.contains('\n'), "{said}");
        }
    }

    #[test]
    fn a_box_stands_where_there_is_room() {
        let (picture, size, margin) = ((200, 100), (60, 20), 4);
        let place = |corner, taken: &[Area]| super::place(corner, picture, size, margin, taken);
        assert_eq!(place(Corner::BottomLeft, &[]), Some((4, 76)));
        // An ECG along the bottom: above it.
        let ecg = Area { left: 0, top: 80, right: 200, bottom: 100 };
        assert_eq!(place(Corner::BottomLeft, &[ecg]), Some((4, 60)));
        // A ruler at the left edge, too: right of it.
        let ruler = Area { left: 0, top: 0, right: 12, bottom: 100 };
        assert_eq!(place(Corner::BottomLeft, &[ecg, ruler]), Some((12, 60)));
        // All of the lower half: the upper one's corner.
        let half = Area { left: 0, top: 20, right: 200, bottom: 100 };
        assert_eq!(place(Corner::BottomRight, &[half]), Some((136, 0)));
        assert_eq!(place(Corner::TopLeft, &[half.grown(20)]), None);
    }

    #[test]
    fn what_is_erased_was_never_drawn() {
        let mut layer = Layer::new(200, 100).unwrap();
        layer.rectangle(10, 10, 150, 80, 0.0, Color::BLACK);
        layer.erase(Area { left: 60, top: 30, right: 70, bottom: 40 });
        for (x, y, is_drawn) in
            [(59, 35, true), (60, 35, false), (69, 39, false), (70, 35, true), (65, 29, true), (65, 40, true)]
        {
            assert_eq!(layer.pixel(x, y) != [0; 4], is_drawn, "{x},{y}");
        }
    }
}

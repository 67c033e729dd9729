//! Whether depth or zoom are what they were when the scale was set, from the picture alone.
//!
//! Two things of a picture follow the scale and not the patient: the ruler, and the straight sides of the scanned field
//! (sector, trapezium or rectangle) against the black around it. A fingerprint keeps both; a later picture is checked
//! *at the places kept*: whether ticks still stand where they stood, with nothing between them, and whether the field
//! still ends on its sides. Content cannot move a side outwards, and can only darken it; so a side counts as moved where
//! hardly a row ends on the old line and a new line explains most rows.
//!
//! Without a ruler, and with a field that fills the picture or has no straight sides, nothing can be told
//! ([`Fingerprint::is_informative`]): then only the operator and the age limit guard the scale.

mod field;

use serde::{Deserialize, Serialize};

use super::luma::Luma;
use super::ruler::{self, Ruler, RulerAxis};
pub use field::Side;

/// A ruler as it stood.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulerPrint {
    /// Which way it runs.
    pub axis: RulerAxis,
    /// Distance of neighbouring ticks in pixels.
    pub pitch_px: f64,
    /// Position of the first tick along it.
    pub first_px: f64,
    /// Columns (of a vertical one) that all its ticks share: first, last.
    pub across_px: (u32, u32),
    /// Number of the last tick, the first being 0.
    pub last: u32,
    /// Height of a tick above its surroundings, in steps of brightness.
    pub contrast: f64,
}

/// What of a picture follows depth and zoom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Width and height of the picture.
    pub size_px: (u32, u32),
    /// Its rulers.
    pub rulers: Vec<RulerPrint>,
    /// The left side of the field, where it is straight and within the picture.
    pub left: Option<Side>,
    /// The right side.
    pub right: Option<Side>,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The picture's size.
    Size,
    /// The ruler's ticks stand elsewhere, or are gone.
    Ruler,
    /// The scanned field has other sides.
    Field,
}

/// A later picture beside a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Depth and zoom are as they were.
    Same,
    /// They are not, or cannot be trusted to be.
    Changed(Change),
    /// The picture does not show: too dark at the sides, and no ruler.
    Unclear,
}

/// Ticks that must still stand.
const LEAST_STANDING: f64 = 0.7;
/// Places between ticks where one may stand now (a cursor, a caret).
const MOST_BETWEEN: f64 = 0.2;
/// Of a tick's brightness, to count as standing.
const STANDING: f64 = 0.5;

impl RulerPrint {
    fn of(ruler: &Ruler) -> Self {
        Self {
            axis: ruler.axis,
            pitch_px: ruler.pitch_px,
            first_px: ruler.first_px,
            across_px: ruler.shared_px,
            last: ruler.ticks.last().map_or(0, |t| t.0),
            contrast: ruler.contrast,
        }
    }

    /// Mean brightness of the columns that the ticks share, at a place along the ruler.
    fn level(&self, luma: &Luma, along: usize) -> f64 {
        let (from, to) = (self.across_px.0 as usize, self.across_px.1.max(self.across_px.0) as usize);
        let sum: f64 = (from..=to)
            .map(|across| match self.axis {
                RulerAxis::Vertical => luma.at(across, along),
                RulerAxis::Horizontal => luma.at(along, across),
            })
            .map(f64::from)
            .sum();
        sum / (to - from + 1) as f64
    }

    /// Whether a mark stands at a place along the ruler, give or take a pixel.
    fn stands(&self, luma: &Luma, at: f64) -> bool {
        let reach = 4.0_f64.min((self.pitch_px / 2.0).floor());
        let level = |v: f64| if v < 0.0 { 0.0 } else { self.level(luma, v.round() as usize) };
        let ground = level(at - reach).max(level(at + reach));
        let peak = [-1.0, 0.0, 1.0].iter().map(|d| level(at + d)).fold(0.0, f64::max);
        peak - ground >= STANDING * self.contrast
    }

    fn is_same(&self, luma: &Luma) -> bool {
        let share = |count: u32, offset: f64| {
            let standing = (0..count)
                .filter(|&i| self.stands(luma, self.first_px + self.pitch_px * (f64::from(i) + offset)));
            standing.count() as f64 / f64::from(count.max(1))
        };
        share(self.last + 1, 0.0) >= LEAST_STANDING && share(self.last, 0.5) <= MOST_BETWEEN
    }
}

impl Fingerprint {
    /// Takes a picture's fingerprint.
    pub fn of(luma: &Luma) -> Self {
        let rulers = ruler::find(luma, None);
        let (left, right) = field::sides(luma);
        Self {
            size_px: (luma.width() as u32, luma.height() as u32),
            rulers: rulers.iter().map(RulerPrint::of).collect(),
            left,
            right,
        }
    }

    /// Takes the fingerprint of several pictures of the same depth, of the brightest that each pixel was: a second of
    /// video, in which tissue that is dark at a side now is light there once. `None` where there is no picture, or
    /// their sizes differ.
    pub fn of_many(pictures: &[Luma]) -> Option<Self> {
        let first = pictures.first()?;
        let (width, height) = (first.width(), first.height());
        let mut brightest = vec![0; width * height];
        for picture in pictures {
            if (picture.width(), picture.height()) != (width, height) {
                return None;
            }
            for (y, row) in brightest.chunks_exact_mut(width).enumerate() {
                for (most, &v) in row.iter_mut().zip(picture.row(y)) {
                    *most = v.max(*most);
                }
            }
        }
        Luma::new(&brightest, width, height, width).map(|luma| Self::of(&luma))
    }

    /// Whether there is anything by which a change could be seen.
    pub fn is_informative(&self) -> bool {
        !self.rulers.is_empty() || self.left.is_some() || self.right.is_some()
    }

    /// Whether a picture of which nothing is known has this fingerprint: its rulers and both its sides, plainly. Asks more
    /// than [`Fingerprint::check`], which starts from a picture that had it.
    pub fn fits(&self, luma: &Luma) -> bool {
        self.is_informative()
            && self.size_px == (luma.width() as u32, luma.height() as u32)
            && self.rulers.iter().all(|ruler| ruler.is_same(luma))
            && field::fits(self.left.as_ref(), self.right.as_ref(), luma)
    }

    /// Whether a later picture has the same depth and zoom.
    pub fn check(&self, luma: &Luma) -> Comparison {
        if self.size_px != (luma.width() as u32, luma.height() as u32) {
            return Comparison::Changed(Change::Size);
        }
        if !self.rulers.iter().all(|ruler| ruler.is_same(luma)) {
            return Comparison::Changed(Change::Ruler);
        }
        match field::check(self.left.as_ref(), self.right.as_ref(), luma) {
            field::Verdict::Moved => Comparison::Changed(Change::Field),
            field::Verdict::Stays => Comparison::Same,
            field::Verdict::Dark if self.rulers.is_empty() => Comparison::Unclear,
            field::Verdict::Dark => Comparison::Same,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

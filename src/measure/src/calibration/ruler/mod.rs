//! Finds the ruler that scanners draw beside the picture: short equal marks in a line, equally spaced.
//!
//! Marks are narrow bright ridges that stand alone along the ruler (`marks`); those that share an end or a middle
//! are searched for arithmetic progressions. A ruler must explain itself: at least four ticks, a residual below half a
//! pixel, hardly a tick missing, nothing between them, of like brightness, and of one length or of two or three that
//! repeat. Speckle and lines of text fail one or the other. A ruler drawn over tissue is missed rather than guessed.
//!
//! What a tick is worth in millimetres the operator says.

mod marks;
mod progression;

use super::luma::Luma;
use super::{Calibration, CalibrationError, CalibrationSource};
use crate::geometry::PixelRect;
use crate::units::{Mm, MmPerPx};

/// Which way a ruler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RulerAxis {
    /// Down the picture: its ticks are short horizontal marks.
    Vertical,
    /// Across the picture.
    Horizontal,
}

/// Equally spaced ticks. Positions are in pixels of the picture, of pixel centres.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruler {
    /// Which way it runs.
    pub axis: RulerAxis,
    /// Distance of neighbouring ticks, the shortest that the ruler shows.
    pub pitch_px: f64,
    /// Standard uncertainty of the pitch.
    pub pitch_uncertainty_px: f64,
    /// Fitted position of the first tick along the ruler: y of a vertical one.
    pub first_px: f64,
    /// Where the ruler is across itself: x of a vertical one, the middle of its ticks.
    pub across_px: f64,
    /// How far the ticks reach across the ruler: from, to.
    pub reach_px: (f64, f64),
    /// The columns (of a vertical one) that all ticks share: first, last.
    pub shared_px: (u32, u32),
    /// The ticks found: number from the first, and position along the ruler.
    pub ticks: Vec<(u32, f64)>,
    /// Root mean square distance of the ticks from equal spacing.
    pub residual_px: f64,
    /// Every how many ticks a longer one stands, where some are longer.
    pub major_every: Option<u32>,
    /// Height of a tick above what surrounds it, in steps of brightness.
    pub contrast: f64,
}

impl Ruler {
    /// Relative standard uncertainty of the pitch.
    pub fn relative_uncertainty(&self) -> f64 {
        self.pitch_uncertainty_px / self.pitch_px
    }

    /// The scale that follows where neighbouring ticks are `tick` apart; `pixel_aspect` is the width of a pixel over its
    /// height and gives the other axis.
    ///
    /// # Errors
    ///
    /// [`CalibrationError`] where the numbers are no scale.
    pub fn calibration(&self, tick: Mm, pixel_aspect: f64) -> Result<Calibration, CalibrationError> {
        let along = tick.get() / self.pitch_px;
        let (x, y) = match self.axis {
            RulerAxis::Vertical => (along * pixel_aspect, along),
            RulerAxis::Horizontal => (along, along / pixel_aspect),
        };
        Calibration::new(
            MmPerPx(x),
            MmPerPx(y),
            CalibrationSource::Ruler,
            self.relative_uncertainty().min(1.0),
        )
    }
}

/// Every ruler in a picture, or in a part of it, the one with the most ticks first.
pub fn find(luma: &Luma, search: Option<PixelRect>) -> Vec<Ruler> {
    let mut rulers = find_along(luma, search, RulerAxis::Vertical);
    rulers.extend(find_along(luma, search, RulerAxis::Horizontal));
    rulers.sort_by_key(|r| std::cmp::Reverse(r.ticks.len()));
    rulers
}

/// Every ruler that runs one way, the one with the most ticks first.
pub fn find_along(luma: &Luma, search: Option<PixelRect>, axis: RulerAxis) -> Vec<Ruler> {
    let search = search.unwrap_or_else(|| luma.bounds());
    match axis {
        RulerAxis::Vertical => progression::rulers(luma, search, axis),
        RulerAxis::Horizontal => {
            let turned = luma.transposed();
            let PixelRect { x, y, width, height } = search;
            let search = PixelRect { x: y, y: x, width: height, height: width };
            Luma::new(&turned, luma.height(), luma.width(), luma.height())
                .map(|turned| progression::rulers(&turned, search, axis))
                .unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests;

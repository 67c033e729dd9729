//! Millimetres per pixel: where they come from and how far they are trusted.
//!
//! * [`region`]: the scales that a DICOM ultrasound file carries, and where they hold;
//! * [`caliper`], [`ruler`], [`profile`]: scales of live video, which carries none; [`statement`]: what an operator
//!   says; [`keeper`]: the scale of one video, from all of these;
//! * [`state`]: from a proposal to a scale in force, and back as soon as anything changes;
//! * [`fingerprint`]: how a change of depth or zoom shows in the picture; [`luma`]: the picture that is looked at.

pub mod caliper;
pub mod fingerprint;
pub mod keeper;
pub mod luma;
pub mod profile;
pub mod region;
pub mod ruler;
mod scale;
pub mod state;
pub mod statement;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::scale::Scale;
use crate::units::MmPerPx;

/// Pixels of diagnostic pictures lie between 1 µm (microscopy) and 10 mm; anything else is a slip of the unit.
const PLAUSIBLE_MM_PER_PX: std::ops::RangeInclusive<f64> = 1e-3..=10.0;

/// Why numbers are no calibration.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// Zero, negative, NaN, infinite or far from any real picture.
    #[error("{value} mm per pixel along {axis} is no calibration: give a number between 0.001 and 10")]
    Value {
        /// `x` or `y`.
        axis: char,
        /// What was given.
        value: f64,
    },
    /// The text is not a number or a pair of numbers.
    #[error("'{text}' is no calibration: give MM_PER_PX, or X,Y in mm per pixel")]
    Text {
        /// What was given.
        text: String,
    },
    /// The relative uncertainty is not in 0 to 1.
    #[error("{0} is no relative uncertainty: give a number from 0 to 1")]
    Uncertainty(f64),
}

/// Where a calibration comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CalibrationSource {
    /// Stated by the operator, for a whole recording.
    Operator,
    /// Stated by the operator, in a table by file name.
    Table,
    /// Known from the making of a phantom.
    Phantom,
    /// Stands in the file: a region of a DICOM ultrasound picture.
    DicomRegion,
    /// Stands in the file: DICOM Pixel Spacing, confirmed by the operator.
    PixelSpacing,
    /// Distances between two points that the operator knows.
    Caliper,
    /// The ruler in the picture, its unit stated by the operator.
    Ruler,
    /// A device's profile that fits the picture.
    Profile,
    /// A tool of known width at the same depth, confirmed by the operator, in one frame.
    Tool,
}

impl CalibrationSource {
    /// Every source.
    pub const ALL: [Self; 9] = [
        Self::Operator,
        Self::Table,
        Self::Phantom,
        Self::DicomRegion,
        Self::PixelSpacing,
        Self::Caliper,
        Self::Ruler,
        Self::Profile,
        Self::Tool,
    ];

    /// The name as it stands in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Table => "table",
            Self::Phantom => "phantom",
            Self::DicomRegion => "dicom-region",
            Self::PixelSpacing => "pixel-spacing",
            Self::Caliper => "caliper",
            Self::Ruler => "ruler",
            Self::Profile => "profile",
            Self::Tool => "tool",
        }
    }

    /// The source with a name, the inverse of [`CalibrationSource::as_str`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == name)
    }
}

/// A trusted scale of the source picture. Whoever has none has no millimetres.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    id: Arc<str>,
    mm_per_px_x: MmPerPx,
    mm_per_px_y: MmPerPx,
    source: CalibrationSource,
    relative_uncertainty: f64,
}

impl Calibration {
    /// A scale per axis, both of the source picture, with a relative standard uncertainty of the scale.
    ///
    /// # Errors
    ///
    /// [`CalibrationError`] for a scale that is not finite, positive and plausible, or an uncertainty not in 0 to 1.
    pub fn new(
        mm_per_px_x: MmPerPx,
        mm_per_px_y: MmPerPx,
        source: CalibrationSource,
        relative_uncertainty: f64,
    ) -> Result<Self, CalibrationError> {
        for (axis, value) in [('x', mm_per_px_x.get()), ('y', mm_per_px_y.get())] {
            // `contains` is false for NaN too.
            if !PLAUSIBLE_MM_PER_PX.contains(&value) {
                return Err(CalibrationError::Value { axis, value });
            }
        }
        if !(0.0..=1.0).contains(&relative_uncertainty) {
            return Err(CalibrationError::Uncertainty(relative_uncertainty));
        }
        let id = format!("{}:{}x{}", source.as_str(), mm_per_px_x.get(), mm_per_px_y.get()).into();
        Ok(Self { id, mm_per_px_x, mm_per_px_y, source, relative_uncertainty })
    }

    /// Reads `MM_PER_PX` or `X,Y`.
    ///
    /// # Errors
    ///
    /// [`CalibrationError`] where the text is neither, or the numbers are no scale.
    pub fn parse(text: &str, source: CalibrationSource) -> Result<Self, CalibrationError> {
        let number = |part: &str| {
            part.trim().parse::<f64>().map_err(|_| CalibrationError::Text { text: text.to_owned() })
        };
        let (x, y) = match text.split_once(',') {
            Some((x, y)) => (number(x)?, number(y)?),
            None => {
                let both = number(text)?;
                (both, both)
            }
        };
        Self::new(MmPerPx(x), MmPerPx(y), source, 0.0)
    }

    /// Identifies the calibration in every value that rests on it.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }
    /// Scale along x.
    pub fn mm_per_px_x(&self) -> MmPerPx {
        self.mm_per_px_x
    }
    /// Scale along y.
    pub fn mm_per_px_y(&self) -> MmPerPx {
        self.mm_per_px_y
    }
    /// Where it comes from.
    pub fn source(&self) -> CalibrationSource {
        self.source
    }
    /// Relative standard uncertainty (k = 1) of the scale, 0 where the operator stated none.
    pub fn relative_uncertainty(&self) -> f64 {
        self.relative_uncertainty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_or_two() {
        let both = Calibration::parse("0.2", CalibrationSource::Operator).unwrap();
        assert_eq!((both.mm_per_px_x(), both.mm_per_px_y()), (MmPerPx(0.2), MmPerPx(0.2)));
        let two = Calibration::parse("0.3, 0.15", CalibrationSource::Operator).unwrap();
        assert_eq!((two.mm_per_px_x(), two.mm_per_px_y()), (MmPerPx(0.3), MmPerPx(0.15)));
        assert_eq!(&**two.id(), "operator:0.3x0.15");
    }

    #[test]
    fn names_in_files_are_the_serialised_ones() {
        for source in CalibrationSource::ALL {
            assert_eq!(serde_json::to_string(&source).unwrap(), format!("\"{}\"", source.as_str()));
            assert_eq!(CalibrationSource::from_name(source.as_str()), Some(source));
        }
        assert_eq!(CalibrationSource::from_name("guess"), None);
    }

    #[test]
    fn what_is_no_scale_is_refused() {
        for text in ["0", "-1", "nan", "inf", "many", "", "1,2,3", "0.2,0", "1e9", "0.2,"] {
            assert!(Calibration::parse(text, CalibrationSource::Operator).is_err(), "{text}");
        }
        assert!(Calibration::new(MmPerPx(0.2), MmPerPx(0.2), CalibrationSource::Operator, f64::NAN).is_err());
    }
}

//! The scale in force over a picture: one everywhere, one a part, or none and why.

use std::sync::Arc;

use super::Calibration;
use super::region::RegionField;
use crate::contour::Contour;
use crate::result::Reason;

/// What is known about the size of a pixel while a frame is measured.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Scale {
    /// None, and why: [`Reason::NoCalibration`] or [`Reason::CalibrationExpired`].
    None(Reason),
    /// The same everywhere in the picture.
    Uniform(Arc<Calibration>),
    /// Those of a DICOM file's regions, each within its region.
    Regions(Arc<RegionField>),
}

impl Default for Scale {
    fn default() -> Self {
        Self::None(Reason::NoCalibration)
    }
}

impl From<Option<Arc<Calibration>>> for Scale {
    fn from(calibration: Option<Arc<Calibration>>) -> Self {
        calibration.map_or_else(Self::default, Self::Uniform)
    }
}

impl Scale {
    /// The scale that holds for all of some outlines at once. Without outlines, the one of the whole picture.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn of<'a>(
        &self,
        outlines: impl IntoIterator<Item = &'a Contour>,
    ) -> Result<Arc<Calibration>, Reason> {
        match self {
            Self::None(reason) => Err(*reason),
            Self::Uniform(calibration) => Ok(calibration.clone()),
            Self::Regions(field) => {
                let mut points = outlines.into_iter().flat_map(|c| c.outer.iter().copied()).peekable();
                if points.peek().is_none() {
                    return field.common_scale().cloned().ok_or(Reason::OutsideCalibration);
                }
                field.at(points)
            }
        }
    }

    /// The one scale of the whole picture, where there is one; regions may all share theirs.
    pub fn uniform(&self) -> Option<&Arc<Calibration>> {
        match self {
            Self::Uniform(calibration) => Some(calibration),
            Self::Regions(field) => field.common_scale(),
            Self::None(_) => None,
        }
    }

    /// Tells scales apart: two equal ones measure the same.
    pub(crate) fn id(&self) -> Option<&Arc<str>> {
        self.uniform().map(|c| c.id())
    }
}

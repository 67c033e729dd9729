//! Whether a recording's regions make millimetres.

use vesalius_measure::calibration::region::{PixelSpacing, Refusal, RegionField};

use crate::recording::Recording;
use crate::transfer_syntax::Coding;

/// The last Region Spatial Format that the standard knows: graphics.
const LAST_FORMAT: u16 = 5;

/// Why a recording gives no millimetres. Displayed as one line.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoScale {
    /// The rules for regions refuse them.
    #[error(transparent)]
    Regions(#[from] Refusal),
    /// Regions in a kind of object that the standard gives none: a copy, of whatever size.
    #[error("ultrasound regions in a file that is no ultrasound picture ({kind}): no scale")]
    NotUltrasound {
        /// Kind of object, by its name in the standard.
        kind: &'static str,
    },
    /// Two views share each picture.
    #[error("the video is stereoscopic, both views are in one picture: no scale")]
    Stereo,
    /// A region of a kind that is not known may hold any scale, wherever it lies.
    #[error("region {region} has a spatial format that is missing or unknown: no scale")]
    RegionFormat {
        /// Which region, from 1.
        region: usize,
    },
    /// Pixel Spacing stands beside regions and cannot be set against them.
    #[error("Pixel Spacing (0028,0030) stands beside ultrasound regions and is not two numbers: no scale")]
    UnreadableSpacing,
}

impl NoScale {
    /// The code as it stands in files.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Regions(refusal) => refusal.code(),
            Self::NotUltrasound { .. } => "NOT_ULTRASOUND",
            Self::Stereo => "STEREOSCOPIC",
            Self::RegionFormat { .. } => "REGION_FORMAT",
            Self::UnreadableSpacing => "PIXEL_SPACING_UNREADABLE",
        }
    }
}

impl Recording {
    /// Where and by how much the recording is calibrated, decided by [`RegionField::decide`].
    ///
    /// # Errors
    ///
    /// [`NoScale`]: why there are no millimetres.
    pub fn calibration(&self) -> Result<RegionField, NoScale> {
        let facts = self.facts();
        let regions = self.regions();
        if !regions.is_empty() {
            if !facts.sop_class.is_ultrasound() {
                return Err(NoScale::NotUltrasound { kind: facts.sop_class.name() });
            }
            if facts.transfer_syntax.coding == (Coding::H264 { stereo: true }) {
                return Err(NoScale::Stereo);
            }
            if let Some(index) = regions.iter().position(|r| r.spatial_format > LAST_FORMAT) {
                return Err(NoScale::RegionFormat { region: index + 1 });
            }
            if facts.notes.contains(&crate::facts::Note::BadPixelSpacing) {
                return Err(NoScale::UnreadableSpacing);
            }
        }
        let spacing = self.spacing().pixel_mm.map(|mm| PixelSpacing { row_mm: mm.row, column_mm: mm.column });
        Ok(RegionField::decide(regions, self.size(), spacing)?)
    }
}

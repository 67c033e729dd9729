//! Scales that a file gives for parts of its picture or for all of it, unjudged.
//!
//! Whether any of it makes millimetres is decided in [`vesalius_measure::calibration`].

use dicom_dictionary_std::tags;
use vesalius_measure::calibration::region::UltrasoundRegion;

use crate::read::Elements;

/// A coordinate that cannot be read lies outside of every picture, so that its region is refused.
const NOWHERE: u32 = u32::MAX;

/// Reads one item of the Sequence of Ultrasound Regions (0018,6011).
///
/// What is missing or unreadable becomes a value that no rule accepts: an unknown format, type and units 0 (none), a
/// coordinate outside of every picture, an increment that is not a number.
pub(crate) fn region(item: &Elements) -> UltrasoundRegion {
    let code = |tag| item.whole_number(tag).and_then(|n| u16::try_from(n).ok());
    let place = |tag| item.whole_number(tag).unwrap_or(NOWHERE);
    let delta = |tag| item.number(tag).unwrap_or(f64::NAN);
    UltrasoundRegion {
        // Not 0: that would make it a region without a place.
        spatial_format: code(tags::REGION_SPATIAL_FORMAT).unwrap_or(u16::MAX),
        data_type: code(tags::REGION_DATA_TYPE).unwrap_or(0),
        flags: item.whole_number(tags::REGION_FLAGS).unwrap_or(0),
        min_x0: place(tags::REGION_LOCATION_MIN_X0),
        min_y0: place(tags::REGION_LOCATION_MIN_Y0),
        max_x1: place(tags::REGION_LOCATION_MAX_X1),
        max_y1: place(tags::REGION_LOCATION_MAX_Y1),
        units_x: code(tags::PHYSICAL_UNITS_X_DIRECTION).unwrap_or(0),
        units_y: code(tags::PHYSICAL_UNITS_Y_DIRECTION).unwrap_or(0),
        delta_x: delta(tags::PHYSICAL_DELTA_X),
        delta_y: delta(tags::PHYSICAL_DELTA_Y),
    }
}

/// A distance between rows and one between columns, in millimetres, in the order of the standard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowColumnMm {
    /// From one row to the next: along y.
    pub row: f64,
    /// From one column to the next: along x.
    pub column: f64,
}

/// How large a pixel is, by the attributes outside of the ultrasound regions (PS3.3, 10.7).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spacing {
    /// Pixel Spacing (0028,0030): in the patient. Not what ultrasound is calibrated by.
    pub pixel_mm: Option<RowColumnMm>,
    /// Imager Pixel Spacing (0018,1164): at the detector, not in the patient. Never a scale for measuring here.
    pub imager_mm: Option<RowColumnMm>,
    /// Nominal Scanned Pixel Spacing (0018,2010): on the film or paper. Never a scale for measuring here.
    pub nominal_scanned_mm: Option<RowColumnMm>,
    /// How Pixel Spacing was obtained: Pixel Spacing Calibration Type (0028,0A02).
    pub calibration: Option<SpacingCalibration>,
    /// Shape of a pixel: Pixel Aspect Ratio (0028,0034). Permits ratios, no millimetres.
    pub aspect: Option<PixelAspect>,
}

/// How Pixel Spacing was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpacingCalibration {
    /// From the geometry of the acquisition.
    Geometry,
    /// From an object of known size in the picture.
    Fiducial,
}

/// The shape of a pixel, as a ratio of whole numbers above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelAspect {
    /// Part of the height.
    pub vertical: u32,
    /// Part of the width.
    pub horizontal: u32,
}

impl Spacing {
    pub(crate) fn read(elements: &Elements) -> Self {
        let millimetres = |tag| {
            let [row, column] = elements.pair(tag)?;
            Some(RowColumnMm { row, column })
        };
        let calibration = match elements.text(tags::PIXEL_SPACING_CALIBRATION_TYPE) {
            Some("GEOMETRY") => Some(SpacingCalibration::Geometry),
            Some("FIDUCIAL") => Some(SpacingCalibration::Fiducial),
            _ => None,
        };
        Self {
            pixel_mm: millimetres(tags::PIXEL_SPACING),
            imager_mm: millimetres(tags::IMAGER_PIXEL_SPACING),
            nominal_scanned_mm: millimetres(tags::NOMINAL_SCANNED_PIXEL_SPACING),
            calibration,
            aspect: aspect(elements),
        }
    }
}

fn aspect(elements: &Elements) -> Option<PixelAspect> {
    let [vertical, horizontal] = elements.pair(tags::PIXEL_ASPECT_RATIO)?;
    let part = |n: f64| (n.fract() == 0.0 && (1.0..=f64::from(u16::MAX)).contains(&n)).then_some(n as u32);
    Some(PixelAspect { vertical: part(vertical)?, horizontal: part(horizontal)? })
}

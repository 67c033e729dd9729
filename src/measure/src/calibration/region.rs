//! Scales of parts of a picture, as DICOM ultrasound files carry them.
//!
//! What stands in a file is not taken at its word: files are cropped and resized after they were made, their regions
//! staying as they were, and no validator complains. The rules ([`RegionField::decide`]):
//!
//! 1. a scale comes from a region of spatial format 2D, of tissue or colour flow, in cm on both axes, of
//!    0.001 to 0.5 cm a pixel, of either sign;
//! 2. every region that has a spatial format lies within the picture, or the whole file is refused, for nothing tells
//!    a picture that was cropped (the scale still holds) from one that was resized (it does not). A last column or row
//!    equal to the picture's size is taken for an exclusive end;
//! 3. 2D regions that overlap have the same scale to 0.1 %, or the file is refused;
//! 4. Pixel Spacing, where it stands beside regions, agrees with them to 0.5 %, or the file is refused;
//! 5. what is measured lies within one region ([`RegionField::at`]) and touches none of another kind.
//!
//! Pixel Spacing alone is no scale of an ultrasound picture: the US Image IOD has none, PS3.3 10.7.1.3 leaves open
//! how exporters come by it, and it holds for the whole picture where a scan fills a part. It can be proposed to the
//! operator ([`pixel_spacing_proposal`]). Imager Pixel Spacing and Nominal Scanned Pixel Spacing are distances on a
//! detector or on paper and never come here.

use std::sync::Arc;

use super::{Calibration, CalibrationSource};
use crate::geometry::PointInFrame;
use crate::result::Reason;
use crate::units::MmPerPx;

/// One item of the Sequence of Ultrasound Regions (0018,6011) as it stands in the file, unchecked
/// (DICOM PS3.3 C.8.5.5, <https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.8.5.5.html>).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UltrasoundRegion {
    /// Region Spatial Format (0018,6012): 1 is 2D.
    pub spatial_format: u16,
    /// Region Data Type (0018,6014): 1 is tissue.
    pub data_type: u16,
    /// Region Flags (0018,6016): bit 0 low priority, bit 1 scaling protected.
    pub flags: u32,
    /// Region Location Min X0 (0018,6018), in pixels of the picture.
    pub min_x0: u32,
    /// Region Location Min Y0 (0018,601A).
    pub min_y0: u32,
    /// Region Location Max X1 (0018,601C); inclusive by the standard, and often the exclusive end in practice.
    pub max_x1: u32,
    /// Region Location Max Y1 (0018,601E).
    pub max_y1: u32,
    /// Physical Units X Direction (0018,6024): 3 is cm.
    pub units_x: u16,
    /// Physical Units Y Direction (0018,6026).
    pub units_y: u16,
    /// Physical Delta X (0018,602C), in the units of x for one pixel to the right. May be negative.
    pub delta_x: f64,
    /// Physical Delta Y (0018,602E).
    pub delta_y: f64,
}

/// Relative standard uncertainty of a scanner's own scale. Makers state limits of ±2 % for distances (SonoSite M-Turbo
/// and Edge user guides), taken as a rectangular distribution: 2 %/√3 (JCGM 100:2008, 4.3.7).
pub const SCANNER_RELATIVE_UNCERTAINTY: f64 = 0.0115;

/// Plausible scales of ultrasound in cm a pixel.
const PLAUSIBLE_CM_PER_PX: std::ops::RangeInclusive<f64> = 0.001..=0.5;
/// Scales closer than this are the same.
const SAME_SCALE: f64 = 1e-3;
/// Pixel Spacing closer than this to the regions' scale agrees with it.
const SAME_SPACING: f64 = 5e-3;
/// Physical unit code of centimetres.
const CM: u16 = 3;

impl UltrasoundRegion {
    fn is_scaling_protected(&self) -> bool {
        self.flags & 0b10 != 0
    }

    /// The rectangle on the picture of `size`, from the outer edge of the first to that of the last pixel. Widened
    /// by half a pixel on the far side where the file's end is exclusive, which cannot be known.
    fn bounds(&self, size: (u32, u32)) -> Bounds {
        let end = |max: u32, size: u32| f64::from(max).min(f64::from(size) - 1.0) + 0.5;
        Bounds {
            left: f64::from(self.min_x0) - 0.5,
            top: f64::from(self.min_y0) - 0.5,
            right: end(self.max_x1, size.0),
            bottom: end(self.max_y1, size.1),
        }
    }

    /// Overlap by more than the one row or column in doubt.
    fn overlaps(&self, other: &Self) -> bool {
        let share = |a: (u32, u32), b: (u32, u32)| a.1.min(b.1) > a.0.max(b.0).saturating_add(1);
        share((self.min_x0, self.max_x1), (other.min_x0, other.max_x1))
            && share((self.min_y0, self.max_y1), (other.min_y0, other.max_y1))
    }

    fn same_scale(&self, other: &Self) -> bool {
        let close = |a: f64, b: f64| (a.abs() - b.abs()).abs() <= SAME_SCALE * a.abs().min(b.abs());
        close(self.delta_x, other.delta_x) && close(self.delta_y, other.delta_y)
    }
}

/// Pixel Spacing (0028,0030) as it stands in a file: row spacing first, then column spacing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PixelSpacing {
    /// Distance of neighbouring rows: along y, in mm.
    pub row_mm: f64,
    /// Distance of neighbouring columns: along x, in mm.
    pub column_mm: f64,
}

/// A rectangle in the picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bounds {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Bounds {
    /// Around points. `None` where there are none, or one is not finite.
    fn around(points: impl IntoIterator<Item = PointInFrame>) -> Option<Self> {
        let mut points = points.into_iter();
        let first = points.next()?;
        let start = Self { left: first.x_px, top: first.y_px, right: first.x_px, bottom: first.y_px };
        let (bounds, finite) =
            points.fold((start, first.x_px.is_finite() && first.y_px.is_finite()), |(b, ok), p| {
                let grown = Self {
                    left: b.left.min(p.x_px),
                    top: b.top.min(p.y_px),
                    right: b.right.max(p.x_px),
                    bottom: b.bottom.max(p.y_px),
                };
                (grown, ok && p.x_px.is_finite() && p.y_px.is_finite())
            });
        finite.then_some(bounds)
    }

    fn holds(&self, other: &Self) -> bool {
        other.left >= self.left
            && other.right <= self.right
            && other.top >= self.top
            && other.bottom <= self.bottom
    }

    fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }
}

/// Why a file gives no millimetres, or one of its regions does not. Regions are numbered from 1 in the file's order.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The file has no regions.
    #[error("the file carries no ultrasound regions: no scale")]
    NoRegion,
    /// None, and Pixel Spacing alone is not trusted.
    #[error(
        "the file carries Pixel Spacing {}x{} mm but no ultrasound regions: confirm the scale by hand",
        .0.column_mm, .0.row_mm
    )]
    PixelSpacingAlone(PixelSpacing),
    /// A region is not within the picture.
    #[error(
        "region {region} ({},{})-({},{}) lies outside the picture of {}x{}: it was cropped or resized, no scale",
        min.0, min.1, max.0, max.1, picture.0, picture.1
    )]
    OutsidePicture {
        /// Which region.
        region: usize,
        /// Its first column and row.
        min: (u32, u32),
        /// Its last column and row as they stand in the file.
        max: (u32, u32),
        /// Width and height of the picture.
        picture: (u32, u32),
    },
    /// The first row or column is not before the last.
    #[error("region {region} ({},{})-({},{}) is empty: no scale", min.0, min.1, max.0, max.1)]
    Empty {
        /// Which region.
        region: usize,
        /// Its first column and row.
        min: (u32, u32),
        /// Its last column and row.
        max: (u32, u32),
    },
    /// No region shows a plane: all are M-mode, spectral, waveform or graphics.
    #[error("none of the {regions} regions is a 2D image (M-mode, spectral, waveform or graphics): no scale")]
    NoPlane {
        /// How many there are.
        regions: usize,
    },
    /// Neither tissue nor colour flow.
    #[error("region {region} has data type {data_type}, neither tissue nor colour flow: no scale")]
    DataType {
        /// Which region.
        region: usize,
        /// Region Data Type as it stands in the file.
        data_type: u16,
    },
    /// An axis is not in centimetres.
    #[error("region {region} is in units {x} and {y}, not in cm (3): no scale")]
    Unit {
        /// Which region.
        region: usize,
        /// Physical Units X Direction.
        x: u16,
        /// Physical Units Y Direction.
        y: u16,
    },
    /// A scale is zero, not a number or beyond all scanners.
    #[error("region {region} has {cm_per_px} cm per pixel along {axis}, not within 0.001 to 0.5: no scale")]
    Scale {
        /// Which region.
        region: usize,
        /// `x` or `y`.
        axis: char,
        /// Physical Delta as it stands in the file.
        cm_per_px: f64,
    },
    /// Two 2D regions overlap and differ.
    #[error("regions {first} and {second} overlap with different scales: no scale")]
    Overlap {
        /// One region.
        first: usize,
        /// The other.
        second: usize,
    },
    /// Two 2D regions overlap and differ, and the scaling of one is protected.
    #[error("regions {first} and {second} overlap with different scales, one of them protected: no scale")]
    ScalingProtected {
        /// One region.
        first: usize,
        /// The other.
        second: usize,
    },
    /// Pixel Spacing says something else.
    #[error(
        "Pixel Spacing {spacing_mm} mm along {axis} and region {region} with {region_mm} mm disagree: no scale"
    )]
    PixelSpacingDiffers {
        /// Which region.
        region: usize,
        /// `x` or `y`.
        axis: char,
        /// Pixel Spacing along that axis.
        spacing_mm: f64,
        /// The region's scale along it.
        region_mm: f64,
    },
    /// Pixel Spacing is no scale.
    #[error("Pixel Spacing {spacing_mm} mm along {axis} is no scale")]
    PixelSpacingValue {
        /// `x` or `y`.
        axis: char,
        /// Pixel Spacing along that axis.
        spacing_mm: f64,
    },
}

impl Refusal {
    /// The code as it stands in files.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoRegion => "NO_REGION",
            Self::PixelSpacingAlone(_) => "PIXEL_SPACING_ALONE",
            Self::OutsidePicture { .. } => "REGION_OUTSIDE_PICTURE",
            Self::Empty { .. } => "REGION_EMPTY",
            Self::NoPlane { .. } => "REGION_NOT_2D",
            Self::DataType { .. } => "REGION_DATA_TYPE",
            Self::Unit { .. } => "REGION_UNIT",
            Self::Scale { .. } => "REGION_SCALE",
            Self::Overlap { .. } => "REGION_OVERLAP",
            Self::ScalingProtected { .. } => "REGION_SCALING_PROTECTED",
            Self::PixelSpacingDiffers { .. } => "PIXEL_SPACING_DIFFERS",
            Self::PixelSpacingValue { .. } => "PIXEL_SPACING_VALUE",
        }
    }
}

/// A region whose scale is taken.
#[derive(Clone, Debug, PartialEq)]
struct Accepted {
    bounds: Bounds,
    tissue: bool,
    calibration: Arc<Calibration>,
}

/// The scales of one file's pictures, all frames, and where they hold.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionField {
    /// Tissue first.
    accepted: Vec<Accepted>,
    /// Where other scales hold: M-mode, spectra, traces, 2D regions without a usable scale.
    foreign: Vec<Bounds>,
    refused: Vec<Refusal>,
}

impl RegionField {
    /// Applies the rules above to a file's regions. `image_size_px` is Columns and Rows.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where the file as a whole, or each of its regions, gives no scale.
    pub fn decide(
        regions: &[UltrasoundRegion],
        image_size_px: (u32, u32),
        pixel_spacing: Option<PixelSpacing>,
    ) -> Result<Self, Refusal> {
        if regions.is_empty() {
            return Err(pixel_spacing.map_or(Refusal::NoRegion, Refusal::PixelSpacingAlone));
        }
        let numbered = || (1..).zip(regions);
        for (region, r) in numbered().filter(|(_, r)| is_spatial(r)) {
            let (min, max) = ((r.min_x0, r.min_y0), (r.max_x1, r.max_y1));
            let (width, height) = image_size_px;
            if max.0 > width || max.1 > height || min.0 >= width || min.1 >= height {
                return Err(Refusal::OutsidePicture { region, min, max, picture: image_size_px });
            }
        }
        let mut field = Self { accepted: Vec::new(), foreign: Vec::new(), refused: Vec::new() };
        let mut taken: Vec<(usize, &UltrasoundRegion)> = Vec::new();
        for (region, r) in numbered().filter(|(_, r)| is_spatial(r)) {
            let bounds = r.bounds(image_size_px);
            if r.spatial_format != 1 {
                field.foreign.push(bounds);
                continue;
            }
            match scale_of(region, r) {
                Ok(calibration) => {
                    taken.push((region, r));
                    let calibration = Arc::new(calibration);
                    field.accepted.push(Accepted { bounds, tissue: r.data_type == 1, calibration });
                }
                Err(refusal) => {
                    field.foreign.push(bounds);
                    field.refused.push(refusal);
                }
            }
        }
        if taken.is_empty() {
            let why = field.refused.first().copied();
            return Err(why.unwrap_or(Refusal::NoPlane { regions: regions.len() }));
        }
        for (i, &(first, a)) in taken.iter().enumerate() {
            for &(second, b) in taken.iter().skip(i + 1) {
                if a.overlaps(b) && !a.same_scale(b) {
                    return Err(if a.is_scaling_protected() || b.is_scaling_protected() {
                        Refusal::ScalingProtected { first, second }
                    } else {
                        Refusal::Overlap { first, second }
                    });
                }
            }
            if let Some(spacing) = pixel_spacing {
                agrees(first, a, spacing)?;
            }
        }
        field.accepted.sort_by_key(|a| !a.tissue);
        Ok(field)
    }

    /// The scale for a structure, from the points of its outline or the ends of a distance, in pixels of the file's
    /// picture.
    ///
    /// # Errors
    ///
    /// [`Reason::OutsideCalibration`] where not all points lie within one region, or the rectangle around them
    /// touches a part where another scale holds. [`Reason::NotFound`] where there are no points.
    pub fn at(&self, points: impl IntoIterator<Item = PointInFrame>) -> Result<Arc<Calibration>, Reason> {
        let mut points = points.into_iter().peekable();
        if points.peek().is_none() {
            return Err(Reason::NotFound);
        }
        let bounds = Bounds::around(points).ok_or(Reason::OutsideCalibration)?;
        if self.foreign.iter().any(|foreign| foreign.meets(&bounds) || foreign.holds(&bounds)) {
            return Err(Reason::OutsideCalibration);
        }
        let mut within = self.accepted.iter().filter(|a| a.bounds.holds(&bounds));
        let first = within.next().ok_or(Reason::OutsideCalibration)?;
        // Regions side by side may share a column and not a scale.
        let same = |a: MmPerPx, b: MmPerPx| (a.get() / b.get() - 1.0).abs() <= SAME_SCALE;
        let agrees = |other: &Accepted| {
            same(first.calibration.mm_per_px_x(), other.calibration.mm_per_px_x())
                && same(first.calibration.mm_per_px_y(), other.calibration.mm_per_px_y())
        };
        if within.all(agrees) { Ok(first.calibration.clone()) } else { Err(Reason::OutsideCalibration) }
    }

    /// The one scale of all regions, where they share it to 0.1 %: for showing that there is one. What is measured
    /// asks [`RegionField::at`].
    pub fn common_scale(&self) -> Option<&Arc<Calibration>> {
        let (first, rest) = self.accepted.split_first()?;
        let same = |a: MmPerPx, b: MmPerPx| (a.get() / b.get() - 1.0).abs() <= SAME_SCALE;
        rest.iter()
            .all(|a| {
                same(first.calibration.mm_per_px_x(), a.calibration.mm_per_px_x())
                    && same(first.calibration.mm_per_px_y(), a.calibration.mm_per_px_y())
            })
            .then_some(&first.calibration)
    }

    /// How many regions give a scale.
    pub fn len(&self) -> usize {
        self.accepted.len()
    }

    /// Whether none does, which [`RegionField::decide`] never returns.
    pub fn is_empty(&self) -> bool {
        self.accepted.is_empty()
    }

    /// Why the file's other 2D regions give none.
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }
}

/// Whether a region claims a part of the picture for a scale of its own: 2D, M-mode, spectrum or waveform. Others
/// (graphics, "none") lie beneath or upon them, like the whole screen or a grey bar.
fn is_spatial(r: &UltrasoundRegion) -> bool {
    matches!(r.spatial_format, 1..=4)
}

/// The scale of a 2D region.
fn scale_of(region: usize, r: &UltrasoundRegion) -> Result<Calibration, Refusal> {
    if r.max_x1 <= r.min_x0 || r.max_y1 <= r.min_y0 {
        return Err(Refusal::Empty { region, min: (r.min_x0, r.min_y0), max: (r.max_x1, r.max_y1) });
    }
    if !matches!(r.data_type, 1 | 2) {
        return Err(Refusal::DataType { region, data_type: r.data_type });
    }
    if r.units_x != CM || r.units_y != CM {
        return Err(Refusal::Unit { region, x: r.units_x, y: r.units_y });
    }
    for (axis, cm_per_px) in [('x', r.delta_x), ('y', r.delta_y)] {
        // `contains` is false for NaN too.
        if !PLAUSIBLE_CM_PER_PX.contains(&cm_per_px.abs()) {
            return Err(Refusal::Scale { region, axis, cm_per_px });
        }
    }
    let mm = |cm: f64| MmPerPx(cm.abs() * 10.0);
    Calibration::new(
        mm(r.delta_x),
        mm(r.delta_y),
        CalibrationSource::DicomRegion,
        SCANNER_RELATIVE_UNCERTAINTY,
    )
    .map_err(|_| Refusal::Scale { region, axis: 'x', cm_per_px: r.delta_x })
}

/// Whether Pixel Spacing says the same as a region.
fn agrees(region: usize, r: &UltrasoundRegion, spacing: PixelSpacing) -> Result<(), Refusal> {
    for (axis, spacing_mm, delta) in [('x', spacing.column_mm, r.delta_x), ('y', spacing.row_mm, r.delta_y)] {
        let region_mm = 10.0 * delta.abs();
        let off = (spacing_mm / region_mm - 1.0).abs();
        if off.is_nan() || off > SAME_SPACING {
            return Err(Refusal::PixelSpacingDiffers { region, axis, spacing_mm, region_mm });
        }
    }
    Ok(())
}

/// What to propose to an operator where Pixel Spacing is all that a file carries.
///
/// # Errors
///
/// [`Refusal::PixelSpacingValue`] where it is no scale.
pub fn pixel_spacing_proposal(spacing: PixelSpacing) -> Result<Calibration, Refusal> {
    for (axis, spacing_mm) in [('x', spacing.column_mm), ('y', spacing.row_mm)] {
        if !PLAUSIBLE_CM_PER_PX.contains(&(spacing_mm / 10.0)) {
            return Err(Refusal::PixelSpacingValue { axis, spacing_mm });
        }
    }
    Calibration::new(
        MmPerPx(spacing.column_mm),
        MmPerPx(spacing.row_mm),
        CalibrationSource::PixelSpacing,
        SCANNER_RELATIVE_UNCERTAINTY,
    )
    .map_err(|_| Refusal::PixelSpacingValue { axis: 'x', spacing_mm: spacing.column_mm })
}

#[cfg(test)]
#[path = "region_tests.rs"]
mod tests;

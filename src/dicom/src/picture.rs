//! What the header says about the pixels, checked for what the decoders rely on.

use dicom_dictionary_std::tags;

use crate::error::DicomError;
use crate::read::Elements;
use crate::transfer_syntax::Coding;

/// Most pixels of a frame. Twice the largest screen in use; a header that claims more is damaged or means harm.
const MOST_PIXELS: u64 = 1 << 26;

/// What the samples of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Photometric {
    /// Grey, the lowest value is white.
    Monochrome1,
    /// Grey, the lowest value is black.
    Monochrome2,
    /// Indices into a table of colours.
    PaletteColor,
    /// Red, green, blue.
    Rgb,
    /// Luma and two colour differences, full range, one of each for every pixel.
    YbrFull,
    /// As [`Self::YbrFull`], colour differences for pairs of pixels.
    YbrFull422,
    /// As video has it: a fourth of the colour differences, narrow range. Video streams only.
    YbrPartial420,
    /// Transformed inside of a JPEG 2000 stream, with losses.
    YbrIct,
    /// Transformed inside of a JPEG 2000 stream, without losses.
    YbrRct,
}

impl Photometric {
    /// The defined term (PS3.3, C.7.6.3.1.2).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monochrome1 => "MONOCHROME1",
            Self::Monochrome2 => "MONOCHROME2",
            Self::PaletteColor => "PALETTE COLOR",
            Self::Rgb => "RGB",
            Self::YbrFull => "YBR_FULL",
            Self::YbrFull422 => "YBR_FULL_422",
            Self::YbrPartial420 => "YBR_PARTIAL_420",
            Self::YbrIct => "YBR_ICT",
            Self::YbrRct => "YBR_RCT",
        }
    }

    fn from_term(term: &str) -> Option<Self> {
        [
            Self::Monochrome1,
            Self::Monochrome2,
            Self::PaletteColor,
            Self::Rgb,
            Self::YbrFull,
            Self::YbrFull422,
            Self::YbrPartial420,
            Self::YbrIct,
            Self::YbrRct,
        ]
        .into_iter()
        .find(|p| p.as_str() == term)
    }

    /// Samples of a pixel.
    pub const fn samples(self) -> usize {
        match self {
            Self::Monochrome1 | Self::Monochrome2 | Self::PaletteColor => 1,
            _ => 3,
        }
    }
}

/// Size and sample format of the frames (PS3.3, C.7.6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// What the samples are.
    pub photometric: Photometric,
    /// Bits that a sample takes in the file: 8 or 16.
    pub bits_allocated: u32,
    /// Bits of it that are used, the lowest ones.
    pub bits_stored: u32,
    /// Whether samples have a sign.
    pub signed: bool,
    /// Whether the samples of a frame come colour after colour, and not pixel after pixel.
    pub planar: bool,
}

fn bad<T>(what: impl Into<String>) -> Result<T, DicomError> {
    Err(DicomError::Pixels { what: what.into() })
}

impl Picture {
    pub(crate) fn read(elements: &Elements, coding: Coding) -> Result<Self, DicomError> {
        let columns = elements.count(tags::COLUMNS)?;
        let rows = elements.count(tags::ROWS)?;
        if columns == 0 || rows == 0 {
            return bad("the picture has no rows or no columns");
        }
        if u64::from(columns) * u64::from(rows) > MOST_PIXELS {
            return bad(format!("{columns}×{rows} pixels are more than any screen shows"));
        }
        let term = elements.text(tags::PHOTOMETRIC_INTERPRETATION);
        let Some(term) = term else {
            return Err(DicomError::Missing(Elements::attribute(tags::PHOTOMETRIC_INTERPRETATION)));
        };
        let Some(photometric) = Photometric::from_term(term) else {
            return bad("Photometric Interpretation (0028,0004) is none of those that are read");
        };
        let samples = elements.count(tags::SAMPLES_PER_PIXEL)? as usize;
        if samples != photometric.samples() {
            return bad(format!("{samples} samples per pixel do not go with {}", photometric.as_str()));
        }
        let picture = Self {
            columns,
            rows,
            photometric,
            bits_allocated: elements.count(tags::BITS_ALLOCATED)?,
            bits_stored: elements.count(tags::BITS_STORED)?,
            signed: elements.optional_count(tags::PIXEL_REPRESENTATION)?.unwrap_or(0) == 1,
            planar: samples > 1 && elements.optional_count(tags::PLANAR_CONFIGURATION)?.unwrap_or(0) == 1,
        };
        picture.check(elements, coding)?;
        Ok(picture)
    }

    fn check(&self, elements: &Elements, coding: Coding) -> Result<(), DicomError> {
        let Self { bits_allocated, bits_stored, photometric, .. } = *self;
        if bits_allocated != 8 && bits_allocated != 16 {
            return bad(format!("{bits_allocated} bits allocated; 8 and 16 are read"));
        }
        if bits_stored == 0 || bits_stored > bits_allocated {
            return bad(format!("{bits_stored} bits stored of {bits_allocated} allocated"));
        }
        let high_bit = elements.optional_count(tags::HIGH_BIT)?.unwrap_or(bits_stored - 1);
        if high_bit != bits_stored - 1 {
            return bad(format!(
                "high bit {high_bit} of {bits_stored} bits stored; it has to be the highest of them"
            ));
        }
        if photometric.samples() > 1 && (self.bits_stored != 8 || self.bits_allocated != 8 || self.signed) {
            return bad(format!(
                "{} with {bits_stored} bits a sample; colour is read with 8",
                photometric.as_str()
            ));
        }
        if self.signed && photometric == Photometric::PaletteColor {
            return bad("PALETTE COLOR with signed indices");
        }
        let fits = match photometric {
            Photometric::YbrPartial420 => coding.is_video(),
            Photometric::YbrIct | Photometric::YbrRct => coding == Coding::Jpeg2000,
            // Only JPEG resamples the colour differences itself, and only native pixels are stored in pairs.
            Photometric::YbrFull422 => coding != Coding::RunLength && coding != Coding::JpegLs,
            _ => true,
        };
        if !fits {
            return bad(format!("{} does not go with this transfer syntax", photometric.as_str()));
        }
        if photometric == Photometric::YbrFull422 && coding == Coding::Native {
            if self.planar {
                return bad("YBR_FULL_422 with planar configuration 1");
            }
            if !self.columns.is_multiple_of(2) {
                return bad("YBR_FULL_422 with an odd number of columns");
            }
        }
        Ok(())
    }

    /// Pixels of a frame.
    pub fn pixels(&self) -> usize {
        // At most 2²⁶, by `read`.
        self.columns as usize * self.rows as usize
    }

    /// Bytes of a frame as it is stored without encoding.
    pub(crate) fn native_bytes(&self) -> u64 {
        let samples = match self.photometric {
            // Two luma and two colour differences for two pixels.
            Photometric::YbrFull422 => 2,
            photometric => photometric.samples() as u64,
        };
        self.pixels() as u64 * samples * u64::from(self.bits_allocated / 8)
    }
}

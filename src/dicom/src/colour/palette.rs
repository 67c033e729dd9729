//! Indices to colours (PS3.3, C.7.6.3.1.5 and C.7.9).

use dicom_dictionary_std::tags;

use super::lut::{Lut, LutTags};
use crate::codec::Samples;
use crate::error::DicomError;
use crate::picture::Picture;
use crate::read::Elements;

/// A colour for every index that the stored bits can make.
#[derive(Debug)]
pub(crate) struct Palette {
    colours: Vec<[u8; 3]>,
}

const RED: LutTags = LutTags {
    descriptor: tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
    data: tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    segmented: Some(tags::SEGMENTED_RED_PALETTE_COLOR_LOOKUP_TABLE_DATA),
};
const GREEN: LutTags = LutTags {
    descriptor: tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
    data: tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    segmented: Some(tags::SEGMENTED_GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA),
};
const BLUE: LutTags = LutTags {
    descriptor: tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
    data: tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
    segmented: Some(tags::SEGMENTED_BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA),
};

impl Palette {
    /// Reads the tables. Entries of 16 bits are shown by their eight highest.
    pub fn new(elements: &Elements, picture: &Picture) -> Result<Self, DicomError> {
        let read = |tags| Lut::read(elements, tags, false);
        let (red, green, blue) = (read(RED)?, read(GREEN)?, read(BLUE)?);
        let indices = 0..1i32 << picture.bits_stored;
        Ok(Self { colours: indices.map(|i| [red.byte(i), green.byte(i), blue.byte(i)]).collect() })
    }

    pub fn show(&self, samples: &Samples) -> Vec<u8> {
        // Bits above the stored ones are none of the index: there are as many colours as a power of two.
        let mask = self.colours.len() - 1;
        let colour = |index: usize| self.colours[index & mask];
        match samples {
            Samples::Bytes(bytes) => bytes.iter().flat_map(|&i| colour(i.into())).collect(),
            Samples::Words(words) => words.iter().flat_map(|&i| colour(i.into())).collect(),
        }
    }
}

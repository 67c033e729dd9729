//! From samples to what is shown: 8-bit grey, or 8-bit red, green and blue.

mod grey;
mod lut;
mod palette;
mod ybr;

use crate::codec::{Colour, Decoded, Samples};
use crate::error::DicomError;
use crate::picture::{Photometric, Picture};
use crate::read::Content;

use grey::Grey;
use palette::Palette;

/// How the samples of a frame become what is shown. Made once a recording.
#[derive(Debug)]
pub(crate) enum Display {
    Grey(Grey),
    Palette(Palette),
    Colour,
}

impl Display {
    /// # Errors
    ///
    /// When a palette or look-up table is missing or damaged.
    pub fn new(content: &Content, picture: &Picture) -> Result<Self, DicomError> {
        match picture.photometric {
            Photometric::Monochrome1 | Photometric::Monochrome2 => {
                Grey::new(content, picture).map(Self::Grey)
            }
            Photometric::PaletteColor => Palette::new(&content.elements, picture).map(Self::Palette),
            _ => Ok(Self::Colour),
        }
    }

    /// Whether three bytes are shown a pixel, and not one.
    pub fn has_colour(&self) -> bool {
        !matches!(self, Self::Grey(_))
    }

    /// The bytes that are shown.
    ///
    /// # Errors
    ///
    /// When there are not as many bits a sample as the header says.
    pub fn show(&self, decoded: Decoded) -> Result<Vec<u8>, String> {
        match (self, decoded.samples) {
            (Self::Grey(grey), samples) => Ok(grey.show(samples)),
            (Self::Palette(palette), samples) => Ok(palette.show(&samples)),
            (Self::Colour, Samples::Bytes(mut bytes)) => {
                if decoded.colour == Colour::Ybr {
                    ybr::to_rgb(&mut bytes);
                }
                Ok(bytes)
            }
            (Self::Colour, Samples::Words(_)) => Err("its stream has more than 8 bits a colour".into()),
        }
    }
}

//! JPEG with losses, 8 bits.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{Colour, Decoded, Samples, check_size, stated};
use crate::picture::Picture;

pub(super) fn decode(picture: &Picture, bytes: &[u8]) -> Result<Decoded, String> {
    let markers = Markers::read(bytes);
    if markers.precision.is_some_and(|p| p != 8) {
        return Err("JPEG with more than 8 bits a sample is not supported".into());
    }
    // Strict: a stream that breaks off is an error, not a picture with a grey half.
    let options = DecoderOptions::default().set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let damaged = |_| "its JPEG stream is damaged".to_owned();
    decoder.decode_headers().map_err(damaged)?;
    let info = decoder.info().ok_or("its JPEG stream has no header")?;
    check_size(picture, info.width.into(), info.height.into(), info.components.into())?;
    // Samples come as they are coded. What they mean is told by the markers and the DICOM header, not guessed anew.
    let space = decoder.input_colorspace().unwrap_or(ColorSpace::YCbCr);
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let samples = decoder.decode().map_err(damaged)?;
    Ok(Decoded { samples: Samples::Bytes(samples), colour: markers.colour(picture) })
}

/// What a JPEG stream says about its colours.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Markers {
    jfif: bool,
    /// Adobe's marker and its kind of transform.
    adobe: Option<u8>,
    precision: Option<u8>,
    components: Vec<u8>,
}

impl Markers {
    /// Reads the markers in front of the first scan. What is damaged is left for the decoder to find.
    pub fn read(bytes: &[u8]) -> Self {
        let mut markers = Self::default();
        let mut rest = bytes.get(2..).unwrap_or_default();
        while let [0xFF, marker, after @ ..] = rest {
            match marker {
                // Padding.
                0xFF => {
                    rest = rest.get(1..).unwrap_or_default();
                    continue;
                }
                // Start of scan, end of image.
                0xDA | 0xD9 => break,
                _ => {}
            }
            let [high, low, ..] = *after else { break };
            let length = usize::from(u16::from_be_bytes([high, low]));
            let Some(content) = after.get(2..length) else { break };
            match (marker, content) {
                (0xE0, [b'J', b'F', b'I', b'F', ..]) => markers.jfif = true,
                (0xEE, [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..]) => {
                    markers.adobe = Some(*transform);
                }
                // Start of frame of any process: precision, rows, columns, and three bytes a component.
                (
                    0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF,
                    [precision, _, _, _, _, _, parts @ ..],
                ) => {
                    markers.precision = Some(*precision);
                    markers.components = parts.iter().step_by(3).copied().collect();
                }
                _ => {}
            }
            rest = after.get(length..).unwrap_or_default();
        }
        markers
    }

    /// What three components are. Streams that name them, or bear JFIF's or Adobe's marker, are believed before the DICOM
    /// header, which many writers leave at what the picture was before encoding.
    pub fn colour(&self, picture: &Picture) -> Colour {
        match (self.components.as_slice(), self.adobe) {
            (b"RGB" | b"rgb", _) | (_, Some(0)) => Colour::Rgb,
            (_, Some(1)) => Colour::Ybr,
            _ if self.jfif => Colour::Ybr,
            _ => stated(picture),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Photometric;

    const RGB: Picture = Picture {
        columns: 8,
        rows: 8,
        photometric: Photometric::Rgb,
        bits_allocated: 8,
        bits_stored: 8,
        signed: false,
        planar: false,
    };

    fn stream(app: &[u8], components: [u8; 3]) -> Vec<u8> {
        let [a, b, c] = components;
        let frame = [0xFF, 0xC0, 0, 17, 8, 0, 8, 0, 8, 3, a, 0x11, 0, b, 0x11, 0, c, 0x11, 0];
        [&[0xFF, 0xD8], app, &frame, &[0xFF, 0xDA]].concat()
    }

    #[test]
    fn markers_are_believed_before_the_header() {
        let jfif = [0xFF, 0xE0, 0, 7, b'J', b'F', b'I', b'F', 0];
        let adobe = |t| [&[0xFF, 0xEE, 0, 14][..], b"Adobe", &[0, 100, 0, 0, 0, 0, t]].concat();
        let colour = |app: &[u8], ids| Markers::read(&stream(app, ids)).colour(&RGB);
        assert_eq!(colour(&[], [1, 2, 3]), Colour::Rgb);
        assert_eq!(colour(&jfif, [1, 2, 3]), Colour::Ybr);
        assert_eq!(colour(&jfif, *b"RGB"), Colour::Rgb);
        assert_eq!(colour(&adobe(1), [1, 2, 3]), Colour::Ybr);
        assert_eq!(colour(&adobe(0), [1, 2, 3]), Colour::Rgb);
    }

    #[test]
    fn broken_markers_are_no_panic() {
        let whole = stream(&[0xFF, 0xE0, 0, 7, b'J', b'F', b'I', b'F', 0], [1, 2, 3]);
        for end in 0..whole.len() {
            Markers::read(&whole[..end]);
        }
        Markers::read(&[0xFF, 0xD8, 0xFF, 0xE0, 0, 0]);
        Markers::read(&[0xFF, 0xD8, 0xFF, 0xE0, 0, 1, 0]);
    }
}

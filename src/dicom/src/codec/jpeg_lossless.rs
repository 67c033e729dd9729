//! JPEG without losses.

use jpeg_decoder::{CodingProcess, Decoder, PixelFormat};

use super::jpeg::Markers;
use super::{Decoded, Samples, check_size};
use crate::picture::Picture;

pub(super) fn decode(picture: &Picture, bytes: &[u8]) -> Result<Decoded, String> {
    let damaged = |_| "its JPEG stream is damaged".to_owned();
    let mut decoder = Decoder::new(bytes);
    decoder.read_info().map_err(damaged)?;
    let info = decoder.info().ok_or("its JPEG stream has no header")?;
    let samples = match info.pixel_format {
        PixelFormat::L8 | PixelFormat::L16 => 1,
        PixelFormat::RGB24 => 3,
        PixelFormat::CMYK32 => 4,
    };
    check_size(picture, info.width.into(), info.height.into(), samples)?;
    if info.coding_process != CodingProcess::Lossless {
        return Err("its JPEG stream has losses, the transfer syntax says that it has none".into());
    }
    let decoded = decoder.decode().map_err(damaged)?;
    let samples = match info.pixel_format {
        PixelFormat::L16 => {
            let (words, _) = decoded.as_chunks::<2>();
            Samples::Words(words.iter().map(|w| u16::from_ne_bytes(*w)).collect())
        }
        _ => Samples::Bytes(decoded),
    };
    Ok(Decoded { samples, colour: Markers::read(bytes).colour(picture) })
}

//! JPEG 2000.

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::{Decoded, Samples, check_size};
use crate::picture::Picture;

/// Bytes of a codestream in front of the sizes of its components (ISO/IEC 15444-1, A.5.1).
const BEFORE_COMPONENTS: usize = 42;

pub(super) fn decode(picture: &Picture, bytes: &[u8]) -> Result<Decoded, String> {
    let damaged = |_| "its JPEG 2000 stream is damaged".to_owned();
    let components = components(bytes).ok_or("its JPEG 2000 stream has no header")?;
    if components.iter().any(|c| c.signed) {
        return Err("JPEG 2000 with signed samples is not supported".into());
    }
    if components.iter().any(|c| !c.full_size || c.bits > 16) {
        return Err(
            "JPEG 2000 with components of several sizes or of more than 16 bits is not supported".into()
        );
    }
    let settings = DecodeSettings { resolve_palette_indices: false, strict: true, target_resolution: None };
    let image = Image::new(bytes, &settings).map_err(damaged)?;
    check_size(picture, image.width(), image.height(), components.len())?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(damaged)?;
    let planes: Vec<&[f32]> = decoded.components().iter().map(|c| c.samples()).collect();
    let word = |s: f32, bits: u8| s.round().clamp(0.0, ((1u32 << bits) - 1) as f32) as u16;
    let samples = match (planes.as_slice(), components.as_slice()) {
        ([grey], [c]) if c.bits > 8 => Samples::Words(grey.iter().map(|&s| word(s, c.bits)).collect()),
        ([grey], [c]) => Samples::Bytes(grey.iter().map(|&s| word(s, c.bits) as u8).collect()),
        ([a, b, c], all) if all.iter().all(|c| c.bits <= 8) => {
            let pixels = a.iter().zip(*b).zip(*c);
            Samples::Bytes(pixels.flat_map(|((&a, &b), &c)| [a, b, c].map(|s| word(s, 8) as u8)).collect())
        }
        _ => return Err("JPEG 2000 with colours of more than 8 bits is not supported".into()),
    };
    Ok(Decoded::new(samples, picture))
}

struct Component {
    bits: u8,
    signed: bool,
    full_size: bool,
}

/// The components' formats, as the codestream states them.
fn components(bytes: &[u8]) -> Option<Vec<Component>> {
    if !bytes.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]) {
        return None;
    }
    let count = u16::from_be_bytes(*bytes.get(BEFORE_COMPONENTS - 2..)?.first_chunk()?);
    let sizes = bytes.get(BEFORE_COMPONENTS..)?.get(..usize::from(count) * 3)?;
    let (sizes, _) = sizes.as_chunks::<3>();
    let component = |&[precision, x, y]: &[u8; 3]| Component {
        bits: (precision & 0x7F) + 1,
        signed: precision & 0x80 != 0,
        full_size: x == 1 && y == 1,
    };
    Some(sizes.iter().map(component).collect())
}

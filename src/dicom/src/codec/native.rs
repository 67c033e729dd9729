//! Samples as they stand.

use super::{Decoded, Samples};
use crate::picture::{Photometric, Picture};

pub(super) fn decode(picture: &Picture, bytes: &[u8]) -> Result<Decoded, String> {
    let samples = match (picture.photometric, picture.bits_allocated) {
        (Photometric::YbrFull422, _) => Samples::Bytes(from_pairs(bytes)),
        (_, 8) if picture.planar => Samples::Bytes(interleave(bytes, picture.pixels())),
        (_, 8) => Samples::Bytes(bytes.to_vec()),
        _ => Samples::Words(words(bytes)),
    };
    Ok(Decoded::new(samples, picture))
}

/// Little-endian words.
pub(super) fn words(bytes: &[u8]) -> Vec<u16> {
    let (words, _) = bytes.as_chunks::<2>();
    words.iter().map(|w| u16::from_le_bytes(*w)).collect()
}

/// Two luma, then the two colour differences of both pixels (PS3.3, C.7.6.3.1.2). These stand at the first of the two and
/// are repeated, not interpolated.
fn from_pairs(bytes: &[u8]) -> Vec<u8> {
    let (pairs, _) = bytes.as_chunks::<4>();
    pairs.iter().flat_map(|&[y1, y2, b, r]| [y1, b, r, y2, b, r]).collect()
}

/// Three planes to three samples a pixel.
fn interleave(bytes: &[u8], pixels: usize) -> Vec<u8> {
    let mut planes = bytes.chunks_exact(pixels.max(1));
    let (Some(first), Some(second), Some(third)) = (planes.next(), planes.next(), planes.next()) else {
        return Vec::new();
    };
    first.iter().zip(second).zip(third).flat_map(|((&a, &b), &c)| [a, b, c]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_planes_become_pixels() {
        assert_eq!(from_pairs(&[1, 2, 3, 4, 5, 6, 7, 8]), [1, 3, 4, 2, 3, 4, 5, 7, 8, 6, 7, 8]);
        assert_eq!(interleave(&[1, 2, 3, 4, 5, 6], 2), [1, 3, 5, 2, 4, 6]);
        assert_eq!(interleave(&[1, 2, 3], 2), []);
    }
}

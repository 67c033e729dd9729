//! Run lengths (PS3.5 Annex G, <https://dicom.nema.org/medical/dicom/current/output/chtml/part05/chapter_G.html>).

use super::{Decoded, Samples};
use crate::picture::Picture;

/// Number of segments and fifteen offsets.
const HEADER: usize = 64;

pub(super) fn decode(picture: &Picture, bytes: &[u8]) -> Result<Decoded, String> {
    let samples = picture.photometric.samples();
    let width = if picture.bits_allocated == 16 { 2 } else { 1 };
    let segments = segments(bytes, samples * width)?;
    let pixels = picture.pixels();
    let stride = samples * width;
    let mut out = vec![0; pixels * stride];
    let mut plane = Vec::new();
    for (i, segment) in segments.into_iter().enumerate() {
        plane.clear();
        unpack(segment, pixels, &mut plane);
        if plane.len() != pixels {
            return Err(format!("run lengths make {} of {pixels} bytes", plane.len()));
        }
        // A sample's high byte comes first; here it goes last.
        let place = i / width * width + (width - 1 - i % width);
        for (to, &from) in out.iter_mut().skip(place).step_by(stride).zip(&plane) {
            *to = from;
        }
    }
    let samples = if width == 2 { Samples::Words(super::native::words(&out)) } else { Samples::Bytes(out) };
    Ok(Decoded::new(samples, picture))
}

fn segments(bytes: &[u8], expected: usize) -> Result<Vec<&[u8]>, String> {
    let header = bytes.get(..HEADER).ok_or("its run-length header is cut off")?;
    let (words, _) = header.as_chunks::<4>();
    let mut words = words.iter().map(|w| u32::from_le_bytes(*w) as usize);
    let count = words.next().unwrap_or(0);
    if count != expected {
        return Err(format!("it has {count} run-length segments where {expected} are expected"));
    }
    let starts: Vec<usize> = words.take(count).collect();
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    let segments: Option<Vec<&[u8]>> = starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| if start < HEADER { None } else { bytes.get(start..end) })
        .collect();
    segments.ok_or_else(|| "its run-length segments lie outside of it".into())
}

/// Appends up to `limit` bytes. What is behind them is padding.
fn unpack(mut packed: &[u8], limit: usize, out: &mut Vec<u8>) {
    while out.len() < limit {
        let Some((&count, rest)) = packed.split_first() else { return };
        packed = rest;
        match count {
            // So many bytes as they are.
            0..=127 => {
                let n = (usize::from(count) + 1).min(packed.len());
                let (literal, rest) = packed.split_at(n);
                out.extend_from_slice(literal);
                packed = rest;
            }
            128 => {}
            // One byte, repeated.
            129..=255 => {
                let Some((&byte, rest)) = packed.split_first() else { return };
                out.extend(std::iter::repeat_n(byte, 257 - usize::from(count)));
                packed = rest;
            }
        }
    }
    out.truncate(limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_runs_and_padding() {
        let mut out = Vec::new();
        unpack(&[2, 1, 2, 3, 128, 254, 9, 0, 7, 0, 0], 7, &mut out);
        assert_eq!(out, [1, 2, 3, 9, 9, 9, 7]);
    }

    #[test]
    fn cut_off_runs_end_quietly_and_are_counted_by_the_caller() {
        let mut out = Vec::new();
        unpack(&[5, 1, 2], 10, &mut out);
        assert_eq!(out, [1, 2]);
        unpack(&[200], 10, &mut out);
        assert_eq!(out, [1, 2]);
    }

    #[test]
    fn segments_outside_of_the_frame_are_refused() {
        let mut bytes = vec![0; 70];
        bytes[0] = 1;
        bytes[4] = 64;
        assert_eq!(segments(&bytes, 1).unwrap(), [&[0; 6]]);
        bytes[4] = 71;
        assert!(segments(&bytes, 1).is_err());
        bytes[4] = 3;
        assert!(segments(&bytes, 1).is_err());
        assert!(segments(&bytes, 3).is_err());
        assert!(segments(&bytes[..63], 1).is_err());
    }
}

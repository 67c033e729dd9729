//! JPEG-LS, without losses and nearly so (ITU-T T.87 | ISO/IEC 14495-1, <https://www.itu.int/rec/T-REC-T.87>).
//!
//! Markers are read in `markers`, samples in `scan`. Restart intervals, mapping tables, sub-sampled components and
//! colour transforms, which DICOM does not use, are refused.

mod markers;
mod scan;

use markers::{Interleave, Scan, Stream};
use scan::ScanDecoder;

use super::{Decoded, Samples, check_size};
use crate::picture::Picture;

pub(super) fn decode(picture: &Picture, bytes: &[u8]) -> Result<Decoded, String> {
    let stream = Stream::read(bytes)?;
    check_size(picture, stream.columns, stream.rows, stream.components)?;
    let mut words = vec![0u16; picture.pixels() * stream.components];
    let columns = stream.columns as usize;
    let mut next = 0;
    for scan in &stream.scans {
        let stride = stream.components;
        next += decode_scan(scan, &stream, columns, next, stride, &mut words)?;
    }
    if next != stream.components {
        return Err(format!("its JPEG-LS stream holds {next} of {} components", stream.components));
    }
    let samples = if stream.bits > 8 {
        Samples::Words(words)
    } else {
        // At most 8 bits, by the stream's own maximum.
        Samples::Bytes(words.into_iter().map(|w| w as u8).collect())
    };
    Ok(Decoded::new(samples, picture))
}

/// Decodes one scan into its components' places and returns how many components it has.
fn decode_scan(
    scan: &Scan<'_>,
    stream: &Stream<'_>,
    columns: usize,
    first: usize,
    stride: usize,
    words: &mut [u16],
) -> Result<usize, String> {
    let count = scan.components;
    if first + count > stream.components || (scan.interleave == Interleave::None && count != 1) {
        return Err("its JPEG-LS scans do not go with its components".into());
    }
    let mut decoder = ScanDecoder::new(scan, columns);
    for row in words.chunks_exact_mut(columns * stride) {
        decoder.row()?;
        for (i, line) in decoder.lines().enumerate() {
            for (to, &from) in row.iter_mut().skip(first + i).step_by(stride).zip(line) {
                *to = from as u16;
            }
        }
    }
    Ok(count)
}

//! From a frame's bytes in the file to its samples.
//!
//! JPEG, JPEG without losses and JPEG 2000 are decoded by crates; run lengths and JPEG-LS here, for no crate does them
//! in safe Rust without giving up on some damaged input.

mod jpeg;
mod jpeg2000;
mod jpeg_lossless;
mod jpeg_ls;
mod native;
mod rle;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::picture::{Photometric, Picture};
use crate::transfer_syntax::Coding;

/// Samples of a frame, pixel after pixel, row after row.
#[derive(Debug, PartialEq)]
pub(crate) enum Samples {
    Bytes(Vec<u8>),
    Words(Vec<u16>),
}

/// What three samples of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Rgb,
    Ybr,
}

/// A frame's samples and, where there are three to a pixel, what they are.
#[derive(Debug, PartialEq)]
pub(crate) struct Decoded {
    pub samples: Samples,
    pub colour: Colour,
}

impl Decoded {
    fn new(samples: Samples, picture: &Picture) -> Self {
        Self { samples, colour: stated(picture) }
    }
}

/// Colour as the header states it. What is transformed inside of JPEG 2000 comes out as red, green and blue.
fn stated(picture: &Picture) -> Colour {
    match picture.photometric {
        Photometric::YbrFull | Photometric::YbrFull422 | Photometric::YbrPartial420 => Colour::Ybr,
        _ => Colour::Rgb,
    }
}

/// Decodes one frame of a coding that is not video.
///
/// # Errors
///
/// What is wrong with the frame, in a few words.
pub(crate) fn decode(coding: Coding, picture: &Picture, bytes: &[u8]) -> Result<Decoded, String> {
    let decoded = match coding {
        Coding::Native => native::decode(picture, bytes),
        Coding::RunLength => rle::decode(picture, bytes),
        Coding::JpegLs => jpeg_ls::decode(picture, bytes),
        Coding::Jpeg => guarded(|| jpeg::decode(picture, bytes)),
        Coding::JpegLossless => guarded(|| jpeg_lossless::decode(picture, bytes)),
        Coding::Jpeg2000 => guarded(|| jpeg2000::decode(picture, bytes)),
        Coding::Mpeg2 | Coding::H264 { .. } | Coding::Hevc => Err("it is part of a video stream".into()),
    }?;
    let expected = picture.pixels() * picture.photometric.samples();
    let length = match &decoded.samples {
        Samples::Bytes(bytes) => bytes.len(),
        Samples::Words(words) => words.len(),
    };
    if length != expected {
        return Err(format!("{length} samples where {expected} are expected"));
    }
    Ok(decoded)
}

/// A decoder of others that gives up its thread on damaged input gives up this frame only.
fn guarded(decode: impl FnOnce() -> Result<Decoded, String>) -> Result<Decoded, String> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err("its stream is damaged".into()))
}

/// The same size, or what is wrong.
fn check_size(picture: &Picture, columns: u32, rows: u32, samples: usize) -> Result<(), String> {
    let expected = (picture.columns, picture.rows, picture.photometric.samples());
    if (columns, rows, samples) == expected {
        return Ok(());
    }
    let (c, r, s) = expected;
    Err(format!(
        "its stream holds {columns}×{rows} pixels of {samples} samples, the header says {c}×{r} of {s}"
    ))
}

//! Frames behind a header, one after the other, so that memory does not grow with their number.

use std::io::Write;

use dicom_object::InMemDicomObject;

use super::file::{self, Part10, RLE, WriteError};
use super::rle;

/// An object whose frames are being written, losslessly (RLE).
#[derive(Debug)]
pub(crate) struct FrameWriter<W: Write> {
    to: W,
    samples: usize,
}

impl<W: Write> FrameWriter<W> {
    /// Writes what stands before the frames, which have `samples` bytes a pixel.
    pub fn begin(header: InMemDicomObject, samples: usize, mut to: W) -> Result<Self, WriteError> {
        Part10::new(header, RLE)?.write(&mut to)?;
        file::begin_frames(&mut to)?;
        Ok(Self { to, samples })
    }

    /// Writes a frame with rows of `width` pixels.
    pub fn frame(&mut self, pixels: &[u8], width: usize) -> Result<(), WriteError> {
        file::frame(&mut self.to, &rle::encode(pixels, width, self.samples))
    }

    /// Ends the file and hands back what it was written to.
    pub fn finish(mut self) -> Result<W, WriteError> {
        file::end_frames(&mut self.to)?;
        self.to.flush()?;
        Ok(self.to)
    }
}

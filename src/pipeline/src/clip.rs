//! Pictures into a clip, for those who have pictures alone.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::coder::Coder;
use crate::encode::{self, Coding, SMALLEST};
use crate::error::ReplayError;

/// A clip that is being written: H.264 in MP4, without sound and metadata.
pub struct ClipWriter {
    coder: Coder,
    path: PathBuf,
}

impl ClipWriter {
    /// Begins a clip of pictures of one size.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Encode`].
    pub fn begin(path: &Path, size: (u32, u32)) -> Result<Self, ReplayError> {
        let path = path.to_owned();
        if size.0 < SMALLEST || size.1 < SMALLEST {
            let message = format!("pictures of less than {SMALLEST} pixels a side cannot be coded");
            return Err(ReplayError::Encode { path, message });
        }
        // Each frame has its own time.
        let rate = gst::Fraction::new(0, 1);
        let coder = Coder::start(size, rate, &path, |pipeline| {
            encode::add(pipeline, Coding::of(size.0, size.1), &path)
        })?;
        Ok(Self { coder, path })
    }

    /// Adds a picture of red, green and blue, rows from the top without padding, shown from `pts_ns` to `next_ns`.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Encode`].
    pub fn frame(&mut self, rgb: Vec<u8>, pts_ns: u64, next_ns: u64) -> Result<(), ReplayError> {
        if self.coder.push(rgb, gst_video::VideoFormat::Rgb, pts_ns, next_ns) {
            return Ok(());
        }
        Err(ReplayError::Encode {
            path: self.path.clone(),
            message: "the coder takes no more pictures".to_owned(),
        })
    }

    /// Closes the file.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Encode`].
    pub fn finish(self) -> Result<(), ReplayError> {
        self.coder.finish(&AtomicBool::new(false))
    }
}

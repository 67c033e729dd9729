//! How the engine gets to see a frame.

use std::sync::Arc;

use vesalius_cuda::gst_cuda::Access;
use vesalius_cuda::{Context, CudaError, DevicePicture, Pool, Stream};

use super::settings::Mode;
use crate::device::Frames;

/// A frame as the engine's thread gets it.
pub(super) enum Sight {
    /// To be read by the computer.
    Read(gst::Buffer),
    /// To be looked at where it lies on a GPU.
    There(gst::Buffer, Arc<Frames>),
    /// A copy of it on the GPU; the frame itself has gone on.
    Copy(DevicePicture),
}

/// For one stream: where its frames are, and what the engine's thread is given of them.
#[derive(Debug)]
pub(super) struct Outlook {
    frames: Arc<Frames>,
    /// Where frames do not wait for the engine, it looks at copies: a frame can then be drawn on meanwhile.
    copier: Option<Copier>,
}

impl Outlook {
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub(super) fn new(frames: Frames, mode: Mode, context: &Context) -> Result<Self, CudaError> {
        let copier = match mode {
            Mode::EveryFrame => None,
            Mode::Latest => Some(Copier { stream: Stream::new(context)?, pool: None }),
        };
        Ok(Self { frames: Arc::new(frames), copier })
    }

    /// What the engine's thread is given of a frame.
    ///
    /// # Errors
    ///
    /// Those of mapping and copying.
    pub(super) fn sight(&mut self, buffer: &mut gst::Buffer) -> Result<Sight, CudaError> {
        match &mut self.copier {
            None => Ok(Sight::There(buffer.clone(), self.frames.clone())),
            Some(copier) => copier.copy(&self.frames, buffer).map(Sight::Copy),
        }
    }
}

/// Copies of pictures: one that is looked at, one that waits for it, and one that is being made.
const COPIES: usize = 3;

/// Copies pictures on the GPU.
#[derive(Debug)]
pub(super) struct Copier {
    stream: Stream,
    pool: Option<Pool>,
}

impl Copier {
    fn copy(&mut self, frames: &Frames, buffer: &mut gst::Buffer) -> Result<DevicePicture, CudaError> {
        let context = self.stream.context().clone();
        let mapped = frames.map(buffer, &context, Access::Read)?;
        let original = &mapped.picture;
        let (format, width, height) = (original.format(), original.width(), original.height());
        let mut planes = Vec::new();
        let mut bytes = 0;
        for plane in 0..format.planes() {
            // Rows as far apart as the original's, so that a plane is one copy.
            let stride = original.plane(plane).1;
            planes.push((bytes, stride));
            bytes += stride * format.plane_layout(plane, width, height).rows;
        }
        let pool = match self.pool.take().filter(|pool| pool.bytes() >= bytes) {
            Some(pool) => pool,
            None => Pool::new(&context, bytes, COPIES)?,
        };
        let memory = self.pool.insert(pool).take()?;
        let copy = DevicePicture::new(&memory, format, width, height, &planes)?
            .with_colorimetry(original.range(), original.matrix());
        if let Some(stream) = &mapped.stream {
            self.stream.wait(&stream.fence()?)?;
        }
        let mut work = self.stream.begin();
        work.copy_picture(original, &copy)?;
        // Waited for, and the frame is nobody's but the stream's again.
        work.finish()?.block()?;
        self.stream.collect();
        Ok(copy)
    }
}

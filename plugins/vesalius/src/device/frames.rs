//! A stream's frames as pictures on the GPU.

use gst_video::VideoInfo;
use vesalius_cuda::gst_cuda::{Access, GstCuda};
#[cfg(feature = "nvmm")]
use vesalius_cuda::nvmm::{Nvmm, NvmmFormat};
use vesalius_cuda::{Context, CudaError, DevicePicture, Stream};

use super::{Place, site};
use crate::frame::colorimetry;

/// Finds the pictures in the buffers of one stream. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Frames {
    info: VideoInfo,
    memory: Memory,
}

#[derive(Clone, Debug)]
enum Memory {
    Cuda(GstCuda),
    #[cfg(feature = "nvmm")]
    Nvmm(Nvmm, NvmmFormat),
}

/// A frame's picture.
#[derive(Debug)]
pub(crate) struct Mapped {
    /// Whoever works on it holds the buffer.
    pub(crate) picture: DevicePicture,
    /// The stream that it is written on, and that whoever has it next goes by; none where it is finished already and
    /// whoever has it next goes by no stream.
    pub(crate) stream: Option<Stream>,
}

impl Frames {
    /// For a stream with these caps; `None` where its frames lie in the computer's memory.
    ///
    /// # Errors
    ///
    /// [`CudaError::Off`], [`CudaError::Unfit`] for caps that name no format that is known.
    pub(crate) fn of(caps: &gst::CapsRef) -> Result<Option<Self>, CudaError> {
        let place = Place::of(caps);
        if place == Place::Host {
            return Ok(None);
        }
        let unfit = |why: &str| CudaError::Unfit { what: "using frames on the device", why: why.to_owned() };
        let site = site().map_err(|off| CudaError::Off(off.clone()))?;
        let info = VideoInfo::from_caps(caps).map_err(|_| unfit("their caps are no video's"))?;
        let memory = match place {
            #[cfg(feature = "nvmm")]
            Place::Nvmm => {
                let format =
                    NvmmFormat::from_caps(caps)?.ok_or_else(|| unfit("their caps are not NVMM's"))?;
                Memory::Nvmm(Nvmm::open(), format)
            }
            _ => Memory::Cuda(site.gst()?),
        };
        Ok(Some(Self { info, memory }))
    }

    /// The stream's caps.
    pub(crate) fn info(&self) -> &VideoInfo {
        &self.info
    }

    /// The picture in a buffer, in a context.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] for a buffer that is not what the caps say, or one to be drawn on that others see;
    /// [`CudaError::OtherContext`] for one of another context.
    pub(crate) fn map(
        &self,
        buffer: &mut gst::Buffer,
        context: &Context,
        access: Access,
    ) -> Result<Mapped, CudaError> {
        let (range, matrix) = colorimetry(&self.info);
        let (picture, stream) = match &self.memory {
            Memory::Cuda(gst) => {
                let mapped =
                    gst.map(buffer, &self.info, context, access)?.ok_or_else(|| CudaError::Unfit {
                        what: "using a frame on the device",
                        why: "its caps say that it is there, and it is not".to_owned(),
                    })?;
                (mapped.picture, Some(mapped.stream))
            }
            #[cfg(feature = "nvmm")]
            Memory::Nvmm(nvmm, format) => {
                // SAFETY: the buffer is of the stream whose caps the format was made of.
                #[allow(unsafe_code)]
                let mapped = unsafe { nvmm.map(buffer, format, context, access) }?;
                (mapped.picture, None)
            }
        };
        Ok(Mapped { picture: picture.with_colorimetry(range, matrix), stream })
    }
}

//! Frames in memory of an NVIDIA GPU: caps, contexts shared with other elements, and pictures where they lie.
//!
//! Pad templates always name this memory. Whether it is offered is found out when caps are asked for: where there is no
//! driver, it is not, and the elements are what they are without a GPU.

mod caps;
mod frames;
mod share;

use std::sync::OnceLock;

use vesalius_cuda::gst_cuda::GstCuda;
use vesalius_cuda::{Compiler, Context, CubinCache, Cuda, CudaError, Kernels, Off};

pub(crate) use caps::{Place, Preference, offered, with_device, within};
pub(crate) use frames::{Frames, Mapped};
pub(crate) use share::{Sharing, is_primary};

/// The driver, and GStreamer's library for it.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) cuda: Cuda,
    /// GStreamer of Jetson has none, where frames lie in NVMM.
    pub(crate) gst: Result<GstCuda, Off>,
}

impl Site {
    /// GStreamer's library.
    pub(crate) fn gst(&self) -> Result<GstCuda, CudaError> {
        self.gst.clone().map_err(CudaError::Off)
    }
}

/// Looked for once, when first asked.
///
/// # Errors
///
/// Why CUDA is off here, in one line.
pub(crate) fn site() -> Result<&'static Site, &'static Off> {
    static SITE: OnceLock<Result<Site, Off>> = OnceLock::new();
    SITE.get_or_init(|| Ok(Site { cuda: Cuda::probe()?, gst: GstCuda::load() })).as_ref()
}

/// The kernels in a context, compiled where they are not cached.
///
/// # Errors
///
/// As [`Kernels::load`].
pub(crate) fn kernels(context: &Context) -> Result<Kernels, CudaError> {
    Kernels::load(context, &Compiler::new(None, CubinCache::standard()))
}

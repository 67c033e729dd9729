//! Frames in `memory:NVMM`: NVIDIA's surfaces, on Jetson and in DeepStream, used where they lie.
//!
//! An NVMM buffer is no `GstCudaMemory`: its data is an `NvBufSurface` that says where the pixels are. On a
//! discrete GPU that is an address, which is used directly. On Jetson it is a dma-buf of the video engines,
//! which CUDA sees through an EGL image: `NvBufSurfaceMapEglImage`, `cuGraphicsEGLRegisterImage`,
//! `cuGraphicsResourceGetMappedEglFrame`.
//!
//! **Unverified on hardware**: no Jetson has run this. See `docs/jetson.md`.
//!
//! # Registrations
//!
//! * Registering maps for good: "additional mapping/unmapping is not required", says the documentation of
//!   `cuGraphicsEGLRegisterImage`. Nothing is mapped or unmapped a frame.
//! * A registration stays with its buffer, in a meta with the flags POOLED and LOCKED: a pool that gives the
//!   buffer out again gives the registration with it. It ends with the buffer, whose metas go before its
//!   memory, and holds the memory as well, so a memory that somebody takes out of the buffer outlives it.
//! * A meta is only ever added to a buffer that is ours alone. One that others see is never copied for it
//!   (`make_mut`): the meta would be the copy's, and end with the copy while others use the memory. Such a
//!   frame is registered for itself, and counted as [`NvmmCounts::uncached`].
//! * A registration is used again only for the same memory, surface, dma-buf and layout in the same context.
//!
//! A registration keeps its context: after a FAULT a primary context is only gone when the buffers that were
//! registered in it are.
//!
//! # Order
//!
//! NVIDIA's elements push a surface when their engines have finished it, so work may begin at once; the
//! buffer is held until that work is done. A frame that was drawn on must be done before another engine reads
//! it, and there is no stream between the two: wait for the work's fence
//! ([`Fence::block`](crate::Fence::block)) before it is pushed on.

mod format;
mod frame;
mod meta;
mod registration;
pub mod sys;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub use frame::{NvmmFormat, NvmmFrame};

use crate::result::Off;
use sys::{EglInterop, EglLibraries};

/// What is needed to use frames in NVMM. Cheap to clone; clones count together.
#[derive(Clone, Debug)]
pub struct Nvmm {
    interop: Result<Arc<dyn EglInterop>, Off>,
    counts: Arc<Counts>,
}

impl Nvmm {
    /// Opens the libraries. Where one is missing, frames in memory of the device can still be used, and
    /// [`Nvmm::surface_arrays`] says what is missing for Jetson's.
    pub fn open() -> Self {
        let interop = EglLibraries::open().map(|libraries| Arc::new(libraries) as Arc<dyn EglInterop>);
        Self { interop, counts: Arc::default() }
    }

    /// With libraries of one's own, as tests have them.
    pub fn with_interop(interop: Arc<dyn EglInterop>) -> Self {
        Self { interop: Ok(interop), counts: Arc::default() }
    }

    /// Whether Jetson's surfaces can be used.
    ///
    /// # Errors
    ///
    /// [`Off::LibraryMissing`], [`Off::NoDriver`].
    pub fn surface_arrays(&self) -> Result<(), Off> {
        self.interop.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// Counts since it was opened.
    pub fn counts(&self) -> NvmmCounts {
        let counts = &self.counts;
        NvmmCounts {
            registered: counts.registered.load(Relaxed),
            reused: counts.reused.load(Relaxed),
            uncached: counts.uncached.load(Relaxed),
            unregistered: counts.unregistered.load(Relaxed),
        }
    }
}

/// How often surfaces were registered. In a pipeline that runs, only `reused` grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NvmmCounts {
    /// Registrations made, those for one frame included.
    pub registered: u64,
    /// Frames whose buffer brought its registration along.
    pub reused: u64,
    /// Registrations made for one frame, because others see its buffer as well: take frames before a `tee`.
    pub uncached: u64,
    /// Registrations ended.
    pub unregistered: u64,
}

#[derive(Debug, Default)]
struct Counts {
    registered: AtomicU64,
    reused: AtomicU64,
    uncached: AtomicU64,
    unregistered: AtomicU64,
}

impl Counts {
    fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }
}

//! CUDA for Vesalius: contexts and streams shared with GStreamer, memory on the device, and kernels.
//!
//! Everything is opened at run time: the driver, the run-time compiler and GStreamer's CUDA library. The same
//! program runs on a machine without any of them, where [`Cuda::probe`] says in one line why CUDA is off.
//!
//! Three strata, each built on the one beneath:
//!
//! * [`sys`]: what the libraries export; handles are numbers, nothing is owned;
//! * [`result`]: errors, and kernels to cubins;
//! * the rest: [`Context`], [`Stream`], [`DeviceBuffer`] and the like own what they stand for, and
//!   [`kernels`] have a typed face each.
//!
//! # Memory safety
//!
//! * A context outlives everything in it: whatever is in a context has a clone of it, and an adopted one has
//!   its keeper.
//! * A memory outlives the work that touches it: work is handed in with a [`Work`], which holds the memory
//!   until a fence behind it has passed. Where that cannot be told, memory is lost rather than given to
//!   somebody else.
//! * A kernel stays within its memory: its face checks sizes before it launches, and nothing else launches.
//! * The thread's own context is what it was before each call.
//!
//! # Order, and waiting
//!
//! Work of one stream is done in order. From one stream to another order is made by a [`Fence`] and
//! [`Stream::wait`], on the device. The host waits in [`Fence::block`], [`Stream::synchronize`] and where a
//! result is read; each time is counted ([`Context::counters`]), and so is each frame that is copied between
//! host and device.
//!
//! # Exactness
//!
//! Kernels compute with whole numbers, or with operations that IEEE 754 rounds exactly, in the order in which
//! the CPU's code has them; they are compiled without fused multiply-add. The same source gives the same bits
//! on a GPU and, through g++, on the CPU, and those are the bits of the reference in Rust: no tolerance
//! anywhere.

// The driver's and the libraries' interfaces are C; every block says what it rests on.
#![allow(unsafe_code)]

#[cfg(feature = "gst")]
pub mod gst_cuda;
pub mod kernels;
#[cfg(feature = "nvmm")]
pub mod nvmm;
pub mod result;
mod safe;
pub mod sys;

pub use result::{Compiler, CubinCache, CudaError, Off};
pub use safe::{
    BackOff, Context, CountersNow, Cuda, Device, DeviceBuffer, DeviceError, DevicePicture, Download, Entered,
    Fence, Health, KeepAlive, Kernels, Launch, Pool, Recovering, Stream, SurfaceFormat, Timer, Work,
};

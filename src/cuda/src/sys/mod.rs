//! The lowest stratum: what the shared libraries export, and nothing more.
//!
//! * [`Driver`]: the driver calls that are used, made by [`Cudarc`] on the driver;
//! * [`Nvrtc`]: the run-time compiler;
//! * `gst` (feature `gst`): GStreamer's CUDA library.
//!
//! Every library is opened at run time; none is linked.

mod cudarc;
mod driver;
#[cfg(feature = "gst")]
pub mod gst;
mod nvrtc;

pub use cudarc::{Cudarc, OpenError};
pub use driver::{
    Code, DevicePtr, Dim3, Driver, Outcome, RawContext, RawEvent, RawFunction, RawModule, RawStream,
};
pub use nvrtc::{Nvrtc, NvrtcFunctions};

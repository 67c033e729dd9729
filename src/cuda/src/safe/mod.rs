//! The upper stratum: things that own what they stand for.

mod context;
mod counters;
mod fault;
mod keep;
mod memory;
mod module;
mod picture;
mod pool;
mod probe;
mod stream;
mod timer;

pub use context::{Context, Entered};
pub use counters::CountersNow;
pub use fault::{BackOff, DeviceError, Health, Recovering};
pub use keep::KeepAlive;
pub use memory::{DeviceBuffer, Download};
pub use module::{Kernels, Launch};
pub use picture::{DevicePicture, SurfaceFormat};
pub use pool::Pool;
pub use probe::{Cuda, Device};
pub use stream::{Fence, Stream, Work};
pub use timer::Timer;

/// Counts a frame that somebody else copied to the device for us.
#[cfg(feature = "gst")]
pub(crate) fn count_upload(context: &Context, bytes: usize) {
    use counters::Counters;
    Counters::add(&context.count().frames_uploaded, 1);
    Counters::add(&context.count().bytes_up, bytes);
}

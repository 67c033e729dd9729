//! The middle stratum: calls with results for errors, still without ownership.
//!
//! * [`CudaError`]: what can go wrong, and whether the context is lost with it;
//! * [`Off`]: why CUDA is not used here, in one line;
//! * [`Compiler`]: kernels to cubins, cached on disk.

mod cache;
mod compile;
mod error;
mod find;

pub use cache::CubinCache;
pub use compile::{Compiler, Cubin, OPTIONS};
pub use error::{CudaError, Off};
pub use find::{LIBRARY_VARIABLE, NvrtcSource, find_nvrtc};

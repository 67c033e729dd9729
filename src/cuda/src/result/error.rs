//! What can go wrong.

use crate::sys::Code;

/// Why CUDA is off: no error on a machine without a GPU, one line for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Off {
    /// There is no driver.
    #[error("no NVIDIA driver is installed (libcuda.so.1 was not found)")]
    NoDriver,
    /// The driver cannot be initialised.
    #[error("the NVIDIA driver does not start: {name}")]
    DriverFails {
        /// The driver's name for the error.
        name: String,
    },
    /// The driver knows no device.
    #[error("the NVIDIA driver finds no GPU")]
    NoDevice,
    /// There is no device of that number.
    #[error("there is no GPU number {device}: the driver knows {count}, counted from 0")]
    NoSuchDevice {
        /// The number asked for.
        device: i32,
        /// How many there are.
        count: i32,
    },
    /// Too old.
    #[error("the NVIDIA driver is for CUDA {}.{}: CUDA {}.{} or newer is needed; update the driver",
        found / 1000, found % 1000 / 10, needed / 1000, needed % 1000 / 10)]
    DriverTooOld {
        /// What it is for, 1000 · major + 10 · minor.
        found: i32,
        /// What is needed, in the same form.
        needed: i32,
    },
    /// The GPU is older than the kernels are compiled for.
    #[error("the GPU {name} has compute capability {}.{}: {}.{} or newer is needed",
        capability.0, capability.1, needed.0, needed.1)]
    DeviceTooOld {
        /// The device's name.
        name: String,
        /// Its compute capability.
        capability: (i32, i32),
        /// What is needed.
        needed: (i32, i32),
    },
    /// A library that is needed is missing.
    #[error("{library} is missing: {message}")]
    LibraryMissing {
        /// Which.
        library: &'static str,
        /// What to do.
        message: String,
    },
}

/// What went wrong in using CUDA. Displayed as one line.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CudaError {
    /// A driver call failed.
    #[error("CUDA: {call} failed with {name} ({})", code.0)]
    Driver {
        /// The call.
        call: &'static str,
        /// Its result.
        code: Code,
        /// The driver's name for it.
        name: String,
    },
    /// CUDA is off.
    #[error("CUDA is off: {0}")]
    Off(#[from] Off),
    /// A kernel does not compile.
    #[error("the kernel {kernel} cannot be compiled for sm_{arch}: {message}")]
    Compile {
        /// Its source's name.
        kernel: &'static str,
        /// Compute capability, 10 · major + minor.
        arch: u32,
        /// The compiler's words, in one line.
        message: String,
    },
    /// A memory is too small for what is to be done with it.
    #[error("{what} needs {needed} bytes on the device and has {available}")]
    TooSmall {
        /// Which memory.
        what: &'static str,
        /// Bytes needed.
        needed: usize,
        /// Bytes there.
        available: usize,
    },
    /// A picture or a tensor is not one that a kernel can work on.
    #[error("{what} cannot be done on the device: {why}")]
    Unfit {
        /// What was asked for.
        what: &'static str,
        /// What stands against it.
        why: String,
    },
    /// Every buffer of a pool is in use.
    #[error("all {count} buffers of a pool are in use: take fewer frames at a time, or make the pool larger")]
    PoolEmpty {
        /// How many it has.
        count: usize,
    },
    /// Two things that work together belong to different contexts.
    #[error("a stream, a buffer and a fence that work together must be of one context")]
    OtherContext,
    /// The device is in FAULT and not yet tried again.
    #[error("the GPU is in FAULT and is tried again in {retry_ms} ms; the cause was: {cause}")]
    Fault {
        /// Milliseconds until the next try.
        retry_ms: u64,
        /// What happened.
        cause: String,
    },
}

impl CudaError {
    /// Whether the context is lost with it; see [`Code::is_sticky`].
    pub fn is_sticky(&self) -> bool {
        matches!(self, Self::Driver { code, .. } if code.is_sticky())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_one_line() {
        let reasons = [
            Off::NoDriver,
            Off::NoDevice,
            Off::NoSuchDevice { device: 3, count: 1 },
            Off::DriverFails { name: "CUDA_ERROR_UNKNOWN".to_owned() },
            Off::DriverTooOld { found: 11_080, needed: 12_000 },
            Off::DeviceTooOld { name: "GPU".to_owned(), capability: (6, 1), needed: (7, 5) },
            Off::LibraryMissing { library: "NVRTC", message: "run 'make setup'".to_owned() },
        ];
        for reason in &reasons {
            let text = reason.to_string();
            assert!(!text.contains('\n') && text.len() < 120, "{text}");
        }
        assert_eq!(
            reasons[4].to_string(),
            "the NVIDIA driver is for CUDA 11.8: CUDA 12.0 or newer is needed; update the driver"
        );
        assert!(!CudaError::from(Off::NoDriver).is_sticky());
        let lost = CudaError::Driver { call: "cuLaunchKernel", code: Code(719), name: "X".to_owned() };
        assert!(lost.is_sticky());
    }
}

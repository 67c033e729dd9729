//! Kernels against their references: random sizes, odd widths, strides, crops, formats, colours.
//!
//! The same cases run on a device of tests (kernels compiled by g++) and on a GPU (`examples/gpu_parity.rs`).
//! Every comparison is for equality: of bytes, or of the bits of floats.

pub mod blend;
pub mod labels;
pub mod preprocess;
mod random;
pub mod shift;
pub mod sums;
pub mod timing;

use vesalius_cuda::{CudaError, DeviceBuffer, Kernels, Stream};

pub use random::Random;

/// A device with its kernels.
pub struct Rig {
    pub stream: Stream,
    pub kernels: Kernels,
}

/// What was compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Compared {
    /// Cases.
    pub cases: usize,
    /// Values.
    pub values: usize,
}

/// Why a case is not as it should be.
pub type Outcome<T> = Result<T, String>;

pub fn text(error: CudaError) -> String {
    error.to_string()
}

impl Rig {
    /// A memory with these bytes.
    pub fn upload(&self, bytes: &[u8]) -> Outcome<DeviceBuffer> {
        let buffer = DeviceBuffer::new(self.stream.context(), bytes.len()).map_err(text)?;
        let mut work = self.stream.begin();
        work.upload(&buffer, 0, bytes).map_err(text)?;
        work.finish().map_err(text)?;
        Ok(buffer)
    }

    /// All bytes of a memory.
    pub fn download(&self, buffer: &DeviceBuffer) -> Outcome<Vec<u8>> {
        let mut work = self.stream.begin();
        let download = work.download(buffer, 0, buffer.len()).map_err(text)?;
        let fence = work.finish().map_err(text)?;
        Ok(download.wait(&fence).map_err(text)?.to_vec())
    }

    /// A memory of some size, of whatever bytes.
    pub fn buffer(&self, bytes: usize) -> Outcome<DeviceBuffer> {
        DeviceBuffer::new(self.stream.context(), bytes).map_err(text)
    }
}

/// Compares; says where and in what case they first differ.
pub fn same<T: PartialEq + std::fmt::Debug>(case: &str, found: &[T], expected: &[T]) -> Outcome<usize> {
    if found.len() != expected.len() {
        return Err(format!("{case}: {} values instead of {}", found.len(), expected.len()));
    }
    match found.iter().zip(expected).position(|(a, b)| a != b) {
        Some(at) => {
            let count = found.iter().zip(expected).filter(|(a, b)| a != b).count();
            Err(format!(
                "{case}: {count} of {} values differ, first at {at}: {:?} instead of {:?}",
                found.len(),
                found[at],
                expected[at]
            ))
        }
        None => Ok(found.len()),
    }
}

pub fn f32s(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]])).collect()
}

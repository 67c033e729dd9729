//! Buffers made once and used again: nothing is allocated per frame.

use std::sync::Arc;

use parking_lot::Mutex;

use super::context::Context;
use super::memory::{DeviceBuffer, allocate};
use crate::result::CudaError;
use crate::sys::DevicePtr;

/// The buffers of a pool that are not in use.
#[derive(Debug)]
pub(super) struct Shelf {
    context: Context,
    bytes: usize,
    free: Mutex<Vec<DevicePtr>>,
}

impl Shelf {
    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn put(&self, ptr: DevicePtr) {
        self.free.lock().push(ptr);
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        if let Ok(_entered) = self.context.enter() {
            for ptr in self.free.get_mut().drain(..) {
                // SAFETY: allocated by the pool; a buffer that is in use has the shelf, so all of them are
                // back.
                let _ = unsafe { self.context.driver().mem_free(ptr) };
            }
        }
    }
}

/// A fixed number of buffers of one size.
///
/// A buffer comes back when its last clone goes; one that was handed to work comes back when the stream has
/// passed that work, so none is ever given out while the device still uses it.
#[derive(Debug)]
pub struct Pool {
    shelf: Arc<Shelf>,
    count: usize,
}

impl Pool {
    /// Allocates `count` buffers of `bytes` each, and never again.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn new(context: &Context, bytes: usize, count: usize) -> Result<Self, CudaError> {
        let shelf = Shelf { context: context.clone(), bytes, free: Mutex::new(Vec::with_capacity(count)) };
        for _ in 0..count {
            // What was allocated before a failure goes with the shelf.
            let ptr = allocate(context, bytes)?;
            shelf.put(ptr);
        }
        Ok(Self { shelf: Arc::new(shelf), count })
    }

    /// A buffer that nobody uses.
    ///
    /// # Errors
    ///
    /// [`CudaError::PoolEmpty`]: the caller drops the frame's result and goes on, rather than wait.
    pub fn take(&self) -> Result<DeviceBuffer, CudaError> {
        let ptr = self.shelf.free.lock().pop();
        let ptr = ptr.ok_or(CudaError::PoolEmpty { count: self.count })?;
        Ok(DeviceBuffer::pooled(&self.shelf, ptr))
    }

    /// Bytes of each buffer.
    pub fn bytes(&self) -> usize {
        self.shelf.bytes()
    }

    /// How many buffers are not in use.
    pub fn free(&self) -> usize {
        self.shelf.free.lock().len()
    }

    /// How many buffers there are.
    pub fn count(&self) -> usize {
        self.count
    }
}

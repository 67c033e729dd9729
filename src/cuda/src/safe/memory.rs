//! Memory on the device, and the copies between it and the host.

use std::sync::Arc;

use super::context::Context;
use super::counters::Counters;
use super::pool::Shelf;
use super::stream::{Fence, Work};
use crate::result::CudaError;
use crate::sys::DevicePtr;

/// Where a memory goes when it is let go of.
#[derive(Debug)]
enum Home {
    /// Back to the driver.
    Driver,
    /// Back to its pool.
    Pool(Arc<Shelf>),
}

#[derive(Debug)]
struct Allocation {
    context: Context,
    ptr: DevicePtr,
    bytes: usize,
    home: Home,
}

impl Drop for Allocation {
    fn drop(&mut self) {
        match &self.home {
            Home::Pool(shelf) => shelf.put(self.ptr),
            Home::Driver => {
                if let Ok(_entered) = self.context.enter() {
                    // SAFETY: allocated by us, and the last who had it lets go of it. Work that touches it
                    // held a clone.
                    let _ = unsafe { self.context.driver().mem_free(self.ptr) };
                }
            }
        }
    }
}

/// A memory on the device. Cheap to clone; the last clone lets go of it.
///
/// Handing it to work keeps it until the stream has passed, so it can be dropped at any time. What it holds
/// before anything was written is not defined.
#[derive(Clone, Debug)]
pub struct DeviceBuffer {
    allocation: Arc<Allocation>,
}

impl DeviceBuffer {
    /// Allocates. The driver may wait for the device to do so, so this is for set-up; see
    /// [`Pool`](super::Pool).
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn new(context: &Context, bytes: usize) -> Result<Self, CudaError> {
        let ptr = allocate(context, bytes)?;
        Ok(Self::make(context, ptr, bytes, Home::Driver))
    }

    pub(super) fn pooled(shelf: &Arc<Shelf>, ptr: DevicePtr) -> Self {
        Self::make(shelf.context(), ptr, shelf.bytes(), Home::Pool(Arc::clone(shelf)))
    }

    fn make(context: &Context, ptr: DevicePtr, bytes: usize, home: Home) -> Self {
        Self { allocation: Arc::new(Allocation { context: context.clone(), ptr, bytes, home }) }
    }

    /// The context it is in.
    pub fn context(&self) -> &Context {
        &self.allocation.context
    }

    /// Its address on the device, alive as long as this is.
    pub fn ptr(&self) -> DevicePtr {
        self.allocation.ptr
    }

    /// Its size in bytes.
    pub fn len(&self) -> usize {
        self.allocation.bytes
    }

    /// Whether the computer can use it where it lies. NVIDIA's GPUs say no for memory that was allocated as this was.
    pub fn is_seen_by_host(&self) -> bool {
        let context = self.context();
        let Ok(_entered) = context.enter() else { return false };
        // SAFETY: the memory is alive as long as `self` is.
        let seen = unsafe { context.driver().host_pointer(self.ptr()) };
        seen.is_ok_and(|address| address as u64 == self.ptr().0)
    }

    /// Whether it has no bytes; never so.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `needed` bytes fit in.
    ///
    /// # Errors
    ///
    /// [`CudaError::TooSmall`].
    pub fn require(&self, what: &'static str, needed: usize) -> Result<(), CudaError> {
        if needed <= self.len() {
            return Ok(());
        }
        Err(CudaError::TooSmall { what, needed, available: self.len() })
    }
}

pub(super) fn allocate(context: &Context, bytes: usize) -> Result<DevicePtr, CudaError> {
    let _entered = context.enter()?;
    Counters::add(&context.count().allocations, 1);
    // SAFETY: the context is current.
    context.check("cuMemAlloc", unsafe { context.driver().mem_alloc(bytes.max(1)) })
}

/// Page-locked memory of the host, borrowed from the context.
#[derive(Debug)]
struct Pinned {
    context: Context,
    memory: *mut u8,
    size: usize,
}

// SAFETY: the memory is plain bytes that belong to this alone; nothing about it is a thread's own.
unsafe impl Send for Pinned {}
// SAFETY: bytes are read through a shared reference, and written by the device before its fence has passed
// alone.
unsafe impl Sync for Pinned {}

impl Pinned {
    fn new(context: &Context, bytes: usize) -> Result<Self, CudaError> {
        let (memory, size) = context.take_pinned(bytes)?;
        Ok(Self { context: context.clone(), memory, size })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.context.give_pinned(self.memory, self.size);
    }
}

/// Bytes on their way from the device.
#[derive(Debug)]
pub struct Download {
    pinned: Arc<Pinned>,
    bytes: usize,
}

impl Download {
    /// The bytes, after waiting for `fence`, which [`Work::finish`] gave of the work that began this.
    /// Counted.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`]: among them those of the work.
    pub fn wait(&self, fence: &Fence) -> Result<&[u8], CudaError> {
        fence.block()?;
        // SAFETY: `bytes` of the memory were written by the copy before the fence, which has passed; nobody
        // else has it.
        Ok(unsafe { std::slice::from_raw_parts(self.pinned.memory, self.bytes) })
    }
}

impl Work<'_> {
    fn in_context(&self, buffer: &DeviceBuffer) -> Result<(), CudaError> {
        if buffer.context() == self.context() { Ok(()) } else { Err(CudaError::OtherContext) }
    }

    /// Copies bytes to the device, into `buffer` from `offset` on. `bytes` can go at once.
    ///
    /// # Errors
    ///
    /// [`CudaError::TooSmall`], [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn upload(&mut self, buffer: &DeviceBuffer, offset: usize, bytes: &[u8]) -> Result<(), CudaError> {
        self.in_context(buffer)?;
        buffer.require("an upload", offset.saturating_add(bytes.len()))?;
        if bytes.is_empty() {
            return Ok(());
        }
        let pinned = Pinned::new(self.context(), bytes.len())?;
        // SAFETY: the memory is at least as long, and nothing else has it; the two do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), pinned.memory, bytes.len()) };
        let context = self.context().clone();
        let from = pinned.memory.cast_const();
        self.hold(buffer.clone());
        self.hold(pinned);
        Counters::add(&context.count().bytes_up, bytes.len());
        let _entered = context.enter()?;
        let to = buffer.ptr().offset(offset as u64);
        // SAFETY: both ends are long enough and held until the stream has passed.
        let copied = unsafe { context.driver().copy_to_device(to, from, bytes.len(), self.stream().raw()) };
        context.check("cuMemcpyHtoDAsync", copied)
    }

    /// Copies `bytes` from the device, of `buffer` from `offset` on.
    ///
    /// # Errors
    ///
    /// [`CudaError::TooSmall`], [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn download(
        &mut self,
        buffer: &DeviceBuffer,
        offset: usize,
        bytes: usize,
    ) -> Result<Download, CudaError> {
        self.in_context(buffer)?;
        buffer.require("a download", offset.saturating_add(bytes))?;
        let context = self.context().clone();
        let pinned = Arc::new(Pinned::new(&context, bytes)?);
        self.hold(buffer.clone());
        self.hold(Arc::clone(&pinned));
        Counters::add(&context.count().bytes_down, bytes);
        let _entered = context.enter()?;
        let from = buffer.ptr().offset(offset as u64);
        // SAFETY: both ends are long enough and held until the stream has passed.
        let copied =
            unsafe { context.driver().copy_to_host(pinned.memory, from, bytes, self.stream().raw()) };
        context.check("cuMemcpyDtoHAsync", copied)?;
        Ok(Download { pinned, bytes })
    }

    /// Sets every byte of a memory.
    ///
    /// # Errors
    ///
    /// [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn fill(&mut self, buffer: &DeviceBuffer, value: u8) -> Result<(), CudaError> {
        self.in_context(buffer)?;
        self.hold(buffer.clone());
        let context = self.context().clone();
        let _entered = context.enter()?;
        // SAFETY: the memory is as long as it says and held until the stream has passed.
        let set = unsafe { context.driver().memset(buffer.ptr(), value, buffer.len(), self.stream().raw()) };
        context.check("cuMemsetD8Async", set)
    }
}

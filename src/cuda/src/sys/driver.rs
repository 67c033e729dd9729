//! The driver calls that are used, as a trait.
//!
//! [`Cudarc`](super::Cudarc) makes them on the driver; tests make them on a device of their own that keeps
//! account of order and of memory. Handles are plain numbers: nothing here owns anything.

use std::fmt;

/// A `CUcontext`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawContext(pub usize);

/// A `CUstream`; 0 is the legacy default stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawStream(pub usize);

/// A `CUevent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawEvent(pub usize);

/// A `CUmodule`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawModule(pub usize);

/// A `CUfunction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawFunction(pub usize);

/// A `CUdeviceptr`: an address on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct DevicePtr(pub u64);

impl DevicePtr {
    /// The address `bytes` further on.
    #[must_use]
    pub const fn offset(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }
}

/// A `CUresult` that is not success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code(pub i32);

impl Code {
    /// `CUDA_ERROR_INVALID_VALUE`.
    pub const INVALID_VALUE: Self = Self(1);
    /// `CUDA_ERROR_OUT_OF_MEMORY`.
    pub const OUT_OF_MEMORY: Self = Self(2);
    /// `CUDA_ERROR_NO_DEVICE`.
    pub const NO_DEVICE: Self = Self(100);
    /// `CUDA_ERROR_NOT_FOUND`.
    pub const NOT_FOUND: Self = Self(500);
    /// `CUDA_ERROR_NOT_READY`: no error, but "not yet".
    pub const NOT_READY: Self = Self(600);
    /// `CUDA_ERROR_ILLEGAL_ADDRESS`.
    pub const ILLEGAL_ADDRESS: Self = Self(700);

    /// Whether the context is lost with it: every later call in it fails as well.
    ///
    /// By the driver's documentation of `CUresult` these leave "the process in an inconsistent state":
    /// uncorrectable ECC and NVLink errors, illegal address, time-out, assert, hardware stack error, illegal
    /// instruction, misaligned address, invalid address space, invalid program counter, launch failure; and
    /// what says that the context is gone: deinitialised, invalid or destroyed context, unknown error.
    pub const fn is_sticky(self) -> bool {
        matches!(self.0, 4 | 201 | 214 | 220 | 226 | 700 | 702 | 709 | 710 | 714..=719 | 721 | 999)
    }
}

/// Number of blocks, or threads in a block, along x, y and z.
pub type Dim3 = [u32; 3];

/// What a call returns.
pub type Outcome<T> = Result<T, Code>;

/// The driver calls that are used: each does what the function of the CUDA driver interface does that it is
/// named after.
///
/// # Safety
///
/// Who implements it keeps the driver's promises: work of one stream is done in order, memory stays where it
/// is until it is freed, and a call on handles that are alive touches nothing but what it was given.
///
/// Who calls an `unsafe` method gives handles that came from this very driver and have not been given back,
/// makes the handle's context current where the driver asks for that (all but devices, push and pop), and
/// keeps every memory that enqueued work touches until the stream has passed that work.
#[allow(clippy::missing_safety_doc)] // Stated once, above, for all.
pub unsafe trait Driver: Send + Sync + fmt::Debug {
    /// `cuDriverGetVersion`: 1000 · major + 10 · minor.
    fn version(&self) -> Outcome<i32>;
    /// `cuDeviceGetCount`.
    fn device_count(&self) -> Outcome<i32>;
    /// `cuDeviceGetName`.
    fn device_name(&self, device: i32) -> Outcome<String>;
    /// Major and minor compute capability, by `cuDeviceGetAttribute`.
    fn compute_capability(&self, device: i32) -> Outcome<(i32, i32)>;
    /// A code's name, such as `CUDA_ERROR_ILLEGAL_ADDRESS`.
    fn error_name(&self, code: Code) -> String;

    /// `cuDevicePrimaryCtxRetain`.
    fn primary_retain(&self, device: i32) -> Outcome<RawContext>;
    /// `cuDevicePrimaryCtxRelease_v2`.
    unsafe fn primary_release(&self, device: i32) -> Outcome<()>;
    /// `cuCtxPushCurrent_v2`.
    unsafe fn context_push(&self, context: RawContext) -> Outcome<()>;
    /// `cuCtxPopCurrent_v2`.
    unsafe fn context_pop(&self) -> Outcome<()>;

    /// `cuMemAlloc_v2`.
    unsafe fn mem_alloc(&self, bytes: usize) -> Outcome<DevicePtr>;
    /// `cuMemFree_v2`.
    unsafe fn mem_free(&self, memory: DevicePtr) -> Outcome<()>;
    /// `cuMemHostAlloc`: page-locked memory of the host.
    unsafe fn host_alloc(&self, bytes: usize) -> Outcome<*mut u8>;
    /// `cuMemFreeHost`.
    unsafe fn host_free(&self, memory: *mut u8) -> Outcome<()>;

    /// `cuMemcpyHtoDAsync_v2`.
    unsafe fn copy_to_device(
        &self,
        to: DevicePtr,
        from: *const u8,
        bytes: usize,
        stream: RawStream,
    ) -> Outcome<()>;
    /// `cuMemcpyDtoHAsync_v2`.
    unsafe fn copy_to_host(
        &self,
        to: *mut u8,
        from: DevicePtr,
        bytes: usize,
        stream: RawStream,
    ) -> Outcome<()>;
    /// `cuMemcpyDtoDAsync_v2`.
    unsafe fn copy_on_device(
        &self,
        to: DevicePtr,
        from: DevicePtr,
        bytes: usize,
        stream: RawStream,
    ) -> Outcome<()>;
    /// `cuPointerGetAttribute` of `CU_POINTER_ATTRIBUTE_HOST_POINTER`: where the computer sees the memory, if it does.
    unsafe fn host_pointer(&self, memory: DevicePtr) -> Outcome<*mut u8>;
    /// `cuMemsetD8Async`.
    unsafe fn memset(&self, memory: DevicePtr, value: u8, bytes: usize, stream: RawStream) -> Outcome<()>;

    /// `cuStreamCreate`, not synchronising with the default stream.
    unsafe fn stream_create(&self) -> Outcome<RawStream>;
    /// `cuStreamDestroy_v2`.
    unsafe fn stream_destroy(&self, stream: RawStream) -> Outcome<()>;
    /// `cuStreamSynchronize`.
    unsafe fn stream_synchronize(&self, stream: RawStream) -> Outcome<()>;
    /// `cuStreamWaitEvent`.
    unsafe fn stream_wait(&self, stream: RawStream, event: RawEvent) -> Outcome<()>;

    /// `cuEventCreate`; without `timed` it takes no time stamps.
    unsafe fn event_create(&self, timed: bool) -> Outcome<RawEvent>;
    /// `cuEventDestroy_v2`.
    unsafe fn event_destroy(&self, event: RawEvent) -> Outcome<()>;
    /// `cuEventRecord`.
    unsafe fn event_record(&self, event: RawEvent, stream: RawStream) -> Outcome<()>;
    /// `cuEventQuery`: whether the work before it is done.
    unsafe fn event_query(&self, event: RawEvent) -> Outcome<bool>;
    /// `cuEventSynchronize`.
    unsafe fn event_synchronize(&self, event: RawEvent) -> Outcome<()>;
    /// `cuEventElapsedTime`, in milliseconds.
    unsafe fn event_elapsed_ms(&self, from: RawEvent, to: RawEvent) -> Outcome<f32>;

    /// `cuModuleLoadData` of a cubin.
    unsafe fn module_load(&self, image: &[u8]) -> Outcome<RawModule>;
    /// `cuModuleUnload`.
    unsafe fn module_unload(&self, module: RawModule) -> Outcome<()>;
    /// `cuModuleGetFunction`.
    unsafe fn module_function(&self, module: RawModule, name: &str) -> Outcome<RawFunction>;
    /// `cuLaunchKernel` of a kernel whose one parameter is the structure in `arguments`.
    unsafe fn launch(
        &self,
        function: RawFunction,
        grid: Dim3,
        block: Dim3,
        arguments: &[u8],
        stream: RawStream,
    ) -> Outcome<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kills_a_context_is_told_from_what_does_not() {
        assert!(Code::ILLEGAL_ADDRESS.is_sticky() && Code(719).is_sticky() && Code(999).is_sticky());
        for code in
            [Code::INVALID_VALUE, Code::OUT_OF_MEMORY, Code::NO_DEVICE, Code::NOT_FOUND, Code::NOT_READY]
        {
            assert!(!code.is_sticky(), "{code:?}");
        }
    }
}

//! The driver itself, through `cudarc`.
//!
//! `cudarc` opens `libcuda` when a function is first called and panics where there is none, so
//! [`Cudarc::open`] asks whether there is one first, and whether it has every function that is called here;
//! nothing can be called without that. All of them have been in every driver since CUDA 8.

use std::ffi::{CString, c_void};

use cudarc::driver::{result, sys};

use super::driver::{
    Code, DevicePtr, Dim3, Driver, Outcome, RawContext, RawEvent, RawFunction, RawModule, RawStream,
};

/// Proof that the driver's library is there.
#[derive(Clone, Copy, Debug)]
pub struct Cudarc(());

/// The driver's functions that are called here, so that none is found missing in the middle of work.
const SYMBOLS: [&str; 34] = [
    "cuInit",
    "cuDriverGetVersion",
    "cuDeviceGet",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDeviceGetAttribute",
    "cuGetErrorName",
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxRelease_v2",
    "cuCtxPushCurrent_v2",
    "cuCtxPopCurrent_v2",
    "cuMemAlloc_v2",
    "cuMemFree_v2",
    "cuMemHostAlloc",
    "cuMemFreeHost",
    "cuMemcpyHtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyDtoDAsync_v2",
    "cuPointerGetAttribute",
    "cuMemsetD8Async",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamSynchronize",
    "cuStreamWaitEvent",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventRecord",
    "cuEventQuery",
    "cuEventSynchronize",
    "cuEventElapsedTime",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuModuleGetFunction",
    "cuLaunchKernel",
];

/// Why there is no driver to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// There is no `libcuda`.
    NoLibrary,
    /// It lacks a function.
    NoSymbol(&'static str),
    /// `cuInit` failed.
    Init(Code),
}

impl Cudarc {
    /// Looks for the driver's library and initialises it.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open() -> Result<Self, OpenError> {
        // SAFETY: it only opens and closes shared libraries named libcuda; loading a driver has no other
        // effect.
        if !unsafe { sys::is_culib_present() } {
            return Err(OpenError::NoLibrary);
        }
        let missing = |name: &str| {
            // SAFETY: the library is there, and a symbol is only looked for.
            unsafe { sys::culib().get::<*const c_void>(name.as_bytes()) }.is_err()
        };
        if let Some(name) = SYMBOLS.into_iter().find(|name| missing(name)) {
            return Err(OpenError::NoSymbol(name));
        }
        result::init().map_err(|error| OpenError::Init(code(error)))?;
        Ok(Self(()))
    }
}

fn code(error: result::DriverError) -> Code {
    Code(error.0 as i32)
}

fn check(result: sys::CUresult) -> Outcome<()> {
    result.result().map_err(code)
}

fn context(raw: RawContext) -> sys::CUcontext {
    raw.0 as sys::CUcontext
}

fn stream(raw: RawStream) -> sys::CUstream {
    raw.0 as sys::CUstream
}

fn event(raw: RawEvent) -> sys::CUevent {
    raw.0 as sys::CUevent
}

// SAFETY: every method is the driver's own function of that name, which keeps the driver's promises.
unsafe impl Driver for Cudarc {
    fn version(&self) -> Outcome<i32> {
        let mut version = 0;
        // SAFETY: the pointer is to a local that outlives the call.
        check(unsafe { sys::cuDriverGetVersion(&raw mut version) })?;
        Ok(version)
    }

    fn device_count(&self) -> Outcome<i32> {
        result::device::get_count().map_err(code)
    }

    fn device_name(&self, device: i32) -> Outcome<String> {
        let device = result::device::get(device).map_err(code)?;
        result::device::get_name(device).map_err(code)
    }

    fn compute_capability(&self, device: i32) -> Outcome<(i32, i32)> {
        use sys::CUdevice_attribute::{
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR,
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
        };
        let device = result::device::get(device).map_err(code)?;
        // SAFETY: the device is one that the driver has just named.
        let ask = |attribute| unsafe { result::device::get_attribute(device, attribute) }.map_err(code);
        Ok((ask(MAJOR)?, ask(MINOR)?))
    }

    fn error_name(&self, code: Code) -> String {
        let mut name: *const std::ffi::c_char = std::ptr::null();
        // SAFETY: a CUresult is an integer to the driver; it is asked for the name through the C type, since
        // the Rust enumeration may not know the code. The result is null or a static string.
        unsafe {
            type NameOf = unsafe extern "C" fn(i32, *mut *const std::ffi::c_char) -> i32;
            let Ok(name_of) = sys::culib().get::<NameOf>(b"cuGetErrorName\0") else {
                return format!("CUDA error {}", code.0);
            };
            if name_of(code.0, &raw mut name) != 0 || name.is_null() {
                return format!("CUDA error {}", code.0);
            }
            std::ffi::CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }

    fn primary_retain(&self, device: i32) -> Outcome<RawContext> {
        let device = result::device::get(device).map_err(code)?;
        // SAFETY: the device is one that the driver has just named.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(code)?;
        Ok(RawContext(context as usize))
    }

    unsafe fn primary_release(&self, device: i32) -> Outcome<()> {
        let device = result::device::get(device).map_err(code)?;
        // SAFETY: the caller retained the device's context and gives that back.
        unsafe { result::primary_ctx::release(device) }.map_err(code)
    }

    unsafe fn context_push(&self, raw: RawContext) -> Outcome<()> {
        // SAFETY: the caller's handle is alive.
        check(unsafe { sys::cuCtxPushCurrent_v2(context(raw)) })
    }

    unsafe fn context_pop(&self) -> Outcome<()> {
        let mut popped = std::ptr::null_mut();
        // SAFETY: the pointer is to a local; the caller pushed before.
        check(unsafe { sys::cuCtxPopCurrent_v2(&raw mut popped) })
    }

    unsafe fn mem_alloc(&self, bytes: usize) -> Outcome<DevicePtr> {
        // SAFETY: the caller has made a context current.
        unsafe { result::malloc_sync(bytes) }.map(DevicePtr).map_err(code)
    }

    unsafe fn mem_free(&self, memory: DevicePtr) -> Outcome<()> {
        // SAFETY: the caller's memory came from `mem_alloc` and is given back once.
        unsafe { result::free_sync(memory.0) }.map_err(code)
    }

    unsafe fn host_alloc(&self, bytes: usize) -> Outcome<*mut u8> {
        // SAFETY: the caller has made a context current.
        unsafe { result::malloc_host(bytes, 0) }.map(<*mut c_void>::cast).map_err(code)
    }

    unsafe fn host_free(&self, memory: *mut u8) -> Outcome<()> {
        // SAFETY: the caller's memory came from `host_alloc` and is given back once.
        unsafe { result::free_host(memory.cast()) }.map_err(code)
    }

    unsafe fn copy_to_device(
        &self,
        to: DevicePtr,
        from: *const u8,
        bytes: usize,
        to_stream: RawStream,
    ) -> Outcome<()> {
        // SAFETY: the caller keeps both ends, of `bytes` each, until the stream has passed.
        check(unsafe { sys::cuMemcpyHtoDAsync_v2(to.0, from.cast(), bytes, stream(to_stream)) })
    }

    unsafe fn copy_to_host(&self, to: *mut u8, from: DevicePtr, bytes: usize, on: RawStream) -> Outcome<()> {
        // SAFETY: the caller keeps both ends, of `bytes` each, until the stream has passed.
        check(unsafe { sys::cuMemcpyDtoHAsync_v2(to.cast(), from.0, bytes, stream(on)) })
    }

    unsafe fn copy_on_device(
        &self,
        to: DevicePtr,
        from: DevicePtr,
        bytes: usize,
        on: RawStream,
    ) -> Outcome<()> {
        // SAFETY: the caller keeps both ends, of `bytes` each, until the stream has passed.
        check(unsafe { sys::cuMemcpyDtoDAsync_v2(to.0, from.0, bytes, stream(on)) })
    }

    unsafe fn host_pointer(&self, memory: DevicePtr) -> Outcome<*mut u8> {
        let mut address: *mut c_void = std::ptr::null_mut();
        let attribute = sys::CUpointer_attribute::CU_POINTER_ATTRIBUTE_HOST_POINTER;
        // SAFETY: the pointer is to a local that outlives the call, as large as this attribute.
        check(unsafe { sys::cuPointerGetAttribute((&raw mut address).cast(), attribute, memory.0) })?;
        Ok(address.cast())
    }

    unsafe fn memset(&self, memory: DevicePtr, value: u8, bytes: usize, on: RawStream) -> Outcome<()> {
        // SAFETY: the caller keeps the memory, of `bytes`, until the stream has passed.
        unsafe { result::memset_d8_async(memory.0, value, bytes, stream(on)) }.map_err(code)
    }

    unsafe fn stream_create(&self) -> Outcome<RawStream> {
        let made = result::stream::create(result::stream::StreamKind::NonBlocking).map_err(code)?;
        Ok(RawStream(made as usize))
    }

    unsafe fn stream_destroy(&self, raw: RawStream) -> Outcome<()> {
        // SAFETY: the caller made the stream and gives it back once.
        unsafe { result::stream::destroy(stream(raw)) }.map_err(code)
    }

    unsafe fn stream_synchronize(&self, raw: RawStream) -> Outcome<()> {
        // SAFETY: the caller's stream is alive.
        unsafe { result::stream::synchronize(stream(raw)) }.map_err(code)
    }

    unsafe fn stream_wait(&self, raw: RawStream, for_event: RawEvent) -> Outcome<()> {
        // SAFETY: the caller's stream and event are alive.
        check(unsafe { sys::cuStreamWaitEvent(stream(raw), event(for_event), 0) })
    }

    unsafe fn event_create(&self, timed: bool) -> Outcome<RawEvent> {
        let flags = if timed {
            sys::CUevent_flags::CU_EVENT_DEFAULT
        } else {
            sys::CUevent_flags::CU_EVENT_DISABLE_TIMING
        };
        Ok(RawEvent(result::event::create(flags).map_err(code)? as usize))
    }

    unsafe fn event_destroy(&self, raw: RawEvent) -> Outcome<()> {
        // SAFETY: the caller made the event and gives it back once.
        unsafe { result::event::destroy(event(raw)) }.map_err(code)
    }

    unsafe fn event_record(&self, raw: RawEvent, on: RawStream) -> Outcome<()> {
        // SAFETY: the caller's stream and event are alive.
        unsafe { result::event::record(event(raw), stream(on)) }.map_err(code)
    }

    unsafe fn event_query(&self, raw: RawEvent) -> Outcome<bool> {
        // SAFETY: the caller's event is alive.
        match unsafe { result::event::query(event(raw)) }.map_err(code) {
            Ok(()) => Ok(true),
            Err(Code::NOT_READY) => Ok(false),
            Err(error) => Err(error),
        }
    }

    unsafe fn event_synchronize(&self, raw: RawEvent) -> Outcome<()> {
        // SAFETY: the caller's event is alive.
        unsafe { result::event::synchronize(event(raw)) }.map_err(code)
    }

    unsafe fn event_elapsed_ms(&self, from: RawEvent, to: RawEvent) -> Outcome<f32> {
        // SAFETY: the caller's events are alive and take time stamps.
        unsafe { result::event::elapsed(event(from), event(to)) }.map_err(code)
    }

    unsafe fn module_load(&self, image: &[u8]) -> Outcome<RawModule> {
        // SAFETY: the caller gives a whole cubin, whose extent stands in its own header.
        let module = unsafe { result::module::load_data(image.as_ptr().cast()) }.map_err(code)?;
        Ok(RawModule(module as usize))
    }

    unsafe fn module_unload(&self, module: RawModule) -> Outcome<()> {
        // SAFETY: the caller loaded the module and gives it back once.
        unsafe { result::module::unload(module.0 as sys::CUmodule) }.map_err(code)
    }

    unsafe fn module_function(&self, module: RawModule, name: &str) -> Outcome<RawFunction> {
        let name = CString::new(name).map_err(|_| Code::INVALID_VALUE)?;
        // SAFETY: the caller's module is alive.
        let function = unsafe { result::module::get_function(module.0 as sys::CUmodule, name) };
        Ok(RawFunction(function.map_err(code)? as usize))
    }

    unsafe fn launch(
        &self,
        function: RawFunction,
        grid: Dim3,
        block: Dim3,
        arguments: &[u8],
        on: RawStream,
    ) -> Outcome<()> {
        // The driver copies the structure before it returns, by the size that the kernel declares.
        let mut parameters = [arguments.as_ptr().cast_mut().cast::<c_void>()];
        let ([gx, gy, gz], [bx, by, bz]) = (grid, block);
        // SAFETY: the caller gives the very structure that the kernel declares and keeps what it points to.
        unsafe {
            result::launch_kernel(
                function.0 as sys::CUfunction,
                (gx, gy, gz),
                (bx, by, bz),
                0,
                stream(on),
                &mut parameters,
            )
        }
        .map_err(code)
    }
}

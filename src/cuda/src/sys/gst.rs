//! GStreamer's CUDA library, of which no Rust binding exists: what has been the same from 1.22 to 1.30, and
//! the few newer functions where they are.
//!
//! `gst_cuda_allocator_alloc` and its like changed between 1.22 and 1.24 under one soname; none of them is
//! used.

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use gst::ffi::{GstBufferPool, GstContext, GstElement, GstMemory, GstQuery};
use gst::glib::ffi::gboolean;
use libloading::Library;

/// A `GstCudaContext`, a GObject.
pub type GstCudaContext = c_void;
/// A `GstCudaStream`.
pub type GstCudaStream = c_void;

/// The library's file.
pub const LIBRARY: &str = "libgstcuda-1.0.so.0";

/// `GST_MAP_CUDA` of `gstcudamemory.h`: mapped with it, a memory's data is its address on the device.
pub const MAP_CUDA: gst::ffi::GstMapFlags = gst::ffi::GST_MAP_FLAG_LAST << 1;
/// `GST_CUDA_MEMORY_TRANSFER_NEED_UPLOAD`: the next map for the device copies the memory there.
pub const NEEDS_UPLOAD: gst::ffi::GstMemoryFlags = gst::ffi::GST_MEMORY_FLAG_LAST << 1;

/// The leading fields of `GstCudaMemory`.
#[repr(C)]
pub struct GstCudaMemory {
    /// The base.
    pub mem: GstMemory,
    /// Whose memory it is.
    pub context: *mut GstCudaContext,
    /// The picture that it is laid out for.
    pub info: gst_video::ffi::GstVideoInfo,
}

/// The functions, by their C names without `gst_` and `cuda_`.
#[derive(Clone, Copy)]
pub struct GstCudaFunctions {
    pub(crate) load_library: unsafe extern "C" fn() -> gboolean,
    pub(crate) memory_init_once: unsafe extern "C" fn(),
    pub(crate) is_cuda_memory: unsafe extern "C" fn(*mut GstMemory) -> gboolean,
    pub(crate) context_new_wrapped: unsafe extern "C" fn(*mut c_void, c_int) -> *mut GstCudaContext,
    pub(crate) context_get_handle: unsafe extern "C" fn(*mut GstCudaContext) -> *mut c_void,
    pub(crate) ensure_element_context:
        unsafe extern "C" fn(*mut GstElement, c_int, *mut *mut GstCudaContext) -> gboolean,
    pub(crate) handle_set_context:
        unsafe extern "C" fn(*mut GstElement, *mut GstContext, c_int, *mut *mut GstCudaContext) -> gboolean,
    pub(crate) handle_context_query:
        unsafe extern "C" fn(*mut GstElement, *mut GstQuery, *mut GstCudaContext) -> gboolean,
    pub(crate) new_cuda_context: unsafe extern "C" fn(*mut GstCudaContext) -> *mut GstContext,
    pub(crate) buffer_pool_new: unsafe extern "C" fn(*mut GstCudaContext) -> *mut GstBufferPool,
    /// 1.24 and newer.
    pub(crate) memory_get_stream: Option<unsafe extern "C" fn(*mut GstCudaMemory) -> *mut GstCudaStream>,
    /// 1.24 and newer.
    pub(crate) stream_get_handle: Option<unsafe extern "C" fn(*mut GstCudaStream) -> *mut c_void>,
}

/// The functions, or why there are none. The library stays open: its types are registered with GLib for good.
pub fn functions() -> Result<GstCudaFunctions, String> {
    static FUNCTIONS: OnceLock<Result<GstCudaFunctions, String>> = OnceLock::new();
    FUNCTIONS.get_or_init(open).clone()
}

fn open() -> Result<GstCudaFunctions, String> {
    let text = |error: libloading::Error| error.to_string().replace('\n', " ");
    // SAFETY: the library's initialisers only set up its own tables.
    let library = unsafe { Library::new(LIBRARY) }.map_err(text)?;
    macro_rules! get {
        ($name:literal) => {
            // SAFETY: the type is the one that the library's headers have for this name in 1.22 to 1.30, and
            // the library is never closed.
            *unsafe { library.get(concat!($name, "\0").as_bytes()) }.map_err(text)?
        };
    }
    macro_rules! newer {
        ($name:literal) => {
            // SAFETY: as above, in 1.24 to 1.30; in 1.22 there is none of that name.
            unsafe { library.get(concat!($name, "\0").as_bytes()) }.ok().map(|symbol| *symbol)
        };
    }
    let functions = GstCudaFunctions {
        load_library: get!("gst_cuda_load_library"),
        memory_init_once: get!("gst_cuda_memory_init_once"),
        is_cuda_memory: get!("gst_is_cuda_memory"),
        context_new_wrapped: get!("gst_cuda_context_new_wrapped"),
        context_get_handle: get!("gst_cuda_context_get_handle"),
        ensure_element_context: get!("gst_cuda_ensure_element_context"),
        handle_set_context: get!("gst_cuda_handle_set_context"),
        handle_context_query: get!("gst_cuda_handle_context_query"),
        new_cuda_context: get!("gst_context_new_cuda_context"),
        buffer_pool_new: get!("gst_cuda_buffer_pool_new"),
        memory_get_stream: newer!("gst_cuda_memory_get_stream"),
        stream_get_handle: newer!("gst_cuda_stream_get_handle"),
    };
    std::mem::forget(library);
    Ok(functions)
}

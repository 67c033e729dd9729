//! Contexts and memories shared with GStreamer's CUDA elements.
//!
//! Elements of one pipeline agree on one context by `gst.cuda.context`. Either it has one, which is adopted
//! ([`SharedContext::adopt`]); or our own primary context is offered ([`GstCuda::offer`]), so that decoder,
//! converter, ONNX Runtime and kernels share one. A frame in a `GstCudaMemory` is then used where it lies
//! ([`MappedFrame`]).

mod frame;

pub use frame::{Access, MappedFrame, is_ours_alone, surface_format};

use std::sync::OnceLock;

use gst::glib::translate::{FromGlibPtrFull, ToGlibPtr, from_glib};
use gst::prelude::*;

use crate::result::{CudaError, Off};
use crate::safe::{Context, Cuda};
use crate::sys::RawContext;
use crate::sys::gst::{GstCudaFunctions, LIBRARY, functions};

/// GStreamer's CUDA library, opened.
#[derive(Clone, Copy)]
pub struct GstCuda {
    functions: GstCudaFunctions,
    /// Without it the library's functions for contexts must not be called.
    has_driver: bool,
}

impl std::fmt::Debug for GstCuda {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GstCuda(streams: {})", self.knows_streams())
    }
}

impl GstCuda {
    /// Opens the library, which needs no driver: enough to tell whose a memory is, and nothing else.
    ///
    /// # Errors
    ///
    /// [`Off::LibraryMissing`].
    pub fn open() -> Result<Self, Off> {
        let functions = functions().map_err(|message| Off::LibraryMissing { library: LIBRARY, message })?;
        Ok(Self { functions, has_driver: false })
    }

    /// Opens the library and lets it open the driver.
    ///
    /// # Errors
    ///
    /// [`Off::LibraryMissing`], [`Off::NoDriver`].
    pub fn load() -> Result<Self, Off> {
        static DRIVER: OnceLock<bool> = OnceLock::new();
        let this = Self::open()?;
        let is_there = *DRIVER.get_or_init(|| {
            // SAFETY: takes nothing and only opens the driver.
            let is_there: bool = unsafe { from_glib((this.functions.load_library)()) };
            if is_there {
                // SAFETY: registers the library's allocator, once.
                unsafe { (this.functions.memory_init_once)() };
            }
            is_there
        });
        if is_there { Ok(Self { has_driver: true, ..this }) } else { Err(Off::NoDriver) }
    }

    /// Whether memories say on which stream they are written (GStreamer 1.24). Before that it is the default
    /// stream.
    pub fn knows_streams(&self) -> bool {
        self.functions.memory_get_stream.is_some() && self.functions.stream_get_handle.is_some()
    }

    pub(crate) fn functions(&self) -> &GstCudaFunctions {
        &self.functions
    }

    /// Whether a memory is a `GstCudaMemory`.
    pub fn is_cuda_memory(&self, memory: &gst::MemoryRef) -> bool {
        // SAFETY: the memory is alive, and only looked at.
        unsafe { from_glib((self.functions.is_cuda_memory)(memory.as_ptr().cast_mut())) }
    }

    /// Wraps a context of ours for others. It stays alive while the result does.
    ///
    /// # Errors
    ///
    /// [`CudaError::Off`] without a driver, [`CudaError::Unfit`] when GStreamer does not take it.
    pub fn offer(&self, context: &Context) -> Result<SharedContext, CudaError> {
        if !self.has_driver {
            return Err(Off::NoDriver.into());
        }
        let raw = context.raw().0 as *mut std::ffi::c_void;
        // The driver's handle of a device is its number.
        // SAFETY: the context is alive, and kept alive beside the wrapper, which does not own it.
        let object = unsafe { (self.functions.context_new_wrapped)(raw, context.device().ordinal) };
        if object.is_null() {
            let why = "GStreamer does not wrap it".to_owned();
            return Err(CudaError::Unfit { what: "sharing a context", why });
        }
        // SAFETY: a new object, whose only reference is ours.
        let object = unsafe { gst::Object::from_glib_full(object.cast::<gst::ffi::GstObject>()) };
        Ok(SharedContext { cuda: *self, object, ours: Some(context.clone()) })
    }

    /// What the pipeline answers when it is asked for a context on a device (-1 for any): the one it has, or
    /// a new one that GStreamer makes and announces. Offer a context of our own first where ONNX Runtime is
    /// to share it: GStreamer makes none that is primary.
    pub fn ask(&self, element: &impl IsA<gst::Element>, device: i32) -> Option<SharedContext> {
        if !self.has_driver {
            return None;
        }
        let mut found = std::ptr::null_mut();
        // SAFETY: the element is alive, the pointer is to a local that holds null.
        let is_there: bool = unsafe {
            let element = element.as_ref().to_glib_none();
            from_glib((self.functions.ensure_element_context)(element.0, device, &raw mut found))
        };
        is_there.then(|| self.take(found)).flatten()
    }

    /// The context in what an element's `set_context` gets, if it is one for CUDA on this device (-1 for
    /// any).
    pub fn from_set_context(
        &self,
        element: &impl IsA<gst::Element>,
        context: &gst::Context,
        device: i32,
    ) -> Option<SharedContext> {
        if !self.has_driver {
            return None;
        }
        let mut found = std::ptr::null_mut();
        // SAFETY: element and context are alive, the pointer is to a local that holds null.
        unsafe {
            let element = element.as_ref().to_glib_none();
            let context = context.as_ptr().cast_mut();
            (self.functions.handle_set_context)(element.0, context, device, &raw mut found);
        }
        self.take(found)
    }

    fn take(&self, object: *mut std::ffi::c_void) -> Option<SharedContext> {
        if object.is_null() {
            return None;
        }
        // SAFETY: the library gave a reference with it, which is ours.
        let object = unsafe { gst::Object::from_glib_full(object.cast::<gst::ffi::GstObject>()) };
        Some(SharedContext { cuda: *self, object, ours: None })
    }
}

/// A `GstCudaContext`: theirs, or ours wrapped for them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SharedContext {
    cuda: GstCuda,
    object: gst::Object,
    /// What was wrapped.
    ours: Option<Context>,
}

impl SharedContext {
    pub(crate) fn as_ptr(&self) -> *mut std::ffi::c_void {
        self.object.as_ptr().cast()
    }

    /// The driver's handle, alive as long as this is.
    pub fn raw(&self) -> RawContext {
        // SAFETY: the object is a GstCudaContext and alive.
        RawContext(unsafe { (self.cuda.functions.context_get_handle)(self.as_ptr()) } as usize)
    }

    /// Whether it is this very context.
    pub fn is(&self, context: &Context) -> bool {
        self.raw() == context.raw()
    }

    /// The driver's number of its device.
    pub fn device(&self) -> Option<i32> {
        let id =
            self.object.find_property("cuda-device-id").map(|_| self.object.property_value("cuda-device-id"));
        let id = id?;
        id.get::<u32>().ok().and_then(|id| i32::try_from(id).ok()).or_else(|| id.get::<i32>().ok())
    }

    /// The context to work in: ours again, or theirs, adopted and kept alive by a reference of it.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] for a context that does not say its device, [`CudaError::Off`].
    pub fn adopt(&self, cuda: &Cuda) -> Result<Context, CudaError> {
        if let Some(ours) = &self.ours {
            return Ok(ours.clone());
        }
        let unfit = |why: &str| CudaError::Unfit { what: "adopting a context", why: why.to_owned() };
        let device = self.device().ok_or_else(|| unfit("it does not say which device it is on"))?;
        let raw = self.raw();
        if raw.0 == 0 {
            return Err(unfit("it is empty"));
        }
        // SAFETY: the handle is the object's, which lives as long as the reference that is kept with it.
        unsafe { Context::adopt(cuda, device, raw, Box::new(self.object.clone())) }
    }

    /// Answers a query for a context, as an element's `query` gets it; whether it was one.
    pub fn answer(&self, element: &impl IsA<gst::Element>, query: &mut gst::QueryRef) -> bool {
        // SAFETY: all three are alive, and the query is ours alone to write.
        unsafe {
            let element = element.as_ref().to_glib_none();
            from_glib((self.cuda.functions.handle_context_query)(
                element.0,
                query.as_mut_ptr(),
                self.as_ptr(),
            ))
        }
    }

    /// The message that tells the pipeline of it.
    pub fn have_context(&self, element: &impl IsA<gst::Element>) -> Option<gst::Message> {
        // SAFETY: the object is alive; the result is null or a new context that is ours.
        let context = unsafe { (self.cuda.functions.new_cuda_context)(self.as_ptr()) };
        if context.is_null() {
            return None;
        }
        // SAFETY: not null, and ours.
        let context = unsafe { gst::Context::from_glib_full(context) };
        Some(gst::message::HaveContext::builder(context).src(element.as_ref()).build())
    }

    /// A pool of CUDA memories for frames that we make.
    pub fn buffer_pool(&self) -> Option<gst::BufferPool> {
        // SAFETY: the object is alive; the result is null or a new pool that is ours.
        let pool = unsafe { (self.cuda.functions.buffer_pool_new)(self.as_ptr()) };
        if pool.is_null() {
            return None;
        }
        // SAFETY: not null, and ours.
        Some(unsafe { gst::BufferPool::from_glib_full(pool) })
    }
}

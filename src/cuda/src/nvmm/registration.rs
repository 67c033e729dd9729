//! Surfaces of Jetson, registered with CUDA.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Counts;
use super::frame::Surface;
use super::sys::{CuEglFrame, EglInterop, NvBufSurface, RawResource, frame_type};
use crate::result::CudaError;
use crate::safe::Context;

/// Images that were made here, by surface and image, and how many use each. Locked whenever one is made or
/// ended: that writes to the surface, and several elements may come upon one at once.
static IMAGES: Mutex<BTreeMap<(usize, usize), usize>> = Mutex::new(BTreeMap::new());

fn unfit(why: &str) -> CudaError {
    CudaError::Unfit { what: "using a frame in NVMM", why: why.to_owned() }
}

/// A surface's EGL image. A surface has one at a time, so registrations of one surface share it.
#[derive(Debug)]
struct EglImage {
    interop: Arc<dyn EglInterop>,
    surface: *mut NvBufSurface,
    image: usize,
    /// Whether it was made here; another is its maker's to end.
    is_ours: bool,
    /// Keeps the surface.
    _memory: gst::Memory,
}

// SAFETY: the library's functions may be called on any thread, one at a time for a surface; IMAGES sees to
// that.
unsafe impl Send for EglImage {}
// SAFETY: nothing is changed through a shared reference.
unsafe impl Sync for EglImage {}

impl EglImage {
    /// # Safety
    ///
    /// The surface has a first buffer, and is alive as long as the memory.
    unsafe fn new(
        interop: &Arc<dyn EglInterop>,
        surface: *mut NvBufSurface,
        memory: gst::Memory,
    ) -> Result<Self, CudaError> {
        let mut images = IMAGES.lock();
        // SAFETY: the caller's surface is alive and has a first buffer.
        let image = || unsafe { (*(*surface).surface_list).mapped_addr.egl_image };
        if image() == 0 {
            // SAFETY: as above, and the lock is held.
            if !unsafe { interop.map_egl_image(surface) } {
                return Err(unfit("NvBufSurfaceMapEglImage fails: is there an EGL display?"));
            }
            if image() == 0 {
                return Err(unfit("NvBufSurfaceMapEglImage gives no image"));
            }
            images.insert((surface as usize, image()), 0);
        }
        let users = images.get_mut(&(surface as usize, image()));
        let is_ours = users.map(|users| *users += 1).is_some();
        Ok(Self { interop: Arc::clone(interop), surface, image: image(), is_ours, _memory: memory })
    }
}

impl Drop for EglImage {
    fn drop(&mut self) {
        if !self.is_ours {
            return;
        }
        let mut images = IMAGES.lock();
        let key = (self.surface as usize, self.image);
        let Some(users) = images.get_mut(&key) else { return };
        *users -= 1;
        if *users > 0 {
            return;
        }
        images.remove(&key);
        // Where somebody else has ended it or made another, it is no longer ours to end.
        // SAFETY: the memory keeps the surface alive; the image was made here and is ended with its last
        // user.
        unsafe {
            if (*(*self.surface).surface_list).mapped_addr.egl_image == self.image {
                let _ = self.interop.unmap_egl_image(self.surface);
            }
        }
    }
}

/// An EGL image that CUDA knows.
#[derive(Debug)]
struct Resource {
    context: Context,
    interop: Arc<dyn EglInterop>,
    counts: Arc<Counts>,
    raw: RawResource,
}

impl Drop for Resource {
    fn drop(&mut self) {
        // Nothing can be done about a failure; a context that is lost takes its resources along.
        if let Ok(_entered) = self.context.enter() {
            // SAFETY: registered in this context, which is current, and given back once. Work that reads the
            // frame held the registration.
            let _ = unsafe { self.interop.unregister(self.raw) };
        }
        Counts::add(&self.counts.unregistered);
    }
}

/// What a registration is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    memory: usize,
    surface: usize,
    list: usize,
    buffer_desc: u64,
    size: (u32, u32),
    color_format: u32,
    pitch: [u32; 4],
}

impl Key {
    fn of(surface: &Surface, memory: *const gst::ffi::GstMemory) -> Self {
        Self {
            memory: memory as usize,
            surface: surface.raw as usize,
            list: surface.list as usize,
            buffer_desc: surface.buffer_desc,
            size: (surface.width, surface.height),
            color_format: surface.color_format,
            pitch: surface.planes.pitch,
        }
    }
}

/// A surface that CUDA knows. What is declared first goes first.
#[derive(Debug)]
pub(super) struct Registration {
    resource: Resource,
    _image: EglImage,
    key: Key,
    /// What CUDA sees: rows at addresses, as many planes as the surface has.
    pub(super) frame: CuEglFrame,
}

impl Registration {
    /// # Safety
    ///
    /// The surface is the memory's, and alive as long as that is.
    pub(super) unsafe fn new(
        interop: &Arc<dyn EglInterop>,
        counts: &Arc<Counts>,
        context: &Context,
        surface: &Surface,
        memory: gst::Memory,
    ) -> Result<Self, CudaError> {
        let key = Key::of(surface, memory.as_ptr());
        // SAFETY: the caller's surface lives as long as the memory, and has been found to have a first
        // buffer.
        let image = unsafe { EglImage::new(interop, surface.raw, memory) }?;
        let _entered = context.enter()?;
        // SAFETY: the image is alive, and the context current.
        let raw = context.check("cuGraphicsEGLRegisterImage", unsafe { interop.register(image.image) })?;
        Counts::add(&counts.registered);
        let interop = Arc::clone(interop);
        let resource = Resource { context: context.clone(), interop, counts: Arc::clone(counts), raw };
        // SAFETY: just registered; the context is current.
        let frame = unsafe { resource.interop.frame(raw) };
        let frame = context.check("cuGraphicsResourceGetMappedEglFrame", frame)?;
        match frame.frame_type {
            frame_type::PITCH => {}
            frame_type::ARRAY => return Err(unfit(super::frame::TILES)),
            other => return Err(unfit(&format!("CUDA sees a frame of unknown type {other}"))),
        }
        let planes = surface.planes.num_planes;
        if frame.plane_count != planes || frame.pitch != surface.planes.pitch[0] {
            return Err(unfit(&format!(
                "CUDA sees {} planes of pitch {}, the surface says {planes} of {}",
                frame.plane_count, frame.pitch, surface.planes.pitch[0]
            )));
        }
        if frame.planes.iter().take(planes as usize).any(|&address| address == 0) {
            return Err(unfit("CUDA sees a plane without an address"));
        }
        Ok(Self { resource, _image: image, key, frame })
    }

    /// Whether it holds for this surface in this memory, through these libraries and in this context.
    pub(super) fn holds_for(
        &self,
        interop: &Arc<dyn EglInterop>,
        context: &Context,
        surface: &Surface,
        memory: *const gst::ffi::GstMemory,
    ) -> bool {
        self.key == Key::of(surface, memory)
            && self.resource.context.is_same(context)
            && Arc::ptr_eq(&self.resource.interop, interop)
    }
}

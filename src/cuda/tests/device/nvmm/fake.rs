//! NVIDIA's two libraries, and surfaces, that are none: every handle is kept account of.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use gst::glib;
use gst::subclass::prelude::*;
use vesalius_cuda::nvmm::sys::{
    CuEglFrame, EglInterop, NvBufSurface, NvBufSurfaceMappedAddr, NvBufSurfaceParams,
    NvBufSurfacePlaneParams, RawResource, frame_type, layout, mem_type,
};
use vesalius_cuda::sys::{Code, Outcome};

use crate::host::HostDevice;

#[derive(Default)]
struct State {
    next: usize,
    surfaces: HashSet<usize>,
    images: HashMap<usize, usize>,
    resources: HashMap<usize, usize>,
    registered: usize,
    breaches: Vec<String>,
    change: Option<fn(&mut CuEglFrame)>,
    no_images: bool,
}

/// The libraries. Cheap to clone.
#[derive(Clone, Default)]
pub struct Fake {
    state: Arc<Mutex<State>>,
    device: HostDevice,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl Fake {
    pub fn new(device: &HostDevice) -> Self {
        Self { state: Arc::default(), device: device.clone() }
    }

    /// Changes what CUDA says of a frame.
    pub fn change(&self, change: fn(&mut CuEglFrame)) {
        self.state.lock().unwrap().change = Some(change);
    }

    /// Lets mapping fail.
    pub fn fail_images(&self) {
        self.state.lock().unwrap().no_images = true;
    }

    /// Resources and images that there are.
    pub fn alive(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap();
        (state.resources.len(), state.images.len())
    }

    /// How often something was registered.
    pub fn registered(&self) -> usize {
        self.state.lock().unwrap().registered
    }

    /// Fails on any breach; everything must have been given back.
    pub fn finish(&self) {
        assert_eq!(self.alive(), (0, 0), "resources, images are left");
        let state = self.state.lock().unwrap();
        assert!(state.surfaces.is_empty(), "surfaces are left");
        assert!(state.breaches.is_empty(), "{:?}", state.breaches);
    }

    /// A buffer with a surface.
    pub fn buffer(&self, describe: &Describe) -> gst::Buffer {
        gst::Buffer::from_mut_slice(self.surface(describe))
    }

    fn surface(&self, describe: &Describe) -> Memory {
        let mut plane_params = NvBufSurfacePlaneParams {
            num_planes: describe.planes.len() as u32,
            width: [0; 4],
            height: [0; 4],
            pitch: [0; 4],
            offset: [0; 4],
            psize: [0; 4],
            bytes_per_pix: [0; 4],
            reserved: [0; 4 * 4],
        };
        for (i, &(offset, pitch, rows)) in describe.planes.iter().enumerate() {
            plane_params.offset[i] = offset;
            plane_params.pitch[i] = pitch;
            plane_params.height[i] = rows;
            plane_params.psize[i] = pitch * rows;
        }
        let params = NvBufSurfaceParams {
            width: describe.size.0,
            height: describe.size.1,
            pitch: plane_params.pitch[0],
            color_format: describe.color_format,
            layout: describe.layout,
            buffer_desc: 40,
            data_size: describe
                .planes
                .iter()
                .map(|&(offset, pitch, rows)| offset + pitch * rows)
                .max()
                .unwrap(),
            data_ptr: describe.base as usize,
            plane_params,
            mapped_addr: NvBufSurfaceMappedAddr { addr: [0; 4], egl_image: describe.image, reserved: [0; 4] },
        };
        let head = NvBufSurface {
            gpu_id: describe.gpu,
            batch_size: describe.filled,
            num_filled: describe.filled,
            is_contiguous: 1,
            mem_type: describe.mem_type,
            surface_list: std::ptr::null_mut(),
        };
        let memory = Box::into_raw(Box::new(Whole { head, reserved: [0; 5], params, base: describe.base }));
        // SAFETY: made just now, and nobody else's.
        unsafe { (*memory).head.surface_list = &raw mut (*memory).params };
        self.state.lock().unwrap().surfaces.insert(memory as usize);
        Memory { memory, fake: self.clone() }
    }

    fn breach(&self, what: &str) {
        self.state.lock().unwrap().breaches.push(what.to_owned());
    }
}

/// What a surface says of itself.
#[derive(Clone)]
pub struct Describe {
    pub size: (u32, u32),
    pub color_format: u32,
    pub layout: u32,
    pub mem_type: u32,
    pub gpu: u32,
    pub filled: u32,
    /// Where its pixels are.
    pub base: u64,
    /// Offset, pitch and rows of each plane.
    pub planes: Vec<(u32, u32, u32)>,
    /// An image that somebody else has made.
    pub image: usize,
}

impl Describe {
    /// NV12 of 640 × 480 pixels, as Jetson allocates it: rows of 768 bytes.
    pub fn nv12(base: u64) -> Self {
        Self {
            size: (640, 480),
            color_format: 6,
            layout: layout::PITCH,
            mem_type: mem_type::SURFACE_ARRAY,
            gpu: 0,
            filled: 1,
            base,
            planes: vec![(0, 768, 480), (393_216, 768, 240)],
            image: 0,
        }
    }
}

#[repr(C)]
struct Whole {
    head: NvBufSurface,
    reserved: [usize; 5],
    params: NvBufSurfaceParams,
    base: u64,
}

/// A memory whose data is a surface.
struct Memory {
    memory: *mut Whole,
    fake: Fake,
}

// SAFETY: the memory belongs to this alone.
unsafe impl Send for Memory {}

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the structure's own bytes.
        unsafe { std::slice::from_raw_parts(self.memory.cast(), size_of::<Whole>()) }
    }
}

impl AsMut<[u8]> for Memory {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: the structure's own bytes.
        unsafe { std::slice::from_raw_parts_mut(self.memory.cast(), size_of::<Whole>()) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let mut state = self.fake.state.lock().unwrap();
        state.surfaces.remove(&(self.memory as usize));
        if state.images.values().any(|&surface| surface == self.memory as usize) {
            state.breaches.push("a surface goes before its image".to_owned());
        }
        // SAFETY: made by `surface`, and freed once.
        drop(unsafe { Box::from_raw(self.memory) });
    }
}

// SAFETY: handles are valid until they are given back; what is wrong with that is noted.
unsafe impl EglInterop for Fake {
    unsafe fn map_egl_image(&self, surface: *mut NvBufSurface) -> bool {
        let mut state = self.state.lock().unwrap();
        if !state.surfaces.contains(&(surface as usize)) {
            state.breaches.push("an image of a surface that there is not".to_owned());
            return false;
        }
        if state.no_images {
            return false;
        }
        state.next += 1;
        let image = 0x1000 + state.next;
        state.images.insert(image, surface as usize);
        // SAFETY: the surface has just been found to be there.
        unsafe { (*(*surface).surface_list).mapped_addr.egl_image = image };
        true
    }

    unsafe fn unmap_egl_image(&self, surface: *mut NvBufSurface) -> bool {
        let mut state = self.state.lock().unwrap();
        if !state.surfaces.contains(&(surface as usize)) {
            state.breaches.push("an image is ended of a surface that there is not".to_owned());
            return false;
        }
        // SAFETY: the surface has just been found to be there.
        let image = unsafe { std::mem::take(&mut (*(*surface).surface_list).mapped_addr.egl_image) };
        if state.resources.values().any(|&of| of == image) {
            state.breaches.push("an image goes before its resource".to_owned());
        }
        if state.images.remove(&image).is_none() {
            state.breaches.push("an image is ended that was not made".to_owned());
        }
        true
    }

    unsafe fn register(&self, egl_image: usize) -> Outcome<RawResource> {
        self.device.foreign("egl_register")?;
        let mut state = self.state.lock().unwrap();
        state.next += 1;
        state.registered += 1;
        let resource = 0x2000 + state.next;
        state.resources.insert(resource, egl_image);
        Ok(RawResource(resource))
    }

    unsafe fn frame(&self, resource: RawResource) -> Outcome<CuEglFrame> {
        self.device.foreign("egl_frame")?;
        let state = self.state.lock().unwrap();
        let image = *state.resources.get(&resource.0).ok_or(Code::INVALID_VALUE)?;
        let surface = state.images.get(&image).copied();
        // An image of somebody else's is of the only surface that there is.
        let surface = surface.or_else(|| state.surfaces.iter().next().copied()).ok_or(Code::INVALID_VALUE)?;
        // SAFETY: an image's surface is alive, and every surface is of this type.
        let whole = unsafe { &*(surface as *const Whole) };
        let planes = whole.params.plane_params;
        let mut frame = CuEglFrame {
            pitch: planes.pitch[0],
            plane_count: planes.num_planes,
            frame_type: frame_type::PITCH,
            ..CuEglFrame::default()
        };
        for plane in 0..(planes.num_planes as usize).min(3) {
            frame.planes[plane] = whole.base as usize + planes.offset[plane] as usize;
        }
        if let Some(change) = state.change {
            change(&mut frame);
        }
        Ok(frame)
    }

    unsafe fn unregister(&self, resource: RawResource) -> Outcome<()> {
        self.device.foreign("egl_unregister")?;
        if self.state.lock().unwrap().resources.remove(&resource.0).is_none() {
            self.breach("a resource is given back twice");
        }
        Ok(())
    }
}

mod imp {
    use super::{Describe, Fake, Mutex};
    use gst::glib;
    use gst::subclass::prelude::*;

    #[derive(Default)]
    pub struct Pool {
        pub what: Mutex<Option<(Fake, Describe)>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Pool {
        const NAME: &'static str = "VesaliusTestNvmmPool";
        type Type = super::Pool;
        type ParentType = gst::BufferPool;
    }

    impl ObjectImpl for Pool {}
    impl GstObjectImpl for Pool {}
    impl BufferPoolImpl for Pool {
        fn alloc_buffer(
            &self,
            _: Option<&gst::BufferPoolAcquireParams>,
        ) -> Result<gst::Buffer, gst::FlowError> {
            let what = self.what.lock().unwrap();
            let (fake, describe) = what.as_ref().unwrap();
            Ok(fake.buffer(describe))
        }
    }
}

glib::wrapper! {
    /// A pool of surfaces, with all that GStreamer's pools do to buffers that come back.
    pub struct Pool(ObjectSubclass<imp::Pool>) @extends gst::BufferPool, gst::Object;
}

impl Pool {
    /// A pool of so many buffers, running.
    pub fn new(fake: &Fake, describe: &Describe, count: u32) -> Self {
        use gst::prelude::*;
        let pool: Self = glib::Object::new();
        *pool.imp().what.lock().unwrap() = Some((fake.clone(), describe.clone()));
        let mut config = pool.config();
        config.set_params(None, size_of::<Whole>() as u32, count, count);
        pool.set_config(config).unwrap();
        pool.set_active(true).unwrap();
        pool
    }
}

//! What NVIDIA's buffer library and the driver's EGL interoperability export, as far as it is used.
//!
//! Layouts and signatures follow `nvbufsurface.h` of Jetson Linux and `cudaEGL.h` of CUDA:
//!
//! * <https://docs.nvidia.com/jetson/archives/r35.4.1/ApiReference/nvbufsurface_8h_source.html>
//! * <https://docs.nvidia.com/jetson/archives/r39.2/ApiReference/structNvBufSurfaceParams.html>
//! * <https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__EGL.html>
//!
//! Fields were appended to both surface structures between release 35 and release 39 (`isImportedBuf`,
//! `cudaBuffer`), so the distance from one entry of a batch to the next depends on the release. Up to
//! `mappedAddr` all are alike. Only these leading fields are declared, and only the first entry is touched.

use std::ffi::{c_int, c_uint, c_void};
use std::fmt;

use libloading::Library;

use crate::result::Off;
use crate::sys::{Code, Outcome};

/// The buffer library's file, and how it is called where only the runtime is installed.
pub const SURFACE_LIBRARY: [&str; 2] = ["libnvbufsurface.so", "libnvbufsurface.so.1.0.0"];
/// The driver's file.
pub const DRIVER_LIBRARY: &str = "libcuda.so.1";

/// `NVBUF_MAX_PLANES`.
pub const MAX_PLANES: usize = 4;

/// `NvBufSurfacePlaneParams`: a buffer's planes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NvBufSurfacePlaneParams {
    /// How many there are.
    pub num_planes: u32,
    /// Widths in samples.
    pub width: [u32; MAX_PLANES],
    /// Heights in rows.
    pub height: [u32; MAX_PLANES],
    /// Pitches in bytes.
    pub pitch: [u32; MAX_PLANES],
    /// Offsets in bytes from the buffer's start.
    pub offset: [u32; MAX_PLANES],
    /// Sizes in bytes.
    pub psize: [u32; MAX_PLANES],
    /// Bytes a sample, or a pair of chroma samples.
    pub bytes_per_pix: [u32; MAX_PLANES],
    /// Reserved.
    pub reserved: [usize; 4 * MAX_PLANES],
}

/// `NvBufSurfaceMappedAddr`: what a buffer is mapped to.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NvBufSurfaceMappedAddr {
    /// Planes, mapped for the CPU.
    pub addr: [usize; MAX_PLANES],
    /// The `EGLImageKHR`; 0 where there is none.
    pub egl_image: usize,
    /// Reserved.
    pub reserved: [usize; 4],
}

/// The leading fields of `NvBufSurfaceParams`: a buffer of a batch.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NvBufSurfaceParams {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Pitch of the first plane in bytes.
    pub pitch: u32,
    /// `NvBufSurfaceColorFormat`.
    pub color_format: u32,
    /// `NvBufSurfaceLayout`.
    pub layout: u32,
    /// The dma-buf's file descriptor, of a surface array.
    pub buffer_desc: u64,
    /// Allocated bytes.
    pub data_size: u32,
    /// Address of the memory; means nothing for a surface array.
    pub data_ptr: usize,
    /// Planes.
    pub plane_params: NvBufSurfacePlaneParams,
    /// What it is mapped to.
    pub mapped_addr: NvBufSurfaceMappedAddr,
}

/// The leading fields of `NvBufSurface`: a batch of buffers. A mapped NVMM memory's data begins with it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NvBufSurface {
    /// Number of the GPU.
    pub gpu_id: u32,
    /// Size of the batch.
    pub batch_size: u32,
    /// How many of them hold a picture.
    pub num_filled: u32,
    /// A C `bool`.
    pub is_contiguous: u8,
    /// `NvBufSurfaceMemType`.
    pub mem_type: u32,
    /// The buffers.
    pub surface_list: *mut NvBufSurfaceParams,
}

/// Values of `NvBufSurfaceMemType`.
pub mod mem_type {
    /// Device memory on a discrete GPU, a surface array on Jetson.
    pub const DEFAULT: u32 = 0;
    /// Page-locked memory of the host.
    pub const CUDA_PINNED: u32 = 1;
    /// Memory of the device.
    pub const CUDA_DEVICE: u32 = 2;
    /// Managed memory.
    pub const CUDA_UNIFIED: u32 = 3;
    /// Memory of Jetson's engines, a dma-buf.
    pub const SURFACE_ARRAY: u32 = 4;
    /// A handle of memory on Jetson.
    pub const HANDLE: u32 = 5;
    /// Memory of the system.
    pub const SYSTEM: u32 = 6;
}

/// Values of `NvBufSurfaceLayout`.
pub mod layout {
    /// Rows, one after the other.
    pub const PITCH: u32 = 0;
    /// Tiles, in an order of NVIDIA's own.
    pub const BLOCK_LINEAR: u32 = 1;
}

/// `CUeglFrame`: what CUDA sees of an EGL image.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CuEglFrame {
    /// Addresses, or `CUarray`s, of the planes.
    pub planes: [usize; 3],
    /// Width of the first plane.
    pub width: c_uint,
    /// Height of the first plane.
    pub height: c_uint,
    /// Depth of the first plane.
    pub depth: c_uint,
    /// Pitch of the first plane in bytes.
    pub pitch: c_uint,
    /// How many planes there are.
    pub plane_count: c_uint,
    /// Channels of a plane.
    pub num_channels: c_uint,
    /// `CUeglFrameType`: [`frame_type`].
    pub frame_type: c_uint,
    /// `CUeglColorFormat`.
    pub egl_color_format: c_uint,
    /// `CUarray_format`.
    pub cu_format: c_uint,
}

/// Values of `CUeglFrameType`.
pub mod frame_type {
    /// Planes are `CUarray`s.
    pub const ARRAY: u32 = 0;
    /// Planes are addresses.
    pub const PITCH: u32 = 1;
}

/// A `CUgraphicsResource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawResource(pub usize);

/// The calls that are used: each does what the function does that it is named after.
///
/// # Safety
///
/// Who implements it keeps the libraries' promises: an image and a resource stay valid until they are given
/// back, and the planes of a mapped frame stay where they are as long as its resource.
///
/// Who calls an `unsafe` method gives a surface that is alive and handles that came from here and have not
/// been given back, lets no two threads map or unmap one surface at a time, and makes the context current for
/// resources.
#[allow(clippy::missing_safety_doc)] // Stated once, above, for all.
pub unsafe trait EglInterop: Send + Sync + fmt::Debug {
    /// `NvBufSurfaceMapEglImage` of the first buffer; whether it succeeds. The image is then in `mappedAddr`.
    unsafe fn map_egl_image(&self, surface: *mut NvBufSurface) -> bool;
    /// `NvBufSurfaceUnMapEglImage` of the first buffer; whether it succeeds.
    unsafe fn unmap_egl_image(&self, surface: *mut NvBufSurface) -> bool;
    /// `cuGraphicsEGLRegisterImage`, for reading and writing.
    unsafe fn register(&self, egl_image: usize) -> Outcome<RawResource>;
    /// `cuGraphicsResourceGetMappedEglFrame`.
    unsafe fn frame(&self, resource: RawResource) -> Outcome<CuEglFrame>;
    /// `cuGraphicsUnregisterResource`.
    unsafe fn unregister(&self, resource: RawResource) -> Outcome<()>;
}

type OnSurface = unsafe extern "C" fn(*mut NvBufSurface, c_int) -> c_int;

/// The libraries themselves, opened.
pub struct EglLibraries {
    map_egl_image: OnSurface,
    unmap_egl_image: OnSurface,
    register: unsafe extern "C" fn(*mut usize, *mut c_void, c_uint) -> c_int,
    frame: unsafe extern "C" fn(*mut CuEglFrame, usize, c_uint, c_uint) -> c_int,
    unregister: unsafe extern "C" fn(usize) -> c_int,
    /// Keep the functions where they are.
    _libraries: [Library; 2],
}

impl fmt::Debug for EglLibraries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EglLibraries")
    }
}

impl EglLibraries {
    /// Opens both.
    ///
    /// # Errors
    ///
    /// [`Off::LibraryMissing`], [`Off::NoDriver`].
    pub fn open() -> Result<Self, Off> {
        // SAFETY: as Jetson's own elements open it; its initialisers set up its own tables.
        let mut opened = SURFACE_LIBRARY.iter().map(|name| unsafe { Library::new(*name) });
        let surface = opened.find_map(Result::ok).ok_or_else(|| Off::LibraryMissing {
            library: SURFACE_LIBRARY[0],
            message: "it comes with Jetson Linux and with DeepStream".to_owned(),
        })?;
        // SAFETY: loading a driver has no other effect.
        let driver = unsafe { Library::new(DRIVER_LIBRARY) }.map_err(|_| Off::NoDriver)?;
        macro_rules! get {
            ($library:ident, $file:expr, $name:literal) => {
                // SAFETY: the type is the one that the header declares for this name, and the library is kept
                // with it.
                *unsafe { $library.get(concat!($name, "\0").as_bytes()) }.map_err(|_| {
                    Off::LibraryMissing {
                        library: concat!("the function ", $name),
                        message: format!("{} does not have it", $file),
                    }
                })?
            };
        }
        Ok(Self {
            map_egl_image: get!(surface, SURFACE_LIBRARY[0], "NvBufSurfaceMapEglImage"),
            unmap_egl_image: get!(surface, SURFACE_LIBRARY[0], "NvBufSurfaceUnMapEglImage"),
            register: get!(driver, DRIVER_LIBRARY, "cuGraphicsEGLRegisterImage"),
            frame: get!(driver, DRIVER_LIBRARY, "cuGraphicsResourceGetMappedEglFrame"),
            unregister: get!(driver, DRIVER_LIBRARY, "cuGraphicsUnregisterResource"),
            _libraries: [surface, driver],
        })
    }
}

fn check(code: c_int) -> Outcome<()> {
    if code == 0 { Ok(()) } else { Err(Code(code)) }
}

// SAFETY: every method is the library's own function of that name, which keeps its promises.
unsafe impl EglInterop for EglLibraries {
    unsafe fn map_egl_image(&self, surface: *mut NvBufSurface) -> bool {
        // SAFETY: the caller's surface is alive, and has a first buffer.
        unsafe { (self.map_egl_image)(surface, 0) == 0 }
    }

    unsafe fn unmap_egl_image(&self, surface: *mut NvBufSurface) -> bool {
        // SAFETY: as above.
        unsafe { (self.unmap_egl_image)(surface, 0) == 0 }
    }

    unsafe fn register(&self, egl_image: usize) -> Outcome<RawResource> {
        let mut resource = 0;
        // `CU_GRAPHICS_MAP_RESOURCE_FLAGS_NONE` is 0: a frame may be read now and drawn on later.
        // SAFETY: the pointer is to a local; the caller's image is alive and the context current.
        check(unsafe { (self.register)(&raw mut resource, egl_image as *mut c_void, 0) })?;
        Ok(RawResource(resource))
    }

    unsafe fn frame(&self, resource: RawResource) -> Outcome<CuEglFrame> {
        let mut frame = CuEglFrame::default();
        // SAFETY: the pointer is to a local of the structure's size; the caller's resource is registered.
        check(unsafe { (self.frame)(&raw mut frame, resource.0, 0, 0) })?;
        Ok(frame)
    }

    unsafe fn unregister(&self, resource: RawResource) -> Outcome<()> {
        // SAFETY: the caller registered it and gives it back once.
        check(unsafe { (self.unregister)(resource.0) })
    }
}

//! From a buffer to a picture on the device.

use std::sync::Arc;

use gst_video::VideoInfo;

use super::meta::SurfaceMeta;
use super::registration::Registration;
use super::sys::{MAX_PLANES, NvBufSurface, NvBufSurfaceParams, NvBufSurfacePlaneParams, layout, mem_type};
use super::{Counts, Nvmm, format};
use crate::gst_cuda::{Access, surface_format};
use crate::result::CudaError;
use crate::safe::{Context, DevicePicture, SurfaceFormat};
use crate::sys::DevicePtr;

/// Why frames whose pixels lie in tiles are refused.
pub(super) const TILES: &str = "its pixels lie in tiles (block-linear), not in rows: put `nvvidconv \
                                bl-output=false` or RGBA caps in front";

fn unfit(why: impl Into<String>) -> CudaError {
    CudaError::Unfit { what: "using a frame in NVMM", why: why.into() }
}

/// The format of a stream whose caps say `memory:NVMM`.
#[derive(Clone, Debug)]
pub struct NvmmFormat {
    info: VideoInfo,
    format: SurfaceFormat,
}

impl NvmmFormat {
    /// Of a stream's caps; `None` where its frames lie elsewhere.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] for a format that kernels do not take.
    pub fn from_caps(caps: &gst::CapsRef) -> Result<Option<Self>, CudaError> {
        if !caps.features(0).is_some_and(|features| features.contains("memory:NVMM")) {
            return Ok(None);
        }
        let info =
            VideoInfo::from_caps(caps).map_err(|_| unfit("its caps are no video of a fixed format"))?;
        let format = surface_format(info.format())
            .ok_or_else(|| unfit(format!("its format {} is not known", info.format().to_str())))?;
        Ok(Some(Self { info, format }))
    }

    /// What the caps say.
    pub fn info(&self) -> &VideoInfo {
        &self.info
    }
}

/// A surface as it says of itself: the first of its batch.
pub(super) struct Surface {
    pub(super) raw: *mut NvBufSurface,
    pub(super) list: *mut NvBufSurfaceParams,
    gpu: u32,
    mem_type: u32,
    layout: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) color_format: u32,
    pub(super) buffer_desc: u64,
    data_ptr: usize,
    data_size: u32,
    pub(super) planes: NvBufSurfacePlaneParams,
}

impl Surface {
    /// # Safety
    ///
    /// The memory is NVMM.
    unsafe fn of(memory: *mut gst::ffi::GstMemory) -> Result<Self, CudaError> {
        // SAFETY: all of the structure is numbers and pointers, for which zeros are values.
        let mut map: gst::ffi::GstMapInfo = unsafe { std::mem::zeroed() };
        // SAFETY: the caller's memory is alive.
        if unsafe { gst::ffi::gst_memory_map(memory, &raw mut map, gst::ffi::GST_MAP_READ) } == 0 {
            return Err(unfit("its memory cannot be mapped"));
        }
        let (raw, size) = (map.data.cast::<NvBufSurface>(), map.size);
        // Mapping NVMM is no more than being told where the surface is; it stays there as long as the memory.
        // SAFETY: mapped just now.
        unsafe { gst::ffi::gst_memory_unmap(memory, &raw mut map) };
        if raw.is_null() || !raw.is_aligned() || size < size_of::<NvBufSurface>() {
            return Err(unfit("its memory holds no NvBufSurface"));
        }
        // SAFETY: by the caller's word there is a surface; it is large enough and aligned.
        let head = unsafe { std::ptr::read(raw) };
        let list = head.surface_list;
        if list.is_null() || !list.is_aligned() || head.batch_size == 0 {
            return Err(unfit("its NvBufSurface is empty"));
        }
        if head.num_filled > 1 {
            return Err(unfit(format!(
                "it is a batch of {} pictures: put `nvstreamdemux` in front",
                head.num_filled
            )));
        }
        // SAFETY: a surface that is not empty has a first buffer. What it is mapped to is not read here: that
        // may change at any time.
        unsafe {
            Ok(Self {
                raw,
                list,
                gpu: head.gpu_id,
                mem_type: head.mem_type,
                layout: (*list).layout,
                width: (*list).width,
                height: (*list).height,
                color_format: (*list).color_format,
                buffer_desc: (*list).buffer_desc,
                data_ptr: (*list).data_ptr,
                data_size: (*list).data_size,
                planes: (*list).plane_params,
            })
        }
    }

    /// Whether it is what the caps say, with every row in its plane.
    fn check(&self, format: &NvmmFormat) -> Result<(), CudaError> {
        let info = &format.info;
        if !format::is_one(self.color_format, info.format()) {
            let caps = info.format().to_str();
            return Err(unfit(format!(
                "its caps say {caps}, its surface has colour format {}",
                self.color_format
            )));
        }
        if self.width < info.width() || self.height < info.height() {
            let caps = format!("{}x{}", info.width(), info.height());
            return Err(unfit(format!(
                "its caps say {caps}, its surface has {}x{}",
                self.width, self.height
            )));
        }
        match self.layout {
            layout::PITCH => {}
            layout::BLOCK_LINEAR => return Err(unfit(TILES)),
            other => return Err(unfit(format!("its layout {other} is not known"))),
        }
        if self.planes.num_planes as usize != format.format.planes() {
            return Err(unfit(format!("its surface has {} planes", self.planes.num_planes)));
        }
        for plane in 0..format.format.planes().min(MAX_PLANES) {
            let rows = format.format.plane_layout(plane, info.width() as usize, info.height() as usize);
            let pitch = self.planes.pitch[plane] as usize;
            if pitch * rows.rows.saturating_sub(1) + rows.row_bytes > self.planes.psize[plane] as usize {
                return Err(unfit(format!("plane {plane} ends before its last row does")));
            }
        }
        Ok(())
    }

    /// The planes of memory that CUDA addresses itself.
    fn direct(&self, context: &Context) -> Result<Vec<(DevicePtr, usize)>, CudaError> {
        if i32::try_from(self.gpu) != Ok(context.device().ordinal) {
            return Err(unfit(format!("it is on GPU {}, not {}", self.gpu, context.device().ordinal)));
        }
        if self.data_ptr == 0 {
            return Err(unfit("its surface has no address"));
        }
        let base = DevicePtr(self.data_ptr as u64);
        let planes = 0..(self.planes.num_planes as usize).min(MAX_PLANES);
        planes
            .map(|plane| {
                let (offset, bytes) = (self.planes.offset[plane], self.planes.psize[plane]);
                if u64::from(offset) + u64::from(bytes) > u64::from(self.data_size) {
                    return Err(unfit("its memory ends before its last plane does"));
                }
                Ok((base.offset(offset.into()), self.planes.pitch[plane] as usize))
            })
            .collect()
    }
}

/// What a picture in NVMM keeps. What is declared first goes first.
struct Kept {
    _registration: Option<Arc<Registration>>,
    /// Keeps the memory, and the frame from going back to its pool.
    _buffer: gst::Buffer,
}

/// A frame in NVMM, where it lies.
#[derive(Debug)]
pub struct NvmmFrame {
    /// The picture; whoever works on it holds the buffer. Work may begin at once. Before a frame that was
    /// drawn on is pushed on, the host waits for the work's fence ([`Fence::block`](crate::Fence::block)).
    pub picture: DevicePicture,
}

impl Nvmm {
    /// The picture in a buffer. It holds a reference of the buffer until whoever works on it is done, so a
    /// pool does not give the frame to somebody else. Nothing is copied, and the buffer is never replaced by
    /// a copy.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] for a surface that kernels do not take or that is not what the caps say, and for
    /// a frame to be drawn on that others see as well; [`CudaError::Off`] for a surface of Jetson without its
    /// libraries; [`CudaError::Driver`].
    ///
    /// # Safety
    ///
    /// The buffer is of a stream whose caps `format` was made of, so that its memory is what NVIDIA's
    /// elements call NVMM.
    pub unsafe fn map(
        &self,
        buffer: &mut gst::Buffer,
        format: &NvmmFormat,
        context: &Context,
        access: Access,
    ) -> Result<NvmmFrame, CudaError> {
        if buffer.n_memory() != 1 {
            return Err(unfit(format!("it has {} memories, not one", buffer.n_memory())));
        }
        if access == Access::ReadWrite && !buffer.is_writable() {
            return Err(unfit("others see it as well, so it must not be drawn on"));
        }
        // SAFETY: the buffer has a memory, which the caller says is NVMM.
        let surface = unsafe { Surface::of(buffer.peek_memory(0).as_ptr().cast_mut()) }?;
        surface.check(format)?;
        let mut registration = None;
        let planes = match surface.mem_type {
            mem_type::CUDA_DEVICE | mem_type::CUDA_UNIFIED => surface.direct(context)?,
            mem_type::DEFAULT if cfg!(not(target_arch = "aarch64")) => surface.direct(context)?,
            mem_type::DEFAULT | mem_type::SURFACE_ARRAY => {
                // SAFETY: the surface is the memory's.
                let found = unsafe { self.registration(buffer, &surface, context) }?;
                let addresses = found.frame.planes.iter().map(|&address| DevicePtr(address as u64));
                // CUDA tells the first plane's pitch alone.
                let pitches = surface.planes.pitch.iter().map(|&pitch| pitch as usize);
                let planes = addresses.zip(pitches).take(format.format.planes()).collect();
                registration = Some(found);
                planes
            }
            other => {
                let name = match other {
                    mem_type::CUDA_PINNED => "page-locked memory of the host",
                    mem_type::HANDLE => "a memory handle",
                    mem_type::SYSTEM => "memory of the system",
                    _ => "memory of an unknown type",
                };
                return Err(unfit(format!("it lies in {name} (type {other})")));
            }
        };
        let size = (format.info.width() as usize, format.info.height() as usize);
        let kept = Kept { _registration: registration, _buffer: buffer.clone() };
        // SAFETY: the planes have their rows there, as CUDA or the surface says and as has been checked
        // against the sizes of the planes; registration and buffer are kept with the picture, and for drawing
        // the buffer was found to be nobody else's.
        let picture = unsafe {
            DevicePicture::foreign(context, format.format, size.0, size.1, &planes, Arc::new(kept))
        }?;
        Ok(NvmmFrame { picture })
    }

    /// The buffer's registration, or a new one, which is left with the buffer where that is ours alone.
    ///
    /// # Safety
    ///
    /// The surface is that of the buffer's one memory.
    unsafe fn registration(
        &self,
        buffer: &mut gst::Buffer,
        surface: &Surface,
        context: &Context,
    ) -> Result<Arc<Registration>, CudaError> {
        let interop = self.interop.as_ref().map_err(|off| CudaError::Off(off.clone()))?;
        let memory = buffer.peek_memory(0).as_ptr();
        if let Some(meta) = buffer.meta::<SurfaceMeta>() {
            let known = meta.registration();
            if known.holds_for(interop, context, surface, memory) {
                Counts::add(&self.counts.reused);
                return Ok(Arc::clone(known));
            }
        }
        let memory = buffer.memory(0).ok_or_else(|| unfit("it has no memory"))?;
        // SAFETY: by the caller's word; the registration keeps the memory.
        let made = unsafe { Registration::new(interop, &self.counts, context, surface, memory) }?;
        let made = Arc::new(made);
        // Never `make_mut`, which would copy a buffer that others see and put the meta on the copy.
        match buffer.get_mut() {
            Some(buffer) => SurfaceMeta::keep(buffer, Arc::clone(&made)),
            None => Counts::add(&self.counts.uncached),
        }
        Ok(made)
    }
}

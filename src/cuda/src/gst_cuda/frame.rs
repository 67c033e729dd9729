//! Frames in GStreamer's memory on the device, used where they lie.

use std::sync::Arc;

use gst_video::{VideoFormat, VideoInfo, VideoMeta};
use vesalius_measure::frame::PixelFormat;

use super::GstCuda;
use crate::result::CudaError;
use crate::safe::{Context, DevicePicture, Stream, SurfaceFormat};
use crate::sys::gst::{GstCudaMemory, MAP_CUDA, NEEDS_UPLOAD};
use crate::sys::{DevicePtr, RawStream};

/// What is done with a mapped frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is read.
    Read,
    /// It is drawn on; the buffer must be writable.
    ReadWrite,
}

/// The format as kernels know it; `None` for one that they do not take.
pub fn surface_format(format: VideoFormat) -> Option<SurfaceFormat> {
    Some(SurfaceFormat::Pixels(match format {
        VideoFormat::Nv12 => PixelFormat::Nv12,
        VideoFormat::I420 => PixelFormat::I420,
        VideoFormat::Rgb => PixelFormat::Rgb,
        VideoFormat::Rgbx => PixelFormat::Rgbx,
        VideoFormat::Bgr => PixelFormat::Bgr,
        VideoFormat::Bgrx => PixelFormat::Bgrx,
        VideoFormat::Rgba => PixelFormat::Rgba,
        VideoFormat::Bgra => PixelFormat::Bgra,
        VideoFormat::Gray8 => PixelFormat::Gray8,
        VideoFormat::P01010le => return Some(SurfaceFormat::P010),
        _ => return None,
    }))
}

/// A buffer's memory, mapped for the device; unmapped when it goes.
struct Mapping {
    memory: *mut gst::ffi::GstMemory,
    info: gst::ffi::GstMapInfo,
    /// Keeps the memory, and the frame from going back to its pool.
    _buffer: gst::Buffer,
}

// SAFETY: a GstMemory may be unmapped on any thread, and nothing of the mapping is written once it is made.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped when this was made, and the buffer still has the memory.
        unsafe { gst::ffi::gst_memory_unmap(self.memory, &raw mut self.info) }
    }
}

/// A frame on the device, where GStreamer has it.
#[derive(Debug)]
pub struct MappedFrame {
    /// The picture; whoever works on it holds the mapping.
    pub picture: DevicePicture,
    /// The stream that it is written on: let work wait for a fence of it before, and, where the picture was
    /// drawn on, it for the work's fence afterwards. Who uses the memory next orders itself behind this
    /// stream.
    pub stream: Stream,
}

/// Whether nobody else sees a frame, so that it may be drawn on.
pub fn is_ours_alone(buffer: &gst::BufferRef) -> bool {
    let is_writable = |object: *const gst::ffi::GstMiniObject| {
        // SAFETY: the object is alive, and only looked at.
        unsafe { gst::ffi::gst_mini_object_is_writable(object) != 0 }
    };
    is_writable(buffer.as_ptr().cast())
        && (0..buffer.n_memory()).all(|i| is_writable(buffer.peek_memory(i).as_ptr().cast()))
}

impl GstCuda {
    /// Whether a buffer is one frame in a `GstCudaMemory`.
    pub fn is_cuda_buffer(&self, buffer: &gst::BufferRef) -> bool {
        buffer.n_memory() == 1 && self.is_cuda_memory(buffer.peek_memory(0))
    }

    /// Maps a frame for the device; the mapping holds a reference of the buffer until whoever works on the
    /// picture is done, so a pool does not give the frame to somebody else; `None` for one that lies
    /// elsewhere. Where GStreamer has to copy it to the device first, that is counted as a copied frame.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] for a format that kernels do not take, a memory that cannot be mapped, or a frame
    /// to be drawn on that others see as well; [`CudaError::OtherContext`] for a memory of another context.
    pub fn map(
        &self,
        buffer: &gst::Buffer,
        info: &VideoInfo,
        context: &Context,
        access: Access,
    ) -> Result<Option<MappedFrame>, CudaError> {
        let unfit = |why: &str| CudaError::Unfit { what: "using a frame on the device", why: why.to_owned() };
        if !self.is_cuda_buffer(buffer) {
            return Ok(None);
        }
        let format = surface_format(info.format()).ok_or_else(|| unfit("its format is not known"))?;
        if access == Access::ReadWrite && !buffer.is_writable() {
            return Err(unfit("others see it as well, so it must not be drawn on"));
        }
        let memory = buffer.peek_memory(0).as_ptr().cast_mut();
        let cuda_memory = memory.cast::<GstCudaMemory>();
        // SAFETY: a GstCudaMemory begins with these fields, and the buffer keeps it alive.
        let (owner, laid_out, flags) =
            unsafe { ((*cuda_memory).context, &(*cuda_memory).info, (*memory).mini_object.flags) };
        // SAFETY: a memory's context is a GstCudaContext that the memory keeps alive.
        let handle = unsafe { (self.functions().context_get_handle)(owner) };
        if handle as usize != context.raw().0 {
            return Err(CudaError::OtherContext);
        }
        let flag = match access {
            Access::Read => gst::ffi::GST_MAP_READ,
            Access::ReadWrite => gst::ffi::GST_MAP_READ | gst::ffi::GST_MAP_WRITE,
        };
        // SAFETY: all of the structure is numbers and pointers, for which zeros are values.
        let mut map: gst::ffi::GstMapInfo = unsafe { std::mem::zeroed() };
        // SAFETY: the memory is alive; where it is locked by others for reading, mapping for writing fails.
        let is_mapped = unsafe { gst::ffi::gst_memory_map(memory, &raw mut map, flag | MAP_CUDA) };
        if is_mapped == 0 {
            return Err(unfit("its memory cannot be mapped"));
        }
        let mapping = Mapping { memory, info: map, _buffer: buffer.clone() };
        if flags & NEEDS_UPLOAD != 0 {
            crate::safe::count_upload(context, buffer.size());
        }
        // Strides are the frame's own, or those that its memory was laid out for; never the width.
        let layout: Vec<(usize, i32)> = match buffer.meta::<VideoMeta>() {
            Some(meta) => meta.offset().iter().copied().zip(meta.stride().iter().copied()).collect(),
            None => laid_out.offset.iter().copied().zip(laid_out.stride).collect(),
        };
        let base = DevicePtr(mapping.info.data as u64);
        let mut planes = Vec::new();
        for &(offset, stride) in layout.iter().take(format.planes()) {
            let stride = usize::try_from(stride).map_err(|_| unfit("its rows run upwards"))?;
            planes.push((base.offset(offset as u64), stride));
        }
        let size = (info.width() as usize, info.height() as usize);
        if let Some(&(last, stride)) = planes.last() {
            let rows = format.plane_layout(format.planes() - 1, size.0, size.1);
            let end = (last.0 - base.0) as usize + stride * rows.rows.saturating_sub(1) + rows.row_bytes;
            if end > mapping.info.size {
                return Err(unfit("its memory ends before its last row does"));
            }
        }
        let stream = self.stream_of(cuda_memory, context, buffer);
        // SAFETY: the planes lie in the mapped memory, whose end has been checked; the mapping is kept with
        // the picture, and for drawing it was made for writing.
        let picture =
            unsafe { DevicePicture::foreign(context, format, size.0, size.1, &planes, Arc::new(mapping)) }?;
        Ok(Some(MappedFrame { picture, stream }))
    }

    /// The memory's stream; the default stream where it has none, as the library has it.
    fn stream_of(&self, memory: *mut GstCudaMemory, context: &Context, buffer: &gst::Buffer) -> Stream {
        let functions = (self.functions().memory_get_stream, self.functions().stream_get_handle);
        let mut raw = RawStream(0);
        if let (Some(get_stream), Some(get_handle)) = functions {
            // SAFETY: the memory is alive; the result is null or a stream that the memory keeps alive.
            let stream = unsafe { get_stream(memory) };
            if !stream.is_null() {
                // SAFETY: the stream is alive.
                raw = RawStream(unsafe { get_handle(stream) } as usize);
            }
        }
        // SAFETY: the stream is of the memory's context, which is ours, and lives as long as the buffer has
        // the memory; the default stream lives as long as the context.
        unsafe { Stream::borrowed(context, raw, Box::new(buffer.clone())) }
    }
}

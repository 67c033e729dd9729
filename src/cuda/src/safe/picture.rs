//! Pictures on the device.

use std::any::Any;
use std::sync::Arc;

use vesalius_measure::frame::{ColorMatrix, ColorRange, Frame, PixelFormat, PlaneLayout};

use super::context::Context;
use super::counters::Counters;
use super::memory::{DeviceBuffer, Download};
use super::stream::Work;
use crate::kernels::RawPicture;
use crate::result::CudaError;
use crate::sys::DevicePtr;

/// Longest side of a picture, as on the CPU.
const MAX_SIDE: usize = 65_535;

/// The formats that kernels take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SurfaceFormat {
    /// A format that the CPU takes too.
    Pixels(PixelFormat),
    /// As NV12 with 10 bits a sample, in the high bits of 16 (little-endian): GStreamer's `P010_10LE`.
    /// Kernels round samples to 8 bits as they read them. It can be read, not drawn on.
    P010,
}

impl From<PixelFormat> for SurfaceFormat {
    fn from(format: PixelFormat) -> Self {
        Self::Pixels(format)
    }
}

impl SurfaceFormat {
    /// How many planes the format has.
    pub const fn planes(self) -> usize {
        match self {
            Self::Pixels(format) => format.planes(),
            Self::P010 => 2,
        }
    }

    /// Size of a plane of a picture of `width` × `height` pixels.
    pub const fn plane_layout(self, plane: usize, width: usize, height: usize) -> PlaneLayout {
        match self {
            Self::Pixels(format) => format.plane_layout(plane, width, height),
            Self::P010 => {
                let layout = PixelFormat::Nv12.plane_layout(plane, width, height);
                PlaneLayout { row_bytes: 2 * layout.row_bytes, rows: layout.rows }
            }
        }
    }

    /// Bytes a sample.
    pub const fn sample_bytes(self) -> usize {
        match self {
            Self::Pixels(_) => 1,
            Self::P010 => 2,
        }
    }
}

/// A picture on the device, with what keeps its memory. Cheap to clone.
#[derive(Clone)]
pub struct DevicePicture {
    context: Context,
    format: SurfaceFormat,
    width: usize,
    height: usize,
    range: ColorRange,
    matrix: ColorMatrix,
    planes: [(DevicePtr, usize); 3],
    keep: Arc<dyn Any + Send + Sync>,
}

impl std::fmt::Debug for DevicePicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DevicePicture({:?} {}x{})", self.format, self.width, self.height)
    }
}

fn unfit(why: String) -> CudaError {
    CudaError::Unfit { what: "work on this picture", why }
}

/// Checks strides; gives the bytes that each plane takes.
fn check(
    format: SurfaceFormat,
    (width, height): (usize, usize),
    strides: &[usize],
) -> Result<[usize; 3], CudaError> {
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        return Err(unfit(format!("it has {width}x{height} pixels: a side may have 1 to {MAX_SIDE}")));
    }
    if strides.len() != format.planes() {
        return Err(unfit(format!("{format:?} has {} planes, not {}", format.planes(), strides.len())));
    }
    let mut needed = [0; 3];
    for (plane, (needed, &stride)) in needed.iter_mut().zip(strides).enumerate() {
        let layout = format.plane_layout(plane, width, height);
        if stride < layout.row_bytes || u32::try_from(stride).is_err() {
            return Err(unfit(format!("rows of {} bytes do not fit a stride of {stride}", layout.row_bytes)));
        }
        if stride % format.sample_bytes() != 0 {
            return Err(unfit(format!("a stride of {stride} bytes splits a sample")));
        }
        *needed = stride * (layout.rows - 1) + layout.row_bytes;
    }
    Ok(needed)
}

impl DevicePicture {
    /// A picture in a buffer; `planes` are the offset of the first byte and the stride in bytes of each
    /// plane.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`], [`CudaError::TooSmall`].
    pub fn new(
        buffer: &DeviceBuffer,
        format: SurfaceFormat,
        width: usize,
        height: usize,
        planes: &[(usize, usize)],
    ) -> Result<Self, CudaError> {
        let strides: Vec<usize> = planes.iter().map(|plane| plane.1).collect();
        let needed = check(format, (width, height), &strides)?;
        let mut kept = [(DevicePtr::default(), 0); 3];
        for ((kept, &(offset, stride)), needed) in kept.iter_mut().zip(planes).zip(needed) {
            buffer.require("a plane", offset.saturating_add(needed))?;
            if offset % format.sample_bytes() != 0 {
                return Err(unfit(format!("an offset of {offset} bytes splits a sample")));
            }
            *kept = (buffer.ptr().offset(offset as u64), stride);
        }
        let keep = Arc::new(buffer.clone());
        Ok(Self::make(buffer.context(), format, (width, height), kept, keep))
    }

    /// A picture in memory of somebody else; `planes` are the address and the stride in bytes of each plane.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`].
    ///
    /// # Safety
    ///
    /// Each plane has its rows at that address in memory of `context`, and it stays while `keep` does. Where
    /// the picture is drawn on, it may be written.
    pub unsafe fn foreign(
        context: &Context,
        format: SurfaceFormat,
        width: usize,
        height: usize,
        planes: &[(DevicePtr, usize)],
        keep: Arc<dyn Any + Send + Sync>,
    ) -> Result<Self, CudaError> {
        let strides: Vec<usize> = planes.iter().map(|plane| plane.1).collect();
        check(format, (width, height), &strides)?;
        let mut kept = [(DevicePtr::default(), 0); 3];
        for (kept, &plane) in kept.iter_mut().zip(planes) {
            *kept = plane;
            if plane.0.0 % format.sample_bytes() as u64 != 0 {
                return Err(unfit("its address splits a sample".to_owned()));
            }
        }
        Ok(Self::make(context, format, (width, height), kept, keep))
    }

    fn make(
        context: &Context,
        format: SurfaceFormat,
        (width, height): (usize, usize),
        planes: [(DevicePtr, usize); 3],
        keep: Arc<dyn Any + Send + Sync>,
    ) -> Self {
        let context = context.clone();
        let (range, matrix) = (ColorRange::Full, ColorMatrix::Bt601);
        Self { context, format, width, height, range, matrix, planes, keep }
    }

    /// The same picture with its colour range and matrix named (both matter to YUV formats alone).
    #[must_use]
    pub fn with_colorimetry(mut self, range: ColorRange, matrix: ColorMatrix) -> Self {
        self.range = range;
        self.matrix = matrix;
        self
    }

    /// Pixel format.
    pub fn format(&self) -> SurfaceFormat {
        self.format
    }
    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }
    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }
    /// Colour range of the YUV planes.
    pub fn range(&self) -> ColorRange {
        self.range
    }
    /// Matrix of the YUV planes.
    pub fn matrix(&self) -> ColorMatrix {
        self.matrix
    }

    /// Address and stride in bytes of a plane; zeros where there is no such plane.
    pub fn plane(&self, plane: usize) -> (DevicePtr, usize) {
        self.planes.get(plane).copied().unwrap_or_default()
    }

    /// What kernels are told of it.
    pub(crate) fn raw(&self) -> RawPicture {
        let mut raw = RawPicture::of(self.format, self.width as u32, self.height as u32);
        for ((ptr, pitch), plane) in raw.plane.iter_mut().zip(&mut raw.pitch).zip(self.planes) {
            // Checked to fit when the picture was made.
            (*ptr, *pitch) = (plane.0.0, plane.1 as u32);
        }
        raw
    }
}

impl Work<'_> {
    /// Holds a picture's memory until the stream has passed.
    ///
    /// # Errors
    ///
    /// [`CudaError::OtherContext`].
    pub(crate) fn hold_picture(&mut self, picture: &DevicePicture) -> Result<(), CudaError> {
        if picture.context != *self.context() {
            return Err(CudaError::OtherContext);
        }
        self.hold(Arc::clone(&picture.keep));
        Ok(())
    }

    /// Copies a picture onto another of the same format and size. Nothing leaves the device; counted as a frame copied
    /// there.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`], [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn copy_picture(&mut self, from: &DevicePicture, to: &DevicePicture) -> Result<(), CudaError> {
        let shape = |picture: &DevicePicture| (picture.format, picture.width, picture.height);
        if shape(from) != shape(to) {
            return Err(unfit(format!("{from:?} is copied to {to:?}: both must be alike")));
        }
        self.hold_picture(from)?;
        self.hold_picture(to)?;
        let context = self.context().clone();
        let stream = self.stream().raw();
        let _entered = context.enter()?;
        for plane in 0..from.format.planes() {
            let layout = from.format.plane_layout(plane, from.width, from.height);
            let ((source, source_stride), (target, target_stride)) = (from.plane(plane), to.plane(plane));
            // Rows of one stride lie in one piece, what is between them included.
            let (pieces, bytes) = if source_stride == target_stride {
                (1, source_stride * layout.rows.saturating_sub(1) + layout.row_bytes)
            } else {
                (layout.rows, layout.row_bytes)
            };
            for piece in 0..pieces {
                let at = |ptr: DevicePtr, stride: usize| ptr.offset((piece * stride) as u64);
                let (source, target) = (at(source, source_stride), at(target, target_stride));
                // SAFETY: both pictures hold their planes, which reach as far as their rows do, and the work holds
                // the pictures.
                let copied = unsafe { context.driver().copy_on_device(target, source, bytes, stream) };
                context.check("cuMemcpyDtoDAsync", copied)?;
            }
        }
        Counters::add(&context.count().frames_copied, 1);
        Ok(())
    }

    /// Copies a picture of the host into a buffer, rows one after the other. Counted as a copied frame.
    ///
    /// # Errors
    ///
    /// [`CudaError::TooSmall`], [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn upload_picture(
        &mut self,
        frame: &Frame<'_>,
        buffer: &DeviceBuffer,
    ) -> Result<DevicePicture, CudaError> {
        let format = SurfaceFormat::from(frame.format());
        let mut bytes = Vec::new();
        let mut planes = Vec::new();
        for plane in 0..format.planes() {
            let layout = format.plane_layout(plane, frame.width(), frame.height());
            planes.push((bytes.len(), layout.row_bytes));
            (0..layout.rows).for_each(|y| bytes.extend_from_slice(frame.row(plane, y)));
        }
        let picture = DevicePicture::new(buffer, format, frame.width(), frame.height(), &planes)?
            .with_colorimetry(frame.range(), frame.matrix());
        self.upload(buffer, 0, &bytes)?;
        Counters::add(&self.context().count().frames_uploaded, 1);
        Ok(picture)
    }

    /// Copies the memory of a whole picture to the host. Counted as a copied frame.
    ///
    /// # Errors
    ///
    /// [`CudaError::TooSmall`], [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn download_picture(&mut self, buffer: &DeviceBuffer, bytes: usize) -> Result<Download, CudaError> {
        let download = self.download(buffer, 0, bytes)?;
        Counters::add(&self.context().count().frames_downloaded, 1);
        Ok(download)
    }
}

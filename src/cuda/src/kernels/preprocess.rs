//! A picture on the device to the tensor that a model takes.

use vesalius_measure::frame::{ColorRange, PixelFormat};
use vesalius_measure::geometry::Geometry;
use vesalius_measure::yuv::YuvToRgb;

use super::input::{Floats, InputColor, InputRule};
use super::taps::{AxisTaps, DeviceTaps, RawTaps, Span};
use super::{Arguments, Kernel, RawPicture, bytes_of};
use crate::result::CudaError;
use crate::safe::{DeviceBuffer, DevicePicture, Kernels, Launch, Stream, SurfaceFormat, Work};

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct ResizeRowsArgs {
    source: u64,
    out: u64,
    taps: RawTaps,
    source_pitch: u32,
    out_pitch: u32,
    columns: u32,
    rows: u32,
    sample_bytes: u32,
    reserved: u32,
}

// SAFETY: repr(C), numbers alone, no padding; the fields are those of preprocess.cu.
unsafe impl Arguments for ResizeRowsArgs {
    const KERNEL: Kernel = Kernel::ResizeRows;
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct WriteTensorArgs {
    plane: [u64; 3],
    tensor: u64,
    table: u64,
    taps: RawTaps,
    chroma_taps: RawTaps,
    pitch: [u32; 3],
    kind: u32,
    pixel_bytes: u32,
    offset: [u32; 3],
    width: u32,
    height: u32,
    content_x: u32,
    content_y: u32,
    content_width: u32,
    content_height: u32,
    channels: u32,
    blue_first: u32,
    nhwc: u32,
    half_floats: u32,
    pad: [u32; 3],
    yuv: YuvToRgb,
    reserved: u32,
}

// SAFETY: repr(C), numbers alone, no padding; the fields are those of preprocess.cu.
unsafe impl Arguments for WriteTensorArgs {
    const KERNEL: Kernel = Kernel::WriteTensor;
}

/// What one plane needs to be resized.
#[derive(Debug)]
struct PlaneRows {
    columns: Span,
    rows: Span,
    /// Samples from one pixel of the plane to the next.
    step: u32,
    taps: DeviceTaps,
    /// The plane at the content's height, rows without padding.
    squeezed: DeviceBuffer,
}

/// What holds while format, size and geometry stay.
#[derive(Debug)]
struct Prepared {
    key: (SurfaceFormat, Geometry),
    planes: Vec<PlaneRows>,
    taps: DeviceTaps,
    chroma_taps: DeviceTaps,
}

/// Turns pictures on the device into tensors by one rule, on one stream.
///
/// Gives what the CPU's gives, to the last bit: see the crate's notes on exactness. Once it has seen a
/// picture of some format and size, another one costs two launches a plane and nothing else.
#[derive(Debug)]
pub struct Preprocessor {
    kernels: Kernels,
    stream: Stream,
    rule: InputRule,
    full: DeviceBuffer,
    limited: DeviceBuffer,
    pad: [u32; 3],
    prepared: Option<Prepared>,
}

impl Preprocessor {
    /// Prepares for a rule.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] for an empty tensor, [`CudaError::Driver`].
    pub fn new(kernels: &Kernels, stream: &Stream, rule: &InputRule) -> Result<Self, CudaError> {
        if rule.width == 0 || rule.height == 0 || rule.width > 65_535 || rule.height > 65_535 {
            let why = format!("a side of {}x{} is not in 1 to 65535", rule.width, rule.height);
            return Err(CudaError::Unfit { what: "a tensor", why });
        }
        let mut work = stream.begin();
        let mut table = |limited| {
            let bytes = bytes_of(rule.table(limited).as_flattened(), u32::to_ne_bytes);
            let buffer = DeviceBuffer::new(stream.context(), bytes.len())?;
            work.upload(&buffer, 0, &bytes)?;
            Ok::<_, CudaError>(buffer)
        };
        let (full, limited) = (table(false)?, table(true)?);
        work.finish()?;
        let pad = rule.table(false).map(|table| table.get(usize::from(rule.pad)).copied().unwrap_or(0));
        Ok(Self {
            kernels: kernels.clone(),
            stream: stream.clone(),
            rule: rule.clone(),
            full,
            limited,
            pad,
            prepared: None,
        })
    }

    /// Writes the part of a picture that `geometry` names into `tensor`, as [`InputRule::bytes`] bytes.
    ///
    /// # Errors
    ///
    /// [`CudaError::Unfit`] when picture, geometry and rule do not go together or the work is on another
    /// stream, [`CudaError::TooSmall`], [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn process(
        &mut self,
        work: &mut Work<'_>,
        picture: &DevicePicture,
        geometry: &Geometry,
        tensor: &DeviceBuffer,
    ) -> Result<(), CudaError> {
        let unfit = |why: &str| CudaError::Unfit { what: "preprocessing", why: why.to_owned() };
        if work.stream().raw() != self.stream.raw() {
            return Err(unfit("it works on one stream, and this is another"));
        }
        let source = (picture.width() as u32, picture.height() as u32);
        if (geometry.source_width, geometry.source_height) != source {
            return Err(unfit("the geometry is of a picture of another size"));
        }
        if (geometry.model_width, geometry.model_height) != (self.rule.width, self.rule.height) {
            return Err(unfit("the geometry is of a model of another size"));
        }
        if !is_within(geometry) {
            return Err(unfit("the geometry reaches beyond its pictures"));
        }
        tensor.require("the tensor", self.rule.bytes())?;
        let key = (picture.format(), *geometry);
        if self.prepared.as_ref().is_none_or(|prepared| prepared.key != key) {
            self.prepared = Some(self.prepare(work, key)?);
        }
        let Some(prepared) = &self.prepared else { return Ok(()) };
        work.hold_picture(picture)?;
        work.hold(tensor.clone());
        for (index, plane) in prepared.planes.iter().enumerate() {
            self.resize_rows(work, picture, index, plane, geometry.content.height)?;
        }
        self.write_tensor(work, picture, prepared, tensor)
    }

    fn prepare(
        &self,
        work: &mut Work<'_>,
        (format, geometry): (SurfaceFormat, Geometry),
    ) -> Result<Prepared, CudaError> {
        let context = self.stream.context();
        let (crop, content) = (geometry.crop, geometry.content);
        let count = if self.rule.color == InputColor::Gray { 1 } else { format.planes() };
        let mut planes = Vec::new();
        for index in 0..count {
            let (step, per_sample) = match (index, format) {
                (0, SurfaceFormat::Pixels(format)) => (format.bytes_per_pixel() as u32, 1),
                (0, SurfaceFormat::P010) => (1, 1),
                (_, SurfaceFormat::P010 | SurfaceFormat::Pixels(PixelFormat::Nv12)) => (2, 2),
                _ => (1, 2),
            };
            let columns = Span::new(crop.x, crop.width, per_sample);
            let rows = Span::new(crop.y, crop.height, per_sample);
            let taps = DeviceTaps::upload(context, work, &AxisTaps::new(rows, content.height))?;
            let bytes = columns.count as usize * step as usize * content.height as usize;
            let squeezed = DeviceBuffer::new(context, bytes)?;
            planes.push(PlaneRows { columns, rows, step, taps, squeezed });
        }
        let mut along_x = |per_sample| {
            let span = Span::new(crop.x, crop.width, per_sample);
            DeviceTaps::upload(context, work, &AxisTaps::new(span, content.width))
        };
        let (taps, chroma_taps) = (along_x(1)?, along_x(2)?);
        Ok(Prepared { key: (format, geometry), planes, taps, chroma_taps })
    }

    fn resize_rows(
        &self,
        work: &mut Work<'_>,
        picture: &DevicePicture,
        index: usize,
        plane: &PlaneRows,
        rows: u32,
    ) -> Result<(), CudaError> {
        let (ptr, pitch) = picture.plane(index);
        let sample_bytes = picture.format().sample_bytes() as u64;
        let columns = plane.columns.count * plane.step;
        let skipped_rows = u64::from(plane.rows.first) * pitch as u64;
        let skipped_columns = u64::from(plane.columns.first) * u64::from(plane.step) * sample_bytes;
        let arguments = ResizeRowsArgs {
            source: ptr.offset(skipped_rows + skipped_columns).0,
            out: plane.squeezed.ptr().0,
            taps: plane.taps.held_by(work),
            // Checked to fit when the picture was made.
            source_pitch: pitch as u32,
            out_pitch: columns,
            columns,
            rows,
            sample_bytes: sample_bytes as u32,
            reserved: 0,
        };
        work.hold(plane.squeezed.clone());
        // SAFETY: the spans lie within the crop and the crop within the picture (`is_within`), the taps
        // within the spans, and `squeezed` has a byte for each column and row; the work holds all of them.
        unsafe { work.launch(&self.kernels, Launch::cover(columns, rows), &arguments) }
    }

    fn write_tensor(
        &self,
        work: &mut Work<'_>,
        picture: &DevicePicture,
        prepared: &Prepared,
        tensor: &DeviceBuffer,
    ) -> Result<(), CudaError> {
        let (rule, content) = (&self.rule, prepared.key.1.content);
        let RawPicture { kind, pixel_bytes, offset, .. } = picture.raw();
        let channels = rule.color.channels();
        let is_gray = picture.format() == SurfaceFormat::Pixels(PixelFormat::Gray8);
        let is_packed = matches!(picture.format(), SurfaceFormat::Pixels(f) if f.rgb_offsets().is_some());
        // Limited luma is expanded by the table; every conversion to RGB gives full range.
        let luma_as_is = !is_packed && (channels == 1 || is_gray);
        let limited = luma_as_is && picture.range() == ColorRange::Limited;
        let table = if limited { &self.limited } else { &self.full };
        work.hold(table.clone());
        let (mut plane, mut pitch) = ([0; 3], [0; 3]);
        for ((ptr, pitch), rows) in plane.iter_mut().zip(&mut pitch).zip(&prepared.planes) {
            *ptr = rows.squeezed.ptr().0;
            *pitch = rows.columns.count * rows.step;
        }
        let arguments = WriteTensorArgs {
            plane,
            tensor: tensor.ptr().0,
            table: table.ptr().0,
            taps: prepared.taps.held_by(work),
            chroma_taps: prepared.chroma_taps.held_by(work),
            pitch,
            kind,
            pixel_bytes,
            offset,
            width: rule.width,
            height: rule.height,
            content_x: content.x,
            content_y: content.y,
            content_width: content.width,
            content_height: content.height,
            channels: channels as u32,
            blue_first: u32::from(rule.color == InputColor::Bgr),
            nhwc: u32::from(rule.channels_last),
            half_floats: u32::from(rule.floats == Floats::F16),
            pad: self.pad,
            yuv: YuvToRgb::new(picture.matrix(), picture.range()),
            reserved: 0,
        };
        // SAFETY: taps lie within the squeezed rows, bytes within the table, and the tensor has been found
        // large enough; the work holds all of them.
        unsafe { work.launch(&self.kernels, Launch::cover(rule.width, rule.height), &arguments) }
    }
}

/// Whether crop and content lie within their pictures. A [`Geometry`] that was made is so; its fields are
/// public.
pub(super) fn is_within(geometry: &Geometry) -> bool {
    let inside = |first: u32, count: u32, size: u32| {
        count > 0 && first.checked_add(count).is_some_and(|end| end <= size)
    };
    let (crop, content) = (geometry.crop, geometry.content);
    inside(crop.x, crop.width, geometry.source_width)
        && inside(crop.y, crop.height, geometry.source_height)
        && inside(content.x, content.width, geometry.model_width)
        && inside(content.y, content.height, geometry.model_height)
}

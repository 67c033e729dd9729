//! Between GStreamer's video frames and the crates' views of them.

use gst_video::prelude::*;
use vesalius_measure::frame::{ColorMatrix, ColorRange, Frame, FrameError, FrameMut, PixelFormat};

/// The formats that all elements take, in order of preference: YUV first, as decoders give it.
pub const FORMATS: [gst_video::VideoFormat; 9] = [
    gst_video::VideoFormat::Nv12,
    gst_video::VideoFormat::I420,
    gst_video::VideoFormat::Rgba,
    gst_video::VideoFormat::Bgra,
    gst_video::VideoFormat::Rgbx,
    gst_video::VideoFormat::Bgrx,
    gst_video::VideoFormat::Rgb,
    gst_video::VideoFormat::Bgr,
    gst_video::VideoFormat::Gray8,
];

/// Caps of every pad: the formats in system memory, any size, any rate.
pub fn template_caps() -> gst::Caps {
    gst_video::VideoCapsBuilder::new().format_list(FORMATS).build()
}

/// The crates' name of a format.
pub(crate) fn pixel_format(format: gst_video::VideoFormat) -> Option<PixelFormat> {
    Some(match format {
        gst_video::VideoFormat::Nv12 => PixelFormat::Nv12,
        gst_video::VideoFormat::I420 => PixelFormat::I420,
        gst_video::VideoFormat::Rgb => PixelFormat::Rgb,
        gst_video::VideoFormat::Rgbx => PixelFormat::Rgbx,
        gst_video::VideoFormat::Bgr => PixelFormat::Bgr,
        gst_video::VideoFormat::Bgrx => PixelFormat::Bgrx,
        gst_video::VideoFormat::Rgba => PixelFormat::Rgba,
        gst_video::VideoFormat::Bgra => PixelFormat::Bgra,
        gst_video::VideoFormat::Gray8 => PixelFormat::Gray8,
        _ => return None,
    })
}

pub(crate) fn colorimetry(info: &gst_video::VideoInfo) -> (ColorRange, ColorMatrix) {
    let colorimetry = info.colorimetry();
    let yuv = info.is_yuv();
    let range = match colorimetry.range() {
        gst_video::VideoColorRange::Range0_255 => ColorRange::Full,
        gst_video::VideoColorRange::Range16_235 => ColorRange::Limited,
        // Unstated: YUV is limited by the standards that define it, gray and RGB are full.
        _ if yuv => ColorRange::Limited,
        _ => ColorRange::Full,
    };
    let matrix = match colorimetry.matrix() {
        gst_video::VideoColorMatrix::Bt709 => ColorMatrix::Bt709,
        gst_video::VideoColorMatrix::Bt2020 => ColorMatrix::Bt2020,
        _ => ColorMatrix::Bt601,
    };
    (range, matrix)
}

/// Why a buffer cannot be seen as a picture.
#[derive(Debug)]
pub enum ViewError {
    /// The caps name a format that the pads do not take.
    Format(gst_video::VideoFormat),
    /// The memory does not fit the caps.
    Frame(FrameError),
}

impl std::fmt::Display for ViewError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Format(format) => write!(f, "the pixel format {format} is not supported"),
            Self::Frame(error) => error.fmt(f),
        }
    }
}

/// A stride in bytes; negative ones do not occur in system memory and fail the check of the view.
fn stride(strides: &[i32], plane: usize) -> usize {
    strides.get(plane).and_then(|&s| usize::try_from(s).ok()).unwrap_or(0)
}

/// A mapped frame as the crates read it.
///
/// # Errors
///
/// [`ViewError`].
pub fn view<'a>(frame: &'a gst_video::VideoFrameRef<&'a gst::BufferRef>) -> Result<Frame<'a>, ViewError> {
    let format = pixel_format(frame.format()).ok_or(ViewError::Format(frame.format()))?;
    let (range, matrix) = colorimetry(frame.info());
    let data = frame.planes_data();
    let strides = frame.plane_stride();
    let planes: Vec<(&[u8], usize)> =
        data.iter().enumerate().take(format.planes()).map(|(i, d)| (*d, stride(strides, i))).collect();
    Frame::new(format, frame.width() as usize, frame.height() as usize, &planes)
        .map(|f| f.with_colorimetry(range, matrix))
        .map_err(ViewError::Frame)
}

/// A frame mapped for writing as the crates draw on it.
///
/// # Errors
///
/// [`ViewError`].
pub fn view_mut<'a>(
    frame: &'a mut gst_video::VideoFrameRef<&mut gst::BufferRef>,
) -> Result<FrameMut<'a>, ViewError> {
    let format = pixel_format(frame.format()).ok_or(ViewError::Format(frame.format()))?;
    let (range, matrix) = colorimetry(frame.info());
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let mut strides = [0; 4];
    for (plane, slot) in strides.iter_mut().enumerate() {
        *slot = stride(frame.plane_stride(), plane);
    }
    let planes = frame.planes_data_mut().into_iter().zip(strides).take(format.planes());
    FrameMut::new(format, width, height, planes)
        .map(|f| f.with_colorimetry(range, matrix))
        .map_err(ViewError::Frame)
}

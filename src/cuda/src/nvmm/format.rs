//! Pixel formats of NVIDIA's surfaces.

use gst_video::VideoFormat;

/// Values of `NvBufSurfaceColorFormat` that kernels take, by GStreamer's name for the format. A surface names
/// range and matrix with its format; those come from the caps here, as everywhere, and are not asked of it.
///
/// Counted off the enumeration in `nvbufsurface.h`; see [`super::sys`] for its address.
const FORMATS: [(u32, VideoFormat); 22] = [
    (1, VideoFormat::Gray8),
    // YUV420, _ER, _709, _709_ER, _2020.
    (2, VideoFormat::I420),
    (4, VideoFormat::I420),
    (31, VideoFormat::I420),
    (32, VideoFormat::I420),
    (35, VideoFormat::I420),
    // NV12, _ER, _709, _709_ER, _2020.
    (6, VideoFormat::Nv12),
    (7, VideoFormat::Nv12),
    (33, VideoFormat::Nv12),
    (34, VideoFormat::Nv12),
    (36, VideoFormat::Nv12),
    (19, VideoFormat::Rgba),
    (20, VideoFormat::Bgra),
    (23, VideoFormat::Rgbx),
    (24, VideoFormat::Bgrx),
    (27, VideoFormat::Rgb),
    (28, VideoFormat::Bgr),
    // NV12_10LE, _ER, _709, _709_ER, _2020.
    (29, VideoFormat::P01010le),
    (37, VideoFormat::P01010le),
    (38, VideoFormat::P01010le),
    (39, VideoFormat::P01010le),
    (40, VideoFormat::P01010le),
];

/// Whether a surface of this colour format holds pictures of the format in the caps.
pub(super) fn is_one(color_format: u32, format: VideoFormat) -> bool {
    FORMATS.contains(&(color_format, format))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gst_cuda::surface_format;

    #[test]
    fn every_format_is_one_that_kernels_take() {
        for (_, format) in FORMATS {
            assert!(surface_format(format).is_some(), "{format:?}");
        }
        for (color_format, format) in
            [(6, VideoFormat::Nv12), (19, VideoFormat::Rgba), (2, VideoFormat::I420)]
        {
            assert!(is_one(color_format, format));
        }
        // INVALID, YVU420, NV21 and ARGB are none.
        for color_format in [0, 3, 8, 21] {
            assert!(!FORMATS.iter().any(|known| known.0 == color_format));
        }
        assert!(!is_one(19, VideoFormat::Nv12));
    }
}

//! A view of one picture in memory, in the pixel format it came in.

use serde::{Deserialize, Serialize};

/// The pixel formats that every stage takes without conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PixelFormat {
    /// 8-bit luma plane, then one plane of interleaved U, V at half width and height (rounded up).
    Nv12,
    /// 8-bit luma plane, then a U and a V plane at half width and height (rounded up).
    I420,
    /// 3 bytes a pixel.
    Rgb,
    /// 4 bytes a pixel, the last one unused.
    Rgbx,
    /// 3 bytes a pixel.
    Bgr,
    /// 4 bytes a pixel, the last one unused.
    Bgrx,
    /// 4 bytes a pixel, straight (not premultiplied) alpha.
    Rgba,
    /// 4 bytes a pixel, straight (not premultiplied) alpha.
    Bgra,
    /// One luma byte a pixel.
    Gray8,
}

/// One plane's place in a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneLayout {
    /// Bytes in a row that carry pixels.
    pub row_bytes: usize,
    /// Rows.
    pub rows: usize,
}

impl PixelFormat {
    /// Every format.
    pub const ALL: [Self; 9] = [
        Self::Nv12,
        Self::I420,
        Self::Rgb,
        Self::Rgbx,
        Self::Bgr,
        Self::Bgrx,
        Self::Rgba,
        Self::Bgra,
        Self::Gray8,
    ];

    /// How many planes the format has.
    pub const fn planes(self) -> usize {
        match self {
            Self::Nv12 => 2,
            Self::I420 => 3,
            _ => 1,
        }
    }

    /// Bytes a pixel in the first plane.
    pub const fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Nv12 | Self::I420 | Self::Gray8 => 1,
            Self::Rgb | Self::Bgr => 3,
            Self::Rgbx | Self::Bgrx | Self::Rgba | Self::Bgra => 4,
        }
    }

    /// Whether the first plane is luma alone.
    pub const fn is_luma_first(self) -> bool {
        matches!(self, Self::Nv12 | Self::I420 | Self::Gray8)
    }

    /// Offsets of red, green and blue in a packed pixel; `None` for luma formats.
    pub const fn rgb_offsets(self) -> Option<[usize; 3]> {
        match self {
            Self::Rgb | Self::Rgbx | Self::Rgba => Some([0, 1, 2]),
            Self::Bgr | Self::Bgrx | Self::Bgra => Some([2, 1, 0]),
            _ => None,
        }
    }

    /// Size of a plane of a picture of `width` × `height` pixels.
    pub const fn plane_layout(self, plane: usize, width: usize, height: usize) -> PlaneLayout {
        let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
        match (self, plane) {
            (_, 0) => PlaneLayout { row_bytes: width * self.bytes_per_pixel(), rows: height },
            (Self::Nv12, _) => PlaneLayout { row_bytes: 2 * chroma_width, rows: chroma_height },
            _ => PlaneLayout { row_bytes: chroma_width, rows: chroma_height },
        }
    }
}

/// Which byte values are black and white.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ColorRange {
    /// 0 to 255.
    #[default]
    Full,
    /// 16 to 235 for luma, 16 to 240 for chroma.
    Limited,
}

/// Which matrix joins RGB and YUV.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ColorMatrix {
    /// ITU-R BT.601.
    #[default]
    Bt601,
    /// ITU-R BT.709.
    Bt709,
    /// ITU-R BT.2020, constant luminance off.
    Bt2020,
}

/// Why a block of memory is not a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A picture has at least one pixel.
    #[error("a picture of {width}x{height} pixels is empty")]
    Empty {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
    },
    /// A plane's memory ends before its last row does.
    #[error("plane {plane} of {format:?} needs {needed} bytes and has {available}")]
    PlaneTooSmall {
        /// The format.
        format: PixelFormat,
        /// Index of the plane.
        plane: usize,
        /// Bytes that the size and stride ask for.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// A row does not fit its stride, or the number of planes is not the format's.
    #[error("{format:?} does not fit {planes} planes with a first stride of {stride} bytes")]
    Layout {
        /// The format.
        format: PixelFormat,
        /// How many planes were given.
        planes: usize,
        /// Bytes from one row of the first plane to the next.
        stride: usize,
    },
}

fn check(
    format: PixelFormat,
    width: usize,
    height: usize,
    planes: &[(usize, usize)],
) -> Result<(), FrameError> {
    if width == 0 || height == 0 {
        return Err(FrameError::Empty { width, height });
    }
    let first_stride = planes.first().map_or(0, |p| p.1);
    let layout_error = FrameError::Layout { format, planes: planes.len(), stride: first_stride };
    if planes.len() != format.planes() {
        return Err(layout_error);
    }
    for (plane, &(available, stride)) in planes.iter().enumerate() {
        let layout = format.plane_layout(plane, width, height);
        if stride < layout.row_bytes {
            return Err(layout_error);
        }
        let needed = stride
            .checked_mul(layout.rows - 1)
            .and_then(|n| n.checked_add(layout.row_bytes))
            .ok_or(layout_error)?;
        if available < needed {
            return Err(FrameError::PlaneTooSmall { format, plane, needed, available });
        }
    }
    Ok(())
}

/// A picture to read from. Every row of every plane is known to lie inside its memory.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    format: PixelFormat,
    width: usize,
    height: usize,
    range: ColorRange,
    matrix: ColorMatrix,
    planes: [(&'a [u8], usize); 3],
}

impl<'a> Frame<'a> {
    /// Checks that `planes` (memory and stride in bytes, one pair a plane) hold a picture of `width` × `height`.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when the picture is empty or does not fit its memory.
    pub fn new(
        format: PixelFormat,
        width: usize,
        height: usize,
        planes: &[(&'a [u8], usize)],
    ) -> Result<Self, FrameError> {
        let mut sizes = [(0, 0); 3];
        for (size, plane) in sizes.iter_mut().zip(planes) {
            *size = (plane.0.len(), plane.1);
        }
        check(format, width, height, sizes.get(..planes.len()).unwrap_or(&sizes))?;
        let mut kept: [(&[u8], usize); 3] = [(&[], 0); 3];
        for (slot, plane) in kept.iter_mut().zip(planes) {
            *slot = *plane;
        }
        Ok(Self { format, width, height, range: ColorRange::Full, matrix: ColorMatrix::Bt601, planes: kept })
    }

    /// The same picture with its colour range and matrix named (both matter to YUV formats alone).
    #[must_use]
    pub fn with_colorimetry(mut self, range: ColorRange, matrix: ColorMatrix) -> Self {
        self.range = range;
        self.matrix = matrix;
        self
    }

    /// Pixel format.
    pub fn format(&self) -> PixelFormat {
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

    /// Bytes of row `y` of plane `plane` that carry pixels; empty where there is no such row.
    pub fn row(&self, plane: usize, y: usize) -> &'a [u8] {
        let Some(&(data, stride)) = self.planes.get(plane) else { return &[] };
        let layout = self.format.plane_layout(plane, self.width, self.height);
        data.get(y * stride..y * stride + layout.row_bytes).unwrap_or(&[])
    }

    /// Memory and stride in bytes of a plane; empty where there is no such plane.
    pub fn plane(&self, plane: usize) -> (&'a [u8], usize) {
        self.planes.get(plane).copied().unwrap_or((&[], 0))
    }
}

/// A picture to draw on. Every row of every plane is known to lie inside its memory.
#[derive(Debug)]
pub struct FrameMut<'a> {
    format: PixelFormat,
    width: usize,
    height: usize,
    range: ColorRange,
    matrix: ColorMatrix,
    planes: [(&'a mut [u8], usize); 3],
}

impl<'a> FrameMut<'a> {
    /// Checks that `planes` (memory and stride in bytes, one pair a plane) hold a picture of `width` × `height`.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when the picture is empty or does not fit its memory.
    pub fn new(
        format: PixelFormat,
        width: usize,
        height: usize,
        planes: impl IntoIterator<Item = (&'a mut [u8], usize)>,
    ) -> Result<Self, FrameError> {
        let mut kept: [(&mut [u8], usize); 3] = [(&mut [], 0), (&mut [], 0), (&mut [], 0)];
        let mut sizes = [(0, 0); 3];
        let mut count = 0;
        for (slot, plane) in planes.into_iter().enumerate() {
            if let (Some(kept), Some(size)) = (kept.get_mut(slot), sizes.get_mut(slot)) {
                *size = (plane.0.len(), plane.1);
                *kept = plane;
            }
            count = slot + 1;
        }
        check(format, width, height, sizes.get(..count).unwrap_or(&sizes))?;
        Ok(Self { format, width, height, range: ColorRange::Full, matrix: ColorMatrix::Bt601, planes: kept })
    }

    /// The same picture with its colour range and matrix named (both matter to YUV formats alone).
    #[must_use]
    pub fn with_colorimetry(mut self, range: ColorRange, matrix: ColorMatrix) -> Self {
        self.range = range;
        self.matrix = matrix;
        self
    }

    /// Pixel format.
    pub fn format(&self) -> PixelFormat {
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

    /// Bytes of row `y` of plane `plane` that carry pixels; empty where there is no such row.
    pub fn row_mut(&mut self, plane: usize, y: usize) -> &mut [u8] {
        let layout = self.format.plane_layout(plane, self.width, self.height);
        let Some((data, stride)) = self.planes.get_mut(plane) else { return &mut [] };
        data.get_mut(y * *stride..y * *stride + layout.row_bytes).unwrap_or(&mut [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_sizes_round_chroma_up() {
        let layout = PixelFormat::I420.plane_layout(1, 207, 141);
        assert_eq!(layout, PlaneLayout { row_bytes: 104, rows: 71 });
        let layout = PixelFormat::Nv12.plane_layout(1, 207, 141);
        assert_eq!(layout, PlaneLayout { row_bytes: 208, rows: 71 });
    }

    #[test]
    fn memory_that_ends_early_is_refused() {
        let data = [0_u8; 11];
        let error = Frame::new(PixelFormat::Rgb, 2, 2, &[(&data, 6)]).unwrap_err();
        assert_eq!(
            error,
            FrameError::PlaneTooSmall { format: PixelFormat::Rgb, plane: 0, needed: 12, available: 11 }
        );
        assert!(Frame::new(PixelFormat::Rgb, 0, 2, &[(&data, 6)]).is_err());
        assert!(Frame::new(PixelFormat::Rgb, 2, 2, &[(&data, 5)]).is_err());
        assert!(Frame::new(PixelFormat::I420, 2, 2, &[(&data, 2)]).is_err());
    }

    #[test]
    fn the_last_row_may_lack_its_padding() {
        let data = [7_u8; 8 + 6];
        let frame = Frame::new(PixelFormat::Rgb, 2, 2, &[(&data, 8)]).unwrap();
        assert_eq!(frame.row(0, 1).len(), 6);
        assert!(frame.row(0, 2).is_empty());
        assert!(frame.row(1, 0).is_empty());
    }
}

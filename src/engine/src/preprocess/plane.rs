//! Resizing one plane as it lies in memory.
//!
//! The filter is a convolution with a triangle whose support grows with the down-scale (or does not, for
//! [`Filter::Linear`]), results rounded to 8 bits after each axis, as Pillow's `BILINEAR`. Rows come first: a row of any format is bytes to the vertical pass, so a
//! plane is read where it lies, whatever its stride, and never copied; the horizontal pass then works on whole
//! pixels of the few rows that are left. Pillow takes columns first; the rounding between the passes makes the two
//! differ by at most one step.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x2, U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use vesalius_measure::frame::PlaneLayout;

use crate::manifest::Filter;

/// One plane of a frame.
pub(super) struct PlaneView<'a> {
    pub(super) data: &'a [u8],
    /// Bytes from one row to the next.
    pub(super) stride: usize,
    pub(super) layout: PlaneLayout,
    /// Bytes a pixel: 1 to 4.
    pub(super) pixel_bytes: usize,
    /// Width and height in pixels from the top left corner that are resized; can end inside a pixel.
    pub(super) crop: (f64, f64),
}

#[derive(Debug, Default)]
pub(super) struct PlaneResizer {
    resizer: Resizer,
    filter: Filter,
    /// All columns of the plane at the new height.
    rows: Vec<u8>,
    /// A plane whose last row lacks its padding, without padding.
    packed: Vec<u8>,
}

impl PlaneResizer {
    /// For one filter.
    pub(super) fn new(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Resizes into `out`, which becomes `size.0 · size.1` pixels.
    pub(super) fn resize(
        &mut self,
        plane: &PlaneView<'_>,
        size: (u32, u32),
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let PlaneLayout { row_bytes, rows } = plane.layout;
        let (mut data, mut stride) = (plane.data, plane.stride);
        if data.len() < stride.saturating_mul(rows) {
            // The resizer wants whole rows. Memory that ends with the last pixel is rare: a picture cut from another.
            self.packed.clear();
            for row in plane.data.chunks(stride.max(1)).take(rows) {
                self.packed.extend_from_slice(row.get(..row_bytes).ok_or("a row is cut short")?);
            }
            (data, stride) = (&self.packed, row_bytes);
        }
        let (width, height) = size;
        let (stride, row_bytes_u32, rows_u32) = (to_u32(stride)?, to_u32(row_bytes)?, to_u32(rows)?);

        self.rows.resize(row_bytes * height as usize, 0);
        let source = TypedImageRef::<U8>::from_buffer(stride, rows_u32, data).map_err(text)?;
        let mut squeezed =
            TypedImage::<U8>::from_buffer(row_bytes_u32, height, &mut self.rows).map_err(text)?;
        let vertical = options(self.filter, row_bytes as f64, plane.crop.1);
        self.resizer.resize_typed(&source, &mut squeezed, &vertical).map_err(text)?;

        out.resize(width as usize * height as usize * plane.pixel_bytes, 0);
        match plane.pixel_bytes {
            1 => self.horizontal::<U8>(plane, size, out),
            2 => self.horizontal::<U8x2>(plane, size, out),
            3 => self.horizontal::<U8x3>(plane, size, out),
            4 => self.horizontal::<U8x4>(plane, size, out),
            other => Err(format!("pixels of {other} bytes are not known")),
        }
    }

    fn horizontal<P: PixelTrait>(
        &mut self,
        plane: &PlaneView<'_>,
        size: (u32, u32),
        out: &mut [u8],
    ) -> Result<(), String> {
        let (width, height) = size;
        let columns = to_u32(plane.layout.row_bytes / plane.pixel_bytes)?;
        let squeezed = TypedImageRef::<P>::from_buffer(columns, height, &self.rows).map_err(text)?;
        let mut target = TypedImage::<P>::from_buffer(width, height, out).map_err(text)?;
        let horizontal = options(self.filter, plane.crop.0, f64::from(height));
        self.resizer.resize_typed(&squeezed, &mut target, &horizontal).map_err(text)
    }
}

fn options(filter: Filter, crop_width: f64, crop_height: f64) -> ResizeOptions {
    let algorithm = match filter {
        Filter::LinearAntialias => ResizeAlg::Convolution(FilterType::Bilinear),
        Filter::Linear => ResizeAlg::Interpolation(FilterType::Bilinear),
    };
    ResizeOptions::new().resize_alg(algorithm).use_alpha(false).crop(0.0, 0.0, crop_width, crop_height)
}

fn to_u32(number: usize) -> Result<u32, String> {
    u32::try_from(number).map_err(|_| format!("{number} bytes in a row are too many"))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

//! What takes YUV to RGB, once for the processor and for GPUs.

use crate::frame::{ColorMatrix, ColorRange};

/// Coefficients from YUV bytes to full-range RGB: `(Y − luma_offset)·luma_gain`, to which U − 128 and V − 128 add with
/// their weights. In floats of 32 bits, which whoever computes with them elsewhere has too, so that bits are the same.
///
/// Matrices: ITU-R BT.601-7 (2.5), BT.709-6 (3.2), BT.2020-2 (table 4, non-constant luminance); quantisation: the
/// same, luma 16 + 219·Y and chroma 128 + 224·C in limited range; in full range 255·Y and 128 + 255·C (JFIF).
#[derive(Clone, Copy, Debug, PartialEq)]
// Kernels take it as it is.
#[repr(C)]
pub struct YuvToRgb {
    /// Byte of black.
    pub luma_offset: f32,
    /// From luma above black to full range.
    pub luma_gain: f32,
    /// What V adds to red.
    pub red_from_v: f32,
    /// What U adds to green; negative.
    pub green_from_u: f32,
    /// What V adds to green; negative.
    pub green_from_v: f32,
    /// What U adds to blue.
    pub blue_from_u: f32,
}

impl YuvToRgb {
    /// Of a matrix and a range.
    pub fn new(matrix: ColorMatrix, range: ColorRange) -> Self {
        let (kr, kb) = match matrix {
            ColorMatrix::Bt601 => (0.299_f32, 0.114_f32),
            ColorMatrix::Bt709 => (0.2126, 0.0722),
            ColorMatrix::Bt2020 => (0.2627, 0.0593),
        };
        let (luma_offset, luma_gain, chroma_gain) = match range {
            ColorRange::Full => (0.0, 1.0, 1.0),
            ColorRange::Limited => (16.0, 255.0 / 219.0, 255.0 / 224.0),
        };
        let kg = 1.0 - kr - kb;
        Self {
            luma_offset,
            luma_gain,
            red_from_v: 2.0 * (1.0 - kr) * chroma_gain,
            green_from_u: -2.0 * kb * (1.0 - kb) / kg * chroma_gain,
            green_from_v: -2.0 * kr * (1.0 - kr) / kg * chroma_gain,
            blue_from_u: 2.0 * (1.0 - kb) * chroma_gain,
        }
    }
}

//! Colours: bytes to normalised values by table, packed and YUV rows to planar RGB.

use vesalius_measure::frame::{ColorMatrix, ColorRange};
use vesalius_measure::yuv::YuvToRgb;

use crate::manifest::InputSection;

/// What each byte becomes in a channel.
pub(super) type Table = [f32; 256];

/// Normalisation by look-up, a table a channel.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    full: [Table; 3],
    limited: [Table; 3],
    pad: [f32; 3],
}

impl Tables {
    pub(super) fn new(input: &InputSection) -> Self {
        let [low, high] = input.range.map(f64::from);
        let table = |limited: bool| {
            let mut tables = [[0.0_f32; 256]; 3];
            for ((table, &mean), &std) in tables.iter_mut().zip(&input.mean).zip(&input.std) {
                for (byte, value) in table.iter_mut().enumerate() {
                    let byte = byte as f64;
                    let level = if limited { ((byte - 16.0) / 219.0).clamp(0.0, 1.0) } else { byte / 255.0 };
                    *value = ((low + (high - low) * level - f64::from(mean)) / f64::from(std)) as f32;
                }
            }
            tables
        };
        let full = table(false);
        let pad = full.map(|table| table[usize::from(input.pad)]);
        Self { full, limited: table(true), pad }
    }

    /// For full-range bytes.
    pub(super) fn full(&self) -> &[Table; 3] {
        &self.full
    }
    /// For limited-range luma.
    pub(super) fn limited(&self) -> &[Table; 3] {
        &self.limited
    }
    /// The border's value, a channel each.
    pub(super) fn pad(&self) -> [f32; 3] {
        self.pad
    }
}

/// Full-range luma of a packed row: ITU-R BT.601-7 section 2.5.1, weights in 16 bits, rounded to nearest.
pub(super) fn luma_from_packed(packed: &[u8], pixel_bytes: usize, [r, g, b]: [usize; 3], luma: &mut [u8]) {
    for (luma, pixel) in luma.iter_mut().zip(packed.chunks_exact(pixel_bytes)) {
        // The offsets lie inside a pixel of their format.
        let at = |offset: usize| u32::from(pixel.get(offset).copied().unwrap_or(0));
        // 0.299, 0.587 and 0.114 of 65536; they add up to 65536, so the sum fits a byte after the shift.
        *luma = ((19_595 * at(r) + 38_470 * at(g) + 7_471 * at(b) + 32_768) >> 16) as u8;
    }
}

/// Red, green and blue of a packed row, one after the other.
pub(super) fn planar_from_packed(packed: &[u8], pixel_bytes: usize, offsets: [usize; 3], planar: &mut [u8]) {
    let width = (planar.len() / 3).max(1);
    for (channel, offset) in planar.chunks_exact_mut(width).zip(offsets) {
        for (value, pixel) in channel.iter_mut().zip(packed.chunks_exact(pixel_bytes)) {
            *value = pixel.get(offset).copied().unwrap_or(0);
        }
    }
}

/// Rows of YUV to full-range RGB.
#[derive(Clone, Copy, Debug)]
pub(super) struct YuvRows(YuvToRgb);

impl YuvRows {
    pub(super) fn new(matrix: ColorMatrix, range: ColorRange) -> Self {
        Self(YuvToRgb::new(matrix, range))
    }

    fn rgb(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let by = &self.0;
        let luma = (f32::from(y) - by.luma_offset) * by.luma_gain;
        let (u, v) = (f32::from(u) - 128.0, f32::from(v) - 128.0);
        [
            luma + by.red_from_v * v,
            luma + by.green_from_u * u + by.green_from_v * v,
            luma + by.blue_from_u * u,
        ]
        // A cast of a float saturates at 0 and 255.
        .map(|value| (value + 0.5) as u8)
    }

    fn convert(&self, y: &[u8], chroma: impl Iterator<Item = (u8, u8)>, planar: &mut [u8]) {
        let width = planar.len() / 3;
        let (red, rest) = planar.split_at_mut(width);
        let (green, blue) = rest.split_at_mut(width);
        for ((((&y, (u, v)), r), g), b) in y.iter().zip(chroma).zip(red).zip(green).zip(blue) {
            [*r, *g, *b] = self.rgb(y, u, v);
        }
    }

    /// A row of Y and one of U and V in turn, both of the content's width.
    pub(super) fn convert_interleaved(&self, y: &[u8], uv: &[u8], planar: &mut [u8]) {
        self.convert(y, uv.chunks_exact(2).map(|c| (c[0], c[1])), planar);
    }

    /// Rows of Y, U and V, all of the content's width.
    pub(super) fn convert_planar(&self, y: &[u8], u: &[u8], v: &[u8], planar: &mut [u8]) {
        self.convert(y, u.iter().copied().zip(v.iter().copied()), planar);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luma_of_primaries() {
        // 0.299, 0.587 and 0.114 of 255, rounded.
        for (pixel, luma) in
            [([255, 0, 0], 76), ([0, 255, 0], 150), ([0, 0, 255], 29), ([255; 3], 255), ([0; 3], 0)]
        {
            let mut out = [0];
            luma_from_packed(&pixel, 3, [0, 1, 2], &mut out);
            assert_eq!(out[0], luma, "{pixel:?}");
        }
    }

    #[test]
    fn yuv_of_colour_bars() {
        // 100 % colour bars in 8-bit limited range; BT.601 and BT.709 by their own equations, rounded.
        let cases = [
            (ColorMatrix::Bt601, [81, 90, 240], [255, 0, 0]),
            (ColorMatrix::Bt601, [145, 54, 34], [0, 255, 0]),
            (ColorMatrix::Bt601, [41, 240, 110], [0, 0, 255]),
            (ColorMatrix::Bt709, [63, 102, 240], [255, 0, 0]),
            (ColorMatrix::Bt709, [173, 42, 26], [0, 255, 0]),
            (ColorMatrix::Bt709, [32, 240, 118], [0, 0, 255]),
            (ColorMatrix::Bt2020, [235, 128, 128], [255, 255, 255]),
            (ColorMatrix::Bt2020, [16, 128, 128], [0, 0, 0]),
        ];
        for (matrix, [y, u, v], expected) in cases {
            let rgb = YuvRows::new(matrix, ColorRange::Limited).rgb(y, u, v);
            for (got, expected) in rgb.iter().zip(expected) {
                // The bars themselves are rounded to 8 bits, which the gains of up to 2.2 turn into 2.
                assert!((i32::from(*got) - expected).abs() <= 2, "{matrix:?} {rgb:?} {expected:?}");
            }
        }
        assert_eq!(YuvRows::new(ColorMatrix::Bt601, ColorRange::Full).rgb(200, 128, 128), [200; 3]);
    }
}

//! The brightness of a picture, borrowed from whoever has it.

use crate::geometry::PixelRect;

/// Rows of 8-bit luma. Row `y` starts at `y · stride`.
#[derive(Clone, Copy, Debug)]
pub struct Luma<'a> {
    data: &'a [u8],
    width: usize,
    height: usize,
    stride: usize,
}

impl<'a> Luma<'a> {
    /// Borrows `height` rows of `width` pixels. `None` where `data` does not hold them, or there are none.
    pub fn new(data: &'a [u8], width: usize, height: usize, stride: usize) -> Option<Self> {
        let needed = height.checked_sub(1)?.checked_mul(stride)?.checked_add(width)?;
        (width > 0 && stride >= width && data.len() >= needed).then_some(Self { data, width, height, stride })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// A row; empty beyond the last.
    pub fn row(&self, y: usize) -> &'a [u8] {
        let start = y.saturating_mul(self.stride);
        if y >= self.height {
            return &[];
        }
        self.data.get(start..start + self.width).unwrap_or(&[])
    }

    /// Brightness of a pixel, 0 outside.
    pub fn at(&self, x: usize, y: usize) -> u8 {
        self.row(y).get(x).copied().unwrap_or(0)
    }

    /// The whole picture as a rectangle.
    pub(super) fn bounds(&self) -> PixelRect {
        PixelRect { x: 0, y: 0, width: self.width as u32, height: self.height as u32 }
    }

    /// A copy with x and y exchanged, row by row.
    pub(super) fn transposed(&self) -> Vec<u8> {
        let mut out = vec![0; self.width * self.height];
        // In square blocks, so that neither side leaves the cache.
        const BLOCK: usize = 32;
        for top in (0..self.height).step_by(BLOCK) {
            for left in (0..self.width).step_by(BLOCK) {
                for y in top..(top + BLOCK).min(self.height) {
                    let row = self.row(y);
                    for x in left..(left + BLOCK).min(self.width) {
                        if let (Some(to), Some(&from)) = (out.get_mut(x * self.height + y), row.get(x)) {
                            *to = from;
                        }
                    }
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_their_transpose() {
        let data: Vec<u8> = (0..35).collect();
        let luma = Luma::new(&data, 5, 4, 10).unwrap();
        assert_eq!(luma.row(2), [20, 21, 22, 23, 24]);
        assert_eq!((luma.at(4, 3), luma.at(5, 3), luma.at(0, 4)), (34, 0, 0));
        let turned = luma.transposed();
        let turned = Luma::new(&turned, 4, 5, 4).unwrap();
        assert_eq!(turned.row(1), [1, 11, 21, 31]);
        assert!(Luma::new(&data, 5, 5, 10).is_none());
        assert!(Luma::new(&data, 0, 1, 10).is_none());
        assert!(Luma::new(&data, 5, 0, 10).is_none());
        assert!(Luma::new(&data, 11, 1, 10).is_none());
        assert!(Luma::new(&data, 5, usize::MAX, usize::MAX).is_none());
    }
}

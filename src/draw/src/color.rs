//! Colours and the integer arithmetic of composing them.

/// A colour with straight (not premultiplied) alpha, 8 bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color {
    /// Red.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
    /// Opacity: 0 is nothing, 255 covers.
    pub alpha: u8,
}

/// The colours that people with any kind of colour vision tell apart: M. Okabe and K. Ito, "Color Universal
/// Design", 2008, <https://jfly.uni-koeln.de/color/>.
impl Color {
    /// Black.
    pub const BLACK: Self = Self::opaque([0, 0, 0]);
    /// White.
    pub const WHITE: Self = Self::opaque([255, 255, 255]);
    /// Orange.
    pub const ORANGE: Self = Self::opaque([0xE6, 0x9F, 0x00]);
    /// Sky blue.
    pub const SKY_BLUE: Self = Self::opaque([0x56, 0xB4, 0xE9]);
    /// Bluish green.
    pub const GREEN: Self = Self::opaque([0x00, 0x9E, 0x73]);
    /// Yellow.
    pub const YELLOW: Self = Self::opaque([0xF0, 0xE4, 0x42]);
    /// Blue.
    pub const BLUE: Self = Self::opaque([0x00, 0x72, 0xB2]);
    /// Vermilion.
    pub const VERMILION: Self = Self::opaque([0xD5, 0x5E, 0x00]);
    /// Reddish purple.
    pub const PURPLE: Self = Self::opaque([0xCC, 0x79, 0xA7]);

    /// What lies around every line and letter so that it reads on bright and on dark ground.
    pub const HALO: Self = Self::BLACK.with_alpha(176);

    /// A colour that covers, from red, green and blue.
    pub const fn opaque(rgb: [u8; 3]) -> Self {
        let [red, green, blue] = rgb;
        Self { red, green, blue, alpha: 255 }
    }

    /// The same colour with another opacity.
    #[must_use]
    pub const fn with_alpha(self, alpha: u8) -> Self {
        Self { alpha, ..self }
    }

    /// The colour half way to white.
    #[must_use]
    pub const fn lighter(self) -> Self {
        const fn half(v: u8) -> u8 {
            ((v as u16 + 255) / 2) as u8
        }
        Self { red: half(self.red), green: half(self.green), blue: half(self.blue), alpha: self.alpha }
    }

    /// The colour as a premultiplied pixel: blue, green, red, alpha.
    pub fn premultiplied(self) -> [u8; 4] {
        self.cover(256)
    }

    /// The colour at `coverage` 0..=256 as a premultiplied pixel.
    pub(crate) fn cover(self, coverage: u16) -> Pixel {
        let alpha = ((u32::from(coverage.min(256)) * u32::from(self.alpha) + 128) >> 8) as u8;
        [
            divide_by_255(u16::from(self.blue) * u16::from(alpha)),
            divide_by_255(u16::from(self.green) * u16::from(alpha)),
            divide_by_255(u16::from(self.red) * u16::from(alpha)),
            alpha,
        ]
    }
}

/// One premultiplied pixel: blue, green, red, alpha. No colour exceeds alpha.
pub(crate) type Pixel = [u8; 4];

/// `value / 255` rounded to the nearest whole number, exact for 0..=255·255: (value + 127) / 255.
#[inline]
pub(crate) const fn divide_by_255(value: u16) -> u8 {
    floor_by_255(value + 127)
}

/// `x / 255` in whole numbers, exact for 0..=255·255 + 254.
#[inline]
pub(crate) const fn floor_by_255(x: u16) -> u8 {
    // No division, and 16 bits are enough, so that it vectorises well.
    ((x + 1 + (x >> 8)) >> 8) as u8
}

/// `top` over `under`, both premultiplied: top + under·(255 − alpha of top)/255, each channel rounded.
#[inline]
pub(crate) fn over(top: Pixel, under: Pixel) -> Pixel {
    let rest = u16::from(255 - top[3]);
    let mut out = top;
    for (out, under) in out.iter_mut().zip(under) {
        // Cannot pass 255: a premultiplied channel is at most its alpha.
        *out += divide_by_255(u16::from(under) * rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_is_exact_over_its_whole_domain() {
        for value in 0..=255 * 255_u16 {
            assert_eq!(u32::from(divide_by_255(value)), (u32::from(value) + 127) / 255);
        }
        for value in 0..=255 * 255 + 254_u16 {
            assert_eq!(u16::from(floor_by_255(value)), value / 255);
        }
    }

    #[test]
    fn composing_keeps_pixels_premultiplied() {
        for (alpha, coverage) in (0..=255).flat_map(|a| [0, 1, 77, 128, 255, 256].map(|c| (a, c))) {
            let top = Color { red: 255, green: 128, blue: 3, alpha }.cover(coverage);
            for under in [[0, 0, 0, 0], [255, 255, 255, 255], [10, 90, 255, 255], [0, 60, 77, 77]] {
                let out = over(top, under);
                assert!(out[..3].iter().all(|&c| c <= out[3]), "{top:?} over {under:?} is {out:?}");
            }
        }
        assert_eq!(over([9, 9, 9, 255], [200, 1, 7, 255]), [9, 9, 9, 255]);
        assert_eq!(over([0, 0, 0, 0], [200, 1, 7, 255]), [200, 1, 7, 255]);
    }
}

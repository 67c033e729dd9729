//! Luma and colour differences to red, green and blue, full range.

use std::sync::LazyLock;

/// Fraction bits of green's terms: enough for the rounding of every sum to come out as in real numbers.
const FRACTION: u32 = 16;

/// Terms of the colour differences (PS3.3, C.7.6.3.1.2; ITU-T T.871, 7), by sample.
struct Terms {
    red_of_cr: [i16; 256],
    blue_of_cb: [i16; 256],
    green_of_cb: [i32; 256],
    green_of_cr: [i32; 256],
}

static TERMS: LazyLock<Terms> = LazyLock::new(|| {
    // The inverse of the luma weights 0.299, 0.587 and 0.114.
    let (red, blue) = (1.402, 1.772);
    let (green_b, green_r) = (-0.114 * blue / 0.587, -0.299 * red / 0.587);
    let of = |i: usize, factor: f64| factor * (i as f64 - 128.0);
    let whole = |x: f64| (x + 0.5).floor() as i16;
    let fixed = |x: f64| (x * f64::from(1 << FRACTION)).round() as i32;
    Terms {
        red_of_cr: std::array::from_fn(|i| whole(of(i, red))),
        blue_of_cb: std::array::from_fn(|i| whole(of(i, blue))),
        green_of_cb: std::array::from_fn(|i| fixed(of(i, green_b))),
        green_of_cr: std::array::from_fn(|i| fixed(of(i, green_r))),
    }
});

/// Converts pixels of three samples in place. Every value is the nearest whole one, halves upwards.
pub(super) fn to_rgb(pixels: &mut [u8]) {
    let terms = &*TERMS;
    let (pixels, _) = pixels.as_chunks_mut::<3>();
    for pixel in pixels {
        let [y, cb, cr] = *pixel;
        let (luma, cb, cr) = (i16::from(y), usize::from(cb), usize::from(cr));
        let green = (terms.green_of_cb[cb] + terms.green_of_cr[cr] + (1 << (FRACTION - 1))) >> FRACTION;
        *pixel = [
            (luma + terms.red_of_cr[cr]).clamp(0, 255) as u8,
            (luma + green as i16).clamp(0, 255) as u8,
            (luma + terms.blue_of_cb[cb]).clamp(0, 255) as u8,
        ];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All 2²⁴ colours against the formula in real numbers.
    #[test]
    fn every_colour_is_the_nearest_whole_one() {
        let mut worst = 0.0f64;
        for cb in 0..=255u8 {
            for cr in 0..=255u8 {
                let mut pixels: Vec<u8> = (0..=255).flat_map(|y| [y, cb, cr]).collect();
                to_rgb(&mut pixels);
                let (b, r) = (f64::from(cb) - 128.0, f64::from(cr) - 128.0);
                let terms = [1.402 * r, -0.114 * 1.772 / 0.587 * b - 0.299 * 1.402 / 0.587 * r, 1.772 * b];
                for (y, pixel) in pixels.chunks_exact(3).enumerate() {
                    for (value, term) in pixel.iter().zip(terms) {
                        let exact = (y as f64 + term).clamp(0.0, 255.0);
                        worst = worst.max((f64::from(*value) - exact).abs());
                    }
                }
            }
        }
        assert!(worst <= 0.5 + 1e-4, "{worst}");
    }
}

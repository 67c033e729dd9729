//! From echo power to gray: log compression and gray map.

use crate::scene::Receiver;

/// Levels of the gray map: finer than the 256 of the picture, so that a curved map leaves no steps.
const GRAY_LEVELS: usize = 2048;

/// Log compression and gray map: echo power to gray.
pub(crate) struct Display {
    gain: f32,
    offset: f32,
    map: Vec<u8>,
}

impl Display {
    pub(crate) fn new(receiver: &Receiver) -> Self {
        // level = (10·log₁₀(power) − white + range) / range, with log₂ in place of log₁₀; 1 is white, 0 black.
        let last = (GRAY_LEVELS - 1) as f64;
        let per_db = last / receiver.dynamic_range_db;
        let map = (0..GRAY_LEVELS)
            .map(|k| (255.0 * libm::pow(k as f64 / last, receiver.gray_gamma)).round() as u8)
            .collect();
        Self {
            gain: (10.0 * std::f64::consts::LOG10_2 * per_db) as f32,
            offset: (last - receiver.white_db * per_db + 0.5) as f32,
            map,
        }
    }

    #[inline]
    pub(crate) fn gray(&self, power: f32) -> u8 {
        // The conversion saturates: a negative level becomes 0.
        let level = (self.gain * log2(power) + self.offset) as usize;
        self.map.get(level.min(GRAY_LEVELS - 1)).copied().unwrap_or(255)
    }
}

/// Base-2 logarithm of a positive number, to 2e-6, by basic arithmetic only: the same bits everywhere.
#[inline]
fn log2(value: f32) -> f32 {
    let bits = value.max(f32::MIN_POSITIVE).to_bits();
    // Split so that the mantissa lies in [√½, √2).
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let exponent = (shifted as i32) >> 23;
    let mantissa = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    // 2/ln 2 · artanh(s)
    exponent as f32 + s * (2.885_39 + s2 * (0.961_796_7 + s2 * (0.577_078 + s2 * 0.412_198_6)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_logarithm_agrees_with_the_exact_one() {
        for k in -100_000..100_000 {
            let value = libm::exp2f(k as f32 / 1000.0);
            let error = (f64::from(log2(value)) - f64::from(value).log2()).abs();
            // 2e-6 of the series plus the rounding of numbers up to 100 in f32 (4e-6).
            assert!(error < 1e-5, "{value}: {error}");
        }
    }
}

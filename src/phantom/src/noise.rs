//! Random numbers that are the same on every machine: hashes, smooth value noise, Gaussian deviates.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Mixes a seed and a counter into 64 well-spread bits (SplitMix64 finaliser: Steele, Lea, Flood, OOPSLA 2014).
pub(crate) fn hash64(seed: u64, counter: u64) -> u64 {
    let mut z =
        seed.wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_add(counter.wrapping_mul(0xD1B5_4A32_D192_ED03));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// 53 random bits as a number in `[0, 1)`.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number in `[0, 1)` from a seed and a counter.
pub(crate) fn hash_unit(seed: u64, counter: u64) -> f64 {
    unit(hash64(seed, counter))
}

/// Smooth value noise in `[−1, 1]` over the plane, one lattice cell per unit.
pub(crate) fn value_noise(seed: u64, x: f64, y: f64) -> f64 {
    let (x0, y0) = (x.floor(), y.floor());
    let (fx, fy) = (fade(x - x0), fade(y - y0));
    let (ix, iy) = (x0 as i64, y0 as i64);
    let corner = |dx: i64, dy: i64| {
        let lattice = (ix.wrapping_add(dx) as u64).wrapping_mul(0x9E37_79B1)
            ^ (iy.wrapping_add(dy) as u64).rotate_left(32);
        2.0 * hash_unit(seed, lattice) - 1.0
    };
    let top = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * fx;
    let bottom = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * fx;
    top + (bottom - top) * fy
}

/// Two octaves of [`value_noise`], in about `[−1, 1]`.
pub(crate) fn fractal_noise(seed: u64, x: f64, y: f64) -> f64 {
    0.65 * value_noise(seed, x, y) + 0.35 * value_noise(seed ^ 0x5bd1, 2.1 * x + 7.3, 2.1 * y + 3.1)
}

/// Smooth step with zero slope at 0 and 1.
fn fade(t: f64) -> f64 {
    t * t * (3.0 - 2.0 * t)
}

/// Smooth step from 0 at `from` to 1 at `to`.
pub(crate) fn smooth_step(from: f64, to: f64, x: f64) -> f64 {
    fade(((x - from) / (to - from)).clamp(0.0, 1.0))
}

/// A level in decibels as an amplitude ratio.
pub(crate) fn amplitude_from_db(db: f64) -> f64 {
    libm::exp(db * std::f64::consts::LN_10 / 20.0)
}

/// A sequential source of random numbers (ChaCha8), one independent stream per purpose.
pub(crate) struct Random {
    generator: ChaCha8Rng,
}

impl Random {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self { generator }
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        unit(self.generator.next_u64())
    }

    /// Uniform in `[low, high)`.
    pub(crate) fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform whole number in `[0, count)`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A complex Gaussian of unit power, `E|z|² = 1`; its magnitude is Rayleigh distributed (Box and Muller, 1958).
    pub(crate) fn complex_gaussian(&mut self) -> [f64; 2] {
        let magnitude = (-libm::log(1.0 - self.unit())).sqrt();
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * self.unit());
        [magnitude * cos, magnitude * sin]
    }

    /// A standard normal deviate.
    pub(crate) fn normal(&mut self) -> f64 {
        std::f64::consts::SQRT_2 * self.complex_gaussian()[0]
    }
}

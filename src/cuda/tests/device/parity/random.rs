//! Random cases that are the same everywhere.

use vesalius_measure::frame::{ColorMatrix, ColorRange};

/// SplitMix64 (Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// One of `low..=high`.
    pub fn within(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() % (high - low + 1) as u64) as usize
    }

    /// One of 0 to 1.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u32 << 24) as f32
    }

    pub fn flip(&mut self) -> bool {
        self.next() & 1 == 1
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.within(0, all.len() - 1)]
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 32) as u8).collect()
    }

    pub fn colorimetry(&mut self) -> (ColorRange, ColorMatrix) {
        let matrices = [ColorMatrix::Bt601, ColorMatrix::Bt709, ColorMatrix::Bt2020];
        (self.of(&[ColorRange::Full, ColorRange::Limited]), self.of(&matrices))
    }

    /// A bumpy field of 0 to 1, as a network's answer to a picture: some blobs, with noise.
    pub fn field(&mut self, width: usize, height: usize) -> Vec<f32> {
        let blobs: Vec<[f32; 3]> = (0..self.within(1, 4))
            .map(|_| {
                let radius = self.unit() * width.min(height) as f32 * 0.4 + 1.0;
                [self.unit() * width as f32, self.unit() * height as f32, radius]
            })
            .collect();
        let noise = self.unit() * 0.3;
        (0..width * height)
            .map(|i| {
                let (x, y) = ((i % width) as f32, (i / width) as f32);
                let nearest =
                    |best: f32, b: &[f32; 3]| best.max(1.0 - (x - b[0]).hypot(y - b[1]) / (2.0 * b[2]));
                (blobs.iter().fold(0.0, nearest) + (self.unit() - 0.5) * noise).clamp(0.0, 1.0)
            })
            .collect()
    }
}

//! How a picture becomes a tensor: what an engine's manifest says, and the numbers that follow from it.

use half::f16;

/// Channels of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputColor {
    /// One: full-range luma.
    Gray,
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
}

impl InputColor {
    /// How many channels.
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb | Self::Bgr => 3,
        }
    }
}

/// The numbers of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floats {
    /// 32 bits.
    F32,
    /// 16 bits (IEEE 754 binary16), rounded to nearest from 32.
    F16,
}

impl Floats {
    /// Bytes of one.
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }
}

/// How a picture becomes a tensor: the input section of an engine's manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct InputRule {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Whether channels are the last axis (NHWC) instead of the second (NCHW).
    pub channels_last: bool,
    /// Channels.
    pub color: InputColor,
    /// What byte values 0 and 255 become before mean and deviation.
    pub range: [f32; 2],
    /// Subtracted from each channel.
    pub mean: [f32; 3],
    /// Each channel is divided by it, after the mean.
    pub std: [f32; 3],
    /// Byte value of a letterbox's border.
    pub pad: u8,
    /// The numbers.
    pub floats: Floats,
}

impl InputRule {
    /// Bytes of the tensor.
    pub fn bytes(&self) -> usize {
        self.width as usize * self.height as usize * self.color.channels() * self.floats.bytes()
    }

    /// What each byte becomes in each channel, as the bits of a float.
    pub(super) fn table(&self, limited: bool) -> [[u32; 256]; 3] {
        let [low, high] = self.range.map(f64::from);
        let mut tables = [[0; 256]; 3];
        for ((table, &mean), &std) in tables.iter_mut().zip(&self.mean).zip(&self.std) {
            for (byte, bits) in table.iter_mut().enumerate() {
                let byte = byte as f64;
                let level = if limited { ((byte - 16.0) / 219.0).clamp(0.0, 1.0) } else { byte / 255.0 };
                let value = ((low + (high - low) * level - f64::from(mean)) / f64::from(std)) as f32;
                *bits = match self.floats {
                    Floats::F32 => value.to_bits(),
                    Floats::F16 => u32::from(f16::from_f32(value).to_bits()),
                };
            }
        }
        tables
    }
}

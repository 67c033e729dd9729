//! Which samples make a resized one, and with which weights.
//!
//! A triangle whose support grows with the down-scale, weights rounded to 16 bits: Pillow's `BILINEAR` in
//! fixed point, as `fast_image_resize` computes it on the CPU; the sums are then equal to the last bit.

use super::bytes_of;
use crate::result::CudaError;
use crate::safe::{Context, DeviceBuffer, Work};

/// The part of an axis that is resized, in samples of the plane; can begin and end inside one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    /// First whole sample that takes part.
    pub(super) first: u32,
    /// How many take part.
    pub(super) count: u32,
    /// Where the part begins and ends, from `first` on.
    from: f64,
    to: f64,
}

impl Span {
    /// Pixels `first..first + count` of an axis of which a sample has `per_sample` (2 for chroma).
    pub(super) fn new(first: u32, count: u32, per_sample: u32) -> Self {
        let at = |pixel: u32| f64::from(pixel) / f64::from(per_sample);
        let (from, to) = (at(first), at(first + count));
        let whole = from.floor();
        Self { first: whole as u32, count: (to.ceil() - whole) as u32, from: from - whole, to: to - whole }
    }
}

/// Taps of one axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AxisTaps {
    starts: Vec<u32>,
    weights: Vec<i16>,
    window: u32,
    precision: u32,
}

impl AxisTaps {
    /// For `out` samples of a span.
    pub(super) fn new(span: Span, out: u32) -> Self {
        let scale = (span.to - span.from) / f64::from(out);
        // The filter never gets narrower than a sample.
        let filter_scale = scale.max(1.0);
        let radius = filter_scale;
        let window = radius.ceil() as usize * 2 + 1;
        let per_filter = 1.0 / filter_scale;
        let mut starts = Vec::with_capacity(out as usize);
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(out as usize);
        for i in 0..out {
            let center = span.from + (f64::from(i) + 0.5) * scale;
            let low = (center - radius).floor().max(0.0) as u32;
            let high = (center + radius).ceil().min(f64::from(span.count)) as u32;
            let middle = center - 0.5;
            let weight = |x: u32| (1.0 - ((f64::from(x) - middle) * per_filter).abs()).max(0.0);
            let mut row: Vec<f64> = (low..high).map(weight).collect();
            let sum: f64 = row.iter().sum();
            if sum != 0.0 {
                row.iter_mut().for_each(|w| *w /= sum);
            }
            starts.push(low);
            rows.push(row);
        }
        let largest = rows.iter().flatten().fold(0.0_f64, |a, &b| a.max(b));
        // As many fraction bits as keep the largest weight below 2¹⁵ and a sum of 8-bit samples in 32 bits.
        let fits = |precision: &u32| (largest * f64::from(1_u32 << (precision + 1))).round() >= 32_768.0;
        let precision = (0..22).find(fits).unwrap_or(21);
        let unit = f64::from(1_u32 << precision);
        let weights = rows.iter().flat_map(|row| {
            let rest = std::iter::repeat_n(0, window.saturating_sub(row.len()));
            row.iter().take(window).map(|w| (w * unit).round() as i16).chain(rest)
        });
        let weights = weights.collect();
        Self { starts, weights, window: window as u32, precision }
    }
}

/// `Taps` of `common.cuh`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct RawTaps {
    start: u64,
    weights: u64,
    window: u32,
    precision: u32,
}

/// Taps on the device.
#[derive(Clone, Debug)]
pub(super) struct DeviceTaps {
    raw: RawTaps,
    buffer: DeviceBuffer,
}

impl DeviceTaps {
    pub(super) fn upload(context: &Context, work: &mut Work<'_>, taps: &AxisTaps) -> Result<Self, CudaError> {
        let starts = bytes_of(&taps.starts, u32::to_ne_bytes);
        let weights = bytes_of(&taps.weights, i16::to_ne_bytes);
        let buffer = DeviceBuffer::new(context, starts.len() + weights.len())?;
        work.upload(&buffer, 0, &starts)?;
        work.upload(&buffer, starts.len(), &weights)?;
        let raw = RawTaps {
            start: buffer.ptr().0,
            weights: buffer.ptr().offset(starts.len() as u64).0,
            window: taps.window,
            precision: taps.precision,
        };
        Ok(Self { raw, buffer })
    }

    /// What a kernel is told; the work holds the memory.
    pub(super) fn held_by(&self, work: &mut Work<'_>) -> RawTaps {
        work.hold(self.buffer.clone());
        self.raw
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_of_the_same_size_is_copied() {
        let taps = AxisTaps::new(Span::new(0, 5, 1), 5);
        for i in 0..5 {
            let row = &taps.weights[i * taps.window as usize..][..taps.window as usize];
            let picked: Vec<usize> = (0..row.len()).filter(|&k| row[k] != 0).collect();
            assert_eq!(picked.len(), 1);
            assert_eq!(taps.starts[i] as usize + picked[0], i);
            assert_eq!(i32::from(row[picked[0]]), 1 << taps.precision);
        }
    }

    #[test]
    fn spans_of_chroma_begin_and_end_inside_samples() {
        let span = Span::new(3, 4, 2);
        assert_eq!((span.first, span.count, span.from, span.to), (1, 3, 0.5, 2.5));
        let span = Span::new(0, 207, 2);
        assert_eq!((span.first, span.count, span.from, span.to), (0, 104, 0.0, 103.5));
    }

    #[test]
    fn no_weight_lies_beyond_the_span() {
        for (first, count, per, out) in [(0, 1, 1, 7), (5, 100, 1, 3), (3, 9, 2, 20), (1, 65_000, 1, 2)] {
            let span = Span::new(first, count, per);
            let taps = AxisTaps::new(span, out);
            for (start, row) in taps.starts.iter().zip(taps.weights.chunks(taps.window as usize)) {
                let last = row.iter().rposition(|&w| w != 0).unwrap();
                assert!((*start as usize + last) < span.count as usize);
                let sum: i32 = row.iter().map(|&w| i32::from(w)).sum();
                let unit = 1_i32 << taps.precision;
                assert!((sum - unit).abs() <= row.len() as i32 / 2 + 1, "{sum} of {unit}");
            }
        }
    }
}

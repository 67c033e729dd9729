//! Sigmoid and softmax over rows, written so that the compiler vectorises them for any target.

/// e to the power of `x` for x ≤ 0, with a relative error below 3·10⁻⁷; below −87 it is 0 to f32's precision and
/// e⁻⁸⁷ is given.
///
/// Range reduction by ln 2 in two parts and a polynomial of degree 6 (the Taylor series: on |r| ≤ ln 2 / 2 its
/// remainder is below 1.3·10⁻⁷). Method: W. J. Cody and W. Waite, *Software Manual for the Elementary Functions*,
/// Prentice-Hall 1980, chapter 6.
#[inline]
fn exp_of_negative(x: f32) -> f32 {
    // Written out: the constants must be these very floats, for 355/512·n to be exact.
    const LN2_HIGH: f32 = 355.0 / 512.0;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding it leaves the integer nearest to a small float in the low bits of the mantissa.
    const TO_INTEGER: f32 = 12_582_912.0;
    let x = x.max(-87.0);
    let shifted = x * std::f32::consts::LOG2_E + TO_INTEGER;
    let n = shifted - TO_INTEGER;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let tail = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0));
    let polynomial = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * tail)));
    // n lies in −126 to 0; added to the exponent's bits it multiplies by 2ⁿ.
    let power = shifted.to_bits().wrapping_sub(TO_INTEGER.to_bits()).wrapping_shl(23);
    f32::from_bits(polynomial.to_bits().wrapping_add(power))
}

/// Turns scores into 1/(1 + e⁻ˣ), in place. Error below 3·10⁻⁷.
pub(super) fn sigmoid(scores: &mut [f32]) {
    for x in scores {
        // Of the larger side e^(−|x|) cannot overflow; the other side follows by symmetry.
        let e = exp_of_negative(-x.abs());
        let larger = 1.0 / (1.0 + e);
        *x = if *x >= 0.0 { larger } else { e * larger };
    }
}

/// Turns rows of scores, `width` values a channel, into probabilities that add up to 1 at each pixel, in place.
pub(super) fn softmax(channels: &mut [f32], width: usize) {
    // Blocks of pixels keep the running maxima and sums on the stack.
    const BLOCK: usize = 64;
    for first in (0..width).step_by(BLOCK) {
        let count = BLOCK.min(width - first);
        let (mut largest, mut sum) = ([f32::NEG_INFINITY; BLOCK], [0.0_f32; BLOCK]);
        for channel in channels.chunks_exact(width) {
            for (largest, &x) in largest.iter_mut().zip(channel.iter().skip(first).take(count)) {
                *largest = largest.max(x);
            }
        }
        for channel in channels.chunks_exact_mut(width) {
            let values = channel.iter_mut().skip(first).take(count);
            for ((x, largest), sum) in values.zip(&largest).zip(&mut sum) {
                *x = exp_of_negative(*x - largest);
                *sum += *x;
            }
        }
        for channel in channels.chunks_exact_mut(width) {
            for (x, sum) in channel.iter_mut().skip(first).take(count).zip(&sum) {
                *x /= sum;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What callers may count on; the functions stay below a third of it.
    const TOLERANCE: f64 = 1e-6;

    #[test]
    fn sigmoid_against_double_precision() {
        let mut worst = 0.0_f64;
        for step in -400_000..=400_000 {
            let x = step as f32 * 2.5e-4;
            let mut y = [x];
            sigmoid(&mut y);
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            worst = worst.max((f64::from(y[0]) - exact).abs());
            assert!((0.0..=1.0).contains(&y[0]));
        }
        assert!(worst < TOLERANCE, "{worst:e}");
        let mut extremes = [f32::MAX, f32::MIN, 0.0, -0.0];
        sigmoid(&mut extremes);
        assert_eq!(extremes[0], 1.0);
        assert!(extremes[1] < 1e-30 && extremes[2] == 0.5 && extremes[3] == 0.5);
    }

    #[test]
    fn sigmoid_rises() {
        let mut values: Vec<f32> = (-20_000..=20_000).map(|i| i as f32 * 1e-3).collect();
        sigmoid(&mut values);
        // Each value is rounded on its own: neighbours that are equal to f32 can come out one step apart.
        assert!(values.windows(2).all(|w| w[1] >= w[0] - 1.2e-7));
    }

    proptest! {
        #[test]
        fn softmax_against_double_precision(width in 1_usize..150, channels in 1_usize..5, seed: u32) {
            let mut state = seed;
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1_u32 << 24) as f32 * 60.0 - 30.0
            };
            let scores: Vec<f32> = (0..width * channels).map(|_| next()).collect();
            let mut got = scores.clone();
            softmax(&mut got, width);
            for x in 0..width {
                let sum: f64 = (0..channels).map(|c| f64::from(scores[c * width + x]).exp()).sum();
                for c in 0..channels {
                    let exact = f64::from(scores[c * width + x]).exp() / sum;
                    prop_assert!((f64::from(got[c * width + x]) - exact).abs() < TOLERANCE);
                }
            }
        }
    }
}

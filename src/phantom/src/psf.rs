//! The beam-space grid: scatterers and reflectors filtered by the point-spread function.

use crate::field::Beams;
use crate::scene::Speckle;

/// Full width at half maximum of a Gaussian in standard deviations.
const FWHM_PER_SIGMA: f64 = 2.354_820_045_030_949;
/// Grid points per standard deviation of the point-spread function: linear interpolation between them then keeps the
/// variance within 4 %.
const SAMPLES_PER_SIGMA: f64 = 2.0;

/// Below this the sampled function is no Gaussian any more; a grid that is held coarse widens it.
const FEWEST_SAMPLES_PER_SIGMA: f64 = 0.8;
/// Most grid points: each of the fields takes 8 bytes a point, so that the largest pictures stay below 1 GiB.
const MAX_POINTS: f64 = 33_554_432.0;

/// Layout of the beam-space grid: `lines` beams of `samples` points each, beam by beam.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) lines: usize,
    pub(crate) samples: usize,
    first_lateral: f64,
    lateral_step: f64,
    first_range_mm: f64,
    range_step_mm: f64,
    lateral_sigma_lines: f64,
    axial_sigma_samples: f64,
}

impl Grid {
    /// A grid that covers `lateral` and `range_mm` (each `(lowest, highest)`) with some margin.
    pub(crate) fn new(
        speckle: &Speckle,
        beams: &Beams,
        mm_per_px: [f64; 2],
        focus_range_mm: f64,
        lateral: (f64, f64),
        range_mm: (f64, f64),
    ) -> Self {
        // A picture cannot show a structure narrower than two pixels without aliasing.
        let narrowest = |pitch_mm: f64| 2.0 * pitch_mm;
        let axial_sigma_mm = speckle.axial_mm.max(narrowest(mm_per_px[1])) / FWHM_PER_SIGMA;
        let lateral_sigma_mm = speckle.lateral_mm.max(narrowest(mm_per_px[0])) / FWHM_PER_SIGMA;
        let lateral_sigma = lateral_sigma_mm / beams.mm_per_lateral(focus_range_mm);
        // A wide function does not make the reflectors under it any coarser: two pixels between grid points at most.
        let range_step_mm = (axial_sigma_mm / SAMPLES_PER_SIGMA).min(2.0 * mm_per_px[1]);
        let lateral_step = (lateral_sigma / SAMPLES_PER_SIGMA)
            .min(2.0 * mm_per_px[0] / beams.mm_per_lateral(focus_range_mm));
        let spans = [lateral.1 - lateral.0, range_mm.1 - range_mm.0];
        let [lateral_step, range_step_mm] = limit_points(spans, [lateral_step, range_step_mm]);
        Self {
            lines: count(spans[0], lateral_step),
            samples: count(spans[1], range_step_mm),
            first_lateral: lateral.0 - lateral_step,
            lateral_step,
            first_range_mm: range_mm.0 - range_step_mm,
            range_step_mm,
            lateral_sigma_lines: (lateral_sigma / lateral_step).max(FEWEST_SAMPLES_PER_SIGMA),
            axial_sigma_samples: (axial_sigma_mm / range_step_mm).max(FEWEST_SAMPLES_PER_SIGMA),
        }
    }

    pub(crate) fn lateral(&self, line: usize) -> f64 {
        self.first_lateral + line as f64 * self.lateral_step
    }

    pub(crate) fn range_mm(&self, sample: usize) -> f64 {
        self.first_range_mm + sample as f64 * self.range_step_mm
    }

    /// What unit-variance scatterers must be multiplied by so that filtered speckle has unit power.
    pub(crate) fn speckle_normalization(&self) -> f64 {
        let energy = |sigma: f64| kernel(sigma).iter().map(|k| k * k).sum::<f64>();
        1.0 / (energy(self.lateral_sigma_lines) * energy(self.axial_sigma_samples)).sqrt()
    }

    /// Filters a complex field in place with the separable Gaussian point-spread function, whose sum is 1.
    pub(crate) fn filter(&self, field: &mut [[f32; 2]]) {
        let axial: Vec<f32> = kernel(self.axial_sigma_samples).iter().map(|&k| k as f32).collect();
        let mut scratch = vec![[0.0_f32; 2]; self.samples];
        for line in field.chunks_exact_mut(self.samples) {
            convolve_line(line, &axial, &mut scratch);
            line.copy_from_slice(&scratch);
        }
        let lateral: Vec<f32> = kernel(self.lateral_sigma_lines).iter().map(|&k| k as f32).collect();
        self.convolve_across(field, &lateral);
    }

    /// Convolves across the beams, repeating the outer ones.
    fn convolve_across(&self, field: &mut [[f32; 2]], kernel: &[f32]) {
        let half = kernel.len() / 2;
        let source: Vec<[f32; 2]> = field.to_vec();
        let source_lines: Vec<&[[f32; 2]]> = source.chunks_exact(self.samples).collect();
        for (line, out) in field.chunks_exact_mut(self.samples).enumerate() {
            out.fill([0.0; 2]);
            for (tap, &weight) in kernel.iter().enumerate() {
                let from = (line + tap).saturating_sub(half).min(self.lines - 1);
                if let Some(input) = source_lines.get(from) {
                    for (o, i) in out.iter_mut().zip(input.iter()) {
                        o[0] += weight * i[0];
                        o[1] += weight * i[1];
                    }
                }
            }
        }
    }

    /// Linear interpolation at beam coordinates; the border repeats.
    pub(crate) fn sample(&self, field: &[[f32; 2]], lateral: f64, range_mm: f64) -> [f32; 2] {
        let u =
            ((lateral - self.first_lateral) / self.lateral_step).clamp(0.0, (self.lines - 1) as f64 - 1e-6);
        let v = ((range_mm - self.first_range_mm) / self.range_step_mm)
            .clamp(0.0, (self.samples - 1) as f64 - 1e-6);
        let (line, sample) = (u as usize, v as usize);
        let (fu, fv) = ((u - line as f64) as f32, (v - sample as f64) as f32);
        let at = line * self.samples + sample;
        let value = |index: usize| field.get(index).copied().unwrap_or_default();
        let (a, b) = (value(at), value(at + 1));
        let (c, d) = (value(at + self.samples), value(at + self.samples + 1));
        std::array::from_fn(|i| {
            let near = a[i] + (b[i] - a[i]) * fv;
            let far = c[i] + (d[i] - c[i]) * fv;
            near + (far - near) * fu
        })
    }
}

/// Points that cover a span, with one more at each end to interpolate to.
fn count(span: f64, step: f64) -> usize {
    (span / step).ceil().max(0.0) as usize + 3
}

/// The steps, coarsened alike where the grid would exceed [`MAX_POINTS`].
fn limit_points(spans: [f64; 2], steps: [f64; 2]) -> [f64; 2] {
    let points = (spans[0] / steps[0]) * (spans[1] / steps[1]);
    let factor = (points / MAX_POINTS).sqrt().max(1.0);
    steps.map(|step| factor * step)
}

/// A sampled Gaussian of unit sum, three standard deviations to each side.
fn kernel(sigma: f64) -> Vec<f64> {
    let half = (3.0 * sigma).ceil().max(1.0) as i32;
    let taps: Vec<f64> =
        (-half..=half).map(|k| libm::exp(-0.5 * (f64::from(k) / sigma) * (f64::from(k) / sigma))).collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|t| t / sum).collect()
}

/// Convolves one beam, repeating its ends.
fn convolve_line(input: &[[f32; 2]], kernel: &[f32], output: &mut [[f32; 2]]) {
    let half = kernel.len() / 2;
    let last = input.len().saturating_sub(1);
    for (i, out) in output.iter_mut().enumerate() {
        let mut sum = [0.0_f32; 2];
        for (tap, &weight) in kernel.iter().enumerate() {
            let from = (i + tap).saturating_sub(half).min(last);
            if let Some(value) = input.get(from) {
                sum[0] += weight * value[0];
                sum[1] += weight * value[1];
            }
        }
        *out = sum;
    }
}

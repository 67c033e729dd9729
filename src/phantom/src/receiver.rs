//! What lies between an echo and the display: attenuation, compensation, contact, shadows, electronic noise.

use crate::annotations::is_blacked_out;
use crate::field::Beams;
use crate::noise::{Random, amplitude_from_db, fractal_noise, smooth_step};
use crate::scene::{AcousticShadow, Annotations, Receiver, ShadowOrigin};

/// Complex noise samples kept; rows start at random places in it.
pub(crate) const NOISE_LENGTH: usize = 1 << 16;

/// What the gains depend on.
pub(crate) struct Probe<'a> {
    pub(crate) seed: u64,
    pub(crate) size_px: [u32; 2],
    pub(crate) mm_per_px: [f64; 2],
    pub(crate) beams: &'a Beams,
    pub(crate) receiver: &'a Receiver,
    pub(crate) shadows: &'a [AcousticShadow],
    pub(crate) annotations: &'a Annotations,
}

/// Gain of signal and noise at every pixel of the picture; 0 where the field or a black-out leaves it dark.
pub(crate) fn pixel_gains(probe: &Probe<'_>) -> Vec<[f32; 2]> {
    let (receiver, beams) = (probe.receiver, probe.beams);
    let [width, height] = probe.size_px;
    let mut gains = Vec::with_capacity(width as usize * height as usize);
    for y in 0..height {
        for x in 0..width {
            let point = [f64::from(x) * probe.mm_per_px[0], f64::from(y) * probe.mm_per_px[1]];
            let (lateral, range_mm) = beams.coordinates(point);
            if !beams.covers(lateral, range_mm) || is_blacked_out(probe.annotations, probe.size_px, x, y) {
                gains.push([0.0; 2]);
                continue;
            }
            let depth_cm = (range_mm - beams.face_range_mm) / 10.0;
            let across = beams.across(lateral);
            let contact = fractal_noise(probe.seed ^ 0x636f_6e74, 5.0 * across, 0.5);
            let receive_db = receiver.gain_db + receiver.tgc_db_per_cm * depth_cm;
            let signal = amplitude_from_db(receive_db - receiver.attenuation_db_per_cm * depth_cm)
                * shadow_amplitude(probe.shadows, across, ShadowOrigin::Probe)
                * amplitude_from_db(receiver.contact_spread_db * contact);
            // The smallest positive number marks a pixel of the field even where noise would vanish.
            let noise = amplitude_from_db(receive_db + receiver.noise_db);
            gains.push([signal as f32, (noise as f32).max(f32::MIN_POSITIVE)]);
        }
    }
    gains
}

/// Per row: first and one past the last pixel that the field covers.
pub(crate) fn row_spans(gains: &[[f32; 2]], width: usize) -> Vec<(usize, usize)> {
    gains
        .chunks_exact(width.max(1))
        .map(|row| {
            let first = row.iter().position(|g| g[1] > 0.0).unwrap_or(0);
            let end = row.iter().rposition(|g| g[1] > 0.0).map_or(first, |last| last + 1);
            (first, end)
        })
        .collect()
}

/// Complex Gaussian noise of unit power.
pub(crate) fn noise_samples(seed: u64) -> Vec<[f32; 2]> {
    let mut random = Random::new(seed, 2);
    (0..NOISE_LENGTH).map(|_| random.complex_gaussian().map(|v| v as f32)).collect()
}

/// Amplitude left by the shadows of one origin, at a position across the field.
pub(crate) fn shadow_amplitude(shadows: &[AcousticShadow], across: f64, origin: ShadowOrigin) -> f64 {
    let loss_db: f64 = shadows
        .iter()
        .filter(|shadow| shadow.origin == origin)
        .map(|shadow| {
            let away = (across - shadow.center).abs() / (0.5 * shadow.width);
            shadow.loss_db * (1.0 - smooth_step(0.7, 1.3, away))
        })
        .sum();
    amplitude_from_db(-loss_db)
}

//! The artery over time.

use crate::noise::{Random, hash64};
use crate::scenes::cycles::{Cycle, Cycles};

use super::VesselScene;

/// Share of a beat in which the artery widens.
const RISE: f64 = 0.16;

/// Lumen and wall at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bore {
    /// Lumen diameter in mm.
    pub(super) diameter_mm: f64,
    /// Intima-media thickness in mm.
    pub(super) wall_mm: f64,
}

pub(super) struct Pulse {
    cycles: Cycles,
    diastolic_mm: f64,
    systolic_mm: f64,
    wall_mm: f64,
    noise_mm: f64,
    seed: u64,
}

impl Pulse {
    pub(super) fn new(scene: &VesselScene) -> Self {
        let period_s = 60.0 / scene.heart_rate_bpm;
        let first_s = -scene.start_phase * period_s;
        Self {
            cycles: Cycles::new(period_s, scene.beat_length_cv, first_s, scene.seed, |_| 1.0),
            diastolic_mm: scene.diastolic_mm,
            systolic_mm: scene.systolic_mm,
            wall_mm: scene.intima_media_mm,
            noise_mm: scene.diameter_noise_mm,
            seed: hash64(scene.seed, 0x7075_6c73),
        }
    }

    pub(super) fn cycles(&self) -> &Cycles {
        &self.cycles
    }

    /// When a beat's diameter is largest.
    pub(super) fn peak_s(cycle: &Cycle) -> f64 {
        cycle.start_s + RISE * cycle.length_s
    }

    /// Lumen diameter at a time, without noise, and the beat.
    pub(super) fn diameter_mm(&self, time_s: f64) -> (f64, Cycle) {
        let cycle = self.cycles.at(time_s);
        let phase = (time_s - cycle.start_s) / cycle.length_s;
        (self.diastolic_mm + (self.systolic_mm - self.diastolic_mm) * distension(phase), cycle)
    }

    /// What a frame draws: the true diameter plus the frame's noise, and the wall that belongs to it.
    pub(super) fn drawn(&self, frame_index: u64, diameter_mm: f64) -> Bore {
        let noise = if self.noise_mm > 0.0 {
            self.noise_mm * Random::new(hash64(self.seed, frame_index), 0).normal().clamp(-4.0, 4.0)
        } else {
            0.0
        };
        self.bore(diameter_mm + noise)
    }

    /// The wall keeps its volume: `(D/2 + t)² − (D/2)²` is that of diastole.
    pub(super) fn bore(&self, diameter_mm: f64) -> Bore {
        let ring = self.wall_mm * (self.diastolic_mm + self.wall_mm);
        let radius = 0.5 * diameter_mm;
        Bore { diameter_mm, wall_mm: (radius * radius + ring).sqrt() - radius }
    }

    /// The bore at which the picture's echo field is made.
    pub(super) fn rest(&self) -> Bore {
        self.bore(0.5 * (self.diastolic_mm + self.systolic_mm))
    }
}

/// Distension over a beat, 0 at its start and end, 1 at its peak: a quick rise, a slow fall with the dicrotic wave.
fn distension(phase: f64) -> f64 {
    use std::f64::consts::{FRAC_PI_2, PI};
    if phase < RISE {
        let rise = libm::sin(FRAC_PI_2 * phase / RISE);
        return rise * rise;
    }
    let fall = (phase - RISE) / (1.0 - RISE);
    let wave = (fall - 0.42) / 0.07;
    let ends = libm::sin(PI * fall);
    0.5 * (1.0 + libm::cos(PI * fall)) + 0.09 * libm::exp(-wave * wave) * ends * ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distension_is_largest_at_the_peak_and_smooth() {
        let values: Vec<f64> = (0..=10_000).map(|k| distension(f64::from(k) / 10_000.0)).collect();
        assert!(values.iter().all(|v| (0.0..=1.0).contains(v)));
        assert!(values[0].abs() < 1e-12 && values[10_000].abs() < 1e-12);
        assert_eq!(values[1600], 1.0);
        assert!(values.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 2e-3));
    }
}

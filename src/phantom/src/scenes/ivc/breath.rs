//! The vein over time and along its length.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, TAU};

use crate::noise::{Random, hash64, smooth_step};
use crate::scenes::cycles::{Cycle, Cycles};

use super::IvcScene;

/// Share of a breath spent breathing in, and share after which breathing out has ended.
const IN: f64 = 0.4;
const OUT: f64 = 0.82;
/// A sniff's rise and whole length, in seconds.
const SNIFF_RISE_S: f64 = 0.2;
const SNIFF_S: f64 = 0.7;
/// Wavelength of the width along the vein, where it is midway and widens most, and length of its closed end, in mm.
const WAVE_MM: f64 = 90.0;
const MIDWAY_MM: f64 = 20.0;
const CAP_MM: f64 = 16.0;
/// A vein never closes altogether in the picture.
const NARROWEST_MM: f64 = 0.3;

/// The width along the vein, relative to that at the measuring site.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile {
    taper: f64,
    site_mm: f64,
    pub(super) length_mm: f64,
}

impl Profile {
    pub(super) fn new(scene: &IvcScene) -> Self {
        Self { taper: scene.taper, site_mm: scene.site_mm, length_mm: scene.length_mm }
    }

    fn wave(&self, along_mm: f64) -> f64 {
        1.0 + self.taper * libm::sin(TAU * (along_mm - MIDWAY_MM) / WAVE_MM)
    }

    /// Relative width at a distance from the junction in the tissue; 0 beyond the closed end and before the junction.
    pub(super) fn at(&self, along_mm: f64) -> f64 {
        let open = self.length_mm - CAP_MM;
        let site = self.wave(self.site_mm);
        if !(0.0..=self.length_mm).contains(&along_mm) {
            0.0
        } else if along_mm <= open {
            self.wave(along_mm) / site
        } else {
            let into = (along_mm - open) / CAP_MM;
            self.wave(open) / site * (1.0 - into * into).max(0.0).sqrt()
        }
    }

    /// `∫ at dσ` over the length: the wave's integral up to the closed end, and a quarter ellipse.
    pub(super) fn integral_mm(&self) -> f64 {
        let open = self.length_mm - CAP_MM;
        let swing = |along_mm: f64| libm::cos(TAU * (along_mm - MIDWAY_MM) / WAVE_MM);
        let wave = open + self.taper * WAVE_MM / TAU * (swing(0.0) - swing(open));
        (wave + self.wave(open) * CAP_MM * FRAC_PI_4) / self.wave(self.site_mm)
    }
}

/// The vein at one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vein {
    /// Diameter at the measuring site in mm.
    pub(super) diameter_mm: f64,
    /// How far the tissue has slid along the axis, in mm.
    pub(super) slide_mm: f64,
}

pub(super) struct Breathing {
    cycles: Cycles,
    max_mm: f64,
    min_mm: f64,
    slide_mm: f64,
    sniffs_s: Vec<f64>,
    sniff_min_mm: f64,
    noise_mm: f64,
    seed: u64,
}

impl Breathing {
    pub(super) fn new(scene: &IvcScene) -> Self {
        let period_s = 60.0 / scene.breath_rate_bpm;
        let first_s = -scene.start_phase * period_s;
        Self {
            cycles: Cycles::new(period_s, scene.breath_length_cv, first_s, scene.seed, |_| 1.0),
            max_mm: scene.max_mm,
            min_mm: scene.min_mm,
            slide_mm: scene.slide_mm,
            sniffs_s: scene.sniffs_s.clone(),
            sniff_min_mm: scene.sniff_min_mm,
            noise_mm: scene.diameter_noise_mm,
            seed: hash64(scene.seed, 0x6272_6561),
        }
    }

    pub(super) fn cycles(&self) -> &Cycles {
        &self.cycles
    }

    /// End of breathing in: the vein is narrowest.
    pub(super) fn narrowest_s(cycle: &Cycle) -> f64 {
        cycle.start_s + IN * cycle.length_s
    }

    /// The vein at a time, without noise, and the breath.
    pub(super) fn vein(&self, time_s: f64) -> (Vein, Cycle) {
        let cycle = self.cycles.at(time_s);
        let phase = (time_s - cycle.start_s) / cycle.length_s;
        let breath = if phase < IN {
            let rise = libm::sin(FRAC_PI_2 * phase / IN);
            rise * rise
        } else {
            1.0 - smooth_step(IN, OUT, phase)
        };
        let sniff = self.sniffs_s.iter().map(|start_s| sniff(time_s - start_s)).fold(0.0, f64::max);
        let by_breath = self.max_mm - (self.max_mm - self.min_mm) * breath;
        let by_sniff = self.max_mm - (self.max_mm - self.sniff_min_mm) * sniff;
        let slide_mm = self.slide_mm * breath.max(sniff);
        (Vein { diameter_mm: by_breath.min(by_sniff), slide_mm }, cycle)
    }

    /// The vein that a frame draws: noise changes the diameter, not the place.
    pub(super) fn drawn(&self, frame_index: u64, vein: Vein) -> Vein {
        if self.noise_mm <= 0.0 {
            return vein;
        }
        let noise = Random::new(hash64(self.seed, frame_index), 0).normal().clamp(-4.0, 4.0);
        Vein { diameter_mm: (vein.diameter_mm + self.noise_mm * noise).max(NARROWEST_MM), ..vein }
    }

    /// The vein at which the picture's echo field is made: midway, so that it is stretched least.
    pub(super) fn rest(&self) -> Vein {
        Vein { diameter_mm: 0.5 * (self.max_mm + self.min_mm), slide_mm: 0.5 * self.slide_mm }
    }
}

/// A sniff's effect, 0 to 1, at a time after its start.
fn sniff(after_s: f64) -> f64 {
    smooth_step(0.0, SNIFF_RISE_S, after_s) * (1.0 - smooth_step(SNIFF_RISE_S, SNIFF_S, after_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integral_of_the_profile_agrees_with_summation() {
        for taper in [0.0, 0.15, 0.35] {
            let profile = Profile::new(&IvcScene { taper, ..IvcScene::default() });
            let steps = 400_000;
            let width = profile.length_mm / f64::from(steps);
            let sum: f64 = (0..steps).map(|k| profile.at((f64::from(k) + 0.5) * width)).sum::<f64>() * width;
            assert!((sum / profile.integral_mm() - 1.0).abs() < 1e-7, "{sum}");
            assert_eq!(profile.at(20.0), 1.0);
        }
    }

    #[test]
    fn breaths_reach_both_ends_and_sniffs_go_further() {
        let breathing = Breathing::new(&IvcScene { sniffs_s: vec![10.0], ..IvcScene::default() });
        let at = |time_s| breathing.vein(time_s).0.diameter_mm;
        let cycle = breathing.cycles().cycle(1);
        assert!((at(cycle.start_s) - 19.0).abs() < 1e-9);
        assert!((at(Breathing::narrowest_s(&cycle)) - 11.0).abs() < 1e-9);
        assert!((at(10.0 + SNIFF_RISE_S) - 5.0).abs() < 1e-9);
    }
}

//! Probe motion: where the head is at a time.

use serde::{Deserialize, Serialize};

use crate::noise::hash_unit;

/// How the section moves under the probe. The defaults sway gently; [`ProbeMotion::still`] does not move.
///
/// Each degree of freedom is a sum of two sines of incommensurable periods that vanish at time 0, so that frame 0 shows
/// the scene as its options place it, motion is smooth, and its size never exceeds the amplitude.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbeMotion {
    /// Largest shift along x and along y, in mm (0 to 50).
    pub translation_mm: f64,
    /// Largest turn about the head's centre, in degrees (0 to 45).
    pub rotation_deg: f64,
    /// Largest relative change of the section's size (0 to 0.2): the probe tilts out of the plane and shows a section
    /// slightly larger or smaller. Sizes in the truth follow; the pixel pitch does not.
    pub breathing: f64,
    /// Period of the slow component, in seconds (0.1 to 600).
    pub period_s: f64,
}

impl Default for ProbeMotion {
    fn default() -> Self {
        Self { translation_mm: 3.0, rotation_deg: 2.0, breathing: 0.006, period_s: 5.0 }
    }
}

impl ProbeMotion {
    /// No motion at all.
    #[must_use]
    pub fn still() -> Self {
        Self { translation_mm: 0.0, rotation_deg: 0.0, breathing: 0.0, ..Self::default() }
    }

    /// Displacement at `time_s`; a pure function of its arguments.
    pub(crate) fn pose(&self, seed: u64, time_s: f64) -> Pose {
        let wave = |channel: u64| {
            // Periods within ±20 % and a random sign make the channels differ from each other and from seed to seed.
            let stretch = 0.8 + 0.4 * hash_unit(seed, 4 * channel);
            let sign = if hash_unit(seed, 4 * channel + 1) < 0.5 { -1.0 } else { 1.0 };
            let phase = std::f64::consts::TAU * time_s / (self.period_s * stretch);
            sign * (0.75 * libm::sin(phase) + 0.25 * libm::sin(phase * std::f64::consts::E))
        };
        Pose {
            shift_mm: [
                self.translation_mm * wave(1),
                // Across the beam the probe slides; along it, it only presses.
                0.4 * self.translation_mm * wave(2),
            ],
            rotation_deg: self.rotation_deg * wave(3),
            scale: 1.0 + self.breathing * wave(4),
        }
    }
}

/// The section's displacement from its place at time 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pose {
    pub(crate) shift_mm: [f64; 2],
    pub(crate) rotation_deg: f64,
    pub(crate) scale: f64,
}

//! What a ventricle's size, be it a volume or an area, does over its beats.

use crate::noise::{Random, hash64, smooth_step};

use super::cycles::{Cycle, Cycles, is_nearest};
use super::timing::FrameClock;

/// The rhythm of a heart.
pub(crate) struct Rhythm<'a> {
    pub(crate) rate_bpm: f64,
    /// Coefficient of variation of the beat length.
    pub(crate) length_cv: f64,
    /// Where in its cycle the heart stands at time 0.
    pub(crate) start_phase: f64,
    /// Beats that come early and eject little.
    pub(crate) ectopic: &'a [u64],
    pub(crate) seed: u64,
}

/// Beats and the size of the ventricle in them.
pub(crate) struct Heartbeat {
    cycles: Cycles,
    ectopic: Vec<u64>,
    end_diastolic: f64,
    /// Share that a regular beat ejects.
    ejection: f64,
    noise_cv: f64,
    seed: u64,
}

/// Whether a frame is the nearest to an event of its beat or of a neighbouring one.
pub(crate) struct Nearness {
    pub(crate) is_end_diastole: bool,
    pub(crate) is_end_systole: bool,
}

impl Heartbeat {
    /// A ventricle of size `end_diastolic` that ejects the share `ejection` of it; a frame draws its size with noise of
    /// `noise_cv`.
    pub(crate) fn new(rhythm: &Rhythm<'_>, end_diastolic: f64, ejection: f64, noise_cv: f64) -> Self {
        let period_s = 60.0 / rhythm.rate_bpm;
        let ectopic = rhythm.ectopic;
        let factor = |index: u64| {
            // An early beat cuts the one before it short; the pause after it makes up for that.
            if ectopic.contains(&index) {
                1.4
            } else if ectopic.contains(&(index + 1)) {
                0.6
            } else {
                1.0
            }
        };
        let first_s = -rhythm.start_phase * period_s;
        Self {
            cycles: Cycles::new(period_s, rhythm.length_cv, first_s, rhythm.seed, factor),
            ectopic: ectopic.to_vec(),
            end_diastolic,
            ejection,
            noise_cv,
            seed: hash64(rhythm.seed, 0x6865_6172),
        }
    }

    pub(crate) fn cycles(&self) -> &Cycles {
        &self.cycles
    }

    pub(crate) fn is_ectopic(&self, beat: u64) -> bool {
        self.ectopic.contains(&beat)
    }

    /// End-diastolic and end-systolic size of a beat.
    pub(crate) fn extremes(&self, beat: u64) -> (f64, f64) {
        let (end_diastolic, ejection) = if self.is_ectopic(beat) {
            (0.82 * self.end_diastolic, 0.55 * self.ejection)
        } else {
            (self.end_diastolic, self.ejection)
        };
        (end_diastolic, end_diastolic * (1.0 - ejection))
    }

    /// When a beat's end-systole is: systole lasts 0.36 s times the root of the beat's length in seconds, as Weissler's
    /// regression of ejection time on heart rate has it within 20 ms from 50 to 120 beats a minute (Weissler, Harris,
    /// Schoenfeld, Circulation 37, 1968), and at most 55 % of the beat.
    pub(crate) fn end_systole_s(cycle: &Cycle) -> f64 {
        cycle.start_s + (0.36 * cycle.length_s.sqrt()).min(0.55 * cycle.length_s)
    }

    /// Size at a time, without noise, and the beat.
    pub(crate) fn size(&self, time_s: f64) -> (f64, Cycle) {
        let cycle = self.cycles.at(time_s);
        let (largest, least) = self.extremes(cycle.index);
        let end_systole = Self::end_systole_s(&cycle);
        let size = if time_s < end_systole {
            // Contraction without ejection at first.
            let systole = (time_s - cycle.start_s) / (end_systole - cycle.start_s);
            largest + (least - largest) * smooth_step(0.08, 1.0, systole)
        } else {
            let (next, _) = self.extremes(cycle.index + 1);
            let diastole = (time_s - end_systole) / (cycle.start_s + cycle.length_s - end_systole);
            // Relaxation without filling, early filling, rest, the atrium's kick.
            let filled = 0.66 * smooth_step(0.06, 0.46, diastole) + 0.34 * smooth_step(0.76, 1.0, diastole);
            least + (next - least) * filled
        };
        (size, cycle)
    }

    /// Size that a frame draws: the true one times the frame's noise.
    pub(crate) fn drawn(&self, frame_index: u64, size: f64) -> f64 {
        if self.noise_cv <= 0.0 {
            return size;
        }
        let draw = Random::new(hash64(self.seed, frame_index), 0).normal().clamp(-4.0, 4.0);
        size * (1.0 + self.noise_cv * draw)
    }

    /// The size at which the picture's echo field is made: midway, so that it is stretched least.
    pub(crate) fn rest(&self) -> f64 {
        self.end_diastolic * (1.0 - 0.5 * self.ejection)
    }

    /// Of which extremes a frame in the beat `beat` is the nearest.
    pub(crate) fn nearness(&self, clock: &FrameClock, frame_index: u64, time_s: f64, beat: u64) -> Nearness {
        let before_s = frame_index.checked_sub(1).map(|index| clock.time_s(index));
        let after_s = clock.time_s(frame_index.saturating_add(1));
        let nearest = |event_s: f64| event_s >= 0.0 && is_nearest(event_s, before_s, time_s, after_s);
        // The frame may be the nearest to an event of a neighbouring beat.
        let near = beat.saturating_sub(1)..=beat.saturating_add(1);
        let mut cycles = near.map(|beat| self.cycles.cycle(beat));
        let mut nearness = Nearness { is_end_diastole: false, is_end_systole: false };
        cycles.by_ref().for_each(|cycle| {
            nearness.is_end_diastole |= nearest(cycle.start_s);
            nearness.is_end_systole |= nearest(Self::end_systole_s(&cycle));
        });
        nearness
    }
}

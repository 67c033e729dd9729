//! When frames are shown: nominal rate, slow drift, jitter and frames that never arrive.

use serde::{Deserialize, Serialize};

use crate::error::PhantomError;
use crate::noise::{hash_unit, hash64};
use crate::validate::{check, check_count};

/// Most numbers in [`FrameTiming::dropped_frames`].
const MAX_DROPPED: usize = 4096;
/// Frames of one block, in which a fixed number is dropped.
const BLOCK: u64 = 64;
/// Period of the slow drift of the frame rate, in seconds.
const SWING_PERIOD_S: f64 = 3.0;

/// How frame times differ from a steady rate. By default they do not.
///
/// Every frame shows its scene exactly at its presentation time, whatever that is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrameTiming {
    /// Slow change of the frame interval, as a share of the nominal one, over 3 s (0 to 0.8).
    pub rate_swing: f64,
    /// Latest that a frame comes after its time, as a share of the nominal interval, drawn per frame (0 to 0.8).
    /// Together with `rate_swing` at most 0.9, so that time always goes forward.
    pub jitter: f64,
    /// Share of frames that never arrive, drawn at random (0 to 0.75).
    pub dropped_share: f64,
    /// Further frames that never arrive, by their number at the nominal rate (at most 4096).
    pub dropped_frames: Vec<u64>,
}

impl FrameTiming {
    pub(crate) fn validate(&self) -> Result<(), PhantomError> {
        check("timing.rate_swing", self.rate_swing, 0.0, 0.8, "1")?;
        check("timing.jitter", self.jitter, 0.0, 0.8, "1")?;
        check("timing.rate_swing + timing.jitter", self.rate_swing + self.jitter, 0.0, 0.9, "1")?;
        check("timing.dropped_share", self.dropped_share, 0.0, 0.75, "1")?;
        check_count("timing.dropped_frames", self.dropped_frames.len(), MAX_DROPPED)
    }
}

/// Turns a frame's number into its time; a pure function of the options.
#[derive(Debug, Clone)]
pub(crate) struct FrameClock {
    rate_hz: f64,
    rate_swing: f64,
    jitter: f64,
    dropped_per_block: u64,
    /// Sorted numbers of frames that are dropped by name and not already by chance.
    dropped_frames: Vec<u64>,
    seed: u64,
}

impl FrameClock {
    /// Expects validated options.
    pub(crate) fn new(rate_hz: f64, timing: &FrameTiming, seed: u64) -> Self {
        let mut clock = Self {
            rate_hz,
            rate_swing: timing.rate_swing,
            jitter: timing.jitter,
            dropped_per_block: (timing.dropped_share * BLOCK as f64).round() as u64,
            dropped_frames: Vec::new(),
            seed: hash64(seed, 0x7469_6d65),
        };
        let mut named = timing.dropped_frames.clone();
        named.sort_unstable();
        named.dedup();
        named.retain(|&frame| !clock.is_dropped_by_chance(frame));
        clock.dropped_frames = named;
        clock
    }

    /// Nominal frames per second.
    pub(crate) fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    /// Presentation time of the frame that arrives as number `frame_index`, in nanoseconds.
    pub(crate) fn pts_ns(&self, frame_index: u64) -> u64 {
        let nominal = self.nominal(frame_index);
        let steady_s = nominal as f64 / self.rate_hz;
        let turn = std::f64::consts::TAU * steady_s / SWING_PERIOD_S;
        let swing_s = self.rate_swing * SWING_PERIOD_S / std::f64::consts::TAU * libm::sin(turn);
        let late_s = self.jitter * hash_unit(self.seed, nominal) / self.rate_hz;
        (1e9 * (steady_s + swing_s + late_s)).round() as u64
    }

    /// The same in seconds.
    pub(crate) fn time_s(&self, frame_index: u64) -> f64 {
        self.pts_ns(frame_index) as f64 / 1e9
    }

    /// Number, at the nominal rate, of the frame that arrives as number `frame_index`.
    pub(crate) fn nominal(&self, frame_index: u64) -> u64 {
        if self.dropped_per_block == 0 && self.dropped_frames.is_empty() {
            return frame_index;
        }
        // The least number that has `frame_index` kept frames before it; full blocks are skipped at once.
        let mut nominal = (frame_index / (BLOCK - self.dropped_per_block)).saturating_mul(BLOCK);
        loop {
            let next = frame_index.saturating_add(self.dropped_before(nominal.saturating_add(1)));
            if next <= nominal {
                return nominal;
            }
            nominal = next;
        }
    }

    fn is_dropped_by_chance(&self, nominal: u64) -> bool {
        // Rank of the frame's draw within its block.
        let draw = |frame: u64| (hash64(self.seed ^ 0x6472_6f70, frame), frame);
        let first = nominal - nominal % BLOCK;
        let own = draw(nominal);
        let before = (first..first.saturating_add(BLOCK)).filter(|&frame| draw(frame) < own).count();
        (before as u64) < self.dropped_per_block
    }

    /// Dropped frames among those with a number below `nominal`.
    fn dropped_before(&self, nominal: u64) -> u64 {
        let first = nominal - nominal % BLOCK;
        let by_chance = if self.dropped_per_block == 0 {
            0
        } else {
            (nominal / BLOCK) * self.dropped_per_block
                + (first..nominal).filter(|&frame| self.is_dropped_by_chance(frame)).count() as u64
        };
        by_chance + self.dropped_frames.partition_point(|&frame| frame < nominal) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_by_default() {
        let clock = FrameClock::new(30.0, &FrameTiming::default(), 1);
        assert_eq!(clock.pts_ns(0), 0);
        assert_eq!(clock.pts_ns(1), 33_333_333);
        assert_eq!(clock.pts_ns(30), 1_000_000_000);
    }

    #[test]
    fn named_and_drawn_frames_are_missing_and_no_others() {
        let timing =
            FrameTiming { dropped_share: 0.25, dropped_frames: vec![70, 3, 70, 4], ..FrameTiming::default() };
        let clock = FrameClock::new(50.0, &timing, 7);
        let shown: Vec<u64> = (0..480).map(|index| clock.nominal(index)).collect();
        assert!(shown.windows(2).all(|pair| pair[1] > pair[0]));
        for frame in 0..*shown.last().unwrap() {
            let dropped = timing.dropped_frames.contains(&frame) || clock.is_dropped_by_chance(frame);
            assert_eq!(shown.contains(&frame), !dropped, "{frame}");
        }
        // 16 of each 64 are dropped by chance, and up to three by name.
        let dropped = (0..640).filter(|&frame| clock.is_dropped_by_chance(frame)).count();
        assert_eq!(dropped, 160);
    }

    #[test]
    fn time_goes_forward_whatever_the_options() {
        for (rate_swing, jitter) in [(0.8, 0.1), (0.1, 0.8), (0.45, 0.45)] {
            let timing = FrameTiming { rate_swing, jitter, dropped_share: 0.3, ..FrameTiming::default() };
            timing.validate().unwrap();
            let clock = FrameClock::new(50.0, &timing, 3);
            let times: Vec<u64> = (0..2000).map(|index| clock.pts_ns(index)).collect();
            assert!(times.windows(2).all(|pair| pair[1] > pair[0]));
            let intervals: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(intervals.iter().max().unwrap() > &(2 * intervals.iter().min().unwrap()));
        }
    }
}

//! Heart beats and breaths: cycles of uneven length.

use crate::noise::{Random, hash64};

use super::median;

/// Longest stretch of time with uneven cycles, in seconds; later ones are regular.
const UNEVEN_S: f64 = 3600.0;

/// One cycle and a time in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cycle {
    /// Number of the cycle; the first, which a clip starts in the middle of, is 0.
    pub(crate) index: u64,
    /// Start in seconds; that of cycle 0 lies before time 0.
    pub(crate) start_s: f64,
    pub(crate) length_s: f64,
}

/// A sequence of cycles without gaps that covers every time from 0.
#[derive(Debug, Clone)]
pub(crate) struct Cycles {
    period_s: f64,
    /// Starts of the uneven cycles and the end of the last.
    starts_s: Vec<f64>,
}

impl Cycles {
    /// Cycles of `period_s` whose lengths vary with the coefficient of variation `cv`, times `factor(index)`; the first
    /// starts at `first_start_s`, which must not be positive.
    pub(crate) fn new(
        period_s: f64,
        cv: f64,
        first_start_s: f64,
        seed: u64,
        factor: impl Fn(u64) -> f64,
    ) -> Self {
        let mut random = Random::new(hash64(seed, 0x6379_636c), 0);
        let mut starts_s = vec![first_start_s];
        let mut start = first_start_s;
        let mut index = 0;
        while start < UNEVEN_S {
            let vary = if cv > 0.0 { 1.0 + cv * random.normal() } else { 1.0 };
            // No cycle is so short or so long that it would no longer be one.
            start += period_s * vary.clamp(0.45, 1.8) * factor(index);
            starts_s.push(start);
            index += 1;
        }
        Self { period_s, starts_s }
    }

    /// The cycle that a time (from 0) lies in.
    pub(crate) fn at(&self, time_s: f64) -> Cycle {
        let after = self.starts_s.partition_point(|&start| start <= time_s).max(1) as u64;
        let last = self.starts_s.len() as u64 - 1;
        if after <= last {
            return self.cycle(after - 1);
        }
        let end = self.starts_s.last().copied().unwrap_or(0.0);
        self.cycle(last + ((time_s - end) / self.period_s).max(0.0) as u64)
    }

    pub(crate) fn cycle(&self, index: u64) -> Cycle {
        let start_s = self.start_s(index);
        Cycle { index, start_s, length_s: self.start_s(index.saturating_add(1)) - start_s }
    }

    fn start_s(&self, index: u64) -> f64 {
        let last = self.starts_s.len() as u64 - 1;
        match self.starts_s.get(index.min(last) as usize) {
            Some(start) if index <= last => *start,
            _ => {
                self.starts_s.last().copied().unwrap_or(0.0)
                    + (index - last.min(index)) as f64 * self.period_s
            }
        }
    }

    /// The cycles of which at least a part lies within `[0, end_s]`.
    pub(crate) fn until(&self, end_s: f64) -> impl Iterator<Item = Cycle> + '_ {
        (0..=self.at(end_s.max(0.0)).index).map(|index| self.cycle(index))
    }
}

/// Whether the frame at `time_s` is nearer to `event_s` than its neighbours; of two as near the earlier one is.
pub(crate) fn is_nearest(event_s: f64, before_s: Option<f64>, time_s: f64, after_s: f64) -> bool {
    let away = (time_s - event_s).abs();
    before_s.is_none_or(|before| away < (before - event_s).abs()) && away <= (after_s - event_s).abs()
}

/// 60 over the median length in seconds of the cycles that lie within `[0, last_s]`; absent without one.
pub(crate) fn rate_per_minute(cycles: &[Cycle], last_s: f64) -> Option<f64> {
    let mut lengths: Vec<f64> = cycles
        .iter()
        .filter(|cycle| cycle.start_s >= 0.0 && cycle.start_s + cycle.length_s <= last_s)
        .map(|cycle| cycle.length_s)
        .collect();
    median(&mut lengths).map(|length_s| 60.0 / length_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_cover_all_time_without_gaps() {
        let cycles = Cycles::new(0.8, 0.2, -0.3, 5, |index| if index == 4 { 1.4 } else { 1.0 });
        let mut time = 0.0;
        while time < 3700.0 {
            let cycle = cycles.at(time);
            assert!(cycle.start_s <= time && time < cycle.start_s + cycle.length_s, "{time}: {cycle:?}");
            assert_eq!(cycles.cycle(cycle.index), cycle);
            time += 0.37;
        }
        assert_eq!(cycles.until(10.0).count() as u64, cycles.at(10.0).index + 1);
    }

    #[test]
    fn regular_cycles_have_one_length() {
        let cycles = Cycles::new(1.0, 0.0, -0.25, 5, |_| 1.0);
        assert_eq!(cycles.cycle(3).start_s, 2.75);
        assert_eq!(cycles.at(4000.5).length_s, 1.0);
    }
}

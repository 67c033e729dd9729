//! Values over time: what can be said of a stream of samples that carry their presentation times.
//!
//! Times are nanoseconds of presentation and never an index times a nominal rate, so dropped frames and a
//! variable rate change nothing. Samples that are not valid never enter a statistic; they are counted, and
//! [`Series::coverage`] says how many of the frames gave a value.
//!
//! * [`Series`]: the samples of the last seconds, bounded in time and in number;
//! * [`stats`]: quantiles, spread, slope; [`Running`](stats::Running) and [`Distribution`] for a whole recording;
//! * [`smooth`]: local quadratics (Savitzky–Golay for any times); [`crossing`]: levels crossed, with
//!   hysteresis;
//! * [`beats`]: heart beats and breaths of a curve; [`extremum`]: the highest and lowest value of each,
//!   without the bias that picking extremes of a noisy curve has.

pub mod beats;
pub mod crossing;
mod distribution;
pub mod extremum;
pub mod smooth;
pub mod stats;

use std::collections::VecDeque;

pub use self::distribution::{Distribution, EXACT_VALUES, MEDIAN_ERROR};
use self::stats::{Slope, Summary, median};

/// Nanoseconds of a second.
pub const NS_PER_S: f64 = 1e9;

/// A duration in nanoseconds; negative and not finite ones count as zero.
pub(crate) fn ns_from_s(seconds: f64) -> u64 {
    // The cast saturates and takes NaN for 0.
    (seconds * NS_PER_S).round() as u64
}

/// Seconds from `origin_ns` to `at_ns`.
pub(crate) fn seconds_since(origin_ns: u64, at_ns: u64) -> f64 {
    at_ns.saturating_sub(origin_ns) as f64 / NS_PER_S
}

/// One valid value with its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Presentation time, nanoseconds.
    pub at_ns: u64,
    /// The value; finite.
    pub value: f64,
    /// Whether it stands without reservation, such as an outline that the picture's edge cuts.
    pub is_clean: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at_ns: u64,
    value: Option<f64>,
    is_clean: bool,
}

/// The samples of the last seconds, the oldest first, bounded in time and in number.
#[derive(Clone, Debug)]
pub struct Series {
    window_ns: u64,
    capacity: usize,
    entries: VecDeque<Entry>,
}

impl Series {
    /// A series without samples that keeps those of the last `window_ns`, and `capacity` of them at most.
    pub fn new(window_ns: u64, capacity: usize) -> Self {
        Self { window_ns, capacity: capacity.max(1), entries: VecDeque::new() }
    }

    /// Takes what a frame gave: a value, or `None` where there is none, which counts for the coverage alone.
    ///
    /// A value that is not finite is none. A time not after the last one is not a new frame and is left out.
    pub fn push(&mut self, at_ns: u64, value: Option<f64>, is_clean: bool) {
        if self.entries.back().is_some_and(|last| at_ns <= last.at_ns) {
            return;
        }
        while self.entries.len() >= self.capacity
            || self.entries.front().is_some_and(|first| at_ns - first.at_ns > self.window_ns)
        {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { at_ns, value: value.filter(|v| v.is_finite()), is_clean });
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The valid samples, the oldest first.
    pub fn samples(&self) -> impl DoubleEndedIterator<Item = Sample> + '_ {
        self.entries
            .iter()
            .filter_map(|e| Some(Sample { at_ns: e.at_ns, value: e.value?, is_clean: e.is_clean }))
    }

    /// The newest valid sample.
    pub fn last(&self) -> Option<Sample> {
        self.samples().next_back()
    }

    /// How many frames were seen, with or without a value.
    pub fn seen(&self) -> usize {
        self.entries.len()
    }

    /// Frames with a value of all frames seen, 0 to 1; `None` before the first frame.
    pub fn coverage(&self) -> Option<f64> {
        (!self.entries.is_empty()).then(|| self.samples().count() as f64 / self.entries.len() as f64)
    }

    /// Time from the newest valid sample to `now_ns`, nanoseconds; `None` where no sample is kept.
    pub fn since_last_valid_ns(&self, now_ns: u64) -> Option<u64> {
        self.last().map(|s| now_ns.saturating_sub(s.at_ns))
    }

    /// Least, greatest, mean, median and spread of what is kept; `None` without valid samples.
    pub fn summary(&self) -> Option<Summary> {
        let mut values: Vec<f64> = self.samples().map(|s| s.value).collect();
        Summary::of(&mut values)
    }

    /// Rate of change over the last `window_ns` before the newest frame, by least squares; see [`Slope::of`].
    pub fn slope(&self, window_ns: u64) -> Option<Slope> {
        let newest = self.entries.back()?.at_ns;
        let points: Vec<(f64, f64)> = self
            .samples()
            .filter(|s| newest - s.at_ns <= window_ns)
            .map(|s| (-seconds_since(s.at_ns, newest), s.value))
            .collect();
        Slope::of(&points)
    }

    /// Change in per cent of the value at `reference_ns` until now, each taken as the median of the samples
    /// within `half_window_ns` of it. `None` where either has no samples or the reference is zero.
    pub fn percent_change(&self, reference_ns: u64, half_window_ns: u64) -> Option<f64> {
        let newest = self.entries.back()?.at_ns;
        let around = |at_ns: u64| {
            let mut near: Vec<f64> = self
                .samples()
                .filter(|s| s.at_ns.abs_diff(at_ns) <= half_window_ns)
                .map(|s| s.value)
                .collect();
            median(&mut near)
        };
        let (before, now) = (around(reference_ns)?, around(newest)?);
        Some(100.0 * (now - before) / before.abs()).filter(|v| v.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn what_is_not_valid_counts_and_does_not_enter() {
        let mut series = Series::new(1000 * MS, 100);
        assert_eq!((series.coverage(), series.summary().is_none()), (None, true));
        series.push(0, Some(2.0), true);
        series.push(40 * MS, None, true);
        series.push(80 * MS, Some(f64::NAN), true);
        series.push(120 * MS, Some(4.0), false);
        // The same frame again, and one from before, are no samples.
        series.push(120 * MS, Some(9.0), true);
        series.push(100 * MS, Some(9.0), true);
        assert_eq!((series.coverage(), series.seen()), (Some(0.5), 4));
        let summary = series.summary().unwrap();
        assert_eq!((summary.count, summary.min, summary.max, summary.mean), (2, 2.0, 4.0, 3.0));
        series.push(160 * MS, None, true);
        assert_eq!(series.since_last_valid_ns(200 * MS), Some(80 * MS));
    }

    #[test]
    fn a_slope_and_a_change_go_by_time_and_not_by_frames() {
        let mut series = Series::new(60_000 * MS, 10_000);
        // 2 a second from 10, at times that are anything but regular.
        for t_ms in [0_u64, 10, 500, 510, 520, 1900, 1910, 2000] {
            series.push(t_ms * MS, Some(10.0 + 2.0 * t_ms as f64 / 1000.0), true);
        }
        let slope = series.slope(60_000 * MS).unwrap();
        assert!((slope.per_s - 2.0).abs() < 1e-9 && slope.uncertainty.unwrap() < 1e-6, "{slope:?}");
        assert!((series.percent_change(0, MS).unwrap() - 40.0).abs() < 1e-9);
        assert_eq!(series.percent_change(1000 * MS, MS), None, "there is no sample near");
        // Two frames are no trend.
        assert_eq!(series.slope(95 * MS), None);
    }

    proptest! {
        #[test]
        fn an_hour_is_no_longer_than_a_minute(steps in proptest::collection::vec(1_u64..400, 10..500),
                                              window_ms in 1_u64..3000, capacity in 1_usize..200) {
            let mut series = Series::new(window_ms * MS, capacity);
            let mut now = 0;
            for (i, step) in steps.iter().enumerate() {
                now += step * MS;
                series.push(now, (i % 3 != 0).then_some(i as f64), true);
                prop_assert!(series.seen() <= capacity);
                prop_assert!(series.samples().all(|s| now - s.at_ns <= window_ms * MS));
            }
        }
    }
}

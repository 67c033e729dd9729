//! What protocols of beats and breaths share: curves over time, their cycles, and the values that count them.

use super::sheet::{Sheet, Value};
use crate::result::Reason;
use crate::series::beats::{CycleRules, Cycles, Rejection};
use crate::series::extremum::{Extrema, OverCycles};
use crate::series::{Sample, Series, ns_from_s, seconds_since};
use crate::units::Unit;

/// Samples of a second at most: no video is faster, and memory stays bounded.
const GREATEST_RATE_HZ: f64 = 240.0;
/// Cycles are looked for again when this much time has passed; a beat lasts several times as long.
const ANALYSIS_STEP_S: f64 = 0.1;
/// After as long without a value, values in another unit may begin a new series.
const GREATEST_SILENCE_S: f64 = 1.0;
/// Above this fraction of the value an uncertainty is worth a reservation.
const GREATEST_RELATIVE_UNCERTAINTY: f64 = 0.2;

/// `N` curves of the same frames; cycles are found in the first.
pub(super) struct Curves<const N: usize> {
    rules: CycleRules,
    series: [Series; N],
    /// What lengths are in: a picture may have parts with a scale and parts without, and their samples do not
    /// mix.
    unit: Option<Unit>,
    analysed_ns: Option<u64>,
    cycles: Cycles,
    extrema: [Option<Extrema>; N],
}

/// How cycles and their rate are called.
pub(super) struct CycleNames {
    pub(super) rate: &'static str,
    pub(super) used: &'static str,
    pub(super) rejected: &'static str,
    pub(super) method: &'static str,
}

/// Heart beats.
pub(super) const BEATS: CycleNames = CycleNames {
    rate: "heart_rate",
    used: "beats_used",
    rejected: "beats_rejected",
    method: "median-interval",
};

/// Breaths.
pub(super) const BREATHS: CycleNames = CycleNames {
    rate: "breath_rate",
    used: "breaths_used",
    rejected: "breaths_rejected",
    method: "median-interval",
};

impl<const N: usize> Curves<N> {
    pub(super) fn new(rules: CycleRules, window_s: f64) -> Self {
        let capacity = (window_s * GREATEST_RATE_HZ).ceil() as usize;
        Self {
            rules,
            series: std::array::from_fn(|_| Series::new(ns_from_s(window_s), capacity)),
            unit: None,
            analysed_ns: None,
            cycles: Cycles::default(),
            extrema: [const { None }; N],
        }
    }

    pub(super) fn reset(&mut self) {
        self.series.iter_mut().for_each(Series::clear);
        (self.unit, self.analysed_ns) = (None, None);
        (self.cycles, self.extrema) = (Cycles::default(), [const { None }; N]);
    }

    /// Takes what a frame gave, with lengths in `unit`.
    pub(super) fn push(&mut self, at_ns: u64, values: [Option<f64>; N], unit: Unit, is_clean: bool) {
        let has_value = values.iter().any(Option::is_some);
        if has_value && self.unit != Some(unit) {
            let silence = self.series.first().and_then(|s| s.since_last_valid_ns(at_ns));
            if silence.is_none_or(|ns| ns > ns_from_s(GREATEST_SILENCE_S)) {
                self.reset();
                self.unit = Some(unit);
            }
        }
        let fits = self.unit == Some(unit);
        for (series, value) in self.series.iter_mut().zip(values) {
            series.push(at_ns, value.filter(|_| fits), is_clean);
        }
        if self.analysed_ns.is_none_or(|last| at_ns.saturating_sub(last) >= ns_from_s(ANALYSIS_STEP_S)) {
            self.analysed_ns = Some(at_ns);
            self.analyse();
        }
    }

    fn analyse(&mut self) {
        let Some(first) = self.series.first() else { return };
        let samples: Vec<Sample> = first.samples().collect();
        self.cycles = Cycles::of(&samples, &self.rules);
        for (extrema, series) in self.extrema.iter_mut().zip(&self.series) {
            *extrema = Extrema::of(&series.samples().collect::<Vec<_>>(), &self.cycles);
        }
    }

    /// What the curves' lengths are in; `None` before the first value.
    pub(super) fn unit(&self) -> Option<Unit> {
        self.unit
    }

    pub(super) fn cycles(&self) -> &Cycles {
        &self.cycles
    }

    pub(super) fn extrema(&self, curve: usize) -> Option<&Extrema> {
        self.extrema.get(curve)?.as_ref()
    }

    /// Why there are no values of cycles: what most of them were rejected for, or that there are none.
    pub(super) fn reason(&self) -> Reason {
        let rejected = |reason| self.cycles.rejected(reason);
        let (cut, sparse) = (rejected(Rejection::Doubtful), rejected(Rejection::TooFewSamples));
        let other = rejected(Rejection::Length);
        if self.cycles.used().next().is_some() || (cut == 0 && sparse == 0) || other > cut.max(sparse) {
            Reason::TooFewCycles
        } else if cut >= sparse {
            Reason::Truncated
        } else {
            Reason::TooFewSamples
        }
    }

    /// Rate, numbers of cycles and coverage.
    pub(super) fn write_counts(&self, sheet: &mut Sheet<'_>, structure: &str, names: &CycleNames) {
        let rate = self.cycles.per_minute().map(|rate| (rate, self.rate_uncertainty(rate)));
        let reason = rate.is_none().then(|| self.reason());
        let mut write = |name, unit, method, number, reason| {
            sheet.write_series(structure, Value { name, unit, method, number, reason }, None);
        };
        write(names.rate, Unit::PerMinute, names.method, rate, reason);
        let used = self.cycles.used().count();
        let rejected = self.cycles.cycles.len() - used;
        write(names.used, Unit::One, "count", Some((used as f64, None)), None);
        write(names.rejected, Unit::One, "count", Some((rejected as f64, None)), None);
        let coverage = self.series.first().and_then(Series::coverage).map(|c| (100.0 * c, None));
        write("coverage", Unit::Percent, "valid-frames", coverage, None);
    }

    /// From the spread of the cycles' lengths; none can be given for one cycle.
    fn rate_uncertainty(&self, rate: f64) -> Option<f64> {
        let lengths: Vec<f64> = self.cycles.used().map(|c| c.length_s).collect();
        let sd = crate::series::stats::standard_deviation(&lengths)?;
        Some(rate * rate / 60.0 * sd / (lengths.len() as f64).sqrt())
    }

    /// When the latest cycle that counts had its high and its low, seconds of presentation time: the frames
    /// to look at.
    pub(super) fn write_times(&self, sheet: &mut Sheet<'_>, structure: &str, names: [&'static str; 2]) {
        let last = self.cycles.used().next_back();
        let reason = last.is_none().then(|| self.reason());
        for (name, at_ns) in names.into_iter().zip([last.map(|c| c.high_ns), last.map(|c| c.low_ns)]) {
            let number = at_ns.map(|ns| (seconds_since(0, ns), None));
            let value = Value { name, unit: Unit::Second, method: "latest-used-cycle", number, reason };
            sheet.write_series(structure, value, None);
        }
    }

    /// A value over the cycles with its whole uncertainty.
    pub(super) fn write(
        &self,
        sheet: &mut Sheet<'_>,
        structure: &str,
        what: (&'static str, Unit, &'static str),
        number: Option<(f64, f64)>,
    ) {
        self.write_doubted(sheet, structure, what, number, None);
    }

    /// The same with a reservation about the curve itself.
    pub(super) fn write_doubted(
        &self,
        sheet: &mut Sheet<'_>,
        structure: &str,
        (name, unit, method): (&'static str, Unit, &'static str),
        number: Option<(f64, f64)>,
        doubt: Option<Reason>,
    ) {
        let uncertain = number.is_some_and(|(v, u)| u > GREATEST_RELATIVE_UNCERTAINTY * v.abs());
        let reason = match number {
            None => Some(self.reason()),
            Some(_) => doubt
                .or(sheet.uncalibrated().filter(|_| !unit.is_scale_free()))
                .or(uncertain.then_some(Reason::LowConfidence)),
        };
        let number = number.map(|(v, u)| (v, Some(u)));
        sheet.write_series(structure, Value { name, unit, method, number, reason }, None);
    }
}

/// A value over the cycles in another unit, its uncertainty joined with another part of it.
pub(super) fn joined(over: OverCycles, factor: f64, other: f64) -> (f64, f64) {
    (over.median * factor, (over.uncertainty * factor).hypot(other))
}

//! Heart beats and breaths of a curve of area, volume or diameter.
//!
//! The curve is smoothed ([`smooth`](super::smooth)). A cycle begins at a high: a local maximum that stands
//! out by a fifth of the curve's robust range and of the noise, and not sooner after another than the heart
//! can beat. Its low is the minimum before the next high. Without an ECG, end diastole is the frame with the
//! largest ventricle and end systole the one with the smallest (Leclerc et al. 2019,
//! doi:10.1109/TMI.2019.2900516; Lang et al. 2015, doi:10.1016/j.echo.2014.10.003).
//!
//! The time of a flat maximum is poorly known, that of the steep part beside it well: lengths of cycles are
//! taken from where the curve passes half of its swing.

use super::smooth::Smoothed;
use super::stats::{median, robust_range};
use super::{Sample, seconds_since};

/// A peak never has to stand out further than this fraction of the range, however noisy the curve.
const GREATEST_PROMINENCE: f64 = 0.6;
/// Below this fraction of its size a swing is rounding.
const LEAST_RANGE: f64 = 1e-9;
/// A high stands out by at least this fraction of what its neighbours do.
const LEAST_RELATIVE_PROMINENCE: f64 = 0.5;
/// Smoothing windows, each way, that the line through a steep part is fitted over.
const EDGE_REACH: f64 = 0.4;
/// A cycle with a gap above this fraction of it may have lost its high or low.
const GREATEST_GAP: f64 = 1.0 / 3.0;

/// Which steep part of a cycle marks its time: the steeper one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The fall after the high: ejection of a ventricle, inspiration of a vein.
    Fall,
    /// The rise before the high: the pulse of an artery.
    Rise,
}

/// What counts as a cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CycleRules {
    /// Window of the smoothing, seconds.
    pub smoothing_s: f64,
    /// Fraction of the robust range (P95 − P5) of the smoothed curve that a high stands out by.
    pub prominence: f64,
    /// Standard deviations of the smoothed curve's noise that a high stands out by.
    pub prominence_noise: f64,
    /// Shortest time between highs, as a fraction of the median cycle.
    pub refractory: f64,
    /// Shortest time between highs, seconds.
    pub refractory_s: f64,
    /// Shortest and longest cycle as a fraction of the median one; others are rejected (ectopic beats).
    pub length: (f64, f64),
    /// Shortest and longest cycle, seconds.
    pub length_s: (f64, f64),
    /// Fewest frames a cycle.
    pub frames: usize,
    /// Which steep part times it.
    pub edge: Edge,
    /// Reach of the fit at a high or low, each way, as a fraction of the cycle; see
    /// [`extremum`](super::extremum).
    pub fit: f64,
}

impl CycleRules {
    /// Heart beats in the area or volume of a ventricle, 30 to 220 a minute.
    pub const fn heart() -> Self {
        Self {
            smoothing_s: 0.2,
            prominence: 0.2,
            prominence_noise: 5.0,
            refractory: 0.33,
            refractory_s: 0.25,
            length: (0.7, 1.3),
            length_s: (60.0 / 220.0, 2.0),
            frames: 8,
            edge: Edge::Fall,
            fit: 0.18,
        }
    }

    /// Heart beats in the diameter of an artery: timed by the rise of the pulse, whose foot is sharper than
    /// any extreme of a ventricle.
    pub const fn artery() -> Self {
        Self { edge: Edge::Rise, fit: 0.1, ..Self::heart() }
    }

    /// Breaths in the diameter of a vein, between two rates a minute. Smoothed over half of the shortest breath,
    /// 0.8 seconds at the most.
    pub fn breath(least_per_minute: f64, most_per_minute: f64) -> Self {
        let shortest_s = 60.0 / most_per_minute;
        Self {
            smoothing_s: (shortest_s / 2.0).clamp(0.2, 0.8),
            refractory_s: shortest_s / 2.0,
            length_s: (shortest_s, 60.0 / least_per_minute),
            ..Self::heart()
        }
    }
}

/// Why a cycle does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// Much shorter or longer than the others, or than any cycle of its kind.
    Length,
    /// The outline was cut by the picture's edge, or doubtful for another reason, in one of its frames.
    Doubtful,
    /// Too few frames, or a long gap between two.
    TooFewSamples,
}

/// One cycle from a high to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cycle {
    /// Time of the high it starts with, nanoseconds: that of the smoothed curve's sample.
    pub high_ns: u64,
    /// Time of its low, nanoseconds.
    pub low_ns: u64,
    /// Time of the next high, nanoseconds.
    pub next_high_ns: u64,
    /// Length in seconds, from steep part to steep part.
    pub length_s: f64,
    /// Frames with a value in it.
    pub frames: usize,
    /// Why it does not count; `None` if it does.
    pub rejected: Option<Rejection>,
    /// Where highs and lows are looked for: times of the steep part that belongs to each, less the usual
    /// distance.
    pub(super) high_s: f64,
    pub(super) low_s: f64,
    /// `None` where the curve ends before that steep part.
    pub(super) next_high_s: Option<f64>,
}

/// The cycles of a curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cycles {
    /// All complete cycles, the oldest first.
    pub cycles: Vec<Cycle>,
    /// Time that seconds are counted from, nanoseconds.
    pub(super) origin_ns: u64,
    /// Reach of a fit, seconds.
    pub(super) reach_s: f64,
}

/// A curve as the detection works on it.
struct Curve {
    times: Vec<f64>,
    values: Vec<f64>,
    smooth: Vec<f64>,
    median_step_s: f64,
}

impl Cycles {
    /// Finds the cycles of a curve, whose samples are in the order of their times.
    pub fn of(samples: &[Sample], rules: &CycleRules) -> Self {
        let Some(first) = samples.first() else { return Self::default() };
        let times: Vec<f64> = samples.iter().map(|s| seconds_since(first.at_ns, s.at_ns)).collect();
        let values: Vec<f64> = samples.iter().map(|s| s.value).collect();
        let smoothed = Smoothed::of(&times, &values, rules.smoothing_s);
        let Some(threshold) = prominence_threshold(&smoothed, &values, rules) else { return Self::default() };
        let mut steps: Vec<f64> = times.iter().zip(times.iter().skip(1)).map(|(a, b)| b - a).collect();
        let median_step_s = median(&mut steps).unwrap_or(0.0);
        let curve = Curve { times, values, smooth: smoothed.values, median_step_s };
        let highs = curve.highs(threshold, rules);
        curve.cycles(&highs, samples, rules, first.at_ns)
    }

    /// Those that count.
    pub fn used(&self) -> impl DoubleEndedIterator<Item = &Cycle> + '_ {
        self.cycles.iter().filter(|c| c.rejected.is_none())
    }

    /// How many do not count, for a reason.
    pub fn rejected(&self, reason: Rejection) -> usize {
        self.cycles.iter().filter(|c| c.rejected == Some(reason)).count()
    }

    /// Cycles a minute: 60 over the median length of those that count.
    pub fn per_minute(&self) -> Option<f64> {
        self.median_length_s().map(|s| 60.0 / s)
    }

    /// Median length in seconds of those that count.
    pub fn median_length_s(&self) -> Option<f64> {
        median(&mut self.used().map(|c| c.length_s).collect::<Vec<_>>())
    }
}

/// How far a high stands out: a fraction of the robust range, and out of what noise the smoothing leaves.
/// `None` where the curve does not move, or only as noise does.
fn prominence_threshold(smoothed: &Smoothed, values: &[f64], rules: &CycleRules) -> Option<f64> {
    let mut sorted = smoothed.values.clone();
    let range = robust_range(&mut sorted)?;
    let size = sorted.first()?.abs().max(sorted.last()?.abs());
    let leverage = median(&mut smoothed.leverage.clone())?;
    let noise = rules.prominence_noise * smoothed.noise(values)? * leverage.sqrt();
    (range > LEAST_RANGE * size && noise <= range)
        .then(|| (rules.prominence * range).max(noise.min(GREATEST_PROMINENCE * range)))
}

/// How far a maximum stands above the higher of the valleys that part it from higher ground.
struct Prominence {
    /// With the ends of the curve taken for higher ground.
    formal: f64,
    /// From the sides alone where the curve shows the whole valley, or from the deeper side where it shows
    /// none.
    known: f64,
}

impl Curve {
    fn time(&self, i: usize) -> f64 {
        self.times.get(i).copied().unwrap_or(f64::NAN)
    }

    fn at(&self, i: usize) -> f64 {
        self.smooth.get(i).copied().unwrap_or(f64::NAN)
    }

    /// Indices of highs: prominent maxima, the higher first served within a refractory time.
    fn highs(&self, threshold: f64, rules: &CycleRules) -> Vec<usize> {
        let mut maxima: Vec<(usize, f64)> = (1..self.smooth.len().saturating_sub(1))
            .filter(|&i| self.at(i) > self.at(i - 1) && self.at(i) >= self.at(i + 1))
            .filter_map(|i| {
                let prominence = self.prominence(i);
                (prominence.formal >= threshold).then_some((i, prominence.known))
            })
            .collect();
        // A bump of noise in diastole may stand out by the threshold, but not like its neighbours.
        let usual = median(&mut maxima.iter().map(|m| m.1).collect::<Vec<_>>()).unwrap_or(0.0);
        maxima.retain(|m| m.1 >= LEAST_RELATIVE_PROMINENCE * usual);
        let mut maxima: Vec<usize> = maxima.into_iter().map(|m| m.0).collect();
        maxima.sort_by(|&a, &b| self.at(b).total_cmp(&self.at(a)).then(a.cmp(&b)));
        let apart = |refractory_s: f64| {
            let mut kept: Vec<usize> = Vec::new();
            for &i in &maxima {
                if kept.iter().all(|&k| (self.time(i) - self.time(k)).abs() >= refractory_s) {
                    kept.push(i);
                }
            }
            kept.sort_unstable();
            kept
        };
        let first = apart(rules.refractory_s);
        let mut lengths: Vec<f64> =
            first.iter().zip(first.iter().skip(1)).map(|(&a, &b)| self.time(b) - self.time(a)).collect();
        match median(&mut lengths) {
            Some(length) if rules.refractory * length > rules.refractory_s => {
                apart(rules.refractory * length)
            }
            _ => first,
        }
    }

    fn prominence(&self, peak: usize) -> Prominence {
        let height = self.at(peak);
        let valley = |side: &mut dyn Iterator<Item = &f64>| {
            let mut least = height;
            for &v in side {
                if v > height {
                    return (least, true);
                }
                least = least.min(v);
            }
            (least, false)
        };
        let (before, after) = self.smooth.split_at(peak);
        let sides = [valley(&mut before.iter().rev()), valley(&mut after.iter())];
        let [(left, _), (right, _)] = sides;
        let closed = sides.iter().filter(|s| s.1).map(|s| s.0).reduce(f64::max);
        Prominence { formal: height - left.max(right), known: height - closed.unwrap_or(left.min(right)) }
    }

    /// Index of the least smoothed value of a range of indices.
    fn lowest(&self, from: usize, to: usize) -> usize {
        (from..=to).min_by(|&a, &b| self.at(a).total_cmp(&self.at(b))).unwrap_or(from)
    }

    fn cycles(&self, highs: &[usize], samples: &[Sample], rules: &CycleRules, origin_ns: u64) -> Cycles {
        let spans: Vec<(usize, usize)> = highs.iter().copied().zip(highs.iter().copied().skip(1)).collect();
        let lows: Vec<usize> = spans.iter().map(|&(a, b)| self.lowest(a, b)).collect();
        let usual_low = median(&mut lows.iter().map(|&i| self.at(i)).collect::<Vec<_>>());
        let edges: Vec<Option<f64>> =
            (0..highs.len()).map(|k| self.edge(highs, k, usual_low, rules)).collect();
        let edge = |k: usize| edges.get(k).copied().flatten();
        let lengths: Vec<f64> = spans
            .iter()
            .enumerate()
            .map(|(k, &(a, b))| match (edge(k), edge(k + 1)) {
                (Some(from), Some(to)) if to > from => to - from,
                _ => self.time(b) - self.time(a),
            })
            .collect();
        // How long before its high, and after it its low, a steep part usually lies.
        let to_high = median(
            &mut highs
                .iter()
                .enumerate()
                .filter_map(|(k, &i)| Some(self.time(i) - edge(k)?))
                .collect::<Vec<_>>(),
        );
        let to_low = median(
            &mut lows
                .iter()
                .enumerate()
                .filter_map(|(k, &i)| Some(self.time(i) - edge(k)?))
                .collect::<Vec<_>>(),
        );
        let place = |k: usize, i: usize, usual: Option<f64>| match (edge(k), usual) {
            (Some(at), Some(distance)) => at + distance,
            _ => self.time(i),
        };
        let steps = || spans.iter().map(|&(a, b)| self.time(b) - self.time(a));
        let median_step = median(&mut steps().collect::<Vec<_>>()).unwrap_or(0.0);
        let at_ns = |i: usize| samples.get(i).map_or(0, |s| s.at_ns);
        let cycles: Vec<Cycle> = spans
            .iter()
            .zip(&lows)
            .zip(&lengths)
            .enumerate()
            .map(|(k, ((&(a, b), &low), &length_s))| Cycle {
                high_ns: at_ns(a),
                low_ns: at_ns(low),
                next_high_ns: at_ns(b),
                length_s,
                frames: b - a,
                rejected: self.rejection(samples, (a, b), median_step, rules),
                high_s: place(k, a, to_high),
                low_s: place(k, low, to_low),
                next_high_s: edge(k + 1).map(|_| place(k + 1, b, to_high)),
            })
            .collect();
        let mut found = Cycles { cycles, origin_ns, reach_s: 0.0 };
        found.reach_s = rules.fit * found.median_length_s().unwrap_or(0.0);
        found
    }

    fn rejection(
        &self,
        samples: &[Sample],
        (a, b): (usize, usize),
        median_length_s: f64,
        rules: &CycleRules,
    ) -> Option<Rejection> {
        let length_s = self.time(b) - self.time(a);
        if !(rules.length.0..=rules.length.1).contains(&(length_s / median_length_s))
            || !(rules.length_s.0..=rules.length_s.1).contains(&length_s)
        {
            return Some(Rejection::Length);
        }
        if samples.get(a..=b).is_some_and(|cycle| cycle.iter().any(|s| !s.is_clean)) {
            return Some(Rejection::Doubtful);
        }
        let gap = (a..b).map(|i| self.time(i + 1) - self.time(i)).fold(0.0, f64::max);
        (b - a < rules.frames || gap > GREATEST_GAP * length_s).then_some(Rejection::TooFewSamples)
    }

    /// When the steep part that belongs to a high passes half of its swing; `None` where the curve does not
    /// show it. Where the curve begins or ends on its way it goes to the usual low.
    fn edge(&self, highs: &[usize], k: usize, usual_low: Option<f64>, rules: &CycleRules) -> Option<f64> {
        let &high = highs.get(k)?;
        let last = self.smooth.len().checked_sub(1)?;
        let low = match rules.edge {
            Edge::Fall => self.lowest(high, highs.get(k + 1).copied().unwrap_or(last)),
            Edge::Rise => {
                self.lowest(k.checked_sub(1).and_then(|k| highs.get(k)).copied().unwrap_or(0), high)
            }
        };
        let is_cut = match rules.edge {
            Edge::Fall => k + 1 == highs.len(),
            Edge::Rise => k == 0,
        };
        let foot = usual_low.filter(|_| is_cut).unwrap_or(self.at(low));
        let level = (self.at(high) + foot) / 2.0;
        let crosses = |&i: &usize| (self.at(i) < level) != (self.at(i + 1) < level);
        // The crossing next to the high.
        let i = match rules.edge {
            Edge::Fall => (high..low).find(crosses)?,
            Edge::Rise => (low..high).rev().find(crosses)?,
        };
        let along = (self.at(i) - level) / (self.at(i) - self.at(i + 1));
        let at = self.time(i) + along.clamp(0.0, 1.0) * (self.time(i + 1) - self.time(i));
        Some(self.refine(at, level, rules).unwrap_or(at))
    }

    /// The crossing again, of a straight line through the samples around it, which smoothing has not
    /// flattened.
    fn refine(&self, at: f64, level: f64, rules: &CycleRules) -> Option<f64> {
        let reach = (EDGE_REACH * rules.smoothing_s).max(1.6 * self.median_step_s);
        let from = self.times.partition_point(|t| *t < at - reach);
        let to = self.times.partition_point(|t| *t <= at + reach);
        let near = || {
            let times = self.times.get(from..to).unwrap_or_default();
            times.iter().map(|t| t - at).zip(self.values.get(from..to).unwrap_or_default())
        };
        let n = (to - from) as f64;
        if to < from + 3 {
            return None;
        }
        let (mean_t, mean_v) = near().fold((0.0, 0.0), |sum, (t, v)| (sum.0 + t / n, sum.1 + v / n));
        let (tt, tv) = near().fold((0.0, 0.0), |sum, (t, v)| {
            (sum.0 + (t - mean_t).powi(2), sum.1 + (t - mean_t) * (v - mean_v))
        });
        let slope = tv / tt;
        let is_steep = match rules.edge {
            Edge::Fall => slope < 0.0,
            Edge::Rise => slope > 0.0,
        };
        let shift = mean_t + (level - mean_v) / slope;
        // A NaN is not below anything.
        (is_steep && shift.abs() < 2.0 * reach).then_some(at + shift)
    }
}

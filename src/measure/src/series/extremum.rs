//! The highest and lowest value of each cycle, without the bias of picking extremes.
//!
//! The greatest of noisy values is too great, and smoothing wide enough to prevent that cuts the peak off.
//! Both are avoided by what the cycles of one recording have in common. Around their highs (and likewise
//! their lows) all cycles get one common shape, a polynomial of degree 4 in time, and a level each:
//!
//! y(t) = level_c + s₁x + s₂x² + s₃x³ + s₄x⁴,  x = (t − centre_c) / reach
//!
//! fitted by least squares to the raw samples, not the smoothed ones. Cycles are laid over each other by
//! their steep parts, whose times are known better than those of flat extremes. The value of a cycle is its
//! curve at the extremum of the common shape. What selection bias is left has, to first order, the size
//! var(y′)/(2·|y″|) (a parabola's vertex moves by y′/y″ when noise tilts it, and gains half of y′²/y″), and
//! is taken off.

use nalgebra::{Matrix4, Vector4};

use super::beats::{Cycle, Cycles};
use super::stats::{median, standard_deviation};
use super::{Sample, seconds_since};

/// Degree of the common shape.
const DEGREE: usize = 4;
/// Samples beyond the number of unknowns that a fit needs.
const SPARE_SAMPLES: usize = 3;
/// Fewest samples of a cycle in a fit.
const LEAST_SAMPLES: usize = 2;
/// A fit whose value is less certain than this many samples' has too few of them.
const GREATEST_LEVERAGE: f64 = 0.7;
/// How far a fit reaches out for more samples, as a multiple of the reach asked for.
const WIDEST: f64 = 2.5;
/// Step of that multiple.
const WIDENING: f64 = 1.15;
/// Steps on either side of the centre that the extremum of the shape is looked for at, and how far out they
/// go.
const STEPS: i32 = 60;
const FARTHEST: f64 = 0.6;
/// The correction never takes off more than this fraction of the value's standard uncertainty: where the
/// shape is flat its first-order size means nothing.
const GREATEST_CORRECTION: f64 = 0.8;

/// A value of every cycle that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerCycle {
    /// Its high: end diastole of a ventricle.
    pub high: f64,
    /// Its low: end systole.
    pub low: f64,
}

/// The highs and lows of the cycles that count.
#[derive(Clone, Debug, PartialEq)]
pub struct Extrema {
    /// One a cycle, the oldest first; cycles in which this curve has too few samples are left out.
    pub cycles: Vec<PerCycle>,
    /// What the noise of the samples does to the highs.
    pub high_noise: Noise,
    /// What it does to the lows.
    pub low_noise: Noise,
}

/// Standard uncertainties from the noise of the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Of a cycle's own level.
    pub own: f64,
    /// Of the shape, the same for all cycles: it does not grow less by taking more of them.
    pub common: f64,
}

/// Standard error of a median over that of a mean, for many normal values: √(π/2).
const MEDIAN_OVER_MEAN: f64 = 1.253_314;

/// A number taken from every cycle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OverCycles {
    /// Median.
    pub median: f64,
    /// Standard deviation between cycles; `None` for one.
    pub sd: Option<f64>,
    /// Number of cycles.
    pub count: usize,
    /// Standard uncertainty of the median: that of the spread between cycles, or of the noise of samples
    /// where it gives more, over √n, joined with what is common to all cycles.
    pub uncertainty: f64,
}

impl Extrema {
    /// Of a curve whose cycles were found, in it or in another curve of the same frames. `None` where no
    /// cycle counts or none has enough samples.
    pub fn of(samples: &[Sample], cycles: &Cycles) -> Option<Self> {
        let used: Vec<&Cycle> = cycles.used().collect();
        let times: Vec<f64> = samples.iter().map(|s| seconds_since(cycles.origin_ns, s.at_ns)).collect();
        let values: Vec<f64> = samples.iter().map(|s| s.value).collect();
        let curve = Curve { times: &times, values: &values };
        let mut high_centres: Vec<f64> = used.iter().map(|c| c.high_s).collect();
        // The highs that cycles end with help to find the shape; those that the next cycle starts with are
        // there.
        for c in &used {
            if !used.iter().any(|other| other.high_ns == c.next_high_ns) {
                high_centres.push(c.next_high_s);
            }
        }
        let low_centres: Vec<f64> = used.iter().map(|c| c.low_s).collect();
        let highs = curve.common(&high_centres, cycles.reach_s, 1.0)?;
        let lows = curve.common(&low_centres, cycles.reach_s, -1.0)?;
        let cycles: Vec<PerCycle> = (0..used.len())
            .filter_map(|k| {
                let high = highs.values.get(k).copied().flatten()?;
                Some(PerCycle { high, low: lows.values.get(k).copied().flatten()? })
            })
            .collect();
        (!cycles.is_empty()).then_some(Self { cycles, high_noise: highs.noise, low_noise: lows.noise })
    }

    /// Median over the cycles of a number that follows from high and low, such as a volume or an ejection
    /// fraction.
    pub fn over_cycles(&self, of: impl Fn(PerCycle) -> f64) -> Option<OverCycles> {
        let mut values: Vec<f64> = self.cycles.iter().map(|&c| of(c)).filter(|v| v.is_finite()).collect();
        let middle = median(&mut values)?;
        let sd = standard_deviation(&values);
        let count = values.len();
        // What noise does to one cycle's number, by moving its high and low a little.
        let moved_by = |high: f64, low: f64| {
            self.cycles
                .iter()
                .map(|&c| {
                    let moved =
                        |high: f64, low: f64| of(PerCycle { high: c.high + high, low: c.low + low }) - of(c);
                    moved(high, 0.0).hypot(moved(0.0, low))
                })
                .filter(|v| v.is_finite())
                .fold(0.0, f64::max)
        };
        let own = moved_by(self.high_noise.own, self.low_noise.own);
        let common = moved_by(self.high_noise.common, self.low_noise.common);
        let loss = if count > 2 { MEDIAN_OVER_MEAN } else { 1.0 };
        let each = loss * sd.unwrap_or(0.0).max(own) / (count as f64).sqrt();
        Some(OverCycles { median: middle, sd, count, uncertainty: each.hypot(common) })
    }

    /// Median of the highs.
    pub fn high(&self) -> Option<OverCycles> {
        self.over_cycles(|c| c.high)
    }

    /// Median of the lows.
    pub fn low(&self) -> Option<OverCycles> {
        self.over_cycles(|c| c.low)
    }

    /// Median over the cycles of (high − low) / high: an ejection fraction, a fractional area change, a
    /// collapsibility.
    pub fn fall(&self) -> Option<OverCycles> {
        self.over_cycles(|c| (c.high - c.low) / c.high)
    }
}

struct Curve<'a> {
    times: &'a [f64],
    values: &'a [f64],
}

/// Extrema of one kind.
struct Common {
    values: Vec<Option<f64>>,
    noise: Noise,
}

/// One cycle's samples in a fit: means of 1, x, x², … and of y.
struct Group {
    from: usize,
    to: usize,
    centre: f64,
    mean_powers: Vector4<f64>,
    mean_value: f64,
}

/// x, x², x³, x⁴.
fn powers(x: f64) -> Vector4<f64> {
    Vector4::new(x, x * x, x * x * x, x * x * x * x)
}

impl Curve<'_> {
    fn common(&self, centres: &[f64], reach_s: f64, sign: f64) -> Option<Common> {
        let mut shift = 0.0;
        for _ in 0..3 {
            let fit = Fit::of(self, centres, shift, reach_s, sign)?;
            let at = fit.extremum(sign);
            shift += at * fit.reach;
            if at.abs() < 0.05 {
                break;
            }
        }
        let fit = Fit::of(self, centres, shift, reach_s, sign)?;
        Some(fit.read(fit.extremum(sign), sign))
    }
}

/// A common shape and a level a cycle.
struct Fit {
    /// `None` for a cycle with too few samples.
    groups: Vec<Option<Group>>,
    reach: f64,
    shape: Vector4<f64>,
    /// Inverse of the normal equations of the shape.
    inverse: Matrix4<f64>,
    /// Variance of a sample about the fit.
    variance: f64,
}

impl Fit {
    fn of(curve: &Curve<'_>, centres: &[f64], shift: f64, reach_s: f64, sign: f64) -> Option<Self> {
        let mut reach = reach_s;
        while reach <= WIDEST * reach_s && reach > 0.0 {
            let is_last = reach >= reach_s * WIDEST / WIDENING;
            if let Some(fit) = Self::within(curve, centres, shift, reach, is_last)
                .filter(|fit| fit.leverage(fit.extremum(sign)) <= GREATEST_LEVERAGE)
            {
                return Some(fit);
            }
            reach *= WIDENING;
        }
        None
    }

    /// The fit over one reach. `None` where samples are too few, and, unless `is_last`, where a cycle has too
    /// few.
    fn within(curve: &Curve<'_>, centres: &[f64], shift: f64, reach: f64, is_last: bool) -> Option<Self> {
        let samples = |from: usize, to: usize, centre: f64| {
            let times = curve.times.get(from..to).unwrap_or_default();
            times
                .iter()
                .map(move |t| (t - centre) / reach)
                .zip(curve.values.get(from..to).unwrap_or_default())
        };
        let mut groups = Vec::with_capacity(centres.len());
        let mut count = 0;
        for centre in centres.iter().map(|c| c + shift) {
            let from = curve.times.partition_point(|t| *t < centre - reach);
            let to = curve.times.partition_point(|t| *t <= centre + reach);
            if to - from < LEAST_SAMPLES {
                if !is_last {
                    return None;
                }
                groups.push(None);
                continue;
            }
            count += to - from;
            let n = (to - from) as f64;
            let (mean_powers, mean_value) = samples(from, to, centre)
                .fold((Vector4::zeros(), 0.0), |sum, (x, y)| (sum.0 + powers(x) / n, sum.1 + y / n));
            groups.push(Some(Group { from, to, centre, mean_powers, mean_value }));
        }
        let levels = groups.iter().flatten().count();
        if levels == 0 || count < levels + DEGREE + SPARE_SAMPLES {
            return None;
        }
        // Taking each cycle's means off leaves the shape alone to solve for (Frisch & Waugh 1933,
        // doi:10.2307/1907330).
        let (mut normal, mut right) = (Matrix4::zeros(), Vector4::zeros());
        let each = || {
            groups.iter().flatten().flat_map(|g: &Group| {
                samples(g.from, g.to, g.centre).map(|(x, y)| (powers(x) - g.mean_powers, y - g.mean_value))
            })
        };
        for (p, y) in each() {
            normal += p * p.transpose();
            right += p * y;
        }
        let inverse = normal.try_inverse()?;
        let shape = inverse * right;
        let residual: f64 = each().map(|(p, y)| (y - p.dot(&shape)).powi(2)).sum();
        let variance = residual / (count - levels - DEGREE) as f64;
        Some(Self { groups, reach, shape, inverse, variance })
    }

    /// Where the shape has its maximum (`sign` 1) or minimum (−1).
    fn extremum(&self, sign: f64) -> f64 {
        (-STEPS..=STEPS)
            .map(|k| FARTHEST * f64::from(k) / f64::from(STEPS))
            .max_by(|&a, &b| {
                (sign * self.shape.dot(&powers(a))).total_cmp(&(sign * self.shape.dot(&powers(b))))
            })
            .unwrap_or(0.0)
    }

    /// Variance of the worst cycle's value at `x`, as a fraction of a sample's.
    fn leverage(&self, x: f64) -> f64 {
        let at = powers(x);
        self.groups
            .iter()
            .flatten()
            .map(|g| {
                let way = at - g.mean_powers;
                1.0 / (g.to - g.from) as f64 + way.dot(&(self.inverse * way)).max(0.0)
            })
            .fold(0.0, f64::max)
    }

    fn read(&self, x: f64, sign: f64) -> Common {
        let slope = Vector4::new(1.0, 2.0 * x, 3.0 * x * x, 4.0 * x * x * x);
        let curvature = Vector4::new(0.0, 2.0, 6.0 * x, 12.0 * x * x);
        let variance_of = |v: Vector4<f64>| self.variance * v.dot(&(self.inverse * v)).max(0.0);
        let at = powers(x);
        // The shape is common, so its noise is that of all cycles together.
        let levels = self.groups.iter().flatten().count().max(1) as f64;
        let mean_powers =
            self.groups.iter().flatten().fold(Vector4::zeros(), |sum, g| sum + g.mean_powers / levels);
        let samples: usize = self.groups.iter().flatten().map(|g| g.to - g.from).sum();
        let own = self.variance * levels / samples.max(1) as f64;
        let common = variance_of(at - mean_powers);
        let common_noise = (own / levels + common).sqrt();
        let bend = (-sign * curvature.dot(&self.shape)).max(variance_of(curvature).sqrt());
        let bias = (variance_of(slope) / (2.0 * bend)).min(GREATEST_CORRECTION * common_noise);
        let correction = if bias.is_finite() { sign * bias } else { 0.0 };
        let value = |g: &Group| g.mean_value + self.shape.dot(&(at - g.mean_powers)) - correction;
        Common {
            values: self.groups.iter().map(|g| g.as_ref().map(value)).collect(),
            noise: Noise { own: own.sqrt(), common: common.sqrt() },
        }
    }
}

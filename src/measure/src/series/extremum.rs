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
//!
//! # How wide the fit is
//!
//! A curve that rests at its extremes and has steep flanks is no polynomial of degree 4 over the whole reach,
//! and the fit overshoots. The same shape is therefore fitted over ever narrower reaches. The least variance
//! about any of these fits, with an allowance for its few degrees of freedom, bounds the noise. Only if the
//! variance about the widest fit is plainly above that does its shape not hold (the test of lack of fit,
//! Fisher 1922, doi:10.2307/2341124); then the reach with the least estimated squared error is taken, which
//! is that of noise (variance times leverage) and that of lack of fit (variance above the noise). Choosing a
//! window by bias and variance is Fan & Gijbels 1995 (doi:10.1111/j.2517-6161.1995.tb02034.x). With much
//! noise the widest reach stays; without, the narrowest comes down to the few samples about the extreme of each cycle.
//!
//! What lies between two frames nobody knows: where frames fall at the same phases in every beat, a curve
//! that rests between two frames and one that peaks there have the same samples.

mod fit;

use self::fit::Curve;
use super::beats::{Cycle, Cycles};
use super::stats::{median, standard_deviation};
use super::{Sample, seconds_since};

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
                high_centres.extend(c.next_high_s);
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

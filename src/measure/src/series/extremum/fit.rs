//! A common shape of all cycles about their highs or lows, and how far it holds.

use nalgebra::{Matrix4, Vector4};

use super::Noise;
use crate::series::stats::robust_range;

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
/// Reaches below the one asked for that are tried, in the same steps: the narrowest is a seventh of it.
const NARROWINGS: i32 = 14;
/// A narrower fit must be known everywhere near its extremum, if not as well.
const GREATEST_NARROW_LEVERAGE: f64 = 1.5;
/// Places on either side of the centre where that is looked at.
const LEVERAGE_STEPS: i32 = 5;
/// Samples must lie at so many places that at least this part of each power's variance is not that of the
/// others'.
const LEAST_PART: f64 = 1e-4;
/// A variance from n degrees of freedom is trusted to so many of its relative standard errors, √(2/n).
const CONFIDENCE: f64 = 2.0;
/// A narrower fit is not looked for unless the variance about the widest is above the noise by this factor
/// at least.
const PLAIN_LACK: f64 = 2.0;
/// Below this fraction of the curve's swing a lack of fit does not matter; outlines of masks are not better, and
/// repeat their errors from cycle to cycle.
const LEAST_LACK: f64 = 0.002;
/// Squared error of an extremum over the mean squared lack of fit about it. Simulated ventricles give 0.5 to
/// 4; it is taken on the safe side.
const LACK: f64 = 10.0;
/// A fit is moved to its extremum at most so often, until it lies within this part of the reach.
const SHIFTS: usize = 3;
const CENTRED: f64 = 0.05;
/// Steps on either side of the centre that the extremum of the shape is looked for at, and how far out they
/// go.
const STEPS: i32 = 60;
const FARTHEST: f64 = 0.6;
/// The correction never takes off more than this fraction of the value's standard uncertainty: where the
/// shape is flat its first-order size means nothing.
const GREATEST_CORRECTION: f64 = 0.8;

pub(super) struct Curve<'a> {
    pub(super) times: &'a [f64],
    pub(super) values: &'a [f64],
}

/// Extrema of one kind.
pub(super) struct Common {
    pub(super) values: Vec<Option<f64>>,
    pub(super) noise: Noise,
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
    pub(super) fn common(&self, centres: &[f64], reach_s: f64, sign: f64) -> Option<Common> {
        let mut shift = 0.0;
        for _ in 0..SHIFTS {
            let fit = Fit::of(self, centres, shift, reach_s, sign)?;
            let at = fit.extremum(sign);
            shift += at * fit.reach;
            if at.abs() < CENTRED {
                break;
            }
        }
        let widest = Fit::of(self, centres, shift, reach_s, sign)?;
        let narrower: Vec<Fit> = (1..=NARROWINGS)
            .filter_map(|k| self.narrow(centres, shift, widest.reach / WIDENING.powi(k), sign))
            .collect();
        let fits = || std::iter::once(&widest).chain(&narrower);
        let noise = fits().map(Fit::greatest_variance).fold(f64::MAX, f64::min);
        let swing = robust_range(&mut self.values.to_vec())?;
        let unseen = noise.max((LEAST_LACK * swing).powi(2));
        let chosen = if widest.least_variance() > PLAIN_LACK * unseen {
            fits().min_by(|a, b| a.error(noise, sign).total_cmp(&b.error(noise, sign)))?
        } else {
            &widest
        };
        Some(chosen.read(chosen.extremum(sign), sign))
    }

    /// The fit over a reach below the one asked for, if samples are enough that the shape is known everywhere
    /// near its extremum.
    fn narrow(&self, centres: &[f64], mut shift: f64, reach: f64, sign: f64) -> Option<Fit> {
        let mut fit = Fit::within(self, centres, shift, reach, false)?;
        for _ in 1..SHIFTS {
            let at = fit.extremum(sign);
            if at.abs() < CENTRED {
                break;
            }
            shift += at * reach;
            fit = Fit::within(self, centres, shift, reach, false)?;
        }
        let near = |k: i32| FARTHEST * f64::from(k) / f64::from(LEVERAGE_STEPS);
        (-LEVERAGE_STEPS..=LEVERAGE_STEPS)
            .all(|k| fit.leverage(near(k)) <= GREATEST_NARROW_LEVERAGE)
            .then_some(fit)
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
    /// Its degrees of freedom.
    freedom: f64,
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
        let factor = normal.cholesky()?;
        let part = factor.l_dirty().diagonal().map(|d| d * d).component_div(&normal.diagonal()).min();
        if part < LEAST_PART {
            return None;
        }
        let inverse = factor.inverse();
        let shape = inverse * right;
        let residual: f64 = each().map(|(p, y)| (y - p.dot(&shape)).powi(2)).sum();
        let freedom = (count - levels - DEGREE) as f64;
        let variance = residual / freedom;
        Some(Self { groups, reach, shape, inverse, variance, freedom })
    }

    /// What the variance may be for all that chance does to so few samples.
    fn greatest_variance(&self) -> f64 {
        self.variance * (1.0 + CONFIDENCE * (2.0 / self.freedom).sqrt())
    }

    /// What it must be at least.
    fn least_variance(&self) -> f64 {
        self.variance / (1.0 + CONFIDENCE * (2.0 / self.freedom).sqrt())
    }

    /// Estimate of the mean squared error of the value: what samples scatter by, and how far the shape does
    /// not hold.
    fn error(&self, noise: f64, sign: f64) -> f64 {
        self.greatest_variance() * self.mean_leverage(self.extremum(sign))
            + LACK * (self.least_variance() - noise).max(0.0)
    }

    /// Variance of the mean value of the cycles, as a fraction of a sample's.
    fn mean_leverage(&self, x: f64) -> f64 {
        let at = powers(x);
        let levels = self.groups.iter().flatten().count().max(1) as f64;
        let (mut way, mut own) = (at, 0.0);
        for g in self.groups.iter().flatten() {
            way -= g.mean_powers / levels;
            own += 1.0 / (g.to - g.from) as f64;
        }
        own / (levels * levels) + way.dot(&(self.inverse * way)).max(0.0)
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

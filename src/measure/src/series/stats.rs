//! Quantiles, spread and slope.

/// The quantile `p` in 0 to 1 of sorted values, interpolated (definition 7 of Hyndman & Fan 1996,
/// doi:10.2307/2684934).
pub fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = p.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (sorted.get(at as usize)?, sorted.get((at as usize + 1).min(last))?);
    Some(below + (above - below) * at.fract())
}

/// The median; sorts the values.
pub fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    quantile(values, 0.5)
}

/// Range from the 5th to the 95th percentile: how far a curve swings, outliers aside. Sorts the values.
pub fn robust_range(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    Some(quantile(values, 0.95)? - quantile(values, 0.05)?)
}

/// Standard deviation of a sample (n − 1); `None` for fewer than two values.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    Some((values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
}

/// What a set of values comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Number of values.
    pub count: usize,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// Standard deviation (n − 1); `None` for one value.
    pub sd: Option<f64>,
}

impl Summary {
    /// Of values in any order, which it sorts; `None` for none.
    pub fn of(values: &mut [f64]) -> Option<Self> {
        let median = median(values)?;
        let (min, max) = (*values.first()?, *values.last()?);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some(Self { count: values.len(), min, max, mean, median, sd: standard_deviation(values) })
    }
}

/// Least, greatest, mean and spread of a whole recording, in constant memory
/// (Welford 1962, doi:10.1080/00401706.1962.10490022).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Running {
    seen: u64,
    count: u64,
    min: f64,
    max: f64,
    mean: f64,
    squares: f64,
}

impl Running {
    /// Takes what a frame gave; `None` and what is not finite count for the coverage alone.
    pub fn push(&mut self, value: Option<f64>) {
        self.seen += 1;
        let Some(value) = value.filter(|v| v.is_finite()) else { return };
        (self.min, self.max) =
            if self.count == 0 { (value, value) } else { (self.min.min(value), self.max.max(value)) };
        self.count += 1;
        let step = value - self.mean;
        self.mean += step / self.count as f64;
        self.squares += step * (value - self.mean);
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.count
    }
    /// The least.
    pub fn min(&self) -> Option<f64> {
        (self.count > 0).then_some(self.min)
    }
    /// The greatest.
    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max)
    }
    /// Arithmetic mean.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }
    /// Standard deviation (n − 1).
    pub fn sd(&self) -> Option<f64> {
        (self.count > 1).then(|| (self.squares / (self.count - 1) as f64).sqrt())
    }
    /// Frames with a value of all frames, 0 to 1.
    pub fn coverage(&self) -> Option<f64> {
        (self.seen > 0).then(|| self.count as f64 / self.seen as f64)
    }
}

/// A straight line's rise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// Rise a second.
    pub per_s: f64,
    /// Its standard uncertainty from the scatter about the line; `None` where it is not finite.
    pub uncertainty: Option<f64>,
}

impl Slope {
    /// Least-squares line through (seconds, value); `None` for fewer than three points or all at one time:
    /// two frames are no trend.
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        let n = points.len() as f64;
        if points.len() < 3 {
            return None;
        }
        let (mean_t, mean_v) = points.iter().fold((0.0, 0.0), |sum, p| (sum.0 + p.0 / n, sum.1 + p.1 / n));
        let (tt, tv) = points.iter().fold((0.0, 0.0), |sum, p| {
            (sum.0 + (p.0 - mean_t).powi(2), sum.1 + (p.0 - mean_t) * (p.1 - mean_v))
        });
        let per_s = tv / tt;
        let residual: f64 = points.iter().map(|p| (p.1 - mean_v - per_s * (p.0 - mean_t)).powi(2)).sum();
        let uncertainty = (residual / (n - 2.0) / tt).sqrt();
        per_s.is_finite().then_some(Self { per_s, uncertainty: Some(uncertainty).filter(|u| u.is_finite()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.95), Some(3.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        // numpy.percentile(range(21), [5, 95]) is 1, 19.
        let mut values: Vec<f64> = (0..21).rev().map(f64::from).collect();
        assert_eq!(robust_range(&mut values), Some(18.0));
    }

    #[test]
    fn a_slope_has_its_textbook_uncertainty() {
        // y = x + (0.1, −0.2, 0.1): slope 1, residual² 0.06, Sxx 2, u = √(0.06/1/2).
        let slope = Slope::of(&[(0.0, 0.1), (1.0, 0.8), (2.0, 2.1)]).unwrap();
        assert!((slope.per_s - 1.0).abs() < 1e-12);
        assert!((slope.uncertainty.unwrap() - 0.03_f64.sqrt()).abs() < 1e-12);
        assert_eq!(Slope::of(&[(1.0, 0.1), (1.0, 0.8), (1.0, 2.1)]), None);
    }

    proptest! {
        #[test]
        fn running_equals_all_at_once(values in proptest::collection::vec(-1e3..1e3_f64, 2..50)) {
            let mut running = Running::default();
            for (i, v) in values.iter().enumerate() {
                running.push(Some(*v));
                if i % 2 == 0 {
                    running.push(None);
                }
            }
            let summary = Summary::of(&mut values.clone()).unwrap();
            prop_assert_eq!((running.min(), running.max()), (Some(summary.min), Some(summary.max)));
            prop_assert!((running.mean().unwrap() - summary.mean).abs() < 1e-9);
            prop_assert!((running.sd().unwrap() - summary.sd.unwrap()).abs() < 1e-8);
            prop_assert!((0.6..=0.7).contains(&running.coverage().unwrap()));
        }
    }
}

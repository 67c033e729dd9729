//! Statistics of scores and of measured values.
//!
//! * [`bootstrap`]: intervals by drawing patients, not frames (BCa);
//! * [`agreement`]: bias and limits of agreement with repeated measures;
//! * [`icc`]: intraclass correlation of two or more methods;
//! * [`equivalence`]: two one-sided tests;
//! * [`regression`]: lines of Deming and of Passing & Bablok; [`decision`]: thresholds, with kappa.
//!
//! The distributions are those of the crate `statrs`.

pub mod agreement;
pub mod bootstrap;
pub mod decision;
pub mod equivalence;
pub mod icc;
pub mod regression;

use serde::Serialize;

/// An interval of confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Arithmetic mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Mean of the squared distances from the mean, by n − 1; `None` for fewer than two values.
pub fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    Some(values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64)
}

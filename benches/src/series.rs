//! Series of times.

use std::time::Duration;

/// Times of one thing.
#[derive(Clone, Debug, Default)]
pub struct Series(Vec<Duration>);

impl Series {
    /// Adds one.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The time that the fraction `q` of all do not exceed, in milliseconds.
    pub fn quantile_ms(&self, q: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort();
        let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
        sorted.get(rank).map_or(f64::NAN, |d| d.as_secs_f64() * 1e3)
    }

    /// The median in seconds.
    pub fn median_s(&self) -> f64 {
        self.quantile_ms(0.5) / 1e3
    }
}

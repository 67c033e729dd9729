//! How fast an engine is on this machine: a picture taken all the way to outlines, again and again, on each provider, in each
//! precision, by several numbers of threads.

use std::time::{Duration, Instant};

use vesalius_measure::frame::Frame;

use crate::engine::{Engine, Worker};
use crate::error::EngineError;
use crate::manifest::Precision;
use crate::provider::choose::{Selection, precision};
use crate::provider::{PrecisionChoice, Provider, ProviderChoice};
use crate::session::SessionOptions;

/// Runs before those that count: caches fill, clocks rise.
const WARM_UP: usize = 5;
/// Fewer runs than these say nothing of the slowest ones.
const MIN_RUNS: usize = 20;
/// More do not change the percentiles.
const MAX_RUNS: usize = 2000;

/// Frame rates of live sources, frames a second.
pub const LIVE_RATES: [u32; 8] = [60, 50, 30, 25, 20, 15, 10, 5];

/// One way to run an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// What runs it.
    pub provider: Provider,
    /// In which numbers.
    pub precision: Precision,
    /// Threads that share a picture.
    pub threads: usize,
}

/// Times of many runs, nearest-rank percentiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Half of the runs took no longer.
    pub p50: Duration,
    /// 95 % took no longer.
    pub p95: Duration,
    /// 99 % took no longer.
    pub p99: Duration,
    /// The longest.
    pub worst: Duration,
}

/// What a case gave.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The case.
    pub case: Case,
    /// What it ran on, and why.
    pub selection: Selection,
    /// Time to read, check and load the model.
    pub load: Duration,
    /// Runs that count.
    pub runs: usize,
    /// From the picture to outlines.
    pub whole: Latency,
    /// The network alone.
    pub inference: Latency,
}

impl Measured {
    /// The highest of [`LIVE_RATES`] at which 99 of 100 pictures are done before the next one comes.
    pub fn live_rate(&self) -> Option<u32> {
        LIVE_RATES.into_iter().find(|rate| self.whole.p99 <= Duration::from_secs(1) / *rate)
    }
}

/// The cases that an engine's manifest allows on some providers. Threads are the processor's; elsewhere there is one.
pub fn cases(
    engine: &Engine,
    providers: &[Provider],
    precisions: &[Precision],
    threads: &[usize],
) -> Vec<Case> {
    let mut cases = Vec::new();
    for &provider in providers {
        for &numbers in precisions {
            if precision(engine.manifest(), provider, PrecisionChoice::Named(numbers)).is_err() {
                continue;
            }
            let threads = if provider == Provider::Cpu { threads } else { &[1] };
            cases.extend(threads.iter().map(|&threads| Case { provider, precision: numbers, threads }));
        }
    }
    cases
}

/// Runs a case for about `time`, on a picture.
///
/// # Errors
///
/// As [`Worker::new`] and [`Worker::process`].
pub fn measure(
    engine: &Engine,
    case: Case,
    options: &SessionOptions,
    frame: &Frame<'_>,
    time: Duration,
) -> Result<Measured, EngineError> {
    let options = SessionOptions {
        threads: case.threads,
        provider: ProviderChoice::Named(case.provider),
        precision: PrecisionChoice::Named(case.precision),
        ..options.clone()
    };
    let start = Instant::now();
    let mut worker = Worker::new(engine, &options)?;
    let load = start.elapsed();
    for _ in 0..WARM_UP {
        worker.process(frame, (1, 1))?;
    }
    let (mut whole, mut inference) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    while whole.len() < MIN_RUNS || (begun.elapsed() < time && whole.len() < MAX_RUNS) {
        let start = Instant::now();
        let found = worker.process(frame, (1, 1))?;
        whole.push(start.elapsed());
        inference.push(Duration::from_nanos(found.times.inference_ns.unwrap_or(0)));
    }
    let selection = worker.selection().clone();
    let runs = whole.len();
    Ok(Measured { case, selection, load, runs, whole: latency(whole), inference: latency(inference) })
}

fn latency(mut times: Vec<Duration>) -> Latency {
    times.sort_unstable();
    // Nearest rank: the smallest time that so many of a hundred runs did not exceed.
    let at = |percent: usize| {
        let rank = (times.len() * percent).div_ceil(100);
        times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    };
    Latency { p50: at(50), p95: at(95), p99: at(99), worst: at(100) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let all: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        let of = |ms| Duration::from_millis(ms);
        assert_eq!(latency(all), Latency { p50: of(100), p95: of(190), p99: of(198), worst: of(200) });
        assert_eq!(latency(vec![of(7)]), Latency { p50: of(7), p95: of(7), p99: of(7), worst: of(7) });
        assert_eq!(latency(Vec::new()), Latency::default());
    }

    #[test]
    fn a_live_rate_leaves_time_for_the_slow_ones() {
        let case = Case { provider: Provider::Cpu, precision: Precision::F32, threads: 1 };
        let measured = |ms: u64| Measured {
            case,
            selection: Selection::cpu(""),
            load: Duration::ZERO,
            runs: 1,
            whole: Latency { p99: Duration::from_micros(ms * 1000), ..Latency::default() },
            inference: Latency::default(),
        };
        assert_eq!(measured(16).live_rate(), Some(60));
        assert_eq!(measured(17).live_rate(), Some(50));
        assert_eq!(measured(40).live_rate(), Some(25));
        assert_eq!(measured(201).live_rate(), None);
    }
}

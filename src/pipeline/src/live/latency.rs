//! How long pictures take through the chain, and how old what is drawn on them is, over the whole of a job.

use std::thread::ThreadId;
use std::time::Duration;

use gstvesalius::Histogram;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::ns;

/// Percentiles of a time, milliseconds; exact to 3.2 %, the greatest exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Percentiles {
    /// Pictures that were counted.
    pub count: u64,
    /// Half of them took no longer.
    pub p50_ms: f64,
    /// 95 % took no longer.
    pub p95_ms: f64,
    /// 99 % took no longer.
    pub p99_ms: f64,
    /// 99.9 % took no longer.
    pub p99_9_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Percentiles {
    fn of(histogram: &Histogram) -> Self {
        let ms = |ns: Option<u64>| (ns.unwrap_or(0) as f64 / 1e3).round() / 1e3;
        let at = |q: f64| ms(histogram.quantile_ns(q));
        Self {
            count: histogram.len(),
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            p99_9_ms: at(0.999),
            max_ms: ms(histogram.max_ns()),
        }
    }
}

/// Times and counts of a whole job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LatencyReport {
    /// From the moment a picture of the source came to the moment it left the chain with what is drawn on it.
    pub picture: Percentiles,
    /// Processor time that the picture's thread took from one picture to the next. What a picture took longer than this it waited:
    /// for a processor that the system or a machine's host had given to others.
    pub work: Percentiles,
    /// From the moment the picture came that a drawn result is of to the moment it was shown.
    pub overlay_age: Percentiles,
    /// Pictures of the source.
    pub frames: u64,
    /// Of these, shown.
    pub shown: u64,
    /// Of these, not shown: the chain was behind.
    pub dropped: u64,
    /// Pictures that the engine looked at.
    pub inferred: u64,
    /// Of these, those on which it failed.
    pub failed: u64,
    /// Pictures shown without a result, for the newest was too old.
    pub stale: u64,
    /// Pictures shown with a result that was carried along with the picture.
    pub carried: u64,
    /// How far the picture's thread went before others: `real-time`, `raised` or `usual`.
    pub priority: &'static str,
}

impl LatencyReport {
    /// Pictures that were neither shown nor dropped: at the end of a job those that were still on their way, and waited where
    /// pictures do.
    pub fn on_their_way(&self) -> u64 {
        self.frames.saturating_sub(self.shown + self.dropped)
    }
}

impl std::fmt::Display for LatencyReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{:16} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8}",
            "milliseconds", "pictures", "p50", "p95", "p99", "p99.9", "max"
        )?;
        for (name, p) in
            [("picture", self.picture), ("its own work", self.work), ("overlay's age", self.overlay_age)]
        {
            writeln!(
                f,
                "{name:16} {:9} {:8.2} {:8.2} {:8.2} {:8.2} {:8.2}",
                p.count, p.p50_ms, p.p95_ms, p.p99_ms, p.p99_9_ms, p.max_ms
            )?;
        }
        write!(
            f,
            "{} pictures came, {} were shown, {} not, {} were on their way; {} were looked at, {} in vain; {} had too old a result, \
             {} one that was carried along; the picture's thread had {} priority",
            self.frames,
            self.shown,
            self.dropped,
            self.on_their_way(),
            self.inferred,
            self.failed,
            self.stale,
            self.carried,
            self.priority
        )
    }
}

/// Processor time that the calling thread has had so far.
pub(crate) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Gathers them.
#[derive(Default)]
pub(crate) struct Latencies {
    picture: Histogram,
    work: Histogram,
    /// The thread that pictures passed on last, and the processor time it had had by then.
    worked: Option<(ThreadId, Duration)>,
    age: Histogram,
    shown: u64,
    dropped: u64,
}

impl Latencies {
    /// A picture, whosever, has passed on the calling thread, which has had so much processor time.
    pub(crate) fn worked(&mut self, so_far: Duration) {
        let thread = std::thread::current().id();
        let before = self.worked.replace((thread, so_far)).filter(|(before, _)| *before == thread);
        if let Some((_, before)) = before {
            self.work.add(ns(so_far.saturating_sub(before)));
        }
    }

    /// A picture of the source has passed after `delay`; the result drawn on it, if one is, is of a picture `age` before.
    pub(crate) fn shown(&mut self, delay: Duration, age: Option<Duration>) {
        self.shown += 1;
        self.picture.add(ns(delay));
        if let Some(age) = age {
            self.age.add(ns(age.saturating_add(delay)));
        }
    }

    pub(crate) fn dropped(&mut self, pictures: u64) {
        self.dropped += pictures;
    }

    /// Pictures of the source that were not shown.
    pub(crate) fn lost(&self) -> u64 {
        self.dropped
    }

    /// The report, but for what the engine and the source count.
    pub(crate) fn report(&self) -> LatencyReport {
        LatencyReport {
            picture: Percentiles::of(&self.picture),
            work: Percentiles::of(&self.work),
            overlay_age: Percentiles::of(&self.age),
            shown: self.shown,
            dropped: self.dropped,
            ..LatencyReport::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_sleeps_does_not_work() {
        let mut latencies = Latencies::default();
        latencies.worked(processor_time());
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(20));
            latencies.worked(processor_time());
        }
        let slept = latencies.report().work;
        assert!(slept.count == 5 && slept.max_ms < 10.0, "{slept:?}");
        let before = processor_time();
        while processor_time() - before < Duration::from_millis(20) {}
        latencies.worked(processor_time());
        assert!(latencies.report().work.max_ms >= 20.0);
        // Another thread's time does not go on from this one's.
        let other = std::thread::spawn(move || {
            latencies.worked(processor_time());
            latencies.report().work.count
        });
        assert_eq!(other.join().unwrap(), 6);
    }

    #[test]
    fn the_age_of_what_is_drawn_is_that_of_its_picture_when_it_is_seen() {
        let mut latencies = Latencies::default();
        for _ in 0..999 {
            latencies.shown(Duration::from_millis(2), Some(Duration::from_millis(40)));
        }
        latencies.shown(Duration::from_millis(9), None);
        latencies.dropped(3);
        let report = latencies.report();
        assert_eq!((report.shown, report.dropped, report.picture.count), (1000, 3, 1000));
        assert!((2.0..2.07).contains(&report.picture.p99_9_ms), "{report:?}");
        assert_eq!(report.picture.max_ms, 9.0);
        assert_eq!(report.overlay_age.count, 999);
        assert!((42.0..43.4).contains(&report.overlay_age.p95_ms), "{report:?}");
        let whole = LatencyReport { frames: 1005, ..report };
        assert!(whole.to_string().contains("1000 were shown, 3 not, 2 were on their way"), "{whole}");
    }
}

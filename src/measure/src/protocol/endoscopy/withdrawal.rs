//! Withdrawal time from marked events and clear frames.
//!
//! Withdrawal lasts from the start mark to the end mark. Inspection is what is left of it without marked
//! interventions; effective is of that what was clear to see. Each clear frame counts until the next frame
//! comes, and at most as long as a gap may be, so that no frame rate is supposed anywhere.

use std::collections::VecDeque;

use super::config::WithdrawalConfig;
use crate::series::ns_from_s;

/// How late a mark may come, after the moment it is of.
const HISTORY_NS: u64 = 120_000_000_000;

/// Most interventions that are kept apart.
const MOST_PAUSES: usize = 512;

/// One frame: its time, the clear time before it, and whether it is clear.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at_ns: u64,
    clear_before_ns: u64,
    is_clear: bool,
}

/// A moment, with the clear time before it once frames up to it have been seen.
#[derive(Clone, Copy, Debug)]
struct Moment {
    at_ns: u64,
    clear_before_ns: Option<u64>,
}

/// How long everything took, seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Times {
    pub(super) withdrawal_s: f64,
    pub(super) inspection_s: f64,
    pub(super) effective_s: f64,
    /// Whether the end is known; else the times run.
    pub(super) is_ended: bool,
}

/// Counts the time of a withdrawal.
#[derive(Debug)]
pub(super) struct Withdrawal {
    config: WithdrawalConfig,
    max_gap_ns: u64,
    history: VecDeque<Seen>,
    start: Option<Moment>,
    marked_end: Option<Moment>,
    /// When the body was left, while it is.
    left: Option<Moment>,
    pauses: Vec<(Moment, Option<Moment>)>,
}

impl Withdrawal {
    pub(super) fn new(config: &WithdrawalConfig) -> Self {
        Self {
            config: config.clone(),
            max_gap_ns: ns_from_s(config.max_gap_s),
            history: VecDeque::new(),
            start: None,
            marked_end: None,
            left: None,
            pauses: Vec::new(),
        }
    }

    /// Clear time up to a moment, as far as the frames seen tell.
    fn clear_until(&self, at_ns: u64) -> u64 {
        // Events are of now or of a little before, so the search from the end is short.
        let seen = self.history.iter().rev().find(|s| s.at_ns <= at_ns);
        seen.map_or_else(
            || self.history.front().map_or(0, |s| s.clear_before_ns),
            |s| {
                let passed = if s.is_clear { (at_ns - s.at_ns).min(self.max_gap_ns) } else { 0 };
                s.clear_before_ns + passed
            },
        )
    }

    fn moment(&self, at_ns: u64) -> Moment {
        let is_past = self.history.back().is_some_and(|s| s.at_ns >= at_ns);
        Moment { at_ns, clear_before_ns: is_past.then(|| self.clear_until(at_ns)) }
    }

    fn clear_before(&self, moment: Moment) -> u64 {
        moment.clear_before_ns.unwrap_or_else(|| self.clear_until(moment.at_ns))
    }

    /// Takes a frame. `outside_since_ns` is when the body was left, where the camera is outside.
    pub(super) fn frame(&mut self, at_ns: u64, is_clear: bool, outside_since_ns: Option<u64>) {
        if self.history.back().is_some_and(|s| s.at_ns >= at_ns) {
            return;
        }
        // Up to this frame everything is known now.
        let fixed = |moment: Moment, clear: &dyn Fn(u64) -> u64| match moment.clear_before_ns {
            None if moment.at_ns <= at_ns => Moment { clear_before_ns: Some(clear(moment.at_ns)), ..moment },
            _ => moment,
        };
        let clear = |at: u64| self.clear_until(at);
        let [start, marked_end] = [self.start, self.marked_end].map(|m| m.map(|m| fixed(m, &clear)));
        let pauses =
            self.pauses.iter().map(|&(a, b)| (fixed(a, &clear), b.map(|b| fixed(b, &clear)))).collect();
        let seen = Seen { at_ns, clear_before_ns: self.clear_until(at_ns), is_clear };
        (self.start, self.marked_end, self.pauses) = (start, marked_end, pauses);
        while self.history.front().is_some_and(|s| at_ns - s.at_ns > HISTORY_NS) && self.history.len() > 1 {
            self.history.pop_front();
        }
        self.history.push_back(seen);
        self.left = match (outside_since_ns, self.left) {
            (Some(since), None) if self.config.ends_out_of_body => Some(self.moment(since)),
            (None, _) => None,
            (_, left) => left,
        };
    }

    /// Takes a mark. Unknown names are other people's.
    pub(super) fn mark(&mut self, name: &str, at_ns: u64) {
        let moment = self.moment(at_ns);
        let config = &self.config;
        let is_open = self.pauses.last().is_some_and(|p| p.1.is_none());
        if *name == config.start {
            // Marked again, it is the last that counts.
            self.start = Some(moment);
            self.marked_end = None;
            self.pauses.retain(|p| p.1.is_none());
        } else if *name == config.end {
            self.marked_end = Some(moment);
        } else if *name == config.pause && !is_open && self.pauses.len() < MOST_PAUSES {
            self.pauses.push((moment, None));
        } else if *name == config.resume
            && let Some(pause) = self.pauses.last_mut().filter(|p| p.1.is_none())
        {
            pause.1 = Some(moment);
        }
    }

    /// The times as they stand at a frame; `None` before the start was marked.
    pub(super) fn times(&self, now_ns: u64) -> Option<Times> {
        let start = self.start.filter(|s| s.at_ns <= now_ns)?;
        let left = self.left.filter(|m| m.at_ns > start.at_ns);
        let end = self.marked_end.or(left).filter(|m| m.at_ns >= start.at_ns && m.at_ns <= now_ns);
        let until = end.unwrap_or_else(|| self.moment(now_ns));
        let mut inspection = until.at_ns - start.at_ns;
        let mut effective = self.clear_before(until).saturating_sub(self.clear_before(start));
        for &(from, to) in &self.pauses {
            let from = if from.at_ns < start.at_ns { start } else { from };
            let to = to.filter(|m| m.at_ns < until.at_ns).unwrap_or(until);
            if from.at_ns < to.at_ns {
                inspection = inspection.saturating_sub(to.at_ns - from.at_ns);
                let clear = self.clear_before(to).saturating_sub(self.clear_before(from));
                effective = effective.saturating_sub(clear);
            }
        }
        let seconds = |ns: u64| ns as f64 / 1e9;
        Some(Times {
            withdrawal_s: seconds(until.at_ns - start.at_ns),
            inspection_s: seconds(inspection),
            effective_s: seconds(effective),
            is_ended: end.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn withdrawal() -> Withdrawal {
        Withdrawal::new(&WithdrawalConfig::default())
    }

    #[test]
    fn every_time_is_exact_with_dropped_frames_and_a_variable_rate() {
        let mut w = withdrawal();
        // 1000 frames, 20 to 53 ms apart, every third one dropped, every fifth of those left unclear.
        let mut frames = Vec::new();
        let mut at = 0;
        for i in 0_u64..1500 {
            at += (20 + i * 7 % 34) * MS;
            if i % 3 != 1 {
                frames.push((at, i % 5 != 0));
            }
        }
        let (start, end, pause, resume) = (frames[100].0, frames[900].0, frames[300].0, frames[450].0);
        for &(at, is_clear) in &frames {
            for (name, moment) in
                [("caecum", start), ("exit", end), ("intervention", pause), ("inspection", resume)]
            {
                if moment == at {
                    w.mark(name, at);
                }
            }
            w.frame(at, is_clear, None);
        }
        let clear: u64 = (100..900)
            .filter(|i| !(300..450).contains(i) && frames[*i].1)
            .map(|i| frames[i + 1].0 - frames[i].0)
            .sum();
        let times = w.times(at).unwrap();
        let s = |ns: u64| ns as f64 / 1e9;
        assert_eq!(times.withdrawal_s, s(end - start));
        assert_eq!(times.inspection_s, s(end - start - (resume - pause)));
        assert_eq!(times.effective_s, s(clear));
        assert!(times.is_ended);
    }

    #[test]
    fn a_mark_that_comes_late_is_of_its_own_moment() {
        let (mut on_time, mut late) = (withdrawal(), withdrawal());
        for i in 0..100 {
            if i == 20 {
                on_time.mark("caecum", 20 * 40 * MS + 13 * MS);
            }
            on_time.frame(i * 40 * MS, i % 2 == 0, None);
            late.frame(i * 40 * MS, i % 2 == 0, None);
            if i == 70 {
                late.mark("caecum", 20 * 40 * MS + 13 * MS);
            }
        }
        assert_eq!(on_time.times(4000 * MS), late.times(4000 * MS));
        let times = late.times(99 * 40 * MS).unwrap();
        assert!(!times.is_ended);
        assert!((times.withdrawal_s - (79.0 * 0.04 - 0.013)).abs() < 1e-9);
    }

    #[test]
    fn what_was_not_seen_is_not_clear() {
        let mut w = withdrawal();
        w.mark("caecum", 0);
        w.frame(0, true, None);
        // Ten seconds without a frame: half a second of them counts.
        w.frame(10_000 * MS, true, None);
        let times = w.times(10_000 * MS).unwrap();
        assert_eq!((times.withdrawal_s, times.effective_s), (10.0, 0.5));
    }

    #[test]
    fn leaving_the_body_ends_it_until_the_camera_is_back_or_the_end_is_marked() {
        let mut w = withdrawal();
        assert_eq!(w.times(0), None);
        w.mark("caecum", 0);
        for i in 0..200_u64 {
            let outside = (100..150).contains(&i).then_some(95 * 40 * MS);
            w.frame(i * 40 * MS, true, outside);
            let times = w.times(i * 40 * MS).unwrap();
            assert_eq!(times.is_ended, outside.is_some(), "{i}");
            if outside.is_some() {
                assert_eq!((times.withdrawal_s, times.effective_s), (3.8, 3.8));
            }
        }
        w.mark("exit", 199 * 40 * MS);
        let times = w.times(300 * 40 * MS).unwrap();
        assert_eq!((times.is_ended, times.withdrawal_s), (true, 199.0 * 0.04));
    }

    #[test]
    fn an_intervention_without_an_end_lasts_until_now_and_one_before_the_start_does_not_count() {
        let mut w = withdrawal();
        w.mark("inspection", 0);
        w.mark("intervention", 0);
        for i in 0..=100_u64 {
            w.frame(i * 100 * MS, true, None);
        }
        w.mark("inspection", 2000 * MS);
        w.mark("caecum", 1000 * MS);
        w.mark("intervention", 9000 * MS);
        w.mark("intervention", 9500 * MS);
        let times = w.times(10_000 * MS).unwrap();
        assert_eq!((times.withdrawal_s, times.inspection_s, times.effective_s), (9.0, 8.0, 8.0));
    }
}

//! How the engine is doing, as a live picture must say it. No GStreamer here.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use vesalius_measure::live::AiState;

/// Time over which answers are counted.
const WINDOW: Duration = Duration::from_secs(2);

/// Without a good answer for longer, an engine that fails or is silent is at fault: people must see it within half a second.
const PATIENCE: Duration = Duration::from_millis(500);

/// So long after a picture whose newest result was too old an engine counts as late: people cannot read a word that comes and goes.
const STEADY: Duration = Duration::from_secs(1);

/// What the frame at hand gets of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// A result in time.
    Fresh,
    /// The newest one is too old.
    Stale,
    /// There is none.
    Nothing,
}

/// What an engine was asked and what it answered lately.
#[derive(Debug, Default)]
pub(super) struct Condition {
    /// Since when it has been looking at a frame.
    asked: Option<Instant>,
    /// Answers of the last seconds, and whether they were results.
    answers: VecDeque<(Instant, bool)>,
    last_good: Option<Instant>,
    /// When a picture was last shown without the newest result, for that was too old.
    last_stale: Option<Instant>,
    last_error: String,
}

impl Condition {
    /// It begins to look at a frame.
    pub(super) fn ask(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// It answers, with a result or an error.
    pub(super) fn answer(&mut self, now: Instant, error: Option<&str>) {
        self.asked = None;
        self.answers.push_back((now, error.is_none()));
        self.forget_old(now);
        match error {
            None => self.last_good = Some(now),
            Some(error) => error.clone_into(&mut self.last_error),
        }
    }

    fn forget_old(&mut self, now: Instant) {
        while self.answers.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW) {
            self.answers.pop_front();
        }
    }

    /// For how long it has been looking at one frame.
    pub(super) fn busy_for(&self, now: Instant) -> Duration {
        self.asked.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Results a second over the last two seconds.
    pub(super) fn rate_hz(&self, now: Instant) -> f64 {
        let recent = || {
            self.answers
                .iter()
                .filter(|(at, good)| *good && now.saturating_duration_since(*at) <= WINDOW)
                .map(|(at, _)| *at)
        };
        let (Some(first), Some(last)) = (recent().next(), recent().next_back()) else { return 0.0 };
        // Between the first and the last, but for an engine that has stopped: then up to now.
        let gaps = recent().count() - 1;
        let span = last.saturating_duration_since(first).max(now.saturating_duration_since(last));
        if gaps == 0 || span.is_zero() {
            return recent().count() as f64 / WINDOW.as_secs_f64();
        }
        gaps as f64 / span.as_secs_f64()
    }

    /// The state and, unless all is well, why. An engine whose results may be old is given longer before it counts as silent.
    pub(super) fn state(&mut self, now: Instant, shown: Shown, max_age: Duration) -> (AiState, String) {
        if shown == Shown::Stale {
            self.last_stale = Some(now);
        }
        let was_stale = self.last_stale.is_some_and(|at| now.saturating_duration_since(at) <= STEADY);
        let busy = self.busy_for(now);
        if busy >= PATIENCE.max(2 * max_age) {
            return (AiState::Fault, format!("no answer for {:.1} s", busy.as_secs_f64()));
        }
        let recent = || self.answers.iter().filter(|(at, _)| now.saturating_duration_since(*at) <= WINDOW);
        let failed = recent().filter(|(_, good)| !good).count();
        let good_lately = self.last_good.is_some_and(|at| now.saturating_duration_since(at) <= PATIENCE);
        if failed > 0 && !good_lately {
            return (AiState::Fault, self.last_error.clone());
        }
        if self.last_good.is_none() && shown == Shown::Nothing {
            return (AiState::Loading, "the first answer has not come yet".to_owned());
        }
        if shown == Shown::Stale {
            return (AiState::Degraded, "the newest result is too old to be shown".to_owned());
        }
        if failed > 0 {
            let total = recent().count();
            let text = format!("{failed} of {total} answers of the last 2 s failed: {}", self.last_error);
            return (AiState::Degraded, text);
        }
        if was_stale && shown == Shown::Fresh {
            return (AiState::Degraded, "some results are too old to be shown".to_owned());
        }
        if shown == Shown::Nothing {
            return (AiState::Loading, "the next answer has not come yet".to_owned());
        }
        (AiState::Running, String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_AGE: Duration = Duration::from_millis(200);

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn an_engine_that_answers_runs_at_its_rate() {
        let (mut condition, start) = (Condition::default(), Instant::now());
        assert_eq!(condition.state(start, Shown::Nothing, MAX_AGE).0, AiState::Loading);
        for i in 0..100 {
            condition.ask(at(start, 40 * i));
            condition.answer(at(start, 40 * i + 20), None);
        }
        let now = at(start, 4000);
        assert_eq!(condition.state(now, Shown::Fresh, MAX_AGE), (AiState::Running, String::new()));
        assert!((condition.rate_hz(now) - 25.0).abs() < 0.1, "{}", condition.rate_hz(now));
        assert!(condition.answers.len() < 60, "old answers are forgotten");
        assert_eq!(condition.state(now, Shown::Stale, MAX_AGE).0, AiState::Degraded);
        assert_eq!(condition.rate_hz(at(now, 3000)), 0.0);
    }

    #[test]
    fn one_that_hangs_is_at_fault_after_half_a_second_and_runs_again_when_it_answers() {
        let (mut condition, start) = (Condition::default(), Instant::now());
        condition.answer(start, None);
        condition.ask(at(start, 10));
        assert_eq!(condition.state(at(start, 400), Shown::Stale, MAX_AGE).0, AiState::Degraded);
        let (state, why) = condition.state(at(start, 510), Shown::Stale, MAX_AGE);
        assert_eq!((state, why.as_str()), (AiState::Fault, "no answer for 0.5 s"));
        let patient = Duration::from_secs(2);
        assert_eq!(condition.state(at(start, 3000), Shown::Fresh, patient).0, AiState::Running);
        assert_eq!(condition.state(at(start, 4010), Shown::Stale, patient).0, AiState::Fault);
        condition.answer(at(start, 2100), Some("it was stopped"));
        let (state, why) = condition.state(at(start, 2110), Shown::Stale, MAX_AGE);
        assert_eq!((state, why.as_str()), (AiState::Fault, "it was stopped"));
        condition.answer(at(start, 2200), None);
        assert_eq!(condition.state(at(start, 2210), Shown::Fresh, MAX_AGE).0, AiState::Degraded);
        assert_eq!(condition.state(at(start, 4500), Shown::Fresh, MAX_AGE).0, AiState::Running);
    }

    #[test]
    fn one_that_is_late_now_and_then_is_degraded_and_does_not_flicker() {
        let (mut condition, start) = (Condition::default(), Instant::now());
        for i in 0..40 {
            let now = at(start, 100 * i);
            condition.answer(now, None);
            let shown = if i % 5 == 0 { Shown::Stale } else { Shown::Fresh };
            assert_eq!(condition.state(now, shown, MAX_AGE).0, AiState::Degraded, "{i}");
        }
        condition.answer(at(start, 4600), None);
        assert_eq!(condition.state(at(start, 4600), Shown::Fresh, MAX_AGE).0, AiState::Running);
    }

    #[test]
    fn one_that_fails_now_and_then_is_degraded_and_says_how_often() {
        let (mut condition, start) = (Condition::default(), Instant::now());
        for i in 0..10 {
            condition.answer(at(start, 100 * i), (i == 4).then_some("bad frame"));
        }
        let (state, why) = condition.state(at(start, 950), Shown::Fresh, MAX_AGE);
        assert_eq!(state, AiState::Degraded);
        assert_eq!(why, "1 of 10 answers of the last 2 s failed: bad frame");
    }
}

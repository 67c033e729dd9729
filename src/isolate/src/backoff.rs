//! When something that ended is started again, and when no more.

use std::collections::VecDeque;
use std::time::Duration;

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Start it again, at this time at the earliest.
    RestartAt(Duration),
    /// It fails too often: leave it off until a person says otherwise.
    Fault,
}

/// At most so many restarts in a window, each later than the one before; times are of any clock that only rises.
///
/// The first restart comes at once, the second after `first_pause`, each further one after twice the pause. Failures older
/// than the window are forgotten.
#[derive(Clone, Debug)]
pub struct Restarts {
    most: usize,
    window: Duration,
    first_pause: Duration,
    failures: VecDeque<Duration>,
}

impl Default for Restarts {
    /// Three in ten minutes.
    fn default() -> Self {
        Self::new(3, Duration::from_secs(600), Duration::from_millis(500))
    }
}

impl Restarts {
    /// At most `most` restarts within `window`.
    pub fn new(most: usize, window: Duration, first_pause: Duration) -> Self {
        Self { most, window, first_pause, failures: VecDeque::new() }
    }

    /// It failed at this time.
    pub fn failed(&mut self, now: Duration) -> Decision {
        self.forget(now);
        let before = self.failures.len();
        if before >= self.most {
            return Decision::Fault;
        }
        self.failures.push_back(now);
        let pause = match before {
            0 => Duration::ZERO,
            n => self.first_pause.saturating_mul(1_u32.checked_shl(n as u32 - 1).unwrap_or(u32::MAX)),
        };
        Decision::RestartAt(now.saturating_add(pause))
    }

    /// Restarts within the window that ends now.
    pub fn count(&mut self, now: Duration) -> usize {
        self.forget(now);
        self.failures.len()
    }

    /// A person has seen to it: all is forgotten.
    pub fn clear(&mut self) {
        self.failures.clear();
    }

    fn forget(&mut self, now: Duration) {
        while self.failures.front().is_some_and(|&at| now.saturating_sub(at) >= self.window) {
            self.failures.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn three_in_ten_minutes_then_fault() {
        let mut restarts = Restarts::default();
        assert_eq!(restarts.failed(s(10.0)), Decision::RestartAt(s(10.0)));
        assert_eq!(restarts.failed(s(11.0)), Decision::RestartAt(s(11.5)));
        assert_eq!(restarts.failed(s(20.0)), Decision::RestartAt(s(21.0)));
        assert_eq!(restarts.failed(s(30.0)), Decision::Fault);
        // The first is forgotten ten minutes after it happened.
        assert_eq!(restarts.failed(s(609.9)), Decision::Fault);
        assert_eq!(restarts.failed(s(610.0)), Decision::RestartAt(s(611.0)));
        assert_eq!(restarts.count(s(610.0)), 3);
    }

    #[test]
    fn a_person_begins_anew() {
        let mut restarts = Restarts::new(1, s(60.0), s(1.0));
        assert_eq!(restarts.failed(s(0.0)), Decision::RestartAt(s(0.0)));
        assert_eq!(restarts.failed(s(1.0)), Decision::Fault);
        restarts.clear();
        assert_eq!(restarts.failed(s(2.0)), Decision::RestartAt(s(2.0)));
    }
}

//! Whether a job is alive, for whoever would start it anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::shared::Seen;

/// Something always passes the chain, pictures or cards, ten times a second at the least, and the job looks after itself as
/// often. Without either for longer it is dead.
const DEAD_AFTER: Duration = Duration::from_secs(3);

/// A job's sign of life.
#[derive(Clone)]
pub struct Pulse {
    seen: Arc<Mutex<Seen>>,
    beat: Arc<Mutex<Instant>>,
}

impl Pulse {
    pub(crate) fn new(seen: Arc<Mutex<Seen>>) -> Self {
        Self { seen, beat: Arc::new(Mutex::new(Instant::now())) }
    }

    /// The job looks after itself.
    pub(crate) fn beat(&self) {
        *self.beat.lock() = Instant::now();
    }

    /// Why it is dead; `None` while it lives.
    pub fn dead(&self) -> Option<String> {
        let passed = self.seen.lock().passed_at.elapsed();
        let beat = self.beat.lock().elapsed();
        let of = |what: &str, since: Duration| format!("{what} for {:.0} s", since.as_secs_f64());
        match () {
            () if passed > DEAD_AFTER => Some(of("no picture has passed", passed)),
            () if beat > DEAD_AFTER => Some(of("nobody has looked after the job", beat)),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_through_which_nothing_passes_is_dead() {
        let seen = Arc::new(Mutex::new(Seen::new()));
        let pulse = Pulse::new(seen.clone());
        assert_eq!(pulse.dead(), None);
        let long_ago = Instant::now().checked_sub(Duration::from_secs(4)).unwrap();
        seen.lock().passed_at = long_ago;
        assert!(pulse.dead().unwrap().contains("no picture has passed for 4 s"));
        seen.lock().passed_at = Instant::now();
        *pulse.beat.lock() = long_ago;
        assert!(pulse.dead().unwrap().contains("looked after"));
        pulse.beat();
        assert_eq!(pulse.dead(), None);
    }
}

//! Ends a run that takes too long, from another thread.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ort::session::{NoSelectedOutputs, RunOptions};

/// Ends the runs of one session on the processor. ONNX Runtime looks for the wish between two operators, loops included:
/// one that never comes to its end cannot be ended.
#[derive(Clone)]
pub struct Breaker {
    shared: Arc<Shared>,
}

struct Shared {
    options: RunOptions<NoSelectedOutputs>,
    over: AtomicBool,
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker").field("over", &self.shared.over).finish_non_exhaustive()
    }
}

impl Breaker {
    pub(crate) fn new() -> Result<Self, ort::Error> {
        Ok(Self { shared: Arc::new(Shared { options: RunOptions::new()?, over: AtomicBool::new(false) }) })
    }

    /// The options of a run that begins now.
    pub(crate) fn begin(&self) -> &RunOptions<NoSelectedOutputs> {
        // A flag that cannot be set or unset leaves runs as they are without it.
        let _ = self.shared.options.unterminate();
        if self.shared.over.load(Ordering::Acquire) {
            let _ = self.shared.options.terminate();
        }
        &self.shared.options
    }

    /// Lets the run that is under way fail soon; without one, nothing happens.
    pub fn stop(&self) {
        let _ = self.shared.options.terminate();
    }

    /// As [`stop`](Self::stop), for this run and all to come.
    pub fn end(&self) {
        self.shared.over.store(true, Ordering::Release);
        self.stop();
    }
}

//! Progress: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use vesalius_pipeline::Progress;

/// Steps of the bar.
const STEPS: u64 = 1000;
/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how far a job is, on the standard error stream.
pub struct Reporter {
    bar: Option<ProgressBar>,
    quiet: bool,
    start: Instant,
    last_line: Instant,
}

impl Reporter {
    /// A reporter for one input. A quiet one says nothing.
    pub fn new(quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(STEPS);
            // The template is a constant; where it could not be read the default bar would do.
            if let Ok(style) = ProgressStyle::with_template(
                "{prefix:.bold} {bar:32.cyan/dim} {percent:>3}%  {msg}  {eta} left",
            ) {
                bar.set_style(style.progress_chars("━━╌"));
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        let now = Instant::now();
        Self { bar, quiet, start: now, last_line: now }
    }

    /// Takes a step.
    pub fn tell(&mut self, progress: &Progress) {
        if self.quiet {
            return;
        }
        let rate = progress.frames as f64 / self.start.elapsed().as_secs_f64().max(1e-3);
        if let Some(bar) = &self.bar {
            bar.set_prefix(progress.input.clone());
            bar.set_message(format!("{} frames, {rate:.0}/s", progress.frames));
            if let Some(done) = progress.done {
                bar.set_position((done.clamp(0.0, 1.0) * STEPS as f64) as u64);
            }
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            let left = progress.done.filter(|d| *d > 0.01).map_or(String::new(), |done| {
                let elapsed = self.start.elapsed().as_secs_f64();
                format!(", {:.0} %, {:.0} s left", 100.0 * done, elapsed / done - elapsed)
            });
            complain!("{}: {} frames, {rate:.0}/s{left}", progress.input, progress.frames);
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A flag that Ctrl-C sets; a second Ctrl-C ends the program at once.
pub fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    // Without a handler Ctrl-C ends the program as usual, and files are valid as far as they go.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::AcqRel) {
            std::process::exit(i32::from(crate::INTERRUPTED));
        }
        complain!("finishing what was begun; press Ctrl-C again to stop at once");
    });
    stop
}

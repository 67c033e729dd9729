//! What a supervisor is told of a live job, and what the next start is told of a crash.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use sd_notify::NotifyState;
use vesalius_pipeline::live::Pulse;

/// Signs of life to systemd (sd_notify(3)); without systemd nobody is told.
pub struct Service {
    stop: Arc<AtomicBool>,
    watchdog: Option<JoinHandle<()>>,
}

impl Service {
    /// The picture passes: says so, and goes on saying so for as long as it does.
    pub fn start(pulse: Pulse) -> Self {
        tell(&[NotifyState::Ready]);
        let stop = Arc::new(AtomicBool::new(false));
        let watchdog = sd_notify::watchdog_enabled().and_then(|period| {
            let stopped = stop.clone();
            // A thread of its own, that lives when the job's hang: it is the pulse that says whether they do.
            let watch = move || {
                let mut said = false;
                while !stopped.load(Ordering::Acquire) {
                    match pulse.dead() {
                        None => tell(&[NotifyState::Watchdog]),
                        Some(why) if !said => {
                            said = true;
                            complain!("vesalius: {why}: the supervisor will start it anew");
                        }
                        Some(_) => {}
                    }
                    std::thread::park_timeout(period / 4);
                }
            };
            std::thread::Builder::new().name("vesalius-watchdog".to_owned()).spawn(watch).ok()
        });
        Self { stop, watchdog }
    }

    /// One line of how things are.
    pub fn say(&self, line: &str) {
        tell(&[NotifyState::Status(line)]);
    }

    /// It ends because somebody wanted it.
    pub fn stop(mut self) {
        tell(&[NotifyState::Stopping]);
        self.stop.store(true, Ordering::Release);
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.thread().unpark();
            let _ = watchdog.join();
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    // A supervisor that is gone is no reason to stop.
    let _ = sd_notify::notify(states);
}

/// A file that is there while a service's job runs. One that is there at the start is of a run that did not end well.
pub struct Mark {
    path: PathBuf,
    was_there: bool,
}

impl Mark {
    /// Sets it in the service's own folder (`STATE_DIRECTORY`, systemd.exec(5)); `None` where there is none.
    pub fn set() -> Option<Self> {
        let folders = std::env::var_os("STATE_DIRECTORY").filter(|folders| !folders.is_empty())?;
        let folder = std::env::split_paths(&folders).next()?;
        let path = folder.join("running");
        let was_there = path.exists();
        if let Err(error) = std::fs::write(&path, "") {
            complain!("vesalius: {}: {error}: a crash will not be noticed at the next start", path.display());
        }
        Some(Self { path, was_there })
    }

    /// That the last run did not end well, if it did not.
    pub fn crashed(&self) -> Option<&'static str> {
        self.was_there.then_some("the last run did not end well")
    }

    /// This run ends well.
    pub fn clear(self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

//! What can be set on `vesaliussegment`.

use std::path::PathBuf;
use std::time::Duration;

use gst::glib;
use vesalius_engine::Provider;

/// Which frames are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "VesaliusMode")]
#[repr(i32)]
pub enum Mode {
    /// The newest frame; the picture never waits (live).
    #[default]
    #[enum_value(name = "The newest frame is looked at, the picture never waits (live)", nick = "latest")]
    Latest = 0,
    /// Every frame; each waits for its own result (replay).
    #[enum_value(name = "Every frame waits for its own result (replay)", nick = "every-frame")]
    EveryFrame = 1,
}

/// Where a result that is older than the picture is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "VesaliusAlignment")]
#[repr(i32)]
pub enum Alignment {
    /// Where it was found.
    #[default]
    #[enum_value(name = "Where it was found, with its age", nick = "lag")]
    Lag = 0,
    /// Where the picture has moved to since.
    #[enum_value(name = "Where the picture has moved to since, with its age", nick = "motion")]
    Motion = 1,
    /// On the picture that it is of, which waits for it.
    #[enum_value(name = "On the picture that it is of, which waits", nick = "delay")]
    Delay = 2,
}

/// Where the engine runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "VesaliusIsolation")]
#[repr(i32)]
pub enum Isolation {
    /// In threads of this process.
    #[default]
    #[enum_value(name = "Threads of this process", nick = "thread")]
    Thread = 0,
    /// In a process of its own for each thread: a crash or a hang ends that and nothing else.
    #[enum_value(
        name = "A process of its own, which a crash or a hang ends and nothing else",
        nick = "process"
    )]
    Process = 1,
}

/// The value of `backend` and `precision` that lets the element choose.
pub(super) const AUTO: &str = "auto";

/// Workers on a GPU where nobody says how many: one prepares a frame while the other's is on the GPU. Each holds the
/// engine's memory there, so more would cost and gain nothing.
const GPU_WORKERS: usize = 2;

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) engine: String,
    pub(super) backend: String,
    pub(super) precision: String,
    pub(super) mode: Mode,
    pub(super) threads: u32,
    pub(super) max_in_flight: u32,
    pub(super) max_age: Duration,
    pub(super) isolation: Isolation,
    pub(super) deadline: Duration,
    pub(super) program: Option<PathBuf>,
    pub(super) runtime: Option<PathBuf>,
    pub(super) background: bool,
    pub(super) watch_signal: bool,
    pub(super) alignment: Alignment,
    /// Time that a picture may be held up for to find out how it moved.
    pub(super) motion_within: Duration,
    /// Time that a picture waits for with [`Alignment::Delay`].
    pub(super) delay: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            engine: String::new(),
            backend: AUTO.to_owned(),
            precision: AUTO.to_owned(),
            mode: Mode::default(),
            threads: 0,
            max_in_flight: 0,
            max_age: Duration::from_millis(200),
            isolation: Isolation::default(),
            deadline: Duration::from_secs(1),
            program: None,
            runtime: None,
            background: false,
            watch_signal: false,
            alignment: Alignment::default(),
            motion_within: Duration::from_millis(5),
            delay: Duration::from_millis(100),
        }
    }
}

/// How the threads are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Frames that are looked at at the same time.
    pub(super) workers: usize,
    /// Threads that share the work of one frame.
    pub(super) threads_per_worker: usize,
    /// Frames that may be on their way through the element.
    pub(super) max_in_flight: usize,
}

impl Settings {
    /// Whether frames pass before the engine is loaded.
    pub(super) fn in_background(&self) -> bool {
        self.background && self.mode == Mode::Latest
    }

    /// Every frame: one thread a frame, for a network splits worse than a stream of frames. Newest frame: all
    /// threads on it, for only its delay counts.
    pub(super) fn plan(&self, provider: Provider) -> Plan {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let enough = if provider.is_gpu() { cores.min(GPU_WORKERS) } else { cores };
        let threads = if self.threads == 0 { enough } else { self.threads as usize };
        match self.mode {
            Mode::Latest => Plan { workers: 1, threads_per_worker: threads, max_in_flight: 1 },
            Mode::EveryFrame => {
                // One more than the workers keeps them busy while the oldest waits to be taken.
                let in_flight =
                    if self.max_in_flight == 0 { threads + 1 } else { self.max_in_flight as usize };
                let workers = threads.min(in_flight).max(1);
                Plan { workers, threads_per_worker: (threads / workers).max(1), max_in_flight: in_flight }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_go_to_frames_or_to_one_frame() {
        let replay = Settings { mode: Mode::EveryFrame, threads: 4, ..Settings::default() };
        assert_eq!(replay.plan(Provider::Cpu), Plan { workers: 4, threads_per_worker: 1, max_in_flight: 5 });
        let serial = Settings { max_in_flight: 1, ..replay };
        assert_eq!(serial.plan(Provider::Cpu), Plan { workers: 1, threads_per_worker: 4, max_in_flight: 1 });
        let on_gpu = Settings { mode: Mode::EveryFrame, ..Settings::default() }.plan(Provider::Cuda);
        assert!(on_gpu.workers <= GPU_WORKERS && on_gpu.threads_per_worker == 1, "{on_gpu:?}");
        let live = Settings { threads: 3, ..Settings::default() };
        assert_eq!(live.plan(Provider::Cpu), Plan { workers: 1, threads_per_worker: 3, max_in_flight: 1 });
    }
}

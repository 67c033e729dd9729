//! Counts and times of `vesaliussegment`.

use vesalius_cuda::Context;

use crate::histogram::Histogram;

#[derive(Clone, Debug, Default)]
pub(super) struct Stats {
    /// Frames that came in.
    pub(super) frames: u64,
    /// Frames that the engine looked at.
    pub(super) inferred: u64,
    /// Frames that passed without being looked at (newest-frame mode).
    pub(super) skipped: u64,
    /// Frames on which the engine failed.
    pub(super) failed: u64,
    /// Failures that the streaming thread met; in newest-frame mode some are overtaken by a newer answer.
    pub(super) reported: u64,
    /// Frames that passed with a result too old to be shown.
    pub(super) stale: u64,
    /// Frames that passed with a result carried along with the picture.
    pub(super) carried: u64,
    /// Frames whose result stays where it was found, for finding out how the picture moved would have taken too long.
    pub(super) carried_late: u64,
    /// Time that frames were held up for to find out how they moved.
    pub(super) motion: Histogram,
    /// Whether frames lie on a GPU and are copied from there for the engine.
    pub(super) comes_down: bool,
    /// Frames that were copied from a GPU for the engine.
    pub(super) downloaded: u64,
    /// Where the engine looks at frames on a GPU; it counts what goes to and fro.
    pub(super) context: Option<Context>,
    pub(super) inference: Histogram,
    pub(super) backend: String,
    /// Where the engine runs, and what confines it.
    pub(super) isolation: String,
    /// The engine's own process, where it has one; 0 where there is none, or none any more.
    pub(super) process_id: u32,
    pub(super) last_error: String,
}

impl Stats {
    /// Counts a frame that the engine looked at.
    pub(super) fn count_inference(&mut self, ns: Option<u64>, error: Option<String>) {
        self.inferred += 1;
        self.downloaded += u64::from(self.comes_down);
        if let Some(ns) = ns {
            self.inference.add(ns);
        }
        if let Some(error) = error {
            self.count_failure(error);
        }
    }

    /// Counts a frame that has no result.
    pub(super) fn count_failure(&mut self, error: String) {
        self.failed += 1;
        self.last_error = error;
    }

    pub(super) fn structure(&self) -> gst::Structure {
        let device = self.context.as_ref().map(Context::counters).unwrap_or_default();
        let mut s = gst::Structure::builder("vesalius-segment-stats")
            .field("frames", self.frames)
            .field("inferred", self.inferred)
            .field("skipped", self.skipped)
            .field("failed", self.failed)
            .field("stale", self.stale)
            .field("carried", self.carried)
            .field("carried-late", self.carried_late)
            .field("frames-uploaded", device.frames_uploaded)
            .field("frames-downloaded", device.frames_downloaded + self.downloaded)
            .field("frames-copied-on-device", device.frames_copied)
            .field("backend", &self.backend)
            .field("isolation", &self.isolation)
            .field("process-id", self.process_id)
            .field("last-error", &self.last_error)
            .build();
        for (name, q) in [("inference-p50", 0.5), ("inference-p95", 0.95), ("inference-p99", 0.99)] {
            if let Some(ns) = self.inference.quantile_ns(q) {
                s.set(name, ns);
            }
        }
        for (name, q) in [("motion-p50", 0.5), ("motion-p99", 0.99)] {
            if let Some(ns) = self.motion.quantile_ns(q) {
                s.set(name, ns);
            }
        }
        for (name, times) in [("inference-max", &self.inference), ("motion-max", &self.motion)] {
            if let Some(ns) = times.max_ns() {
                s.set(name, ns);
            }
        }
        s
    }
}

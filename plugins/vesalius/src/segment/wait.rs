//! What `alignment=delay` adds to newest-frame mode: the picture waits until what is found in it can be there.
//!
//! The engine gets a frame when it comes. The frame leaves with the first one that is `delay` later, and takes along the result of
//! itself, or of the last frame before it that was looked at. The wait is the same whatever the engine does: it is declared as
//! latency, and no frame waits for an answer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;
use gst::subclass::prelude::*;
use vesalius_measure::result::FrameResult;

use super::imp::Segment;
use super::live::Seen;
use super::settings::{Alignment, Mode};

/// Results kept for frames that wait; more than wait at a time at any usual rate.
const MOST_RESULTS: usize = 64;

/// Results for the frames that are to leave, the oldest first.
#[derive(Default)]
pub(super) struct Results(VecDeque<Arc<FrameResult>>);

impl Results {
    /// Takes in the result of a frame after all of those before.
    pub(super) fn add(&mut self, result: FrameResult) {
        if self.0.len() == MOST_RESULTS {
            self.0.pop_front();
        }
        self.0.push_back(Arc::new(result));
    }

    /// The result of the frame of this time, or of the last one before it; those before that are forgotten.
    pub(super) fn of(&mut self, pts_ns: u64) -> Option<Arc<FrameResult>> {
        while self.0.get(1).is_some_and(|next| next.source_pts_ns <= pts_ns) {
            self.0.pop_front();
        }
        self.0.front().filter(|first| first.source_pts_ns <= pts_ns).cloned()
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// The frames that wait, the oldest first.
#[derive(Default)]
pub(super) struct Held {
    frames: VecDeque<Seen>,
    newest_pts_ns: u64,
}

impl Held {
    fn add(&mut self, seen: Seen) {
        self.newest_pts_ns = seen.pts_ns;
        self.frames.push_back(seen);
    }

    /// The oldest, once the newest is so much later.
    fn due(&mut self, delay_ns: u64) -> Option<Seen> {
        let oldest = self.frames.front()?.pts_ns;
        // Where time goes back, waiting for it to go on would hold the picture.
        let passed = self.newest_pts_ns.checked_sub(oldest);
        if passed.is_none_or(|passed| passed >= delay_ns) { self.frames.pop_front() } else { None }
    }
}

impl Segment {
    /// How long frames wait; `None` where they do not.
    fn delay(&self) -> Option<Duration> {
        let settings = self.settings.lock();
        (settings.mode == Mode::Latest && settings.alignment == Alignment::Delay).then_some(settings.delay)
    }

    /// Lets a frame wait, where frames do.
    pub(super) fn hold(&self, seen: Seen) -> Option<Seen> {
        let waits = self.delay().is_some();
        let mut stream = self.stream.lock();
        // Those that still wait go first.
        if !waits && stream.held.frames.is_empty() {
            return Some(seen);
        }
        stream.held.add(seen);
        None
    }

    /// The next frame that has waited long enough, with what is known of it.
    pub(super) fn due(&self) -> Option<gst::Buffer> {
        let delay = self.delay().unwrap_or_default();
        let seen = self.stream.lock().held.due(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX))?;
        let running = self.running.lock().clone();
        Some(self.leave(running.as_deref(), seen))
    }

    /// The next frame that waits, however long it has.
    pub(super) fn hurry(&self) -> Option<gst::Buffer> {
        let seen = self.stream.lock().held.frames.pop_front()?;
        let running = self.running.lock().clone();
        Some(self.leave(running.as_deref(), seen))
    }

    /// Frames that wait at a time, at this rate: what the wait comes to, since a frame leaves when another comes.
    pub(super) fn waits(&self, frame: gst::ClockTime) -> gst::ClockTime {
        let Some(delay) = self.delay() else { return gst::ClockTime::ZERO };
        let (delay, frame) = (u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX), frame.nseconds().max(1));
        gst::ClockTime::from_nseconds(delay.div_ceil(frame).saturating_mul(frame))
    }

    /// Tells the pipeline that frames wait for longer or shorter than before.
    pub(super) fn declare(&self) {
        let obj = self.obj();
        let _ = obj.post_message(gst::message::Latency::builder().src(&*obj).build());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_measure::result::{EngineIdentity, Reason};

    fn of(pts_ns: u64) -> FrameResult {
        let identity = EngineIdentity {
            name: "engine".to_owned(),
            version: String::new(),
            sha256: String::new(),
            precision: String::new(),
            backend: String::new(),
            protocol: "generic".to_owned(),
        };
        FrameResult::missing(Arc::new(identity), pts_ns, Reason::Off)
    }

    #[test]
    fn a_frame_gets_its_own_result_or_the_one_before_and_never_one_to_come() {
        let mut results = Results::default();
        assert!(results.of(100).is_none());
        for pts_ns in [100, 300, 400] {
            results.add(of(pts_ns));
        }
        assert!(results.of(50).is_none());
        let got = |results: &mut Results, pts_ns| results.of(pts_ns).map(|result| result.source_pts_ns);
        assert_eq!(got(&mut results, 100), Some(100));
        assert_eq!(got(&mut results, 299), Some(100));
        assert_eq!(got(&mut results, 300), Some(300));
        assert_eq!(got(&mut results, 9000), Some(400));
        results.forget();
        assert_eq!(got(&mut results, 9000), None);
        for pts_ns in 0..1000 {
            results.add(of(pts_ns));
        }
        assert_eq!(results.0.len(), MOST_RESULTS);
    }
}

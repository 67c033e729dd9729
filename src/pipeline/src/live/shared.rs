//! What the threads of a live job share, and what the newest frame says.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gstvesalius::{Histogram, Segment};
use parking_lot::Mutex;
use vesalius_measure::live::SignalState;
use vesalius_measure::result::FrameResult;
use vesalius_serve::Hub;

use super::feed::Feed;
use super::outlet::{Tap, Time};
use super::record::{LEAST_FREE, Recording, free_bytes, prepare};
use crate::collect::result_of;

/// Delays are told of the last one to two of these.
const DELAYS_OVER: Duration = Duration::from_secs(30);
/// The rate of pictures is told over this time.
const RATE_OVER: Duration = Duration::from_secs(2);

/// What passes the end of the chain.
pub(crate) struct Seen {
    pub(crate) result: Option<Arc<FrameResult>>,
    pub(crate) passed: u64,
    /// Of this and the last half minute.
    delays: [Histogram; 2],
    delays_since: Instant,
    recent: VecDeque<Instant>,
    pub(crate) signal: SignalState,
    pub(crate) signal_since: Instant,
}

impl Seen {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            result: None,
            passed: 0,
            delays: Default::default(),
            delays_since: now,
            recent: VecDeque::new(),
            signal: SignalState::None,
            signal_since: now,
        }
    }

    fn take(&mut self, result: Option<Arc<FrameResult>>, delay: Option<Duration>, now: Instant) {
        self.passed += 1;
        if now.saturating_duration_since(self.delays_since) > DELAYS_OVER {
            self.delays.swap(0, 1);
            if let Some(newest) = self.delays.first_mut() {
                *newest = Histogram::default();
            }
            self.delays_since = now;
        }
        if let (Some(delay), Some(newest)) = (delay, self.delays.first_mut()) {
            newest.add(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX));
        }
        let signal =
            result.as_ref().and_then(|r| r.live.as_ref()).map_or(SignalState::Live, |live| live.signal);
        if signal != self.signal {
            (self.signal, self.signal_since) = (signal, now);
        }
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|at| now.saturating_duration_since(*at) > RATE_OVER) {
            self.recent.pop_front();
        }
        self.result = result;
    }

    /// The time that this part of the frames of the last minute did not exceed within the chain, milliseconds.
    pub(crate) fn delay_ms(&self, q: f64) -> f64 {
        // The worse of the two halves: at such parts they cannot be joined without their counts.
        let of = |half: &Histogram| half.quantile_ns(q).unwrap_or(0);
        self.delays.iter().map(of).max().unwrap_or(0) as f64 / 1e6
    }

    /// Pictures a second.
    pub(crate) fn rate_hz(&self, now: Instant) -> f64 {
        let span = self.recent.front().map_or(Duration::ZERO, |first| now.saturating_duration_since(*first));
        if span.is_zero() { 0.0 } else { self.recent.len() as f64 / span.as_secs_f64() }
    }
}

/// Recording, as people see it.
#[derive(Default)]
pub(crate) struct RecordingSide {
    pub(crate) now: Option<Recording>,
    /// Whether somebody wants it; it begins with the source's first picture.
    pub(crate) wanted: bool,
    /// Why it does not run although somebody wanted it; empty otherwise.
    pub(crate) why: String,
    pub(crate) dropped: u64,
}

/// What controls and watches a job from other threads.
pub(crate) struct Shared {
    pub(crate) segment: Segment,
    pub(crate) feed: Arc<Feed>,
    pub(crate) annotated: Arc<Tap>,
    pub(crate) clean: Arc<Tap>,
    pub(crate) time: Time,
    pub(crate) seen: Arc<Mutex<Seen>>,
    pub(crate) recording: Mutex<RecordingSide>,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) hub: Hub,
    pub(crate) engines: Vec<String>,
    pub(crate) source: String,
    pub(crate) notice: String,
}

impl Shared {
    /// Looks at what passes the end of the chain.
    pub(crate) fn see(seen: &Mutex<Seen>, feed: &Feed, buffer: &gst::BufferRef) {
        let delay = buffer.pts().and_then(|pts| feed.delay_of(pts));
        seen.lock().take(result_of(buffer), delay, Instant::now());
    }

    /// Begins to record.
    pub(crate) fn begin_recording(&self) -> Result<(), String> {
        let folder = self.folder.as_ref().ok_or("there is nowhere to record to: start with --out DIR")?;
        prepare(folder)?;
        self.recording.lock().wanted = true;
        self.watch_recording().map_or(Ok(()), Err)
    }

    /// Ends recording; its files are closed when this returns.
    pub(crate) fn end_recording(&self) -> Result<(), String> {
        let recording = {
            let mut side = self.recording.lock();
            side.why.clear();
            side.wanted = false;
            side.now.take()
        };
        recording.map_or(Ok(()), Recording::finish)
    }

    /// Looks after recording: begins it with the first picture, ends one that failed, and puts pictures of another size into
    /// files of their own. What is wrong, if something is.
    pub(crate) fn watch_recording(&self) -> Option<String> {
        let mut side = self.recording.lock();
        let folder = self.folder.as_deref().filter(|_| side.wanted)?;
        let Some(now) = &side.now else {
            let feed = self.feed.figures();
            if feed.frames == 0 {
                return None;
            }
            let taps = [&self.annotated, &self.clean];
            match Recording::start(folder, taps, &self.time, (feed.width, feed.height)) {
                Ok(recording) => side.now = Some(recording),
                Err(error) => return Some(side.fail(error)),
            }
            side.why.clear();
            return None;
        };
        let full = || free_bytes(folder).is_some_and(|free| free < LEAST_FREE);
        let error = now.error().or_else(|| full().then(|| "the disk is full".to_owned()));
        let (other, dropped) = (now.has_met_other_kind(), now.dropped());
        side.dropped = dropped;
        if error.is_none() && !other {
            return None;
        }
        let ended = side.now.take();
        let said = error.map(|error| side.fail(error));
        drop(side);
        // Closing waits for the coder; the picture does not wait for this thread.
        let closed = ended.map_or(Ok(()), Recording::finish);
        said.or(closed.err())
    }
}

impl RecordingSide {
    fn fail(&mut self, error: String) -> String {
        self.wanted = false;
        let said = format!("recording has ended: {error}");
        self.why = error;
        said
    }
}

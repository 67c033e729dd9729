//! What the threads of a live job share, and what the newest frame says.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gstvesalius::{Histogram, Segment};
use parking_lot::Mutex;
use vesalius_isolate::Granted;
use vesalius_ledger::live::LiveAccount;
use vesalius_measure::live::SignalState;
use vesalius_measure::result::{FrameResult, ResultStatus};
use vesalius_serve::Hub;

use super::account::Account;
use super::events::Events;
use super::feed::{Feed, Origin};
use super::latency::{Latencies, processor_time};
use super::lookback::LookBack;
use super::ns;
use super::outlet::{Tap, Time};
use super::privacy::Exits;
use super::record::Recording;
use super::room::RecordingRules;
use super::status::signatures;
use super::webrtc::Webrtc;
use crate::collect::result_of;
use crate::identity;

/// Delays are told of the last one to two of these.
const DELAYS_OVER: Duration = Duration::from_secs(30);
/// The rate of pictures is told over this time.
const RATE_OVER: Duration = Duration::from_secs(2);
/// Older recordings are looked for this often.
const ROOM_EVERY: Duration = Duration::from_secs(1);

/// What passes the end of the chain.
pub(crate) struct Seen {
    pub(crate) result: Option<Arc<FrameResult>>,
    /// When the last picture passed, whatever it was.
    pub(crate) passed_at: Instant,
    /// Over the whole job.
    pub(crate) latencies: Latencies,
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
            passed_at: now,
            latencies: Latencies::default(),
            delays: Default::default(),
            delays_since: now,
            recent: VecDeque::new(),
            signal: SignalState::None,
            signal_since: now,
        }
    }

    fn take(&mut self, result: Option<Arc<FrameResult>>, delay: Option<Duration>, now: Instant) {
        self.passed_at = now;
        if now.saturating_duration_since(self.delays_since) > DELAYS_OVER {
            self.delays.swap(0, 1);
            if let Some(newest) = self.delays.first_mut() {
                *newest = Histogram::default();
            }
            self.delays_since = now;
        }
        if let (Some(delay), Some(newest)) = (delay, self.delays.first_mut()) {
            newest.add(ns(delay));
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
    room_at: Option<Instant>,
}

/// The last seconds, as people see them.
#[derive(Default)]
pub(crate) struct LookBackSide {
    pub(crate) now: Option<LookBack>,
    /// How much is wanted; `None` for nothing, or when it failed.
    pub(crate) wanted: Option<Duration>,
    /// Why nothing is kept although somebody wanted it.
    pub(crate) why: String,
}

/// Who is told of every picture, while there is somebody.
pub(crate) type Listener = Arc<Mutex<Option<Arc<Account>>>>;

/// What controls and watches a job from other threads.
pub(crate) struct Shared {
    pub(crate) segment: Segment,
    pub(crate) feed: Arc<Feed>,
    /// The picture as shown, for screens in the room.
    pub(crate) annotated: Arc<Tap>,
    pub(crate) exits: Exits,
    /// The stream for browsers, or why there is none: they then take pictures one by one.
    pub(crate) webrtc: Result<Arc<Webrtc>, String>,
    pub(crate) time: Time,
    pub(crate) seen: Arc<Mutex<Seen>>,
    pub(crate) events: Events,
    /// How far the picture's thread goes before others.
    pub(crate) priority: Arc<Mutex<Granted>>,
    pub(crate) recording: Mutex<RecordingSide>,
    pub(crate) rules: RecordingRules,
    pub(crate) look_back: Mutex<LookBackSide>,
    pub(crate) account: Listener,
    pub(crate) max_age: Duration,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) hub: Hub,
    /// Engines that can be chosen: by what each is called, what it is found by.
    pub(crate) engines: BTreeMap<String, String>,
    pub(crate) source: String,
    pub(crate) notice: String,
}

impl Shared {
    /// Looks at what passes the end of the chain.
    pub(crate) fn see(seen: &Mutex<Seen>, feed: &Feed, account: &Listener, buffer: &gst::BufferRef) {
        let passage = buffer.pts().map(|pts| feed.passed(pts)).unwrap_or_default();
        let (now, result) = (Instant::now(), result_of(buffer));
        let delay = passage.arrival.map(|arrival| now.saturating_duration_since(arrival.at));
        if let Some(account) = &*account.lock() {
            account.passed(&passage, delay.unwrap_or_default(), result.as_ref());
        }
        let is_source = |origin| origin == Origin::Source;
        let worked = processor_time();
        let mut seen = seen.lock();
        seen.latencies.worked(worked);
        let lost = passage.dropped.iter().filter(|arrival| is_source(arrival.from)).count();
        seen.latencies.dropped(lost as u64);
        if let (Some(delay), true) = (delay, passage.arrival.is_some_and(|arrival| is_source(arrival.from))) {
            let drawn = result.as_ref().filter(|result| result.status == ResultStatus::Ok);
            seen.latencies.shown(delay, drawn.map(|result| Duration::from_nanos(result.age_ns)));
        }
        seen.take(result, delay, now);
    }

    /// Begins to record.
    pub(crate) fn begin_recording(&self) -> Result<(), String> {
        let folder = self.folder.as_ref().ok_or("there is nowhere to record to: start with --out DIR")?;
        self.rules.prepare(folder)?;
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
        let Some(recording) = recording else { return Ok(()) };
        // The last of what was shown is still held.
        let hold = Duration::from_nanos(self.exits.hold().nseconds());
        if !hold.is_zero() {
            std::thread::sleep(hold + Duration::from_millis(100));
        }
        let mut account = self.account.lock();
        // Somebody may have begun another meanwhile.
        if account.as_ref().is_some_and(|now| Arc::ptr_eq(now, recording.account())) {
            account.take();
        }
        drop(account);
        recording.finish(None)
    }

    fn head(&self) -> LiveAccount {
        LiveAccount {
            record: "account",
            schema: vesalius_ledger::record::SCHEMA,
            started_utc: identity::now_utc(),
            software: identity::software(),
            source: self.source.clone(),
            max_age_ms: u64::try_from(self.max_age.as_millis()).unwrap_or(u64::MAX),
            not_for_clinical_use: true,
        }
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
            let taps = [&self.exits.annotated, &self.exits.clean];
            let size = (feed.width, feed.height);
            let signatures = signatures(self);
            match Recording::start(folder, &self.rules, taps, &self.time, size, &self.head(), &signatures) {
                Ok(recording) => {
                    *self.account.lock() = Some(recording.account().clone());
                    side.now = Some(recording);
                }
                Err(error) => return Some(side.fail(error)),
            }
            side.why.clear();
            return None;
        };
        let (other, dropped, stem) = (now.has_met_other_kind(), now.dropped(), now.stem().to_owned());
        let error = now.error();
        side.dropped = dropped;
        let looks_for_room = side.room_at.is_none_or(|at| at.elapsed() >= ROOM_EVERY);
        if looks_for_room {
            side.room_at = Some(Instant::now());
        }
        if error.is_none() && !other && !looks_for_room {
            return None;
        }
        // Closing waits for the coder and a large file goes slowly: nobody waits for this thread.
        drop(side);
        let error = error.or_else(|| self.rules.make_room(folder, Some(&stem)).err());
        if error.is_none() && !other {
            return None;
        }
        let mut side = self.recording.lock();
        // Somebody may have ended it meanwhile, and begun another.
        if side.now.as_ref().is_none_or(|now| now.stem() != stem) {
            return None;
        }
        let ended = side.now.take();
        let said = error.as_ref().map(|error| side.fail(error.clone()));
        drop(side);
        self.account.lock().take();
        let closed = ended.map_or(Ok(()), |recording| recording.finish(error.as_deref()));
        said.or(closed.err())
    }

    /// Looks after the last seconds: begins to keep them with the first picture, and anew with those of another size. What is wrong,
    /// if something is.
    pub(crate) fn watch_look_back(&self) -> Option<String> {
        let mut side = self.look_back.lock();
        let length = side.wanted?;
        if let Some(now) = &side.now {
            let error = now.error();
            if error.is_none() && !now.has_met_other_kind() {
                return None;
            }
            side.now = None;
            return error.map(|error| side.fail(error));
        }
        let feed = self.feed.figures();
        if feed.frames == 0 {
            return None;
        }
        let taps = [&self.exits.annotated, &self.exits.clean];
        match LookBack::start(length, taps, &self.time, (feed.width, feed.height)) {
            Ok(look_back) => side.now = Some(look_back),
            Err(error) => return Some(side.fail(error)),
        }
        None
    }
}

impl LookBackSide {
    fn fail(&mut self, error: String) -> String {
        self.wanted = None;
        let said = format!("the last seconds are not kept any more: {error}");
        self.why = error;
        said
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

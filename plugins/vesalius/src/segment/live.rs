//! What newest-frame mode adds: the picture passes whatever the engine does, and says how both are.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;
use vesalius_measure::flow::Motion;
use vesalius_measure::live::{AiState, LiveState, SignalState};
use vesalius_measure::result::{EngineIdentity, FrameResult, Reason, ResultStatus};
use vesalius_measure::signal::{SignalRules, SignalWatch};

use super::carry::{Carrier, Stays};
use super::condition::Shown;
use super::imp::Segment;
use super::infer::Job;
use super::running::{LoadError, Loaded, Running};
use super::settings::{Alignment, Mode};
use crate::device::Place;
use crate::messages::StateMessage;
use crate::result_meta::ResultMeta;

/// How long stopping waits for an engine that is still being loaded.
const LOADED_WITHIN: Duration = Duration::from_secs(5);

/// A frame that the engine has been given.
pub(super) struct Seen {
    buffer: gst::Buffer,
    pub(super) pts_ns: u64,
    signal: SignalState,
    /// Whether results are carried along to it.
    remembers: bool,
    /// When that began.
    begun: Instant,
}

/// What the streaming thread remembers of the frames before.
#[derive(Default)]
pub(super) struct LiveSide {
    watch: Option<SignalWatch>,
    /// What upstream says of the pictures that it sends; `Live` where it says nothing.
    pub(super) told: SignalState,
    /// Whether the last frame was one for the engine.
    looked: bool,
    posted: Option<(AiState, SignalState)>,
    /// The frames that a result may be of.
    carrier: Carrier,
    /// Why there is no engine, where loading it in the background failed.
    pub(super) load_error: String,
    /// Who results are from before the engine is there.
    pending: Option<Arc<EngineIdentity>>,
}

impl LiveSide {
    /// Another picture: what was seen of the one before does not count.
    pub(super) fn other_picture(&mut self) {
        self.watch = None;
        self.carrier.forget();
    }

    /// Nothing before belongs with what comes.
    pub(super) fn forget(&mut self) {
        self.carrier.forget();
    }

    /// The stream is over; whether there is an engine has nothing to do with it.
    pub(super) fn stopped(&mut self) {
        let load_error = std::mem::take(&mut self.load_error);
        *self = Self { load_error, ..Self::default() };
    }

    /// An identity that says no more than is known before an engine is loaded.
    fn identity(&mut self, engine: &str) -> Arc<EngineIdentity> {
        let name = engine.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        match &self.pending {
            Some(pending) if pending.name == name => pending.clone(),
            _ => self
                .pending
                .insert(Arc::new(EngineIdentity {
                    name: name.to_owned(),
                    version: String::new(),
                    sha256: String::new(),
                    precision: String::new(),
                    backend: String::new(),
                    protocol: "generic".to_owned(),
                }))
                .clone(),
        }
    }
}

impl Segment {
    /// Looks what a frame is like, and gives it to the engine.
    pub(super) fn see(
        &self,
        running: Option<&Running>,
        mut buffer: gst::Buffer,
        info: &Arc<gst_video::VideoInfo>,
        pts_ns: u64,
    ) -> Seen {
        let now = Instant::now();
        let on = !self.disabled.load(Ordering::Acquire);
        let signal = self.signal(&buffer, info, pts_ns);
        let why_not = if on { signal.reason() } else { Some(Reason::Off) };
        let looks = why_not.is_none();
        let looked = std::mem::replace(&mut self.live.lock().looked, looks);
        if looked != looks {
            // What was found before does not belong to what is seen now.
            self.forget();
        }
        if let Some(running) = running {
            running.watch(now);
        }
        if let (Some(running), true) = (running, looks) {
            let epoch = self.epoch.load(Ordering::Acquire);
            let sight = self.sight(&mut buffer);
            let job = sight.map(|sight| Job { sight, info: info.clone(), pts_ns, epoch, promise: None });
            if job.is_none_or(|job| running.pool.give(job).is_some()) {
                self.stats.lock().skipped += 1;
            }
        }
        let begun = Instant::now();
        let remembers = looks && self.remember(running, &buffer, info, pts_ns);
        Seen { buffer, pts_ns, signal, remembers, begun }
    }

    /// Lets a frame go, with the newest result of it and the frames before or the reason why there is none.
    pub(super) fn leave(&self, running: Option<&Running>, seen: Seen) -> gst::Buffer {
        let Seen { mut buffer, pts_ns, signal, remembers, begun } = seen;
        let now = Instant::now();
        // A person's word counts for the frames that wait, too.
        let on = !self.disabled.load(Ordering::Acquire);
        let why_not = if on { signal.reason() } else { Some(Reason::Off) };
        let (mut result, shown) = match (running, why_not) {
            (Some(running), None) => self.newest(running, pts_ns),
            (running, why_not) => {
                let failed = !self.live.lock().load_error.is_empty();
                let reason =
                    why_not.unwrap_or(if failed { Reason::InferenceFailed } else { Reason::Loading });
                let identity = match running {
                    Some(running) => running.loaded.identity.clone(),
                    None => {
                        let engine = self.settings.lock().engine.clone();
                        self.live.lock().identity(&engine)
                    }
                };
                (FrameResult::missing(identity, pts_ns, reason), Shown::Nothing)
            }
        };
        if remembers {
            result.motion = self.motion(&result, begun);
        }
        let live = self.state(running, on, signal, shown, now);
        self.post_state(&live);
        result.live = Some(Arc::new(live));
        ResultMeta::add(buffer.make_mut(), Arc::new(result));
        buffer
    }

    /// The newest result with its age, or why it is not to be shown.
    fn newest(&self, running: &Running, pts_ns: u64) -> (FrameResult, Shown) {
        // The lock is not held while messages are posted.
        let finished = std::mem::take(&mut *running.finished.lock());
        for error in &finished.errors {
            self.report(error);
        }
        let newest = {
            let (now, mut stream) = (self.epoch.load(Ordering::Acquire), self.stream.lock());
            for (_, outcome) in finished.outcomes.into_iter().filter(|(epoch, _)| *epoch == now) {
                stream.results.add(outcome.result);
            }
            stream.results.of(pts_ns)
        };
        let identity = || running.loaded.identity.clone();
        let Some(newest) = newest else {
            return (FrameResult::missing(identity(), pts_ns, Reason::NoResultYet), Shown::Nothing);
        };
        let age_ns = pts_ns.saturating_sub(newest.source_pts_ns);
        if u128::from(age_ns) > running.loaded.max_age.as_nanos() {
            self.stats.lock().stale += 1;
            let mut stale = FrameResult::missing(identity(), newest.source_pts_ns, Reason::Stale);
            stale.age_ns = age_ns;
            return (stale, Shown::Stale);
        }
        let mut result = (*newest).clone();
        result.age_ns = age_ns;
        let shown = if result.status == ResultStatus::Ok { Shown::Fresh } else { Shown::Nothing };
        (result, shown)
    }

    /// Takes in a frame that a result may come to be of; `false` where results are not carried along.
    fn remember(
        &self,
        running: Option<&Running>,
        buffer: &gst::BufferRef,
        info: &gst_video::VideoInfo,
        pts_ns: u64,
    ) -> bool {
        let wanted = self.settings.lock().alignment == Alignment::Motion;
        // Frames on a GPU would have to be copied down for it.
        let Some(running) = running.filter(|_| wanted && self.stream.lock().place == Place::Host) else {
            return false;
        };
        let Ok(mapped) = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info) else {
            return false;
        };
        let Ok(frame) = crate::frame::view(&mapped) else { return false };
        self.live.lock().carrier.take(&frame, pts_ns, running.loaded.max_age);
        true
    }

    /// How the picture moved since the frame that a result is of, where there is something to carry.
    fn motion(&self, result: &FrameResult, begun: Instant) -> Option<Arc<Motion>> {
        if result.status != ResultStatus::Ok || result.age_ns == 0 || !result.found_something() {
            return None;
        }
        let until = begun + self.settings.lock().motion_within;
        let motion = self.live.lock().carrier.motion(result.source_pts_ns, until);
        let mut stats = self.stats.lock();
        stats.motion.add(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
        match motion {
            Ok(motion) => {
                stats.carried += 1;
                Some(Arc::new(motion))
            }
            Err(why) => {
                stats.carried_late += u64::from(why == Stays::Late);
                None
            }
        }
    }

    /// What the picture is like.
    fn signal(&self, buffer: &gst::BufferRef, info: &gst_video::VideoInfo, pts_ns: u64) -> SignalState {
        let watches = self.settings.lock().watch_signal;
        let mut live = self.live.lock();
        if live.told != SignalState::Live {
            live.watch = None;
            return live.told;
        }
        let on_device = self.stream.lock().place != Place::Host;
        // Frames on a GPU would have to be copied down for it.
        if !watches || on_device {
            return SignalState::Live;
        }
        let Ok(mapped) = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info) else {
            return SignalState::Live;
        };
        let Ok(frame) = crate::frame::view(&mapped) else { return SignalState::Live };
        let watch = live.watch.get_or_insert_with(|| SignalWatch::new(SignalRules::default()));
        watch.frame(&frame, pts_ns).into()
    }

    fn state(
        &self,
        running: Option<&Running>,
        on: bool,
        signal: SignalState,
        shown: Shown,
        now: Instant,
    ) -> LiveState {
        let mut condition = running.map(|running| running.condition.lock());
        let rate_hz = condition.as_ref().map_or(0.0, |condition| condition.rate_hz(now));
        let (ai, why) = match (&mut condition, running) {
            _ if !on => (AiState::Off, String::new()),
            (Some(condition), Some(running)) => match condition.state(now, shown, running.loaded.max_age) {
                (ai, _) if ai != AiState::Fault && signal != SignalState::Live => {
                    (AiState::Degraded, "it waits for a live picture".to_owned())
                }
                state => state,
            },
            _ => match self.live.lock().load_error.clone() {
                error if error.is_empty() => (AiState::Loading, "the engine is being loaded".to_owned()),
                error => (AiState::Fault, error),
            },
        };
        LiveState { ai, why, rate_hz: if on { rate_hz } else { 0.0 }, signal }
    }

    fn post_state(&self, live: &LiveState) {
        let now = Some((live.ai, live.signal));
        if std::mem::replace(&mut self.live.lock().posted, now) != now {
            let obj = self.obj();
            let structure = gst::Structure::from(&StateMessage::from(live));
            let _ = obj.post_message(gst::message::Element::builder(structure).src(&*obj).build());
        }
    }

    /// Loads the engine on a thread of its own; frames pass meanwhile and say so.
    pub(super) fn load_in_background(&self) -> Result<(), String> {
        self.live.lock().load_error.clear();
        let turn = self.loading.load(Ordering::Acquire);
        let obj = self.obj().clone();
        let load = move || {
            let this = obj.imp();
            match this.load() {
                Ok(running) => {
                    let mut place = this.running.lock();
                    // The element may have been stopped, or given another engine, meanwhile.
                    if this.loading.load(Ordering::Acquire) == turn {
                        *place = Some(Arc::new(running));
                    } else {
                        drop(place);
                        drop(running);
                    }
                }
                Err(error) => {
                    let text = error.to_string();
                    this.live.lock().load_error.clone_from(&text);
                    gst::element_imp_warning!(this, gst::ResourceError::NotFound, ("{text}"));
                }
            }
        };
        let thread = std::thread::Builder::new().name("vesalius-load".to_owned()).spawn(load);
        let thread = thread
            .map_err(|error| format!("a thread for loading the engine could not be started: {error}"))?;
        *self.loader.lock() = Some(thread);
        Ok(())
    }

    /// Waits for an engine that is still being loaded, for a while: a program that ends meanwhile would take the runtime's library
    /// away under it, and crash.
    pub(super) fn end_loading(&self) {
        let Some(thread) = self.loader.lock().take() else { return };
        let given_up = Instant::now() + LOADED_WITHIN;
        while !thread.is_finished() && Instant::now() < given_up {
            std::thread::sleep(Duration::from_millis(2));
        }
        if thread.is_finished() {
            let _ = thread.join();
        }
    }

    /// Takes another engine once it has been loaded and run.
    pub(super) fn change_engine(&self, engine: &str) -> Result<(), String> {
        let settings = {
            let mut settings = self.settings.lock().clone();
            engine.clone_into(&mut settings.engine);
            settings
        };
        if settings.mode != Mode::Latest {
            return Err("another engine can be taken in mode=latest alone".to_owned());
        }
        let text = |error: LoadError| error.to_string();
        let mut loaded = Loaded::choose(&settings).map_err(text)?;
        loaded.must_answer = true;
        let loaded = Arc::new(loaded);
        let running = self.start(&loaded).map_err(text)?;
        // One that is still being loaded comes too late.
        self.loading.fetch_add(1, Ordering::AcqRel);
        let old = self.running.lock().replace(Arc::new(running));
        engine.clone_into(&mut self.settings.lock().engine);
        self.live.lock().load_error.clear();
        self.forget();
        // Its threads end here, and not on the way of the picture.
        drop(old);
        Ok(())
    }
}

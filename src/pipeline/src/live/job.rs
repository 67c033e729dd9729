//! A live job at work.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstvesalius::StateMessage;
use parking_lot::Mutex;
use vesalius_isolate::Urgency;
use vesalius_measure::live::{AiState, SignalState};
use vesalius_serve::{Control, Hub, Server, Status};

use super::control::Controls;
use super::error::LiveError;
use super::events::{Events, Watch};
use super::feed::Feed;
use super::front::{Front, one_line};
use super::latency::LatencyReport;
use super::options::LiveOptions;
use super::outlet::{Outlet, Tap, Time};
use super::privacy::Exits;
use super::pulse::Pulse;
use super::screen::{Kind, Screen};
use super::shared::{Listener, LookBackSide, Seen, Shared};
use super::view::Browsers;
use super::webrtc::Webrtc;
use super::{status, urgent};
use crate::encode::make;

/// How often messages are read and the status is told.
const TICK: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// Memory that coders and waiting frames left free is given back this often. It takes up to 30 ms, in which a picture may have to wait.
const TRIM_EVERY: Duration = Duration::from_secs(60);

/// A live job at work. Dropped, it ends; files are closed by [`end`](Self::end).
pub struct LiveJob {
    // Dropped in this order: nobody controls what is being taken down, and no picture comes any more.
    server: Option<Server>,
    front: Front,
    screens: Vec<Screen>,
    browsers: Option<(u64, Arc<Browsers>)>,
    pipeline: gst::Pipeline,
    shared: Arc<Shared>,
    pulse: Pulse,
    watch: Watch,
    /// What was last said of the pictures that come.
    picture_why: String,
    trimmed_at: Instant,
    begun: Instant,
    duration: Option<Duration>,
}

impl LiveJob {
    /// Starts a job.
    ///
    /// # Errors
    ///
    /// [`LiveError`]. A source that is not there is no error: it is shown, and tried again.
    pub fn start(options: LiveOptions) -> Result<Self, LiveError> {
        options.check()?;
        let broken = |message: String| LiveError::Chain { message };
        let pipeline = gst::Pipeline::new();
        let (segment, measure, overlay) = (options.segment(), options.measure(), options.overlay());
        let entry = Feed::element();
        let last = make("fakesink", "libgstreamer1.0-0").map_err(|e| broken(e.to_string()))?;
        last.set_property("sync", false);
        last.set_property("async", false);
        last.set_property("enable-last-sample", false);
        let parts: [&gst::Element; 5] =
            [entry.upcast_ref(), segment.upcast_ref(), measure.upcast_ref(), overlay.upcast_ref(), &last];
        pipeline.add_many(parts).map_err(|e| broken(e.to_string()))?;
        gst::Element::link_many(parts).map_err(|e| broken(e.to_string()))?;

        let first = |urgency| options.goes_first.then_some(urgency);
        let priority =
            first(Urgency::Picture).map(|urgency| urgent::hurry(&pipeline, urgency)).unwrap_or_default();
        let clock = gst::SystemClock::obtain();
        let base = clock.time();
        pipeline.use_clock(Some(&clock));
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(base);
        let feed = Arc::new(Feed::new(entry, clock.clone(), base));
        let (annotated, clean) = (Arc::new(Tap::default()), Arc::new(Tap::default()));
        let seen = Arc::new(Mutex::new(Seen::new()));
        let pad = |element: &gst::Element| {
            element.static_pad("src").ok_or_else(|| broken("an element has no source pad".to_owned()))
        };
        clean.on(&pad(measure.upcast_ref())?, |_| {});
        let account = Listener::default();
        let (looks, fed, told) = (seen.clone(), feed.clone(), account.clone());
        annotated.on(&pad(overlay.upcast_ref())?, move |buffer| Shared::see(&looks, &fed, &told, buffer));

        let exits = match options.privacy_gate {
            true => Exits::guarded(&annotated, &clean, account.clone()).map_err(broken)?,
            false => Exits::open(&annotated, &clean),
        };
        let events = Events::new(options.events.clone(), clock.clone());
        let time = Time { clock, base };
        let webrtc = match &options.serve {
            Some(serve) => Webrtc::start(serve.address.ip(), &time).map(Arc::new),
            None => Err("no page is served".to_owned()),
        };
        let shared = Arc::new(Shared {
            segment,
            feed: feed.clone(),
            annotated,
            exits,
            webrtc,
            time,
            seen,
            priority,
            events,
            recording: Mutex::default(),
            rules: options.recording.clone(),
            look_back: Mutex::new(LookBackSide { wanted: options.look_back, ..LookBackSide::default() }),
            account,
            max_age: options.max_age,
            folder: options.folder.clone(),
            hub: Hub::default(),
            engines: options.engines(),
            source: options.source.label(),
            notice: overlay.property::<Option<String>>("notice").unwrap_or_default(),
        });
        if pipeline.set_state(gst::State::Playing).is_err() {
            let said = crate::bus::startup_error(&pipeline).map(|e| e.message);
            let _ = pipeline.set_state(gst::State::Null);
            return Err(broken(said.unwrap_or_else(|| "it does not start".to_owned())));
        }
        let front = Front::start(options.source.clone(), options.again, first(Urgency::Source), feed)?;
        let mut job = Self {
            server: None,
            front,
            screens: Vec::new(),
            browsers: None,
            pulse: Pulse::new(shared.seen.clone()),
            pipeline,
            shared,
            watch: Watch::default(),
            picture_why: String::new(),
            trimmed_at: Instant::now(),
            begun: Instant::now(),
            duration: options.duration,
        };
        job.open(&options)?;
        Ok(job)
    }

    /// Opens the ways out.
    fn open(&mut self, options: &LiveOptions) -> Result<(), LiveError> {
        let shared = &self.shared;
        let urgency = options.goes_first.then_some(Urgency::Screen);
        let window = options.window.then_some(Kind::Window);
        let monitor = options.fullscreen.then(|| Kind::Monitor(options.monitor.clone()));
        let sinks = options.sinks.iter().cloned().map(Kind::Text);
        for kind in window.into_iter().chain(monitor).chain(sinks) {
            self.screens.push(Screen::start(kind, urgency, &shared.annotated, &shared.time)?);
        }
        if let Some(serve) = &options.serve {
            let browsers = Browsers::start(&shared.hub, &shared.time);
            let browsers = Arc::new(browsers.map_err(|message| LiveError::Chain { message })?);
            self.browsers = Some((shared.exits.shown.add(browsers.clone()), browsers));
            if let Ok(webrtc) = &shared.webrtc {
                shared.exits.shown.add(webrtc.clone());
            }
            shared.hub.set_status(status::status(shared));
            let controls = Arc::new(Controls(shared.clone()));
            self.server = Some(Server::start(serve, shared.hub.clone(), controls)?);
        }
        if options.record {
            let path = shared.folder.clone().unwrap_or_default();
            shared.begin_recording().map_err(|message| LiveError::Record { path, message })?;
        }
        Ok(())
    }

    /// Where it serves, if it does.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(Server::address)
    }

    /// Its controls, as the server has them.
    pub fn control(&self) -> Arc<dyn Control> {
        Arc::new(Controls(self.shared.clone()))
    }

    /// What is to be seen of it, from other threads too.
    pub fn view(&self) -> LiveView {
        LiveView(self.shared.clone())
    }

    /// Whether it is alive, for a watchdog on another thread.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Hands `take` every frame as it is shown, on the picture's own thread: it must return at once.
    pub fn watch(&self, take: impl Fn(&gst::Buffer, &gst::Caps) + Send + Sync + 'static) {
        struct Watcher<F>(F);
        impl<F: Fn(&gst::Buffer, &gst::Caps) + Send + Sync> Outlet for Watcher<F> {
            fn give(&self, buffer: &gst::Buffer, caps: &gst::Caps) {
                (self.0)(buffer, caps);
            }
        }
        self.shared.annotated.add(Arc::new(Watcher(take)));
    }

    /// Keeps it going until `stop` is set, its time is over, or a recording has come to its end. `tell` is given a line
    /// whenever there is something to say.
    ///
    /// # Errors
    ///
    /// [`LiveError::Chain`] where the chain itself broke.
    pub fn run(&mut self, stop: &AtomicBool, tell: &mut dyn FnMut(&str)) -> Result<(), LiveError> {
        let broken = |message: String| LiveError::Chain { message };
        let bus = self.pipeline.bus().ok_or_else(|| broken("it has no message bus".to_owned()))?;
        let mut told_at = Instant::now();
        loop {
            let message = bus.timed_pop(TICK);
            let over = self.duration.is_some_and(|duration| self.begun.elapsed() >= duration);
            if stop.load(Ordering::Acquire) || over || self.front.has_ended() {
                return Ok(());
            }
            match message.as_ref().map(|m| m.view()) {
                Some(gst::MessageView::Error(error)) => {
                    return Err(broken(one_line(error.error().message())));
                }
                Some(gst::MessageView::Warning(warning)) => tell(&one_line(warning.error().message())),
                Some(gst::MessageView::Element(element)) => {
                    let state = element.structure().and_then(|s| StateMessage::try_from(s).ok());
                    if let Some(state) = state {
                        let source_why = self.shared.feed.figures().why;
                        self.watch.state(&self.shared.events, &state, &source_why);
                        tell(&line(&state, &source_why));
                    }
                }
                _ => {}
            }
            if message.is_some() && told_at.elapsed() < Duration::from_nanos(TICK.nseconds()) {
                continue;
            }
            told_at = Instant::now();
            self.look_after(tell);
            self.pulse.beat();
        }
    }

    /// Tells the hub, and takes away what has failed.
    fn look_after(&mut self, tell: &mut dyn FnMut(&str)) {
        let shared = &self.shared;
        if self.trimmed_at.elapsed() > TRIM_EVERY {
            vesalius_engine::trim_heaps();
            self.trimmed_at = Instant::now();
        }
        let feed = shared.feed.figures();
        // That the source is lost is said with the state.
        let why = if feed.why.is_empty() { status::picture_why(&feed) } else { String::new() };
        if why != self.picture_why {
            if !why.is_empty() {
                tell(&why);
            }
            self.picture_why = why;
        }
        if let Some(text) = shared.watch_recording() {
            tell(&text);
        }
        if let Some(text) = shared.watch_look_back() {
            tell(&text);
        }
        for screen in &mut self.screens {
            if let Some(text) = screen.watch(&shared.annotated, &shared.time) {
                tell(&text);
            }
        }
        if let Some((id, browsers)) = &self.browsers
            && let Some(error) = browsers.error()
        {
            shared.exits.shown.remove(*id);
            tell(&format!("browsers get no more pictures: {error}"));
            self.browsers = None;
        }
        if let Ok(webrtc) = &shared.webrtc
            && let Some(error) = webrtc.look_after()
        {
            tell(&format!("browsers get no stream any more: {error}"));
        }
        if self.server.is_none() && !shared.events.are_wanted() {
            return;
        }
        let status = status::status(shared);
        self.watch.look(&shared.events, &status, status::engine(shared));
        if self.server.is_some() {
            shared.hub.set_status(status);
            shared.hub.set_metrics(status::metrics(shared));
        }
    }

    /// Ends it and closes its files.
    ///
    /// # Errors
    ///
    /// One line, where a file could not be closed properly.
    pub fn end(mut self) -> Result<(), String> {
        self.server = None;
        self.shared.end_recording()
    }
}

impl Drop for LiveJob {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// What is to be seen of a job.
#[derive(Clone)]
pub struct LiveView(Arc<Shared>);

impl LiveView {
    /// What is to be seen of it now.
    pub fn status(&self) -> Status {
        status::status(&self.0)
    }

    /// Times and counts since it began.
    pub fn latency(&self) -> LatencyReport {
        status::latency(&self.0)
    }
}

/// A change of state, for a log.
fn line(state: &StateMessage, source_why: &str) -> String {
    let because = |why: &str| if why.is_empty() { String::new() } else { format!(" ({why})") };
    let ai = match state.ai {
        AiState::Running | AiState::Off => String::new(),
        _ => because(&state.why),
    };
    let signal = if state.signal == SignalState::None { because(source_why) } else { String::new() };
    format!("picture {}{signal}, AI {}{ai}", state.signal.as_str(), state.ai.as_str())
}

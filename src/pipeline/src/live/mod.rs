//! Live: the picture passes, whatever engine, recorder and browsers do.
//!
//! ```text
//! front (restartable)        chain                                                       ways out, a pipeline each
//! source ! … ! appsink ─ Feed ─ appsrc ! vesaliussegment ! vesaliusmeasure ─┬─ overlay ─┬─ window
//!                         │                                                 │           ├─ JPEG for browsers
//!             cards and   └ while no picture comes                          └─ recorder └─ recorder
//!             repeats                                                         (clean)     (annotated)
//!
//! With a privacy gate, JPEG and recorders get what it lets out, and windows all.
//! ```
//!
//! The chain has one thread and never waits for anybody: the feed drops the oldest frame where it must, a way
//! out is handed references of frames and drops what it cannot take. All pipelines go by one clock and one beginning.

mod account;
mod card;
mod control;
mod error;
mod events;
mod feed;
mod front;
mod latency;
mod lookback;
mod monitor;
mod outlet;
mod privacy;
pub mod profile;
mod pulse;
mod record;
mod room;
mod screen;
mod shared;
mod snapshot;
mod source;
mod status;
mod times;
mod urgent;
mod view;
mod webrtc;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstvesalius::{Measure, Mode, Overlay, Segment, StateMessage, ValueCorner};
use parking_lot::Mutex;
use vesalius_draw::{Corner, KeepClear};
use vesalius_engine::manifest::FILE_NAME;
use vesalius_engine::{Manifest, PrecisionChoice, ProviderChoice, Registry};
use vesalius_isolate::Urgency;
use vesalius_measure::live::{AiState, SignalState};
use vesalius_serve::{Control, Hub, Server, Status};

pub use error::LiveError;
pub use events::LiveEvent;
pub use gstvesalius::{Alignment, Isolation};
pub use latency::{LatencyReport, Percentiles};
pub use monitor::monitors;
pub use profile::Profile;
pub use pulse::Pulse;
pub use room::{RecordingRules, WhenFull};
pub use source::Source;

use control::Controls;
use events::{Events, Watch};
use feed::Feed;
use front::{Front, one_line};
use outlet::{Tap, Time};
use privacy::Exits;
use screen::{Kind, Screen};
use shared::{LookBackSide, Seen, Shared};
use view::Browsers;
use webrtc::Webrtc;

use crate::encode::make;

/// How often messages are read and the status is told.
const TICK: gst::ClockTime = gst::ClockTime::from_mseconds(100);

/// Memory that coders and waiting frames left free is given back this often. It takes up to 30 ms, in which a picture may have to wait.
const TRIM_EVERY: Duration = Duration::from_secs(60);

/// What a live job does.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Where pictures come from.
    pub source: Source,
    /// Whether a recording begins anew at its end.
    pub again: bool,
    /// Engine by name or folder.
    pub engine: String,
    /// Whether it begins to look at pictures at once.
    pub ai: bool,
    /// The scale, as `vesaliusmeasure` takes it; empty for none.
    pub calibration: String,
    /// Whether a change of depth ends a scale that was stated as a number.
    pub watch_depth: bool,
    /// Measuring protocol by name or TOML file; `None` for the engine's own.
    pub protocol: Option<String>,
    /// Milliseconds for which an object must be seen before it is measured and drawn.
    pub confirm_ms: u32,
    /// Age from which on a result is not shown.
    pub max_age: Duration,
    /// Where a result that is older than the picture is drawn.
    pub alignment: Alignment,
    /// With [`Alignment::Motion`], how long a picture may be held up to find out how it moved.
    pub motion_within: Duration,
    /// With [`Alignment::Delay`], how long every picture waits for what is found in it.
    pub delay: Duration,
    /// How long the engine may take for an answer before its process, or its run, is ended.
    pub deadline: Duration,
    /// Parts of the picture on which nothing is drawn.
    pub keep_clear: Vec<KeepClear>,
    /// The corner of the list of values; status and notice stand across from it.
    pub values_at: Corner,
    /// Whether a window is opened.
    pub window: bool,
    /// Whether a whole monitor shows the picture, of Wayland, X or the kernel.
    pub fullscreen: bool,
    /// Which, by its name; the first where none is named.
    pub monitor: Option<String>,
    /// Other ways to show the picture, each as gst-launch takes it: `kmssink`, `waylandsink fullscreen=true`.
    pub sinks: Vec<String>,
    /// Where control, metrics and the page are served.
    pub serve: Option<vesalius_serve::Options>,
    /// Where recordings and snapshots go.
    pub folder: Option<PathBuf>,
    /// Whether it records from the start.
    pub record: bool,
    /// How long files are, and what happens when there is no room.
    pub recording: RecordingRules,
    /// How much before now is kept in memory, to be written when somebody asks.
    pub look_back: Option<Duration>,
    /// Who is told what happens, for a log: as much as it takes without being waited for.
    pub events: Option<SyncSender<LiveEvent>>,
    /// Whether pictures that are not known to show the inside of a body are blanked wherever they leave the room.
    pub privacy_gate: bool,
    /// Time after which it ends by itself.
    pub duration: Option<Duration>,
    /// Where the engine runs: a crash or a hang of a process of its own is that process's alone.
    pub isolation: Isolation,
    /// The program that runs the engine's own process, where it is not to be looked for.
    pub program: Option<PathBuf>,
    /// Whether the picture's threads go before others, where the system permits it.
    pub goes_first: bool,
    /// Threads for inference, 0 for one a core.
    pub threads: u32,
    /// libonnxruntime.so, where it is not to be looked for.
    pub runtime: Option<PathBuf>,
    /// What runs the engine.
    pub provider: ProviderChoice,
    /// In which numbers.
    pub precision: PrecisionChoice,
}

impl LiveOptions {
    /// A source and an engine, and nothing else.
    pub fn new(source: Source, engine: &str) -> Self {
        Self {
            source,
            again: false,
            engine: engine.to_owned(),
            ai: true,
            calibration: String::new(),
            watch_depth: false,
            protocol: None,
            confirm_ms: 0,
            max_age: Duration::from_millis(200),
            alignment: Alignment::default(),
            motion_within: Duration::from_millis(5),
            delay: Duration::from_millis(100),
            deadline: Duration::from_secs(1),
            keep_clear: Vec::new(),
            values_at: Corner::default(),
            window: false,
            fullscreen: false,
            monitor: None,
            sinks: Vec::new(),
            serve: None,
            folder: None,
            record: false,
            recording: RecordingRules::default(),
            look_back: None,
            events: None,
            privacy_gate: false,
            duration: None,
            isolation: Isolation::Thread,
            program: None,
            goes_first: true,
            threads: 0,
            runtime: None,
            provider: ProviderChoice::default(),
            precision: PrecisionChoice::default(),
        }
    }

    fn segment(&self) -> Segment {
        let segment = Segment::new();
        segment.set_property("engine", &self.engine);
        segment.set_property("mode", Mode::Latest);
        segment.set_property("load-in-background", true);
        segment.set_property("watch-signal", true);
        segment.set_property("isolation", self.isolation);
        segment.set_property("enabled", self.ai);
        segment.set_property("alignment", self.alignment);
        segment.set_property("threads", self.threads);
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        segment.set_property("max-age", ns(self.max_age));
        segment.set_property("deadline", ns(self.deadline));
        segment.set_property("motion-within", ns(self.motion_within));
        segment.set_property("delay", ns(self.delay));
        if let Some(program) = &self.program {
            segment.set_property("program", program.to_string_lossy().as_ref());
        }
        segment.set_property("backend", self.provider.to_string());
        segment.set_property("precision", self.precision.to_string());
        if let Some(runtime) = &self.runtime {
            segment.set_property("runtime", runtime.to_string_lossy().as_ref());
        }
        segment
    }

    fn measure(&self) -> Measure {
        let measure = Measure::new();
        measure.set_property("post-messages", false);
        measure.set_property("calibration", &self.calibration);
        measure.set_property("watch-depth", self.watch_depth);
        measure.set_property("confirm-ms", self.confirm_ms);
        if let Some(protocol) = &self.protocol {
            measure.set_property("protocol", protocol);
        }
        measure
    }

    fn overlay(&self) -> Overlay {
        let overlay = Overlay::new();
        overlay.set_property("value-corner", ValueCorner::from(self.values_at));
        let clear: Vec<String> = self.keep_clear.iter().map(KeepClear::to_string).collect();
        overlay.set_property("keep-clear", clear.join(";"));
        overlay
    }

    /// The engines that can be chosen while it runs, by name: those that are installed, and the one that it begins with, which may
    /// lie elsewhere.
    fn engines(&self) -> BTreeMap<String, String> {
        let registry = Registry::standard();
        let installed = registry.list().into_iter().filter(|entry| entry.manifest.is_ok());
        let mut engines: BTreeMap<_, _> = installed.map(|entry| (entry.name.clone(), entry.name)).collect();
        let own = registry.find(&self.engine).ok().filter(|_| !engines.contains_key(&self.engine));
        if let Some(manifest) = own.and_then(|folder| Manifest::read(&folder.join(FILE_NAME)).ok()) {
            engines.insert(manifest.engine.name, self.engine.clone());
        }
        engines
    }

    /// What is wrong is said before anything begins. The engine itself is loaded while pictures pass.
    fn check(&self) -> Result<(), LiveError> {
        let wrong = |message: String| LiveError::Settings { message };
        gstvesalius::read_statement(&self.calibration).map_err(wrong)?;
        if let Some(protocol) = &self.protocol {
            gstvesalius::read_protocol(protocol).map_err(wrong)?;
        }
        Registry::standard().find(&self.engine).map_err(|e| wrong(e.to_string()))?;
        Ok(())
    }
}

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
        let account = shared::Listener::default();
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
        impl<F: Fn(&gst::Buffer, &gst::Caps) + Send + Sync> outlet::Outlet for Watcher<F> {
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

//! What a live job is asked to do, and the elements that do it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use gst::prelude::*;
use gstvesalius::{Alignment, Isolation, Measure, Mode, Overlay, Segment, ValueCorner};
use vesalius_draw::{Corner, KeepClear};
use vesalius_engine::manifest::FILE_NAME;
use vesalius_engine::{Manifest, PrecisionChoice, ProviderChoice, Registry};

use super::error::LiveError;
use super::events::LiveEvent;
use super::ns;
use super::room::RecordingRules;
use super::source::Source;

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

    /// The element that the engine runs in.
    pub(super) fn segment(&self) -> Segment {
        let segment = Segment::new();
        segment.set_property("engine", &self.engine);
        segment.set_property("mode", Mode::Latest);
        segment.set_property("load-in-background", true);
        segment.set_property("watch-signal", true);
        segment.set_property("isolation", self.isolation);
        segment.set_property("enabled", self.ai);
        segment.set_property("alignment", self.alignment);
        segment.set_property("threads", self.threads);
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

    /// The element that measures.
    pub(super) fn measure(&self) -> Measure {
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

    /// The element that draws.
    pub(super) fn overlay(&self) -> Overlay {
        let overlay = Overlay::new();
        overlay.set_property("value-corner", ValueCorner::from(self.values_at));
        let clear: Vec<String> = self.keep_clear.iter().map(KeepClear::to_string).collect();
        overlay.set_property("keep-clear", clear.join(";"));
        overlay
    }

    /// The engines that can be chosen while it runs, by name: those that are installed, and the one that it begins with, which may
    /// lie elsewhere.
    pub(super) fn engines(&self) -> BTreeMap<String, String> {
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
    pub(super) fn check(&self) -> Result<(), LiveError> {
        let wrong = |message: String| LiveError::Settings { message };
        gstvesalius::read_statement(&self.calibration).map_err(wrong)?;
        if let Some(protocol) = &self.protocol {
            gstvesalius::read_protocol(protocol).map_err(wrong)?;
        }
        Registry::standard().find(&self.engine).map_err(|e| wrong(e.to_string()))?;
        Ok(())
    }
}

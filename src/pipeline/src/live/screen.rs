//! The picture on screens: a window, a whole monitor, or whatever GStreamer shows pictures with. One that fails is tried again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use vesalius_isolate::Urgency;

use super::error::LiveError;
use super::monitor::{self, XWindow};
use super::outlet::{Tap, Time, Way};
use super::urgent::hurry;

/// Frames that may wait for a screen: the newest, and the one before it that is being shown.
const ROOM: u64 = 1;
/// A screen that failed is tried again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// A window of one's own is looked for this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a screen is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A window of whatever desktop there is.
    Window,
    /// A whole monitor, by its name or the first.
    Monitor(Option<String>),
    /// Elements as gst-launch takes them, the last of which shows pictures.
    Text(String),
}

impl Kind {
    fn name(&self) -> String {
        match self {
            Self::Window => "the window".to_owned(),
            Self::Monitor(None) => "the monitor".to_owned(),
            Self::Monitor(Some(name)) => format!("the monitor '{name}'"),
            Self::Text(text) => format!("the screen '{text}'"),
        }
    }

    /// Whether it is opened again when it is gone: a person may have closed a window.
    fn comes_back(&self) -> bool {
        *self != Self::Window
    }
}

/// A screen that is open.
struct Shown {
    id: u64,
    way: Arc<Way>,
    window: Option<Arc<XWindow>>,
    /// The desktop that it is on, which may end.
    desktop: Option<u64>,
    looked_at: Instant,
}

impl Shown {
    /// Why it shows nothing any more.
    fn error(&mut self) -> Option<String> {
        if let Some(error) = self.way.error() {
            return Some(error);
        }
        if self.looked_at.elapsed() < LOOK_EVERY {
            return None;
        }
        self.looked_at = Instant::now();
        let is_gone = self.window.as_ref().is_some_and(|window| !window.is_there());
        if is_gone {
            return Some("its window is gone".to_owned());
        }
        (self.desktop.is_some() && self.desktop != monitor::desktop_id())
            .then(|| "the desktop is gone".to_owned())
    }
}

/// One screen.
pub(crate) struct Screen {
    kind: Kind,
    urgency: Option<Urgency>,
    shown: Option<Shown>,
    tried_at: Instant,
}

impl Screen {
    /// Opens a screen.
    ///
    /// # Errors
    ///
    /// [`LiveError::Window`] for a window or a monitor that there is not, [`LiveError::Settings`] for elements that there are not. A
    /// device that is named by elements and is not there is no error, but is said and tried again: it may be plugged in later.
    pub(crate) fn start(
        kind: Kind,
        urgency: Option<Urgency>,
        tap: &Tap,
        time: &Time,
    ) -> Result<Self, LiveError> {
        let mut screen = Self { kind, urgency, shown: None, tried_at: Instant::now() };
        if let Kind::Text(text) = &screen.kind {
            let parsed = gst::parse::bin_from_description(text, true);
            parsed.map_err(|e| LiveError::Settings {
                message: format!("the sink '{text}': {}", e.message()),
            })?;
        }
        match screen.open(tap, time) {
            Err(message) if !matches!(screen.kind, Kind::Text(_)) => Err(LiveError::Window { message }),
            _ => Ok(screen),
        }
    }

    fn open(&mut self, tap: &Tap, time: &Time) -> Result<(), String> {
        // Before it is drawn on: one that ends meanwhile is not taken for the next.
        let desktop = if matches!(self.kind, Kind::Text(_)) { None } else { monitor::desktop_id() };
        let (text, window) = match &self.kind {
            Kind::Window => (monitor::desktop()?.to_owned(), None),
            Kind::Monitor(name) => {
                let whole = monitor::take(name.as_deref())?;
                (whole.text, whole.window)
            }
            Kind::Text(text) => (text.clone(), None),
        };
        let now_is_best = !text.contains("sync=");
        let way = Way::start(&format!("videoconvert ! {text}"), ROOM, false, time, |pipeline, bin| {
            if let Some(urgency) = self.urgency {
                hurry(pipeline, urgency);
            }
            // Waiting for a frame's time would only make it late: it has come just now.
            if now_is_best {
                for element in bin.iterate_sinks().into_iter().flatten() {
                    set_sync(&element);
                }
            }
            window.as_ref().map_or(Ok(()), |window| window.lend(bin))
        })?;
        let window = window.map(Arc::new);
        if let Some(window) = window.clone() {
            way.keep(Box::new(window));
        }
        let id = tap.add(way.clone());
        self.shown = Some(Shown { id, way, window, desktop, looked_at: Instant::now() });
        Ok(())
    }

    /// Takes it away where it has failed, and opens it again when it is time. What there is to say.
    pub(crate) fn watch(&mut self, tap: &Tap, time: &Time) -> Option<String> {
        if let Some(shown) = &mut self.shown {
            let error = shown.error()?;
            tap.remove(shown.id);
            (self.shown, self.tried_at) = (None, Instant::now());
            return Some(match self.kind.comes_back() {
                true => format!("{} is tried again: {error}", self.kind.name()),
                false => format!("{} is gone: {error}", self.kind.name()),
            });
        }
        if !self.kind.comes_back() || self.tried_at.elapsed() < AGAIN_AFTER {
            return None;
        }
        self.tried_at = Instant::now();
        self.open(tap, time).ok()?;
        Some(format!("{} is there", self.kind.name()))
    }
}

fn set_sync(element: &gst::Element) {
    if element.find_property("sync").is_some() {
        element.set_property("sync", false);
    }
}

//! The picture on screens: a window, or whatever GStreamer shows pictures with. One that fails is tried again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use vesalius_isolate::Urgency;

use super::error::LiveError;
use super::outlet::{Tap, Time, Way};
use super::urgent::hurry;

/// Frames that may wait for a screen: the newest, and the one before it that is being shown.
const ROOM: u64 = 1;
/// A screen that failed is tried again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// One screen.
pub(crate) struct Screen {
    text: String,
    /// Whether it is opened again when it is gone: a person may have closed a window.
    comes_back: bool,
    urgency: Option<Urgency>,
    way: Option<(u64, Arc<Way>)>,
    tried_at: Instant,
}

impl Screen {
    /// A window of whatever system there is.
    ///
    /// # Errors
    ///
    /// [`LiveError::Window`].
    pub(crate) fn window(urgency: Option<Urgency>, tap: &Tap, time: &Time) -> Result<Self, LiveError> {
        if ["DISPLAY", "WAYLAND_DISPLAY"].iter().all(|name| std::env::var_os(name).is_none()) {
            let text =
                "neither DISPLAY nor WAYLAND_DISPLAY is set: start it within a desktop, or use --serve";
            return Err(LiveError::Window { message: text.to_owned() });
        }
        let screen = Self::open("autovideosink", false, urgency, tap, time);
        screen.map_err(|message| LiveError::Window { message })
    }

    /// Elements as gst-launch takes them, the last of which shows pictures.
    ///
    /// # Errors
    ///
    /// [`LiveError::Settings`]: there are no such elements. A device that is not there is no error, but is said and tried again.
    pub(crate) fn sink(
        text: &str,
        urgency: Option<Urgency>,
        tap: &Tap,
        time: &Time,
    ) -> Result<Self, LiveError> {
        let wrong =
            |message: String| LiveError::Settings { message: format!("the sink '{text}': {message}") };
        gst::parse::bin_from_description(text, true).map_err(|e| wrong(e.message().to_owned()))?;
        // What does not open now may later: the screen may be plugged in after the program has started.
        Ok(Self::open(text, true, urgency, tap, time).unwrap_or_else(|_| Self {
            text: text.to_owned(),
            comes_back: true,
            urgency,
            way: None,
            tried_at: Instant::now(),
        }))
    }

    fn open(
        text: &str,
        comes_back: bool,
        urgency: Option<Urgency>,
        tap: &Tap,
        time: &Time,
    ) -> Result<Self, String> {
        let now_is_best = !text.contains("sync=");
        let way = Way::start(&format!("videoconvert ! {text}"), ROOM, false, time, |pipeline, bin| {
            if let Some(urgency) = urgency {
                hurry(pipeline, urgency);
            }
            // Waiting for a frame's time would only make it late: it has come just now.
            if now_is_best {
                for element in bin.iterate_sinks().into_iter().flatten() {
                    set_sync(&element);
                }
            }
            Ok(())
        })?;
        let id = tap.add(way.clone());
        Ok(Self {
            text: text.to_owned(),
            comes_back,
            urgency,
            way: Some((id, way)),
            tried_at: Instant::now(),
        })
    }

    /// Takes it away where it has failed, and opens it again when it is time. What there is to say.
    pub(crate) fn watch(&mut self, tap: &Tap, time: &Time) -> Option<String> {
        if let Some((id, way)) = &self.way {
            let error = way.error()?;
            tap.remove(*id);
            (self.way, self.tried_at) = (None, Instant::now());
            return Some(match self.comes_back {
                true => format!("the screen '{}' is tried again: {error}", self.text),
                false => format!("the window is gone: {error}"),
            });
        }
        if !self.comes_back || self.tried_at.elapsed() < AGAIN_AFTER {
            return None;
        }
        self.tried_at = Instant::now();
        *self = Self::open(&self.text, true, self.urgency, tap, time).ok()?;
        Some(format!("the screen '{}' is there", self.text))
    }
}

fn set_sync(element: &gst::Element) {
    if element.find_property("sync").is_some() {
        element.set_property("sync", false);
    }
}

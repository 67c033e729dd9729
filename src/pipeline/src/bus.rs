//! Runs a pipeline to its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gst::prelude::*;

/// How often progress is told and a wish to stop is looked for.
const TICK: Duration = Duration::from_millis(50);

/// An error as GStreamer tells it.
#[derive(Clone, Debug)]
pub(crate) struct BusError {
    /// Path of the element within the pipeline.
    pub(crate) element: String,
    /// The text for users, one line.
    pub(crate) message: String,
}

impl BusError {
    /// Whether it comes from an element with one of these words in its path.
    pub(crate) fn is_from(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.element.contains(word))
    }
}

/// How a pipeline ended.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// With the end of the stream.
    Eos,
    /// With an error.
    Error(BusError),
}

/// What was said on the way.
#[derive(Default)]
pub(crate) struct Heard {
    /// The first warning of each element, in order.
    pub(crate) warnings: Vec<BusError>,
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn told(source: Option<&gst::Object>, text: &str) -> BusError {
    BusError {
        element: source.map(|s| s.path_string().to_string()).unwrap_or_default(),
        message: one_line(text),
    }
}

/// Waits for the end of a pipeline in PLAYING. `tick` is called now and then; when it returns `true` the stream is
/// asked to end, once, through `stop`.
pub(crate) fn run(
    pipeline: &gst::Pipeline,
    heard: &mut Heard,
    stop: &AtomicBool,
    mut tick: impl FnMut() -> bool,
) -> End {
    let Some(bus) = pipeline.bus() else {
        return End::Error(told(None, "the pipeline has no message bus"));
    };
    loop {
        let message = bus.timed_pop(gst::ClockTime::from_nseconds(TICK.as_nanos() as u64));
        if tick() {
            stop.store(true, Ordering::Release);
        }
        let Some(message) = message else { continue };
        match message.view() {
            gst::MessageView::Eos(_) => return End::Eos,
            gst::MessageView::Error(error) => {
                return End::Error(told(error.src(), error.error().message()));
            }
            gst::MessageView::Warning(warning) => {
                let said = told(warning.src(), warning.error().message());
                if !heard.warnings.iter().any(|w| w.element == said.element) {
                    heard.warnings.push(said);
                }
            }
            _ => {}
        }
    }
}

/// The error that made a change of state fail, if the pipeline said which.
pub(crate) fn startup_error(pipeline: &gst::Pipeline) -> Option<BusError> {
    let bus = pipeline.bus()?;
    let message = bus.timed_pop_filtered(gst::ClockTime::from_mseconds(200), &[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(error) => Some(told(error.src(), error.error().message())),
        _ => None,
    }
}

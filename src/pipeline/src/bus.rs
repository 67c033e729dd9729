//! Runs a pipeline to its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gst::prelude::*;

use crate::collect::Position;

/// How often progress is told and a wish to stop is looked for.
const TICK: Duration = Duration::from_millis(50);

/// How long nothing may come before a pipeline counts as stuck: some demuxers never tell the end of a broken file.
const STUCK: Duration = Duration::from_secs(60);

/// An error as GStreamer tells it.
#[derive(Clone, Debug)]
pub(crate) struct BusError {
    /// Path of the element within the pipeline.
    pub(crate) element: String,
    /// The text for users, one line.
    pub(crate) message: String,
    /// Whether GStreamer lacks an element for the stream, or thinks so.
    pub(crate) lacks_element: bool,
}

impl BusError {
    /// For a pipeline that does not start and does not say why.
    pub(crate) fn no_start() -> Self {
        told(None, "it does not start")
    }

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
        lacks_element: false,
    }
}

pub(crate) fn error_told(error: &gst::message::Error) -> BusError {
    let cause = error.error();
    let lacks_element =
        cause.matches(gst::CoreError::MissingPlugin) || cause.matches(gst::StreamError::CodecNotFound);
    BusError { lacks_element, ..told(error.src(), cause.message()) }
}

/// Waits for the end of a pipeline in PLAYING. `tick` is called now and then; when it returns `true` the stream is
/// asked to end, once, through `stop`. A pipeline without progress for a minute has failed.
pub(crate) fn run(
    pipeline: &gst::Pipeline,
    heard: &mut Heard,
    stop: &AtomicBool,
    position: &Position,
    tick: impl FnMut() -> bool,
) -> End {
    run_for(pipeline, heard, stop, position, STUCK, tick)
}

fn run_for(
    pipeline: &gst::Pipeline,
    heard: &mut Heard,
    stop: &AtomicBool,
    position: &Position,
    stuck: Duration,
    mut tick: impl FnMut() -> bool,
) -> End {
    // Ticks are counted, not time: a program that was suspended is not stuck.
    let (mut idle, mut frames) = (Duration::ZERO, 0);
    let Some(bus) = pipeline.bus() else {
        return End::Error(told(None, "the pipeline has no message bus"));
    };
    loop {
        let message = bus.timed_pop(gst::ClockTime::from_nseconds(TICK.as_nanos() as u64));
        if tick() {
            stop.store(true, Ordering::Release);
        }
        if frames != position.frames() {
            (idle, frames) = (Duration::ZERO, position.frames());
        }
        let Some(message) = message else {
            idle += TICK;
            if idle >= stuck {
                let seconds = stuck.as_secs();
                return End::Error(told(None, &format!("nothing has come for {seconds} s, and no end")));
            }
            continue;
        };
        match message.view() {
            gst::MessageView::Eos(_) => return End::Eos,
            gst::MessageView::Error(error) => {
                return End::Error(error_told(error));
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
        gst::MessageView::Error(error) => Some(error_told(error)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_that_is_stuck_is_given_up() {
        gst::init().unwrap();
        let pipeline = gst::Pipeline::new();
        let source = gst_app::AppSrc::builder().build();
        let sink = gst::ElementFactory::make("fakesink").build().unwrap();
        pipeline.add_many([source.upcast_ref(), &sink]).unwrap();
        source.link(&sink).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let (stop, position) = (AtomicBool::new(false), Position::default());
        let mut ticks = 0;
        let end = run_for(&pipeline, &mut Heard::default(), &stop, &position, 4 * TICK, || {
            ticks += 1;
            // A frame comes at the third tick: the count begins anew.
            if ticks == 3 {
                position.advance(0);
            }
            false
        });
        pipeline.set_state(gst::State::Null).unwrap();
        assert!(matches!(&end, End::Error(error) if error.message.contains("nothing has come")), "{end:?}");
        assert!(ticks >= 6, "{ticks}");
    }
}

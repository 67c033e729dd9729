//! Whole pipelines, run until they end.

use gst::prelude::*;

/// A stretch of pipeline from a `gst-launch` line, with its open ends as pads.
///
/// # Panics
///
/// When the line is wrong or an element is missing.
pub fn parse(line: &str) -> gst::Element {
    gst::parse::bin_from_description(line, true).expect("a line of GStreamer's own elements").upcast()
}

/// A pipeline of elements in a row.
///
/// # Panics
///
/// When two neighbours do not fit.
pub fn of(elements: &[&gst::Element]) -> gst::Pipeline {
    let pipeline = gst::Pipeline::new();
    pipeline.add_many(elements).expect("the elements are new");
    gst::Element::link_many(elements).expect("neighbours take each other's caps");
    pipeline
}

/// How a pipeline ended, with all it said.
#[derive(Debug)]
pub struct Ended {
    /// All messages, in order.
    pub messages: Vec<gst::Message>,
    /// The error that ended it; `None` after an end of stream.
    pub error: Option<String>,
}

impl Ended {
    /// Texts of the warnings.
    pub fn warnings(&self) -> Vec<String> {
        let texts = self.messages.iter().filter_map(|message| match message.view() {
            gst::MessageView::Warning(warning) => Some(warning.error().message().to_owned()),
            _ => None,
        });
        texts.collect()
    }
}

/// Plays a pipeline to its end. It stays in PLAYING, for its elements to be asked; [`leave`] it then.
///
/// # Panics
///
/// When it does not end in time.
pub fn play(pipeline: &gst::Pipeline) -> Ended {
    let bus = pipeline.bus().expect("a pipeline has a bus");
    let mut ended = Ended { messages: Vec::new(), error: None };
    let patience = gst::ClockTime::try_from(crate::PATIENCE).expect("a short time");
    // An error of a state change is on the bus too.
    let _ = pipeline.set_state(gst::State::Playing);
    loop {
        let message = bus.timed_pop(patience).expect("a pipeline ends in time");
        let (end, error) = match message.view() {
            gst::MessageView::Eos(_) => (true, None),
            gst::MessageView::Error(error) => (true, Some(error.error().message().to_owned())),
            _ => (false, None),
        };
        ended.messages.push(message);
        if end {
            ended.error = error;
            break;
        }
    }
    ended
}

/// Takes a pipeline back to `state`.
///
/// # Panics
///
/// When it does not go.
pub fn leave(pipeline: &gst::Pipeline, state: gst::State) {
    pipeline.set_state(state).expect("a pipeline goes back");
}

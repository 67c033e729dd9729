//! A recording decoded for whoever takes its pictures one by one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use gst::prelude::*;
use parking_lot::Mutex;
use vesalius_dicom::Recording;

use crate::bus::{BusError, error_told};
use crate::encode::make;
use crate::error::ReplayError;
use crate::source::{self, Met};

/// Longest time that a picture may take to come, in parts after each of which the pipeline is asked for an error.
const PATIENCE: u32 = 600;
const PART: gst::ClockTime = gst::ClockTime::from_mseconds(50);

/// A decoding pipeline that ends with whoever holds it.
pub(crate) struct Pull {
    pub(crate) pipeline: gst::Pipeline,
    sink: gst_app::AppSink,
    pub(crate) met: Arc<Met>,
    stop: Arc<AtomicBool>,
    feeder: Option<JoinHandle<()>>,
    is_started: bool,
    /// An error that was heard while a picture was waited for.
    heard: Mutex<Option<BusError>>,
}

impl Pull {
    /// Begins to decode `path`, or the recording that was opened of it, into pictures of these caps.
    pub(crate) fn start(
        path: &Path,
        recording: Option<Recording>,
        caps: &gst::Caps,
    ) -> Result<Self, ReplayError> {
        let convert = make("videoconvert", "gstreamer1.0-plugins-base")?;
        let sink = gst_app::AppSink::builder().caps(caps).sync(false).max_buffers(2).build();
        let mut pull = Self {
            pipeline: gst::Pipeline::new(),
            sink,
            met: Arc::default(),
            stop: Arc::default(),
            feeder: None,
            is_started: false,
            heard: Mutex::default(),
        };
        let refused = |_| ReplayError::Pipeline {
            path: path.to_owned(),
            message: "its elements cannot be linked".to_owned(),
        };
        let parts = [&convert, pull.sink.upcast_ref::<gst::Element>()];
        pull.pipeline.add_many(parts).map_err(refused)?;
        gst::Element::link_many(parts).map_err(refused)?;
        let attach =
            move |pad: &gst::Pad| convert.static_pad("sink").is_some_and(|sink| pad.link(&sink).is_ok());
        let fed = source::add(&pull.pipeline, path, recording, &pull.met, attach)?;
        // What does not start says so on the bus.
        pull.is_started = pull.pipeline.set_state(gst::State::Playing).is_ok();
        pull.feeder = fed.map(|fed| fed.feed(pull.stop.clone(), pull.met.clone())).transpose()?;
        Ok(pull)
    }

    /// The next picture; `None` at the end, after an error, or where none comes.
    pub(crate) fn next(&self) -> Option<gst::Sample> {
        for _ in 0..PATIENCE {
            if !self.is_started {
                break;
            }
            let sample = self.sink.try_pull_sample(PART);
            if sample.is_some() || self.is_at_end() || self.has_failed() {
                return sample;
            }
        }
        None
    }

    /// Whether the pipeline has told of an error, which is kept.
    fn has_failed(&self) -> bool {
        let mut heard = self.heard.lock();
        if heard.is_none() {
            *heard = self.told_on_bus();
        }
        heard.is_some()
    }

    /// Whether there are no more pictures because all have come.
    pub(crate) fn is_at_end(&self) -> bool {
        self.sink.is_eos()
    }

    /// The first error that the pipeline told of.
    pub(crate) fn error(&self) -> Option<BusError> {
        self.heard.lock().take().or_else(|| self.told_on_bus())
    }

    fn told_on_bus(&self) -> Option<BusError> {
        let message = self.pipeline.bus()?.pop_filtered(&[gst::MessageType::Error])?;
        match message.view() {
            gst::MessageView::Error(error) => Some(error_told(error)),
            _ => None,
        }
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = self.pipeline.set_state(gst::State::Null);
        if let Some(feeder) = self.feeder.take() {
            let _ = feeder.join();
        }
    }
}

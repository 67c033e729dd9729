//! Pictures for browsers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use parking_lot::Mutex;
use vesalius_serve::Hub;

use super::outlet::{Outlet, Time, Way};

/// Pictures for browsers come no faster: a JPEG of 1080p takes ten milliseconds of a core.
const SPACING: Duration = Duration::from_millis(60);

/// JPEG pictures into the hub, while somebody looks.
pub(crate) struct Browsers {
    hub: Hub,
    way: Arc<Way>,
    last: Mutex<Option<Instant>>,
}

impl Browsers {
    pub(crate) fn start(hub: &Hub, time: &Time) -> Result<Self, String> {
        let text = "videoconvert ! jpegenc quality=88 ! appsink name=out sync=false max-buffers=1 drop=true";
        let into = hub.clone();
        let way = Way::start(text, 1, false, time, |pipeline, _| {
            let sink = pipeline.by_name("out").and_then(|s| s.downcast::<gst_app::AppSink>().ok());
            let sink = sink.ok_or("the coder has no end")?;
            let callbacks = gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    if let Some(jpeg) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()) {
                        into.set_picture(jpeg.as_slice());
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .build();
            sink.set_callbacks(callbacks);
            Ok(())
        })?;
        Ok(Self { hub: hub.clone(), way, last: Mutex::default() })
    }

    /// What went wrong since the last call.
    pub(crate) fn error(&self) -> Option<String> {
        self.way.error()
    }
}

impl Outlet for Browsers {
    fn give(&self, buffer: &gst::Buffer, caps: &gst::Caps) {
        if !self.hub.picture_is_wanted() {
            return;
        }
        let now = Instant::now();
        {
            let mut last = self.last.lock();
            if last.is_some_and(|last| now.saturating_duration_since(last) < SPACING) {
                return;
            }
            *last = Some(now);
        }
        self.way.give(buffer, caps);
    }
}

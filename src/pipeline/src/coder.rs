//! Frames that are made here into a file.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use gst::prelude::*;

use crate::bus::{self, End, Heard};
use crate::collect::Position;
use crate::encode::make;
use crate::error::ReplayError;
use crate::stills::{Picture, sample};

/// A pipeline that codes the frames that it is given.
pub(crate) struct Coder {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    path: PathBuf,
    size: (u32, u32),
    rate: gst::Fraction,
}

impl Coder {
    /// Starts a pipeline whose end `add` adds; it is named by its first element. A rate of 0/1 is one that varies.
    pub(crate) fn start(
        (width, height): (u32, u32),
        rate: gst::Fraction,
        path: &Path,
        add: impl FnOnce(&gst::Pipeline) -> Result<gst::Element, ReplayError>,
    ) -> Result<Self, ReplayError> {
        let failed =
            |message: &str| ReplayError::Encode { path: path.to_owned(), message: message.to_owned() };
        let pipeline = gst::Pipeline::new();
        let source = gst_app::AppSrc::builder().format(gst::Format::Time).block(true).max_buffers(3).build();
        // Named as the ends of other pipelines are.
        let pass = make("identity", "libgstreamer1.0-0")?;
        let linked = |_| failed("its elements cannot be linked");
        pipeline.add_many([source.upcast_ref::<gst::Element>(), &pass]).map_err(linked)?;
        let first = add(&pipeline)?;
        gst::Element::link_many([source.upcast_ref(), &pass, &first]).map_err(linked)?;
        if pipeline.set_state(gst::State::Playing).is_err() {
            let said =
                bus::startup_error(&pipeline).map_or_else(|| "it does not start".to_owned(), |e| e.message);
            let _ = pipeline.set_state(gst::State::Null);
            return Err(failed(&said));
        }
        Ok(Self { pipeline, source, path: path.to_owned(), size: (width, height), rate })
    }

    /// Hands a frame over; `false` where the coder takes no more, which its end explains.
    pub(crate) fn push(
        &self,
        pixels: Vec<u8>,
        format: gst_video::VideoFormat,
        pts_ns: u64,
        next_ns: u64,
    ) -> bool {
        let (width, height) = self.size;
        let Ok((mut buffer, caps)) = sample(Picture { format, width, height, pixels }) else { return false };
        let mut caps = caps;
        caps.make_mut().set("framerate", self.rate);
        let writable = buffer.make_mut();
        writable.set_pts(gst::ClockTime::from_nseconds(pts_ns));
        writable.set_duration(gst::ClockTime::from_nseconds(next_ns.saturating_sub(pts_ns)));
        self.source.push_sample(&gst::Sample::builder().buffer(&buffer).caps(&caps).build()).is_ok()
    }

    /// Closes the file.
    pub(crate) fn finish(self, stop: &AtomicBool) -> Result<(), ReplayError> {
        let _ = self.source.end_of_stream();
        let end = bus::run(&self.pipeline, &mut Heard::default(), stop, &Position::default(), || false);
        let _ = self.pipeline.set_state(gst::State::Null);
        match end {
            End::Error(error) => Err(ReplayError::Encode { path: self.path, message: error.message }),
            End::Eos => Ok(()),
        }
    }
}

//! `vesaliussegment`: runs an engine on the frames and attaches what it finds.
//!
//! The picture passes untouched; results travel as [`ResultMeta`](crate::ResultMeta). In `mode=latest` (the
//! default, for live use) the picture never waits: the newest finished result goes with the frames that follow it
//! and says how old it is; with `alignment=motion` it also says where the picture has moved to since, with `alignment=delay` the
//! picture waits a declared time. In `mode=every-frame` (replay) each frame waits for its own result, several frames at a
//! time, in order.
//!
//! ```text
//! gst-launch-1.0 filesrc location=clip.mp4 ! decodebin ! videoconvert \
//!     ! vesaliussegment engine=fetal-head mode=every-frame \
//!     ! vesaliusmeasure calibration=0.2 ! vesaliusoverlay ! videoconvert ! autovideosink
//! ```

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

mod carry;
mod condition;
mod imp;
mod infer;
mod live;
mod pool;

mod running;
mod settings;
mod sight;
mod stats;
mod stream;
mod wait;

pub use settings::{Alignment, Isolation, Mode};

glib::wrapper! {
    /// The element `vesaliussegment`.
    pub struct Segment(ObjectSubclass<imp::Segment>)
        @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

impl Segment {
    /// A new element, made without the registry.
    pub fn new() -> Self {
        glib::Object::new()
    }

    /// Takes another engine, in `mode=latest`: the one at hand serves until the new one has been loaded and has run, for
    /// which this waits.
    ///
    /// # Errors
    ///
    /// One line; the engine at hand stays.
    pub fn change_engine(&self, engine: &str) -> Result<(), String> {
        self.imp().change_engine(engine)
    }
}

impl Default for Segment {
    fn default() -> Self {
        Self::new()
    }
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "vesaliussegment", gst::Rank::NONE, Segment::static_type())
}

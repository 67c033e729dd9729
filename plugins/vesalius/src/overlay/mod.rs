//! `vesaliusoverlay`: draws outlines, calipers, values and status.
//!
//! Where downstream composes overlays itself (its caps *and* its answer to the allocation query say so) the picture
//! stays untouched and a `GstVideoOverlayComposition` goes with it. Elsewhere the drawing is blended into the frame
//! in its own pixel format, and every pixel outside what is drawn keeps its bytes.
//!
//! ```text
//! … ! vesaliusmeasure ! vesaliusoverlay show-values=true notice="" ! …
//! ```

use gst::glib;
use gst::prelude::*;

mod composition;
mod copies;
mod device;
mod imp;
mod settings;

pub use settings::ValueCorner;

glib::wrapper! {
    /// The element `vesaliusoverlay`.
    pub struct Overlay(ObjectSubclass<imp::Overlay>)
        @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

impl Overlay {
    /// A new element, made without the registry.
    pub fn new() -> Self {
        glib::Object::new()
    }
}

impl Default for Overlay {
    fn default() -> Self {
        Self::new()
    }
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "vesaliusoverlay", gst::Rank::NONE, Overlay::static_type())
}

//! `vesaliusmeasure`: from outlines to values with units.
//!
//! Adds measurements to the results that `vesaliussegment` attached and posts each as a `vesalius-measurement`
//! message, see [`MeasurementMessage`](crate::MeasurementMessage). Without a calibration there are no millimetres:
//! lengths come in pixels with the reason. A frame's own calibration
//! ([`add_scale`](crate::add_scale)) is preferred to the property; the property's is given up when the
//! picture's size changes under it.
//!
//! ```text
//! … ! vesaliussegment engine=fetal-head mode=every-frame ! vesaliusmeasure calibration=0.2,0.2 ! …
//! ```

use gst::glib;
use gst::prelude::*;

mod imp;

glib::wrapper! {
    /// The element `vesaliusmeasure`.
    pub struct Measure(ObjectSubclass<imp::Measure>)
        @extends gst_base::BaseTransform, gst::Element, gst::Object;
}

impl Measure {
    /// A new element, made without the registry.
    pub fn new() -> Self {
        glib::Object::new()
    }
}

impl Default for Measure {
    fn default() -> Self {
        Self::new()
    }
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "vesaliusmeasure", gst::Rank::NONE, Measure::static_type())
}

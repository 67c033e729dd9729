//! `vesaliusmeasure`: from outlines to values with units.
//!
//! Adds measurements to the results that `vesaliussegment` attached and posts each as a `vesalius-measurement`
//! message, see [`MeasurementMessage`](crate::MeasurementMessage). Without a calibration there are no millimetres:
//! lengths come in pixels with the reason. A frame's own calibration
//! ([`add_scale`](crate::add_scale)) is preferred to the property; the property's is given up when the picture's size, its
//! source or, where that is watched, its depth changes under it, or when it has grown too old.
//!
//! Every outline gets the number of its object, by class and overlap; numbers are never used again in a stream. With
//! `confirm-ms` an object counts, that is, is measured and drawn, once it was seen for so long in all results but
//! one: flicker is not shown. **What stays is shown so much later, on to the next result**: `stats` says how long that is
//! set to be (`added-delay`) and was at the most (`added-delay-max`), in nanoseconds. No outline is held over for later
//! frames. Objects begin anew at a discontinuity, a flush, another picture or source, and a step back in time.
//!
//! ```text
//! … ! vesaliussegment engine=fetal-head mode=every-frame ! vesaliusmeasure calibration=0.2,0.2 ! …
//! ```

use gst::glib;
use gst::prelude::*;
use vesalius_measure::calibration::profile::Profile;
use vesalius_measure::calibration::statement::{Statement, StatementError};
use vesalius_measure::protocol::ProtocolConfig;

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

/// Reads a protocol: a name, or the path of a TOML file (`….toml`) with one and its settings.
///
/// # Errors
///
/// One line that says what is wrong.
pub fn read_protocol(text: &str) -> Result<ProtocolConfig, String> {
    if !text.ends_with(".toml") {
        return ProtocolConfig::from_name(text).map_err(|e| e.to_string());
    }
    let settings =
        std::fs::read_to_string(text).map_err(|e| format!("the protocol '{text}' cannot be read: {e}"))?;
    ProtocolConfig::from_toml(&settings).map_err(|e| format!("'{text}': {e}"))
}

/// Reads a statement about the scale: a [`Statement`]'s text, or `profile:FILE,FILE,…` with TOML files of
/// [`Profile`]s. `None` for an empty text.
///
/// # Errors
///
/// One line that says what is wrong.
pub fn read_statement(text: &str) -> Result<Option<Statement>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let Some(files) = text.strip_prefix("profile:") else {
        return text.parse().map(Some).map_err(|e: StatementError| e.to_string());
    };
    let read = |file: &str| {
        let text = std::fs::read_to_string(file)
            .map_err(|e| format!("the device profile '{file}' cannot be read: {e}"))?;
        toml::from_str::<Profile>(&text).map_err(|e| {
            format!("'{file}' is no device profile: {}", e.to_string().trim().replace('\n', " "))
        })
    };
    files
        .split(',')
        .map(|file| read(file.trim()))
        .collect::<Result<_, _>>()
        .map(Statement::Profiles)
        .map(Some)
}

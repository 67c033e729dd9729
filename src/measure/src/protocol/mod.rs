//! Protocols: from outlines to named values, frame by frame and over time.
//!
//! A protocol sees each frame's classes and the scale in force and says which values they give, how sure, and what
//! to draw. It never invents: where a value cannot be had, it is there with its reason and without a number.
//!
//! [`ProtocolConfig`] names a protocol and its settings, [`Session`] runs it over a stream of frames. Each protocol is one
//! file here: a configuration, which serde reads, and a procedure, which writes on the sheet it is handed.

pub mod bladder;
mod config;
mod cyclic;
pub mod ellipsoid;
pub mod endoscopy;
mod fetal_head;
pub mod generic;
pub mod hadlock;
mod ivc;
pub mod lv_function;
pub mod nodule;
mod procedure;
mod section;
mod section_plane;
mod session;
mod sheet;
mod thickness;
mod tube;
mod vessel;

pub use bladder::BladderConfig;
pub use config::{ProtocolConfig, ProtocolError};
pub use endoscopy::EndoscopyConfig;
pub use fetal_head::FetalHeadConfig;
pub use generic::GenericConfig;
pub use ivc::IvcConfig;
pub use lv_function::LvFunctionConfig;
pub use procedure::Event;
pub use session::Session;
pub use thickness::{IntimaMediaConfig, MuscleThicknessConfig, OpticNerveSheathConfig};
pub use vessel::VesselConfig;

#[cfg(test)]
mod scene;
#[cfg(test)]
mod tests;

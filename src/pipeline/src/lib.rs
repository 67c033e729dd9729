//! Jobs built of the elements.
//!
//! * [`replay()`](replay::replay): recordings and stills through segment, measure and overlay, every frame, to files;
//! * [`explain`]: one frame, and what an engine's answer on it rests on, as a picture;
//! * [`live`]: the same elements on a picture that is now, which never waits for them;
//! * [`phantom`]: a phantom's clip with its truth;
//! * [`picture`]: one still, decoded as a replay does; [`pictures`]: every picture of an input; [`frames`]: single frames of any
//!   input; [`clip`]: pictures into a clip.
//!
//! A replay of a video is one GStreamer pipeline; of stills, one that is fed picture by picture. Both end in a
//! [`collect`]or that sees every frame in order and hands it to a writing thread over a bounded channel.

pub mod calibration;
pub mod clip;
pub mod collect;
pub mod combine;
pub mod error;
pub mod events;
pub mod explain;
pub mod frames;
pub mod identity;
pub mod input;
pub mod live;
pub mod phantom;
pub mod picture;
pub mod pictures;
pub mod replay;

mod bus;
mod coder;
mod cut_off;
mod dicom;
mod encode;
mod fed;
mod gif;
mod pull;
mod source;
mod stills;
mod video;
mod write;

pub use calibration::CalibrationChoice;
pub use error::ReplayError;
pub use input::Input;
pub use replay::{Progress, ReplayOptions, replay};

//! What an endoscope's picture itself says, without any network: where the visible field is, how sharp, well
//! lit and free of glare it is, and whether it looks like the inside of a body.
//!
//! Everything is looked at in a [`WorkingPicture`] of at most about 640 pixels, in which details have the
//! same size whatever the camera's resolution is. All of it is integer arithmetic on bytes and sums: the same
//! picture gives the same numbers on every machine. [`PictureAnalysis`] does all of it for a stream of
//! frames.

mod analysis;
mod body;
mod convex;
mod field;
mod finder;
mod quality;
mod working;

pub use analysis::PictureAnalysis;
pub use body::{BodyGate, BodyRule, Unsure};
pub use field::{Field, FieldShape};
pub use finder::FieldFinder;
pub use quality::{Glare, PictureLevels, Quality};
pub use working::{Row, WorkingPicture};

#[cfg(test)]
mod tests;

//! How well one label mask agrees with another.
//!
//! * [`overlap`]: counts of pixels and the ratios that follow;
//! * [`boundary`]: outlines as edge pixels and as a boundary with a length; [`distance`]: exact distances to them;
//! * [`surface`]: Hausdorff distances, mean distances, and the part of a boundary within a tolerance;
//! * [`instances`]: objects of one class counted one by one; [`axis`]: where a structure points and how long it is;
//! * [`pair`]: all of it for every class of two masks.

pub mod axis;
pub mod boundary;
pub mod distance;
pub mod instances;
pub mod overlap;
pub mod pair;
pub mod surface;

pub use pair::{Class, PairError, Presence, StructureScore, score_pair};

//! Distances between two borders of a structure: muscle, intima–media, optic nerve sheath.
//!
//! Three protocols, two mechanisms: [`band`] measures a layer that runs across the picture, at right angles
//! to its deep border; [`sheath`] the width of a cord at a distance behind a ball.

mod band;
mod sheath;

pub use band::{IntimaMediaConfig, MuscleThicknessConfig};
pub use sheath::OpticNerveSheathConfig;

pub(super) use band::Band;
pub(super) use sheath::OpticNerveSheath;

//! What can be wrong with a scene.

use thiserror::Error;

/// Why a scene cannot be rendered.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum PhantomError {
    /// The picture is too small or too large.
    #[error("picture size {width}x{height} is out of range: each side must be {min} to {max} pixels", min = crate::MIN_SIDE_PX, max = crate::MAX_SIDE_PX)]
    PictureSize {
        /// Asked width in pixels.
        width: u32,
        /// Asked height in pixels.
        height: u32,
    },
    /// A number is not finite or lies outside its range.
    #[error("{option} = {value} {unit} is out of range: give a value from {min} to {max} {unit}")]
    OutOfRange {
        /// Name of the option.
        option: &'static str,
        /// The value that was given.
        value: f64,
        /// Smallest accepted value.
        min: f64,
        /// Largest accepted value.
        max: f64,
        /// Unit of the option (UCUM; `1` for a ratio).
        unit: &'static str,
    },
    /// A list is longer than the renderer takes.
    #[error("{option} has {count} entries: give at most {max}")]
    TooMany {
        /// Name of the option.
        option: &'static str,
        /// Entries given.
        count: usize,
        /// Entries accepted.
        max: usize,
    },
    /// Two options exclude each other.
    #[error(
        "speckle.decorrelation_per_frame needs speckle.compounding = 1, but it is {compounding}: compounded speckle is stored as an envelope, which has no phase to turn"
    )]
    DecorrelationOfCompoundedSpeckle {
        /// The compounding that was given.
        compounding: u8,
    },
    /// Two options exclude each other, or one makes no sense in this scene.
    #[error("{option}: {reason}")]
    Conflict {
        /// Name of the option or options.
        option: &'static str,
        /// What is wrong and what to do.
        reason: &'static str,
    },
    /// No scene has this name.
    #[error("no scene is called '{name}': choose one of {known}")]
    UnknownScene {
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

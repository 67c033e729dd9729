//! What is known about one frame: masks with their place, values with their doubts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::components::Components;
use crate::contour::Contour;
use crate::ellipse::EllipseInFrame;
use crate::flow::Motion;
use crate::geometry::{Geometry, PointInFrame};
use crate::live::LiveState;
use crate::mask::ProbabilityMap;
use crate::units::Unit;

/// Which engine spoke. One per run, shared by all its results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineIdentity {
    /// Name in the manifest.
    pub name: String,
    /// Version in the manifest.
    pub version: String,
    /// SHA-256 of the model file, lower-case hexadecimal.
    pub sha256: String,
    /// Numbers the network runs in, such as `f32`.
    pub precision: String,
    /// What it runs on, such as `onnxruntime-cpu`.
    pub backend: String,
    /// The measuring protocol that the manifest asks for.
    pub protocol: String,
}

/// One class of an engine, as its manifest describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassInfo {
    /// Value in label masks, from 1.
    pub index: u8,
    /// Name in files, snake_case.
    pub name: String,
    /// Name for people.
    pub label: String,
    /// Colour of its outline: red, green, blue.
    pub color: [u8; 3],
    /// Probability from which a pixel belongs to the class.
    pub threshold: f32,
}

/// How far a value can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// Use it, within its uncertainty.
    Valid,
    /// There is a value and a reservation; the reason says which.
    Limited,
    /// There is no value; the reason says why.
    Invalid,
}

impl Validity {
    /// The name as it stands in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Limited => "limited",
            Self::Invalid => "invalid",
        }
    }
}

/// Why a value is limited or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Reason {
    /// No trusted scale: lengths are in pixels, and what needs millimetres has no value.
    NoCalibration,
    /// The structure was looked for and not found.
    NotFound,
    /// The structure was found, but not yet for as long as it must be seen before it counts.
    NotConfirmed,
    /// The structure touches the edge of the picture: its size is an estimate from the visible part.
    Truncated,
    /// More than one piece, the second above 5 % of the largest: the largest was measured.
    SeveralPieces,
    /// Outside the range for which the equation was published.
    OutOfRange,
    /// The outline does not look like the shape that the formula supposes.
    ShapeMismatch,
    /// The network did not give a usable answer for this frame.
    InferenceFailed,
    /// The newest result is older than the limit.
    Stale,
    /// No result has come yet.
    NoResultYet,
    /// The scale was known and no longer is: the picture, its source or its depth changed.
    CalibrationExpired,
    /// The structure lies outside the part of the picture that the scale holds for, or across two parts.
    OutsideCalibration,
    /// Which end of the long axis is which cannot be told.
    AxisAmbiguous,
    /// Not enough complete, clean beats or breaths so far.
    TooFewCycles,
    /// Not enough valid frames so far, or too few a beat.
    TooFewSamples,
    /// One plane alone does not give this value.
    NeedsSecondPlane,
    /// No reference of known size at the same depth, or none confirmed by the operator.
    NotToScale,
    /// Within its uncertainty the value lies on both sides of a limit.
    Indeterminate,
    /// The network is unsure, or the uncertainty is more than a fifth of the value.
    LowConfidence,
    /// The picture shows no inside of a body.
    OutOfBody,
    /// The picture is too blurred, dark, bright or covered by glare.
    PoorPicture,
    /// An event that the value starts or ends with has not been marked.
    EventMissing,
    /// The picture is unlike those that the engine was trained on: what it says of it is not to be relied on.
    UnlikeTraining,
    /// A person turned the engine off.
    Off,
    /// The engine is being loaded.
    Loading,
    /// The picture stands still.
    Frozen,
    /// There is no picture.
    NoSignal,
    /// The picture is black.
    BlackPicture,
    /// The picture is colour bars.
    ColorBars,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 29] = [
        Self::NoCalibration,
        Self::NotFound,
        Self::NotConfirmed,
        Self::Truncated,
        Self::SeveralPieces,
        Self::OutOfRange,
        Self::ShapeMismatch,
        Self::InferenceFailed,
        Self::Stale,
        Self::NoResultYet,
        Self::CalibrationExpired,
        Self::OutsideCalibration,
        Self::AxisAmbiguous,
        Self::TooFewCycles,
        Self::TooFewSamples,
        Self::NeedsSecondPlane,
        Self::NotToScale,
        Self::Indeterminate,
        Self::LowConfidence,
        Self::OutOfBody,
        Self::PoorPicture,
        Self::EventMissing,
        Self::UnlikeTraining,
        Self::Off,
        Self::Loading,
        Self::Frozen,
        Self::NoSignal,
        Self::BlackPicture,
        Self::ColorBars,
    ];

    /// The code as it stands in files.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoCalibration => "NO_CALIBRATION",
            Self::NotFound => "NOT_FOUND",
            Self::NotConfirmed => "NOT_CONFIRMED",
            Self::Truncated => "TRUNCATED",
            Self::SeveralPieces => "SEVERAL_PIECES",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::ShapeMismatch => "SHAPE_MISMATCH",
            Self::InferenceFailed => "INFERENCE_FAILED",
            Self::Stale => "STALE",
            Self::NoResultYet => "NO_RESULT_YET",
            Self::CalibrationExpired => "CALIBRATION_EXPIRED",
            Self::OutsideCalibration => "OUTSIDE_CALIBRATION",
            Self::AxisAmbiguous => "AXIS_AMBIGUOUS",
            Self::TooFewCycles => "TOO_FEW_CYCLES",
            Self::TooFewSamples => "TOO_FEW_SAMPLES",
            Self::NeedsSecondPlane => "NEEDS_SECOND_PLANE",
            Self::NotToScale => "NOT_TO_SCALE",
            Self::Indeterminate => "INDETERMINATE",
            Self::LowConfidence => "LOW_CONFIDENCE",
            Self::OutOfBody => "OUT_OF_BODY",
            Self::PoorPicture => "POOR_PICTURE",
            Self::EventMissing => "EVENT_MISSING",
            Self::UnlikeTraining => "UNLIKE_TRAINING",
            Self::Off => "OFF",
            Self::Loading => "LOADING",
            Self::Frozen => "FROZEN",
            Self::NoSignal => "NO_SIGNAL",
            Self::BlackPicture => "BLACK_PICTURE",
            Self::ColorBars => "COLOR_BARS",
        }
    }

    /// What it means, in a few words for a screen.
    pub const fn display(self) -> &'static str {
        match self {
            Self::NoCalibration => "no calibration",
            Self::NotFound => "not found",
            Self::NotConfirmed => "not confirmed yet",
            Self::Truncated => "cut by the edge",
            Self::SeveralPieces => "several pieces",
            Self::OutOfRange => "out of range",
            Self::ShapeMismatch => "unusual shape",
            Self::InferenceFailed => "inference failed",
            Self::Stale => "result too old",
            Self::NoResultYet => "no result yet",
            Self::CalibrationExpired => "calibration expired",
            Self::OutsideCalibration => "outside the calibrated region",
            Self::AxisAmbiguous => "axis ambiguous",
            Self::TooFewCycles => "too few cycles",
            Self::TooFewSamples => "too few frames",
            Self::NeedsSecondPlane => "needs a second plane",
            Self::NotToScale => "not to scale",
            Self::Indeterminate => "indeterminate",
            Self::LowConfidence => "low confidence",
            Self::OutOfBody => "out of body",
            Self::PoorPicture => "poor picture",
            Self::EventMissing => "not marked yet",
            Self::UnlikeTraining => "unlike training data",
            Self::Off => "off",
            Self::Loading => "loading",
            Self::Frozen => "frozen picture",
            Self::NoSignal => "no signal",
            Self::BlackPicture => "black picture",
            Self::ColorBars => "colour bars",
        }
    }
}

/// One named value of one structure in one frame, with everything it must travel with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    /// Name of the class it belongs to.
    pub structure: Arc<str>,
    /// Name of the value, snake_case.
    pub name: &'static str,
    /// The number, in `unit`; `None` is "no value", never zero.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: Unit,
    /// Standard uncertainty (k = 1) in `unit`, where one can be given.
    pub uncertainty: Option<f64>,
    /// How far it can be used.
    pub validity: Validity,
    /// Why not further.
    pub reason: Option<Reason>,
    /// Which definition and algorithm gave it.
    pub method: &'static str,
    /// The calibration it rests on.
    pub calibration_id: Option<Arc<str>>,
}

/// What is drawn to show what was measured. Points are in the source picture.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Mark {
    /// The ellipse whose circumference and axes were taken.
    Ellipse(EllipseInFrame),
    /// A distance between two points, as calipers show it.
    Caliper {
        /// One end.
        from: PointInFrame,
        /// The other end.
        to: PointInFrame,
        /// Name of the [`Measurement`] it belongs to.
        name: &'static str,
    },
    /// A thin open line that explains a value: an axis, a border, a disc.
    Line {
        /// Its points in order.
        points: Vec<PointInFrame>,
        /// Name of the [`Measurement`] it belongs to.
        name: &'static str,
    },
    /// A single place: a hinge point, an apex, a tip.
    Point {
        /// Where.
        at: PointInFrame,
        /// Name of the [`Measurement`] it belongs to.
        name: &'static str,
    },
}

/// Whether a frame has a result, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultStatus {
    /// The network ran on this result's source frame.
    Ok,
    /// There is no usable result, for the reason given.
    Missing(Reason),
}

/// Time that the stages spent on one frame, in nanoseconds; `None` where a stage did not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StageTimes {
    /// Picture to tensor.
    pub preprocess_ns: Option<u64>,
    /// The network.
    pub inference_ns: Option<u64>,
    /// Tensor to class maps and outlines.
    pub postprocess_ns: Option<u64>,
    /// Outlines to values.
    pub measure_ns: Option<u64>,
    /// Marks and values onto the picture.
    pub overlay_ns: Option<u64>,
}

/// Below this mean probability inside its outlines a structure is drawn as uncertain and gives no value.
///
/// Inside an outline at a threshold of 0.5 the mean lies between 0.5 and 1, and of structures that are clearly there above
/// 0.9. docs/parity.md has the figures.
pub const LEAST_CONFIDENCE: f32 = 0.7;

/// How unlike the pictures that an engine was trained on a picture is, as the engine says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unlikeness {
    /// The engine's number: the greater the less like. Its scale is the engine's own.
    pub score: f32,
    /// The greatest number that still passes for like.
    pub threshold: f32,
}

impl Unlikeness {
    /// Whether the picture counts as unlike the training data.
    pub fn is_unlike(&self) -> bool {
        self.score > self.threshold
    }
}

/// One class in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassResult {
    /// Which class.
    pub class: Arc<ClassInfo>,
    /// Probability at each pixel of the model's picture, after the engine's clean-up.
    pub probability: ProbabilityMap,
    /// Outlines at the class's threshold in the source picture, the largest first. Empty: not found.
    pub contours: Vec<Contour>,
    /// Outlines that were not seen for long enough to count, the largest first: neither measured nor drawn. Empty before
    /// [`Objects`](crate::track::Objects) has looked at the result.
    pub unconfirmed: Vec<Contour>,
    /// Mean probability inside the outlines, 0 to 1; `None` where nothing was found.
    pub confidence: Option<f32>,
    /// Why what was found gives no value: its outlines stay, and are drawn as uncertain, and nothing is measured on them.
    /// Set by [`Session`](crate::protocol::Session).
    pub withheld: Option<Reason>,
    /// The pieces before the engine's clean-up.
    pub components: Components,
}

impl ClassResult {
    /// Why there is no outline to measure; `None` where there is one.
    pub fn absence(&self) -> Option<Reason> {
        let unseen = if self.unconfirmed.is_empty() { Reason::NotFound } else { Reason::NotConfirmed };
        self.contours.is_empty().then_some(self.withheld.unwrap_or(unseen))
    }

    /// Whether the engine is too unsure of what it found for a value: its [confidence](Self::confidence) is below
    /// [`LEAST_CONFIDENCE`].
    pub fn is_unsure(&self) -> bool {
        self.confidence.is_some_and(|confidence| confidence < LEAST_CONFIDENCE)
    }
}

/// Everything known about one frame. Stages add to it; nobody changes what an earlier stage said.
#[derive(Clone, Debug)]
pub struct FrameResult {
    /// Presentation time of the frame the network saw, nanoseconds.
    pub source_pts_ns: u64,
    /// How much older that frame is than the one this result is attached to, nanoseconds; 0 in replay.
    pub age_ns: u64,
    /// How the picture moved from that frame to the one this result is attached to, where that is known: what is drawn is carried along
    /// with it. Outlines, maps and values here stay those of the frame that the network saw. `None` in replay.
    pub motion: Option<Arc<Motion>>,
    /// Which engine spoke.
    pub engine: Arc<EngineIdentity>,
    /// Whether there is a result.
    pub status: ResultStatus,
    /// Where the maps' pixels lie in the source picture; `None` where there is no result.
    pub geometry: Option<Geometry>,
    /// The classes, in the manifest's order.
    pub classes: Vec<ClassResult>,
    /// How unlike the engine's training data the picture is; `None` where the engine does not say.
    pub unlikeness: Option<Unlikeness>,
    /// The scale in force, where there is one.
    pub calibration: Option<Arc<Calibration>>,
    /// Values, in the protocol's order.
    pub measurements: Vec<Measurement>,
    /// What to draw for them.
    pub marks: Vec<Mark>,
    /// Values over time, as they stand with this frame.
    pub series: Vec<Measurement>,
    /// Time spent, for statistics alone.
    pub times: StageTimes,
    /// In live use, how engine and picture are with this frame.
    pub live: Option<Arc<LiveState>>,
}

impl FrameResult {
    /// A result that says that there is none.
    pub fn missing(engine: Arc<EngineIdentity>, source_pts_ns: u64, reason: Reason) -> Self {
        Self {
            source_pts_ns,
            age_ns: 0,
            motion: None,
            engine,
            status: ResultStatus::Missing(reason),
            geometry: None,
            classes: Vec::new(),
            unlikeness: None,
            calibration: None,
            measurements: Vec::new(),
            marks: Vec::new(),
            series: Vec::new(),
            times: StageTimes::default(),
            live: None,
        }
    }

    /// Whether the engine says that the picture is unlike its training data.
    pub fn is_unlike_training(&self) -> bool {
        self.unlikeness.is_some_and(|unlikeness| unlikeness.is_unlike())
    }

    /// Whether any structure was found.
    pub fn found_something(&self) -> bool {
        self.classes.iter().any(|c| !c.contours.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_in_files_are_the_serialised_names() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{}\"", reason.code()));
        }
        for validity in [Validity::Valid, Validity::Limited, Validity::Invalid] {
            assert_eq!(serde_json::to_string(&validity).unwrap(), format!("\"{}\"", validity.as_str()));
        }
    }
}

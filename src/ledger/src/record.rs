//! The records of `results.jsonl`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vesalius_measure::calibration::Calibration;
use vesalius_measure::geometry::Geometry;
use vesalius_measure::result::{EngineIdentity, FrameResult, Measurement, Reason, ResultStatus};
use vesalius_measure::track::TrackId;

/// Version of the records' layout.
pub const SCHEMA: u32 = 1;

/// The first line: what this run is. Everything in it but `started_utc` follows from the input and the settings.
#[derive(Clone, Debug, Serialize)]
pub struct RunRecord {
    /// Always `run`.
    pub record: &'static str,
    /// See [`SCHEMA`].
    pub schema: u32,
    /// When the run began, RFC 3339.
    pub started_utc: String,
    /// Software by name and version: the program, GStreamer, the inference runtime.
    pub software: BTreeMap<String, String>,
    /// The engine.
    pub engine: EngineIdentity,
    /// The input.
    pub input: InputRecord,
    /// The calibration of the whole input, where there is one; frames name their own.
    pub calibration: Option<Calibration>,
    /// Why what the input says of its scale is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration_refused: Option<Refused>,
    /// What the frames' times rest on, where the input says: `frame-time` and `frame-time-vector` were acquired,
    /// `nominal` is a wish for the display, `none` is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timebase: Option<String>,
    /// The settings that bear on results.
    pub configuration: BTreeMap<String, serde_json::Value>,
    /// Always true: no result of this software is for clinical use.
    pub not_for_clinical_use: bool,
}

/// Why a scale was refused.
#[derive(Clone, Debug, Serialize)]
pub struct Refused {
    /// For machines.
    pub code: String,
    /// For people.
    pub text: String,
}

/// What was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct InputRecord {
    /// File or folder name, without the way to it.
    pub name: String,
    /// `video`, `dicom`, `still` or `stills`.
    pub kind: &'static str,
    /// SHA-256 of the file; of the files' hashes in name order for a folder.
    pub sha256: String,
    /// Bytes of the file, or of all files.
    pub bytes: u64,
}

/// One line a frame.
#[derive(Clone, Debug, Serialize)]
pub struct FrameRecord<'a> {
    /// Always `frame`.
    pub record: &'static str,
    /// File that the frame is from, without the way to it.
    pub input: &'a str,
    /// Number of the frame in the run, from 0.
    pub frame: u64,
    /// Presentation time, nanoseconds.
    pub pts_ns: u64,
    /// Width and height of the picture in pixels.
    pub size: [u32; 2],
    /// `ok`, or `missing` with a reason.
    pub status: &'static str,
    /// Why there is no result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Age of the result, nanoseconds; 0 in replay.
    pub age_ns: u64,
    /// Calibration in force.
    pub calibration: Option<Arc<str>>,
    /// How unlike the engine's training data the picture is, where the engine says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlikeness: Option<UnlikenessRecord>,
    /// Classes, in the engine's order.
    pub structures: Vec<StructureRecord<'a>>,
    /// Values, in the protocol's order.
    pub values: &'a [Measurement],
    /// Values over time as they stand with this frame.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub series: &'a [Measurement],
    /// The outlines themselves, where they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlines: Option<Outlines>,
}

/// How unlike the engine's training data a picture is.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct UnlikenessRecord {
    /// The engine's number.
    pub score: f32,
    /// The greatest number that passes for like.
    pub threshold: f32,
    /// Whether it counts as unlike: then no structure gives a value.
    pub unlike: bool,
}

/// The outlines that were found, and where the masks lay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outlines {
    /// The mapping between the mask's and the picture's pixels.
    pub geometry: Geometry,
    /// Class by class in the engine's order, the largest of each first.
    pub structures: Vec<OutlineRecord>,
}

/// One outline.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutlineRecord {
    /// Class by name.
    pub structure: String,
    /// Number of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<TrackId>,
    /// Vertices in the picture, `[x, y]` in pixels of which centres are whole numbers, to a thousandth; the last joins the
    /// first.
    pub points_px: Vec<[f64; 2]>,
}

impl Outlines {
    /// The outlines of a result; `None` where there is no result.
    pub fn of(result: &FrameResult) -> Option<Self> {
        let round = |v: f64| (v * 1e3).round() / 1e3;
        let structures = result.classes.iter().flat_map(|class| {
            class.contours.iter().map(|contour| OutlineRecord {
                structure: class.class.name.clone(),
                object: contour.object,
                points_px: contour.outer.iter().map(|p| [round(p.x_px), round(p.y_px)]).collect(),
            })
        });
        Some(Self { geometry: result.geometry?, structures: structures.collect() })
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// One class in one frame.
#[derive(Clone, Debug, Serialize)]
pub struct StructureRecord<'a> {
    /// Class by name.
    pub name: &'a str,
    /// Whether it was found.
    pub found: bool,
    /// Pieces before the engine's clean-up.
    pub pieces: usize,
    /// Mean probability inside, 0 to 1.
    pub confidence: Option<f32>,
    /// Why it gives no value although it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Reason>,
    /// Part of the largest outline that lies at the picture's edge, 0 to 1.
    pub border_fraction: Option<f64>,
    /// Numbers of the objects, the largest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<TrackId>,
    /// Outlines that were not seen for long enough to count.
    #[serde(skip_serializing_if = "is_zero")]
    pub unconfirmed: usize,
}

impl<'a> FrameRecord<'a> {
    /// The record of a frame's result.
    pub fn new(input: &'a str, frame: u64, pts_ns: u64, size: [u32; 2], result: &'a FrameResult) -> Self {
        let (status, reason) = match result.status {
            ResultStatus::Ok => ("ok", None),
            ResultStatus::Missing(reason) => ("missing", Some(reason)),
        };
        let structures = result
            .classes
            .iter()
            .map(|class| StructureRecord {
                name: &class.class.name,
                found: !class.contours.is_empty(),
                pieces: class.components.count,
                confidence: class.confidence,
                withheld: class.withheld,
                border_fraction: class.contours.first().map(|c| c.border_fraction),
                objects: class.contours.iter().filter_map(|c| c.object).collect(),
                unconfirmed: class.unconfirmed.len(),
            })
            .collect();
        Self {
            record: "frame",
            input,
            frame,
            pts_ns,
            size,
            status,
            reason,
            age_ns: result.age_ns,
            calibration: result.calibration.as_ref().map(|c| c.id().clone()),
            unlikeness: result.unlikeness.map(|u| UnlikenessRecord {
                score: u.score,
                threshold: u.threshold,
                unlike: u.is_unlike(),
            }),
            structures,
            values: &result.measurements,
            series: &result.series,
            outlines: None,
        }
    }
}

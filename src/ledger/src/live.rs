//! The account of a live recording: one line a picture that came or was shown in its place, none left out.
//!
//! | first field | line |
//! |---|---|
//! | `account` | the first: software, source, rules |
//! | `engine` | who the results from here on are from |
//! | `frame` | one picture |
//! | `privacy` | from here on blanks are kept in the pictures' place, or pictures again |
//! | `gap` | pictures without lines, for the disk was too slow |
//! | `end` | the last: what it all comes to |

use std::collections::BTreeMap;

use serde::Serialize;
use vesalius_measure::result::{EngineIdentity, Reason};

/// The first line.
#[derive(Clone, Debug, Serialize)]
pub struct LiveAccount {
    /// Always `account`.
    pub record: &'static str,
    /// Version of the layout, see [`SCHEMA`](crate::record::SCHEMA).
    pub schema: u32,
    /// When it began, RFC 3339.
    pub started_utc: String,
    /// Software by name and version.
    pub software: BTreeMap<String, String>,
    /// The source as people call it, without addresses and names of files.
    pub source: String,
    /// Age above which a result is not shown, milliseconds.
    pub max_age_ms: u64,
    /// Always true.
    pub not_for_clinical_use: bool,
}

/// Who results are from.
#[derive(Clone, Debug, Serialize)]
pub struct LiveEngine<'a> {
    /// Always `engine`.
    pub record: &'static str,
    /// The picture from which on.
    pub number: u64,
    /// The engine.
    pub engine: &'a EngineIdentity,
}

/// Where a picture is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LiveOrigin {
    /// The source.
    Source,
    /// The last one again, for none has come.
    Repeat,
    /// A card that says that there is none.
    Card,
}

/// One picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveFrame {
    /// Always `frame`.
    pub record: &'static str,
    /// Counts everything that was handed to the chain since the job began.
    pub number: u64,
    /// Time on the job's clock, nanoseconds.
    pub pts_ns: u64,
    /// Where it is from.
    pub from: LiveOrigin,
    /// Whether it was shown.
    pub shown: bool,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    /// What was known when it was shown.
    #[serde(flatten)]
    pub seen: Option<LiveSeen>,
}

/// A picture as it was shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveSeen {
    /// Time from its coming to its leaving the chain, microseconds.
    pub delay_us: u64,
    /// What the picture is like, as its words.
    pub signal: &'static str,
    /// What the engine is at, as its word.
    pub ai: &'static str,
    /// Time of the picture that the engine looked at for the result that is shown; `None` where none is.
    pub result_pts_ns: Option<u64>,
    /// How much older than this picture that one is, milliseconds.
    pub age_ms: Option<f64>,
    /// Whether it is drawn where the picture has moved to since, and not where it was found.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub carried: bool,
    /// Why no result is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// What is kept of the pictures from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LivePrivacy {
    /// Always `privacy`.
    pub record: &'static str,
    /// Time of the first picture, on the job's clock, nanoseconds.
    pub pts_ns: u64,
    /// Whether blanks are kept.
    pub blanked: bool,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
}

/// Pictures without lines.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LiveGap {
    /// Always `gap`.
    pub record: &'static str,
    /// How many.
    pub frames: u64,
}

/// What it all comes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LiveEnd {
    /// Always `end`.
    pub record: &'static str,
    /// Pictures of the source that came.
    pub came: u64,
    /// Of these, shown.
    pub shown: u64,
    /// Of these, not shown, by why.
    pub not_shown: BTreeMap<&'static str, u64>,
    /// Pictures of the source whose own result was shown, on them or on later ones.
    pub inferred: u64,
    /// Pictures on which a result was drawn where the picture had moved to.
    pub carried: u64,
    /// Repeats and cards that were shown while none came.
    pub in_place: u64,
    /// Pictures that are not in the recording, for the coder was too slow, both kinds together.
    pub not_recorded: u64,
    /// Pictures in whose place a blank was kept, for they were not known to show the inside of a body.
    pub blanked: u64,
    /// Pictures of all kinds without lines.
    pub without_lines: u64,
    /// Why recording ended, where nobody asked it to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

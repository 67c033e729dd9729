//! What is to be seen of a job, as JSON.

use serde::{Serialize, Serializer};
use vesalius_measure::live::AiState;

/// Everything a person who looks at the picture needs to know of what is behind it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// What is watched, as its owner calls it; never a patient.
    pub source: String,
    /// The picture.
    pub signal: Signal,
    /// The engine.
    pub ai: Ai,
    /// Whether millimetres hold, and on what grounds; or why they do not.
    pub calibration: String,
    /// Recording.
    pub recording: Recording,
    /// Whether pictures may leave the room.
    pub privacy: Privacy,
    /// Values of the newest result that is shown.
    pub values: Vec<ValueNow>,
    /// What must always be shown; empty where an integrator took that upon themselves.
    pub notice: String,
    /// Engines that can be chosen.
    pub engines: Vec<String>,
    /// Why a supervisor should not count on it now; empty when it may.
    pub not_ready: String,
}

/// The picture as it comes in.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Signal {
    /// `LIVE`, `FROZEN`, `BLACK`, `COLOUR BARS` or `NO SIGNAL`.
    pub state: String,
    /// Since when, seconds.
    pub for_s: f64,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames a second, measured.
    pub rate_hz: f64,
    /// Frames that came in.
    pub frames: u64,
    /// Of these, not shown.
    pub lost: u64,
    /// Time from coming in to going out, 99.9th percentile of the last minute, milliseconds.
    pub delay_ms: f64,
    /// What is wrong with what comes; empty when nothing is.
    pub why: String,
}

/// What the engine does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ai {
    /// Whether a person wants it.
    pub on: bool,
    /// What it is at, as its word.
    #[serde(serialize_with = "word")]
    pub state: AiState,
    /// The engine's name.
    pub engine: String,
    /// First digits of its model's SHA-256.
    pub sha256: String,
    /// Results a second.
    pub rate_hz: f64,
    /// Age of the result that is shown, milliseconds; `None` when none is.
    pub age_ms: Option<f64>,
    /// Whether that result is drawn where the picture has moved to since, and not where it was found.
    pub carried: bool,
    /// Why it is not running as it should; empty when it is.
    pub why: String,
    /// Where it runs: `process`, `thread`, `cuda` …
    pub place: String,
    /// The id of its own process, while it has one.
    pub process_id: Option<u32>,
}

fn word<S: Serializer>(state: &AiState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.as_str())
}

/// Whether pictures may leave the room.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Privacy {
    /// Whether there is a gate for pictures from outside of the body.
    pub gate: bool,
    /// Whether it is closed: blanks leave in the pictures' place.
    pub blanked: bool,
    /// Why; empty when it is open.
    pub why: String,
}

/// Recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Recording {
    /// Whether it runs.
    pub on: bool,
    /// For how long, seconds.
    pub for_s: f64,
    /// Room left on the disk, bytes.
    pub free_bytes: u64,
    /// What is wrong with it; empty when nothing is.
    pub why: String,
    /// Seconds before now that are kept in memory; 0 where none are.
    pub look_back_s: f64,
}

/// One value as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ValueNow {
    /// What it is of.
    pub structure: String,
    /// What it is, in snake case.
    pub name: String,
    /// As a person reads it: number, unit and uncertainty, no more digits than that supports; or why there is none.
    pub text: String,
    /// The number.
    pub value: Option<f64>,
    /// Its unit by UCUM.
    pub unit: String,
    /// `VALID`, or what is wrong.
    pub validity: String,
}

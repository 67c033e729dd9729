//! One frame explained: how probable, how sure, and resting on what, as one picture.
//!
//! [`vesalius_engine::explain`] finds it out; `page` makes the picture.

mod page;

use std::path::{Path, PathBuf};

use serde::Serialize;
use vesalius_engine::explain::Explanation;
use vesalius_engine::{Engine, EngineError, Registry, SessionOptions, Worker};
use vesalius_measure::result::{EngineIdentity, LEAST_CONFIDENCE};

use crate::error::ReplayError;
use crate::frames;
use crate::input::file_name;

/// What is to be explained.
#[derive(Clone, Debug)]
pub struct ExplainOptions {
    /// Engine by name or folder.
    pub engine: String,
    /// Number of the frame, from 0.
    pub frame: u64,
    /// Class by name; `None` for that of the largest area.
    pub structure: Option<String>,
    /// The picture to write, a PNG.
    pub out: PathBuf,
    /// How the engine runs.
    pub session: SessionOptions,
}

/// What was found out, in numbers.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// The engine.
    pub engine: EngineIdentity,
    /// File, without the way to it.
    pub input: String,
    /// Number of the frame.
    pub frame: u64,
    /// Class by name.
    pub structure: String,
    /// Class for people.
    pub label: String,
    /// Whether it was found.
    pub found: bool,
    /// Mean probability inside its outlines.
    pub confidence: Option<f32>,
    /// Whether that is too little for a value.
    pub unsure: bool,
    /// The least Dice of the mask of a framing with that of the picture as it is.
    pub steadiness: f64,
    /// Framings that were tried.
    pub framings: usize,
    /// Spots that were blurred.
    pub spots: usize,
    /// How unlike the training data: the engine's number and its limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlikeness: Option<[f32; 2]>,
    /// Whether it counts as unlike; `None` where the engine does not say.
    pub unlike: Option<bool>,
    /// The picture that was written.
    pub out: PathBuf,
}

/// Explains one frame of an input and writes the picture. `tell` is told the runs that are done and how many there will be.
///
/// # Errors
///
/// [`ReplayError`].
pub fn explain(
    input: &Path,
    options: &ExplainOptions,
    tell: &mut dyn FnMut(usize, usize),
) -> Result<Explained, ReplayError> {
    let shown = frames::read(input, options.frame)?;
    let folder = Registry::standard().find(&options.engine).map_err(EngineError::from)?;
    let engine = Engine::open(&folder)?;
    let mut worker = Worker::new(&engine, &options.session)?;
    let identity = EngineIdentity::clone(&engine.identity_on(worker.selection()));
    let found = shown
        .with_frame(|frame, aspect| worker.explain(frame, aspect, options.structure.as_deref(), tell))??;
    let explained = sum_up(identity, input, options, &found);
    let rgb = shown.rgb()?;
    let page = page::draw(&rgb, &found, &explained);
    page.save_with_format(&options.out, image::ImageFormat::Png).map_err(|error| ReplayError::Output {
        path: options.out.clone(),
        source: std::io::Error::other(error.to_string()),
    })?;
    Ok(explained)
}

fn sum_up(engine: EngineIdentity, input: &Path, options: &ExplainOptions, found: &Explanation) -> Explained {
    let class = &found.class;
    Explained {
        engine,
        input: file_name(input),
        frame: options.frame,
        structure: class.class.name.clone(),
        label: class.class.label.clone(),
        found: !class.contours.is_empty(),
        confidence: class.confidence,
        unsure: class.confidence.is_some_and(|confidence| confidence < LEAST_CONFIDENCE),
        steadiness: found.steadiness,
        framings: found.framings,
        spots: found.spots,
        unlikeness: found.unlikeness.map(|u| [u.score, u.threshold]),
        unlike: found.unlikeness.map(|u| u.is_unlike()),
        out: options.out.clone(),
    }
}

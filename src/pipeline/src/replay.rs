//! Replay: every frame of an input through one engine, to files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use gst::prelude::*;
use gstvesalius::{Mode, Segment};
use vesalius_engine::{Engine, Registry};
use vesalius_ledger::record::{RunRecord, SCHEMA};
use vesalius_ledger::summary::{Summary, write_json};
use vesalius_ledger::writer::{MEASUREMENTS, RESULTS, SUMMARY};
use vesalius_measure::calibration::Calibration;

use crate::calibration::CalibrationChoice;
use crate::cut_off;
use crate::error::ReplayError;
use crate::identity;
use crate::input::{Input, file_name};
use crate::stills::{self, StillInput};
use crate::video::{self, VideoEnd};
use crate::write::{Pictures, Writer};

/// Name of the annotated video.
pub const ANNOTATED_VIDEO: &str = "annotated.mp4";
/// Name of the folder of annotated stills.
pub const ANNOTATED_STILLS: &str = "annotated";
/// Name of the folder of masks.
pub const MASKS: &str = "masks";

/// How a replay is done.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Engine by name or folder.
    pub engine: String,
    /// The scale.
    pub calibration: CalibrationChoice,
    /// Whether label masks are written.
    pub masks: bool,
    /// Whether annotated pictures are written.
    pub video: bool,
    /// Threads for inference, 0 for one a core.
    pub threads: u32,
    /// libonnxruntime.so, where it is not to be looked for.
    pub runtime: Option<PathBuf>,
}

impl ReplayOptions {
    /// The element that runs the engine.
    pub(crate) fn segment(&self) -> Segment {
        let segment = Segment::new();
        segment.set_property("engine", &self.engine);
        segment.set_property("mode", Mode::EveryFrame);
        segment.set_property("threads", self.threads);
        if let Some(runtime) = &self.runtime {
            segment.set_property("runtime", runtime.to_string_lossy().as_ref());
        }
        segment
    }
}

/// How far a replay is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The input by name.
    pub input: String,
    /// Frames done.
    pub frames: u64,
    /// Part done, 0 to 1, where it is known.
    pub done: Option<f64>,
}

/// What connects a job with whoever started it.
pub struct Control<'a> {
    /// Told now and then.
    pub progress: &'a mut dyn FnMut(&Progress),
    /// Set from anywhere to end the job early and properly.
    pub stop: &'a AtomicBool,
}

impl Control<'_> {
    /// Tells progress; returns whether to stop.
    pub(crate) fn tell(&mut self, path: &Path, frames: u64, done: Option<f64>) -> bool {
        (self.progress)(&Progress { input: file_name(path), frames, done });
        self.stop.load(Ordering::Acquire)
    }
}

/// What became of an input.
#[derive(Debug)]
pub struct Report {
    /// The run on one page, as in `summary.json`.
    pub summary: Summary,
    /// What went wrong, if something did. Everything before it is kept.
    pub error: Option<ReplayError>,
}

/// Replays one input into a folder, which is made where it is missing.
///
/// # Errors
///
/// [`ReplayError`] where nothing could be begun; what goes wrong later stands in the [`Report`].
pub fn replay(
    path: &Path,
    out: &Path,
    options: &ReplayOptions,
    control: &mut Control<'_>,
) -> Result<Report, ReplayError> {
    let start = Instant::now();
    let input = Input::open(path)?;
    let engine = Engine::open(
        &Registry::standard().find(&options.engine).map_err(vesalius_engine::EngineError::from)?,
    )?;
    vesalius_engine::runtime::load(options.runtime.as_deref()).map_err(vesalius_engine::EngineError::from)?;
    let calibrations = calibrations(&input, &options.calibration)?;
    std::fs::create_dir_all(out).map_err(|source| ReplayError::Output { path: out.to_owned(), source })?;
    refuse_overwriting(&input, out)?;
    let run = run_record(&input, &engine, options)?;
    let is_video = matches!(input, Input::Video(_));
    let pictures = Pictures {
        masks: options.masks.then(|| out.join(MASKS)),
        annotated: (options.video && !is_video).then(|| out.join(ANNOTATED_STILLS)),
    };
    let writer = Writer::start(out, &run, pictures)?;
    let annotated = (options.video && is_video).then(|| out.join(ANNOTATED_VIDEO));
    let ended = match writer.intake() {
        None => Ok(VideoEnd::default()),
        Some(intake) => match &input {
            Input::Video(path) => {
                let calibration = calibrations.into_iter().next().flatten();
                video::run(path, options, calibration, annotated.as_deref(), intake, control)
            }
            Input::Still(path) => stills::run(
                path,
                pair(std::slice::from_ref(path), calibrations),
                options,
                options.video,
                intake,
                control,
            ),
            Input::Stills { folder, files } => {
                stills::run(folder, pair(files, calibrations), options, options.video, intake, control)
            }
        },
    };
    let written = writer.finish();
    let (ended, begun) = match ended {
        Ok(ended) => (ended, None),
        Err(error) => (VideoEnd::default(), Some(error)),
    };
    // A disk that is full explains whatever followed from it.
    let mut error = written.error.or(begun).or(ended.error);
    if let Some(cut_off) = cut_off(&input, error.as_ref(), written.counts.total) {
        error = Some(cut_off);
    }
    if error.is_none() && written.counts.failed > 0 {
        error = Some(ReplayError::Inference {
            path: path.to_owned(),
            failed: written.counts.failed,
            total: written.counts.total,
            first: ended.inference_error.unwrap_or_else(|| "the engine gave no reason".to_owned()),
        });
    }
    let state = match &error {
        None => "complete",
        Some(ReplayError::Interrupted { .. }) => "interrupted",
        Some(_) => "failed",
    };
    let mut files =
        BTreeMap::from([("results", RESULTS.to_owned()), ("measurements", MEASUREMENTS.to_owned())]);
    if options.video {
        files.insert("annotated", if is_video { ANNOTATED_VIDEO } else { ANNOTATED_STILLS }.to_owned());
    }
    if options.masks {
        files.insert("masks", MASKS.to_owned());
    }
    files.retain(|_, name| out.join(name).exists());
    let wall_s = start.elapsed().as_secs_f64();
    let summary = Summary {
        run,
        state,
        errors: error.iter().map(ToString::to_string).collect(),
        warnings: ended.warnings,
        frames: written.counts,
        values: written.values,
        timing_ms: written.timing_ms,
        wall_s,
        frames_per_s: written.counts.total as f64 / wall_s,
        peak_memory_bytes: identity::peak_memory_bytes(),
        files,
    };
    let path = out.join(SUMMARY);
    if let Err(source) = write_json(&path, &summary) {
        error.get_or_insert(ReplayError::Output { path, source });
    }
    Ok(Report { summary, error })
}

/// Refuses a folder for results in which they would be written over the input itself.
fn refuse_overwriting(input: &Input, out: &Path) -> Result<(), ReplayError> {
    // What cannot be resolved is not there, and cannot be written over.
    let Ok(out) = out.canonicalize() else { return Ok(()) };
    let written_over = |file: &Path| {
        let Ok(file) = file.canonicalize() else { return false };
        let is = |name: &str| file == out.join(name);
        let is_in = |name: &str| file.parent().is_some_and(|folder| folder == out.join(name));
        [ANNOTATED_VIDEO, RESULTS, MEASUREMENTS, SUMMARY].into_iter().any(is)
            || [ANNOTATED_STILLS, MASKS].into_iter().any(is_in)
    };
    let found = match input {
        Input::Video(path) | Input::Still(path) => written_over(path),
        Input::Stills { files, .. } => files.iter().any(|file| written_over(file)),
    };
    if found { Err(ReplayError::OverInput { path: input.path().to_owned() }) } else { Ok(()) }
}

/// Whether a recording that ended, or could not be decoded, is one that was cut off.
fn cut_off(input: &Input, error: Option<&ReplayError>, frames: u64) -> Option<ReplayError> {
    let Input::Video(path) = input else { return None };
    let may_follow = matches!(
        error,
        None | Some(
            ReplayError::NotAVideo { .. } | ReplayError::NoFrames { .. } | ReplayError::BrokenOff { .. }
        )
    );
    let promised = cut_off::promised_bytes(path).ok().flatten().filter(|_| may_follow)?;
    let found = std::fs::metadata(path).ok()?.len();
    Some(ReplayError::CutOff { path: path.clone(), found, promised, frames })
}

/// The scale of each file of an input.
fn calibrations(
    input: &Input,
    choice: &CalibrationChoice,
) -> Result<Vec<Option<Arc<Calibration>>>, ReplayError> {
    match input {
        Input::Video(path) | Input::Still(path) => Ok(vec![choice.of(path)?]),
        Input::Stills { files, .. } => files.iter().map(|file| choice.of(file)).collect(),
    }
}

fn pair(files: &[PathBuf], calibrations: Vec<Option<Arc<Calibration>>>) -> Vec<StillInput> {
    files
        .iter()
        .zip(calibrations)
        .map(|(path, calibration)| StillInput { path: path.clone(), calibration })
        .collect()
}

fn run_record(input: &Input, engine: &Engine, options: &ReplayOptions) -> Result<RunRecord, ReplayError> {
    let configuration = BTreeMap::from([
        ("mode".to_owned(), "every-frame".into()),
        ("protocol".to_owned(), engine.identity().protocol.as_str().into()),
        ("annotated".to_owned(), options.video.into()),
        ("masks".to_owned(), options.masks.into()),
    ]);
    Ok(RunRecord {
        record: "run",
        schema: SCHEMA,
        started_utc: identity::now_utc(),
        software: identity::software(),
        engine: engine.identity().as_ref().clone(),
        input: input.record()?,
        calibration: options.calibration.common().map(|c| c.as_ref().clone()),
        configuration,
        not_for_clinical_use: true,
    })
}

//! Replay: every frame of an input through one engine, to files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use gst::prelude::*;
use gstvesalius::{Measure, Mode, Segment};
use vesalius_dicom::Recording;
use vesalius_engine::{Engine, PrecisionChoice, ProviderChoice, Registry, SessionOptions};
use vesalius_ledger::record::{Refused, RunRecord, SCHEMA};
use vesalius_ledger::summary::{ObjectSummary, Summary, write_json};
use vesalius_ledger::writer::{MEASUREMENTS, RESULTS, SUMMARY};
use vesalius_measure::protocol::ProtocolConfig;
use vesalius_measure::result::EngineIdentity;

use crate::calibration::{CalibrationChoice, FileScale};
use crate::error::ReplayError;
use crate::events::NotedEvent;
use crate::identity;
use crate::input::{Input, file_name};
use crate::stills::{self, StillInput};
use crate::video::{self, VideoEnd};
use crate::write::{Pictures, Writer};
use crate::{cut_off, dicom};

/// Name of the annotated video.
pub const ANNOTATED_VIDEO: &str = "annotated.mp4";
/// Name of the folder of annotated stills.
pub const ANNOTATED_STILLS: &str = "annotated";
/// Name of the measuring element, by which its warnings and its statistics are found.
const MEASURE: &str = "vesaliusmeasure";
/// Name of the folder of masks.
pub const MASKS: &str = "masks";

/// How a replay is done.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Engine by name or folder.
    pub engine: String,
    /// The scale.
    pub calibration: CalibrationChoice,
    /// Measuring protocol by name or TOML file; `None` for the engine's own.
    pub protocol: Option<String>,
    /// What people noted of the recording, in the order of time.
    pub events: Vec<NotedEvent>,
    /// Milliseconds for which an object must be seen before it is measured and drawn, 0 for none. Stills are each by
    /// themselves: there it does not apply.
    pub confirm_ms: u32,
    /// Milliseconds after which an object that was not seen is a new one.
    pub track_gap_ms: u32,
    /// Whether label masks are written.
    pub masks: bool,
    /// Whether the outlines are written into `results.jsonl`.
    pub outlines: bool,
    /// Whether annotated pictures are written.
    pub video: bool,
    /// Threads for inference, 0 for one a core.
    pub threads: u32,
    /// libonnxruntime.so, where it is not to be looked for.
    pub runtime: Option<PathBuf>,
    /// What runs the engine.
    pub provider: ProviderChoice,
    /// In which numbers.
    pub precision: PrecisionChoice,
}

impl ReplayOptions {
    /// The options for pictures that each stand alone.
    fn alone(self) -> Self {
        Self { confirm_ms: 0, track_gap_ms: 0, ..self }
    }

    /// The element that runs the engine.
    pub(crate) fn segment(&self) -> Segment {
        let segment = Segment::new();
        segment.set_property("engine", &self.engine);
        segment.set_property("mode", Mode::EveryFrame);
        segment.set_property("threads", self.threads);
        segment.set_property("backend", self.provider.to_string());
        segment.set_property("precision", self.precision.to_string());
        if let Some(runtime) = &self.runtime {
            segment.set_property("runtime", runtime.to_string_lossy().as_ref());
        }
        segment
    }

    /// The element that measures. A replay's scale is stated for all of it, so it does not grow old.
    pub(crate) fn measure(&self) -> Measure {
        let measure = Measure::new();
        measure.set_property("name", MEASURE);
        measure.set_property("post-messages", false);
        measure.set_property("calibration-max-age", 0_u64);
        if let CalibrationChoice::Stated { text, watch_depth } = &self.calibration {
            measure.set_property("calibration", text);
            measure.set_property("watch-depth", *watch_depth);
        }
        measure.set_property("confirm-ms", self.confirm_ms);
        measure.set_property("track-gap-ms", self.track_gap_ms);
        if let Some(protocol) = &self.protocol {
            measure.set_property("protocol", protocol);
        }
        measure
    }
}

/// What the measuring element of a pipeline that has not been taken down says of its objects.
pub(crate) fn objects(pipeline: &gst::Pipeline) -> ObjectSummary {
    let Some(measure) = pipeline.by_name(MEASURE) else { return ObjectSummary::default() };
    let stats: gst::Structure = measure.property("stats");
    let count = |name| stats.get::<u64>(name).unwrap_or_default();
    let ms = |name| count(name) as f64 / 1e6;
    ObjectSummary {
        numbered: count("objects"),
        confirmed: count("confirmed"),
        withheld_outlines: count("withheld"),
        added_delay_ms: ms("added-delay"),
        longest_added_delay_ms: ms("added-delay-max"),
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
    let single = options.clone().alone();
    // A still has no frames before it, and an object of another still is another object.
    let options = if matches!(input, Input::Still(_) | Input::Stills { .. }) { &single } else { options };
    let engine = Engine::open(
        &Registry::standard().find(&options.engine).map_err(vesalius_engine::EngineError::from)?,
    )?;
    // Chosen before anything is written: the first record says what runs, and all pictures run on it.
    let asked = SessionOptions {
        runtime: options.runtime.clone(),
        provider: options.provider,
        precision: options.precision,
        ..SessionOptions::default()
    };
    let selection = engine.select(&asked)?;
    let options = &ReplayOptions {
        // What `auto` took may have to leave some operators to the processor, which nobody else may.
        provider: if selection.partly { options.provider } else { ProviderChoice::Named(selection.provider) },
        precision: PrecisionChoice::Named(selection.precision),
        ..options.clone()
    };
    let protocol = protocol(&engine, options)?;
    let recording = match &input {
        Input::Dicom(path) => Some(dicom::open(path)?),
        _ => None,
    };
    let said = recording.as_ref().map(dicom::warnings).unwrap_or_default();
    let scales = scales(&input, &options.calibration, recording.as_ref())?;
    std::fs::create_dir_all(out).map_err(|source| ReplayError::Output { path: out.to_owned(), source })?;
    refuse_overwriting(&input, out)?;
    let identity = engine.identity_on(&selection);
    let mut run = run_record(&input, &identity, options, &protocol, &scales, recording.as_ref())?;
    run.configuration.insert("backend_why".to_owned(), selection.why.into());
    let is_video = matches!(input, Input::Video(_) | Input::Dicom(_));
    let pictures = Pictures {
        masks: options.masks.then(|| out.join(MASKS)),
        annotated: (options.video && !is_video).then(|| out.join(ANNOTATED_STILLS)),
        outlines: options.outlines,
    };
    let writer = Writer::start(out, &run, pictures)?;
    let annotated = (options.video && is_video).then(|| out.join(ANNOTATED_VIDEO));
    let ended = match writer.intake() {
        None => Ok(VideoEnd::default()),
        Some(intake) => match &input {
            Input::Video(path) | Input::Dicom(path) => {
                let scale = scales.into_iter().next().and_then(|s| s.scale);
                video::run(path, recording, options, scale, annotated.as_deref(), intake, control)
            }
            Input::Still(path) => stills::run(
                path,
                pair(std::slice::from_ref(path), scales),
                options,
                options.video,
                intake,
                control,
            ),
            Input::Stills { folder, files } => {
                stills::run(folder, pair(files, scales), options, options.video, intake, control)
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
        source_path: std::path::absolute(path).ok(),
        state,
        errors: error.iter().map(ToString::to_string).collect(),
        warnings: said.into_iter().chain(ended.warnings).collect(),
        frames: written.counts,
        values: written.values,
        values_left_out: written.values_left_out,
        series: written.series,
        objects: ended.objects,
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
        Input::Video(path) | Input::Dicom(path) | Input::Still(path) => written_over(path),
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

/// The scale of each file of an input: as stated or, where nothing is, the file's own.
fn scales(
    input: &Input,
    choice: &CalibrationChoice,
    recording: Option<&Recording>,
) -> Result<Vec<FileScale>, ReplayError> {
    if let (CalibrationChoice::None, Some(recording)) = (choice, recording) {
        return Ok(vec![FileScale::of_recording(recording)]);
    }
    match input {
        Input::Video(path) | Input::Dicom(path) | Input::Still(path) => Ok(vec![choice.scale_of(path)?]),
        Input::Stills { folder, .. } if matches!(choice, CalibrationChoice::Stated { .. }) => {
            Err(ReplayError::StatedForStills { path: folder.clone() })
        }
        Input::Stills { files, .. } => files.iter().map(|file| choice.scale_of(file)).collect(),
    }
}

fn pair(files: &[PathBuf], scales: Vec<FileScale>) -> Vec<StillInput> {
    let scales = scales.into_iter().map(|s| s.scale);
    files.iter().zip(scales).map(|(path, scale)| StillInput { path: path.clone(), scale }).collect()
}

/// The protocol with its settings, as it will be run.
fn protocol(engine: &Engine, options: &ReplayOptions) -> Result<ProtocolConfig, ReplayError> {
    let name = options.protocol.as_deref().unwrap_or(&engine.identity().protocol);
    gstvesalius::read_protocol(name).map_err(|message| ReplayError::Protocol { message })
}

fn run_record(
    input: &Input,
    engine: &EngineIdentity,
    options: &ReplayOptions,
    protocol: &ProtocolConfig,
    scales: &[FileScale],
    recording: Option<&Recording>,
) -> Result<RunRecord, ReplayError> {
    let settings = serde_json::to_value(protocol).map_err(|e| ReplayError::Protocol {
        message: format!("the protocol cannot be written down: {e}"),
    })?;
    let configuration = BTreeMap::from([
        ("mode".to_owned(), "every-frame".into()),
        ("protocol".to_owned(), settings),
        ("calibration".to_owned(), options.calibration.stated().into()),
        ("confirm_ms".to_owned(), options.confirm_ms.into()),
        ("track_gap_ms".to_owned(), options.track_gap_ms.into()),
        ("annotated".to_owned(), options.video.into()),
        ("masks".to_owned(), options.masks.into()),
    ]);
    Ok(RunRecord {
        record: "run",
        schema: SCHEMA,
        started_utc: identity::now_utc(),
        software: identity::software(),
        engine: engine.clone(),
        input: input.record()?,
        calibration: match scales {
            [one] => one.scale.as_ref().and_then(|s| s.uniform()).map(|c| c.as_ref().clone()),
            _ => options.calibration.common().map(|c| c.as_ref().clone()),
        },
        calibration_refused: match scales {
            [one] => one.refused.as_ref().map(|r| Refused { code: r.code().to_owned(), text: r.to_string() }),
            _ => None,
        },
        timebase: recording.map(|r| dicom::timebase(r.times()).to_owned()),
        configuration,
        not_for_clinical_use: true,
    })
}

//! The face: an engine, the workers that run it, and a trial run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_measure::geometry::Geometry;
use vesalius_measure::result::{ClassInfo, ClassResult, EngineIdentity, StageTimes, Unlikeness};

use crate::breaker::Breaker;
use crate::error::EngineError;
use crate::import::limits;
use crate::manifest::{ClassSection, Element, FILE_NAME, Manifest, ManifestError, Precision};
use crate::postprocess::Postprocessor;
use crate::preprocess::Preprocessor;
use crate::provider::Provider;
use crate::provider::choose::{ProviderError, Selection};
use crate::provider::trust::sha256_hex;
use crate::session::{Session, SessionOptions};

/// An engine's folder, read and checked. Cheap to clone; clones share the model's bytes.
#[derive(Clone, Debug)]
pub struct Engine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    manifest: Manifest,
    folder: PathBuf,
    identity: Arc<EngineIdentity>,
    classes: Vec<Arc<ClassInfo>>,
    /// The model's files by hash, found right, while somebody loads them.
    bytes: Mutex<BTreeMap<String, Weak<[u8]>>>,
}

impl Engine {
    /// Opens the engine in a folder, see [`Registry::find`](crate::registry::Registry::find). Reads the manifest
    /// alone; the model is read and its hash checked when the first session is made.
    ///
    /// # Errors
    ///
    /// [`EngineError::Manifest`].
    pub fn open(folder: &Path) -> Result<Self, EngineError> {
        let path = folder.join(FILE_NAME);
        let manifest = Manifest::read(&path)?;
        let located = |error: ManifestError| ManifestError { path: Some(path.clone()), ..error };
        let classes = class_infos(&manifest).map_err(located)?;
        let identity = Arc::new(EngineIdentity {
            name: manifest.engine.name.clone(),
            version: manifest.engine.version.clone(),
            sha256: manifest.model.sha256.clone(),
            precision: own_precision(&manifest).to_owned(),
            backend: Provider::Cpu.backend().to_owned(),
            protocol: manifest.engine.protocol.clone(),
        });
        let shared =
            Shared { manifest, folder: folder.to_owned(), identity, classes, bytes: Mutex::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.shared.manifest.engine.name
    }
    /// What its manifest says.
    pub fn manifest(&self) -> &Manifest {
        &self.shared.manifest
    }
    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }
    /// Its model's file.
    pub fn model_path(&self) -> PathBuf {
        self.shared.folder.join(&self.shared.manifest.model.file)
    }
    /// What travels with its results on the processor in f32.
    pub fn identity(&self) -> &Arc<EngineIdentity> {
        &self.shared.identity
    }
    /// What travels with its results where `selection` runs it. The hash is that of the model file that is run or, for
    /// what was compiled ahead, compiled.
    pub fn identity_on(&self, selection: &Selection) -> Arc<EngineIdentity> {
        let mut identity = EngineIdentity::clone(&self.shared.identity);
        identity.backend = selection.provider.backend().to_owned();
        identity.precision = match selection.precision {
            Precision::F32 => own_precision(self.manifest()).to_owned(),
            other => other.name().to_owned(),
        };
        if let Some((_, sha256)) = self.shared.manifest.model_file(selection.precision) {
            identity.sha256 = sha256.to_owned();
        }
        Arc::new(identity)
    }
    /// Its classes, in the manifest's order.
    pub fn classes(&self) -> &[Arc<ClassInfo>] {
        &self.shared.classes
    }

    /// Chooses what runs it, see [`Session::load`]. A GPU is tried by loading a session, which is dropped, where `options` do
    /// not name it; [`SessionOptions::on`] then asks for that very one.
    ///
    /// # Errors
    ///
    /// As [`Session::load`].
    pub fn select(&self, options: &SessionOptions) -> Result<Selection, EngineError> {
        Session::select(self, options)
    }

    /// The model's file in a precision, its SHA-256 that of the manifest. Sessions that are loaded at the same time share
    /// one copy; it is gone when the last of them stands, for a session keeps its own.
    ///
    /// # Errors
    ///
    /// [`EngineError::ModelFile`], [`EngineError::HashMismatch`], and [`EngineError::Provider`] where the manifest names no
    /// file for the precision.
    pub fn model_bytes(&self, precision: Precision) -> Result<Arc<[u8]>, EngineError> {
        let (file, expected) =
            self.manifest().model_file(precision).ok_or_else(|| ProviderError::Precision {
                engine: self.name().to_owned(),
                precision,
                provider: Provider::Cpu,
                problem: "its manifest names no file for it",
            })?;
        // Held while reading, so that the others wait for the one copy.
        let mut kept = self.shared.bytes.lock();
        if let Some(bytes) = kept.get(expected).and_then(Weak::upgrade) {
            return Ok(bytes);
        }
        let path = self.shared.folder.join(file);
        let length = std::fs::metadata(&path).map_or(0, |data| data.len());
        if let Some((needed, free)) = limits::shortage(length) {
            return Err(EngineError::ModelMemory { engine: self.name().to_owned(), needed, free });
        }
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => Arc::<[u8]>::from(bytes),
            Err(source) => {
                return Err(EngineError::ModelFile { engine: self.name().to_owned(), path, source });
            }
        };
        let found = sha256_hex(&bytes);
        if found != expected {
            let (engine, expected) = (self.name().to_owned(), expected.to_owned());
            return Err(EngineError::HashMismatch { engine, expected, found, path });
        }
        kept.insert(found, Arc::downgrade(&bytes));
        Ok(bytes)
    }
}

/// The numbers of `model.file`: f32, or f16 where the model takes nothing else.
fn own_precision(manifest: &Manifest) -> &'static str {
    if manifest.input.element == Element::F16 { Precision::F16.name() } else { Precision::F32.name() }
}

/// A manifest's classes as results have them.
pub(crate) fn class_infos(manifest: &Manifest) -> Result<Vec<Arc<ClassInfo>>, ManifestError> {
    let info = |(position, class): (usize, &ClassSection)| {
        let color = class.rgb().ok_or_else(|| ManifestError {
            path: None,
            line: None,
            key: format!("classes[{position}].color"),
            problem: "is no colour: write #RRGGBB".to_owned(),
        })?;
        Ok(Arc::new(ClassInfo {
            index: class.index,
            name: class.name.clone(),
            label: class.label.clone(),
            color,
            threshold: class.threshold,
        }))
    };
    manifest.classes.iter().enumerate().map(info).collect()
}

/// What one picture gave.
#[derive(Clone, Debug)]
pub struct FrameOutput {
    /// Where the maps' pixels lie in the picture.
    pub geometry: Geometry,
    /// The classes, in the manifest's order.
    pub classes: Vec<ClassResult>,
    /// How unlike the training data the picture is, where the engine says.
    pub unlikeness: Option<Unlikeness>,
    /// Time of the stages up to the outlines; the others are `None`.
    pub times: StageTimes,
}

/// Runs an engine on pictures, one at a time; several workers run at the same time.
#[derive(Debug)]
pub struct Worker {
    pub(crate) preprocessor: Preprocessor,
    pub(crate) session: Session,
    pub(crate) postprocessor: Postprocessor,
}

impl Worker {
    /// Loads the engine's model into a session of its own.
    ///
    /// # Errors
    ///
    /// As [`Session::load`].
    pub fn new(engine: &Engine, options: &SessionOptions) -> Result<Self, EngineError> {
        let session = Session::load(engine, options)?;
        let precision = session.selection().precision;
        Ok(Self {
            preprocessor: Preprocessor::new(&engine.manifest().input),
            session,
            postprocessor: Postprocessor::new(engine.manifest(), precision, engine.classes()),
        })
    }

    /// What it runs on, and why.
    pub fn selection(&self) -> &Selection {
        self.session.selection()
    }

    /// What ends a run that takes too long.
    pub fn breaker(&self) -> &Breaker {
        self.session.breaker()
    }

    /// Runs once on a synthetic picture, so that the first answer that is waited for takes as long as the others.
    ///
    /// # Errors
    ///
    /// As [`process`](Self::process).
    pub fn warm_up(&mut self) -> Result<(), EngineError> {
        synthetic_run(|frame| self.process(frame, (1, 1)))
    }

    /// Takes a picture all the way to outlines. An error leaves the worker fit for the next picture.
    ///
    /// # Errors
    ///
    /// [`EngineError`] of kind [`Frame`](crate::error::EngineErrorKind::Frame) or
    /// [`Inference`](crate::error::EngineErrorKind::Inference).
    pub fn process(
        &mut self,
        frame: &Frame<'_>,
        pixel_aspect_ratio: (i32, i32),
    ) -> Result<FrameOutput, EngineError> {
        let start = Instant::now();
        let geometry = self.preprocessor.process(frame, pixel_aspect_ratio)?;
        let prepared = Instant::now();
        let output = self.session.run(self.preprocessor.tensor())?;
        let inferred = Instant::now();
        let found = self.postprocessor.process(output.values()?, &geometry)?;
        let unlikeness = self.postprocessor.unlikeness(output.unlikeness()?)?;
        let times = stage_times(start, prepared, inferred);
        Ok(FrameOutput { geometry, classes: found.classes, unlikeness, times })
    }
}

/// Times of the stages of a picture that was prepared and inferred at these moments and is finished now.
pub(crate) fn stage_times(start: Instant, prepared: Instant, inferred: Instant) -> StageTimes {
    StageTimes {
        preprocess_ns: Some(nanos(prepared - start)),
        inference_ns: Some(nanos(inferred - prepared)),
        postprocess_ns: Some(nanos(inferred.elapsed())),
        ..StageTimes::default()
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What a trial run saw.
#[derive(Clone, Debug)]
pub struct Verification {
    /// What it ran on, and why.
    pub selection: Selection,
    /// SHA-256 of the model's file, as in the manifest.
    pub sha256: String,
    /// Shape of the input tensor.
    pub input_shape: [usize; 4],
    /// Shape of the output tensor.
    pub output_shape: Vec<usize>,
    /// Time to read, check and load the model.
    pub load: Duration,
    /// Time of the first run, in which the runtime plans its memory.
    pub first_run: Duration,
    /// Shortest time of the later runs.
    pub best_run: Duration,
}

/// Runs that [`verify`] times after the first.
const TIMED_RUNS: usize = 5;

/// Loads an engine and runs it on a synthetic picture: hash, tensors, one answer, timings.
///
/// # Errors
///
/// [`EngineError`] for whatever would stop it from being used.
pub fn verify(engine: &Engine, options: &SessionOptions) -> Result<Verification, EngineError> {
    let start = Instant::now();
    let mut worker = Worker::new(engine, options)?;
    let load = start.elapsed();

    let (width, height) = SYNTHETIC;
    let picture = synthetic_picture(width, height);
    let frame = synthetic_frame(&picture)?;
    worker.preprocessor.process(&frame, (1, 1))?;
    let start = Instant::now();
    let output_shape = worker.session.run(worker.preprocessor.tensor())?.shape();
    let first_run = start.elapsed();
    let mut best_run = Duration::MAX;
    for _ in 0..TIMED_RUNS {
        let found = worker.process(&frame, (1, 1))?;
        best_run = best_run.min(Duration::from_nanos(found.times.inference_ns.unwrap_or(u64::MAX)));
    }
    let selection = worker.selection().clone();
    Ok(Verification {
        sha256: engine.identity_on(&selection).sha256.clone(),
        selection,
        input_shape: worker.session.input_shape(),
        output_shape,
        load,
        first_run,
        best_run,
    })
}

/// Width and height of the picture that engines are tried on.
const SYNTHETIC: (usize, usize) = (640, 480);

fn synthetic_frame(picture: &[u8]) -> Result<Frame<'_>, EngineError> {
    let (width, height) = SYNTHETIC;
    Frame::new(PixelFormat::Gray8, width, height, &[(picture, width)]).map_err(|error| EngineError::Resize {
        format: PixelFormat::Gray8,
        width,
        height,
        message: error.to_string(),
    })
}

/// Runs a worker, of whichever kind, once on a synthetic picture.
pub(crate) fn synthetic_run(
    process: impl FnOnce(&Frame<'_>) -> Result<FrameOutput, EngineError>,
) -> Result<(), EngineError> {
    let picture = synthetic_picture(SYNTHETIC.0, SYNTHETIC.1);
    process(&synthetic_frame(&picture)?).map(|_| ())
}

/// A bright ring on a dark ground, for a network to have something to look at.
pub(crate) fn synthetic_picture(width: usize, height: usize) -> Vec<u8> {
    let (centre_x, centre_y) = (width as f64 / 2.0, height as f64 / 2.0);
    let radius = height as f64 / 3.0;
    let pixel = |at: usize| {
        let (x, y) = ((at % width) as f64 - centre_x, (at / width) as f64 - centre_y);
        let off = (x.hypot(y) - radius).abs();
        (20.0 + 200.0 * (-off * off / 50.0).exp()) as u8
    };
    (0..width * height).map(pixel).collect()
}

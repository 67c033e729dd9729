//! An engine in a process of its own: a crash, a hang or hunger for memory of the model's runtime ends that process and
//! nothing else.
//!
//! ```text
//! picture ─ Preprocessor ─► tensor ─ shared memory ─► the process: Session ─ shared memory ─► scores ─ Postprocessor ─► outlines
//! ```
//!
//! Only tensors of the model's size cross. A call that has no answer in time ends the process; the next is started at once, then
//! after longer and longer pauses, three times in ten minutes, and no more after that
//! ([`Restarts`]). Meanwhile each picture gets an error at once, never a wait.
//!
//! The process is the program `vesalius`, which has to call [`serve`] where its first argument is [`ARGUMENT`].

mod child;
mod values;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use vesalius_isolate::{CallError, Decision, Launch, Layout, Process, Restarts};
use vesalius_measure::frame::Frame;

pub use child::{Inference, serve};

use self::child::Config;
use self::values::Answer;
use crate::engine::{Engine, FrameOutput, stage_times, synthetic_run};
use crate::error::EngineError;
use crate::manifest::OutputKind;
use crate::postprocess::Postprocessor;
use crate::preprocess::Preprocessor;
use crate::provider::choose::Selection;
use crate::runtime;
use crate::session::{self, SessionOptions};

/// The program's first argument that makes it serve inference.
pub const ARGUMENT: &str = "serve-inference";

/// The environment variable that names the program to start.
pub const PROGRAM_VARIABLE: &str = "VESALIUS_PROGRAM";

/// How long a process may take to load an engine.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// What a process may take beside the model: ONNX Runtime's own, and the maps of large networks.
const DATA_BYTES: u64 = 2 << 30;

/// The program that serves inference: [`PROGRAM_VARIABLE`], this program where it is `vesalius`, else the one in `PATH`.
pub fn find_program() -> Option<PathBuf> {
    const NAME: &str = "vesalius";
    if let Some(named) = std::env::var_os(PROGRAM_VARIABLE).filter(|name| !name.is_empty()) {
        return Some(named.into());
    }
    let ours = std::env::current_exe().ok().filter(|path| path.file_name().is_some_and(|name| name == NAME));
    let in_path = || {
        let folders = std::env::var_os("PATH")?;
        std::env::split_paths(&folders).map(|folder| folder.join(NAME)).find(|path| path.is_file())
    };
    ours.or_else(in_path)
}

/// How a process of its own is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApartOptions {
    /// The program to start; see [`find_program`].
    pub program: PathBuf,
    /// How long an answer may take before the process is ended.
    pub deadline: Duration,
}

/// Runs an engine on pictures as a [`Worker`](crate::Worker) does, with the session in a process of its own.
#[derive(Debug)]
pub struct ApartWorker {
    engine: String,
    selection: Selection,
    preprocessor: Preprocessor,
    postprocessor: Postprocessor,
    launch: Launch,
    deadline: Duration,
    process: Option<Process>,
    restarts: Restarts,
    /// When the next may be started, on the clock that began with this worker; `None`: no more.
    start_at: Option<Duration>,
    cause: String,
    began: Instant,
    answer: Vec<u8>,
}

impl ApartWorker {
    /// Starts a process and loads the engine in it.
    ///
    /// # Errors
    ///
    /// [`EngineError::Apart`] where no process serves, and as [`Engine::select`].
    pub fn new(engine: &Engine, options: &SessionOptions, apart: &ApartOptions) -> Result<Self, EngineError> {
        let failed = |message: String| EngineError::Apart { engine: engine.name().to_owned(), message };
        let selection = engine.select(options)?;
        if selection.provider.is_gpu() {
            return Err(failed("an engine on a GPU runs in a thread of this process".to_owned()));
        }
        let manifest = engine.manifest();
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let config = Config {
            folder: absolute(engine.folder()),
            runtime: absolute(&runtime::load(options.runtime.as_deref())?.path),
            provider: selection.provider,
            precision: selection.precision,
            sha256: engine.identity_on(&selection).sha256.clone(),
            threads: options.threads,
            spinning: options.spinning,
            data_bytes: DATA_BYTES,
        };
        let config = serde_json::to_string(&config).map_err(|error| failed(error.to_string()))?;
        let input_bytes = 4 * session::input_shape(manifest).iter().product::<usize>();
        let pixels = manifest.input.width as usize * manifest.input.height as usize;
        // Labels are at most whole numbers of 64 bits.
        let output_bytes = values::HEADER
            + if manifest.output.kind == OutputKind::Labels {
                8 * pixels
            } else {
                4 * pixels * manifest.output_channels()
            };
        let layout = Layout::new(1, input_bytes, output_bytes).map_err(|error| failed(error.to_string()))?;
        let launch = Launch {
            program: apart.program.clone(),
            arguments: vec![OsString::from(ARGUMENT)],
            config,
            layout,
            ready_within: READY_WITHIN,
        };
        let process = Process::spawn(&launch).map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            engine: engine.name().to_owned(),
            preprocessor: Preprocessor::new(&manifest.input),
            postprocessor: Postprocessor::new(manifest, selection.precision, engine.classes()),
            selection,
            launch,
            deadline: apart.deadline,
            process: Some(process),
            restarts: Restarts::default(),
            start_at: None,
            cause: String::new(),
            began: Instant::now(),
            answer: Vec::new(),
        })
    }

    /// What it runs on, and why.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The process's id, while there is one.
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// What confines the process, in words; empty while there is none.
    pub fn confinement(&self) -> &str {
        self.process.as_ref().map_or("", Process::confinement)
    }

    /// Whether it failed too often to be started again.
    pub fn is_at_fault(&self) -> bool {
        self.process.is_none() && self.start_at.is_none()
    }

    /// Runs once on a synthetic picture, as [`Worker::warm_up`](crate::Worker::warm_up) does: the process has run the model, and
    /// this looks at its answer.
    ///
    /// # Errors
    ///
    /// As [`process`](Self::process).
    pub fn warm_up(&mut self) -> Result<(), EngineError> {
        synthetic_run(|frame| self.process(frame, (1, 1)))
    }

    /// Takes a picture all the way to outlines. It takes no longer than the deadline, and what a new process takes to start.
    ///
    /// # Errors
    ///
    /// As [`Worker::process`](crate::Worker::process), and [`EngineError::Apart`] while there is no process.
    pub fn process(
        &mut self,
        frame: &Frame<'_>,
        pixel_aspect_ratio: (i32, i32),
    ) -> Result<FrameOutput, EngineError> {
        let start = Instant::now();
        let geometry = self.preprocessor.process(frame, pixel_aspect_ratio)?;
        let prepared = Instant::now();
        self.call()?;
        let failed = |message: &str| EngineError::Apart {
            engine: self.engine.clone(),
            message: format!("the inference process answered with {message}"),
        };
        let answer = Answer::read(&self.answer).ok_or_else(|| failed("something that is no answer"))?;
        let inferred = Instant::now();
        let found = self.postprocessor.process(answer.values(), &geometry)?;
        let unlikeness = self.postprocessor.unlikeness(answer.unlikeness)?;
        let times = stage_times(start, prepared, inferred);
        Ok(FrameOutput { geometry, classes: found.classes, unlikeness, times })
    }

    /// One call, by a process that is started where there is none and it is time for one.
    fn call(&mut self) -> Result<(), EngineError> {
        let Some(mut process) = self.process.take() else { return self.start_again() };
        let tensor = bytemuck::cast_slice(self.preprocessor.tensor());
        let message = match process.call(tensor, self.deadline, &mut self.answer) {
            Ok(_) => {
                self.process = Some(process);
                return Ok(());
            }
            // It serves on.
            Err(CallError::Failed(why)) => {
                self.process = Some(process);
                return Err(EngineError::Apart { engine: self.engine.clone(), message: why });
            }
            Err(error @ CallError::Timeout(_)) => {
                process.kill();
                format!("{error}, so the inference process was ended")
            }
            Err(error) => {
                process.kill();
                error.to_string()
            }
        };
        Err(self.lost(message))
    }

    fn start_again(&mut self) -> Result<(), EngineError> {
        let apart = |message| EngineError::Apart { engine: self.engine.clone(), message };
        let Some(at) = self.start_at else {
            return Err(apart(format!("FAULT: it failed too often, at last: {}", self.cause)));
        };
        let now = self.began.elapsed();
        if now < at {
            let ms = (at - now).as_millis();
            return Err(apart(format!("it is started again in {ms} ms, for {}", self.cause)));
        }
        match Process::spawn(&self.launch) {
            Ok(process) => {
                self.process = Some(process);
                self.call()
            }
            Err(error) => Err(self.lost(error.to_string())),
        }
    }

    /// The process is gone: says so, and when there will be another.
    fn lost(&mut self, cause: String) -> EngineError {
        let decision = self.restarts.failed(self.began.elapsed());
        self.start_at = match decision {
            Decision::RestartAt(at) => Some(at),
            Decision::Fault => None,
        };
        self.cause.clone_from(&cause);
        EngineError::Apart { engine: self.engine.clone(), message: cause }
    }
}

//! The engine at work: what is loaded, on which threads, and where it looks at the frames.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vesalius_cuda::Kernels;
use vesalius_engine::apart::{self, ApartOptions};
use vesalius_engine::{
    Breaker, Engine, EngineError, EngineErrorKind, PrecisionChoice, Provider, ProviderChoice, Registry,
    SessionOptions,
};
use vesalius_measure::result::EngineIdentity;

use super::condition::Condition;
use super::infer::{Inference, Job, Outcome};
use super::pool::{Pool, PoolError};
use super::settings::{Isolation, Mode, Plan, Settings};
use super::stats::Stats;
use crate::messages::BackendMessage;

/// Why an engine is not there, in one line.
#[derive(Debug)]
pub(super) enum LoadError {
    /// A property says something that cannot be.
    Settings(String),
    /// It is not to be had, or does not load.
    Missing(String),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Settings(text) | Self::Missing(text) => f.write_str(text),
        }
    }
}

impl From<LoadError> for gst::ErrorMessage {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Settings(text) => gst::error_msg!(gst::ResourceError::Settings, ("{text}")),
            LoadError::Missing(text) => gst::error_msg!(gst::ResourceError::NotFound, ("{text}")),
        }
    }
}

/// What is settled when the element leaves NULL, before any frame is known.
pub(super) struct Loaded {
    engine: Engine,
    options: SessionOptions,
    pub(super) provider: Provider,
    pub(super) plan: Plan,
    pub(super) mode: Mode,
    pub(super) max_age: Duration,
    pub(super) identity: Arc<EngineIdentity>,
    why: String,
    /// Whether it has to have answered before it takes over from another.
    pub(super) must_answer: bool,
    /// How the engine's own process is kept, where it has one.
    apart: Option<ApartOptions>,
    /// Time after which a run is ended.
    pub(super) deadline: Duration,
}

impl Loaded {
    /// Finds the engine and chooses what runs it.
    pub(super) fn choose(settings: &Settings) -> Result<Self, LoadError> {
        if settings.engine.is_empty() {
            let text = "no engine is set: set the property 'engine' to a name or a folder";
            return Err(LoadError::Settings(text.to_owned()));
        }
        let wrong = |error: &dyn std::fmt::Display| LoadError::Settings(error.to_string());
        let provider = settings.backend.parse::<ProviderChoice>().map_err(|e| wrong(&e))?;
        let precision = settings.precision.parse::<PrecisionChoice>().map_err(|e| wrong(&e))?;
        let fail = |error: &dyn std::fmt::Display| LoadError::Missing(error.to_string());
        let folder = Registry::standard().find(&settings.engine).map_err(|e| fail(&e))?;
        let engine = Engine::open(&folder).map_err(|e| fail(&e))?;
        let asked = SessionOptions {
            runtime: settings.runtime.clone(),
            provider,
            precision,
            ..SessionOptions::default()
        };
        // Once for all threads: results of one stream come from one backend.
        let selection = engine.select(&asked).map_err(|e| fail(&e))?;
        let plan = settings.plan(selection.provider);
        let apart = match settings.isolation {
            Isolation::Thread => None,
            // A GPU's memory is this process's own.
            Isolation::Process if selection.provider.is_gpu() => None,
            Isolation::Process => {
                let program = settings.program.clone().or_else(apart::find_program).ok_or_else(|| {
                    fail(
                        &"the program 'vesalius', which runs the engine in a process of its own, was not found: put it into PATH, \
                          name it by VESALIUS_PROGRAM, or set isolation=thread",
                    )
                })?;
                Some(ApartOptions { program, deadline: settings.deadline })
            }
        };
        Ok(Self {
            options: SessionOptions { threads: plan.threads_per_worker, ..asked.on(&selection) },
            identity: engine.identity_on(&selection),
            provider: selection.provider,
            plan,
            mode: settings.mode,
            max_age: settings.max_age,
            why: selection.why,
            must_answer: false,
            apart,
            deadline: settings.deadline,
            engine,
        })
    }

    /// What the bus is told of it.
    pub(super) fn message(&self) -> BackendMessage {
        BackendMessage {
            backend: self.identity.backend.clone(),
            why: self.why.clone(),
            engine: self.identity.name.clone(),
            engine_sha256: self.identity.sha256.clone(),
        }
    }

    /// Starts the threads; with kernels, which are loaded in the context that ONNX Runtime works in, they look at frames
    /// on the GPU.
    pub(super) fn start(
        self: &Arc<Self>,
        kernels: Option<Kernels>,
        stats: &Arc<Mutex<Stats>>,
    ) -> Result<Running, PoolError<EngineError>> {
        let finished = Arc::new(Mutex::new(Finished::default()));
        let condition = Arc::new(Mutex::new(Condition::default()));
        let breakers = Arc::new(Mutex::new(Vec::new()));
        let sees_device = kernels.is_some();
        let make = {
            let (loaded, finished, stats) = (self.clone(), finished.clone(), stats.clone());
            let (condition, breakers) = (condition.clone(), breakers.clone());
            move || {
                let mut inference = Inference::load(
                    &loaded.engine,
                    &loaded.identity,
                    &loaded.options,
                    kernels.as_ref(),
                    loaded.apart.as_ref(),
                )?;
                note(&mut stats.lock(), &inference);
                if loaded.mode == Mode::Latest {
                    // The first engine is taken with what it says of each picture, if that is only that it failed.
                    match inference.warm_up() {
                        Err(error) if loaded.must_answer || error.kind() != EngineErrorKind::Inference => {
                            return Err(error);
                        }
                        _ => {}
                    }
                    breakers.lock().extend(inference.breaker());
                }
                let (finished, stats, condition) = (finished.clone(), stats.clone(), condition.clone());
                let (breakers, latest) = (breakers.clone(), loaded.mode == Mode::Latest);
                Ok(move |job: Job| {
                    let Job { sight, info, pts_ns, epoch, promise } = job;
                    condition.lock().ask(Instant::now());
                    let outcome = inference.run(sight, &info, pts_ns);
                    let (ns, error) = (outcome.result.times.inference_ns, outcome.error.clone());
                    condition.lock().answer(Instant::now(), error.as_deref());
                    if latest && error.is_some() {
                        // A panic has loaded the engine anew, in newest-frame mode the only worker's.
                        *breakers.lock() = inference.breaker().into_iter().collect();
                    }
                    let count = || {
                        let mut stats = stats.lock();
                        stats.count_inference(ns, error);
                        note(&mut stats, &inference);
                    };
                    match promise {
                        // A frame does not leave before it is counted.
                        Some(promise) => {
                            count();
                            promise.keep(outcome);
                        }
                        // What is counted can be taken.
                        None => {
                            finished.lock().leave(epoch, outcome);
                            count();
                        }
                    }
                })
            }
        };
        let pool = Pool::start(self.plan.workers, self.mode == Mode::Latest, make)?;
        Ok(Running { breakers, loaded: self.clone(), pool, sees_device, finished, condition })
    }
}

/// Notes where the engine runs, in words where that is another process than before.
fn note(stats: &mut Stats, inference: &Inference) {
    let process_id = inference.process_id();
    if stats.isolation.is_empty() || (process_id != 0 && process_id != stats.process_id) {
        stats.isolation = inference.isolation();
    }
    stats.process_id = process_id;
}

/// The engine at work; there from READY on.
pub(super) struct Running {
    pub(super) loaded: Arc<Loaded>,
    pub(super) pool: Pool<Job>,
    /// Whether frames are looked at on the GPU.
    pub(super) sees_device: bool,
    /// Where the threads leave results in newest-frame mode.
    pub(super) finished: Arc<Mutex<Finished>>,
    /// How the engine is doing in newest-frame mode.
    pub(super) condition: Arc<Mutex<Condition>>,
    breakers: Arc<Mutex<Vec<Breaker>>>,
}

impl Running {
    /// Ends a run that has taken longer than the deadline. The frame then has no result, and the next one is asked.
    pub(super) fn watch(&self, now: Instant) {
        if self.condition.lock().busy_for(now) >= self.loaded.deadline {
            self.breakers.lock().iter().for_each(Breaker::stop);
        }
    }
}

impl Drop for Running {
    /// The threads are waited for, and a run that hangs must not hang whoever stops the element.
    fn drop(&mut self) {
        self.breakers.lock().iter().for_each(Breaker::end);
    }
}

/// What the threads leave for the next frame in newest-frame mode.
#[derive(Default)]
pub(super) struct Finished {
    /// The outcomes since the last frame, in order, with their [epochs](Job::epoch).
    pub(super) outcomes: Vec<(u64, Outcome)>,
    /// The errors since the last frame, in order: a newer outcome must not hide that an older one failed.
    pub(super) errors: Vec<String>,
}

impl Finished {
    fn leave(&mut self, epoch: u64, mut outcome: Outcome) {
        self.errors.extend(outcome.error.take());
        self.outcomes.push((epoch, outcome));
    }
}

//! One frame through an engine, whatever happens: the answer is always a result, if only one that says "failed".

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use vesalius_cuda::gst_cuda::Access;
use vesalius_cuda::{BackOff, Kernels, Recovering};
use vesalius_engine::apart::{ApartOptions, ApartWorker};
use vesalius_engine::{Breaker, DeviceWorker, Engine, EngineError, FrameOutput, SessionOptions, Worker};
use vesalius_measure::frame::Frame;
use vesalius_measure::result::{EngineIdentity, FrameResult, Reason, ResultStatus};

use super::pool::Promise;
use super::sight::Sight;
use crate::frame::view;

/// A frame to look at. Holds a reference of the picture until the network has seen it.
pub(super) struct Job {
    pub(super) sight: Sight,
    pub(super) info: Arc<gst_video::VideoInfo>,
    pub(super) pts_ns: u64,
    /// Counts flushes and discontinuities: answers to older questions are not used.
    pub(super) epoch: u64,
    pub(super) promise: Option<Promise<Outcome>>,
}

/// A result, and what went wrong if it says that something did.
pub(super) struct Outcome {
    pub(super) result: FrameResult,
    pub(super) error: Option<String>,
}

/// How frames are looked at.
enum Eyes {
    /// By the processor, but for what the engine's provider does.
    Host(Box<Worker>),
    /// By the processor, in a process of its own.
    Apart(Box<ApartWorker>),
    /// On a GPU: where they lie, or once they have been copied there.
    Device { worker: Box<Recovering<DeviceWorker, EngineError>>, since: Instant },
}

impl Eyes {
    fn open(
        engine: &Engine,
        options: &SessionOptions,
        kernels: Option<&Kernels>,
        apart: Option<&ApartOptions>,
    ) -> Result<Self, EngineError> {
        let Some(kernels) = kernels.cloned() else {
            return Ok(match apart {
                Some(apart) => Self::Apart(Box::new(ApartWorker::new(engine, options, apart)?)),
                None => Self::Host(Box::new(Worker::new(engine, options)?)),
            });
        };
        let (engine, options) = (engine.clone(), options.clone());
        let worker =
            Recovering::new(BackOff::default(), move || DeviceWorker::new(&engine, &options, &kernels))?;
        Ok(Self::Device { worker: Box::new(worker), since: Instant::now() })
    }

    fn look(&mut self, sight: Sight, info: &gst_video::VideoInfo) -> Result<FrameOutput, String> {
        let par = (info.par().numer(), info.par().denom());
        match (self, sight) {
            (Self::Device { worker, since }, Sight::There(mut buffer, frames)) => {
                let output = worker.act(since.elapsed(), |worker| {
                    let mapped = frames.map(&mut buffer, worker.stream().context(), Access::Read)?;
                    let written = mapped.stream.as_ref().map(|stream| stream.fence()).transpose()?;
                    worker.process(&mapped.picture, written.as_ref(), par)
                });
                output.map_err(|e| e.to_string())
            }
            (Self::Device { worker, since }, Sight::Copy(picture)) => {
                let output = worker.act(since.elapsed(), |worker| worker.process(&picture, None, par));
                output.map_err(|e| e.to_string())
            }
            (Self::Device { worker, since }, Sight::Read(buffer)) => read(&buffer, info, |frame| {
                worker.act(since.elapsed(), |worker| worker.process_frame(frame, par))
            }),
            (Self::Host(worker), Sight::Read(buffer) | Sight::There(buffer, _)) => {
                read(&buffer, info, |frame| worker.process(frame, par))
            }
            (Self::Apart(worker), Sight::Read(buffer) | Sight::There(buffer, _)) => {
                read(&buffer, info, |frame| worker.process(frame, par))
            }
            (Self::Host(_) | Self::Apart(_), Sight::Copy(_)) => {
                Err("a frame lies where the engine does not look".to_owned())
            }
        }
    }
}

/// Works on a frame that the computer reads.
fn read(
    buffer: &gst::BufferRef,
    info: &gst_video::VideoInfo,
    work: impl FnOnce(&Frame<'_>) -> Result<FrameOutput, EngineError>,
) -> Result<FrameOutput, String> {
    let mapped = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info)
        .map_err(|_| "a frame's memory cannot be read".to_owned())?;
    let frame = view(&mapped).map_err(|e| e.to_string())?;
    work(&frame).map_err(|e| e.to_string())
}

/// An engine loaded for one thread.
pub(super) struct Inference {
    engine: Engine,
    identity: Arc<EngineIdentity>,
    options: SessionOptions,
    kernels: Option<Kernels>,
    apart: Option<ApartOptions>,
    eyes: Eyes,
}

impl Inference {
    /// `identity` travels with the results; with kernels, frames are looked at on the GPU that they are
    /// loaded on.
    pub(super) fn load(
        engine: &Engine,
        identity: &Arc<EngineIdentity>,
        options: &SessionOptions,
        kernels: Option<&Kernels>,
        apart: Option<&ApartOptions>,
    ) -> Result<Self, EngineError> {
        let eyes = Eyes::open(engine, options, kernels, apart)?;
        Ok(Self {
            engine: engine.clone(),
            identity: identity.clone(),
            options: options.clone(),
            kernels: kernels.cloned(),
            apart: apart.cloned(),
            eyes,
        })
    }

    /// Where the engine runs and what confines it, in words.
    pub(super) fn isolation(&self) -> String {
        match &self.eyes {
            Eyes::Host(_) => "thread".to_owned(),
            Eyes::Device { .. } => "thread (on a GPU)".to_owned(),
            Eyes::Apart(worker) => format!("process ({})", worker.confinement()),
        }
    }

    /// The id of the engine's own process, 0 where it has none.
    pub(super) fn process_id(&self) -> u32 {
        match &self.eyes {
            Eyes::Apart(worker) => worker.id().unwrap_or(0),
            Eyes::Host(_) | Eyes::Device { .. } => 0,
        }
    }

    /// Lets the first answer that is waited for take as long as the others.
    pub(super) fn warm_up(&mut self) -> Result<(), EngineError> {
        match &mut self.eyes {
            Eyes::Host(worker) => worker.warm_up(),
            Eyes::Apart(worker) => worker.warm_up(),
            // Whoever loads a session on a GPU has run it.
            Eyes::Device { .. } => Ok(()),
        }
    }

    /// What ends a run that takes too long, where that can be.
    pub(super) fn breaker(&self) -> Option<Breaker> {
        match &self.eyes {
            Eyes::Host(worker) => Some(worker.breaker().clone()),
            // A process of its own is ended by whoever waits for it.
            Eyes::Apart(_) | Eyes::Device { .. } => None,
        }
    }

    /// Runs the engine on a frame, which is let go before the answer is there: then it should be nobody else's.
    pub(super) fn run(&mut self, sight: Sight, info: &gst_video::VideoInfo, pts_ns: u64) -> Outcome {
        // A panic in a library must not take the thread, and with it the pipeline, along.
        let caught = catch_unwind(AssertUnwindSafe(|| self.eyes.look(sight, info)));
        let error = match caught {
            Ok(Ok(output)) => return Outcome { result: self.result_of(output, pts_ns), error: None },
            Ok(Err(error)) => error,
            Err(_) => {
                // What a panic left behind is not trusted.
                match Eyes::open(&self.engine, &self.options, self.kernels.as_ref(), self.apart.as_ref()) {
                    Ok(eyes) => {
                        self.eyes = eyes;
                        "the engine panicked and was loaded again".to_owned()
                    }
                    Err(error) => format!("the engine panicked and cannot be loaded again: {error}"),
                }
            }
        };
        Outcome {
            result: FrameResult::missing(self.identity.clone(), pts_ns, Reason::InferenceFailed),
            error: Some(error),
        }
    }

    fn result_of(&self, output: FrameOutput, pts_ns: u64) -> FrameResult {
        let mut result = FrameResult::missing(self.identity.clone(), pts_ns, Reason::InferenceFailed);
        result.status = ResultStatus::Ok;
        result.geometry = Some(output.geometry);
        result.classes = output.classes;
        result.unlikeness = output.unlikeness;
        result.times = output.times;
        result
    }
}

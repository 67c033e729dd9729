//! One frame through an engine, whatever happens: the answer is always a result, if only one that says "failed".

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use vesalius_engine::{Engine, EngineError, SessionOptions, Worker};
use vesalius_measure::result::{EngineIdentity, FrameResult, Reason, ResultStatus};

use super::pool::Promise;
use crate::frame::view;

/// A frame to look at. Holds a reference of the picture until the network has seen it.
pub(super) struct Job {
    pub(super) buffer: gst::Buffer,
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

/// An engine loaded for one thread.
pub(super) struct Inference {
    engine: Engine,
    identity: Arc<EngineIdentity>,
    options: SessionOptions,
    worker: Worker,
}

impl Inference {
    /// `identity` travels with the results.
    pub(super) fn load(
        engine: &Engine,
        identity: &Arc<EngineIdentity>,
        options: &SessionOptions,
    ) -> Result<Self, EngineError> {
        let worker = Worker::new(engine, options)?;
        Ok(Self { engine: engine.clone(), identity: identity.clone(), options: options.clone(), worker })
    }

    /// Runs the engine on a frame.
    pub(super) fn run(
        &mut self,
        buffer: &gst::BufferRef,
        info: &gst_video::VideoInfo,
        pts_ns: u64,
    ) -> Outcome {
        // A panic in a library must not take the thread, and with it the pipeline, along.
        let caught = catch_unwind(AssertUnwindSafe(|| self.try_run(buffer, info, pts_ns)));
        let error = match caught {
            Ok(Ok(result)) => return Outcome { result, error: None },
            Ok(Err(error)) => error,
            Err(_) => {
                // What a panic left behind is not trusted.
                match Worker::new(&self.engine, &self.options) {
                    Ok(worker) => {
                        self.worker = worker;
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

    fn try_run(
        &mut self,
        buffer: &gst::BufferRef,
        info: &gst_video::VideoInfo,
        pts_ns: u64,
    ) -> Result<FrameResult, String> {
        let mapped = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info)
            .map_err(|_| "a frame's memory cannot be read".to_owned())?;
        let frame = view(&mapped).map_err(|e| e.to_string())?;
        let par = info.par();
        let output = self.worker.process(&frame, (par.numer(), par.denom())).map_err(|e| e.to_string())?;
        let mut result = FrameResult::missing(self.identity.clone(), pts_ns, Reason::InferenceFailed);
        result.status = ResultStatus::Ok;
        result.geometry = Some(output.geometry);
        result.classes = output.classes;
        result.times = output.times;
        Ok(result)
    }
}

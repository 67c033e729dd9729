//! The frames on their way through `vesaliussegment`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use vesalius_measure::result::{FrameResult, Reason};

use super::imp::Segment;
use super::infer::{Job, Outcome};
use super::pool::{Ticket, promise};
use super::running::Finished;
use super::settings::Mode;
use super::sight::{Outlook, Sight};
use super::wait::{Held, Results};
use crate::device::Place;
use crate::result_meta::ResultMeta;

/// A frame on its way, and the right to its result.
pub(super) struct InFlight {
    buffer: gst::Buffer,
    pts_ns: u64,
    ticket: Ticket<Outcome>,
}

/// What the streaming thread works with.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) info: Option<Arc<gst_video::VideoInfo>>,
    /// For frames that lie on a GPU and are looked at there.
    pub(super) outlook: Option<Outlook>,
    pub(super) in_flight: VecDeque<InFlight>,
    /// A flow error met while draining on an event, returned with the next buffer.
    pub(super) pending_error: Option<gst::FlowError>,
    /// Where the frames lie.
    pub(super) place: Place,
    /// Results of newest-frame mode, for the frames that follow.
    pub(super) results: Results,
    /// The frames that wait in newest-frame mode.
    pub(super) held: Held,
}

impl Segment {
    /// Attaches a result to a frame and keeps count.
    fn attach(&self, buffer: &mut gst::Buffer, pts_ns: u64, outcome: Option<Outcome>) {
        let identity = self.running.lock().as_ref().map(|r| r.loaded.identity.clone());
        let outcome = match (outcome, identity) {
            (Some(outcome), _) => outcome,
            (None, Some(identity)) => {
                let error = "a thread for inference ended".to_owned();
                self.stats.lock().count_failure(error.clone());
                Outcome {
                    result: FrameResult::missing(identity, pts_ns, Reason::InferenceFailed),
                    error: Some(error),
                }
            }
            (None, None) => return,
        };
        if let Some(error) = outcome.error {
            self.report(&error);
        }
        ResultMeta::add(buffer.make_mut(), Arc::new(outcome.result));
    }

    /// Says that the engine failed, less and less often.
    pub(super) fn report(&self, error: &str) {
        let (reported, failed) = {
            let mut stats = self.stats.lock();
            stats.reported += 1;
            (stats.reported, stats.failed)
        };
        if reported.is_power_of_two() {
            gst::element_imp_warning!(
                self,
                gst::StreamError::Failed,
                ("{error}"),
                ["{failed} frames without a result so far"]
            );
        }
    }

    /// Takes the oldest frame if its result is there, or waits for it if `wait` says so.
    pub(super) fn oldest(&self, wait: impl Fn(usize) -> bool) -> Result<Option<gst::Buffer>, gst::FlowError> {
        let head = {
            let mut stream = self.stream.lock();
            let waiting = stream.in_flight.len();
            let settled = stream.in_flight.front().is_some_and(|head| head.ticket.is_settled());
            if settled || wait(waiting) { stream.in_flight.pop_front() } else { None }
        };
        let Some(InFlight { mut buffer, pts_ns, ticket }) = head else { return Ok(None) };
        let outcome = ticket.wait(&self.flushing);
        if self.flushing.load(Ordering::Acquire) {
            return Err(gst::FlowError::Flushing);
        }
        self.attach(&mut buffer, pts_ns, outcome);
        Ok(Some(buffer))
    }

    /// Lets every frame on its way finish, before what follows it in the stream.
    pub(super) fn drain(&self) {
        loop {
            match self.oldest(|waiting| waiting > 0) {
                Ok(Some(buffer)) => {
                    if let Err(error) = self.obj().src_pad().push(buffer) {
                        let mut stream = self.stream.lock();
                        stream.in_flight.clear();
                        stream.pending_error = Some(error);
                        return;
                    }
                }
                Ok(None) => break,
                Err(_) => {
                    self.stream.lock().in_flight.clear();
                    return;
                }
            }
        }
        while let Some(buffer) = self.hurry() {
            if let Err(error) = self.obj().src_pad().push(buffer) {
                self.stream.lock().pending_error = Some(error);
            }
        }
    }

    /// Forgets everything about the frames before: they do not belong with those to come.
    pub(super) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        {
            let mut stream = self.stream.lock();
            stream.in_flight.clear();
            stream.results.forget();
        }
        self.live.lock().forget();
        if let Some(running) = self.running.lock().as_ref() {
            running.pool.forget_waiting();
            *running.finished.lock() = Finished::default();
        }
    }

    pub(super) fn accept(&self, mut buffer: gst::Buffer) -> Result<Option<gst::Buffer>, gst::FlowError> {
        let running = self.running.lock().clone();
        if running.is_none() && !self.settings.lock().in_background() {
            return Err(gst::FlowError::Flushing);
        }
        let Some(info) = self.stream.lock().info.clone() else { return Err(gst::FlowError::NotNegotiated) };
        let Some(pts) = buffer.pts() else {
            gst::element_imp_error!(
                self,
                gst::StreamError::Format,
                ("a frame has no time stamp: a result could not be told which frame it belongs to")
            );
            return Err(gst::FlowError::Error);
        };
        let pts_ns = pts.nseconds();
        self.stats.lock().frames += 1;
        let Some(running) = running.filter(|running| running.loaded.mode == Mode::EveryFrame) else {
            let running = self.running.lock().clone();
            let running = running.as_deref();
            let seen = self.see(running, buffer, &info, pts_ns);
            return Ok(self.hold(seen).map(|seen| self.leave(running, seen)));
        };
        let epoch = self.epoch.load(Ordering::Acquire);
        let (promise, ticket) = promise();
        if self.disabled.load(Ordering::Acquire) {
            let identity = running.loaded.identity.clone();
            promise
                .keep(Outcome { result: FrameResult::missing(identity, pts_ns, Reason::Off), error: None });
        } else if let Some(sight) = self.sight(&mut buffer) {
            // What the pool cannot take is dropped, and its promise with it: the ticket knows.
            drop(running.pool.give(Job { sight, info, pts_ns, epoch, promise: Some(promise) }));
        }
        self.stream.lock().in_flight.push_back(InFlight { buffer, pts_ns, ticket });
        Ok(None)
    }

    /// What the engine's thread is given of a frame; `None` where the GPU has nothing to give.
    pub(super) fn sight(&self, buffer: &mut gst::Buffer) -> Option<Sight> {
        // Out of its lock, for it may take as long as a copy on the GPU.
        let Some(mut outlook) = self.stream.lock().outlook.take() else {
            return Some(Sight::Read(buffer.clone()));
        };
        let sight = outlook.sight(buffer);
        self.stream.lock().outlook = Some(outlook);
        sight
            .map_err(|error| {
                self.stats.lock().count_failure(error.to_string());
                self.report(&error.to_string());
            })
            .ok()
    }

    /// How long a frame may stay: the frames in flight, less the one being taken.
    pub(super) fn latency(&self) -> gst::ClockTime {
        let Some(plan) = self.running.lock().as_ref().map(|r| r.loaded.plan) else {
            return gst::ClockTime::ZERO;
        };
        let fps = self.stream.lock().info.as_ref().map(|info| info.fps());
        let Some(fps) = fps.filter(|fps| fps.numer() > 0 && fps.denom() > 0) else {
            return gst::ClockTime::ZERO;
        };
        gst::ClockTime::SECOND
            .mul_div_floor(fps.denom() as u64, fps.numer() as u64)
            .map_or(gst::ClockTime::ZERO, |frame| frame * (plan.max_in_flight as u64 - 1) + self.waits(frame))
    }
}

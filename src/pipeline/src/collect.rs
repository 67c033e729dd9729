//! Takes the result off every frame that leaves the chain.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gstvesalius::ResultMeta;
use vesalius_measure::result::FrameResult;

/// How far a run is, seen from other threads.
#[derive(Debug, Default)]
pub struct Position {
    frames: AtomicU64,
    pts_ns: AtomicU64,
}

impl Position {
    /// Frames that went through.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Acquire)
    }

    /// Presentation time of the last one, nanoseconds.
    pub fn pts_ns(&self) -> u64 {
        self.pts_ns.load(Ordering::Acquire)
    }

    /// Counts a frame and returns its number.
    pub(crate) fn advance(&self, pts_ns: u64) -> u64 {
        self.pts_ns.store(pts_ns, Ordering::Release);
        self.frames.fetch_add(1, Ordering::AcqRel)
    }
}

/// The result of a frame, the last one where several engines looked at it.
pub(crate) fn result_of(buffer: &gst::BufferRef) -> Option<Arc<FrameResult>> {
    buffer.iter_meta::<ResultMeta>().last().map(|meta| meta.result().clone())
}

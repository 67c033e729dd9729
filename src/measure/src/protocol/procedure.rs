//! What a protocol is to the session that runs it.

use super::sheet::Sheet;
use crate::frame::Frame;
use crate::result::{ClassResult, FrameResult};

/// Something that happened and that only people, or a device, can tell.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A named moment of an examination, such as `caecum` or `exit`.
    Mark(String),
    /// A tool touches, or lies at the same depth as, what is to be measured, and the part of it that is seen
    /// there is so wide by its maker's word.
    ConfirmTool {
        /// Width at right angles to the shaft, mm.
        width_mm: f64,
        /// The engine's class of the tool.
        class: String,
    },
    /// What was confirmed holds no more.
    Withdraw,
}

/// One frame as a protocol sees it.
pub(crate) struct Input<'a> {
    /// The masks and all that is known of the frame. Classes are empty where there is no result.
    pub(crate) result: &'a FrameResult,
    /// The picture itself, for protocols that say that they need it.
    pub(crate) picture: Option<&'a Frame<'a>>,
    /// Whether this result was not seen before: in live use one result may stand on several frames, and is
    /// one sample.
    pub(crate) is_new: bool,
    /// After longer unseen, nanoseconds, an object is a new one.
    pub(crate) gap_ns: u64,
}

impl Input<'_> {
    /// Presentation time of the frame that the masks belong to, nanoseconds.
    pub(crate) fn pts_ns(&self) -> u64 {
        self.result.source_pts_ns
    }

    /// A class by name.
    pub(crate) fn class(&self, name: &str) -> Option<&ClassResult> {
        self.result.classes.iter().find(|c| c.class.name == name)
    }
}

/// A protocol at work on one stream of frames.
pub(crate) trait Procedure: Send {
    /// Measures a frame and brings the values over time up to it. Also called on frames without a result.
    fn frame(&mut self, input: &Input<'_>, sheet: &mut Sheet<'_>);

    /// Forgets every frame before: those to come do not go on from them.
    fn reset(&mut self) {}

    /// Whether [`Input::picture`] is looked at.
    fn needs_picture(&self) -> bool {
        false
    }

    /// Takes an event that happened at a presentation time.
    fn event(&mut self, _event: &Event, _pts_ns: u64) {}
}

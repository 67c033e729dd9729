//! A protocol at work on a stream of frames.

use std::sync::Arc;

use super::config::ProtocolConfig;
use super::procedure::{Event, Input, Procedure};
use super::sheet::Sheet;
use crate::calibration::Scale;
use crate::frame::Frame;
use crate::result::FrameResult;
use crate::track::{ObjectCounts, ObjectRules, Objects};

/// Measures frame after frame of one stream and keeps what values over time need.
///
/// Frames come in the order of their presentation times; a step back begins anew, as a discontinuity does. A change of
/// the scale begins anew too: areas before and after it cannot be compared. Objects are the same under another scale and
/// keep their numbers.
pub struct Session {
    config: ProtocolConfig,
    procedure: Box<dyn Procedure>,
    objects: Objects,
    last_pts_ns: Option<u64>,
    last_scale: Option<Option<Arc<str>>>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Session {
    /// A protocol that has not seen any frame. What it sees counts at once.
    pub fn new(config: &ProtocolConfig) -> Self {
        Self::with(config.clone(), config.procedure())
    }

    /// As [`new`](Self::new), with rules for which outlines are of one object and from when on it counts.
    pub fn with_objects(config: &ProtocolConfig, rules: ObjectRules) -> Self {
        Self { objects: Objects::new(rules), ..Self::new(config) }
    }

    pub(super) fn with(config: ProtocolConfig, procedure: Box<dyn Procedure>) -> Self {
        let objects = Objects::new(ObjectRules::default());
        Self { config, procedure, objects, last_pts_ns: None, last_scale: None }
    }

    /// What is measured.
    pub fn config(&self) -> &ProtocolConfig {
        &self.config
    }

    /// The objects so far.
    pub fn objects(&self) -> ObjectCounts {
        self.objects.counts()
    }

    /// Whether [`measure`](Self::measure) should be given the picture.
    pub fn needs_picture(&self) -> bool {
        self.procedure.needs_picture()
    }

    /// Gives the outlines of a frame's result the numbers of their objects, takes those out that do not count yet, and adds
    /// the values and marks, and the values over time as they stand with it.
    pub fn measure(&mut self, result: &mut FrameResult, scale: &Scale, picture: Option<&Frame<'_>>) {
        let pts_ns = result.source_pts_ns;
        let scale_id = scale.id().cloned();
        let went_back = self.last_pts_ns.is_some_and(|last| pts_ns < last);
        let other_scale = self.last_scale.as_ref().is_some_and(|last| *last != scale_id);
        if went_back {
            self.reset();
        } else if other_scale {
            self.procedure.reset();
            self.last_pts_ns = None;
        }
        let is_new = self.last_pts_ns != Some(pts_ns);
        (self.last_pts_ns, self.last_scale) = (Some(pts_ns), Some(scale_id));

        result.calibration = scale.uniform().cloned();
        self.objects.mark(result);
        let gap_ns = self.objects.rules().track.gap_ns;
        let mut sheet = Sheet::new(result.geometry, scale);
        self.procedure.frame(&Input { result, picture, is_new, gap_ns }, &mut sheet);
        let Sheet { measurements, marks, series, .. } = sheet;
        (result.measurements, result.marks, result.series) = (measurements, marks, series);
    }

    /// Forgets every frame before: after a discontinuity, another source, picture size or patient.
    pub fn reset(&mut self) {
        self.procedure.reset();
        self.objects.reset();
        (self.last_pts_ns, self.last_scale) = (None, None);
    }

    /// Takes an event that happened at a presentation time.
    pub fn event(&mut self, event: &Event, pts_ns: u64) {
        self.procedure.event(event, pts_ns);
    }
}

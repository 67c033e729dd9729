//! A protocol at work on a stream of frames.

use std::sync::Arc;

use super::config::ProtocolConfig;
use super::procedure::{Event, Input, Procedure};
use super::sheet::Sheet;
use crate::calibration::Scale;
use crate::contour::Contour;
use crate::frame::Frame;
use crate::result::{ClassResult, FrameResult, Measurement, Reason, Validity};
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
        // What the engine is not sure of is no value of this frame and no sample of those over time, but stays to be seen.
        let withheld = take_withheld(result);
        let mut sheet = Sheet::new(result.geometry, scale);
        self.procedure.frame(&Input { result, picture, is_new, gap_ns }, &mut sheet);
        let Sheet { mut measurements, marks, series, .. } = sheet;
        for (class, contours) in result.classes.iter_mut().zip(withheld) {
            if let Some(contours) = contours {
                class.contours = contours;
            }
            if let Some(reason) = class.withheld {
                refuse(&mut measurements, &class.class.name, reason);
            }
        }
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

/// Says of each class why it gives no value, where it gives none, and takes the outlines of such classes out, to be put back
/// after measuring.
fn take_withheld(result: &mut FrameResult) -> Vec<Option<Vec<Contour>>> {
    let is_unlike = result.is_unlike_training();
    let take = |class: &mut ClassResult| {
        class.withheld = match is_unlike {
            true => Some(Reason::UnlikeTraining),
            false => class.is_unsure().then_some(Reason::LowConfidence),
        };
        class.withheld.map(|_| std::mem::take(&mut class.contours))
    };
    result.classes.iter_mut().map(take).collect()
}

/// Takes the numbers of a structure and its objects away: a count of 0, say, is one too.
fn refuse(measurements: &mut [Measurement], structure: &str, reason: Reason) {
    let of_structure = |m: &&mut Measurement| {
        m.value.is_some() && m.structure.split('#').next().is_some_and(|name| name == structure)
    };
    for measurement in measurements.iter_mut().filter(of_structure) {
        (measurement.value, measurement.uncertainty) = (None, None);
        (measurement.validity, measurement.reason) = (Validity::Invalid, Some(reason));
    }
}

//! The objects of a stream's results: every outline gets its object's number, and what flickers does not count.

use super::{Observation, TrackId, TrackRules, Tracker};
use crate::result::{FrameResult, ResultStatus};

/// Outlines of a class that are followed, the largest first: more is noise, and following it would take time.
pub const MOST_OUTLINES: usize = 64;

/// When outlines are of one object, and from when on an object counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ObjectRules {
    /// When two outlines are of the same object.
    pub track: TrackRules,
    /// For as long, nanoseconds, an object must be seen before it counts; 0: it counts at once.
    pub confirm_ns: u64,
}

/// What there was so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObjectCounts {
    /// Objects: numbers that were given.
    pub objects: u64,
    /// Those of them that counted.
    pub confirmed: u64,
    /// Outlines that did not count in their frame.
    pub withheld: u64,
    /// Longest time from when an object was first seen until it counted, nanoseconds.
    pub longest_delay_ns: u64,
}

/// How long an object has been seen in every result but one.
#[derive(Clone, Copy, Debug)]
struct Run {
    id: TrackId,
    first_ns: u64,
    /// Since when, with one result missed at the most; `None` where two were missed in a row.
    since_ns: Option<u64>,
    /// When it was seen again after the one missed.
    again_ns: Option<u64>,
    was_missed: bool,
    is_confirmed: bool,
}

impl Run {
    fn new(id: TrackId, at_ns: u64) -> Self {
        Self {
            id,
            first_ns: at_ns,
            since_ns: Some(at_ns),
            again_ns: None,
            was_missed: false,
            is_confirmed: false,
        }
    }

    fn miss(&mut self) {
        if self.was_missed {
            (self.since_ns, self.again_ns) = (None, None);
        } else if let Some(again_ns) = self.again_ns.take() {
            // The second miss becomes the one that is let pass.
            self.since_ns = Some(again_ns);
        }
        self.was_missed = true;
    }

    fn see(&mut self, at_ns: u64, confirm_ns: u64) {
        let since_ns = *self.since_ns.get_or_insert(at_ns);
        if std::mem::replace(&mut self.was_missed, false) && since_ns < at_ns {
            self.again_ns = Some(at_ns);
        }
        self.is_confirmed |= at_ns.saturating_sub(since_ns) >= confirm_ns;
    }
}

#[derive(Clone, Copy, Debug)]
struct Verdict {
    id: Option<TrackId>,
    is_confirmed: bool,
}

/// The verdicts on a result, class by class, for when it stands on several frames.
#[derive(Clone, Debug)]
struct Judged {
    at_ns: u64,
    classes: Vec<Vec<Verdict>>,
}

impl Judged {
    fn is_of(&self, result: &FrameResult) -> bool {
        self.at_ns == result.source_pts_ns
            && self.classes.len() == result.classes.len()
            && self.classes.iter().zip(&result.classes).all(|(v, class)| v.len() == class.contours.len())
    }
}

/// Gives the outlines of a stream's results the numbers of their objects, by class and overlap, and takes those
/// out that have not been seen for long enough.
///
/// An object counts once it was seen in every result but one over the time of [`ObjectRules::confirm_ns`]. Until then
/// its outlines lie in [`ClassResult::unconfirmed`](crate::result::ClassResult), so nothing measures or draws them.
/// This is the **added delay**: that time, on to the next result in which the object is seen. What has counted once
/// counts at once when it comes back within the gap of [`TrackRules`]. An object that is not seen has no outline:
/// nothing is held over from the frames before.
///
/// Time is presentation time; a result that stands on several frames is one sighting, and a frame without a result
/// is none, and none missed. There is no model of motion: two objects that run into one outline may have changed
/// numbers when they part.
#[derive(Clone, Debug)]
pub struct Objects {
    rules: ObjectRules,
    tracker: Tracker,
    runs: Vec<Run>,
    judged: Option<Judged>,
    counts: ObjectCounts,
}

impl Objects {
    /// Objects of a stream of which nothing was seen.
    pub fn new(rules: ObjectRules) -> Self {
        Self {
            rules,
            tracker: Tracker::new(rules.track),
            runs: Vec::new(),
            judged: None,
            counts: ObjectCounts::default(),
        }
    }

    /// The rules.
    pub fn rules(&self) -> &ObjectRules {
        &self.rules
    }

    /// What there was so far, over every [`reset`](Self::reset).
    pub fn counts(&self) -> ObjectCounts {
        self.counts
    }

    /// Forgets every object: what comes is new, must be seen anew before it counts, and has new numbers.
    pub fn reset(&mut self) {
        self.tracker.reset();
        self.runs.clear();
        self.judged = None;
    }

    /// Writes the objects' numbers into a result and takes out the outlines that do not count. A time before the last
    /// one begins anew.
    pub fn mark(&mut self, result: &mut FrameResult) {
        if result.status != ResultStatus::Ok {
            return;
        }
        for class in &mut result.classes {
            // A stage before may have gone by other rules.
            if !class.unconfirmed.is_empty() {
                class.contours.append(&mut class.unconfirmed);
                class.contours.sort_by(|a, b| b.area_px2.total_cmp(&a.area_px2));
            }
        }
        let judged = match self.judged.take() {
            Some(judged) if judged.is_of(result) => judged,
            before => {
                if before.is_some_and(|before| before.at_ns > result.source_pts_ns) {
                    self.reset();
                }
                self.judge(result)
            }
        };
        for (class, verdicts) in result.classes.iter_mut().zip(&judged.classes) {
            for (contour, verdict) in class.contours.iter_mut().zip(verdicts) {
                contour.object = verdict.id;
            }
            if verdicts.iter().any(|v| !v.is_confirmed) {
                let mut verdicts = verdicts.iter();
                (class.contours, class.unconfirmed) = std::mem::take(&mut class.contours)
                    .into_iter()
                    .partition(|_| verdicts.next().is_none_or(|v| v.is_confirmed));
                class.confidence = class.confidence.filter(|_| !class.contours.is_empty());
            }
        }
        self.judged = Some(judged);
    }

    /// Follows the objects on to a new result.
    fn judge(&mut self, result: &FrameResult) -> Judged {
        let at_ns = result.source_pts_ns;
        let (mut seen, mut places) = (Vec::new(), Vec::new());
        for class in &result.classes {
            let mut place = Vec::with_capacity(class.contours.len());
            for (i, contour) in class.contours.iter().enumerate() {
                let observation =
                    (i < MOST_OUTLINES).then(|| Observation::of(class.class.index, contour)).flatten();
                place.push(observation.is_some().then_some(seen.len()));
                seen.extend(observation);
            }
            places.push(place);
        }
        let ids = self.tracker.assign(at_ns, &seen);
        self.counts.objects = self.tracker.given();
        let confirmed = self.confirm(at_ns, &ids);
        let at_once = self.rules.confirm_ns == 0;
        let verdict = |place: Option<usize>| Verdict {
            id: place.and_then(|k| ids.get(k)).copied(),
            is_confirmed: at_once || place.and_then(|k| confirmed.get(k)).is_some_and(|c| *c),
        };
        let classes: Vec<Vec<Verdict>> =
            places.into_iter().map(|place| place.into_iter().map(verdict).collect()).collect();
        self.counts.withheld += classes.iter().flatten().filter(|v| !v.is_confirmed).count() as u64;
        Judged { at_ns, classes }
    }

    /// Whether each of the objects seen counts by now.
    fn confirm(&mut self, at_ns: u64, ids: &[TrackId]) -> Vec<bool> {
        let confirm_ns = self.rules.confirm_ns;
        if confirm_ns == 0 {
            self.counts.confirmed = self.counts.objects;
            return Vec::new();
        }
        self.runs.retain(|run| self.tracker.contains(run.id));
        for run in &mut self.runs {
            if !ids.contains(&run.id) {
                run.miss();
            }
        }
        ids.iter()
            .map(|&id| {
                let index = self.runs.iter().position(|run| run.id == id).unwrap_or_else(|| {
                    self.runs.push(Run::new(id, at_ns));
                    self.runs.len() - 1
                });
                let Some(run) = self.runs.get_mut(index) else { return false };
                let before = run.is_confirmed;
                run.see(at_ns, confirm_ns);
                if run.is_confirmed && !before {
                    self.counts.confirmed += 1;
                    let delay_ns = at_ns.saturating_sub(run.first_ns);
                    self.counts.longest_delay_ns = self.counts.longest_delay_ns.max(delay_ns);
                }
                run.is_confirmed
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "objects_tests.rs"]
mod tests;

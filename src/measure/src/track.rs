//! The same thing over time: identity of objects from frame to frame, and presence without flicker.
//!
//! [`Tracker`] gives an object of one class the number it had in the frames before, by how much its bounding
//! box overlaps with the one seen last and how near its centroid lies. [`Objects`] does so for the outlines of a
//! stream's results and takes out what flickers. [`Presence`] and [`Steady`] turn a yes or no of every frame into one
//! that holds; all three say how much later that is.

mod objects;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

pub use self::objects::{MOST_OUTLINES, ObjectCounts, ObjectRules, Objects};
use crate::contour::Contour;
use crate::geometry::PointInFrame;

/// An axis-parallel box in the source picture, pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Left, top.
    pub min: PointInFrame,
    /// Right, bottom.
    pub max: PointInFrame,
}

impl Bounds {
    /// Around points; `None` for none.
    pub fn of(points: &[PointInFrame]) -> Option<Self> {
        let &first = points.first()?;
        Some(points.iter().fold(Self { min: first, max: first }, |b, p| Self {
            min: PointInFrame { x_px: b.min.x_px.min(p.x_px), y_px: b.min.y_px.min(p.y_px) },
            max: PointInFrame { x_px: b.max.x_px.max(p.x_px), y_px: b.max.y_px.max(p.y_px) },
        }))
    }

    fn area(&self) -> f64 {
        (self.max.x_px - self.min.x_px).max(0.0) * (self.max.y_px - self.min.y_px).max(0.0)
    }

    fn diagonal(&self) -> f64 {
        (self.max.x_px - self.min.x_px).hypot(self.max.y_px - self.min.y_px)
    }

    /// Intersection over union, 0 to 1.
    pub fn overlap(&self, other: &Self) -> f64 {
        let common = Self {
            min: PointInFrame {
                x_px: self.min.x_px.max(other.min.x_px),
                y_px: self.min.y_px.max(other.min.y_px),
            },
            max: PointInFrame {
                x_px: self.max.x_px.min(other.max.x_px),
                y_px: self.max.y_px.min(other.max.y_px),
            },
        }
        .area();
        let union = self.area() + other.area() - common;
        if union > 0.0 { common / union } else { 0.0 }
    }
}

/// An object seen in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// Index of its class.
    pub class: u8,
    /// Box around its outline.
    pub bounds: Bounds,
    /// Middle of its box, or a centroid.
    pub center: PointInFrame,
}

impl Observation {
    /// Of an outline, with the middle of its box for a centre; `None` for an outline without points.
    pub fn of(class: u8, contour: &Contour) -> Option<Self> {
        let bounds = Bounds::of(&contour.outer)?;
        let center = PointInFrame {
            x_px: (bounds.min.x_px + bounds.max.x_px) / 2.0,
            y_px: (bounds.min.y_px + bounds.max.y_px) / 2.0,
        };
        Some(Self { class, bounds, center })
    }
}

/// Number of an object, never given twice by one tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrackId(pub u64);

impl TrackId {
    /// Name of the object as a structure of its own, such as `lesion#3`.
    pub fn name(self, class: &str) -> String {
        format!("{class}#{}", self.0)
    }

    /// The class and the number in the name of an object; `None` for a name without a number.
    pub fn of_name(structure: &str) -> Option<(&str, Self)> {
        let (class, number) = structure.rsplit_once('#')?;
        Some((class, Self(number.parse().ok()?)))
    }
}

/// When two observations are of the same object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackRules {
    /// Overlap of the boxes from which they are.
    pub overlap: f64,
    /// Below that overlap they still are where the centres lie within this fraction of the larger box's
    /// diagonal; 0: never.
    pub gate: f64,
    /// After longer unseen, nanoseconds, an object is a new one.
    pub gap_ns: u64,
}

impl Default for TrackRules {
    fn default() -> Self {
        Self { overlap: 0.3, gate: 0.5, gap_ns: 1_000_000_000 }
    }
}

/// Objects that are remembered at once, those seen last: noise makes new ones in every frame.
const MOST_TRACKS: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Track {
    id: TrackId,
    last: Observation,
    at_ns: u64,
}

/// Gives objects their numbers. The best-matching pairs are joined first, of one class each; the order in
/// which observations are given decides only between equal matches.
#[derive(Clone, Debug)]
pub struct Tracker {
    rules: TrackRules,
    tracks: Vec<Track>,
    next: u64,
}

impl Tracker {
    /// A tracker that has seen nothing.
    pub fn new(rules: TrackRules) -> Self {
        Self { rules, tracks: Vec::new(), next: 1 }
    }

    /// Forgets every object: what comes is new, and has new numbers.
    pub fn reset(&mut self) {
        self.tracks.clear();
    }

    /// How many numbers were given so far.
    pub fn given(&self) -> u64 {
        self.next - 1
    }

    /// Whether an object was seen within the last gap.
    pub fn contains(&self, id: TrackId) -> bool {
        self.tracks.iter().any(|t| t.id == id)
    }

    /// How many objects were seen within the last gap.
    pub fn len(&self) -> usize {
        self.tracks.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    /// The objects' numbers at a time, in the order given. A time before the last one begins anew.
    pub fn assign(&mut self, at_ns: u64, seen: &[Observation]) -> Vec<TrackId> {
        if self.tracks.iter().any(|t| t.at_ns > at_ns) {
            self.reset();
        }
        self.tracks.retain(|t| at_ns - t.at_ns <= self.rules.gap_ns);
        if self.tracks.len() > MOST_TRACKS {
            self.tracks.sort_by_key(|t| std::cmp::Reverse((t.at_ns, t.id)));
            self.tracks.truncate(MOST_TRACKS);
        }
        let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
        for (i, track) in self.tracks.iter().enumerate() {
            for (k, observation) in seen.iter().enumerate() {
                if let Some(score) = self.score(&track.last, observation) {
                    pairs.push((score, i, k));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let mut ids: Vec<Option<TrackId>> = vec![None; seen.len()];
        let mut taken = vec![false; self.tracks.len()];
        for (_, i, k) in pairs {
            let (Some(id), Some(taken), Some(track), Some(observation)) =
                (ids.get_mut(k), taken.get_mut(i), self.tracks.get_mut(i), seen.get(k))
            else {
                continue;
            };
            if id.is_none() && !*taken {
                (*id, *taken) = (Some(track.id), true);
                (track.last, track.at_ns) = (*observation, at_ns);
            }
        }
        ids.into_iter()
            .zip(seen)
            .map(|(id, observation)| {
                id.unwrap_or_else(|| {
                    let id = TrackId(self.next);
                    self.next += 1;
                    self.tracks.push(Track { id, last: *observation, at_ns });
                    id
                })
            })
            .collect()
    }

    /// How well two observations match: overlaps above 1, centres below. `None` where they do not.
    fn score(&self, a: &Observation, b: &Observation) -> Option<f64> {
        if a.class != b.class {
            return None;
        }
        let overlap = a.bounds.overlap(&b.bounds);
        if overlap > 0.0 && overlap >= self.rules.overlap {
            return Some(1.0 + overlap);
        }
        let distance = (a.center.x_px - b.center.x_px).hypot(a.center.y_px - b.center.y_px);
        let reach = self.rules.gate * a.bounds.diagonal().max(b.bounds.diagonal());
        (reach > 0.0 && distance <= reach).then(|| 1.0 - distance / reach)
    }
}

/// Presence by vote: there once `on` of the last `of` frames say so, and gone once fewer than `off` do.
#[derive(Clone, Debug)]
pub struct Presence {
    on: usize,
    off: usize,
    of: usize,
    votes: VecDeque<bool>,
    is_present: bool,
}

impl Presence {
    /// `on` of `of` frames to appear; fewer than `off` to vanish. Numbers are brought to 1 ≤ off ≤ on ≤ of.
    pub fn new(on: usize, off: usize, of: usize) -> Self {
        let of = of.max(1);
        let on = on.clamp(1, of);
        Self { on, off: off.clamp(1, on), of, votes: VecDeque::new(), is_present: false }
    }

    /// Takes a frame's answer; says whether it is there.
    pub fn push(&mut self, seen: bool) -> bool {
        if self.votes.len() >= self.of {
            self.votes.pop_front();
        }
        self.votes.push_back(seen);
        let count = self.votes.iter().filter(|v| **v).count();
        self.is_present = count >= if self.is_present { self.off } else { self.on };
        self.is_present
    }

    /// Frames after the first one with it until what stays is there.
    pub fn delay_frames(&self) -> usize {
        self.on - 1
    }

    /// Frames after the first one without it until what was seen all along is gone.
    pub fn release_frames(&self) -> usize {
        self.of - self.off
    }

    /// Forgets every frame.
    pub fn reset(&mut self) {
        self.votes.clear();
        self.is_present = false;
    }
}

/// Presence by time: an object is shown once it was there without a break for a while, and is gone once it
/// was absent for a while. It answers whether the object counts as there; a mask that was not found in a
/// frame is not drawn in it.
#[derive(Clone, Copy, Debug)]
pub struct Steady {
    appear_ns: u64,
    vanish_ns: u64,
    /// What the frames say, and since when.
    run: Option<(bool, u64)>,
    is_shown: bool,
}

impl Steady {
    /// Times to appear and to vanish, nanoseconds; 0 changes with the frame.
    pub fn new(appear_ns: u64, vanish_ns: u64) -> Self {
        Self { appear_ns, vanish_ns, run: None, is_shown: false }
    }

    /// Takes a frame's answer; says whether the object counts as there.
    pub fn push(&mut self, at_ns: u64, seen: bool) -> bool {
        let since = match self.run {
            Some((same, since)) if same == seen && since <= at_ns => since,
            _ => at_ns,
        };
        self.run = Some((seen, since));
        let needed = if seen { self.appear_ns } else { self.vanish_ns };
        if self.is_shown != seen && at_ns - since >= needed {
            self.is_shown = seen;
        }
        self.is_shown
    }

    /// How much later than without it an object that stays is shown, at the most, for frames `frame_ns`
    /// apart: the time to appear, up to the next frame.
    pub fn added_delay_ns(&self, frame_ns: u64) -> u64 {
        self.appear_ns.div_ceil(frame_ns.max(1)).saturating_mul(frame_ns.max(1))
    }

    /// How much longer than without it an object that has gone counts as there, at the most.
    pub fn added_hold_ns(&self, frame_ns: u64) -> u64 {
        self.vanish_ns.div_ceil(frame_ns.max(1)).saturating_mul(frame_ns.max(1))
    }

    /// Forgets every frame.
    pub fn reset(&mut self) {
        (self.run, self.is_shown) = (None, false);
    }
}

#[cfg(test)]
mod tests;

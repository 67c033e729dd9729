//! Which section of the body the picture shows: from the settings, and from what was told.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::procedure::Event;

/// Most changes of the plane that are remembered.
const MOST_CHANGES: usize = 256;

/// Which section of the body the picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SectionPlane {
    /// Across the body or organ: the second diameter is the transverse one.
    #[default]
    Transverse,
    /// Along it, `longitudinal` or `sagittal`: the second diameter is the longitudinal one.
    #[serde(alias = "sagittal")]
    Longitudinal,
}

impl SectionPlane {
    /// The plane that an event's mark names.
    fn from_mark(name: &str) -> Option<Self> {
        match name {
            "transverse" => Some(Self::Transverse),
            "longitudinal" | "sagittal" => Some(Self::Longitudinal),
            _ => None,
        }
    }
}

/// Which plane the picture shows, from the settings and from what was told.
pub(super) struct Planes {
    start: SectionPlane,
    /// Changes by presentation time, in order.
    told: VecDeque<(u64, SectionPlane)>,
    newest_ns: Option<u64>,
    /// What was told holds no more, and the settings' plane was left: nobody knows.
    lost: bool,
}

impl Planes {
    pub(super) fn new(start: SectionPlane) -> Self {
        Self { start, told: VecDeque::new(), newest_ns: None, lost: false }
    }

    /// Takes an event where it is the mark of a plane.
    pub(super) fn event(&mut self, event: &Event, at_ns: u64) {
        if let Event::Mark(name) = event
            && let Some(plane) = SectionPlane::from_mark(name)
        {
            self.tell(plane, at_ns);
        }
    }

    fn tell(&mut self, plane: SectionPlane, at_ns: u64) {
        let after = self.told.partition_point(|t| t.0 <= at_ns);
        self.told.insert(after, (at_ns, plane));
        if self.told.len() > MOST_CHANGES {
            self.told.pop_front();
            self.lost = true;
        }
    }

    /// The plane at a presentation time.
    pub(super) fn at(&mut self, pts_ns: u64) -> Option<SectionPlane> {
        self.newest_ns = Some(pts_ns);
        let told = self.told.iter().rev().find(|t| t.0 <= pts_ns).map(|t| t.1);
        told.or((!self.lost).then_some(self.start))
    }

    /// After a break: what was told of earlier frames holds no more, and the plane is unknown until it is told
    /// again. What was told of frames to come holds.
    pub(super) fn forget(&mut self) {
        let Some(newest_ns) = self.newest_ns.take() else { return };
        let before = self.told.partition_point(|t| t.0 <= newest_ns);
        self.lost |= before > 0;
        self.told.drain(..before);
    }

    /// Whether only an event can tell the plane again.
    pub(super) fn is_lost(&self) -> bool {
        self.lost && self.told.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_holds_from_when_it_was_told() {
        use SectionPlane::{Longitudinal, Transverse};
        let mut planes = Planes::new(Transverse);
        planes.tell(Transverse, 50);
        planes.tell(Longitudinal, 30);
        assert_eq!(
            [0, 29, 30, 49, 50].map(|t| planes.at(t).unwrap()),
            [Transverse, Transverse, Longitudinal, Longitudinal, Transverse]
        );
        // Told of a frame to come, then the break, then that frame.
        planes.tell(Longitudinal, 60);
        planes.forget();
        assert_eq!((planes.at(55), planes.at(60)), (None, Some(Longitudinal)));
        planes.forget();
        assert!(planes.at(0).is_none() && planes.is_lost());
        planes.tell(Transverse, 5);
        assert_eq!((planes.at(6), planes.is_lost()), (Some(Transverse), false));
    }

    #[test]
    fn without_events_a_break_changes_no_plane_and_events_take_bounded_memory() {
        let mut planes = Planes::new(SectionPlane::Longitudinal);
        planes.at(7);
        planes.forget();
        assert_eq!(planes.at(0), Some(SectionPlane::Longitudinal));
        for at in 0..10_000 {
            planes.tell(SectionPlane::Transverse, at);
        }
        assert!(planes.told.len() <= MOST_CHANGES);
        assert_eq!(planes.at(20_000), Some(SectionPlane::Transverse));
    }
}

//! A scale's life in live use: proposed, confirmed, in force, expired.
//!
//! ```text
//! NONE ──propose──► PENDING ──confirm──► VALID ──any change──► EXPIRED
//!  ▲                   │  ▲                 │                      │
//!  └──────reject───────┘  └─────propose─────┴──────────────────────┘
//! ```
//!
//! Only VALID gives a scale. Any change that could have changed what a pixel is worth ends it at once, and nothing but
//! a new proposal brings it back: a scanner whose depth was turned and turned back is not known to be as before.

use std::sync::Arc;
use std::time::Duration;

use super::Calibration;
use crate::result::Reason;

/// How long a scale holds without being confirmed again, unless told otherwise.
pub const DEFAULT_AGE_LIMIT: Duration = Duration::from_secs(30 * 60);

/// What ended a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expiry {
    /// The picture's size, format or pixel aspect changed.
    PictureChanged,
    /// Another part of the picture is looked at.
    CropChanged,
    /// The video comes from another device or input.
    SourceChanged,
    /// Another patient.
    PatientChanged,
    /// Depth or zoom changed, by the ruler or the shape of the scan.
    DepthChanged,
    /// Another probe.
    ProbeChanged,
    /// A frozen picture went live again.
    WentLive,
    /// It was confirmed too long ago.
    TooOld,
    /// The clock went backwards, so that its age is not known.
    ClockChanged,
    /// The operator withdrew it.
    Withdrawn,
}

impl Expiry {
    /// Everything that ends a scale.
    pub const ALL: [Self; 10] = [
        Self::PictureChanged,
        Self::CropChanged,
        Self::SourceChanged,
        Self::PatientChanged,
        Self::DepthChanged,
        Self::ProbeChanged,
        Self::WentLive,
        Self::TooOld,
        Self::ClockChanged,
        Self::Withdrawn,
    ];

    /// The code as it stands in files.
    pub const fn code(self) -> &'static str {
        match self {
            Self::PictureChanged => "PICTURE_CHANGED",
            Self::CropChanged => "CROP_CHANGED",
            Self::SourceChanged => "SOURCE_CHANGED",
            Self::PatientChanged => "PATIENT_CHANGED",
            Self::DepthChanged => "DEPTH_CHANGED",
            Self::ProbeChanged => "PROBE_CHANGED",
            Self::WentLive => "WENT_LIVE",
            Self::TooOld => "TOO_OLD",
            Self::ClockChanged => "CLOCK_CHANGED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }

    /// What happened, in a few words for a screen.
    pub const fn display(self) -> &'static str {
        match self {
            Self::PictureChanged => "picture changed",
            Self::CropChanged => "crop changed",
            Self::SourceChanged => "source changed",
            Self::PatientChanged => "patient changed",
            Self::DepthChanged => "depth or zoom changed",
            Self::ProbeChanged => "probe changed",
            Self::WentLive => "picture went live",
            Self::TooOld => "too old",
            Self::ClockChanged => "clock changed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What happens to a scale.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A scale is proposed: by a caliper, a ruler, a profile, a file. One in force ends.
    Propose(Arc<Calibration>),
    /// The operator confirms the proposal, or the scale in force once more.
    Confirm,
    /// The operator rejects the proposal, or withdraws the scale in force.
    Reject,
    /// A scale that needs no confirmation comes into force: it stands in the file and has passed every rule, or belongs
    /// to a profile that says so.
    Adopt(Arc<Calibration>),
    /// Something changed that a scale does not outlive.
    Change(Expiry),
    /// Time passed.
    Tick,
}

/// Where a scale stands. Times are of the caller's clock, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum State {
    /// There is none.
    #[default]
    None,
    /// One is proposed.
    Pending {
        /// Which.
        proposal: Arc<Calibration>,
        /// Since when.
        since_ns: u64,
    },
    /// One is in force.
    Valid {
        /// Which, with its source and uncertainty.
        calibration: Arc<Calibration>,
        /// When it was last confirmed.
        since_ns: u64,
    },
    /// One was, and is no longer.
    Expired {
        /// What ended it.
        why: Expiry,
        /// When.
        since_ns: u64,
    },
}

impl State {
    /// The name as it stands in files.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Pending { .. } => "PENDING",
            Self::Valid { .. } => "VALID",
            Self::Expired { .. } => "EXPIRED",
        }
    }
}

/// The scale of one video.
#[derive(Clone, Debug, PartialEq)]
pub struct CalibrationState {
    state: State,
    age_limit_ns: u64,
}

impl Default for CalibrationState {
    fn default() -> Self {
        Self::new(DEFAULT_AGE_LIMIT)
    }
}

impl CalibrationState {
    /// No scale yet; one will hold for `age_limit` without being confirmed again.
    pub fn new(age_limit: Duration) -> Self {
        Self { state: State::None, age_limit_ns: u64::try_from(age_limit.as_nanos()).unwrap_or(u64::MAX) }
    }

    /// Where the scale stood after the last event.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Takes in what happened at `now_ns`, and says whether the state is another kind than before.
    pub fn apply(&mut self, event: Event, now_ns: u64) -> bool {
        let before = std::mem::discriminant(&self.state);
        // An old scale is old before anything else happens: a late "confirm" must not find it in force.
        if let Some(why) = self.outlived(now_ns) {
            self.end(why, now_ns);
        }
        match event {
            Event::Propose(proposal) => self.state = State::Pending { proposal, since_ns: now_ns },
            Event::Adopt(calibration) => self.state = State::Valid { calibration, since_ns: now_ns },
            Event::Confirm => {
                if let State::Pending { proposal: calibration, .. } | State::Valid { calibration, .. } =
                    &self.state
                {
                    self.state = State::Valid { calibration: calibration.clone(), since_ns: now_ns };
                }
            }
            Event::Reject => match self.state {
                State::Valid { .. } => self.end(Expiry::Withdrawn, now_ns),
                State::Pending { .. } | State::Expired { .. } | State::None => self.state = State::None,
            },
            Event::Change(why) => self.end(why, now_ns),
            Event::Tick => {}
        }
        before != std::mem::discriminant(&self.state)
    }

    /// The scale in force at `now_ns`; too old a one is not, whether anyone has noticed yet or not.
    pub fn calibration(&self, now_ns: u64) -> Option<&Arc<Calibration>> {
        match &self.state {
            State::Valid { calibration, .. } if self.outlived(now_ns).is_none() => Some(calibration),
            State::Valid { .. } | State::None | State::Pending { .. } | State::Expired { .. } => None,
        }
    }

    /// Why there is no scale at `now_ns`.
    pub fn reason(&self, now_ns: u64) -> Option<Reason> {
        match &self.state {
            State::None | State::Pending { .. } => Some(Reason::NoCalibration),
            State::Valid { .. } => self.outlived(now_ns).map(|_| Reason::CalibrationExpired),
            State::Expired { .. } => Some(Reason::CalibrationExpired),
        }
    }

    fn outlived(&self, now_ns: u64) -> Option<Expiry> {
        match self.state {
            State::Valid { since_ns, .. } | State::Pending { since_ns, .. } => {
                match now_ns.checked_sub(since_ns) {
                    None => Some(Expiry::ClockChanged),
                    Some(age) if age > self.age_limit_ns => Some(Expiry::TooOld),
                    Some(_) => None,
                }
            }
            State::None | State::Expired { .. } => None,
        }
    }

    /// What is in force expires; what was only proposed goes, for the picture it was proposed for is gone.
    fn end(&mut self, why: Expiry, now_ns: u64) {
        match self.state {
            State::Valid { .. } => self.state = State::Expired { why, since_ns: now_ns },
            State::Pending { .. } => self.state = State::None,
            State::None | State::Expired { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::CalibrationSource;
    use proptest::prelude::*;

    fn scale(text: &str) -> Arc<Calibration> {
        Arc::new(Calibration::parse(text, CalibrationSource::Caliper).unwrap())
    }

    fn in_state(name: &str) -> CalibrationState {
        let mut s = CalibrationState::default();
        let events: &[Event] = match name {
            "NONE" => &[],
            "PENDING" => &[Event::Propose(scale("0.2"))],
            "VALID" => &[Event::Propose(scale("0.2")), Event::Confirm],
            _ => &[Event::Propose(scale("0.2")), Event::Confirm, Event::Change(Expiry::PatientChanged)],
        };
        for event in events {
            s.apply(event.clone(), 1000);
        }
        assert_eq!(s.state().as_str(), name);
        s
    }

    #[test]
    fn every_transition() {
        let table = [
            ("NONE", [("propose", "PENDING"), ("confirm", "NONE"), ("reject", "NONE"), ("adopt", "VALID")]),
            (
                "PENDING",
                [("propose", "PENDING"), ("confirm", "VALID"), ("reject", "NONE"), ("adopt", "VALID")],
            ),
            (
                "VALID",
                [("propose", "PENDING"), ("confirm", "VALID"), ("reject", "EXPIRED"), ("adopt", "VALID")],
            ),
            (
                "EXPIRED",
                [("propose", "PENDING"), ("confirm", "EXPIRED"), ("reject", "NONE"), ("adopt", "VALID")],
            ),
        ];
        for (from, row) in table {
            for (event, to) in row {
                let mut s = in_state(from);
                let event = match event {
                    "propose" => Event::Propose(scale("0.3")),
                    "confirm" => Event::Confirm,
                    "reject" => Event::Reject,
                    _ => Event::Adopt(scale("0.4")),
                };
                let changed = s.apply(event.clone(), 2000);
                assert_eq!((s.state().as_str(), changed), (to, from != to), "{from} {event:?}");
                assert_eq!(s.calibration(2000).is_some(), to == "VALID");
                assert_eq!(s.reason(2000).is_none(), to == "VALID");
            }
            for why in Expiry::ALL {
                let mut s = in_state(from);
                s.apply(Event::Change(why), 2000);
                let to = match from {
                    "VALID" => "EXPIRED",
                    "PENDING" => "NONE",
                    _ => from,
                };
                assert_eq!(s.state().as_str(), to, "{from} {why:?}");
                assert_eq!(s.calibration(2000), None);
                if from == "VALID" {
                    assert_eq!(*s.state(), State::Expired { why, since_ns: 2000 });
                    assert_eq!(s.reason(2000), Some(Reason::CalibrationExpired));
                }
            }
            let mut s = in_state(from);
            assert!(!s.apply(Event::Tick, 2000));
            assert_eq!(s.state().as_str(), from);
        }
    }

    #[test]
    fn what_was_confirmed_is_what_was_proposed_last() {
        let mut s = in_state("VALID");
        s.apply(Event::Propose(scale("0.3")), 2000);
        // The old scale is gone before the new one is there.
        assert_eq!(s.calibration(2000), None);
        s.apply(Event::Confirm, 2100);
        assert_eq!(s.calibration(2100), Some(&scale("0.3")));
    }

    #[test]
    fn age() {
        let limit = Duration::from_secs(60);
        let mut s = CalibrationState::new(limit);
        s.apply(Event::Adopt(scale("0.2")), 5);
        let end = 5 + limit.as_nanos() as u64;
        assert!(s.calibration(end).is_some());
        // It ends by itself, before anyone ticks.
        assert_eq!(s.calibration(end + 1), None);
        assert_eq!(s.reason(end + 1), Some(Reason::CalibrationExpired));
        // Confirming in time makes it young again; too late does not.
        let mut late = s.clone();
        s.apply(Event::Confirm, end);
        assert!(s.calibration(end + 1).is_some());
        late.apply(Event::Confirm, end + 1);
        assert_eq!(*late.state(), State::Expired { why: Expiry::TooOld, since_ns: end + 1 });
        // A clock that goes back leaves no age.
        assert_eq!(s.calibration(end - 1), None);
        s.apply(Event::Tick, end - 1);
        assert_eq!(*s.state(), State::Expired { why: Expiry::ClockChanged, since_ns: end - 1 });
        // A proposal ages too.
        let mut pending = CalibrationState::new(limit);
        pending.apply(Event::Propose(scale("0.2")), 0);
        pending.apply(Event::Confirm, end + 10);
        assert_eq!(*pending.state(), State::None);
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (1_u32..50).prop_map(|n| Event::Propose(scale(&format!("0.{n}1")))),
            (1_u32..50).prop_map(|n| Event::Adopt(scale(&format!("0.{n}2")))),
            Just(Event::Confirm),
            Just(Event::Reject),
            Just(Event::Tick),
            (0..Expiry::ALL.len()).prop_map(|i| Event::Change(Expiry::ALL[i])),
        ]
    }

    proptest! {
        /// Millimetres come from VALID alone, after any change they are gone, and the scale in force is the last
        /// that was adopted, or proposed and then confirmed.
        #[test]
        fn no_way_around(events in proptest::collection::vec((any_event(), 0_u64..40), 1..60)) {
            let mut s = CalibrationState::new(Duration::from_nanos(100));
            let (mut now, mut proposed, mut in_force): (u64, Option<Arc<Calibration>>, Option<Arc<Calibration>>) =
                (0, None, None);
            for (event, pause) in events {
                now += pause;
                match &event {
                    Event::Propose(c) => (proposed, in_force) = (Some(c.clone()), None),
                    Event::Adopt(c) => (proposed, in_force) = (None, Some(c.clone())),
                    Event::Confirm => {
                        if let Some(c) = proposed.take() {
                            in_force = Some(c);
                        }
                    }
                    Event::Reject | Event::Change(_) => (proposed, in_force) = (None, None),
                    Event::Tick => {}
                }
                s.apply(event.clone(), now);
                let got = s.calibration(now).cloned();
                prop_assert_eq!(got.is_some(), matches!(s.state(), State::Valid { .. }));
                prop_assert_eq!(s.reason(now).is_none(), got.is_some());
                if matches!(event, Event::Change(_) | Event::Reject | Event::Propose(_)) {
                    prop_assert_eq!(&got, &None);
                }
                if got.is_some() {
                    prop_assert_eq!(&got, &in_force);
                }
                prop_assert_eq!(s.calibration(now + 101), None);
            }
        }
    }
}

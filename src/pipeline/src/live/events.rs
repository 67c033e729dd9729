//! What happens in a live job, for a log that somebody reads later: who wanted what, and how picture and engine were.
//!
//! Nobody waits for the log: what it does not take in time is counted, and the next event says how many were missed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstvesalius::StateMessage;
use serde_json::{Value, json};
use vesalius_measure::live::SignalState;
use vesalius_serve::Status;

use crate::identity::now_utc;

/// Changes of state that are told within [`WITHIN`]; a loose plug makes thousands.
const MOST_STATES: u32 = 60;
const WITHIN: Duration = Duration::from_secs(60);

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveEvent {
    /// `asked`, `state`, `engine`, `calibration`, `picture`, `recording` or `privacy`.
    pub name: &'static str,
    /// What it was, as an object; with `time_utc` and `monotonic_ns`, the time of the job's clock. Nothing in it is of a patient.
    pub details: Value,
}

/// Where events go.
pub(crate) struct Events {
    into: Option<SyncSender<LiveEvent>>,
    clock: gst::Clock,
    missed: AtomicU64,
}

impl Events {
    pub(crate) fn new(into: Option<SyncSender<LiveEvent>>, clock: gst::Clock) -> Self {
        Self { into, clock, missed: AtomicU64::new(0) }
    }

    /// Whether anybody listens.
    pub(crate) fn are_wanted(&self) -> bool {
        self.into.is_some()
    }

    /// Tells what happened.
    pub(crate) fn tell(&self, name: &'static str, mut details: Value) {
        let Some(into) = &self.into else { return };
        if let Value::Object(details) = &mut details {
            details.insert("time_utc".to_owned(), now_utc().into());
            details.insert("monotonic_ns".to_owned(), self.clock.time().nseconds().into());
            let missed = self.missed.swap(0, Ordering::AcqRel);
            if missed > 0 {
                details.insert("events_missed_before".to_owned(), missed.into());
            }
            let event = LiveEvent { name, details: Value::Object(std::mem::take(details)) };
            if into.try_send(event).is_err() {
                self.missed.fetch_add(missed + 1, Ordering::AcqRel);
            }
        }
    }

    /// Tells what a person asked for and, where it was refused, why.
    pub(crate) fn asked(&self, what: &str, value: Value, refused: Option<&str>) {
        self.tell("asked", json!({ "what": what, "value": value, "by": "http", "refused": refused }));
    }
}

/// What is told when it changes.
#[derive(Default)]
pub(crate) struct Watch {
    engine: Value,
    calibration: String,
    picture: Value,
    recording: Value,
    privacy: Value,
    states: u32,
    states_since: Option<Instant>,
}

impl Watch {
    /// The picture's or the engine's state has changed.
    pub(crate) fn state(&mut self, events: &Events, state: &StateMessage, source_why: &str) {
        if self.states_since.is_none_or(|since| since.elapsed() > WITHIN) {
            (self.states, self.states_since) = (0, Some(Instant::now()));
        }
        self.states += 1;
        if self.states > MOST_STATES {
            events.missed.fetch_add(1, Ordering::AcqRel);
            return;
        }
        let mut said = json!({ "picture": state.signal.as_str(), "ai": state.ai.as_str(), "why": state.why });
        if state.signal == SignalState::None
            && let Value::Object(said) = &mut said
        {
            said.insert("picture_why".to_owned(), source_why.into());
        }
        events.tell("state", said);
    }

    /// Looks what is different now. `engine` is who the newest result is from.
    pub(crate) fn look(&mut self, events: &Events, status: &Status, engine: Value) {
        let tell = |name, was: &mut Value, is: Value| {
            if *was != is {
                events.tell(name, is.clone());
                *was = is;
            }
        };
        // Before it is loaded its model is not known.
        if engine["sha256"].as_str().is_some_and(|sha256| !sha256.is_empty()) {
            tell("engine", &mut self.engine, json!({ "engine": engine }));
        }
        tell("picture", &mut self.picture, json!({ "why": status.signal.why }));
        let (recording, privacy) = (&status.recording, &status.privacy);
        tell("recording", &mut self.recording, json!({ "on": recording.on, "why": recording.why }));
        if privacy.gate {
            tell("privacy", &mut self.privacy, json!({ "blanked": privacy.blanked, "why": privacy.why }));
        }
        if status.calibration != self.calibration {
            events.tell("calibration", json!({ "was": self.calibration, "is": status.calibration }));
            self.calibration.clone_from(&status.calibration);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use vesalius_measure::live::AiState;

    use super::*;

    fn events(room: usize) -> (Events, std::sync::mpsc::Receiver<LiveEvent>) {
        gst::init().unwrap();
        let (into, out) = sync_channel(room);
        (Events::new(Some(into), gst::SystemClock::obtain()), out)
    }

    #[test]
    fn what_changes_is_told_once() {
        let (events, out) = events(16);
        let (mut watch, mut status) = (Watch::default(), Status::default());
        for _ in 0..3 {
            watch.look(&events, &status, json!({ "name": "larynx", "sha256": "" }));
        }
        status.recording.on = true;
        status.calibration = "0.2000 mm/px, stated".to_owned();
        for _ in 0..3 {
            watch.look(&events, &status, json!({ "name": "larynx", "sha256": "ab" }));
        }
        status.calibration = "CALIBRATION EXPIRED".to_owned();
        watch.look(&events, &status, json!({ "name": "larynx", "sha256": "ab" }));
        let told: Vec<LiveEvent> = out.try_iter().collect();
        let names: Vec<&str> = told.iter().map(|event| event.name).collect();
        assert_eq!(names, ["picture", "recording", "engine", "recording", "calibration", "calibration"]);
        assert_eq!(told[2].details["engine"]["sha256"], "ab");
        assert_eq!(told[5].details["was"], "0.2000 mm/px, stated");
        assert!(told.iter().all(|event| event.details["monotonic_ns"].as_u64() > Some(0)));
    }

    #[test]
    fn a_log_that_is_slow_holds_nobody_up_and_a_loose_plug_does_not_fill_it() {
        let (events, out) = events(2);
        for on in [true, false, true, false] {
            events.asked("ai", on.into(), None);
        }
        assert_eq!(out.try_iter().count(), 2);
        events.asked("snapshot", Value::Null, Some("there is nowhere to keep a picture"));
        let next = out.try_recv().unwrap();
        assert_eq!((next.name, &next.details["events_missed_before"]), ("asked", &json!(2)));
        assert_eq!(next.details["refused"], "there is nowhere to keep a picture");

        let (events, out) = self::events(1000);
        let mut watch = Watch::default();
        let state = |signal| StateMessage { ai: AiState::Running, signal, why: String::new(), rate_hz: 30.0 };
        for at in 0..200 {
            let signal = if at % 2 == 0 { SignalState::None } else { SignalState::Live };
            watch.state(&events, &state(signal), "it was pulled");
        }
        let told: Vec<LiveEvent> = out.try_iter().collect();
        assert_eq!(told.len(), MOST_STATES as usize);
        assert_eq!(told[0].details["picture_why"], "it was pulled");
        assert_eq!(told[1].details.get("picture_why"), None);
        events.asked("ai", true.into(), None);
        assert_eq!(out.try_recv().unwrap().details["events_missed_before"], 140);
    }
}

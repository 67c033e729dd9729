//! What people tell a measuring protocol while it runs, as events of the stream.

use vesalius_measure::calibration::state::Expiry;
use vesalius_measure::live::SignalState;
use vesalius_measure::protocol::Event;

const NAME: &str = "vesalius-event";
const KIND: &str = "kind";
const MARK: &str = "name";
const WIDTH: &str = "width-mm";
const CLASS: &str = "class";
const PTS: &str = "pts";
const SIGNAL: &str = "vesalius-signal";
const STATE: &str = "state";
const ANEW: &str = "vesalius-anew";
const WHY: &str = "why";

/// An event for `vesaliusmeasure`, to be sent down the stream: what happened, and when in presentation time (nanoseconds).
///
/// It is a custom downstream event with the structure `vesalius-event`: `kind` is `mark` (with `name`), `confirm-tool` (with
/// `width-mm` and `class`) or `withdraw`; `pts` may be left out for "now".
pub fn protocol_event(event: &Event, pts_ns: Option<u64>) -> gst::Event {
    let mut structure = match event {
        Event::Mark(name) => gst::Structure::builder(NAME).field(KIND, "mark").field(MARK, name).build(),
        Event::ConfirmTool { width_mm, class } => gst::Structure::builder(NAME)
            .field(KIND, "confirm-tool")
            .field(WIDTH, *width_mm)
            .field(CLASS, class)
            .build(),
        _ => gst::Structure::builder(NAME).field(KIND, "withdraw").build(),
    };
    if let Some(pts_ns) = pts_ns {
        structure.set(PTS, pts_ns);
    }
    gst::event::CustomDownstream::new(structure)
}

/// The event that a stream's event carries, and when it happened; `None` for any other.
pub(crate) fn read(structure: &gst::StructureRef) -> Option<(Event, Option<u64>)> {
    if structure.name() != NAME {
        return None;
    }
    let text = |field| structure.get::<String>(field).ok();
    let event = match text(KIND)?.as_str() {
        "mark" => Event::Mark(text(MARK)?),
        "confirm-tool" => Event::ConfirmTool { width_mm: structure.get(WIDTH).ok()?, class: text(CLASS)? },
        "withdraw" => Event::Withdraw,
        _ => return None,
    };
    Some((event, structure.get(PTS).ok()))
}

/// An event that says what the pictures behind it are: what is no picture of the source (a card, a picture that is shown again)
/// is not looked at. It holds until the next one.
pub fn signal_event(state: SignalState) -> gst::Event {
    gst::event::CustomDownstream::new(gst::Structure::builder(SIGNAL).field(STATE, state.as_str()).build())
}

/// The state that a stream's event carries; `None` for any other.
pub(crate) fn read_signal(structure: &gst::StructureRef) -> Option<SignalState> {
    let name = (structure.name() == SIGNAL).then(|| structure.get::<String>(STATE).ok())??;
    SignalState::from_name(&name)
}

/// Why everything that was gathered so far does not hold for what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anew {
    /// The source was lost, or is another one.
    Source,
    /// Another patient.
    Patient,
}

impl Anew {
    pub(crate) fn expiry(self) -> Expiry {
        match self {
            Self::Source => Expiry::SourceChanged,
            Self::Patient => Expiry::PatientChanged,
        }
    }
}

/// An event from which on tracks, times, extremes and calibration begin anew.
pub fn anew_event(why: Anew) -> gst::Event {
    let why = match why {
        Anew::Source => "source",
        Anew::Patient => "patient",
    };
    gst::event::CustomDownstream::new(gst::Structure::builder(ANEW).field(WHY, why).build())
}

/// Why a stream's event begins anew; `None` for any other.
pub(crate) fn read_anew(structure: &gst::StructureRef) -> Option<Anew> {
    let why = (structure.name() == ANEW).then(|| structure.get::<String>(WHY).ok())??;
    match why.as_str() {
        "source" => Some(Anew::Source),
        "patient" => Some(Anew::Patient),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        gst::init().unwrap();
        for event in [
            Event::Mark("caecum".to_owned()),
            Event::ConfirmTool { width_mm: 2.4, class: "tool".to_owned() },
            Event::Withdraw,
        ] {
            for pts_ns in [None, Some(7)] {
                let sent = protocol_event(&event, pts_ns);
                assert_eq!(read(sent.structure().unwrap()), Some((event.clone(), pts_ns)));
            }
        }
        for state in [SignalState::Live, SignalState::None] {
            assert_eq!(read_signal(signal_event(state).structure().unwrap()), Some(state));
        }
        for why in [Anew::Source, Anew::Patient] {
            assert_eq!(read_anew(anew_event(why).structure().unwrap()), Some(why));
        }
        assert_eq!(read_signal(anew_event(Anew::Source).structure().unwrap()), None);
        let other = gst::Structure::builder(NAME).field(KIND, "party").build();
        assert_eq!(read(&other), None);
        assert_eq!(read(&gst::Structure::new_empty("other")), None);
    }
}

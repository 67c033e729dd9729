//! What must be seen beside a live picture: whether the engine runs, and whether the picture is now.

use crate::result::Reason;
use crate::signal::Signal;

/// What an engine is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AiState {
    /// A person turned it off, or nobody turned it on.
    #[default]
    Off,
    /// It is being loaded, or its first answer has not come.
    Loading,
    /// It gives results in time.
    Running,
    /// It gives results, late or few.
    Degraded,
    /// It gives none.
    Fault,
}

impl AiState {
    /// The word for a screen and for messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Loading => "LOADING",
            Self::Running => "RUNNING",
            Self::Degraded => "DEGRADED",
            Self::Fault => "FAULT",
        }
    }

    /// The state with a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Off, Self::Loading, Self::Running, Self::Degraded, Self::Fault]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// What a picture is like, for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignalState {
    /// It changes: what is seen is now.
    #[default]
    Live,
    /// It stands still, or no new one comes.
    Frozen,
    /// It is black.
    Black,
    /// It is colour bars.
    ColorBars,
    /// There is none.
    None,
}

impl SignalState {
    /// The words for a screen and for messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Frozen => "FROZEN",
            Self::Black => "BLACK",
            Self::ColorBars => "COLOUR BARS",
            Self::None => "NO SIGNAL",
        }
    }

    /// The state with a name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Live, Self::Frozen, Self::Black, Self::ColorBars, Self::None]
            .into_iter()
            .find(|state| state.as_str() == name)
    }

    /// Why nothing is shown on such a picture; `None` on a live one.
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Live => None,
            Self::Frozen => Some(Reason::Frozen),
            Self::Black => Some(Reason::BlackPicture),
            Self::ColorBars => Some(Reason::ColorBars),
            Self::None => Some(Reason::NoSignal),
        }
    }
}

impl From<Signal> for SignalState {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Live => Self::Live,
            Signal::Frozen { .. } | Signal::Stalled { .. } => Self::Frozen,
            Signal::Black { .. } => Self::Black,
            Signal::ColorBars { .. } => Self::ColorBars,
            Signal::None => Self::None,
        }
    }
}

/// How engine and picture are with one frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveState {
    /// The engine.
    pub ai: AiState,
    /// Why it is not running as it should, in one line; empty when it is.
    pub why: String,
    /// Results a second, over the last two.
    pub rate_hz: f64,
    /// The picture.
    pub signal: SignalState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_names_of_their_own_and_a_reason_unless_all_is_well() {
        for state in [AiState::Off, AiState::Loading, AiState::Running, AiState::Degraded, AiState::Fault] {
            assert_eq!(AiState::from_name(state.as_str()), Some(state));
        }
        let signals = [
            SignalState::Live,
            SignalState::Frozen,
            SignalState::Black,
            SignalState::ColorBars,
            SignalState::None,
        ];
        for state in signals {
            assert_eq!(SignalState::from_name(state.as_str()), Some(state));
            assert_eq!(state.reason().is_none(), state == SignalState::Live);
        }
        assert_eq!(SignalState::from(Signal::Stalled { since_ns: 1 }), SignalState::Frozen);
    }
}

//! What the elements say on the bus, as typed structures.

use vesalius_measure::live::{AiState, LiveState, SignalState};
use vesalius_measure::result::{FrameResult, Measurement};

/// Why a message is not one of ours.
#[derive(Debug, PartialEq, Eq)]
pub enum MessageError {
    /// The structure has another name.
    Name(String),
    /// A field is missing or of another type.
    Field(&'static str),
}

impl std::fmt::Display for MessageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => write!(f, "'{name}' is another message"),
            Self::Field(field) => write!(f, "the field '{field}' is missing or of another type"),
        }
    }
}

impl std::error::Error for MessageError {}

fn field<'a, T: gst::glib::value::FromValue<'a>>(
    structure: &'a gst::StructureRef,
    name: &'static str,
) -> Result<T, MessageError> {
    structure.get::<T>(name).map_err(|_| MessageError::Field(name))
}

fn named<'a>(structure: &'a gst::StructureRef, name: &str) -> Result<&'a gst::StructureRef, MessageError> {
    if structure.name() == name {
        Ok(structure)
    } else {
        Err(MessageError::Name(structure.name().to_string()))
    }
}

/// One value of one frame, posted by `vesaliusmeasure` as `vesalius-measurement`.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasurementMessage {
    /// Presentation time of the frame that the value belongs to, nanoseconds.
    pub pts_ns: u64,
    /// Engine by name.
    pub engine: String,
    /// Class by name.
    pub structure: String,
    /// Name of the value.
    pub name: String,
    /// The number; `None` is "no value".
    pub value: Option<f64>,
    /// UCUM code.
    pub unit: String,
    /// Standard uncertainty in the same unit.
    pub uncertainty: Option<f64>,
    /// `valid`, `limited` or `invalid`.
    pub validity: String,
    /// Reason code, empty where there is none.
    pub reason: String,
}

impl MeasurementMessage {
    /// The structure's name.
    pub const NAME: &'static str = "vesalius-measurement";

    /// The message of a value of a frame.
    pub fn new(result: &FrameResult, measurement: &Measurement) -> Self {
        Self {
            pts_ns: result.source_pts_ns,
            engine: result.engine.name.clone(),
            structure: measurement.structure.to_string(),
            name: measurement.name.to_owned(),
            value: measurement.value,
            unit: measurement.unit.ucum().to_owned(),
            uncertainty: measurement.uncertainty,
            validity: measurement.validity.as_str().to_owned(),
            reason: measurement.reason.map_or("", |r| r.code()).to_owned(),
        }
    }
}

impl From<&MeasurementMessage> for gst::Structure {
    fn from(m: &MeasurementMessage) -> Self {
        let mut structure = Self::builder(MeasurementMessage::NAME)
            .field("pts", m.pts_ns)
            .field("engine", &m.engine)
            .field("structure", &m.structure)
            .field("name", &m.name)
            .field("unit", &m.unit)
            .field("validity", &m.validity)
            .field("reason", &m.reason)
            .build();
        // Missing is not zero: the field is left out.
        if let Some(value) = m.value {
            structure.set("value", value);
        }
        if let Some(uncertainty) = m.uncertainty {
            structure.set("uncertainty", uncertainty);
        }
        structure
    }
}

impl TryFrom<&gst::StructureRef> for MeasurementMessage {
    type Error = MessageError;

    fn try_from(structure: &gst::StructureRef) -> Result<Self, MessageError> {
        let s = named(structure, Self::NAME)?;
        let optional = |name| if s.has_field(name) { field::<f64>(s, name).map(Some) } else { Ok(None) };
        Ok(Self {
            pts_ns: field(s, "pts")?,
            engine: field(s, "engine")?,
            structure: field(s, "structure")?,
            name: field(s, "name")?,
            value: optional("value")?,
            unit: field(s, "unit")?,
            uncertainty: optional("uncertainty")?,
            validity: field(s, "validity")?,
            reason: field(s, "reason")?,
        })
    }
}

/// Which backend was taken, posted by `vesaliussegment` as `vesalius-backend`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendMessage {
    /// Backend by name.
    pub backend: String,
    /// Why this one.
    pub why: String,
    /// Engine by name.
    pub engine: String,
    /// SHA-256 of the engine's model.
    pub engine_sha256: String,
}

impl BackendMessage {
    /// The structure's name.
    pub const NAME: &'static str = "vesalius-backend";
}

impl From<&BackendMessage> for gst::Structure {
    fn from(m: &BackendMessage) -> Self {
        Self::builder(BackendMessage::NAME)
            .field("backend", &m.backend)
            .field("why", &m.why)
            .field("engine", &m.engine)
            .field("engine-sha256", &m.engine_sha256)
            .build()
    }
}

impl TryFrom<&gst::StructureRef> for BackendMessage {
    type Error = MessageError;

    fn try_from(structure: &gst::StructureRef) -> Result<Self, MessageError> {
        let s = named(structure, Self::NAME)?;
        Ok(Self {
            backend: field(s, "backend")?,
            why: field(s, "why")?,
            engine: field(s, "engine")?,
            engine_sha256: field(s, "engine-sha256")?,
        })
    }
}

/// How engine and picture are, posted by `vesaliussegment` as `vesalius-state` in newest-frame mode whenever one of them
/// changes.
#[derive(Clone, Debug, PartialEq)]
pub struct StateMessage {
    /// The engine.
    pub ai: AiState,
    /// The picture.
    pub signal: SignalState,
    /// Why the engine is not running as it should; empty when it is.
    pub why: String,
    /// Results a second.
    pub rate_hz: f64,
}

impl StateMessage {
    /// The structure's name.
    pub const NAME: &'static str = "vesalius-state";
}

impl From<&LiveState> for StateMessage {
    fn from(live: &LiveState) -> Self {
        Self { ai: live.ai, signal: live.signal, why: live.why.clone(), rate_hz: live.rate_hz }
    }
}

impl From<&StateMessage> for gst::Structure {
    fn from(m: &StateMessage) -> Self {
        Self::builder(StateMessage::NAME)
            .field("ai", m.ai.as_str())
            .field("signal", m.signal.as_str())
            .field("why", &m.why)
            .field("rate", m.rate_hz)
            .build()
    }
}

impl TryFrom<&gst::StructureRef> for StateMessage {
    type Error = MessageError;

    fn try_from(structure: &gst::StructureRef) -> Result<Self, MessageError> {
        let s = named(structure, Self::NAME)?;
        let ai = field::<String>(s, "ai")?;
        let signal = field::<String>(s, "signal")?;
        Ok(Self {
            ai: AiState::from_name(&ai).ok_or(MessageError::Field("ai"))?,
            signal: SignalState::from_name(&signal).ok_or(MessageError::Field("signal"))?,
            why: field(s, "why")?,
            rate_hz: field(s, "rate")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> MeasurementMessage {
        MeasurementMessage {
            pts_ns: 40_000_000,
            engine: "fetal-head".into(),
            structure: "head".into(),
            name: "head_circumference".into(),
            value: Some(251.3),
            unit: "mm".into(),
            uncertainty: Some(1.2),
            validity: "valid".into(),
            reason: String::new(),
        }
    }

    #[test]
    fn messages_survive_the_bus() {
        gst::init().unwrap();
        let missing = MeasurementMessage {
            value: None,
            uncertainty: None,
            validity: "invalid".into(),
            reason: "NOT_FOUND".into(),
            ..message()
        };
        for m in [message(), missing] {
            let structure = gst::Structure::from(&m);
            assert_eq!(MeasurementMessage::try_from(structure.as_ref()), Ok(m));
        }
        let backend = BackendMessage {
            backend: "onnxruntime-cpu".into(),
            why: "asked for".into(),
            engine: "e".into(),
            engine_sha256: "ab".into(),
        };
        let structure = gst::Structure::from(&backend);
        assert_eq!(BackendMessage::try_from(structure.as_ref()), Ok(backend));
        assert_eq!(
            MeasurementMessage::try_from(structure.as_ref()),
            Err(MessageError::Name("vesalius-backend".into()))
        );
        let state = StateMessage {
            ai: AiState::Fault,
            signal: SignalState::Frozen,
            why: "no answer for 2.0 s".into(),
            rate_hz: 12.5,
        };
        assert_eq!(StateMessage::try_from(gst::Structure::from(&state).as_ref()), Ok(state));
        let mut broken = gst::Structure::from(&message());
        broken.remove_field("unit");
        assert_eq!(MeasurementMessage::try_from(broken.as_ref()), Err(MessageError::Field("unit")));
    }
}

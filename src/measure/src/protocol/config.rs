//! Protocols by name, and their settings.

use serde::{Deserialize, Serialize};

use super::nodule::TallerThanWide;
use super::procedure::Procedure;
use super::{bladder, endoscopy, fetal_head, generic, ivc, lv_function, nodule, thickness, vessel};

/// A measuring protocol with its settings.
///
/// As TOML, the key `protocol` names it and the other keys are its settings; what is left out has its default:
///
/// ```
/// use vesalius_measure::protocol::ProtocolConfig;
///
/// let config = ProtocolConfig::from_toml("protocol = 'fetal-head'")?;
/// assert_eq!(config, ProtocolConfig::from_name("fetal-head")?);
/// # Ok::<(), vesalius_measure::protocol::ProtocolError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "protocol", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProtocolConfig {
    /// Diameters and volume of the bladder, over two planes.
    Bladder(bladder::BladderConfig),
    /// Picture quality, lesions, tools and withdrawal time of an endoscopy.
    Endoscopy(endoscopy::EndoscopyConfig),
    /// Head circumference, BPD outer–outer, OFD, cephalic index, gestational age.
    FetalHead(fetal_head::FetalHeadConfig),
    /// Size and shape of every class or object, and how they change.
    Generic(generic::GenericConfig),
    /// Thickness of the intima–media of an artery's far wall.
    IntimaMedia(thickness::IntimaMediaConfig),
    /// Left ventricular volumes, ejection fraction, fractional area change, heart rate, from one plane.
    LvFunction(lv_function::LvFunctionConfig),
    /// Diameter of an artery's lumen, systolic and diastolic; distensibility; heart rate.
    Vessel(vessel::VesselConfig),
    /// Diameter of the inferior vena cava; collapsibility; breath rate.
    Ivc(ivc::IvcConfig),
    /// Thickness of a muscle between its aponeuroses.
    MuscleThickness(thickness::MuscleThicknessConfig),
    /// Diameters and orientation of a breast nodule.
    NoduleBreast(nodule::NoduleConfig),
    /// Diameters and orientation of a thyroid nodule.
    NoduleThyroid(nodule::NoduleConfig),
    /// Width of the optic nerve's sheath behind the globe.
    OpticNerveSheath(thickness::OpticNerveSheathConfig),
}

/// Why a text is no protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The name is not known.
    #[error("there is no protocol '{name}': choose {}", names())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The settings cannot be read.
    #[error("these are no protocol's settings: {message}")]
    Settings {
        /// What is wrong, with its place.
        message: String,
    },
}

fn names() -> String {
    ProtocolConfig::NAMES.join(", ")
}

impl ProtocolConfig {
    /// Every protocol's name.
    pub const NAMES: [&'static str; 12] = [
        "bladder",
        "endoscopy",
        "fetal-head",
        "generic",
        "intima-media",
        "ivc",
        "lv-function",
        "muscle-thickness",
        "nodule-breast",
        "nodule-thyroid",
        "optic-nerve-sheath",
        "vessel",
    ];

    /// The name in manifests and settings.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bladder(_) => "bladder",
            Self::Endoscopy(_) => "endoscopy",
            Self::FetalHead(_) => "fetal-head",
            Self::Generic(_) => "generic",
            Self::IntimaMedia(_) => "intima-media",
            Self::LvFunction(_) => "lv-function",
            Self::Vessel(_) => "vessel",
            Self::Ivc(_) => "ivc",
            Self::MuscleThickness(_) => "muscle-thickness",
            Self::NoduleBreast(_) => "nodule-breast",
            Self::NoduleThyroid(_) => "nodule-thyroid",
            Self::OpticNerveSheath(_) => "optic-nerve-sheath",
        }
    }

    /// A protocol with its defaults.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::Unknown`].
    pub fn from_name(name: &str) -> Result<Self, ProtocolError> {
        if !Self::NAMES.contains(&name) {
            return Err(ProtocolError::Unknown { name: name.to_owned() });
        }
        Self::from_toml(&format!("protocol = '{name}'"))
    }

    /// A protocol with its settings, from TOML text. Unknown keys are errors.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`].
    pub fn from_toml(text: &str) -> Result<Self, ProtocolError> {
        let config: Self = toml::from_str(text)
            .map_err(|e| ProtocolError::Settings { message: e.to_string().trim().replace('\n', " ") })?;
        config.check().map_err(|message| ProtocolError::Settings { message })?;
        Ok(config)
    }

    /// Whether the settings make sense; else what does not.
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Bladder(config) => config.check(),
            Self::Endoscopy(config) => config.check(),
            Self::FetalHead(_) => Ok(()),
            Self::Generic(config) => config.check(),
            Self::IntimaMedia(config) => config.check(),
            Self::LvFunction(config) => config.check(),
            Self::Vessel(config) => config.check(),
            Self::Ivc(config) => config.check(),
            Self::MuscleThickness(config) => config.check(),
            Self::NoduleBreast(config) | Self::NoduleThyroid(config) => config.check(),
            Self::OpticNerveSheath(config) => config.check(),
        }
    }

    pub(super) fn procedure(&self) -> Box<dyn Procedure> {
        match self {
            Self::Bladder(config) => Box::new(bladder::Bladder::new(config)),
            Self::Endoscopy(config) => Box::new(endoscopy::Endoscopy::new(config)),
            Self::FetalHead(config) => Box::new(fetal_head::FetalHead::new(config)),
            Self::Generic(config) => Box::new(generic::Generic::new(config)),
            Self::IntimaMedia(config) => Box::new(thickness::Band::intima_media(config)),
            Self::LvFunction(config) => Box::new(lv_function::LvFunction::new(config)),
            Self::Vessel(config) => Box::new(vessel::Vessel::new(config)),
            Self::Ivc(config) => Box::new(ivc::Ivc::new(config)),
            Self::MuscleThickness(config) => Box::new(thickness::Band::muscle(config)),
            Self::NoduleBreast(config) => Box::new(nodule::Nodule::new(config, TallerThanWide::OneOrAbove)),
            Self::NoduleThyroid(config) => Box::new(nodule::Nodule::new(config, TallerThanWide::AboveOne)),
            Self::OpticNerveSheath(config) => Box::new(thickness::OpticNerveSheath::new(config)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_protocol_and_back() {
        for name in ProtocolConfig::NAMES {
            let config = ProtocolConfig::from_name(name).unwrap();
            assert_eq!(config.name(), name);
            let text = toml::to_string(&config).unwrap();
            assert_eq!(ProtocolConfig::from_toml(&text), Ok(config), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_one_line() {
        let error = ProtocolConfig::from_name("palmistry").unwrap_err().to_string();
        assert!(error.contains("palmistry") && error.contains("fetal-head"), "{error}");
        for name in ProtocolConfig::NAMES {
            let error = ProtocolConfig::from_toml(&format!("protocol = '{name}'\ncolour = 1"))
                .unwrap_err()
                .to_string();
            assert!(error.contains("colour") && !error.contains('\n'), "{error}");
        }
        for text in ["", "protocol = 'palmistry'", "protocol = 3", "\0", "protocol = 'generic'\n["] {
            let error = ProtocolConfig::from_toml(text).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{text:?}: {error}");
        }
    }
}

//! Settings of the protocol `generic`.

use serde::{Deserialize, Serialize};

use super::names::Names;

/// Which outlines of a class are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectChoice {
    /// The largest, under the name of its class.
    #[default]
    Largest,
    /// Each by itself, under the name of its class and the number of its object: `lesion#3`.
    Each,
}

/// Settings of the protocol `generic`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenericConfig {
    /// Which outlines of a class are measured.
    pub objects: ObjectChoice,
    /// Objects of a class that are measured, the largest first.
    pub max_objects: usize,
    /// What is followed over time.
    pub over_time: OverTimeConfig,
}

impl Default for GenericConfig {
    fn default() -> Self {
        Self { objects: ObjectChoice::Largest, max_objects: 16, over_time: OverTimeConfig::default() }
    }
}

/// What is followed over time, of each object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OverTimeConfig {
    /// Values that are followed, by name.
    pub values: Vec<String>,
    /// The rate is the slope over so many seconds.
    pub window_s: f64,
    /// Name of the event from which a change is counted; until it is marked, and of objects that come later, it is
    /// counted from when the object was first measured.
    pub reference: String,
    /// A change is from the median so near to the reference, seconds, to that of the last seconds.
    pub reference_width_s: f64,
    /// For so many seconds without a sighting an object still counts as present.
    pub hold_s: f64,
    /// Levels whose crossings are counted.
    pub levels: Vec<LevelConfig>,
}

impl Default for OverTimeConfig {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            window_s: 2.0,
            reference: "reference".to_owned(),
            reference_width_s: 0.25,
            hold_s: 0.2,
            levels: Vec::new(),
        }
    }
}

/// A level of one value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelConfig {
    /// Which value, one of [`OverTimeConfig::values`].
    pub value: String,
    /// The level, in the value's unit.
    pub level: f64,
    /// Width of the band around it in which nothing changes.
    #[serde(default)]
    pub hysteresis: f64,
}

impl GenericConfig {
    pub(in crate::protocol) fn check(&self) -> Result<(), String> {
        let over_time = &self.over_time;
        if !(1..=64).contains(&self.max_objects) {
            return Err("max_objects must be 1 to 64".to_owned());
        }
        if !over_time.values.is_empty() && self.objects == ObjectChoice::Largest {
            return Err("over_time.values are of single objects: set objects = \"each\"".to_owned());
        }
        for (i, name) in over_time.values.iter().enumerate() {
            if Names::of(name).is_none() {
                let known = Names::ALL.map(|n| n.value).join(", ");
                return Err(format!("over_time.values has no '{name}': choose {known}"));
            }
            if over_time.values.iter().take(i).any(|before| before == name) {
                return Err(format!("over_time.values has '{name}' twice"));
            }
        }
        for (name, seconds, least) in [
            ("window_s", over_time.window_s, 0.05),
            ("reference_width_s", over_time.reference_width_s, 0.0),
            ("hold_s", over_time.hold_s, 0.0),
        ] {
            if !(least..=3600.0).contains(&seconds) {
                return Err(format!("over_time.{name} must be {least} to 3600 seconds"));
            }
        }
        for (i, level) in over_time.levels.iter().enumerate() {
            if !over_time.values.contains(&level.value) {
                return Err(format!("over_time.levels: '{}' is not among over_time.values", level.value));
            }
            if over_time.levels.iter().take(i).any(|before| before.value == level.value) {
                return Err(format!("over_time.levels: '{}' has two levels, one is counted", level.value));
            }
            if !level.level.is_finite() || !(0.0..f64::INFINITY).contains(&level.hysteresis) {
                return Err("over_time.levels: level and hysteresis must be numbers".to_owned());
            }
        }
        Ok(())
    }
}

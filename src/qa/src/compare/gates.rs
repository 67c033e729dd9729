//! What counts as parity.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::CompareError;
use super::identity;
use crate::score::run::Run;

/// Which gates are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// Those that suit what differs between the runs.
    #[default]
    Auto,
    /// A usual set.
    Named(Base),
    /// Those of a file.
    File(PathBuf),
}

/// A usual set of gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// The same bits: the same engine and software on the same input.
    Exact,
    /// Another precision of 16 bits, another backend, another version of the software.
    F16,
    /// Eight bits.
    Int8,
}

impl Base {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }
}

/// Gates, each of which holds only where it is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gates {
    /// The usual set that these change.
    pub base: Option<Base>,
    /// Of the frames.
    pub frames: FrameGates,
    /// Of the masks, structure by structure.
    pub masks: MaskGates,
    /// Of every value.
    pub values: ValueGates,
    /// Of single values, by name, in place of the former.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub value: BTreeMap<String, OneValue>,
    /// Of the agreement with truth.
    pub truth: TruthGates,
}

/// Of the frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FrameGates {
    /// Frames that only one run has a result for, per cent of all, at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_one_only_percent: Option<f64>,
    /// Frames whose records differ, per cent of those in both, at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differing_records_percent: Option<f64>,
}

/// Of the masks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaskGates {
    /// Median of the frames' Dice, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dice_median: Option<f64>,
    /// Their first percentile, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dice_p1: Option<f64>,
    /// The worst frame's, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dice_worst: Option<f64>,
    /// Frames in which one run alone has the structure, per cent, at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_flips_percent: Option<f64>,
    /// Frames whose masks differ in a pixel, per cent, at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differing_percent: Option<f64>,
}

/// Of every value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ValueGates {
    /// Mean difference in per cent, either way, at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bias_percent: Option<f64>,
    /// The farther of the 95 % limits of agreement in per cent, at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loa_percent: Option<f64>,
    /// The same as a part of the largest difference that would not matter to users, where the value has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loa_part_of_limit: Option<f64>,
    /// Frames in which one run alone has the value, per cent, at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flips_percent: Option<f64>,
    /// Whether the mean difference must be shown to lie within `bias_percent` (two one-sided tests, 5 %).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equivalence: Option<bool>,
}

/// Of one value, in its own unit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OneValue {
    /// Mean difference, either way, at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bias: Option<f64>,
    /// The farther of the limits of agreement, at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loa: Option<f64>,
    /// Whether the value is shown and not judged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignore: bool,
}

/// Of the agreement with truth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TruthGates {
    /// Lower end of the interval of the change of the Dice with truth, above this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dice_change_low: Option<f64>,
}

/// Gates and why these.
#[derive(Clone, Debug, Serialize)]
pub struct Chosen {
    /// Name of the set or of the file.
    pub name: String,
    /// Why it was taken.
    pub why: String,
    /// The gates.
    #[serde(flatten)]
    pub gates: Gates,
}

impl Gates {
    /// A usual set.
    pub fn usual(base: Base) -> Self {
        let same_for_all = FrameGates { in_one_only_percent: Some(0.0), differing_records_percent: None };
        let numeric = |median, p1, flips, bias, loa, part: Option<f64>, change| Self {
            base: Some(base),
            frames: same_for_all.clone(),
            masks: MaskGates {
                dice_median: Some(median),
                dice_p1: Some(p1),
                presence_flips_percent: Some(flips),
                ..MaskGates::default()
            },
            values: ValueGates {
                bias_percent: Some(bias),
                loa_percent: Some(loa),
                loa_part_of_limit: part,
                flips_percent: Some(flips),
                equivalence: Some(true),
            },
            value: BTreeMap::new(),
            truth: TruthGates { dice_change_low: Some(change) },
        };
        match base {
            Base::Exact => Self {
                base: Some(base),
                frames: FrameGates { differing_records_percent: Some(0.0), ..same_for_all },
                masks: MaskGates { differing_percent: Some(0.0), ..MaskGates::default() },
                ..Self::default()
            },
            Base::F16 => numeric(0.998, 0.98, 0.1, 0.5, 2.0, None, -0.002),
            Base::Int8 => numeric(0.99, 0.95, 0.5, 1.0, 4.0, Some(0.25), -0.01),
        }
    }

    /// Reads gates from TOML. A file that names a `base` has its gates but for those that it gives itself; any other has
    /// those alone that it gives.
    ///
    /// # Errors
    ///
    /// [`CompareError::Gates`].
    pub fn read(path: &Path) -> Result<Self, CompareError> {
        let fail = |message: String| CompareError::Gates { path: path.to_owned(), message };
        let text = std::fs::read_to_string(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
        Self::parse(&text).map_err(fail)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let one_line = |e: toml::de::Error| {
            let line = e.span().map_or(1, |s| 1 + text.get(..s.start).unwrap_or("").matches('\n').count());
            format!("line {line}: {}", e.message().lines().next().unwrap_or("it is no TOML"))
        };
        let own: Self = toml::from_str(text).map_err(one_line)?;
        own.check()?;
        if own == (Self { base: own.base, ..Self::default() }) && own.base.is_none() {
            return Err(
                "it names no gate: write such as base = \"int8\", or [masks] with dice_median = 0.99"
                    .to_owned(),
            );
        }
        Ok(match own.base {
            Some(base) => own.over(Self::usual(base)),
            None => own,
        })
    }

    /// These, and those of `usual` where these have none.
    fn over(self, usual: Self) -> Self {
        Self {
            base: self.base,
            frames: FrameGates {
                in_one_only_percent: self.frames.in_one_only_percent.or(usual.frames.in_one_only_percent),
                differing_records_percent: self
                    .frames
                    .differing_records_percent
                    .or(usual.frames.differing_records_percent),
            },
            masks: MaskGates {
                dice_median: self.masks.dice_median.or(usual.masks.dice_median),
                dice_p1: self.masks.dice_p1.or(usual.masks.dice_p1),
                dice_worst: self.masks.dice_worst.or(usual.masks.dice_worst),
                presence_flips_percent: self
                    .masks
                    .presence_flips_percent
                    .or(usual.masks.presence_flips_percent),
                differing_percent: self.masks.differing_percent.or(usual.masks.differing_percent),
            },
            values: ValueGates {
                bias_percent: self.values.bias_percent.or(usual.values.bias_percent),
                loa_percent: self.values.loa_percent.or(usual.values.loa_percent),
                loa_part_of_limit: self.values.loa_part_of_limit.or(usual.values.loa_part_of_limit),
                flips_percent: self.values.flips_percent.or(usual.values.flips_percent),
                equivalence: self.values.equivalence.or(usual.values.equivalence),
            },
            value: self.value,
            truth: TruthGates { dice_change_low: self.truth.dice_change_low.or(usual.truth.dice_change_low) },
        }
    }

    fn check(&self) -> Result<(), String> {
        let dice = [
            ("masks.dice_median", self.masks.dice_median),
            ("masks.dice_p1", self.masks.dice_p1),
            ("masks.dice_worst", self.masks.dice_worst),
        ];
        if let Some((name, _)) = dice.iter().find(|(_, v)| v.is_some_and(|v| !(0.0..=1.0).contains(&v))) {
            return Err(format!("{name}: a Dice is 0 to 1"));
        }
        let percent = [
            ("frames.in_one_only_percent", self.frames.in_one_only_percent),
            ("frames.differing_records_percent", self.frames.differing_records_percent),
            ("masks.presence_flips_percent", self.masks.presence_flips_percent),
            ("masks.differing_percent", self.masks.differing_percent),
            ("values.flips_percent", self.values.flips_percent),
        ];
        if let Some((name, _)) = percent.iter().find(|(_, v)| v.is_some_and(|v| !(0.0..=100.0).contains(&v)))
        {
            return Err(format!("{name}: per cent of frames are 0 to 100"));
        }
        let own = self.value.iter().flat_map(|(name, v)| {
            [(format!("value.{name}.bias"), v.bias), (format!("value.{name}.loa"), v.loa)]
        });
        let limits = [
            ("values.bias_percent", self.values.bias_percent),
            ("values.loa_percent", self.values.loa_percent),
            ("values.loa_part_of_limit", self.values.loa_part_of_limit),
        ];
        let limits = limits.into_iter().map(|(name, v)| (name.to_owned(), v));
        if let Some((name, _)) =
            limits.chain(own).find(|(_, v)| v.is_some_and(|v| !(v.is_finite() && v > 0.0)))
        {
            return Err(format!("{name}: a limit is a finite number above zero"));
        }
        match self.truth.dice_change_low {
            Some(v) if !(-1.0..=0.0).contains(&v) => {
                Err("truth.dice_change_low: the loss of Dice that is still allowed is -1 to 0".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl Choice {
    /// The gates for two runs.
    ///
    /// # Errors
    ///
    /// [`CompareError::Gates`].
    pub fn gates(&self, runs: &[Vec<Run>; 2]) -> Result<Chosen, CompareError> {
        Ok(match self {
            Self::Named(base) => Chosen {
                name: base.name().to_owned(),
                why: "as asked".to_owned(),
                gates: Gates::usual(*base),
            },
            Self::File(path) => Chosen {
                name: path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
                why: "as asked".to_owned(),
                gates: Gates::read(path)?,
            },
            Self::Auto => {
                let (base, why) = identity::suited(runs);
                Chosen { name: base.name().to_owned(), why: why.to_owned(), gates: Gates::usual(base) }
            }
        })
    }
}

impl std::str::FromStr for Choice {
    type Err = std::convert::Infallible;

    /// A name of a usual set, `auto`, or a file.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "exact" => Self::Named(Base::Exact),
            "f16" => Self::Named(Base::F16),
            "int8" => Self::Named(Base::Int8),
            path => Self::File(PathBuf::from(path)),
        })
    }
}

//! Units: a number never crosses a public boundary without one.

use serde::{Deserialize, Serialize};

/// A unit of a measured value, written as UCUM code (<https://ucum.org/ucum>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Unit {
    /// Millimetre.
    #[serde(rename = "mm")]
    Mm,
    /// Square millimetre.
    #[serde(rename = "mm2")]
    Mm2,
    /// Picture rows: the height of one pixel, the length unit of an uncalibrated picture.
    #[serde(rename = "[px]")]
    Px,
    /// The square of [`Unit::Px`].
    #[serde(rename = "[px]2")]
    Px2,
    /// Per cent.
    #[serde(rename = "%")]
    Percent,
    /// Weeks.
    #[serde(rename = "wk")]
    Week,
    /// Millilitres.
    #[serde(rename = "mL")]
    Ml,
    /// Seconds.
    #[serde(rename = "s")]
    Second,
    /// Events a minute: beats, breaths.
    #[serde(rename = "/min")]
    PerMinute,
    /// A plain number or ratio.
    #[serde(rename = "1")]
    One,
    /// Degrees of an angle.
    #[serde(rename = "deg")]
    Degree,
    /// Litres a minute.
    #[serde(rename = "L/min")]
    LPerMinute,
    /// Millimetres a second.
    #[serde(rename = "mm/s")]
    MmPerSecond,
    /// Square millimetres a second.
    #[serde(rename = "mm2/s")]
    Mm2PerSecond,
    /// [`Unit::Px`] a second.
    #[serde(rename = "[px]/s")]
    PxPerSecond,
    /// [`Unit::Px2`] a second.
    #[serde(rename = "[px]2/s")]
    Px2PerSecond,
    /// Per cent a second.
    #[serde(rename = "%/s")]
    PercentPerSecond,
    /// Change of a plain number a second.
    #[serde(rename = "/s")]
    PerSecond,
    /// Widths of the visible field a second, the speed of an uncalibrated picture.
    #[serde(rename = "{field}/s")]
    FieldPerSecond,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 19] = [
        Self::Mm,
        Self::Mm2,
        Self::Px,
        Self::Px2,
        Self::Percent,
        Self::Week,
        Self::Ml,
        Self::Second,
        Self::PerMinute,
        Self::One,
        Self::Degree,
        Self::LPerMinute,
        Self::MmPerSecond,
        Self::Mm2PerSecond,
        Self::PxPerSecond,
        Self::Px2PerSecond,
        Self::PercentPerSecond,
        Self::PerSecond,
        Self::FieldPerSecond,
    ];

    /// Whether a value in this unit is known without knowing how large a pixel is.
    pub const fn is_scale_free(self) -> bool {
        match self {
            Self::Percent
            | Self::Second
            | Self::PerMinute
            | Self::One
            | Self::Degree
            | Self::PercentPerSecond
            | Self::PerSecond
            | Self::FieldPerSecond => true,
            Self::Mm
            | Self::Mm2
            | Self::Px
            | Self::Px2
            | Self::Week
            | Self::Ml
            | Self::LPerMinute
            | Self::MmPerSecond
            | Self::Mm2PerSecond
            | Self::PxPerSecond
            | Self::Px2PerSecond => false,
        }
    }

    /// The unit of a rate of change of what is in this unit; `None` where there is none.
    pub const fn per_second(self) -> Option<Self> {
        match self {
            Self::Mm => Some(Self::MmPerSecond),
            Self::Mm2 => Some(Self::Mm2PerSecond),
            Self::Px => Some(Self::PxPerSecond),
            Self::Px2 => Some(Self::Px2PerSecond),
            Self::Percent => Some(Self::PercentPerSecond),
            Self::One => Some(Self::PerSecond),
            _ => None,
        }
    }

    /// The UCUM code as it stands in files.
    pub const fn ucum(self) -> &'static str {
        match self {
            Self::Mm => "mm",
            Self::Mm2 => "mm2",
            Self::Px => "[px]",
            Self::Px2 => "[px]2",
            Self::Percent => "%",
            Self::Week => "wk",
            Self::Ml => "mL",
            Self::Second => "s",
            Self::PerMinute => "/min",
            Self::One => "1",
            Self::Degree => "deg",
            Self::LPerMinute => "L/min",
            Self::MmPerSecond => "mm/s",
            Self::Mm2PerSecond => "mm2/s",
            Self::PxPerSecond => "[px]/s",
            Self::Px2PerSecond => "[px]2/s",
            Self::PercentPerSecond => "%/s",
            Self::PerSecond => "/s",
            Self::FieldPerSecond => "{field}/s",
        }
    }

    /// How the unit is written for people, on the picture and on a terminal.
    pub const fn display(self) -> &'static str {
        match self {
            Self::Mm => "mm",
            Self::Mm2 => "mm²",
            Self::Px => "px",
            Self::Px2 => "px²",
            Self::Percent => "%",
            Self::Week => "wk",
            Self::Ml => "mL",
            Self::Second => "s",
            Self::PerMinute => "/min",
            Self::One => "",
            Self::Degree => "°",
            Self::LPerMinute => "L/min",
            Self::MmPerSecond => "mm/s",
            Self::Mm2PerSecond => "mm²/s",
            Self::PxPerSecond => "px/s",
            Self::Px2PerSecond => "px²/s",
            Self::PercentPerSecond => "%/s",
            Self::PerSecond => "/s",
            Self::FieldPerSecond => "fields/s",
        }
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.ucum())
    }
}

/// A value with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantity {
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
}

macro_rules! newtype_unit {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl $name {
            /// The bare number.
            pub const fn get(self) -> f64 {
                self.0
            }
        }
    };
}

newtype_unit!(
    /// A length in millimetres.
    Mm
);
newtype_unit!(
    /// A length in centimetres (published growth equations use them).
    Cm
);
newtype_unit!(
    /// A duration in weeks.
    Weeks
);
newtype_unit!(
    /// Millimetres per picture pixel along one axis.
    MmPerPx
);

impl From<Mm> for Cm {
    fn from(mm: Mm) -> Self {
        Self(mm.0 / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_name_of_a_unit_is_its_ucum_code() {
        for unit in Unit::ALL {
            let json = serde_json::to_string(&unit).unwrap();
            assert_eq!(json, format!("\"{}\"", unit.ucum()));
        }
    }

    #[test]
    fn centimetres_are_ten_millimetres() {
        assert_eq!(Cm::from(Mm(301.0)), Cm(30.1));
    }
}

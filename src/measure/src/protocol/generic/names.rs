//! Names of the values over time.

/// A value that can be followed, and what its values over time are called.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) value: &'static str,
    pub(super) count: &'static str,
    pub(super) duration: &'static str,
    pub(super) coverage: &'static str,
    pub(super) since_valid: &'static str,
    pub(super) min: &'static str,
    pub(super) max: &'static str,
    pub(super) mean: &'static str,
    pub(super) median: &'static str,
    pub(super) sd: &'static str,
    pub(super) rate: &'static str,
    pub(super) change: &'static str,
    pub(super) crossings_up: &'static str,
    pub(super) crossings_down: &'static str,
    pub(super) crossed_at: &'static str,
}

macro_rules! names {
    ($($value:literal),* $(,)?) => {
        [$(Names {
            value: $value,
            count: concat!($value, "_count"),
            duration: concat!($value, "_duration"),
            coverage: concat!($value, "_coverage"),
            since_valid: concat!($value, "_since_valid"),
            min: concat!($value, "_min"),
            max: concat!($value, "_max"),
            mean: concat!($value, "_mean"),
            median: concat!($value, "_median"),
            sd: concat!($value, "_sd"),
            rate: concat!($value, "_rate"),
            change: concat!($value, "_change"),
            crossings_up: concat!($value, "_crossings_up"),
            crossings_down: concat!($value, "_crossings_down"),
            crossed_at: concat!($value, "_crossed_at"),
        }),*]
    };
}

impl Names {
    /// Every value that can be followed. A direction is none: it has no mean.
    pub(super) const ALL: [Self; 15] = names![
        "area",
        "perimeter",
        "ellipse_major_axis",
        "ellipse_minor_axis",
        "ellipse_circumference",
        "equivalent_diameter",
        "max_feret",
        "min_feret",
        "perpendicular_feret",
        "centroid_x",
        "centroid_y",
        "eccentricity",
        "solidity",
        "circularity",
        "area_fraction",
    ];

    /// By the value's name.
    pub(super) fn of(value: &str) -> Option<&'static Self> {
        static ALL: [Names; 15] = Names::ALL;
        ALL.iter().find(|names| names.value == value)
    }
}

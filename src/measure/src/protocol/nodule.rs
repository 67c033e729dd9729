//! A nodule of the thyroid or the breast, in one plane or two.
//!
//! Diameters along and across the beam, the largest diameter and the one at right angles to it, and whether
//! the nodule is taller than wide. The thyroid's rule is antero-posterior over transverse diameter above 1,
//! in the transverse plane (ACR TI-RADS, Tessler 2017, doi:10.1016/j.jacr.2017.01.046); the breast's is 1 or
//! above, in any plane (BI-RADS, "not parallel"). One plane has two of the three diameters; where
//! both are seen there is a volume ([`ellipsoid`](super::ellipsoid)), and [`volume`] joins two runs.

use std::f64::consts::SQRT_2;

use serde::{Deserialize, Serialize};

pub use super::ellipsoid::{
    Diameter, DiameterNames, LongitudinalDiameters, SectionPlane, TransverseDiameters, Volume,
};
use super::ellipsoid::{Ellipsoid, Formula, Section, write_diameter};
use super::procedure::{Event, Input, Procedure};
use super::sheet::{Sheet, Value};
use crate::geometry::PointInFrame;
use crate::result::Reason;
use crate::uncertainty::ratio;
use crate::units::{Mm, Unit};

/// What a nodule's diameters are called.
pub const NAMES: DiameterNames = DiameterNames {
    along: "ap_diameter",
    transverse: "transverse_diameter",
    longitudinal: "longitudinal_diameter",
    medians: ["ap_diameter_median", "transverse_diameter_median", "longitudinal_diameter_median"],
    volume_method: "ellipsoid-3-diameters",
};

/// Settings of the protocols `nodule-thyroid` and `nodule-breast`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoduleConfig {
    /// The engine's class that is measured.
    pub structure: String,
    /// Which section of the body the picture shows, at first where it changes.
    pub plane: SectionPlane,
    /// Where the beams of a convex probe would meet, in pixels of the source picture, often above its upper
    /// edge. The beam is then the line from there to the nodule's centroid. Left out for linear probes: the
    /// beam is the picture's y.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apex: Option<PointInFrame>,
}

impl Default for NoduleConfig {
    fn default() -> Self {
        Self { structure: "nodule".to_owned(), plane: SectionPlane::Transverse, apex: None }
    }
}

impl NoduleConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        match self.apex {
            Some(p) if !(p.x_px.is_finite() && p.y_px.is_finite()) => {
                Err("the apex is no point: give two finite numbers of pixels".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// From which ratio a nodule is taller than wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TallerThanWide {
    /// Above 1: TI-RADS.
    AboveOne,
    /// 1 or above: BI-RADS, "not parallel".
    OneOrAbove,
}

impl TallerThanWide {
    /// Whether a nodule is taller than wide; `None` where the ratio's uncertainty spans 1.
    ///
    /// `u` is the standard uncertainty of `ratio`. For a nodule of 6 mm whose diameters are known to 0.2 mm
    /// it is 0.05: between 0.95 and 1.05 nothing can be said.
    pub fn holds(self, ratio: f64, u: f64) -> Option<bool> {
        let certain = |at: f64| match self {
            Self::AboveOne => at > 1.0,
            Self::OneOrAbove => at >= 1.0,
        };
        let (least, most) = (certain(ratio - u), certain(ratio + u));
        (least == most && ratio.is_finite() && u.is_finite()).then_some(least)
    }

    const fn method(self) -> &'static str {
        match self {
            Self::AboveOne => "ti-rads-above-1",
            Self::OneOrAbove => "bi-rads-1-or-above",
        }
    }
}

/// The protocol at work.
pub(super) struct Nodule {
    ellipsoid: Ellipsoid,
    rule: TallerThanWide,
}

impl Nodule {
    pub(super) fn new(config: &NoduleConfig, rule: TallerThanWide) -> Self {
        let NoduleConfig { structure, plane, apex } = config;
        Self { ellipsoid: Ellipsoid::new(structure, *plane, *apex, &NAMES, Formula::ELLIPSOID), rule }
    }

    /// Whether the rule speaks of this plane: the thyroid's of the transverse one alone.
    fn has_rule(&self, plane: Option<SectionPlane>) -> bool {
        plane == Some(SectionPlane::Transverse) || self.rule == TallerThanWide::OneOrAbove
    }

    fn write_rest(&self, section: &Section<'_>, sheet: &mut Sheet<'_>) {
        let Section { class, form, doubt, .. } = section;
        let structure = &class.class.name;
        for (name, method, span) in [
            ("max_diameter", "feret-max", form.as_ref().map(|m| m.feret.max)),
            (
                "short_axis_diameter",
                "feret-perpendicular-max",
                form.as_ref().map(|m| m.feret.perpendicular.span),
            ),
        ] {
            write_diameter(sheet, structure, (name, method), span, *doubt);
        }
        if self.has_rule(section.plane) {
            let lengths = section.spans.map(|(along, across)| (along.length(), across.length()));
            self.write_ratio(structure, lengths, sheet, *doubt);
        }
    }

    fn write_ratio(
        &self,
        structure: &str,
        lengths: Option<(f64, f64)>,
        sheet: &mut Sheet<'_>,
        doubt: Option<Reason>,
    ) {
        let number = lengths.map(|(along, across)| {
            // The scale cancels; the two diameters' ends are apart.
            let ends = SQRT_2 * sheet.boundary_uncertainty();
            (along / across, ratio(along, ends, across, ends))
        });
        let verdict = number.and_then(|(value, u)| self.rule.holds(value, u));
        let reason = (number.is_some() && verdict.is_none()).then_some(Reason::Indeterminate);
        let value = Value {
            name: "taller_than_wide_ratio",
            unit: Unit::One,
            method: "extent-along-over-across-beam",
            number: number.map(|(value, u)| (value, Some(u))),
            reason,
        };
        sheet.write(structure, value, doubt);
        let value = Value {
            name: "taller_than_wide",
            unit: Unit::One,
            method: self.rule.method(),
            number: verdict.map(|is_taller| (f64::from(u8::from(is_taller)), None)),
            reason,
        };
        sheet.write(structure, value, doubt);
    }
}

impl Procedure for Nodule {
    fn frame(&mut self, input: &Input<'_>, sheet: &mut Sheet<'_>) {
        if let Some(section) = self.ellipsoid.measure(input, sheet) {
            self.write_rest(&section, sheet);
        }
        self.ellipsoid.write_series(sheet);
    }

    fn reset(&mut self) {
        self.ellipsoid.reset();
    }

    fn event(&mut self, event: &Event, pts_ns: u64) {
        self.ellipsoid.event(event, pts_ns);
    }
}

/// Volume π/6·d₁·d₂·d₃ of a nodule from the values of two runs, one a plane: [`Formula::volume`].
pub fn volume(
    transverse: &TransverseDiameters,
    longitudinal: &LongitudinalDiameters,
    scale_uncertainty: f64,
) -> Option<Volume> {
    Formula::ELLIPSOID.volume(transverse, longitudinal, scale_uncertainty)
}

/// Whether a nodule has grown between two examinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// By as much as the rule asks for, even less the uncertainty.
    Significant,
    /// By less, even with the uncertainty added.
    NotSignificant,
    /// The uncertainty spans the rule's limit.
    Indeterminate,
}

/// The thyroid's rule: two of the three diameters by more than 20 % and by 2 mm or more, or the volume by
/// more than 50 % (ACR TI-RADS, Tessler 2017). Diameters are in the same order both times. `None` where one
/// is no positive number.
///
/// The scales of two examinations are apart, so the uncertainties are taken as independent.
pub fn thyroid_growth(before: &[Diameter; 3], after: &[Diameter; 3]) -> Option<Growth> {
    let joined = |d: &[Diameter; 3]| {
        volume(
            &TransverseDiameters { ap: d[0], transverse: d[1] },
            &LongitudinalDiameters { longitudinal: d[2] },
            0.0,
        )
    };
    let (old, new) = (joined(before)?, joined(after)?);
    let grown = |sign: f64| {
        let diameters = before
            .iter()
            .zip(after)
            .filter(|(b, a)| {
                let change = a.value.0 - b.value.0;
                let absolute = change + sign * b.uncertainty.0.hypot(a.uncertainty.0);
                let relative = a.value.0 / b.value.0 - 1.0
                    + sign * ratio(a.value.0, a.uncertainty.0, b.value.0, b.uncertainty.0);
                relative > 0.2 && absolute >= 2.0
            })
            .count();
        let of_volume =
            new.ml / old.ml - 1.0 + sign * ratio(new.ml, new.uncertainty_ml, old.ml, old.uncertainty_ml);
        diameters >= 2 || of_volume > 0.5
    };
    Some(verdict(grown(-1.0), grown(1.0)))
}

/// The breast's rule for probably benign findings: a diameter by more than 20 % in six months
/// (<https://pmc.ncbi.nlm.nih.gov/articles/PMC8445238>). Over more time it says nothing. `None` where a
/// diameter is no positive number.
pub fn breast_growth_in_six_months(before: Diameter, after: Diameter) -> Option<Growth> {
    let ((Mm(b), Mm(u_b)), (Mm(a), Mm(u_a))) =
        ((before.value, before.uncertainty), (after.value, after.uncertainty));
    if !(b > 0.0 && a > 0.0 && b.is_finite() && a.is_finite()) {
        return None;
    }
    let u = ratio(a, u_a, b, u_b);
    Some(verdict(a / b - u > 1.2, a / b + u > 1.2))
}

fn verdict(at_least: bool, at_most: bool) -> Growth {
    match (at_least, at_most) {
        (true, _) => Growth::Significant,
        (false, false) => Growth::NotSignificant,
        (false, true) => Growth::Indeterminate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mm(value: f64, uncertainty: f64) -> Diameter {
        Diameter { value: Mm(value), uncertainty: Mm(uncertainty) }
    }

    #[test]
    fn six_millimetres_with_edges_of_a_fifth_are_indeterminate_within_five_per_cent() {
        let u = ratio(6.0, 0.2, 6.0, 0.2);
        assert_eq!((u * 100.0).round(), 5.0);
        for rule in [TallerThanWide::AboveOne, TallerThanWide::OneOrAbove] {
            assert_eq!(
                [0.94, 0.96, 1.0, 1.04, 1.06].map(|r| rule.holds(r, u)),
                [Some(false), None, None, None, Some(true)]
            );
        }
    }

    #[test]
    fn at_exactly_one_the_two_rules_part() {
        assert_eq!(TallerThanWide::AboveOne.holds(1.0, 0.0), Some(false));
        assert_eq!(TallerThanWide::OneOrAbove.holds(1.0, 0.0), Some(true));
        assert_eq!(TallerThanWide::AboveOne.holds(f64::NAN, 0.0), None);
        assert_eq!(TallerThanWide::AboveOne.holds(2.0, f64::NAN), None);
    }

    #[test]
    fn growth_by_the_thyroid_rule() {
        let before = [mm(10.0, 0.1), mm(12.0, 0.1), mm(15.0, 0.1)];
        let after = |a, b, c| thyroid_growth(&before, &[mm(a, 0.1), mm(b, 0.1), mm(c, 0.1)]).unwrap();
        assert_eq!(after(10.0, 12.0, 15.0), Growth::NotSignificant);
        // Two diameters, the volume by 49 %.
        assert_eq!(after(12.3, 14.6, 15.0), Growth::Significant);
        // One diameter alone.
        assert_eq!(after(12.9, 12.0, 15.0), Growth::NotSignificant);
        // The volume alone, by 60 %.
        assert_eq!(after(16.0, 12.0, 15.0), Growth::Significant);
        // Two diameters, just: 2.05 mm with 0.14 mm of doubt.
        assert_eq!(after(12.05, 14.45, 15.0), Growth::Indeterminate);
        // Small nodules: 50 % of 3 mm is less than 2 mm, yet the volume tells.
        let small = [mm(3.0, 0.01); 3];
        assert_eq!(thyroid_growth(&small, &[mm(3.4, 0.01); 3]), Some(Growth::NotSignificant));
        assert_eq!(thyroid_growth(&small, &[mm(3.7, 0.01); 3]), Some(Growth::Significant));
        assert_eq!(thyroid_growth(&small, &[mm(f64::NAN, 0.01); 3]), None);
    }

    #[test]
    fn growth_by_the_breast_rule() {
        let grown = |a| breast_growth_in_six_months(mm(10.0, 0.2), mm(a, 0.2)).unwrap();
        assert_eq!(
            [grown(11.0), grown(12.0), grown(13.0)],
            [Growth::NotSignificant, Growth::Indeterminate, Growth::Significant]
        );
    }
}

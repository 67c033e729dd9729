//! The bladder from a transverse and a sagittal plane: width, height, length and volume.
//!
//! V = k·W·H·L. There is no consensus on k: π/6 is the ellipsoid, and published factors go from 0.52 to 0.92 by
//! the bladder's shape (<https://discovery.researcher.life/topic/total-bladder-volume/1081220?page=2>); mean
//! errors by formula are 20 to 38 % in children (PMID 19842077). Numbers are given, and no interpretation.

use std::f64::consts::FRAC_PI_6;

use serde::{Deserialize, Serialize};

use super::ellipsoid::{DiameterNames, Ellipsoid, Formula, SectionPlane, write_diameter};
use super::procedure::{Event, Input, Procedure};
use super::sheet::Sheet;
use crate::geometry::PointInFrame;

/// What a bladder's diameters are called. The volume takes the height of the transverse plane.
pub const NAMES: DiameterNames = DiameterNames {
    along: "height",
    transverse: "width",
    longitudinal: "length",
    medians: ["height_median", "width_median", "length_median"],
    volume_method: "factor-width-height-length",
};

/// Settings of the protocol `bladder`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BladderConfig {
    /// The engine's class that is measured.
    pub structure: String,
    /// Which section of the body the picture shows, at first where it changes.
    pub plane: SectionPlane,
    /// k in V = k·W·H·L, above 0 to 1: π/6 for an ellipsoid.
    pub factor: f64,
    /// Relative standard uncertainty (k = 1) of the formula, 0 to 1: no bladder is an ellipsoid.
    pub formula_uncertainty: f64,
    /// Where the beams of a convex probe would meet, in pixels of the source picture, often above its upper
    /// edge. The beam is then the line from there to the bladder's centroid. Left out: the beam is the
    /// picture's y, which it nearly is for a bladder in the middle of the sector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apex: Option<PointInFrame>,
}

impl Default for BladderConfig {
    fn default() -> Self {
        Self {
            structure: "bladder".to_owned(),
            plane: SectionPlane::Transverse,
            factor: FRAC_PI_6,
            // Half of the ±20 to 25 % to be shown with such volumes, taken as two standard deviations.
            formula_uncertainty: 0.11,
            apex: None,
        }
    }
}

impl BladderConfig {
    /// How the volume follows from the diameters.
    pub fn formula(&self) -> Formula {
        Formula { factor: self.factor, uncertainty: self.formula_uncertainty }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let is_point = |p: PointInFrame| p.x_px.is_finite() && p.y_px.is_finite();
        let checks = [
            (!self.structure.is_empty(), "structure is empty: name the class of the bladder"),
            (self.factor > 0.0 && self.factor <= 1.0, "factor must be above 0 and at most 1, a box"),
            ((0.0..=1.0).contains(&self.formula_uncertainty), "formula_uncertainty must be from 0 to 1"),
            (self.apex.is_none_or(is_point), "the apex is no point: give two finite numbers of pixels"),
        ];
        checks.iter().find(|c| !c.0).map_or(Ok(()), |c| Err(c.1.to_owned()))
    }
}

/// The protocol at work.
pub(super) struct Bladder(Ellipsoid);

impl Bladder {
    pub(super) fn new(config: &BladderConfig) -> Self {
        Self(Ellipsoid::new(&config.structure, config.plane, config.apex, &NAMES, config.formula()))
    }
}

impl Procedure for Bladder {
    fn frame(&mut self, input: &Input<'_>, sheet: &mut Sheet<'_>) {
        if let Some(section) = self.0.measure(input, sheet) {
            let max = section.form.as_ref().map(|m| m.feret.max);
            let structure = &section.class.class.name;
            write_diameter(sheet, structure, ("max_diameter", "feret-max"), max, section.doubt);
        }
        self.0.write_series(sheet);
    }

    fn reset(&mut self) {
        self.0.reset();
    }

    fn event(&mut self, event: &Event, pts_ns: u64) {
        self.0.event(event, pts_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ProtocolConfig;

    #[test]
    fn settings_that_make_no_sense_are_said() {
        for (settings, says) in [
            ("factor = 0.0", "factor"),
            ("factor = 1.2", "factor"),
            ("factor = nan", "factor"),
            ("formula_uncertainty = -0.1", "formula_uncertainty"),
            ("structure = ''", "structure"),
            ("plane = 'coronal'", "coronal"),
            ("apex = { x_px = inf, y_px = 0.0 }", "apex"),
        ] {
            let error = ProtocolConfig::from_toml(&format!("protocol = 'bladder'\n{settings}")).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(says) && !error.contains('\n'), "{settings}: {error}");
        }
        let sagittal = ProtocolConfig::from_toml("protocol = 'bladder'\nplane = 'sagittal'").unwrap();
        let longitudinal = BladderConfig { plane: SectionPlane::Longitudinal, ..BladderConfig::default() };
        assert_eq!(sagittal, ProtocolConfig::Bladder(longitudinal));
    }
}

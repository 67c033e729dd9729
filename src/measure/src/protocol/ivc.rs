//! Diameter of the inferior vena cava and how it collapses with breathing.
//!
//! The diameter is taken at right angles to the vessel's axis at a site a given way from where the vein opens
//! into the right atrium. Collapsibility is (Dmax − Dmin)/Dmax, distensibility (Dmax − Dmin)/Dmin, each of
//! every breath and the median over breaths. What follows from them for a pressure is an interpretation and
//! left to people.
//!
//! # What a mask can and cannot follow
//!
//! The vein slides along itself with the diaphragm. Along a tube of even width, a mask alone shows nothing of
//! that: the site follows the tissue only by a landmark. With the atrium's class in the picture the site lies
//! a fixed way from the junction and moves with it. Without it the site is the middle of what is seen, and
//! every value carries [`Reason::AxisAmbiguous`]. A cut that slides to the side of the vein's middle
//! ("cylinder tangent") looks just like a collapse, and no mask of one plane tells them apart.

use serde::{Deserialize, Serialize};

use super::cyclic::{BREATHS, Curves, joined};
use super::procedure::{Input, Procedure};
use super::sheet::{Sheet, Value};
use super::tube::Tube;
use crate::contour::Contour;
use crate::geometry::PointInFrame;
use crate::result::{Mark, Reason};
use crate::series::beats::CycleRules;
use crate::series::extremum::OverCycles;
use crate::units::Unit;

/// Settings of the protocol `ivc`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IvcConfig {
    /// Class of the vein's lumen.
    pub structure: String,
    /// Class of the right atrium, whose junction the site follows; empty: none.
    pub atrium: String,
    /// Way from the junction to the site, mm.
    pub site_mm: f64,
    /// The same as a fraction of the length that is seen, for pictures without a scale.
    pub site_fraction: f64,
    /// Length about the site that the diameter is averaged over, mm.
    pub segment_mm: f64,
    /// Slowest breathing, breaths a minute.
    pub least_per_minute: f64,
    /// Fastest breathing, breaths a minute.
    pub most_per_minute: f64,
    /// Values over time are those of the last so many seconds.
    pub window_s: f64,
}

impl Default for IvcConfig {
    fn default() -> Self {
        Self {
            structure: "inferior_vena_cava".to_owned(),
            atrium: "right_atrium".to_owned(),
            site_mm: 20.0,
            site_fraction: 0.33,
            segment_mm: 5.0,
            least_per_minute: 6.0,
            most_per_minute: 40.0,
            window_s: 60.0,
        }
    }
}

impl IvcConfig {
    /// Whether the settings make sense; else what does not.
    pub(super) fn check(&self) -> Result<(), String> {
        let rates = self.least_per_minute >= 1.0
            && self.least_per_minute < self.most_per_minute
            && self.most_per_minute <= 120.0;
        let checks = [
            (!self.structure.is_empty(), "structure is empty: name the class of the vein"),
            ((1.0..=100.0).contains(&self.site_mm), "site_mm must be from 1 to 100 mm"),
            ((0.05..=0.95).contains(&self.site_fraction), "site_fraction must be from 0.05 to 0.95"),
            ((0.5..=50.0).contains(&self.segment_mm), "segment_mm must be from 0.5 to 50 mm"),
            (rates, "least_per_minute must be 1 or more and below most_per_minute, and that 120 at most"),
            ((5.0..=600.0).contains(&self.window_s), "window_s must be from 5 to 600 seconds"),
        ];
        checks.iter().find(|c| !c.0).map_or(Ok(()), |c| Err(c.1.to_owned()))
    }
}

/// The protocol at work.
pub(super) struct Ivc {
    config: IvcConfig,
    curves: Curves<1>,
    /// How the site was found in the last frame that had one, and the reservation that follows for values
    /// over time.
    site: Option<Site>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Site {
    along: f64,
    method: &'static str,
    doubt: Option<Reason>,
}

struct Measured {
    diameter: f64,
    site: Site,
    is_truncated: bool,
    caliper: [PointInFrame; 2],
}

impl Ivc {
    pub(super) fn new(config: &IvcConfig) -> Self {
        let rules = CycleRules::breath(config.least_per_minute, config.most_per_minute);
        Self { config: config.clone(), curves: Curves::new(rules, config.window_s), site: None }
    }

    /// Where on the axis of a vein the diameter is taken.
    fn site(&self, tube: &Tube, atrium: Option<&Contour>, sheet: &Sheet<'_>) -> Site {
        let (first, last) = tube.usable();
        let Some(atrium) = atrium else {
            let along = (first + last) / 2.0;
            return Site {
                along,
                method: "across-the-axis-middle-of-view",
                doubt: Some(Reason::AxisAmbiguous),
            };
        };
        let vertices = atrium.outer.iter().map(|&p| sheet.plane.from_frame(p));
        let (sum, count) = vertices.clone().fold((0.0, 0_u32), |sum, p| (sum.0 + tube.along(p), sum.1 + 1));
        let middle = (tube.reach.0 + tube.reach.1) / 2.0;
        let is_ahead = sum / f64::from(count) > middle;
        // The vein opens where the atrium comes nearest along it, within its width, or where the vein ends.
        let half_width = tube.median_width() / 2.0;
        let near = vertices.filter(|&p| tube.side(p).abs() < half_width).map(|p| tube.along(p));
        let (junction, towards) = if is_ahead {
            (near.fold(tube.reach.1, f64::min).max(middle), -1.0)
        } else {
            (near.fold(tube.reach.0, f64::max).min(middle), 1.0)
        };
        let way = if sheet.is_calibrated() {
            self.config.site_mm
        } else {
            self.config.site_fraction * (tube.reach.1 - tube.reach.0)
        };
        let along = junction + towards * way;
        let doubt = (along < first || along > last).then_some(Reason::ShapeMismatch);
        Site { along: along.clamp(first, last), method: "across-the-axis-from-atrial-junction", doubt }
    }

    fn measure(&self, contour: &Contour, atrium: Option<&Contour>, sheet: &Sheet<'_>) -> Option<Measured> {
        let (plane, geometry) = (sheet.plane, sheet.geometry()?);
        let tube = Tube::of(contour, &plane, geometry)?;
        let (first, last) = tube.usable();
        if first >= last {
            return None;
        }
        let site = self.site(&tube, atrium, sheet);
        // The axis of as much of the vein as it is wide: a vein bends.
        let reach = tube.median_width();
        let around = ((site.along - reach).max(tube.reach.0), (site.along + reach).min(tube.reach.1));
        let place = tube.at(site.along);
        let (local, _) = tube.along_part(contour, &plane, geometry, around)?;
        let at = local.along(place);
        let half = if sheet.is_calibrated() { self.config.segment_mm / 2.0 } else { reach / 8.0 };
        let half = half.max(local.step);
        let (diameter, is_truncated) = local.mean_width(at - half, at + half)?;
        let cuts = || local.between(at - half, at + half);
        let side = cuts().map(|c| c.middle).sum::<f64>() / cuts().count().max(1) as f64;
        let end = |sign: f64| plane.to_frame(local.beside(at, side + sign * diameter / 2.0));
        Some(Measured { diameter, site, is_truncated, caliper: [end(-1.0), end(1.0)] })
    }

    fn write_series(&self, sheet: &mut Sheet<'_>) {
        let structure = self.config.structure.as_str();
        let unit = self.curves.unit().unwrap_or(sheet.plane.length);
        let has_unit = unit == sheet.plane.length;
        let extrema = self.curves.extrema(0);
        let scale = sheet.plane.relative_uncertainty;
        let edges = std::f64::consts::SQRT_2 * sheet.boundary_uncertainty();
        // A frame without a result has no pixels that the outline could be uncertain by.
        let edges = if edges.is_finite() { edges } else { 0.0 };
        let doubt = self.site.and_then(|s| s.doubt);
        let length = |over: Option<OverCycles>| {
            over.filter(|_| has_unit).map(|o| joined(o, 1.0, edges.hypot(scale * o.median)))
        };
        // Walls that lie too far apart in every frame add to both diameters and leave their difference.
        let ratio = |over: Option<OverCycles>, base: Option<OverCycles>| {
            let (over, base) = (over?, base?);
            Some(joined(over, 1.0, over.median * edges / base.median))
        };
        let (high, low) = (extrema.and_then(|e| e.high()), extrema.and_then(|e| e.low()));
        let distensibility = extrema.and_then(|e| e.over_cycles(|c| (c.high - c.low) / c.low));
        let values = [
            ("diameter_max", unit, "median-of-breaths", length(high)),
            ("diameter_min", unit, "median-of-breaths", length(low)),
            (
                "collapsibility",
                Unit::One,
                "max-minus-min-over-max",
                ratio(extrema.and_then(|e| e.fall()), high),
            ),
            ("distensibility", Unit::One, "max-minus-min-over-min", ratio(distensibility, low)),
        ];
        for (name, unit, method, number) in values {
            self.curves.write_doubted(sheet, structure, (name, unit, method), number, doubt);
        }
        self.curves.write_counts(sheet, structure, &BREATHS);
    }
}

impl Procedure for Ivc {
    fn frame(&mut self, input: &Input<'_>, sheet: &mut Sheet<'_>) {
        let class = input.class(&self.config.structure);
        let contour = class.and_then(|c| c.contours.first());
        let atrium = input.class(&self.config.atrium).and_then(|c| c.contours.first());
        sheet.take_scale(contour);
        let measured = contour.and_then(|c| self.measure(c, atrium, sheet));
        if let Some(class) = class {
            let missing = class.absence().unwrap_or(Reason::ShapeMismatch);
            let doubt = measured
                .as_ref()
                .map_or(Some(missing), |m| m.is_truncated.then_some(Reason::Truncated).or(m.site.doubt));
            let number =
                measured.as_ref().map(|m| (m.diameter, Some(sheet.length_uncertainty(m.diameter, 2.0))));
            let value = Value {
                name: "diameter",
                unit: sheet.plane.length,
                method: measured.as_ref().map_or("across-the-axis", |m| m.site.method),
                number,
                reason: None,
            };
            sheet.write(&class.class.name, value, doubt);
        }
        if let Some(m) = &measured {
            let [from, to] = m.caliper;
            sheet.mark(Mark::Caliper { from, to, name: "diameter" });
            self.site = Some(m.site);
        }
        if input.is_new {
            let diameter = measured.as_ref().map(|m| m.diameter);
            let is_clean = measured.as_ref().is_some_and(|m| !m.is_truncated);
            self.curves.push(input.pts_ns(), [diameter], sheet.plane.length, is_clean);
        }
        self.write_series(sheet);
    }

    fn reset(&mut self) {
        self.curves.reset();
        self.site = None;
    }
}

#[cfg(test)]
mod tests;

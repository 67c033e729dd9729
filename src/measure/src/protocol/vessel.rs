//! Diameter of an artery's lumen in a longitudinal section, and how it changes with the pulse.
//!
//! The diameter is the distance of the walls at right angles to the vessel's axis, the mean over a straight
//! part of it. Systolic and diastolic diameters are medians over beats; distensibility is (D_s − D_d)/D_d.
//! Distension is a tenth of the diameter or less, so small errors dominate it: its uncertainty says how much
//! is left.

use serde::{Deserialize, Serialize};

use super::cyclic::{BEATS, Curves, joined};
use super::procedure::{Input, Procedure};
use super::sheet::{Sheet, Value};
use super::tube::Tube;
use crate::components::Components;
use crate::contour::Contour;
use crate::geometry::PointInFrame;
use crate::result::{ClassResult, Mark, Reason};
use crate::series::beats::CycleRules;
use crate::units::Unit;

/// Another part takes over only if its middle line is straighter by this factor: jumping about would look
/// like a pulse.
const STRAIGHTER: f64 = 0.5;
/// Steps of cuts that the straight part is looked for at.
const SEARCH_STEP: usize = 2;
/// A part may lack this fraction of the length asked for.
const SHORT: f64 = 0.999;
/// A second piece above this fraction of the largest is reported.
const SEVERAL_PIECES_FRACTION: f64 = 0.05;

/// Settings of the protocol `vessel`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VesselConfig {
    /// Class of the lumen.
    pub structure: String,
    /// Length of the straight part that the diameter is averaged over, mm. Where less is seen the value says
    /// so.
    pub segment_mm: f64,
    /// Values over time are those of the last so many seconds.
    pub window_s: f64,
    /// Window of the smoothing that beats are found with, seconds.
    pub smoothing_s: f64,
    /// Fewest frames of a beat that counts.
    pub frames_per_beat: usize,
}

impl Default for VesselConfig {
    fn default() -> Self {
        Self {
            structure: "lumen".to_owned(),
            segment_mm: 10.0,
            window_s: 30.0,
            smoothing_s: 0.2,
            frames_per_beat: 8,
        }
    }
}

impl VesselConfig {
    /// Whether the settings make sense; else what does not.
    pub(super) fn check(&self) -> Result<(), String> {
        let checks = [
            (!self.structure.is_empty(), "structure is empty: name the class of the lumen"),
            ((1.0..=200.0).contains(&self.segment_mm), "segment_mm must be from 1 to 200 mm"),
            ((2.0..=600.0).contains(&self.window_s), "window_s must be from 2 to 600 seconds"),
            ((0.05..=0.5).contains(&self.smoothing_s), "smoothing_s must be from 0.05 to 0.5 seconds"),
            (self.frames_per_beat >= 8, "frames_per_beat must be 8 or more"),
        ];
        checks.iter().find(|c| !c.0).map_or(Ok(()), |c| Err(c.1.to_owned()))
    }
}

fn rules(config: &VesselConfig) -> CycleRules {
    CycleRules { smoothing_s: config.smoothing_s, frames: config.frames_per_beat, ..CycleRules::artery() }
}

/// The protocol at work.
pub(super) struct Vessel {
    config: VesselConfig,
    curves: Curves<1>,
    /// Middle of the straight part in the last frame.
    site: Option<PointInFrame>,
}

/// What an outline gives.
struct Measured {
    diameter: f64,
    length: f64,
    doubt: Option<Reason>,
    is_clean: bool,
    caliper: [PointInFrame; 2],
    axis: [PointInFrame; 2],
}

impl Vessel {
    pub(super) fn new(config: &VesselConfig) -> Self {
        Self { config: config.clone(), curves: Curves::new(rules(config), config.window_s), site: None }
    }

    fn measure(&mut self, class: &ClassResult, contour: &Contour, sheet: &Sheet<'_>) -> Option<Measured> {
        let (plane, geometry) = (sheet.plane, sheet.geometry()?);
        let tube = Tube::of(contour, &plane, geometry)?;
        let (first, last) = tube.usable();
        if first >= last {
            return None;
        }
        // Without a scale there is no telling how long the part is, and all of it is taken.
        let wanted = if sheet.is_calibrated() { self.config.segment_mm } else { last - first };
        let part = self.straight_part(&tube, (first, last), wanted.min(last - first), sheet);
        let (tube, (from, to)) = tube.along_part(contour, &plane, geometry, part)?;
        let (diameter, is_truncated) = tube.mean_width(from, to)?;
        let middle = tube.at((from + to) / 2.0);
        self.site = Some(plane.to_frame(middle));
        let side = tube.between(from, to).map(|c| c.middle).sum::<f64>()
            / tube.between(from, to).count().max(1) as f64;
        let end = |sign: f64| plane.to_frame(tube.beside((from + to) / 2.0, side + sign * diameter / 2.0));
        let is_short = to - from < SHORT * wanted;
        let Components { largest_px, second_px, .. } = class.components;
        let several = second_px as f64 > SEVERAL_PIECES_FRACTION * largest_px as f64;
        let doubts = [
            (is_truncated, Reason::Truncated),
            (several, Reason::SeveralPieces),
            (is_short, Reason::ShapeMismatch),
        ];
        Some(Measured {
            diameter,
            length: to - from,
            doubt: doubts.iter().find(|d| d.0).map(|d| d.1),
            is_clean: !is_truncated,
            caliper: [end(-1.0), end(1.0)],
            axis: [plane.to_frame(tube.at(from)), plane.to_frame(tube.at(to))],
        })
    }

    /// The straightest part of a length; the one of the last frame where none is much straighter.
    fn straight_part(
        &self,
        tube: &Tube,
        (first, last): (f64, f64),
        length: f64,
        sheet: &Sheet<'_>,
    ) -> (f64, f64) {
        let room = last - first - length;
        let part_at = |from: f64| (from, from + length);
        let centred = part_at(first + room / 2.0);
        if room <= tube.step {
            return centred;
        }
        let former = self.site.map(|p| tube.along(sheet.plane.from_frame(p)) - length / 2.0);
        let kept = part_at(former.map_or(centred.0, |from| from.clamp(first, last - length)));
        let bend = |part: (f64, f64)| tube.bend(part.0, part.1).unwrap_or(f64::MAX);
        let count = (room / tube.step) as usize / SEARCH_STEP;
        let best = (0..=count)
            .map(|k| part_at(first + (k * SEARCH_STEP) as f64 * tube.step))
            .min_by(|&a, &b| bend(a).total_cmp(&bend(b)));
        // Below a hundredth of the width nobody can say which is straighter.
        let tolerance = 0.01 * tube.median_width();
        match best {
            Some(best) if bend(kept) > tolerance && bend(best) < STRAIGHTER * bend(kept) => best,
            _ => kept,
        }
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
        let length = |over: Option<crate::series::extremum::OverCycles>| {
            over.filter(|_| has_unit).map(|o| joined(o, 1.0, edges.hypot(scale * o.median)))
        };
        let method = "mean-over-straight-part-median-of-beats";
        for (name, over) in [
            ("systolic_diameter", extrema.and_then(|e| e.high())),
            ("diastolic_diameter", extrema.and_then(|e| e.low())),
        ] {
            self.curves.write(sheet, structure, (name, unit, method), length(over));
        }
        let distensibility = extrema.and_then(|e| {
            let over = e.over_cycles(|c| (c.high - c.low) / c.low)?;
            // Walls that lie too far apart in every frame make the ratio too small, by what they are apart.
            let common = over.median * edges / e.low()?.median;
            Some(joined(over, 100.0, 100.0 * common))
        });
        let what = ("distensibility", Unit::Percent, "systolic-minus-diastolic-over-diastolic");
        self.curves.write(sheet, structure, what, distensibility);
        self.curves.write_counts(sheet, structure, &BEATS);
    }
}

impl Procedure for Vessel {
    fn frame(&mut self, input: &Input<'_>, sheet: &mut Sheet<'_>) {
        let class = input.class(&self.config.structure);
        let contour = class.and_then(|c| c.contours.first());
        sheet.take_scale(contour);
        let measured = class.zip(contour).and_then(|(class, contour)| self.measure(class, contour, sheet));
        if let Some(class) = class {
            let missing = class.absence().unwrap_or(Reason::ShapeMismatch);
            let doubt = measured.as_ref().map_or(Some(missing), |m| m.doubt);
            let unit = sheet.plane.length;
            let method = "across-the-axis-mean-over-straight-part";
            let number =
                measured.as_ref().map(|m| (m.diameter, Some(sheet.length_uncertainty(m.diameter, 2.0))));
            let value = Value { name: "lumen_diameter", unit, method, number, reason: None };
            sheet.write(&class.class.name, value, doubt);
            let number = measured.as_ref().map(|m| (m.length, None));
            let value =
                Value { name: "segment_length", unit, method: "along-the-axis", number, reason: None };
            sheet.write(&class.class.name, value, doubt);
        }
        if let Some(m) = &measured {
            let [from, to] = m.caliper;
            sheet.mark(Mark::Caliper { from, to, name: "lumen_diameter" });
            sheet.mark(Mark::Line { points: m.axis.to_vec(), name: "segment_length" });
        }
        if input.is_new {
            let diameter = measured.as_ref().map(|m| m.diameter);
            let is_clean = measured.as_ref().is_some_and(|m| m.is_clean);
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

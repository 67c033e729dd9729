//! A layer that runs across the picture: a muscle between its aponeuroses, the intima–media of a far wall.
//!
//! At places along the deep border the layer is cut at right angles to that border, which a parabola
//! describes locally. Muscle: the mean over the central third (Takahashi 2021,
//! doi:10.1186/s13089-021-00224-8). Intima–media: mean and maximum over 10 mm, lumen–intima to
//! media–adventitia (Mannheim consensus, Touboul 2012, doi:10.1159/000343145). Which frame is end-diastolic
//! is not told here: choose it in the recording.

use serde::{Deserialize, Serialize};

use crate::contour::at_border;
use crate::protocol::procedure::{Input, Procedure};
use crate::protocol::section::{Cut, Line, Outline, fit_parabola};
use crate::protocol::sheet::{Sheet, Value, doubt_of};
use crate::result::{ClassResult, Mark, Reason};
use crate::series::stats::median;
use crate::units::Unit;

/// Places along the layer at which it is cut.
const STATIONS: u16 = 64;

/// Fewest of them, as a fraction, that must give a thickness.
const LEAST_COVERAGE: f64 = 0.9;

/// Steepest deep border, in radians from the horizontal; beyond, up and down cannot be told from left and
/// right.
const STEEPEST_RAD: f64 = 1.0;

/// What of an outline lies within this fraction of the layer's thickness of its deep border belongs to it.
const DEEP_FRACTION: f64 = 0.125;

/// A layer this thick, in mm, is plaque, and so is a place by half or half a millimetre thicker than the rest (Mannheim
/// consensus).
const PLAQUE_MM: f64 = 1.5;
const FOCAL_PLAQUE_MM: f64 = 0.5;
const FOCAL_PLAQUE_FRACTION: f64 = 0.5;

/// Settings of the protocol `muscle-thickness`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MuscleThicknessConfig {
    /// The engine's class that is measured.
    pub structure: String,
    /// Part of the visible length of the deep border, about its middle, over which the mean is taken, 0 to 1.
    pub central_fraction: f64,
}

impl Default for MuscleThicknessConfig {
    fn default() -> Self {
        Self { structure: "muscle".to_owned(), central_fraction: 1.0 / 3.0 }
    }
}

impl MuscleThicknessConfig {
    pub(in crate::protocol) fn check(&self) -> Result<(), String> {
        if self.central_fraction > 0.0 && self.central_fraction <= 1.0 {
            return Ok(());
        }
        Err(format!("central_fraction = {}: give a number above 0, at most 1", self.central_fraction))
    }
}

/// Settings of the protocol `intima-media`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntimaMediaConfig {
    /// The engine's class that is measured, of the far wall.
    pub structure: String,
    /// Length of the segment about the middle of the visible wall over which mean and maximum are taken, mm.
    pub segment_mm: f64,
}

impl Default for IntimaMediaConfig {
    fn default() -> Self {
        Self { structure: "intima_media".to_owned(), segment_mm: 10.0 }
    }
}

impl IntimaMediaConfig {
    pub(in crate::protocol) fn check(&self) -> Result<(), String> {
        if self.segment_mm > 0.0 && self.segment_mm <= 100.0 {
            return Ok(());
        }
        Err(format!("segment_mm = {}: give a number above 0, at most 100", self.segment_mm))
    }
}

/// What a layer is, and so what its values are called.
#[derive(Clone, Debug)]
enum Preset {
    Muscle(MuscleThicknessConfig),
    IntimaMedia(IntimaMediaConfig),
}

/// The protocols at work.
pub(in crate::protocol) struct Band {
    preset: Preset,
}

/// How thick a layer is.
struct Thickness {
    /// Superficial and deep end of each cut.
    cuts: Vec<((f64, f64), (f64, f64))>,
    mean: f64,
    median: f64,
    max: f64,
    /// Whether the segment was as long as asked for.
    is_full_length: bool,
}

impl Thickness {
    /// Cuts the middle of the layer.
    ///
    /// The deep border's direction is found by turns: cut along the depth, fit, turn the depth. `length_of` tells how
    /// long the segment is of a layer of a visible length.
    /// `is_of_border`: the visible length is that of the deep border, not of the whole outline.
    fn of(outline: &Outline, is_of_border: bool, length_of: impl Fn(f64) -> f64) -> Option<Self> {
        let mut angle = 0.0_f64;
        let mut parabola = [0.0; 3];
        let (mut frame, mut stations) = (Line::new((0.0, 0.0), 0.0), Vec::new());
        let mut is_full_length = true;
        for _ in 0..4 {
            frame = Line::new(*outline.points().first()?, angle);
            let visible = outline.reach(&frame)?;
            let asked = length_of(visible.length());
            is_full_length = asked <= visible.length();
            let length = asked.min(visible.length());
            let from = visible.middle() - length / 2.0;
            stations =
                (0..STATIONS).map(|i| from + length * (f64::from(i) + 0.5) / f64::from(STATIONS)).collect();
            let deep: Vec<(f64, f64)> = stations
                .iter()
                .filter_map(|&s| Some((s - visible.middle(), longest(&outline.cuts(&frame.across(s)))?.to)))
                .collect();
            if (deep.len() as f64) < LEAST_COVERAGE * f64::from(STATIONS) {
                return None;
            }
            parabola = fit_parabola(&deep)?;
            frame.origin = frame.at(visible.middle());
            stations.iter_mut().for_each(|s| *s -= visible.middle());
            if parabola[1].abs() < 1e-6 {
                break;
            }
            angle += parabola[1].atan();
            if angle.abs() > STEEPEST_RAD {
                return None;
            }
        }
        let [constant, linear, quadratic] = parabola;
        let deep_at = |s: f64| constant + s * (linear + s * quadratic);
        // A picture's straight sides cut a slanting layer askew: its ends are those of the border that it is measured
        // from.
        if is_of_border {
            let mut lengths: Vec<f64> = stations
                .iter()
                .filter_map(|&s| Some(longest(&outline.cuts(&frame.across(s)))?.length()))
                .collect();
            let near = DEEP_FRACTION * median(&mut lengths)?;
            let (from, to) = outline
                .points()
                .iter()
                .map(|&p| frame.coordinates(p))
                .filter(|&(s, depth)| (depth - deep_at(s)).abs() <= near)
                .fold((f64::MAX, f64::MIN), |(from, to), (s, _)| (from.min(s), to.max(s)));
            if from < to {
                let length = length_of(to - from);
                let from = (from + to - length) / 2.0;
                stations = (0..STATIONS)
                    .map(|i| from + length * (f64::from(i) + 0.5) / f64::from(STATIONS))
                    .collect();
            }
        }
        let mut cuts = Vec::with_capacity(stations.len());
        let mut lengths = Vec::with_capacity(stations.len());
        for s in stations {
            let depth = deep_at(s);
            let slope = linear + 2.0 * s * quadratic;
            // At right angles to the deep border, towards the surface.
            let foot = frame.across(s).at(depth);
            let (x, y) = frame.direction;
            let norm = slope.hypot(1.0);
            let up = ((slope * x + y) / norm, (slope * y - x) / norm);
            let line = Line { origin: foot, direction: up };
            let cut = outline.cuts(&line).into_iter().min_by(|a, b| a.from.abs().total_cmp(&b.from.abs()));
            if let Some(cut) = cut {
                lengths.push(cut.length());
                cuts.push((line.at(cut.to), line.at(cut.from)));
            }
        }
        if (lengths.len() as f64) < LEAST_COVERAGE * f64::from(STATIONS) {
            return None;
        }
        Some(Self {
            cuts,
            mean: lengths.iter().sum::<f64>() / lengths.len() as f64,
            max: lengths.iter().copied().max_by(f64::total_cmp)?,
            median: median(&mut lengths)?,
            is_full_length,
        })
    }

    /// Whether there is plaque in a segment measured in millimetres.
    fn has_plaque(&self) -> bool {
        let focal = FOCAL_PLAQUE_MM.min(FOCAL_PLAQUE_FRACTION * self.median);
        self.max > PLAQUE_MM || self.max - self.median >= focal
    }
}

fn longest(cuts: &[Cut]) -> Option<Cut> {
    cuts.iter().copied().max_by(|a, b| a.length().total_cmp(&b.length()))
}

impl Band {
    pub(in crate::protocol) fn muscle(config: &MuscleThicknessConfig) -> Self {
        Self { preset: Preset::Muscle(config.clone()) }
    }

    pub(in crate::protocol) fn intima_media(config: &IntimaMediaConfig) -> Self {
        Self { preset: Preset::IntimaMedia(config.clone()) }
    }

    fn measure(&self, class: &ClassResult, sheet: &mut Sheet<'_>) {
        let contour = class.contours.first();
        sheet.take_scale(contour);
        // A layer runs on beyond the picture to both sides; what matters is whether its borders are in it.
        let mut doubt = doubt_of(class).filter(|&reason| reason != Reason::Truncated);
        let length_of = |visible: f64| match &self.preset {
            Preset::Muscle(config) => config.central_fraction * visible,
            Preset::IntimaMedia(config) => config.segment_mm,
        };
        let is_measurable = matches!(self.preset, Preset::Muscle(_)) || sheet.is_calibrated();
        let found = contour.filter(|_| is_measurable).and_then(|c| {
            let is_of_border = matches!(self.preset, Preset::Muscle(_));
            Thickness::of(&Outline::of(c, &sheet.plane), is_of_border, length_of)
        });
        if let (Some(found), Some(geometry)) = (&found, sheet.geometry()) {
            let is_cut = |&(upper, deep): &((f64, f64), (f64, f64))| {
                at_border(sheet.plane.to_frame(upper), geometry)
                    || at_border(sheet.plane.to_frame(deep), geometry)
            };
            if doubt.is_none() && found.cuts.iter().any(is_cut) {
                doubt = Some(Reason::Truncated);
            }
        }
        let mut reason = None;
        if !is_measurable {
            reason = sheet.uncalibrated();
        }
        let is_wall = matches!(self.preset, Preset::IntimaMedia(_));
        if found.as_ref().is_some_and(|t| !t.is_full_length || (is_wall && t.has_plaque())) {
            reason = Some(Reason::OutOfRange);
        }
        let (mean_name, max_name, mean_method, max_method) = match self.preset {
            Preset::Muscle(_) => (
                "muscle_thickness",
                "muscle_thickness_max",
                "mean-central-part-perpendicular-to-deep-border",
                "max-central-part-perpendicular-to-deep-border",
            ),
            Preset::IntimaMedia(_) => (
                "intima_media_thickness",
                "intima_media_thickness_max",
                "mean-of-segment-perpendicular-to-deep-border",
                "max-of-segment-perpendicular-to-deep-border",
            ),
        };
        let structure = &class.class.name;
        let unit = if is_wall { Unit::Mm } else { sheet.plane.length };
        for (name, method, value) in [
            (mean_name, mean_method, found.as_ref().map(|t| t.mean)),
            (max_name, max_method, found.as_ref().map(|t| t.max)),
        ] {
            let number = value.map(|v| (v, Some(sheet.length_uncertainty(v, 2.0))));
            // No outline is more to say than no scale.
            let reason = reason.filter(|_| contour.is_some());
            sheet.write(structure, Value { name, unit, method, number, reason }, doubt);
        }
        if let Some(found) = &found {
            draw(sheet, found, mean_name);
        }
    }
}

fn draw(sheet: &mut Sheet<'_>, found: &Thickness, name: &'static str) {
    let plane = sheet.plane;
    for points in [
        found.cuts.iter().map(|&(upper, _)| plane.to_frame(upper)).collect(),
        found.cuts.iter().map(|&(_, deep)| plane.to_frame(deep)).collect(),
    ] {
        sheet.mark(Mark::Line { points, name });
    }
    if let Some(&(upper, deep)) = found.cuts.get(found.cuts.len() / 2) {
        sheet.mark(Mark::Caliper { from: plane.to_frame(upper), to: plane.to_frame(deep), name });
    }
}

impl Procedure for Band {
    fn frame(&mut self, input: &Input<'_>, sheet: &mut Sheet<'_>) {
        let name = match &self.preset {
            Preset::Muscle(config) => &config.structure,
            Preset::IntimaMedia(config) => &config.structure,
        };
        if let Some(class) = input.class(name) {
            self.measure(class, sheet);
        }
    }
}

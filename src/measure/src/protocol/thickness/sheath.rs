//! The optic nerve's sheath, 3 mm behind the globe.
//!
//! The nerve's axis runs through the middles of cuts across the sheath; where it meets the back of the globe
//! is the junction, and the sheath is as wide as the cut at right angles to the axis 3 mm further (Geeraerts
//! 2007, doi:10.1007/s00134-007-0797-6). Which border that is, the outer or the inner one, is the border that
//! the engine's class has. Published limits disagree (5.0 to 6.4 mm): the value is shown, and no verdict.

use serde::{Deserialize, Serialize};

use crate::protocol::procedure::{Input, Procedure};
use crate::protocol::section::{Cut, Line, Outline, fit_line};
use crate::protocol::sheet::{Sheet, Value, doubt_of};
use crate::result::{ClassResult, Mark, Reason};
use crate::shape::Shape;
use crate::units::Unit;

/// The axis is fitted to cuts this far behind the globe, mm. Nearer, the sheath widens into the globe.
const AXIS_MM: std::ops::RangeInclusive<f64> = 1.0..=6.0;

/// Cuts that the axis is fitted to.
const STATIONS: u16 = 40;

/// Fewest of them, as a fraction, that must meet the sheath.
const LEAST_COVERAGE: f64 = 0.5;

/// Cuts whose mean the width is.
const WIDTHS: u16 = 9;

/// Fewest frames that a mean is made of: two or three measurements an eye are asked for.
const LEAST_FRAMES: u32 = 3;

/// Settings of the protocol `optic-nerve-sheath`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpticNerveSheathConfig {
    /// The engine's class of the eyeball.
    pub globe: String,
    /// The engine's class of the sheath.
    pub sheath: String,
    /// Distance from the back of the globe along the nerve at which the sheath is measured, mm.
    pub distance_mm: f64,
    /// Length of the nerve, about that place, over which the width is the mean, mm.
    pub average_over_mm: f64,
}

impl Default for OpticNerveSheathConfig {
    fn default() -> Self {
        Self {
            globe: "globe".to_owned(),
            sheath: "nerve_sheath".to_owned(),
            distance_mm: 3.0,
            average_over_mm: 0.4,
        }
    }
}

impl OpticNerveSheathConfig {
    pub(in crate::protocol) fn check(&self) -> Result<(), String> {
        if !(self.distance_mm > 0.0 && self.distance_mm <= 20.0) {
            return Err(format!("distance_mm = {}: give a number above 0, at most 20", self.distance_mm));
        }
        if !(self.average_over_mm >= 0.0 && self.average_over_mm < self.distance_mm) {
            return Err(format!(
                "average_over_mm = {}: give a number from 0, below distance_mm",
                self.average_over_mm
            ));
        }
        Ok(())
    }
}

/// The protocol at work. One run is one eye.
pub(in crate::protocol) struct OpticNerveSheath {
    config: OpticNerveSheathConfig,
    frames: u32,
    mean: f64,
    /// Sum of squared differences from the mean (Welford 1962, doi:10.1080/00401706.1962.10490022).
    spread: f64,
    seen: u32,
}

/// Where the sheath was measured.
struct Width {
    width: f64,
    junction: (f64, f64),
    ends: ((f64, f64), (f64, f64)),
}

/// The cut across the sheath nearest to the axis.
fn cut_at(sheath: &Outline, axis: &Line, along: f64) -> Option<Cut> {
    sheath.cuts(&axis.across(along)).into_iter().min_by(|a, b| a.middle().abs().total_cmp(&b.middle().abs()))
}

/// Where the axis leaves the globe, as a distance along it.
fn junction(globe: &Outline, axis: &Line) -> Option<f64> {
    globe.cuts(axis).last().map(|cut| cut.to)
}

impl Width {
    fn of(
        globe: (&Outline, (f64, f64)),
        sheath: (&Outline, (f64, f64)),
        config: &OpticNerveSheathConfig,
    ) -> Option<Self> {
        let (globe, globe_center) = globe;
        let (sheath, sheath_center) = sheath;
        let mut axis = Line::through(globe_center, sheath_center)?;
        for _ in 0..6 {
            let start = junction(globe, &axis)?;
            // The far end may be cut at a slant: as much of it is left out as would bias the middles.
            let reach = sheath.reach(&axis)?.to - start - 0.5;
            let (from, to) = (*AXIS_MM.start(), AXIS_MM.end().min(reach));
            let middles: Vec<(f64, f64)> = (0..STATIONS)
                .map(|i| start + from + (to - from) * (f64::from(i) + 0.5) / f64::from(STATIONS))
                .filter_map(|s| Some((s, cut_at(sheath, &axis, s)?.middle())))
                .collect();
            if to <= from || (middles.len() as f64) < LEAST_COVERAGE * f64::from(STATIONS) {
                return None;
            }
            let (offset, slope) = fit_line(&middles)?;
            axis = Line::through(
                axis.across(0.0).at(offset),
                axis.across(start + to).at(offset + slope * (start + to)),
            )?;
            if slope.abs() < 1e-6 {
                break;
            }
        }
        let start = junction(globe, &axis)?;
        let place = start + config.distance_mm;
        let mut sum = 0.0;
        for i in 0..WIDTHS {
            let along = (f64::from(i) / f64::from(WIDTHS - 1) - 0.5) * config.average_over_mm;
            sum += cut_at(sheath, &axis, place + along)?.length();
        }
        let line = axis.across(place);
        let cut = cut_at(sheath, &axis, place)?;
        Some(Self {
            width: sum / f64::from(WIDTHS),
            junction: axis.at(start),
            ends: (line.at(cut.from), line.at(cut.to)),
        })
    }
}

impl OpticNerveSheath {
    pub(in crate::protocol) fn new(config: &OpticNerveSheathConfig) -> Self {
        Self { config: config.clone(), frames: 0, mean: 0.0, spread: 0.0, seen: 0 }
    }

    fn measure(&mut self, globe: &ClassResult, sheath: &ClassResult, is_new: bool, sheet: &mut Sheet<'_>) {
        const NAME: &str = "optic_nerve_sheath_diameter";
        let outlines = globe.contours.first().zip(sheath.contours.first());
        sheet.take_scale(outlines.iter().flat_map(|&(g, s)| [g, s]));
        let plane = sheet.plane;
        let mut width = None;
        if let Some((g, s)) = outlines.filter(|_| sheet.is_calibrated()) {
            let center = |c| Shape::of(c, &plane).map(|shape| shape.centroid);
            width = center(g).zip(center(s)).and_then(|(g_center, s_center)| {
                let (g, s) = (Outline::of(g, &plane), Outline::of(s, &plane));
                Width::of((&g, g_center), (&s, s_center), &self.config)
            });
        }
        // The globe is often cut by the picture's upper edge, which moves its centroid but not its back, and
        // the nerve runs out of the picture below.
        let cut = |reason: &Reason| *reason == Reason::Truncated;
        let of_globe = doubt_of(globe).filter(|reason| !cut(reason));
        let of_sheath = doubt_of(sheath).filter(|reason| width.is_none() || !cut(reason));
        let mut doubt = of_globe.or(of_sheath);
        if outlines.is_some() && !sheet.is_calibrated() {
            doubt = sheet.uncalibrated();
        }
        let number = width.as_ref().map(|w| (w.width, Some(sheet.length_uncertainty(w.width, 2.0))));
        let value = |name, method, number, reason| Value { name, unit: Unit::Mm, method, number, reason };
        let structure = &sheath.class.name;
        sheet.write(structure, value(NAME, "perpendicular-to-axis-behind-globe", number, None), doubt);
        if let Some(w) = &width {
            sheet.mark(Mark::Caliper {
                from: plane.to_frame(w.ends.0),
                to: plane.to_frame(w.ends.1),
                name: NAME,
            });
            sheet.mark(Mark::Point { at: plane.to_frame(w.junction), name: NAME });
        }
        if is_new {
            self.seen = self.seen.saturating_add(1);
            if let Some(w) = width.filter(|_| doubt.is_none()) {
                self.frames = self.frames.saturating_add(1);
                let from_mean = w.width - self.mean;
                self.mean += from_mean / f64::from(self.frames);
                self.spread += from_mean * (w.width - self.mean);
            }
        }
    }

    /// The mean of the frames so far. Its uncertainty is that of one frame, for what they have in common, and
    /// the frames' own spread.
    fn write_mean(&self, sheet: &mut Sheet<'_>) {
        let n = f64::from(self.frames);
        let number = (self.frames > 0).then(|| {
            let spread = if self.frames > 1 { (self.spread / (n - 1.0) / n).sqrt() } else { 0.0 };
            (self.mean, Some(sheet.length_uncertainty(self.mean, 2.0).hypot(spread)))
        });
        let value = Value {
            name: "optic_nerve_sheath_diameter_mean",
            unit: Unit::Mm,
            method: "mean-of-frames",
            number,
            reason: (self.frames < LEAST_FRAMES).then_some(Reason::TooFewSamples),
        };
        sheet.write_series(&self.config.sheath, value, None);
    }
}

impl Procedure for OpticNerveSheath {
    fn frame(&mut self, input: &Input<'_>, sheet: &mut Sheet<'_>) {
        if let Some((globe, sheath)) = input.class(&self.config.globe).zip(input.class(&self.config.sheath)) {
            self.measure(globe, sheath, input.is_new, sheet);
        }
        self.write_mean(sheet);
    }

    fn reset(&mut self) {
        *self = Self::new(&self.config);
    }
}

//! Left ventricular function from one plane: volumes, ejection fraction and fractional area change over
//! beats.
//!
//! Every frame gives an area, a long axis ([`axis`]) and a volume ([`discs`]). Beats are found in the curve
//! of the area, and each value is the median over the beats that count; see [`series`](crate::series). Ratios
//! need no millimetres.
//!
//! Two runs of the two apical planes give biplane values by [`biplane`](biplane::biplane).

pub mod axis;
pub mod biplane;
pub mod discs;

use serde::{Deserialize, Serialize};

use self::axis::LongAxis;
use self::discs::Discs;
use super::cyclic::{BEATS, Curves, joined};
use super::procedure::{Input, Procedure};
use super::sheet::{Sheet, Value, doubt_of};
use crate::contour::Contour;
use crate::geometry::Geometry;
use crate::result::{ClassResult, Mark, Reason};
use crate::series::beats::CycleRules;
use crate::series::extremum::PerCycle;
use crate::shape::{Plane, Shape};
use crate::units::Unit;

/// Cubic millimetres of a millilitre.
const MM3_PER_ML: f64 = 1000.0;
/// A gap in a chord is closed below this many pixels of the picture.
const CLOSED_GAP_PX: f64 = 3.0;

/// How a volume follows from an outline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeMethod {
    /// Twenty discs ("modified Simpson").
    #[default]
    Discs,
    /// 8A²/(3πL).
    AreaLength,
}

impl VolumeMethod {
    const fn id(self) -> &'static str {
        match self {
            Self::Discs => "single-plane-discs-20",
            Self::AreaLength => "single-plane-area-length",
        }
    }
}

/// Settings of the protocol `lv-function`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LvFunctionConfig {
    /// Class of the cavity.
    pub structure: String,
    /// Class of the atrium, which tells the base from the apex; empty: none.
    pub atrium: String,
    /// How a volume follows from an outline.
    pub volume_method: VolumeMethod,
    /// Values over time are those of the last so many seconds.
    pub window_s: f64,
    /// Window of the smoothing that beats are found with, seconds.
    pub smoothing_s: f64,
    /// Fraction of the curve's range that an end diastole stands out by.
    pub prominence: f64,
    /// Fewest frames of a beat that counts.
    pub frames_per_beat: usize,
    /// Whether the long axis, hinge points and apex are drawn.
    pub show_axis: bool,
    /// Whether the discs are drawn.
    pub show_discs: bool,
}

impl Default for LvFunctionConfig {
    fn default() -> Self {
        let rules = CycleRules::heart();
        Self {
            structure: "left_ventricle".to_owned(),
            atrium: "left_atrium".to_owned(),
            volume_method: VolumeMethod::default(),
            window_s: 30.0,
            smoothing_s: rules.smoothing_s,
            prominence: rules.prominence,
            frames_per_beat: rules.frames,
            show_axis: true,
            show_discs: false,
        }
    }
}

impl LvFunctionConfig {
    /// Whether the settings make sense; else what does not.
    pub(super) fn check(&self) -> Result<(), String> {
        let checks = [
            (!self.structure.is_empty(), "structure is empty: name the class of the cavity"),
            ((2.0..=600.0).contains(&self.window_s), "window_s must be from 2 to 600 seconds"),
            ((0.05..=0.5).contains(&self.smoothing_s), "smoothing_s must be from 0.05 to 0.5 seconds"),
            ((0.01..=0.9).contains(&self.prominence), "prominence must be from 0.01 to 0.9"),
            (self.frames_per_beat >= 8, "frames_per_beat must be 8 or more"),
        ];
        checks.iter().find(|c| !c.0).map_or(Ok(()), |c| Err(c.1.to_owned()))
    }
}

/// Curves over time.
const AREA: usize = 0;
const VOLUME: usize = 1;

/// The protocol at work.
pub(super) struct LvFunction {
    config: LvFunctionConfig,
    curves: Curves<2>,
    /// How an outline that lies one standard uncertainty further out changes area and volume: relative
    /// change, times the size of the ventricle. A smaller ventricle of the same shape changes more.
    boundary: Option<Boundary>,
}

#[derive(Clone, Copy)]
struct Boundary {
    /// dA/√A.
    area: f64,
    /// dV/V^⅔.
    volume: Option<f64>,
}

/// A ventricle in one frame, in the unit of its plane.
///
/// A run keeps outlines or masks; this gives again from them what its values were made of, such as the discs
/// of the two frames that [`biplane`](biplane::biplane) needs of each run. The values `end_diastole_time` and
/// `end_systole_time` say which frames these are.
#[derive(Clone, Debug)]
pub struct Ventricle {
    /// Area and outline.
    pub shape: Shape,
    /// The long axis, or why there is none.
    pub axis: Result<LongAxis, Reason>,
    /// The cuts across it.
    pub discs: Option<Discs>,
}

impl Ventricle {
    /// Measures the outline of a cavity, with that of the atrium where there is one. `None` where it encloses
    /// nothing.
    pub fn of(
        cavity: &Contour,
        atrium: Option<&Contour>,
        plane: &Plane,
        geometry: &Geometry,
    ) -> Option<Self> {
        let shape = Shape::of(cavity, plane)?;
        let polygons: Vec<Vec<(f64, f64)>> = std::iter::once(&cavity.outer)
            .chain(&cavity.holes)
            .map(|line| line.iter().map(|&p| plane.from_frame(p)).collect())
            .collect();
        let atrium = atrium.and_then(|c| Shape::of(c, plane)).map(|s| s.centroid);
        let outline = polygons.first()?;
        // Half a pixel of the mask is what an outline is uncertain by.
        let pixel = 2.0 * plane.boundary_uncertainty(geometry);
        let ellipse = shape.ellipse.as_ref().ok_or(Reason::ShapeMismatch);
        let axis = ellipse.and_then(|e| LongAxis::of(outline, e, atrium, pixel));
        let closed_gap = CLOSED_GAP_PX * plane.unit_per_px_x.max(plane.unit_per_px_y);
        let discs = axis.ok().map(|a| Discs::of(&polygons, &a, closed_gap));
        Some(Self { shape, axis, discs })
    }

    /// Its volume, in the cube of the plane's unit of length.
    pub fn volume(&self, method: VolumeMethod) -> Option<f64> {
        let discs = self.discs.as_ref()?;
        Some(match method {
            VolumeMethod::Discs => discs.volume(),
            VolumeMethod::AreaLength => discs::area_length(self.shape.area, discs.length),
        })
    }
}

impl LvFunction {
    pub(super) fn new(config: &LvFunctionConfig) -> Self {
        let rules = CycleRules {
            smoothing_s: config.smoothing_s,
            prominence: config.prominence,
            frames: config.frames_per_beat,
            ..CycleRules::heart()
        };
        Self { config: config.clone(), curves: Curves::new(rules, config.window_s), boundary: None }
    }
}

impl Procedure for LvFunction {
    fn frame(&mut self, input: &Input<'_>, sheet: &mut Sheet<'_>) {
        let class = input.class(&self.config.structure);
        sheet.take_scale(class.and_then(|c| c.contours.first()));
        let measured = class.and_then(|c| c.contours.first()).and_then(|c| self.measure(c, input, sheet));
        if let Some(class) = class {
            self.write_frame(class, measured.as_ref(), sheet);
        }
        if input.is_new {
            let is_clean = class.is_some_and(|c| doubt_of(c) != Some(Reason::Truncated));
            let area = measured.as_ref().map(|m| m.shape.area);
            let volume = measured.as_ref().and_then(|m| m.volume(self.config.volume_method));
            self.curves.push(input.pts_ns(), [area, volume], sheet.plane.length, is_clean);
        }
        self.write_series(sheet);
    }

    fn reset(&mut self) {
        self.curves.reset();
        self.boundary = None;
    }
}

impl LvFunction {
    fn measure(&mut self, cavity: &Contour, input: &Input<'_>, sheet: &Sheet<'_>) -> Option<Ventricle> {
        let atrium = input.class(&self.config.atrium).and_then(|c| c.contours.first());
        let measured = Ventricle::of(cavity, atrium, &sheet.plane, sheet.geometry()?)?;
        let boundary = sheet.boundary_uncertainty();
        let Shape { perimeter, area, .. } = measured.shape;
        let effect = |d: &Discs| d.boundary_effect(boundary) / d.volume().powf(2.0 / 3.0);
        let volume = measured.discs.as_ref().map(effect);
        self.boundary = Some(Boundary { area: perimeter * boundary / area.sqrt(), volume });
        Some(measured)
    }

    fn write_frame(&self, class: &ClassResult, measured: Option<&Ventricle>, sheet: &mut Sheet<'_>) {
        let name = &class.class.name;
        let doubt = doubt_of(class);
        sheet.write_size(class, measured.map(|m| &m.shape), doubt);

        let axis = measured.and_then(|m| m.axis.ok());
        let ambiguous = measured.and_then(|m| m.axis.err());
        let number = axis.map(|a| (a.length(), Some(sheet.length_uncertainty(a.length(), 2.0))));
        let unit = sheet.plane.length;
        let method = "annulus-middle-to-farthest-point";
        sheet.write(name, Value { name: "long_axis_length", unit, method, number, reason: ambiguous }, doubt);

        let is_broken = measured.and_then(|m| m.discs.as_ref()).is_some_and(|d| d.is_broken);
        let mut reason = ambiguous.or(is_broken.then_some(Reason::ShapeMismatch));
        let in_plane = measured.and_then(|m| m.volume(self.config.volume_method));
        let volume = in_plane.filter(|_| sheet.is_calibrated());
        if in_plane.is_some() && volume.is_none() {
            reason = sheet.uncalibrated();
        }
        let number = volume.map(|v| {
            let effect = self.boundary.and_then(|b| b.volume).map_or(f64::NAN, |b| b * v.powf(2.0 / 3.0));
            let u = effect.hypot(3.0 * v * sheet.plane.relative_uncertainty);
            (v / MM3_PER_ML, Some(u / MM3_PER_ML))
        });
        let method = self.config.volume_method.id();
        sheet.write(name, Value { name: "volume", unit: Unit::Ml, method, number, reason }, doubt);
        if let Some(m) = measured {
            self.draw(m, sheet);
        }
    }

    fn draw(&self, measured: &Ventricle, sheet: &mut Sheet<'_>) {
        let plane = sheet.plane;
        if let (true, Ok(axis)) = (self.config.show_axis, &measured.axis) {
            let name = "long_axis_length";
            let points = vec![plane.to_frame(axis.base), plane.to_frame(axis.apex)];
            sheet.mark(Mark::Line { points, name });
            sheet.mark(Mark::Point { at: plane.to_frame(axis.apex), name });
            for hinge in axis.hinges.into_iter().flatten() {
                sheet.mark(Mark::Point { at: plane.to_frame(hinge), name });
            }
        }
        for chord in measured.discs.iter().filter(|_| self.config.show_discs).flat_map(|d| d.chords) {
            let points = chord.map(|p| plane.to_frame(p)).to_vec();
            sheet.mark(Mark::Line { points, name: "volume" });
        }
    }

    fn write_series(&self, sheet: &mut Sheet<'_>) {
        let structure = self.config.structure.as_str();
        let method = self.config.volume_method.id();
        // In pixels a volume means nothing, and its ratios all the same.
        let has_volume = self.curves.unit() == Some(Unit::Mm) && sheet.is_calibrated();
        let scale = sheet.plane.relative_uncertainty;
        let boundary = self.boundary.and_then(|b| b.volume).unwrap_or(0.0);
        let effect = |v: f64| boundary * v.powf(2.0 / 3.0);
        let volumes = self.curves.extrema(VOLUME);
        let per_minute = self.curves.cycles().per_minute();

        let ml = |of: fn(PerCycle) -> f64, factor: f64, effect: &dyn Fn(PerCycle) -> f64| {
            let extrema = volumes.filter(|_| has_volume)?;
            let over = extrema.over_cycles(of)?;
            let common = extrema.over_cycles(effect)?.median.abs().hypot(3.0 * scale * over.median);
            Some(joined(over, factor / MM3_PER_ML, common * factor / MM3_PER_ML))
        };
        let edv = ml(|c| c.high, 1.0, &|c| effect(c.high));
        let esv = ml(|c| c.low, 1.0, &|c| effect(c.low));
        let stroke = |factor| ml(|c| c.high - c.low, factor, &|c| effect(c.high) - effect(c.low));
        let output = per_minute.and_then(|rate| stroke(rate / 1000.0));
        for (name, unit, number) in [
            ("edv", Unit::Ml, edv),
            ("esv", Unit::Ml, esv),
            ("stroke_volume", Unit::Ml, stroke(1.0)),
            ("cardiac_output", Unit::LPerMinute, output),
        ] {
            match (number, sheet.uncalibrated()) {
                (None, Some(reason)) => {
                    let value = Value { name, unit, method, number: None, reason: Some(reason) };
                    sheet.write_series(structure, value, None);
                }
                _ => self.curves.write(sheet, structure, (name, unit, method), number),
            }
        }

        // An outline too far out makes both phases larger, the smaller one by more: most of it cancels.
        let fall = |curve: usize, relative: &dyn Fn(f64) -> f64| {
            let extrema = self.curves.extrema(curve)?;
            let (over, high, low) = (extrema.fall()?, extrema.high()?.median, extrema.low()?.median);
            let common = low / high * (relative(high) - relative(low)).abs();
            Some(joined(over, 100.0, 100.0 * common))
        };
        let fraction = fall(VOLUME, &|v| effect(v) / v);
        self.curves.write(sheet, structure, ("ejection_fraction", Unit::Percent, method), fraction);
        let area_effect = self.boundary.map_or(0.0, |b| b.area);
        let change = fall(AREA, &|a| area_effect / a.sqrt());
        let what = ("fractional_area_change", Unit::Percent, "end-diastolic-minus-end-systolic");
        self.curves.write(sheet, structure, what, change);

        self.curves.write_counts(sheet, structure, &BEATS);
        self.curves.write_times(sheet, structure, ["end_diastole_time", "end_systole_time"]);
    }
}

#[cfg(test)]
mod tests;

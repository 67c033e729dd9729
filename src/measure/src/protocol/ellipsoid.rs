//! A body measured as an ellipsoid: three diameters over two planes, and the volume that follows from them.
//!
//! What nodules and the bladder share. One plane gives two diameters, along the beam and across it. Both
//! planes may stand in one recording, told apart by events, or in two runs, which [`Formula::volume`] joins.

use std::collections::VecDeque;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_6};

pub use super::section_plane::SectionPlane;

use super::procedure::{Event, Input};
use super::section_plane::Planes;
use super::sheet::{Sheet, Value, doubt_of};
use crate::feret::Span;
use crate::geometry::PointInFrame;
use crate::result::{ClassResult, Mark, Measurement, Reason, Validity};
use crate::shape::{Morphology, Plane};
use crate::units::{Mm, Unit};

/// Cubic millimetres of a millilitre.
const MM3_PER_ML: f64 = 1000.0;
/// Most samples of a diameter: half a minute of a plane at 30 frames a second.
const MOST_SAMPLES: usize = 1024;

/// A diameter in millimetres with its standard uncertainty (k = 1), as results carry it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diameter {
    /// The diameter.
    pub value: Mm,
    /// Its standard uncertainty, the scale's included.
    pub uncertainty: Mm,
}

impl Diameter {
    /// The median of the frames of one plane, with its own uncertainty: what is off is off in all of them. Of an
    /// even number the larger of the middle two. Sorts the diameters; `None` for none.
    pub fn median(of: &mut [Self]) -> Option<Self> {
        of.sort_unstable_by(|a, b| a.value.0.total_cmp(&b.value.0));
        of.get(of.len() / 2).copied()
    }
}

/// What the transverse plane gives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransverseDiameters {
    /// Along the beam: `ap_diameter` of a nodule, `height` of a bladder.
    pub ap: Diameter,
    /// Across it: `transverse_diameter`, `width`.
    pub transverse: Diameter,
}

/// What the longitudinal plane gives. Its own diameter along the beam is not used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongitudinalDiameters {
    /// Across the beam: `longitudinal_diameter`, `length`.
    pub longitudinal: Diameter,
}

/// A volume from two planes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Volume {
    /// Millilitres.
    pub ml: f64,
    /// Standard uncertainty (k = 1), millilitres.
    pub uncertainty_ml: f64,
}

/// How a volume follows from three diameters: V = k·d₁·d₂·d₃.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Formula {
    /// k: π/6 for an ellipsoid, 1 for a box.
    pub factor: f64,
    /// Relative standard uncertainty (k = 1) of the formula itself, for shapes that are no ellipsoids; 0: none.
    pub uncertainty: f64,
}

impl Formula {
    /// The ellipsoid, π/6.
    pub const ELLIPSOID: Self = Self { factor: FRAC_PI_6, uncertainty: 0.0 };

    /// The volume of a body from the diameters of its two planes.
    ///
    /// `scale_uncertainty` is the relative standard uncertainty of the scale that both planes share and that the
    /// diameters' uncertainties contain (0: none). It is common to the three and counts threefold; their ends are
    /// apart: u² = V²·(Σ(u_end/d)² + (3·u_s)² + u_k²). `None` where a diameter is no positive number.
    pub fn volume(
        &self,
        transverse: &TransverseDiameters,
        longitudinal: &LongitudinalDiameters,
        scale_uncertainty: f64,
    ) -> Option<Volume> {
        let diameters = [transverse.ap, transverse.transverse, longitudinal.longitudinal];
        let mut product = 1.0;
        let mut ends = 0.0;
        for Diameter { value: Mm(d), uncertainty: Mm(u) } in diameters {
            if !(d > 0.0 && d.is_finite() && u >= 0.0) {
                return None;
            }
            product *= d;
            ends += ((u / d).powi(2) - scale_uncertainty.powi(2)).max(0.0);
        }
        let ml = self.factor * product / MM3_PER_ML;
        let relative = ends + (3.0 * scale_uncertainty).powi(2) + self.uncertainty.powi(2);
        Some(Volume { ml, uncertainty_ml: ml * relative.sqrt() })
    }
}

/// What the values of a body are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiameterNames {
    /// The diameter along the beam, of either plane; the volume takes that of the transverse one.
    pub along: &'static str,
    /// Across the beam in the transverse plane.
    pub transverse: &'static str,
    /// Across the beam in the longitudinal plane.
    pub longitudinal: &'static str,
    /// The medians over the run, in the order of the above.
    pub(super) medians: [&'static str; 3],
    /// How the volume is come by.
    pub(super) volume_method: &'static str,
}

/// One plane of a body in one frame, its size and its two diameters written.
pub(super) struct Section<'a> {
    pub(super) class: &'a ClassResult,
    /// `None` where nobody says which plane this is.
    pub(super) plane: Option<SectionPlane>,
    pub(super) form: Option<Morphology>,
    /// Along and across the beam, in the sheet's plane.
    pub(super) spans: Option<(Span, Span)>,
    pub(super) doubt: Option<Reason>,
}

/// The mechanism: diameters frame by frame, the volume as soon as both planes were seen.
pub(super) struct Ellipsoid {
    structure: String,
    apex: Option<PointInFrame>,
    names: &'static DiameterNames,
    formula: Formula,
    planes: Planes,
    /// Valid diameters of the newest frames: along the beam in the transverse plane, across it in either.
    samples: [VecDeque<Diameter>; 3],
    /// Of the newest sample, relative.
    scale_uncertainty: f64,
}

impl Ellipsoid {
    pub(super) fn new(
        structure: &str,
        plane: SectionPlane,
        apex: Option<PointInFrame>,
        names: &'static DiameterNames,
        formula: Formula,
    ) -> Self {
        Self {
            structure: structure.to_owned(),
            apex,
            names,
            formula,
            planes: Planes::new(plane),
            samples: Default::default(),
            scale_uncertainty: 0.0,
        }
    }

    pub(super) fn reset(&mut self) {
        self.planes.forget();
        self.samples.iter_mut().for_each(VecDeque::clear);
    }

    pub(super) fn event(&mut self, event: &Event, pts_ns: u64) {
        self.planes.event(event, pts_ns);
    }

    /// Direction of the beam at a place, from +x clockwise on screen.
    fn beam_rad(&self, at: (f64, f64), plane: &Plane) -> f64 {
        self.apex.map_or(FRAC_PI_2, |apex| {
            let (x, y) = plane.from_frame(apex);
            (at.1 - y).atan2(at.0 - x)
        })
    }

    /// Writes size and diameters of the frame; `None` where the engine has no such class or gave no result.
    pub(super) fn measure<'a>(&mut self, input: &'a Input<'_>, sheet: &mut Sheet<'_>) -> Option<Section<'a>> {
        let plane = self.planes.at(input.pts_ns());
        let class = input.class(&self.structure)?;
        let contour = class.contours.first();
        sheet.take_scale(contour);
        let doubt = doubt_of(class);
        let form = contour.and_then(|c| Morphology::of(c, &sheet.plane));
        sheet.write_size(class, form.as_ref().map(|m| &m.shape), doubt);
        let spans = form.as_ref().and_then(|m| {
            let beam = self.beam_rad(m.shape.centroid, &sheet.plane);
            let extent = |direction| m.extent_along(direction).map(|e| e.span);
            Some((extent(beam)?, extent(beam - FRAC_PI_2)?))
        });
        let names = self.names;
        let along = write_diameter(
            sheet,
            &class.class.name,
            (names.along, "extent-along-beam"),
            spans.map(|s| s.0),
            doubt,
        );
        let across_name = match plane {
            Some(SectionPlane::Transverse) => Some(names.transverse),
            Some(SectionPlane::Longitudinal) => Some(names.longitudinal),
            None => None,
        };
        let across = across_name.and_then(|name| {
            write_diameter(sheet, &class.class.name, (name, "extent-across-beam"), spans.map(|s| s.1), doubt)
        });
        if input.is_new {
            match plane {
                Some(SectionPlane::Transverse) => self.add([along, across, None]),
                Some(SectionPlane::Longitudinal) => self.add([None, None, across]),
                None => {}
            }
            if across.is_some() {
                self.scale_uncertainty = sheet.plane.relative_uncertainty;
            }
        }
        Some(Section { class, plane, form, spans, doubt })
    }

    fn add(&mut self, diameters: [Option<Diameter>; 3]) {
        for (samples, diameter) in self.samples.iter_mut().zip(diameters) {
            let Some(diameter) = diameter else { continue };
            if samples.len() == MOST_SAMPLES {
                samples.pop_front();
            }
            samples.push_back(diameter);
        }
    }

    /// Writes the medians of the diameters and the volume, as they stand.
    pub(super) fn write_series(&self, sheet: &mut Sheet<'_>) {
        let medians = self.samples.each_ref().map(|samples| {
            let mut diameters: Vec<Diameter> = samples.iter().copied().collect();
            Diameter::median(&mut diameters)
        });
        // Without a scale no diameter counts; where a plane was told and is told no more, none can be had.
        let missing = sheet.uncalibrated().unwrap_or(if self.planes.is_lost() {
            Reason::EventMissing
        } else {
            Reason::NeedsSecondPlane
        });
        for (name, median) in self.names.medians.into_iter().zip(medians) {
            let value = Value {
                name,
                unit: Unit::Mm,
                method: "median-of-plane",
                number: median.map(|d| (d.value.0, Some(d.uncertainty.0))),
                reason: median.is_none().then_some(missing),
            };
            sheet.write_series(&self.structure, value, None);
        }
        let volume = match medians {
            [Some(ap), Some(transverse), Some(longitudinal)] => self.formula.volume(
                &TransverseDiameters { ap, transverse },
                &LongitudinalDiameters { longitudinal },
                self.scale_uncertainty,
            ),
            _ => None,
        };
        let value = Value {
            name: "volume",
            unit: Unit::Ml,
            method: self.names.volume_method,
            number: volume.map(|v| (v.ml, Some(v.uncertainty_ml))),
            reason: volume.is_none().then_some(missing),
        };
        sheet.write_series(&self.structure, value, None);
    }
}

/// Writes a diameter with its caliper and gives it back where nothing is to be said against it.
pub(super) fn write_diameter(
    sheet: &mut Sheet<'_>,
    structure: &str,
    (name, method): (&'static str, &'static str),
    span: Option<Span>,
    doubt: Option<Reason>,
) -> Option<Diameter> {
    let plane = sheet.plane;
    let number = span.map(|s| (s.length(), Some(sheet.length_uncertainty(s.length(), 2.0))));
    sheet.write(structure, Value { name, unit: plane.length, method, number, reason: None }, doubt);
    if let Some(span) = span {
        sheet.mark(Mark::Caliper { from: plane.to_frame(span.from), to: plane.to_frame(span.to), name });
    }
    match sheet.measurements.last()? {
        Measurement { validity: Validity::Valid, unit: Unit::Mm, value, uncertainty, .. } => {
            Some(Diameter { value: Mm((*value)?), uncertainty: Mm((*uncertainty)?) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mm(value: f64, uncertainty: f64) -> Diameter {
        Diameter { value: Mm(value), uncertainty: Mm(uncertainty) }
    }

    #[test]
    fn two_planes_make_a_volume() {
        let volume = |t: &_, l: &_, s| Formula::ELLIPSOID.volume(t, l, s);
        let transverse = TransverseDiameters { ap: mm(10.0, 0.0), transverse: mm(20.0, 0.0) };
        let v = volume(&transverse, &LongitudinalDiameters { longitudinal: mm(30.0, 0.0) }, 0.0).unwrap();
        assert!((v.ml - std::f64::consts::PI).abs() < 1e-9 && v.uncertainty_ml == 0.0, "{v:?}");
        // 3 % of scale alone: 9 % of the volume.
        let transverse = TransverseDiameters { ap: mm(10.0, 0.3), transverse: mm(20.0, 0.6) };
        let longitudinal = LongitudinalDiameters { longitudinal: mm(30.0, 0.9) };
        let v = volume(&transverse, &longitudinal, 0.03).unwrap();
        assert!((v.uncertainty_ml / v.ml - 0.09).abs() < 1e-9, "{v:?}");
        // The same as independent ends: √3 · 3 %.
        let v = volume(&transverse, &longitudinal, 0.0).unwrap();
        assert!((v.uncertainty_ml / v.ml - 0.03 * 3.0_f64.sqrt()).abs() < 1e-9, "{v:?}");
        assert_eq!(volume(&transverse, &LongitudinalDiameters { longitudinal: mm(0.0, 0.1) }, 0.0), None);
        // A box, and 12 % of doubt about its being one: 12 and 9 % are 15 %.
        let v = Formula { factor: 1.0, uncertainty: 0.12 }.volume(&transverse, &longitudinal, 0.03).unwrap();
        assert!((v.ml - 6.0).abs() < 1e-9 && (v.uncertainty_ml / v.ml - 0.15).abs() < 1e-9, "{v:?}");
    }

    #[test]
    fn a_median_is_one_of_the_frames() {
        assert_eq!(Diameter::median(&mut [mm(3.0, 0.3), mm(1.0, 0.1), mm(9.0, 0.9)]), Some(mm(3.0, 0.3)));
        assert_eq!(Diameter::median(&mut []), None);
    }
}

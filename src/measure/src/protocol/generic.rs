//! Size and shape of the largest piece of every class.

use serde::{Deserialize, Serialize};

use super::procedure::{Input, Procedure};
use super::sheet::{Sheet, Value, doubt_of};
use crate::result::{ClassResult, Mark, Reason};
use crate::shape::Morphology;
use crate::units::Unit;

/// Settings of the protocol `generic`. There are none yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenericConfig {}

/// The protocol at work, on every class of the engine.
pub(super) struct Generic;

impl Generic {
    pub(super) fn new(_config: &GenericConfig) -> Self {
        Self
    }
}

impl Procedure for Generic {
    fn frame(&mut self, input: &Input<'_>, sheet: &mut Sheet<'_>) {
        for class in &input.result.classes {
            measure(class, sheet);
        }
    }
}

fn measure(class: &ClassResult, sheet: &mut Sheet<'_>) {
    sheet.take_scale(class.contours.first());
    let doubt = doubt_of(class);
    let form = class.contours.first().and_then(|c| Morphology::of(c, &sheet.plane));
    sheet.write_size(class, form.as_ref().map(|m| &m.shape), doubt);
    write_lengths(class, form.as_ref(), sheet, doubt);
    write_form(class, form.as_ref(), sheet, doubt);
    write_amounts(class, form.as_ref(), sheet, doubt);
    if let Some(e) = form.and_then(|m| m.shape.ellipse) {
        sheet.mark(Mark::Ellipse(e.in_frame(sheet.plane.unit_per_px_x, sheet.plane.unit_per_px_y)));
    }
}

fn write_lengths(
    class: &ClassResult,
    form: Option<&Morphology>,
    sheet: &mut Sheet<'_>,
    doubt: Option<Reason>,
) {
    let ellipse = form.and_then(|m| m.shape.ellipse);
    let doubts = sheet.geometry().map(|g| sheet.plane.uncertainty(g));
    let diameter = |v: f64| (v, doubts.map(|d| d.length(v)));
    let span = |of: fn(&Morphology) -> f64| form.map(|m| diameter(of(m)));
    for (name, method, number) in [
        ("ellipse_major_axis", "ellipse-moments", ellipse.map(|e| diameter(2.0 * e.semi_major))),
        ("ellipse_minor_axis", "ellipse-moments", ellipse.map(|e| diameter(2.0 * e.semi_minor))),
        (
            "ellipse_circumference",
            "ellipse-moments-ramanujan2",
            ellipse.map(|e| (e.circumference(), doubts.map(|d| d.circumference(e.circumference())))),
        ),
        (
            "equivalent_diameter",
            "circle-of-same-area",
            form.map(|m| {
                let s = &m.shape;
                (s.equivalent_diameter(), doubts.map(|d| d.equivalent_diameter(s.area, s.perimeter)))
            }),
        ),
        ("max_feret", "feret-isoline-hull", span(|m| m.feret.max.length())),
        ("min_feret", "feret-isoline-hull", span(|m| m.feret.min.length())),
        ("perpendicular_feret", "feret-perpendicular-max", span(|m| m.feret.perpendicular.length())),
        // A place, from the centre of the picture's first pixel.
        ("centroid_x", "isoline-polygon", form.map(|m| (m.shape.centroid.0, None))),
        ("centroid_y", "isoline-polygon", form.map(|m| (m.shape.centroid.1, None))),
    ] {
        let unit = sheet.plane.length;
        sheet.write(&class.class.name, Value { name, unit, method, number, reason: None }, doubt);
    }
}

fn write_form(class: &ClassResult, form: Option<&Morphology>, sheet: &mut Sheet<'_>, doubt: Option<Reason>) {
    let shape = form.map(|m| &m.shape);
    let orientation = shape.and_then(|s| s.orientation_rad()).map(f64::to_degrees);
    // What is nearly round has no direction.
    let round = (shape.is_some() && orientation.is_none()).then_some(Reason::Indeterminate);
    for (name, unit, method, value, reason) in [
        ("orientation", Unit::Degree, "ellipse-moments-clockwise-from-x", orientation, round),
        ("eccentricity", Unit::One, "ellipse-moments", shape.and_then(|s| s.eccentricity()), None),
        ("solidity", Unit::One, "area-over-hull", form.map(|m| m.solidity), None),
        ("circularity", Unit::One, "4-pi-area-over-perimeter2", shape.map(|s| s.circularity()), None),
    ] {
        let number = value.map(|v| (v, None));
        sheet.write(&class.class.name, Value { name, unit, method, number, reason }, doubt);
    }
}

fn write_amounts(
    class: &ClassResult,
    form: Option<&Morphology>,
    sheet: &mut Sheet<'_>,
    doubt: Option<Reason>,
) {
    let structure = &class.class.name;
    let components = Value {
        name: "components",
        unit: Unit::One,
        method: "8-connected-before-clean-up",
        number: Some((class.components.count as f64, None)),
        reason: None,
    };
    // How many there are is as true of none as of two.
    sheet.write(structure, components, None);
    let hole_area = Value {
        name: "hole_area",
        unit: sheet.plane.area,
        method: "isoline-polygon",
        number: form.map(|m| (m.shape.hole_area, None)),
        reason: None,
    };
    sheet.write(structure, hole_area, doubt);
    // All pieces count; the part of the picture that the network saw is the whole.
    let number = sheet.geometry().filter(|_| form.is_some()).map(|g| {
        let whole = f64::from(g.crop.width) * f64::from(g.crop.height);
        (100.0 * class.contours.iter().map(|c| c.area_px2).sum::<f64>() / whole, None)
    });
    let value = Value {
        name: "area_fraction",
        unit: Unit::Percent,
        method: "of-what-the-network-saw",
        number,
        reason: None,
    };
    sheet.write(structure, value, doubt);
}

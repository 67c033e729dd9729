//! Area, perimeter and ellipse of the largest piece of a class.

use serde::{Deserialize, Serialize};

use super::procedure::{Input, Procedure};
use super::sheet::{Sheet, Value, doubt_of};
use crate::result::{ClassResult, Mark};
use crate::shape::Shape;

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
    let shape = class.contours.first().and_then(|c| Shape::of(c, &sheet.plane));
    let ellipse = shape.and_then(|s| s.ellipse);
    sheet.write_size(class, shape.as_ref(), doubt);
    let unit = sheet.plane.length;
    let lengths = [
        ("ellipse_major_axis", ellipse.map(|e| 2.0 * e.semi_major)),
        ("ellipse_minor_axis", ellipse.map(|e| 2.0 * e.semi_minor)),
    ];
    for (name, length) in lengths {
        let number = length.map(|v| (v, Some(sheet.length_uncertainty(v, 2.0))));
        sheet.write(
            &class.class.name,
            Value { name, unit, method: "ellipse-moments", number, reason: None },
            doubt,
        );
    }
    let number = ellipse.map(|e| {
        let v = e.circumference();
        (v, Some(sheet.circumference_uncertainty(v)))
    });
    let value = Value {
        name: "ellipse_circumference",
        unit,
        method: "ellipse-moments-ramanujan2",
        number,
        reason: None,
    };
    sheet.write(&class.class.name, value, doubt);
    if let Some(e) = ellipse {
        sheet.mark(Mark::Ellipse(e.in_frame(sheet.plane.unit_per_px_x, sheet.plane.unit_per_px_y)));
    }
}

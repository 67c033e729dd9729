//! The fetal head in the trans-thalamic or trans-ventricular plane.
//!
//! The ellipse of the head's outline gives the head circumference (HC), the biparietal diameter outer–outer (BPD,
//! its short axis), the occipitofrontal diameter outer–outer (OFD, its long axis) and the cephalic index
//! 100·BPD/OFD (ISUOG Practice Guidelines 2019, doi:10.1002/uog.20272). Gestational age comes from HC by
//! [`hadlock`](super::hadlock) and never from this BPD, which is not the outer–inner one of that paper.

use serde::{Deserialize, Serialize};

use super::hadlock;
use super::procedure::{Input, Procedure};
use super::sheet::{Sheet, Value, doubt_of};
use crate::ellipse::Ellipse;
use crate::result::{ClassResult, Mark, Reason};
use crate::shape::{Shape, ellipse_of_free_boundary};
use crate::units::{Mm, Unit};

/// A head is an ellipse: its outline's area and that of the ellipse with the same moments agree.
const LEAST_ELLIPTICITY: f64 = 0.95;

/// Cephalic indices of heads lie between extremes of dolichocephaly and brachycephaly; beyond, it is no head.
const PLAUSIBLE_CEPHALIC_INDEX: std::ops::RangeInclusive<f64> = 60.0..=100.0;

/// Settings of the protocol `fetal-head`. There are none yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FetalHeadConfig {}

/// The protocol at work; every class of the engine is taken for a head.
pub(super) struct FetalHead;

impl FetalHead {
    pub(super) fn new(_config: &FetalHeadConfig) -> Self {
        Self
    }
}

impl Procedure for FetalHead {
    fn frame(&mut self, input: &Input<'_>, sheet: &mut Sheet<'_>) {
        for class in &input.result.classes {
            measure(class, sheet);
        }
    }
}

fn measure(class: &ClassResult, sheet: &mut Sheet<'_>) {
    sheet.take_scale(class.contours.first());
    let contour = class.contours.first();
    let shape = contour.and_then(|c| Shape::of(c, &sheet.plane));
    let mut doubt = doubt_of(class);
    let (ellipse, method) = match (contour, doubt) {
        // The moments of a head that the edge cuts are those of another shape; its free rim still tells.
        (Some(c), Some(Reason::Truncated)) => (
            sheet.geometry().and_then(|g| ellipse_of_free_boundary(c, &sheet.plane, g)),
            "ellipse-boundary-ramanujan2",
        ),
        _ => (shape.and_then(|s| s.ellipse), "ellipse-moments-ramanujan2"),
    };
    if doubt.is_none() && !shape.zip(ellipse).is_none_or(|(s, e)| is_head(&s, &e)) {
        doubt = Some(Reason::ShapeMismatch);
    }
    sheet.write_size(class, shape.as_ref(), doubt);
    write_biometry(class, sheet, ellipse, method, doubt);
    if let Some(e) = ellipse {
        draw(sheet, &e);
    }
}

fn is_head(shape: &Shape, ellipse: &Ellipse) -> bool {
    let index = 100.0 * ellipse.semi_minor / ellipse.semi_major;
    shape.area / ellipse.area() >= LEAST_ELLIPTICITY && PLAUSIBLE_CEPHALIC_INDEX.contains(&index)
}

fn write_biometry(
    class: &ClassResult,
    sheet: &mut Sheet<'_>,
    ellipse: Option<Ellipse>,
    method: &'static str,
    doubt: Option<Reason>,
) {
    let unit = sheet.plane.length;
    let hc = ellipse.map(|e| e.circumference());
    let hc_uncertainty = hc.map(|v| sheet.circumference_uncertainty(v));
    let number = hc.map(|v| (v, hc_uncertainty));
    sheet.write(
        &class.class.name,
        Value { name: "head_circumference", unit, method, number, reason: None },
        doubt,
    );

    for (name, method, axis) in [
        ("bpd", "ellipse-minor-axis-outer-outer", ellipse.map(|e| 2.0 * e.semi_minor)),
        ("ofd", "ellipse-major-axis-outer-outer", ellipse.map(|e| 2.0 * e.semi_major)),
    ] {
        let number = axis.map(|v| (v, Some(sheet.length_uncertainty(v, 2.0))));
        sheet.write(&class.class.name, Value { name, unit, method, number, reason: None }, doubt);
    }

    let number = ellipse.map(|e| {
        let index = 100.0 * e.semi_minor / e.semi_major;
        // The scale cancels in a ratio; the two axes' outlines are taken as independent.
        let boundary = std::f64::consts::SQRT_2 * sheet.boundary_uncertainty();
        let relative = (boundary / (2.0 * e.semi_minor)).hypot(boundary / (2.0 * e.semi_major));
        (index, Some(index * relative))
    });
    let value = Value {
        name: "cephalic_index",
        unit: Unit::Percent,
        method: "bpd-over-ofd-outer-outer",
        number,
        reason: None,
    };
    sheet.write(&class.class.name, value, doubt);

    let mut value = Value {
        name: "gestational_age",
        unit: Unit::Week,
        method: "hadlock-1984-hc",
        number: None,
        reason: None,
    };
    match (hc, sheet.is_calibrated()) {
        (Some(hc), true) => {
            let hc = Mm(hc);
            let age = hadlock::age_from_head_circumference(hc);
            if hadlock::VALID_WEEKS.contains(&age.get()) {
                let measured = hadlock::weeks_per_mm(hc) * hc_uncertainty.unwrap_or(0.0);
                value.number =
                    Some((age.get(), Some(hadlock::standard_deviation(age).get().hypot(measured))));
            } else {
                value.reason = Some(Reason::OutOfRange);
            }
        }
        (Some(_), false) => value.reason = sheet.uncalibrated(),
        (None, _) => {}
    }
    sheet.write(&class.class.name, value, doubt);
}

fn draw(sheet: &mut Sheet<'_>, ellipse: &Ellipse) {
    let plane = sheet.plane;
    sheet.mark(Mark::Ellipse(ellipse.in_frame(plane.unit_per_px_x, plane.unit_per_px_y)));
    let (sin, cos) = ellipse.angle_rad.sin_cos();
    let mut caliper = |name, half: f64, (x, y): (f64, f64)| {
        let end = |sign: f64| {
            plane.to_frame((ellipse.center_x + sign * half * x, ellipse.center_y + sign * half * y))
        };
        sheet.mark(Mark::Caliper { from: end(-1.0), to: end(1.0), name });
    };
    caliper("bpd", ellipse.semi_minor, (-sin, cos));
    caliper("ofd", ellipse.semi_major, (cos, sin));
}

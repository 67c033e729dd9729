//! Sizes of lesions: of the field always, in millimetres next to a confirmed tool.
//!
//! An endoscope's picture has no depth, so a mask alone has no millimetres. A tool of known width at the same
//! depth gives them, for one frame, where both lie in the middle of the field (wide-angle lenses show the
//! periphery at about half the size, PMID 25346136). The width at right angles to the shaft is taken because
//! tilting the shaft does not change it.

use super::coverage::{is_cut, visible_area};
use super::tool::Shaft;
use crate::calibration::{Calibration, CalibrationSource};
use crate::feret::Span;
use crate::geometry::PointInFrame;
use crate::picture::PictureAnalysis;
use crate::protocol::sheet::{Sheet, Value, doubt_of};
use crate::result::{ClassResult, Mark, Reason};
use crate::shape::Morphology;
use crate::units::{Mm, MmPerPx, Unit};

/// Limits of the size classes: at most 5 mm, below 10 mm, 10 mm or more.
const SMALL_ABOVE_MM: f64 = 5.0;
const LARGE_FROM_MM: f64 = 10.0;

/// The size class of a polyp: 1 for at most 5 mm, 2 for more than that and less than 10 mm, 3 for 10 mm or
/// more. `None` where the uncertainty spans a limit: borderline.
///
/// Whole millimetres, as classes are often written (≤ 5, 6–9, ≥ 10), leave gaps; here the middle class fills
/// them.
pub fn size_class(size: Mm, uncertainty: Mm) -> Option<u8> {
    let class = |mm: f64| match mm {
        mm if mm >= LARGE_FROM_MM => 3,
        mm if mm > SMALL_ABOVE_MM => 2,
        _ => 1,
    };
    let (Mm(size), Mm(u)) = (size, uncertainty);
    let (least, most) = (class(size - u), class(size + u));
    (least == most && size.is_finite() && u.is_finite()).then_some(least)
}

/// A tool of known width, measured in the frame, in rows of the picture.
pub(super) struct Reference<'a> {
    pub(super) width: Mm,
    pub(super) shaft: &'a Shaft,
}

impl Reference<'_> {
    /// The scale that it gives, if it and the lesion lie where lenses are true.
    fn scale(
        &self,
        lesion: &ClassResult,
        sheet: &Sheet<'_>,
        analysis: &PictureAnalysis,
        central: f64,
    ) -> Option<Calibration> {
        let (picture, field) = (analysis.picture(), analysis.field());
        let is_central = |p: PointInFrame| field.central_contains(picture.from_frame(p), central);
        let plane = sheet.plane;
        if !lesion.contours.first()?.outer.iter().copied().all(is_central) {
            return None;
        }
        let shaft = self.shaft.part(|p| is_central(plane.to_frame(p)))?;
        let (rows, Mm(width)) = (shaft.width, self.width);
        let uncertainty = sheet.length_uncertainty(rows, 2.0).hypot(shaft.spread) / rows;
        let mm_per_row = width / rows;
        Calibration::new(
            MmPerPx(mm_per_row * plane.unit_per_px_x),
            MmPerPx(mm_per_row),
            CalibrationSource::Tool,
            uncertainty,
        )
        .ok()
    }
}

/// Measures a lesion. `gate` is why nothing may be measured in this picture.
pub(super) fn measure(
    class: &ClassResult,
    sheet: &mut Sheet<'_>,
    analysis: &PictureAnalysis,
    reference: Option<&Reference<'_>>,
    central: f64,
    gate: Option<Reason>,
) {
    sheet.refuse_scale(Reason::NotToScale);
    let contour = class.contours.first();
    let (picture, field) = (analysis.picture(), analysis.field());
    let cut = contour.filter(|c| is_cut(&c.outer, picture, field)).map(|_| Reason::Truncated);
    let doubt = gate.or(cut).or(doubt_of(class));
    let contour = contour.filter(|_| gate.is_none());

    let rows = contour.and_then(|c| Morphology::of(c, &sheet.plane));
    write_of_field(class, rows.as_ref(), sheet, analysis, doubt);

    let scale = reference.filter(|_| contour.is_some());
    let is_scaled = match scale.and_then(|r| r.scale(class, sheet, analysis, central)) {
        Some(calibration) => {
            sheet.take_own_scale(calibration);
            true
        }
        None => false,
    };
    let form = contour.and_then(|c| Morphology::of(c, &sheet.plane));
    sheet.write_size(class, form.as_ref().map(|m| &m.shape), doubt);
    for (name, method, span) in [
        ("max_diameter", "feret-max", form.as_ref().map(|m| m.feret.max)),
        (
            "perpendicular_diameter",
            "feret-perpendicular-max",
            form.as_ref().map(|m| m.feret.perpendicular.span),
        ),
    ] {
        write_diameter(class, name, method, span, sheet, doubt);
    }
    let size = form.filter(|_| is_scaled).map(|m| m.feret.max.length());
    let found = size.and_then(|size| size_class(Mm(size), Mm(sheet.length_uncertainty(size, 2.0))));
    let reason = match (size, found) {
        _ if contour.is_none() => None,
        (None, _) => Some(Reason::NotToScale),
        (Some(_), None) => Some(Reason::Indeterminate),
        (Some(_), Some(_)) => None,
    };
    let value = Value {
        name: "size_class",
        unit: Unit::One,
        method: "tool-referenced-5-10-mm",
        number: found.map(|class| (f64::from(class), None)),
        reason,
    };
    sheet.write(&class.class.name, value, doubt);
}

/// What needs no scale: per cent of the visible field, and of its width.
fn write_of_field(
    class: &ClassResult,
    rows: Option<&Morphology>,
    sheet: &mut Sheet<'_>,
    analysis: &PictureAnalysis,
    doubt: Option<Reason>,
) {
    let (picture, field) = (analysis.picture(), analysis.field());
    let row_px = picture.factor().max(1) as f64;
    let boundary = sheet.boundary_uncertainty() / row_px;
    let visible = analysis.quality().visible_px as f64;
    let area = rows.filter(|_| visible > 0.0).map(|m| {
        let area = visible_area(&class.contours, picture, field, analysis.glare());
        // The outline's error along the whole rim, as for any area.
        (100.0 * area / visible, Some(100.0 * m.shape.perimeter / row_px * boundary / visible))
    });
    let aspect = sheet.plane.unit_per_px_x;
    let width = field.width_px() * row_px * aspect;
    let diameter = rows.filter(|_| width > 0.0).map(|m| {
        let length = m.feret.max.length();
        (100.0 * length / width, Some(100.0 * sheet.length_uncertainty(length, 2.0) / width))
    });
    for (name, method, number) in [
        ("area_fraction", "of-visible-field-without-glare", area),
        ("max_diameter_of_field", "feret-max-over-field-width", diameter),
    ] {
        let value = Value { name, unit: Unit::Percent, method, number, reason: None };
        sheet.write(&class.class.name, value, doubt);
    }
}

fn write_diameter(
    class: &ClassResult,
    name: &'static str,
    method: &'static str,
    span: Option<Span>,
    sheet: &mut Sheet<'_>,
    doubt: Option<Reason>,
) {
    let plane = sheet.plane;
    let number = span.map(|s| (s.length(), Some(sheet.length_uncertainty(s.length(), 2.0))));
    let value = Value { name, unit: plane.length, method, number, reason: None };
    sheet.write(&class.class.name, value, doubt);
    if let Some(span) = span {
        sheet.mark(Mark::Caliper { from: plane.to_frame(span.from), to: plane.to_frame(span.to), name });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_near_a_limit_is_borderline() {
        let class = |mm, u| size_class(Mm(mm), Mm(u));
        assert_eq!([class(4.0, 0.5), class(5.0, 0.0), class(5.1, 0.0)], [Some(1), Some(1), Some(2)]);
        assert_eq!([class(9.9, 0.0), class(10.0, 0.0), class(12.0, 1.0)], [Some(2), Some(3), Some(3)]);
        assert_eq!([class(4.8, 0.3), class(9.8, 0.3), class(7.0, 5.0)], [None, None, None]);
        assert_eq!(class(f64::NAN, 0.1), None);
    }
}

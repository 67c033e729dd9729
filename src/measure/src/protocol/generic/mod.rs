//! Size and shape of the largest piece of every class, or of every object, and how those change.

mod config;
mod names;
mod over_time;

pub use config::{GenericConfig, LevelConfig, ObjectChoice, OverTimeConfig};

use self::over_time::{OverTime, Sighting};
use super::procedure::{Event, Input, Procedure};
use super::sheet::{Sheet, Value, doubt_of};
use crate::contour::Contour;
use crate::result::{ClassResult, Mark, Reason};
use crate::shape::Morphology;
use crate::units::Unit;

/// The protocol at work, on every class of the engine.
pub(super) struct Generic {
    objects: ObjectChoice,
    max_objects: usize,
    over_time: OverTime,
}

impl Generic {
    pub(super) fn new(config: &GenericConfig) -> Self {
        Self {
            objects: config.objects,
            max_objects: config.max_objects,
            over_time: OverTime::new(&config.over_time, config.max_objects),
        }
    }

    /// Measures each object of a class, and says which there are.
    fn measure_each(&self, class: &ClassResult, sheet: &mut Sheet<'_>) -> Vec<Sighting> {
        let numbered = class.contours.iter().filter_map(|c| Some((c, c.object?)));
        let mut sightings = Vec::new();
        for (contour, id) in numbered.take(self.max_objects) {
            let structure = id.name(&class.class.name);
            let is_cut = contour.border_fraction > 0.0;
            let first = sheet.measurements.len();
            measure(&structure, Some(contour), sheet, is_cut.then_some(Reason::Truncated));
            write_fraction(&structure, contour.area_px2, sheet, is_cut.then_some(Reason::Truncated));
            if self.over_time.is_on() {
                let values = first..sheet.measurements.len();
                sightings.push(Sighting { id, structure, values, scale: sheet.taken(), is_cut });
            }
        }
        write_count(class, "objects", "outlines-that-count", class.contours.len(), sheet);
        sightings
    }
}

impl Procedure for Generic {
    fn frame(&mut self, input: &Input<'_>, sheet: &mut Sheet<'_>) {
        let mut sightings = Vec::new();
        for class in &input.result.classes {
            match self.objects {
                ObjectChoice::Largest => measure_largest(class, sheet),
                ObjectChoice::Each => sightings.extend(self.measure_each(class, sheet)),
            }
            write_count(class, "components", "8-connected-before-clean-up", class.components.count, sheet);
        }
        if self.over_time.is_on() {
            if input.is_new {
                self.over_time.push(input, sightings, sheet);
            }
            self.over_time.write(input.pts_ns(), sheet);
        }
    }

    fn reset(&mut self) {
        self.over_time.reset();
    }

    fn event(&mut self, event: &Event, pts_ns: u64) {
        if let Event::Mark(name) = event {
            self.over_time.mark(name, pts_ns);
        }
    }
}

fn measure_largest(class: &ClassResult, sheet: &mut Sheet<'_>) {
    let (largest, doubt) = (class.contours.first(), doubt_of(class));
    measure(&class.class.name, largest, sheet, doubt);
    // All pieces count.
    let area_px2 = class.contours.iter().map(|c| c.area_px2).sum();
    write_fraction(&class.class.name, area_px2, sheet, doubt);
}

/// Measures an outline.
fn measure(structure: &str, contour: Option<&Contour>, sheet: &mut Sheet<'_>, doubt: Option<Reason>) {
    sheet.take_scale(contour);
    let form = contour.and_then(|c| Morphology::of(c, &sheet.plane));
    sheet.write_size_of(structure, form.as_ref().map(|m| &m.shape), doubt);
    write_lengths(structure, form.as_ref(), sheet, doubt);
    write_form(structure, form.as_ref(), sheet, doubt);
    let hole_area = Value {
        name: "hole_area",
        unit: sheet.plane.area,
        method: "isoline-polygon",
        number: form.as_ref().map(|m| (m.shape.hole_area, None)),
        reason: None,
    };
    sheet.write(structure, hole_area, doubt);
    if let Some(e) = form.and_then(|m| m.shape.ellipse) {
        sheet.mark(Mark::Ellipse(e.in_frame(sheet.plane.unit_per_px_x, sheet.plane.unit_per_px_y)));
    }
}

fn write_lengths(structure: &str, form: Option<&Morphology>, sheet: &mut Sheet<'_>, doubt: Option<Reason>) {
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
        sheet.write(structure, Value { name, unit, method, number, reason: None }, doubt);
    }
}

fn write_form(structure: &str, form: Option<&Morphology>, sheet: &mut Sheet<'_>, doubt: Option<Reason>) {
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
        sheet.write(structure, Value { name, unit, method, number, reason }, doubt);
    }
}

/// Writes how many there are of something, which is as true of none as of two.
fn write_count(
    class: &ClassResult,
    name: &'static str,
    method: &'static str,
    count: usize,
    sheet: &mut Sheet<'_>,
) {
    let value = Value { name, unit: Unit::One, method, number: Some((count as f64, None)), reason: None };
    sheet.write(&class.class.name, value, None);
}

/// Writes how much of the part of the picture that the network saw an area takes.
fn write_fraction(structure: &str, area_px2: f64, sheet: &mut Sheet<'_>, doubt: Option<Reason>) {
    let number = sheet.geometry().filter(|_| area_px2 > 0.0).map(|g| {
        let whole = f64::from(g.crop.width) * f64::from(g.crop.height);
        (100.0 * area_px2 / whole, None)
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

#[cfg(test)]
mod tests;

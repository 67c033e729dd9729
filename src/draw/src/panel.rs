//! The list of values: which lines, in which order, how lined up.

use vesalius_measure::result::{FrameResult, Mark, Measurement, Reason, Validity};
use vesalius_measure::track::TrackId;

use crate::format::{Parts, parts};

/// The most lines of text that people take in at a glance beside a moving picture.
pub(crate) const MAX_LINES: usize = 5;

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Number of the caliper that shows the value, with a space; spaces where others have one.
    pub(crate) number: String,
    pub(crate) text: String,
    /// Whether the value stands without reservation.
    pub(crate) valid: bool,
}

/// The names of the values that calipers show, in the calipers' order: the first is number 1.
pub(crate) fn caliper_names(result: &FrameResult) -> Vec<&'static str> {
    let mut names = Vec::new();
    for mark in &result.marks {
        match mark {
            Mark::Caliper { name, .. } if !names.contains(name) => names.push(*name),
            _ => {}
        }
    }
    names
}

/// What to leave out last where there is no room: results before the lengths they rest on, then plain shape, then what only
/// says how sure the rest is.
fn rank(name: &str) -> usize {
    match name {
        "gestational_age" | "head_circumference" | "ejection_fraction" | "heart_rate" | "collapsibility"
        | "distensibility" | "taller_than_wide" | "lesion_size" => 0,
        "area" => 2,
        "perimeter" => 3,
        "equivalent_diameter"
        | "centroid_x"
        | "centroid_y"
        | "orientation"
        | "eccentricity"
        | "solidity"
        | "circularity"
        | "components"
        | "hole_area"
        | "area_fraction" => 4,
        "coverage" | "beats_used" | "beats_rejected" | "breaths_used" | "breaths_rejected" => 5,
        _ => 1,
    }
}

/// Where several objects of a class are measured, each has its turn: for every value how many of its object stand before it,
/// from 1; 0 for what is of no single object.
fn turns(result: &FrameResult) -> Vec<usize> {
    let (mut structure, mut turn) = ("", 0);
    let all = result.measurements.iter().chain(&result.series);
    all.map(|m| {
        if *m.structure != *structure {
            (structure, turn) = (&m.structure, 0);
        }
        turn += 1;
        if TrackId::of_name(&m.structure).is_some() { turn } else { 0 }
    })
    .collect()
}

/// The value list in at most `limit` lines; the last one holds the reservations where there are any.
pub(crate) fn lines(result: &FrameResult, limit: usize) -> Vec<Line> {
    let limit = limit.min(MAX_LINES);
    let mut chosen: Vec<(usize, &Measurement)> =
        result.measurements.iter().chain(&result.series).enumerate().collect();
    let turns = turns(result);
    let turn = |place: usize| turns.get(place).copied().unwrap_or(0);
    let rank = |place: usize, m: &Measurement| match m.name {
        name if turn(place) == 0 => rank(name),
        "area" | "max_feret" | "perpendicular_feret" => 0,
        // What it was over time comes last.
        _ if place >= result.measurements.len() => 5,
        name => rank(name).max(1),
    };
    chosen.sort_by_key(|(place, m)| (rank(*place, m), turn(*place), *place));
    chosen.truncate(limit);
    if !reservations(&chosen).is_empty() {
        chosen.truncate(limit.saturating_sub(1));
    }
    let reasons = reservations(&chosen);
    chosen.sort_by_key(|(place, _)| *place);

    let numbers = caliper_names(result);
    let several = chosen.windows(2).any(|w| matches!(w, [a, b] if a.1.structure != b.1.structure));
    let cells: Vec<(String, Parts)> = chosen
        .iter()
        .map(|(_, m)| {
            let parts = parts(m);
            let label =
                if several { format!("{} {}", m.structure, parts.label) } else { parts.label.to_string() };
            (label, parts)
        })
        .collect();
    let label_width = cells.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let value_width = cells.iter().map(|(_, p)| p.value.chars().count()).max().unwrap_or(0);
    let numbered = !numbers.is_empty() && chosen.iter().any(|(_, m)| numbers.contains(&m.name));

    let mut lines: Vec<Line> = chosen
        .iter()
        .zip(&cells)
        .map(|((_, m), (label, parts))| {
            let number = match numbers.iter().position(|n| *n == m.name) {
                Some(i) => format!("{} ", i + 1),
                None if numbered => "  ".to_owned(),
                None => String::new(),
            };
            let star = if reserved(m).is_some() { "*" } else { "" };
            let Parts { value, rest, .. } = parts;
            let text = format!("{label:<label_width$} {value:>value_width$}{star} {rest}");
            Line { number, text: text.trim_end().to_owned(), valid: m.validity == Validity::Valid }
        })
        .collect();
    if !reasons.is_empty() {
        let said: Vec<&str> = reasons.iter().map(|r| r.display()).collect();
        lines.push(Line { number: String::new(), text: format!("* {}", said.join(", ")), valid: false });
    }
    lines
}

/// Why a value is not simply valid.
fn reserved(measurement: &Measurement) -> Option<Reason> {
    if measurement.validity == Validity::Valid { None } else { measurement.reason }
}

fn reservations(chosen: &[(usize, &Measurement)]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for reason in chosen.iter().filter_map(|(_, m)| reserved(m)) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use vesalius_measure::geometry::PointInFrame;
    use vesalius_measure::result::{EngineIdentity, StageTimes};
    use vesalius_measure::units::Unit;

    fn measurement(structure: &str, name: &'static str, value: Option<f64>) -> Measurement {
        Measurement {
            structure: structure.into(),
            name,
            value,
            unit: if name == "gestational_age" { Unit::Week } else { Unit::Mm },
            uncertainty: Some(1.0),
            validity: if value.is_some() { Validity::Valid } else { Validity::Invalid },
            reason: if value.is_some() { None } else { Some(Reason::NoCalibration) },
            method: "test",
            calibration_id: None,
        }
    }

    fn result(measurements: Vec<Measurement>, calipers: &[&'static str]) -> FrameResult {
        let engine = Arc::new(EngineIdentity {
            name: String::new(),
            version: String::new(),
            sha256: String::new(),
            precision: String::new(),
            backend: String::new(),
            protocol: String::new(),
        });
        let p = PointInFrame { x_px: 0.0, y_px: 0.0 };
        FrameResult {
            measurements,
            marks: calipers.iter().map(|name| Mark::Caliper { from: p, to: p, name }).collect(),
            times: StageTimes::default(),
            ..FrameResult::missing(engine, 0, Reason::NoResultYet)
        }
    }

    fn texts(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|l| format!("{}{}", l.number, l.text)).collect()
    }

    #[test]
    fn numbers_link_calipers_to_values_and_the_list_is_lined_up() {
        let head = |name, value| measurement("head", name, Some(value));
        let values = vec![
            head("area", 5.0),
            head("perimeter", 260.0),
            head("head_circumference", 264.43),
            head("bpd", 74.13),
            head("ofd", 94.02),
            head("gestational_age", 28.79),
        ];
        let result = result(values, &["bpd", "ofd"]);
        let wanted = [
            "  A     5.0 ± 1.0 mm",
            "  HC  264.4 ± 1.0 mm",
            "1 BPD  74.1 ± 1.0 mm",
            "2 OFD  94.0 ± 1.0 mm",
            "  GA  28w6d ± 1.0 wk",
        ];
        assert_eq!(texts(&lines(&result, 5)), wanted);
        assert_eq!(texts(&lines(&result, 2)), ["HC 264.4 ± 1.0 mm", "GA 28w6d ± 1.0 wk"]);
        assert!(lines(&result, 0).is_empty());
    }

    #[test]
    fn reservations_take_the_last_line() {
        let values = ["head_circumference", "bpd", "ofd", "cephalic_index"]
            .map(|name| measurement("head", name, Some(50.0)))
            .into_iter()
            .chain([measurement("head", "gestational_age", None)])
            .collect();
        let lines = lines(&result(values, &[]), 5);
        let wanted =
            ["HC  50.0 ± 1.0 mm", "BPD 50.0 ± 1.0 mm", "OFD 50.0 ± 1.0 mm", "GA    --*", "* no calibration"];
        assert_eq!(texts(&lines), wanted);
        assert!(lines[0].valid && !lines[3].valid);
    }

    #[test]
    fn of_several_objects_each_has_its_turn() {
        let mut values = Vec::new();
        for object in ["cyst#1", "cyst#4"] {
            for name in ["area", "perimeter", "ellipse_major_axis", "max_feret"] {
                values.push(measurement(object, name, Some(12.0)));
            }
        }
        let mut result = result(values, &[]);
        result.series = vec![measurement("cyst#1", "area_mean", Some(12.0))];
        let wanted = [
            "cyst#1 A         12.0 ± 1.0 mm",
            "cyst#1 max feret 12.0 ± 1.0 mm",
            "cyst#4 A         12.0 ± 1.0 mm",
            "cyst#4 max feret 12.0 ± 1.0 mm",
        ];
        assert_eq!(texts(&lines(&result, 4)), wanted);
    }

    #[test]
    fn structures_are_named_where_there_are_several() {
        let values = vec![measurement("cyst", "area", Some(1.0)), measurement("wall", "area", Some(12.0))];
        assert_eq!(texts(&lines(&result(values, &[]), 5)), ["cyst A  1.0 ± 1.0 mm", "wall A 12.0 ± 1.0 mm"]);
    }
}

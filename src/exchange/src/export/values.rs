//! Values into a Structured Report.

use std::collections::BTreeSet;
use std::path::Path;

use crate::dicom::report::{Group, Place, Value, report};
use crate::dicom::{Code, SourceImage, Uid};

use super::item::Item;
use super::{Context, ExportError, Written, write_file};
use crate::{names, run};

/// Writes the values of an item.
pub(super) fn write(
    context: &Context,
    item: &Item,
    masks: Option<&SourceImage>,
    path: &Path,
) -> Result<Written, ExportError> {
    let groups = groups(context, item);
    let count = groups.iter().map(|g| g.values.len()).sum();
    let masks_uid = masks.map_or("", |m| m.instance_uid.as_str());
    let instance_uid = context.uid(item, "report", masks_uid.as_bytes());
    let series = context.series(item, "report", 9002, "measurements");
    let of = context.belonging(item, &series, &instance_uid);
    let fail = |source| ExportError::Write { path: path.to_owned(), source };
    let file = report(&of, masks, &groups).map_err(fail)?;
    write_file(path, |to| file.write(to).map_err(fail))?;
    Ok(Written { kind: "report", file: String::new(), instance_uid: instance_uid.as_str().to_owned(), count })
}

/// Structures over the whole run first, then structure by structure in each frame. A frame in which a structure has no
/// number has no group of it: how many these are is said of the whole run.
fn groups(context: &Context, item: &Item) -> Vec<Group> {
    let run = &context.run;
    let frames = run.frames.get(item.frames.clone()).unwrap_or(&[]);
    let structures = structures(frames);
    // Values over time are written when they change: the last of them stand at the end.
    let series = frames.iter().rev().map(|f| &f.series).find(|s| !s.is_empty());
    let series: &[run::Value] = series.map_or(&[], |s| s);
    let mut groups: Vec<Group> =
        structures.iter().map(|s| over_the_run(context, item, s, frames, series)).collect();
    for (i, frame) in frames.iter().enumerate() {
        for structure in &structures {
            let values: Vec<&run::Value> =
                frame.values.iter().filter(|v| v.structure == *structure).collect();
            if values.iter().all(|v| v.value.is_none()) {
                continue;
            }
            let class = names::class_of(structure);
            let segment = run.classes.iter().position(|c| c == class).map(|at| at as u16 + 1);
            let frame_of = |(found, frame): &(u16, u32)| (Some(*found) == segment).then_some(*frame);
            let mask_frame = item.mask_frames.get(i).and_then(|m| m.iter().find_map(frame_of));
            groups.push(Group {
                place: Some(Place { source_frame: i as u32 + 1, mask_frame }),
                comment: scale(context, values.iter().copied()),
                values: values.into_iter().map(value).collect(),
                ..named(item, structure)
            });
        }
    }
    groups
}

/// The structures of a run in the order in which they first come, values over time included.
fn structures(frames: &[run::Frame]) -> Vec<String> {
    let (mut seen, mut structures) = (BTreeSet::new(), Vec::new());
    for value in frames.iter().flat_map(|f| f.values.iter().chain(&f.series)) {
        if seen.insert(value.structure.as_str()) {
            structures.push(value.structure.clone());
        }
    }
    structures
}

/// A group with the names of its structure, empty otherwise.
fn named(item: &Item, structure: &str) -> Group {
    let class = names::class_of(structure);
    let is_of_picture = matches!(class, "" | "picture" | "examination");
    Group {
        tracking_id: if structure.is_empty() { "picture".to_owned() } else { structure.to_owned() },
        tracking_uid: Uid::of([
            b"tracking".as_slice(),
            item.origin.image.instance_uid.as_bytes(),
            structure.as_bytes(),
        ]),
        finding: (!is_of_picture).then(|| names::structure(class).1),
        place: None,
        comment: String::new(),
        values: Vec::new(),
    }
}

fn over_the_run(
    context: &Context,
    item: &Item,
    structure: &str,
    frames: &[run::Frame],
    series: &[run::Value],
) -> Group {
    let has_number = |f: &&run::Frame| f.values.iter().any(|v| v.structure == structure && v.value.is_some());
    let count = |name: &str, count: usize| Value {
        name: Code::private(name),
        number: Some(count as f64),
        unit: Code::new("{frames}", "UCUM", "frames"),
        uncertainty: None,
        method: String::new(),
        remark: None,
    };
    let series: Vec<&run::Value> = series.iter().filter(|v| v.structure == structure).collect();
    let counts =
        [count("frames", frames.len()), count("frames_with_value", frames.iter().filter(has_number).count())];
    Group {
        comment: format!("over the whole run; {}", scale(context, series.iter().copied())),
        values: counts.into_iter().chain(series.into_iter().map(value)).collect(),
        ..named(item, structure)
    }
}

fn value(value: &run::Value) -> Value {
    let reason = value.reason.as_deref();
    let remark = match (value.value, value.validity.as_str(), reason) {
        (Some(_), "valid", _) => None,
        (Some(_), validity, reason) => Some(format!("{validity}: {}", reason.unwrap_or("no reason given"))),
        (None, _, reason) => Some(format!("no value: {}", reason.unwrap_or("no reason given"))),
    };
    Value {
        name: names::value(&value.name),
        number: value.value.filter(|v| v.is_finite()),
        unit: names::unit(&value.unit),
        uncertainty: value.uncertainty.filter(|u| u.is_finite()),
        method: value.method.clone(),
        remark,
    }
}

/// The scale that values rest on, in words.
fn scale<'a>(context: &Context, values: impl Iterator<Item = &'a run::Value>) -> String {
    let ids: BTreeSet<&str> = values.filter_map(|v| v.calibration_id.as_deref()).collect();
    let protocol = &context.run.head.engine.protocol;
    let refused = context.run.head.calibration_refused.as_ref();
    let scale = match (ids.is_empty(), refused) {
        (false, _) => {
            let ids: Vec<&str> = ids.into_iter().collect();
            format!("calibration {} (source:mm per pixel x by y)", ids.join(", "))
        }
        (true, Some(refused)) => format!("no calibration: {}", refused.text),
        (true, None) => "no value here rests on a calibration".to_owned(),
    };
    format!("{scale}; protocol {protocol}; not for clinical use")
}

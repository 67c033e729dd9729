//! `compare.json`, `compare.csv` and `compare_values.csv`.

use std::io;
use std::path::{Path, PathBuf};

use vesalius_ledger::summary::write_json;

use super::Compared;
use super::error::CompareError;

/// Name of the report.
pub const REPORT: &str = "compare.json";
/// Name of the table of masks: a row a frame and structure.
pub const MASKS: &str = "compare.csv";
/// Name of the table of values: a row a frame and value.
pub const VALUES: &str = "compare_values.csv";

/// Writes all three into a folder, which is made where it is not there.
///
/// # Errors
///
/// [`CompareError::Write`].
pub fn write(compared: &Compared, folder: &Path) -> Result<[PathBuf; 3], CompareError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |fault: io::Error| CompareError::Write { path, fault }
    };
    std::fs::create_dir_all(folder).map_err(fail(folder))?;
    let files = [REPORT, MASKS, VALUES].map(|name| folder.join(name));
    let [report, masks, values] = &files;
    // The tables first: whoever sees the report finds all of it.
    for (path, bytes) in [(masks, mask_rows(compared)), (values, value_rows(compared))] {
        std::fs::write(path, bytes.map_err(fail(path))?).map_err(fail(path))?;
    }
    write_json(report, &compared.report).map_err(fail(report))?;
    Ok(files)
}

fn number(value: Option<f64>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

fn finish(writer: csv::Writer<Vec<u8>>) -> io::Result<Vec<u8>> {
    writer.into_inner().map_err(|e| io::Error::other(e.to_string()))
}

fn mask_rows(compared: &Compared) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "input",
        "reference_frame",
        "candidate_frame",
        "time_s",
        "structure",
        "presence",
        "dice",
        "nsd",
        "hd95",
        "hd100",
        "distance_unit",
        "area_difference_percent",
    ])?;
    for frame in &compared.frames {
        for (structure, s) in compared.report.structures.iter().zip(&frame.structures) {
            let of = |pick: fn(&super::masks::MaskDifference) -> Option<f64>| {
                number(s.masks.as_ref().and_then(pick))
            };
            writer.write_record([
                &frame.input,
                &frame.reference_frame.to_string(),
                &frame.candidate_frame.to_string(),
                &frame.at_s.to_string(),
                &structure.structure.name,
                s.presence.name(),
                &of(|m| m.dice),
                &of(|m| m.nsd),
                &of(|m| m.hd95),
                &of(|m| m.hd100),
                compared.report.distance_unit,
                &of(super::masks::MaskDifference::area_percent),
            ])?;
        }
    }
    finish(writer)
}

fn value_rows(compared: &Compared) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "input",
        "reference_frame",
        "candidate_frame",
        "time_s",
        "structure",
        "name",
        "unit",
        "over_time",
        "reference",
        "candidate",
        "difference",
        "reference_state",
        "candidate_state",
    ])?;
    for study in &compared.values {
        for row in &study.rows {
            let Some(frame) = compared.frames.get(row.frame) else { continue };
            writer.write_record::<[&str; 13], &str>([
                &frame.input,
                &frame.reference_frame.to_string(),
                &frame.candidate_frame.to_string(),
                &frame.at_s.to_string(),
                &study.structure,
                &study.name,
                &study.unit,
                &study.over_time.to_string(),
                &number(row.reference),
                &number(row.candidate),
                &number(row.both().map(|(a, b)| study.difference(a, b))),
                &row.reference_state,
                &row.candidate_state,
            ])?;
        }
    }
    finish(writer)
}

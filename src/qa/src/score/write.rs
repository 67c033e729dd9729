//! `score.json`, `score.csv` and `score_values.csv`.

use std::io;
use std::path::{Path, PathBuf};

use vesalius_ledger::summary::write_json;

use super::Scored;
use super::error::ScoreError;
use super::report::METRICS;

/// Name of the report.
pub const REPORT: &str = "score.json";
/// Name of the table: a row a frame and structure.
pub const TABLE: &str = "score.csv";
/// Name of the table of values: a row a measured value that has a true one.
pub const VALUES: &str = "score_values.csv";

/// Writes all three into a folder, which is made where it is not there.
///
/// # Errors
///
/// [`ScoreError::Write`].
pub fn write(scored: &Scored, folder: &Path) -> Result<[PathBuf; 3], ScoreError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |fault: io::Error| ScoreError::Write { path, fault }
    };
    std::fs::create_dir_all(folder).map_err(fail(folder))?;
    let files = [REPORT, TABLE, VALUES].map(|name| folder.join(name));
    let [report, table, values] = &files;
    // The tables first: whoever sees the report finds all of it.
    for (path, bytes) in [(table, rows(scored)), (values, value_rows(scored))] {
        std::fs::write(path, bytes.map_err(fail(path))?).map_err(fail(path))?;
    }
    write_json(report, &scored.report).map_err(fail(report))?;
    Ok(files)
}

fn finish(writer: csv::Writer<Vec<u8>>) -> io::Result<Vec<u8>> {
    writer.into_inner().map_err(|e| io::Error::other(e.to_string()))
}

/// The table of values.
pub(crate) fn value_rows(scored: &Scored) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["input", "frame", "patient", "name", "unit", "measured", "true"])?;
    for pair in &scored.pairs {
        writer.write_record::<[&str; 7], &str>([
            &pair.input,
            // A value of a whole clip is of no frame.
            &pair.frame.map(|n| n.to_string()).unwrap_or_default(),
            &pair.patient.to_string(),
            &pair.name,
            pair.unit,
            &pair.measured.to_string(),
            &pair.truth.to_string(),
        ])?;
    }
    finish(writer)
}

/// The table.
pub(crate) fn rows(scored: &Scored) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fixed = ["input", "frame", "time_s", "patient", "video", "structure", "presence", "distance_unit"];
    let objects =
        ["objects_found", "objects_missed", "objects_false", "true_pixels", "predicted_pixels", "run"];
    writer.write_record(fixed.into_iter().chain(METRICS.iter().map(|m| m.0)).chain(objects))?;
    let number = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
    for frame in &scored.frames.frames {
        for (structure, score) in scored.frames.structures.iter().zip(&frame.scores) {
            let presence = serde_json::to_value(score.presence)?;
            let mut row = vec![
                frame.input.clone(),
                frame.frame.to_string(),
                frame.at_s.to_string(),
                // Numbers, in the order in which they came: what patients are called stays in the truth.
                frame.patient.to_string(),
                frame.video.to_string(),
                structure.name.clone(),
                presence.as_str().unwrap_or_default().to_owned(),
                scored.report.distance_unit.to_owned(),
            ];
            row.extend(METRICS.iter().map(|&(.., pick)| number(pick(score))));
            let objects = score.instances.map(|i| [i.matched, i.truth_only, i.prediction_only]);
            row.extend(
                (0..3).map(|k| {
                    objects.and_then(|o| o.get(k).copied()).map_or(String::new(), |n| n.to_string())
                }),
            );
            row.extend([score.pixels.truth(), score.pixels.prediction()].map(|n| n.to_string()));
            row.push(frame.run.to_string());
            writer.write_record(row)?;
        }
    }
    finish(writer)
}

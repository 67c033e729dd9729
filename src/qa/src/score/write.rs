//! `score.json` and `score.csv`.

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

/// Writes both into a folder, which is made where it is not there.
///
/// # Errors
///
/// [`ScoreError::Write`].
pub fn write(scored: &Scored, folder: &Path) -> Result<[PathBuf; 2], ScoreError> {
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |fault: io::Error| ScoreError::Write { path, fault }
    };
    std::fs::create_dir_all(folder).map_err(fail(folder))?;
    let (report, table) = (folder.join(REPORT), folder.join(TABLE));
    // The table first: whoever sees the report finds all of it.
    let bytes = rows(scored).map_err(fail(&table))?;
    std::fs::write(&table, bytes).map_err(fail(&table))?;
    write_json(&report, &scored.report).map_err(fail(&report))?;
    Ok([report, table])
}

fn rows(scored: &Scored) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fixed = ["input", "frame", "time_s", "patient", "video", "structure", "presence", "distance_unit"];
    let objects = ["objects_found", "objects_missed", "objects_false"];
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
            writer.write_record(row)?;
        }
    }
    writer.into_inner().map_err(|e| io::Error::other(e.to_string()))
}

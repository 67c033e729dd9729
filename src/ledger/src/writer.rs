//! Writes a run's files as results come.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use vesalius_measure::result::Measurement;

use crate::lines::LineFile;
use crate::record::{FrameRecord, RunRecord};
use crate::values::Departed;

/// Name of the frames' records.
pub const RESULTS: &str = "results.jsonl";
/// Name of the table of values.
pub const MEASUREMENTS: &str = "measurements.csv";
/// Name of the page about the run.
pub const SUMMARY: &str = "summary.json";

/// A file of the run cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{file} cannot be written: {source}; make room or choose another folder with --out")]
pub struct LedgerError {
    /// The file, without the way to it.
    pub file: String,
    /// Why not.
    pub source: io::Error,
}

/// A run's open files.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    results: LineFile,
    measurements: LineFile,
}

fn fail(file: &'static str) -> impl Fn(io::Error) -> LedgerError {
    move |source| LedgerError { file: file.to_owned(), source }
}

fn json_line(line: &mut Vec<u8>, record: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *line, record)?;
    line.write_all(b"\n")
}

impl Ledger {
    /// Begins the files of a run in a folder that exists.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    pub fn create(folder: &Path, run: &RunRecord) -> Result<Self, LedgerError> {
        let mut results = LineFile::create(&folder.join(RESULTS)).map_err(fail(RESULTS))?;
        results.append(|line| json_line(line, run)).map_err(fail(RESULTS))?;
        let mut measurements = LineFile::create(&folder.join(MEASUREMENTS)).map_err(fail(MEASUREMENTS))?;
        measurements
            .append(|line| {
                line.write_all(b"input,frame,pts_ns,structure,name,value,unit,uncertainty,validity,reason\n")
            })
            .map_err(fail(MEASUREMENTS))?;
        Ok(Self { folder: folder.to_owned(), results, measurements })
    }

    /// Writes a frame.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]; the files then end with the frame before.
    pub fn frame(&mut self, record: &FrameRecord<'_>) -> Result<(), LedgerError> {
        self.results.append(|line| json_line(line, record)).map_err(fail(RESULTS))?;
        self.measurements
            .append(|lines| rows(lines, Place::of(record), record.values))
            .map_err(fail(MEASUREMENTS))
    }

    /// Writes the values over time of an input into the table, as they stand with its last frame.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    pub fn series(&mut self, last: &FrameRecord<'_>) -> Result<(), LedgerError> {
        self.measurements
            .append(|lines| rows(lines, Place::of(last), last.series))
            .map_err(fail(MEASUREMENTS))
    }

    /// Writes the values over time of an object into the table, as they stood when it went away.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    pub fn departed(&mut self, object: &Departed) -> Result<(), LedgerError> {
        let place = Place { input: &object.input, frame: object.frame, pts_ns: object.pts_ns };
        self.measurements.append(|lines| rows(lines, place, &object.series)).map_err(fail(MEASUREMENTS))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    pub fn finish(self) -> Result<(), LedgerError> {
        self.results.sync().map_err(fail(RESULTS))?;
        self.measurements.sync().map_err(fail(MEASUREMENTS))
    }
}

/// The frame that rows of the table are of.
struct Place<'a> {
    input: &'a str,
    frame: u64,
    pts_ns: u64,
}

impl<'a> Place<'a> {
    fn of(record: &FrameRecord<'a>) -> Self {
        Self { input: record.input, frame: record.frame, pts_ns: record.pts_ns }
    }
}

fn rows(lines: &mut Vec<u8>, place: Place<'_>, values: &[Measurement]) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(lines);
    let (frame, pts) = (place.frame.to_string(), place.pts_ns.to_string());
    let number = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
    for m in values {
        writer.write_record([
            place.input,
            &frame,
            &pts,
            &m.structure,
            m.name,
            &number(m.value),
            m.unit.ucum(),
            &number(m.uncertainty),
            m.validity.as_str(),
            m.reason.map_or("", |r| r.code()),
        ])?;
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{InputRecord, SCHEMA};
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use vesalius_measure::result::{EngineIdentity, FrameResult, Reason, Validity};
    use vesalius_measure::units::Unit;

    fn engine() -> EngineIdentity {
        EngineIdentity {
            name: "fetal-head".into(),
            version: "1.0.0".into(),
            sha256: "ab".repeat(32),
            precision: "f32".into(),
            backend: "onnxruntime-cpu".into(),
            protocol: "fetal-head".into(),
        }
    }

    fn run() -> RunRecord {
        RunRecord {
            record: "run",
            schema: SCHEMA,
            started_utc: "2026-01-01T00:00:00Z".into(),
            software: BTreeMap::from([("vesalius".into(), "0.1.0".into())]),
            engine: engine(),
            input: InputRecord { name: "a,b.mp4".into(), kind: "video", sha256: "cd".repeat(32), bytes: 7 },
            calibration: None,
            calibration_refused: None,
            timebase: None,
            configuration: BTreeMap::new(),
            not_for_clinical_use: true,
        }
    }

    #[test]
    fn lines_and_rows_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(folder.path(), &run()).unwrap();
        let mut result = FrameResult::missing(Arc::new(engine()), 5, Reason::NoResultYet);
        result.measurements = vec![
            Measurement {
                structure: "head".into(),
                name: "bpd",
                value: Some(74.25),
                unit: Unit::Mm,
                uncertainty: Some(0.5),
                validity: Validity::Valid,
                reason: None,
                method: "m",
                calibration_id: Some("operator:0.2x0.2".into()),
            },
            Measurement {
                structure: "head".into(),
                name: "gestational_age",
                value: None,
                unit: Unit::Week,
                uncertainty: None,
                validity: Validity::Invalid,
                reason: Some(Reason::NoCalibration),
                method: "m",
                calibration_id: None,
            },
        ];
        ledger.frame(&FrameRecord::new("a,b.mp4", 3, 5, [800, 540], &result)).unwrap();
        ledger.finish().unwrap();

        let lines = std::fs::read_to_string(folder.path().join(RESULTS)).unwrap();
        let parsed: Vec<serde_json::Value> =
            lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(parsed.len(), 2);
        assert_eq!(parsed[0]["engine"]["name"], "fetal-head");
        assert_eq!(parsed[1]["values"][0]["unit"], "mm");
        assert_eq!(parsed[1]["values"][1]["reason"], "NO_CALIBRATION");
        assert_eq!(parsed[1]["reason"], "NO_RESULT_YET");

        let mut table = csv::Reader::from_path(folder.path().join(MEASUREMENTS)).unwrap();
        let header = table.headers().unwrap().iter().collect::<Vec<_>>().join(",");
        assert_eq!(header, "input,frame,pts_ns,structure,name,value,unit,uncertainty,validity,reason");
        let rows: Vec<_> = table.records().map(Result::unwrap).collect();
        assert_eq!(
            rows[0].iter().collect::<Vec<_>>(),
            ["a,b.mp4", "3", "5", "head", "bpd", "74.25", "mm", "0.5", "valid", ""]
        );
        assert_eq!(
            rows[1].iter().collect::<Vec<_>>(),
            ["a,b.mp4", "3", "5", "head", "gestational_age", "", "wk", "", "invalid", "NO_CALIBRATION"]
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_one_line() {
        let error = Ledger::create(Path::new("/nowhere/at/all"), &run()).unwrap_err();
        assert!(error.to_string().starts_with("results.jsonl cannot be written"), "{error}");
    }
}

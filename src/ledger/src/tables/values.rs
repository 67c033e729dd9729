//! The table of values.

use std::path::Path;

use super::TableError;
use super::column::{Column, GROUP_ROWS, Maybe, TableFile, Texts};
use crate::writer::MEASUREMENTS;

const COLUMNS: &str = "message values {
    REQUIRED BYTE_ARRAY run (STRING);
    REQUIRED BYTE_ARRAY input (STRING);
    REQUIRED INT64 frame;
    REQUIRED INT64 pts_ns;
    REQUIRED BYTE_ARRAY structure (STRING);
    REQUIRED BYTE_ARRAY name (STRING);
    OPTIONAL DOUBLE value;
    REQUIRED BYTE_ARRAY unit (STRING);
    OPTIONAL DOUBLE uncertainty;
    REQUIRED BYTE_ARRAY validity (STRING);
    OPTIONAL BYTE_ARRAY reason (STRING);
}";

/// Writes values of runs as they stand in `measurements.csv`, one after the other.
pub struct ValueTable {
    file: TableFile,
    texts: [Texts; 7],
    frame: Vec<i64>,
    pts_ns: Vec<i64>,
    value: Maybe<f64>,
    uncertainty: Maybe<f64>,
    rows: u64,
}

impl ValueTable {
    /// Begins a table; it takes its place when it is finished.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`].
    pub fn create(path: &Path) -> Result<Self, TableError> {
        Ok(Self {
            file: TableFile::create(path, COLUMNS)?,
            texts: Default::default(),
            frame: Vec::new(),
            pts_ns: Vec::new(),
            value: Maybe::default(),
            uncertainty: Maybe::default(),
            rows: 0,
        })
    }

    /// Adds the values of the run in `folder`; `run` names it in the table.
    ///
    /// # Errors
    ///
    /// [`TableError`].
    pub fn add_run(&mut self, run: &str, folder: &Path) -> Result<(), TableError> {
        let path = folder.join(MEASUREMENTS);
        let fail = |line: u64, message: String| TableError::Read { path: path.clone(), line, message };
        let mut reader = csv::ReaderBuilder::new().from_path(&path).map_err(|e| fail(0, e.to_string()))?;
        let mut row = csv::ByteRecord::new();
        loop {
            let line = reader.position().line();
            if !reader.read_byte_record(&mut row).map_err(|e| fail(line, e.to_string()))? {
                return Ok(());
            }
            self.add(run, &row).map_err(|what| fail(line, what.to_owned()))?;
            if self.frame.len() >= GROUP_ROWS {
                self.write()?;
            }
        }
    }

    fn add(&mut self, run: &str, row: &csv::ByteRecord) -> Result<(), &'static str> {
        let field = |at: usize| row.get(at).unwrap_or_default();
        let (frame, pts_ns) = (whole(field(1))?, whole(field(2))?);
        let (value, uncertainty) = (number(field(5))?, number(field(7))?);
        if row.len() != 10 {
            return Err("it does not have the ten columns of a run's values");
        }
        self.frame.push(frame);
        self.pts_ns.push(pts_ns);
        self.value.push(value);
        self.uncertainty.push(uncertainty);
        let [of_run, input, structure, name, unit, validity, reason] = &mut self.texts;
        of_run.push(run.as_bytes());
        input.push(field(0));
        structure.push(field(3));
        name.push(field(4));
        unit.push(field(6));
        validity.push(field(8));
        reason.push_unless_empty(field(9));
        self.rows += 1;
        Ok(())
    }

    fn write(&mut self) -> Result<(), TableError> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let [of_run, input, structure, name, unit, validity, reason] = &mut self.texts;
        self.file.write([
            Column::Text(of_run),
            Column::Text(input),
            Column::Int(&mut self.frame),
            Column::Int(&mut self.pts_ns),
            Column::Text(structure),
            Column::Text(name),
            Column::Double(&mut self.value),
            Column::Text(unit),
            Column::Double(&mut self.uncertainty),
            Column::Text(validity),
            Column::MaybeText(reason),
        ])
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Puts the table in its place.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`].
    pub fn finish(mut self) -> Result<(), TableError> {
        self.write()?;
        self.file.finish()
    }
}

fn whole(text: &[u8]) -> Result<i64, &'static str> {
    std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()).ok_or("frame or time is not a whole number")
}

fn number(text: &[u8]) -> Result<Option<f64>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()).map(Some).ok_or("a value is not a number")
}

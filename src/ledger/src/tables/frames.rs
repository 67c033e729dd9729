//! The table of structures by frame.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

use super::TableError;
use super::column::{Column, GROUP_ROWS, Maybe, TableFile, Texts};
use crate::writer::RESULTS;

// A frame without a result has one row without a structure.
const COLUMNS: &str = "message frames {
    REQUIRED BYTE_ARRAY run (STRING);
    REQUIRED BYTE_ARRAY input (STRING);
    REQUIRED INT64 frame;
    REQUIRED INT64 pts_ns;
    REQUIRED INT64 width_px;
    REQUIRED INT64 height_px;
    REQUIRED BYTE_ARRAY status (STRING);
    OPTIONAL BYTE_ARRAY reason (STRING);
    OPTIONAL DOUBLE unlikeness;
    REQUIRED BOOLEAN unlike_training;
    OPTIONAL BYTE_ARRAY structure (STRING);
    REQUIRED BOOLEAN found;
    OPTIONAL DOUBLE confidence;
    OPTIONAL BYTE_ARRAY withheld (STRING);
    OPTIONAL DOUBLE border_fraction;
}";

/// Writes what was found in the frames of runs as it stands in `results.jsonl`, one run after the other.
pub struct FrameTable {
    file: TableFile,
    texts: [Texts; 6],
    ints: [Vec<i64>; 4],
    unlike: Vec<bool>,
    found: Vec<bool>,
    unlikeness: Maybe<f64>,
    confidence: Maybe<f64>,
    border_fraction: Maybe<f64>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    input: Cow<'a, str>,
    frame: i64,
    pts_ns: i64,
    size: [u32; 2],
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
    #[serde(default)]
    unlikeness: Option<Unlikeness>,
    #[serde(borrow, default)]
    structures: Vec<Structure<'a>>,
}

#[derive(Deserialize)]
struct Unlikeness {
    score: f64,
    unlike: bool,
}

#[derive(Deserialize)]
struct Structure<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    found: bool,
    confidence: Option<f64>,
    #[serde(borrow, default)]
    withheld: Option<Cow<'a, str>>,
    border_fraction: Option<f64>,
}

/// Nothing where there is no text.
fn text<'a>(text: Option<&'a Cow<'_, str>>) -> &'a [u8] {
    text.map_or(&[], |t| t.as_bytes())
}

impl FrameTable {
    /// Begins a table; it takes its place when it is finished.
    ///
    /// # Errors
    ///
    /// [`TableError::Write`].
    pub fn create(path: &Path) -> Result<Self, TableError> {
        Ok(Self {
            file: TableFile::create(path, COLUMNS)?,
            texts: Default::default(),
            ints: Default::default(),
            unlike: Vec::new(),
            found: Vec::new(),
            unlikeness: Maybe::default(),
            confidence: Maybe::default(),
            border_fraction: Maybe::default(),
        })
    }

    /// Adds the frames of the run in `folder`; `run` names it in the table.
    ///
    /// # Errors
    ///
    /// [`TableError`].
    pub fn add_run(&mut self, run: &str, folder: &Path) -> Result<(), TableError> {
        let path = folder.join(RESULTS);
        let fail = |line: u64, message: String| TableError::Read { path: path.clone(), line, message };
        let file = File::open(&path).map_err(|e| fail(0, e.to_string()))?;
        let mut lines = BufReader::with_capacity(1 << 16, file);
        let (mut text, mut line) = (String::new(), 0);
        loop {
            text.clear();
            line += 1;
            if lines.read_line(&mut text).map_err(|e| fail(line, e.to_string()))? == 0 {
                return Ok(());
            }
            // The first line says what the run is.
            if line > 1 {
                let frame: Frame<'_> = serde_json::from_str(&text).map_err(|e| fail(line, e.to_string()))?;
                self.add(run, &frame);
                if self.found.len() >= GROUP_ROWS {
                    self.write()?;
                }
            }
        }
    }

    fn add(&mut self, run: &str, frame: &Frame<'_>) {
        if frame.structures.is_empty() {
            self.row(run, frame, None);
        }
        for structure in &frame.structures {
            self.row(run, frame, Some(structure));
        }
    }

    fn row(&mut self, run: &str, frame: &Frame<'_>, structure: Option<&Structure<'_>>) {
        let [of_run, input, status, reason, name, withheld] = &mut self.texts;
        of_run.push(run.as_bytes());
        input.push(frame.input.as_bytes());
        status.push(frame.status.as_bytes());
        reason.push_unless_empty(text(frame.reason.as_ref()));
        name.push_unless_empty(text(structure.map(|s| &s.name)));
        withheld.push_unless_empty(text(structure.and_then(|s| s.withheld.as_ref())));
        let numbers = [frame.frame, frame.pts_ns, frame.size[0].into(), frame.size[1].into()];
        for (column, value) in self.ints.iter_mut().zip(numbers) {
            column.push(value);
        }
        self.unlike.push(frame.unlikeness.as_ref().is_some_and(|u| u.unlike));
        self.unlikeness.push(frame.unlikeness.as_ref().map(|u| u.score));
        self.found.push(structure.is_some_and(|s| s.found));
        self.confidence.push(structure.and_then(|s| s.confidence));
        self.border_fraction.push(structure.and_then(|s| s.border_fraction));
    }

    fn write(&mut self) -> Result<(), TableError> {
        if self.found.is_empty() {
            return Ok(());
        }
        let [of_run, input, status, reason, name, withheld] = &mut self.texts;
        let [frame, pts_ns, width, height] = &mut self.ints;
        self.file.write([
            Column::Text(of_run),
            Column::Text(input),
            Column::Int(frame),
            Column::Int(pts_ns),
            Column::Int(width),
            Column::Int(height),
            Column::Text(status),
            Column::MaybeText(reason),
            Column::Double(&mut self.unlikeness),
            Column::Bool(&mut self.unlike),
            Column::MaybeText(name),
            Column::Bool(&mut self.found),
            Column::Double(&mut self.confidence),
            Column::MaybeText(withheld),
            Column::Double(&mut self.border_fraction),
        ])
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

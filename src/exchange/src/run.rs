//! A run as it is exported: what it says of itself, its frames and their values.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use vesalius_ledger::record::SCHEMA;
use vesalius_ledger::writer::RESULTS;

use crate::export::ExportError;

/// The engine of a run.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Engine {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
    #[serde(default)]
    pub(crate) precision: String,
    #[serde(default)]
    pub(crate) backend: String,
    #[serde(default)]
    pub(crate) protocol: String,
}

/// The input of a run.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) sha256: String,
}

/// The first line of a run's records.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Head {
    record: String,
    schema: u32,
    pub(crate) started_utc: String,
    #[serde(default)]
    pub(crate) software: std::collections::BTreeMap<String, String>,
    pub(crate) engine: Engine,
    pub(crate) input: Input,
    #[serde(default)]
    pub(crate) calibration_refused: Option<Refused>,
}

/// Why the input's scale is not used.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refused {
    pub(crate) text: String,
}

/// A value as it was measured.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Value {
    #[serde(default)]
    pub(crate) structure: String,
    pub(crate) name: String,
    pub(crate) value: Option<f64>,
    pub(crate) unit: String,
    #[serde(default)]
    pub(crate) uncertainty: Option<f64>,
    pub(crate) validity: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) calibration_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Structure {
    name: String,
}

/// A frame of a run.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Frame {
    pub(crate) input: String,
    pub(crate) frame: u64,
    pub(crate) pts_ns: u64,
    pub(crate) size: [u32; 2],
    #[serde(default)]
    structures: Vec<Structure>,
    #[serde(default)]
    pub(crate) values: Vec<Value>,
    #[serde(default)]
    pub(crate) series: Vec<Value>,
    /// Name of its mask and annotated still, without ending.
    #[serde(skip)]
    pub(crate) stem: String,
}

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) folder: PathBuf,
    pub(crate) head: Head,
    /// Classes by name; label n of the masks is the n-th, from 1.
    pub(crate) classes: Vec<String>,
    pub(crate) frames: Vec<Frame>,
}

impl Run {
    /// Reads a run's records.
    pub(crate) fn read(folder: &Path) -> Result<Self, ExportError> {
        let path = folder.join(RESULTS);
        let bad = |line: usize, message: String| ExportError::Record { path: path.clone(), line, message };
        let file = std::fs::File::open(&path).map_err(|_| ExportError::NoRun(folder.to_owned()))?;
        let mut lines = std::io::BufReader::new(file).lines().enumerate();
        let first = lines.next().map(|(_, line)| line).transpose().map_err(|e| bad(1, e.to_string()))?;
        let head: Head =
            serde_json::from_str(&first.unwrap_or_default()).map_err(|e| bad(1, e.to_string()))?;
        if head.record != "run" || head.schema != SCHEMA {
            return Err(bad(
                1,
                format!("it is of format {}, and {SCHEMA} is read: replay again", head.schema),
            ));
        }
        let mut run = Self { folder: folder.to_owned(), head, classes: Vec::new(), frames: Vec::new() };
        for (i, line) in lines {
            let line = line.map_err(|e| bad(i + 1, e.to_string()))?;
            let frame: Frame = serde_json::from_str(&line).map_err(|e| bad(i + 1, e.to_string()))?;
            if run.classes.is_empty() {
                run.classes = frame.structures.iter().map(|s| s.name.clone()).collect();
            }
            run.frames.push(frame);
        }
        if run.frames.is_empty() {
            return Err(ExportError::NoFrames(folder.to_owned()));
        }
        run.name_pictures();
        Ok(run)
    }

    /// Whether the input is a recording rather than stills.
    pub(crate) fn is_clip(&self) -> bool {
        matches!(self.head.input.kind.as_str(), "video" | "dicom")
    }

    /// As a replay names them: a clip's by number; stills' by the file's stem or, where several share one, by the whole name.
    fn name_pictures(&mut self) {
        let stem = |name: &str| {
            Path::new(name).file_stem().map_or_else(|| name.to_owned(), |s| s.to_string_lossy().into_owned())
        };
        let mut count = std::collections::HashMap::new();
        for frame in &self.frames {
            *count.entry(stem(&frame.input)).or_insert(0_u32) += 1;
        }
        let is_clip = self.is_clip();
        for frame in &mut self.frames {
            let name = stem(&frame.input);
            frame.stem = match (is_clip, count.get(&name)) {
                (true, _) => format!("{:06}", frame.frame),
                (false, Some(1)) => name,
                _ => frame.input.clone(),
            };
        }
    }
}

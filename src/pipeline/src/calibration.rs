//! The calibration of each input: one for all, or a table by file name.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use vesalius_dicom::{NoScale, Recording};
use vesalius_measure::calibration::{Calibration, CalibrationSource, Scale};
use vesalius_measure::units::MmPerPx;

use crate::dicom;
use crate::error::ReplayError;
use crate::input::file_name;

/// The scale of one file.
#[derive(Clone, Debug)]
pub(crate) struct FileScale {
    /// `None` where the measuring element finds it itself.
    pub(crate) scale: Option<Scale>,
    /// Why what the file itself says is no scale.
    pub(crate) refused: Option<NoScale>,
}

impl FileScale {
    /// The scale that a DICOM file carries.
    pub(crate) fn of_recording(recording: &Recording) -> Self {
        let (scale, refused) = dicom::scale(recording);
        Self { scale: Some(scale), refused }
    }
}

/// What was said about the scale.
#[derive(Clone, Debug, Default)]
pub enum CalibrationChoice {
    /// Nothing: no millimetres.
    #[default]
    None,
    /// One scale for everything.
    All(Arc<Calibration>),
    /// A statement that the measuring element follows as the picture goes on: a ruler, distances, device profiles, or a scale
    /// that a change of depth ends.
    Stated {
        /// As the element's property `calibration` takes it.
        text: String,
        /// Whether a change of depth ends a scale that was stated as a number, too.
        watch_depth: bool,
    },
    /// A scale a file.
    Table {
        /// Where it was read from.
        path: PathBuf,
        /// Scales by file name.
        by_file: HashMap<String, Arc<Calibration>>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    file: String,
    mm_per_px_x: f64,
    mm_per_px_y: f64,
}

impl CalibrationChoice {
    /// Reads `MM_PER_PX`, `X,Y`, the path of a CSV with the header `file,mm_per_px_x,mm_per_px_y`, or a statement:
    /// `ruler:MM`, `caliper:X,Y,X,Y=MM`, `profile:FILE,…`.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] for what is none of them.
    pub fn parse(text: &str, watch_depth: bool) -> Result<Self, ReplayError> {
        let path = Path::new(text);
        let looks_like_file =
            path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")) || path.is_file();
        if looks_like_file {
            return Self::read_table(path);
        }
        if watch_depth || text.contains(':') {
            gstvesalius::read_statement(text).map_err(|message| ReplayError::Statement { message })?;
            return Ok(Self::Stated { text: text.to_owned(), watch_depth });
        }
        Ok(Self::All(Arc::new(Calibration::parse(text, CalibrationSource::Operator)?)))
    }

    fn read_table(path: &Path) -> Result<Self, ReplayError> {
        let fail = |message: String| ReplayError::CalibrationTable { path: path.to_owned(), message };
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(|e| match e.kind() {
                csv::ErrorKind::Io(io) if io.kind() == std::io::ErrorKind::NotFound => {
                    ReplayError::Missing { path: path.to_owned() }
                }
                _ => fail(format!("cannot be read as a table: {e}")),
            })?;
        let mut by_file = HashMap::new();
        for (i, row) in reader.deserialize::<Row>().enumerate() {
            let line = i + 2;
            let row = row.map_err(|e| {
                let reason = e.to_string().replace('\n', " ");
                fail(format!("line {line}: {reason}; the header is file,mm_per_px_x,mm_per_px_y"))
            })?;
            let scale = Calibration::new(
                MmPerPx(row.mm_per_px_x),
                MmPerPx(row.mm_per_px_y),
                CalibrationSource::Table,
                0.0,
            )
            .map_err(|e| fail(format!("line {line} ('{}'): {e}", row.file)))?;
            if by_file.insert(row.file.clone(), Arc::new(scale)).is_some() {
                return Err(fail(format!("line {line}: '{}' stands there twice", row.file)));
            }
        }
        Ok(Self::Table { path: path.to_owned(), by_file })
    }

    /// The scale of a file.
    ///
    /// # Errors
    ///
    /// [`ReplayError::NotCalibrated`] where there is a table and the file is not in it: measuring it in pixels
    /// beside others in millimetres would look like an oversight, and would be one.
    pub fn of(&self, path: &Path) -> Result<Option<Arc<Calibration>>, ReplayError> {
        match self {
            Self::None | Self::Stated { .. } => Ok(None),
            Self::All(calibration) => Ok(Some(calibration.clone())),
            Self::Table { by_file, .. } => {
                let file = file_name(path);
                by_file.get(&file).cloned().map(Some).ok_or(ReplayError::NotCalibrated { file })
            }
        }
    }

    /// The scale of a file: as stated or, where nothing is stated, the one that a DICOM file carries.
    ///
    /// # Errors
    ///
    /// As [`CalibrationChoice::of`], and [`ReplayError::Dicom`].
    pub(crate) fn scale_of(&self, path: &Path) -> Result<FileScale, ReplayError> {
        if matches!(self, Self::None) && dicom::is_dicom(path) {
            return Ok(FileScale::of_recording(&dicom::open(path)?));
        }
        let stated = matches!(self, Self::Stated { .. });
        let scale = self.of(path)?.into();
        Ok(FileScale { scale: (!stated).then_some(scale), refused: None })
    }

    /// The statement that the measuring element follows, where there is one.
    pub(crate) fn stated(&self) -> Option<&str> {
        match self {
            Self::Stated { text, .. } => Some(text),
            Self::None | Self::All(_) | Self::Table { .. } => None,
        }
    }

    /// The one scale of everything, where there is one.
    pub fn common(&self) -> Option<&Arc<Calibration>> {
        match self {
            Self::All(calibration) => Some(calibration),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(content: &str) -> Result<CalibrationChoice, ReplayError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.csv");
        std::fs::write(&path, content).unwrap();
        CalibrationChoice::parse(path.to_str().unwrap(), false)
    }

    #[test]
    fn numbers_and_tables() {
        assert!(matches!(CalibrationChoice::parse("0.2", false), Ok(CalibrationChoice::All(_))));
        assert!(matches!(CalibrationChoice::parse("0.2,0.3", false), Ok(CalibrationChoice::All(_))));
        let t = table("file,mm_per_px_x,mm_per_px_y\na.png,0.1,0.2\n").unwrap();
        assert_eq!(t.of(Path::new("x/a.png")).unwrap().unwrap().mm_per_px_y(), MmPerPx(0.2));
        assert!(matches!(t.of(Path::new("b.png")), Err(ReplayError::NotCalibrated { .. })));
    }

    #[test]
    fn every_fault_of_a_table_is_one_line() {
        for (content, says) in [
            ("file,mm_per_px_x\na.png,0.1\n", "line 2"),
            ("file,mm_per_px_x,mm_per_px_y\na.png,0.1,zero\n", "line 2"),
            ("file,mm_per_px_x,mm_per_px_y\na.png,0.1,0.1\nb.png,0,0.1\n", "line 3 ('b.png')"),
            ("file,mm_per_px_x,mm_per_px_y\na.png,nan,0.1\n", "line 2 ('a.png')"),
            ("file,mm_per_px_x,mm_per_px_y\na.png,1,1\na.png,1,1\n", "twice"),
        ] {
            let error = table(content).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains('\n'), "{content:?}: {error}");
        }
        for text in ["ruler:10", "caliper:0,0,0,300=60"] {
            let choice = CalibrationChoice::parse(text, false);
            assert!(matches!(choice, Ok(CalibrationChoice::Stated { watch_depth: false, .. })), "{text}");
        }
        for text in ["ruler:0", "caliper:1", "profile:none.toml", "guess:1"] {
            let error = CalibrationChoice::parse(text, false).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{text}: {error}");
        }
        assert!(matches!(CalibrationChoice::parse("none.csv", false), Err(ReplayError::Missing { .. })));
        assert!(matches!(CalibrationChoice::parse("many", false), Err(ReplayError::Calibration(_))));
    }
}

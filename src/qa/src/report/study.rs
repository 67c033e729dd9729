//! What a report is of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::document::Document;
use super::error::ReportError;
use super::pictures::{Pictures, Wanted};
use super::scores::Scores;
use super::sections;
use crate::compare::{self, Compared};
use crate::score::run::Run;
use crate::score::truth::Truth;
use crate::score::{self, Settings, join};

/// What a report is asked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Truth, a folder or a table.
    pub truth: Option<PathBuf>,
    /// Folder in which `vesalius score` left its files for these runs: masks are not scored again then.
    pub scores: Option<PathBuf>,
    /// How two runs are compared, and with what settings anything is scored.
    pub compare: compare::Options,
    /// Title in place of the usual one.
    pub title: Option<String>,
}

/// Two runs of the same inputs.
#[derive(Debug)]
pub struct Comparison {
    /// The second of them, study by study; the first are the study's own runs.
    pub candidate: Vec<Run>,
    /// What came out.
    pub compared: Compared,
    /// The same as `compare.json` has it.
    pub json: Value,
}

/// Runs, read and looked at.
#[derive(Debug)]
pub struct Study {
    /// The runs; of a comparison, the reference.
    pub runs: Vec<Run>,
    /// How they agree with truth.
    pub scores: Option<Scores>,
    /// How another run agrees with them.
    pub comparison: Option<Comparison>,
    /// True masks, by number of the run and of the frame.
    pub truth_masks: BTreeMap<(usize, u64), PathBuf>,
    /// How things are scored.
    pub settings: Settings,
    /// Title in place of the usual one.
    pub title: Option<String>,
}

impl Study {
    /// Reads runs. Two of the same inputs are compared, the first being the reference; all others are one study.
    ///
    /// # Errors
    ///
    /// [`ReportError`].
    pub fn read(paths: &[PathBuf], options: &Options) -> Result<Self, ReportError> {
        let mut seen = BTreeSet::new();
        for path in paths {
            let real = path.canonicalize().unwrap_or_else(|_| path.clone());
            if !seen.insert(real) {
                return Err(ReportError::Twice(path.clone()));
            }
        }
        let settings = options.compare.settings.clone();
        let mut study = Self {
            runs: Vec::new(),
            scores: None,
            comparison: None,
            truth_masks: BTreeMap::new(),
            settings,
            title: options.title.clone(),
        };
        if let [reference, candidate] = paths {
            let both = [Run::read_all(reference)?, Run::read_all(candidate)?];
            if share_an_input(&both) {
                study.compare(both, options)?;
                return Ok(study);
            }
        }
        study.runs = Run::read_study(paths)?;
        study.check()?;
        if let Some(truth) = &options.truth {
            study.find_truth_masks(truth)?;
        }
        let folder = paths.first().map_or(Path::new("."), PathBuf::as_path);
        study.scores = match (&options.scores, &options.truth) {
            (Some(scores), _) => Some(Scores::read(scores, &study.runs)?),
            (None, Some(truth)) => {
                let truth = Truth::read(truth, study.settings.by.as_deref())?;
                Some(Scores::of(&score::score_runs(&study.runs, &truth, &study.settings, None)?, folder)?)
            }
            (None, None) => None,
        };
        Ok(study)
    }

    fn check(&self) -> Result<(), ReportError> {
        match self.runs.iter().find(|run| run.frames.is_empty()) {
            Some(run) => Err(ReportError::NoFrames(run.folder.clone())),
            None => Ok(()),
        }
    }

    fn compare(&mut self, both: [Vec<Run>; 2], options: &Options) -> Result<(), ReportError> {
        let compare = compare::Options { truth: options.truth.clone(), ..options.compare.clone() };
        let compared = compare::compare_runs(&both, &compare)?;
        let json = serde_json::to_value(&compared.report).map_err(|e| ReportError::Scores {
            path: PathBuf::from("compare.json"),
            message: e.to_string(),
        })?;
        let [reference, candidate] = both;
        self.runs = reference;
        self.comparison = Some(Comparison { candidate, compared, json });
        Ok(())
    }

    fn find_truth_masks(&mut self, truth: &Path) -> Result<(), ReportError> {
        let truth = Truth::read(truth, self.settings.by.as_deref())?;
        let joined = join::join(&self.runs, &truth)?;
        let masks = joined.matches.iter();
        self.truth_masks =
            masks.filter_map(|m| Some(((m.run_index, m.frame.number), m.truth.mask.clone()?))).collect();
        Ok(())
    }

    /// The frames that the report shows.
    pub fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::new();
        for look in sections::worst::looks(self) {
            wanted.entry(look.run).or_default().insert(look.frame);
        }
        wanted
    }

    /// The report, with the pictures that were found.
    pub fn document(&self, pictures: &Pictures) -> Document {
        sections::document(self, pictures)
    }
}

fn share_an_input(both: &[Vec<Run>; 2]) -> bool {
    let key = |run: &Run| {
        let hash = run.head.pointer("/input/sha256").and_then(Value::as_str).unwrap_or_default();
        (run.input.clone(), hash.to_owned())
    };
    let [a, b] = both.each_ref().map(|runs| runs.iter().map(key).collect::<BTreeSet<_>>());
    // Where the bytes are known, they tell; names alone are given twice easily.
    let same = |a: &(String, String), b: &(String, String)| match (a.1.is_empty(), b.1.is_empty()) {
        (false, false) => a.1 == b.1,
        _ => a.0 == b.0,
    };
    a.iter().any(|a| b.iter().any(|b| same(a, b)))
}

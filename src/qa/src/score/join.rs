//! Which frame of a run is which of the truth.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Serialize;

use super::error::ScoreError;
use super::run::{Frame, Run, stem};
use super::truth::{Truth, TruthFrame};

/// A frame and its truth.
#[derive(Clone, Copy, Debug)]
pub struct Match<'a> {
    /// Number of the run.
    pub run_index: usize,
    /// The run.
    pub run: &'a Run,
    /// Its frame.
    pub frame: &'a Frame,
    /// What is true of it.
    pub truth: &'a TruthFrame,
    /// Number of its patient, or of its video where that is not known.
    pub patient: usize,
    /// Number of its video.
    pub video: usize,
}

/// How far the names went together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Frames of the runs.
    pub run_frames: usize,
    /// Frames with a truth: those that are scored.
    pub matched: usize,
    /// Of these, frames for which the engine gave no result: scored as empty.
    pub matched_without_result: usize,
    /// Frames without a truth.
    pub run_frames_without_truth: usize,
    /// Truths without a frame.
    pub truth_without_frame: usize,
}

/// Frames with their truths.
#[derive(Debug)]
pub struct Joined<'a> {
    /// The pairs, in the order of the runs.
    pub matches: Vec<Match<'a>>,
    /// How many there are, and how many not.
    pub coverage: Coverage,
    /// What intervals draw: `patient`, or `video` or `still` where the patients of some are not known, or are too few.
    pub unit: &'static str,
    /// Patients, where all are known.
    pub n_patients: Option<usize>,
}

/// Fewer patients say nothing of their spread: their videos are drawn then, and that is said.
const LEAST_UNITS: usize = 3;

/// What a video is told by, where the truth does not say.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Unit {
    Stated(usize),
    Run(usize),
    Patient(usize),
    Still(usize, u64),
}

/// The truths by the name of their picture.
struct Index<'a> {
    truth: &'a Truth,
    by_stem: HashMap<&'a str, Vec<usize>>,
    by_number: HashMap<u64, Vec<usize>>,
    folders: HashSet<&'a str>,
}

impl<'a> Index<'a> {
    fn of(truth: &'a Truth) -> Self {
        let mut index =
            Self { truth, by_stem: HashMap::new(), by_number: HashMap::new(), folders: HashSet::new() };
        for (i, frame) in truth.frames.iter().enumerate() {
            index.by_stem.entry(&frame.stem).or_default().push(i);
            if let Ok(number) = frame.stem.parse() {
                index.by_number.entry(number).or_default().push(i);
            }
            index.folders.insert(&frame.folder);
        }
        index
    }

    /// The truth of a frame; an error where several claim to be.
    fn find(&self, run: &Run, frame: &Frame) -> Result<Option<usize>, ScoreError> {
        let candidates = if run.is_clip {
            self.by_number.get(&frame.number)
        } else {
            self.by_stem.get(stem(&frame.input)).or_else(|| self.by_stem.get(frame.stem.as_str()))
        };
        // Where a folder of truth is named like the run's input, no other will do: 0001 is in every sequence.
        let own = [run.input.as_str(), stem(&run.input)].into_iter().find(|name| self.folders.contains(name));
        let folder = |i: &usize| self.truth.frames.get(*i).map(|t| t.folder.as_str());
        let fitting: Vec<usize> = candidates
            .into_iter()
            .flatten()
            .copied()
            .filter(|i| own.is_none_or(|own| folder(i) == Some(own)))
            .collect();
        match fitting.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            several => Err(ScoreError::Ambiguous(format!(
                "{} truths are named like frame '{}': put them into folders named like the runs' inputs, here '{}'",
                several.len(),
                frame.stem,
                stem(&run.input)
            ))),
        }
    }
}

/// Finds each frame's truth by name.
///
/// # Errors
///
/// [`ScoreError::NoOverlap`] and [`ScoreError::Ambiguous`].
pub fn join<'a>(runs: &'a [Run], truth: &'a Truth) -> Result<Joined<'a>, ScoreError> {
    let index = Index::of(truth);
    let mut taken: HashSet<usize> = HashSet::new();
    let mut found = Vec::new();
    let mut coverage = Coverage::default();
    for (run_index, run) in runs.iter().enumerate() {
        for frame in &run.frames {
            coverage.run_frames += 1;
            let Some(i) = index.find(run, frame)? else { continue };
            if !taken.insert(i) {
                return Err(ScoreError::Ambiguous(format!(
                    "two frames of the runs are named like the truth '{}': score the runs one by one, or put truths into folders named like the runs' inputs",
                    truth.frames.get(i).map_or("", |t| t.stem.as_str())
                )));
            }
            found.extend(truth.frames.get(i).map(|t| (run_index, run, frame, t)));
        }
    }
    if found.is_empty() && !runs.iter().any(|run| clip_truth(run, truth).is_some()) {
        let name = |f: &Frame| f.stem.clone();
        return Err(ScoreError::NoOverlap {
            run: runs.iter().flat_map(|r| &r.frames).next().map(name).unwrap_or_default(),
            truth: truth.frames.first().map(|t| t.stem.clone()).unwrap_or_default(),
        });
    }
    coverage.matched = found.len();
    coverage.matched_without_result = found.iter().filter(|m| !m.2.has_result).count();
    coverage.run_frames_without_truth = coverage.run_frames - found.len();
    coverage.truth_without_frame = truth.frames.len() - found.len();
    let (mut videos, mut patients) = (HashMap::new(), HashMap::new());
    let mut unit = if found.iter().all(|m| m.3.patient.is_some()) {
        "patient"
    } else if found.iter().any(|m| m.1.is_clip || m.3.video.is_some()) {
        "video"
    } else {
        "still"
    };
    let mut matches: Vec<Match<'a>> = found
        .into_iter()
        .map(|(run_index, run, frame, truth)| {
            let source = match (truth.video, run.is_clip, truth.patient) {
                (Some(video), ..) => Unit::Stated(video),
                (None, true, _) => Unit::Run(run_index),
                (None, false, Some(patient)) => Unit::Patient(patient),
                (None, false, None) => Unit::Still(run_index, frame.number),
            };
            let next = videos.len();
            let video = *videos.entry(source).or_insert(next);
            let owner = truth.patient.map_or(source, Unit::Patient);
            let next = patients.len();
            let patient = *patients.entry(owner).or_insert(next);
            Match { run_index, run, frame, truth, patient, video }
        })
        .collect();
    let n_patients = (unit == "patient").then_some(patients.len());
    if unit == "patient" && patients.len() < LEAST_UNITS && videos.len() >= LEAST_UNITS {
        unit = "video";
        for m in &mut matches {
            m.patient = m.video;
        }
    }
    Ok(Joined { matches, coverage, unit, n_patients })
}

/// The truth of a whole clip: a row without a mask, named like the run's input.
pub fn clip_truth<'a>(run: &Run, truth: &'a Truth) -> Option<&'a TruthFrame> {
    let named = |t: &&TruthFrame| t.mask.is_none() && t.stem == stem(&run.input);
    truth.frames.iter().find(named).filter(|_| run.is_clip)
}

/// Names of the runs' inputs, each once.
pub fn inputs(runs: &[Run]) -> Vec<String> {
    runs.iter().map(|r| r.input.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

//! Which frame of one run is which of the other, and which frames one of them lacks.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use vesalius_measure::series::stats::median;

use super::error::CompareError;
use crate::score::run::{Frame, Run, stem};

/// Two runs of one input.
#[derive(Clone, Copy, Debug)]
pub struct RunPair<'a> {
    /// The reference.
    pub reference: &'a Run,
    /// The candidate.
    pub candidate: &'a Run,
}

/// A frame that both have.
#[derive(Clone, Copy, Debug)]
pub struct FramePair<'a> {
    /// The runs it is of.
    pub runs: RunPair<'a>,
    /// The reference's record.
    pub reference: &'a Frame,
    /// The candidate's record.
    pub candidate: &'a Frame,
    /// Number of the patient, clip or still that it belongs to, see [`Pairing::unit`].
    pub unit: usize,
}

/// Neighbouring frames that one of the runs has nothing for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// The run that lacks them: `reference` or `candidate`.
    pub lacking: &'static str,
    /// File that they are from.
    pub input: String,
    /// Number of the first, in the run that has it.
    pub first: u64,
    /// Number of the last.
    pub last: u64,
    /// How many they are.
    pub frames: usize,
    /// `NOT_IN_THE_RUN`, or the code of the reason for which there is no result.
    pub why: String,
}

/// How far the runs went together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Frames of the reference.
    pub reference_frames: usize,
    /// Frames of the candidate.
    pub candidate_frames: usize,
    /// Frames in both: those that are compared.
    pub paired: usize,
    /// Frames for which one alone has a result.
    pub in_one_only: usize,
    /// Frames in both for which neither has a result.
    pub without_result_in_both: usize,
}

impl Coverage {
    /// Per cent of all frames for which one run alone has a result.
    pub fn in_one_only_percent(&self) -> Option<f64> {
        let all = self.reference_frames + self.candidate_frames - self.paired;
        (all > 0).then(|| 100.0 * self.in_one_only as f64 / all as f64)
    }
}

/// Frames with their counterparts.
#[derive(Debug)]
pub struct Pairing<'a> {
    /// The runs.
    pub runs: Vec<RunPair<'a>>,
    /// The frames, in the order of the reference.
    pub frames: Vec<FramePair<'a>>,
    /// Number of the reference run of each frame among all that were read.
    run_of: Vec<usize>,
    /// What one of the runs lacks.
    pub losses: Vec<Loss>,
    /// How many there are.
    pub coverage: Coverage,
    /// What a difference is counted by: `patient`, `video` or `still`.
    pub unit: &'static str,
    /// What should be known.
    pub notes: Vec<String>,
}

/// Code of a frame that a run does not have.
const NOT_THERE: &str = "NOT_IN_THE_RUN";

fn sha256(run: &Run) -> Option<&str> {
    run.head.pointer("/input/sha256").and_then(serde_json::Value::as_str)
}

fn plural(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

impl<'a> Pairing<'a> {
    /// Finds runs of the same input and their frames.
    ///
    /// # Errors
    ///
    /// [`CompareError::Inputs`], [`CompareError::Ambiguous`] and [`CompareError::NoFrames`].
    pub fn of(reference: &'a [Run], candidate: &'a [Run]) -> Result<Self, CompareError> {
        let numbers = pair_runs(reference, candidate)?;
        let mut out = Self {
            runs: Vec::new(),
            frames: Vec::new(),
            run_of: Vec::new(),
            losses: Vec::new(),
            coverage: Coverage::default(),
            unit: if reference.iter().any(|r| r.is_clip) { "video" } else { "still" },
            notes: Vec::new(),
        };
        let mut renumbered = 0;
        for &(i, j) in &numbers {
            let (Some(reference), Some(candidate)) = (reference.get(i), candidate.get(j)) else { continue };
            let runs = RunPair { reference, candidate };
            let pairs = pair_frames(reference, candidate);
            for &(a, b) in &pairs {
                let (Some(a), Some(b)) = (reference.frames.get(a), candidate.frames.get(b)) else { continue };
                renumbered += usize::from(reference.is_clip && a.number != b.number);
                let unit = if reference.is_clip { i } else { reference_unit(out.frames.len()) };
                out.frames.push(FramePair { runs, reference: a, candidate: b, unit });
                out.run_of.push(i);
            }
            let [in_a, in_b]: [HashSet<usize>; 2] =
                [pairs.iter().map(|p| p.0).collect(), pairs.iter().map(|p| p.1).collect()];
            out.lose("candidate", reference, |n, _| (!in_a.contains(&n)).then(|| NOT_THERE.to_owned()));
            out.lose("reference", candidate, |n, _| (!in_b.contains(&n)).then(|| NOT_THERE.to_owned()));
            out.runs.push(runs);
        }
        out.lose_runs("candidate", reference, &numbers.iter().map(|n| n.0).collect());
        out.lose_runs("reference", candidate, &numbers.iter().map(|n| n.1).collect());
        if out.frames.is_empty() {
            let [reference, candidate] = [reference, candidate].map(example);
            return Err(CompareError::NoFrames { reference, candidate });
        }
        out.lose_results();
        out.count(reference, candidate);
        out.note(renumbered);
        Ok(out)
    }

    /// Counts by patient where the patient of every frame is known by run and number.
    pub fn take_patients(&mut self, patient: &HashMap<(usize, u64), usize>) {
        let known: Option<Vec<usize>> = self
            .frames
            .iter()
            .zip(&self.run_of)
            .map(|(f, run)| patient.get(&(*run, f.reference.number)).copied())
            .collect();
        if let Some(known) = known {
            self.unit = "patient";
            self.frames.iter_mut().zip(known).for_each(|(frame, patient)| frame.unit = patient);
        }
    }

    /// Different patients, clips or stills.
    pub fn n_units(&self) -> usize {
        self.frames.iter().map(|f| f.unit).collect::<HashSet<_>>().len()
    }

    /// Enters the frames of a run for which `why` has a reason.
    fn lose(&mut self, lacking: &'static str, run: &Run, why: impl Fn(usize, &Frame) -> Option<String>) {
        let mut last: Option<usize> = None;
        for (n, frame) in run.frames.iter().enumerate() {
            let Some(why) = why(n, frame) else { continue };
            let follows = last.is_some_and(|last| last + 1 == n) && run.is_clip;
            last = Some(n);
            match self.losses.last_mut() {
                Some(loss) if follows && loss.lacking == lacking && loss.why == why => {
                    loss.last = frame.number;
                    loss.frames += 1;
                }
                _ => self.losses.push(Loss {
                    lacking,
                    input: frame.input.clone(),
                    first: frame.number,
                    last: frame.number,
                    frames: 1,
                    why,
                }),
            }
        }
    }

    fn lose_runs(&mut self, lacking: &'static str, runs: &[Run], paired: &HashSet<usize>) {
        let lonely: Vec<&Run> =
            runs.iter().enumerate().filter(|(i, _)| !paired.contains(i)).map(|(_, r)| r).collect();
        for run in &lonely {
            self.lose(lacking, run, |_, _| Some(NOT_THERE.to_owned()));
        }
        if let Some(first) = lonely.first() {
            self.notes.push(format!(
                "{} of the {} no counterpart, such as that of '{}'",
                plural(lonely.len(), "run"),
                match (lacking, lonely.len()) {
                    ("candidate", 1) => "reference has",
                    ("candidate", _) => "reference have",
                    (_, 1) => "candidate has",
                    _ => "candidate have",
                },
                first.input
            ));
        }
    }

    /// Enters frames that both have and one has no result for.
    fn lose_results(&mut self) {
        let runs = self.runs.clone();
        let both: HashMap<(*const Run, u64), bool> = self
            .frames
            .iter()
            .flat_map(|f| {
                [
                    ((std::ptr::from_ref(f.runs.reference), f.reference.number), f.candidate.has_result),
                    ((std::ptr::from_ref(f.runs.candidate), f.candidate.number), f.reference.has_result),
                ]
            })
            .collect();
        for pair in runs {
            for (lacking, run) in [("reference", pair.reference), ("candidate", pair.candidate)] {
                self.lose(lacking, run, |_, frame| {
                    let other_has = both.get(&(std::ptr::from_ref(run), frame.number)).copied();
                    let lost = !frame.has_result && other_has == Some(true);
                    lost.then(|| frame.reason.as_deref().unwrap_or("NO_RESULT").to_owned())
                });
            }
        }
    }

    fn count(&mut self, reference: &[Run], candidate: &[Run]) {
        let all = |runs: &[Run]| runs.iter().map(|r| r.frames.len()).sum();
        self.coverage = Coverage {
            reference_frames: all(reference),
            candidate_frames: all(candidate),
            paired: self.frames.len(),
            in_one_only: self.losses.iter().map(|l| l.frames).sum(),
            without_result_in_both: self
                .frames
                .iter()
                .filter(|f| !f.reference.has_result && !f.candidate.has_result)
                .count(),
        };
    }

    fn note(&mut self, renumbered: usize) {
        let other_bytes = self
            .runs
            .iter()
            .filter(|p| matches!((sha256(p.reference), sha256(p.candidate)), (Some(a), Some(b)) if a != b))
            .count();
        if other_bytes > 0 {
            self.notes.push(format!(
                "{} of {} not the same bytes: differences may be the inputs', not the engines'",
                plural(other_bytes, "input"),
                self.runs.len()
            ));
        }
        if renumbered > 0 {
            self.notes.push(format!(
                "{} numbered differently in the two runs: paired by time stamp",
                plural(renumbered, "frame")
            ));
        }
    }
}

/// A still's unit: none shares it.
fn reference_unit(still: usize) -> usize {
    usize::MAX / 2 + still
}

fn example(runs: &[Run]) -> String {
    match runs.iter().find_map(|r| r.frames.first().map(|f| (r, f))) {
        Some((run, f)) if run.is_clip => format!("'{}' at {:.3} s", f.input, f.at_s),
        Some((_, f)) => format!("'{}'", f.input),
        None => "none".to_owned(),
    }
}

fn pair_runs(reference: &[Run], candidate: &[Run]) -> Result<Vec<(usize, usize)>, CompareError> {
    let different = || CompareError::Inputs {
        reference: reference.first().map(|r| r.input.clone()).unwrap_or_default(),
        candidate: candidate.first().map(|r| r.input.clone()).unwrap_or_default(),
    };
    if let ([a], [b]) = (reference, candidate) {
        // Stills go by their own names, whatever their folder is called.
        let stills = !a.is_clip && !b.is_clip;
        let same = stem(&a.input) == stem(&b.input) || (sha256(a).is_some() && sha256(a) == sha256(b));
        return if a.is_clip == b.is_clip && (stills || same) { Ok(vec![(0, 0)]) } else { Err(different()) };
    }
    let folder = |run: &Run| run.folder.file_name().map(ToOwned::to_owned);
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (i, a) in reference.iter().enumerate() {
        let named = |b: &Run| stem(&b.input) == stem(&a.input) && b.is_clip == a.is_clip;
        let candidates: Vec<usize> =
            candidate.iter().enumerate().filter(|(_, b)| named(b)).map(|(j, _)| j).collect();
        let own = reference.iter().filter(|r| named(r)).count();
        let chosen = match candidates.as_slice() {
            [] => continue,
            [one] if own == 1 => *one,
            several => {
                let like = |j: &&usize| candidate.get(**j).is_some_and(|b| folder(b) == folder(a));
                match several.iter().filter(like).collect::<Vec<_>>().as_slice() {
                    [one] => **one,
                    _ => return Err(CompareError::Ambiguous(a.input.clone())),
                }
            }
        };
        pairs.push((i, chosen));
    }
    if pairs.is_empty() { Err(different()) } else { Ok(pairs) }
}

/// Numbers of the frames that are the same, in the order of the reference.
fn pair_frames(reference: &Run, candidate: &Run) -> Vec<(usize, usize)> {
    if !reference.is_clip {
        return by_key(reference, candidate, |f| f.input.as_str());
    }
    match [reference, candidate].map(step) {
        [Some(a), Some(b)] => by_time(reference, candidate, a.min(b)),
        _ => by_key(reference, candidate, |f| f.number),
    }
}

/// Frames with equal keys; of several with one key the first goes with the first.
fn by_key<'a, K: std::hash::Hash + Eq>(
    reference: &'a Run,
    candidate: &'a Run,
    key: impl Fn(&'a Frame) -> K,
) -> Vec<(usize, usize)> {
    let mut there: HashMap<K, std::collections::VecDeque<usize>> = HashMap::new();
    for (j, frame) in candidate.frames.iter().enumerate() {
        there.entry(key(frame)).or_default().push_back(j);
    }
    let frames = reference.frames.iter().enumerate();
    frames.filter_map(|(i, f)| Some((i, there.get_mut(&key(f))?.pop_front()?))).collect()
}

/// Median time from frame to frame, nanoseconds; 0 of one frame, `None` where times do not rise.
fn step(run: &Run) -> Option<f64> {
    let mut steps: Vec<f64> = run
        .frames
        .windows(2)
        .map(|w| match w {
            [a, b] if b.pts_ns > a.pts_ns => Some((b.pts_ns - a.pts_ns) as f64),
            _ => None,
        })
        .collect::<Option<_>>()?;
    Some(median(&mut steps).unwrap_or(0.0))
}

/// Frames nearest in time, less than half a frame apart.
fn by_time(reference: &Run, candidate: &Run, step_ns: f64) -> Vec<(usize, usize)> {
    let apart = |i: usize, j: usize| -> Option<u64> {
        Some(reference.frames.get(i)?.pts_ns.abs_diff(candidate.frames.get(j)?.pts_ns))
    };
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    let mut j = 0;
    for i in 0..reference.frames.len() {
        while matches!((apart(i, j), apart(i, j + 1)), (Some(here), Some(next)) if next < here) {
            j += 1;
        }
        let Some(distance) = apart(i, j) else { break };
        // A run of one frame has no distance between frames: its time must be the same.
        let near = distance == 0 || (distance as f64) < step_ns / 2.0;
        let taken = pairs.last().is_some_and(|&(_, last)| last == j);
        if near && !taken {
            pairs.push((i, j));
        } else if near && let Some(last) = pairs.last_mut() {
            // The nearer of two.
            if apart(last.0, j).is_some_and(|before| distance < before) {
                *last = (i, j);
            }
        }
    }
    pairs
}

//! Every matched frame scored.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use vesalius_measure::flow::{self, Gray};
use vesalius_measure::mask::LabelMask;

use super::error::ScoreError;
use super::join::{Joined, Match};
use super::label_png;
use super::run::{Run, stem};
use super::settings::Settings;

use crate::metrics::axis::long_axis;
use crate::metrics::distance::PixelSize;
use crate::metrics::{Class, StructureScore, score_pair};
use crate::temporal::{DROP_OUT_S, Moment};

/// A structure that is scored.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// Value in the run's masks.
    pub index: u8,
    /// Name.
    pub name: String,
}

/// A scored frame.
#[derive(Clone, Debug)]
pub struct FrameScore {
    /// Number of the run.
    pub run: usize,
    /// File that it is from.
    pub input: String,
    /// Number in the run.
    pub frame: u64,
    /// Time, seconds.
    pub at_s: f64,
    /// Number of the patient.
    pub patient: usize,
    /// Number of the video.
    pub video: usize,
    /// Stratum.
    pub stratum: Option<usize>,
    /// The structures' scores, in their order.
    pub scores: Vec<StructureScore>,
    /// The clip or sequence that it is a frame of, by name; `None` of a still.
    pub clip: Option<Arc<str>>,
    /// The structures as moments of that.
    pub moments: Vec<Moment>,
}

/// All frames scored.
#[derive(Clone, Debug)]
pub struct Frames {
    /// The structures.
    pub structures: Vec<Structure>,
    /// Whether distances are in millimetres; else in pixels.
    pub in_mm: bool,
    /// Tolerance of each structure in the unit of its frames' distances, where that is the same for all.
    pub tolerances: Vec<(f64, &'static str)>,
    /// The frames.
    pub frames: Vec<FrameScore>,
    /// What should be known.
    pub notes: Vec<String>,
}

/// Gives the pictures of a run's frames, by their numbers, made small (see [`flow::SIDE`]).
pub type Pictures<'a> = &'a mut dyn FnMut(&Run) -> HashMap<u64, Gray>;

/// Scores the matched frames that have a true mask. Where there are pictures, masks of clips are held against those of the frame
/// before moved along with the picture too.
///
/// # Errors
///
/// [`ScoreError`].
pub fn score_frames(
    joined: &Joined<'_>,
    settings: &Settings,
    mut pictures: Option<Pictures<'_>>,
) -> Result<Frames, ScoreError> {
    let mut with_mask: Vec<&Match<'_>> = joined.matches.iter().filter(|m| m.truth.mask.is_some()).collect();
    let sequences = Sequences::of(&with_mask, settings)?;
    // Frames of a sequence stand together, in the order of time.
    with_mask.sort_by_key(|m| sequences.place(m));
    let structures = structures(&with_mask);
    let known = with_mask.iter().filter(|m| scale_mm(m).is_some()).count();
    let in_mm = known > 0 && known == with_mask.len();
    let mut notes = Vec::new();
    if known > 0 && !in_mm {
        notes.push(format!(
            "{known} of {} frames have a scale: distances are in pixels for all",
            with_mask.len()
        ));
    }
    let differ = with_mask.iter().filter(|m| scales_differ(m)).count();
    if differ > 0 {
        notes.push(format!("in {differ} frames the run's scale differs from the truth's, which is taken"));
    }
    let tolerances = structures.iter().map(|s| match (in_mm, settings.tolerance_of(&s.name)) {
        (true, t) => t.mm.map_or((t.px, "px"), |mm| (mm, "mm")),
        (false, t) => (t.px, "px"),
    });
    let tolerances: Vec<(f64, &'static str)> = tolerances.collect();
    let mut frames: Vec<FrameScore> = Vec::with_capacity(with_mask.len());
    let mut last: Option<Last> = None;
    let (mut loaded, mut of_run) = (None, HashMap::new());
    for m in with_mask {
        let Some(truth_path) = &m.truth.mask else { continue };
        let masks = [read_truth(truth_path, &structures, settings)?, read_prediction(m)?];
        let size = match (in_mm, scale_mm(m)) {
            (true, Some([x, y])) => PixelSize { x, y },
            _ => PixelSize { x: 1.0, y: 1.0 },
        };
        let classes: Vec<Class> = structures
            .iter()
            .zip(&tolerances)
            .map(|(s, &(tolerance, unit))| Class {
                index: s.index,
                tolerance: if unit == "px" { tolerance * size.y } else { tolerance },
                instances: settings.is_objects(&s.name),
            })
            .collect();
        let [truth, prediction] = &masks;
        let scores = score_pair(truth, prediction, &classes, size)
            .map_err(|fault| ScoreError::Pair { path: truth_path.clone(), fault })?;
        let (clip, at_s) = sequences.clip(m);
        let before = last.as_ref().filter(|last| match (&clip, m.run.is_clip) {
            (Some(_), true) => (last.run, last.frame + 1) == (m.run_index, m.frame.number),
            (Some(clip), false) => {
                let near = at_s > last.at_s && at_s - last.at_s <= DROP_OUT_S;
                near && last.clip.as_ref() == Some(clip) && last.video == m.video
            }
            (None, _) => false,
        });
        let mut moments = match clip {
            Some(_) => moments(&scores, at_s, &masks, before.map(|last| &last.masks)),
            None => Vec::new(),
        };
        if clip.is_some()
            && loaded != Some(m.run_index)
            && let Some(pictures) = &mut pictures
        {
            (loaded, of_run) = (Some(m.run_index), pictures(m.run));
        }
        if let Some(last) = before
            && let (Some(earlier), Some(later)) = (of_run.get(&last.frame), of_run.get(&m.frame.number))
            && let Some(flow) = flow::flow(earlier, later)
        {
            let classes: Vec<u8> = scores.iter().map(|s| s.class).collect();
            let [truth, prediction] = [0, 1].map(|i| match (last.masks.get(i), masks.get(i)) {
                (Some(earlier), Some(later)) => flow.moved_iou(earlier, later, &classes),
                _ => Vec::new(),
            });
            for ((moment, truth), prediction) in moments.iter_mut().zip(truth).zip(prediction) {
                (moment.moved_iou, moment.truth_moved_iou) = (prediction, truth);
            }
        }
        frames.push(FrameScore {
            run: m.run_index,
            input: m.frame.input.clone(),
            frame: m.frame.number,
            at_s,
            patient: m.patient,
            video: m.video,
            stratum: m.truth.stratum,
            scores,
            moments,
            clip: clip.clone(),
        });
        if clip.is_some() {
            last = Some(Last { run: m.run_index, frame: m.frame.number, video: m.video, clip, at_s, masks });
        }
    }
    Ok(Frames { structures, in_mm, tolerances, frames, notes })
}

/// The frame before.
struct Last {
    run: usize,
    frame: u64,
    video: usize,
    clip: Option<Arc<str>>,
    at_s: f64,
    masks: [LabelMask; 2],
}

/// Which frames follow each other.
struct Sequences {
    /// Frames a second of stills that are frames of a sequence.
    rate_hz: Option<f64>,
    /// Names of the clips and sequences, shared by their frames.
    names: BTreeSet<Arc<str>>,
}

impl Sequences {
    fn of(matches: &[&Match<'_>], settings: &Settings) -> Result<Self, ScoreError> {
        let rate_hz = settings.frame_rate_hz;
        let stills = || matches.iter().filter(|m| !m.run.is_clip);
        if rate_hz.is_some() && stills().any(|m| m.truth.video.is_none() || m.truth.order.is_none()) {
            return Err(ScoreError::Setting(
                "--frame-rate needs a table of truth with the columns sequence and frame, and a number in each of their cells"
                    .to_owned(),
            ));
        }
        let mut sequences = Self { rate_hz, names: BTreeSet::new() };
        sequences.names = matches.iter().filter_map(|m| sequences.name(m)).map(Arc::from).collect();
        Ok(sequences)
    }

    fn name<'a>(&self, m: &Match<'a>) -> Option<&'a str> {
        let of_stills = || if m.truth.folder.is_empty() { stem(&m.run.input) } else { &m.truth.folder };
        match (m.run.is_clip, self.rate_hz) {
            (true, _) => Some(&m.run.input),
            (false, Some(_)) => Some(of_stills()),
            (false, None) => None,
        }
    }

    /// The clip of a frame, and its time there.
    fn clip(&self, m: &Match<'_>) -> (Option<Arc<str>>, f64) {
        let name = self.name(m).and_then(|name| self.names.get(name)).cloned();
        match (self.rate_hz, m.truth.order) {
            (Some(rate), Some(order)) if !m.run.is_clip => (name, order as f64 / rate),
            _ => (name, m.frame.at_s),
        }
    }

    /// What frames are sorted by: as they came, or a sequence's by their numbers.
    fn place(&self, m: &Match<'_>) -> (usize, usize, u64) {
        match (self.rate_hz, m.truth.order) {
            (Some(_), Some(order)) if !m.run.is_clip => (m.run_index, m.video, order),
            _ => (m.run_index, 0, 0),
        }
    }
}

/// The engine's classes; where no frame names any, one.
fn structures(matches: &[&Match<'_>]) -> Vec<Structure> {
    let names = matches.iter().map(|m| &m.run.classes).find(|c| !c.is_empty());
    let names = names.cloned().unwrap_or_else(|| vec!["class_1".to_owned()]);
    (1..=u8::MAX).zip(names).map(|(index, name)| Structure { index, name }).collect()
}

fn scale_mm(m: &Match<'_>) -> Option<[f64; 2]> {
    m.truth.scale_mm.or(m.frame.scale_mm)
}

fn scales_differ(m: &Match<'_>) -> bool {
    match (m.truth.scale_mm, m.frame.scale_mm) {
        (Some(t), Some(r)) => t.iter().zip(&r).any(|(t, r)| (t - r).abs() > 1e-3 * t),
        _ => false,
    }
}

fn read_truth(path: &Path, structures: &[Structure], settings: &Settings) -> Result<LabelMask, ScoreError> {
    let mut mask = label_png::read(path)?;
    let mut seen = [false; 256];
    for &label in &mask.labels {
        if let Some(seen) = seen.get_mut(usize::from(label)) {
            *seen = true;
        }
    }
    let known: BTreeSet<u8> = structures.iter().map(|s| s.index).chain([0]).collect();
    let map = settings.class_map();
    for label in 0..=u8::MAX {
        let mapped = map.get(usize::from(label)).copied().unwrap_or(0);
        if seen.get(usize::from(label)) == Some(&true) && !known.contains(&mapped) {
            let names: Vec<String> = structures.iter().map(|s| format!("{} {}", s.index, s.name)).collect();
            return Err(ScoreError::Classes { path: path.to_owned(), label, known: names.join(", ") });
        }
    }
    settings.rename(&mut mask);
    Ok(mask)
}

fn read_prediction(m: &Match<'_>) -> Result<LabelMask, ScoreError> {
    let path = m.run.mask(m.frame);
    if !path.is_file() {
        return Err(ScoreError::NoMask { run: m.run.folder.clone(), frame: m.frame.number });
    }
    label_png::read(&path)
}

fn moments(
    scores: &[StructureScore],
    at_s: f64,
    masks: &[LabelMask; 2],
    before: Option<&[LabelMask; 2]>,
) -> Vec<Moment> {
    let between = |which: usize, class: u8| {
        let (now, then) = (masks.get(which)?, before?.get(which)?);
        if now.labels.len() != then.labels.len() {
            return None;
        }
        let (mut both, mut all) = (0_u64, 0_u64);
        for (a, b) in now.labels.iter().zip(&then.labels) {
            let (a, b) = (u64::from(*a == class), u64::from(*b == class));
            both += a & b;
            all += a + b;
        }
        (all > 0).then(|| 2.0 * both as f64 / all as f64)
    };
    // In pixels: lengths are looked at beside each other only.
    let axis = |class: u8| masks.get(1).and_then(|mask| long_axis(mask, class, PixelSize { x: 1.0, y: 1.0 }));
    scores
        .iter()
        .map(|s| (s, axis(s.class)))
        .map(|(s, axis)| Moment {
            at_s,
            predicted: s.pixels.prediction() as f64,
            length: axis.map(|a| a.length),
            orientation_deg: axis.and_then(|a| a.orientation_deg),
            truth: Some(s.pixels.truth() as f64),
            dice_with_last: between(1, s.class),
            truth_dice_with_last: between(0, s.class),
            ..Moment::default()
        })
        .collect()
}

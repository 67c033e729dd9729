//! Masks of both runs, frame by frame.

use std::path::Path;

use serde::Serialize;
use vesalius_measure::mask::LabelMask;

use super::Options;
use super::error::CompareError;
use super::pairing::{FramePair, Pairing};
use crate::metrics::distance::PixelSize;
use crate::metrics::{Class, score_pair};
use crate::score::label_png;
use crate::score::run::{Frame, Run};

/// A structure of both runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Structure {
    /// What the reference calls it.
    pub name: String,
    /// What the candidate calls it.
    pub candidate_name: String,
    /// Value in the reference's masks.
    pub reference_index: u8,
    /// Value in the candidate's masks.
    pub candidate_index: u8,
}

/// Which of the runs have a structure in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Both.
    Both,
    /// The reference alone.
    ReferenceOnly,
    /// The candidate alone.
    CandidateOnly,
    /// Neither.
    Neither,
}

impl Presence {
    fn of(reference: bool, candidate: bool) -> Self {
        match (reference, candidate) {
            (true, true) => Self::Both,
            (true, false) => Self::ReferenceOnly,
            (false, true) => Self::CandidateOnly,
            (false, false) => Self::Neither,
        }
    }

    /// Whether one alone has it.
    pub fn is_flip(self) -> bool {
        matches!(self, Self::ReferenceOnly | Self::CandidateOnly)
    }

    /// As in the files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::ReferenceOnly => "reference_only",
            Self::CandidateOnly => "candidate_only",
            Self::Neither => "neither",
        }
    }
}

/// One structure in one frame of both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StructureDifference {
    /// Which have it.
    pub presence: Presence,
    /// The masks; `None` where they were not looked at.
    pub masks: Option<MaskDifference>,
}

/// Two masks of one structure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaskDifference {
    /// Whether they are the same in every pixel.
    pub identical: bool,
    /// Pixels in the reference.
    pub reference_pixels: u64,
    /// Pixels in the candidate.
    pub candidate_pixels: u64,
    /// Dice; `None` where neither has the structure.
    pub dice: Option<f64>,
    /// Part of both boundaries within the tolerance of the other; `None` as before.
    pub nsd: Option<f64>,
    /// The farther of the 95th percentiles of distances; `None` as before.
    pub hd95: Option<f64>,
    /// The farthest that an edge pixel of one lies from the other; `None` as before.
    pub hd100: Option<f64>,
}

impl MaskDifference {
    /// How much larger the candidate's area is, per cent of the reference's; `None` where that is none.
    pub fn area_percent(&self) -> Option<f64> {
        let (a, b) = (self.reference_pixels as f64, self.candidate_pixels as f64);
        (self.reference_pixels > 0).then(|| 100.0 * (b - a) / a)
    }
}

/// A frame of both.
#[derive(Clone, Debug)]
pub struct FrameDifference {
    /// File that it is from.
    pub input: String,
    /// Number in the reference.
    pub reference_frame: u64,
    /// Number in the candidate.
    pub candidate_frame: u64,
    /// Time in the reference, seconds.
    pub at_s: f64,
    /// Number of the patient, clip or still.
    pub unit: usize,
    /// Whether both records are the same in every character.
    pub same_record: bool,
    /// The structures, in their order.
    pub structures: Vec<StructureDifference>,
}

fn classes(runs: &[Run]) -> Vec<String> {
    runs.iter().find(|r| !r.classes.is_empty()).map(|r| r.classes.clone()).unwrap_or_default()
}

/// The structures that both runs have, by name or as `same` says.
///
/// # Errors
///
/// [`CompareError::NoStructures`] and [`CompareError::Structure`].
pub fn structures(runs: &[Vec<Run>; 2], same: &[(String, String)]) -> Result<Vec<Structure>, CompareError> {
    let [mut a, mut b] = [classes(&runs[0]), classes(&runs[1])];
    // A run in which every frame failed names none: then the other's hold for both.
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ok(Vec::new()),
        (true, false) => a.clone_from(&b),
        (false, true) => b.clone_from(&a),
        (false, false) => {}
    }
    for (names, side, known) in [
        (same.iter().map(|s| &s.0).collect::<Vec<_>>(), "reference", &a),
        (same.iter().map(|s| &s.1).collect(), "candidate", &b),
    ] {
        if let Some(name) = names.into_iter().find(|n| !known.contains(n)) {
            return Err(CompareError::Structure { name: name.clone(), side, known: known.join(", ") });
        }
    }
    let index = |i: usize| u8::try_from(i + 1).ok();
    let found: Vec<Structure> = a
        .iter()
        .enumerate()
        .filter_map(|(i, name)| {
            let other = same.iter().find(|s| s.0 == *name).map_or(name, |s| &s.1);
            Some(Structure {
                name: name.clone(),
                candidate_name: other.clone(),
                reference_index: index(i)?,
                candidate_index: index(b.iter().position(|b| b == other)?)?,
            })
        })
        .collect();
    if found.is_empty() {
        return Err(CompareError::NoStructures { reference: a.join(", "), candidate: b.join(", ") });
    }
    Ok(found)
}

/// What frames are compared with.
#[derive(Debug)]
pub struct Comparison<'a> {
    structures: &'a [Structure],
    options: &'a Options,
    in_mm: bool,
}

impl<'a> Comparison<'a> {
    /// Prepares for two runs. Distances are in millimetres where every frame of the reference has a scale.
    pub fn new(runs: &[Vec<Run>; 2], structures: &'a [Structure], options: &'a Options) -> Self {
        let mut frames = runs[0].iter().flat_map(|r| &r.frames).filter(|f| f.has_result).peekable();
        let in_mm = frames.peek().is_some() && frames.all(|f| f.scale_mm.is_some());
        Self { structures, options, in_mm }
    }

    /// Whether distances are in millimetres; else in pixels.
    pub fn in_mm(&self) -> bool {
        self.in_mm
    }

    /// Compares every frame, on as many threads as there are cores.
    ///
    /// # Errors
    ///
    /// [`CompareError`].
    pub fn frames(&self, pairing: &Pairing<'_>) -> Result<Vec<FrameDifference>, CompareError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = pairing.frames.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            let parts: Vec<_> = pairing
                .frames
                .chunks(share)
                .map(|part| scope.spawn(|| part.iter().map(|f| self.frame(f)).collect::<Result<Vec<_>, _>>()))
                .collect();
            let mut all = Vec::with_capacity(pairing.frames.len());
            for part in parts {
                all.extend(part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
            Ok(all)
        })
    }

    fn frame(&self, pair: &FramePair<'_>) -> Result<FrameDifference, CompareError> {
        let found = |frame: &Frame, index: u8| {
            frame.has_result && frame.found.get(usize::from(index).saturating_sub(1)) == Some(&true)
        };
        let masks = if self.options.values_only { None } else { Some(self.masks(pair)?) };
        let structures = self.structures.iter().enumerate().map(|(i, s)| match &masks {
            Some(masks) => {
                // The masks of two frames without a result are not there: neither has anything.
                let mask = masks.get(i).copied().unwrap_or(NOTHING);
                let presence = Presence::of(mask.reference_pixels > 0, mask.candidate_pixels > 0);
                StructureDifference { presence, masks: Some(mask) }
            }
            None => StructureDifference {
                presence: Presence::of(
                    found(pair.reference, s.reference_index),
                    found(pair.candidate, s.candidate_index),
                ),
                masks: None,
            },
        });
        Ok(FrameDifference {
            input: pair.reference.input.clone(),
            reference_frame: pair.reference.number,
            candidate_frame: pair.candidate.number,
            at_s: pair.reference.at_s,
            unit: pair.unit,
            same_record: pair.reference.fingerprint == pair.candidate.fingerprint,
            structures: structures.collect(),
        })
    }

    fn masks(&self, pair: &FramePair<'_>) -> Result<Vec<MaskDifference>, CompareError> {
        let identity: Vec<(u8, u8)> =
            self.structures.iter().map(|s| (s.reference_index, s.reference_index)).collect();
        let renamed: Vec<(u8, u8)> =
            self.structures.iter().map(|s| (s.candidate_index, s.reference_index)).collect();
        let reference = read(pair.runs.reference, pair.reference, &identity)?;
        let candidate = read(pair.runs.candidate, pair.candidate, &renamed)?;
        // Without a result there is nothing: an empty mask of the other's size.
        let (reference, candidate) = match (reference, candidate) {
            (None, None) => return Ok(Vec::new()),
            (Some(a), Some(b)) => (a, b),
            (Some(a), None) => (a.clone(), empty(&a)),
            (None, Some(b)) => (empty(&b), b),
        };
        let [of_a, of_b] = [&reference, &candidate].map(|m| [m.width, m.height]);
        if of_a != of_b {
            let mask = pair.runs.candidate.mask(pair.candidate);
            return Err(CompareError::Size { mask, reference: of_a, candidate: of_b });
        }
        if reference.labels == candidate.labels {
            return Ok(self.structures.iter().map(|s| same(&reference, s.reference_index)).collect());
        }
        let size = match pair.reference.scale_mm {
            Some([x, y]) if self.in_mm => PixelSize { x, y },
            _ => PixelSize { x: 1.0, y: 1.0 },
        };
        let classes: Vec<Class> = self
            .structures
            .iter()
            .map(|s| {
                let tolerance = self.options.settings.tolerance_of(&s.name);
                let in_px = tolerance.px * size.y;
                Class {
                    index: s.reference_index,
                    tolerance: tolerance.mm.filter(|_| self.in_mm).unwrap_or(in_px),
                    instances: false,
                }
            })
            .collect();
        let scores = score_pair(&reference, &candidate, &classes, size).map_err(|fault| {
            crate::score::ScoreError::Pair { path: pair.runs.candidate.mask(pair.candidate), fault }
        })?;
        let difference = scores.iter().map(|s| MaskDifference {
            identical: s.pixels.truth_only + s.pixels.prediction_only == 0,
            reference_pixels: s.pixels.truth(),
            candidate_pixels: s.pixels.prediction(),
            dice: s.dice(),
            nsd: s.surface.map(|d| d.nsd),
            hd95: s.surface.map(|d| d.hd95),
            hd100: s.surface.map(|d| d.hd100),
        });
        Ok(difference.collect())
    }
}

/// Neither mask has anything.
const NOTHING: MaskDifference = MaskDifference {
    identical: true,
    reference_pixels: 0,
    candidate_pixels: 0,
    dice: None,
    nsd: None,
    hd95: None,
    hd100: None,
};

/// A structure of two masks that are the same.
fn same(mask: &LabelMask, index: u8) -> MaskDifference {
    let pixels = mask.labels.iter().filter(|l| **l == index).count() as u64;
    if pixels == 0 {
        return NOTHING;
    }
    MaskDifference {
        reference_pixels: pixels,
        candidate_pixels: pixels,
        dice: Some(1.0),
        nsd: Some(1.0),
        hd95: Some(0.0),
        hd100: Some(0.0),
        ..NOTHING
    }
}

fn empty(like: &LabelMask) -> LabelMask {
    LabelMask { width: like.width, height: like.height, labels: vec![0; like.labels.len()] }
}

/// A frame's mask with the classes that are compared, by `known` (in the file, in the comparison); `None` for a frame without a
/// result.
fn read(run: &Run, frame: &Frame, known: &[(u8, u8)]) -> Result<Option<LabelMask>, CompareError> {
    if !frame.has_result {
        return Ok(None);
    }
    let path = run.mask(frame);
    if !path.is_file() {
        return Err(CompareError::NoMask { run: run.folder.clone(), frame: frame.number });
    }
    let mut mask = label_png::read(&path)?;
    check_labels(&path, &mask, run)?;
    let mut map = [0_u8; 256];
    for &(from, to) in known {
        if let Some(entry) = map.get_mut(usize::from(from)) {
            *entry = to;
        }
    }
    for label in &mut mask.labels {
        *label = map.get(usize::from(*label)).copied().unwrap_or(0);
    }
    Ok(Some(mask))
}

fn check_labels(path: &Path, mask: &LabelMask, run: &Run) -> Result<(), CompareError> {
    let most = mask.labels.iter().copied().max().unwrap_or(0);
    // A run that names no class is one in which all failed; its masks are not looked at.
    if usize::from(most) <= run.classes.len() || run.classes.is_empty() {
        return Ok(());
    }
    let known: Vec<String> = run.classes.iter().enumerate().map(|(i, n)| format!("{} {n}", i + 1)).collect();
    Err(CompareError::Label { mask: path.to_owned(), label: most, known: known.join(", ") })
}

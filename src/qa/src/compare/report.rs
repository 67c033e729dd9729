//! A comparison summed up: what `compare.json` holds.

use serde::Serialize;
use vesalius_measure::series::stats::quantile;

use super::Options;
use super::error::CompareError;
use super::gates::Chosen;
use super::identity::{self, Difference, Side};
use super::masks::{FrameDifference, MaskDifference, Presence, Structure};
use super::pairing::{Coverage, Loss, Pairing};
use super::value_report::{ValueReport, value_report};
use super::values::ValueStudy;
use super::verdict::{self, Outcome, Verdict};
use crate::aggregate::{Sample, patient_means};
use crate::score::{self, Scored, run::Run};
use crate::stats::agreement::{Pair, agreement};
use crate::stats::bootstrap::{Bootstrap, NoInterval};
use crate::stats::{Interval, mean};

/// Version of the layout of `compare.json`.
pub const SCHEMA: u32 = 1;
/// Frames that are named as the worst, of a structure or value.
pub(super) const WORST: usize = 20;
/// Fewer patients, clips or stills say nothing of their spread: frames stand for themselves then, and that is said.
pub const LEAST_UNITS: usize = 3;
/// Difference of the Dice with truth that would not matter, where the gates name none.
const MARGIN: f64 = 0.01;

/// Two runs compared.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Always `compare`.
    pub record: &'static str,
    /// See [`SCHEMA`].
    pub schema: u32,
    /// Version of this software.
    pub software: &'static str,
    /// `parity`, `missed` or `undecided`.
    pub outcome: Outcome,
    /// The reference.
    pub reference: Side,
    /// The candidate.
    pub candidate: Side,
    /// In what the first of their runs differ.
    pub differ_in: Vec<Difference>,
    /// The gates.
    pub gates: Chosen,
    /// Each gate, met or not.
    pub verdicts: Vec<Verdict>,
    /// How far the runs went together.
    pub coverage: Coverage,
    /// What one of them lacks.
    pub losses: Vec<Loss>,
    /// Frames with the same record in both, character by character.
    pub same_records: usize,
    /// What differences are counted by: `patient`, `video` or `still`.
    pub unit: &'static str,
    /// How many of these there are.
    pub n_units: usize,
    /// `mm` or `[px]`: the unit of all distances.
    pub distance_unit: &'static str,
    /// What should be known.
    pub notes: Vec<String>,
    /// The structures.
    pub structures: Vec<StructureReport>,
    /// The values.
    pub values: Vec<ValueReport>,
    /// The candidate's agreement with truth less the reference's, where there is truth.
    pub truth: Option<score::compare::Comparison>,
}

/// One structure.
#[derive(Clone, Debug, Serialize)]
pub struct StructureReport {
    /// Names and numbers.
    #[serde(flatten)]
    pub structure: Structure,
    /// Frames by which run has it.
    pub frames: PresenceCounts,
    /// Frames in which one alone has it, per cent.
    pub flips_percent: f64,
    /// Its masks, where they were looked at.
    pub masks: Option<MaskReport>,
    /// The frames to look at first.
    pub worst: Vec<WorstFrame>,
}

/// Frames by which run has a structure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PresenceCounts {
    /// Both.
    pub both: usize,
    /// The reference alone.
    pub reference_only: usize,
    /// The candidate alone.
    pub candidate_only: usize,
    /// Neither.
    pub neither: usize,
}

/// Masks of one structure.
#[derive(Clone, Debug, Serialize)]
pub struct MaskReport {
    /// Frames in which they are the same in every pixel.
    pub identical: usize,
    /// Frames in which they are not, per cent.
    pub differing_percent: f64,
    /// Dice.
    pub dice: Option<Distribution>,
    /// Part of the boundaries within the tolerance of the other.
    pub nsd: Option<Distribution>,
    /// The farther of the 95th percentiles of distances.
    pub hd95: Option<Distribution>,
    /// The farthest distance.
    pub hd100: Option<Distribution>,
    /// Difference of the areas, per cent of the reference's.
    pub area_percent: Option<Spread>,
}

/// A measure over the frames in which at least one run has the structure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Distribution {
    /// Frames.
    pub n_frames: usize,
    /// Mean over patients, clips or stills of means over their frames.
    pub mean: f64,
    /// Its interval.
    pub interval: Option<Interval>,
    /// Why there is none.
    pub no_interval: Option<NoInterval>,
    /// Median over the frames.
    pub median: f64,
    /// The hundredth of all frames with the worst values begins here.
    pub worst_hundredth: f64,
    /// The worst frame.
    pub worst: f64,
}

/// Differences of one value: candidate less reference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Pairs.
    pub n_pairs: usize,
    /// Patients, clips or stills.
    pub n_units: usize,
    /// Whether these are too few, so that every frame stands for itself.
    pub by_frame: bool,
    /// Mean difference.
    pub bias: f64,
    /// Its interval; `None` of too few.
    pub bias_interval: Option<Interval>,
    /// Limits within which 95 % of differences lie; `None` of one.
    pub limits: Option<Interval>,
    /// The largest difference, either way.
    pub max_absolute: f64,
}

impl Spread {
    /// The farther limit of agreement or, where there are none, the largest difference.
    pub fn farthest(&self) -> f64 {
        self.limits.map_or(self.max_absolute, |l| l.low.abs().max(l.high.abs()))
    }

    /// Of differences with the patient, clip or still of each.
    pub fn of(differences: &[(usize, f64)], confidence: f64) -> Option<Self> {
        let n_units = differences.iter().map(|d| d.0).collect::<std::collections::HashSet<_>>().len();
        let by_frame = n_units < LEAST_UNITS;
        let pairs: Vec<Pair> = differences
            .iter()
            .enumerate()
            .map(|(i, &(unit, d))| Pair { unit: if by_frame { i } else { unit }, measured: d, truth: 0.0 })
            .collect();
        let a = agreement(&pairs, confidence)?;
        Some(Self {
            n_pairs: pairs.len(),
            n_units,
            by_frame,
            bias: a.bias,
            bias_interval: a.bias_interval.filter(|_| !by_frame),
            limits: a.limits.map(|l| Interval { low: l.low, high: l.high }),
            max_absolute: a.max_absolute,
        })
    }
}

/// A frame to look at.
#[derive(Clone, Debug, Serialize)]
pub struct WorstFrame {
    /// Number among the compared frames, from 0.
    pub row: usize,
    /// File.
    pub input: String,
    /// Number in the reference.
    pub reference_frame: u64,
    /// Number in the candidate.
    pub candidate_frame: u64,
    /// Which have the structure.
    pub presence: Presence,
    /// Dice; `None` where masks were not looked at.
    pub dice: Option<f64>,
    /// Hausdorff distance; `None` as before.
    pub hd100: Option<f64>,
    /// Difference of the areas, per cent; `None` where the reference has none.
    pub area_percent: Option<f64>,
}

/// What a report is made of.
#[derive(Debug)]
pub struct Parts<'a> {
    /// All runs that were read.
    pub runs: &'a [Vec<Run>; 2],
    /// Which frame is which.
    pub pairing: &'a Pairing<'a>,
    /// The structures.
    pub structures: &'a [Structure],
    /// Whether distances are in millimetres.
    pub in_mm: bool,
    /// The frames.
    pub frames: &'a [FrameDifference],
    /// The values.
    pub values: &'a [ValueStudy],
    /// Both runs scored, where there is truth.
    pub truth: Option<&'a [Scored; 2]>,
    /// The gates.
    pub gates: Chosen,
    /// How it was asked for.
    pub options: &'a Options,
}

/// Sums a comparison up.
///
/// # Errors
///
/// [`CompareError`].
pub fn report(parts: &Parts<'_>) -> Result<Report, CompareError> {
    let pairing = parts.pairing;
    let settings = &parts.options.settings;
    let (Some(reference), Some(candidate)) = (identity::side(&parts.runs[0]), identity::side(&parts.runs[1]))
    else {
        return Err(CompareError::NoFrames { reference: "none".to_owned(), candidate: "none".to_owned() });
    };
    let n_units = pairing.n_units();
    let structures: Vec<StructureReport> = parts
        .structures
        .iter()
        .enumerate()
        .map(|(i, s)| structure_report(i, s, parts.frames, n_units, &settings.bootstrap))
        .collect();
    let values: Vec<ValueReport> = parts.values.iter().map(|study| value_report(study, parts)).collect();
    let truth = match parts.truth {
        Some([reference, candidate]) => {
            let margin = parts.gates.gates.truth.dice_change_low.map_or(MARGIN, |low| -low);
            let margin = if margin > 0.0 { margin } else { MARGIN };
            Some(score::compare(candidate, reference, margin, &settings.bootstrap)?)
        }
        None => None,
    };
    let mut report = Report {
        record: "compare",
        schema: SCHEMA,
        software: env!("CARGO_PKG_VERSION"),
        outcome: Outcome::Undecided,
        reference,
        candidate,
        differ_in: pairing
            .runs
            .first()
            .map(|p| identity::differences(p.reference, p.candidate))
            .unwrap_or_default(),
        gates: parts.gates.clone(),
        verdicts: Vec::new(),
        coverage: pairing.coverage,
        losses: pairing.losses.clone(),
        same_records: parts.frames.iter().filter(|f| f.same_record).count(),
        unit: pairing.unit,
        n_units,
        distance_unit: if parts.in_mm { "mm" } else { "[px]" },
        notes: notes(parts, n_units),
        structures,
        values,
        truth,
    };
    report.verdicts = verdict::judge(&report, settings);
    report.outcome = Outcome::of(&report.verdicts);
    Ok(report)
}

fn notes(parts: &Parts<'_>, n_units: usize) -> Vec<String> {
    let mut notes = parts.pairing.notes.clone();
    let [reference, candidate] = parts.runs;
    if reference.first().map(|r| &r.folder) == candidate.first().map(|r| &r.folder) {
        notes.push("reference and candidate are the same folder: that shows nothing".to_owned());
    }
    if n_units < LEAST_UNITS {
        notes.push(format!(
            "{n_units} {}{} too few to say anything of others: limits are of single frames, and nothing is tested for equivalence",
            parts.pairing.unit,
            if n_units == 1 { " is" } else { "s are" }
        ));
    }
    if parts.options.values_only {
        notes.push("masks were not looked at (--values-only): presence is what the records say".to_owned());
    }
    let renumbered: Vec<String> = parts
        .structures
        .iter()
        .filter(|s| s.reference_index != s.candidate_index)
        .map(|s| format!("{} is {} and {}", s.name, s.reference_index, s.candidate_index))
        .collect();
    if !renumbered.is_empty() {
        notes.push(format!("class numbers differ and were matched by name: {}", renumbered.join(", ")));
    }
    let names = |runs: &[Run]| runs.iter().find(|r| !r.classes.is_empty()).map(|r| r.classes.clone());
    for (side, runs, known) in [
        ("reference", reference, parts.structures.iter().map(|s| &s.name).collect::<Vec<_>>()),
        ("candidate", candidate, parts.structures.iter().map(|s| &s.candidate_name).collect()),
    ] {
        let lonely: Vec<String> =
            names(runs).unwrap_or_default().into_iter().filter(|n| !known.contains(&n)).collect();
        if !lonely.is_empty() {
            notes.push(format!("structures of the {side} alone, not compared: {}", lonely.join(", ")));
        }
    }
    notes
}

fn structure_report(
    index: usize,
    structure: &Structure,
    frames: &[FrameDifference],
    n_units: usize,
    bootstrap: &Bootstrap,
) -> StructureReport {
    let mut counts = PresenceCounts::default();
    for s in frames.iter().filter_map(|f| f.structures.get(index)) {
        *match s.presence {
            Presence::Both => &mut counts.both,
            Presence::ReferenceOnly => &mut counts.reference_only,
            Presence::CandidateOnly => &mut counts.candidate_only,
            Presence::Neither => &mut counts.neither,
        } += 1;
    }
    let all = frames.len().max(1) as f64;
    let masks: Vec<(usize, MaskDifference)> =
        frames.iter().filter_map(|f| Some((f.unit, f.structures.get(index)?.masks?))).collect();
    StructureReport {
        structure: structure.clone(),
        frames: counts,
        flips_percent: 100.0 * (counts.reference_only + counts.candidate_only) as f64 / all,
        masks: (!masks.is_empty()).then(|| mask_report(&masks, n_units, bootstrap)),
        worst: worst_frames(index, frames),
    }
}

fn mask_report(masks: &[(usize, MaskDifference)], n_units: usize, bootstrap: &Bootstrap) -> MaskReport {
    let identical = masks.iter().filter(|(_, m)| m.identical).count();
    let distribution = |pick: fn(&MaskDifference) -> Option<f64>, higher_is_better: bool| {
        distribution(masks, pick, higher_is_better, n_units, bootstrap)
    };
    let areas: Vec<(usize, f64)> =
        masks.iter().filter_map(|(unit, m)| Some((*unit, m.area_percent()?))).collect();
    MaskReport {
        identical,
        differing_percent: 100.0 * (masks.len() - identical) as f64 / masks.len().max(1) as f64,
        dice: distribution(|m| m.dice, true),
        nsd: distribution(|m| m.nsd, true),
        hd95: distribution(|m| m.hd95, false),
        hd100: distribution(|m| m.hd100, false),
        area_percent: Spread::of(&areas, bootstrap.confidence),
    }
}

fn distribution(
    masks: &[(usize, MaskDifference)],
    pick: fn(&MaskDifference) -> Option<f64>,
    higher_is_better: bool,
    n_units: usize,
    bootstrap: &Bootstrap,
) -> Option<Distribution> {
    let samples: Vec<Sample> =
        masks.iter().map(|(unit, m)| Sample { patient: *unit, video: *unit, value: pick(m) }).collect();
    let means: Vec<f64> = patient_means(&samples).into_values().collect();
    let mut all: Vec<f64> = samples.iter().filter_map(|s| s.value).collect();
    all.sort_unstable_by(f64::total_cmp);
    let interval =
        if n_units < LEAST_UNITS { Err(NoInterval::TooFewUnits) } else { bootstrap.of_mean(&means) };
    Some(Distribution {
        n_frames: all.len(),
        mean: mean(&means)?,
        interval: interval.ok(),
        no_interval: interval.err(),
        median: quantile(&all, 0.5)?,
        worst_hundredth: quantile(&all, if higher_is_better { 0.01 } else { 0.99 })?,
        worst: *if higher_is_better { all.first()? } else { all.last()? },
    })
}

fn worst_frames(index: usize, frames: &[FrameDifference]) -> Vec<WorstFrame> {
    let mut all: Vec<WorstFrame> = frames
        .iter()
        .enumerate()
        .filter_map(|(row, f)| {
            let s = f.structures.get(index)?;
            let differs = s.masks.map_or(s.presence.is_flip(), |m| !m.identical);
            differs.then(|| WorstFrame {
                row,
                input: f.input.clone(),
                reference_frame: f.reference_frame,
                candidate_frame: f.candidate_frame,
                presence: s.presence,
                dice: s.masks.and_then(|m| m.dice),
                hd100: s.masks.and_then(|m| m.hd100),
                area_percent: s.masks.and_then(|m| m.area_percent()),
            })
        })
        .collect();
    let rank = |w: &WorstFrame| (w.dice.unwrap_or(0.0), -w.hd100.unwrap_or(0.0));
    all.sort_by(|a, b| {
        let (a, b) = (rank(a), rank(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    all.truncate(WORST);
    all
}

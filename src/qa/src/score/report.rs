//! A study summed up: what `score.json` holds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::frames::{FrameScore, Frames, Structure};
use super::join::{Coverage, Joined};
use super::run::{Engine, Run};
use super::settings::Settings;
use super::truth::Truth;
use super::values::ValueReport;
use crate::aggregate::{Better, FrameCounts, MetricSummary, Sample, Share, share, summarise, units};
use crate::metrics::instances::InstanceCounts;
use crate::metrics::overlap::Counts;
use crate::metrics::{Presence, StructureScore};
use crate::stats::Interval;
use crate::stats::bootstrap::{Bootstrap, NoInterval};
use crate::temporal::{Moment, Steadiness, steadiness};

/// Version of the layout of `score.json`.
pub const SCHEMA: u32 = 1;
/// Frames of a structure that are named as the worst.
const WORST: usize = 20;

/// A run scored.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Always `score`.
    pub record: &'static str,
    /// See [`SCHEMA`].
    pub schema: u32,
    /// Version of this software.
    pub software: &'static str,
    /// What the definitions are equal to.
    pub references: &'static [&'static str],
    /// The engine.
    pub engine: Engine,
    /// The runs' inputs.
    pub inputs: Vec<String>,
    /// Name of the truth.
    pub truth: String,
    /// How it was scored.
    pub settings: Settings,
    /// How far the names went together.
    pub coverage: Coverage,
    /// What intervals draw: `patient`, or `video` or `still` where the patients of some are not known, or are too few.
    pub unit: &'static str,
    /// Patients, where all are known.
    pub n_patients: Option<usize>,
    /// How many of these are among the scored frames.
    pub n_units: usize,
    /// Videos among them; a patient's stills count as one.
    pub n_videos: usize,
    /// `mm` or `[px]`: the unit of all distances.
    pub distance_unit: &'static str,
    /// What should be known.
    pub notes: Vec<String>,
    /// Mean over the structures of their mean Dice.
    pub mean_dice: Option<f64>,
    /// Mean over the structures of the intersection over union of all frames' pixels taken together.
    pub mean_pooled_iou: Option<f64>,
    /// The structures.
    pub structures: Vec<StructureReport>,
    /// The measured values.
    pub values: Vec<ValueReport>,
    /// The structures by stratum.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub strata: BTreeMap<String, Vec<StructureReport>>,
}

/// What the definitions are equal to, with the versions that this was proven on.
pub const REFERENCES: &[&str] = &[
    "Dice, IoU, sensitivity, specificity, precision, HD100, ASSD: MedPy 0.5.2",
    "HD100 of sets: SimpleITK 2.5.7",
    "HD95, ASSD, objects: MONAI 1.6.1",
    "NSD: DeepMind surface-distance 0.1",
];

/// One structure.
#[derive(Clone, Debug, Serialize)]
pub struct StructureReport {
    /// Value in the masks.
    pub index: u8,
    /// Name.
    pub name: String,
    /// How far boundaries may lie apart and still agree.
    pub tolerance: f64,
    /// Its unit.
    pub tolerance_unit: &'static str,
    /// Frames by where the structure is.
    pub frames: FrameCounts,
    /// Part of the frames in which it is that it was found in.
    pub frame_sensitivity: Share,
    /// Part of the frames in which it is not that it was not found in.
    pub frame_specificity: Share,
    /// The metrics.
    pub metrics: Vec<NamedMetric>,
    /// Pixels of all frames taken together.
    pub pooled_pixels: Counts,
    /// Their Dice.
    pub pooled_dice: Option<f64>,
    /// Their intersection over union.
    pub pooled_iou: Option<f64>,
    /// Objects of all frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<Objects>,
    /// Steadiness of each clip.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub temporal: Vec<ClipSteadiness>,
    /// The frames to look at first.
    pub worst: Vec<WorstFrame>,
}

/// A metric and its name.
#[derive(Clone, Debug, Serialize)]
pub struct NamedMetric {
    /// Name, snake_case.
    pub name: &'static str,
    /// Unit: `1`, `mm` or `[px]`.
    pub unit: &'static str,
    /// Which way is better.
    pub better: Better,
    /// The figures; `None` where no frame has a value.
    pub summary: Option<MetricSummary>,
}

/// Objects of one class in all frames.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Objects {
    /// By what became of them.
    #[serde(flatten)]
    pub counts: InstanceCounts,
    /// F1 of detection.
    pub f1: Option<f64>,
    /// Its interval.
    pub f1_interval: Option<Interval>,
    /// Why there is none.
    pub f1_no_interval: Option<NoInterval>,
    /// Panoptic quality.
    pub panoptic_quality: Option<f64>,
}

/// Steadiness of one clip.
#[derive(Clone, Debug, Serialize)]
pub struct ClipSteadiness {
    /// Name of the input.
    pub input: String,
    /// The figures.
    #[serde(flatten)]
    pub steadiness: Steadiness,
}

/// A frame to look at.
#[derive(Clone, Debug, Serialize)]
pub struct WorstFrame {
    /// File.
    pub input: String,
    /// Number in the run.
    pub frame: u64,
    /// Where the structure is.
    pub presence: Presence,
    /// Part of the boundary within the tolerance.
    pub nsd: f64,
    /// Dice.
    pub dice: Option<f64>,
    /// Hausdorff distance.
    pub hd100: f64,
}

/// A metric's name, whether it is a distance, which way is better, and where it is in a score.
pub type Metric = (&'static str, bool, Better, fn(&StructureScore) -> Option<f64>);

/// Every metric of a frame and structure.
pub const METRICS: [Metric; 13] = [
    ("dice", false, Better::Higher, StructureScore::dice),
    ("iou", false, Better::Higher, |s| s.pixels.iou()),
    ("nsd", false, Better::Higher, |s| s.surface.map(|d| d.nsd)),
    ("hd95", true, Better::Lower, |s| s.surface.map(|d| d.hd95)),
    ("hd100", true, Better::Lower, |s| s.surface.map(|d| d.hd100)),
    ("hd100_sets", true, Better::Lower, |s| s.surface.map(|d| d.hd100_sets)),
    ("assd", true, Better::Lower, |s| s.surface.map(|d| d.assd)),
    ("masd", true, Better::Lower, |s| s.surface.map(|d| d.masd)),
    ("sensitivity", false, Better::Higher, |s| s.pixels.sensitivity()),
    ("specificity", false, Better::Higher, |s| s.pixels.specificity()),
    ("precision", false, Better::Higher, |s| s.pixels.precision()),
    ("accuracy", false, Better::Higher, |s| s.pixels.accuracy()),
    ("absolute_area_bias", false, Better::Lower, |s| s.pixels.area_bias().map(f64::abs)),
];

/// Sums a study up.
pub fn report(
    runs: &[Run],
    truth: &Truth,
    joined: &Joined<'_>,
    frames: &Frames,
    values: Vec<ValueReport>,
    settings: &Settings,
) -> Option<Report> {
    let all: Vec<&FrameScore> = frames.frames.iter().collect();
    let structures = structure_reports(frames, &all, settings);
    let (n_units, n_videos) = units(joined.matches.iter().map(|m| (m.patient, m.video)));
    let mean = |pick: &dyn Fn(&StructureReport) -> Option<f64>| {
        crate::stats::mean(&structures.iter().filter_map(pick).collect::<Vec<_>>())
    };
    let dice =
        |s: &StructureReport| s.metrics.iter().find(|m| m.name == "dice")?.summary.as_ref().map(|d| d.mean);
    let mut strata = BTreeMap::new();
    for (i, name) in truth.strata.iter().enumerate() {
        let some: Vec<&FrameScore> = all.iter().copied().filter(|f| f.stratum == Some(i)).collect();
        if !some.is_empty() {
            strata.insert(name.clone(), structure_reports(frames, &some, settings));
        }
    }
    Some(Report {
        record: "score",
        schema: SCHEMA,
        software: env!("CARGO_PKG_VERSION"),
        references: REFERENCES,
        engine: runs.first()?.engine.clone(),
        inputs: super::join::inputs(runs),
        truth: truth.name.clone(),
        settings: settings.clone(),
        coverage: joined.coverage,
        unit: joined.unit,
        n_patients: joined.n_patients,
        n_units,
        n_videos,
        distance_unit: if frames.in_mm { "mm" } else { "[px]" },
        notes: few_patients(joined).into_iter().chain(frames.notes.iter().cloned()).collect(),
        mean_dice: mean(&dice),
        mean_pooled_iou: mean(&|s| s.pooled_iou),
        structures,
        values,
        strata,
    })
}

fn few_patients(joined: &Joined<'_>) -> Option<String> {
    let n = joined.n_patients.filter(|_| joined.unit != "patient")?;
    Some(format!(
        "{n} patients are too few to draw: intervals are of their videos, and say little of other patients"
    ))
}

fn structure_reports(frames: &Frames, some: &[&FrameScore], settings: &Settings) -> Vec<StructureReport> {
    if some.is_empty() {
        return Vec::new();
    }
    let structures = frames.structures.iter().zip(&frames.tolerances).enumerate();
    structures.map(|(i, (s, tolerance))| structure_report(i, s, *tolerance, frames, some, settings)).collect()
}

fn structure_report(
    index: usize,
    structure: &Structure,
    (tolerance, tolerance_unit): (f64, &'static str),
    frames: &Frames,
    some: &[&FrameScore],
    settings: &Settings,
) -> StructureReport {
    let scores: Vec<(&FrameScore, &StructureScore)> =
        some.iter().filter_map(|f| Some((*f, f.scores.get(index)?))).collect();
    let bootstrap = &settings.bootstrap;
    let distance = if frames.in_mm { "mm" } else { "[px]" };
    let metrics = METRICS
        .iter()
        .map(|&(name, is_distance, better, pick)| {
            let samples: Vec<Sample> = scores
                .iter()
                .map(|(f, s)| Sample { patient: f.patient, video: f.video, value: pick(s) })
                .collect();
            let summary = summarise(&samples, better, bootstrap);
            NamedMetric { name, unit: if is_distance { distance } else { "1" }, better, summary }
        })
        .collect();
    let mut counts = FrameCounts::default();
    let mut pooled_pixels = Counts::default();
    let mut objects: BTreeMap<usize, InstanceCounts> = BTreeMap::new();
    let (mut there, mut not_there) = (Vec::new(), Vec::new());
    for (frame, score) in &scores {
        pooled_pixels += score.pixels;
        if let Some(instances) = score.instances {
            *objects.entry(frame.patient).or_default() += instances;
        }
        let (list, yes, count) = match score.presence {
            Presence::Both => (&mut there, true, &mut counts.both),
            Presence::TruthOnly => (&mut there, false, &mut counts.truth_only),
            Presence::PredictionOnly => (&mut not_there, false, &mut counts.prediction_only),
            Presence::Neither => (&mut not_there, true, &mut counts.neither),
        };
        list.push((frame.patient, yes));
        *count += 1;
    }
    StructureReport {
        index: structure.index,
        name: structure.name.clone(),
        tolerance,
        tolerance_unit,
        frames: counts,
        frame_sensitivity: share(&there, bootstrap),
        frame_specificity: share(&not_there, bootstrap),
        metrics,
        pooled_pixels,
        pooled_dice: pooled_pixels.dice(),
        pooled_iou: pooled_pixels.iou(),
        objects: objects_of(&objects, bootstrap),
        temporal: temporal(index, some),
        worst: worst(&scores),
    }
}

/// Objects of all frames, given those of each patient.
fn objects_of(patients: &BTreeMap<usize, InstanceCounts>, bootstrap: &Bootstrap) -> Option<Objects> {
    let each: Vec<InstanceCounts> = patients.values().copied().collect();
    let sum = |drawn: &[usize]| {
        let mut counts = InstanceCounts::default();
        drawn.iter().filter_map(|&i| each.get(i)).for_each(|c| counts += *c);
        counts
    };
    let counts = sum(&(0..each.len()).collect::<Vec<_>>());
    let interval = bootstrap.interval(each.len(), |drawn| sum(drawn).f1());
    (!each.is_empty()).then(|| Objects {
        counts,
        f1: counts.f1(),
        f1_interval: interval.ok(),
        f1_no_interval: interval.err(),
        panoptic_quality: counts.panoptic_quality(),
    })
}

fn temporal(index: usize, some: &[&FrameScore]) -> Vec<ClipSteadiness> {
    let mut clips: BTreeMap<(usize, usize), (&str, Vec<Moment>)> = BTreeMap::new();
    for frame in some {
        if let (Some(name), Some(moment)) = (&frame.clip, frame.moments.get(index)) {
            clips.entry((frame.run, frame.video)).or_insert_with(|| (name, Vec::new())).1.push(*moment);
        }
    }
    let of_clip = |(name, clip): (&str, Vec<Moment>)| {
        Some(ClipSteadiness { input: name.to_owned(), steadiness: steadiness(&clip)? })
    };
    clips.into_values().filter_map(of_clip).collect()
}

fn worst(scores: &[(&FrameScore, &StructureScore)]) -> Vec<WorstFrame> {
    let mut all: Vec<WorstFrame> = scores
        .iter()
        .filter_map(|(frame, score)| {
            let surface = score.surface?;
            Some(WorstFrame {
                input: frame.input.clone(),
                frame: frame.frame,
                presence: score.presence,
                nsd: surface.nsd,
                dice: score.dice(),
                hd100: surface.hd100,
            })
        })
        .collect();
    all.sort_by(|a, b| a.nsd.total_cmp(&b.nsd).then(b.hd100.total_cmp(&a.hd100)));
    all.truncate(WORST);
    all
}

//! From frames to a study: frame → video → patient → data set.
//!
//! A video's value is the mean of its frames', a patient's the mean of their videos', the study's the mean of its patients':
//! a long video counts no more than a short one. Intervals draw patients ([`stats::bootstrap`](crate::stats::bootstrap)).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use vesalius_measure::series::stats::quantile;

use crate::stats::bootstrap::{Bootstrap, NoInterval};
use crate::stats::{Interval, mean};

/// One frame's value of one metric; `None` where the metric has none for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Number of the patient.
    pub patient: usize,
    /// Number of the video, unlike that of any other patient's.
    pub video: usize,
    /// The value.
    pub value: Option<f64>,
}

/// Which end of a metric is the bad one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Larger is better: Dice.
    Higher,
    /// Smaller is better: distances.
    Lower,
}

/// One metric over a study.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricSummary {
    /// Frames with a value.
    pub n_frames: usize,
    /// Videos with one.
    pub n_videos: usize,
    /// Patients with one.
    pub n_patients: usize,
    /// Frames for which the metric has no value.
    pub n_without_value: usize,
    /// Mean over patients of means over videos of means over frames.
    pub mean: f64,
    /// Interval of that mean.
    pub interval: Option<Interval>,
    /// Why there is none.
    pub no_interval: Option<NoInterval>,
    /// Mean over all frames, as if each stood alone: for comparison with papers that do so.
    pub frame_mean: f64,
    /// Median over all frames.
    pub frame_median: f64,
    /// The tenth of all frames with the worst values begins here.
    pub frame_worst_decile: f64,
    /// The same within each video, averaged like the mean.
    pub video_worst_decile: f64,
    /// The worst frame.
    pub worst: f64,
}

/// Groups by patient and video: the values of each video's frames.
fn grouped(samples: &[Sample]) -> BTreeMap<usize, BTreeMap<usize, Vec<f64>>> {
    let mut patients: BTreeMap<usize, BTreeMap<usize, Vec<f64>>> = BTreeMap::new();
    for sample in samples {
        if let Some(value) = sample.value {
            patients.entry(sample.patient).or_default().entry(sample.video).or_default().push(value);
        }
    }
    patients
}

/// Each patient's mean over videos of `of_video`.
fn per_patient(
    patients: &BTreeMap<usize, BTreeMap<usize, Vec<f64>>>,
    of_video: impl Fn(&[f64]) -> Option<f64>,
) -> Vec<f64> {
    patients
        .values()
        .filter_map(|videos| mean(&videos.values().filter_map(|v| of_video(v)).collect::<Vec<_>>()))
        .collect()
}

/// Each patient's value: the mean over their videos of the means over frames; with the patient's number.
pub fn patient_means(samples: &[Sample]) -> BTreeMap<usize, f64> {
    let patients = grouped(samples);
    let numbers = patients.keys().copied();
    numbers.zip(per_patient(&patients, mean)).collect()
}

/// Sums a metric up; `None` where no frame has a value.
pub fn summarise(samples: &[Sample], better: Better, bootstrap: &Bootstrap) -> Option<MetricSummary> {
    let patients = grouped(samples);
    let means = per_patient(&patients, mean);
    let mut all: Vec<f64> = samples.iter().filter_map(|s| s.value).collect();
    all.sort_unstable_by(f64::total_cmp);
    let tail = |sorted: &[f64]| match better {
        Better::Higher => quantile(sorted, 0.1),
        Better::Lower => quantile(sorted, 0.9),
    };
    let of_video = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        tail(&sorted)
    };
    let interval = bootstrap.of_mean(&means);
    Some(MetricSummary {
        n_frames: all.len(),
        n_videos: patients.values().map(BTreeMap::len).sum(),
        n_patients: patients.len(),
        n_without_value: samples.len() - all.len(),
        mean: mean(&means)?,
        interval: interval.ok(),
        no_interval: interval.err(),
        frame_mean: mean(&all)?,
        frame_median: quantile(&all, 0.5)?,
        frame_worst_decile: tail(&all)?,
        video_worst_decile: mean(&per_patient(&patients, of_video))?,
        worst: *match better {
            Better::Higher => all.first()?,
            Better::Lower => all.last()?,
        },
    })
}

/// Which frames of which units said yes and should have: presence of a structure frame by frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FrameCounts {
    /// There, and found.
    pub both: u64,
    /// There, and missed.
    pub truth_only: u64,
    /// Not there, and found all the same.
    pub prediction_only: u64,
    /// Not there, and not found.
    pub neither: u64,
}

/// A share of frames with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// 0 to 1; `None` where there is nothing to take a share of.
    pub value: Option<f64>,
    /// Frames it is a share of.
    pub n_frames: u64,
    /// Its interval, by patients.
    pub interval: Option<Interval>,
    /// Why there is none.
    pub no_interval: Option<NoInterval>,
}

/// A share of frames over patients: (patient, counts as a yes) of every frame it is a share of.
pub fn share(frames: &[(usize, bool)], bootstrap: &Bootstrap) -> Share {
    let mut patients: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for &(patient, yes) in frames {
        let counts = patients.entry(patient).or_default();
        counts.0 += f64::from(u8::from(yes));
        counts.1 += 1.0;
    }
    let counts: Vec<(f64, f64)> = patients.into_values().collect();
    let ratio = |drawn: &[usize]| {
        let (yes, all) =
            drawn.iter().filter_map(|&i| counts.get(i)).fold((0.0, 0.0), |s, c| (s.0 + c.0, s.1 + c.1));
        (all > 0.0).then(|| yes / all)
    };
    let interval = bootstrap.interval(counts.len(), ratio);
    Share {
        value: ratio(&(0..counts.len()).collect::<Vec<_>>()),
        n_frames: frames.len() as u64,
        interval: interval.ok(),
        no_interval: interval.err(),
    }
}

/// How many different patients and videos there are.
pub fn units(samples: impl Iterator<Item = (usize, usize)>) -> (usize, usize) {
    let (mut patients, mut videos) = (BTreeSet::new(), BTreeSet::new());
    for (patient, video) in samples {
        patients.insert(patient);
        videos.insert(video);
    }
    (patients.len(), videos.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[(usize, usize, f64)]) -> Vec<Sample> {
        values.iter().map(|&(patient, video, v)| Sample { patient, video, value: Some(v) }).collect()
    }

    #[test]
    fn a_long_video_counts_no_more_than_a_short_one() {
        let mut all = samples(&[(0, 0, 1.0); 90]);
        all.extend(samples(&[(0, 1, 0.5), (1, 2, 0.25), (2, 3, 0.5)]));
        all.push(Sample { patient: 2, video: 3, value: None });
        let s = summarise(&all, Better::Higher, &Bootstrap::default()).unwrap();
        // Patients: (1 + 0.5)/2, 0.25, 0.5.
        assert!((s.mean - 0.5).abs() < 1e-12);
        assert!((s.frame_mean - 91.25 / 93.0).abs() < 1e-12);
        assert_eq!((s.n_frames, s.n_videos, s.n_patients, s.n_without_value), (93, 4, 3, 1));
        assert_eq!((s.worst, s.frame_worst_decile, s.frame_median), (0.25, 1.0, 1.0));
        assert!(s.interval.is_some());
        assert_eq!(patient_means(&all)[&0], 0.75);
    }

    #[test]
    fn the_worst_of_distances_are_the_largest() {
        let all = samples(&[(0, 0, 1.0), (0, 0, 2.0), (0, 0, 11.0)]);
        let s = summarise(&all, Better::Lower, &Bootstrap::default()).unwrap();
        assert_eq!((s.worst, s.no_interval), (11.0, Some(NoInterval::TooFewUnits)));
        assert!((s.frame_worst_decile - 9.2).abs() < 1e-12);
        assert_eq!(summarise(&[], Better::Lower, &Bootstrap::default()), None);
    }

    #[test]
    fn a_share_is_of_frames_and_its_interval_of_patients() {
        let mut frames = vec![(0, true); 50];
        frames.extend([(1, false), (2, true), (3, true), (4, false)]);
        let s = share(&frames, &Bootstrap::default());
        assert!((s.value.unwrap() - 52.0 / 54.0).abs() < 1e-12);
        let i = s.interval.unwrap();
        assert!(i.low < 0.8 && i.high <= 1.0, "{i:?}");
        assert_eq!(share(&[], &Bootstrap::default()).value, None);
    }
}

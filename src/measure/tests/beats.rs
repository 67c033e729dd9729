//! Ejection fraction and rate of simulated ventricles: how far from the truth, on the mean of many noisy
//! recordings.
#![allow(clippy::unwrap_used)]

mod simulate;

use proptest::prelude::*;
use simulate::{Case, END_DIASTOLIC_ML, Random, Shape, bias, volumes};
use vesalius_measure::series::Sample;
use vesalius_measure::series::beats::{CycleRules, Cycles, Rejection};
use vesalius_measure::series::extremum::Extrema;

const SEEDS: u64 = 200;

fn estimate(samples: &[Sample]) -> Option<(f64, f64, usize)> {
    let cycles = Cycles::of(samples, &CycleRules::heart());
    let fall = Extrema::of(samples, &cycles)?.fall()?;
    Some((100.0 * fall.median, cycles.per_minute()?, fall.count))
}

/// Every departure from a regular 50 fps recording of 70 beats a minute, one at a time, for every ejection
/// fraction and shape; and all of them at once.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in [Shape::Cosine, Shape::Physiological, Shape::Phantom] {
        for ejection_fraction in [35.0, 55.0, 65.0] {
            let usual = Case { shape, ejection_fraction, ..Case::default() };
            cases.push(usual);
            cases.extend([1, 10].map(|beats| Case { beats, ..usual }));
            cases.push(Case { arrhythmia: 0.2, beats: 8, ..usual });
            cases.extend([0.1, 0.2].map(|dropped| Case { dropped, ..usual }));
            cases.push(Case { jitter: 0.8, ..usual });
            cases.extend([15.0, 24.0, 60.0].map(|frames_per_s| Case { frames_per_s, ..usual }));
            cases.extend([50.0, 110.0].map(|beats_per_minute| Case { beats_per_minute, ..usual }));
            cases.push(Case {
                arrhythmia: 0.15,
                dropped: 0.15,
                jitter: 0.6,
                frames_per_s: 30.0,
                beats_per_minute: 90.0,
                beats: 6,
                ..usual
            });
        }
    }
    cases
}

#[test]
fn the_bias_is_below_one_and_a_half_points_and_two_beats() {
    let mut failures = String::new();
    for case in cases() {
        let b = bias(&case, SEEDS, estimate);
        // Met with a wide margin, so the goals of 1.5 points and 2 beats a minute are asserted at a half. Noise hides
        // how the phantom's curve rests at its extremes: what a polynomial overshoots there comes on top.
        let greatest = if case.shape == Shape::Phantom { 1.5 } else { 0.75 };
        if b.ejection_fraction.abs() > greatest || b.rate.abs() > 1.0 || b.unanswered > 0.02 {
            failures += &format!("{case:?}: {b:?}\n");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn without_noise_it_is_exact_to_a_fifth_of_a_point() {
    for shape in [Shape::Cosine, Shape::Physiological] {
        for ejection_fraction in [35.0, 55.0, 65.0] {
            for (frames_per_s, beats_per_minute) in
                [(50.0, 50.0), (50.0, 70.0), (50.0, 110.0), (30.0, 70.0), (60.0, 90.0)]
            {
                let case = Case {
                    shape,
                    ejection_fraction,
                    frames_per_s,
                    beats_per_minute,
                    noise: 0.0,
                    ..Case::default()
                };
                // Where the frames fall within the beat changes with the seed.
                let b = bias(&case, 25, estimate);
                assert!(b.worst <= 0.2 && b.unanswered == 0.0, "{case:?}: {b:?}");
                assert!(b.rate.abs() < 0.1, "{case:?}: {b:?}");
            }
        }
    }
}

#[test]
fn curves_that_rest_at_their_extremes_are_exact_to_a_fifth_of_a_point_where_frames_show_it() {
    // (frames a second, beats a minute, beats, points); the goal is 0.2, what is above it is not met. What no frame falls
    // on is not known, unless frames fall elsewhere in other beats.
    let cases = [
        (50.0, 50.0, 3, 0.2),
        (50.0, 66.0, 3, 0.2),
        (50.0, 90.0, 3, 0.25),
        (50.0, 110.0, 3, 0.4),
        (50.0, 110.0, 10, 0.2),
        (60.0, 50.0, 3, 0.2),
        (60.0, 80.0, 3, 0.2),
        (60.0, 110.0, 3, 0.2),
        (30.0, 66.0, 6, 0.2),
        (30.0, 80.0, 6, 0.2),
        (30.0, 110.0, 10, 0.3),
        (25.0, 50.0, 6, 0.4),
        (25.0, 66.0, 6, 0.2),
        (25.0, 110.0, 10, 0.5),
    ];
    for (frames_per_s, beats_per_minute, beats, points) in cases {
        for ejection_fraction in [35.0, 55.0, 60.0, 65.0] {
            let case = Case {
                shape: Shape::Phantom,
                ejection_fraction,
                frames_per_s,
                beats_per_minute,
                beats,
                noise: 0.0,
                ..Case::default()
            };
            let b = bias(&case, 25, estimate);
            assert!(b.worst <= points && b.unanswered == 0.0, "{case:?}: {b:?}");
        }
    }
}

#[test]
fn the_stated_uncertainty_covers_the_error() {
    // The error of the median lies within one standard uncertainty about as often as it should, in 68 % of
    // runs.
    for beats in [1, 3, 8] {
        let case = Case { beats, ..Case::default() };
        let within = (0..SEEDS)
            .filter(|&seed| {
                let (samples, _) = volumes(&case, seed);
                let fall = Extrema::of(&samples, &Cycles::of(&samples, &CycleRules::heart()))
                    .unwrap()
                    .fall()
                    .unwrap();
                (100.0 * fall.median - case.ejection_fraction).abs() < 100.0 * fall.uncertainty
            })
            .count();
        assert!((110..170).contains(&within), "{beats} beats: {within} of {SEEDS}");
    }
}

/// A cosine of the given lengths of beats, 50 frames a second, without noise, from the middle of a first beat
/// on.
fn beats_of(lengths_s: &[f64]) -> Vec<Sample> {
    let mut samples = Vec::new();
    let (mut start, mut frame) = (0.0, 0);
    for (k, length) in lengths_s.iter().enumerate() {
        while f64::from(frame) / 50.0 < start + length {
            let phase = (f64::from(frame) / 50.0 - start) / length;
            if k > 0 || phase > 0.5 {
                let value = END_DIASTOLIC_ML * (0.725 + 0.275 * (std::f64::consts::TAU * phase).cos());
                samples.push(Sample { at_ns: frame as u64 * 20_000_000, value, is_clean: true });
            }
            frame += 1;
        }
        start += length;
    }
    samples
}

#[test]
fn ectopic_cut_and_sparse_beats_are_rejected_and_counted() {
    let rules = CycleRules::heart();
    let lengths = [0.8, 0.8, 0.8, 0.5, 1.1, 0.8, 0.8, 0.8, 0.8];
    let mut samples = beats_of(&lengths);
    let cycles = Cycles::of(&samples, &rules);
    assert_eq!((cycles.cycles.len(), cycles.used().count(), cycles.rejected(Rejection::Length)), (7, 5, 2));
    assert!((cycles.per_minute().unwrap() - 75.0).abs() < 0.1);

    // A doubtful outline in the sixth beat.
    for s in samples.iter_mut().filter(|s| (4.1..4.2).contains(&(s.at_ns as f64 / 1e9))) {
        s.is_clean = false;
    }
    let cycles = Cycles::of(&samples, &rules);
    assert_eq!((cycles.used().count(), cycles.rejected(Rejection::Doubtful)), (4, 1));

    // A quarter of a second without results hides an end systole.
    samples.retain(|s| !(5.05..5.4).contains(&(s.at_ns as f64 / 1e9)));
    let cycles = Cycles::of(&samples, &rules);
    assert_eq!(cycles.rejected(Rejection::TooFewSamples), 1, "{cycles:?}");

    let mut frame = 0;
    let mut sparse = beats_of(&[0.8; 8]);
    sparse.retain(|_| {
        frame += 1;
        frame % 7 == 0
    });
    let cycles = Cycles::of(&sparse, &rules);
    assert_eq!((cycles.used().count(), cycles.rejected(Rejection::TooFewSamples)), (0, cycles.cycles.len()));
    assert_eq!(Extrema::of(&sparse, &cycles), None);
}

#[test]
fn a_part_of_a_beat_is_no_beat() {
    let rules = CycleRules::heart();
    let samples = beats_of(&[0.8, 0.8, 0.8]);
    // Up to just before the second end diastole there is none, whatever the extremes.
    let part: Vec<Sample> = samples.iter().copied().filter(|s| s.at_ns < 1_560_000_000).collect();
    assert_eq!(Cycles::of(&part, &rules).cycles, []);
    let flat: Vec<Sample> = samples.iter().map(|s| Sample { value: 100.0, ..*s }).collect();
    assert_eq!(Cycles::of(&flat, &rules).cycles, []);
    assert_eq!(Cycles::of(&[], &rules).cycles, []);
    // Noise alone may have bumps; no heart beats as it does, so next to nothing is said of a hundred tries.
    let beats = (0..100).filter(|&seed| {
        let mut random = Random::new(seed);
        let noise: Vec<Sample> =
            beats_of(&[0.8; 6]).iter().map(|s| Sample { value: 100.0 + random.normal(), ..*s }).collect();
        Cycles::of(&noise, &rules).used().count() > 0
    });
    let count = beats.count();
    assert!(count <= 3, "{count}");
}

#[test]
fn breaths_are_found_among_heart_beats() {
    let rules = CycleRules::breath(6.0, 40.0);
    for per_minute in [8.0, 15.0, 25.0, 35.0_f64] {
        let mut random = Random::new(1);
        let samples: Vec<Sample> = (0..40 * 30)
            .map(|frame| {
                let t = f64::from(frame) / 30.0;
                let breath = (std::f64::consts::TAU * (t * per_minute / 60.0 + 0.3)).cos();
                let pulse = 0.3 * (std::f64::consts::TAU * t * 1.2).cos();
                let value = 18.0 + 3.0 * breath + pulse + 0.3 * random.normal();
                Sample { at_ns: (t * 1e9) as u64, value, is_clean: true }
            })
            .collect();
        let cycles = Cycles::of(&samples, &rules);
        let rate = cycles.per_minute().unwrap();
        assert!((rate - per_minute).abs() < 0.03 * per_minute, "{rate} for {per_minute}");
        assert!(cycles.used().count() as f64 >= per_minute * 40.0 / 60.0 - 3.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Any samples are survived, and what is found is in order and within them.
    #[test]
    fn any_samples(values in proptest::collection::vec(
        (1_u64..400_000_000, -1e3..1e3_f64, any::<bool>()), 0..200)) {
        let mut at_ns = 0;
        let samples: Vec<Sample> = values.iter().map(|&(step, value, is_clean)| {
            at_ns += step;
            Sample { at_ns, value, is_clean }
        }).collect();
        let cycles = Cycles::of(&samples, &CycleRules::heart());
        for c in &cycles.cycles {
            prop_assert!(c.high_ns < c.low_ns && c.low_ns < c.next_high_ns && c.next_high_ns <= at_ns);
        }
        if let Some(extrema) = Extrema::of(&samples, &cycles) {
            prop_assert!(extrema.cycles.len() <= cycles.used().count());
            prop_assert!(extrema.cycles.iter().all(|c| c.high.is_finite() && c.low.is_finite()));
        }
    }

    /// A ratio does not know the unit, and nothing knows when the clock began.
    #[test]
    fn scale_and_origin_do_not_matter(seed in 0_u64..1000, scale in 0.01..100.0_f64, later_s in 0_u64..100_000) {
        let (samples, _) = volumes(&Case::default(), seed);
        let other: Vec<Sample> = samples.iter().map(|s| Sample {
            at_ns: s.at_ns + later_s * 1_000_000_000, value: s.value * scale, ..*s
        }).collect();
        let (a, b) = (estimate(&samples).unwrap(), estimate(&other).unwrap());
        prop_assert!((a.0 - b.0).abs() < 1e-6 && (a.1 - b.1).abs() < 1e-6, "{a:?} {b:?}");
    }
}

//! Curves of a ventricle with known volumes, as a camera of any rate and a noisy outline would give them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::RefCell;
use std::collections::HashMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use vesalius_measure::series::Sample;
use vesalius_phantom::scenes::{FrameMeasures, LvScene, Phantom};

/// Shape of the volume over a beat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// A cosine.
    Cosine,
    /// Ejection over 0.36·√T, early filling to 78 %, diastasis, and the kick of the atrium in the last 14 %
    /// of the beat.
    Physiological,
    /// That of the digital phantom: it rests at end diastole and end systole, with steep flanks.
    Phantom,
}

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub shape: Shape,
    pub ejection_fraction: f64,
    /// Noise of a frame's volume, as a fraction of it.
    pub noise: f64,
    pub frames_per_s: f64,
    pub beats_per_minute: f64,
    /// Complete beats.
    pub beats: usize,
    /// Lengths of beats vary by up to this fraction.
    pub arrhythmia: f64,
    /// Fraction of frames that never came.
    pub dropped: f64,
    /// Frames come up to this fraction of a frame too early or late.
    pub jitter: f64,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            shape: Shape::Physiological,
            ejection_fraction: 55.0,
            noise: 0.04,
            frames_per_s: 50.0,
            beats_per_minute: 70.0,
            beats: 3,
            arrhythmia: 0.0,
            dropped: 0.0,
            jitter: 0.0,
        }
    }
}

pub struct Random(ChaCha8Rng);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Evenly from 0 to 1.
    pub fn even(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normal with standard deviation 1 (Box & Muller 1958).
    pub fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.even()).ln()).sqrt() * (std::f64::consts::TAU * self.even()).cos()
    }
}

/// Volume as a fraction of the stroke volume above end systole, at `t` seconds into a beat of `length`
/// seconds.
fn filling(shape: Shape, t: f64, length: f64) -> f64 {
    let ramp = |x: f64| 0.5 - 0.5 * (std::f64::consts::PI * x.clamp(0.0, 1.0)).cos();
    match shape {
        Shape::Phantom => phantom_filling(t, length),
        Shape::Cosine => 0.5 + 0.5 * (std::f64::consts::TAU * t / length).cos(),
        Shape::Physiological => {
            let systole = (0.36 * length.sqrt()).min(0.5 * length);
            let kick = 0.14 * length;
            if t < systole {
                1.0 - ramp(t / systole)
            } else {
                0.78 * ramp((t - systole) / (0.22 * length)) + 0.22 * ramp((t - (length - kick)) / kick)
            }
        }
    }
}

/// Beats of the phantom have lengths in steps of this, seconds; they are stretched to what lies between.
const LENGTH_STEP_S: f64 = 0.005;
/// Frames a second of the phantom; a straight line between two is right to a part in 5000.
const PHANTOM_FRAMES_PER_S: f64 = 500.0;

/// The same from the truth of the phantom's volume.
fn phantom_filling(t: f64, length: f64) -> f64 {
    thread_local! {
        static BEATS: RefCell<HashMap<u64, Vec<f64>>> = RefCell::default();
    }
    let steps = (length / LENGTH_STEP_S).round();
    BEATS.with_borrow_mut(|beats| {
        let curve = beats.entry(steps as u64).or_insert_with(|| phantom_beat(steps * LENGTH_STEP_S));
        let at = (t / length).clamp(0.0, 1.0) * (steps * LENGTH_STEP_S) * PHANTOM_FRAMES_PER_S;
        let (before, after) = (curve[at as usize], curve[(at as usize + 1).min(curve.len() - 1)]);
        before + (after - before) * at.fract()
    })
}

/// Volume of a beat from its end diastole on, frame by frame.
fn phantom_beat(length_s: f64) -> Vec<f64> {
    let scene = LvScene {
        // Nobody looks at the picture.
        width_px: 16,
        height_px: 16,
        frame_rate_hz: PHANTOM_FRAMES_PER_S,
        heart_rate_bpm: 60.0 / length_s,
        start_phase: 0.0,
        ..LvScene::default()
    };
    let phantom = scene.prepare().unwrap();
    let end_systolic_ml = scene.edv_ml * (1.0 - scene.ef_percent / 100.0);
    (0..=(length_s * PHANTOM_FRAMES_PER_S).ceil() as u64)
        .map(|frame| match phantom.truth(frame).measures {
            FrameMeasures::Lv(lv) => (lv.volume_ml - end_systolic_ml) / (scene.edv_ml - end_systolic_ml),
            other => panic!("{other:?}"),
        })
        .collect()
}

pub const END_DIASTOLIC_ML: f64 = 120.0;

/// Samples of a run, and the median length of its beats in seconds.
pub fn volumes(case: &Case, seed: u64) -> (Vec<Sample>, f64) {
    let mut random = Random::new(seed);
    let usual = 60.0 / case.beats_per_minute;
    // A part of a beat before the complete ones and one after.
    let (mut starts, mut next) = (vec![0.0], 0.0);
    for _ in 0..case.beats + 2 {
        let length = usual * (1.0 + case.arrhythmia * (2.0 * random.even() - 1.0));
        next += length;
        starts.push(next);
    }
    let end = next - 0.5 * usual;
    let first = 0.4 * usual + random.even() / case.frames_per_s;
    let mut samples: Vec<Sample> = Vec::new();
    for frame in 0.. {
        let regular = first + f64::from(frame) / case.frames_per_s;
        let t = regular + case.jitter * (random.even() - 0.5) / case.frames_per_s;
        if regular >= end {
            break;
        }
        let (lost, noise) = (random.even() < case.dropped, random.normal());
        let k = starts.iter().rposition(|s| *s <= t);
        let Some((k, next)) = k.and_then(|k| Some((k, starts.get(k + 1)?))) else { continue };
        if lost {
            continue;
        }
        let volume = filling(case.shape, t - starts[k], next - starts[k]);
        let fraction = case.ejection_fraction / 100.0;
        let value = END_DIASTOLIC_ML * (1.0 - fraction + fraction * volume) * (1.0 + case.noise * noise);
        samples.push(Sample { at_ns: (t * 1e9).round() as u64, value, is_clean: true });
    }
    let mut lengths: Vec<f64> = starts.windows(2).skip(1).take(case.beats).map(|w| w[1] - w[0]).collect();
    lengths.sort_by(f64::total_cmp);
    let middle = 0.5 * (lengths[(lengths.len() - 1) / 2] + lengths[lengths.len() / 2]);
    (samples, middle)
}

/// How far estimates lie from the truth over many seeds.
#[derive(Clone, Copy, Debug, Default)]
#[allow(dead_code)] // The example that shares this file prints them all.
pub struct Bias {
    /// Mean error of the ejection fraction, points.
    pub ejection_fraction: f64,
    /// Standard deviation of its error.
    pub ejection_fraction_sd: f64,
    /// The largest error without its sign.
    pub worst: f64,
    /// Mean error of the rate, beats a minute.
    pub rate: f64,
    /// Standard deviation of its error.
    pub rate_sd: f64,
    /// Runs without an answer, as a fraction.
    pub unanswered: f64,
    /// Mean number of beats that counted.
    pub beats: f64,
}

/// Runs an estimator, which gives the ejection fraction in per cent, the rate a minute and the number of
/// beats.
pub fn bias(case: &Case, seeds: u64, estimate: impl Fn(&[Sample]) -> Option<(f64, f64, usize)>) -> Bias {
    let (mut errors, mut rates, mut beats) = (Vec::new(), Vec::new(), 0);
    for seed in 0..seeds {
        let (samples, length_s) = volumes(case, seed);
        if let Some((fraction, rate, count)) = estimate(&samples) {
            errors.push(fraction - case.ejection_fraction);
            rates.push(rate - 60.0 / length_s);
            beats += count;
        }
    }
    let n = errors.len().max(1) as f64;
    let mean = |v: &[f64]| v.iter().sum::<f64>() / n;
    let sd = |v: &[f64]| (v.iter().map(|e| (e - mean(v)).powi(2)).sum::<f64>() / n).sqrt();
    Bias {
        ejection_fraction: mean(&errors),
        ejection_fraction_sd: sd(&errors),
        worst: errors.iter().fold(0.0, |m: f64, e| m.max(e.abs())),
        rate: mean(&rates),
        rate_sd: sd(&rates),
        unanswered: 1.0 - errors.len() as f64 / seeds as f64,
        beats: beats as f64 / n,
    }
}

//! How far ejection fraction and heart rate from a noisy curve lie from the truth.
//!
//! `cargo run --release -p vesalius-measure --example beat_bias [SEEDS]` simulates ventricles of known
//! ejection fraction and prints a table: the estimator of `series`, and for comparison what the greatest and
//! least value of the recording give, raw and smoothed, and the smoothed ones picked beat by beat.

#[path = "../tests/simulate/mod.rs"]
mod simulate;

use simulate::{Bias, Case, Shape, bias};
use vesalius_measure::series::Sample;
use vesalius_measure::series::beats::{CycleRules, Cycles};
use vesalius_measure::series::extremum::Extrema;
use vesalius_measure::series::smooth::Smoothed;
use vesalius_measure::series::stats::median;

/// Ejection fraction in per cent, beats a minute, number of beats.
type Answer = Option<(f64, f64, usize)>;

fn estimate(samples: &[Sample]) -> Answer {
    let cycles = Cycles::of(samples, &CycleRules::heart());
    let fall = Extrema::of(samples, &cycles)?.fall()?;
    Some((100.0 * fall.median, cycles.per_minute()?, fall.count))
}

fn swing(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (low, high) = (values.clone().fold(f64::MAX, f64::min), values.fold(f64::MIN, f64::max));
    100.0 * (high - low) / high
}

fn raw(samples: &[Sample]) -> Answer {
    Some((swing(samples.iter().map(|s| s.value)), 0.0, 0))
}

fn smooth(samples: &[Sample]) -> Vec<f64> {
    let times: Vec<f64> = samples.iter().map(|s| s.at_ns as f64 / 1e9).collect();
    let values: Vec<f64> = samples.iter().map(|s| s.value).collect();
    Smoothed::of(&times, &values, 0.2).values
}

fn smoothed(samples: &[Sample]) -> Answer {
    Some((swing(smooth(samples).into_iter()), 0.0, 0))
}

fn smoothed_by_beat(samples: &[Sample]) -> Answer {
    let smooth = smooth(samples);
    let at = |ns: u64| samples.iter().position(|s| s.at_ns == ns).and_then(|i| smooth.get(i)).copied();
    let mut falls: Vec<f64> = Cycles::of(samples, &CycleRules::heart())
        .used()
        .filter_map(|c| Some(100.0 * (1.0 - at(c.low_ns)? / at(c.high_ns)?)))
        .collect();
    Some((median(&mut falls)?, 0.0, 0))
}

fn main() {
    let seeds = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(1000);
    println!("{seeds} seeds a row; errors in points of ejection fraction and beats a minute\n");
    println!(
        "| curve | EF % | noise % | fps | bpm | beats | else | raw | smoothed | by beat \
         | **here** | SD | worst | HR | SD | beats used | no answer |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for case in cases() {
        let plain = |f: fn(&[Sample]) -> Answer| bias(&case, seeds.min(300), f).ejection_fraction;
        let Bias { ejection_fraction, ejection_fraction_sd, worst, rate, rate_sd, unanswered, beats } =
            bias(&case, seeds, estimate);
        let Case { shape, noise, frames_per_s, beats_per_minute, arrhythmia, dropped, jitter, .. } = case;
        println!(
            "| {shape:?} | {} | {:.0} | {frames_per_s} | {beats_per_minute} | {} | {} \
             | {:+.1} | {:+.1} | {:+.2} \
             | **{ejection_fraction:+.2}** | {ejection_fraction_sd:.2} | {worst:.1} | {rate:+.2} | {rate_sd:.2} | {beats:.1} | {:.1} % |",
            case.ejection_fraction,
            100.0 * noise,
            case.beats,
            match (arrhythmia > 0.0, dropped > 0.0, jitter > 0.0) {
                (true, ..) => format!("beats ±{:.0} %", 100.0 * arrhythmia),
                (_, true, _) => format!("{:.0} % dropped", 100.0 * dropped),
                (.., true) => format!("times ±{:.0} % of a frame", 50.0 * jitter),
                _ => String::new(),
            },
            plain(raw),
            plain(smoothed),
            plain(smoothed_by_beat),
            100.0 * unanswered,
        );
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in [Shape::Cosine, Shape::Physiological, Shape::Phantom] {
        let usual = Case { shape, ..Case::default() };
        for ejection_fraction in [35.0, 55.0, 65.0] {
            let case = Case { ejection_fraction, ..usual };
            cases.extend([case, Case { noise: 0.02, ..case }, Case { noise: 0.0, ..case }]);
        }
        for ejection_fraction in [35.0, 55.0] {
            let case = Case { ejection_fraction, ..usual };
            cases.extend([10.0, 5.0, 1.0].map(|beats| Case { beats: beats as usize, ..case }));
            cases.extend([0.1, 0.2].map(|arrhythmia| Case { arrhythmia, beats: 8, ..case }));
            cases.extend([0.1, 0.2].map(|dropped| Case { dropped, ..case }));
            cases.push(Case { jitter: 0.8, ..case });
            cases.extend([15.0, 24.0, 30.0, 60.0].map(|frames_per_s| Case { frames_per_s, ..case }));
            cases.extend([50.0, 90.0, 110.0].map(|beats_per_minute| Case { beats_per_minute, ..case }));
            cases.push(Case { frames_per_s: 15.0, beats_per_minute: 110.0, ..case });
            cases.push(Case { frames_per_s: 15.0, beats_per_minute: 110.0, beats: 10, ..case });
        }
        for frames_per_s in [15.0, 25.0, 30.0, 50.0, 60.0] {
            cases.extend([50.0, 66.0, 80.0, 110.0].map(|beats_per_minute| Case {
                noise: 0.0,
                frames_per_s,
                beats_per_minute,
                ..usual
            }));
        }
    }
    cases
}

//! Scores pairs of label masks from a file and says how long one took, on one thread.
//!
//! `cargo run --release -p vesalius-qa --example pairs -- FILE WIDTH HEIGHT CLASSES [ROUNDS]`
//!
//! The file holds truth and prediction in turn, a byte a pixel. `reference/bench.py` writes it and runs MONAI on the same.

use std::time::Instant;

use vesalius_measure::mask::LabelMask;
use vesalius_qa::metrics::distance::PixelSize;
use vesalius_qa::metrics::{Class, score_pair};

/// Time that this thread has been on a core, which a busy machine does not lengthen; `None` where the system does not tell.
fn cpu_ms() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? / 1e6)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, width, height, classes, rest @ ..] = arguments.as_slice() else {
        return Err("give FILE WIDTH HEIGHT CLASSES [ROUNDS]".into());
    };
    let (width, height) = (width.parse::<usize>()?, height.parse::<usize>()?);
    let rounds = rest.first().map_or(Ok(5), |r| r.parse::<usize>())?;
    let classes: Vec<Class> =
        (1..=classes.parse::<u8>()?).map(|index| Class { index, tolerance: 1.0, instances: false }).collect();
    let bytes = std::fs::read(file)?;
    let masks: Vec<LabelMask> = bytes
        .chunks_exact(width * height)
        .map(|labels| LabelMask { width, height, labels: labels.to_vec() })
        .collect();
    let size = PixelSize { x: 0.2, y: 0.3 };
    let mut times_ms = Vec::new();
    let cpu_before = cpu_ms();
    let mut sum = 0.0;
    for round in 0..rounds.max(1) {
        for (i, pair) in masks.chunks_exact(2).enumerate() {
            let [truth, prediction] = pair else { continue };
            let start = Instant::now();
            let scores = score_pair(truth, prediction, &classes, size)?;
            times_ms.push((start.elapsed().as_secs_f64() * 1e3, i));
            if round == 0 {
                for score in scores {
                    let surface = score.surface.ok_or("an empty pair")?;
                    sum += score.dice().unwrap_or(0.0) + surface.hd95 + surface.assd + surface.nsd;
                }
            }
        }
    }
    let cpu_ms = cpu_ms().zip(cpu_before).map_or(f64::NAN, |(after, before)| after - before);
    times_ms.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = times_ms.iter().map(|t| t.0).sum();
    let at = |p: f64| times_ms.get((p * (times_ms.len() - 1) as f64) as usize).copied().unwrap_or((0.0, 0));
    println!(
        "{{\"pairs\": {}, \"cpu_ms\": {:.4}, \"mean_ms\": {:.4}, \"p50_ms\": {:.4}, \"p95_ms\": {:.4}, \"max_ms\": {:.4}, \"sum\": {sum:.6}}}",
        times_ms.len(),
        cpu_ms / times_ms.len() as f64,
        total / times_ms.len() as f64,
        at(0.5).0,
        at(0.95).0,
        at(1.0).0
    );
    Ok(())
}

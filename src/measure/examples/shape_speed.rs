//! How long the measures of one 512×512 mask take, on one core.
//!
//! ```sh
//! cargo run --release -p vesalius-measure --example shape_speed
//! ```

use std::hint::black_box;
use std::time::{Duration, Instant};

use vesalius_measure::calibration::{Calibration, CalibrationSource};
use vesalius_measure::components::{KeepComponents, clean};
use vesalius_measure::contour::trace;
use vesalius_measure::geometry::{Geometry, ResizeRule};
use vesalius_measure::mask::ProbabilityMap;
use vesalius_measure::shape::{Morphology, Plane, ellipse_of_free_boundary};

const SIZE: usize = 512;

/// Median time of many runs.
fn median(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..400)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let geometry = Geometry::new((800, 540), (512, 512), ResizeRule::Stretch, (1, 1))?;
    let calibration = Calibration::parse("0.3,0.15", CalibrationSource::Phantom)?;
    let plane = Plane::new(&geometry, Some(&calibration));
    for (name, ramp) in [("soft", 6.0), ("binary", 1e-9)] {
        // A head-like outline with a waist, over most of the picture.
        let values: Vec<f32> = (0..SIZE * SIZE)
            .map(|i| {
                let (dx, dy) = ((i % SIZE) as f64 - 250.3, (i / SIZE) as f64 - 262.8);
                let rim = 150.0 + 45.0 * (2.0 * dy.atan2(dx)).cos() + 6.0 * (9.0 * dy.atan2(dx)).sin();
                (0.5 + (rim - dx.hypot(dy)) / ramp).clamp(0.0, 1.0) as f32
            })
            .collect();
        let map = ProbabilityMap::new(SIZE, SIZE, values.clone())?;
        let contours = trace(&map, &geometry, 0.5);
        let contour = contours.first().ok_or("no outline")?;
        let tracing = median(|| drop(black_box(trace(black_box(&map), &geometry, 0.5))));
        let shape = median(|| drop(black_box(Morphology::of(black_box(contour), &plane))));
        let fit = median(|| {
            black_box(ellipse_of_free_boundary(black_box(contour), &plane, &geometry));
        });
        let mut copy = values.clone();
        let cleaning = median(|| {
            black_box(clean(&mut copy, SIZE, 0.5, KeepComponents::Largest, true));
        });
        println!(
            "{name}: {} vertices; outline {tracing:?} + all measures {shape:?} + fitted ellipse {fit:?} = {:?}; \
             clean-up before it {cleaning:?}",
            contour.outer.len(),
            tracing + shape + fit,
        );
    }
    Ok(())
}

//! `vesalius demo`: a phantom, its replay, and what was measured beside what is true.

use std::sync::Arc;

use anyhow::Context;
use vesalius_engine::{PrecisionChoice, ProviderChoice};
use vesalius_measure::calibration::{Calibration, CalibrationSource};
use vesalius_measure::units::MmPerPx;
use vesalius_phantom::{FetalHeadScene, FrameTruth};
use vesalius_pipeline::phantom::{PhantomOptions, read_truth, render};
use vesalius_pipeline::replay::{ANNOTATED_VIDEO, Control};
use vesalius_pipeline::{CalibrationChoice, Progress, ReplayOptions, replay};

use crate::args::DemoArgs;
use crate::progress::{Reporter, stop_on_interrupt};

/// Frames of the clip.
const FRAMES: u64 = 150;

/// Runs the command.
pub fn run(args: &DemoArgs) -> anyhow::Result<u8> {
    gst::init().context("GStreamer cannot be started")?;
    let stop = stop_on_interrupt();
    let scene = FetalHeadScene::default();
    let phantom = args.out.join("phantom");
    let mut reporter = Reporter::new(false);
    let mut tell = |progress: &Progress| reporter.tell(progress);
    let options = PhantomOptions { frames: FRAMES, masks: true, stills: false, mask_clip: false };
    let clip = render(&scene, &options, &phantom, &mut Control { progress: &mut tell, stop: &stop })?;
    reporter.finish();
    let truth = read_truth(&phantom.join(vesalius_pipeline::phantom::TRUTH))?;

    let scale = Calibration::new(
        MmPerPx(scene.mm_per_px_x),
        MmPerPx(scene.mm_per_px_y),
        CalibrationSource::Phantom,
        0.0,
    )?;
    let options = ReplayOptions {
        engine: args.engine.clone(),
        calibration: CalibrationChoice::All(Arc::new(scale)),
        protocol: None,
        events: Vec::new(),
        confirm_ms: 0,
        track_gap_ms: 1000,
        masks: true,
        outlines: false,
        video: true,
        threads: 0,
        runtime: None,
        provider: ProviderChoice::Auto,
        precision: PrecisionChoice::Auto,
    };
    let folder = args.out.join("replay");
    let mut reporter = Reporter::new(false);
    let mut tell = |progress: &Progress| reporter.tell(progress);
    let report = replay(&clip, &folder, &options, &mut Control { progress: &mut tell, stop: &stop })?;
    reporter.finish();
    crate::replay::print_summary(&clip, &folder, &report.summary);
    if let Some(error) = report.error {
        anyhow::bail!(error);
    }

    let measured = report
        .summary
        .values
        .iter()
        .find(|v| v.name == "head_circumference")
        .and_then(|v| v.median)
        .context("no head circumference was measured")?;
    let true_hc = median(truth.frames.iter().map(|f: &FrameTruth| f.head_circumference_mm).collect())
        .context("the phantom has no frames")?;
    say!();
    say!(
        "head circumference: measured {measured:.1} mm, truth {true_hc:.1} mm ({:+.1} %), {:.0} frames/s",
        100.0 * (measured / true_hc - 1.0),
        report.summary.frames_per_s
    );
    say!("annotated video:    {}", folder.join(ANNOTATED_VIDEO).display());
    say!("values:             {}", folder.join("measurements.csv").display());
    Ok(crate::OK)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied()?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    values.get(values.len() / 2 - 1).map(|lower| f64::midpoint(*lower, upper))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }
}

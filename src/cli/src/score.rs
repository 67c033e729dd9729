//! `vesalius score`.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use anyhow::Context;
use vesalius_measure::flow::{Gray, SIDE};
use vesalius_pipeline::frames;
use vesalius_qa::score::run::Run;
use vesalius_qa::score::truth::Truth;
use vesalius_qa::score::{self, Scored, Settings, table};
use vesalius_qa::stats::bootstrap::Bootstrap;

use crate::args::ScoreArgs;

/// Runs the command.
pub fn run(args: &ScoreArgs) -> anyhow::Result<u8> {
    let settings = settings(args)?;
    anyhow::ensure!(
        args.margin.is_finite() && args.margin > 0.0,
        "--margin {} is no difference: give one above zero",
        args.margin
    );
    let scored = scored(args, &settings)?;
    let comparison = match &args.against {
        Some(other) => {
            let other = score::score(other, &args.truth, &settings)?;
            Some(score::compare(&scored, &other, args.margin, &settings.bootstrap)?)
        }
        None => None,
    };
    let files = score::write(&scored, args.out.as_deref().unwrap_or(&args.run))?;
    if args.json {
        let both = serde_json::json!({ "score": scored.report, "comparison": comparison });
        say!("{both}");
    } else {
        say!("{}", table::text(&scored.report).trim_end());
        if let Some(comparison) = &comparison {
            say!("{}", table::comparison_text(comparison).trim_end());
        }
        let [report, frames, values] = files.map(|f| f.display().to_string());
        say!("\nall of it in {report}, frame by frame in {frames} and {values}");
    }
    if args.complete && scored.report.coverage.truth_without_frame > 0 {
        anyhow::bail!(
            "{} truths have no frame in the run, and --complete asks for all",
            scored.report.coverage.truth_without_frame
        );
    }
    Ok(crate::OK)
}

fn scored(args: &ScoreArgs, settings: &Settings) -> anyhow::Result<Scored> {
    if args.pictures.is_empty() {
        return Ok(score::score(&args.run, &args.truth, settings)?);
    }
    gst::init().context("GStreamer cannot be started")?;
    let truth = Truth::read(&args.truth, settings.by.as_deref())?;
    let runs = Run::read_all(&args.run)?;
    let (mut fault, mut found) = (None, false);
    let mut load = |run: &Run| match gray_frames(run, &args.pictures) {
        Ok(frames) => {
            found |= frames.is_some();
            frames.unwrap_or_default()
        }
        Err(error) => {
            fault.get_or_insert(error);
            HashMap::new()
        }
    };
    let scored = score::score_runs(&runs, &truth, settings, Some(&mut load))?;
    match fault {
        Some(fault) => Err(fault),
        None if !found => anyhow::bail!(
            "--pictures were not used: give the recordings of the clips that are scored, or of stills tell --frame-rate"
        ),
        None => Ok(scored),
    }
}

/// A run's pictures in grey, made small; `None` where its recording is not among the paths.
fn gray_frames(run: &Run, paths: &[PathBuf]) -> anyhow::Result<Option<HashMap<u64, Gray>>> {
    let Some(path) = crate::report::recording(run, paths)? else { return Ok(None) };
    let wanted: BTreeMap<u64, String> = run.frames.iter().map(|f| (f.number, f.input.clone())).collect();
    let mut pictures = HashMap::new();
    frames::pictures(&path, &wanted, &mut |number, picture| {
        let (width, height) = picture.dimensions();
        let shrink = (SIDE as f64 / f64::from(width.max(height).max(1))).min(1.0);
        let side = |side: u32| ((f64::from(side) * shrink).round() as u32).max(1);
        let gray = image::imageops::grayscale(&picture);
        let small =
            image::imageops::resize(&gray, side(width), side(height), image::imageops::FilterType::Triangle);
        let (width, height) = (small.width() as usize, small.height() as usize);
        pictures.extend(Gray::new(width, height, &small).map(|gray| (number, gray)));
    })?;
    Ok(Some(pictures))
}

fn settings(args: &ScoreArgs) -> anyhow::Result<Settings> {
    anyhow::ensure!(
        args.confidence > 0.5 && args.confidence < 1.0,
        "--confidence {} is none: give one above 0.5 and below 1, such as 0.95",
        args.confidence
    );
    check_frame_rate(args.frame_rate)?;
    let mut settings = Settings {
        objects: args.objects.clone(),
        by: args.by.clone(),
        frame_rate_hz: args.frame_rate,
        bootstrap: Bootstrap { resamples: args.resamples, confidence: args.confidence, seed: args.seed },
        ..Settings::default()
    };
    args.agreement.read(&mut settings)?;
    for threshold in &args.decide {
        settings.threshold(threshold)?;
    }
    Ok(settings)
}

/// A rate of frames is above zero.
pub fn check_frame_rate(rate: Option<f64>) -> anyhow::Result<()> {
    anyhow::ensure!(
        rate.is_none_or(|rate| rate.is_finite() && rate > 0.0),
        "--frame-rate {} is none: give one above zero, such as 25",
        rate.unwrap_or_default()
    );
    Ok(())
}

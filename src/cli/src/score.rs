//! `vesalius score`.

use vesalius_qa::score::{self, Settings, table};
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
    let scored = score::score(&args.run, &args.truth, &settings)?;
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

fn settings(args: &ScoreArgs) -> anyhow::Result<Settings> {
    anyhow::ensure!(
        args.confidence > 0.5 && args.confidence < 1.0,
        "--confidence {} is none: give one above 0.5 and below 1, such as 0.95",
        args.confidence
    );
    anyhow::ensure!(
        args.frame_rate.is_none_or(|rate| rate.is_finite() && rate > 0.0),
        "--frame-rate {} is none: give one above zero, such as 25",
        args.frame_rate.unwrap_or_default()
    );
    let mut settings = Settings {
        objects: args.objects.clone(),
        by: args.by.clone(),
        frame_rate_hz: args.frame_rate,
        bootstrap: Bootstrap { resamples: args.resamples, confidence: args.confidence, seed: args.seed },
        ..Settings::default()
    };
    args.agreement.read(&mut settings)?;
    Ok(settings)
}

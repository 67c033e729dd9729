//! `vesalius replay`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::Context;
use serde_json::json;
use vesalius_ledger::summary::{Summary, write_json};
use vesalius_ledger::values::ValueSummary;
use vesalius_ledger::writer::MEASUREMENTS;
use vesalius_measure::result::{Measurement, Validity};
use vesalius_measure::track::TrackId;
use vesalius_pipeline::replay::{Control, Report};
use vesalius_pipeline::{CalibrationChoice, Input, ReplayError, ReplayOptions, replay};

use crate::args::ReplayArgs;
use crate::progress::{Reporter, stop_on_interrupt};

/// Runs the command.
pub fn run(args: &ReplayArgs) -> anyhow::Result<u8> {
    gst::init().context("GStreamer cannot be started")?;
    let options = options(args)?;
    if let Some(list) = &args.list {
        return crate::archive::replay(args, list, options);
    }
    let stop = stop_on_interrupt();
    let inputs = inputs(&args.inputs);
    let folders = folders(&inputs, &args.out);
    let (mut failures, mut lines) = (0_u32, Vec::new());
    for (input, folder) in inputs.iter().zip(&folders) {
        let mut reporter = Reporter::new(args.json);
        let mut tell = |progress: &vesalius_pipeline::Progress| reporter.tell(progress);
        let result = replay(input, folder, &options, &mut Control { progress: &mut tell, stop: &stop });
        reporter.finish();
        if args.parquet && result.is_ok() {
            let id = folder.file_name().unwrap_or_default().to_string_lossy();
            vesalius_ledger::tables::write_tables(folder, &id)?;
        }
        failures += u32::from(!matches!(&result, Ok(Report { error: None, .. })));
        if args.json {
            say!("{}", machine(input, folder, &result));
        } else {
            people(input, folder, &result);
        }
        lines.push(index_line(input, folder, &result));
        if stop.load(Ordering::Acquire) {
            break;
        }
    }
    if inputs.len() > 1 {
        let path = args.out.join("index.json");
        // Where every input failed at once, nothing has made it yet.
        let _ = std::fs::create_dir_all(&args.out);
        write_json(&path, &lines).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(if stop.load(Ordering::Acquire) {
        crate::INTERRUPTED
    } else if failures > 0 {
        if inputs.len() > 1 {
            complain!("vesalius: {failures} of {} inputs failed", inputs.len());
        }
        crate::FAILED
    } else {
        crate::OK
    })
}

/// What all inputs are replayed with.
fn options(args: &ReplayArgs) -> anyhow::Result<ReplayOptions> {
    Ok(ReplayOptions {
        engine: args.engine.clone(),
        calibration: args
            .calibration
            .as_deref()
            .map(|text| CalibrationChoice::parse(text, args.watch_depth))
            .transpose()?
            .unwrap_or_default(),
        protocol: args.protocol.clone(),
        events: args.events.as_deref().map(vesalius_pipeline::events::read).transpose()?.unwrap_or_default(),
        confirm_ms: args.confirm_ms,
        track_gap_ms: args.track_gap_ms,
        masks: args.masks,
        outlines: args.outlines,
        video: !args.no_video,
        threads: args.threads,
        runtime: args.backend.runtime.clone(),
        provider: args.backend.provider,
        precision: args.backend.precision,
    })
}

/// The folders that the runs of these arguments are written into, or the one that holds them.
pub fn run_folders(args: &ReplayArgs) -> Vec<PathBuf> {
    if args.list.is_some() {
        return vec![args.out.clone()];
    }
    folders(&inputs(&args.inputs), &args.out)
}

/// The inputs, the recordings of a folder of DICOM files each by itself. What cannot be looked into says so when its turn
/// comes.
fn inputs(given: &[PathBuf]) -> Vec<PathBuf> {
    given.iter().flat_map(|path| Input::expand(path).unwrap_or_else(|_| vec![path.clone()])).collect()
}

/// Where each input's results go: the folder itself for one, a folder each by name for several.
fn folders(inputs: &[PathBuf], out: &Path) -> Vec<PathBuf> {
    if inputs.len() == 1 {
        return vec![out.to_owned()];
    }
    let mut taken = HashSet::new();
    inputs
        .iter()
        .map(|input| {
            let stem =
                input.file_stem().map_or_else(|| "input".to_owned(), |s| s.to_string_lossy().into_owned());
            let mut name = stem.clone();
            let mut n = 2;
            while !taken.insert(name.clone()) {
                name = format!("{stem}-{n}");
                n += 1;
            }
            out.join(name)
        })
        .collect()
}

fn machine(input: &Path, folder: &Path, result: &Result<Report, ReplayError>) -> serde_json::Value {
    match result {
        Ok(report) => {
            json!({ "input": input, "out": folder, "state": report.summary.state, "summary": report.summary })
        }
        Err(error) => json!({ "input": input, "state": "failed", "errors": [error.to_string()] }),
    }
}

fn index_line(input: &Path, folder: &Path, result: &Result<Report, ReplayError>) -> serde_json::Value {
    match result {
        Ok(report) => json!({
            "input": input, "out": folder, "state": report.summary.state, "frames": report.summary.frames.total,
            "errors": report.summary.errors,
        }),
        Err(error) => {
            json!({ "input": input, "state": "failed", "frames": 0, "errors": [error.to_string()] })
        }
    }
}

fn people(input: &Path, folder: &Path, result: &Result<Report, ReplayError>) {
    match result {
        Ok(report) => {
            print_summary(input, folder, &report.summary);
            if let Some(error) = &report.error {
                complain!("vesalius: {error}");
            }
        }
        Err(error) => complain!("vesalius: {error}"),
    }
}

/// A run in a few lines.
pub fn print_summary(input: &Path, folder: &Path, summary: &Summary) {
    let frames = summary.frames;
    say!(
        "{}: {} {} in {:.1} s ({:.0} frames/s), something found in {}",
        input.display(),
        frames.total,
        if frames.total == 1 { "frame" } else { "frames" },
        summary.wall_s,
        summary.frames_per_s,
        frames.with_finding
    );
    let engine = &summary.run.engine;
    let why = summary.run.configuration.get("backend_why").and_then(|why| why.as_str()).unwrap_or_default();
    say!("  ran on {} in {} ({why})", engine.backend, engine.precision);
    for value in &summary.values {
        if let Some(line) = value_line(value) {
            say!("  {line}");
        }
    }
    let of_object = |m: &&Measurement| TrackId::of_name(&m.structure).is_some();
    for value in summary.series.iter().filter(|m| !of_object(m)) {
        say!("  {}", series_line(value));
    }
    match summary.series.iter().filter(of_object).count() {
        0 => {}
        count => say!("  {count} values over time of single objects in {MEASUREMENTS}"),
    }
    let objects = summary.objects;
    if objects.added_delay_ms > 0.0 {
        say!(
            "  {} of {} objects confirmed after {} ms ({} at the most), {} outlines not shown",
            objects.confirmed,
            objects.numbered,
            objects.added_delay_ms,
            objects.longest_added_delay_ms,
            objects.withheld_outlines
        );
    }
    if let Some(refused) = &summary.run.calibration_refused {
        say!("  no millimetres: {} ({})", refused.text, refused.code);
    }
    for warning in &summary.warnings {
        say!("  note: {warning}");
    }
    say!("  results in {}", folder.display());
}

/// A value over time, for people.
fn series_line(value: &Measurement) -> String {
    let number = value.value.map_or_else(|| "--".to_owned(), |v| format!("{v:.1}"));
    let uncertainty = value.uncertainty.map_or(String::new(), |u| format!(" ± {u:.1}"));
    let reason = value.reason.map_or(String::new(), |r| format!(" ({})", r.display()));
    format!("{:<20} {number:>9}{uncertainty} {}{reason}", value.name, value.unit.display())
}

/// A value over a run, for people; `None` where there is none.
fn value_line(value: &ValueSummary) -> Option<String> {
    let (median, over) = (value.median?, value.over?);
    let count = if over == Validity::Valid { value.valid } else { value.limited };
    let spread = value.sd.map_or(String::new(), |sd| format!(", SD {sd:.1}"));
    let kind = if over == Validity::Valid { "valid" } else { "limited" };
    let plural = if count == 1 { "frame" } else { "frames" };
    // Without its number nobody knows which object a value is of, and all of each would be too many.
    let name = match (TrackId::of_name(&value.structure), value.name) {
        (None, name) => name.to_owned(),
        (Some(_), "area" | "max_feret") => format!("{} {}", value.structure, value.name),
        (Some(_), _) => return None,
    };
    Some(format!(
        "{:<20} {median:>9.1} {:<4} median of {count} {kind} {plural}{spread}",
        name,
        value.unit.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_has_a_folder_of_its_own() {
        let inputs = ["a/x.mp4", "b/x.avi", "c/y.mp4"].map(PathBuf::from);
        let out = Path::new("out");
        assert_eq!(folders(&inputs, out), ["out/x", "out/x-2", "out/y"].map(PathBuf::from));
        assert_eq!(folders(&inputs[..1], out), [PathBuf::from("out")]);
    }
}

//! `vesalius replay --list` and `vesalius merge`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use serde_json::json;
use vesalius_archive::done::State;
use vesalius_archive::job::Job;
use vesalius_archive::list::List;
use vesalius_archive::work::{Outcome, Replay, Tally, Told, Work};
use vesalius_archive::{Place, Recording, Shard, merge as merging};
use vesalius_engine::{Engine, PrecisionChoice, ProviderChoice, Registry};
use vesalius_pipeline::replay::{Control, Report};
use vesalius_pipeline::{CalibrationChoice, ReplayError, ReplayOptions};

use crate::args::{MergeArgs, ReplayArgs};
use crate::progress::stop_on_interrupt;

/// Replays a list.
pub fn replay(args: &ReplayArgs, list: &str, options: ReplayOptions) -> anyhow::Result<u8> {
    let place = Place::open(&args.out.to_string_lossy())?;
    let shard = args.shard.as_deref().map_or(Ok(Shard::default()), str::parse)?;
    let list = List::read(list)?;
    let (options, job) = job(args, options, &place)?;
    let stop = stop_on_interrupt();
    let work = Work {
        list: &list,
        place: &place,
        job: &job,
        shard,
        jobs: args.jobs.into(),
        retry_failed: args.retry_failed,
        stop: &stop,
    };
    let replayer = Replayer { threads: threads(args), options, parquet: args.parquet, stop: &stop };
    let tally = work.run(&replayer, &|told| tell(&told, args.json))?;
    if args.json {
        say!(
            "{}",
            json!({ "shard": shard.to_string(), "recordings": tally.recordings, "before": tally.before,
                    "complete": tally.complete, "failed": tally.failed, "unreachable": tally.unreachable })
        );
    } else {
        summary(&tally, shard, &place);
    }
    Ok(if stop.load(Ordering::Acquire) {
        crate::INTERRUPTED
    } else if tally.failed + tally.unreachable > 0 {
        crate::FAILED
    } else {
        crate::OK
    })
}

/// Merges shards.
pub fn merge(args: &MergeArgs) -> anyhow::Result<u8> {
    let places = args.archives.iter().map(|a| Place::open(a)).collect::<Result<Vec<_>, _>>()?;
    let out = match (&args.out, places.as_slice()) {
        (Some(out), _) => out.clone(),
        (None, [Place::Local(path)]) => path.clone(),
        (None, [one]) => return Err(vesalius_archive::ArchiveError::NotLocal(one.to_string()).into()),
        (None, _) => anyhow::bail!("several archives are merged into a folder of their own: give --out"),
    };
    let list = args.list.as_deref().map(List::read).transpose()?;
    let merged = merging::merge(&places, &out, list.as_ref(), args.partial)?;
    if args.json {
        say!("{}", json!({ "out": out, "merged": merged }));
    } else {
        say!(
            "{} recordings ({} failed), {} frames and {} values in {}",
            merged.recordings,
            merged.failed,
            merged.frames,
            merged.values,
            out.display()
        );
        if let Some(example) = merged.missing.first() {
            complain!(
                "vesalius: {} recordings of the list are not finished, such as '{example}'",
                merged.missing.len()
            );
        }
    }
    Ok(if merged.missing.is_empty() { crate::OK } else { crate::FAILED })
}

/// What bears on results, engine and numbers settled. What the first shard chose by itself holds for all.
fn job(args: &ReplayArgs, options: ReplayOptions, place: &Place) -> anyhow::Result<(ReplayOptions, Job)> {
    let begun = Job::of(place)?;
    let had = |name: &str| begun.as_ref().and_then(|job| job.settings.get(name));
    let mut options = options;
    if let (PrecisionChoice::Auto, Some(had)) = (options.precision, had("precision")) {
        options.precision = had.parse().map_err(anyhow::Error::msg)?;
    }
    if let (ProviderChoice::Auto, Some(had)) = (options.provider, had("provider")) {
        options.provider = had.parse().map_err(anyhow::Error::msg)?;
    }
    let engine = Engine::open(
        &Registry::standard().find(&options.engine).map_err(vesalius_engine::EngineError::from)?,
    )?;
    let selection = engine.select(&vesalius_engine::SessionOptions {
        runtime: options.runtime.clone(),
        provider: options.provider,
        precision: options.precision,
        ..Default::default()
    })?;
    if !selection.partly {
        options.provider = ProviderChoice::Named(selection.provider);
    }
    options.precision = PrecisionChoice::Named(selection.precision);
    let identity = engine.identity_on(&selection);
    let settings = [
        ("program", env!("CARGO_PKG_VERSION").to_owned()),
        ("engine", format!("{} {}", identity.name, identity.version)),
        ("engine_sha256", identity.sha256.clone()),
        ("provider", options.provider.to_string()),
        ("precision", options.precision.to_string()),
        ("protocol", content(options.protocol.as_deref().unwrap_or(&identity.protocol))?),
        ("calibration", content(args.calibration.as_deref().unwrap_or("none"))?),
        ("watch_depth", args.watch_depth.to_string()),
        ("confirm_ms", options.confirm_ms.to_string()),
        ("track_gap_ms", options.track_gap_ms.to_string()),
        ("masks", options.masks.to_string()),
        ("outlines", options.outlines.to_string()),
        ("annotated", options.video.to_string()),
        ("parquet", args.parquet.to_string()),
    ];
    let settings: BTreeMap<String, String> = settings.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
    Ok((options, Job::new(settings)))
}

/// A name or statement as it is; a file by all that it says, for the next shard's may say something else.
fn content(name: &str) -> anyhow::Result<String> {
    if !Path::new(name).is_file() {
        return Ok(name.to_owned());
    }
    std::fs::read_to_string(name).with_context(|| format!("{name} cannot be read"))
}

/// The cores are shared by what runs at once.
fn threads(args: &ReplayArgs) -> u32 {
    match args.threads {
        0 => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            u32::try_from(cores / usize::from(args.jobs)).unwrap_or(1).max(1)
        }
        given => given,
    }
}

struct Replayer<'a> {
    options: ReplayOptions,
    threads: u32,
    parquet: bool,
    stop: &'a AtomicBool,
}

impl Replay for Replayer<'_> {
    fn replay(&self, recording: &Recording, input: &Path, events: Option<&Path>, out: &Path) -> Outcome {
        let mut options = ReplayOptions { threads: self.threads, ..self.options.clone() };
        let failed = |error: &ReplayError| Outcome::Finished {
            state: State::Failed,
            frames: 0,
            errors: vec![error.to_string()],
        };
        if let Some(text) = &recording.calibration {
            match CalibrationChoice::parse(text, false) {
                Ok(calibration) => options.calibration = calibration,
                Err(error) => return failed(&error),
            }
        }
        match events.map(vesalius_pipeline::events::read).transpose() {
            Ok(events) => options.events = events.unwrap_or_default(),
            Err(error) => return failed(&error),
        }
        let mut control = Control { progress: &mut |_| (), stop: self.stop };
        let report = match vesalius_pipeline::replay(input, out, &options, &mut control) {
            Ok(Report { error: Some(error @ ReplayError::Output { .. }), .. })
            | Err(error @ (ReplayError::Output { .. } | ReplayError::Engine(_))) => {
                return Outcome::Stop(error.to_string());
            }
            Ok(Report { error: Some(ReplayError::Interrupted { .. }), .. }) => return Outcome::Interrupted,
            Err(error) => return failed(&error),
            Ok(report) => report,
        };
        if self.parquet
            && let Err(error) = vesalius_ledger::tables::write_tables(out, &recording.id)
        {
            return Outcome::Stop(error.to_string());
        }
        Outcome::Finished {
            state: if report.error.is_none() { State::Complete } else { State::Failed },
            frames: report.summary.frames.total,
            errors: report.summary.errors,
        }
    }
}

fn tell(told: &Told<'_>, json: bool) {
    match told {
        Told::Finished { done, first } if json => say!(
            "{}",
            json!({ "id": done.recording.id, "state": done.state, "frames": done.frames, "errors": done.errors,
                    "kept": first })
        ),
        Told::Unreachable { recording, error } if json => {
            say!("{}", json!({ "id": recording.id, "state": "unreachable", "errors": [error.to_string()] }));
        }
        Told::Finished { done, first } => {
            let kept = if *first { "" } else { " (another process had finished it)" };
            say!("{}: {} frames{kept}", done.recording.id, done.frames);
            for error in &done.errors {
                complain!("vesalius: {}: {error}", done.recording.id);
            }
        }
        Told::Unreachable { recording, error } => {
            complain!("vesalius: {} is not done: {error}", recording.id);
        }
    }
}

fn summary(tally: &Tally, shard: Shard, place: &Place) {
    let left = tally.recordings - tally.before - tally.complete - tally.failed;
    say!(
        "shard {shard}: {} recordings, {} finished before, {} now, {} failed, {left} left; results in {place}",
        tally.recordings,
        tally.before,
        tally.complete + tally.failed,
        tally.failed
    );
}

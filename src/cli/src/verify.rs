//! `vesalius engine verify` and `sample`.

use std::path::{Path, PathBuf};

use vesalius_engine::manifest::Precision;
use vesalius_engine::parity::{missed, tolerance};
use vesalius_engine::sample::{self, SampleReport};
use vesalius_engine::{Engine, PrecisionChoice, Provider, ProviderChoice, SessionOptions, engine};

use crate::args::BackendArgs;

/// Checks an engine; what is found wrong is one error at the end.
pub fn verify(engine: &Engine, backend: &BackendArgs) -> anyhow::Result<u8> {
    let options = backend.options();
    let seen = engine::verify(engine, &options)?;
    let mut wrong = gates(engine);
    let mut lines = Vec::new();
    // What was chosen, and what the stored masks were made by.
    let on = |provider, precision| SessionOptions {
        provider: ProviderChoice::Named(provider),
        precision: PrecisionChoice::Named(precision),
        ..options.clone()
    };
    let mut runs = vec![(Provider::Cpu, Precision::F32)];
    if !runs.contains(&(seen.selection.provider, seen.selection.precision)) {
        runs.push((seen.selection.provider, seen.selection.precision));
    }
    for (provider, precision) in runs {
        let Some(report) = sample::check(engine, &on(provider, precision))? else {
            lines.push("none is stored: 'vesalius engine sample' stores one".to_owned());
            break;
        };
        if !report.passes() {
            wrong.push(misses(&report));
        }
        lines.push(told(&report));
    }
    if wrong.is_empty() {
        say!("{} {}: right", engine.name(), engine.identity().version);
    }
    say!("  SHA-256   {}", seen.sha256);
    say!("  input     {:?}", seen.input_shape);
    say!("  output    {:?}", seen.output_shape);
    if let Some(section) = &engine.manifest().output.unlikeness {
        say!("  unlike    above {} in '{}'", section.threshold, section.name);
    }
    let taken = &seen.selection;
    say!("  ran on    {} in {} ({})", taken.provider.backend(), taken.precision, taken.why);
    say!(
        "  loaded in {:.0} ms, first run {:.1} ms, then {:.1} ms{}",
        seen.load.as_secs_f64() * 1e3,
        seen.first_run.as_secs_f64() * 1e3,
        seen.best_run.as_secs_f64() * 1e3,
        if taken.provider.is_gpu() { "" } else { " on one thread" }
    );
    lines.iter().for_each(|line| say!("  sample    {line}"));
    let listed = engine.manifest().precisions.iter().filter(|section| section.name != Precision::F32);
    for section in listed {
        let passes = if missed(section).is_empty() { "passes every gate" } else { "misses a gate" };
        say!("  parity    {} {passes}", section.name);
    }
    if wrong.is_empty() {
        return Ok(crate::OK);
    }
    anyhow::bail!("engine '{}' is not right: {}", engine.name(), wrong.join("; "))
}

/// The gates that the manifest's figures miss.
fn gates(engine: &Engine) -> Vec<String> {
    let missed = engine.manifest().precisions.iter().flat_map(|section| {
        missed(section).into_iter().map(|miss| format!("{} misses a parity gate: {miss}", section.name))
    });
    missed.collect()
}

fn told(report: &SampleReport) -> String {
    let selection = &report.selection;
    let count = report.pictures.len();
    let differing: usize = report.pictures.iter().map(|p| p.differing_px).sum();
    let same = match report.worst() {
        Some(_) if differing == 0 => "the stored masks bit for bit".to_owned(),
        Some(worst) => {
            format!("least Dice {:.4} with the stored masks, {differing} pixels differ", worst.dice)
        }
        None => String::new(),
    };
    format!("{count} pictures on {} in {}: {same}", selection.provider, selection.precision)
}

fn misses(report: &SampleReport) -> String {
    let (provider, precision) = (report.selection.provider, report.selection.precision);
    let worst = report.worst().map_or_else(String::new, |worst| {
        format!("{} has {} other pixels, Dice {:.4}", worst.name, worst.differing_px, worst.dice)
    });
    if (provider, precision) == (Provider::Cpu, Precision::F32) {
        format!("its stored masks do not come out again bit for bit ({worst})")
    } else {
        let least = tolerance(provider, precision).dice;
        format!("on {provider} in {precision} its masks are off by more than a Dice of {least} ({worst})")
    }
}

/// Stores a sample.
pub fn store(engine: &Engine, pictures: &[PathBuf], runtime: Option<&Path>) -> anyhow::Result<u8> {
    let stored = sample::store(engine, pictures, runtime)?;
    say!("{} pictures are stored in {}", stored.names.len(), engine.folder().join(sample::FOLDER).display());
    for path in &stored.left_out {
        say!("left out, a pixel is too near to its threshold: {}", path.display());
    }
    Ok(crate::OK)
}

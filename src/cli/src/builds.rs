//! `vesalius engine build`, `import-plan` and `clean`, and what is built, for the list.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use indicatif::ProgressBar;
use serde_json::json;
use vesalius_engine::manifest::{Manifest, Precision};
use vesalius_engine::provider::build::{self, BuildState, BuildStep};
use vesalius_engine::provider::cache::{Built, EngineCache, Entry};
use vesalius_engine::provider::probe::{Availability, availability};
use vesalius_engine::provider::trust::TrustList;
use vesalius_engine::registry::RegistryEntry;
use vesalius_engine::{Engine, EngineError, Provider, ProviderChoice, Registry, SessionOptions};

use crate::args::BackendArgs;

/// Time between two lines where there is no terminal to show a bar on.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Compiles an engine.
pub fn build(engine: &Engine, args: &BackendArgs) -> anyhow::Result<u8> {
    let provider = match args.provider {
        // What is worth compiling.
        ProviderChoice::Auto => Provider::TensorRt,
        ProviderChoice::Named(provider) => provider,
    };
    let options = args.options();
    let entry = with_progress(engine.name(), |tell| build::build(engine, provider, &options, tell))?;
    told(engine, &entry);
    Ok(crate::OK)
}

/// Takes a plan in.
pub fn import(
    engine: &Engine,
    plan: &Path,
    precision: Precision,
    out: Option<&Path>,
    runtime: Option<&Path>,
) -> anyhow::Result<u8> {
    let trusted = TrustList::standard()?;
    if let Some(out) = out {
        let (model, sha256) = build::wrap(engine, plan, precision, &trusted, None)?;
        std::fs::write(out, model).with_context(|| format!("{} cannot be written", out.display()))?;
        say!("{}: plan {sha256} for {} in {precision}", out.display(), engine.name());
        return Ok(crate::OK);
    }
    let options = SessionOptions { runtime: runtime.map(Path::to_owned), ..SessionOptions::default() };
    let entry = with_progress(engine.name(), |tell| {
        build::import(engine, plan, precision, &options, &trusted, tell)
    })?;
    told(engine, &entry);
    Ok(crate::OK)
}

fn told(engine: &Engine, entry: &Entry) {
    let Built { key, took_ms, bytes, .. } = &entry.built;
    say!(
        "{} is compiled for {} in {} on {} in {:.0} s ({:.1} MB)",
        engine.name(),
        key.provider.label(),
        key.precision,
        key.gpu,
        *took_ms as f64 / 1e3,
        *bytes as f64 / 1e6
    );
    say!("  in {}", entry.folder.display());
}

/// Runs a build and shows that it is alive: how long, since TensorRT does not say how far.
fn with_progress(
    name: &str,
    work: impl FnOnce(&mut dyn FnMut(BuildStep)) -> Result<Entry, EngineError> + Send,
) -> Result<Entry, EngineError> {
    let (sender, steps) = channel();
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || {
            work(&mut |step| {
                // Whoever shows it goes on until this end is dropped.
                let _ = sender.send(step);
            })
        });
        let bar = std::io::stderr().is_terminal().then(ProgressBar::new_spinner);
        let (started, mut said, mut doing) = (Instant::now(), Instant::now(), None);
        loop {
            match steps.recv_timeout(Duration::from_millis(100)) {
                Ok(step) => {
                    doing = Some(text(step));
                    if bar.is_none() {
                        complain!("{name}: {}", text(step));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let Some(doing) = doing else { continue };
            let seconds = started.elapsed().as_secs();
            if let Some(bar) = &bar {
                bar.set_message(format!("{name}: {doing}, {seconds} s"));
                bar.tick();
            } else if said.elapsed() >= LINE_EVERY {
                said = Instant::now();
                complain!("{name}: still {doing}, {seconds} s");
            }
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn text(step: BuildStep) -> &'static str {
    match step {
        BuildStep::Compiling => "compiling, which takes minutes",
        BuildStep::Trying => "trying what was compiled",
        _ => "at work",
    }
}

/// Removes builds.
pub fn clean(all: bool) -> anyhow::Result<u8> {
    let cache = EngineCache::standard()?;
    let builds = Builds::look(Some(cache.clone()), &Registry::standard().list());
    let stale = |entry: &Entry| {
        builds.entries.iter().any(|(e, state)| e == entry && matches!(state, BuildState::Stale { .. }))
    };
    let removed = cache.clean(|entry| all || stale(entry))?;
    for folder in &removed {
        say!("removed {}", folder.display());
    }
    let unknown =
        builds.entries.iter().filter(|(_, state)| matches!(state, BuildState::Unknown { .. })).count();
    if unknown > 0 && !all {
        say!("kept {unknown} that cannot be compared with a GPU here; --all removes them too");
    } else if removed.is_empty() {
        say!("nothing to remove in {}", cache.root().display());
    }
    Ok(crate::OK)
}

/// What is built, and whether it fits this machine.
pub struct Builds {
    entries: Vec<(Entry, BuildState)>,
    known: Vec<String>,
}

impl Builds {
    /// Looks into the cache. Without builds nothing of a GPU is asked.
    pub fn look(cache: Option<EngineCache>, engines: &[RegistryEntry]) -> Self {
        let entries = cache.map(|cache| cache.list()).unwrap_or_default();
        let manifests: Vec<&Manifest> = engines.iter().filter_map(|e| e.manifest.as_ref().ok()).collect();
        let found = (!entries.is_empty()).then(|| availability(Provider::TensorRt, None, 0));
        let state = |built: &Built| match &found {
            Some(Ok(found)) => {
                let found = Availability { provider: built.key.provider, ..found.clone() };
                let manifest = manifests.iter().find(|m| m.engine.name == built.engine);
                build::state(built, manifest.copied(), &found)
            }
            Some(Err(error)) => BuildState::Unknown { why: error.to_string() },
            None => BuildState::Unknown { why: String::new() },
        };
        let known = manifests.iter().map(|m| m.engine.name.clone()).collect();
        let entries = entries.into_iter().map(|entry| {
            let state = state(&entry.built);
            (entry, state)
        });
        Self { entries: entries.collect(), known }
    }

    fn of<'b>(&'b self, engine: &'b str) -> impl Iterator<Item = &'b (Entry, BuildState)> {
        self.entries.iter().filter(move |(entry, _)| entry.built.engine == engine)
    }

    /// A line a build of an engine.
    pub fn lines(&self, engine: &str) -> Vec<String> {
        self.of(engine).map(|(entry, state)| line(entry, state)).collect()
    }

    /// A line a build whose engine is not there.
    pub fn lines_of_the_gone(&self) -> Vec<String> {
        let gone = self.entries.iter().filter(|(entry, _)| !self.known.contains(&entry.built.engine));
        gone.map(|(entry, state)| format!("{} (gone)  {}", entry.built.engine, line(entry, state))).collect()
    }

    /// The builds of an engine for machines.
    pub fn json(&self, engine: &str) -> serde_json::Value {
        let builds = self.of(engine).map(|(entry, state)| {
            let (state, detail) = words(state);
            json!({ "folder": entry.folder, "state": state, "detail": detail, "built": entry.built })
        });
        builds.collect::<Vec<_>>().into()
    }
}

fn words(state: &BuildState) -> (&'static str, String) {
    match state {
        BuildState::Current => ("current", String::new()),
        BuildState::Stale { differences } => ("stale", differences.join(", ")),
        BuildState::Unknown { why } => ("unknown", why.clone()),
        _ => ("unknown", String::new()),
    }
}

fn line(entry: &Entry, state: &BuildState) -> String {
    let Built { key, built_at_s, .. } = &entry.built;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let hours = now.saturating_sub(*built_at_s) / 3600;
    let age = if hours < 48 { format!("{hours} h") } else { format!("{} days", hours / 24) };
    let (state, detail) = words(state);
    let detail = if detail.is_empty() { detail } else { format!(" ({detail})") };
    let from = if key.plan_sha256.is_some() { "a plan taken in" } else { "built" };
    format!("{} {}  {state}{detail}, {from} {age} ago for {}", key.provider, key.precision, key.gpu)
}

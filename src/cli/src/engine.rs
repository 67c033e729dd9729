//! `vesalius engine`.

pub mod args;
mod ask;
mod bench;
mod import;
mod sheet;

use serde_json::json;
use vesalius_engine::provider::cache::EngineCache;
use vesalius_engine::{Engine, EngineError, Registry};

use crate::args::{EngineAction, EngineArgs};
use crate::builds::{self, Builds};
use crate::verify;

/// Runs the command.
pub fn run(args: &EngineArgs) -> anyhow::Result<u8> {
    match &args.action {
        EngineAction::List { json } => Ok(list(*json)),
        EngineAction::Import(args) => import::run(args),
        EngineAction::Bench(args) => bench::run(&open(&args.name)?, args),
        EngineAction::Build { name, backend } => builds::build(&open(name)?, backend),
        EngineAction::ImportPlan { name, plan, precision, out, runtime } => {
            builds::import(&open(name)?, plan, *precision, out.as_deref(), runtime.as_deref())
        }
        EngineAction::Clean { all } => builds::clean(*all),
        EngineAction::Show { name } => {
            let engine = open(name)?;
            // The manifest as it is: it was written to be read.
            say!("{}", std::fs::read_to_string(engine.folder().join("manifest.toml"))?.trim_end());
            say!("\n# in {}", engine.folder().display());
            Ok(crate::OK)
        }
        EngineAction::Verify { name, backend } => verify::verify(&open(name)?, backend),
        EngineAction::Sample { name, pictures, runtime } => {
            verify::store(&open(name)?, pictures, runtime.as_deref())
        }
    }
}

fn open(name: &str) -> Result<Engine, EngineError> {
    Engine::open(&Registry::standard().find(name)?)
}

fn list(as_json: bool) -> u8 {
    let registry = Registry::standard();
    let entries = registry.list();
    let builds = Builds::look(EngineCache::standard().ok(), &entries);
    if as_json {
        let lines: Vec<_> = entries
            .iter()
            .map(|entry| match &entry.manifest {
                Ok(m) => json!({ "name": entry.name, "folder": entry.folder, "version": m.engine.version,
                    "description": m.engine.description, "sha256": m.model.sha256,
                    "builds": builds.json(&m.engine.name) }),
                Err(error) => {
                    json!({ "name": entry.name, "folder": entry.folder, "error": error.to_string() })
                }
            })
            .collect();
        say!("{}", serde_json::Value::from(lines));
        return crate::OK;
    }
    if entries.is_empty() {
        say!("no engines; looked in:");
        for folder in registry.folders() {
            say!("  {}", folder.display());
        }
    }
    let width = entries.iter().map(|e| e.name.len()).max().unwrap_or(0);
    for entry in &entries {
        match &entry.manifest {
            Ok(m) => {
                say!("{:width$}  {:8} {}", entry.name, m.engine.version, m.engine.description);
                builds.lines(&m.engine.name).iter().for_each(|line| say!("{:width$}  {line}", ""));
            }
            Err(error) => say!("{:width$}  not usable: {error}", entry.name),
        }
    }
    for line in builds.lines_of_the_gone() {
        say!("{line}");
    }
    crate::OK
}

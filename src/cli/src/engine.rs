//! `vesalius engine`.

use serde_json::json;
use vesalius_engine::{Engine, EngineError, Registry, SessionOptions, engine::verify};

use crate::args::{EngineAction, EngineArgs};

/// Runs the command.
pub fn run(args: &EngineArgs) -> anyhow::Result<u8> {
    match &args.action {
        EngineAction::List { json } => Ok(list(*json)),
        EngineAction::Show { name } => {
            let engine = open(name)?;
            // The manifest as it is: it was written to be read.
            say!("{}", std::fs::read_to_string(engine.folder().join("manifest.toml"))?.trim_end());
            say!("\n# in {}", engine.folder().display());
            Ok(crate::OK)
        }
        EngineAction::Verify { name, runtime } => {
            let engine = open(name)?;
            let options = SessionOptions { runtime: runtime.clone(), ..SessionOptions::default() };
            let seen = verify(&engine, &options)?;
            say!("{} {}: right", engine.name(), engine.identity().version);
            say!("  SHA-256   {}", seen.sha256);
            say!("  input     {:?}", seen.input_shape);
            say!("  output    {:?}", seen.output_shape);
            say!(
                "  loaded in {:.0} ms, first run {:.1} ms, then {:.1} ms on one thread",
                seen.load.as_secs_f64() * 1e3,
                seen.first_run.as_secs_f64() * 1e3,
                seen.best_run.as_secs_f64() * 1e3
            );
            Ok(crate::OK)
        }
    }
}

fn open(name: &str) -> Result<Engine, EngineError> {
    Engine::open(&Registry::standard().find(name)?)
}

fn list(as_json: bool) -> u8 {
    let registry = Registry::standard();
    let entries = registry.list();
    if as_json {
        let lines: Vec<_> = entries
            .iter()
            .map(|entry| match &entry.manifest {
                Ok(m) => json!({ "name": entry.name, "folder": entry.folder, "version": m.engine.version,
                    "description": m.engine.description, "sha256": m.model.sha256 }),
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
            Ok(m) => say!("{:width$}  {:8} {}", entry.name, m.engine.version, m.engine.description),
            Err(error) => say!("{:width$}  not usable: {error}", entry.name),
        }
    }
    crate::OK
}

//! The process's side.

use std::path::PathBuf;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use vesalius_isolate::{Job, Layout, Limits};

use super::values;
use crate::engine::Engine;
use crate::manifest::Precision;
use crate::provider::{PrecisionChoice, Provider, ProviderChoice};
use crate::session::{Session, SessionOptions};

/// What the process is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Config {
    /// The engine's folder, absolute.
    pub(super) folder: PathBuf,
    /// ONNX Runtime's library, absolute.
    pub(super) runtime: PathBuf,
    pub(super) provider: Provider,
    pub(super) precision: Precision,
    /// Of the model's file when the engine was opened: another one may lie in its place when a process is started again.
    pub(super) sha256: String,
    pub(super) threads: usize,
    pub(super) spinning: bool,
    /// Most bytes of memory.
    pub(super) data_bytes: u64,
}

/// Serves the inference of another process until that ends; to be called first of all in `main`.
pub fn serve() -> ExitCode {
    vesalius_isolate::serve::<Inference>()
}

/// A session behind shared memory: takes a tensor, gives scores. For programs that serve inference and do something of their own
/// besides; others call [`serve`].
#[derive(Debug)]
pub struct Inference {
    session: Session,
}

fn read(config: &str) -> Result<Config, String> {
    serde_json::from_str(config).map_err(|error| format!("it was told something else: {error}"))
}

impl Job for Inference {
    fn limits(config: &str) -> Result<Limits, String> {
        let config = read(config)?;
        // What ONNX Runtime loads lies beside it; both may be links.
        let mut readable = vec![config.folder.clone()];
        for path in [Some(config.runtime.clone()), std::fs::canonicalize(&config.runtime).ok()] {
            readable.extend(path.as_deref().and_then(|path| path.parent()).map(PathBuf::from));
        }
        Ok(Limits { data_bytes: Some(config.data_bytes), readable })
    }

    fn start(config: &str, layout: &Layout) -> Result<Self, String> {
        let config = read(config)?;
        let engine = Engine::open(&config.folder).map_err(|error| error.to_string())?;
        let lies_there = engine.manifest().model_file(config.precision).map(|(_, sha256)| sha256);
        if lies_there != Some(config.sha256.as_str()) {
            return Err(
                "another engine lies in its folder than the one that was loaded: choose it to have it loaded"
                    .to_owned(),
            );
        }
        let options = SessionOptions {
            threads: config.threads,
            spinning: config.spinning,
            runtime: Some(config.runtime),
            provider: ProviderChoice::Named(config.provider),
            precision: PrecisionChoice::Named(config.precision),
            ..SessionOptions::default()
        };
        let mut session = Session::load(&engine, &options).map_err(|error| error.to_string())?;
        let expected = 4 * session.input_shape().iter().product::<usize>();
        if layout.input_bytes() != expected {
            return Err(format!("the engine takes {expected} bytes, not {}", layout.input_bytes()));
        }
        session.warm_up().map_err(|error| error.to_string())?;
        Ok(Self { session })
    }

    fn call(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, String> {
        // Regions begin with pages, so this never fails for want of alignment.
        let tensor = bytemuck::try_cast_slice(input).map_err(|error| format!("no tensor: {error}"))?;
        let given = self.session.run(tensor).map_err(|error| error.to_string())?;
        let values = given.values().map_err(|error| error.to_string())?;
        let unlikeness = given.unlikeness().map_err(|error| error.to_string())?;
        values::write(values, unlikeness, output).ok_or_else(|| "its output is longer than agreed".to_owned())
    }
}

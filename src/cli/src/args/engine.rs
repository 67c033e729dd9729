//! Arguments of engines, and of what runs them.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use vesalius_engine::manifest::Precision;
use vesalius_engine::{PrecisionChoice, ProviderChoice, SessionOptions};

use crate::engine::args::{BenchArgs, ImportArgs};

/// What runs an engine.
#[derive(Clone, Debug, ClapArgs)]
pub struct BackendArgs {
    /// What runs the engine: auto, cpu, openvino, cuda or tensorrt. One that is named and does not work is an error; auto takes the
    /// fastest that works and says why
    #[arg(long, default_value_t, value_name = "NAME")]
    pub provider: ProviderChoice,
    /// Numbers it runs in: auto, f32, f16 or int8
    #[arg(long, default_value_t, value_name = "NAME")]
    pub precision: PrecisionChoice,
    /// libonnxruntime.so, where it is not to be looked for
    #[arg(long, value_name = "FILE")]
    pub runtime: Option<PathBuf>,
}

impl BackendArgs {
    /// As a session is told.
    pub fn options(&self) -> SessionOptions {
        SessionOptions {
            runtime: self.runtime.clone(),
            provider: self.provider,
            precision: self.precision,
            ..SessionOptions::default()
        }
    }
}

#[derive(Debug, Parser)]
pub struct EngineArgs {
    #[command(subcommand)]
    pub action: EngineAction,
}

#[derive(Debug, Subcommand)]
pub enum EngineAction {
    /// All engines, a line each, with what is compiled for this GPU and what is stale
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What a manifest says
    Show {
        /// Engine by name or folder
        name: String,
    },
    /// Check an engine: hash, shapes, a run, the stored sample bit for bit in f32 on the processor and within tolerance
    /// elsewhere, and the parity figures of its precisions against their gates
    Verify {
        /// Engine by name or folder
        name: String,
        #[command(flatten)]
        backend: BackendArgs,
    },
    /// Store pictures and the masks that an engine gives on them in f32 on the processor, for `verify`
    Sample {
        /// Engine by name or folder
        name: String,
        /// PNG pictures, gray or RGB; those with a pixel too near to its threshold are left out
        #[arg(required = true, value_name = "PICTURE")]
        pictures: Vec<PathBuf>,
        /// libonnxruntime.so, where it is not to be looked for
        #[arg(long, value_name = "FILE")]
        runtime: Option<PathBuf>,
    },
    /// Make an engine of your own ONNX model: what its file leaves open is tried on a picture, for you to see which is right
    Import(Box<ImportArgs>),
    /// Measure an engine's speed on this machine, by provider, precision and threads, and which live rate each sustains
    Bench(BenchArgs),
    /// Compile an engine ahead for this GPU, into the cache
    Build {
        /// Engine by name or folder
        name: String,
        #[command(flatten)]
        backend: BackendArgs,
    },
    /// Take a TensorRT plan that trtexec made as the build of an engine. A plan is code: its SHA-256 must stand in the
    /// engine's manifest or in trusted-plans.txt
    ImportPlan {
        /// Engine by name or folder
        name: String,
        /// The file that trtexec wrote (--saveEngine)
        plan: PathBuf,
        /// Numbers it runs in, which a plan does not say: f32, f16 or int8
        #[arg(long, value_name = "NAME", value_parser = named_precision)]
        precision: Precision,
        /// Only write the ONNX model with the plan in it, without a GPU
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// libonnxruntime.so, where it is not to be looked for
        #[arg(long, value_name = "FILE")]
        runtime: Option<PathBuf>,
    },
    /// Remove builds that are stale, and what was left half-made
    Clean {
        /// Remove all builds
        #[arg(long)]
        all: bool,
    },
}

fn named_precision(name: &str) -> Result<Precision, String> {
    match name.parse() {
        Ok(PrecisionChoice::Named(precision)) => Ok(precision),
        Ok(PrecisionChoice::Auto) => Err("a plan runs in f32, f16 or int8: say which".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

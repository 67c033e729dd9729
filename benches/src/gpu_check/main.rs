//! `vesalius-gpu-check`: everything that a GPU has to confirm, on a machine that need have neither GStreamer nor a network.
//!
//! ```text
//! vesalius-gpu-check --out DIR [--kernels gpu_parity] [--frames 2000]
//! ```
//!
//! `scripts/gpu-check.sh` builds or takes it and calls it; `docs/gpu-verification.md` says what each row confirms. Without a
//! GPU it says why, counts what it left out, and ends with status 0; with one it ends with 1 if anything is not as claimed.

mod frames;
mod parity;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use vesalius_cuda::{Compiler, Context, CubinCache, Cuda, Kernels};
use vesalius_engine::provider::probe::availability;
use vesalius_engine::{Engine, Provider, Registry, runtime};

use report::{Report, Row, Verdict};

/// What a GPU has to confirm.
#[derive(Debug, Parser)]
struct Args {
    /// Where gpu-check.json and gpu-check.md go
    #[arg(long, default_value = "out/gpu-check")]
    out: PathBuf,
    /// The built example gpu_parity of vesalius-cuda, which compares the kernels
    #[arg(long)]
    kernels: Option<PathBuf>,
    /// Engines by name or folder; all that are found where none is named
    #[arg(long)]
    engine: Vec<String>,
    /// The GPU's number
    #[arg(long, default_value_t = 0)]
    device: i32,
    /// Frames that are timed
    #[arg(long, default_value_t = 2000)]
    frames: usize,
    /// Pictures of each engine that are compared with the processor's
    #[arg(long, default_value_t = 24)]
    pictures: usize,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut report = Report::default();
    check(&args, &mut report);
    print!("{}", report.table());
    match report.write(&args.out) {
        Ok(()) => println!("written to {}", args.out.display()),
        Err(error) => {
            eprintln!("error: the results cannot be written to {}: {error}", args.out.display());
            return ExitCode::FAILURE;
        }
    }
    if report.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn check(args: &Args, report: &mut Report) {
    report.fact("vesalius", env!("CARGO_PKG_VERSION"));
    match runtime::load(None) {
        Ok(runtime) => {
            report.fact("ONNX Runtime", &runtime.version);
            report.fact("ONNX Runtime's build", &runtime.build);
        }
        Err(error) => report.row(Row::new("ONNX Runtime", Verdict::Failed, error.to_string())),
    }
    let cuda = match Cuda::probe() {
        Ok(cuda) => cuda,
        Err(off) => {
            println!("no GPU: {off}");
            report.fact("GPU", &format!("none: {off}"));
            for what in ["kernels", "inference on CUDA", "inference on TensorRT", "frames on the device"] {
                report.row(Row::new(what, Verdict::Skipped, "no GPU".to_owned()));
            }
            return;
        }
    };
    let version = cuda.driver_version();
    report.fact("driver, for CUDA", &format!("{}.{}", version / 1000, version % 1000 / 10));
    let context = match Context::primary(&cuda, args.device) {
        Ok(context) => context,
        Err(error) => {
            report.row(Row::new("context", Verdict::Failed, error.to_string()));
            return;
        }
    };
    report.fact("GPU", &context.device().name);
    report.fact("compute capability", &context.device().arch().to_string());
    report.row(kernels(args));
    let engines = engines(args, report);
    for provider in [Provider::Cuda, Provider::TensorRt] {
        let obstacles = availability(provider, None, args.device).map(|found| found.obstacles);
        match obstacles {
            Ok(obstacles) if obstacles.is_empty() => {
                for engine in &engines {
                    report.row(parity::inference(engine, provider, args.device, args.pictures));
                }
            }
            Ok(obstacles) => {
                let why = obstacles.iter().map(|o| o.what.clone()).collect::<Vec<_>>().join("; ");
                report.row(Row::new(format!("inference on {}", provider.label()), Verdict::Skipped, why));
            }
            Err(error) => {
                let what = format!("inference on {}", provider.label());
                report.row(Row::new(what, Verdict::Failed, error.to_string()));
            }
        }
    }
    let compiler = Compiler::new(None, CubinCache::standard());
    match Kernels::load(&context, &compiler) {
        Ok(kernels) => {
            for engine in &engines {
                for row in frames::rows(engine, &kernels, args.frames) {
                    report.row(row);
                }
            }
        }
        Err(error) => report.row(Row::new("frames on the device", Verdict::Failed, error.to_string())),
    }
}

/// The comparison of the kernels, which is a program of its own: it is built of the kernels' tests.
fn kernels(args: &Args) -> Row {
    let Some(program) = &args.kernels else {
        return Row::new("kernels", Verdict::Skipped, "--kernels was not given".to_owned());
    };
    match std::process::Command::new(program).arg("300").arg(args.device.to_string()).output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let verdict = if output.status.success() { Verdict::Passed } else { Verdict::Failed };
            Row::new("kernels", verdict, text)
        }
        Err(error) => {
            Row::new("kernels", Verdict::Failed, format!("'{}' does not run: {error}", program.display()))
        }
    }
}

fn engines(args: &Args, report: &mut Report) -> Vec<Engine> {
    let registry = Registry::standard();
    let names: Vec<String> = if args.engine.is_empty() {
        registry.list().into_iter().map(|entry| entry.name).collect()
    } else {
        args.engine.clone()
    };
    let mut engines = Vec::new();
    for name in names {
        let opened = registry.find(&name).map_err(|e| e.to_string());
        match opened.and_then(|folder| Engine::open(&folder).map_err(|e| e.to_string())) {
            Ok(engine) => engines.push(engine),
            Err(error) => report.row(Row::new(format!("engine {name}"), Verdict::Failed, error)),
        }
    }
    engines
}

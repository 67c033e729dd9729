//! Every kernel on a GPU, against the references that it has on the CPU, and how long each takes.
//!
//! ```text
//! cargo run --release -p vesalius-cuda --example gpu_parity [-- CASES [DEVICE]]
//! ```
//!
//! Ends with 0 when everything is the same to the last bit, with 1 when something differs, and where there is
//! no GPU says `no GPU: ` and why, and ends with 0.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/device/parity/mod.rs"]
mod parity;

use std::process::ExitCode;

use parity::{Compared, Outcome, Rig, text};
use vesalius_cuda::{Compiler, Context, CubinCache, Cuda, Kernels, Stream};

/// Measured so often; the median counts.
const RUNS: usize = 200;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let cases = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(300);
    let device = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let cuda = match Cuda::probe() {
        Ok(cuda) => cuda,
        Err(off) => {
            println!("no GPU: {off}");
            return ExitCode::SUCCESS;
        }
    };
    match run(&cuda, device, cases) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cuda: &Cuda, device: i32, cases: usize) -> Outcome<bool> {
    let context = Context::primary(cuda, device).map_err(text)?;
    let version = cuda.driver_version();
    println!(
        "{}, sm_{}, driver for CUDA {}.{}",
        context.device().name,
        context.device().arch(),
        version / 1000,
        version % 1000 / 10
    );
    let compiler = Compiler::new(None, CubinCache::standard());
    let kernels = Kernels::load(&context, &compiler).map_err(text)?;
    let rig = Rig { stream: Stream::new(&context).map_err(text)?, kernels };
    let mut all_same = true;
    type Run = fn(&Rig, usize, u64) -> Outcome<Compared>;
    let suites: [(&str, Run, usize); 5] = [
        ("preprocess.cu", parity::preprocess::run, cases),
        ("labels.cu", parity::labels::run, cases),
        ("blend.cu", parity::blend::run, cases),
        ("reduce.cu", parity::sums::run, cases),
        ("shift.cu", parity::shift::run, cases.div_ceil(5)),
    ];
    for (name, run, cases) in suites {
        match run(&rig, cases, 1) {
            Ok(Compared { cases, values }) => {
                println!("{name}: {values} values of {cases} cases are the same to the last bit")
            }
            Err(error) => {
                all_same = false;
                println!("{name}: DIFFERS: {error}");
            }
        }
    }
    println!("a frame of full HD, a network of 256x256, {RUNS} runs each, by events:");
    for timed in parity::timing::time(&rig, RUNS)? {
        println!("{:<44} p50 {:>8.1} us  p99 {:>8.1} us", timed.name, timed.p50_us, timed.p99_us);
    }
    println!("{:?}", context.counters());
    Ok(all_same)
}

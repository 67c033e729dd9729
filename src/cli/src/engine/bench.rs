//! `vesalius engine bench`.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use vesalius_engine::bench::{Case, Latency, Measured, cases, measure};
use vesalius_engine::manifest::Precision;
use vesalius_engine::provider::probe::availability;
use vesalius_engine::{Engine, PrecisionChoice, Provider, ProviderChoice};
use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_pipeline::picture::StillPicture;

use super::args::BenchArgs;

/// Runs the command.
pub fn run(engine: &Engine, args: &BenchArgs) -> anyhow::Result<u8> {
    let options = args.backend.options();
    let (width, height) = (args.size.0 as usize, args.size.1 as usize);
    let made = ring(width, height);
    let still = args.picture.as_deref().map(StillPicture::read).transpose()?;
    let frame = match &still {
        Some(still) => still.frame()?,
        None => Frame::new(PixelFormat::I420, width, height, &planes(&made, width, height))?,
    };
    let providers: Vec<Provider> = match args.backend.provider {
        ProviderChoice::Auto => Provider::ALL.to_vec(),
        ProviderChoice::Named(provider) => vec![provider],
    };
    let precisions: Vec<Precision> = match args.backend.precision {
        PrecisionChoice::Auto => Precision::ALL.to_vec(),
        PrecisionChoice::Named(precision) => vec![precision],
    };
    let threads = threads(args);
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for provider in providers {
        let found = availability(provider, options.runtime.as_deref(), options.gpu.device)?;
        if found.works() {
            there.push(provider);
        } else {
            let why = found.obstacles.first().map_or_else(String::new, ToString::to_string);
            missing.push((provider, why));
        }
    }
    let all = cases(engine, &there, &precisions, &threads);
    if all.is_empty() {
        let (provider, why) = missing.first().map_or_else(
            || ("what was asked for", "its manifest names no file in these numbers".to_owned()),
            |(provider, why)| (provider.name(), why.clone()),
        );
        anyhow::bail!("engine '{}' cannot run on {provider}: {why}", engine.name());
    }
    let size = (frame.width(), frame.height());
    if !args.json {
        head(engine, size, args.seconds);
    }
    let mut done = Vec::new();
    for case in all {
        let measured = measure(engine, case, &options, &frame, Duration::from_secs_f64(args.seconds));
        if !args.json {
            say!("{}", line(case, &measured));
        }
        done.push((case, measured.map_err(|error| error.to_string())));
    }
    if args.json {
        let rows: Vec<_> = done.iter().map(|(case, measured)| row(*case, measured)).collect();
        let missing: Vec<_> = missing
            .iter()
            .map(|(provider, why)| json!({ "provider": provider.name(), "why": why }))
            .collect();
        let whole = json!({ "engine": engine.name(), "version": engine.identity().version,
            "sha256": engine.identity().sha256, "picture": [size.0, size.1], "processor": processor(),
            "cores": cores(), "rows": rows, "missing": missing });
        say!("{whole}");
    } else {
        for (provider, why) in &missing {
            say!("{:9} not here: {why}", provider.name());
        }
    }
    let first = done.iter().find_map(|(_, measured)| measured.as_ref().err());
    match (done.iter().any(|(_, measured)| measured.is_ok()), first) {
        (false, Some(error)) => Err(anyhow::anyhow!("{error}")).context("nothing could be measured"),
        _ => Ok(crate::OK),
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What was asked for, or 1, 2, 4 and so on, and all cores.
fn threads(args: &BenchArgs) -> Vec<usize> {
    if !args.threads.is_empty() {
        return args.threads.iter().map(|&threads| usize::from(threads)).collect();
    }
    let cores = cores().min(vesalius_engine::session::MAX_THREADS);
    let mut threads: Vec<usize> = (0..7).map(|power| 1 << power).take_while(|&n| n < cores).collect();
    threads.push(cores);
    threads
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn head(engine: &Engine, (width, height): (usize, usize), seconds: f64) {
    let input = &engine.manifest().input;
    say!(
        "{} {} ({}x{}) on pictures of {width}x{height}, {seconds} s a line; {}, {} cores",
        engine.name(),
        engine.identity().version,
        input.width,
        input.height,
        processor(),
        cores()
    );
    say!(
        "from the picture to outlines, in ms; the network alone; live: the rate at which 99 % are done in time"
    );
    say!(
        "{:9} {:9} {:>7} {:>8} {:>8} {:>8} {:>8} {:>12} {:>6}",
        "provider",
        "numbers",
        "threads",
        "p50",
        "p95",
        "p99",
        "worst",
        "network p50",
        "live"
    );
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn line(case: Case, measured: &Result<Measured, vesalius_engine::EngineError>) -> String {
    let Case { provider, precision, threads } = case;
    let begin = format!("{:9} {:9} {threads:>7}", provider.name(), precision.name());
    match measured {
        Err(error) => format!("{begin} {error}"),
        Ok(m) => {
            let Latency { p50, p95, p99, worst } = m.whole;
            format!(
                "{begin} {:8.2} {:8.2} {:8.2} {:8.2} {:12.2} {:>6}",
                ms(p50),
                ms(p95),
                ms(p99),
                ms(worst),
                ms(m.inference.p50),
                m.live_rate().map_or_else(|| "none".to_owned(), |rate| format!("{rate}/s"))
            )
        }
    }
}

fn row(case: Case, measured: &Result<Measured, String>) -> serde_json::Value {
    let Case { provider, precision, threads } = case;
    let latency = |l: Latency| json!({ "p50_ms": ms(l.p50), "p95_ms": ms(l.p95), "p99_ms": ms(l.p99), "worst_ms": ms(l.worst) });
    let mut row = json!({ "provider": provider.name(), "precision": precision.name(), "threads": threads });
    let more = match measured {
        Err(error) => json!({ "error": error }),
        Ok(m) => json!({ "runs": m.runs, "load_ms": ms(m.load), "whole": latency(m.whole),
            "network": latency(m.inference), "live_fps": m.live_rate() }),
    };
    if let (Some(row), serde_json::Value::Object(more)) = (row.as_object_mut(), more) {
        row.extend(more);
    }
    row
}

/// Luma of a bright ring on a dark ground with the two chroma planes of grey behind it.
fn ring(width: usize, height: usize) -> Vec<u8> {
    let (x0, y0, radius) = (width as f64 / 2.0, height as f64 / 2.0, height as f64 / 3.0);
    let luma = (0..width * height).map(|at| {
        let off = ((at % width) as f64 - x0).hypot((at / width) as f64 - y0) - radius;
        (20.0 + 200.0 * (-off * off / 50.0).exp()) as u8
    });
    luma.chain(std::iter::repeat_n(128, 2 * width.div_ceil(2) * height.div_ceil(2))).collect()
}

fn planes(picture: &[u8], width: usize, height: usize) -> [(&[u8], usize); 3] {
    let chroma_width = width.div_ceil(2);
    let (luma, chroma) = picture.split_at(width * height);
    let (u, v) = chroma.split_at(chroma.len() / 2);
    [(luma, width), (u, chroma_width), (v, chroma_width)]
}

//! The program as a whole against what its time consists of.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use vesalius_engine::manifest::Precision;
use vesalius_engine::session::Session;
use vesalius_engine::{Engine, PrecisionChoice, Registry, SessionOptions};

use crate::series::Series;

/// What is measured with what.
pub struct Setting {
    /// The program.
    pub program: PathBuf,
    /// Engine by name or folder.
    pub engine: String,
    /// Python for the peer.
    pub peer_python: Option<PathBuf>,
    /// Rounds, sides in turn.
    pub rounds: usize,
}

/// Frames of the clips.
const FRAMES: u32 = 300;

/// The loop that a user would write instead.
const PEER: &str = include_str!("../peers/opencv_onnxruntime.py");

/// The coder's settings of the program, see `vesalius_pipeline`.
const CODER: [&str; 6] =
    ["x264enc", "speed-preset=veryfast", "pass=qual", "quantizer=20", "bframes=0", "rc-lookahead=5"];

fn timed(command: &mut Command) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let output = command.output().with_context(|| format!("{command:?} does not start"))?;
    let time = start.elapsed();
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{command:?} failed: {said}");
    Ok(time)
}

fn phantom(
    setting: &Setting,
    out: &Path,
    size: (u32, u32),
    mm_per_px: &str,
    frames: u32,
) -> anyhow::Result<PathBuf> {
    timed(
        Command::new(&setting.program)
            .args(["phantom", "fetal-head", "--no-masks", "--mm-per-px", mm_per_px, "--out"])
            .arg(out)
            .args([
                "--frames",
                &frames.to_string(),
                "--width",
                &size.0.to_string(),
                "--height",
                &size.1.to_string(),
            ]),
    )?;
    Ok(out.join("clip.mp4"))
}

fn replay(setting: &Setting, clip: &Path, out: &Path, more: &[&str]) -> anyhow::Result<(Duration, u64)> {
    let time = timed(
        Command::new(&setting.program)
            // The peers run in f32.
            .args(["replay", "--precision", "f32"])
            .arg(clip)
            .args(["--engine", &setting.engine])
            .arg("--out")
            .arg(out)
            .args(more),
    )?;
    let summary: serde_json::Value = serde_json::from_slice(&std::fs::read(out.join("summary.json"))?)?;
    Ok((time, summary["peak_memory_bytes"].as_u64().unwrap_or(0)))
}

/// Time of the network alone for `frames` pictures: `sessions` sessions side by side, `threads` threads each.
fn bare(setting: &Setting, frames: u32, sessions: u32, threads: usize) -> anyhow::Result<Duration> {
    let engine = Engine::open(&Registry::standard().find(&setting.engine)?)?;
    let input = &engine.manifest().input;
    let length = (input.width * input.height) as usize * input.color.channels();
    let tensor: Vec<f32> = (0..length).map(|i| (i % 251) as f32 / 251.0).collect();
    let mut loaded = Vec::new();
    for _ in 0..sessions {
        let precision = PrecisionChoice::Named(Precision::F32);
        let options = SessionOptions { threads, precision, ..SessionOptions::default() };
        let mut session = Session::load(&engine, &options)?;
        session.run(&tensor)?;
        loaded.push(session);
    }
    let start = Instant::now();
    std::thread::scope(|scope| {
        let running: Vec<_> = loaded
            .into_iter()
            .map(|mut session| {
                let tensor = &tensor;
                scope.spawn(move || -> anyhow::Result<()> {
                    for _ in 0..frames / sessions {
                        session.run(tensor)?;
                    }
                    Ok(())
                })
            })
            .collect();
        for thread in running {
            thread.join().map_err(|_| anyhow::anyhow!("a session panicked"))??;
        }
        anyhow::Ok(())
    })?;
    Ok(start.elapsed())
}

/// Measures and prints.
pub fn run(setting: &Setting) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    println!(
        "\nreplay without video against the network alone, {FRAMES} frames, 2 threads, medians of {} rounds",
        setting.rounds
    );
    for (name, size, scale) in [("800x540", (800, 540), "0.2"), ("1280x720", (1280, 720), "0.15")] {
        let clip = phantom(setting, &at(name), size, scale, FRAMES)?;
        let [mut ours, mut one, mut two, mut peer] = [(); 4].map(|()| Series::default());
        let mut memory = 0;
        for round in 0..setting.rounds {
            let out = at(&format!("{name}-{round}"));
            let (time, peak) = replay(setting, &clip, &out, &["--no-video", "--threads", "2"])?;
            ours.add(time);
            memory = memory.max(peak);
            one.add(bare(setting, FRAMES, 1, 2)?);
            two.add(bare(setting, FRAMES, 2, 1)?);
            if let Some(python) = &setting.peer_python {
                peer.add(run_peer(setting, python, &clip, &at("peer.csv"))?);
            }
        }
        let rate = |s: &Series| f64::from(FRAMES) / s.median_s();
        println!(
            "  {name}: replay {:.0} frames/s, start included, {:.0} MB",
            rate(&ours),
            memory as f64 / 1e6
        );
        println!("    one session of 2 threads {:.0}/s: {:.2} of it", rate(&one), rate(&ours) / rate(&one));
        println!("    2 sessions of 1 thread   {:.0}/s: {:.2} of it", rate(&two), rate(&ours) / rate(&two));
        if setting.peer_python.is_some() {
            println!(
                "    OpenCV + onnxruntime loop {:.0}/s: {:.2} times it",
                rate(&peer),
                rate(&ours) / rate(&peer)
            );
        } else {
            println!("    OpenCV + onnxruntime loop: left out, no --peer-python");
        }
    }
    annotated(setting, &at("hd"), &at)?;
    let clip = phantom(setting, &at("first"), (1920, 1080), "0.1", 1)?;
    let mut first = Series::default();
    for round in 0..setting.rounds {
        first.add(replay(setting, &clip, &at(&format!("first-{round}")), &["--no-video"])?.0);
    }
    println!("\nstart to the end of the first 1080p frame: {:.2} s", first.median_s());
    Ok(())
}

fn run_peer(setting: &Setting, python: &Path, clip: &Path, out: &Path) -> anyhow::Result<Duration> {
    let engine = Engine::open(&Registry::standard().find(&setting.engine)?)?;
    let input = &engine.manifest().input;
    timed(
        Command::new(python)
            .args(["-c", PEER])
            .arg(engine.model_path())
            .arg(clip)
            .arg(out)
            .args([input.width.to_string(), input.height.to_string()]),
    )
}

/// Annotated 1080p replay against decoding and encoding alone.
fn annotated(setting: &Setting, folder: &Path, at: &dyn Fn(&str) -> PathBuf) -> anyhow::Result<()> {
    let clip = phantom(setting, folder, (1920, 1080), "0.1", FRAMES)?;
    let [mut ours, mut coding, mut network] = [(); 3].map(|()| Series::default());
    let mut memory = 0;
    for round in 0..setting.rounds {
        let (time, peak) = replay(setting, &clip, &at(&format!("hd-{round}")), &["--threads", "2"])?;
        ours.add(time);
        memory = memory.max(peak);
        coding.add(timed(
            Command::new("gst-launch-1.0")
                .arg("-q")
                .arg("filesrc")
                .arg(format!("location={}", clip.display()))
                .args(["!", "decodebin", "force-sw-decoders=true", "!", "videoconvert", "!"])
                .args(CODER)
                .args(["key-int-max=60", "!", "mp4mux", "!", "filesink"])
                .arg(format!("location={}", at("coded.mp4").display())),
        )?);
        network.add(bare(setting, FRAMES, 2, 1)?);
    }
    let (ours, coding, network) = (ours.median_s(), coding.median_s(), network.median_s());
    println!("\nannotated 1080p replay, {FRAMES} frames");
    println!("  replay {ours:.2} s; decode and encode alone {coding:.2} s; network alone {network:.2} s");
    println!("  rate of replay over that of coding and network: {:.2}", (coding + network) / ours);
    println!("  peak memory {:.0} MB", memory as f64 / 1e6);
    Ok(())
}

//! Inference in a process of its own: the same results, and whatever befalls the process befalls nothing else.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstvesalius::{Isolation, Mode};
use vesalius_engine::apart::{ApartOptions, ApartWorker};
use vesalius_engine::{Engine, SessionOptions, Worker};
use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_measure::result::{Reason, ResultStatus};
use vesalius_tests::elements::{count, result, segment};
use vesalius_tests::picture::{self, Memory};
use vesalius_tests::rig::Rig;

fn program() -> PathBuf {
    vesalius_tests::build_folder().join("vesalius")
}

fn options(deadline_ms: u64) -> ApartOptions {
    ApartOptions { program: program(), deadline: Duration::from_millis(deadline_ms) }
}

fn signal(name: &str, process: u32) {
    // Rust's handler lets a first SIGSEGV return to the instruction that made it, and here there is none.
    for _ in 0..if name == "SEGV" { 2 } else { 1 } {
        let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap();
        assert!(sent.success(), "{name} to {process}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A bright disc, in gray and as RGB.
fn disc(format: PixelFormat) -> Vec<u8> {
    let (width, height) = (128, 96);
    let pixel = |i: usize| {
        let (x, y) = ((i % width) as f64 - 60.0, (i / width) as f64 - 50.0);
        if x.hypot(y) < 30.0 { 220 } else { 30 }
    };
    (0..width * height).flat_map(|i| std::iter::repeat_n(pixel(i), format.bytes_per_pixel())).collect()
}

fn frame(bytes: &[u8], format: PixelFormat) -> Frame<'_> {
    Frame::new(format, 128, 96, &[(bytes, 128 * format.bytes_per_pixel())]).unwrap()
}

#[test]
fn a_process_of_its_own_gives_the_bits_of_a_thread() {
    vesalius_tests::init();
    for name in ["threshold", "rgb-softmax", "nhwc-probabilities", "labels", "u8-labels", "f16", "unlike"] {
        let engine = Engine::open(&vesalius_tests::engine(name)).unwrap();
        let mut thread = Worker::new(&engine, &SessionOptions::default()).unwrap();
        let mut apart = ApartWorker::new(&engine, &SessionOptions::default(), &options(10_000)).unwrap();
        assert!(apart.confinement().contains("no network"), "{}", apart.confinement());
        for format in [PixelFormat::Gray8, PixelFormat::Rgb] {
            let bytes = disc(format);
            let here = thread.process(&frame(&bytes, format), (1, 1)).unwrap();
            let there = apart.process(&frame(&bytes, format), (1, 1)).unwrap();
            let words = |output: &vesalius_engine::FrameOutput| {
                format!("{:?} {:?} {:?}", output.geometry, output.classes, output.unlikeness)
            };
            assert_eq!(words(&there), words(&here), "{name}");
        }
    }
}

#[test]
fn a_process_that_ends_is_started_again_three_times_and_no_more() {
    vesalius_tests::init();
    let engine = Engine::open(&vesalius_tests::engine("threshold")).unwrap();
    let mut apart = ApartWorker::new(&engine, &SessionOptions::default(), &options(10_000)).unwrap();
    let bytes = disc(PixelFormat::Gray8);
    let picture = || frame(&bytes, PixelFormat::Gray8);
    let ends = ["KILL", "SEGV", "ABRT", "KILL"];
    for (time, end) in ends.into_iter().enumerate() {
        signal(end, apart.id().unwrap());
        // A call that is faster than the signal is still answered.
        let mut calls = (0..1000).map(|_| apart.process(&picture(), (1, 1)));
        let error = calls.find_map(Result::err).expect("it ends").to_string();
        assert!(error.contains(&format!("SIG{end}")), "{error}");
        if time == 3 {
            break;
        }
        // In a pause each picture has its answer at once: an error.
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let start = Instant::now();
            match apart.process(&picture(), (1, 1)) {
                Ok(output) => {
                    assert_eq!(output.classes[0].contours.len(), 1);
                    break;
                }
                Err(error) => {
                    assert!(error.to_string().contains("is started again in"), "{error}");
                    assert!(start.elapsed() < Duration::from_millis(200) && Instant::now() < until);
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }
    assert!(apart.is_at_fault());
    let Err(error) = apart.process(&picture(), (1, 1)) else { panic!("there is no process to answer") };
    let error = error.to_string();
    assert!(error.contains("FAULT") && error.contains("SIGKILL"), "{error}");
}

#[test]
fn what_cannot_serve_says_so_in_one_line() {
    vesalius_tests::init();
    let engine = Engine::open(&vesalius_tests::engine("corrupt")).unwrap();
    let error =
        ApartWorker::new(&engine, &SessionOptions::default(), &options(1000)).unwrap_err().to_string();
    assert!(error.contains("corrupt") && !error.contains('\n'), "{error}");
    // One that answers with what is no number is told before anybody relies on it.
    let engine = Engine::open(&vesalius_tests::engine("nan")).unwrap();
    let mut apart = ApartWorker::new(&engine, &SessionOptions::default(), &options(10_000)).unwrap();
    assert!(apart.warm_up().unwrap_err().to_string().contains("nan"));
    let engine = Engine::open(&vesalius_tests::engine("threshold")).unwrap();
    let nobody = ApartOptions { program: "/nonexistent/vesalius".into(), deadline: Duration::from_secs(1) };
    let error = ApartWorker::new(&engine, &SessionOptions::default(), &nobody).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/vesalius"), "{error}");
}

/// Frames at 50 a second through `vesaliussegment` in live mode while the process meets its end: none waits, what is shown is
/// never older than allowed, and results come back.
fn live_through(end: &str) {
    vesalius_tests::init();
    let segment = segment("threshold", Mode::Latest);
    segment.set_property("isolation", Isolation::Process);
    segment.set_property("program", program().to_string_lossy().as_ref());
    segment.set_property("deadline", 300_000_000_u64);
    let mut rig = Rig::new(&segment);
    let info = picture::info(gst_video::VideoFormat::Nv12, 640, 480);
    rig.set_caps(&info);
    let process = || {
        let stats: gst::Structure = segment.property("stats");
        stats.get::<u32>("process-id").unwrap()
    };
    let first = process();
    assert_ne!(first, 0);
    let mut longest = Duration::ZERO;
    let mut stale = 0;
    let mut back_after = None;
    for number in 0..200_u64 {
        let mut frame = picture::frame(&info, number, Memory::Plain);
        frame.get_mut().unwrap().set_pts(gst::ClockTime::from_mseconds(20 * number));
        if number == 50 {
            signal(end, first);
        }
        let start = Instant::now();
        rig.harness.push(frame).unwrap();
        longest = longest.max(start.elapsed());
        let frames = rig.frames();
        let newest = result(frames.last().unwrap());
        assert!(newest.age_ns <= 200_000_000 || newest.status == ResultStatus::Missing(Reason::Stale));
        if number > 50 {
            stale += u64::from(newest.status != ResultStatus::Ok);
            if process() != first && newest.status == ResultStatus::Ok && back_after.is_none() {
                back_after = Some(number - 50);
            }
        }
        std::thread::sleep(Duration::from_millis(20).saturating_sub(start.elapsed()));
    }
    assert_eq!(rig.frames().len(), 200, "a frame in, a frame out");
    // Whoever waited for the process would wait for the deadline; what is shorter is a busy machine's.
    assert!(longest < Duration::from_millis(150), "{end}: a frame waited {longest:?}");
    assert!(
        back_after.is_some_and(|frames| frames < 140),
        "{end}: {back_after:?}, {stale} frames without a result"
    );
    assert!(count(&segment, "failed") >= 1, "{end}");
}

#[test]
fn a_killed_process_costs_no_frame() {
    live_through("KILL");
}

#[test]
fn a_stopped_process_costs_no_frame() {
    live_through("STOP");
}

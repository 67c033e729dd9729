//! The whole live job: sources that come and go, what is seen over HTTP, what is left on the disk.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vesalius_measure::live::AiState;
use vesalius_measure::result::{Reason, ResultStatus};
use vesalius_tests::job::{Running, get, is_live, post, status};
use vesalius_tests::{engine, program, wait_until};

/// A bright disc that moves on a dark ground, at 25 frames a second.
const BALL: &str = "launch:videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1";

#[test]
fn every_frame_is_shown_whatever_the_engine_does_and_off_is_off() {
    // White all over but for the ball: on such pictures this engine hangs. Three frames may wait, 200 ms.
    let source = BALL
        .replace("pattern=ball", "pattern=ball background-color=0xffffffff foreground-color=0xff000000")
        .replace("25/1", "15/1");
    let job = Running::start(&source, "hang", |_| {});
    job.wait("a fault", |r| is_live(r) && r.live.as_ref().unwrap().ai == AiState::Fault);
    wait_until("it hangs again and again", || job.live_frames().len() > 40);
    // The best of a few: what else the machine has to do is not the job's.
    let took = (0..5).map(|_| {
        job.control.set_ai(true).unwrap();
        job.wait("on", |r| r.status != ResultStatus::Missing(Reason::Off));
        let asked = Instant::now();
        job.control.set_ai(false).unwrap();
        job.wait("off", |r| r.status == ResultStatus::Missing(Reason::Off));
        asked.elapsed()
    });
    let took = took.min().unwrap();
    assert!(took < Duration::from_millis(100), "off took {took:?}");
    let shown = job.shown.lock().clone();
    let numbers: Vec<u64> = shown.iter().filter(|s| is_live(&s.result)).map(|s| s.number).collect();
    assert!(numbers.len() > 20, "{numbers:?}");
    assert!(numbers.windows(2).all(|w| w[1] == w[0] + 1), "a frame is missing: {numbers:?}");
    job.end().unwrap();
}

#[test]
fn a_source_that_is_lost_and_comes_back_never_takes_the_picture_down() {
    let source = BALL.replace("is-live=true", "is-live=true num-buffers=30");
    let job = Running::start(&source, "threshold", |options| options.calibration = "0.2".to_owned());
    job.wait("a result", |r| is_live(r) && r.status == ResultStatus::Ok);
    let before = job.last().unwrap();
    assert!(before.calibration.is_some());
    job.wait("a card", |r| r.status == ResultStatus::Missing(Reason::NoSignal));
    let card = job.last().unwrap();
    assert!(card.classes.is_empty() && card.measurements.is_empty());
    job.wait("the picture again", |r| is_live(r) && r.status == ResultStatus::Ok);
    assert!(job.last().unwrap().calibration.is_none(), "the scale was that of the source before");
    let shown = job.shown.lock().clone();
    assert!(shown.windows(2).all(|w| w[0].pts_ns < w[1].pts_ns), "time goes on");
    let longest = shown.windows(2).map(|w| (w[1].pts_ns - w[0].pts_ns) / 1_000_000).max().unwrap();
    assert!(longest < 500, "something is always shown: {longest} ms");
    let lines = job.lines.lock().clone();
    assert!(lines.iter().any(|l| l.contains("NO SIGNAL") && l.contains("ended")), "{lines:?}");
    job.end().unwrap();
}

#[test]
fn a_source_that_is_not_there_is_a_card_and_no_error() {
    let job = Running::start("v4l2:///dev/no-such-camera", "threshold", |_| {});
    job.wait("a card", |r| r.status == ResultStatus::Missing(Reason::NoSignal));
    job.end().unwrap();
}

#[test]
fn a_frozen_source_keeps_nothing_on_it() {
    let source = BALL.replace("pattern=ball", "pattern=circular");
    let job = Running::start(&source, "threshold", |_| {});
    job.wait("frozen", |r| r.status == ResultStatus::Missing(Reason::Frozen));
    assert!(!job.last().unwrap().found_something());
    job.end().unwrap();
}

#[test]
fn the_page_shows_and_controls_what_is() {
    let folder = tempfile::tempdir().unwrap();
    let job = Running::start(BALL, "threshold", |options| {
        options.serve = Some(vesalius_serve::Options { address: ([127, 0, 0, 1], 0).into(), token: None });
        options.folder = Some(folder.path().to_owned());
    });
    let address = job.address.unwrap();
    wait_until("it runs", || status(address)["ai"]["state"] == "RUNNING");
    let now = status(address);
    assert_eq!((now["signal"]["width"].as_u64(), now["signal"]["height"].as_u64()), (Some(320), Some(240)));
    assert_eq!(now["signal"]["state"], "LIVE");
    assert!(now["values"].as_array().is_some_and(|values| !values.is_empty()), "{now}");
    let (head, jpeg) = get(address, "/picture.jpg");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let picture = image::load_from_memory_with_format(&jpeg, image::ImageFormat::Jpeg).unwrap();
    assert_eq!((picture.width(), picture.height()), (320, 240));
    let metrics = String::from_utf8(get(address, "/metrics").1).unwrap();
    assert!(metrics.contains("vesalius_ai_state{state=\"RUNNING\"} 1"), "{metrics}");
    assert!(get(address, "/readyz").0.starts_with("HTTP/1.1 200"));

    let (_, kept) = post(address, "/api/snapshot", "");
    let name = kept["file"].as_str().expect("a snapshot has a name").to_owned();
    let shown = image::open(folder.path().join(&name)).unwrap().to_rgb8();
    let clean = image::open(folder.path().join(name.replace(".png", "-clean.png"))).unwrap().to_rgb8();
    assert_eq!(shown.dimensions(), clean.dimensions());
    let differs = shown.pixels().zip(clean.pixels()).filter(|(a, b)| a != b).count();
    assert!(differs > 50 && differs < 320 * 240 / 2, "drawn on the one, not on the other: {differs}");

    let (head, said) = post(address, "/api/engine", "{\"name\":\"no-such\"}");
    assert!(
        head.starts_with("HTTP/1.1 400") && said["error"].as_str().unwrap().contains("no-such"),
        "{head} {said}"
    );
    assert!(post(address, "/api/new-patient", "").0.starts_with("HTTP/1.1 200"));
    assert!(post(address, "/api/ai", "{\"on\":false}").0.starts_with("HTTP/1.1 200"));
    wait_until("off is told", || status(address)["ai"]["state"] == "OFF");
    assert!(status(address)["values"].as_array().unwrap().is_empty());
    job.end().unwrap();
}

/// The program as a live job, ended with the test.
struct Live(Child);

impl Live {
    fn start(arguments: &[&str]) -> Self {
        let mut command = program::vesalius();
        command.arg("live").args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn recordings(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "mkv")).collect();
    files.sort();
    files
}

/// Frames that can be decoded of a file, and whether it ended without an error.
fn frames(path: &Path) -> (u64, Option<String>) {
    use gst::prelude::*;
    vesalius_tests::init();
    let pipeline =
        gst::parse::launch("filesrc name=file ! decodebin ! videoconvert ! fakesink name=end sync=false")
            .unwrap()
            .downcast::<gst::Pipeline>()
            .unwrap();
    pipeline.by_name("file").unwrap().set_property("location", path.to_string_lossy().as_ref());
    let count = Arc::new(Mutex::new(0));
    let counting = count.clone();
    let pad = pipeline.by_name("end").unwrap().static_pad("sink").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        *counting.lock() += 1;
        gst::PadProbeReturn::Ok
    });
    let ended = vesalius_tests::pipeline::play(&pipeline);
    vesalius_tests::pipeline::leave(&pipeline, gst::State::Null);
    let frames = *count.lock();
    (frames, ended.error)
}

fn wait_for_recordings(folder: &Path, bytes: u64) {
    wait_until("both files grow", || {
        let files = recordings(folder);
        files.len() == 2 && files.iter().all(|f| std::fs::metadata(f).is_ok_and(|m| m.len() > bytes))
    });
}

#[test]
fn a_recording_plays_after_kill_9_and_is_whole_after_sigterm() {
    let engine = engine("threshold").to_string_lossy().into_owned();
    let folder = tempfile::tempdir().unwrap();
    let [killed, ended] = ["killed", "ended"].map(|name| folder.path().join(name));
    let source = BALL.replace("width=320,height=240", "width=640,height=480");
    for (out, signal) in [(&killed, "-KILL"), (&ended, "-TERM")] {
        let mut live =
            Live::start(&[&source, "--engine", &engine, "--threads", "1", "--record", out.to_str().unwrap()]);
        wait_for_recordings(out, 40_000);
        live.signal(signal);
        let code = live.0.wait().unwrap();
        if signal == "-TERM" {
            assert_eq!(code.code(), Some(0), "a service that is stopped ends well");
        }
        let files = recordings(out);
        let names: Vec<_> =
            files.iter().map(|f| f.file_name().unwrap().to_string_lossy().into_owned()).collect();
        assert!(
            names[0].ends_with("-annotated-00000.mkv") && names[1].ends_with("-clean-00000.mkv"),
            "{names:?}"
        );
        for (file, kind) in files.into_iter().zip(["annotated", "clean"]) {
            // The head of a file that was cut off says what it is, too.
            let bytes = std::fs::read(&file).unwrap();
            let head = String::from_utf8_lossy(bytes.get(..4096).unwrap_or(&bytes));
            for words in [&format!("{kind} picture from 20"), "engine threshold", "not for clinical use"] {
                assert!(head.contains(words), "{}: {words}", file.display());
            }
            let (frames, error) = frames(&file);
            assert!(frames >= 20, "{}: {frames} frames", file.display());
            assert!(signal == "-KILL" || error.is_none(), "{error:?}");
        }
    }
}

#[test]
fn a_disk_that_cannot_be_written_ends_recording_and_not_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file, no folder");
    std::fs::write(&file, "x").unwrap();
    let job = Running::start(BALL, "threshold", |options| options.folder = Some(file.join("out")));
    job.wait("a result", |r| r.status == ResultStatus::Ok);
    let said = job.control.record(true).unwrap_err().to_string();
    assert!(said.contains("a file, no folder") && !said.contains('\n'), "{said}");
    let shown = job.shown.lock().len();
    wait_until("pictures go on", || job.shown.lock().len() > shown + 10);
    job.end().unwrap();
}

#[test]
fn arguments_that_are_wrong_are_said_at_once_in_one_line() {
    let run = |arguments: &[&str]| {
        let output = program::vesalius().arg("live").args(arguments).output().unwrap();
        assert_ne!(output.status.code(), Some(0), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).trim().to_owned()
    };
    for (arguments, words) in [
        (vec!["/no/such.mp4"], vec!["no such file", "phantom:"]),
        (vec!["phantom:unicorn"], vec!["unicorn", "fetal-head"]),
        (vec!["phantom:lv", "--engine", "no-such"], vec!["no-such"]),
        (vec!["phantom:lv", "--calibration", "zero"], vec!["zero"]),
        (vec!["phantom:lv", "--protocol", "no-such"], vec!["no-such"]),
        (vec!["phantom:lv", "--serve", "0.0.0.0:0"], vec!["token"]),
    ] {
        let said = run(&arguments);
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
        words.iter().for_each(|word| assert!(said.contains(word), "{arguments:?}: {said}"));
    }
}

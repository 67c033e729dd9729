//! The fault matrix: what befalls a live job, and that the picture does not notice.
//!
//! One row a fault. Whatever it is, no picture of the source is lost and none is late; a result older than allowed is never drawn; what
//! happened is said, on the picture and in words; and results come back by themselves. `--nocapture` prints the table of
//! docs/live.md.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use vesalius_measure::live::{AiState, SignalState};
use vesalius_measure::result::{FrameResult, Reason, ResultStatus};
use vesalius_phantom::FetalHeadScene;
use vesalius_phantom::scenes::SceneOptions;
use vesalius_pipeline::live::{Isolation, Source};
use vesalius_tests::job::{Frame, Running, free_address, get, is_live, status};
use vesalius_tests::program::{Running as Program, vesalius};
use vesalius_tests::{build_folder, engine, wait_until};

/// Pictures a second of the phantom.
const RATE_HZ: f64 = 15.0;
/// Age above which no result is drawn.
const MAX_AGE: Duration = Duration::from_millis(200);
/// From a fault to the last outline: the age, a picture, and what a busy machine adds.
const GONE_WITHIN: Duration = Duration::from_millis(200 + 67 + 100);
/// Without an answer for half a second it is a fault, and the next picture says so.
const FAULT_WITHIN: Duration = Duration::from_millis(500 + 67 + 150);
/// Between two pictures that are shown, at the most: whoever waited for an engine that hangs would wait for its deadline, a second.
const LONGEST_GAP: Duration = Duration::from_millis(900);

fn phantom() -> Source {
    let scene = FetalHeadScene {
        width_px: 320,
        height_px: 240,
        mm_per_px_x: 0.5,
        mm_per_px_y: 0.5,
        frame_rate_hz: RATE_HZ,
        ..FetalHeadScene::default()
    };
    Source::Phantom(Box::new(SceneOptions::FetalHead(scene)))
}

/// What befalls the engine's process.
enum Fault {
    /// A signal, once.
    Signal(&'static str),
    /// Something of its own, see the program `vesalius-faulty`.
    Own(&'static str),
}

struct Row {
    fault: Fault,
    /// What is said of it.
    words: &'static str,
    /// Whether it is silent for so long that it must be called a fault.
    silent: bool,
}

fn rows() -> Vec<Row> {
    let row = |fault, words, silent| Row { fault, words, silent };
    vec![
        row(Fault::Signal("KILL"), "SIGKILL", false),
        row(Fault::Signal("SEGV"), "SIGSEGV", false),
        row(Fault::Signal("STOP"), "no answer for", true),
        row(Fault::Own("hang"), "no answer for", true),
        row(Fault::Own("slow"), "too old", false),
        row(Fault::Own("panic"), "panicked", false),
        row(Fault::Own("nan"), "NaN", false),
        row(Fault::Own("memory"), "SIGABRT", false),
    ]
}

fn start(
    source: Source,
    program: &Path,
    set: impl FnOnce(&mut vesalius_pipeline::live::LiveOptions),
) -> Running {
    Running::start_on(source, &engine("threshold").to_string_lossy(), |options| {
        options.isolation = Isolation::Process;
        options.program = Some(program.to_owned());
        set(options);
    })
}

fn process(job: &Running) -> u32 {
    job.process_id().expect("the engine has a process of its own")
}

fn send(name: &str, process: u32) {
    // Rust's handler lets a first SIGSEGV return to the instruction that made it, and here there is none.
    for _ in 0..if name == "SEGV" { 2 } else { 1 } {
        let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap();
        assert!(sent.success(), "{name} to {process}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// How far a process stands behind others, proc_pid_stat(5): the 19th field, of which the second is in brackets.
fn niceness(process: &str) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().nth(16).unwrap().parse().unwrap()
}

fn is_ok(frame: &Frame) -> bool {
    frame.result.status == ResultStatus::Ok
}

fn why(frame: &Frame) -> &str {
    frame.result.live.as_ref().map_or("", |live| &live.why)
}

fn ai(frame: &Frame) -> AiState {
    frame.result.live.as_ref().map_or(AiState::Off, |live| live.ai)
}

/// No picture of the source is missing, none waited, and no old result is on one.
fn assert_picture(name: &str, frames: &[Frame]) {
    assert!(frames.len() > 20, "{name}: {} pictures", frames.len());
    let lost: Vec<_> = frames.windows(2).filter(|w| w[1].number != w[0].number + 1).collect();
    assert!(
        lost.is_empty(),
        "{name}: a picture is missing: {:?}",
        lost.iter().map(|w| (w[0].number, w[1].number)).collect::<Vec<_>>()
    );
    let gap = frames.windows(2).map(|w| w[1].at - w[0].at).max().unwrap_or_default();
    assert!(gap < LONGEST_GAP, "{name}: nothing was shown for {gap:?}");
    let oldest = frames.iter().filter(|f| is_ok(f)).map(|f| f.result.age_ns).max().unwrap_or(0);
    assert!(u128::from(oldest) <= MAX_AGE.as_nanos(), "{name}: a result {oldest} ns old was drawn");
}

fn line(name: &str, frames: &[Frame], gone: Duration, states: &str, back: &str) {
    let [total, gone] = [frames.len() as u128, gone.as_millis()];
    println!("| {name} | {total}, 0 lost | {gone} ms | {states} | {back} |");
}

/// Plays one row, and says what it came to.
fn play(row: &Row, links: &Path) {
    let (name, program) = match row.fault {
        Fault::Signal(name) => (name, build_folder().join("vesalius")),
        Fault::Own(name) => (name, links.join(name)),
    };
    let job = start(phantom(), &program, |_| {});
    job.wait("it runs", |r| r.status == ResultStatus::Ok);
    assert!(niceness(&process(&job).to_string()) > niceness("self"), "{name}: the picture comes first");
    let runs_since = Instant::now();
    let injected = match row.fault {
        Fault::Signal(signal) => {
            std::thread::sleep(Duration::from_millis(600));
            let at = Instant::now();
            send(signal, process(&job));
            Some(at)
        }
        Fault::Own(_) => None,
    };
    // The first picture that says what happened.
    let from = injected.unwrap_or(runs_since);
    let mut said = None;
    wait_until(&format!("{name}: it is said"), || {
        let shown = job.shown.lock();
        said = shown.iter().find(|f| f.at >= from && !is_ok(f) && why(f).contains(row.words)).cloned();
        said.is_some()
    });
    let said = said.unwrap();
    wait_until(&format!("{name}: results come back"), || {
        let shown = job.shown.lock();
        shown.iter().any(|f| f.at > said.at && is_ok(f) && ai(f) == AiState::Running)
    });
    let frames = job.live_frames();
    assert_picture(name, &frames);
    // The last outline before it, and the first after it.
    let before = frames.iter().rfind(|f| f.at < said.at && is_ok(f)).expect("results before the fault");
    let after = frames.iter().find(|f| f.at > said.at && is_ok(f)).expect("results after it");
    // What was drawn last was of a picture of before the fault, shown no later than this after it.
    let of_picture = Duration::from_nanos(before.pts_ns - before.result.source_pts_ns);
    let gone = injected.map_or(of_picture, |at| before.at.saturating_duration_since(at));
    assert!(gone <= GONE_WITHIN, "{name}: an outline was there after {gone:?}");
    let faulted = frames.iter().find(|f| f.at >= from && ai(f) == AiState::Fault);
    if row.silent {
        let faulted = faulted.unwrap_or_else(|| panic!("{name}: it is called a fault"));
        let since = faulted.at - injected.unwrap_or(before.at);
        assert!(since <= FAULT_WITHIN, "{name}: it was called a fault after {since:?}");
    }
    let mut states: Vec<&str> = Vec::new();
    for frame in frames.iter().filter(|f| f.at >= before.at && f.at <= after.at) {
        let state = ai(frame).as_str();
        if states.last() != Some(&state) {
            states.push(state);
        }
    }
    let lines = job.lines.lock().clone();
    assert!(
        lines.iter().any(|l| l.contains("AI DEGRADED") || l.contains("AI FAULT")),
        "{name}: it is posted: {lines:?}"
    );
    line(name, &frames, gone, &states.join(", "), &format!("{} ms", (after.at - before.at).as_millis()));
    job.end().unwrap();
}

#[test]
fn whatever_befalls_the_engine_the_picture_goes_on_and_results_come_back() {
    vesalius_tests::init();
    let links = tempfile::tempdir().unwrap();
    let faulty = build_folder().join("vesalius-faulty");
    assert!(faulty.is_file(), "{} is missing: run `make test`, which builds it first", faulty.display());
    for row in rows() {
        if let Fault::Own(name) = row.fault {
            std::os::unix::fs::symlink(&faulty, links.path().join(name)).unwrap();
        }
        play(&row, links.path());
    }
}

#[test]
fn three_restarts_in_ten_minutes_then_fault_and_the_picture_goes_on() {
    vesalius_tests::init();
    let job = start(phantom(), &build_folder().join("vesalius"), |_| {});
    let mut last = 0;
    for _ in 0..4 {
        wait_until("a process that answers", || {
            job.process_id().is_some_and(|id| id != last) && job.shown.lock().last().is_some_and(is_ok)
        });
        last = process(&job);
        send("KILL", last);
    }
    wait_until("it is given up", || {
        job.shown.lock().last().is_some_and(|f| why(f).contains("failed too often"))
    });
    let given_up = Instant::now();
    std::thread::sleep(Duration::from_millis(1500));
    let frames = job.live_frames();
    assert_picture("four times KILL", &frames);
    // Half a second after its last answer it is a fault.
    let from = given_up + FAULT_WITHIN;
    let after: Vec<_> = frames.iter().filter(|f| f.at > from).collect();
    assert!(after.len() > 5 && after.iter().all(|f| ai(f) == AiState::Fault && !is_ok(f)));
    job.control.set_ai(false).unwrap();
    job.wait("off", |r| r.status == ResultStatus::Missing(Reason::Off));
    line("KILL, four times", &frames, Duration::ZERO, "FAULT, until a person chooses an engine", "no");
    job.end().unwrap();
}

#[test]
fn a_sink_that_hangs_holds_nothing_up() {
    let job = start(phantom(), &build_folder().join("vesalius"), |options| {
        options.sinks =
            vec!["identity sleep-time=30000000 ! fakesink".to_owned(), "fakesink name=quick".to_owned()];
    });
    job.wait("it runs", |r| r.status == ResultStatus::Ok);
    std::thread::sleep(Duration::from_secs(2));
    let frames = job.live_frames();
    assert_picture("a sink hangs", &frames);
    let late = job.latency().picture;
    assert!(late.p50_ms < 100.0, "{late:?}");
    line("a sink hangs", &frames, Duration::ZERO, "RUNNING", "-");
    // The one that hangs is not waited for.
    let ending = Instant::now();
    job.end().unwrap();
    assert!(ending.elapsed() < Duration::from_secs(10), "{:?}", ending.elapsed());
}

#[test]
fn a_hundred_browsers_that_read_nothing_and_go_away_hold_nothing_up() {
    let job = start(phantom(), &build_folder().join("vesalius"), |options| {
        options.serve = Some(vesalius_serve::Options { address: ([127, 0, 0, 1], 0).into(), token: None });
    });
    let address = job.address.unwrap();
    job.wait("it runs", |r| r.status == ResultStatus::Ok);
    let look = |path: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let mut browsers: Vec<TcpStream> = (0..100).map(|_| look("/picture.mjpeg")).collect();
    browsers.extend((0..20).map(|_| look("/api/events")));
    std::thread::sleep(Duration::from_secs(1));
    // Half of them break off, in the middle of a picture.
    browsers.truncate(60);
    let asked = Instant::now();
    assert_eq!(status(address)["ai"]["state"], "RUNNING");
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    // One that reads sees moving pictures.
    let mut reader = look("/picture.mjpeg");
    reader.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut bytes = vec![0; 40_000];
    reader.read_exact(&mut bytes).unwrap();
    assert!(bytes.windows(16).filter(|w| w == b"vesalius-picture").count() >= 2);
    std::thread::sleep(Duration::from_millis(500));
    let frames = job.live_frames();
    assert_picture("100 browsers", &frames);
    line("100 browsers that read nothing, half break off", &frames, Duration::ZERO, "RUNNING", "-");
    drop(browsers);
    assert!(get(address, "/healthz").0.starts_with("HTTP/1.1 200"));
    job.end().unwrap();
}

fn signal(result: &FrameResult) -> SignalState {
    result.live.as_ref().map_or(SignalState::Live, |live| live.signal)
}

/// A moving disc, 15 a second; after so many pictures the source ends, or sends nothing more.
fn ball(pictures: u32, then_silent: bool) -> Source {
    let caps = "video/x-raw,format=I420,width=320,height=240,framerate";
    let text = format!("videotestsrc is-live=true pattern=ball num-buffers={pictures} ! {caps}=15/1");
    let text = if then_silent {
        format!("{text} ! f. videotestsrc is-live=true ! {caps}=1/1 ! valve drop=true ! f. funnel name=f")
    } else {
        text
    };
    Source::parse(&format!("launch:{text}")).unwrap()
}

#[test]
fn a_source_that_is_silent_or_ends_is_said_in_time_and_comes_back() {
    for (name, silent, within_ms) in [("the source is silent", true, 250), ("the source ends", false, 0)] {
        let job = start(ball(30, silent), &build_folder().join("vesalius"), |_| {});
        job.wait("it runs", |r| r.status == ResultStatus::Ok);
        wait_until("no signal", || job.last().is_some_and(|r| signal(&r) == SignalState::None));
        wait_until("the picture is back", || {
            let shown = job.shown.lock();
            let lost = shown.iter().rposition(|f| signal(&f.result) == SignalState::None);
            lost.is_some_and(|at| shown.iter().skip(at).any(is_ok))
        });
        let shown = job.shown.lock().clone();
        let first = shown.iter().position(|f| is_live(&f.result)).unwrap();
        let round: Vec<_> = shown[first..].iter().take_while(|f| is_live(&f.result)).cloned().collect();
        assert_picture(name, &round);
        // The next after the source's last picture is in time, and nothing is drawn on it.
        let (last, next) = (round.last().unwrap(), &shown[first + round.len()]);
        let gone = next.at - last.at;
        let expected = if silent { SignalState::Frozen } else { SignalState::None };
        assert_eq!((signal(&next.result), is_ok(next)), (expected, false), "{name}");
        assert!(gone <= Duration::from_millis(within_ms + 20 + 150), "{name}: said after {gone:?}");
        let all = shown[first..].windows(2).map(|w| w[1].at - w[0].at).max().unwrap();
        assert!(all < LONGEST_GAP, "{name}: something is always shown: {all:?}");
        let back = shown[first + round.len()..].iter().find(|f| is_ok(f)).unwrap().at - next.at;
        let said = if silent { "FROZEN, NO SIGNAL" } else { "NO SIGNAL" };
        line(name, &round, gone, said, &format!("{} ms", back.as_millis()));
        job.end().unwrap();
    }
}

/// The program on a small disk of its own, if this system gives one.
fn on_small_disk(folder: &Path, arguments: &[&str]) -> Option<Command> {
    let script = "mount -t tmpfs -o size=3m none \"$0\" && exec \"$@\"";
    let can = |flags: &[&str]| {
        let tried =
            Command::new("unshare").args(flags).args(["sh", "-c", script]).arg(folder).arg("true").output();
        tried.is_ok_and(|out| out.status.success())
    };
    let flags = [&["-m"][..], &["-rm"][..]].into_iter().find(|flags| can(flags))?;
    let program = vesalius();
    let mut command = Command::new("unshare");
    command.args(flags).args(["sh", "-c", script]).arg(folder);
    command.arg(program.get_program()).args(arguments);
    for (name, value) in program.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    Some(command)
}

/// Snow: a picture that takes much room.
const SNOW: &str = "launch:videotestsrc is-live=true pattern=snow ! video/x-raw,format=I420,width=320,height=240,framerate=15/1";

#[test]
fn a_full_disk_ends_recording_and_not_the_picture() {
    vesalius_tests::init();
    let folder = tempfile::tempdir().unwrap();
    let engine = engine("threshold");
    let (engine, out) = (engine.to_str().unwrap(), folder.path().to_str().unwrap());
    for (name, limit, words) in [
        ("the disk is full, by policy", ["--keep-free-mb", "1"], "full"),
        ("the disk is full, by the system", ["--keep-free-mb", "0"], ""),
    ] {
        let address = free_address();
        let serve = address.to_string();
        let mut arguments = vec!["live", SNOW, "--engine", engine, "--threads", "1", "--record", out];
        arguments.extend(["--serve", &serve]);
        arguments.extend(limit);
        let Some(mut command) = on_small_disk(folder.path(), &arguments) else {
            println!("| {name} | not tried: this system gives no small disk (unshare, mount) | | | |");
            continue;
        };
        let program = Program::start(&mut command);
        wait_until("it serves", || TcpStream::connect(address).is_ok());
        wait_until("it records", || status(address)["recording"]["on"] == true);
        let begun = status(address);
        wait_until("recording ends", || status(address)["recording"]["on"] == false);
        let ended = status(address);
        let said = ended["recording"]["why"].as_str().unwrap().to_owned();
        assert!(!said.is_empty() && said.contains(words), "{name}: {said}");
        wait_until("pictures go on", || {
            status(address)["signal"]["frames"].as_u64() > ended["signal"]["frames"].as_u64().map(|n| n + 20)
        });
        let after = status(address);
        let frames =
            after["signal"]["frames"].as_u64().unwrap() - begun["signal"]["frames"].as_u64().unwrap();
        assert_eq!(after["signal"]["lost"], 0, "{name}");
        assert_eq!(after["ai"]["state"], "RUNNING", "{name}");
        println!("| {name} | {frames}, 0 lost | - | RUNNING; recording: {said} | no |");
        let id = program.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert_eq!(program.wait().code, Some(0), "{name}: it ends well");
    }
}

/// The names of files that end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = entries.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    files.sort();
    files
}

#[test]
fn the_oldest_recording_goes_and_the_account_has_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let job = start(Source::parse(SNOW).unwrap(), &build_folder().join("vesalius"), |options| {
        options.folder = Some(folder.path().to_owned());
        options.record = true;
        options.recording.file_length = Duration::from_secs(2);
        options.recording.when_full = vesalius_pipeline::live::WhenFull::Oldest;
        options.recording.most = Some(2_500_000);
    });
    wait_until("the first files go, later ones are there", || {
        files(folder.path(), "-annotated-00000.mkv").is_empty()
            && files(folder.path(), ".mkv").len() >= 2
            && job.shown.lock().len() > 40
    });
    let frames = job.live_frames();
    assert_picture("oldest first", &frames);
    job.end().unwrap();
    let used: u64 = files(folder.path(), ".mkv").iter().map(|f| std::fs::metadata(f).unwrap().len()).sum();
    assert!(used < 6_000_000, "{used} bytes are kept");
    let account = std::fs::read_to_string(&files(folder.path(), "-account.jsonl")[0]).unwrap();
    let lines: Vec<serde_json::Value> = account.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines[0]["record"], "account");
    let numbers: Vec<u64> =
        lines.iter().filter(|l| l["record"] == "frame").map(|l| l["number"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|w| w[1] == w[0] + 1), "a line a picture: {numbers:?}");
    let end = lines.last().unwrap();
    assert_eq!(end["record"], "end");
    assert_eq!((&end["came"], end["without_lines"].as_u64()), (&end["shown"], Some(0)));
    assert!(end["inferred"].as_u64().unwrap() > 20, "{end}");
    let seen = lines.iter().find(|l| l["result_pts_ns"].is_u64()).expect("a picture with a result");
    assert!(seen["age_ms"].as_f64().unwrap() <= 200.0 && seen["delay_us"].is_u64(), "{seen}");
    assert!(lines.iter().any(|l| l["record"] == "engine" && l["engine"]["name"] == "threshold"));
}

//! What a live job is given that is wrong: the picture goes on, and what is wrong is said.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use vesalius_measure::live::AiState;
use vesalius_measure::result::{Reason, ResultStatus};
use vesalius_pipeline::live::Isolation;
use vesalius_tests::job::{Frame, Running, get, is_live, status};
use vesalius_tests::program::vesalius;
use vesalius_tests::{build_folder, engine, wait_until};

fn is_ok(frame: &Frame) -> bool {
    frame.result.status == ResultStatus::Ok
}

/// A disc that moves, so many pictures, as gst-launch takes it.
fn ball(rest: &str, caps: &str) -> String {
    format!("videotestsrc pattern=ball {rest} ! video/x-raw,{caps}")
}

/// Every picture that was shown, whatever it was.
fn shown(job: &Running) -> Vec<Frame> {
    job.shown.lock().clone()
}

/// How far pictures' times are from when they were shown, at the most, beside what they have in common.
fn off_the_clock(frames: &[Frame]) -> Duration {
    let first = frames.first().expect("something was shown");
    let off_ns = frames.iter().map(|f| {
        let passed = i128::try_from((f.at - first.at).as_nanos()).unwrap();
        i128::from(f.pts_ns) - i128::from(first.pts_ns) - passed
    });
    let (least, most) = off_ns.fold((0, 0), |(least, most), off| (off.min(least), off.max(most)));
    Duration::from_nanos(u64::try_from(most - least).unwrap())
}

#[test]
fn size_format_and_rate_change_while_it_plays() {
    let folder = tempfile::tempdir().unwrap();
    let parts = [
        ball("num-buffers=24 is-live=true", "format=I420,width=320,height=240,framerate=15/1"),
        ball("num-buffers=48 is-live=true", "format=NV12,width=400,height=300,framerate=30/1"),
        ball("num-buffers=24 is-live=true", "format=RGB,width=320,height=240,framerate=15/1"),
    ];
    // One after the other: what comes while it is not its turn is dropped.
    let text = format!("launch:concat name=c {}", parts.map(|part| format!("{part} ! c. ")).concat());
    let text = format!("{} c.", text.trim_end());
    let job = Running::start(&text, "threshold", |options| {
        options.calibration = "0.2".to_owned();
        options.folder = Some(folder.path().to_owned());
        options.record = true;
    });
    let size = |status: &vesalius_serve::Status| (status.signal.width, status.signal.height);
    job.wait("the first has results in mm", |r| r.status == ResultStatus::Ok && r.calibration.is_some());
    wait_until("the second", || size(&job.status()) == (400, 300));
    wait_until("the second has results", || job.last().is_some_and(|r| r.status == ResultStatus::Ok));
    wait_until("the third", || size(&job.status()) == (320, 240));
    wait_until("the third has results", || {
        job.live_frames().len() > 60 && job.last().is_some_and(|r| r.status == ResultStatus::Ok)
    });
    let last = job.last().unwrap();
    assert!(last.calibration.is_none(), "another size is another scale: {:?}", last.calibration);
    assert_eq!(job.latency().dropped, 0);
    let frames = shown(&job);
    assert!(frames.windows(2).all(|w| w[0].pts_ns < w[1].pts_ns), "time goes on");
    job.end().unwrap();
    let files = std::fs::read_dir(folder.path()).unwrap().flatten();
    let recordings = files.filter(|file| file.path().extension().is_some_and(|e| e == "mkv")).count();
    assert!(recordings >= 4, "a pair with each size: {recordings}");
}

#[test]
fn a_clock_that_jumps_goes_back_or_races_makes_no_old_outline_new() {
    // Not live, and at a pace of its own; what makes the whole live sends nothing.
    let live = "videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=1/1 ! valve drop=true ! f. funnel name=f";
    let caps = "format=I420,width=320,height=240,framerate";
    let paced = |offset_ns: u64, caps: String, pause_us: u32| {
        format!(
            "{} ! identity sleep-time={pause_us} ! f. ",
            ball(&format!("timestamp-offset={offset_ns}"), &caps)
        )
    };
    let hour_ns = 3_600_000_000_000;
    for (name, text) in [
        // Forth and back with every picture.
        (
            "jumps",
            [paced(hour_ns, format!("{caps}=8/1"), 125_000), paced(0, format!("{caps}=8/1"), 125_000)]
                .concat(),
        ),
        // A second by its clock is a quarter of one.
        ("races", paced(0, format!("{caps}=4/1"), 62_500)),
        ("is slow", paced(0, format!("{caps}=60/1"), 62_500)),
    ] {
        let job = Running::start(&format!("launch:{text}{live}"), "threshold", |_| {});
        job.wait(name, |r| is_live(r) && r.status == ResultStatus::Ok);
        let begun = shown(&job).len();
        wait_until(name, || shown(&job).len() > begun + 40);
        let frames = shown(&job).split_off(begun);
        assert!(frames.windows(2).all(|w| w[0].pts_ns < w[1].pts_ns), "{name}: time goes on");
        assert!(frames.iter().all(|f| is_live(&f.result)), "{name}: pictures come all the time");
        let off = off_the_clock(&frames);
        assert!(off < Duration::from_millis(400), "{name}: ages are wrong by up to {off:?}");
        let results = frames.iter().filter(|f| is_ok(f)).count();
        assert!(results * 2 > frames.len(), "{name}: {results} of {}", frames.len());
        if name != "is slow" {
            wait_until("it is said", || job.status().signal.why.contains("no clock's"));
            let lines = job.lines.lock().clone();
            assert_eq!(lines.iter().filter(|l| l.contains("no clock's")).count(), 1, "{lines:?}");
        }
        assert_eq!(job.latency().dropped, 0, "{name}");
        job.end().unwrap();
    }
}

#[test]
fn no_rate_one_a_second_and_240_a_second() {
    // Without a rate, at 8 a second.
    let still = "videotestsrc pattern=ball ! video/x-raw,format=I420,width=160,height=120,framerate=8/1 ! identity sync=true ! capssetter caps=video/x-raw,framerate=0/1";
    let job = Running::start(&format!("launch:{still}"), "threshold", |_| {});
    job.wait("results without a rate", |r| is_live(r) && r.status == ResultStatus::Ok);
    job.end().unwrap();

    let slow = ball("is-live=true", "format=I420,width=160,height=120,framerate=1/1");
    let job = Running::start(&format!("launch:{slow}"), "threshold", |_| {});
    wait_until("three pictures", || job.live_frames().len() >= 3);
    let frames = shown(&job);
    let first = frames.iter().position(|f| is_live(&f.result)).unwrap();
    // A picture that is a second old is not one of now, and nothing is drawn on it.
    for frame in &frames[first..] {
        let frozen = frame.result.status == ResultStatus::Missing(Reason::Frozen);
        assert!(
            is_live(&frame.result) || (frozen && !frame.result.found_something()),
            "{:?}",
            frame.result.status
        );
    }
    job.end().unwrap();

    let fast = ball("is-live=true num-buffers=720", "format=I420,width=160,height=120,framerate=240/1");
    let job = Running::start(&format!("launch:{fast}"), "threshold", |_| {});
    wait_until("all came", || job.latency().frames >= 720);
    wait_until("all were shown", || job.live_frames().len() >= 720);
    assert_eq!(job.latency().dropped, 0);
    let results = job.live_frames().iter().filter(|f| is_ok(f)).count();
    assert!(results > 100, "{results}");
    job.end().unwrap();
}

/// 3840×2160, far more than this machine can draw on, from a source that costs it nothing: one picture, handed on again and again.
const TOO_MUCH: &str = "launch:videotestsrc num-buffers=1 ! video/x-raw,format=I420,width=3840,height=2160 ! \
                        imagefreeze is-live=true ! video/x-raw,framerate=240/1";

#[test]
fn more_than_the_machine_can_do_is_said_and_the_picture_is_not_late() {
    let job = Running::start(TOO_MUCH, "threshold", |_| {});
    wait_until("it is said", || job.status().signal.why.contains("too slow for 3840×2160"));
    let before = job.latency().dropped;
    wait_until("pictures are lost, and counted", || job.latency().dropped > before + 10);
    // Three wait at the most, each for as long as one takes.
    let delay = Duration::from_secs_f64(job.status().signal.delay_ms / 1e3);
    assert!(delay < Duration::from_secs(3), "pictures are {delay:?} late");
    assert!(job.status().not_ready.contains("too slow"), "a supervisor is told");
    job.end().unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().flatten() {
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[test]
fn an_engine_that_is_deleted_or_replaced_goes_on_and_another_is_not_taken_for_it() {
    for (name, put, words) in [
        ("deleted", None, ""),
        // As whole as the first, and with the same tensors.
        ("replaced", Some("unlike"), "another engine"),
        ("broken", Some("corrupt"), ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine");
        copy(&engine("threshold"), &path);
        let source =
            format!("launch:{}", ball("is-live=true", "format=I420,width=320,height=240,framerate=15/1"));
        let source = vesalius_pipeline::live::Source::parse(&source).unwrap();
        let job = Running::start_on(source, path.to_str().unwrap(), |options| {
            options.isolation = Isolation::Process;
            options.program = Some(build_folder().join("vesalius"));
        });
        job.wait("it runs", |r| r.status == ResultStatus::Ok);
        std::fs::remove_dir_all(&path).unwrap();
        if let Some(other) = put {
            copy(&engine(other), &path);
        }
        let results = || job.live_frames().iter().filter(|f| is_ok(f)).count();
        let before = results();
        wait_until(&format!("{name}: results go on"), || results() > before + 10);
        // The process ends, and the one after it finds what lies there now.
        let id = job.process_id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
        job.wait(name, |r| r.live.as_ref().is_some_and(|live| live.ai == AiState::Fault));
        wait_until(&format!("{name}: why is said"), || {
            let why = job.status().ai.why;
            !why.is_empty() && why.contains(words)
        });
        let why = job.status().ai.why;
        assert!(!why.contains('\n'), "{why}");
        let from = job.live_frames().len();
        wait_until(&format!("{name}: the picture goes on"), || job.live_frames().len() > from + 10);
        assert!(job.live_frames().split_off(from).iter().all(|f| !is_ok(f)), "{name}: nothing is drawn");
        // Put back, and chosen by a person.
        let _ = std::fs::remove_dir_all(&path);
        copy(&engine("threshold"), &path);
        job.control.set_engine("threshold").unwrap();
        job.wait("it runs again", |r| r.status == ResultStatus::Ok);
        assert_eq!(job.latency().dropped, 0, "{name}");
        job.end().unwrap();
    }
}

#[test]
fn a_port_that_is_taken_is_said_in_one_line() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let engine = engine("threshold");
    let arguments = ["live", "phantom:lv", "--engine", engine.to_str().unwrap(), "--serve", &address];
    let ran = vesalius().args(arguments).output().unwrap();
    assert!(!ran.status.success());
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(said.trim().lines().count() == 1 && said.contains(&address), "{said}");
}

#[test]
fn hostile_requests_neither_stop_the_picture_nor_the_page() {
    let source =
        format!("launch:{}", ball("is-live=true", "format=I420,width=320,height=240,framerate=15/1"));
    let job = Running::start(&source, "threshold", |options| {
        options.serve = Some(vesalius_serve::Options { address: ([127, 0, 0, 1], 0).into(), token: None });
    });
    let address = job.address.unwrap();
    job.wait("it runs", |r| r.status == ResultStatus::Ok);
    let long = "a".repeat(1 << 20);
    let post = |path: &str, headers: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{headers}\r\n\r\n{body}"
        )
    };
    let requests = [
        format!("GET /{long} HTTP/1.1\r\nHost: {address}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {address}\r\nX: {long}\r\n\r\n"),
        format!("GET /../../../../etc/passwd HTTP/1.1\r\nHost: {address}\r\n\r\n"),
        format!("GET /%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\nHost: {address}\r\n\r\n"),
        "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(),
        post("/api/ai", "Content-Length: -1", "{\"on\":false}"),
        post("/api/ai", "Content-Length: 99999999999999999999", "{\"on\":false}"),
        post("/api/ai", "Content-Length: 4294967296", "{\"on\":false}"),
        post("/api/ai", "Transfer-Encoding: chunked", "ffffffffffffffff\r\n{}"),
        post("/api/ai", "Content-Length: 12\r\nTransfer-Encoding: chunked", "{\"on\":false}"),
        post("/api/ai", "Content-Length: 12\r\nOrigin: http://evil.example", "{\"on\":false}"),
        post("/api/ai", "Content-Length: 8", "{\"on\":7}"),
        post("/api/ai", "Content-Length: 6", "[[[[[["),
        post("/api/engine", "Content-Length: 33", "{\"name\":\"../../../../etc/passwd\"} "),
        post("/api/engine", "Content-Length: 19", "{\"name\":\"\\u0000 \"} "),
        post("/api/look-back", "Content-Length: 23", "{\"seconds\":4294967295} "),
        post("/api/webrtc", "Content-Length: 22", "{\"sdp\":\"v=0\\r\\nm=\\r\"}  "),
        "\u{0}\u{1}\u{2}\r\n\r\n".to_owned(),
        "GET".to_owned(),
    ];
    for request in &requests {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        // It may break off before all of it is said.
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let head: String = String::from_utf8_lossy(&answer).chars().take(12).collect();
        let name: String = request.chars().take(60).collect();
        assert!(
            answer.is_empty() || head.starts_with("HTTP/1.1 4") || head.starts_with("HTTP/1.1 5"),
            "{name}: {head}"
        );
        assert!(!String::from_utf8_lossy(&answer).contains("root:"), "{name}");
    }
    assert!(job.status().ai.on, "none of them is a person's wish");
    // Many that say a little and then nothing.
    let idle: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"POST /api/ai HTTP/1.1\r\nHost: 127").unwrap();
            stream
        })
        .collect();
    let asked = Instant::now();
    wait_until("the page answers beside them", || status(address)["ai"]["state"] == "RUNNING");
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    drop(idle);
    assert!(get(address, "/healthz").0.starts_with("HTTP/1.1 200"));
    assert_eq!(job.latency().dropped, 0);
    job.end().unwrap();
}

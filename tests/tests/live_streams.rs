//! Live pictures from streams: they come, the sender is pulled out, the screen says so, and they come again.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use vesalius_measure::live::SignalState;
use vesalius_measure::result::ResultStatus;
use vesalius_tests::job::{Running, free_address};
use vesalius_tests::program::has_element;
use vesalius_tests::{build_folder, wait_until};

/// Ends with its guard.
struct Sender(Child);

impl Sender {
    fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the sender starts"))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Streams, is pulled out, and streams again.
fn comes_and_goes(source: &str, label: &str, sender: impl Fn() -> Sender) {
    let job = Running::start(source, "threshold", |_| {});
    // Nobody sends yet.
    wait_until("it says that nothing comes", || job.status().signal.state == "NO SIGNAL");
    assert_eq!(job.status().source, label);
    let mut sends = sender();
    job.wait("a result on the stream", |result| result.status == ResultStatus::Ok);
    let first = job.live_frames().len();
    wait_until("pictures go on", || job.live_frames().len() > first + 25);
    for _ in 0..2 {
        drop(sends);
        let pulled = Instant::now();
        job.wait("it is seen to be gone", |result| {
            result.status != ResultStatus::Ok
                && result.live.as_ref().is_some_and(|live| live.signal == SignalState::None)
        });
        assert!(pulled.elapsed() < Duration::from_secs(5), "{:?}", pulled.elapsed());
        sends = sender();
        job.wait("a result after it came back", |result| result.status == ResultStatus::Ok);
    }
    drop(sends);
    let lines = job.lines.lock().join("\n");
    assert!(
        !lines.contains("secret") && !lines.contains("127.0.0.1"),
        "who reads a log learns the address: {lines}"
    );
    job.end().unwrap();
}

#[test]
fn rtsp() {
    let port = free_address().port().to_string();
    comes_and_goes(&format!("rtsp://user:secret@127.0.0.1:{port}/scanner"), "RTSP stream", || {
        Sender::start(Command::new(build_folder().join("vesalius-streamer")).arg(&port))
    });
}

#[test]
fn srt() {
    assert!(has_element("srtsink"), "install gstreamer1.0-plugins-bad");
    let port = free_address().port();
    comes_and_goes(&format!("srt://127.0.0.1:{port}?latency=20"), "SRT stream", || {
        let picture = "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! \
                       x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! h264parse ! mpegtsmux alignment=7 ! \
                       srtsink wait-for-connection=false";
        let uri = format!("uri=srt://127.0.0.1:{port}?mode=listener&latency=20");
        Sender::start(Command::new("gst-launch-1.0").args(picture.split_whitespace()).arg(uri))
    });
}

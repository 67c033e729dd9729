//! A live job at work on a thread, everything that it showed, and requests to its page.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vesalius_measure::live::SignalState;
use vesalius_measure::result::FrameResult;
use vesalius_pipeline::live::{LatencyReport, LiveJob, LiveOptions, LiveView, Source};
use vesalius_serve::Status;

use crate::wait_until;

/// A frame as it was shown.
#[derive(Clone)]
pub struct Frame {
    /// When.
    pub at: Instant,
    /// Its time.
    pub pts_ns: u64,
    /// As the source counts.
    pub number: u64,
    /// What was on it.
    pub result: Arc<FrameResult>,
}

/// A job that runs on a thread until it is dropped.
pub struct Running {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<Result<(), String>>>,
    /// All that was shown.
    pub shown: Arc<Mutex<Vec<Frame>>>,
    /// Its controls.
    pub control: Arc<dyn vesalius_serve::Control>,
    /// Where it serves, if it does.
    pub address: Option<SocketAddr>,
    /// What it looks like from outside.
    view: LiveView,
    /// What it said.
    pub lines: Arc<Mutex<Vec<String>>>,
}

impl Running {
    /// Starts a job on a source by name, with a test engine.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(source: &str, engine: &str, set: impl FnOnce(&mut LiveOptions)) -> Self {
        let source = Source::parse(source).expect("a source's name");
        Self::start_on(source, &crate::engine(engine).to_string_lossy(), set)
    }

    /// Starts a job; `set` may change its options.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start_on(source: Source, engine: &str, set: impl FnOnce(&mut LiveOptions)) -> Self {
        crate::init();
        let mut options = LiveOptions::new(source, engine);
        options.threads = 1;
        set(&mut options);
        let mut job =
            LiveJob::start(options).unwrap_or_else(|error| panic!("the job does not start: {error}"));
        let shown = Arc::new(Mutex::new(Vec::new()));
        let record = shown.clone();
        job.watch(move |buffer, _| {
            let (at, result) = (Instant::now(), crate::elements::result(buffer));
            let pts_ns = buffer.pts().expect("a frame has a time").nseconds();
            record.lock().push(Frame { at, pts_ns, number: buffer.offset(), result });
        });
        let (control, address, view) = (job.control(), job.address(), job.view());
        let (stop, lines) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopping, said) = (stop.clone(), lines.clone());
        let thread = std::thread::spawn(move || {
            job.run(&stopping, &mut |line| said.lock().push(line.to_owned())).map_err(|e| e.to_string())?;
            job.end()
        });
        Self { stop, thread: Some(thread), shown, control, address, view, lines }
    }

    /// What was on the frame that was shown last.
    pub fn last(&self) -> Option<Arc<FrameResult>> {
        self.shown.lock().last().map(|frame| frame.result.clone())
    }

    /// Waits until the newest frame is so.
    ///
    /// # Panics
    ///
    /// When none is in time.
    pub fn wait(&self, what: &str, is_so: impl Fn(&FrameResult) -> bool) {
        wait_until(what, || self.last().is_some_and(|result| is_so(&result)));
    }

    /// What it looks like from outside.
    pub fn status(&self) -> Status {
        self.view.status()
    }

    /// The id of the engine's own process, while it has one.
    pub fn process_id(&self) -> Option<u32> {
        self.view.status().ai.process_id
    }

    /// Times and counts since it began.
    pub fn latency(&self) -> LatencyReport {
        self.view.latency()
    }

    /// The source's frames that were shown, while it was there.
    pub fn live_frames(&self) -> Vec<Frame> {
        self.shown.lock().iter().filter(|frame| is_live(&frame.result)).cloned().collect()
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// What it says.
    ///
    /// # Panics
    ///
    /// When its thread did.
    pub fn end(mut self) -> Result<(), String> {
        self.stop.store(true, Ordering::Release);
        let thread = self.thread.take().expect("it was not ended yet");
        thread.join().expect("the job's thread ends")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An address of this machine that nobody serves on now.
///
/// # Panics
///
/// When there is none.
pub fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
    listener.local_addr().expect("a bound socket has an address")
}

/// Whether a frame is the source's and now.
pub fn is_live(result: &FrameResult) -> bool {
    result.live.as_ref().is_some_and(|live| live.signal == SignalState::Live)
}

/// One request; status line, headers and body.
///
/// # Panics
///
/// When there is no answer.
pub fn ask(address: SocketAddr, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("it serves");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket has a timeout");
    stream.write_all(request.as_bytes()).expect("a request is taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer comes in time");
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer has a head");
    (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end + 4..].to_vec())
}

/// What lies at a path.
pub fn get(address: SocketAddr, path: &str) -> (String, Vec<u8>) {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

/// A request to do something.
pub fn post(address: SocketAddr, path: &str, body: &str) -> (String, serde_json::Value) {
    let length = body.len();
    let (head, body) = ask(
        address,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        ),
    );
    (head, serde_json::from_slice(&body).unwrap_or_default())
}

/// What is to be seen of the job.
///
/// # Panics
///
/// When it does not say.
pub fn status(address: SocketAddr) -> serde_json::Value {
    serde_json::from_slice(&get(address, "/api/status").1).expect("a status is JSON")
}

//! The server as clients see it, over loopback, hostile ones among them.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use vesalius_serve::{
    AiState, Control, Hub, Metric, MetricKind, Options, Refusal, ServeError, Server, Status, ValueNow,
};

/// Does what it is told, and remembers.
#[derive(Default)]
struct Job {
    done: Mutex<Vec<String>>,
}

impl Job {
    fn note(&self, what: String) -> Result<(), Refusal> {
        self.done.lock().unwrap().push(what);
        Ok(())
    }
}

impl Control for Job {
    fn set_ai(&self, on: bool) -> Result<(), Refusal> {
        self.note(format!("ai {on}"))
    }
    fn set_engine(&self, name: &str) -> Result<(), Refusal> {
        if name == "panic" {
            panic!("on purpose");
        }
        if name != "larynx" {
            return Err(Refusal::Bad(format!("there is no engine '{name}'")));
        }
        self.note(format!("engine {name}"))
    }
    fn record(&self, on: bool) -> Result<(), Refusal> {
        if on { Err(Refusal::NotNow("the disk is full".to_owned())) } else { self.note("stop".to_owned()) }
    }
    fn look_back(&self, seconds: Option<u32>) -> Result<String, Refusal> {
        self.note(format!("look back {seconds:?}"))?;
        Ok("look-back-1.mp4".to_owned())
    }
    fn snapshot(&self) -> Result<String, Refusal> {
        Ok("snapshot-1.png".to_owned())
    }
    fn new_patient(&self) -> Result<(), Refusal> {
        self.note("new patient".to_owned())
    }
    fn webrtc(&self, offer: &str) -> Result<String, Refusal> {
        Err(Refusal::NotNow(format!("no WebRTC here ({} bytes)", offer.len())))
    }
}

struct Site {
    server: Server,
    hub: Hub,
    job: Arc<Job>,
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn site(token: Option<&str>) -> Site {
    let (hub, job) = (Hub::default(), Arc::new(Job::default()));
    let options = Options { address: loopback(), token: token.map(str::to_owned) };
    Site { server: Server::start(&options, hub.clone(), job.clone()).unwrap(), hub, job }
}

struct Answer {
    code: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Site {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// One request with extra header lines; the whole answer.
    fn ask(&self, line: &str, headers: &str, body: &str) -> Answer {
        let mut stream = self.connect();
        let host = if headers.to_lowercase().contains("host:") { "" } else { "Host: localhost\r\n" };
        let request = format!(
            "{line} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        // A server that refuses a long body may close before it is all sent.
        let _ = stream.read_to_end(&mut bytes);
        let at = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer");
        let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { code, head, body: bytes[at + 4..].to_vec() }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), "", "")
    }

    fn post(&self, path: &str, body: &str) -> Answer {
        self.ask(&format!("POST {path}"), "", body)
    }

    /// Reads a stream until it holds a text.
    fn read_until(stream: &mut TcpStream, text: &str) -> String {
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        while !String::from_utf8_lossy(&bytes).contains(text) {
            let n = stream.read(&mut piece).unwrap();
            assert!(n > 0, "it ended without '{text}'");
            bytes.extend_from_slice(&piece[..n]);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn status(source: &str) -> Status {
    let mut status = Status { source: source.to_owned(), ..Status::default() };
    status.ai.state = AiState::Running;
    status.values.push(ValueNow { name: "area".to_owned(), value: Some(1.5), ..ValueNow::default() });
    status
}

#[test]
fn the_page_and_its_parts_are_there_and_take_nothing_from_elsewhere() {
    let site = site(None);
    for (path, kind) in [("/", "text/html"), ("/app.js", "text/javascript"), ("/style.css", "text/css")] {
        let answer = site.get(path);
        assert_eq!(answer.code, 200, "{path}");
        assert!(answer.head.contains(kind), "{path}: {}", answer.head);
        assert!(answer.head.to_lowercase().contains("content-security-policy: default-src 'none'"));
        assert!(!answer.text().contains("https://") && !answer.text().contains("//cdn"), "{path}");
    }
    assert_eq!(site.get("/nowhere").code, 404);
    assert_eq!(site.post("/", "").code, 405);
}

#[test]
fn a_status_is_told_and_its_changes_are_pushed() {
    let site = site(None);
    site.hub.set_status(status("theatre 1"));
    let told: serde_json::Value = serde_json::from_slice(&site.get("/api/status").body).unwrap();
    assert_eq!(told["source"], "theatre 1");
    assert_eq!(told["ai"]["state"], "RUNNING");
    assert_eq!(told["values"][0]["value"], 1.5);
    let mut stream = site.connect();
    stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    Site::read_until(&mut stream, "theatre 1");
    site.hub.set_status(status("theatre 2"));
    Site::read_until(&mut stream, "theatre 2");
}

#[test]
fn buttons_reach_the_job_and_refusals_reach_the_person() {
    let site = site(None);
    assert_eq!(site.post("/api/ai", r#"{"on":true}"#).code, 200);
    assert_eq!(site.post("/api/engine", r#"{"name":"larynx"}"#).code, 200);
    assert_eq!(site.post("/api/new-patient", "").code, 200);
    assert_eq!(*site.job.done.lock().unwrap(), ["ai true", "engine larynx", "new patient"]);
    assert!(site.post("/api/snapshot", "").text().contains("snapshot-1.png"));
    for (path, body, code, word) in [
        ("/api/engine", r#"{"name":"no such"}"#, 400, "there is no engine 'no such'"),
        ("/api/record", r#"{"on":true}"#, 409, "the disk is full"),
        ("/api/webrtc", r#"{"sdp":"v=0"}"#, 409, "no WebRTC here"),
        ("/api/ai", r#"{"on":"yes"}"#, 400, "not the expected JSON"),
        ("/api/ai", r#"{"on":true,"off":1}"#, 400, "not the expected JSON"),
        ("/api/ai", "", 400, "not the expected JSON"),
        ("/api/engine", r#"{"name":"panic"}"#, 409, "unexpected"),
    ] {
        let answer = site.post(path, body);
        assert_eq!(answer.code, code, "{path} {body}: {}", answer.text());
        assert!(answer.text().contains(word), "{path} {body}: {}", answer.text());
        assert_eq!(answer.text().lines().count(), 1);
    }
    // And it still serves.
    assert_eq!(site.post("/api/ai", r#"{"on":false}"#).code, 200);
}

#[test]
fn pictures_come_to_whoever_looks_and_are_made_only_then() {
    let site = site(None);
    assert!(!site.hub.picture_is_wanted());
    assert_eq!(site.get("/picture.jpg").code, 503);
    let mut stream = site.connect();
    stream.write_all(b"GET /picture.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let start = Instant::now();
    while !site.hub.picture_is_wanted() && start.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(site.hub.picture_is_wanted());
    site.hub.set_picture(b"FIRST".to_vec());
    let head = Site::read_until(&mut stream, "FIRST");
    assert!(head.contains("multipart/x-mixed-replace") && head.contains("Content-Length: 5"), "{head}");
    site.hub.set_picture(b"SECOND".to_vec());
    Site::read_until(&mut stream, "SECOND");
    assert_eq!(site.get("/picture.jpg").body, b"SECOND");
    drop(stream);
    let start = Instant::now();
    while site.hub.picture_is_wanted() && start.elapsed() < Duration::from_secs(5) {
        // A closed connection is noticed when something is sent.
        site.hub.set_picture(vec![0; 100_000]);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!site.hub.picture_is_wanted());
}

#[test]
fn a_hundred_browsers_of_which_none_reads_hold_nobody() {
    let site = site(None);
    let asleep: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = site.connect();
            stream.write_all(b"GET /picture.mjpeg HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            stream
        })
        .collect();
    let start = Instant::now();
    for _ in 0..200 {
        site.hub.set_picture(vec![7; 200_000]);
    }
    let left = start.elapsed();
    assert!(left < Duration::from_secs(1), "leaving 200 pictures took {left:?}");
    assert_eq!(site.get("/api/status").code, 200);
    drop(asleep);
}

#[test]
fn another_site_in_the_same_browser_may_not_control_and_not_look() {
    let site = site(None);
    let port = site.server.address().port();
    let own = format!("Host: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n");
    assert_eq!(site.ask("POST /api/ai", &own, r#"{"on":true}"#).code, 200);
    for headers in [
        format!("Host: localhost:{port}\r\nOrigin: http://evil.example\r\n"),
        format!("Host: localhost:{port}\r\nOrigin: null\r\n"),
        format!("Host: localhost:{port}\r\nSec-Fetch-Site: cross-site\r\n"),
    ] {
        assert_eq!(site.ask("POST /api/ai", &headers, r#"{"on":true}"#).code, 403, "{headers}");
    }
    // A foreign name that was made to point here.
    assert_eq!(site.ask("GET /api/status", "Host: evil.example\r\n", "").code, 403);
    assert_eq!(site.ask("GET /picture.jpg", &format!("Host: evil.example:{port}\r\n"), "").code, 403);
    assert_eq!(site.job.done.lock().unwrap().len(), 1);
}

#[test]
fn with_a_token_nothing_is_told_without_it() {
    const TOKEN: &str = "a-token-of-some-length";
    let site = site(Some(TOKEN));
    for path in ["/", "/api/status", "/api/events", "/picture.jpg", "/metrics", "/app.js"] {
        assert_eq!(site.get(path).code, 401, "{path}");
    }
    assert_eq!(site.get("/healthz").code, 200);
    assert_eq!(site.post("/api/ai", r#"{"on":true}"#).code, 401);
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(site.ask("POST /api/ai", &bearer, r#"{"on":true}"#).code, 200);
    assert_eq!(site.ask("GET /api/status", "Authorization: Bearer a-token-of-some-lengtH\r\n", "").code, 401);
    let once = site.get(&format!("/?token={TOKEN}"));
    assert_eq!(once.code, 303);
    assert!(once.head.contains("HttpOnly; SameSite=Strict"), "{}", once.head);
    let cookie = format!("Cookie: other=1; vesalius-token={TOKEN}\r\n");
    assert_eq!(site.ask("GET /", &cookie, "").code, 200);
    assert_eq!(site.get("/?token=wrong").code, 401);
}

#[test]
fn other_machines_need_a_token() {
    let start = |address: &str, token: Option<&str>| {
        let options = Options { address: address.parse().unwrap(), token: token.map(str::to_owned) };
        Server::start(&options, Hub::default(), Arc::new(Job::default()))
    };
    assert!(matches!(start("0.0.0.0:0", None), Err(ServeError::TokenNeeded(_))));
    assert!(matches!(start("[::]:0", None), Err(ServeError::TokenNeeded(_))));
    assert!(matches!(start("127.0.0.1:0", Some("short")), Err(ServeError::TokenUnfit)));
    assert!(matches!(start("127.0.0.1:0", Some("sixteen and more; x")), Err(ServeError::TokenUnfit)));
    let first = start("127.0.0.1:0", None).unwrap();
    let taken = start(&first.address().to_string(), None).unwrap_err();
    assert!(taken.to_string().starts_with(&format!("cannot serve on {}: ", first.address())), "{taken}");
}

#[test]
fn a_supervisor_and_prometheus_are_answered() {
    let site = site(None);
    assert_eq!((site.get("/healthz").code, site.get("/readyz").code), (200, 200));
    let status = Status { not_ready: "no signal".to_owned(), ..Status::default() };
    site.hub.set_status(status);
    let answer = site.get("/readyz");
    assert_eq!((answer.code, answer.text().as_str()), (503, "no signal\n"));
    site.hub.set_metrics(vec![Metric {
        name: "vesalius_frames_total",
        help: "Frames.",
        kind: MetricKind::Counter,
        labels: vec![],
        value: 12.0,
    }]);
    assert!(site.get("/metrics").text().ends_with("vesalius_frames_total 12\n"));
}

#[test]
fn too_much_is_refused() {
    let site = site(None);
    assert_eq!(site.post("/api/ai", &" ".repeat(65 << 10)).code, 413);
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(200_000));
    let mut stream = site.connect();
    let _ = stream.write_all(long.as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(site.get("/healthz").code, 200);
}

#[test]
fn it_stops_while_streams_are_open() {
    let site = site(None);
    let mut stream = site.connect();
    stream.write_all(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    Site::read_until(&mut stream, "data:");
    let start = Instant::now();
    drop(site);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

/// Pieces of requests, for hostile ones to be made of.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"GET / HTTP/1.1\r\n".to_vec()),
        Just(b"POST /api/ai HTTP/1.1\r\n".to_vec()),
        Just(b"POST /api/engine HTTP/1.1\r\nHost: localhost\r\n".to_vec()),
        Just(b"Host: localhost\r\n".to_vec()),
        Just(b"Content-Length: 99999999999999999999\r\n".to_vec()),
        Just(b"Content-Length: 12\r\nContent-Length: 13\r\n".to_vec()),
        Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
        Just(b"ffffffffffffffff\r\n".to_vec()),
        Just(b"Authorization: Bearer \xff\xfe\r\n".to_vec()),
        Just(b"Origin: http://\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(br#"{"name":"\u0000"}"#.to_vec()),
        proptest::collection::vec(any::<u8>(), 0..64),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn hostile_bytes_do_no_harm() {
    let site = site(None);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    runner
        .run(&hostile(), |bytes| {
            let mut stream = TcpStream::connect(site.server.address()).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read(&mut [0; 256]);
            Ok(())
        })
        .unwrap();
    assert_eq!(site.get("/healthz").code, 200);
}

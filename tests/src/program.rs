//! The program `vesalius`, run as people run it, and what it leaves behind, read by other means than its own.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gst_video::prelude::*;

/// Longest time that a run of the program may take: more means that it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The header of `measurements.csv`.
pub const CSV_HEADER: &str = "input,frame,pts_ns,structure,name,value,unit,uncertainty,validity,reason";

/// The project's folder.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of the public recordings, where they are; tells where they are not.
pub fn public_data() -> Option<PathBuf> {
    let folder = std::env::var_os("VESALIUS_DATA").map(PathBuf::from).filter(|p| p.is_dir());
    if folder.is_none() {
        println!("skipped: VESALIUS_DATA does not name the folder of public recordings");
    }
    folder
}

/// The program as a command with its engines at hand.
///
/// # Panics
///
/// When the program has not been built.
pub fn vesalius() -> Command {
    let path = crate::build_folder().join("vesalius");
    assert!(path.is_file(), "{} is missing: run `make test`, which builds it first", path.display());
    let mut command = Command::new(path);
    command.env("VESALIUS_ENGINES", project().join("engines")).env_remove("GST_DEBUG").stdin(Stdio::null());
    command
}

/// How a program ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Asserts that all went well and passes itself on.
    ///
    /// # Panics
    ///
    /// When it did not.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "the program failed\nstdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    /// The lines of the standard error stream, without those that say every few seconds how far the job is: a busy machine needs
    /// some where another is done before.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        let is_progress = |line: &str| {
            line.split_once(" frames, ").is_some_and(|(before, rate)| {
                rate.contains("/s") && before.ends_with(|last: char| last.is_ascii_digit())
            })
        };
        self.err.lines().filter(move |line| !is_progress(line))
    }

    /// Asserts a proper failure and returns its line: exit code 1, one line on the standard error stream that
    /// begins with the program's name, and no panic.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[track_caller]
    pub fn one_line_error(&self) -> &str {
        let text = format!("exit code {:?}\nstdout: {}\nstderr: {}", self.code, self.out, self.err);
        assert!(!self.err.contains("panicked"), "a panic, {text}");
        assert_eq!(self.code, Some(1), "{text}");
        let lines: Vec<&str> = self.errors().collect();
        assert_eq!(lines.len(), 1, "not one line of error, {text}");
        assert!(lines[0].starts_with("vesalius: "), "{text}");
        assert!(lines[0].len() > "vesalius: ".len() + 10, "it says nothing, {text}");
        lines[0]
    }
}

/// Reads a stream to its end in a thread.
fn drain(mut stream: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A program under way, ended with the test.
pub struct Running {
    /// The process.
    pub child: Child,
    /// What it says on its two streams.
    said: [Option<std::thread::JoinHandle<String>>; 2],
    line: String,
}

impl Running {
    /// Starts a command with both its streams read.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let line = format!("{command:?}");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{line} does not start: {error}"));
        let out = drain(child.stdout.take().expect("a pipe was asked for"));
        let err = drain(child.stderr.take().expect("a pipe was asked for"));
        Self { child, said: [Some(out), Some(err)], line }
    }

    /// Waits for the end.
    ///
    /// # Panics
    ///
    /// When it does not come within [`PATIENCE`]; the process is ended then.
    pub fn wait(mut self) -> Ran {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                let said = std::mem::take(&mut self.said);
                let [out, err] =
                    said.map(|thread| thread.map_or_else(String::new, |t| t.join().expect("a reader ends")));
                return Ran { code: status.code(), out, err };
            }
            if start.elapsed() > PATIENCE {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!("still running after {PATIENCE:?}: {}", self.line);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end.
///
/// # Panics
///
/// When it does not start or hangs.
pub fn run(command: &mut Command) -> Ran {
    Running::start(command).wait()
}

/// Replays an input into a folder, with further arguments.
///
/// # Panics
///
/// When the program is missing or hangs.
pub fn replay(input: &Path, out: &Path, args: &[&str]) -> Ran {
    run(vesalius().arg("replay").arg(input).arg("--out").arg(out).args(args))
}

/// Renders a phantom into `folder` and returns its clip.
///
/// # Panics
///
/// When that fails.
pub fn phantom(folder: &Path, args: &[&str]) -> PathBuf {
    run(vesalius().args(["phantom", "fetal-head", "--out"]).arg(folder).args(args)).ok();
    folder.join("clip.mp4")
}

/// Makes a file by a `gst-launch-1.0` line; `{}` in it stands for the file.
///
/// # Panics
///
/// When the line fails.
pub fn launch(line: &str, file: &Path) {
    let location = file.to_str().expect("test folders have plain names");
    let line = line.replace("{}", location);
    let ran = run(Command::new("gst-launch-1.0").arg("-q").args(line.split_whitespace()));
    assert_eq!(ran.code, Some(0), "gst-launch-1.0 {line}: {} {}", ran.out, ran.err);
    assert!(std::fs::metadata(file).is_ok_and(|m| m.len() > 0), "gst-launch-1.0 {line} made nothing");
}

/// Whether GStreamer has an element here; tells where it has not.
pub fn has_element(name: &str) -> bool {
    crate::init();
    let found = gst::ElementFactory::find(name).is_some();
    if !found {
        println!("skipped: no GStreamer element {name}");
    }
    found
}

/// A decoded frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// When it is shown, from the beginning of the file, nanoseconds.
    pub shown_ns: u64,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Rows of luma without padding.
    pub gray: Vec<u8>,
}

/// Decodes a video by GStreamer's own elements.
///
/// # Panics
///
/// When it cannot be decoded, or not within [`PATIENCE`].
pub fn decode(file: &Path) -> Vec<Picture> {
    gst::init().expect("GStreamer starts");
    let (source, decoder) = (element("filesrc"), element("decodebin"));
    source.set_property("location", file.to_str().expect("test folders have plain names"));
    decoder.set_property("caps", gst::Caps::builder("video/x-raw").any_features().build());
    decoder.set_property("expose-all-streams", false);
    let convert = element("videoconvert");
    let sink = gst_app::AppSink::builder()
        .caps(&gst::Caps::builder("video/x-raw").field("format", "GRAY8").build())
        .sync(false)
        .build();
    let pipeline = gst::Pipeline::new();
    pipeline.add_many([&source, &decoder, &convert, sink.upcast_ref()]).expect("new elements");
    source.link(&decoder).expect("a source links to a decoder");
    convert.link(&sink).expect("a converter links to a sink");
    let entry = convert.static_pad("sink").expect("a converter has a sink");
    decoder.connect_pad_added(move |_, pad| {
        if !entry.is_linked() {
            pad.link(&entry).expect("raw video links to a converter");
        }
    });
    pipeline.set_state(gst::State::Playing).expect("the pipeline starts");
    let bus = pipeline.bus().expect("a pipeline has a bus");
    let (mut pictures, start) = (Vec::new(), Instant::now());
    loop {
        let sample = sink.try_pull_sample(gst::ClockTime::from_mseconds(50));
        if let Some(error) = bus.pop_filtered(&[gst::MessageType::Error]) {
            panic!("{}: {error:?}", file.display());
        }
        match sample {
            Some(sample) => pictures.push(picture(&sample)),
            None if sink.is_eos() => break,
            None => assert!(start.elapsed() < PATIENCE, "{}: decoding hangs", file.display()),
        }
    }
    pipeline.set_state(gst::State::Null).expect("the pipeline stops");
    pictures
}

fn element(name: &str) -> gst::Element {
    gst::ElementFactory::make(name).build().unwrap_or_else(|_| panic!("no GStreamer element {name}"))
}

fn picture(sample: &gst::Sample) -> Picture {
    let info = sample.caps().and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok()).expect("raw video");
    let buffer = sample.buffer().expect("a sample has a buffer");
    let segment = sample.segment().and_then(|s| s.downcast_ref::<gst::ClockTime>()).expect("a time segment");
    let shown = buffer.pts().and_then(|pts| segment.to_running_time_full(pts)).expect("a frame with a time");
    // One that begins just before its recording is its first.
    let shown = shown.positive().unwrap_or_default();
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).expect("a readable frame");
    let stride = usize::try_from(frame.plane_stride()[0]).expect("rows go forward");
    let (width, height) = (info.width() as usize, info.height() as usize);
    let rows = frame.plane_data(0).expect("one plane").chunks(stride).take(height);
    let gray = rows.flat_map(|row| row[..width].to_vec()).collect();
    Picture { shown_ns: shown.nseconds(), size: (info.width(), info.height()), gray }
}

/// The lines of `results.jsonl`, all of which must be whole.
///
/// # Panics
///
/// When there is none, or one that is no JSON.
pub fn results(out: &Path) -> Vec<serde_json::Value> {
    let path = out.join("results.jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert!(text.ends_with('\n'), "{}: the last line is cut off", path.display());
    let parsed =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")));
    let lines: Vec<serde_json::Value> = parsed.collect();
    assert_eq!(lines[0]["record"], "run", "the first line says what the run is");
    assert!(lines[1..].iter().all(|line| line["record"] == "frame"), "all others are frames");
    lines
}

/// `summary.json`.
///
/// # Panics
///
/// When there is none that can be read.
pub fn summary(out: &Path) -> serde_json::Value {
    let path = out.join("summary.json");
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The rows of `measurements.csv` by column. The header and every row must be whole.
///
/// # Panics
///
/// When there is none that can be read.
pub fn measurements(out: &Path) -> Vec<BTreeMap<String, String>> {
    let path = out.join("measurements.csv");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(text.lines().next(), Some(CSV_HEADER), "{}", path.display());
    assert!(text.ends_with('\n'), "{}: the last row is cut off", path.display());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.deserialize().map(|row| row.unwrap_or_else(|e| panic!("{}: {e}", path.display())));
    rows.collect()
}

/// A value of a frame's record: its number where it has one, its unit and its validity.
///
/// # Panics
///
/// When the record has no such value.
pub fn value<'a>(frame: &'a serde_json::Value, name: &str) -> (Option<f64>, &'a str, &'a str) {
    let values = frame["values"].as_array().expect("a frame has values");
    let value = values.iter().find(|v| v["name"] == name).unwrap_or_else(|| panic!("no {name} in {frame}"));
    let text = |key: &str| value[key].as_str().expect("a text");
    (value["value"].as_f64(), text("unit"), text("validity"))
}

/// Asserts that what a run left is whole: every line of its tables, and as many frames in each as `frames`.
///
/// # Panics
///
/// When it is not.
#[track_caller]
pub fn assert_whole(out: &Path, frames: usize) {
    assert_eq!(results(out).len() - 1, frames, "frames in results.jsonl of {}", out.display());
    let rows = measurements(out);
    let last = rows.last().map_or(0, |row| row["frame"].parse::<usize>().expect("a number") + 1);
    assert!(last <= frames, "measurements.csv goes further than results.jsonl");
    assert_eq!(summary(out)["frames"]["total"], frames, "frames in summary.json of {}", out.display());
}

/// Asserts that exactly these stills have results.
///
/// # Panics
///
/// When others have, or what is left is not whole.
#[track_caller]
pub fn assert_whole_stills(out: &Path, files: &[&str]) {
    let frames = results(out);
    let inputs: Vec<_> = frames[1..].iter().map(|frame| frame["input"].as_str().expect("a name")).collect();
    assert_eq!(inputs, files, "stills in results.jsonl of {}", out.display());
    assert!(
        measurements(out).iter().all(|row| files.contains(&row["input"].as_str())),
        "no others in the table"
    );
    assert_eq!(summary(out)["frames"]["total"], files.len(), "stills in summary.json of {}", out.display());
}

/// Overlap of two masks as Dice's coefficient, 1 where both are empty.
///
/// # Panics
///
/// When they differ in size.
pub fn dice(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len(), "masks of one size");
    let count = |mask: &[u8]| mask.iter().filter(|v| **v > 0).count();
    let both = one.iter().zip(other).filter(|(a, b)| **a > 0 && **b > 0).count();
    let sum = count(one) + count(other);
    if sum == 0 { 1.0 } else { 2.0 * both as f64 / sum as f64 }
}

//! Frames in `memory:CUDAMemory`, without a GPU: a driver of tests does NVIDIA's part on the processor.
//!
//! ```text
//! appsrc ── cudaupload ── vesaliussegment ── vesaliusmeasure ── vesaliusoverlay ── cudadownload ── appsink
//! ```
//!
//! Everything but the driver and the processor is as it is with a GPU: GStreamer's CUDA library and its elements, the
//! elements under test, and the kernels' sources, which g++ has compiled. A library called `libcuda.so.1` can only be put
//! in place for a process from its start, so each test runs its case in a process of its own. See `cuda_on_cpu/driver.cpp`.

#[path = "../../src/cuda/tests/device/host/shim.rs"]
mod shim;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use gst::prelude::*;
use gst_video::prelude::*;
use gstvesalius::{Mode, Overlay, Segment};
use vesalius_measure::result::{FrameResult, ResultStatus, StageTimes};
use vesalius_tests::elements::{count, measure, overlay, result, segment};
use vesalius_tests::picture::{self, Memory};
use vesalius_tests::pipeline::{self, Ended};

const FRAMES: u64 = 12;

/// What cudaupload and the kernels both take.
const FORMATS: [gst_video::VideoFormat; 4] = [
    gst_video::VideoFormat::Nv12,
    gst_video::VideoFormat::I420,
    gst_video::VideoFormat::Rgba,
    gst_video::VideoFormat::Bgra,
];

// --- the process of a case ------------------------------------------------------------------------------------

/// A folder with the driver of tests; `None` where a case cannot run.
fn driver() -> Option<&'static Path> {
    static DRIVER: OnceLock<Option<PathBuf>> = OnceLock::new();
    DRIVER.get_or_init(build_driver).as_deref()
}

fn build_driver() -> Option<PathBuf> {
    let lacks = |what: &str| {
        println!("skipped: {what}");
        None
    };
    if vesalius_cuda::Cuda::probe().is_ok() {
        return lacks("there is a GPU, with a driver of its own");
    }
    if vesalius_cuda::gst_cuda::GstCuda::open().is_err() {
        return lacks("GStreamer's CUDA library is missing (plugins-bad)");
    }
    let compiler = vesalius_cuda::Compiler::new(None, vesalius_cuda::CubinCache::none());
    if compiler.library().is_err() {
        return lacks("NVRTC is missing (make setup)");
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("cuda_on_cpu");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cuda_on_cpu");
    std::fs::create_dir_all(&folder).unwrap();
    for (source, library) in [("driver.cpp", "libcuda.so.1"), ("decoder.cpp", "libnvcuvid.so.1")] {
        let made = tempfile::NamedTempFile::new_in(&folder).unwrap();
        let output = Command::new("g++")
            .args(["-std=c++17", "-O1", "-g", "-shared", "-fPIC", "-o"])
            .arg(made.path())
            .arg(sources.join(source))
            .output()
            .expect("g++ runs (package build-essential)");
        assert!(output.status.success(), "{source}: {}", String::from_utf8_lossy(&output.stderr));
        made.persist(folder.join(library)).unwrap();
    }
    Some(folder)
}

/// What a case's process has copied and launched, as the driver counted it.
#[derive(Debug)]
struct Counts(serde_json::Value);

impl Counts {
    fn get(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap()
    }
}

/// Runs a case in a process of its own that finds the driver of tests. `None` where it cannot run.
fn run(case: &str, environment: &[(&str, &str)]) -> Option<Counts> {
    let driver = driver()?;
    // Each source's libraries lie in a folder of their own; the driver looks into one.
    let together = tempfile::tempdir().unwrap();
    for library in shim::libraries().values() {
        std::os::unix::fs::symlink(library, together.path().join(library.file_name().unwrap())).unwrap();
    }
    let counts = together.path().join("counts.json");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "case_in_a_process_of_its_own", "--ignored", "--nocapture"])
        .env("LD_LIBRARY_PATH", driver)
        .env("GST_REGISTRY", driver.join(format!("registry-{case}.bin")))
        .env("XDG_CACHE_HOME", driver)
        .env("VESALIUS_TEST_KERNELS", together.path())
        .env("VESALIUS_TEST_COUNTS", &counts)
        .env("VESALIUS_TEST_CASE", case)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{case}:\n{}{}", text(&output.stdout), text(&output.stderr));
    Some(Counts(serde_json::from_slice(&std::fs::read(&counts).unwrap()).unwrap()))
}

#[test]
#[ignore = "the other tests run it, each with a case"]
fn case_in_a_process_of_its_own() {
    vesalius_tests::init();
    match std::env::var("VESALIUS_TEST_CASE").as_deref() {
        Ok("stays") => FORMATS.into_iter().for_each(frames_stay),
        Ok("bare") => FORMATS.into_iter().for_each(frames_pass_without_us),
        Ok("latest") => the_engine_looks_at_copies(),
        Ok("tee") => a_tees_frames_are_copied_there(),
        Ok("blind") => frames_come_down(),
        Ok("fault") => a_fault_passes(),
        Ok("offer") => a_context_is_offered(),
        other => panic!("run by the others, not by hand: {other:?}"),
    }
}

// --- the chain ------------------------------------------------------------------------------------------------

/// A chain and what came out of it.
struct Chain {
    segment: Segment,
    overlay: Overlay,
    frames: Vec<gst::Buffer>,
    info: gst_video::VideoInfo,
    ended: Ended,
    pipeline: gst::Pipeline,
}

impl Chain {
    /// Plays frames through the elements, on the device of tests or not. `pause` goes between two frames.
    fn play(format: gst_video::VideoFormat, mode: Mode, on_device: bool, pause: std::time::Duration) -> Self {
        Self::play_with(true, format, mode, on_device, pause)
    }

    fn play_with(
        ours: bool,
        format: gst_video::VideoFormat,
        mode: Mode,
        on_device: bool,
        pause: std::time::Duration,
    ) -> Self {
        let info = picture::info(format, 640, 480);
        let (segment, measure, overlay) = (segment("threshold", mode), measure("0.2"), overlay());
        let source = gst_app::AppSrc::builder()
            .caps(&info.to_caps().unwrap())
            .format(gst::Format::Time)
            .is_live(mode == Mode::Latest)
            .build();
        let sink = gst_app::AppSink::builder().sync(false).build();
        let pipeline = gst::Pipeline::new();
        let mut row: Vec<gst::Element> = vec![source.clone().upcast()];
        let there = || pipeline::parse("cudaupload ! capsfilter caps=\"video/x-raw(memory:CUDAMemory)\"");
        row.extend(on_device.then(there));
        if ours {
            row.extend([segment.clone().upcast(), measure.upcast(), overlay.clone().upcast()]);
        }
        let back = || pipeline::parse("cudadownload");
        row.extend(on_device.then(back));
        row.push(sink.clone().upcast());
        pipeline.add_many(&row).unwrap();
        gst::Element::link_many(&row).unwrap();
        let feeder = std::thread::spawn({
            let info = info.clone();
            move || {
                for number in 0..FRAMES {
                    if source.push_buffer(picture::frame(&info, number, Memory::Plain)).is_err() {
                        return;
                    }
                    std::thread::sleep(pause);
                }
                let _ = source.end_of_stream();
            }
        });
        let frames = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample({
                    let frames = frames.clone();
                    move |sink| {
                        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                        frames.lock().extend(sample.buffer_owned());
                        Ok(gst::FlowSuccess::Ok)
                    }
                })
                .build(),
        );
        let ended = pipeline::play(&pipeline);
        feeder.join().unwrap();
        let frames = std::mem::take(&mut *frames.lock());
        Self { segment, overlay, frames, info, ended, pipeline }
    }

    /// The pixels of each frame, rows without what lies between them.
    fn pictures(&self) -> Vec<Vec<u8>> {
        let format = picture::pixel_format(self.info.format());
        let (width, height) = (self.info.width() as usize, self.info.height() as usize);
        let pixels = |buffer: &gst::Buffer| {
            let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &self.info).unwrap();
            let mut bytes = Vec::new();
            for plane in 0..format.planes() {
                let layout = format.plane_layout(plane, width, height);
                let stride = frame.plane_stride()[plane] as usize;
                let data = frame.plane_data(plane as u32).unwrap();
                (0..layout.rows).for_each(|y| bytes.extend(&data[y * stride..][..layout.row_bytes]));
            }
            bytes
        };
        self.frames.iter().map(pixels).collect()
    }

    /// The results, but for how long things took.
    fn results(&self) -> Vec<FrameResult> {
        let timeless = |buffer: &gst::Buffer| {
            let mut result = result(buffer).as_ref().clone();
            result.times = StageTimes::default();
            result
        };
        self.frames.iter().map(timeless).collect()
    }

    /// Everything that the results say, to the last bit of every number.
    fn words(&self) -> Vec<String> {
        self.results().iter().map(|result| format!("{result:?}")).collect()
    }

    fn assert_calm(&self) {
        assert_eq!((&self.ended.error, self.ended.warnings()), (&None, Vec::new()));
        assert_eq!(self.frames.len() as u64, FRAMES, "a frame in, a frame out");
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

const AT_ONCE: std::time::Duration = std::time::Duration::ZERO;

// --- the cases ------------------------------------------------------------------------------------------------

fn frames_stay(format: gst_video::VideoFormat) {
    let there = Chain::play(format, Mode::EveryFrame, true, AT_ONCE);
    let here = Chain::play(format, Mode::EveryFrame, false, AT_ONCE);
    here.assert_calm();
    there.assert_calm();
    assert!(
        here.results().iter().all(|result| result.status == ResultStatus::Ok && result.found_something())
    );
    assert_eq!(there.words(), here.words(), "{format}");
    for (number, (there, here)) in there.pictures().iter().zip(here.pictures()).enumerate() {
        let differ = there.iter().zip(&here).filter(|(a, b)| a != b).count();
        assert_eq!((there.len(), differ), (here.len(), 0), "{format}, frame {number}");
    }
    for name in ["frames-uploaded", "frames-downloaded"] {
        assert_eq!(count(&there.segment, name), 0, "{format}: segment, {name}");
        assert_eq!(count(&there.overlay, name), 0, "{format}: overlay, {name}");
    }
    assert_eq!(count(&there.overlay, "frames-copied-on-device"), 0, "{format}: nobody else sees the frames");
    assert_eq!(count(&there.overlay, "blended"), FRAMES, "{format}");
}

/// What GStreamer's own elements copy, and nobody else.
fn frames_pass_without_us(format: gst_video::VideoFormat) {
    let chain = Chain::play_with(false, format, Mode::EveryFrame, true, AT_ONCE);
    chain.assert_calm();
    assert_eq!(chain.pictures().len() as u64, FRAMES);
}

#[test]
fn frames_stay_on_the_gpu_and_are_the_same() {
    let (Some(counts), Some(bare)) = (run("stays", &[]), run("bare", &[])) else { return };
    let more = |name| counts.get(name) - bare.get(name);
    // Frames go up once and come down once, by GStreamer's elements. What else goes: drawings up, and maps of 64×48 down.
    let maps = FORMATS.len() as u64 * (FRAMES + 8) * (64 * 48 * 4 + 4);
    assert!(
        more("bytes_down") < maps,
        "{} more come down than {maps}: {counts:?}, {bare:?}",
        more("bytes_down")
    );
    // The tiles that something is drawn in: 8 KiB and their place.
    let tiles = FORMATS.len() as u64 * FRAMES * 60 * (8192 + 8);
    assert!(more("bytes_up") < tiles, "{} more go up than {tiles}: {counts:?}, {bare:?}", more("bytes_up"));
    assert_eq!(counts.get("bytes_across"), 0, "{counts:?}");
    assert!(counts.get("launches") > 4 * FRAMES * 3, "{counts:?}");
}

fn the_engine_looks_at_copies() {
    let nv12 = gst_video::VideoFormat::Nv12;
    let chain = Chain::play(nv12, Mode::Latest, true, std::time::Duration::from_millis(25));
    chain.assert_calm();
    let results = chain.results();
    assert!(results.last().unwrap().found_something(), "the newest result goes with the frames");
    for name in ["frames-uploaded", "frames-downloaded"] {
        assert_eq!((count(&chain.segment, name), count(&chain.overlay, name)), (0, 0), "{name}");
    }
    // The engine looks at copies, so whoever draws has the frame to itself.
    assert_eq!(count(&chain.segment, "frames-copied-on-device"), FRAMES);
    assert_eq!(count(&chain.overlay, "frames-copied-on-device"), 0);
    // Pixels that are drawn on nowhere near are those that came in, whether or not a frame was copied.
    let drawn = count(&chain.overlay, "blended");
    assert_eq!(drawn, FRAMES);
    let pictures = chain.pictures();
    for (number, (frame, picture)) in chain.frames.iter().zip(&pictures).enumerate() {
        assert_eq!(frame.pts(), Some(picture::pts(number as u64)));
        let sent = picture::bytes(&picture::frame(&chain.info, number as u64, Memory::Plain));
        let same = picture.iter().zip(&sent).filter(|(a, b)| a == b).count();
        assert!(same > picture.len() / 2, "frame {number}: {same} of {}", picture.len());
    }
}

#[test]
fn live_frames_go_on_at_once_and_the_engine_looks_at_copies_on_the_gpu() {
    run("latest", &[]);
}

fn a_tees_frames_are_copied_there() {
    let line = "videotestsrc num-buffers=6 pattern=ball ! video/x-raw,format=NV12,width=320,height=240,framerate=25/1 \
                ! cudaupload ! capsfilter caps=\"video/x-raw(memory:CUDAMemory)\" ! tee name=t \
                t. ! queue ! cudadownload ! appsink name=clean sync=false \
                t. ! queue name=q cudadownload name=back ! appsink name=drawn sync=false";
    let pipeline = gst::parse::launch(line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let (segment, overlay) = (segment("threshold", Mode::EveryFrame), overlay());
    pipeline.add_many([segment.upcast_ref::<gst::Element>(), overlay.upcast_ref()]).unwrap();
    let (queue, back) = (pipeline.by_name("q").unwrap(), pipeline.by_name("back").unwrap());
    gst::Element::link_many([&queue, segment.upcast_ref(), overlay.upcast_ref(), &back]).unwrap();
    let sinks = ["clean", "drawn"]
        .map(|name| pipeline.by_name(name).unwrap().downcast::<gst_app::AppSink>().unwrap());
    pipeline.set_state(gst::State::Playing).unwrap();
    let pixels = |sink: &gst_app::AppSink| {
        let sample = sink.pull_sample().unwrap();
        let info = gst_video::VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
        let frame =
            gst_video::VideoFrameRef::from_buffer_ref_readable(sample.buffer().unwrap(), &info).unwrap();
        let (stride, luma) = (frame.plane_stride()[0] as usize, frame.plane_data(0).unwrap());
        let rows = (0..240).flat_map(|y| luma[y * stride..][..320].to_vec());
        (sample.buffer().unwrap().pts(), rows.collect::<Vec<u8>>())
    };
    for _ in 0..6 {
        let [clean, drawn] = sinks.each_ref().map(pixels);
        assert_eq!(clean.0, drawn.0);
        let differ = clean.1.iter().zip(&drawn.1).filter(|(a, b)| a != b).count();
        assert!((50..320 * 240 / 2).contains(&differ), "{differ} pixels are drawn on, in one branch alone");
    }
    assert_eq!(count(&overlay, "blended"), count(&overlay, "frames-copied-on-device"));
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn a_frame_that_others_see_is_copied_on_the_gpu_before_it_is_drawn_on() {
    run("tee", &[]);
}

fn frames_come_down() {
    let nv12 = gst_video::VideoFormat::Nv12;
    let there = Chain::play(nv12, Mode::EveryFrame, true, AT_ONCE);
    let here = Chain::play(nv12, Mode::EveryFrame, false, AT_ONCE);
    assert_eq!(there.ended.error, None);
    let warnings = there.ended.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("copied from the GPU") && warnings[0].contains("runs on the processor"));
    assert_eq!(there.words(), here.words());
    assert_eq!(there.pictures(), here.pictures());
    assert_eq!(count(&there.segment, "frames-downloaded"), FRAMES);
    // It is still drawn on where it lies.
    assert_eq!((count(&there.overlay, "frames-downloaded"), count(&there.overlay, "blended")), (0, FRAMES));
}

#[test]
fn an_engine_on_the_processor_gets_copies_and_that_is_said() {
    // As with NVIDIA's driver, the computer does not see the GPU's memory.
    run("blind", &[("VESALIUS_TEST_BLIND", "1")]);
}

fn a_fault_passes() {
    let nv12 = gst_video::VideoFormat::Nv12;
    let chain = Chain::play(nv12, Mode::EveryFrame, true, std::time::Duration::from_millis(150));
    assert_eq!(chain.ended.error, None);
    assert_eq!(chain.frames.len() as u64, FRAMES, "the picture goes on");
    let states: Vec<_> = chain.results().iter().map(|result| result.status == ResultStatus::Ok).collect();
    let failed = states.iter().filter(|&&fine| !fine).count();
    assert!(states[0] && *states.last().unwrap() && (1..FRAMES as usize - 2).contains(&failed), "{states:?}");
    let warnings = chain.ended.warnings();
    assert!(warnings[0].contains("CUDA_ERROR_LAUNCH_FAILED"), "{warnings:?}");
    assert!(warnings.iter().skip(1).all(|warning| warning.contains("FAULT")), "{warnings:?}");
}

#[test]
fn a_lost_context_costs_results_for_a_while_and_no_picture() {
    run("fault", &[("VESALIUS_TEST_LOSE_AT", "write_tensor:4")]);
}

fn a_context_is_offered() {
    let caps = "video/x-raw(memory:CUDAMemory),format=NV12,width=640,height=480,framerate=25/1";
    let caps = caps.parse::<gst::Caps>().unwrap();
    let source = gst_app::AppSrc::builder().caps(&caps).format(gst::Format::Time).build();
    let (overlay, sink) = (overlay(), pipeline::parse("fakesink async=false"));
    let pipeline = pipeline::of(&[source.upcast_ref(), overlay.upcast_ref(), &sink]);
    pipeline.set_state(gst::State::Playing).unwrap();
    source.end_of_stream().unwrap();
    let bus = pipeline.bus().unwrap();
    let types = [gst::MessageType::HaveContext, gst::MessageType::Error];
    let message =
        bus.timed_pop_filtered(gst::ClockTime::from_seconds(10), &types).expect("it says what it offers");
    let gst::MessageView::HaveContext(have) = message.view() else { panic!("{message:?}") };
    assert_eq!(have.context().context_type(), "gst.cuda.context");
    // Neighbours that ask are answered.
    let mut query = gst::query::Context::new("gst.cuda.context");
    assert!(overlay.static_pad("src").unwrap().query(&mut query));
    assert!(query.context().is_some());
    pipeline.set_state(gst::State::Null).unwrap();
}

#[test]
fn where_nobody_has_a_context_the_primary_one_is_offered() {
    run("offer", &[]);
}

//! Nothing that GStreamer counts outlives a pipeline: buffers, events, elements, caps, compositions.
//!
//! ```text
//! this program ── child: GST_TRACERS=leaks ── videotestsrc ── segment ── measure ── overlay ── sink, then gst_deinit
//!              └─ child: the same with a buffer that is leaked on purpose
//! ```
//!
//! The tracer looks when GStreamer ends and reports through `GST_DEBUG`; a program without `gst_deinit` would pass
//! whatever it leaks. The second child shows that this one would not.

use std::process::{Command, ExitCode, Output};

use gst::prelude::*;
use gstvesalius::Mode;
use vesalius_tests::elements::{measure, overlay, segment};
use vesalius_tests::pipeline::{self, leave, parse, play};

const CLEAN: &str = "--play-and-clean-up";
const LEAK: &str = "--play-and-leak";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().collect();
    let asked = |argument: &str| arguments.iter().any(|a| a == argument);
    // What test runners ask of any test program.
    if asked("--list") {
        println!("nothing_is_leaked: test");
        return ExitCode::SUCCESS;
    }
    if asked(CLEAN) || asked(LEAK) {
        child(asked(LEAK));
        return ExitCode::SUCCESS;
    }
    let clean = run(CLEAN);
    assert!(clean.status.success() && !leaked(&clean), "leaked ({}):\n{}", clean.status, said(&clean));
    let leaking = run(LEAK);
    assert!(leaked(&leaking), "a leak was not seen ({}):\n{}", leaking.status, said(&leaking));
    println!("nothing is leaked, and a leak would be seen");
    ExitCode::SUCCESS
}

fn run(argument: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .arg(argument)
        .env("GST_TRACERS", "leaks")
        .env("GST_DEBUG", "GST_TRACER:7")
        .env("GST_DEBUG_NO_COLOR", "1")
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn leaked(output: &Output) -> bool {
    // The tracer first announces the form of its lines, with %s where a name would be.
    said(output).lines().any(|line| line.contains("object-alive, type-name=") && !line.contains("%s"))
}

fn child(leak: bool) {
    vesalius_tests::init();
    for (mode, sink) in [
        (Mode::EveryFrame, "fakevideosink sync=false"),
        (Mode::EveryFrame, "videoconvert ! fakesink"),
        (Mode::Latest, "fakesink"),
    ] {
        let source = "videotestsrc num-buffers=10 pattern=ball ! capsfilter caps=video/x-raw,format=I420,width=160,height=120";
        let pipeline = pipeline::of(&[
            &parse(source),
            segment("threshold", mode).upcast_ref(),
            measure("0.2").upcast_ref(),
            overlay().upcast_ref(),
            &parse(sink),
        ]);
        for _ in 0..2 {
            assert_eq!(play(&pipeline).error, None);
            leave(&pipeline, gst::State::Null);
        }
        // Stopped in the middle, with frames on their way.
        pipeline.set_state(gst::State::Playing).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5));
        leave(&pipeline, gst::State::Null);
        pipeline.bus().unwrap().set_flushing(true);
    }
    if leak {
        std::mem::forget(gst::Buffer::with_size(16).unwrap());
    }
    // SAFETY: the last thing that happens to GStreamer in this process; every pipeline has ended and been dropped.
    #[allow(unsafe_code)] // The tracer reports only then.
    unsafe {
        gst::deinit();
    }
}

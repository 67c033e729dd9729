//! What cannot start says so in one line; what fails on the way never stops the picture.
//!
//! ```text
//! vesaliussegment alone, NULL → READY          harness ── segment engine=nan ── measure ── overlay ── harness
//! ```

use gst::prelude::*;
use gstvesalius::{BackendMessage, Mode, Segment};
use vesalius_draw::{Layer, Style, draw_result};
use vesalius_measure::result::{Reason, ResultStatus};
use vesalius_tests::elements::{chain, count, measure, overlay, result, segment};
use vesalius_tests::picture::{self, Memory};
use vesalius_tests::rig::Rig;
use vesalius_tests::{engine, wait_until};

/// The error of a change to READY that must fail.
fn refused(segment: &Segment) -> String {
    let bus = gst::Bus::new();
    segment.set_bus(Some(&bus));
    assert!(segment.set_state(gst::State::Ready).is_err());
    let message = bus.pop_filtered(&[gst::MessageType::Error]).expect("an error is posted");
    assert!(bus.pop_filtered(&[gst::MessageType::Error]).is_none(), "an error is posted once");
    segment.set_state(gst::State::Null).unwrap();
    let gst::MessageView::Error(error) = message.view() else { unreachable!() };
    error.error().message().to_owned()
}

#[test]
fn an_engine_that_cannot_run_is_a_one_line_error() {
    let damaged = tempfile::tempdir().unwrap();
    for file in ["manifest.toml", "model.onnx"] {
        std::fs::copy(engine("threshold").join(file), damaged.path().join(file)).unwrap();
    }
    let mut model = std::fs::read(damaged.path().join("model.onnx")).unwrap();
    model[10] ^= 1;
    std::fs::write(damaged.path().join("model.onnx"), model).unwrap();
    let unknown_key = tempfile::tempdir().unwrap();
    let manifest = std::fs::read_to_string(engine("threshold").join("manifest.toml")).unwrap();
    std::fs::write(unknown_key.path().join("manifest.toml"), format!("colour = 1\n{manifest}")).unwrap();

    let folder = |name| engine(name).to_string_lossy().into_owned();
    let cases: [(&str, String, &[&str]); 7] = [
        ("none", String::new(), &["no engine is set", "'engine'"]),
        ("unknown", "no-such-engine".to_owned(), &["no-such-engine"]),
        ("no folder", folder("no-such-folder"), &["no-such-folder"]),
        ("corrupt", folder("corrupt"), &["corrupt"]),
        ("wrong shape", folder("wrong-shape"), &["wrong-shape", "32", "64"]),
        ("another hash", damaged.path().to_string_lossy().into_owned(), &["SHA-256"]),
        ("unknown key", unknown_key.path().to_string_lossy().into_owned(), &["colour"]),
    ];
    for (case, value, words) in cases {
        for mode in [Mode::Latest, Mode::EveryFrame] {
            let segment = segment("threshold", mode);
            segment.set_property("engine", &value);
            let text = refused(&segment);
            assert!(!text.is_empty() && !text.contains('\n'), "{case}: {text:?}");
            for word in words {
                assert!(text.contains(word), "{case}: '{word}' is not in \"{text}\"");
            }
            // The same element runs as soon as it is given an engine that does.
            segment.set_property("engine", folder("threshold"));
            assert!(segment.set_state(gst::State::Ready).is_ok(), "{case}");
            segment.set_state(gst::State::Null).unwrap();
        }
    }
}

#[test]
fn a_backend_that_is_named_and_missing_is_an_error() {
    let segment = segment("threshold", Mode::Latest);
    segment.set_property("backend", "abacus");
    let text = refused(&segment);
    assert!(text.contains("'abacus'") && text.contains("cpu, openvino, cuda or tensorrt"), "{text}");
    segment.set_property("backend", "cpu");
    segment.set_property("precision", "f64");
    let text = refused(&segment);
    assert!(text.contains("'f64'") && text.contains("f16"), "{text}");
    // A precision that the engine has no file for.
    segment.set_property("precision", "int8");
    let text = refused(&segment);
    assert!(text.contains("int8") && text.contains("[[precisions]]"), "{text}");
    if vesalius_engine::provider::probe::driver(0).is_ok() {
        return;
    }
    segment.set_property("precision", "auto");
    for backend in ["cuda", "tensorrt", "onnxruntime-cuda"] {
        segment.set_property("backend", backend);
        let text = refused(&segment);
        assert!(text.contains("cannot run here") && text.contains("NVIDIA driver"), "{backend}: {text}");
    }
    segment.set_property("backend", "cpu");
    assert!(segment.set_state(gst::State::Ready).is_ok());
    segment.set_state(gst::State::Null).unwrap();
}

#[test]
fn the_backend_taken_is_posted() {
    let why_not = "not tensorrt or cuda: there is no NVIDIA driver";
    for (backend, why) in [("auto", why_not), ("onnxruntime-cpu", "asked for"), ("cpu", "asked for")] {
        if backend == "auto" && vesalius_engine::provider::probe::driver(0).is_ok() {
            continue;
        }
        let segment = segment("threshold", Mode::Latest);
        segment.set_property("backend", backend);
        let bus = gst::Bus::new();
        segment.set_bus(Some(&bus));
        segment.set_state(gst::State::Ready).unwrap();
        let message = bus.pop_filtered(&[gst::MessageType::Element]).expect("a message is posted");
        let posted = BackendMessage::try_from(message.structure().unwrap()).unwrap();
        assert_eq!(posted.backend, "onnxruntime-cpu");
        assert!(posted.why.starts_with(why), "{}", posted.why);
        assert_eq!((posted.engine.as_str(), posted.engine_sha256.len()), ("threshold", 64));
        segment.set_state(gst::State::Null).unwrap();
    }
}

#[test]
fn frames_go_on_when_the_network_fails() {
    for mode in [Mode::EveryFrame, Mode::Latest] {
        let (segment, measure, overlay) = (segment("nan", mode), measure("0.2"), overlay());
        let info = picture::info(gst_video::VideoFormat::I420, 160, 120);
        let elements: [&gst::Element; 3] = [segment.upcast_ref(), measure.upcast_ref(), overlay.upcast_ref()];
        let mut rig = Rig::with_stream(&chain(&elements), &info);
        let mut sent = Vec::new();
        for number in 0..10 {
            let frame = picture::frame(&info, number, Memory::Plain);
            sent.push(picture::bytes(&frame));
            assert_eq!(rig.harness.push(frame), Ok(gst::FlowSuccess::Ok), "{mode:?} frame {number}");
            // In newest-frame mode, let the engine look at each.
            wait_until("the engine has looked at the frame", || {
                mode == Mode::EveryFrame || count(&segment, "inferred") > number
            });
        }
        rig.harness.push_event(gst::event::Eos::new());
        let frames = rig.frames();
        assert_eq!(frames.len(), 10, "{mode:?}");
        for (number, frame) in frames.iter().enumerate() {
            let result = result(frame);
            let reason = match result.status {
                ResultStatus::Missing(reason) => reason,
                ResultStatus::Ok => panic!("{mode:?} frame {number}: a result of NaN"),
            };
            // In newest-frame mode nothing has failed yet when the first frame passes.
            let expected = if mode == Mode::Latest && number == 0 {
                assert!(matches!(reason, Reason::NoResultYet | Reason::InferenceFailed));
                reason
            } else {
                Reason::InferenceFailed
            };
            assert_eq!(reason, expected, "{mode:?} frame {number}");
            assert!(result.classes.is_empty() && result.measurements.is_empty() && result.marks.is_empty());
            only_words_are_drawn(frame, &info, &sent[number]);
        }
        let failed = count(&segment, "failed");
        assert_eq!(failed, 10, "{mode:?}");
        let stats: gst::Structure = segment.property("stats");
        let last: String = stats.get("last-error").unwrap();
        assert!(!last.is_empty() && !last.contains('\n'), "{last:?}");
        let complaints = rig.complaints();
        assert_eq!(complaints[0], format!("warning: {last}"), "{mode:?}");
        // Of 10 failures the 1st, 2nd, 4th and 8th are posted: a broken engine does not flood the bus.
        assert_eq!(complaints.len(), 4, "{mode:?}: {complaints:?}");
    }
}

/// The status and the notice stand on the picture; the middle, where an outline would be, has its own bytes.
fn only_words_are_drawn(frame: &gst::BufferRef, info: &gst_video::VideoInfo, before: &[u8]) {
    let mut layer = Layer::new(info.width() as usize, info.height() as usize).unwrap();
    draw_result(&mut layer, &result(frame), &Style::default());
    let after = picture::bytes(frame);
    let drawn = picture::drawn_bytes(&layer, info, Memory::Plain);
    assert!((0..after.len()).all(|i| drawn[i] || after[i] == before[i]), "drawn beside the words");
    assert!(after != before, "the picture says that there is no result");
    for y in 40..80_usize {
        let row = y * info.stride()[0] as usize;
        assert!(after[row..row + 160] == before[row..row + 160], "row {y}");
    }
}

#[test]
fn properties_can_be_read_in_every_state() {
    let elements: [gst::Element; 3] =
        [segment("slow", Mode::EveryFrame).upcast(), measure("0.2").upcast(), overlay().upcast()];
    let read = |when: &str| {
        for element in &elements {
            for property in element.list_properties().iter() {
                assert!(property.flags().contains(gst::glib::ParamFlags::READABLE), "{}", property.name());
                let value = element.property_value(property.name());
                assert_eq!(value.type_(), property.value_type(), "{when}: {}", property.name());
            }
        }
    };
    read("new");
    let chain = chain(&[&elements[0], &elements[1], &elements[2]]);
    let info = picture::info(gst_video::VideoFormat::Gray8, 64, 48);
    let mut rig = Rig::new(&chain);
    read("without caps");
    rig.set_caps(&info);
    read("without frames");
    std::thread::scope(|scope| {
        let source = rig.harness.srcpad().unwrap();
        let streaming = scope.spawn({
            let info = info.clone();
            move || (0..20).all(|n| source.push(picture::frame(&info, n, Memory::Plain)).is_ok())
        });
        let mut frames = 0;
        while !streaming.is_finished() {
            read("playing");
            // Counts never go back while frames are on their way.
            let now = count(&elements[2], "frames");
            assert!(now >= frames, "{now} after {frames}");
            frames = now;
        }
        assert!(streaming.join().unwrap());
    });
    rig.harness.push_event(gst::event::Eos::new());
    read("after the end");
    for state in [gst::State::Ready, gst::State::Null] {
        chain.set_state(state).unwrap();
        read("stopped");
    }
}

//! Objects keep their numbers from frame to frame, flicker is not shown, and what breaks a stream begins anew.
//!
//! ```text
//! harness ── vesaliusmeasure confirm-ms=… ── harness      results with outlines made by the test
//! ```

use std::sync::Arc;

use gst::prelude::*;
use gstvesalius::{Measure, ResultMeta, protocol_event};
use vesalius_measure::components::Components;
use vesalius_measure::contour::trace;
use vesalius_measure::geometry::{Geometry, ResizeRule};
use vesalius_measure::mask::ProbabilityMap;
use vesalius_measure::protocol::Event;
use vesalius_measure::result::{ClassInfo, ClassResult, EngineIdentity, FrameResult, Reason, ResultStatus};
use vesalius_tests::elements::{count, measure, result};
use vesalius_tests::picture::{self, Memory, pts};
use vesalius_tests::rig::Rig;

const SIZE: (u32, u32) = (96, 64);

/// What a network would have found: squares of 12 pixels with these left upper corners.
fn found(engine: &Arc<EngineIdentity>, number: u64, corners: &[(usize, usize)]) -> FrameResult {
    let geometry = Geometry::new(SIZE, SIZE, ResizeRule::Letterbox, (1, 1)).unwrap();
    let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
    let mut values = vec![0.0; width * height];
    for (left, top) in corners {
        for (x, y) in (0..12).flat_map(|y| (0..12).map(move |x| (x, y))) {
            values[(top + y) * width + left + x] = 1.0;
        }
    }
    let probability = ProbabilityMap::new(width, height, values).unwrap();
    let contours = trace(&probability, &geometry, 0.5);
    let class = ClassInfo {
        index: 1,
        name: "lesion".into(),
        label: "Lesion".into(),
        color: [86, 180, 233],
        threshold: 0.5,
    };
    let mut result = FrameResult::missing(engine.clone(), pts(number).nseconds(), Reason::InferenceFailed);
    result.status = ResultStatus::Ok;
    result.geometry = Some(geometry);
    result.classes = vec![ClassResult {
        class: Arc::new(class),
        probability,
        contours,
        unconfirmed: Vec::new(),
        withheld: None,
        confidence: Some(0.9),
        components: Components::default(),
    }];
    result
}

fn engine(name: &str) -> Arc<EngineIdentity> {
    Arc::new(EngineIdentity {
        name: name.into(),
        version: "1.0.0".into(),
        sha256: "0".repeat(64),
        precision: "f32".into(),
        backend: "none".into(),
        protocol: "generic".into(),
    })
}

struct Stream {
    element: Measure,
    rig: Rig,
    info: gst_video::VideoInfo,
    engine: Arc<EngineIdentity>,
}

impl Stream {
    fn new(properties: &[(&str, u32)]) -> Self {
        let element = measure("");
        for (name, value) in properties {
            element.set_property(name, *value);
        }
        let info = picture::info(gst_video::VideoFormat::Gray8, SIZE.0, SIZE.1);
        let rig = Rig::with_stream(&element, &info);
        Self { element, rig, info, engine: engine("test") }
    }

    /// Sends a frame with what was found in it.
    fn push_with(
        &mut self,
        number: u64,
        corners: &[(usize, usize)],
        flags: gst::BufferFlags,
    ) -> Arc<FrameResult> {
        let mut frame = picture::frame(&self.info, number, Memory::Plain);
        let buffer = frame.get_mut().unwrap();
        buffer.set_flags(flags);
        ResultMeta::add(buffer, Arc::new(found(&self.engine, number, corners)));
        assert_eq!(self.rig.harness.push(frame), Ok(gst::FlowSuccess::Ok));
        result(self.rig.frames().last().unwrap())
    }

    fn push(&mut self, number: u64, corners: &[(usize, usize)]) -> Vec<u64> {
        numbers(&self.push_with(number, corners, gst::BufferFlags::empty()))
    }
}

fn numbers(result: &FrameResult) -> Vec<u64> {
    result.classes[0].contours.iter().map(|c| c.object.unwrap().0).collect()
}

const A: (usize, usize) = (20, 20);
const B: (usize, usize) = (70, 40);

#[test]
fn what_breaks_the_stream_ends_its_objects_and_no_number_comes_twice() {
    type Break = (&'static str, fn(&mut Stream));
    let breaks: [Break; 5] = [
        ("a discontinuity", |_| {}),
        ("a flush", |stream| {
            stream.rig.harness.push_event(gst::event::FlushStart::new());
            stream.rig.harness.push_event(gst::event::FlushStop::new(true));
            let restart = gst::FormattedSegment::<gst::ClockTime>::new();
            stream.rig.harness.push_event(gst::event::Segment::new(&restart));
        }),
        ("other caps", |stream| {
            stream.info = picture::info(gst_video::VideoFormat::Rgb, SIZE.0, SIZE.1);
            let info = stream.info.clone();
            stream.rig.set_caps(&info);
        }),
        ("another source", |stream| {
            stream.rig.harness.push_event(gst::event::StreamStart::new("another"));
            let info = stream.info.clone();
            stream.rig.set_caps(&info);
        }),
        ("a step back", |_| {}),
    ];
    for (what, break_stream) in breaks {
        let mut stream = Stream::new(&[]);
        assert_eq!(stream.push(10, &[A, B]), [1, 2], "{what}");
        assert_eq!(stream.push(11, &[A, B]), [1, 2], "{what}");
        break_stream(&mut stream);
        let flags =
            if what == "a discontinuity" { gst::BufferFlags::DISCONT } else { gst::BufferFlags::empty() };
        let next = if what == "a step back" { 3 } else { 12 };
        assert_eq!(numbers(&stream.push_with(next, &[A, B], flags)), [3, 4], "{what}");
        assert_eq!(stream.push(next + 1, &[B]), [4], "{what}");
        assert_eq!(count(&stream.element, "objects"), 4, "{what}");
    }
}

#[test]
fn flicker_is_neither_measured_nor_an_outline_and_the_delay_is_as_stated() {
    // Frames 40 ms apart: 100 ms are over with the fourth.
    let mut stream = Stream::new(&[("confirm-ms", 100)]);
    for number in 0..20 {
        let seen: &[_] = if number % 7 == 5 { &[A, B] } else { &[A] };
        let result = stream.push_with(number, seen, gst::BufferFlags::empty());
        let (area, class) =
            (result.measurements.iter().find(|m| m.name == "area").unwrap(), &result.classes[0]);
        if number < 3 {
            assert_eq!((area.value, area.reason), (None, Some(Reason::NotConfirmed)), "frame {number}");
            assert!(!result.found_something() && result.marks.is_empty(), "frame {number}");
        } else {
            assert!((area.value.unwrap() - 144.0).abs() < 1e-6, "frame {number}");
            assert_eq!(numbers(&result), [1], "frame {number}");
        }
        assert_eq!(class.contours.len() + class.unconfirmed.len(), seen.len(), "frame {number}");
    }
    // A frame without it has no outline, and the next has it again.
    assert_eq!(stream.push(20, &[]), [0_u64; 0]);
    assert_eq!(stream.push(21, &[A]), [1]);
    let ns = |name: &str| count(&stream.element, name);
    assert_eq!((ns("added-delay"), ns("added-delay-max")), (100_000_000, 120_000_000));
    assert_eq!((ns("objects"), ns("confirmed"), ns("withheld")), (2, 1, 3 + 3));
}

#[test]
fn a_result_that_stands_on_several_frames_is_one_sighting() {
    let mut stream = Stream::new(&[("confirm-ms", 60)]);
    let sources = [0, 0, 0, 2, 2, 2];
    let shown = sources.iter().enumerate().map(|(number, source)| {
        let mut frame = picture::frame(&stream.info, number as u64, Memory::Plain);
        ResultMeta::add(frame.get_mut().unwrap(), Arc::new(found(&stream.engine, *source, &[A])));
        stream.rig.harness.push(frame).unwrap();
        numbers(&result(stream.rig.frames().last().unwrap()))
    });
    let shown: Vec<_> = shown.collect();
    assert_eq!(shown, [vec![], vec![], vec![], vec![1], vec![1], vec![1]]);
}

#[test]
fn after_the_gap_an_object_is_a_new_one() {
    let mut stream = Stream::new(&[("track-gap-ms", 200)]);
    assert_eq!(stream.push(0, &[A]), [1]);
    assert_eq!(stream.push(5, &[A]), [1], "200 ms are no gap yet");
    assert_eq!(stream.push(11, &[A]), [2]);
}

#[test]
fn what_was_told_before_the_first_result_is_heard_and_then_forgotten() {
    let settings = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(
        settings.path(),
        "protocol = 'generic'\nobjects = 'each'\n[over_time]\nvalues = ['area']\nreference = 'now'\n",
    )
    .unwrap();
    let element = measure("");
    element.set_property("protocol", settings.path().to_str().unwrap());
    let info = picture::info(gst_video::VideoFormat::Gray8, SIZE.0, SIZE.1);
    let rig = Rig::with_stream(&element, &info);
    let mut stream = Stream { element, rig, info, engine: engine("test") };
    // Far more than anybody notes; the newest are what the session of the first result begins with.
    for number in 0..10_000_u64 {
        let event = Event::Mark(format!("event {number}"));
        assert!(stream.rig.harness.push_event(protocol_event(&event, Some(0))));
    }
    let now = Event::Mark("now".to_owned());
    assert!(stream.rig.harness.push_event(protocol_event(&now, Some(pts(30).nseconds()))));
    let change = |result: &FrameResult| {
        result.series.iter().find(|m| m.name == "area_change").expect("it is followed").value
    };
    for number in 0..10 {
        let result = stream.push_with(number, &[A], gst::BufferFlags::empty());
        assert_eq!(change(&result), None, "what it is counted from is still to come");
    }
    // It has doubled by then: counted from its first frame that would be 100 %.
    let both = [A, (32, 20)];
    for number in 28..33 {
        let grown = stream.push_with(number, &both, gst::BufferFlags::empty());
        assert!(change(&grown).unwrap().abs() < 1.0, "{:?}", change(&grown));
    }
    assert_eq!(stream.rig.complaints(), Vec::<String>::new());
}

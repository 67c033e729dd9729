//! Frames that wait for their own results stay in order, and so does everything between them.
//!
//! ```text
//! harness ── vesaliussegment mode=every-frame max-in-flight=4 engine=slow ── harness
//! ```
//!
//! The engine takes 20 ms and more, so frames that are pushed one after the other are on their way together.

use gst::prelude::*;
use gstvesalius::{Mode, Segment};
use vesalius_measure::result::ResultStatus;
use vesalius_tests::elements::{chain, count, measure, overlay, result, segment};
use vesalius_tests::picture::{self, Memory, pts};
use vesalius_tests::pipeline::{self, leave, play};
use vesalius_tests::rig::{Rig, Seen};

const GRAY: gst_video::VideoFormat = gst_video::VideoFormat::Gray8;
const MAX_IN_FLIGHT: usize = 4;

fn in_flight(engine: &str, frames: usize) -> Segment {
    let segment = segment(engine, Mode::EveryFrame);
    segment.set_property("max-in-flight", frames as u32);
    segment
}

fn push(rig: &mut Rig, info: &gst_video::VideoInfo, frames: std::ops::Range<u64>) {
    for number in frames {
        let pushed = rig.harness.push(picture::frame(info, number, Memory::Plain));
        assert_eq!(pushed, Ok(gst::FlowSuccess::Ok), "frame {number}");
    }
}

/// Each frame carries the result of its own picture.
fn assert_own_results(frames: &[gst::Buffer]) {
    for frame in frames {
        let result = result(frame);
        assert_eq!(Some(result.source_pts_ns), frame.pts().map(|pts| pts.nseconds()));
        assert_eq!((result.status, result.age_ns), (ResultStatus::Ok, 0));
    }
}

#[test]
fn several_frames_are_on_their_way_and_keep_their_order() {
    let segment = in_flight("slow", MAX_IN_FLIGHT);
    let info = picture::info(GRAY, 64, 48);
    let mut rig = Rig::with_stream(&segment, &info);
    push(&mut rig, &info, 0..2);
    assert_eq!(rig.frames().len(), 0, "two pushes take far less time than one picture's network");
    for number in 2..12 {
        push(&mut rig, &info, number..number + 1);
        let waiting = number as usize + 1 - rig.frames().len();
        assert!(waiting < MAX_IN_FLIGHT, "{waiting} frames wait after frame {number}");
    }
    rig.harness.push_event(gst::event::Eos::new());
    let frames: Vec<_> = (0..12).map(|n| format!("frame {n}")).collect();
    assert_eq!(rig.names()[3..15], frames);
    assert_own_results(&rig.frames());
    assert_eq!((count(&segment, "frames"), count(&segment, "inferred")), (12, 12));
    assert_eq!((count(&segment, "failed"), count(&segment, "skipped")), (0, 0));
}

#[test]
fn events_keep_their_place_between_the_frames() {
    let segment = in_flight("slow", MAX_IN_FLIGHT);
    let chain = chain(&[segment.upcast_ref(), measure("").upcast_ref(), overlay().upcast_ref()]);
    let info = picture::info(GRAY, 64, 48);
    let mut rig = Rig::with_stream(&chain, &info);
    push(&mut rig, &info, 0..2);
    let mut tags = gst::TagList::new();
    tags.get_mut().unwrap().add::<gst::tags::Title>(&"a title", gst::TagMergeMode::Append);
    assert!(rig.harness.push_event(gst::event::Tag::new(tags)));
    push(&mut rig, &info, 2..3);
    assert!(rig.harness.push_event(gst::event::Gap::builder(pts(3)).duration(pts(1)).build()));
    push(&mut rig, &info, 4..6);
    let custom = gst::event::CustomDownstream::new(gst::Structure::new_empty("somebody-elses"));
    assert!(rig.harness.push_event(custom));
    assert!(
        rig.harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()))
    );
    push(&mut rig, &info, 6..8);
    assert!(rig.harness.push_event(gst::event::StreamStart::new("another")));
    rig.set_caps(&picture::info(GRAY, 32, 24));
    push(&mut rig, &picture::info(GRAY, 32, 24), 8..9);
    assert!(rig.harness.push_event(gst::event::Eos::new()));
    // The second caps: vesaliusoverlay asked downstream, once, and found that it does not read compositions.
    let expected = [
        "stream-start",
        "caps",
        "segment",
        "caps",
        "frame 0",
        "frame 1",
        "tag",
        "frame 2",
        "gap",
        "frame 4",
        "frame 5",
        "custom-downstream",
        "segment",
        "frame 6",
        "frame 7",
        "stream-start",
        "caps",
        "segment",
        "frame 8",
        "eos",
    ];
    assert_eq!(rig.names(), expected);
    assert_own_results(&rig.frames());
}

#[test]
fn the_end_of_the_stream_waits_for_the_last_frame() {
    let info = picture::info(GRAY, 64, 48);
    for frames in 1..MAX_IN_FLIGHT as u64 {
        let mut rig = Rig::with_stream(&in_flight("slow", MAX_IN_FLIGHT), &info);
        push(&mut rig, &info, 0..frames);
        rig.harness.push_event(gst::event::Eos::new());
        let names = rig.names();
        assert_eq!(names.len() as u64, 3 + frames + 1);
        assert_eq!(names.last().map(String::as_str), Some("eos"));
        assert_own_results(&rig.frames());
    }
}

#[test]
fn a_serialised_query_waits_for_the_frames_before_it() {
    let info = picture::info(GRAY, 64, 48);
    let mut rig = Rig::with_stream(&in_flight("slow", MAX_IN_FLIGHT), &info);
    push(&mut rig, &info, 0..2);
    let source = rig.harness.srcpad().unwrap();
    source.peer_query(&mut gst::query::Drain::new());
    assert_eq!(rig.frames().len(), 2);
}

#[test]
fn a_flush_discards_what_is_on_its_way() {
    let info = picture::info(GRAY, 64, 48);
    let mut rig = Rig::with_stream(&in_flight("slow", MAX_IN_FLIGHT), &info);
    push(&mut rig, &info, 0..3);
    assert!(rig.harness.push_event(gst::event::FlushStart::new()));
    assert!(rig.harness.push_event(gst::event::FlushStop::new(true)));
    assert!(
        rig.harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()))
    );
    push(&mut rig, &info, 10..14);
    rig.harness.push_event(gst::event::Eos::new());
    let names = rig.names();
    let flushed = names.iter().position(|name| name == "flush-stop").unwrap();
    let expected = ["flush-stop", "segment", "frame 10", "frame 11", "frame 12", "frame 13", "eos"];
    assert_eq!(names[flushed..], expected);
    assert_eq!(names[..flushed], ["stream-start", "caps", "segment", "flush-start"]);
    assert_own_results(&rig.frames());
}

#[test]
fn a_flush_stops_the_streaming_thread_which_can_start_again() {
    let info = picture::info(GRAY, 64, 48);
    let rig = Rig::with_stream(&in_flight("slow", 1), &info);
    let source = rig.harness.srcpad().unwrap();
    for round in 0..3 {
        let streaming = std::thread::spawn({
            let (source, info) = (source.clone(), info.clone());
            move || (0..).find_map(|n| source.push(picture::frame(&info, n, Memory::Plain)).err())
        });
        let before = rig.frames().len();
        vesalius_tests::wait_until("a frame came out", || rig.frames().len() > before);
        assert!(source.push_event(gst::event::FlushStart::new()));
        assert_eq!(streaming.join().unwrap(), Some(gst::FlowError::Flushing), "round {round}");
        assert!(source.push_event(gst::event::FlushStop::new(true)));
        let restart = gst::FormattedSegment::<gst::ClockTime>::new();
        assert!(source.push_event(gst::event::Segment::new(&restart)));
    }
    assert_eq!(rig.complaints(), Vec::<String>::new());
}

#[test]
fn another_size_comes_after_the_frames_of_the_one_before() {
    let mut rig = Rig::new(&in_flight("slow", MAX_IN_FLIGHT));
    let sizes = [(64, 48), (207, 141), (33, 99)];
    for (i, (width, height)) in sizes.into_iter().enumerate() {
        let info = picture::info(GRAY, width, height);
        rig.set_caps(&info);
        push(&mut rig, &info, 3 * i as u64..3 * i as u64 + 3);
    }
    rig.harness.push_event(gst::event::Eos::new());
    let mut size = (0, 0);
    let mut frames = 0;
    for seen in rig.seen() {
        match seen {
            Seen::Event(event) => {
                if let gst::EventView::Caps(caps) = event.view() {
                    let info = gst_video::VideoInfo::from_caps(caps.caps()).unwrap();
                    size = (info.width(), info.height());
                }
            }
            Seen::Buffer(frame) => {
                let geometry = result(&frame).geometry.unwrap();
                assert_eq!((geometry.source_width, geometry.source_height), size, "frame {frames}");
                assert_eq!(size, sizes[frames / 3], "frame {frames}");
                assert_eq!(frame.size() as u32, frame_size(size), "frame {frames}");
                frames += 1;
            }
        }
    }
    assert_eq!(frames, 9);
}

fn frame_size((width, height): (u32, u32)) -> u32 {
    // GStreamer rounds the rows of gray pictures up to four bytes.
    width.next_multiple_of(4) * height
}

#[test]
fn a_frame_without_a_time_stamp_is_an_error() {
    for mode in [Mode::EveryFrame, Mode::Latest] {
        let info = picture::info(GRAY, 64, 48);
        let mut rig = Rig::with_stream(&segment("threshold", mode), &info);
        let mut buffer = picture::frame(&info, 0, Memory::Plain);
        buffer.get_mut().unwrap().set_pts(gst::ClockTime::NONE);
        assert_eq!(rig.harness.push(buffer), Err(gst::FlowError::Error), "{mode:?}");
        let complaint =
            "error: a frame has no time stamp: a result could not be told which frame it belongs to";
        assert_eq!(rig.complaints(), [complaint], "{mode:?}");
        assert_eq!(rig.frames().len(), 0, "{mode:?}");
    }
}

#[test]
fn a_stream_without_time_is_an_error() {
    let info = picture::info(GRAY, 64, 48);
    let mut rig = Rig::with_stream(&segment("threshold", Mode::EveryFrame), &info);
    let bytes = gst::FormattedSegment::<gst::format::Bytes>::new();
    // A pad keeps a sticky event that was refused, so the answer says nothing; the message does.
    rig.harness.push_event(gst::event::Segment::new(&bytes));
    let complaint = "error: the stream is not timed: put a parser or demuxer before vesaliussegment";
    assert_eq!(rig.complaints(), [complaint]);
    assert!(rig.harness.push(picture::frame(&info, 0, Memory::Plain)).is_err());
    assert_eq!(rig.frames().len(), 0);
}

#[test]
fn twenty_times_from_ready_to_playing_and_back() {
    let source = pipeline::parse(
        "videotestsrc num-buffers=5 ! capsfilter caps=video/x-raw,format=I420,width=96,height=64",
    );
    let (segment, measure, overlay) = (in_flight("threshold", 3), measure("0.2"), overlay());
    let sink = pipeline::parse("fakesink sync=false");
    let elements = [&source, segment.upcast_ref(), measure.upcast_ref(), overlay.upcast_ref(), &sink];
    let pipeline = pipeline::of(&elements);
    for round in 0..20 {
        let ended = play(&pipeline);
        assert_eq!((ended.error.as_deref(), ended.warnings()), (None, vec![]), "round {round}");
        for element in [&elements[1], &elements[2], &elements[3]] {
            assert_eq!(count(*element, "frames"), 5, "round {round}: {}", element.name());
        }
        let state = if round % 4 == 3 { gst::State::Null } else { gst::State::Ready };
        leave(&pipeline, state);
    }
    leave(&pipeline, gst::State::Null);
}

#[test]
fn the_declared_latency_is_that_of_the_frames_on_their_way() {
    let upstream = gst::ClockTime::from_mseconds(10);
    for (mode, in_flight, frames) in
        [(Mode::EveryFrame, 4, 3), (Mode::EveryFrame, 1, 0), (Mode::Latest, 4, 0)]
    {
        let segment = segment("threshold", mode);
        segment.set_property("max-in-flight", in_flight as u32);
        let mut rig = Rig::with_stream(&segment, &picture::info(GRAY, 64, 48));
        rig.harness.set_upstream_latency(upstream);
        assert_eq!(rig.harness.query_latency(), Some(upstream + pts(frames)), "{mode:?} {in_flight}");
    }
}

#[test]
fn a_new_latency_is_announced() {
    let segment = in_flight("threshold", MAX_IN_FLIGHT);
    let mut rig = Rig::new(&segment);
    let announced =
        |rig: &Rig| std::iter::from_fn(|| rig.bus.pop_filtered(&[gst::MessageType::Latency])).count();
    let info = picture::info(GRAY, 64, 48);
    rig.set_caps(&info);
    assert_eq!(announced(&rig), 1, "three frames at a rate that is known now");
    rig.set_caps(&picture::info(GRAY, 32, 24));
    assert_eq!(announced(&rig), 0, "the same rate");
    let slower = gst_video::VideoInfo::builder(GRAY, 64, 48).fps(gst::Fraction::new(10, 1)).build().unwrap();
    rig.set_caps(&slower);
    assert_eq!(announced(&rig), 1, "another rate");
    let longest = gst::ClockTime::from_mseconds(300);
    assert_eq!(rig.harness.query_latency(), Some(longest));
}

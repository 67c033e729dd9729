//! Pictures that wait for what is found in them: through the elements.

use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;
use gstvesalius::{Alignment, Mode, Segment};
use vesalius_measure::result::{FrameResult, Reason, ResultStatus};
use vesalius_tests::elements::{chain, result, segment};
use vesalius_tests::picture::{self, pts};
use vesalius_tests::rig::Rig;
use vesalius_tests::wait_until;

const SIZE: (u32, u32) = (64, 48);

/// A picture with something in it, other than the one before.
fn frame(number: u64) -> gst::Buffer {
    let bright = |i: u64| (i % 64) > 8 + number % 16 && (i % 64) < 40 && i / 64 > 10 && i / 64 < 36;
    let pixels: Vec<u8> = (0..u64::from(SIZE.0 * SIZE.1)).map(|i| if bright(i) { 230 } else { 20 }).collect();
    let mut frame = gst::Buffer::from_mut_slice(pixels);
    let writable = frame.get_mut().unwrap();
    writable.set_pts(pts(number));
    writable.set_duration(pts(1));
    frame
}

/// The time between two pictures.
fn period_ns() -> u64 {
    pts(1).nseconds()
}

fn rig(segment: &Segment) -> Rig {
    let info = picture::info(gst_video::VideoFormat::Gray8, SIZE.0, SIZE.1);
    Rig::with_stream(&chain(&[segment.upcast_ref()]), &info)
}

/// Waits until the engine has looked at so many pictures.
fn looked(segment: &Segment, count: u64) {
    let done = || segment.property::<gst::Structure>("stats").get::<u64>("inferred").unwrap() >= count;
    wait_until("the engine's answer", done);
}

fn results(rig: &Rig) -> Vec<Arc<FrameResult>> {
    rig.frames().iter().map(|frame| result(frame)).collect()
}

#[test]
fn every_picture_leaves_with_its_own_result_after_the_same_wait() {
    let segment = segment("threshold", Mode::Latest);
    segment.set_property("alignment", Alignment::Delay);
    // Two and a half pictures are three.
    segment.set_property("delay", period_ns() * 5 / 2);
    let mut rig = rig(&segment);
    for number in 0..20 {
        assert_eq!(rig.harness.push(frame(number)), Ok(gst::FlowSuccess::Ok));
        assert_eq!(rig.frames().len() as u64, (number + 1).saturating_sub(3), "after picture {number}");
        looked(&segment, number + 1);
    }
    let mut query = gst::query::Latency::new();
    assert!(rig.harness.element().unwrap().static_pad("src").unwrap().query(&mut query));
    assert_eq!(query.result().1, pts(3));
    rig.harness.push_event(gst::event::Eos::new());
    let results = results(&rig);
    assert_eq!(results.len(), 20, "none is lost at the end");
    for (number, (result, out)) in results.iter().zip(rig.frames()).enumerate() {
        assert_eq!(out.pts(), Some(pts(number as u64)));
        assert_eq!((result.status, result.age_ns), (ResultStatus::Ok, 0), "picture {number}");
        assert_eq!(result.source_pts_ns, pts(number as u64).nseconds());
    }
}

#[test]
fn a_slow_engine_holds_nothing_up_and_its_results_say_their_age() {
    let segment = segment("slow", Mode::Latest);
    segment.set_property("alignment", Alignment::Delay);
    segment.set_property("delay", period_ns() * 2);
    segment.set_property("max-age", 60_000_000_000_u64);
    let mut rig = rig(&segment);
    for number in 0..40 {
        rig.harness.push(frame(number)).unwrap();
        assert_eq!(rig.frames().len() as u64, (number + 1).saturating_sub(2));
        std::thread::sleep(Duration::from_millis(5));
    }
    rig.harness.push_event(gst::event::Eos::new());
    assert_eq!(rig.frames().len(), 40);
    for (result, out) in results(&rig).iter().zip(rig.frames()) {
        let pts_ns = out.pts().unwrap().nseconds();
        assert!(result.source_pts_ns <= pts_ns, "a result of a picture to come");
        if result.status == ResultStatus::Ok {
            assert_eq!(result.age_ns, pts_ns - result.source_pts_ns);
        }
    }
}

#[test]
fn off_counts_for_the_pictures_that_wait_and_a_flush_leaves_none() {
    let segment = segment("threshold", Mode::Latest);
    segment.set_property("alignment", Alignment::Delay);
    segment.set_property("delay", period_ns() * 3);
    let mut rig = rig(&segment);
    for number in 0..6 {
        rig.harness.push(frame(number)).unwrap();
        looked(&segment, number + 1);
    }
    segment.set_property("enabled", false);
    rig.harness.push(frame(6)).unwrap();
    let last = results(&rig).pop().unwrap();
    assert_eq!(last.status, ResultStatus::Missing(Reason::Off));
    // Back to pictures that do not wait: those that do go first.
    segment.set_property("alignment", Alignment::Lag);
    rig.harness.push(frame(7)).unwrap();
    let times: Vec<_> = rig.frames().iter().map(|frame| frame.pts().unwrap()).collect();
    assert_eq!(times, (0..8).map(pts).collect::<Vec<_>>());
    segment.set_property("alignment", Alignment::Delay);
    rig.harness.push(frame(8)).unwrap();
    rig.harness.push_event(gst::event::FlushStart::new());
    rig.harness.push_event(gst::event::FlushStop::new(true));
    rig.harness.push_event(gst::event::Eos::new());
    assert_eq!(rig.frames().len(), 8);
}

//! The newest-frame mode: the picture never waits, and every result says how old it is.
//!
//! ```text
//! harness ── vesaliussegment mode=latest ── vesaliusmeasure ── harness
//! ```

use std::time::{Duration, Instant};

use gst::prelude::*;
use gstvesalius::{Mode, Segment};
use vesalius_measure::result::{Reason, ResultStatus};
use vesalius_tests::elements::{chain, count, measure, result, segment};
use vesalius_tests::picture::{self, Memory, pts};
use vesalius_tests::rig::Rig;
use vesalius_tests::wait_until;

/// Ten frames: a result may be that old, and not older.
const MAX_AGE_FRAMES: u64 = 10;

struct Live {
    segment: Segment,
    rig: Rig,
    info: gst_video::VideoInfo,
}

impl Live {
    fn new(engine: &str) -> Self {
        let segment = segment(engine, Mode::Latest);
        segment.set_property("max-age", pts(MAX_AGE_FRAMES).nseconds());
        let info = picture::info(gst_video::VideoFormat::Nv12, 320, 240);
        let rig = Rig::with_stream(&chain(&[segment.upcast_ref(), measure("").upcast_ref()]), &info);
        Self { segment, rig, info }
    }

    /// Sends a frame on its way, which must come out before this returns.
    fn push_with(&mut self, number: u64, flags: gst::BufferFlags) -> gst::Buffer {
        let mut frame = picture::frame(&self.info, number, Memory::Plain);
        frame.get_mut().unwrap().set_flags(flags);
        let before = self.rig.frames().len();
        assert_eq!(self.rig.harness.push(frame), Ok(gst::FlowSuccess::Ok));
        let frames = self.rig.frames();
        assert_eq!(frames.len(), before + 1, "the picture does not wait");
        frames[before].clone()
    }

    fn push(&mut self, number: u64) -> gst::Buffer {
        self.push_with(number, gst::BufferFlags::empty())
    }

    /// Waits until the engine has looked at `frames` frames in all.
    fn wait_for(&self, frames: u64) {
        wait_until("the engine has looked at a frame", || count(&self.segment, "inferred") >= frames);
    }
}

#[test]
fn pushing_takes_no_part_of_the_time_of_the_network() {
    let mut live = Live::new("slow");
    let mut times: Vec<Duration> = (0..100)
        .map(|number| {
            let frame = picture::frame(&live.info, number, Memory::Plain);
            let start = Instant::now();
            assert_eq!(live.rig.harness.push(frame), Ok(gst::FlowSuccess::Ok));
            start.elapsed()
        })
        .collect();
    live.wait_for(1);
    let stats: gst::Structure = live.segment.property("stats");
    let network = Duration::from_nanos(stats.get::<u64>("inference-p50").unwrap());
    times.sort_unstable();
    let (median, all) = (times[50], times.iter().sum::<Duration>());
    // The median is what a push costs; the sum allows for a machine that has other work to do as well.
    assert!(median * 10 < network, "a push took {median:?}, the network takes {network:?}");
    assert!(all < 50 * network, "a hundred pushes took {all:?}, the network takes {network:?}");
    assert_eq!(live.rig.frames().len(), 100);
    let (inferred, skipped) = (count(&live.segment, "inferred"), count(&live.segment, "skipped"));
    assert!(inferred + skipped <= 100 && skipped > 50, "{inferred} looked at, {skipped} skipped");
}

#[test]
fn a_result_says_whose_it_is_and_how_old() {
    let mut live = Live::new("slow");
    let first = result(&live.push(0));
    assert_eq!(first.status, ResultStatus::Missing(Reason::NoResultYet));
    assert_eq!((first.measurements.len(), first.classes.len()), (0, 0));
    live.wait_for(1);
    // As old as can be and still used; then one frame older.
    for (number, status) in
        [(MAX_AGE_FRAMES, ResultStatus::Ok), (2 * MAX_AGE_FRAMES + 1, ResultStatus::Missing(Reason::Stale))]
    {
        let newest = result(&live.push(number));
        let source = if number == MAX_AGE_FRAMES { 0 } else { MAX_AGE_FRAMES };
        assert_eq!(newest.status, status, "frame {number}");
        assert_eq!(newest.source_pts_ns, pts(source).nseconds(), "frame {number}");
        assert_eq!(newest.age_ns, pts(number - source).nseconds(), "frame {number}");
        assert_eq!(newest.measurements.is_empty(), status != ResultStatus::Ok, "frame {number}");
        assert_eq!(newest.found_something(), status == ResultStatus::Ok, "frame {number}");
        live.wait_for(if number == MAX_AGE_FRAMES { 2 } else { 3 });
    }
    assert_eq!(count(&live.segment, "stale"), 1);
}

#[test]
fn what_breaks_the_stream_takes_the_old_result_away() {
    type Break = (&'static str, fn(&mut Live));
    let breaks: [Break; 4] = [
        ("a flush", |live| {
            live.rig.harness.push_event(gst::event::FlushStart::new());
            live.rig.harness.push_event(gst::event::FlushStop::new(true));
            let restart = gst::FormattedSegment::<gst::ClockTime>::new();
            live.rig.harness.push_event(gst::event::Segment::new(&restart));
        }),
        ("a gap", |live| {
            live.rig.harness.push_event(gst::event::Gap::builder(pts(1)).duration(pts(1)).build());
        }),
        ("another size", |live| {
            live.info = picture::info(gst_video::VideoFormat::Nv12, 64, 48);
            let info = live.info.clone();
            live.rig.set_caps(&info);
        }),
        ("a discontinuity", |_| {}),
    ];
    for (what, break_stream) in breaks {
        // Slow, so that no answer is there as soon as its question.
        let mut live = Live::new("slow");
        live.push(0);
        live.wait_for(1);
        assert_eq!(result(&live.push(1)).status, ResultStatus::Ok, "{what}");
        live.wait_for(2);
        break_stream(&mut live);
        let discont = what == "a discontinuity";
        let flags = if discont { gst::BufferFlags::DISCONT } else { gst::BufferFlags::empty() };
        let after = result(&live.push_with(2, flags));
        assert_eq!(after.status, ResultStatus::Missing(Reason::NoResultYet), "{what}");
        live.wait_for(3);
        let next = result(&live.push(3));
        assert_eq!((next.status, next.source_pts_ns), (ResultStatus::Ok, pts(2).nseconds()), "{what}");
    }
}

#[test]
fn an_answer_to_a_question_from_before_the_break_is_not_used() {
    let mut live = Live::new("slow");
    live.push(0);
    // The engine is at work on frame 0 now; its answer comes after the break.
    let after = result(&live.push_with(1, gst::BufferFlags::DISCONT));
    assert_eq!(after.status, ResultStatus::Missing(Reason::NoResultYet));
    live.wait_for(1);
    // On a busy machine the answer for frame 1 may be there by now, but none may be for frame 0.
    let next = result(&live.push(2));
    let is_new = next.status == ResultStatus::Ok && next.source_pts_ns >= pts(1).nseconds();
    assert!(is_new || next.status == ResultStatus::Missing(Reason::NoResultYet), "{next:?}");
    live.wait_for(2);
    let later = result(&live.push(3));
    assert_eq!(later.status, ResultStatus::Ok);
    assert!(later.source_pts_ns >= pts(1).nseconds(), "frame 0 was before the break");
}

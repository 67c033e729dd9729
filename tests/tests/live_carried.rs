//! Outlines that are older than the picture, carried along with it: through the elements, on a disc that moves.

use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;
use gstvesalius::{Alignment, Mode, Segment};
use vesalius_draw::{Layer, Style, draw_result};
use vesalius_measure::geometry::PointInFrame;
use vesalius_measure::result::{FrameResult, ResultStatus};
use vesalius_pipeline::live::Alignment as JobAlignment;
use vesalius_tests::elements::{chain, measure, result, segment};
use vesalius_tests::job::{Running, is_live};
use vesalius_tests::picture::{self, pts};
use vesalius_tests::rig::Rig;
use vesalius_tests::wait_until;

const SIZE: (usize, usize) = (320, 240);

/// Where the disc is in a frame.
fn center(number: u64) -> (f64, f64) {
    (90.0 + 4.0 * number as f64, 130.0 - number as f64)
}

/// A textured bright disc, three pixels further to the right and one higher with each frame, on a dark texture that stays.
fn frame(number: u64) -> gst::Buffer {
    let (cx, cy) = center(number);
    let level = |x: f64, y: f64| {
        let (dx, dy) = (x - cx, y - cy);
        if dx.hypot(dy) < 45.0 {
            215.0 + 15.0 * (dx / 7.0).sin() * (dy / 9.0).cos()
        } else {
            40.0 + 20.0 * (x / 11.0).sin() * (y / 13.0).cos()
        }
    };
    let pixels: Vec<u8> =
        (0..SIZE.0 * SIZE.1).map(|i| level((i % SIZE.0) as f64, (i / SIZE.0) as f64) as u8).collect();
    let mut frame = gst::Buffer::from_mut_slice(pixels);
    let writable = frame.get_mut().unwrap();
    writable.set_pts(pts(number));
    writable.set_duration(pts(1));
    frame
}

struct Live {
    segment: Segment,
    rig: Rig,
    number: u64,
}

impl Live {
    fn new(set: impl FnOnce(&Segment)) -> Self {
        let segment = segment("threshold", Mode::Latest);
        segment.set_property("alignment", Alignment::Motion);
        // A machine that does other things too takes long.
        segment.set_property("motion-within", 20_000_000_000_u64);
        segment.set_property("max-age", 10_000_000_000_u64);
        set(&segment);
        let info = picture::info(gst_video::VideoFormat::Gray8, SIZE.0 as u32, SIZE.1 as u32);
        let rig = Rig::with_stream(&chain(&[segment.upcast_ref(), measure("0.2").upcast_ref()]), &info);
        Self { segment, rig, number: 0 }
    }

    /// Sends the next frame; its number and what goes with it.
    fn push(&mut self) -> (u64, Arc<FrameResult>) {
        let (number, before) = (self.number, self.rig.frames().len());
        self.number += 1;
        assert_eq!(self.rig.harness.push(frame(number)), Ok(gst::FlowSuccess::Ok));
        (number, result(&self.rig.frames()[before]))
    }

    /// Sends frames, up to the edge of the picture, until a result that is older than its frame goes with one.
    fn push_until_old(&mut self) -> (u64, Arc<FrameResult>) {
        let mut found = None;
        wait_until("a result of an earlier frame", || {
            if self.number > 30 {
                self.rig.harness.push_event(gst::event::FlushStart::new());
                self.rig.harness.push_event(gst::event::FlushStop::new(true));
                panic!("the disc has left the picture before a result came");
            }
            let (number, result) = self.push();
            std::thread::sleep(Duration::from_millis(40));
            if result.status == ResultStatus::Ok && result.age_ns > 0 {
                found = Some((number, result));
            }
            found.is_some()
        });
        found.unwrap()
    }

    fn stat(&self, name: &str) -> u64 {
        self.segment.property::<gst::Structure>("stats").get(name).unwrap()
    }
}

/// The middle of the largest outline.
fn middle(result: &FrameResult) -> (f64, f64) {
    let outer: &[PointInFrame] = &result.classes[0].contours[0].outer;
    let n = outer.len() as f64;
    outer.iter().fold((0.0, 0.0), |(x, y), p| (x + p.x_px / n, y + p.y_px / n))
}

fn off(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

#[test]
fn an_outline_goes_with_the_picture_and_its_values_stay() {
    let mut live = Live::new(|_| {});
    let (number, result) = live.push_until_old();
    let source = result.source_pts_ns * picture::FPS / 1_000_000_000;
    assert!(source < number);
    // The outline itself is where it was found.
    assert!(off(middle(&result), center(source)) < 1.5, "{:?} {:?}", middle(&result), center(source));
    let motion = result.motion.as_ref().expect("it is carried");
    let carried = motion.carried(&result);
    let (was, is) = (off(middle(&result), center(number)), off(middle(&carried), center(number)));
    assert!(is < 0.4 * was && is < 2.0, "{is} of {was} pixels off");
    assert_eq!(carried.measurements, result.measurements);
    assert!(live.stat("carried") > 0 && live.stat("carried-late") == 0);
    // Drawn, it stands where it is carried to.
    let style = Style { show_status: false, show_values: false, notice: String::new(), ..Style::default() };
    let drawn = |result: &FrameResult| {
        let mut layer = Layer::new(SIZE.0, SIZE.1).unwrap();
        draw_result(&mut layer, result, &style);
        (0..SIZE.0 * SIZE.1).map(|i| layer.pixel(i % SIZE.0, i / SIZE.0)).collect::<Vec<_>>()
    };
    let there = drawn(&FrameResult { motion: None, ..carried.clone() });
    let here = drawn(&FrameResult { motion: None, ..(*result).clone() });
    assert!(drawn(&result) == there && there != here);
}

#[test]
fn where_it_takes_too_long_it_stays_where_it_was_found() {
    let mut live = Live::new(|segment| segment.set_property("motion-within", 0_u64));
    let (_, result) = live.push_until_old();
    assert!(result.motion.is_none());
    assert!(live.stat("carried") == 0 && live.stat("carried-late") > 0);
}

#[test]
fn without_being_asked_nothing_is_carried() {
    let mut live = Live::new(|segment| segment.set_property("alignment", Alignment::Lag));
    let (_, result) = live.push_until_old();
    assert!(result.motion.is_none());
    assert_eq!(live.stat("carried"), 0);
}

#[test]
fn a_live_job_says_what_it_carries() {
    let folder = tempfile::tempdir().unwrap();
    let ball = "launch:videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1";
    let job = Running::start(ball, "threshold", |options| {
        options.alignment = JobAlignment::Motion;
        // A machine that does other things too takes long.
        options.motion_within = Duration::from_millis(150);
        options.folder = Some(folder.path().to_owned());
        options.record = true;
    });
    let carried = || job.live_frames().iter().filter(|f| f.result.motion.is_some()).count();
    wait_until("results are carried", || carried() > 5);
    let before = job.latency().carried;
    assert!(before > 0);
    assert!(job.live_frames().iter().all(|f| is_live(&f.result) && f.result.age_ns <= 200_000_000));
    job.end().unwrap();
    let mut files = std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path());
    let account = files.find(|path| path.to_string_lossy().ends_with("-account.jsonl")).unwrap();
    let text = std::fs::read_to_string(account).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let counted = lines.iter().filter(|line| line["carried"] == true).count() as u64;
    assert_eq!(lines.last().unwrap()["carried"], counted);
    assert!(lines.iter().filter(|l| l["carried"] == true).all(|l| l["age_ms"].as_f64().unwrap() > 0.0));
}

//! What stands on a live picture: off, loading, fault, frozen, no signal; and that nothing of what was is left on it.
//!
//! ```text
//! harness ── vesaliussegment mode=latest ── vesaliusmeasure ── harness
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstvesalius::{Anew, Mode, Segment, StateMessage, anew_event, signal_event};
use vesalius_draw::{Layer, Style, draw_result};
use vesalius_measure::live::{AiState, SignalState};
use vesalius_measure::result::{FrameResult, Reason, ResultStatus};
use vesalius_tests::elements::{chain, count, measure, overlay, result, segment};
use vesalius_tests::picture::{self, Memory, pts};
use vesalius_tests::rig::Rig;
use vesalius_tests::{engine, wait_until};

struct Live {
    segment: Segment,
    rig: Rig,
    info: gst_video::VideoInfo,
    number: u64,
}

impl Live {
    /// `set` is given the element before it starts.
    fn with(engine: &str, set: impl FnOnce(&Segment)) -> Self {
        let segment = segment(engine, Mode::Latest);
        set(&segment);
        let info = picture::info(gst_video::VideoFormat::Gray8, 320, 240);
        let rig = Rig::with_stream(&chain(&[segment.upcast_ref(), measure("0.2").upcast_ref()]), &info);
        Self { segment, rig, info, number: 0 }
    }

    fn new(engine: &str) -> Self {
        Self::with(engine, |_| {})
    }

    /// Sends a frame, which must come out at once.
    fn send(&mut self, frame: gst::Buffer) -> Arc<FrameResult> {
        let (before, start) = (self.rig.frames().len(), Instant::now());
        assert_eq!(self.rig.harness.push(frame), Ok(gst::FlowSuccess::Ok));
        assert!(
            start.elapsed() < Duration::from_millis(500),
            "the picture does not wait: {:?}",
            start.elapsed()
        );
        let frames = self.rig.frames();
        assert_eq!(frames.len(), before + 1, "no frame is lost");
        result(&frames[before])
    }

    /// Sends the next frame, with a bright ellipse.
    fn push(&mut self) -> Arc<FrameResult> {
        self.number += 1;
        self.send(picture::frame(&self.info, self.number, Memory::Plain))
    }

    /// Sends the next frame, bright all over.
    fn push_bright(&mut self) -> Arc<FrameResult> {
        self.number += 1;
        let mut frame = gst::Buffer::from_mut_slice(vec![230_u8 + (self.number % 20) as u8; 320 * 240]);
        let writable = frame.get_mut().unwrap();
        writable.set_pts(pts(self.number));
        writable.set_duration(pts(1));
        self.send(frame)
    }

    /// Sends frames at their pace until a result says what is waited for; how long that took.
    fn push_until(&mut self, bright: bool, what: &str, is_so: impl Fn(&FrameResult) -> bool) -> Duration {
        let start = Instant::now();
        wait_until(what, || {
            let result = if bright { self.push_bright() } else { self.push() };
            std::thread::sleep(Duration::from_millis(5));
            is_so(&result)
        });
        start.elapsed()
    }
}

fn ai(result: &FrameResult) -> AiState {
    result.live.as_ref().expect("a live result says how things are").ai
}

fn signal(result: &FrameResult) -> SignalState {
    result.live.as_ref().expect("a live result says how things are").signal
}

fn is_missing(result: &FrameResult, reason: Reason) -> bool {
    result.status == ResultStatus::Missing(reason)
        && result.classes.is_empty()
        && result.measurements.is_empty()
        && result.marks.is_empty()
}

#[test]
fn off_takes_effect_with_the_next_frame_while_inference_hangs_and_on_as_fast() {
    let mut live = Live::with("hang", |segment| segment.set_property("deadline", 700_000_000_u64));
    live.push_until(false, "a result", |r| r.status == ResultStatus::Ok);
    live.push_bright();
    // The engine hangs now.
    live.push_until(true, "the deadline is over", |r| ai(r) == AiState::Fault);
    live.segment.set_property("enabled", false);
    let off = live.push_bright();
    assert!(is_missing(&off, Reason::Off), "{off:?}");
    assert_eq!(ai(&off), AiState::Off);
    assert!(!live.segment.property::<bool>("enabled"));
    // The run that hung was ended, so the engine is there again when it is wanted.
    let busy = Instant::now();
    while busy.elapsed() < Duration::from_millis(900) {
        assert!(is_missing(&live.push(), Reason::Off));
        std::thread::sleep(Duration::from_millis(20));
    }
    // The best of a few: what else the machine has to do is not the element's.
    let took = (0..5).map(|_| {
        live.segment.set_property("enabled", false);
        assert!(is_missing(&live.push(), Reason::Off));
        live.segment.set_property("enabled", true);
        live.push_until(false, "a result", |r| r.status == ResultStatus::Ok)
    });
    let took = took.min().unwrap();
    assert!(took < Duration::from_millis(100), "{took:?}");
    live.push_until(false, "all is well", |r| ai(r) == AiState::Running);
}

#[test]
fn a_run_that_hangs_is_ended_and_the_engine_answers_again() {
    let mut live = Live::with("hang", |segment| segment.set_property("deadline", 500_000_000_u64));
    live.push_until(false, "a result", |r| r.status == ResultStatus::Ok);
    // From then on nothing is shown but what is known: too old, then a fault with its reason.
    live.push_until(true, "the old result is gone", |r| r.status != ResultStatus::Ok);
    let mut why = String::new();
    live.push_until(true, "a fault", |r| ai(r) == AiState::Fault);
    for _ in 0..3 {
        let result = live.push_bright();
        assert!(!result.found_something());
        why = result.live.as_ref().unwrap().why.clone();
    }
    assert!(!why.is_empty() && !why.contains('\n'), "{why:?}");
    live.push_until(false, "a result again", |r| r.status == ResultStatus::Ok);
    assert!(count(&live.segment, "failed") >= 1, "the run that was ended counts");
}

#[test]
fn nothing_is_drawn_when_off_but_the_word() {
    vesalius_tests::init();
    let (segment, overlay) = (segment("threshold", Mode::Latest), overlay());
    segment.set_property("enabled", false);
    let info = picture::info(gst_video::VideoFormat::Gray8, 640, 480);
    let measure = measure("0.2");
    let parts = [segment.upcast_ref(), measure.upcast_ref(), overlay.upcast_ref()];
    let mut rig = Rig::with_stream(&chain(&parts), &info);
    let style = Style { notice: String::new(), ..Style::default() };
    overlay.set_property("notice", "");
    for number in 0..5 {
        let frame = picture::frame(&info, number, Memory::Plain);
        let before = picture::bytes(&frame);
        assert_eq!(rig.harness.push(frame), Ok(gst::FlowSuccess::Ok));
        let after = rig.frames().pop().unwrap();
        let mut layer = Layer::new(640, 480).unwrap();
        draw_result(&mut layer, &result(&after), &style);
        let changed = before.iter().zip(picture::bytes(&after)).filter(|(a, b)| *a != b).count();
        let may = picture::drawn_bytes(&layer, &info, Memory::Plain);
        let wrong =
            before.iter().zip(picture::bytes(&after)).zip(&may).filter(|((a, b), may)| *a != b && !**may);
        assert_eq!(wrong.count(), 0);
        // The status alone: a small part of the picture, all of it in its corner.
        assert!(changed > 100 && changed < 640 * 480 / 40, "{changed}");
        let above =
            before.iter().zip(picture::bytes(&after)).take(640 * 400).filter(|(a, b)| *a != b).count();
        assert_eq!(above, 0, "nothing but the status line");
    }
    assert_eq!(count(&segment, "inferred"), 0, "no frame is looked at");
}

#[test]
fn running_and_nothing_found_is_another_picture_than_off_or_loading() {
    let mut live = Live::new("threshold");
    live.push_until(false, "something is found", FrameResult::found_something);
    let found = live.push();
    let mut nothing = (*found).clone();
    nothing.classes.iter_mut().for_each(|class| class.contours.clear());
    nothing.measurements.clear();
    nothing.marks.clear();
    live.segment.set_property("enabled", false);
    let off = live.push();
    let draw = |result: &FrameResult| {
        let mut layer = Layer::new(640, 480).unwrap();
        draw_result(&mut layer, result, &Style::default());
        layer.drawn_tiles().flat_map(|(_, _, pixels)| pixels.to_vec()).collect::<Vec<_>>()
    };
    assert_ne!(draw(&nothing), draw(&off));
    assert_ne!(draw(&nothing), draw(&found));
}

#[test]
fn a_frozen_picture_keeps_no_outline_and_a_moving_one_gets_new_ones() {
    let mut live = Live::with("threshold", |segment| segment.set_property("watch-signal", true));
    live.push_until(false, "a result", |r| r.status == ResultStatus::Ok);
    let still = picture::frame(&live.info, live.number + 1, Memory::Plain);
    let mut frozen_after = None;
    for i in 1..=20_u64 {
        let mut frame = still.copy();
        frame.get_mut().unwrap().set_pts(pts(live.number + i));
        let result = live.send(frame);
        if signal(&result) == SignalState::Frozen {
            assert!(is_missing(&result, Reason::Frozen));
            frozen_after.get_or_insert(i - 1);
        } else {
            assert_eq!(frozen_after, None, "it stays frozen");
        }
    }
    // 13 frames of 40 ms are the first that are longer than 500 ms.
    assert_eq!(frozen_after, Some(13));
    live.number += 20;
    let first = live.push();
    assert_eq!(signal(&first), SignalState::Live);
    // A quick engine may have looked at this very frame by now, but nothing from before it is shown.
    let from = pts(live.number).nseconds();
    assert!(
        first.status != ResultStatus::Ok || first.source_pts_ns >= from,
        "what was found before the freeze is not shown behind it: {} of {from}",
        first.source_pts_ns
    );
    live.push_until(false, "a result", |r| r.status == ResultStatus::Ok);
}

#[test]
fn a_card_is_not_looked_at_and_a_source_that_comes_back_is_another() {
    let mut live = Live::new("threshold");
    live.push_until(false, "a value", |r| r.measurements.iter().any(|m| m.unit.ucum() == "mm"));
    live.rig.harness.push_event(signal_event(SignalState::None));
    let looked = count(&live.segment, "inferred") + 1;
    for _ in 0..10 {
        let result = live.push();
        assert!(is_missing(&result, Reason::NoSignal), "{result:?}");
    }
    assert!(count(&live.segment, "inferred") <= looked, "at most the frame that was under way");
    live.rig.harness.push_event(signal_event(SignalState::Live));
    live.rig.harness.push_event(anew_event(Anew::Source));
    live.push_until(false, "a result", |r| r.status == ResultStatus::Ok);
    let result = live.push();
    assert!(result.calibration.is_none(), "the scale was the other source's");
    assert!(result.measurements.iter().all(|m| m.unit.ucum() != "mm" || m.value.is_none()), "no millimetres");
    assert!(result.measurements.iter().any(|m| m.reason == Some(Reason::CalibrationExpired)));
}

#[test]
fn an_engine_is_loaded_while_pictures_pass_and_one_that_is_wrong_is_a_fault() {
    let mut live = Live::with("threshold", |segment| segment.set_property("load-in-background", true));
    let took = live.push_until(false, "a result", |r| r.status == ResultStatus::Ok);
    assert!(took < vesalius_tests::PATIENCE);
    let mut states = Vec::new();
    while let Some(message) = live.rig.bus.pop_filtered(&[gst::MessageType::Element]) {
        states.extend(message.structure().and_then(|s| StateMessage::try_from(s).ok()).map(|s| s.ai));
    }
    assert_eq!(states.first(), Some(&AiState::Loading), "{states:?}");
    assert!(states.windows(2).all(|w| w[0] != w[1]), "posted when something changes: {states:?}");

    let mut broken = Live::with("corrupt", |segment| segment.set_property("load-in-background", true));
    broken.push_until(false, "a fault", |r| ai(r) == AiState::Fault);
    let result = broken.push();
    assert!(is_missing(&result, Reason::InferenceFailed));
    assert!(result.live.as_ref().unwrap().why.contains("corrupt"), "{result:?}");
    assert_eq!(result.engine.name, "corrupt");
}

#[test]
fn another_engine_takes_over_when_it_is_ready_and_a_bad_one_changes_nothing() {
    let mut live = Live::new("threshold");
    live.push_until(false, "a result", |r| r.status == ResultStatus::Ok);
    for bad in ["corrupt", "no-such-engine", "nan"] {
        let said = live.segment.change_engine(&engine(bad).to_string_lossy()).unwrap_err();
        assert!(said.contains(bad) && !said.contains('\n'), "{said}");
        let result = live.push();
        assert_eq!((result.status, result.engine.name.as_str()), (ResultStatus::Ok, "threshold"));
    }
    // Pictures pass on a thread of their own while the other engine is loaded.
    let segment = live.segment.clone();
    let changing = std::thread::spawn(move || segment.change_engine(&engine("labels").to_string_lossy()));
    live.push_until(false, "the other engine's result", |r| {
        r.status == ResultStatus::Ok && r.engine.name == "labels"
    });
    assert_eq!(changing.join().unwrap(), Ok(()));
    assert!(live.segment.property::<String>("engine").ends_with("labels"));
}

//! Every pixel format at every kind of size: a frame goes in, a frame with a result comes out, and only what is
//! drawn has changed.
//!
//! ```text
//! harness ── vesaliussegment ── vesaliusmeasure ── [vesaliusoverlay] ── harness
//! ```
//!
//! Sizes: a usual one, one that is odd both ways, the smallest there is, and the engine's own. Memory: as the caps
//! say, and with padding that a video meta tells of.

use gst::prelude::*;
use gstvesalius::Mode;
use vesalius_draw::{Layer, Style, draw_result};
use vesalius_measure::result::ResultStatus;
use vesalius_tests::elements::{chain, measure, overlay, result, segment};
use vesalius_tests::picture::{self, FORMATS, Memory};
use vesalius_tests::rig::Rig;

const SIZES: [(u32, u32); 4] = [(640, 480), (207, 141), (1, 1), (64, 48)];

/// Sends three frames of each case through and hands input and output bytes to `check`.
fn for_each_case(
    with_overlay: bool,
    check: impl Fn(&str, &gst_video::VideoInfo, Memory, &[u8], &gst::Buffer),
) {
    for format in FORMATS {
        let (segment, measure) = (segment("threshold", Mode::EveryFrame), measure(""));
        let overlay = with_overlay.then(overlay);
        let mut elements: Vec<&gst::Element> = vec![segment.upcast_ref(), measure.upcast_ref()];
        elements.extend(overlay.as_ref().map(|o| o.upcast_ref::<gst::Element>()));
        let mut rig = Rig::new(&chain(&elements));
        let mut came = 0;
        for (width, height) in SIZES {
            let info = picture::info(format, width, height);
            rig.set_caps(&info);
            for memory in [Memory::Plain, Memory::Padded] {
                let case = format!("{format} {width}x{height} {memory:?}");
                let sent: Vec<_> = (0..3).map(|n| picture::frame(&info, n, memory)).collect();
                let before: Vec<_> = sent.iter().map(|b| picture::bytes(b)).collect();
                for buffer in sent {
                    assert_eq!(rig.harness.push(buffer), Ok(gst::FlowSuccess::Ok), "{case}");
                }
                // A change of caps drains; so does a query.
                assert!(rig.harness.query_latency().is_some());
                rig.harness.push_event(gst::event::Tag::new(gst::TagList::new()));
                let frames = rig.frames();
                assert_eq!(frames.len(), came + 3, "{case}: a frame in, a frame out");
                for (frame, before) in frames[came..].iter().zip(&before) {
                    check(&case, &info, memory, before, frame);
                }
                came += 3;
            }
        }
        assert_eq!(rig.complaints(), Vec::<String>::new(), "{format}");
    }
}

/// The ellipse takes π · 0.3² of the picture; a 64×48 map of it is good to 2 % of the picture.
fn check_result(case: &str, info: &gst_video::VideoInfo, frame: &gst::BufferRef) {
    let result = result(frame);
    assert_eq!(result.status, ResultStatus::Ok, "{case}");
    assert_eq!(result.source_pts_ns, frame.pts().unwrap().nseconds(), "{case}");
    let geometry = result.geometry.unwrap();
    assert_eq!((geometry.source_width, geometry.source_height), (info.width(), info.height()), "{case}");
    assert!(result.found_something(), "{case}");
    assert!(!result.measurements.is_empty(), "{case}");
    if info.width() > 1 {
        let whole = f64::from(info.width() * info.height());
        let part = result.classes[0].contours.iter().map(|c| c.area_px2).sum::<f64>() / whole;
        assert!((part - std::f64::consts::PI * 0.09).abs() < 0.02, "{case}: {part} of the picture");
    }
}

#[test]
fn segment_and_measure_leave_every_byte() {
    for_each_case(false, |case, info, _, before, frame| {
        check_result(case, info, frame);
        assert_eq!(picture::bytes(frame), before, "{case}");
    });
}

#[test]
fn overlay_changes_only_what_it_draws() {
    for_each_case(true, |case, info, memory, before, frame| {
        check_result(case, info, frame);
        let mut layer = Layer::new(info.width() as usize, info.height() as usize).unwrap();
        draw_result(&mut layer, &result(frame), &Style::default());
        let drawn = picture::drawn_bytes(&layer, info, memory);
        let after = picture::bytes(frame);
        assert_eq!(after.len(), before.len(), "{case}");
        let changed = |i: &usize| after[*i] != before[*i];
        let outside: Vec<_> = (0..after.len()).filter(|i| !drawn[*i]).filter(changed).collect();
        assert!(outside.is_empty(), "{case}: bytes changed outside of what is drawn: {outside:?}");
        let inside = (0..after.len()).filter(|i| drawn[*i]).filter(changed).count();
        // Lines are lighter or darker than both grounds, so nearly all of what is drawn shows.
        let all = drawn.iter().filter(|d| **d).count();
        assert!(all > 0 && inside * 2 > all, "{case}: {inside} of {all} drawn bytes changed");
    });
}

//! Results travel with their picture, and only with that picture; looking at a picture does not copy it.
//!
//! ```text
//! harness ── vesaliussegment ── vesaliusmeasure ── videoconvert | videoscale | videocrop | … ── harness
//! ```

use gst::prelude::*;
use gstvesalius::{Mode, ResultMeta, scale_of};
use vesalius_measure::calibration::{Calibration, CalibrationSource, Scale};
use vesalius_measure::result::ResultStatus;
use vesalius_measure::units::MmPerPx;
use vesalius_tests::elements::{chain, measure, overlay, result, segment};
use vesalius_tests::picture::{self, Memory};
use vesalius_tests::pipeline::parse;
use vesalius_tests::rig::Rig;

/// Sends an I420 picture of 160×120 with a calibration of its own through the elements and then `line`.
fn after(line: &str) -> gst::Buffer {
    let segment = segment("threshold", Mode::EveryFrame);
    let chain = chain(&[segment.upcast_ref(), measure("").upcast_ref(), &parse(line)]);
    let info = picture::info(gst_video::VideoFormat::I420, 160, 120);
    let mut rig = Rig::with_stream(&chain, &info);
    let calibration = Calibration::new(MmPerPx(0.2), MmPerPx(0.2), CalibrationSource::Table, 0.0).unwrap();
    let scale = Scale::Uniform(std::sync::Arc::new(calibration));
    let mut frame = picture::frame(&info, 0, Memory::Plain);
    gstvesalius::add_scale(frame.get_mut().unwrap(), &scale).unwrap();
    assert_eq!(rig.harness.push(frame), Ok(gst::FlowSuccess::Ok), "{line}");
    rig.harness.push_event(gst::event::Eos::new());
    vesalius_tests::wait_until("the stream ended", || rig.names().last().is_some_and(|name| name == "eos"));
    rig.frames().pop().unwrap_or_else(|| panic!("{line}: no frame came out"))
}

#[test]
fn a_result_goes_with_the_same_picture() {
    for line in [
        "videoconvert ! capsfilter caps=video/x-raw,format=RGB",
        "videoconvert ! capsfilter caps=video/x-raw,format=AYUV ! videoconvert ! capsfilter caps=video/x-raw,format=NV12",
        "videoscale ! capsfilter caps=video/x-raw,width=160,height=120",
        "identity ! queue ! identity",
        "videorate",
    ] {
        let frame = after(line);
        let result = frame.meta::<ResultMeta>().unwrap_or_else(|| panic!("{line}: lost")).result().clone();
        assert_eq!(result.status, ResultStatus::Ok, "{line}");
        assert!(result.measurements.iter().any(|m| m.unit.ucum() == "mm2"), "{line}");
    }
}

#[test]
fn a_result_does_not_go_with_another_picture() {
    for line in [
        "videoscale ! capsfilter caps=video/x-raw,width=80,height=60",
        "videoscale ! capsfilter caps=video/x-raw,width=160,height=121",
        "videoscale ! capsfilter caps=video/x-raw,width=120,height=120",
        "videocrop left=10",
        "videocrop top=8 bottom=8 left=8 right=8",
        "videobox left=-16 right=16",
        "videoflip video-direction=horiz",
    ] {
        let frame = after(line);
        assert!(frame.meta::<ResultMeta>().is_none(), "{line}");
        // A scale is as bound to the picture's geometry as an outline.
        assert_eq!(scale_of(&frame), None, "{line}");
    }
}

/// The addresses and sizes of a buffer's memory.
fn memory(buffer: &gst::BufferRef) -> Vec<(*const gst::ffi::GstMemory, usize)> {
    buffer.iter_memories().map(|memory| (memory.as_ptr(), memory.size())).collect()
}

#[test]
fn looking_at_a_shared_picture_does_not_copy_it() {
    for mode in [Mode::EveryFrame, Mode::Latest] {
        for line in ["identity", "tee name=t ! fakesink async=false  t. ! queue ! identity"] {
            let (segment, measure) = (segment("threshold", mode), measure("0.2"));
            let elements: [&gst::Element; 2] = [segment.upcast_ref(), measure.upcast_ref()];
            let info = picture::info(gst_video::VideoFormat::Nv12, 160, 120);
            let chain = chain(&[&parse(line), elements[0], elements[1]]);
            let mut rig = Rig::with_stream(&chain, &info);
            let frames: Vec<_> = (0..5).map(|n| picture::frame(&info, n, Memory::Plain)).collect();
            for frame in &frames {
                // `frames` keeps its reference: the buffer is shared, as behind a tee.
                assert_eq!(rig.harness.push(frame.clone()), Ok(gst::FlowSuccess::Ok));
            }
            rig.harness.push_event(gst::event::Eos::new());
            vesalius_tests::wait_until("all frames came out", || rig.frames().len() == frames.len());
            for (before, after) in frames.iter().zip(rig.frames()) {
                assert_eq!(memory(before), memory(&after), "{mode:?} {line}");
                assert!(before.meta::<ResultMeta>().is_none(), "the other branch's buffer stays as it was");
                result(&after);
            }
        }
    }
}

#[test]
fn drawing_on_a_shared_picture_leaves_the_other_branch_alone() {
    let (segment, overlay) = (segment("threshold", Mode::EveryFrame), overlay());
    let info = picture::info(gst_video::VideoFormat::Rgb, 160, 120);
    let mut rig = Rig::with_stream(&chain(&[segment.upcast_ref(), overlay.upcast_ref()]), &info);
    let frame = picture::frame(&info, 0, Memory::Plain);
    let before = picture::bytes(&frame);
    assert_eq!(rig.harness.push(frame.clone()), Ok(gst::FlowSuccess::Ok));
    rig.harness.push_event(gst::event::Eos::new());
    assert!(picture::bytes(&frame) == before, "the shared buffer was drawn on");
    assert!(picture::bytes(&rig.frames()[0]) != before, "nothing was drawn");
}

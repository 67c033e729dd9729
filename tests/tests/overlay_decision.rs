//! The drawing is attached where downstream reads compositions, and blended everywhere else: never lost.
//!
//! ```text
//! videotestsrc ── vesaliussegment ── vesaliusmeasure ── vesaliusoverlay ── the sink of the case
//! ```
//!
//! `fakevideosink` answers the allocation query with the composition meta. `fakesink`, `appsink` and `filesink`
//! accept the caps with compositions just as well, but would drop them.

use std::sync::Arc;

use gst::prelude::*;
use gst_video::VideoOverlayCompositionMeta;
use gstvesalius::Mode;
use parking_lot::Mutex;
use vesalius_draw::{Layer, Style, draw_result};
use vesalius_tests::elements::{chain, count, measure, overlay, result, segment};
use vesalius_tests::picture::{self, Memory};
use vesalius_tests::pipeline::{self, Ended, leave, parse, play};
use vesalius_tests::rig::Rig;

const FRAMES: u64 = 6;
const SOURCE: &str =
    "videotestsrc num-buffers=6 pattern=ball ! capsfilter caps=video/x-raw,format=NV12,width=160,height=120";

/// What left `vesaliusoverlay`.
struct Outcome {
    ended: Ended,
    attached: u64,
    blended: u64,
    /// All caps it sent.
    caps: Vec<gst::Caps>,
    /// How many rectangles went with each frame; `None` without a composition.
    rectangles: Vec<Option<usize>>,
}

/// `before` and `after` stand right before and after `vesaliusoverlay`.
fn run(before: &str, after: &str) -> Outcome {
    let (segment, measure, overlay) = (segment("threshold", Mode::EveryFrame), measure("0.2"), overlay());
    let elements: [&gst::Element; 6] = [
        &parse(SOURCE),
        segment.upcast_ref(),
        measure.upcast_ref(),
        &parse(before),
        overlay.upcast_ref(),
        &parse(after),
    ];
    let pipeline = pipeline::of(&elements);
    let caps = Arc::new(Mutex::new(Vec::new()));
    let rectangles = Arc::new(Mutex::new(Vec::new()));
    let (caps_seen, rectangles_seen) = (caps.clone(), rectangles.clone());
    let pad = overlay.static_pad("src").unwrap();
    pad.add_probe(gst::PadProbeType::DATA_DOWNSTREAM, move |_, probe| {
        match &probe.data {
            Some(gst::PadProbeData::Event(event)) => {
                if let gst::EventView::Caps(event) = event.view() {
                    caps_seen.lock().push(event.caps_owned());
                }
            }
            Some(gst::PadProbeData::Buffer(buffer)) => {
                let meta = buffer.meta::<VideoOverlayCompositionMeta>();
                rectangles_seen.lock().push(meta.map(|meta| meta.overlay().n_rectangles() as usize));
                assert!(buffer.iter_meta::<VideoOverlayCompositionMeta>().count() <= 1);
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
    let ended = play(&pipeline);
    let (attached, blended) = (count(&overlay, "attached"), count(&overlay, "blended"));
    leave(&pipeline, gst::State::Null);
    let (caps, rectangles) = (caps.lock().clone(), rectangles.lock().clone());
    Outcome { ended, attached, blended, caps, rectangles }
}

fn composes(caps: &gst::CapsRef) -> bool {
    let feature = gst_video::CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION.as_str();
    caps.features(0).is_some_and(|features| features.contains(feature))
}

#[test]
fn downstream_decides() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("filesink location={}", folder.path().join("frames.raw").display());
    let cases = [
        ("fakevideosink sync=false", true),
        ("identity ! fakevideosink sync=false", true),
        ("queue ! fakevideosink sync=false", true),
        ("fakesink", false),
        ("appsink drop=true max-buffers=1 sync=false wait-on-eos=false", false),
        (file.as_str(), false),
        ("videoconvert ! fakesink", false),
        ("queue ! videoconvert ! fakesink", false),
        ("capsfilter caps=video/x-raw ! fakevideosink sync=false", false),
        ("x264enc speed-preset=ultrafast tune=zerolatency ! fakesink", false),
    ];
    for (sink, attach) in cases {
        let outcome = run("identity", sink);
        assert_eq!((outcome.ended.error.as_deref(), outcome.ended.warnings()), (None, vec![]), "{sink}");
        let expected = if attach { (FRAMES, 0) } else { (0, FRAMES) };
        assert_eq!((outcome.attached, outcome.blended), expected, "{sink}");
        let last = outcome.caps.last().unwrap();
        assert_eq!(composes(last), attach, "{sink}: {last}");
        // Asking downstream costs one change of caps, once.
        assert!(outcome.caps.len() <= if attach { 1 } else { 2 }, "{sink}: {:?}", outcome.caps);
        assert_eq!(outcome.rectangles.len() as u64, FRAMES, "{sink}");
        assert!(outcome.rectangles.iter().all(|r| r.is_some() == attach), "{sink}: {:?}", outcome.rectangles);
    }
}

#[test]
fn a_composition_from_upstream_is_kept_beneath_ours() {
    let alone = run("identity", "fakevideosink sync=false");
    let both = run("timeoverlay", "fakevideosink sync=false");
    assert_eq!((both.ended.error.as_deref(), both.attached, both.blended), (None, FRAMES, 0));
    assert!(both.caps.iter().all(|caps| composes(caps)), "{:?}", both.caps);
    // `timeoverlay` attaches one rectangle, for what it reads downstream of us reads compositions.
    for (alone, both) in alone.rectangles.iter().zip(&both.rectangles) {
        assert_eq!(*both, alone.map(|n| n + 1), "{:?} and {:?}", alone, both);
    }
}

#[test]
fn what_upstream_would_attach_in_vain_it_blends() {
    let outcome = run("timeoverlay", "fakesink");
    assert_eq!((outcome.ended.error.as_deref(), outcome.attached, outcome.blended), (None, 0, FRAMES));
    assert!(outcome.rectangles.iter().all(Option::is_none), "{:?}", outcome.rectangles);
}

/// A rectangle of one colour at the top left.
fn somebody_elses() -> gst_video::VideoOverlayComposition {
    let mut pixels = gst::Buffer::from_mut_slice(vec![0x80_u8; 8 * 8 * 4]);
    let writable = pixels.get_mut().unwrap();
    let (flags, format) = (gst_video::VideoFrameFlags::empty(), gst_video::VideoFormat::Bgra);
    gst_video::VideoMeta::add(writable, flags, format, 8, 8).unwrap();
    let alpha = gst_video::VideoOverlayFormatFlags::PREMULTIPLIED_ALPHA;
    let rectangle = gst_video::VideoOverlayRectangle::new_raw(&pixels, 3, 4, 8, 8, alpha);
    gst_video::VideoOverlayComposition::new(Some(&rectangle)).unwrap()
}

#[test]
fn the_rectangles_from_upstream_are_the_same_and_come_first() {
    let info = picture::info(gst_video::VideoFormat::Rgba, 160, 120);
    let mut caps = info.to_caps().unwrap();
    let composition = gst_video::CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION.as_str();
    let features = gst::CapsFeatures::new([gst::CAPS_FEATURE_MEMORY_SYSTEM_MEMORY.as_str(), composition]);
    caps.get_mut().unwrap().set_features(0, Some(features));
    let overlay = overlay();
    // The upstream elements do not take compositions, so the result is made beforehand.
    let looked_at = looked_at(&info);
    let mut rig = Rig::new(&overlay);
    rig.harness.set_src_caps(caps);
    let theirs = somebody_elses();
    let mut frame = looked_at.copy();
    VideoOverlayCompositionMeta::add(frame.get_mut().unwrap(), &theirs);
    let pixels = picture::bytes(&frame);
    assert_eq!(rig.harness.push(frame), Ok(gst::FlowSuccess::Ok));
    let frame = &rig.frames()[0];
    assert!(picture::bytes(frame) == pixels, "a picture with compositions keeps its bytes");
    let meta = frame.meta::<VideoOverlayCompositionMeta>().unwrap();
    let all: Vec<_> = meta.overlay().iter().collect();
    assert!(all.len() >= 2, "{} rectangles", all.len());
    assert_eq!(all[0].render_rectangle(), (3, 4, 8, 8));
    assert_eq!(all[0].seqnum(), theirs.rectangle(0).unwrap().seqnum(), "the very same, for caches");
    assert_eq!(theirs.n_rectangles(), 1, "theirs is not changed");
}

/// A frame with its result, before anything is drawn.
fn looked_at(info: &gst_video::VideoInfo) -> gst::Buffer {
    let (segment, measure) = (segment("threshold", Mode::EveryFrame), measure("0.2"));
    let mut rig = Rig::with_stream(&chain(&[segment.upcast_ref(), measure.upcast_ref()]), info);
    assert_eq!(rig.harness.push(picture::frame(info, 0, Memory::Plain)), Ok(gst::FlowSuccess::Ok));
    rig.harness.push_event(gst::event::Eos::new());
    rig.frames().pop().unwrap()
}

#[test]
fn composing_gives_the_picture_that_blending_gives() {
    let info = picture::info(gst_video::VideoFormat::Rgba, 320, 240);
    let mut looked_at = looked_at(&info);
    {
        // Over an opaque picture the two agree; what shows through a transparent one is another question.
        let mut bytes = looked_at.make_mut().map_writable().unwrap();
        bytes.iter_mut().skip(3).step_by(4).for_each(|alpha| *alpha = 255);
    }
    let mut pictures = Vec::new();
    for composes in [false, true] {
        let mut rig = Rig::new(&overlay());
        if composes {
            rig.harness.add_propose_allocation_meta(VideoOverlayCompositionMeta::meta_api(), None);
        }
        rig.set_caps(&info);
        assert_eq!(rig.harness.push(looked_at.copy()), Ok(gst::FlowSuccess::Ok));
        let mut frame = rig.frames().pop().unwrap();
        drop(rig);
        let composition = frame.meta::<VideoOverlayCompositionMeta>().map(|meta| meta.overlay().to_owned());
        assert_eq!(composition.is_some(), composes);
        if let Some(composition) = composition {
            assert!(picture::bytes(&frame) == picture::bytes(&looked_at), "attaching changes no byte");
            let mut frame =
                gst_video::VideoFrameRef::from_buffer_ref_writable(frame.make_mut(), &info).unwrap();
            composition.blend(&mut frame).unwrap();
        }
        pictures.push(picture::bytes(&frame));
    }
    let mut layer = Layer::new(320, 240).unwrap();
    draw_result(&mut layer, &result(&looked_at), &Style::default());
    let drawn = picture::drawn_bytes(&layer, &info, Memory::Plain);
    let difference = |i: usize| pictures[0][i].abs_diff(pictures[1][i]);
    let inside = (0..drawn.len()).filter(|i| drawn[*i]).map(difference).max();
    // GStreamer rounds each of its divisions by 255 down, vesalius-draw to the nearest.
    assert!(inside.is_some_and(|worst| worst <= 2), "colours differ by up to {inside:?}");
    let outside = (0..drawn.len()).filter(|i| !drawn[*i]).map(difference).max();
    assert_eq!(outside, Some(0));
}

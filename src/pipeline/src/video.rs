//! A recording through the chain.
//!
//! ```text
//! filesrc ! decodebin ! queue ! videoconvert ! vesaliussegment ! vesaliusmeasure ─┬─ fakesink
//!                                                                               └─ vesaliusoverlay ! (encode)
//! ```

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gst::prelude::*;
use gstvesalius::{Overlay, Segment};
use parking_lot::Mutex;
use vesalius_dicom::Recording;
use vesalius_ledger::summary::ObjectSummary;
use vesalius_measure::calibration::Scale;
use vesalius_measure::result::Reason;

use crate::bus::{self, BusError, End, Heard};
use crate::collect::{Position, result_of};
use crate::cut_off;
use crate::encode::{self, Coding, SMALLEST, make};
use crate::error::ReplayError;
use crate::events::NotedEvent;
use crate::fed::Fed;
use crate::input::file_name;
use crate::replay::{self, Control, ReplayOptions};
use crate::source::{self, Met};
use crate::write::{FrameItem, Intake};

/// Longest time that the frames within the chain may take to come out after an error.
const DRAIN: Duration = Duration::from_secs(20);

/// Picture sizes seen at the entry of the chain.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    first: Option<(u32, u32)>,
    now: Option<(u32, u32)>,
    /// The size that an annotated video could not follow.
    refused: Option<(u32, u32)>,
}

/// What the probes share.
#[derive(Default)]
struct Shared {
    sizes: Mutex<Sizes>,
    met: Arc<Met>,
    /// Frames whose time stamp was missing and was continued from the one before.
    guessed_pts: AtomicU64,
    link_error: Mutex<Option<ReplayError>>,
}

/// What a recording gave beside its results.
#[derive(Default)]
pub(crate) struct VideoEnd {
    pub(crate) error: Option<ReplayError>,
    pub(crate) warnings: Vec<String>,
    /// First thing the engine said when it failed on a frame.
    pub(crate) inference_error: Option<String>,
    /// The objects that were followed.
    pub(crate) objects: ObjectSummary,
}

/// Runs a recording. `annotated` is where the annotated video goes, if one is wanted.
pub(crate) fn run(
    path: &Path,
    recording: Option<Recording>,
    options: &ReplayOptions,
    scale: Option<Scale>,
    annotated: Option<&Path>,
    intake: Intake,
    control: &mut Control<'_>,
) -> Result<VideoEnd, ReplayError> {
    let pipeline = gst::Pipeline::new();
    let position = Arc::new(Position::default());
    let shared = Arc::new(Shared::default());
    let stop = Arc::new(AtomicBool::new(false));
    let segment = options.segment();
    let (entry, fed) = build(&pipeline, path, recording, options, &segment, annotated, &shared)?;
    watch_entry(&entry, &segment, scale, options.events.clone(), annotated.is_some(), &shared, &stop)?;
    let last: gst::Element = pipeline.by_name("last").ok_or_else(|| failed(path, "it has no end"))?;
    collect(&last, path, intake, &position, &stop)?;

    let mut heard = Heard::default();
    let mut feeder = None;
    let end = match pipeline.set_state(gst::State::Playing) {
        Ok(_) => {
            feeder = fed.map(|fed| fed.feed(stop.clone(), shared.met.clone())).transpose()?;
            bus::run(&pipeline, &mut heard, &stop, &position, || {
                let duration = pipeline.query_duration::<gst::ClockTime>().map(|d| d.nseconds());
                let done = duration.filter(|d| *d > 0).map(|d| position.pts_ns() as f64 / d as f64);
                control.tell(path, position.frames(), done)
            })
        }
        Err(_) => End::Error(bus::startup_error(&pipeline).unwrap_or_else(BusError::no_start)),
    };
    if let (End::Error(error), Some(_), true) = (&end, annotated, position.frames() > 0) {
        drain(&pipeline, error, &entry, &last);
    }
    let objects = replay::objects(&pipeline);
    // Elements down to NULL also closes the annotated video's file.
    let _ = pipeline.set_state(gst::State::Null);
    if let Some(feeder) = feeder {
        let _ = feeder.join();
    }
    if let Some(annotated) = annotated {
        remove_unplayable(annotated);
    }
    control.tell(path, position.frames(), None);
    let mut outcome = VideoEnd { objects, ..VideoEnd::default() };
    for warning in heard.warnings {
        if warning.element.contains("vesaliussegment") {
            outcome.inference_error = Some(warning.message);
        } else if warning.element.contains("vesalius") {
            outcome.warnings.push(warning.message);
        }
    }
    let guessed = shared.guessed_pts.load(Ordering::Acquire);
    if guessed > 0 {
        outcome
            .warnings
            .push(format!("{guessed} frames had no time stamp: it was continued from the frame before"));
    }
    outcome.error = judge(path, &end, &shared, position.frames(), stop.load(Ordering::Acquire));
    Ok(outcome)
}

fn failed(path: &Path, message: &str) -> ReplayError {
    ReplayError::Pipeline { path: path.to_owned(), message: message.to_owned() }
}

/// After an error, lets the frames behind it run out into the annotated video, so that it is closed properly.
fn drain(pipeline: &gst::Pipeline, error: &BusError, entry: &gst::Element, last: &gst::Element) {
    // The end is sent in behind the element that failed.
    let behind = if source::is_of_decoding(error) || error.element.is_empty() {
        entry.static_pad("sink")
    } else if error.is_from(&["vesalius"]) {
        last.static_pad("src").and_then(|pad| pad.peer())
    } else {
        None
    };
    let (Some(pad), Some(bus)) = (behind, pipeline.bus()) else { return };
    // From another thread: the pad may be busy as long as the frames before it are.
    entry.call_async(move |_| {
        pad.send_event(gst::event::Eos::new());
    });
    let patience = gst::ClockTime::from_nseconds(DRAIN.as_nanos() as u64);
    bus.timed_pop_filtered(patience, &[gst::MessageType::Eos]);
}

/// A video that could not even be begun is none.
fn remove_unplayable(annotated: &Path) {
    if std::fs::metadata(annotated).is_ok_and(|file| file.is_file()) && !cut_off::has_movie_box(annotated) {
        let _ = std::fs::remove_file(annotated);
    }
}

/// Puts the fixed part of the pipeline together and returns its entry, which takes decoded frames.
fn build(
    pipeline: &gst::Pipeline,
    path: &Path,
    recording: Option<Recording>,
    options: &ReplayOptions,
    segment: &Segment,
    annotated: Option<&Path>,
    shared: &Arc<Shared>,
) -> Result<(gst::Element, Option<Fed>), ReplayError> {
    // One frame ahead: enough for the decoder to work beside measuring and drawing; a frame waiting is memory.
    let queue = make("queue", "libgstreamer1.0-0")?;
    queue.set_property("max-size-buffers", 1_u32);
    queue.set_property("max-size-bytes", 0_u32);
    queue.set_property("max-size-time", 0_u64);
    let convert = make("videoconvert", "gstreamer1.0-plugins-base")?;
    let measure = options.measure();
    let parts =
        [&queue, &convert, segment.upcast_ref::<gst::Element>(), measure.upcast_ref::<gst::Element>()];
    let refused = |_| failed(path, "its elements cannot be linked");
    pipeline.add_many(parts).map_err(refused)?;
    gst::Element::link_many(parts).map_err(refused)?;
    if annotated.is_none() {
        let sink = make("fakesink", "libgstreamer1.0-0")?;
        sink.set_property("name", "last");
        sink.set_property("sync", false);
        take_any_strides(&sink);
        pipeline.add(&sink).map_err(refused)?;
        measure.link(&sink).map_err(refused)?;
    } else {
        let overlay = Overlay::new();
        overlay.set_property("name", "last");
        pipeline.add(&overlay).map_err(refused)?;
        measure.link(&overlay).map_err(refused)?;
    }

    let (entry, weak, shared2) = (queue.clone(), pipeline.downgrade(), shared.clone());
    let (location, input) = (annotated.map(Path::to_owned), path.to_owned());
    let fed = source::add(pipeline, path, recording, &shared.met, move |pad| {
        let (Some(sink), Some(pipeline)) = (entry.static_pad("sink"), weak.upgrade()) else { return false };
        if let Some(location) = &location
            && let Err(error) = add_encoder(&pipeline, &input, pad, location)
        {
            *shared2.link_error.lock() = Some(error);
            // Nobody will take the frames: the decoder's error ends the run, the one kept above says why.
            return false;
        }
        pad.link(&sink).is_ok()
    })?;
    Ok((queue, fed))
}

/// Says for a sink that looks at no frame that rows may lie apart as the decoder has them. Where nobody says so the decoder copies
/// every frame.
fn take_any_strides(sink: &gst::Element) {
    let Some(pad) = sink.static_pad("sink") else { return };
    pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, |_, info| {
        match info.query_mut().map(gst::QueryRef::view_mut) {
            Some(gst::QueryViewMut::Allocation(query)) => {
                query.add_allocation_meta::<gst_video::VideoMeta>(None);
                gst::PadProbeReturn::Handled
            }
            _ => gst::PadProbeReturn::Ok,
        }
    });
}

/// Adds the coder once the size of the picture is known.
fn add_encoder(
    pipeline: &gst::Pipeline,
    input: &Path,
    pad: &gst::Pad,
    location: &Path,
) -> Result<(), ReplayError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let structure = caps.structure(0);
    let side = |name| structure.and_then(|s| s.get::<i32>(name).ok()).and_then(|v| u32::try_from(v).ok());
    let (width, height) = (side("width").unwrap_or(SMALLEST), side("height").unwrap_or(SMALLEST));
    if width.min(height) < SMALLEST {
        return Err(ReplayError::Encode {
            path: input.to_owned(),
            message: format!("H.264 holds pictures from {SMALLEST}x{SMALLEST} on, not {width}x{height}"),
        });
    }
    let coding = Coding::of(width, height);
    let first = encode::add(pipeline, coding, location)?;
    let last = pipeline.by_name("last").ok_or_else(|| failed(location, "it has no end"))?;
    last.link(&first).map_err(|_| failed(location, "the coder cannot be linked"))?;
    // From the end to the front, so that nothing is pushed into an element that is not ready.
    let mut added = vec![first];
    while let Some(next) = added
        .last()
        .and_then(|e| e.static_pad("src"))
        .and_then(|src| src.peer())
        .and_then(|peer| peer.parent_element())
    {
        added.push(next);
    }
    for element in added.iter().rev() {
        element
            .sync_state_with_parent()
            .map_err(|_| ReplayError::Output { path: location.to_owned(), source: cannot_open(location) })?;
    }
    Ok(())
}

/// Why a file cannot be opened for writing, asked of the system itself.
fn cannot_open(location: &Path) -> std::io::Error {
    match std::fs::OpenOptions::new().append(true).create(true).open(location) {
        Err(error) => error,
        Ok(_) => std::io::Error::other("the coder does not start"),
    }
}

/// Watches what enters the chain: sizes, time stamps, the calibration of each frame, the wish to stop.
fn watch_entry(
    entry: &gst::Element,
    segment: &Segment,
    scale: Option<Scale>,
    events: Vec<NotedEvent>,
    one_size: bool,
    shared: &Arc<Shared>,
    stop: &Arc<AtomicBool>,
) -> Result<(), ReplayError> {
    let missing = || failed(Path::new("the input"), "an element has no sink pad");
    let decoded = entry.static_pad("sink").ok_or_else(missing)?;
    let stopping = stop.clone();
    decoded.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
        if !stopping.load(Ordering::Acquire) {
            return gst::PadProbeReturn::Ok;
        }
        // What was decoded so far is finished and closed properly.
        pad.send_event(gst::event::Eos::new());
        gst::PadProbeReturn::Handled
    });

    let chain = segment.static_pad("sink").ok_or_else(missing)?;
    let sizes = shared.clone();
    chain.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let Some(gst::EventView::Caps(caps)) = info.event().map(|e| e.view()) else {
            return gst::PadProbeReturn::Ok;
        };
        let Ok(video) = gst_video::VideoInfo::from_caps(caps.caps()) else { return gst::PadProbeReturn::Ok };
        let size = (video.width(), video.height());
        let mut sizes = sizes.sizes.lock();
        sizes.now = Some(size);
        let first = *sizes.first.get_or_insert(size);
        if one_size && first != size {
            sizes.refused = Some(size);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
    let shared = shared.clone();
    let last_end = AtomicU64::new(0);
    let first_pts = Mutex::new(None);
    let events = Mutex::new(events.into_iter().peekable());
    chain.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let sizes = *shared.sizes.lock();
        if sizes.refused.is_some() {
            // The frames of the first size are finished and their video is closed properly.
            pad.send_event(gst::event::Eos::new());
            info.flow_res = Err(gst::FlowError::Eos);
            return gst::PadProbeReturn::Handled;
        }
        let Some(gst::PadProbeData::Buffer(buffer)) = &mut info.data else { return gst::PadProbeReturn::Ok };
        if buffer.pts().is_none() {
            shared.guessed_pts.fetch_add(1, Ordering::AcqRel);
            buffer.make_mut().set_pts(gst::ClockTime::from_nseconds(last_end.load(Ordering::Acquire)));
        }
        let pts = buffer.pts().unwrap_or_default();
        let begin = *first_pts.lock().get_or_insert(pts);
        // Noted times count from the beginning; an event stands before the first frame that is not earlier.
        while let Some(noted) =
            events.lock().next_if(|e| begin + gst::ClockTime::from_nseconds(e.at_ns) <= pts)
        {
            let at_ns = begin.nseconds() + noted.at_ns;
            pad.send_event(gstvesalius::protocol_event(&noted.event, Some(at_ns)));
        }
        let end = buffer.pts().unwrap_or_default() + buffer.duration().unwrap_or(gst::ClockTime::MSECOND);
        last_end.store(end.nseconds(), Ordering::Release);
        // A scale belongs to one picture size.
        if let Some(scale) = &scale {
            let expired = Scale::None(Reason::CalibrationExpired);
            let holds = sizes.now == sizes.first || scale.uniform().is_none();
            // Refused metas leave the frame uncalibrated, and its values say so.
            let _ = gstvesalius::add_scale(buffer.make_mut(), if holds { scale } else { &expired });
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// Hands every frame's result to the writer as it passes the end of the chain.
fn collect(
    last: &gst::Element,
    path: &Path,
    intake: Intake,
    position: &Arc<Position>,
    stop: &Arc<AtomicBool>,
) -> Result<(), ReplayError> {
    // With a coder the overlay is last and its source pad is passed; without one the sink is.
    let pad = last
        .static_pad("src")
        .or_else(|| last.static_pad("sink"))
        .ok_or_else(|| failed(path, "it has no end"))?;
    let input: Arc<str> = file_name(path).into();
    let position = position.clone();
    let stop = stop.clone();
    let (size, segment) = (Mutex::new([0_u32; 2]), Mutex::new(None));
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        match info.event().map(|e| e.view()) {
            Some(gst::EventView::Caps(caps)) => {
                if let Ok(video) = gst_video::VideoInfo::from_caps(caps.caps()) {
                    *size.lock() = [video.width(), video.height()];
                }
                return gst::PadProbeReturn::Ok;
            }
            Some(gst::EventView::Segment(event)) => {
                *segment.lock() = event.segment().downcast_ref::<gst::ClockTime>().cloned();
                return gst::PadProbeReturn::Ok;
            }
            _ => {}
        }
        let Some(buffer) = info.buffer() else { return gst::PadProbeReturn::Ok };
        let Some(result) = result_of(buffer) else { return gst::PadProbeReturn::Ok };
        // Containers may begin their clock anywhere; people and players count from the beginning, as running time does.
        // (Stream time would too, but demuxers of program streams let its offset fall below zero, which is unsigned.)
        let pts = buffer.pts();
        let shown = pts.and_then(|pts| segment.lock().as_ref().and_then(|s| s.to_running_time_full(pts)));
        // A frame that begins just before its recording is its first.
        let shown = shown.map(|time| time.positive().unwrap_or_default());
        let pts_ns = shown.or(pts).map_or(0, |p| p.nseconds());
        let frame = position.advance(pts_ns);
        let item = FrameItem {
            input: input.clone(),
            frame,
            pts_ns,
            size: *size.lock(),
            result,
            stem: format!("{frame:06}"),
            annotated: None,
        };
        if !intake.give(item) {
            // The writer knows why. The video ends where the records do, and properly.
            stop.store(true, Ordering::Release);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// What the end of a pipeline means.
fn judge(path: &Path, end: &End, shared: &Shared, frames: u64, stopped: bool) -> Option<ReplayError> {
    let path = path.to_owned();
    if let Some(error) = shared.link_error.lock().take() {
        return Some(error);
    }
    let sizes = *shared.sizes.lock();
    if let (Some(from), Some(to)) = (sizes.first, sizes.refused) {
        return Some(ReplayError::SizeChanged { path, frames, from, to });
    }
    if shared.met.no_video.load(Ordering::Acquire) {
        return Some(ReplayError::NoVideo { path });
    }
    if let Some(message) = shared.met.broken.lock().take() {
        return Some(match frames {
            0 => ReplayError::NotAVideo { path, message },
            _ => ReplayError::BrokenOff { path, frames, message },
        });
    }
    let error = match end {
        End::Eos if stopped => return Some(ReplayError::Interrupted { path, frames }),
        End::Eos if frames == 0 => return Some(ReplayError::NoFrames { path }),
        End::Eos => return None,
        End::Error(error) => error,
    };
    let message = error.message.clone();
    if error.element.is_empty() && frames > 0 {
        return Some(ReplayError::BrokenOff { path, frames, message });
    }
    Some(if error.is_from(&["vesalius"]) {
        ReplayError::Element { message }
    } else if source::is_of_decoding(error) {
        if frames > 0 {
            ReplayError::BrokenOff { path, frames, message }
        } else if sizes.first.is_none() && shared.met.linked.load(Ordering::Acquire) {
            ReplayError::NoFrames { path }
        } else {
            shared.met.undecodable(path, error)
        }
    } else if error.is_from(&["x264enc", "mp4mux", "filesink", "overlay"]) {
        ReplayError::Encode { path, message }
    } else {
        ReplayError::Pipeline { path, message }
    })
}

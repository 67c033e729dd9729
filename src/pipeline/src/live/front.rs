//! The source at work, on a thread of its own. It may fail, hang and come back; the chain behind it never stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gst::prelude::*;
use vesalius_isolate::Urgency;
use vesalius_phantom::scenes::{PixelFormat, SceneOptions};

use super::error::LiveError;
use super::feed::Feed;
use super::source::{Parts, Source};
use super::urgent::hurry;
use crate::stills::{Picture, sample};

/// How often the feed is looked after, and a wish to stop is looked for.
const TICK: gst::ClockTime = gst::ClockTime::from_mseconds(20);
/// A source that is lost is tried again after this time, which doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A source that sends nothing for so long is begun anew: at first, and once it has sent.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
const SILENT: Duration = Duration::from_secs(4);
/// Rendered pictures of a phantom that are kept for the next round, in bytes.
const KEPT_BYTES: usize = 128 << 20;

/// A source at work; ends when dropped.
pub(crate) struct Front {
    stop: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Front {
    /// Starts it. With `again`, a recording begins anew at its end.
    pub(crate) fn start(
        source: Source,
        again: bool,
        urgency: Option<Urgency>,
        feed: Arc<Feed>,
    ) -> Result<Self, LiveError> {
        let (stop, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let mut front = Self { stop: stop.clone(), ended: ended.clone(), threads: Vec::new() };
        let thread = |name: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(LiveError::Thread)
        };
        // By itself, for starting and stopping a source may take as long as it likes.
        let (ticking, ticks) = (stop.clone(), feed.clone());
        front.threads.push(thread(
            "vesalius-tick",
            Box::new(move || {
                while !ticking.load(Ordering::Acquire) {
                    ticks.tick();
                    std::thread::sleep(Duration::from_nanos(TICK.nseconds()));
                }
            }),
        )?);
        front.threads.push(thread(
            "vesalius-source",
            Box::new(move || keep(&source, again, urgency, &feed, &stop, &ended)),
        )?);
        Ok(front)
    }

    /// Whether a recording has come to its end.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let given_up = Instant::now() + Duration::from_secs(3);
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < given_up {
                std::thread::sleep(Duration::from_millis(5));
            }
            // A driver that hangs is left behind.
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

/// How one attempt ended.
enum End {
    Stopped,
    Eos,
    Failed(String),
}

/// Plays the source, again and again, until it ends or is stopped.
fn keep(
    source: &Source,
    again: bool,
    urgency: Option<Urgency>,
    feed: &Arc<Feed>,
    stop: &AtomicBool,
    ended: &AtomicBool,
) {
    let mut wait = FIRST_WAIT;
    loop {
        let begun = Instant::now();
        match play(source, again, urgency, feed, stop) {
            End::Stopped => return,
            End::Eos if source.ends() => {
                ended.store(true, Ordering::Release);
                return;
            }
            End::Eos => feed.lose("the source has ended"),
            End::Failed(why) => feed.lose(&why),
        }
        // One that held for a while is tried as if it were the first time.
        if begun.elapsed() > LONGEST_WAIT {
            wait = FIRST_WAIT;
        }
        let until = Instant::now() + wait;
        wait = (2 * wait).min(LONGEST_WAIT);
        while Instant::now() < until {
            if stop.load(Ordering::Acquire) {
                return;
            }
            std::thread::sleep(Duration::from_nanos(TICK.nseconds()));
        }
    }
}

fn play(source: &Source, again: bool, urgency: Option<Urgency>, feed: &Arc<Feed>, stop: &AtomicBool) -> End {
    let Parts { pipeline, sink, feed: rendered } = match source.pipeline() {
        Ok(parts) => parts,
        Err(why) => return End::Failed(one_line(&why)),
    };
    if let Some(urgency) = urgency {
        hurry(&pipeline, urgency);
    }
    hand_on(&sink, &pipeline, feed);
    let over = Arc::new(AtomicBool::new(false));
    let renderer = match (rendered, source) {
        (Some(into), Source::Phantom(options)) => {
            let (options, over) = (options.clone(), over.clone());
            let render = move || render(&options, &into, &over);
            std::thread::Builder::new().name("vesalius-phantom".to_owned()).spawn(render).ok()
        }
        _ => None,
    };
    let end = run(source, &pipeline, &sink, again, feed, stop);
    over.store(true, Ordering::Release);
    let _ = pipeline.set_state(gst::State::Null);
    if let Some(renderer) = renderer {
        let _ = renderer.join();
    }
    end
}

/// Hands each picture to the feed as it comes, with the time at which it was due.
fn hand_on(sink: &gst_app::AppSink, pipeline: &gst::Pipeline, feed: &Arc<Feed>) {
    let (weak, feed) = (pipeline.downgrade(), feed.clone());
    let callbacks = gst_app::AppSinkCallbacks::builder()
        .new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let (Some(buffer), Some(caps), Some(pipeline)) =
                (sample.buffer_owned(), sample.caps_owned(), weak.upgrade())
            else {
                return Ok(gst::FlowSuccess::Ok);
            };
            let segment = sample.segment().and_then(|s| s.downcast_ref::<gst::ClockTime>().cloned());
            let running = buffer.pts().and_then(|pts| segment?.to_running_time(pts));
            let due = running.zip(pipeline.base_time()).and_then(|(running, base)| running.checked_add(base));
            drop(sample);
            feed.frame(buffer, &caps, due);
            Ok(gst::FlowSuccess::Ok)
        })
        .build();
    sink.set_callbacks(callbacks);
}

fn run(
    source: &Source,
    pipeline: &gst::Pipeline,
    sink: &gst_app::AppSink,
    again: bool,
    feed: &Arc<Feed>,
    stop: &AtomicBool,
) -> End {
    let Some(bus) = pipeline.bus() else { return End::Failed("the source has no message bus".to_owned()) };
    // The clock of the chain, so that times of one are times of the other.
    pipeline.use_clock(Some(&gst::SystemClock::obtain()));
    match pipeline.set_state(gst::State::Paused) {
        // A live source keeps its own pace, and waiting for its latency would only add to it.
        Ok(gst::StateChangeSuccess::NoPreroll) => sink.set_property("sync", false),
        Ok(_) => {}
        Err(_) => return End::Failed(said(&bus).unwrap_or_else(|| "it does not start".to_owned())),
    }
    if pipeline.set_state(gst::State::Playing).is_err() {
        return End::Failed(said(&bus).unwrap_or_else(|| "it does not start".to_owned()));
    }
    let begun = Instant::now();
    loop {
        let message = bus.timed_pop(TICK);
        if stop.load(Ordering::Acquire) {
            return End::Stopped;
        }
        match message.as_ref().map(|m| m.view()) {
            Some(gst::MessageView::Eos(_)) => {
                if !(again && source.ends()) {
                    return End::Eos;
                }
                if pipeline.seek_simple(gst::SeekFlags::FLUSH, gst::ClockTime::ZERO).is_err() {
                    return End::Failed("it cannot be begun anew".to_owned());
                }
            }
            Some(gst::MessageView::Error(error)) => {
                return End::Failed(one_line(error.error().message()));
            }
            _ => {}
        }
        let silent = feed.silent_for().map_or(begun.elapsed(), |silent| silent.min(begun.elapsed()));
        let has_sent = feed.silent_for().is_some_and(|silent| silent < begun.elapsed());
        // A recording may hold minutes without a picture, and would only begin anew.
        if !(has_sent && source.ends()) && silent > if has_sent { SILENT } else { CONNECT_WITHIN } {
            return End::Failed(format!("it has sent nothing for {} s", silent.as_secs()));
        }
    }
}

fn said(bus: &gst::Bus) -> Option<String> {
    let message = bus.timed_pop_filtered(gst::ClockTime::from_mseconds(200), &[gst::MessageType::Error])?;
    match message.view() {
        gst::MessageView::Error(error) => Some(one_line(error.error().message())),
        _ => None,
    }
}

pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Renders a phantom, round after round, as far ahead as there is room for.
fn render(options: &SceneOptions, into: &gst_app::AppSrc, over: &AtomicBool) {
    into.set_format(gst::Format::Time);
    into.set_max_buffers(3);
    into.set_max_bytes(0);
    into.set_block(true);
    let Ok(phantom) = options.prepare() else {
        let _ = into.end_of_stream();
        return;
    };
    let [width, height] = phantom.size_px();
    let frames = phantom.info().suggested_frames.max(2);
    let round_ns = phantom.pts_ns(frames).saturating_sub(phantom.pts_ns(0));
    let mut kept: Vec<gst::Buffer> = Vec::new();
    let mut kept_bytes = 0;
    let rate = gst::Fraction::approximate_f64(phantom.frame_rate_hz());
    for (round, index) in (0_u64..).flat_map(|round| (0..frames).map(move |index| (round, index))) {
        if over.load(Ordering::Acquire) {
            return;
        }
        let slot = usize::try_from(index).unwrap_or(usize::MAX);
        let mut buffer = match kept.get(slot) {
            Some(buffer) => buffer.clone(),
            None => {
                let frame = phantom.render(index);
                let format = match frame.format {
                    PixelFormat::Gray8 => gst_video::VideoFormat::Gray8,
                    PixelFormat::Rgb24 => gst_video::VideoFormat::Rgb,
                };
                let picture = Picture { format, width, height, pixels: frame.pixels };
                let Ok((buffer, mut caps)) = sample(picture) else { return };
                if let Some(rate) = rate {
                    caps.make_mut().set("framerate", rate);
                }
                if into.caps().as_ref() != Some(&caps) {
                    into.set_caps(Some(&caps));
                }
                if kept.len() == slot && kept_bytes + buffer.size() <= KEPT_BYTES {
                    kept_bytes += buffer.size();
                    kept.push(buffer.clone());
                }
                buffer
            }
        };
        let at = round * round_ns + phantom.pts_ns(index).saturating_sub(phantom.pts_ns(0));
        let writable = buffer.make_mut();
        writable.set_pts(gst::ClockTime::from_nseconds(at));
        // As a camera counts.
        writable.set_offset(round * frames + index);
        if round > 0 && index == 0 {
            writable.set_flags(gst::BufferFlags::DISCONT);
        }
        if into.push_buffer(buffer).is_err() {
            return;
        }
    }
}

//! The ways out of the chain. Each is a pipeline of its own that is handed references of frames and may be slow, hang or fail:
//! nobody waits for it, and nobody else notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gst::prelude::*;
use parking_lot::{Mutex, RwLock};

use super::front::one_line;

/// How long the end of a way out is waited for.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Who is handed frames.
pub(crate) trait Outlet: Send + Sync {
    /// Takes a frame; must return at once.
    fn give(&self, buffer: &gst::Buffer, caps: &gst::Caps);
}

/// Is handed the next frame, once.
type Once = Box<dyn FnOnce(&gst::Buffer, &gst::Caps) + Send>;

/// A place in the chain where frames are taken.
#[derive(Default)]
pub(crate) struct Tap {
    outlets: RwLock<Vec<(u64, Arc<dyn Outlet>)>>,
    once: Mutex<Vec<Once>>,
    next: AtomicU64,
}

impl Tap {
    /// Hands every frame that passes a pad to whoever wants it. `see` looks at each first.
    pub(crate) fn on(
        self: &Arc<Self>,
        pad: &gst::Pad,
        see: impl Fn(&gst::BufferRef) + Send + Sync + 'static,
    ) {
        let tap = self.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let Some(buffer) = info.buffer() else { return gst::PadProbeReturn::Ok };
            see(buffer);
            if !tap.is_wanted() || buffer.size() == 0 {
                return gst::PadProbeReturn::Ok;
            }
            let Some(caps) = pad.current_caps() else { return gst::PadProbeReturn::Ok };
            tap.pass(&buffer.to_owned(), &caps);
            gst::PadProbeReturn::Ok
        });
    }

    fn is_wanted(&self) -> bool {
        !self.outlets.read().is_empty() || !self.once.lock().is_empty()
    }

    /// Hands a frame to whoever wants it.
    pub(crate) fn pass(&self, buffer: &gst::Buffer, caps: &gst::Caps) {
        let (outlets, once) = (self.outlets.read(), std::mem::take(&mut *self.once.lock()));
        outlets.iter().for_each(|(_, outlet)| outlet.give(buffer, caps));
        once.into_iter().for_each(|take| take(buffer, caps));
    }

    /// Adds an outlet; returns what it is taken away by.
    pub(crate) fn add(&self, outlet: Arc<dyn Outlet>) -> u64 {
        let id = self.next.fetch_add(1, Ordering::AcqRel);
        self.outlets.write().push((id, outlet));
        id
    }

    pub(crate) fn remove(&self, id: u64) {
        self.outlets.write().retain(|(other, _)| *other != id);
    }

    /// Hands over the next frame.
    pub(crate) fn once(&self, take: Once) {
        self.once.lock().push(take);
    }
}

/// Clock and beginning of the chain's time, so that an outlet's time is the same.
#[derive(Clone)]
pub(crate) struct Time {
    pub(crate) clock: gst::Clock,
    pub(crate) base: gst::ClockTime,
}

/// A pipeline behind an appsrc that drops what it cannot take.
pub(crate) struct Way {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    room: u64,
    caps: Mutex<Option<gst::Caps>>,
    /// Whether frames of another kind than the first are refused, and have come.
    one_kind: bool,
    other_kind: AtomicBool,
    given: AtomicU64,
    dropped: AtomicU64,
    /// What it works with, which goes when it has ended.
    kept: Mutex<Option<Box<dyn Send>>>,
}

impl Way {
    /// Starts `appsrc ! TEXT` with room for some frames. `set_up` is given the pipeline and its bin of TEXT before it plays.
    ///
    /// # Errors
    ///
    /// One line.
    pub(crate) fn start(
        text: &str,
        room: u64,
        one_kind: bool,
        time: &Time,
        set_up: impl FnOnce(&gst::Pipeline, &gst::Bin) -> Result<(), String>,
    ) -> Result<Arc<Self>, String> {
        let bin = gst::parse::bin_from_description(text, true).map_err(|e| missing(&e))?;
        let source = gst_app::AppSrc::builder()
            .format(gst::Format::Time)
            .is_live(true)
            .max_buffers(room)
            .max_bytes(0)
            .max_time(gst::ClockTime::ZERO)
            .leaky_type(gst_app::AppLeakyType::Downstream)
            .build();
        let pipeline = gst::Pipeline::new();
        pipeline
            .add_many([source.upcast_ref::<gst::Element>(), bin.upcast_ref()])
            .map_err(|e| e.to_string())?;
        source.link(&bin).map_err(|e| e.to_string())?;
        pipeline.use_clock(Some(&time.clock));
        pipeline.set_start_time(gst::ClockTime::NONE);
        pipeline.set_base_time(time.base);
        let way = Self {
            source,
            room,
            caps: Mutex::default(),
            one_kind,
            other_kind: AtomicBool::new(false),
            given: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            kept: Mutex::default(),
            pipeline,
        };
        set_up(&way.pipeline, &bin)?;
        if way.pipeline.set_state(gst::State::Playing).is_err() {
            return Err(way.error().unwrap_or_else(|| "it does not start".to_owned()));
        }
        Ok(Arc::new(way))
    }

    /// Keeps something until it has ended.
    pub(crate) fn keep(&self, what: Box<dyn Send>) {
        *self.kept.lock() = Some(what);
    }

    /// What went wrong since the last call; `None` while all is well.
    pub(crate) fn error(&self) -> Option<String> {
        let bus = self.pipeline.bus()?;
        std::iter::from_fn(|| bus.pop()).find_map(|message| match message.view() {
            gst::MessageView::Error(error) => Some(one_line(error.error().message())),
            _ => None,
        })
    }

    /// Whether frames of another size or format have come, which it does not take.
    pub(crate) fn has_met_other_kind(&self) -> bool {
        self.other_kind.load(Ordering::Acquire)
    }

    /// Whether the oldest frame that waits would have to make room for another.
    pub(crate) fn is_full(&self) -> bool {
        self.source.current_level_buffers() >= self.room
    }

    /// Frames that it was too slow for.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Acquire)
    }

    /// Ends the stream and waits until everything is written, for so long at the most.
    ///
    /// # Errors
    ///
    /// One line, when it did not end properly.
    pub(crate) fn finish(&self, patience: gst::ClockTime) -> Result<(), String> {
        let ended = self.given.load(Ordering::Acquire) == 0 || self.source.end_of_stream().is_err();
        let Some(bus) = self.pipeline.bus().filter(|_| !ended) else { return Ok(()) };
        let types = [gst::MessageType::Eos, gst::MessageType::Error];
        match bus.timed_pop_filtered(patience, &types).as_ref().map(|m| m.view()) {
            Some(gst::MessageView::Eos(_)) => Ok(()),
            Some(gst::MessageView::Error(error)) => Err(one_line(error.error().message())),
            _ => Err("its file could not be closed in time; it plays up to its last seconds".to_owned()),
        }
    }
}

impl Outlet for Way {
    fn give(&self, buffer: &gst::Buffer, caps: &gst::Caps) {
        {
            let mut known = self.caps.lock();
            if known.as_ref() != Some(caps) {
                if self.one_kind && known.is_some() {
                    self.other_kind.store(true, Ordering::Release);
                    return;
                }
                self.source.set_caps(Some(caps));
                *known = Some(caps.clone());
            }
        }
        if self.is_full() {
            self.dropped.fetch_add(1, Ordering::AcqRel);
        }
        self.given.fetch_add(1, Ordering::AcqRel);
        // The oldest waiting frame makes room.
        let _ = self.source.push_buffer(buffer.clone());
    }
}

impl Drop for Way {
    /// One that hangs is left behind: nobody waits for a screen or a disk that has stopped answering.
    fn drop(&mut self) {
        let (pipeline, kept) = (self.pipeline.clone(), self.kept.lock().take());
        let (done, ended) = crossbeam_channel::bounded(1);
        let end = move || {
            let _ = pipeline.set_state(gst::State::Null);
            drop(kept);
            let _ = done.send(());
        };
        if std::thread::Builder::new().name("vesalius-end".to_owned()).spawn(end).is_ok() {
            let _ = ended.recv_timeout(END_WITHIN);
        }
    }
}

/// What is to be installed, where an element is missing.
fn missing(error: &gst::glib::Error) -> String {
    let text = one_line(error.message());
    if error.matches(gst::ParseError::NoSuchElement) {
        format!("{text}; install gstreamer1.0-plugins-good, -bad and -ugly")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_way_that_hangs_takes_no_time_and_keeps_the_newest() {
        gst::init().unwrap();
        let clock = gst::SystemClock::obtain();
        let time = Time { base: clock.time(), clock };
        let way =
            Way::start("identity sleep-time=3000000 ! fakesink", 2, true, &time, |_, _| Ok(())).unwrap();
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Gray8, 64, 48).build().unwrap();
        let caps = info.to_caps().unwrap();
        let begun = Instant::now();
        for i in 0..50 {
            let mut buffer = gst::Buffer::with_size(info.size()).unwrap();
            buffer.get_mut().unwrap().set_pts(gst::ClockTime::from_mseconds(i));
            way.give(&buffer, &caps);
        }
        assert!(begun.elapsed() < Duration::from_millis(1000), "{:?}", begun.elapsed());
        assert!(way.dropped() >= 40, "{}", way.dropped());
        assert!(!way.has_met_other_kind());
        let other = gst_video::VideoInfo::builder(gst_video::VideoFormat::Gray8, 32, 48).build().unwrap();
        way.give(&gst::Buffer::with_size(other.size()).unwrap(), &other.to_caps().unwrap());
        assert!(way.has_met_other_kind());
        assert_eq!(way.error(), None);
    }
}

//! What goes into the chain: the source's pictures as they come, and something honest while none do.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gstvesalius::{Anew, anew_event, signal_event};
use parking_lot::Mutex;
use vesalius_measure::live::SignalState;

use super::card;
use super::times::Times;

/// Without a picture for longer, the last one is no longer shown as if it were now.
const STALLED: Duration = Duration::from_millis(250);
/// Without a picture for longer, a card takes its place.
const GONE: Duration = Duration::from_millis(1500);
/// Pictures that are not the source's come this often.
const REPEAT: Duration = Duration::from_millis(100);
/// Frames that may wait before the chain while it stands still for a moment: it takes them in a few milliseconds each when it goes on.
const WAITING: u64 = 24;
/// Frames that may wait before a chain that is too slow: more would make every picture late. The oldest goes.
const BEHIND: u64 = 3;
/// So many pictures within a second whose times could not be, and the source's clock is none.
const ODD_TIMES: u64 = 3;
/// A chain that is not up with the source for longer is too slow.
const TOO_SLOW: Duration = Duration::from_secs(2);
/// Frames on their way that are remembered. Far more than can be there: those that the chain had no room for are found out when
/// a later one passes.
const ARRIVALS: usize = 1024;

/// Why the source gives nothing before its first picture.
const WAITS: &str = "waiting for the first picture";

/// Where a picture that the chain is handed is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The source.
    Source,
    /// The source, but it is not now: the last one is shown again.
    Repeat,
    /// Nowhere: a card that says that there is none.
    Card,
}

/// A picture on its way through the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Counts everything that the chain is handed, from 0.
    pub(crate) number: u64,
    pub(crate) pts: gst::ClockTime,
    pub(crate) at: Instant,
    pub(crate) from: Origin,
}

/// What is known when a picture has passed the chain.
#[derive(Debug, Default)]
pub(crate) struct Passage {
    pub(crate) arrival: Option<Arrival>,
    /// Those before it that never passed: the chain was behind, and the oldest made room.
    pub(crate) dropped: Vec<Arrival>,
}

struct Inner {
    info: Option<gst_video::VideoInfo>,
    caps: Option<gst::Caps>,
    last: Option<gst::Buffer>,
    last_at: Option<Instant>,
    times: Times,
    /// Times that had been replaced a second ago, all and those of pictures that came too late, and how many were within the second
    /// before that.
    replaced: [u64; 2],
    replaced_then: [u64; 2],
    replaced_at: Instant,
    /// What the chain was told of the pictures that it gets.
    told: SignalState,
    told_at: Instant,
    repeat_at: Instant,
    /// Why the source is lost; `None` while it is not known to be.
    lost: Option<String>,
    frames: u64,
    pushed: u64,
    times_lost: u64,
    /// When the chain was last up with the source, and whether that is too long ago.
    up_at: Instant,
    is_behind: bool,
}

/// The entry of the chain. Pictures and ticks come from threads of their own.
pub(crate) struct Feed {
    source: gst_app::AppSrc,
    clock: gst::Clock,
    base: gst::ClockTime,
    inner: Mutex<Inner>,
    /// By itself, for the end of the chain must not wait until a push has returned: that one's thread may not get a processor before
    /// the chain has let go of it.
    arrivals: Mutex<VecDeque<Arrival>>,
}

/// What the feed has seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct FeedFigures {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Pictures of the source.
    pub(crate) frames: u64,
    /// How often the source was lost.
    pub(crate) times_lost: u64,
    /// Pictures whose time by the source could not be.
    pub(crate) times_replaced: u64,
    /// Whether that is so for several of them, and not because they came late.
    pub(crate) times_are_odd: bool,
    /// Whether several of them came too late for their times.
    pub(crate) comes_late: bool,
    /// Whether the chain is too slow for what comes, so that pictures are lost.
    pub(crate) is_behind: bool,
    /// Why it is lost now; empty when it is not.
    pub(crate) why: String,
}

impl Feed {
    /// The element that feeds.
    pub(crate) fn element() -> gst_app::AppSrc {
        gst_app::AppSrc::builder()
            .name("feed")
            .format(gst::Format::Time)
            .is_live(true)
            .max_buffers(WAITING)
            .max_bytes(0)
            .max_time(gst::ClockTime::ZERO)
            .leaky_type(gst_app::AppLeakyType::Downstream)
            .build()
    }

    /// Feeds an element whose pipeline plays on this clock, from this time on.
    pub(crate) fn new(source: gst_app::AppSrc, clock: gst::Clock, base: gst::ClockTime) -> Self {
        let now = Instant::now();
        let inner = Inner {
            info: None,
            caps: None,
            last: None,
            last_at: None,
            times: Times::default(),
            replaced: [0; 2],
            replaced_then: [0; 2],
            replaced_at: now,
            told: SignalState::Live,
            told_at: now,
            repeat_at: now,
            lost: None,
            frames: 0,
            pushed: 0,
            times_lost: 0,
            up_at: now,
            is_behind: false,
        };
        Self { source, clock, base, inner: Mutex::new(inner), arrivals: Mutex::default() }
    }

    /// Takes a picture that is of a time of the clock, as its source says; without that, of now.
    pub(crate) fn frame(&self, mut buffer: gst::Buffer, caps: &gst::CapsRef, due: Option<gst::ClockTime>) {
        let now = Instant::now();
        let mut inner = self.inner.lock();
        if inner.caps.as_deref() != Some(caps) {
            let Ok(info) = gst_video::VideoInfo::from_caps(caps) else { return };
            inner.info = Some(info);
            inner.caps = Some(caps.to_owned());
            self.source.set_caps(Some(&caps.to_owned()));
        }
        let comes_back = inner.told == SignalState::None && inner.frames > 0;
        if inner.told != SignalState::Live {
            self.tell(&mut inner, SignalState::Live, now);
        }
        if comes_back {
            inner.times.other_source();
            // It may be another scanner, or another patient.
            self.source.send_event(anew_event(Anew::Source));
        }
        inner.lost = None;
        inner.frames += 1;
        inner.last_at = Some(now);
        {
            let writable = buffer.make_mut();
            writable.set_dts(gst::ClockTime::NONE);
            if comes_back {
                writable.set_flags(gst::BufferFlags::DISCONT);
            }
        }
        let at = inner.times.of_picture(due.map(gst::ClockTime::nseconds), self.clock.time().nseconds());
        self.push(&mut inner, buffer, at, now, Origin::Source);
    }

    /// The source gives no more, for a reason.
    pub(crate) fn lose(&self, why: &str) {
        let mut inner = self.inner.lock();
        if inner.lost.is_none() {
            inner.times_lost += 1;
        }
        inner.lost = Some(why.to_owned());
    }

    /// For how long no picture has come; `None` before the first.
    pub(crate) fn silent_for(&self) -> Option<Duration> {
        self.inner.lock().last_at.map(|at| at.elapsed())
    }

    /// Looks after the picture between pictures; to be called every few milliseconds.
    pub(crate) fn tick(&self) {
        let now = Instant::now();
        let mut inner = self.inner.lock();
        if now.saturating_duration_since(inner.replaced_at) > Duration::from_secs(1) {
            let now_replaced = [inner.times.replaced(), inner.times.late()];
            inner.replaced_then = [0, 1].map(|i| now_replaced[i].saturating_sub(inner.replaced[i]));
            (inner.replaced, inner.replaced_at) = (now_replaced, now);
        }
        let silent = inner
            .last_at
            .map_or(now.saturating_duration_since(inner.told_at), |at| now.saturating_duration_since(at));
        let never = inner.last_at.is_none();
        let is_lost = inner.lost.is_some() || silent > GONE || (never && silent > STALLED);
        let state = match () {
            () if is_lost || (never && inner.told == SignalState::None) => SignalState::None,
            () if silent > STALLED => SignalState::Frozen,
            () => return,
        };
        // Before anything else: a stream begins with its caps.
        if inner.info.is_none() {
            inner.info = card::default_info();
            let caps = inner.info.as_ref().and_then(|info| info.to_caps().ok());
            self.source.set_caps(caps.as_ref());
            inner.caps = caps;
        }
        if inner.told != state {
            self.tell(&mut inner, state, now);
        } else if now < inner.repeat_at {
            return;
        }
        inner.repeat_at = now + REPEAT;
        let (picture, from) = if state == SignalState::None {
            let why = inner.lost.clone().unwrap_or_else(|| if never { WAITS } else { "" }.to_owned());
            (inner.info.as_ref().and_then(|info| card::no_signal(info, &why)), Origin::Card)
        } else {
            (inner.last.clone(), Origin::Repeat)
        };
        let Some(picture) = picture else { return };
        let at = inner.times.of_other(self.clock.time().nseconds());
        self.push(&mut inner, picture, at, now, from);
    }

    fn tell(&self, inner: &mut Inner, state: SignalState, now: Instant) {
        (inner.told, inner.told_at, inner.repeat_at) = (state, now, now);
        self.source.send_event(signal_event(state));
    }

    /// Hands a picture of a time of the clock to the chain.
    fn push(&self, inner: &mut Inner, mut buffer: gst::Buffer, at_ns: u64, now: Instant, from: Origin) {
        let pts = gst::ClockTime::from_nseconds(at_ns).saturating_sub(self.base);
        buffer.make_mut().set_pts(pts);
        // Not before it has its time: the source's buffer would be copied for that, and its pool would have to throw its memory away.
        if from == Origin::Source {
            inner.last = Some(buffer.clone());
        }
        {
            let mut arrivals = self.arrivals.lock();
            if arrivals.len() >= ARRIVALS {
                arrivals.pop_front();
            }
            arrivals.push_back(Arrival { number: inner.pushed, pts, at: now, from });
        }
        inner.pushed += 1;
        let waiting = self.source.current_level_buffers();
        // A slow chain has made room for one as often as it takes one: it is up again only where nothing waits.
        if waiting == 0 || (waiting < BEHIND && !inner.is_behind) {
            inner.up_at = now;
        }
        inner.is_behind = now.saturating_duration_since(inner.up_at) > TOO_SLOW;
        self.source.set_max_buffers(if inner.is_behind { BEHIND } else { WAITING });
        // Refused only where the chain has ended.
        let _ = self.source.push_buffer(buffer);
    }

    /// Another patient: from the next picture on, everything that was gathered begins anew.
    pub(crate) fn begin_anew(&self) {
        let _inner = self.inner.lock();
        self.source.send_event(anew_event(Anew::Patient));
    }

    /// A picture with this time has passed the chain: when it came, and which before it never passed.
    pub(crate) fn passed(&self, pts: gst::ClockTime) -> Passage {
        let mut arrivals = self.arrivals.lock();
        let mut passage = Passage::default();
        while let Some(arrival) = arrivals.front().filter(|arrival| arrival.pts <= pts).copied() {
            arrivals.pop_front();
            if arrival.pts == pts {
                passage.arrival = Some(arrival);
            } else {
                passage.dropped.push(arrival);
            }
        }
        passage
    }

    pub(crate) fn figures(&self) -> FeedFigures {
        let inner = self.inner.lock();
        let [replaced, late] = inner.replaced_then;
        let side = |of: fn(&gst_video::VideoInfo) -> u32| inner.info.as_ref().map_or(0, of);
        FeedFigures {
            width: side(|info| info.width()),
            height: side(|info| info.height()),
            frames: inner.frames,
            times_lost: inner.times_lost,
            times_replaced: inner.times.replaced(),
            comes_late: late >= ODD_TIMES,
            times_are_odd: replaced.saturating_sub(late) >= ODD_TIMES,
            is_behind: inner.is_behind,
            why: inner.lost.clone().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A chain that takes so long for each frame and stands still once, pictures every 30 ms; how many were dropped and how many wait
    /// at the end.
    fn play(takes: &str, stands: Duration, pictures: u64) -> (u64, u64) {
        gst::init().unwrap();
        let pipeline = gst::Pipeline::new();
        let entry = Feed::element();
        let chain = gst::parse::bin_from_description(takes, true).unwrap();
        let sink = gst::ElementFactory::make("fakesink").property("async", false).build().unwrap();
        pipeline.add_many([entry.upcast_ref(), chain.upcast_ref::<gst::Element>(), &sink]).unwrap();
        gst::Element::link_many([entry.upcast_ref(), chain.upcast_ref::<gst::Element>(), &sink]).unwrap();
        let clock = gst::SystemClock::obtain();
        pipeline.use_clock(Some(&clock));
        let feed = Arc::new(Feed::new(entry.clone(), clock.clone(), clock.time()));
        let dropped = Arc::new(Mutex::new(0));
        let (fed, counted) = (feed.clone(), dropped.clone());
        sink.static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let passage = info.buffer().and_then(|b| b.pts()).map(|pts| fed.passed(pts));
            if fed.figures().frames == 10 {
                std::thread::sleep(stands);
            }
            *counted.lock() += passage.map_or(0, |passage| passage.dropped.len() as u64);
            gst::PadProbeReturn::Ok
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Gray8, 16, 16).build().unwrap();
        let caps = info.to_caps().unwrap();
        for _ in 0..pictures {
            feed.frame(gst::Buffer::with_size(info.size()).unwrap(), &caps, Some(clock.time()));
            std::thread::sleep(Duration::from_millis(30));
        }
        let waiting = entry.current_level_buffers();
        pipeline.set_state(gst::State::Null).unwrap();
        let dropped = *dropped.lock();
        (dropped, waiting)
    }

    #[test]
    fn a_chain_that_stands_still_for_a_moment_loses_nothing_and_one_that_is_slow_is_not_late() {
        let (dropped, waiting) = play("identity", Duration::from_millis(160), 30);
        assert_eq!(dropped, 0);
        assert!(waiting <= 3, "{waiting}");
        // Four times as slow as the source.
        let (dropped, waiting) = play("identity sleep-time=120000", Duration::ZERO, 120);
        assert!(dropped > 20, "{dropped}");
        assert!(waiting <= BEHIND, "{waiting} pictures wait: each is so much later");
    }
}

//! What leaves the room: pictures for browsers and for files, and a gate that lets nothing out but the inside of a body.
//!
//! ```text
//! chain ─┬─ screens in the room, as they come
//!        └─ Gate (a thread) ─┬─ at once: browsers
//!                            └─ held for half a second: recorder, look-back, snapshots
//! ```
//!
//! A frame that is not known to show the inside closes the gate at once, and takes with it the frames that are still held: what
//! was seen just before is outside too. Whatever goes wrong (no room, no look at a frame, the thread's end) lets nothing pass.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender};
use parking_lot::Mutex;
use vesalius_measure::picture::{BodyGate, BodyRule, PictureAnalysis, PictureLevels, Unsure};

use super::account::Account;
use super::card;
use super::outlet::{Outlet, Tap};
use super::shared::Listener;
use crate::collect::result_of;

/// How long frames are held before they are kept.
pub(crate) const HOLD: gst::ClockTime = gst::ClockTime::from_mseconds(500);
/// All frames must have shown the inside for so long before one passes.
const OPEN_AFTER_NS: u64 = 1_000_000_000;
/// Frames that may wait to be looked at, clean and annotated ones together. What finds no room does not pass.
const ROOM: usize = 16;
/// Most bytes that are held. What is more does not pass.
const MOST_BYTES: usize = 512 << 20;

/// Where pictures leave the room. Without a gate these are the chain's own taps.
pub(crate) struct Exits {
    /// As shown, at once.
    pub(crate) shown: Arc<Tap>,
    /// As shown, to be kept.
    pub(crate) annotated: Arc<Tap>,
    /// As it came, to be kept.
    pub(crate) clean: Arc<Tap>,
    state: Option<Arc<State>>,
}

/// How the gate is, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GateNow {
    /// Why pictures do not leave the room; `None` while they do.
    pub(crate) closed: Option<&'static str>,
    /// Pictures that did not.
    pub(crate) blanked: u64,
    /// Pictures that it was too slow for: they left in no form.
    pub(crate) missed: u64,
}

struct State {
    closed: Mutex<Option<&'static str>>,
    blanked: AtomicU64,
    missed: AtomicU64,
}

impl Exits {
    /// Everything may leave.
    pub(crate) fn open(annotated: &Arc<Tap>, clean: &Arc<Tap>) -> Self {
        Self { shown: annotated.clone(), annotated: annotated.clone(), clean: clean.clone(), state: None }
    }

    /// Only the inside of a body may leave. `account` is told what did not.
    ///
    /// # Errors
    ///
    /// One line: no thread.
    pub(crate) fn guarded(annotated: &Tap, clean: &Tap, account: Listener) -> Result<Self, String> {
        let [shown, kept_annotated, kept_clean] = [(); 3].map(|()| Arc::new(Tap::default()));
        let closed = Mutex::new(Some(Unsure::Starting.as_str()));
        let state = Arc::new(State { closed, blanked: AtomicU64::new(0), missed: AtomicU64::new(0) });
        let (sender, receiver) = crossbeam_channel::bounded(ROOM);
        let guard = Guard {
            gate: BodyGate::new(BodyRule::default(), OPEN_AFTER_NS),
            analysis: PictureAnalysis::new(PictureLevels::default()),
            shown: shown.clone(),
            annotated: kept_annotated.clone(),
            clean: kept_clean.clone(),
            held: VecDeque::new(),
            held_bytes: 0,
            blank: None,
            state: state.clone(),
            account,
            told: None,
        };
        std::thread::Builder::new()
            .name("vesalius-privacy".to_owned())
            .spawn(move || guard.run(&receiver))
            .map_err(|error| format!("the privacy gate cannot be started: {error}"))?;
        for (tap, is_clean) in [(clean, true), (annotated, false)] {
            tap.add(Arc::new(Entry { is_clean, sender: sender.clone(), state: state.clone() }));
        }
        Ok(Self { shown, annotated: kept_annotated, clean: kept_clean, state: Some(state) })
    }

    /// How the gate is; `None` where there is none.
    pub(crate) fn now(&self) -> Option<GateNow> {
        self.state.as_ref().map(|state| GateNow {
            closed: *state.closed.lock(),
            blanked: state.blanked.load(Ordering::Acquire),
            missed: state.missed.load(Ordering::Acquire),
        })
    }

    /// How much later frames are kept than they are shown.
    pub(crate) fn hold(&self) -> gst::ClockTime {
        if self.state.is_some() { HOLD } else { gst::ClockTime::ZERO }
    }
}

/// Where the chain hands frames over.
struct Entry {
    is_clean: bool,
    sender: Sender<Entered>,
    state: Arc<State>,
}

struct Entered {
    is_clean: bool,
    frame: Framed,
}

#[derive(Clone)]
struct Framed {
    buffer: gst::Buffer,
    caps: gst::Caps,
}

impl Outlet for Entry {
    fn give(&self, buffer: &gst::Buffer, caps: &gst::Caps) {
        let frame = Framed { buffer: buffer.clone(), caps: caps.clone() };
        if let Err(error) = self.sender.try_send(Entered { is_clean: self.is_clean, frame }) {
            self.state.missed.fetch_add(1, Ordering::AcqRel);
            if error.is_disconnected() {
                *self.state.closed.lock() = Some("the gate has ended");
            }
        }
    }
}

/// A frame that waits until nothing can be found against it any more.
struct Held {
    pts: gst::ClockTime,
    clean: Framed,
    annotated: Framed,
    bytes: usize,
    closed: Option<&'static str>,
}

/// The gate at work.
struct Guard {
    gate: BodyGate,
    analysis: PictureAnalysis,
    shown: Arc<Tap>,
    annotated: Arc<Tap>,
    clean: Arc<Tap>,
    held: VecDeque<Held>,
    held_bytes: usize,
    /// What is shown in a frame's place, for its caps.
    blank: Option<Framed>,
    state: Arc<State>,
    account: Listener,
    /// Which account was told last, and what.
    told: Option<(Arc<Account>, Option<&'static str>)>,
}

impl Guard {
    fn run(mut self, entered: &Receiver<Entered>) {
        let mut clean: Option<(Framed, bool)> = None;
        while let Ok(Entered { is_clean, frame }) = entered.recv() {
            if is_clean {
                let is_seen = self.look(&frame);
                clean = Some((frame, is_seen));
            } else if let Some((clean, is_seen)) = clean.take()
                && clean.buffer.pts() == frame.buffer.pts()
            {
                self.decide(clean, frame, is_seen);
            } else {
                // Half a frame: the other half found no room.
                self.state.missed.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    /// Looks at a frame as it came; whether that could be done.
    fn look(&mut self, frame: &Framed) -> bool {
        let Ok(info) = gst_video::VideoInfo::from_caps(&frame.caps) else { return false };
        let Ok(mapped) = gst_video::VideoFrameRef::from_buffer_ref_readable(&frame.buffer, &info) else {
            return false;
        };
        let Ok(view) = gstvesalius::view(&mapped) else { return false };
        let Some(pts) = frame.buffer.pts() else { return false };
        self.analysis.look(&view, pts.nseconds());
        true
    }

    fn decide(&mut self, clean: Framed, annotated: Framed, is_seen: bool) {
        let Some(pts) = clean.buffer.pts() else { return };
        let is_unlike = result_of(&annotated.buffer).is_some_and(|result| result.is_unlike_training());
        let quality = is_seen.then(|| *self.analysis.quality());
        let closed = self.gate.frame(pts.nseconds(), quality.as_ref(), is_unlike).err().map(Unsure::as_str);
        *self.state.closed.lock() = closed;
        if let Some(why) = closed {
            self.state.blanked.fetch_add(1, Ordering::AcqRel);
            // What was just before is of the same place.
            self.held.iter_mut().for_each(|held| {
                held.closed.get_or_insert(why);
            });
        }
        let out = if closed.is_some() { self.in_place_of(&annotated) } else { Some(annotated.clone()) };
        if let Some(out) = out {
            self.shown.pass(&out.buffer, &out.caps);
        }
        let bytes = clean.buffer.size() + annotated.buffer.size();
        let mut held = Held { pts, clean, annotated, bytes, closed };
        if self.held_bytes + bytes > MOST_BYTES {
            held.closed.get_or_insert("too large to be held");
        }
        if held.closed.is_some() {
            // What will not pass need not be held.
            self.empty(&mut held);
        }
        self.held_bytes += held.bytes;
        self.held.push_back(held);
        while self.held.front().is_some_and(|held| pts.saturating_sub(held.pts) >= HOLD) {
            if let Some(held) = self.held.pop_front() {
                self.held_bytes -= held.bytes;
                self.keep(held);
            }
        }
    }

    /// Puts blanks in the place of a frame's pictures.
    fn empty(&mut self, held: &mut Held) {
        if let (Some(clean), Some(annotated)) =
            (self.in_place_of(&held.clean), self.in_place_of(&held.annotated))
        {
            (held.clean, held.annotated, held.bytes) = (clean, annotated, 0);
        }
    }

    /// Lets a frame, or a blank in its place, go where it is kept.
    fn keep(&mut self, mut held: Held) {
        if held.closed.is_some() && held.bytes > 0 {
            self.empty(&mut held);
            if held.bytes > 0 {
                return;
            }
        }
        self.tell(held.pts, held.closed);
        self.clean.pass(&held.clean.buffer, &held.clean.caps);
        self.annotated.pass(&held.annotated.buffer, &held.annotated.caps);
    }

    /// Tells the account, where one is kept, when what is kept becomes blank or a picture again.
    fn tell(&mut self, pts: gst::ClockTime, closed: Option<&'static str>) {
        let account = self.account.lock().clone();
        let Some(account) = account else {
            self.told = None;
            return;
        };
        let is_told =
            self.told.as_ref().is_some_and(|(to, what)| Arc::ptr_eq(to, &account) && *what == closed);
        if !is_told {
            account.privacy(pts, closed);
        }
        if closed.is_some() {
            account.blanked();
        }
        self.told = Some((account, closed));
    }

    /// A blank of a frame's kind and time; `None` where none can be made, and then nothing passes.
    fn in_place_of(&mut self, frame: &Framed) -> Option<Framed> {
        if self.blank.as_ref().is_none_or(|blank| blank.caps != frame.caps) {
            let info = gst_video::VideoInfo::from_caps(&frame.caps).ok()?;
            self.blank = Some(Framed { buffer: card::private(&info)?, caps: frame.caps.clone() });
        }
        let blank = self.blank.as_ref()?;
        let mut buffer = blank.buffer.copy();
        let writable = buffer.get_mut()?;
        writable.set_pts(frame.buffer.pts());
        writable.set_duration(frame.buffer.duration());
        Some(Framed { buffer, caps: blank.caps.clone() })
    }
}

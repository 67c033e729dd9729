//! The last seconds before now, coded and kept in memory, so that they can be written when somebody asks.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gst::prelude::*;
use parking_lot::Mutex;

use super::front::one_line;
use super::ns;
use super::outlet::{Tap, Time, Way};
use super::record::{KINDS, ROOM, coder_text, sign, stem};
use crate::encode::Coding;

/// Most bytes that are kept of one picture, however long they last.
const MOST_BYTES: usize = 256 << 20;
/// How long writing a file may take: whoever asked waits for it.
const WRITE_WITHIN: gst::ClockTime = gst::ClockTime::from_seconds(4);

/// Coded pictures from one that can be begun at to the next.
struct Group {
    buffers: Vec<gst::Buffer>,
    bytes: usize,
}

impl Group {
    fn begins(&self) -> gst::ClockTime {
        self.buffers.first().and_then(|buffer| buffer.pts()).unwrap_or_default()
    }
}

/// Groups of the last seconds.
struct Ring {
    length: gst::ClockTime,
    most_bytes: usize,
    caps: Option<gst::Caps>,
    groups: VecDeque<Group>,
    bytes: usize,
    newest: gst::ClockTime,
}

impl Ring {
    fn new(length: gst::ClockTime, most_bytes: usize) -> Self {
        Self {
            length,
            most_bytes,
            caps: None,
            groups: VecDeque::new(),
            bytes: 0,
            newest: gst::ClockTime::ZERO,
        }
    }

    fn push(&mut self, buffer: gst::Buffer, caps: &gst::CapsRef) {
        if self.caps.as_deref() != Some(caps) {
            self.groups.clear();
            (self.bytes, self.caps) = (0, Some(caps.to_owned()));
        }
        self.newest = buffer.pts().unwrap_or(self.newest);
        self.bytes += buffer.size();
        let begins = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        match self.groups.back_mut() {
            Some(group) if !begins => {
                group.bytes += buffer.size();
                group.buffers.push(buffer);
            }
            // Without a picture to begin at it is of no use.
            None if !begins => self.bytes -= buffer.size(),
            _ => self.groups.push_back(Group { bytes: buffer.size(), buffers: vec![buffer] }),
        }
        // The oldest group goes when those behind it last long enough by themselves.
        while let Some(second) = self.groups.get(1)
            && (self.newest.saturating_sub(second.begins()) >= self.length || self.bytes > self.most_bytes)
        {
            self.bytes -= self.groups.pop_front().map_or(0, |group| group.bytes);
        }
    }

    /// The pictures of the last `length`, from one that can be begun at; empty before there are any.
    fn last(&self, length: gst::ClockTime) -> Vec<gst::Buffer> {
        let from = self.newest.saturating_sub(length);
        let first = self.groups.iter().rposition(|group| group.begins() <= from).unwrap_or(0);
        self.groups.iter().skip(first).flat_map(|group| group.buffers.iter().cloned()).collect()
    }

    fn covers(&self) -> Duration {
        let oldest = self.groups.front().map_or(self.newest, Group::begins);
        Duration::from_nanos(self.newest.saturating_sub(oldest).nseconds())
    }
}

struct Side {
    tap: Arc<Tap>,
    id: u64,
    way: Arc<Way>,
    ring: Arc<Mutex<Ring>>,
}

/// Both pictures of the last seconds.
pub(crate) struct LookBack {
    sides: Vec<Side>,
    length: Duration,
}

impl LookBack {
    /// Begins to keep pictures of a size.
    ///
    /// # Errors
    ///
    /// One line: an element is missing.
    pub(crate) fn start(
        length: Duration,
        taps: [&Arc<Tap>; 2],
        time: &Time,
        size: (u32, u32),
    ) -> Result<Self, String> {
        let mut look_back = Self { sides: Vec::new(), length };
        for tap in taps {
            let ring = Arc::new(Mutex::new(Ring::new(clock_time(length), MOST_BYTES)));
            let way = coder(&ring, time, Coding::of(size.0, size.1))?;
            look_back.sides.push(Side { tap: tap.clone(), id: tap.add(way.clone()), way, ring });
        }
        Ok(look_back)
    }

    /// What went wrong since the last call.
    pub(crate) fn error(&self) -> Option<String> {
        self.sides.iter().find_map(|side| side.way.error())
    }

    /// Whether pictures are of another size or format now.
    pub(crate) fn has_met_other_kind(&self) -> bool {
        self.sides.iter().any(|side| side.way.has_met_other_kind())
    }

    /// How long what is kept lasts: no longer than was asked for and a second.
    pub(crate) fn covers(&self) -> Duration {
        self.sides.iter().map(|side| side.ring.lock().covers()).min().unwrap_or_default()
    }

    /// What was kept, taken out at this moment: writing it may take a while.
    pub(crate) fn take(&self, seconds: Option<u32>) -> Taken {
        let length = seconds.map_or(self.length, |seconds| Duration::from_secs(seconds.into()));
        let of = |side: &Side| {
            let ring = side.ring.lock();
            (ring.caps.clone(), ring.last(clock_time(length.min(self.length))))
        };
        Taken { pictures: self.sides.iter().map(of).collect() }
    }
}

impl Drop for LookBack {
    fn drop(&mut self) {
        self.sides.iter().for_each(|side| side.tap.remove(side.id));
    }
}

fn clock_time(time: Duration) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(ns(time))
}

fn coder(ring: &Arc<Mutex<Ring>>, time: &Time, coding: Coding) -> Result<Arc<Way>, String> {
    let text = format!(
        "{} ! video/x-h264,stream-format=avc,alignment=au ! appsink name=out sync=false",
        coder_text(coding)
    );
    let ring = ring.clone();
    Way::start(&text, ROOM, true, time, move |pipeline, _| {
        let sink = pipeline.by_name("out").and_then(|s| s.downcast::<gst_app::AppSink>().ok());
        let callbacks = gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                if let (Some(buffer), Some(caps)) = (sample.buffer_owned(), sample.caps()) {
                    ring.lock().push(buffer, caps);
                }
                Ok(gst::FlowSuccess::Ok)
            })
            .build();
        sink.ok_or("the coder has no end")?.set_callbacks(callbacks);
        Ok(())
    })
}

/// Coded pictures as they were kept at a moment, annotated and clean.
pub(crate) struct Taken {
    pictures: Vec<(Option<gst::Caps>, Vec<gst::Buffer>)>,
}

impl Taken {
    /// Writes them into a folder that is there; the name of the annotated one's file.
    ///
    /// # Errors
    ///
    /// One line.
    pub(crate) fn write(self, folder: &Path, signatures: &[String; 2]) -> Result<String, String> {
        let stem = stem(folder);
        let name = |kind: &str| format!("{stem}-lookback-{kind}.mkv");
        for ((kind, (caps, buffers)), signature) in KINDS.into_iter().zip(self.pictures).zip(signatures) {
            let caps = caps.filter(|_| !buffers.is_empty()).ok_or("nothing has been kept yet")?;
            write(&folder.join(name(kind)), &caps, buffers, signature)?;
        }
        Ok(name("annotated"))
    }
}

fn write(path: &Path, caps: &gst::Caps, buffers: Vec<gst::Buffer>, signature: &str) -> Result<(), String> {
    let text = "appsrc name=in format=time max-bytes=0 ! matroskamux name=mux ! filesink name=out";
    let pipeline = gst::parse::launch(text).map_err(|e| one_line(e.message()))?;
    let pipeline = pipeline.downcast::<gst::Pipeline>().map_err(|_| "no pipeline".to_owned())?;
    let source = pipeline.by_name("in").and_then(|s| s.downcast::<gst_app::AppSrc>().ok());
    let source = source.ok_or("no way in")?;
    source.set_caps(Some(caps));
    if let Some(mux) = pipeline.by_name("mux") {
        sign(&mux, signature);
    }
    if let Some(out) = pipeline.by_name("out") {
        out.set_property("location", path.to_string_lossy().as_ref());
    }
    let failed = |why: String| format!("{}: {why}", path.display());
    let written = pipeline.set_state(gst::State::Playing).map_err(|e| e.to_string()).and_then(|_| {
        for buffer in buffers {
            // Refused only where the file has failed, which the bus says.
            let _ = source.push_buffer(buffer);
        }
        let _ = source.end_of_stream();
        let bus = pipeline.bus().ok_or("no message bus")?;
        let types = [gst::MessageType::Eos, gst::MessageType::Error];
        match bus.timed_pop_filtered(WRITE_WITHIN, &types).as_ref().map(|m| m.view()) {
            Some(gst::MessageView::Eos(_)) => Ok(()),
            Some(gst::MessageView::Error(error)) => Err(one_line(error.error().message())),
            _ => Err("it could not be written in time".to_owned()),
        }
    });
    let _ = pipeline.set_state(gst::State::Null);
    written.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture at 10 a second, of 100 bytes; every tenth can be begun at.
    fn push(ring: &mut Ring, number: u64) {
        let mut buffer = gst::Buffer::with_size(100).unwrap();
        let writable = buffer.get_mut().unwrap();
        writable.set_pts(gst::ClockTime::from_mseconds(100 * number));
        if !number.is_multiple_of(10) {
            writable.set_flags(gst::BufferFlags::DELTA_UNIT);
        }
        ring.push(buffer, &gst::Caps::new_empty_simple("video/x-h264"));
    }

    fn numbers(buffers: &[gst::Buffer]) -> Vec<u64> {
        buffers.iter().map(|b| b.pts().unwrap().mseconds() / 100).collect()
    }

    #[test]
    fn the_last_seconds_are_kept_and_no_more() {
        gst::init().unwrap();
        let mut ring = Ring::new(gst::ClockTime::from_seconds(3), usize::MAX);
        (3..10).for_each(|number| push(&mut ring, number));
        assert!(ring.last(gst::ClockTime::from_seconds(3)).is_empty(), "nothing to begin at yet");
        (10..126).for_each(|number| push(&mut ring, number));
        // At 12.5 s: from 9.0 on, for that is what 9.5 can be begun at.
        let all = numbers(&ring.last(gst::ClockTime::from_seconds(3)));
        assert_eq!(all, (90..126).collect::<Vec<_>>());
        assert_eq!(ring.covers(), Duration::from_millis(3500));
        assert_eq!(ring.bytes, 3600);
        assert_eq!(numbers(&ring.last(gst::ClockTime::from_seconds(1))), (110..126).collect::<Vec<_>>());
    }

    #[test]
    fn memory_is_bounded_and_another_size_begins_anew() {
        gst::init().unwrap();
        let mut ring = Ring::new(gst::ClockTime::from_seconds(300), 2500);
        (0..500).for_each(|number| push(&mut ring, number));
        assert!(ring.bytes <= 2500 && ring.covers() >= Duration::from_secs(1), "{}", ring.bytes);
        let other = gst::Caps::builder("video/x-h264").field("width", 64).build();
        ring.push(gst::Buffer::with_size(10).unwrap(), &other);
        assert_eq!((ring.bytes, ring.groups.len()), (10, 1));
    }
}

//! The account beside a recording: a line for each picture that came, shown or not. Written by a thread of its own; the picture
//! leaves a note and goes on.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use parking_lot::Mutex;
use serde::Serialize;
use vesalius_ledger::lines::LineFile;
use vesalius_ledger::live::{
    LiveAccount, LiveEnd, LiveEngine, LiveFrame, LiveGap, LiveOrigin, LivePrivacy, LiveSeen,
};
use vesalius_measure::live::{AiState, SignalState};
use vesalius_measure::result::{EngineIdentity, FrameResult, ResultStatus};

use super::feed::{Arrival, Origin, Passage};

/// Pictures that may wait to be written: half a minute at 60 a second.
const ROOM: usize = 2048;
/// What was written reaches the disk itself this often.
const SYNC_EVERY: Duration = Duration::from_secs(5);
/// Why a picture is not shown.
const BEHIND: &str = "the chain was behind";

enum Note {
    Frame(LiveFrame, Option<Arc<EngineIdentity>>),
    Gap(u64),
    Privacy(LivePrivacy),
}

/// An account being written.
pub(crate) struct Account {
    notes: Mutex<Option<Sender<Note>>>,
    /// Pictures that found no room, since the last that did.
    missed: AtomicU64,
    /// Pictures that were kept as blanks.
    blanked: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<Result<LiveEnd, String>>>>,
    /// What the recording itself has to say at the end.
    last: Arc<Mutex<(u64, Option<String>)>>,
}

impl Account {
    /// Begins the file.
    ///
    /// # Errors
    ///
    /// One line.
    pub(crate) fn start(path: &Path, head: &LiveAccount) -> Result<Self, String> {
        let text = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut file = LineFile::create(path).map_err(text)?;
        line(&mut file, head).map_err(text)?;
        let (sender, receiver) = crossbeam_channel::bounded(ROOM);
        let last = Arc::new(Mutex::new((0, None)));
        let blanked = Arc::new(AtomicU64::new(0));
        let (ending, name, blanks) = (last.clone(), path.to_owned(), blanked.clone());
        let writer = std::thread::Builder::new()
            .name("vesalius-account".to_owned())
            .spawn(move || write(file, &name, &receiver, (&ending, &blanks)))
            .map_err(text)?;
        Ok(Self {
            notes: Mutex::new(Some(sender)),
            missed: AtomicU64::new(0),
            blanked,
            writer: Mutex::new(Some(writer)),
            last,
        })
    }

    /// A picture has passed, others before it have not.
    pub(crate) fn passed(&self, passage: &Passage, delay: Duration, result: Option<&Arc<FrameResult>>) {
        for dropped in &passage.dropped {
            self.note(frame(dropped, None), None);
        }
        if let Some(arrival) = &passage.arrival {
            let engine = result.map(|result| result.engine.clone());
            self.note(frame(arrival, Some(seen(delay, result.map(|result| &**result)))), engine);
        }
    }

    fn note(&self, frame: LiveFrame, engine: Option<Arc<EngineIdentity>>) {
        let notes = self.notes.lock();
        let Some(notes) = notes.as_ref() else { return };
        let missed = self.missed.swap(0, Ordering::AcqRel);
        if missed > 0 && notes.try_send(Note::Gap(missed)).is_err() {
            self.missed.fetch_add(missed + 1, Ordering::AcqRel);
            return;
        }
        if let Err(TrySendError::Full(_)) = notes.try_send(Note::Frame(frame, engine)) {
            self.missed.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// From the picture with this time on, blanks are kept for this reason, or pictures again.
    pub(crate) fn privacy(&self, pts: gst::ClockTime, closed: Option<&'static str>) {
        let line =
            LivePrivacy { record: "privacy", pts_ns: pts.nseconds(), blanked: closed.is_some(), why: closed };
        if let Some(notes) = &*self.notes.lock() {
            // Without room the end still says how many were blanked.
            let _ = notes.try_send(Note::Privacy(line));
        }
    }

    /// A blank was kept in a picture's place.
    pub(crate) fn blanked(&self) {
        self.blanked.fetch_add(1, Ordering::AcqRel);
    }

    /// Writes the last line and closes the file.
    ///
    /// # Errors
    ///
    /// One line, where something could not be written.
    pub(crate) fn finish(&self, not_recorded: u64, why: Option<&str>) -> Result<(), String> {
        *self.last.lock() = (not_recorded, why.map(str::to_owned));
        {
            let mut notes = self.notes.lock();
            let missed = self.missed.swap(0, Ordering::AcqRel);
            if let Some(notes) = notes.take().filter(|_| missed > 0) {
                // There is nothing left to wait for but this.
                let _ = notes.send_timeout(Note::Gap(missed), Duration::from_secs(1));
            }
        }
        let Some(writer) = self.writer.lock().take() else { return Ok(()) };
        writer.join().map_err(|_| "the account ended in an unexpected way".to_owned())?.map(|_| ())
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let _ = self.finish(0, None);
    }
}

fn frame(arrival: &Arrival, seen: Option<LiveSeen>) -> LiveFrame {
    LiveFrame {
        record: "frame",
        number: arrival.number,
        pts_ns: arrival.pts.nseconds(),
        from: match arrival.from {
            Origin::Source => LiveOrigin::Source,
            Origin::Repeat => LiveOrigin::Repeat,
            Origin::Card => LiveOrigin::Card,
        },
        shown: seen.is_some(),
        why: seen.is_none().then_some(BEHIND),
        seen,
    }
}

fn seen(delay: Duration, result: Option<&FrameResult>) -> LiveSeen {
    let live = result.and_then(|result| result.live.as_deref());
    let ok = result.filter(|result| result.status == ResultStatus::Ok);
    LiveSeen {
        delay_us: u64::try_from(delay.as_micros()).unwrap_or(u64::MAX),
        signal: live.map_or(SignalState::Live, |live| live.signal).as_str(),
        ai: live.map_or(AiState::Off, |live| live.ai).as_str(),
        result_pts_ns: ok.map(|result| result.source_pts_ns),
        age_ms: ok.map(|result| (result.age_ns as f64 / 1e5).round() / 10.0),
        carried: ok.is_some_and(|result| result.motion.is_some()),
        reason: match result.map(|result| result.status) {
            Some(ResultStatus::Missing(reason)) => Some(reason),
            _ => None,
        },
    }
}

fn line(file: &mut LineFile, record: &impl Serialize) -> std::io::Result<()> {
    file.append(|line| {
        serde_json::to_writer(&mut *line, record)?;
        line.write_all(b"\n")
    })
}

/// Writes notes until there are no more, and the sum of them. What cannot be written is counted, and said at the end.
fn write(
    mut file: LineFile,
    path: &Path,
    notes: &Receiver<Note>,
    (last, blanked): (&Mutex<(u64, Option<String>)>, &AtomicU64),
) -> Result<LiveEnd, String> {
    let mut end = LiveEnd { record: "end", ..LiveEnd::default() };
    let (mut engine, mut result_pts_ns) = (None, None);
    let (mut synced, mut broken) = (Instant::now(), None);
    loop {
        let note = match notes.recv_timeout(SYNC_EVERY) {
            Ok(note) => Some(note),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let mut written = Ok(());
        match note {
            Some(Note::Privacy(privacy)) => written = line(&mut file, &privacy),
            Some(Note::Gap(frames)) => {
                end.without_lines += frames;
                written = line(&mut file, &LiveGap { record: "gap", frames });
            }
            Some(Note::Frame(frame, from)) => {
                count(&mut end, &frame, &mut result_pts_ns);
                if let Some(from) = from.filter(|from| engine.as_ref() != Some(from)) {
                    let number = frame.number;
                    written = line(&mut file, &LiveEngine { record: "engine", number, engine: &from });
                    engine = Some(from);
                }
                written = written.and_then(|()| line(&mut file, &frame));
                end.without_lines += u64::from(written.is_err());
            }
            None => {}
        }
        if synced.elapsed() >= SYNC_EVERY {
            synced = Instant::now();
            written = written.and_then(|()| file.sync());
        }
        broken = broken.or(written.err());
    }
    (end.not_recorded, end.why) = last.lock().clone();
    end.blanked = blanked.load(Ordering::Acquire);
    let ended = line(&mut file, &end).and_then(|()| file.sync());
    match broken.or(ended.err()) {
        Some(error) => Err(format!("{}: {error}", path.display())),
        None => Ok(end),
    }
}

fn count(end: &mut LiveEnd, frame: &LiveFrame, result_pts_ns: &mut Option<u64>) {
    let is_source = frame.from == LiveOrigin::Source;
    end.came += u64::from(is_source);
    match (&frame.seen, is_source) {
        (Some(_), true) => end.shown += 1,
        (Some(_), false) => end.in_place += 1,
        (None, true) => *end.not_shown.entry(frame.why.unwrap_or_default()).or_default() += 1,
        (None, false) => {}
    }
    end.carried += u64::from(frame.seen.as_ref().is_some_and(|seen| seen.carried));
    let newest = frame.seen.as_ref().and_then(|seen| seen.result_pts_ns);
    if newest.is_some() && newest != *result_pts_ns {
        *result_pts_ns = newest;
        end.inferred += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> LiveAccount {
        LiveAccount {
            record: "account",
            schema: 1,
            started_utc: "2026-11-23T12:04:05Z".to_owned(),
            software: std::collections::BTreeMap::new(),
            source: "pipeline".to_owned(),
            max_age_ms: 200,
            not_for_clinical_use: true,
        }
    }

    fn arrival(number: u64, from: Origin) -> Arrival {
        Arrival { number, pts: gst::ClockTime::from_mseconds(40 * number), at: Instant::now(), from }
    }

    fn pass(account: &Account, number: u64, from: Origin, dropped: &[u64]) {
        let dropped = dropped.iter().map(|&number| arrival(number, Origin::Source)).collect();
        let passage = Passage { arrival: Some(arrival(number, from)), dropped };
        account.passed(&passage, Duration::from_millis(1), None);
    }

    #[test]
    fn every_picture_has_its_line_and_the_last_line_adds_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let account = Account::start(&path, &head()).unwrap();
        pass(&account, 0, Origin::Card, &[]);
        (1..20).for_each(|number| pass(&account, number, Origin::Source, &[]));
        pass(&account, 23, Origin::Source, &[20, 21, 22]);
        pass(&account, 24, Origin::Repeat, &[]);
        account.finish(2, Some("the disk is full")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let numbers: Vec<u64> = lines.iter().filter_map(|l| l["number"].as_u64()).collect();
        assert_eq!(numbers, (0..25).collect::<Vec<_>>());
        let not_shown: Vec<_> = lines.iter().filter(|l| l["shown"] == false).collect();
        assert_eq!(not_shown.len(), 3);
        assert_eq!(not_shown[0]["why"], BEHIND);
        let end = lines.last().unwrap();
        assert_eq!((&end["came"], &end["shown"]), (&23.into(), &20.into()));
        assert_eq!(end["not_shown"][BEHIND], 3);
        assert_eq!((&end["in_place"], &end["not_recorded"]), (&2.into(), &2.into()));
        assert_eq!(end["why"], "the disk is full");
    }

    #[test]
    fn a_disk_that_is_full_is_said_and_costs_no_picture() {
        let path = Path::new("/dev/full");
        assert!(Account::start(path, &head()).err().unwrap().contains("/dev/full"));
    }
}

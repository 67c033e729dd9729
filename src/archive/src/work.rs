//! A shard's recordings, several at a time.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::done::{DONE_SCHEMA, Done, State, files_of};
use crate::error::ArchiveError;
use crate::job::Job;
use crate::list::{List, Recording};
use crate::place::{Fetched, Place};
use crate::shard::Shard;

/// What came of one replay.
#[derive(Debug)]
pub enum Outcome {
    /// It is finished.
    Finished {
        /// Whether all of it was looked at.
        state: State,
        /// Frames with a record.
        frames: u64,
        /// What failed, a line each.
        errors: Vec<String>,
    },
    /// It was stopped before its end.
    Interrupted,
    /// Nothing can be written any more, or another reason for which the next one would end the same way.
    Stop(String),
}

/// Looks at one recording.
pub trait Replay: Sync {
    /// Looks at `input`, a file or folder of this machine, and leaves what it finds in the folder `out`; `events` is the
    /// recording's table of what was noted, where it has one.
    fn replay(&self, recording: &Recording, input: &Path, events: Option<&Path>, out: &Path) -> Outcome;
}

/// What is told while the work goes on.
#[derive(Debug)]
pub enum Told<'a> {
    /// A recording is finished, by this process or, where `first` is false, by another at the same time.
    Finished {
        /// Its mark.
        done: &'a Done,
        /// Whether this one's results are those that are kept.
        first: bool,
    },
    /// A recording cannot be reached now; it is not finished.
    Unreachable {
        /// The recording.
        recording: &'a Recording,
        /// Why not.
        error: &'a ArchiveError,
    },
}

/// What a shard has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Recordings of the shard.
    pub recordings: usize,
    /// Finished before.
    pub before: usize,
    /// Finished now, with every frame looked at.
    pub complete: usize,
    /// Finished now; they cannot be looked at or break off.
    pub failed: usize,
    /// Not reachable.
    pub unreachable: usize,
}

/// The work of one process.
pub struct Work<'a> {
    /// The recordings.
    pub list: &'a List,
    /// Where results go.
    pub place: &'a Place,
    /// What all shards have in common.
    pub job: &'a Job,
    /// Which recordings are this process's.
    pub shard: Shard,
    /// Recordings at a time.
    pub jobs: usize,
    /// Whether those that failed before are tried again. Their results are removed first.
    pub retry_failed: bool,
    /// Set from anywhere to end the work; what is not complete is then not kept.
    pub stop: &'a AtomicBool,
}

impl Work<'_> {
    /// Does what is not done yet.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`] where the work cannot go on; what is finished stays.
    pub fn run(
        &self,
        replay: &impl Replay,
        tell: &(impl Fn(Told<'_>) + Sync),
    ) -> Result<Tally, ArchiveError> {
        self.job.begin(self.place)?;
        self.place.tidy();
        let mine: Vec<&Recording> = self
            .list
            .recordings
            .iter()
            .enumerate()
            .filter_map(|(at, recording)| self.shard.has(at).then_some(recording))
            .collect();
        let tally = Mutex::new(Tally { recordings: mine.len(), ..Tally::default() });
        let (next, ended) = (AtomicUsize::new(0), Mutex::new(None));
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1).min(mine.len()) {
                scope.spawn(|| {
                    while !self.stop.load(Ordering::Acquire) && ended.lock().is_none() {
                        let Some(recording) = mine.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                        match self.one(recording, replay, tell) {
                            Ok(add) => add(&mut tally.lock()),
                            Err(error) => {
                                ended.lock().get_or_insert(error);
                            }
                        }
                    }
                });
            }
        });
        self.place.tidy();
        match ended.into_inner() {
            Some(error) => Err(error),
            None => Ok(tally.into_inner()),
        }
    }

    fn one(
        &self,
        recording: &Recording,
        replay: &impl Replay,
        tell: &impl Fn(Told<'_>),
    ) -> Result<fn(&mut Tally), ArchiveError> {
        if let Some(done) = self.place.done(&recording.id)? {
            self.same(recording, &done)?;
            if !(self.retry_failed && done.state == State::Failed) {
                return Ok(|tally| tally.before += 1);
            }
            self.place.forget(&recording.id)?;
        }
        let out = self.place.work_folder(&recording.id)?;
        let (state, frames, errors) = match self.fetch(recording) {
            Err(error) => {
                tell(Told::Unreachable { recording, error: &error });
                return Ok(|tally| tally.unreachable += 1);
            }
            Ok(Err(missing)) => (State::Failed, 0, vec![missing]),
            Ok(Ok((input, events))) => {
                match replay.replay(
                    recording,
                    &input.path,
                    events.as_ref().map(|e| e.path.as_path()),
                    out.path(),
                ) {
                    Outcome::Finished { state, frames, errors } => (state, frames, errors),
                    Outcome::Interrupted => return Ok(|_| ()),
                    Outcome::Stop(message) => {
                        return Err(ArchiveError::Access {
                            place: self.place.to_string(),
                            what: recording.id.clone(),
                            verb: "written",
                            message,
                        });
                    }
                }
            }
        };
        let files = files_of(out.path()).map_err(|e| ArchiveError::Access {
            place: self.place.to_string(),
            what: recording.id.clone(),
            verb: "read",
            message: e.to_string(),
        })?;
        let done = Done {
            schema: DONE_SCHEMA,
            recording: recording.clone(),
            job_sha256: self.job.identity(),
            state,
            frames,
            errors,
            shard: self.shard.to_string(),
            files,
        };
        let first = self.place.publish(out, &done)?;
        tell(Told::Finished { done: &done, first });
        Ok(match state {
            State::Complete => |tally| tally.complete += 1,
            State::Failed => |tally| tally.failed += 1,
        })
    }

    /// The recording and its table of events; the inner error is that there is none, the outer that nobody can tell.
    fn fetch(
        &self,
        recording: &Recording,
    ) -> Result<Result<(Fetched, Option<Fetched>), String>, ArchiveError> {
        let Some(input) = self.list.base.fetch(&recording.input)? else {
            return Ok(Err(format!("'{}' is not there", recording.input)));
        };
        let Some(events) = &recording.events else { return Ok(Ok((input, None))) };
        Ok(match self.list.base.fetch(events)? {
            Some(events) => Ok((input, Some(events))),
            None => Err(format!("'{events}' is not there")),
        })
    }

    /// Whether what is finished is this list's recording and this job's.
    fn same(&self, recording: &Recording, done: &Done) -> Result<(), ArchiveError> {
        let other = |what: &str, had: &str, given: &str| ArchiveError::OtherJob {
            place: self.place.to_string(),
            what: format!("{what} for '{}'", recording.id),
            had: had.to_owned(),
            given: given.to_owned(),
        };
        if done.job_sha256 != self.job.identity() {
            return Err(other("the job", &done.job_sha256, &self.job.identity()));
        }
        if done.recording.input != recording.input {
            return Err(other("the input", &done.recording.input, &recording.input));
        }
        if done.recording.calibration != recording.calibration || done.recording.events != recording.events {
            return Err(other("other columns", "before", "not the same"));
        }
        Ok(())
    }
}

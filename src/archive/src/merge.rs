//! One run of the shards' results.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use vesalius_ledger::summary::write_json;
use vesalius_ledger::tables::{FRAMES, FrameTable, VALUES, ValueTable};
use vesalius_ledger::writer::{MEASUREMENTS, RESULTS};

use crate::done::{DONE, Done, State};
use crate::error::ArchiveError;
use crate::job::{JOB, Job};
use crate::list::{List, Recording};
use crate::place::{Place, check};

/// Name of the page about all of them.
pub const INDEX: &str = "index.json";

/// What was merged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// Finished recordings.
    pub recordings: usize,
    /// Those of them that cannot be looked at or break off.
    pub failed: usize,
    /// Frames with a record.
    pub frames: u64,
    /// Rows of the table of values.
    pub values: u64,
    /// Recordings of the list that are not finished.
    pub missing: Vec<String>,
}

/// A line of the index.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    recording: &'a Recording,
    out: &'a str,
    state: State,
    frames: u64,
    errors: &'a [String],
    shard: &'a str,
}

/// Merges archives of one job into `out`, or in its place where there is one archive and it is that: checks that every file is what
/// its shard wrote, and writes `index.json` and both tables over all recordings. With `list`, what it names must all be
/// there, unless `partial`.
///
/// # Errors
///
/// [`ArchiveError`]; no table is there then that was not before.
pub fn merge(
    places: &[Place],
    out: &Path,
    list: Option<&List>,
    partial: bool,
) -> Result<Merged, ArchiveError> {
    let (job, found) = gather(places)?;
    let missing: Vec<String> = list
        .into_iter()
        .flat_map(|list| &list.recordings)
        .filter(|recording| !found.contains_key(&recording.id))
        .map(|recording| recording.id.clone())
        .collect();
    if let (Some(example), false) = (missing.first(), partial) {
        let total = list.map_or(0, |list| list.recordings.len());
        return Err(ArchiveError::Incomplete { missing: missing.len(), total, example: example.clone() });
    }
    let fail = |what: &str, error: std::io::Error| ArchiveError::Access {
        place: out.display().to_string(),
        what: what.to_owned(),
        verb: "written",
        message: error.to_string(),
    };
    std::fs::create_dir_all(out).map_err(|e| fail("", e))?;
    let target = Place::Local(out.to_owned());
    job.begin(&target)?;
    let mut values = ValueTable::create(&out.join(VALUES))?;
    let mut frames = FrameTable::create(&out.join(FRAMES))?;
    let mut merged = Merged { recordings: found.len(), missing, ..Merged::default() };
    for (id, (place, done)) in &found {
        let folder = out.join(id);
        if place.local().is_some_and(|from| same_folder(from, out)) {
            for file in &done.files {
                check(&folder.join(&file.name), file).map_err(|message| ArchiveError::Damaged {
                    place: place.to_string(),
                    what: format!("{id}/{}", file.name),
                    message,
                })?;
            }
        } else if target.done(id)?.as_ref() != Some(done) {
            let work = target.work_folder(id)?;
            place.copy_out(id, &done.files, work.path())?;
            target.publish(work, done)?;
        }
        // A recording that could not be opened has neither.
        if folder.join(MEASUREMENTS).exists() {
            values.add_run(id, &folder)?;
        }
        if folder.join(RESULTS).exists() {
            frames.add_run(id, &folder)?;
        }
        merged.failed += usize::from(done.state == State::Failed);
        merged.frames += done.frames;
    }
    merged.values = values.rows();
    values.finish()?;
    frames.finish()?;
    let index: Vec<Line<'_>> = found
        .values()
        .map(|(_, done)| Line {
            recording: &done.recording,
            out: &done.recording.id,
            state: done.state,
            frames: done.frames,
            errors: &done.errors,
            shard: &done.shard,
        })
        .collect();
    write_json(&out.join(INDEX), &index).map_err(|e| fail(INDEX, e))?;
    target.tidy();
    Ok(merged)
}

type Found<'a> = BTreeMap<String, (&'a Place, Done)>;

/// Every finished recording, once. What two archives both have must be the same.
fn gather(places: &[Place]) -> Result<(Job, Found<'_>), ArchiveError> {
    let mut first: Option<(&Place, Job)> = None;
    let mut found: Found<'_> = BTreeMap::new();
    for place in places {
        let job = Job::of(place)?.ok_or_else(|| ArchiveError::Access {
            place: place.to_string(),
            what: JOB.to_owned(),
            verb: "found",
            message: "it is no archive of `vesalius replay --list`".to_owned(),
        })?;
        let conflict = |with: &Place, what: String, id: &str| ArchiveError::Conflict {
            first: with.to_string(),
            second: place.to_string(),
            what,
            id: id.to_owned(),
        };
        match &first {
            None => first = Some((place, job.clone())),
            Some((with, had)) => {
                if let Some((what, ..)) = had.difference(&job) {
                    return Err(conflict(with, what, JOB));
                }
            }
        }
        for id in place.finished()? {
            let Some(done) = place.done(&id)? else { continue };
            if done.job_sha256 != job.identity() {
                return Err(conflict(place, "the job".to_owned(), &id));
            }
            match found.get(&id) {
                Some((with, had)) if had.recording != done.recording || had.state != done.state => {
                    return Err(conflict(with, "the recording or its state".to_owned(), &id));
                }
                Some(_) => {}
                None => {
                    found.insert(id, (place, done));
                }
            }
        }
    }
    match first {
        Some((_, job)) => Ok((job, found)),
        None => Err(ArchiveError::Address {
            address: String::new(),
            message: format!("there is none with {DONE}"),
        }),
    }
}

fn same_folder(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

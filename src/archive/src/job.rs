//! What all shards of an archive have in common.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vesalius_ledger::digest::hex;

use crate::error::ArchiveError;
use crate::place::Place;

/// Name of the file that says what an archive's job is.
pub const JOB: &str = "archive.json";
/// Version of its layout.
pub const JOB_SCHEMA: u32 = 1;

/// A job: everything that bears on results but the recordings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// See [`JOB_SCHEMA`].
    pub schema: u32,
    /// Settings by name, the engine and its SHA-256 among them.
    pub settings: BTreeMap<String, String>,
}

impl Job {
    /// A job with these settings.
    pub fn new(settings: BTreeMap<String, String>) -> Self {
        Self { schema: JOB_SCHEMA, settings }
    }

    /// The hash of all of it, in hex.
    pub fn identity(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.schema.to_le_bytes());
        for (name, value) in &self.settings {
            for text in [name, value] {
                hasher.update((text.len() as u64).to_le_bytes());
                hasher.update(text);
            }
        }
        hex(&hasher.finalize())
    }

    /// The job that `place` was begun with; `None` where none was.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn of(place: &Place) -> Result<Option<Self>, ArchiveError> {
        let Some(bytes) = place.read(JOB)? else { return Ok(None) };
        let damaged = |message: String| ArchiveError::Damaged {
            place: place.to_string(),
            what: JOB.to_owned(),
            message,
        };
        let job: Self = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        if job.schema != JOB_SCHEMA {
            return Err(damaged(format!("its layout is {}, this program's is {JOB_SCHEMA}", job.schema)));
        }
        Ok(Some(job))
    }

    /// Begins the job in `place`, or joins it where another shard has begun the same.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::OtherJob`] where `place` is another job's, and others.
    pub fn begin(&self, place: &Place) -> Result<(), ArchiveError> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        place.create(JOB, &bytes)?;
        // Of several shards that begin at once one was the first: what it wrote holds.
        let Some(had) = Self::of(place)? else {
            return Err(ArchiveError::Damaged {
                place: place.to_string(),
                what: JOB.to_owned(),
                message: "it is gone as soon as it was written".to_owned(),
            });
        };
        match had.difference(self) {
            None => Ok(()),
            Some((what, had, given)) => {
                Err(ArchiveError::OtherJob { place: place.to_string(), what, had, given })
            }
        }
    }

    /// The first setting in which two jobs differ: its name and both values.
    pub fn difference(&self, other: &Self) -> Option<(String, String, String)> {
        let value =
            |job: &Self, name: &str| job.settings.get(name).cloned().unwrap_or_else(|| "none".to_owned());
        self.settings
            .keys()
            .chain(other.settings.keys())
            .find(|name| self.settings.get(*name) != other.settings.get(*name))
            .map(|name| (name.clone(), value(self, name), value(other, name)))
    }
}

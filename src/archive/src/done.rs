//! What marks a recording as finished.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use vesalius_ledger::digest::FileDigest;

use crate::list::Recording;

/// Name of the mark in a recording's folder.
pub const DONE: &str = "done.json";
/// Version of its layout.
pub const DONE_SCHEMA: u32 = 1;

/// A recording that is finished: looked at as a whole, or found to be none that can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// See [`DONE_SCHEMA`].
    pub schema: u32,
    /// As in the list.
    pub recording: Recording,
    /// The job's identity; see [`Job::identity`](crate::job::Job::identity).
    pub job_sha256: String,
    /// `complete` or `failed`.
    pub state: State,
    /// Frames with a record.
    pub frames: u64,
    /// What failed, a line each.
    pub errors: Vec<String>,
    /// The shard that did it, as I/N.
    pub shard: String,
    /// The results.
    pub files: Vec<FileRecord>,
}

/// What became of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Every frame was looked at.
    Complete,
    /// It cannot be looked at, or breaks off; trying again would give the same.
    Failed,
}

/// A file of results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// From the recording's folder on, parts separated by `/`.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its hash, in hex.
    pub sha256: String,
}

/// The files of a folder and of those in it, by name, without the mark.
///
/// # Errors
///
/// Those of the file system.
pub fn files_of(folder: &Path) -> io::Result<Vec<FileRecord>> {
    let mut files = Vec::new();
    gather(folder, "", &mut files)?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

fn gather(folder: &Path, prefix: &str, files: &mut Vec<FileRecord>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            gather(&entry.path(), &format!("{name}/"), files)?;
        } else if name != DONE {
            let digest = FileDigest::of(&entry.path())?;
            files.push(FileRecord { name, bytes: digest.bytes, sha256: digest.hex() });
        }
    }
    Ok(())
}

//! What can go wrong with an archive, a line each.

use std::path::PathBuf;

/// What can go wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The list of recordings is none.
    #[error("{list}, line {line}: {message}")]
    List {
        /// The list.
        list: String,
        /// Counted from 1.
        line: u64,
        /// What is wrong and what to do.
        message: String,
    },
    /// A shard that cannot be.
    #[error(
        "no shard '{given}': write I/N, I from 0 to N-1, or 'env' in an array job of Slurm or an indexed job of Kubernetes{hint}"
    )]
    Shard {
        /// As given.
        given: String,
        /// More, where more is known.
        hint: &'static str,
    },
    /// A file or an object cannot be read or written.
    #[error("{place}: {what} cannot be {verb}: {message}")]
    Access {
        /// The folder or store.
        place: String,
        /// The file or object.
        what: String,
        /// `read`, `written`, …
        verb: &'static str,
        /// Why not.
        message: String,
    },
    /// An address that means no store.
    #[error(
        "'{address}' is no place for an archive: {message}; give a folder, or s3://BUCKET/FOLDER with the AWS_… variables set"
    )]
    Address {
        /// As given.
        address: String,
        /// Why not.
        message: String,
    },
    /// An archive that was begun in another way.
    #[error("{place} was begun with {what} {had}, and this is {given}: use the same, or another --out")]
    OtherJob {
        /// The archive.
        place: String,
        /// The setting.
        what: String,
        /// As it was.
        had: String,
        /// As it is now.
        given: String,
    },
    /// A file of the archive does not say what it should.
    #[error("{place}: {what} is damaged ({message}); {}", remedy(what))]
    Damaged {
        /// The archive.
        place: String,
        /// The file.
        what: String,
        /// What is wrong.
        message: String,
    },
    /// There are results where an archive's should go.
    #[error("{} is there and is no finished recording of this archive: move it away or use another --out", .0.display())]
    InTheWay(PathBuf),
    /// Shards that do not fit together.
    #[error("{first} and {second} differ in {what} of '{id}': merge shards of one job")]
    Conflict {
        /// An archive.
        first: String,
        /// Another.
        second: String,
        /// In which respect.
        what: String,
        /// The recording.
        id: String,
    },
    /// Recordings of the list that no shard has finished.
    #[error(
        "{missing} of {total} recordings are not finished, such as '{example}': run the shards again, or merge what is there with --partial"
    )]
    Incomplete {
        /// How many.
        missing: usize,
        /// Of how many.
        total: usize,
        /// One of them.
        example: String,
    },
    /// A place that the operation cannot work in.
    #[error(
        "{0} is no folder of this machine: give --out a folder, into which the store's results are fetched"
    )]
    NotLocal(String),
    /// A table cannot be made.
    #[error(transparent)]
    Table(#[from] vesalius_ledger::tables::TableError),
}

/// What to do about a damaged file: one of a recording goes with its folder, one of all cannot.
fn remedy(file: &str) -> &'static str {
    if file.contains('/') {
        "remove the folder it is in, and its recording is done again"
    } else {
        "put it back from a copy, or begin in another folder"
    }
}

//! Many recordings, each replayed once.
//!
//! * [`list`]: the recordings, from a table; [`shard`]: which of them this process does;
//! * [`place`]: a local folder or an S3 store, which recordings come from and results go to;
//! * [`job`]: what all shards must have in common; [`done`]: what marks a recording as finished;
//! * [`work`]: does a shard's recordings, several at a time; [`merge`]: makes one run of the shards' results.
//!
//! A recording's results appear as a whole or not at all. They are made in a folder of their own and, when they are complete,
//! put in their place together with `done.json`, by a rename in a local folder, and in a store by writing `done.json` last
//! and only where none is. So whatever ends a process, what is finished stays, what is not is done again, and
//! where two processes do the same recording the first to finish counts. Nothing here knows a scheduler: arrays of Slurm
//! and indexed jobs of Kubernetes start the program with a shard's number and start it again where it died.

pub mod done;
pub mod error;
pub mod job;
pub mod list;
pub mod merge;
pub mod place;
mod remote;
pub mod shard;
pub mod work;

pub use error::ArchiveError;
pub use list::Recording;
pub use place::Place;
pub use shard::Shard;

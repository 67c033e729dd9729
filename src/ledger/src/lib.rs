//! What a run leaves behind.
//!
//! * [`record`]: the lines of `results.jsonl`: the run's identity first, then one record a frame;
//! * [`values`]: what the values of a run come to; [`summary`] for `summary.json`;
//! * [`writer`]: writes both and `measurements.csv` as results come; [`lines`]: files of whole lines;
//! * [`live`]: the account of a live recording, a line a picture;
//! * [`tables`]: finished runs as Parquet;
//! * [`digest`]: the hashes that records name files by.
//!
//! Every line is handed to the operating system as one write when it is complete, so a run that is cut off leaves
//! files that are valid as far as they go. Nothing in a record depends on the clock but the identity's
//! `started_utc`: the same input gives the same bytes.

pub mod digest;
pub mod lines;
pub mod live;
pub mod record;
pub mod summary;
pub mod tables;
pub mod values;
pub mod writer;

pub use record::{FrameRecord, RunRecord};
pub use summary::Summary;
pub use writer::{Ledger, LedgerError};

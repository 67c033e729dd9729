//! Live: the picture passes, whatever engine, recorder and browsers do.
//!
//! ```text
//! front (restartable)        chain                                                       ways out, a pipeline each
//! source ! … ! appsink ─ Feed ─ appsrc ! vesaliussegment ! vesaliusmeasure ─┬─ overlay ─┬─ window
//!                         │                                                 │           ├─ JPEG for browsers
//!             cards and   └ while no picture comes                          └─ recorder └─ recorder
//!             repeats                                                         (clean)     (annotated)
//!
//! With a privacy gate, JPEG and recorders get what it lets out, and windows all.
//! ```
//!
//! The chain has one thread and never waits for anybody: the feed drops the oldest frame where it must, a way
//! out is handed references of frames and drops what it cannot take. All pipelines go by one clock and one beginning.

mod account;
mod card;
mod control;
mod error;
mod events;
mod feed;
mod front;
mod job;
mod latency;
mod lookback;
mod monitor;
mod options;
mod outlet;
mod privacy;
pub mod profile;
mod pulse;
mod record;
mod room;
mod screen;
mod shared;
mod snapshot;
mod source;
mod status;
mod times;
mod urgent;
mod view;
mod webrtc;

pub use error::LiveError;
pub use events::LiveEvent;
pub use gstvesalius::{Alignment, Isolation};
pub use job::{LiveJob, LiveView};
pub use latency::{LatencyReport, Percentiles};
pub use monitor::monitors;
pub use options::LiveOptions;
pub use profile::Profile;
pub use pulse::Pulse;
pub use room::{RecordingRules, WhenFull};
pub use source::Source;

/// Nanoseconds of a time, or the most that 64 bits hold.
fn ns(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

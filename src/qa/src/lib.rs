//! Reference metrics, statistics and the scoring of runs against truth.
//!
//! * [`metrics`]: one label mask against another; definitions equal to named reference tools, proven on kept masks;
//! * [`stats`]: intervals by patient, agreement of measured values, equivalence; [`aggregate`]: from frames to a study;
//! * [`temporal`]: whether a structure stays itself from frame to frame;
//! * [`score`]: a run's masks and values against a folder or a table of truth;
//! * [`compare`]: two runs of the same inputs against each other, with gates;
//! * [`report`]: all of it on one page for people;
//! * [`trend`]: one patient at several dates.
//!
//! Missing is not zero and empty is not missing: what has no value has none, and how often is printed.

pub mod aggregate;
pub mod compare;
pub mod metrics;
pub mod report;
pub mod score;
pub mod stats;
pub mod temporal;
pub mod trend;

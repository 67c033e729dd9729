//! Reference metrics, statistics and the scoring of runs against truth.
//!
//! * [`metrics`]: one label mask against another; definitions equal to named reference tools, proven on kept masks;
//! * [`stats`]: means with intervals by patient, agreement of measured values, equivalence.
//!
//! Missing is not zero and empty is not missing: what has no value has none, and how often is printed.

pub mod metrics;
pub mod stats;

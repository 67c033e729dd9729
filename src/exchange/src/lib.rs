//! What leaves the house: runs as DICOM objects, recordings without their patients.
//!
//! * [`export`]: a run's masks, values and annotated pictures as Segmentation, Structured Report and Secondary Capture;
//! * [`deidentify`]: recordings without their patients;
//! * [`dicom`]: the objects themselves, built of their parts alone.

pub mod deidentify;
pub mod dicom;
pub mod export;
pub mod names;

mod run;

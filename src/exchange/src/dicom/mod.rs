//! What is written: results as DICOM objects beside the recording that they are of.
//!
//! * [`Origin`]: whose the recording is and what of it is referred to, copied from a DICOM file or generated;
//! * [`segmentation`]: masks as a Segmentation of binary segments, frame by frame;
//! * [`report`]: values as a Structured Report by TID 1500;
//! * [`capture`]: pictures for people as a Secondary Capture, and recordings that are no DICOM files turned into such;
//! * [`Part10`]: the file.
//!
//! Builders are pure: the same parts give the same bytes, UIDs included, for [`Uid::of`] derives them from a digest. All
//! coordinates and sizes are in pixels of the recording, rows from the top.

pub mod capture;
pub mod report;
pub mod segmentation;

mod code;
mod content;
mod dataset;
mod equipment;
mod file;
mod frames;
mod object;
mod origin;
mod rle;
mod uid;

pub(crate) use dataset::DataSet;
pub(crate) use frames::FrameWriter;

pub use code::{Code, PRIVATE_SCHEME};
pub use equipment::{Algorithm, Software};
pub use file::{Part10, WriteError};
pub use object::{Belonging, Series};
pub use origin::{Lossy, Made, Origin, OriginError, SourceImage};
pub use uid::Uid;

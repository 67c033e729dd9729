//! DICOM recordings in: pixels, times, and regions with their scale.
//!
//! [`Recording::open`] reads a file's header; [`Recording::frame`] decodes a frame to what is shown. It reads ultrasound,
//! endoscopic and photographic pictures, single, multi-frame and video, in native, run-length, JPEG, JPEG-LS and JPEG 2000
//! transfer syntaxes; MPEG-2, H.264 and HEVC streams are handed out whole by [`Recording::video`].
//!
//! Three rules:
//!
//! * **No guess.** Where a header contradicts its pixels or itself, there is an error or a note, and no value.
//! * **No millimetres of its own.** Regions and spacings come out as they stand;
//!   [`vesalius_measure::calibration::region`] decides whether they make a scale ([`Recording::calibration`]).
//! * **No patient.** Only the attributes that are needed are read. None of them says who, when or where, and messages
//!   repeat no text of the file but the names of maker, model, modality and UIDs of the standard.
//!
//! The crate knows nothing of GStreamer.
//!
//! ```no_run
//! use vesalius_dicom::{DicomError, Recording};
//!
//! let mut recording = Recording::open("study.dcm".as_ref())?;
//! print!("{}", recording.describe());
//! for frame in recording.frames() {
//!     println!("{} bytes", frame?.data.len());
//! }
//! # Ok::<(), DicomError>(())
//! ```

mod calibration;
mod codec;
mod colour;
mod describe;
mod error;
mod facts;
mod folder;
mod fragments;
mod picture;
mod read;
mod recording;
mod source;
mod spacing;
mod times;
mod transfer_syntax;
mod video;

pub use calibration::NoScale;
pub use describe::Description;
pub use error::{Attribute, DicomError};
pub use facts::{Facts, Note, SopClass};
pub use folder::{FolderEntry, is_dicom, open_folder};
pub use picture::{Photometric, Picture};
pub use recording::{DecodedFrame, Layout, Recording};
pub use spacing::{PixelAspect, RowColumnMm, Spacing, SpacingCalibration};
pub use times::{FrameTime, NominalRate, TimeNote, TimeProblem, Timebase, Times};
pub use transfer_syntax::{Coding, TransferSyntax};
pub use video::{VideoCodec, VideoContainer, VideoStream};

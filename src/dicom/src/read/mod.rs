//! A file's header, of which only what is needed is kept, and where its pixels lie.
//!
//! Elements come from the tokens of `dicom-parser` without ever holding the rest: what identifies a patient is skipped
//! unread, so that it cannot reach a log, a message or a result.

mod elements;
mod walk;
mod wanted;

pub(crate) use elements::Elements;
pub(crate) use walk::{Content, Extent, PixelData, read};

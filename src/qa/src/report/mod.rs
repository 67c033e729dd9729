//! Runs on one page for people: summary first, then what it rests on.
//!
//! * [`study`]: runs read, and scored against truth or compared with each other where that is asked for; [`scores`]: what a
//!   scoring left; [`values`]: what was measured, run by run;
//! * [`sections`]: what is said, in a [`document`] that does not know how it is written; [`figure`]: its figures,
//!   [`pictures`]: its frames;
//! * [`html`]: one file that needs no other; [`markdown`]: text with figures beside it.
//!
//! The crate does not decode recordings: whoever asks for a report looks up [`Study::wanted`] and brings the pictures.

pub mod document;
pub mod error;
pub mod figure;
pub mod html;
pub mod markdown;
pub mod pictures;
pub mod scores;
pub mod sections;
pub mod study;
pub mod values;
pub mod words;

use std::path::{Path, PathBuf};

pub use document::Document;
pub use error::ReportError;
pub use pictures::{Picture, Pictures, Wanted};
pub use study::{Options, Study};

/// Writes a file in one step, and the folders above it: whoever reads it sees the old one or the whole new one.
///
/// # Errors
///
/// [`ReportError::Write`].
pub fn write_file(path: &Path, text: &str) -> Result<(), ReportError> {
    let fail = |fault| ReportError::Write { path: path.to_owned(), fault };
    let folder =
        path.parent().filter(|p| !p.as_os_str().is_empty()).map_or(PathBuf::from("."), Path::to_owned);
    std::fs::create_dir_all(&folder).map_err(fail)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = folder.join(name);
    std::fs::write(&partial, text).and_then(|()| std::fs::rename(&partial, path)).map_err(|fault| {
        let _ = std::fs::remove_file(&partial);
        fail(fault)
    })
}

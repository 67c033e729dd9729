//! Why a file is not handed on. Every message is one line that says what to do; none repeats what a file says of a patient.

use std::path::PathBuf;

use vesalius_dicom::DicomError;
use vesalius_pipeline::ReplayError;

use crate::dicom::WriteError;

/// Why a file is not handed on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeidentifyError {
    /// The key cannot be read or written.
    #[error("the key {} cannot be read or written: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no key.
    #[error("{}: is no key: it must hold 64 hexadecimal digits; name a file that is not there yet to have one drawn", .0.display())]
    NoKey(PathBuf),
    /// Key or mapping would lie with what is handed on.
    #[error("{}: key and mapping lead back to patients and must not lie in the folder that is handed on", .0.display())]
    InOut(PathBuf),
    /// The mapping is there already or cannot be written.
    #[error("the mapping {} cannot be written: {source}; name a file that is not there yet", path.display())]
    Map {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The folder cannot be made, or a file in it not written.
    #[error("{}: cannot be written: {source}; choose another folder with --out", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file cannot be read or decoded.
    #[error(transparent)]
    Input(#[from] ReplayError),
    /// The DICOM file cannot be used.
    #[error("{}: {source}", path.display())]
    Dicom {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: DicomError,
    },
    /// The header cannot be taken apart.
    #[error("{}: the header cannot be read as a whole, so nothing of it is handed on: export the file again", .0.display())]
    Header(PathBuf),
    /// Nothing tells which part of the pictures is the body's.
    #[error(
        "{}: no regions to rely on and no field in the pictures tell what to keep: state it with --keep X0,Y0,X1,Y1 or --strip-top PERCENT",
        .0.display()
    )]
    NothingTells(PathBuf),
    /// The stated rectangle lies outside of the pictures.
    #[error("{}: --keep does not lie in a picture of {}x{} pixels", path.display(), size.0, size.1)]
    OutsideOfPicture {
        /// The file.
        path: PathBuf,
        /// Width and height.
        size: (u32, u32),
    },
    /// Pictures change their size.
    #[error("{}: its pictures change their size at frame {frame}: cut the recording there", path.display())]
    ChangesSize {
        /// The file.
        path: PathBuf,
        /// The frame, from 0.
        frame: u64,
    },
    /// What was written cannot be put into a file.
    #[error("{}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: WriteError,
    },
    /// What was written was looked at again and does not hold.
    #[error("{}: what was written was looked at again and {what}: it was taken away; report this as a fault", path.display())]
    Unclean {
        /// The input.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
}

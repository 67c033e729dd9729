//! Folders of DICOM files.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::facts;
use crate::read::{self, Extent};
use crate::source::Source;

/// Bytes in front of `DICM`, and these.
const MAGIC_END: usize = 132;
/// SOP class of `DICOMDIR`, which lists files and holds no picture.
const DIRECTORY: &str = "1.2.840.10008.1.3.10";

/// A DICOM file in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderEntry {
    /// The file.
    pub path: PathBuf,
    /// Its place in the series; `None` where it is not said or the header cannot be read.
    pub instance_number: Option<i32>,
}

/// Whether a file says of itself that it is DICOM.
///
/// # Errors
///
/// What the operating system says.
pub fn is_dicom(path: &Path) -> io::Result<bool> {
    let mut start = Vec::with_capacity(MAGIC_END);
    File::open(path)?.take(MAGIC_END as u64).read_to_end(&mut start)?;
    Ok(start.len() == MAGIC_END && start.ends_with(b"DICM"))
}

/// The DICOM files that lie in a folder, told by their content and not their names, in the order of Instance Number and,
/// among equals, of names. Files without a number come last. Folders inside are not entered, and `DICOMDIR` is left out.
///
/// Damaged files are in the list: opening them says what is wrong.
///
/// # Errors
///
/// What the operating system says about the folder.
pub fn open_folder(folder: &Path) -> io::Result<Vec<FolderEntry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.is_file() || !is_dicom(&path).unwrap_or(false) {
            continue;
        }
        let mut source = Source::open(&path).ok();
        let content = source.as_mut().and_then(|source| read::read(source, Extent::Header).ok());
        if content.as_ref().is_some_and(|c| c.media_sop_class == DIRECTORY) {
            continue;
        }
        let instance_number = content.and_then(|c| facts::instance_number(&c.elements));
        entries.push(FolderEntry { path, instance_number });
    }
    let key = |e: &FolderEntry| (e.instance_number.is_none(), e.instance_number, e.path.clone());
    entries.sort_by_cached_key(key);
    Ok(entries)
}

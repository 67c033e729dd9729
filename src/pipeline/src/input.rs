//! What is to be looked at, and its hash.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use vesalius_ledger::digest::{FileDigest, hex};
use vesalius_ledger::record::InputRecord;

use crate::dicom;
use crate::error::ReplayError;

/// File name endings of stills.
const STILL_ENDINGS: [&str; 8] = ["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "jpe"];

/// An input, told apart by what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file for GStreamer to decode.
    Video(PathBuf),
    /// A DICOM file of several frames, or with a video stream.
    Dicom(PathBuf),
    /// One picture.
    Still(PathBuf),
    /// The pictures of a folder, in name order.
    Stills {
        /// The folder.
        folder: PathBuf,
        /// Its pictures.
        files: Vec<PathBuf>,
    },
}

/// The last part of a path, for files and messages.
pub fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}

fn has_still_ending(path: &Path) -> bool {
    path.extension().is_some_and(|e| STILL_ENDINGS.iter().any(|s| e.eq_ignore_ascii_case(s)))
}

/// Whether a file is a still by its first bytes, whatever its name says.
fn is_still(path: &Path, head: &[u8]) -> bool {
    use image::ImageFormat::{Bmp, Jpeg, Png, Tiff, WebP};
    match image::guess_format(head) {
        Ok(Png | Jpeg | WebP | Bmp | Tiff) => true,
        // A GIF moves; anything unknown is for GStreamer, unless its name promises a picture.
        Ok(_) => false,
        Err(_) => has_still_ending(path),
    }
}

impl Input {
    /// Looks at a path.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] where there is nothing that could be looked at.
    pub fn open(path: &Path) -> Result<Self, ReplayError> {
        let read = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => ReplayError::Missing { path: path.to_owned() },
            _ => ReplayError::Read { path: path.to_owned(), source },
        };
        if std::fs::metadata(path).map_err(read)?.is_dir() {
            let mut files = Vec::new();
            for entry in std::fs::read_dir(path).map_err(read)? {
                let file = entry.map_err(read)?.path();
                if has_still_ending(&file) && file.is_file() {
                    files.push(file);
                }
            }
            if files.is_empty() {
                return Err(ReplayError::NoPictures { path: path.to_owned() });
            }
            files.sort();
            return Ok(Self::Stills { folder: path.to_owned(), files });
        }
        let mut head = [0; 64];
        let mut file = File::open(path).map_err(read)?;
        let mut length = 0;
        while let Some(free) = head.get_mut(length..)
            && !free.is_empty()
        {
            match file.read(free).map_err(read)? {
                0 => break,
                n => length += n,
            }
        }
        if length == 0 {
            return Err(ReplayError::Empty { path: path.to_owned() });
        }
        if dicom::is_dicom(path) {
            let recording = dicom::open(path)?;
            let one = recording.frame_count() == 1 && !recording.facts().transfer_syntax.coding.is_video();
            return Ok(if one { Self::Still(path.to_owned()) } else { Self::Dicom(path.to_owned()) });
        }
        let still = is_still(path, head.get(..length).unwrap_or(&[]));
        Ok(if still { Self::Still(path.to_owned()) } else { Self::Video(path.to_owned()) })
    }

    /// The inputs that a path stands for: the DICOM recordings of a folder that holds such and no pictures, each an input
    /// of its own; the path itself in every other case.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Read`].
    pub fn expand(path: &Path) -> Result<Vec<PathBuf>, ReplayError> {
        if !path.is_dir() {
            return Ok(vec![path.to_owned()]);
        }
        let fail = |source| ReplayError::Read { path: path.to_owned(), source };
        let pictures = std::fs::read_dir(path).map_err(fail)?.flatten().any(|e| has_still_ending(&e.path()));
        if pictures {
            return Ok(vec![path.to_owned()]);
        }
        let found = vesalius_dicom::open_folder(path).map_err(fail)?;
        Ok(if found.is_empty() { vec![path.to_owned()] } else { found.into_iter().map(|e| e.path).collect() })
    }

    /// The path that was given.
    pub fn path(&self) -> &Path {
        match self {
            Self::Video(path) | Self::Dicom(path) | Self::Still(path) | Self::Stills { folder: path, .. } => {
                path
            }
        }
    }

    /// What the ledger says of it. Reads every byte.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Read`].
    pub fn record(&self) -> Result<InputRecord, ReplayError> {
        let name = file_name(self.path());
        let (kind, (sha256, bytes)) = match self {
            Self::Video(path) => ("video", hash_file(path)?),
            Self::Dicom(path) => ("dicom", hash_file(path)?),
            Self::Still(path) => ("still", hash_file(path)?),
            Self::Stills { files, .. } => {
                let (mut all, mut total) = (Sha256::new(), 0);
                for file in files {
                    let (hash, bytes) = hash_file(file)?;
                    all.update(hash.as_bytes());
                    total += bytes;
                }
                ("stills", (hex(&all.finalize()), total))
            }
        };
        Ok(InputRecord { name, kind, sha256, bytes })
    }
}

fn hash_file(path: &Path) -> Result<(String, u64), ReplayError> {
    let fail = |source| ReplayError::Read { path: path.to_owned(), source };
    let digest = FileDigest::of(path).map_err(fail)?;
    Ok((digest.hex(), digest.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_told_apart_by_content_first() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(matches!(Input::open(&at("none")), Err(ReplayError::Missing { .. })));
        assert!(matches!(Input::open(folder.path()), Err(ReplayError::NoPictures { .. })));
        std::fs::write(at("empty.mp4"), b"").unwrap();
        assert!(matches!(Input::open(&at("empty.mp4")), Err(ReplayError::Empty { .. })));
        std::fs::write(at("text.mp4"), b"not a video").unwrap();
        assert!(matches!(Input::open(&at("text.mp4")), Ok(Input::Video(_))));
        image::GrayImage::new(2, 2).save(at("b.png")).unwrap();
        std::fs::copy(at("b.png"), at("picture.mp4")).unwrap();
        assert!(matches!(Input::open(&at("picture.mp4")), Ok(Input::Still(_))));
        std::fs::copy(at("b.png"), at("a.PNG")).unwrap();
        let Ok(Input::Stills { files, .. }) = Input::open(folder.path()) else { panic!("no stills") };
        assert_eq!(files, [at("a.PNG"), at("b.png")]);
    }

    #[test]
    fn the_hash_is_sha_256() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("abc");
        std::fs::write(&file, b"abc").unwrap();
        let record = Input::Video(file).record().unwrap();
        // FIPS 180-4, the one-block example.
        assert_eq!(record.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(record.bytes, 3);
    }
}

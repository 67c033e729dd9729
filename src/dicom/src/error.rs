//! What can be wrong with a file. One line each, which names attributes and never repeats what the file says in text.

use dicom_core::Tag;

/// An attribute of a file, for messages: its name in the standard and its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Name in the standard, such as `Number of Frames`.
    pub name: &'static str,
    /// Its tag: group and element.
    pub tag: Tag,
}

impl std::fmt::Display for Attribute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.tag)
    }
}

/// Why a file, or a frame of it, cannot be read. Displayed as one line; the caller says which file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DicomError {
    /// The operating system does not give the bytes.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// No `DICM` where a DICOM file has it.
    #[error(
        "is not a DICOM file: `DICM` is missing at byte 128; a file without its header has to be exported again"
    )]
    NotDicom,
    /// The header breaks off or contradicts itself.
    #[error("the DICOM header is damaged near byte {position}; export the file again")]
    Damaged {
        /// Where it was noticed, in bytes from the start of the file.
        position: u64,
    },
    /// The file ends before its content does.
    #[error("the file is cut off: {needed} bytes are needed and it has {length}; copy or export it again")]
    CutOff {
        /// Length that the file would have at least.
        needed: u64,
        /// Its length.
        length: u64,
    },
    /// An attribute that a picture cannot do without.
    #[error("{0} is missing: this is not a picture that can be shown")]
    Missing(Attribute),
    /// An attribute does not hold what the standard says it holds.
    #[error("{attribute} cannot be read as {expected}; the file is damaged or not written to the standard")]
    BadValue {
        /// The attribute.
        attribute: Attribute,
        /// What it has to be, such as `a whole number`.
        expected: &'static str,
    },
    /// There is no Pixel Data.
    #[error("the file holds no picture: Pixel Data (7FE0,0010) is missing")]
    NoPixelData,
    /// Frames are encoded in a way that is not read.
    #[error(
        "transfer syntax {name} ({uid}) is not supported; export the file in another one, such as JPEG baseline"
    )]
    TransferSyntax {
        /// Name in the standard, or `unknown`.
        name: String,
        /// Its UID.
        uid: String,
    },
    /// Pixels are laid out in a way that is not read.
    #[error("pixels of this kind are not supported: {what}")]
    Pixels {
        /// What is not supported.
        what: String,
    },
    /// The header and the pixel data disagree about the number of frames.
    #[error("Number of Frames (0028,0008) says {said}, the pixel data holds {held}; export the file again")]
    FrameCount {
        /// As the header says.
        said: usize,
        /// As the pixel data says: a number, or what is there in place of frames.
        held: String,
    },
    /// There is no such frame.
    #[error("there is no frame {frame}: the recording has {frames}, counted from 0")]
    NoSuchFrame {
        /// The frame asked for.
        frame: usize,
        /// How many there are.
        frames: usize,
    },
    /// One frame cannot be decoded.
    #[error("frame {frame} cannot be decoded: {what}")]
    Frame {
        /// The frame, from 0.
        frame: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The pictures are one video stream and are not decoded here.
    #[error("the recording is a video stream ({name}): its frames come from the stream, not one by one")]
    IsVideo {
        /// Name of the transfer syntax.
        name: String,
    },
}

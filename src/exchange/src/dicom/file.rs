//! DICOM files: what stands before and around a data set (PS3.10).

use std::io::{self, Write};

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::meta::FileMetaTableBuilder;
use dicom_object::{FileDicomObject, InMemDicomObject};
use dicom_transfer_syntax_registry::entries::EXPLICIT_VR_LITTLE_ENDIAN;

/// Names this software in every file's header, as PS3.10 asks: a UUID that was drawn once.
const IMPLEMENTATION_CLASS_UID: &str = "2.25.34365214055481710445629860627230449260";
const IMPLEMENTATION_VERSION_NAME: &str = "VESALIUS";

/// Explicit VR Little Endian.
pub(super) const NATIVE: &str = "1.2.840.10008.1.2.1";
/// RLE Lossless.
pub(super) const RLE: &str = "1.2.840.10008.1.2.5";

/// An object that cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The operating system does not take the bytes.
    #[error("cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The object cannot be encoded.
    #[error("cannot be put into DICOM: {0}")]
    Encode(String),
    /// The object does not fit into what DICOM allows.
    #[error("{0}")]
    TooLarge(String),
}

/// A DICOM file in memory, but for pixel data that is written frame by frame.
#[derive(Debug)]
pub struct Part10 {
    object: FileDicomObject<InMemDicomObject>,
}

impl Part10 {
    pub(crate) fn new(data_set: InMemDicomObject, transfer_syntax: &str) -> Result<Self, WriteError> {
        let encode = |error: &dyn std::error::Error| WriteError::Encode(error.to_string());
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(transfer_syntax)
            .implementation_class_uid(IMPLEMENTATION_CLASS_UID)
            .implementation_version_name(IMPLEMENTATION_VERSION_NAME);
        let object = data_set.with_meta(meta).map_err(|e| encode(&e))?;
        Ok(Self { object })
    }

    /// The data set, for those who want to look at it.
    pub fn data_set(&self) -> &InMemDicomObject {
        &self.object
    }

    /// SOP Instance UID.
    pub fn instance_uid(&self) -> &str {
        self.object.meta().media_storage_sop_instance_uid()
    }

    /// Writes the file, or what stands before its frames.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    pub fn write(&self, mut to: impl Write) -> Result<(), WriteError> {
        let encode = |error: dicom_object::WriteError| WriteError::Encode(error.to_string());
        to.write_all(&[0; 128])?;
        to.write_all(b"DICM")?;
        self.object.write_meta(&mut to).map_err(encode)?;
        // Whatever the frames are encoded in, what stands before them is explicit and little endian.
        let syntax = EXPLICIT_VR_LITTLE_ENDIAN.erased();
        self.object.write_dataset_with_ts(&mut to, &syntax).map_err(encode)
    }
}

fn item(to: &mut impl Write, tag: Tag, length: u32) -> io::Result<()> {
    to.write_all(&tag.group().to_le_bytes())?;
    to.write_all(&tag.element().to_le_bytes())?;
    to.write_all(&length.to_le_bytes())
}

const ITEM: Tag = Tag(0xFFFE, 0xE000);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// Begins encapsulated pixel data with an empty table of offsets (PS3.5, A.4).
pub(super) fn begin_frames(to: &mut impl Write) -> io::Result<()> {
    to.write_all(&tags::PIXEL_DATA.group().to_le_bytes())?;
    to.write_all(&tags::PIXEL_DATA.element().to_le_bytes())?;
    to.write_all(b"OB\0\0")?;
    to.write_all(&u32::MAX.to_le_bytes())?;
    item(to, ITEM, 0)
}

/// Writes one frame as one fragment.
pub(super) fn frame(to: &mut impl Write, encoded: &[u8]) -> Result<(), WriteError> {
    let padded = encoded.len() + encoded.len() % 2;
    let length =
        u32::try_from(padded).map_err(|_| WriteError::TooLarge("a frame has more than 4 GiB".to_owned()))?;
    item(to, ITEM, length)?;
    to.write_all(encoded)?;
    if padded > encoded.len() {
        to.write_all(&[0])?;
    }
    Ok(())
}

/// Ends encapsulated pixel data.
pub(super) fn end_frames(to: &mut impl Write) -> io::Result<()> {
    item(to, SEQUENCE_END, 0)
}

//! What the tests share: where files are, and small DICOM files made on the spot.
#![allow(dead_code)] // Every test takes what it needs.
#![allow(clippy::expect_used)] // The lint lets tests, but not what tests share.

use std::path::{Path, PathBuf};

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

/// The synthetic test files of this crate.
pub fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files")
}

/// The public DICOM files, where they are.
pub fn public_files() -> Option<PathBuf> {
    let folder =
        std::env::var_os("VESALIUS_DATA").map(|f| PathBuf::from(f).join("dicom")).filter(|f| f.is_dir());
    if folder.is_none() {
        println!("skipped: VESALIUS_DATA does not name the folder of public recordings");
    }
    folder
}

/// Ultrasound Multi-frame Image Storage.
pub const MULTI_FRAME: &str = "1.2.840.10008.5.1.4.1.1.3.1";
/// Explicit VR Little Endian.
pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// A DICOM file in the making.
#[derive(Clone)]
pub struct Made {
    pub syntax: String,
    pub media_sop_class: String,
    pub object: InMemDicomObject,
}

impl Made {
    /// Grey pictures of 8×4 pixels, native.
    pub fn grey(frames: u32) -> Self {
        let mut made = Self {
            syntax: EXPLICIT.into(),
            media_sop_class: MULTI_FRAME.into(),
            object: InMemDicomObject::new_empty(),
        };
        made.put(tags::SOP_CLASS_UID, VR::UI, MULTI_FRAME);
        made.put(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3");
        made.put(tags::MODALITY, VR::CS, "US");
        made.put(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
        made.put(tags::SAMPLES_PER_PIXEL, VR::US, PrimitiveValue::from(1u16));
        made.put(tags::NUMBER_OF_FRAMES, VR::IS, frames.to_string());
        made.put(tags::ROWS, VR::US, PrimitiveValue::from(4u16));
        made.put(tags::COLUMNS, VR::US, PrimitiveValue::from(8u16));
        made.put(tags::BITS_ALLOCATED, VR::US, PrimitiveValue::from(8u16));
        made.put(tags::BITS_STORED, VR::US, PrimitiveValue::from(8u16));
        made.put(tags::HIGH_BIT, VR::US, PrimitiveValue::from(7u16));
        made.put(tags::PIXEL_REPRESENTATION, VR::US, PrimitiveValue::from(0u16));
        let pixels: Vec<u8> = (0..frames * 32).map(|i| i as u8).collect();
        made.put(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(pixels));
        made
    }

    pub fn put(&mut self, tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) -> &mut Self {
        self.object.put(DataElement::new(tag, vr, value.into()));
        self
    }

    pub fn remove(&mut self, tag: Tag) -> &mut Self {
        self.object.remove_element(tag);
        self
    }

    pub fn sequence(&mut self, tag: Tag, items: Vec<InMemDicomObject>) -> &mut Self {
        self.object.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
        self
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(self.syntax.as_str())
            .media_storage_sop_class_uid(self.media_sop_class.as_str())
            .media_storage_sop_instance_uid("1.2.3")
            .build()
            .expect("meta information is whole");
        let mut bytes = Vec::new();
        let object = self.object.clone().with_exact_meta(meta);
        object.write_all(&mut bytes).expect("writes to memory");
        bytes
    }
}

/// An item of the Sequence of Ultrasound Regions: 2D tissue over the whole of [`Made::grey`], 0.5 mm a pixel.
pub fn region() -> InMemDicomObject {
    let mut item = InMemDicomObject::new_empty();
    for (tag, value) in [
        (tags::REGION_SPATIAL_FORMAT, 1u16),
        (tags::REGION_DATA_TYPE, 1),
        (tags::PHYSICAL_UNITS_X_DIRECTION, 3),
        (tags::PHYSICAL_UNITS_Y_DIRECTION, 3),
    ] {
        item.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }
    for (tag, value) in [
        (tags::REGION_FLAGS, 0u32),
        (tags::REGION_LOCATION_MIN_X0, 0),
        (tags::REGION_LOCATION_MIN_Y0, 0),
        (tags::REGION_LOCATION_MAX_X1, 7),
        (tags::REGION_LOCATION_MAX_Y1, 3),
    ] {
        item.put(DataElement::new(tag, VR::UL, PrimitiveValue::from(value)));
    }
    for tag in [tags::PHYSICAL_DELTA_X, tags::PHYSICAL_DELTA_Y] {
        item.put(DataElement::new(tag, VR::FD, PrimitiveValue::from(0.05f64)));
    }
    item
}

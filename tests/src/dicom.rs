//! Ultrasound recordings as DICOM files, made for a test.

use std::path::Path;

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

/// Puts an attribute into an object, in the place of one that is there.
pub fn put(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) {
    object.put(DataElement::new(tag, vr, value.into()));
}

/// A grey recording of 40 ms a frame with one 2D region in centimetres.
#[derive(Clone, Debug)]
pub struct Cine {
    /// Columns and rows.
    pub size: [u16; 2],
    /// All frames one after the other, rows from the top, a byte a pixel.
    pub pixels: Vec<u8>,
    /// The region's first column and row, last column and row.
    pub region: [u32; 4],
    /// Centimetres a pixel.
    pub delta_cm: f64,
    /// UIDs of instance, study and series.
    pub uids: [&'static str; 3],
}

impl Cine {
    /// The recording's attributes, without a patient.
    pub fn object(&self) -> InMemDicomObject {
        let [columns, rows] = self.size;
        let frames = self.pixels.len() / (usize::from(columns) * usize::from(rows));
        let [instance, study, series] = self.uids;
        let mut object = InMemDicomObject::new_empty();
        for (tag, vr, value) in [
            (tags::SOP_CLASS_UID, VR::UI, uids::ULTRASOUND_MULTI_FRAME_IMAGE_STORAGE),
            (tags::SOP_INSTANCE_UID, VR::UI, instance),
            (tags::STUDY_INSTANCE_UID, VR::UI, study),
            (tags::SERIES_INSTANCE_UID, VR::UI, series),
            (tags::MODALITY, VR::CS, "US"),
            (tags::NUMBER_OF_FRAMES, VR::IS, &frames.to_string()),
            (tags::FRAME_TIME, VR::DS, "40"),
            (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        ] {
            put(&mut object, tag, vr, value);
        }
        put(&mut object, tags::FRAME_INCREMENT_POINTER, VR::AT, tags::FRAME_TIME);
        for (tag, value) in [
            (tags::SAMPLES_PER_PIXEL, 1),
            (tags::ROWS, rows),
            (tags::COLUMNS, columns),
            (tags::BITS_ALLOCATED, 8),
            (tags::BITS_STORED, 8),
            (tags::HIGH_BIT, 7),
            (tags::PIXEL_REPRESENTATION, 0),
        ] {
            put(&mut object, tag, VR::US, value);
        }
        set_regions(&mut object, vec![self.region_item()]);
        put(&mut object, tags::PIXEL_DATA, VR::OB, self.pixels.clone());
        object
    }

    /// The item of the region.
    pub fn region_item(&self) -> InMemDicomObject {
        let mut region = InMemDicomObject::new_empty();
        for (tag, value) in [
            (tags::REGION_SPATIAL_FORMAT, 1_u16),
            (tags::REGION_DATA_TYPE, 1),
            (tags::PHYSICAL_UNITS_X_DIRECTION, 3),
            (tags::PHYSICAL_UNITS_Y_DIRECTION, 3),
        ] {
            put(&mut region, tag, VR::US, value);
        }
        let [x0, y0, x1, y1] = self.region;
        for (tag, value) in [
            (tags::REGION_FLAGS, 0),
            (tags::REGION_LOCATION_MIN_X0, x0),
            (tags::REGION_LOCATION_MIN_Y0, y0),
            (tags::REGION_LOCATION_MAX_X1, x1),
            (tags::REGION_LOCATION_MAX_Y1, y1),
        ] {
            put(&mut region, tag, VR::UL, value);
        }
        for tag in [tags::PHYSICAL_DELTA_X, tags::PHYSICAL_DELTA_Y] {
            put(&mut region, tag, VR::FD, self.delta_cm);
        }
        region
    }

    /// Writes an object that came from [`object`](Self::object), uncompressed.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write(&self, object: InMemDicomObject, path: &Path) {
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .media_storage_sop_class_uid(uids::ULTRASOUND_MULTI_FRAME_IMAGE_STORAGE)
            .media_storage_sop_instance_uid(self.uids[0])
            .build()
            .expect("a file's meta information");
        object.with_exact_meta(meta).write_to_file(path).expect("a DICOM file");
    }
}

/// Puts regions in the place of those that are there.
pub fn set_regions(object: &mut InMemDicomObject, regions: Vec<InMemDicomObject>) {
    let regions = DataSetSequence::from(regions);
    object.put(DataElement::new(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, VR::SQ, regions));
}

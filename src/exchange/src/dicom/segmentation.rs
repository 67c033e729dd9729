//! Masks as a DICOM Segmentation (PS3.3, A.51): binary segments, one a class, each of their frames bound to a frame of the
//! recording.
//!
//! There is no Frame of Reference: ultrasound and endoscopy clips have none, and a mask lies on the very pixels of its
//! frame (Spatial Locations Preserved). Frames in which a class was not found are left out.

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::code::Code;
use super::dataset::DataSet;
use super::equipment::{Algorithm, NOT_FOR_CLINICAL_USE};
use super::file::{NATIVE, Part10, WriteError};
use super::object::{Belonging, Identity, begin};
use super::origin::{Lossy, Origin};
use super::uid::Uid;

/// A class of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Name for people.
    pub label: String,
    /// What sort of thing it is: an anatomical structure, a physical object …
    pub category: Code,
    /// What it is.
    pub kind: Code,
    /// Colour to show it in, sRGB.
    pub color: [u8; 3],
}

/// One frame of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Number of the segment, from 1.
    segment: u16,
    /// Number of the recording's frame, from 1.
    source_frame: u32,
}

/// Masks that are being gathered.
#[derive(Debug)]
pub struct Segmentation {
    rows: u16,
    columns: u16,
    segments: Vec<Segment>,
    places: Vec<Place>,
    /// Pixels of all frames, one bit each, the first in the lowest.
    bits: Vec<u8>,
    length: u64,
}

/// Longest value that an element can have, but for a rest.
const MOST_BYTES: u64 = u32::MAX as u64 - 1024;

impl Segmentation {
    /// Begins with the classes; segment n is the n-th of them, from 1. All pictures have one size.
    pub fn new(rows: u16, columns: u16, segments: Vec<Segment>) -> Self {
        Self { rows, columns, segments, places: Vec::new(), bits: Vec::new(), length: 0 }
    }

    /// Adds the labels of one frame of the recording, counted from 1, rows from the top: a pixel of label n belongs to
    /// segment n. Says for which segments there is a frame now, with its number from 1.
    ///
    /// # Errors
    ///
    /// [`WriteError::TooLarge`] where labels are of another size, or more than one object can hold.
    pub fn add(&mut self, source_frame: u32, labels: &[u8]) -> Result<Vec<(u16, u32)>, WriteError> {
        let pixels = usize::from(self.rows) * usize::from(self.columns);
        if labels.len() != pixels {
            return Err(WriteError::TooLarge(format!("a mask has {} pixels, not {pixels}", labels.len())));
        }
        let mut seen = [false; 256];
        for &label in labels {
            if let Some(seen) = seen.get_mut(usize::from(label)) {
                *seen = true;
            }
        }
        let mut added = Vec::new();
        for segment in 1..=self.segments.len() {
            if !seen.get(segment).copied().unwrap_or(false) {
                continue;
            }
            if (self.length + pixels as u64) / 8 > MOST_BYTES {
                return Err(WriteError::TooLarge(
                    "the masks are more than 4 GiB, which one DICOM object cannot hold".to_owned(),
                ));
            }
            self.push(labels.iter().map(|&label| usize::from(label) == segment));
            self.places.push(Place { segment: segment as u16, source_frame });
            added.push((segment as u16, self.places.len() as u32));
        }
        Ok(added)
    }

    /// Frames follow each other without padding (PS3.5, 8.1.1).
    fn push(&mut self, pixels: impl Iterator<Item = bool>) {
        for pixel in pixels {
            let bit = (self.length % 8) as u32;
            if bit == 0 {
                self.bits.push(0);
            }
            if let Some(last) = self.bits.last_mut().filter(|_| pixel) {
                *last |= 1 << bit;
            }
            self.length += 1;
        }
    }

    /// Whether no class was found in any frame: there is nothing to write then, for an object needs a frame.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Number of frames so far.
    pub fn frame_count(&self) -> usize {
        self.places.len()
    }

    /// SHA-256 worth of a UID: what the masks are.
    pub fn digest_uid(&self) -> Uid {
        let places = self.places.iter().map(|p| format!("{}:{};", p.segment, p.source_frame));
        Uid::of([self.bits.as_slice(), places.collect::<String>().as_bytes()])
    }

    /// The object.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    pub fn finish(mut self, of: &Belonging<'_>) -> Result<Part10, WriteError> {
        let identity = Identity {
            class_uid: uids::SEGMENTATION_STORAGE,
            instance_uid: of.instance_uid,
            modality: "SEG",
        };
        let mut object = begin(of.origin, of.series, &identity, Some(of.made), of.software);
        of.origin.write_body(&mut object, false);
        object.texts(tags::IMAGE_TYPE, VR::CS, &["DERIVED", "PRIMARY"]);
        object.empty(tags::PATIENT_ORIENTATION, VR::CS);
        object.text(tags::CONTENT_LABEL, VR::CS, "SEGMENTATION");
        object.text(
            tags::CONTENT_DESCRIPTION,
            VR::LO,
            &format!("{} {}, {NOT_FOR_CLINICAL_USE}", of.algorithm.name, of.algorithm.version),
        );
        object.text(tags::CONTENT_CREATOR_NAME, VR::PN, "Vesalius^Program");
        Lossy::write(of.origin.image.lossy.as_ref(), &mut object);
        object.text(tags::BURNED_IN_ANNOTATION, VR::CS, "NO");
        self.write_pixels(&mut object);
        object.text(tags::SEGMENTATION_TYPE, VR::CS, "BINARY");
        let segments = self.segments.iter().enumerate().map(|(i, s)| segment(i + 1, s, of.algorithm));
        object.sequence(tags::SEGMENT_SEQUENCE, segments.collect());
        object.item(tags::REFERENCED_SERIES_SEQUENCE, |series| {
            series.text(tags::SERIES_INSTANCE_UID, VR::UI, &of.origin.image.series_uid);
            series.item(tags::REFERENCED_INSTANCE_SEQUENCE, |instance| {
                of.origin.image.reference(instance, None);
            });
        });
        write_dimensions(&mut object, of.instance_uid);
        object.sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![DataSet::new().into_inner()]);
        let frames = self.frames(of.origin);
        object.sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames);
        let mut bits = std::mem::take(&mut self.bits);
        if bits.len() % 2 == 1 {
            bits.push(0);
        }
        object.bytes(tags::PIXEL_DATA, VR::OB, bits);
        Part10::new(object.into_inner(), NATIVE)
    }

    fn write_pixels(&self, object: &mut DataSet) {
        object.short(tags::SAMPLES_PER_PIXEL, 1);
        object.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
        object.short(tags::PIXEL_REPRESENTATION, 0);
        object.short(tags::BITS_ALLOCATED, 1);
        object.short(tags::BITS_STORED, 1);
        object.short(tags::HIGH_BIT, 0);
        object.short(tags::ROWS, self.rows);
        object.short(tags::COLUMNS, self.columns);
        object.whole(tags::NUMBER_OF_FRAMES, self.places.len() as u64);
    }

    fn frames(&self, origin: &Origin) -> Vec<InMemDicomObject> {
        let mut times: Vec<u32> = self.places.iter().map(|p| p.source_frame).collect();
        times.dedup();
        let frame = |place: &Place| {
            // Index values of a dimension have no gaps: the n-th frame that has a mask.
            let time = times.binary_search(&place.source_frame).unwrap_or_default() as u32 + 1;
            let mut frame = DataSet::new();
            frame.item(tags::FRAME_CONTENT_SEQUENCE, |content| {
                content.longs(tags::DIMENSION_INDEX_VALUES, &[place.segment.into(), time]);
                content.longs(tags::TEMPORAL_POSITION_INDEX, &[time]);
            });
            frame.item(tags::SEGMENT_IDENTIFICATION_SEQUENCE, |segment| {
                segment.shorts(tags::REFERENCED_SEGMENT_NUMBER, &[place.segment]);
            });
            frame.item(tags::DERIVATION_IMAGE_SEQUENCE, |derivation| {
                derivation.code(tags::DERIVATION_CODE_SEQUENCE, &Code::dcm("113076", "Segmentation"));
                derivation.item(tags::SOURCE_IMAGE_SEQUENCE, |source| {
                    origin.image.reference(source, Some(place.source_frame));
                    source.text(tags::SPATIAL_LOCATIONS_PRESERVED, VR::CS, "YES");
                    source.code(
                        tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
                        &Code::dcm("121322", "Source image for image processing operation"),
                    );
                });
            });
            frame.into_inner()
        };
        self.places.iter().map(frame).collect()
    }
}

fn segment(number: usize, segment: &Segment, algorithm: &Algorithm) -> InMemDicomObject {
    let mut item = DataSet::new();
    item.short(tags::SEGMENT_NUMBER, number as u16);
    item.text(tags::SEGMENT_LABEL, VR::LO, &segment.label);
    item.code(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, &segment.category);
    item.code(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, &segment.kind);
    item.text(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, "AUTOMATIC");
    item.text(tags::SEGMENT_ALGORITHM_NAME, VR::LO, &algorithm.name);
    item.sequence(tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE, vec![algorithm.item()]);
    item.shorts(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE, &cielab(segment.color));
    item.into_inner()
}

/// The dimensions along which frames are ordered: segments, then time (PS3.3, C.7.6.17).
fn write_dimensions(object: &mut DataSet, instance_uid: &Uid) {
    let organization = Uid::of([b"dimensions".as_slice(), instance_uid.as_str().as_bytes()]);
    object.item(tags::DIMENSION_ORGANIZATION_SEQUENCE, |item| {
        item.text(tags::DIMENSION_ORGANIZATION_UID, VR::UI, organization.as_str());
    });
    let dimension = |pointer, group, label: &str| {
        let mut item = DataSet::new();
        item.text(tags::DIMENSION_ORGANIZATION_UID, VR::UI, organization.as_str());
        item.tag(tags::DIMENSION_INDEX_POINTER, pointer);
        item.tag(tags::FUNCTIONAL_GROUP_POINTER, group);
        item.text(tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, label);
        item.into_inner()
    };
    object.sequence(
        tags::DIMENSION_INDEX_SEQUENCE,
        vec![
            dimension(
                tags::REFERENCED_SEGMENT_NUMBER,
                tags::SEGMENT_IDENTIFICATION_SEQUENCE,
                "Segment Number",
            ),
            dimension(tags::TEMPORAL_POSITION_INDEX, tags::FRAME_CONTENT_SEQUENCE, "Temporal Position"),
        ],
    );
}

/// sRGB as CIELab under D50, scaled to 16 bits (PS3.3, C.10.7.1.1; matrix of sRGB adapted to D50: IEC 61966-2-1 Annex F by
/// Bradford's transform, as in the ICC's sRGB profile).
fn cielab(rgb: [u8; 3]) -> [u16; 3] {
    let linear = rgb.map(|v| {
        let v = f64::from(v) / 255.0;
        if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    });
    let [r, g, b] = linear;
    let x = 0.436_074_7 * r + 0.385_064_9 * g + 0.143_080_4 * b;
    let y = 0.222_504_5 * r + 0.716_878_6 * g + 0.060_616_9 * b;
    let z = 0.013_932_2 * r + 0.097_104_5 * g + 0.714_173_3 * b;
    let f = |t: f64| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 };
    let (fx, fy, fz) = (f(x / 0.964_22), f(y), f(z / 0.825_21));
    let scale =
        |v: f64, from: f64, range: f64| ((v - from) / range * 65535.0).round().clamp(0.0, 65535.0) as u16;
    [
        scale(116.0 * fy - 16.0, 0.0, 100.0),
        scale(500.0 * (fx - fy), -128.0, 255.0),
        scale(200.0 * (fy - fz), -128.0, 255.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_is_the_end_of_the_scale_and_has_no_colour() {
        let [l, a, b] = cielab([255; 3]);
        assert_eq!((l, a.abs_diff(32896) < 20, b.abs_diff(32896) < 20), (65535, true, true));
        assert_eq!(cielab([0; 3]), [0, 32896, 32896]);
        // The red of sRGB in the ICC's profile connection space.
        let [l, a, b] = cielab([255, 0, 0]);
        let lab = [f64::from(l) / 655.35, f64::from(a) / 257.0 - 128.0, f64::from(b) / 257.0 - 128.0];
        for (found, expected) in lab.into_iter().zip([54.29, 80.81, 69.89]) {
            assert!((found - expected).abs() < 0.05, "{lab:?}");
        }
    }

    #[test]
    fn bits_are_packed_from_the_lowest_on_and_across_frames() {
        let kind = || Code::private("thing");
        let thing = || Segment { label: "Thing".into(), category: kind(), kind: kind(), color: [1, 2, 3] };
        let mut masks = Segmentation::new(1, 5, vec![thing(), thing()]);
        assert_eq!(masks.add(1, &[1, 0, 0, 0, 1]).unwrap(), [(1, 1)]);
        assert_eq!(masks.add(2, &[0; 5]).unwrap(), []);
        assert_eq!(masks.add(7, &[2, 1, 2, 0, 0]).unwrap(), [(1, 2), (2, 3)]);
        assert_eq!(masks.bits, [0b0101_0001, 0b0001_0100]);
        assert!(masks.add(8, &[0; 4]).is_err());
    }
}

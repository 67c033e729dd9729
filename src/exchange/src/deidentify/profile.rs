//! The header of a DICOM file without whom, where and when: Basic Application Confidentiality Profile (PS3.15, E.2).
//!
//! It is a list of what stays, not of what goes: every attribute that is not in it is taken out, private ones included. So
//! attributes that the standard or a maker will invent cannot slip through. More goes than the profile asks.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use dicom_object::InMemDicomObject;
use serde::Serialize;

use super::key::Key;
use crate::dicom::{Code, DataSet};

/// Attributes that stay: numbers and codes that say how pictures were made and how they lie, none of which is in table
/// E.1-1 of PS3.15 with an action other than K.
const KEPT: &[(Tag, VR)] = &[
    (tags::SOP_CLASS_UID, VR::UI),
    (tags::MODALITY, VR::CS),
    (tags::CONVERSION_TYPE, VR::CS),
    (tags::MANUFACTURER, VR::LO),
    (tags::MANUFACTURER_MODEL_NAME, VR::LO),
    (tags::START_TRIM, VR::IS),
    (tags::STOP_TRIM, VR::IS),
    (tags::RECOMMENDED_DISPLAY_FRAME_RATE, VR::IS),
    (tags::CINE_RATE, VR::IS),
    (tags::EFFECTIVE_DURATION, VR::DS),
    (tags::FRAME_TIME, VR::DS),
    (tags::FRAME_TIME_VECTOR, VR::DS),
    (tags::FRAME_DELAY, VR::DS),
    (tags::ACTUAL_FRAME_DURATION, VR::IS),
    (tags::HEART_RATE, VR::IS),
    (tags::PREFERRED_PLAYBACK_SEQUENCING, VR::US),
    (tags::BODY_PART_EXAMINED, VR::CS),
    (tags::LATERALITY, VR::CS),
    (tags::IMAGE_LATERALITY, VR::CS),
    (tags::SERIES_NUMBER, VR::IS),
    (tags::INSTANCE_NUMBER, VR::IS),
    (tags::PATIENT_ORIENTATION, VR::CS),
    (tags::FRAME_INCREMENT_POINTER, VR::AT),
    (tags::ULTRASOUND_COLOR_DATA_PRESENT, VR::US),
    (tags::PIXEL_SPACING, VR::DS),
    (tags::PIXEL_SPACING_CALIBRATION_TYPE, VR::CS),
    (tags::PIXEL_ASPECT_RATIO, VR::IS),
    (tags::LOSSY_IMAGE_COMPRESSION, VR::CS),
    (tags::LOSSY_IMAGE_COMPRESSION_RATIO, VR::DS),
    (tags::LOSSY_IMAGE_COMPRESSION_METHOD, VR::CS),
    (tags::SEQUENCE_OF_ULTRASOUND_REGIONS, VR::SQ),
];

/// Of a region, numbers alone stay: all of the standard's that say where it lies and what its axes mean.
const KEPT_OF_REGION: &[VR] = &[VR::US, VR::UL, VR::SL, VR::SS, VR::FD, VR::FL];

/// Identifiers that are replaced, the same by the same wherever they stand.
const UIDS: &[Tag] = &[
    tags::SOP_INSTANCE_UID,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::FRAME_OF_REFERENCE_UID,
];

/// Attributes that have to be there, and are there without a value.
const EMPTIED: &[(Tag, VR)] = &[
    (tags::STUDY_DATE, VR::DA),
    (tags::STUDY_TIME, VR::TM),
    (tags::CONTENT_DATE, VR::DA),
    (tags::CONTENT_TIME, VR::TM),
    (tags::ACCESSION_NUMBER, VR::SH),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
    (tags::PATIENT_BIRTH_DATE, VR::DA),
    (tags::PATIENT_SEX, VR::CS),
    (tags::STUDY_ID, VR::SH),
];

/// What the pixels' own description is; it is written anew with the pixels.
const OF_PIXELS: &[Tag] = &[
    tags::SAMPLES_PER_PIXEL,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::PLANAR_CONFIGURATION,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_ALLOCATED,
    tags::BITS_STORED,
    tags::HIGH_BIT,
    tags::PIXEL_REPRESENTATION,
    tags::BURNED_IN_ANNOTATION,
    tags::SPECIFIC_CHARACTER_SET,
];

/// What was done to an attribute, without what it said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Action {
    /// The attribute's tag, such as `(0010,0010)`.
    pub tag: String,
    /// Its name in the standard, `private` or `unknown`.
    pub name: &'static str,
    /// `removed`, `emptied` or `replaced`.
    pub action: &'static str,
}

fn action(tag: Tag, action: &'static str) -> Action {
    let name = if tag.group() % 2 == 1 {
        "private"
    } else {
        StandardDataDictionary.by_tag(tag).map_or("unknown", |entry| entry.alias())
    };
    Action { tag: tag.to_string(), name, action }
}

/// A header without its patient, and what was done for it.
pub(super) struct Cleaned {
    pub(super) header: DataSet,
    pub(super) actions: Vec<Action>,
    /// Instance UIDs before and after: SOP, study and series.
    pub(super) uids: Vec<(&'static str, String, String)>,
    /// The patient's number, or what stood for it, before and after.
    pub(super) patient: (String, String),
}

fn text(header: &InMemDicomObject, tag: Tag) -> String {
    let text = header.get(tag).and_then(|e| e.to_str().ok());
    text.map_or_else(String::new, |t| t.trim_matches(['\0', ' ']).to_owned())
}

/// Whether text is what codes and numbers are written in: whoever writes a name into one of these does not get it out.
fn is_plain(vr: VR, text: &str) -> bool {
    let all = |fits: fn(&char) -> bool| text.chars().all(|c| fits(&c));
    match vr {
        VR::CS => all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '_' | ' ' | '\\')),
        VR::IS | VR::DS => {
            all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E' | ' ' | '\\'))
        }
        VR::UI => all(|c| c.is_ascii_digit() || matches!(c, '.' | '\0')),
        VR::LO => text.len() <= 64 && all(|c| (' '..='~').contains(c)),
        _ => true,
    }
}

/// Cleans a header, which must not hold pixels. `is_clean` says that nothing is left in the pixels either.
pub(super) fn clean(from: &InMemDicomObject, key: &Key) -> Cleaned {
    let mut header = DataSet::new();
    let mut actions = Vec::new();
    let mut uids = Vec::new();
    header.text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
    for element in from.iter() {
        let tag = element.header().tag;
        let kept = KEPT.iter().find(|(kept, _)| *kept == tag);
        match kept {
            Some((_, VR::SQ)) => {
                if let Some(items) = element.items() {
                    header.sequence(tag, items.iter().map(region).collect());
                }
            }
            Some((_, vr))
                if element.vr() == *vr
                    && element.to_str().is_ok_and(|text| is_plain(*vr, text.trim_end_matches('\0'))) =>
            {
                header.merge(&InMemDicomObject::from_element_iter([element.clone()]));
            }
            _ if UIDS.contains(&tag) => {
                let old = text(from, tag);
                let new = key.uid(&old).as_str().to_owned();
                header.text(tag, VR::UI, &new);
                actions.push(action(tag, "replaced"));
                let name = match tag {
                    tags::SOP_INSTANCE_UID => "sop_instance_uid",
                    tags::STUDY_INSTANCE_UID => "study_instance_uid",
                    tags::SERIES_INSTANCE_UID => "series_instance_uid",
                    _ => "frame_of_reference_uid",
                };
                uids.push((name, old, new));
            }
            _ if tag == tags::IMAGE_TYPE => actions.push(action(tag, "replaced")),
            _ if OF_PIXELS.contains(&tag) || matches!(tag, tags::PATIENT_NAME | tags::PATIENT_ID) => {}
            _ if EMPTIED.iter().any(|(emptied, _)| *emptied == tag) => actions.push(action(tag, "emptied")),
            _ => actions.push(action(tag, "removed")),
        }
    }
    for (tag, vr) in EMPTIED {
        header.empty(*tag, *vr);
    }
    // Who has no number is told apart by the study.
    let patient = [tags::PATIENT_ID, tags::PATIENT_NAME, tags::STUDY_INSTANCE_UID, tags::SOP_INSTANCE_UID];
    let patient = patient.into_iter().map(|tag| text(from, tag)).find(|t| !t.is_empty()).unwrap_or_default();
    let pseudonym = format!("P{}", key.pseudonym("patient", &patient));
    header.text(tags::PATIENT_ID, VR::LO, &pseudonym);
    header.text(tags::PATIENT_NAME, VR::PN, &pseudonym);
    for tag in [tags::PATIENT_ID, tags::PATIENT_NAME] {
        actions.push(action(tag, "replaced"));
    }
    derived(from, &mut header);
    Cleaned { header, actions, uids, patient: (patient, pseudonym) }
}

/// Pixels that were changed are derived. What a value means goes by its place, so those from the first on that is no code
/// are left out; the first two are always there (PS3.3, C.7.6.1.1.2).
fn derived(from: &InMemDicomObject, header: &mut DataSet) {
    let image_type = text(from, tags::IMAGE_TYPE);
    let codes = image_type.split('\\').map(str::trim).take_while(|value| is_plain(VR::CS, value));
    let mut values: Vec<&str> = std::iter::once("DERIVED").chain(codes.skip(1)).collect();
    match values.get_mut(1) {
        None => values.push("PRIMARY"),
        Some(second) if second.is_empty() => *second = "PRIMARY",
        Some(_) => {}
    }
    header.texts(tags::IMAGE_TYPE, VR::CS, &values);
}

/// What is said of the de-identification itself (PS3.3, C.7.1.1 and C.12.1).
pub(super) fn write_method(header: &mut DataSet, pixels_are_clean: bool) {
    header.text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES");
    header.text(
        tags::DEIDENTIFICATION_METHOD,
        VR::LO,
        "Vesalius: PS3.15 Basic Profile, pixels outside of regions blanked",
    );
    let mut methods = vec![Code::dcm("113100", "Basic Application Confidentiality Profile").item()];
    if pixels_are_clean {
        methods.push(Code::dcm("113101", "Clean Pixel Data Option").item());
    }
    header.sequence(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, methods);
    header.text(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, VR::CS, "REMOVED");
    header.text(tags::BURNED_IN_ANNOTATION, VR::CS, if pixels_are_clean { "NO" } else { "YES" });
}

fn region(item: &InMemDicomObject) -> InMemDicomObject {
    let kept = item.iter().filter(|e| {
        let tag = e.header().tag;
        tag.group() == 0x0018 && KEPT_OF_REGION.contains(&e.vr()) && e.value().primitive().is_some()
    });
    InMemDicomObject::from_element_iter(kept.cloned())
}

/// Describes pixels as they are written.
pub(super) fn write_pixels(
    header: &mut DataSet,
    (rows, columns): (u16, u16),
    frames: usize,
    has_color: bool,
    numbered: bool,
) {
    header.short(tags::SAMPLES_PER_PIXEL, if has_color { 3 } else { 1 });
    header.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, if has_color { "RGB" } else { "MONOCHROME2" });
    if has_color {
        header.short(tags::PLANAR_CONFIGURATION, 0);
    }
    if numbered {
        header.whole(tags::NUMBER_OF_FRAMES, frames as u64);
    }
    header.short(tags::ROWS, rows);
    header.short(tags::COLUMNS, columns);
    header.short(tags::BITS_ALLOCATED, 8);
    header.short(tags::BITS_STORED, 8);
    header.short(tags::HIGH_BIT, 7);
    header.value(tags::PIXEL_REPRESENTATION, VR::US, PrimitiveValue::from(0_u16));
}

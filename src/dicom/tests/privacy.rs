//! What identifies a patient comes out nowhere.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::Made;
use dicom_core::{PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use vesalius_dicom::Recording;

const SECRET: &str = "SECRET^VALUE";
/// UIDs are of digits; this one stands for a patient's study all the same.
const SECRET_UID: &str = "1.2.987654321";

const TEXTS: &[(Tag, VR)] = &[
    (tags::PATIENT_NAME, VR::PN),
    (tags::PATIENT_ID, VR::LO),
    (tags::PATIENT_BIRTH_DATE, VR::LO),
    (tags::OTHER_PATIENT_NAMES, VR::PN),
    (tags::PATIENT_COMMENTS, VR::LT),
    (tags::PATIENT_ADDRESS, VR::LO),
    (tags::ACCESSION_NUMBER, VR::SH),
    (tags::INSTITUTION_NAME, VR::LO),
    (tags::INSTITUTION_ADDRESS, VR::ST),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
    (tags::OPERATORS_NAME, VR::PN),
    (tags::PERFORMING_PHYSICIAN_NAME, VR::PN),
    (tags::STATION_NAME, VR::SH),
    (tags::DEVICE_SERIAL_NUMBER, VR::LO),
    (tags::STUDY_DESCRIPTION, VR::LO),
    (tags::SERIES_DESCRIPTION, VR::LO),
    (tags::PROTOCOL_NAME, VR::LO),
    (tags::IMAGE_COMMENTS, VR::LT),
    (tags::STUDY_DATE, VR::LO),
    (tags::CONTENT_TIME, VR::LO),
    (tags::STUDY_ID, VR::SH),
    (tags::DERIVATION_DESCRIPTION, VR::ST),
    (tags::SOFTWARE_VERSIONS, VR::LO),
    (Tag(0x0019, 0x1060), VR::UT),
    (Tag(0x0010, 0x0099), VR::LO),
];

fn identified() -> Made {
    let mut made = Made::grey(2);
    for (tag, vr) in TEXTS {
        made.put(*tag, *vr, SECRET);
    }
    for tag in [tags::SOP_INSTANCE_UID, tags::STUDY_INSTANCE_UID, tags::SERIES_INSTANCE_UID] {
        made.put(tag, VR::UI, SECRET_UID);
    }
    let mut item = InMemDicomObject::new_empty();
    item.put(dicom_core::DataElement::new(tags::PATIENT_ID, VR::LO, PrimitiveValue::from(SECRET)));
    made.sequence(tags::OTHER_PATIENT_I_DS_SEQUENCE, vec![item]);
    made.sequence(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, vec![common::region()]);
    made
}

fn assert_secret(text: &str) {
    for secret in [SECRET, SECRET_UID, "SECRET"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn nothing_of_the_patient_is_shown_or_kept() {
    let recording = Recording::from_bytes(identified().bytes()).unwrap();
    assert_secret(&recording.describe().to_string());
    assert_secret(&format!("{recording:?} {:#?} {:?}", recording.facts(), recording.times()));
}

/// Text in an attribute that should hold a number or a code is repeated by no message.
#[test]
fn messages_repeat_no_text_of_the_file() {
    for tag in [
        tags::NUMBER_OF_FRAMES,
        tags::ROWS,
        tags::COLUMNS,
        tags::BITS_ALLOCATED,
        tags::PHOTOMETRIC_INTERPRETATION,
        tags::SAMPLES_PER_PIXEL,
        tags::FRAME_TIME,
        tags::FRAME_TIME_VECTOR,
        tags::CINE_RATE,
        tags::PIXEL_SPACING,
        tags::PIXEL_ASPECT_RATIO,
        tags::WINDOW_CENTER,
        tags::SOP_CLASS_UID,
        tags::BURNED_IN_ANNOTATION,
        tags::FRAME_INCREMENT_POINTER,
        tags::SEQUENCE_OF_ULTRASOUND_REGIONS,
    ] {
        let mut made = identified();
        made.put(tag, VR::LO, SECRET);
        match Recording::from_bytes(made.bytes()) {
            Err(error) => assert_secret(&format!("{error} {error:?}")),
            Ok(recording) => {
                assert_secret(&format!("{recording:?} {}", recording.describe()));
                if let Err(refusal) = recording.calibration() {
                    assert_secret(&format!("{refusal} {refusal:?}"));
                }
            }
        }
    }
    let mut bytes = identified().bytes();
    let at = bytes.windows(19).position(|w| w == common::EXPLICIT.as_bytes()).unwrap();
    bytes[at..at + SECRET.len()].copy_from_slice(SECRET.as_bytes());
    let error = Recording::from_bytes(bytes).unwrap_err();
    assert_secret(&format!("{error} {error:?}"));
}

/// The public files' own names, dates, numbers and UIDs, as far as this test knows where they stand.
#[test]
fn public_files_are_described_without_their_patients() {
    let Some(folder) = common::public_files() else { return };
    let mut identifying: Vec<Tag> = TEXTS.iter().map(|(tag, _)| *tag).collect();
    identifying.extend([
        tags::SOP_INSTANCE_UID,
        tags::STUDY_INSTANCE_UID,
        tags::SERIES_INSTANCE_UID,
        tags::STUDY_TIME,
    ]);
    for file in std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()) {
        let (Ok(object), Ok(recording)) = (dicom_object::open_file(&file), Recording::open(&file)) else {
            continue;
        };
        let text = format!("{}{recording:?}", recording.describe());
        for tag in identifying.iter().copied() {
            let Ok(value) = object.element(tag).map(|e| e.to_str().unwrap_or_default().into_owned()) else {
                continue;
            };
            // Short values stand in any text.
            assert!(value.trim().len() < 4 || !text.contains(value.trim()), "{tag} is shown");
        }
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert!(!text.contains(name), "the file's name is shown");
    }
}

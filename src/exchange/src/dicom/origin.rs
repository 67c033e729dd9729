//! Whose a recording is, and how it is referred to.

use std::path::Path;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, OpenFileOptions};

use super::dataset::DataSet;
use super::uid::Uid;

/// Patient, Patient Study and General Study Modules: what makes an object part of the same patient and study, with its
/// representation and whether it has to be there, if only empty (PS3.3, C.7.1 and C.7.2).
const SHARED: &[(Tag, VR, bool)] = &[
    (tags::STUDY_DATE, VR::DA, true),
    (tags::STUDY_TIME, VR::TM, true),
    (tags::ACCESSION_NUMBER, VR::SH, true),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN, true),
    (tags::STUDY_DESCRIPTION, VR::LO, false),
    (tags::PATIENT_NAME, VR::PN, true),
    (tags::PATIENT_ID, VR::LO, true),
    (tags::ISSUER_OF_PATIENT_ID, VR::LO, false),
    (tags::PATIENT_BIRTH_DATE, VR::DA, true),
    (tags::PATIENT_SEX, VR::CS, true),
    (tags::PATIENT_AGE, VR::AS, false),
    (tags::PATIENT_SIZE, VR::DS, false),
    (tags::PATIENT_WEIGHT, VR::DS, false),
    (tags::PATIENT_IDENTITY_REMOVED, VR::CS, false),
    (tags::DEIDENTIFICATION_METHOD, VR::LO, false),
    (tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, VR::SQ, false),
    (tags::STUDY_ID, VR::SH, true),
];

/// Of the series and image: which part of the body it is of.
const BODY: &[Tag] = &[tags::BODY_PART_EXAMINED, tags::LATERALITY];

/// Why a file cannot be referred to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// Its header cannot be read.
    #[error("its header cannot be read: export the file again")]
    Header,
    /// It has no identity.
    #[error("{name} is missing or no UID: what belongs to the file cannot say so")]
    NoUid {
        /// Which one.
        name: &'static str,
    },
}

/// Losses of a recording's encoding: Lossy Image Compression and what goes with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lossy {
    /// Ratios of sizes, one for each time that something was lost.
    pub ratios: Vec<f64>,
    /// Methods, as many, such as `ISO_10918_1`.
    pub methods: Vec<String>,
}

impl Lossy {
    pub(super) fn write(lossy: Option<&Self>, into: &mut DataSet) {
        into.text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, if lossy.is_some() { "01" } else { "00" });
        let Some(lossy) = lossy else { return };
        if !lossy.ratios.is_empty() {
            let ratios: Vec<String> = lossy.ratios.iter().map(|r| format!("{r:.2}")).collect();
            let ratios: Vec<&str> = ratios.iter().map(String::as_str).collect();
            into.texts(tags::LOSSY_IMAGE_COMPRESSION_RATIO, VR::DS, &ratios);
        }
        if !lossy.methods.is_empty() {
            let methods: Vec<&str> = lossy.methods.iter().map(String::as_str).collect();
            into.texts(tags::LOSSY_IMAGE_COMPRESSION_METHOD, VR::CS, &methods);
        }
    }
}

/// The picture or pictures that results are of.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceImage {
    /// SOP Class UID.
    pub class_uid: String,
    /// SOP Instance UID.
    pub instance_uid: String,
    /// Series Instance UID.
    pub series_uid: String,
    /// Modality, such as `US`.
    pub modality: String,
    /// Whether frames are told apart by number.
    pub is_multi_frame: bool,
    /// What its encoding lost.
    pub lossy: Option<Lossy>,
}

impl SourceImage {
    /// A reference to it or, where it has several, to one of its frames, from 1.
    pub(super) fn reference(&self, into: &mut DataSet, frame: Option<u32>) {
        into.text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, &self.class_uid);
        into.text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, &self.instance_uid);
        if let Some(frame) = frame.filter(|_| self.is_multi_frame) {
            into.whole(tags::REFERENCED_FRAME_NUMBER, frame.into());
        }
    }
}

/// When a result was made: date and time of the run, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// `YYYYMMDD`.
    pub date: String,
    /// `HHMMSS`.
    pub time: String,
}

impl Made {
    /// From a time as RFC 3339 writes it, such as `2026-01-31T09:26:53Z`; `None` where it is none.
    pub fn from_utc(text: &str) -> Option<Self> {
        let (date, time) = text.split_once('T')?;
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let (date, time) = (digits(date), digits(time.get(..8)?));
        (date.len() == 8 && time.len() == 6).then_some(Self { date, time })
    }
}

/// Whose a recording is, and the recording itself.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Patient and study, as data elements.
    shared: InMemDicomObject,
    study_uid: String,
    /// The part of the body, where it is said.
    body: InMemDicomObject,
    /// What results are of.
    pub image: SourceImage,
}

fn is_uid(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

impl Origin {
    /// That of a DICOM file: patient, study and references are its own. Its pixels are not read.
    ///
    /// # Errors
    ///
    /// [`OriginError`]: one line that does not name the file, nor repeat what it says.
    pub fn of_file(path: &Path) -> Result<Self, OriginError> {
        let file = OpenFileOptions::new()
            .read_until(tags::PIXEL_DATA)
            .open_file(path)
            .map_err(|_| OriginError::Header)?;
        Self::of_data_set(&file)
    }

    fn of_data_set(file: &InMemDicomObject) -> Result<Self, OriginError> {
        let text = |tag: Tag| {
            let text = file.get(tag).and_then(|e| e.to_str().ok());
            text.map(|t| t.trim_end_matches(['\0', ' ']).to_owned()).filter(|t| !t.is_empty())
        };
        let uid = |tag, name| text(tag).filter(|t| is_uid(t)).ok_or(OriginError::NoUid { name });
        let mut shared = DataSet::new();
        for (tag, vr, must) in SHARED {
            match file.get(*tag) {
                Some(element) if element.vr() == *vr => {
                    shared.merge(&InMemDicomObject::from_element_iter([element.clone()]));
                }
                _ if *must => shared.empty(*tag, *vr),
                _ => {}
            }
        }
        let body = BODY.iter().filter(|tag| text(**tag).is_some()).filter_map(|tag| file.get(*tag).cloned());
        let frames: u32 = text(tags::NUMBER_OF_FRAMES).and_then(|n| n.trim().parse().ok()).unwrap_or(1);
        let list =
            |tag| text(tag).map_or_else(Vec::new, |t| t.split('\\').map(|s| s.trim().to_owned()).collect());
        let lossy = (text(tags::LOSSY_IMAGE_COMPRESSION).as_deref() == Some("01")).then(|| Lossy {
            ratios: list(tags::LOSSY_IMAGE_COMPRESSION_RATIO).iter().filter_map(|r| r.parse().ok()).collect(),
            methods: list(tags::LOSSY_IMAGE_COMPRESSION_METHOD),
        });
        let class_uid = uid(tags::SOP_CLASS_UID, "SOP Class UID (0008,0016)")?;
        Ok(Self {
            shared: shared.into_inner(),
            study_uid: uid(tags::STUDY_INSTANCE_UID, "Study Instance UID (0020,000D)")?,
            body: InMemDicomObject::from_element_iter(body),
            image: SourceImage {
                is_multi_frame: frames > 1 || is_multi_frame_class(&class_uid),
                class_uid,
                instance_uid: uid(tags::SOP_INSTANCE_UID, "SOP Instance UID (0008,0018)")?,
                series_uid: uid(tags::SERIES_INSTANCE_UID, "Series Instance UID (0020,000E)")?,
                modality: text(tags::MODALITY).unwrap_or_else(|| "OT".to_owned()),
                lossy,
            },
        })
    }

    /// That of a recording that is no DICOM file, known by the SHA-256 of its bytes: a patient and a study that say that
    /// they were generated. The image is then one that [`super::capture`] makes of the recording.
    pub fn generated(sha256: &str, image: SourceImage) -> Self {
        let mut shared = DataSet::new();
        shared.text(tags::STUDY_DESCRIPTION, VR::LO, "Generated by Vesalius: the source is no DICOM file");
        shared.text(tags::PATIENT_NAME, VR::PN, "UNKNOWN^GENERATED BY VESALIUS");
        let short: String = sha256.chars().take(16).collect();
        shared.text(tags::PATIENT_ID, VR::LO, &format!("VESALIUS-{short}"));
        // When it was recorded is not known.
        for (tag, vr) in [
            (tags::STUDY_DATE, VR::DA),
            (tags::STUDY_TIME, VR::TM),
            (tags::ACCESSION_NUMBER, VR::SH),
            (tags::REFERRING_PHYSICIAN_NAME, VR::PN),
            (tags::PATIENT_BIRTH_DATE, VR::DA),
            (tags::PATIENT_SEX, VR::CS),
            (tags::STUDY_ID, VR::SH),
        ] {
            shared.empty(tag, vr);
        }
        Self {
            shared: shared.into_inner(),
            study_uid: Uid::of([b"study".as_slice(), sha256.as_bytes()]).as_str().to_owned(),
            body: InMemDicomObject::new_empty(),
            image,
        }
    }

    /// Study Instance UID.
    pub fn study_uid(&self) -> &str {
        &self.study_uid
    }

    /// Patient and study of a new object, in UTF-8.
    pub(super) fn write_study(&self, into: &mut DataSet) {
        into.text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192");
        into.merge(&self.shared);
        into.text(tags::STUDY_INSTANCE_UID, VR::UI, &self.study_uid);
    }

    /// Which part of the body a new series is of. Of pictures Laterality must be there where the part is one of a pair, and
    /// it is not known whether it is: `must_have_side` writes it empty then.
    pub(super) fn write_body(&self, into: &mut DataSet, must_have_side: bool) {
        if must_have_side && self.body.get(tags::BODY_PART_EXAMINED).is_none() {
            into.empty(tags::LATERALITY, VR::CS);
        }
        into.merge(&self.body);
    }
}

/// Whether objects of a class number their frames even where there is one.
fn is_multi_frame_class(uid: &str) -> bool {
    matches!(
        uid,
        "1.2.840.10008.5.1.4.1.1.3.1"
            | "1.2.840.10008.5.1.4.1.1.3"
            | "1.2.840.10008.5.1.4.1.1.7.1"
            | "1.2.840.10008.5.1.4.1.1.7.2"
            | "1.2.840.10008.5.1.4.1.1.7.3"
            | "1.2.840.10008.5.1.4.1.1.7.4"
            | "1.2.840.10008.5.1.4.1.1.77.1.1.1"
            | "1.2.840.10008.5.1.4.1.1.77.1.2.1"
            | "1.2.840.10008.5.1.4.1.1.77.1.4.1"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_runs_become_dates_and_times() {
        let made = Made::from_utc("2026-01-31T09:26:53Z").unwrap();
        assert_eq!((made.date.as_str(), made.time.as_str()), ("20260131", "092653"));
        for bad in ["", "2026-01-31", "yesterdayT", "2026-01-31T9:2"] {
            assert_eq!(Made::from_utc(bad), None, "{bad}");
        }
    }
}

//! Values as a Structured Report by TID 1500, Measurement Report (PS3.16).
//!
//! Values over the whole run stand first; then comes a group a structure and frame, which refers to the frame and to its
//! mask in the Segmentation (TID 1410) or, where there is no mask, to the frame alone (TID 1501). The same structure keeps
//! its tracking identifier from frame to frame.
//!
//! A value that is not there stays in the report and says why: missing is not zero. It is a coded evaluation, *measurement
//! failure*, and not a number without a value: that is allowed too (PS3.3, C.18.1), but highdicom 0.28 then reads nothing of
//! the whole report.

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::code::{Code, PRIVATE_SCHEME};
use super::content::{
    self, CONTAINS, HAS_ACQUISITION_CONTEXT, HAS_CONCEPT_MODIFIER, HAS_OBSERVATION_CONTEXT, HAS_PROPERTIES,
};
use super::dataset::DataSet;
use super::equipment::{Algorithm, MANUFACTURER, NOT_FOR_CLINICAL_USE};
use super::file::{NATIVE, Part10, WriteError};
use super::object::{Belonging, Identity, begin};
use super::origin::SourceImage;
use super::uid::Uid;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// What it is.
    pub name: Code,
    /// The number in `unit`; `None` is "no value".
    pub number: Option<f64>,
    /// Its unit, as UCUM code.
    pub unit: Code,
    /// Standard uncertainty (k = 1) in `unit`.
    pub uncertainty: Option<f64>,
    /// By which definition and algorithm it was measured.
    pub method: String,
    /// Why it is not to be used without reservation, or why it is not there.
    pub remark: Option<String>,
}

/// The frame that a group is of, and its mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the recording's frame, from 1.
    pub source_frame: u32,
    /// Number of the mask's frame in the Segmentation, from 1.
    pub mask_frame: Option<u32>,
}

/// Values of one structure in one frame, or over the whole run.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Name of what is measured, the same in every frame.
    pub tracking_id: String,
    /// Its UID.
    pub tracking_uid: Uid,
    /// What it is.
    pub finding: Option<Code>,
    /// Where; `None` for the whole run.
    pub place: Option<Place>,
    /// What is to be known of all its values, such as the scale that they rest on.
    pub comment: String,
    /// The values.
    pub values: Vec<Value>,
}

/// Makes the report. `masks` is the Segmentation with the masks, where there is one.
///
/// # Errors
///
/// [`WriteError`].
pub fn report(
    of: &Belonging<'_>,
    masks: Option<&SourceImage>,
    groups: &[Group],
) -> Result<Part10, WriteError> {
    let identity =
        Identity { class_uid: uids::COMPREHENSIVE_SR_STORAGE, instance_uid: of.instance_uid, modality: "SR" };
    let mut object = begin(of.origin, of.series, &identity, Some(of.made), of.software);
    object.sequence(tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE, Vec::new());
    object.sequence(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, Vec::new());
    object.text(tags::PRELIMINARY_FLAG, VR::CS, "PRELIMINARY");
    object.text(tags::COMPLETION_FLAG, VR::CS, "COMPLETE");
    object.text(tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED");
    object.sequence(tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE, vec![evidence(of, masks)]);
    object.item(tags::CODING_SCHEME_IDENTIFICATION_SEQUENCE, |scheme| {
        scheme.text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, PRIVATE_SCHEME);
        scheme.text(tags::CODING_SCHEME_NAME, VR::ST, "Names of Vesalius, as in its docs/protocols.md");
        scheme.text(tags::CODING_SCHEME_RESPONSIBLE_ORGANIZATION, VR::ST, MANUFACTURER);
    });
    object.text(tags::VALUE_TYPE, VR::CS, "CONTAINER");
    object.code(tags::CONCEPT_NAME_CODE_SEQUENCE, &Code::dcm("126000", "Imaging Measurement Report"));
    let mut items = vec![content::code(
        HAS_CONCEPT_MODIFIER,
        &Code::dcm("121049", "Language of Content Item and Descendants"),
        &Code::new("en", "RFC5646", "English"),
        Vec::new(),
    )];
    items.extend(observer(of));
    items.push(content::code(
        HAS_CONCEPT_MODIFIER,
        &Code::dcm("121058", "Procedure reported"),
        &Code::sct("363679005", "Imaging procedure"),
        Vec::new(),
    ));
    items.push(image_library(&of.origin.image));
    let groups = groups.iter().map(|g| group(of, masks, g)).collect();
    items.push(content::container(&Code::dcm("126010", "Imaging Measurements"), None, groups));
    content::fill_container(&mut object, Some("1500"), items);
    Part10::new(object.into_inner(), NATIVE)
}

/// Everything that the report refers to.
fn evidence(of: &Belonging<'_>, masks: Option<&SourceImage>) -> InMemDicomObject {
    let series = |image: &SourceImage| {
        let mut series = DataSet::new();
        series.item(tags::REFERENCED_SOP_SEQUENCE, |reference| image.reference(reference, None));
        series.text(tags::SERIES_INSTANCE_UID, VR::UI, &image.series_uid);
        series.into_inner()
    };
    let images = [Some(&of.origin.image), masks];
    let mut study = DataSet::new();
    study.sequence(tags::REFERENCED_SERIES_SEQUENCE, images.into_iter().flatten().map(series).collect());
    study.text(tags::STUDY_INSTANCE_UID, VR::UI, of.origin.study_uid());
    study.into_inner()
}

/// Who observed: a device (TID 1001 and 1004).
fn observer(of: &Belonging<'_>) -> Vec<InMemDicomObject> {
    let device = Uid::of([b"device".as_slice(), of.software.version.as_bytes()]);
    let text =
        |code, meaning, value: &str| content::text(HAS_OBSERVATION_CONTEXT, &Code::dcm(code, meaning), value);
    vec![
        content::code(
            HAS_OBSERVATION_CONTEXT,
            &Code::dcm("121005", "Observer Type"),
            &Code::dcm("121007", "Device"),
            Vec::new(),
        ),
        content::uid(HAS_OBSERVATION_CONTEXT, &Code::dcm("121012", "Device Observer UID"), device.as_str()),
        text(
            "121013",
            "Device Observer Name",
            &format!("Vesalius {}, {NOT_FOR_CLINICAL_USE}", of.software.version),
        ),
        text("121014", "Device Observer Manufacturer", MANUFACTURER),
        text("121015", "Device Observer Model Name", "Vesalius"),
        text("121016", "Device Observer Serial Number", "none"),
    ]
}

/// TID 1600.
fn image_library(image: &SourceImage) -> InMemDicomObject {
    let modality = match image.modality.as_str() {
        "US" => Some(Code::dcm("US", "Ultrasound")),
        "ES" => Some(Code::dcm("ES", "Endoscopy")),
        "OT" => Some(Code::dcm("OT", "Other Modality")),
        _ => None,
    };
    let mut content = Vec::new();
    if let Some(modality) = modality {
        let concept = Code::dcm("121139", "Modality");
        content.push(content::code(HAS_ACQUISITION_CONTEXT, &concept, &modality, Vec::new()));
    }
    content.push(content::image(None, image, None));
    let group = content::container(&Code::dcm("126200", "Image Library Group"), None, content);
    content::container(&Code::dcm("111028", "Image Library"), None, vec![group])
}

fn group(of: &Belonging<'_>, masks: Option<&SourceImage>, group: &Group) -> InMemDicomObject {
    let mut items = vec![
        content::text(
            HAS_OBSERVATION_CONTEXT,
            &Code::dcm("112039", "Tracking Identifier"),
            &group.tracking_id,
        ),
        content::uid(
            HAS_OBSERVATION_CONTEXT,
            &Code::dcm("112040", "Tracking Unique Identifier"),
            group.tracking_uid.as_str(),
        ),
    ];
    if let Some(finding) = &group.finding {
        items.push(content::code(CONTAINS, &Code::dcm("121071", "Finding"), finding, Vec::new()));
    }
    items.extend(algorithm(of.algorithm));
    let mask = masks.zip(group.place.and_then(|p| p.mask_frame));
    if let Some(place) = group.place {
        match mask {
            Some((masks, frame)) => {
                // The frame's number alone: a segment's number beside it is refused by readers.
                let concept = Code::dcm("121214", "Referenced Segmentation Frame");
                items.push(content::image(Some(&concept), masks, Some(frame)));
                let concept = Code::dcm("121233", "Source image for segmentation");
                items.push(content::image(Some(&concept), &of.origin.image, Some(place.source_frame)));
            }
            None => {
                let concept = Code::dcm("121112", "Source of Measurement");
                items.push(content::image(Some(&concept), &of.origin.image, Some(place.source_frame)));
            }
        }
    }
    items.extend(group.values.iter().map(value));
    items.push(content::text(CONTAINS, &COMMENT, &group.comment));
    let template = if mask.is_some() { "1410" } else { "1501" };
    content::container(&Code::dcm("125007", "Measurement Group"), Some(template), items)
}

const COMMENT: Code = Code::dcm("121106", "Comment");

/// TID 4019.
fn algorithm(algorithm: &Algorithm) -> [InMemDicomObject; 3] {
    [
        ("111001", "Algorithm Name", algorithm.name.as_str()),
        ("111003", "Algorithm Version", algorithm.version.as_str()),
        ("111002", "Algorithm Parameters", &algorithm.parameters()),
    ]
    .map(|(code, meaning, value)| content::text(HAS_CONCEPT_MODIFIER, &Code::dcm(code, meaning), value))
}

/// TID 1419, with what the uncertainty and the reservations are; of what is not there, a coded evaluation (TID 1501).
fn value(value: &Value) -> InMemDicomObject {
    let mut properties = Vec::new();
    if !value.method.is_empty() {
        properties.push(content::code(
            HAS_CONCEPT_MODIFIER,
            &Code::sct("370129005", "Measurement Method"),
            &Code::private(&value.method),
            Vec::new(),
        ));
    }
    if let (Some(_), Some(uncertainty)) = (value.number, value.uncertainty) {
        properties.push(content::number(
            HAS_PROPERTIES,
            &Code::sct("371884006", "+/-, range of measurement uncertainty"),
            uncertainty,
            &value.unit,
            Vec::new(),
        ));
    }
    if let Some(remark) = &value.remark {
        properties.push(content::text(HAS_PROPERTIES, &COMMENT, remark));
    }
    match value.number {
        Some(number) => content::number(CONTAINS, &value.name, number, &value.unit, properties),
        None => {
            let failure = Code::dcm("114006", "Measurement failure");
            content::code(CONTAINS, &value.name, &failure, properties)
        }
    }
}

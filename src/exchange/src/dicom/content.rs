//! Content items of Structured Reports (PS3.3, C.17.3).

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::code::Code;
use super::dataset::DataSet;
use super::origin::SourceImage;

pub(super) const CONTAINS: &str = "CONTAINS";
pub(super) const HAS_OBSERVATION_CONTEXT: &str = "HAS OBS CONTEXT";
pub(super) const HAS_ACQUISITION_CONTEXT: &str = "HAS ACQ CONTEXT";
pub(super) const HAS_CONCEPT_MODIFIER: &str = "HAS CONCEPT MOD";
pub(super) const HAS_PROPERTIES: &str = "HAS PROPERTIES";

fn item(relation: &str, kind: &str, concept: Option<&Code>) -> DataSet {
    let mut item = DataSet::new();
    item.text(tags::RELATIONSHIP_TYPE, VR::CS, relation);
    item.text(tags::VALUE_TYPE, VR::CS, kind);
    if let Some(concept) = concept {
        item.code(tags::CONCEPT_NAME_CODE_SEQUENCE, concept);
    }
    item
}

/// Writes the value of a container: its template by number, and what it holds.
pub(super) fn fill_container(into: &mut DataSet, template: Option<&str>, content: Vec<InMemDicomObject>) {
    into.text(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE");
    if let Some(template) = template {
        into.item(tags::CONTENT_TEMPLATE_SEQUENCE, |item| {
            item.text(tags::MAPPING_RESOURCE, VR::CS, "DCMR");
            item.text(tags::TEMPLATE_IDENTIFIER, VR::CS, template);
        });
    }
    if !content.is_empty() {
        into.sequence(tags::CONTENT_SEQUENCE, content);
    }
}

pub(super) fn container(
    concept: &Code,
    template: Option<&str>,
    content: Vec<InMemDicomObject>,
) -> InMemDicomObject {
    let mut item = item(CONTAINS, "CONTAINER", Some(concept));
    fill_container(&mut item, template, content);
    item.into_inner()
}

pub(super) fn code(
    relation: &str,
    concept: &Code,
    value: &Code,
    content: Vec<InMemDicomObject>,
) -> InMemDicomObject {
    let mut item = item(relation, "CODE", Some(concept));
    item.code(tags::CONCEPT_CODE_SEQUENCE, value);
    if !content.is_empty() {
        item.sequence(tags::CONTENT_SEQUENCE, content);
    }
    item.into_inner()
}

pub(super) fn text(relation: &str, concept: &Code, value: &str) -> InMemDicomObject {
    let mut item = item(relation, "TEXT", Some(concept));
    item.text(tags::TEXT_VALUE, VR::UT, value);
    item.into_inner()
}

pub(super) fn uid(relation: &str, concept: &Code, value: &str) -> InMemDicomObject {
    let mut item = item(relation, "UIDREF", Some(concept));
    item.text(tags::UID, VR::UI, value);
    item.into_inner()
}

/// A reference to an image, or to frame `frame` of it, from 1.
pub(super) fn image(concept: Option<&Code>, image: &SourceImage, frame: Option<u32>) -> InMemDicomObject {
    let mut item = item(CONTAINS, "IMAGE", concept);
    item.item(tags::REFERENCED_SOP_SEQUENCE, |reference| image.reference(reference, frame));
    item.into_inner()
}

/// A number with its unit.
pub(super) fn number(
    relation: &str,
    concept: &Code,
    value: f64,
    unit: &Code,
    content: Vec<InMemDicomObject>,
) -> InMemDicomObject {
    let mut item = item(relation, "NUM", Some(concept));
    item.item(tags::MEASURED_VALUE_SEQUENCE, |measured| {
        measured.decimal(tags::NUMERIC_VALUE, value);
        // The decimal string may be shorter than the number.
        measured.value(tags::FLOATING_POINT_VALUE, VR::FD, value);
        measured.code(tags::MEASUREMENT_UNITS_CODE_SEQUENCE, unit);
    });
    if !content.is_empty() {
        item.sequence(tags::CONTENT_SEQUENCE, content);
    }
    item.into_inner()
}

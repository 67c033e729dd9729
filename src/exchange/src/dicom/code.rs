//! Coded concepts.

use std::borrow::Cow;

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::dataset::DataSet;

/// Scheme of the codes that no public terminology has. PS3.3, 8.2 reserves designators that begin with 99.
pub const PRIVATE_SCHEME: &str = "99VESALIUS";

/// A concept by its code: a Code Sequence item (PS3.3, 8.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// Code Value, at most 16 characters; a longer one goes into Long Code Value.
    pub value: Cow<'static, str>,
    /// Coding Scheme Designator, such as `SCT`, `DCM`, `LN`, `UCUM`.
    pub scheme: Cow<'static, str>,
    /// Code Meaning, for people, at most 64 characters.
    pub meaning: Cow<'static, str>,
}

impl Code {
    /// A code of a public scheme.
    pub const fn new(value: &'static str, scheme: &'static str, meaning: &'static str) -> Self {
        Self { value: Cow::Borrowed(value), scheme: Cow::Borrowed(scheme), meaning: Cow::Borrowed(meaning) }
    }

    /// A code of the DICOM Controlled Terminology.
    pub const fn dcm(value: &'static str, meaning: &'static str) -> Self {
        Self::new(value, "DCM", meaning)
    }

    /// A code of SNOMED CT.
    pub const fn sct(value: &'static str, meaning: &'static str) -> Self {
        Self::new(value, "SCT", meaning)
    }

    /// A code of LOINC.
    pub const fn loinc(value: &'static str, meaning: &'static str) -> Self {
        Self::new(value, "LN", meaning)
    }

    /// A name of ours that no public terminology has: `speckle_index` becomes (speckle_index, 99VESALIUS, "Speckle index").
    pub fn private(name: &str) -> Self {
        let mut meaning = name.replace('_', " ");
        if let Some(first) = meaning.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let meaning: String = meaning.chars().take(64).collect();
        Self { value: name.to_owned().into(), scheme: PRIVATE_SCHEME.into(), meaning: meaning.into() }
    }

    /// The item of a code sequence.
    pub(crate) fn item(&self) -> InMemDicomObject {
        let mut item = DataSet::new();
        // PS3.3, 8.8: what fits into 16 characters goes into Code Value.
        if self.value.len() <= 16 {
            item.text(tags::CODE_VALUE, VR::SH, &self.value);
        } else {
            item.text(tags::LONG_CODE_VALUE, VR::UC, &self.value);
        }
        item.text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, &self.scheme);
        item.text(tags::CODE_MEANING, VR::LO, &self.meaning);
        item.into_inner()
    }
}

//! Who wrote an object: the program, and the engine that it ran.

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::code::Code;
use super::dataset::DataSet;

/// The maker's name in everything that is written.
pub(super) const MANUFACTURER: &str = "Vesalius";
/// Stands where an object has room for it: no result of this software is for clinical use.
pub(super) const NOT_FOR_CLINICAL_USE: &str = "not for clinical use";

/// The program that writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Software {
    /// Its version.
    pub version: String,
}

impl Software {
    /// General and Enhanced General Equipment Modules (PS3.3, C.7.5.1 and C.7.5.2).
    pub(super) fn write(&self, into: &mut DataSet) {
        into.text(tags::MANUFACTURER, VR::LO, MANUFACTURER);
        into.text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Vesalius");
        // The same program is the same device wherever it runs.
        into.text(tags::DEVICE_SERIAL_NUMBER, VR::LO, "none");
        into.text(tags::SOFTWARE_VERSIONS, VR::LO, &self.version);
    }
}

/// The engine that found and measured, and how it was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithm {
    /// Name of the engine.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the model, hexadecimal.
    pub sha256: String,
    /// Numbers that the network ran in, such as `f32`.
    pub precision: String,
    /// What ran it, such as `onnxruntime-cpu`.
    pub backend: String,
}

impl Algorithm {
    /// How it was run, one line.
    pub fn parameters(&self) -> String {
        format!(
            "engine-sha256={} precision={} backend={}; {NOT_FOR_CLINICAL_USE}",
            self.sha256, self.precision, self.backend
        )
    }

    /// The item of an Algorithm Identification Sequence (PS3.3, 10.16).
    pub(super) fn item(&self) -> InMemDicomObject {
        let mut item = DataSet::new();
        item.code(tags::ALGORITHM_FAMILY_CODE_SEQUENCE, &Code::dcm("123109", "Artificial Intelligence"));
        item.text(tags::ALGORITHM_NAME, VR::LO, &self.name);
        item.text(tags::ALGORITHM_VERSION, VR::LO, &self.version);
        item.text(tags::ALGORITHM_PARAMETERS, VR::LT, &self.parameters());
        item.text(tags::ALGORITHM_SOURCE, VR::LO, MANUFACTURER);
        item.into_inner()
    }
}

//! What every object begins with.

use dicom_core::VR;
use dicom_dictionary_std::tags;

use super::dataset::DataSet;
use super::equipment::{Algorithm, Software};
use super::origin::{Made, Origin};
use super::uid::Uid;

/// A new series for one kind of result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Series Instance UID.
    pub uid: Uid,
    /// Series Number.
    pub number: u32,
    /// Series Description, for people.
    pub description: String,
    /// Instance Number of the object within it, from 1.
    pub instance: u32,
}

/// What a Segmentation or a report belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Belonging<'a> {
    /// Patient, study and recording.
    pub origin: &'a Origin,
    /// The new series.
    pub series: &'a Series,
    /// Its own SOP Instance UID.
    pub instance_uid: &'a Uid,
    /// When the run was.
    pub made: &'a Made,
    /// The program.
    pub software: &'a Software,
    /// The engine.
    pub algorithm: &'a Algorithm,
}

/// Class and instance of an object.
pub(super) struct Identity<'a> {
    pub class_uid: &'a str,
    pub instance_uid: &'a Uid,
    pub modality: &'a str,
}

/// Patient, study, series, equipment and identity of a new object.
pub(super) fn begin(
    origin: &Origin,
    series: &Series,
    identity: &Identity<'_>,
    made: Option<&Made>,
    software: &Software,
) -> DataSet {
    let mut object = DataSet::new();
    origin.write_study(&mut object);
    object.text(tags::MODALITY, VR::CS, identity.modality);
    object.text(tags::SERIES_INSTANCE_UID, VR::UI, series.uid.as_str());
    object.whole(tags::SERIES_NUMBER, series.number.into());
    object.text(tags::SERIES_DESCRIPTION, VR::LO, &series.description);
    software.write(&mut object);
    object.text(tags::SOP_CLASS_UID, VR::UI, identity.class_uid);
    object.text(tags::SOP_INSTANCE_UID, VR::UI, identity.instance_uid.as_str());
    object.whole(tags::INSTANCE_NUMBER, series.instance.into());
    match made {
        Some(made) => {
            object.text(tags::SERIES_DATE, VR::DA, &made.date);
            object.text(tags::SERIES_TIME, VR::TM, &made.time);
            object.text(tags::CONTENT_DATE, VR::DA, &made.date);
            object.text(tags::CONTENT_TIME, VR::TM, &made.time);
        }
        None => {
            object.empty(tags::CONTENT_DATE, VR::DA);
            object.empty(tags::CONTENT_TIME, VR::TM);
        }
    }
    object
}

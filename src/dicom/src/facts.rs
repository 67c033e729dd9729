//! What a recording is, for people and for whoever plays it. Nothing here says who, when or where.

use dicom_core::dictionary::UidDictionary;
use dicom_dictionary_std::{StandardSopClassDictionary, tags};

use crate::picture::Picture;
use crate::read::Elements;
use crate::transfer_syntax::TransferSyntax;

/// Longest name of a maker or model that is repeated: as long as the standard allows.
const LONGEST_NAME: usize = 64;

/// Something about the file that a reader of results should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Note {
    /// The shape of pixels is not known.
    #[error("Pixel Aspect Ratio (0028,0034) is not two whole numbers above 0; pixels are shown as squares")]
    BadPixelAspect,
    /// Pixel Spacing cannot be set against the regions.
    #[error("Pixel Spacing (0028,0030) is not two numbers")]
    BadPixelSpacing,
    /// Each picture shows two views, and a scale holds for neither.
    #[error("the video is stereoscopic: both views are in one picture")]
    Stereo,
}

/// The kind of recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SopClass {
    /// UID, such as `1.2.840.10008.5.1.4.1.1.3.1`; empty when it is missing or no UID.
    pub uid: String,
}

impl SopClass {
    /// Name in the standard, or `unknown`.
    pub fn name(&self) -> &'static str {
        StandardSopClassDictionary.by_uid(&self.uid).map_or("unknown", |entry| entry.name)
    }

    /// Whether the standard has ultrasound regions for this kind (PS3.3, A.6, A.7 and their retired forerunners).
    pub fn is_ultrasound(&self) -> bool {
        matches!(
            self.uid.as_str(),
            "1.2.840.10008.5.1.4.1.1.6.1"
                | "1.2.840.10008.5.1.4.1.1.3.1"
                | "1.2.840.10008.5.1.4.1.1.6"
                | "1.2.840.10008.5.1.4.1.1.3"
        )
    }
}

/// What a recording is.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Kind of recording.
    pub sop_class: SopClass,
    /// Modality (0008,0060), such as `US` or `ES`.
    pub modality: Option<String>,
    /// Maker of the scanner.
    pub manufacturer: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// How frames are encoded.
    pub transfer_syntax: TransferSyntax,
    /// Size and sample format.
    pub picture: Picture,
    /// Number of frames.
    pub frames: usize,
    /// Which frames the scanner would show, from 1: Start Trim and Stop Trim.
    pub trim: Option<(u32, u32)>,
    /// Place in the series: Instance Number.
    pub instance_number: Option<i32>,
    /// Whether text is burned into the pixels: Burned In Annotation, where it is said.
    pub burned_in_text: Option<bool>,
    /// Whether something was lost in encoding, now or earlier: Lossy Image Compression, where it is said.
    pub lossy: Option<bool>,
    /// What else to know.
    pub notes: Vec<Note>,
}

impl Facts {
    pub(crate) fn read(
        elements: &Elements,
        transfer_syntax: TransferSyntax,
        picture: Picture,
        frames: usize,
        notes: Vec<Note>,
    ) -> Self {
        let flag = |tag, yes, no| match elements.text(tag) {
            Some(text) if text == yes => Some(true),
            Some(text) if text == no => Some(false),
            _ => None,
        };
        let uid = elements.text(tags::SOP_CLASS_UID).unwrap_or_default();
        let is_uid = uid.len() <= 64 && uid.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let trim = elements.whole_number(tags::START_TRIM).zip(elements.whole_number(tags::STOP_TRIM));
        Self {
            sop_class: SopClass { uid: if is_uid { uid.to_owned() } else { String::new() } },
            modality: name(elements.text(tags::MODALITY)),
            manufacturer: name(elements.text(tags::MANUFACTURER)),
            model: name(elements.text(tags::MANUFACTURER_MODEL_NAME)),
            transfer_syntax,
            picture,
            frames,
            trim: trim.filter(|(start, stop)| (1..=*stop).contains(start) && *stop as usize <= frames),
            instance_number: instance_number(elements),
            burned_in_text: flag(tags::BURNED_IN_ANNOTATION, "YES", "NO"),
            lossy: flag(tags::LOSSY_IMAGE_COMPRESSION, "01", "00"),
            notes,
        }
    }
}

pub(crate) fn instance_number(elements: &Elements) -> Option<i32> {
    let number = elements.number(tags::INSTANCE_NUMBER)?;
    (number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX)).then_some(number as i32)
}

/// A name fit for a line of text: printable, in the characters that every terminal has, and not too long.
fn name(text: Option<&str>) -> Option<String> {
    let clean: String = text?.chars().filter(|c| (' '..='~').contains(c)).take(LONGEST_NAME).collect();
    let clean = clean.trim().to_owned();
    (!clean.is_empty()).then_some(clean)
}

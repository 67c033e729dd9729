//! DICOM files.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, OpenFileOptions};
use vesalius_dicom::Recording;

use super::pixels::{Picture, Survey, each};
use super::{Action, Context, DeidentifyError, Line, profile};
use crate::dicom::{FrameWriter, WriteError};

/// Writes a file anew: its header without its patient, its frames blanked, losslessly.
pub(super) fn write(
    context: &Context<'_>,
    path: &Path,
    recording: &mut Recording,
    survey: &Survey,
    target: &Path,
) -> Result<(Vec<Action>, Vec<Line>), DeidentifyError> {
    let source = OpenFileOptions::new()
        .read_until(tags::PIXEL_DATA)
        .open_file(path)
        .map_err(|_| DeidentifyError::Header(path.to_owned()))?;
    let mut cleaned = profile::clean(&source, &context.key);
    let side = |side: u32| u16::try_from(side).map_err(|_| DeidentifyError::Header(path.to_owned()));
    let (rows, columns) = (side(survey.size.1)?, side(survey.size.0)?);
    let frames = survey.pts_ns.len();
    let is_numbered = source.get(tags::NUMBER_OF_FRAMES).is_some() || frames > 1;
    let has_color = survey.bytes == 3;
    profile::write_pixels(&mut cleaned.header, (rows, columns), frames, has_color, is_numbered);
    profile::write_method(&mut cleaned.header, survey.text_left.is_empty());
    let fail = |source| DeidentifyError::Write { path: target.to_owned(), source };
    let file = File::create(target).map_err(|e| fail(WriteError::Io(e)))?;
    let mut writer =
        FrameWriter::begin(cleaned.header.into_inner(), survey.bytes, BufWriter::new(file)).map_err(fail)?;
    each(path, Some(recording), &mut |mut picture: Picture<'_>| {
        survey.clean(&mut picture);
        writer.frame(picture.pixels, usize::from(columns)).map_err(fail)
    })?;
    writer.finish().and_then(|mut file| Ok(file.flush()?)).map_err(fail)?;
    hold(path, target, &source, survey)?;
    let patient = ("patient", cleaned.patient.0, cleaned.patient.1);
    Ok((cleaned.actions, cleaned.uids.into_iter().chain([patient]).collect()))
}

/// Identifiers that must not be found in what was written, as text.
const SECRETS: [dicom_core::Tag; 9] = [
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ACCESSION_NUMBER,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::INSTITUTION_NAME,
    tags::OPERATORS_NAME,
    tags::SOP_INSTANCE_UID,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
];

/// Shorter texts stand in any header.
const SHORTEST_SECRET: usize = 5;

/// Reads what was written and holds it to what it has to be.
fn hold(
    path: &Path,
    written: &Path,
    source: &InMemDicomObject,
    survey: &Survey,
) -> Result<(), DeidentifyError> {
    let unclean = |what| DeidentifyError::Unclean { path: path.to_owned(), what };
    let mut recording = Recording::open(written).map_err(|_| unclean("cannot be read"))?;
    if recording.frame_count() != survey.pts_ns.len() {
        return Err(unclean("has another number of frames"));
    }
    each(written, Some(&mut recording), &mut |picture| {
        if survey.is_clean(&picture) { Ok(()) } else { Err(unclean("is not blanked everywhere")) }
    })?;
    // What stands before the pixels is short.
    let header = OpenFileOptions::new()
        .read_until(tags::PIXEL_DATA)
        .open_file(written)
        .map_err(|_| unclean("cannot be read"))?;
    if header.iter().any(|e| e.header().tag.group() % 2 == 1) {
        return Err(unclean("has private attributes"));
    }
    for tag in SECRETS {
        let Some(text) = source.get(tag).and_then(|e| e.to_str().ok()) else { continue };
        let secret = text.trim_matches([' ', '\0', '^']);
        if secret.len() >= SHORTEST_SECRET && header.iter().any(|e| says(e, secret)) {
            return Err(unclean("still holds an identifier"));
        }
    }
    Ok(())
}

/// Whether an attribute of text says something. Numbers and UIDs hold any few digits by chance; a UID may be no other's.
fn says(element: &dicom_object::mem::InMemElement, secret: &str) -> bool {
    let Ok(text) = element.to_str() else { return false };
    match element.vr() {
        VR::UI => text.trim_end_matches('\0') == secret,
        VR::PN | VR::LO | VR::SH | VR::LT | VR::ST | VR::UT | VR::CS | VR::DA | VR::TM => {
            text.contains(secret)
        }
        _ => false,
    }
}

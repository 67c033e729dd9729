//! One file.

use std::path::{Path, PathBuf};

use vesalius_dicom::Recording;
use vesalius_ledger::digest::FileDigest;
use vesalius_pipeline::Input;

use super::pixels::{Survey, survey};
use super::{
    Context, DeidentifyError, Done, Line, REVIEW, SHEETS, make_folder, open, recording, sheet, video,
};

/// Cleans a file; gives what was done and the lines of the mapping.
pub(super) fn clean(
    context: &Context<'_>,
    path: &Path,
    number: usize,
) -> Result<(Done, Vec<Line>), DeidentifyError> {
    let input = open(path)?;
    let mut dicom = if vesalius_dicom::is_dicom(path).unwrap_or(false) {
        let recording = Recording::open(path)
            .map_err(|source| DeidentifyError::Dicom { path: path.to_owned(), source })?;
        Some(recording)
    } else {
        None
    };
    let survey = survey(path, dicom.as_mut(), context.options)?;
    let (kind, ending) = match (&dicom, &input) {
        (Some(_), _) => ("dicom", "dcm"),
        (None, Input::Still(_)) => ("still", "png"),
        (None, _) => ("video", "mp4"),
    };
    // The name follows from the content, so that the same file has the same name again.
    let digest =
        FileDigest::of(path).map_err(|source| DeidentifyError::Folder { path: path.to_owned(), source })?;
    let stem = context.key.pseudonym("file", &digest.hex());
    let needs_look = !survey.text_left.is_empty();
    let name = if needs_look { format!("{REVIEW}/{stem}.{ending}") } else { format!("{stem}.{ending}") };
    let target = context.out.join(&name);
    if needs_look {
        make_folder(&context.out.join(REVIEW))?;
    }
    make_folder(&context.out.join(SHEETS))?;
    let partial = Partial(target.with_extension(format!("{ending}.partial")));
    let (header, lines) = match &mut dicom {
        Some(recording) => recording::write(context, path, recording, &survey, &partial.0)?,
        None if kind == "still" => {
            video::write_still(path, &survey, &partial.0)?;
            (Vec::new(), Vec::new())
        }
        None => {
            video::write_clip(path, &survey, &partial.0)?;
            (Vec::new(), Vec::new())
        }
    };
    let sheet = sheet::draw(&partial.0, &survey)?;
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| DeidentifyError::Folder { path: path.clone(), source }
    };
    let page = context.out.join(SHEETS).join(format!("{stem}.png"));
    sheet.save(&page).map_err(|e| fail(&page)(std::io::Error::other(e.to_string())))?;
    let sha256 = FileDigest::of(&partial.0).map_err(fail(&target))?.hex();
    std::fs::rename(&partial.0, &target).map_err(fail(&target))?;
    let done = Done {
        input: number,
        output: name,
        sha256,
        kind,
        header,
        frames: survey.pts_ns.len() as u64,
        size: survey.size,
        kept_because: survey.area.because,
        kept_fraction: survey.area.fraction(),
        frames_blanked: survey.outside.iter().filter(|o| **o).count() as u64,
        notes: notes(kind, dicom.as_ref(), &survey, context.options.endoscopy),
        text_blanked: survey.text_blanked,
        text_left: survey.text_left,
    };
    Ok((done, lines))
}

/// What is to be known of how far this goes.
fn notes(kind: &str, dicom: Option<&Recording>, survey: &Survey, endoscopy: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if kind == "video" {
        notes.push("sound, subtitles, chapters and metadata are not in the new file".to_owned());
    }
    if dicom.is_some_and(|d| d.facts().picture.bits_stored > 8) {
        notes.push("pixels had more than 8 bits and were written as they are shown".to_owned());
    }
    if endoscopy {
        notes.push(
            "frames outside of the body were told by colour alone, which errs: look through the recording"
                .to_owned(),
        );
    } else if kind != "still" {
        notes.push("frames outside of the body were not looked for".to_owned());
    }
    if !survey.text_left.is_empty() {
        notes.push("something looks like text: look at it before it is handed on".to_owned());
    }
    notes
}

/// A file that goes away unless it is renamed.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

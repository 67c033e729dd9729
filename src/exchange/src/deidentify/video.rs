//! Files that are no DICOM: new pictures, and nothing else of the old file.

use std::path::Path;

use vesalius_pipeline::clip::ClipWriter;

use super::DeidentifyError;
use super::pixels::{Survey, each};

/// Writes a clip anew as H.264 in MP4, at the times of the old one, from 0 on. Nothing but pictures goes into it.
pub(super) fn write_clip(path: &Path, survey: &Survey, target: &Path) -> Result<(), DeidentifyError> {
    let mut writer = ClipWriter::begin(target, survey.size)?;
    let begin = survey.pts_ns.first().copied().unwrap_or(0);
    let at = |frame: usize| survey.pts_ns.get(frame).map(|pts| pts.saturating_sub(begin));
    each(path, None, &mut |mut picture| {
        survey.clean(&mut picture);
        let frame = picture.frame as usize;
        let now = at(frame).unwrap_or(0);
        // The last frame is shown for as long as the one before.
        let before = frame.checked_sub(1).and_then(at).unwrap_or(now);
        let next = at(frame + 1).unwrap_or(now + (now - before.min(now)));
        Ok(writer.frame(std::mem::take(picture.pixels), now, next)?)
    })?;
    Ok(writer.finish()?)
}

/// Writes a still anew as PNG, without any text in it.
pub(super) fn write_still(path: &Path, survey: &Survey, target: &Path) -> Result<(), DeidentifyError> {
    let fail = |message: String| DeidentifyError::Folder {
        path: target.to_owned(),
        source: std::io::Error::other(message),
    };
    each(path, None, &mut |mut picture| {
        survey.clean(&mut picture);
        let (width, height) = picture.size;
        let still = image::RgbImage::from_raw(width, height, std::mem::take(picture.pixels))
            .ok_or_else(|| fail("the picture has no pixels".to_owned()))?;
        still.save_with_format(target, image::ImageFormat::Png).map_err(|e| fail(e.to_string()))
    })?;
    Ok(())
}

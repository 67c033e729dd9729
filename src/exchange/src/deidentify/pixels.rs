//! Pictures one after the other, whatever they come from, and what is found out about them before any is written.

use std::path::Path;

use vesalius_dicom::Recording;
use vesalius_measure::calibration::region::UltrasoundRegion;
use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_measure::picture::{BodyRule, PictureAnalysis, PictureLevels};
use vesalius_pipeline::pictures;

use super::area::{Area, FieldSearch, Known, Rectangle};
use super::text::{self, StillPart};
use super::{DeidentifyError, DeidentifyOptions};

/// A picture: pixels of `bytes` (1 or 3) each, rows from the top.
pub(super) struct Picture<'a> {
    pub(super) frame: u64,
    pub(super) size: (u32, u32),
    pub(super) pts_ns: u64,
    pub(super) bytes: usize,
    pub(super) pixels: &'a mut Vec<u8>,
}

/// Hands on every picture of a file; the pixels may be changed.
pub(super) fn each(
    path: &Path,
    recording: Option<&mut Recording>,
    look: &mut dyn FnMut(Picture<'_>) -> Result<(), DeidentifyError>,
) -> Result<(), DeidentifyError> {
    if let Some(recording) = recording.filter(|r| !r.facts().transfer_syntax.coding.is_video()) {
        let size = recording.size();
        let bytes = recording.layout().bytes();
        for frame in 0..recording.frame_count() {
            let decoded = recording
                .frame(frame)
                .map_err(|source| DeidentifyError::Dicom { path: path.to_owned(), source })?;
            let mut pixels = decoded.data;
            look(Picture { frame: frame as u64, size, pts_ns: 0, bytes, pixels: &mut pixels })?;
        }
        return Ok(());
    }
    let mut pixels = Vec::new();
    pictures::each(path, |shown| {
        pixels.clear();
        pixels.extend_from_slice(shown.rgb);
        let size = (shown.size[0], shown.size[1]);
        look(Picture { frame: shown.frame, size, pts_ns: shown.pts_ns, bytes: 3, pixels: &mut pixels })?;
        Ok::<_, DeidentifyError>(true)
    })?;
    Ok(())
}

/// What was found out about a file's pictures.
pub(super) struct Survey {
    pub(super) size: (u32, u32),
    pub(super) bytes: usize,
    /// When each is shown.
    pub(super) pts_ns: Vec<u64>,
    pub(super) area: Area,
    pub(super) text_blanked: Vec<Rectangle>,
    pub(super) text_left: Vec<Rectangle>,
    /// Frames that are blanked as a whole.
    pub(super) outside: Vec<bool>,
}

/// Frames before and after one that is outside, which go with it.
const MARGIN: usize = 5;

/// Looks at all pictures and decides what is kept.
pub(super) fn survey(
    path: &Path,
    recording: Option<&mut Recording>,
    options: &DeidentifyOptions,
) -> Result<Survey, DeidentifyError> {
    let regions: Vec<UltrasoundRegion> = recording.as_ref().map_or_else(Vec::new, |r| r.regions().to_vec());
    let (mut search, mut still) = (FieldSearch::new(), StillPart::default());
    let mut analysis = PictureAnalysis::new(PictureLevels::default());
    let body = BodyRule::default();
    let (mut first, mut pts_ns, mut is_outside) = (None, Vec::new(), Vec::new());
    each(path, recording, &mut |picture| {
        let (size, bytes) = *first.get_or_insert((picture.size, picture.bytes));
        if picture.size != size {
            return Err(DeidentifyError::ChangesSize { path: path.to_owned(), frame: picture.frame });
        }
        pts_ns.push(picture.pts_ns);
        search.look(picture.pixels, size, bytes);
        still.add(picture.pixels, bytes);
        let (width, height) = (size.0 as usize, size.1 as usize);
        let format = if bytes == 1 { PixelFormat::Gray8 } else { PixelFormat::Rgb };
        let view = Frame::new(format, width, height, &[(picture.pixels.as_slice(), width * bytes)]);
        if let (true, Ok(view)) = (options.endoscopy, view) {
            analysis.look(&view, picture.frame * 40_000_000);
            let was_inside = is_outside.last().is_some_and(|was| !was);
            is_outside.push(body.look(analysis.quality(), was_inside).is_err());
        }
        Ok(())
    })?;
    let Some((size, bytes)) = first else { return Err(DeidentifyError::NothingTells(path.to_owned())) };
    if options.keep.is_some_and(|r| r.x0 > r.x1 || r.y0 > r.y1 || r.x1 >= size.0 || r.y1 >= size.1) {
        return Err(DeidentifyError::OutsideOfPicture { path: path.to_owned(), size });
    }
    let field = search.found();
    let known = Known {
        size,
        stated: options.keep,
        strip: options.strip_top,
        regions: &regions,
        field: field.as_ref(),
    };
    let mut area = Area::decide(&known).ok_or_else(|| DeidentifyError::NothingTells(path.to_owned()))?;
    let mut left = still.text_within(&area);
    let mut blanked = Vec::new();
    if options.blank_text {
        blanked = left;
        area.take_out(&blanked);
        left = still.text_within(&area);
    }
    let outside = widen(&is_outside);
    Ok(Survey { size, bytes, pts_ns, area, text_blanked: blanked, text_left: left, outside })
}

/// Takes the neighbours in.
fn widen(outside: &[bool]) -> Vec<bool> {
    let near = |i: usize| {
        let from = i.saturating_sub(MARGIN);
        outside.iter().skip(from).take(i + MARGIN + 1 - from).any(|o| *o)
    };
    (0..outside.len()).map(near).collect()
}

impl Survey {
    /// Blanks what is not kept of a picture.
    pub(super) fn clean(&self, picture: &mut Picture<'_>) {
        if self.is_outside(picture.frame) {
            picture.pixels.fill(0);
        } else {
            self.area.blank(picture.pixels, picture.bytes);
        }
    }

    pub(super) fn is_outside(&self, frame: u64) -> bool {
        usize::try_from(frame).ok().and_then(|f| self.outside.get(f)).copied().unwrap_or(false)
    }

    /// Whether every pixel of a picture that has to be black is.
    pub(super) fn is_clean(&self, picture: &Picture<'_>) -> bool {
        let whole = self.is_outside(picture.frame);
        let mut pixels = picture.pixels.chunks_exact(picture.bytes).enumerate();
        pixels.all(|(i, p)| (!whole && self.area.keeps(i)) || p.iter().all(|v| *v == 0))
    }
}

impl StillPart {
    /// Boxes of what looks like text in what is kept.
    fn text_within(&self, area: &Area) -> Vec<Rectangle> {
        let mut darkest = self.darkest().to_vec();
        area.blank(&mut darkest, 1);
        text::find(&darkest, area.width())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_beside_one_outside_go_with_it() {
        let mut outside = vec![false; 20];
        outside[9] = true;
        let wide = widen(&outside);
        assert_eq!(wide.iter().filter(|o| **o).count(), 2 * MARGIN + 1);
        assert!(wide[4] && wide[14] && !wide[3] && !wide[15]);
        assert_eq!(widen(&[]), [false; 0]);
    }
}

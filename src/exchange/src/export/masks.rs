//! Masks into a Segmentation.

use std::path::Path;

use crate::dicom::SourceImage;
use crate::dicom::segmentation::{Segment, Segmentation};
use vesalius_qa::score::label_png;

use super::item::Item;
use super::{Context, ExportError, Written, write_file};
use crate::names;

/// The colours of Okabe and Ito, in the order in which classes take them.
const COLORS: [[u8; 3]; 7] = [
    [0x56, 0xB4, 0xE9],
    [0xE6, 0x9F, 0x00],
    [0x00, 0x9E, 0x73],
    [0xF0, 0xE4, 0x42],
    [0x00, 0x72, 0xB2],
    [0xD5, 0x5E, 0x00],
    [0xCC, 0x79, 0xA7],
];

/// Writes the masks of an item, and says how to refer to them. `None` where nothing was found in any frame.
pub(super) fn write(
    context: &Context,
    item: &mut Item,
    path: &Path,
) -> Result<Option<(Written, SourceImage)>, ExportError> {
    let (mut masks, mask_frames) = gather(context, item)?;
    item.mask_frames = mask_frames;
    if masks.is_empty() {
        return Ok(None);
    }
    let digest = masks.digest_uid();
    let instance_uid = context.uid(item, "segmentation", digest.as_str().as_bytes());
    let series = context.series(item, "segmentation", 9001, "segmentation");
    let count = masks.frame_count();
    let of = context.belonging(item, &series, &instance_uid);
    let fail = |source| ExportError::Write { path: path.to_owned(), source };
    let file =
        std::mem::replace(&mut masks, Segmentation::new(0, 0, Vec::new())).finish(&of).map_err(fail)?;
    write_file(path, |to| file.write(to).map_err(fail))?;
    let image = SourceImage {
        class_uid: "1.2.840.10008.5.1.4.1.1.66.4".to_owned(),
        instance_uid: instance_uid.as_str().to_owned(),
        series_uid: series.uid.as_str().to_owned(),
        modality: "SEG".to_owned(),
        is_multi_frame: true,
        lossy: None,
    };
    let instance_uid = instance_uid.as_str().to_owned();
    Ok(Some((Written { kind: "segmentation", file: String::new(), instance_uid, count }, image)))
}

/// For each frame of the item, which class has which frame in the Segmentation.
pub(super) type MaskFrames = Vec<Vec<(u16, u32)>>;

fn gather(context: &Context, item: &Item) -> Result<(Segmentation, MaskFrames), ExportError> {
    let run = &context.run;
    let segments = run.classes.iter().zip(COLORS.iter().cycle()).map(|(class, color)| {
        let (category, kind) = names::structure(class);
        Segment { label: class.replace('_', " "), category, kind, color: *color }
    });
    let segments: Vec<Segment> = segments.collect();
    let mut all: Option<Segmentation> = None;
    let mut places = Vec::new();
    for (i, frame) in run.frames.get(item.frames.clone()).unwrap_or(&[]).iter().enumerate() {
        let path = run.folder.join("masks").join(format!("{}.png", frame.stem));
        let bad = |message: String| ExportError::Mask { path: path.clone(), message };
        let mask = label_png::read(&path).map_err(|e| match e {
            // Its own words name the file.
            vesalius_qa::score::ScoreError::Read { message, .. }
            | vesalius_qa::score::ScoreError::Mask { message, .. } => bad(message),
            other => bad(other.to_string()),
        })?;
        let size = [mask.width, mask.height];
        if size != frame.size.map(|side| side as usize) {
            return Err(bad(format!(
                "the mask has {}x{} pixels and the picture {}x{}",
                size[0], size[1], frame.size[0], frame.size[1]
            )));
        }
        let side = |side: usize| {
            u16::try_from(side)
                .map_err(|_| bad("a picture in DICOM has at most 65535 rows and columns".to_owned()))
        };
        if all.is_none() {
            all = Some(Segmentation::new(side(mask.height)?, side(mask.width)?, segments.clone()));
        }
        let Some(all) = &mut all else { continue };
        places.push(all.add(i as u32 + 1, &mask.labels).map_err(|e| bad(e.to_string()))?);
    }
    Ok((all.unwrap_or_else(|| Segmentation::new(0, 0, Vec::new())), places))
}

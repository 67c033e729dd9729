//! Pictures into Secondary Captures.

use std::path::Path;

use crate::dicom::capture::{Capture, CaptureOf, Shows};
use crate::dicom::{Lossy, Series, Uid};
use vesalius_pipeline::pictures::{self, Shown};
use vesalius_pipeline::replay::{ANNOTATED_STILLS, ANNOTATED_VIDEO};

use super::item::{Item, lossy_video};
use super::{Context, ExportError, Written, hash_file, write_file};

/// Writes an input that is no DICOM file as an image of its generated study.
///
/// What its encoding lost is known when it has been decoded, and stands in front of the frames: so a video is looked at
/// before, up to its first frame.
pub(super) fn source(context: &Context, item: &mut Item, path: &Path) -> Result<Written, ExportError> {
    if context.run.is_clip() {
        let looked = pictures::each(&item.path, |_| Ok::<_, ExportError>(false))?;
        item.origin.image.lossy = Some(losses(context, item, &item.path, looked.media.as_deref()));
    }
    let image = item.origin.image.clone();
    let series = Series {
        uid: Uid::of_text(&image.series_uid),
        number: 1,
        description: "Source of the run, converted by Vesalius".to_owned(),
        instance: 1,
    };
    let of = About { series: &series, uid: &Uid::of_text(&image.instance_uid), lossy: image.lossy.as_ref() };
    write(context, item, &item.path, path, &of, &Shows::Recording)?;
    let count = item.frames.len();
    Ok(Written { kind: "source", file: String::new(), instance_uid: image.instance_uid, count })
}

/// Writes the annotated pictures of an item.
pub(super) fn annotated(context: &Context, item: &Item, path: &Path) -> Result<Written, ExportError> {
    let folder = &context.run.folder;
    let stem = context.run.frames.get(item.frames.start).map(|f| f.stem.clone()).unwrap_or_default();
    let pictures = if context.run.is_clip() {
        folder.join(ANNOTATED_VIDEO)
    } else {
        folder.join(ANNOTATED_STILLS).join(format!("{stem}.png"))
    };
    if !pictures.is_file() {
        return Err(ExportError::NoPictures(folder.clone()));
    }
    let mut lossy = item.origin.image.lossy.clone();
    if context.run.is_clip() {
        // What the annotated video lost comes after what the recording had lost.
        let video = losses(context, item, &pictures, Some("video/x-h264"));
        let all = lossy.get_or_insert_with(Lossy::default);
        all.ratios.extend(video.ratios);
        all.methods.extend(video.methods);
    }
    let digest = hash_file(&pictures)?;
    let uid = context.uid(item, "capture", &digest);
    let series = context.series(item, "capture", 9003, "annotated");
    let algorithm = &context.algorithm;
    let shows = Shows::Annotated {
        description: format!(
            "Outlines and values drawn by Vesalius {}, engine {} {}, {}",
            context.software.version,
            algorithm.name,
            algorithm.version,
            algorithm.parameters()
        ),
    };
    let of = About { series: &series, uid: &uid, lossy: lossy.as_ref() };
    write(context, item, &pictures, path, &of, &shows)?;
    let count = item.frames.len();
    Ok(Written { kind: "capture", file: String::new(), instance_uid: uid.as_str().to_owned(), count })
}

/// What the frames of an item lost in a video file of so many bytes.
fn losses(context: &Context, item: &Item, video: &Path, media: Option<&str>) -> Lossy {
    let frames = context.run.frames.get(item.frames.clone()).unwrap_or(&[]);
    let raw: u64 = frames.iter().map(|f| 3 * u64::from(f.size[0]) * u64::from(f.size[1])).sum();
    let encoded = std::fs::metadata(video).map_or(1, |m| m.len());
    lossy_video(media, raw, encoded)
}

/// What a capture is, beside what it shows.
struct About<'a> {
    series: &'a Series,
    uid: &'a Uid,
    lossy: Option<&'a Lossy>,
}

/// Decodes pictures and writes each.
fn write(
    context: &Context,
    item: &Item,
    pictures: &Path,
    path: &Path,
    about: &About<'_>,
    shows: &Shows,
) -> Result<(), ExportError> {
    let frames = context.run.frames.get(item.frames.clone()).unwrap_or(&[]);
    let bad = |message: String| ExportError::Pictures { path: pictures.to_owned(), message };
    let [columns, rows] = frames.first().map_or([0, 0], |f| f.size);
    let side = |side: u32| {
        u16::try_from(side)
            .map_err(|_| bad("a picture in DICOM has at most 65535 rows and columns".to_owned()))
    };
    // Times count from the first frame.
    let begin = frames.first().map_or(0, |f| f.pts_ns);
    let pts_ns: Vec<u64> = frames.iter().map(|f| f.pts_ns.saturating_sub(begin)).collect();
    let of = CaptureOf {
        origin: &item.origin,
        series: about.series,
        instance_uid: about.uid,
        made: matches!(shows, Shows::Annotated { .. }).then_some(&context.made),
        software: &context.software,
        size: (side(rows)?, side(columns)?),
        pts_ns: &pts_ns,
        lossy: about.lossy,
        shows,
    };
    let fail = |source| ExportError::Write { path: path.to_owned(), source };
    write_file(path, |to| {
        let mut capture = Capture::begin(&of, to).map_err(fail)?;
        let mut left = frames.len();
        let looked = pictures::each(pictures, |shown: Shown<'_>| {
            if shown.size != [columns, rows] {
                return Err(bad(format!("frame {} has another size than the first", shown.frame)));
            }
            capture.frame(shown.rgb).map_err(fail)?;
            left -= 1;
            Ok(left > 0)
        })?;
        if left > 0 {
            return Err(bad(format!(
                "it has {} frames, and the run's records have {}",
                looked.frames,
                frames.len()
            )));
        }
        capture.finish().map(|_| ()).map_err(fail)
    })
}

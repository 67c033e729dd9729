//! The recordings and stills of a run, and whose they are.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::dicom::capture::CLASS_UID;
use crate::dicom::{Lossy, Origin, SourceImage, Uid};
use serde::Deserialize;
use vesalius_ledger::writer::SUMMARY;
use vesalius_pipeline::Input;

use super::masks::MaskFrames;
use super::{Context, ExportError, ExportOptions};

/// One recording, or one still.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The file.
    pub(super) path: PathBuf,
    /// Its name.
    pub(super) input: String,
    /// Name of its own folder, where there are several.
    pub(super) folder_name: String,
    /// Its frames in the run.
    pub(super) frames: Range<usize>,
    pub(super) origin: Origin,
    pub(super) is_generated: bool,
    /// For each of its frames, which class has which frame in the Segmentation; empty where there is none.
    pub(super) mask_frames: MaskFrames,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    source_path: Option<PathBuf>,
}

/// Where the run's input is: as stated or, where nothing is, where it was.
fn source(context: &Context, options: &ExportOptions) -> Result<PathBuf, ExportError> {
    let was = || -> Option<PathBuf> {
        let text = std::fs::read(context.run.folder.join(SUMMARY)).ok()?;
        serde_json::from_slice::<Page>(&text).ok()?.source_path
    };
    let stated = options.source.clone();
    let path = stated
        .or_else(was)
        .ok_or_else(|| ExportError::NoSource { name: context.run.head.input.name.clone() })?;
    if !path.exists() {
        return Err(ExportError::SourceGone(path));
    }
    Ok(path)
}

/// The items of a run. Their input is held to the hash that the run has of it.
pub(super) fn find(context: &Context, options: &ExportOptions) -> Result<Vec<Item>, ExportError> {
    let path = source(context, options)?;
    let input = Input::open(&path)?;
    let record = input.record()?;
    let head = &context.run.head.input;
    if record.sha256 != head.sha256 {
        return Err(ExportError::OtherSource(path));
    }
    let frames = &context.run.frames;
    match &input {
        Input::Stills { folder, .. } => frames
            .iter()
            .enumerate()
            .map(|(i, frame)| {
                let file = folder.join(&frame.input);
                let hash = Input::open(&file)?.record()?.sha256;
                item(&file, &frame.input, &frame.stem, i..i + 1, &hash, &options.modality)
            })
            .collect(),
        _ => {
            let stem =
                Path::new(&head.name).file_stem().map_or_else(String::new, |s| s.to_string_lossy().into());
            let all = 0..frames.len();
            Ok(vec![item(&path, &head.name, &stem, all, &head.sha256, &options.modality)?])
        }
    }
}

fn item(
    path: &Path,
    input: &str,
    stem: &str,
    frames: Range<usize>,
    sha256: &str,
    modality: &str,
) -> Result<Item, ExportError> {
    let is_dicom = vesalius_dicom::is_dicom(path).unwrap_or(false);
    let origin = if is_dicom {
        Origin::of_file(path).map_err(|source| ExportError::Origin { path: path.to_owned(), source })?
    } else {
        generated(path, sha256, modality)
    };
    Ok(Item {
        path: path.to_owned(),
        input: input.to_owned(),
        folder_name: stem.to_owned(),
        frames,
        origin,
        is_generated: !is_dicom,
        mask_frames: Vec::new(),
    })
}

/// Of a recording that is no DICOM file. The image will be what [`super::captures::source`] makes of it.
fn generated(path: &Path, sha256: &str, modality: &str) -> Origin {
    let uid =
        |kind: &str| Uid::of([kind.as_bytes(), sha256.as_bytes(), modality.as_bytes()]).as_str().to_owned();
    let image = SourceImage {
        class_uid: CLASS_UID.to_owned(),
        instance_uid: uid("source"),
        series_uid: uid("source series"),
        modality: modality.to_owned(),
        is_multi_frame: true,
        lossy: lossy_still(path),
    };
    Origin::generated(sha256, image)
}

/// Losses of a still's own encoding, by its content. WebP is told apart no further: it counts as lossy.
fn lossy_still(path: &Path) -> Option<Lossy> {
    let mut head = [0; 16];
    let read =
        std::fs::File::open(path).and_then(|mut f| std::io::Read::read(&mut f, &mut head)).unwrap_or(0);
    let head = head.get(..read).unwrap_or(&[]);
    if head.starts_with(&[0xFF, 0xD8, 0xFF]) {
        return Some(Lossy { ratios: Vec::new(), methods: vec!["ISO_10918_1".to_owned()] });
    }
    let is_lossless_webp = head.get(12..16) == Some(b"VP8L");
    let is_webp = head.get(8..12) == Some(b"WEBP");
    (is_webp && !is_lossless_webp).then(Lossy::default)
}

/// Losses of a video stream, by the media type that GStreamer found.
pub(super) fn lossy_video(media: Option<&str>, raw: u64, encoded: u64) -> Lossy {
    let method = match media {
        Some("video/x-h264") => Some("ISO_14496_10"),
        Some("video/x-h265") => Some("ISO_23008_2"),
        Some("video/mpeg-1" | "video/mpeg-2") => Some("ISO_13818_2"),
        Some("image/jpeg") => Some("ISO_10918_1"),
        _ => None,
    };
    let ratio = raw as f64 / encoded.max(1) as f64;
    Lossy { ratios: vec![ratio.max(1.0)], methods: method.into_iter().map(ToOwned::to_owned).collect() }
}

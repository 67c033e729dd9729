//! Overlay compositions: who takes them, and how a layer becomes one.

use gst_video::prelude::*;
use vesalius_draw::{Layer, rectangles};

/// The caps feature of streams that carry compositions.
pub(super) fn feature() -> &'static str {
    gst_video::CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION.as_str()
}

/// Whether these caps promise compositions.
pub(super) fn has_feature(caps: &gst::CapsRef) -> bool {
    caps.features(0).is_some_and(|features| features.contains(feature()))
}

/// The same caps with compositions.
pub(super) fn with_feature(caps: &gst::CapsRef) -> gst::Caps {
    caps.iter_with_features()
        .map(|(structure, features)| {
            let mut features = features.to_owned();
            if !features.is_any() && !features.contains(feature()) {
                features.add(feature());
            }
            (structure.to_owned(), features)
        })
        .collect()
}

/// The same caps without compositions.
pub(super) fn without_feature(caps: &gst::CapsRef) -> gst::Caps {
    caps.iter_with_features()
        .map(|(structure, features)| {
            let mut features = features.to_owned();
            features.remove(feature());
            (structure.to_owned(), features)
        })
        .collect()
}

/// Whether downstream, asked for these caps, says that it reads compositions. To be asked from the streaming
/// thread alone: the query is serialised with the frames.
pub(super) fn downstream_composes(pad: &gst::Pad, caps: &gst::Caps) -> bool {
    let mut query = gst::query::Allocation::new(Some(caps), false);
    pad.peer_query(&mut query)
        && query.find_allocation_meta::<gst_video::VideoOverlayCompositionMeta>().is_some()
}

/// A layer as rectangles of premultiplied pixels; `None` where nothing is drawn.
pub(super) fn compose(layer: &Layer) -> Option<gst_video::VideoOverlayComposition> {
    let made: Vec<_> = rectangles(layer)
        .into_iter()
        .filter_map(|r| {
            let (width, height) = (u32::try_from(r.width).ok()?, u32::try_from(r.height).ok()?);
            let (x, y) = (i32::try_from(r.x).ok()?, i32::try_from(r.y).ok()?);
            let mut pixels = gst::Buffer::from_mut_slice(r.bgra);
            // The bytes of `r.bgra` are B, G, R, A, which is the overlay format of little-endian machines.
            gst_video::VideoMeta::add(
                pixels.make_mut(),
                gst_video::VideoFrameFlags::empty(),
                gst_video::VideoFormat::Bgra,
                width,
                height,
            )
            .ok()?;
            Some(gst_video::VideoOverlayRectangle::new_raw(
                &pixels,
                x,
                y,
                width,
                height,
                gst_video::VideoOverlayFormatFlags::PREMULTIPLIED_ALPHA,
            ))
        })
        .collect();
    (!made.is_empty()).then(|| gst_video::VideoOverlayComposition::new(&made).ok()).flatten()
}

/// Attaches a composition; one that is there already is kept and drawn beneath.
pub(super) fn attach(buffer: &mut gst::BufferRef, ours: &gst_video::VideoOverlayComposition) {
    // Not a copy: who composes knows rectangles it has seen before by their identity.
    let theirs = buffer.meta::<gst_video::VideoOverlayCompositionMeta>().map(|meta| meta.overlay_owned());
    let Some(theirs) = theirs else {
        gst_video::VideoOverlayCompositionMeta::add(buffer, ours);
        return;
    };
    let all: Vec<_> = theirs.iter().chain(ours.iter()).collect();
    if let Ok(merged) = gst_video::VideoOverlayComposition::new(&all)
        && let Some(mut meta) = buffer.meta_mut::<gst_video::VideoOverlayCompositionMeta>()
    {
        meta.set_overlay(&merged);
    }
}

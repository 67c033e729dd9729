//! The picture of a moment, as it is shown and as it came.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gst_video::prelude::*;

use super::outlet::Tap;
use crate::identity;

/// Without a picture within this time there is none to keep.
const WITHIN: Duration = Duration::from_secs(1);

type Taken = (gst::Buffer, gst::Caps);

/// Keeps the next picture as two PNG files, annotated and clean, and what it is as JSON; returns the name of the first.
///
/// # Errors
///
/// One line.
pub(crate) fn take(
    folder: &Path,
    annotated: &Arc<Tap>,
    clean: &Arc<Tap>,
    facts: &serde_json::Value,
) -> Result<String, String> {
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let (sender, receiver) = crossbeam_channel::bounded::<(Taken, Taken)>(1);
    let behind = annotated.clone();
    // Annotated is asked for when clean has passed, so that both are the same frame.
    clean.once(Box::new(move |buffer, caps| {
        // A copy of its own: drawing must not find the memory shared later than needed.
        let Ok(copy) = buffer.copy_deep() else { return };
        let first = (copy, caps.clone());
        behind.once(Box::new(move |buffer, caps| {
            let _ = sender.send((first, (buffer.clone(), caps.clone())));
        }));
    }));
    let (clean, annotated) = receiver.recv_timeout(WITHIN).map_err(|_| "no picture passes now".to_owned())?;
    let stem = (1..)
        .map(|n| format!("snapshot-{}-{n:03}", identity::now_utc().replace([':', '-'], "")))
        .find(|stem| !folder.join(format!("{stem}.png")).exists())
        .unwrap_or_default();
    let name = format!("{stem}.png");
    write(&folder.join(&name), annotated)?;
    write(&folder.join(format!("{stem}-clean.png")), clean)?;
    let text = serde_json::to_vec_pretty(facts).map_err(|e| e.to_string())?;
    let path = folder.join(format!("{stem}.json"));
    std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(name)
}

fn write(path: &Path, (buffer, caps): Taken) -> Result<(), String> {
    let sample = gst::Sample::builder().buffer(&buffer).caps(&caps).build();
    let rgb = gst_video::VideoCapsBuilder::new().format(gst_video::VideoFormat::Rgb).build();
    let converted = gst_video::convert_sample(&sample, &rgb, Some(gst::ClockTime::from_seconds(5)))
        .map_err(|e| e.message().to_owned())?;
    let info = converted.caps().and_then(|caps| gst_video::VideoInfo::from_caps(caps).ok());
    let (Some(info), Some(buffer)) = (info, converted.buffer()) else {
        return Err("the picture cannot be converted".to_owned());
    };
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info)
        .map_err(|_| "the picture cannot be read".to_owned())?;
    let row_bytes = info.width() as usize * 3;
    let stride = usize::try_from(frame.plane_stride().first().copied().unwrap_or(0)).unwrap_or(0).max(1);
    let data = frame.plane_data(0).map_err(|_| "the picture cannot be read".to_owned())?;
    let rows = data.chunks(stride).take(info.height() as usize);
    let pixels: Vec<u8> = rows.flat_map(|row| row.iter().take(row_bytes).copied()).collect();
    let picture = image::RgbImage::from_raw(info.width(), info.height(), pixels)
        .ok_or_else(|| "the picture is cut off".to_owned())?;
    picture.save(path).map_err(|e| format!("{}: {e}", path.display()))
}

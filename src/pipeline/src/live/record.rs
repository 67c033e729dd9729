//! Recording: the picture as it is shown and as it came, each in files that play up to their last second whatever happens.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::outlet::{Tap, Time, Way};
use crate::encode::Coding;
use crate::identity;

/// Length of one file.
const FILE_LENGTH: gst::ClockTime = gst::ClockTime::from_seconds(600);
/// Frames that may wait for the coder.
const ROOM: u64 = 30;
/// With less room on the disk, recording ends.
pub(crate) const LEAST_FREE: u64 = 64 << 20;
/// How long closing a file may take.
const CLOSE_WITHIN: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// Which picture is recorded.
const KINDS: [&str; 2] = ["annotated", "clean"];

/// A recording under way.
pub(crate) struct Recording {
    ways: Vec<(Arc<Tap>, u64, Arc<Way>)>,
    begun: Instant,
}

impl Recording {
    /// Begins to record into a folder, which is made where it is missing.
    ///
    /// # Errors
    ///
    /// One line.
    pub(crate) fn start(
        folder: &Path,
        taps: [&Arc<Tap>; 2],
        time: &Time,
        size: (u32, u32),
    ) -> Result<Self, String> {
        prepare(folder)?;
        let stem = unused(folder, &identity::now_utc().replace([':', '-'], ""));
        let mut recording = Self { ways: Vec::new(), begun: Instant::now() };
        for (kind, tap) in KINDS.into_iter().zip(taps) {
            let way =
                coder(&folder.join(format!("{stem}-{kind}-%05d.mkv")), time, Coding::of(size.0, size.1))?;
            recording.ways.push((tap.clone(), tap.add(way.clone()), way));
        }
        Ok(recording)
    }

    pub(crate) fn runs_for(&self) -> Duration {
        self.begun.elapsed()
    }

    /// What went wrong since the last call.
    pub(crate) fn error(&self) -> Option<String> {
        self.ways.iter().find_map(|(_, _, way)| way.error())
    }

    /// Whether pictures are of another size or format now, for which a file must begin.
    pub(crate) fn has_met_other_kind(&self) -> bool {
        self.ways.iter().any(|(_, _, way)| way.has_met_other_kind())
    }

    /// Frames that were not recorded, for the coder was too slow.
    pub(crate) fn dropped(&self) -> u64 {
        self.ways.iter().map(|(_, _, way)| way.dropped()).sum()
    }

    /// Closes the files.
    ///
    /// # Errors
    ///
    /// One line, where one could not be closed properly.
    pub(crate) fn finish(mut self) -> Result<(), String> {
        let ways = std::mem::take(&mut self.ways);
        ways.iter().for_each(|(tap, id, _)| tap.remove(*id));
        let closed: Vec<_> = ways.iter().map(|(_, _, way)| way.finish(CLOSE_WITHIN)).collect();
        closed.into_iter().collect()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.ways.iter().for_each(|(tap, id, _)| tap.remove(*id));
    }
}

/// Makes the folder, and looks whether it can be recorded into.
///
/// # Errors
///
/// One line.
pub(crate) fn prepare(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    match free_bytes(folder) {
        Some(free) if free < LEAST_FREE => Err("the disk is full".to_owned()),
        _ => Ok(()),
    }
}

/// A name for the files of a recording that no other has.
fn unused(folder: &Path, stem: &str) -> String {
    let is_used = |stem: &str| {
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let prefix = format!("{stem}-");
        names.filter_map(|entry| entry.file_name().into_string().ok()).any(|name| name.starts_with(&prefix))
    };
    let others = (2..).map(|n| format!("{stem}.{n}"));
    std::iter::once(stem.to_owned()).chain(others).find(|stem| !is_used(stem)).unwrap_or_default()
}

/// H.264 in Matroska: its clusters are written as they are finished, so that a file that is cut off plays up to there.
fn coder(location: &Path, time: &Time, coding: Coding) -> Result<Arc<Way>, String> {
    let text = format!(
        "videoconvert ! video/x-raw,format={} ! x264enc tune=zerolatency speed-preset=superfast pass=qual quantizer=21 \
         key-int-max=30 bframes=0 ! h264parse",
        coding.format
    );
    Way::start(&text, ROOM, true, time, |pipeline, coder| {
        let make = |name: &str| {
            gst::ElementFactory::make(name)
                .build()
                .map_err(|_| format!("the element {name} is missing: install gstreamer1.0-plugins-good"))
        };
        let files = make("splitmuxsink")?;
        let mux = make("matroskamux")?;
        mux.set_property("offset-to-zero", true);
        mux.set_property("min-cluster-duration", 200_000_000_i64);
        mux.set_property("max-cluster-duration", 1_000_000_000_i64);
        let sink = make("filesink")?;
        sink.set_property_from_str("buffer-mode", "unbuffered");
        files.set_property("muxer", &mux);
        files.set_property("sink", &sink);
        files.set_property("location", location.to_string_lossy().as_ref());
        files.set_property("max-size-time", FILE_LENGTH.nseconds());
        files.set_property("send-keyframe-requests", true);
        pipeline.add(&files).map_err(|e| e.to_string())?;
        let track = files.request_pad_simple("video").ok_or("splitmuxsink takes no video")?;
        let coded = coder.static_pad("src").ok_or("the coder has no end")?;
        coded.link(&track).map(|_| ()).map_err(|e| e.to_string())
    })
}

/// Bytes that are left on the disk of a folder; `None` where the system does not say.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let there: Option<PathBuf> = folder.ancestors().find(|path| path.is_dir()).map(Path::to_owned);
    let stat = rustix::fs::statvfs(there.as_deref().unwrap_or(Path::new("."))).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

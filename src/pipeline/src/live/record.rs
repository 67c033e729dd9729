//! Recording: the picture as it is shown and as it came, each in files that play up to their last second whatever happens.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;
use vesalius_ledger::live::LiveAccount;

use super::account::Account;
use super::ns;
use super::outlet::{Tap, Time, Way};
use super::room::RecordingRules;
use crate::encode::Coding;
use crate::identity;

/// Frames that may wait for the coder.
pub(crate) const ROOM: u64 = 30;
/// How long closing a file may take.
const CLOSE_WITHIN: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// Which picture is recorded.
pub(crate) const KINDS: [&str; 2] = ["annotated", "clean"];

/// A recording under way.
pub(crate) struct Recording {
    ways: Vec<(Arc<Tap>, u64, Arc<Way>)>,
    begun: Instant,
    stem: String,
    account: Arc<Account>,
}

impl Recording {
    /// Begins to record into a folder that is there.
    ///
    /// # Errors
    ///
    /// One line.
    pub(crate) fn start(
        folder: &Path,
        rules: &RecordingRules,
        taps: [&Arc<Tap>; 2],
        time: &Time,
        size: (u32, u32),
        head: &LiveAccount,
        signatures: &[String; 2],
    ) -> Result<Self, String> {
        let stem = stem(folder);
        let account = Arc::new(Account::start(&folder.join(format!("{stem}-account.jsonl")), head)?);
        let mut recording = Self { ways: Vec::new(), begun: Instant::now(), stem, account };
        for ((kind, tap), signature) in KINDS.into_iter().zip(taps).zip(signatures) {
            let files = folder.join(format!("{}-{kind}-%05d.mkv", recording.stem));
            let way = coder(&files, time, Coding::of(size.0, size.1), rules.file_length, signature)?;
            recording.ways.push((tap.clone(), tap.add(way.clone()), way));
        }
        Ok(recording)
    }

    /// What the names of its files begin with.
    pub(crate) fn stem(&self) -> &str {
        &self.stem
    }

    /// What is told of every picture that passes.
    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.account
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

    /// Closes the files; `why` is why nobody has to ask for it.
    ///
    /// # Errors
    ///
    /// One line, where one could not be closed properly.
    pub(crate) fn finish(mut self, why: Option<&str>) -> Result<(), String> {
        let dropped = self.dropped();
        let ways = std::mem::take(&mut self.ways);
        ways.iter().for_each(|(tap, id, _)| tap.remove(*id));
        let mut closed: Vec<_> = ways.iter().map(|(_, _, way)| way.finish(CLOSE_WITHIN)).collect();
        closed.push(self.account.finish(dropped, why));
        closed.into_iter().collect()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.ways.iter().for_each(|(tap, id, _)| tap.remove(*id));
    }
}

/// A name for the files of a recording that begins now and that no other has.
pub(crate) fn stem(folder: &Path) -> String {
    unused(folder, &identity::now_utc().replace([':', '-'], ""))
}

fn unused(folder: &Path, stem: &str) -> String {
    let is_used = |stem: &str| {
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let prefix = format!("{stem}-");
        names.filter_map(|entry| entry.file_name().into_string().ok()).any(|name| name.starts_with(&prefix))
    };
    let others = (2..).map(|n| format!("{stem}.{n}"));
    std::iter::once(stem.to_owned()).chain(others).find(|stem| !is_used(stem)).unwrap_or_default()
}

/// H.264 of a quality that leaves fine lines clean, with a picture to begin at every 30.
pub(crate) fn coder_text(coding: Coding) -> String {
    format!(
        "videoconvert ! video/x-raw,format={} ! x264enc tune=zerolatency speed-preset=superfast pass=qual quantizer=21 \
         key-int-max=30 bframes=0 ! h264parse",
        coding.format
    )
}

/// Matroska whose head says what it is and who made it: a file that is cut off has no other place left.
pub(crate) fn sign(mux: &gst::Element, signature: &str) {
    mux.set_property("offset-to-zero", true);
    mux.set_property("writing-app", signature);
}

/// Into Matroska: its clusters are written as they are finished, so that a file that is cut off plays up to there.
fn coder(
    location: &Path,
    time: &Time,
    coding: Coding,
    file_length: Duration,
    signature: &str,
) -> Result<Arc<Way>, String> {
    let length_ns = ns(file_length);
    Way::start(&coder_text(coding), ROOM, true, time, |pipeline, coder| {
        let make = |name: &str| {
            gst::ElementFactory::make(name)
                .build()
                .map_err(|_| format!("the element {name} is missing: install gstreamer1.0-plugins-good"))
        };
        let files = make("splitmuxsink")?;
        let mux = make("matroskamux")?;
        sign(&mux, signature);
        mux.set_property("min-cluster-duration", 200_000_000_i64);
        mux.set_property("max-cluster-duration", 1_000_000_000_i64);
        let sink = make("filesink")?;
        sink.set_property_from_str("buffer-mode", "unbuffered");
        files.set_property("muxer", &mux);
        files.set_property("sink", &sink);
        files.set_property("location", location.to_string_lossy().as_ref());
        files.set_property("max-size-time", length_ns);
        files.set_property("send-keyframe-requests", true);
        pipeline.add(&files).map_err(|e| e.to_string())?;
        let track = files.request_pad_simple("video").ok_or("splitmuxsink takes no video")?;
        let coded = coder.static_pad("src").ok_or("the coder has no end")?;
        coded.link(&track).map(|_| ()).map_err(|e| e.to_string())
    })
}

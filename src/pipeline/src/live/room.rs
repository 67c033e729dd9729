//! Room on the disk for recordings: how much there must be, and what goes when there is less.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::record::KINDS;

/// What happens when there is no more room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Recording ends; what was recorded stays.
    #[default]
    Stop,
    /// The oldest recordings go.
    Oldest,
}

/// Rules for recordings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingRules {
    /// Length of one file; another begins with the first picture to begin at after it.
    pub file_length: Duration,
    /// What happens when there is no more room.
    pub when_full: WhenFull,
    /// Bytes that must stay free on the disk.
    pub least_free: u64,
    /// Most bytes of recordings in the folder; `None` for as many as the disk holds.
    pub most: Option<u64>,
}

impl Default for RecordingRules {
    /// Files of ten minutes; it ends with 64 MiB left.
    fn default() -> Self {
        Self {
            file_length: Duration::from_secs(600),
            when_full: WhenFull::Stop,
            least_free: 64 << 20,
            most: None,
        }
    }
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    Disk,
    Most,
}

impl RecordingRules {
    fn lack(&self, folder: &Path) -> Option<Lack> {
        if free_bytes(folder).is_some_and(|free| free < self.least_free) {
            return Some(Lack::Disk);
        }
        let most = self.most?;
        let used: u64 = parts(folder).values().flatten().map(|part| part.bytes).sum();
        (used > most).then_some(Lack::Most)
    }

    /// Makes the folder, and looks whether it can be recorded into.
    ///
    /// # Errors
    ///
    /// One line.
    pub(crate) fn prepare(&self, folder: &Path) -> Result<(), String> {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        self.make_room(folder, None).map(|_| ())
    }

    /// Sees to it that there is room: says how many files went. Those that the recording of the stem `now` is writing never
    /// do.
    ///
    /// # Errors
    ///
    /// One line: there is no room, and none may or can be made.
    pub(crate) fn make_room(&self, folder: &Path, now: Option<&str>) -> Result<usize, String> {
        let mut gone = 0;
        while let Some(lack) = self.lack(folder) {
            let full = match lack {
                Lack::Disk => "the disk is full".to_owned(),
                Lack::Most => {
                    format!("recordings take all of their {} MB", self.most.unwrap_or(0) / 1_000_000)
                }
            };
            if self.when_full == WhenFull::Stop {
                return Err(full);
            }
            let all = parts(folder);
            let newest = now.and_then(|stem| all.keys().rfind(|(of, _)| of == stem)).cloned();
            let Some((_, oldest)) = all.into_iter().find(|(key, _)| Some(key) != newest.as_ref()) else {
                return Err(format!("{full}, and no older recording is left that could go"));
            };
            for part in oldest {
                std::fs::remove_file(&part.path)
                    .map_err(|e| format!("{full}, and {} does not go: {e}", part.path.display()))?;
                gone += 1;
            }
        }
        Ok(gone)
    }
}

struct Part {
    path: PathBuf,
    bytes: u64,
}

/// The files of recordings, the oldest first: by the stem, which is a time, and their number within it. Nothing else in the
/// folder is looked at.
fn parts(folder: &Path) -> BTreeMap<(String, u32), Vec<Part>> {
    let mut all: BTreeMap<(String, u32), Vec<Part>> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if let Some((stem, number)) = stem_and_number(&name)
            && let Ok(about) = entry.metadata()
        {
            let part = Part { path: entry.path(), bytes: about.len() };
            all.entry((stem.to_owned(), number)).or_default().push(part);
        }
    }
    all
}

/// `20261123T120405Z-clean-00002.mkv` is the third part of the recording `20261123T120405Z`.
fn stem_and_number(name: &str) -> Option<(&str, u32)> {
    let (rest, number) = name.strip_suffix(".mkv")?.rsplit_once('-')?;
    let stem = KINDS.iter().find_map(|kind| rest.strip_suffix(kind)?.strip_suffix('-'))?;
    let is_time = stem.len() >= 16 && stem.as_bytes().get(8) == Some(&b'T');
    (is_time && number.len() == 5).then(|| number.parse().ok().map(|number| (stem, number)))?
}

/// Bytes that are left on the disk of a folder; `None` where the system does not say.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let there: Option<PathBuf> = folder.ancestors().find(|path| path.is_dir()).map(Path::to_owned);
    let stat = rustix::fs::statvfs(there.as_deref().unwrap_or(Path::new("."))).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_recordings_are_recordings() {
        assert_eq!(stem_and_number("20261123T120405Z-clean-00002.mkv"), Some(("20261123T120405Z", 2)));
        assert_eq!(
            stem_and_number("20261123T120405Z.2-annotated-00000.mkv"),
            Some(("20261123T120405Z.2", 0))
        );
        for other in [
            "20261123T120405Z-lookback-clean.mkv",
            "20261123T120405Z-account.jsonl",
            "holiday-clean-00002.mkv",
            "20261123T120405Z-clean-2.mkv",
            "snapshot-20261123T120405Z-001.png",
        ] {
            assert_eq!(stem_and_number(other), None, "{other}");
        }
    }

    fn folder(files: &[(&str, usize)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), vec![0; *bytes]).unwrap();
        }
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<_> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_goes_and_what_is_being_written_stays() {
        let folder = folder(&[
            ("20260101T000000Z-annotated-00000.mkv", 1000),
            ("20260101T000000Z-clean-00000.mkv", 1000),
            ("20260101T000000Z-account.jsonl", 5000),
            ("20260102T000000Z-annotated-00000.mkv", 1000),
            ("20260102T000000Z-annotated-00001.mkv", 1000),
            ("mine.mkv", 90_000),
        ]);
        let rules = |most, when_full| RecordingRules {
            most: Some(most),
            when_full,
            least_free: 0,
            ..RecordingRules::default()
        };
        let now = Some("20260102T000000Z");
        assert_eq!(rules(4000, WhenFull::Stop).make_room(folder.path(), now), Ok(0));
        let stopped = rules(3999, WhenFull::Stop).make_room(folder.path(), now);
        assert_eq!(stopped, Err("recordings take all of their 0 MB".to_owned()));
        assert_eq!(rules(3999, WhenFull::Oldest).make_room(folder.path(), now), Ok(2));
        assert_eq!(names(folder.path()).len(), 4);
        assert_eq!(rules(1000, WhenFull::Oldest).make_room(folder.path(), now), Ok(1));
        let none_left = rules(500, WhenFull::Oldest).make_room(folder.path(), now).unwrap_err();
        assert!(none_left.contains("no older recording is left"), "{none_left}");
        assert_eq!(
            names(folder.path()),
            ["20260101T000000Z-account.jsonl", "20260102T000000Z-annotated-00001.mkv", "mine.mkv"]
        );
    }
}

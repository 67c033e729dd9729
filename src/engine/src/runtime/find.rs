//! Where the library may lie.

use std::path::{Path, PathBuf};

use super::{LIBRARY_VARIABLE, RuntimeError, RuntimeSource};
use crate::registry::user_data_folder;

/// The library's file name.
const LIBRARY: &str = "libonnxruntime.so";

/// Names that the system's linker is asked for.
pub(super) const SYSTEM_NAMES: [&str; 2] = [LIBRARY, "libonnxruntime.so.1"];

/// A file that exists and may be the library.
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) source: RuntimeSource,
}

/// The first place that has the file, the system's aside; `searched` gets the places that have not.
pub(super) fn candidate(
    setting: Option<&Path>,
    searched: &mut Vec<String>,
) -> Result<Option<Candidate>, RuntimeError> {
    let variable = std::env::var_os(LIBRARY_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let given = setting
        .map(|path| (path.to_owned(), RuntimeSource::Setting))
        .or_else(|| variable.map(|path| (path, RuntimeSource::Variable)));
    if let Some((path, source)) = given {
        // Who names a path means that one.
        return match library_at(&path) {
            Some(path) => Ok(Some(Candidate { path, source })),
            None => Err(RuntimeError::NotAtPath { source_kind: source, path }),
        };
    }
    if let Some(folder) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        if let Some(path) = library_at(folder) {
            return Ok(Some(Candidate { path, source: RuntimeSource::BesideProgram }));
        }
        searched.push(folder.display().to_string());
    }
    if let Some(folder) = user_data_folder().map(|data| data.join("onnxruntime")) {
        if let Some(path) = newest_below(&folder) {
            return Ok(Some(Candidate { path, source: RuntimeSource::UserData }));
        }
        searched.push(folder.display().to_string());
    }
    Ok(None)
}

/// The library where `path` is the file or a folder with it. A folder's plain `libonnxruntime.so` goes before
/// versioned names, and of those the newest counts.
pub(super) fn library_at(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_owned());
    }
    let plain = path.join(LIBRARY);
    if plain.is_file() {
        return Some(plain);
    }
    let versioned = std::fs::read_dir(path).ok()?.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let version = version_key(name.strip_prefix(LIBRARY)?.strip_prefix('.')?)?;
        entry.path().is_file().then(|| (version, entry.path()))
    });
    versioned.max().map(|(_, path)| path)
}

/// Ends the name of a folder with the build for GPUs, which somebody has fetched on purpose.
const GPU_BUILD: &str = "-gpu";

/// The library of the newest version in `folder`, whose folders are named by version; of two builds of one version
/// that for GPUs.
fn newest_below(folder: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(folder).ok()?.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let plain = name.strip_suffix(GPU_BUILD);
        let version = (version_key(plain.unwrap_or(&name)).unwrap_or_default(), plain.is_some());
        Some((version, library_at(&entry.path()).filter(|_| entry.path().is_dir())?))
    });
    versions.max().map(|(_, path)| path)
}

/// `1.32.0` as numbers, which sort as versions do; `None` for anything else.
pub(super) fn version_key(text: &str) -> Option<Vec<u32>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

/// The library's file as the kernel knows it, once it is loaded.
pub(super) fn mapped_library() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let path = maps.lines().filter_map(|line| line.find('/').and_then(|at| line.get(at..))).find(|path| {
        Path::new(path)
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(LIBRARY))
    })?;
    Some(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_numbers() {
        assert!(version_key("1.9.0") < version_key("1.32.0"));
        assert_eq!(version_key("1.32.0.post1"), None);
        assert_eq!(version_key(""), None);
    }

    #[test]
    fn the_newest_version_in_the_data_folder_counts() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["1.9.0", "1.32.0", "1.23.1"] {
            std::fs::create_dir(folder.path().join(version)).unwrap();
            std::fs::write(folder.path().join(version).join(LIBRARY), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("2.0.0")).unwrap();
        assert_eq!(newest_below(folder.path()).unwrap(), folder.path().join("1.32.0").join(LIBRARY));
        assert_eq!(newest_below(&folder.path().join("none")), None);
        for (version, newest) in [("1.31.0-gpu", "1.32.0"), ("1.32.0-gpu", "1.32.0-gpu")] {
            std::fs::create_dir(folder.path().join(version)).unwrap();
            std::fs::write(folder.path().join(version).join(LIBRARY), "").unwrap();
            assert_eq!(newest_below(folder.path()).unwrap(), folder.path().join(newest).join(LIBRARY));
        }
    }

    #[test]
    fn a_folder_stands_for_the_library_in_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(library_at(folder.path()), None);
        for name in
            ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.32.0", "libonnxruntime_providers_shared.so"]
        {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(library_at(folder.path()).unwrap(), folder.path().join("libonnxruntime.so.1.32.0"));
        std::fs::write(folder.path().join(LIBRARY), "").unwrap();
        assert_eq!(library_at(folder.path()).unwrap(), folder.path().join(LIBRARY));
    }
}

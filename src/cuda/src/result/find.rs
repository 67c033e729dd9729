//! Where the run-time compiler may lie.

use std::path::{Path, PathBuf};

use super::error::Off;

/// Environment variable with the path of `libnvrtc.so`, or of a folder with it.
pub const LIBRARY_VARIABLE: &str = "VESALIUS_NVRTC_PATH";

/// Names that the system's linker is asked for, the newest first.
const SYSTEM_NAMES: [&str; 3] = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"];

/// How the library was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NvrtcSource {
    /// A path given by the caller.
    Setting,
    /// `VESALIUS_NVRTC_PATH`.
    Variable,
    /// In the user's data folder, where set-up puts it.
    UserData,
    /// Left to the system's linker.
    System,
}

/// Files that may be the library, in the order in which they are tried. A path given by setting or variable
/// is the only one: who names a path means that one.
///
/// # Errors
///
/// [`Off::LibraryMissing`] when a path was given and there is no library at it.
pub fn find_nvrtc(setting: Option<&Path>) -> Result<Vec<(PathBuf, NvrtcSource)>, Off> {
    let variable = std::env::var_os(LIBRARY_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    let given = setting
        .map(|path| (path.to_owned(), NvrtcSource::Setting))
        .or_else(|| variable.map(|path| (path, NvrtcSource::Variable)));
    if let Some((path, source)) = given {
        return match library_at(&path) {
            Some(path) => Ok(vec![(path, source)]),
            None => Err(Off::LibraryMissing {
                library: "NVRTC",
                message: format!("there is no libnvrtc.so at the path that was given ({})", path.display()),
            }),
        };
    }
    let mut found = Vec::new();
    if let Some(path) = user_data_folder().and_then(|data| newest_below(&data.join("nvrtc"))) {
        found.push((path, NvrtcSource::UserData));
    }
    found.extend(SYSTEM_NAMES.iter().map(|name| (PathBuf::from(name), NvrtcSource::System)));
    Ok(found)
}

/// `vesalius` in the user's data folder (XDG Base Directory Specification).
pub(crate) fn user_data_folder() -> Option<PathBuf> {
    // A relative path in the variable is to be ignored.
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")))?;
    Some(data.join("vesalius"))
}

/// `vesalius` in the user's cache folder (XDG Base Directory Specification).
pub(crate) fn user_cache_folder() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("vesalius"))
}

/// The library where `path` is the file or a folder with it; of several the newest.
fn library_at(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return Some(path.to_owned());
    }
    let files = std::fs::read_dir(path).ok()?.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let rest = name.strip_prefix("libnvrtc.so")?;
        let version = version_key(rest.strip_prefix('.').unwrap_or("0"))?;
        entry.path().is_file().then(|| (version, entry.path()))
    });
    files.max().map(|(_, path)| path)
}

/// The library of the newest version in `folder`, whose folders are named by version.
fn newest_below(folder: &Path) -> Option<PathBuf> {
    let versions = std::fs::read_dir(folder).ok()?.flatten().filter_map(|entry| {
        let version = version_key(&entry.file_name().into_string().ok()?)?;
        Some((version, library_at(&entry.path())?))
    });
    versions.max().map(|(_, path)| path)
}

/// `13.5.37` as numbers, which sort as versions do; `None` for anything else.
fn version_key(text: &str) -> Option<Vec<u32>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_counts() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["12.9.86", "13.5.37", "13.10.1", "unknown"] {
            std::fs::create_dir(folder.path().join(version)).unwrap();
            std::fs::write(folder.path().join(version).join("libnvrtc.so.13"), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("14.0")).unwrap();
        assert_eq!(newest_below(folder.path()).unwrap(), folder.path().join("13.10.1/libnvrtc.so.13"));
    }

    #[test]
    fn a_given_path_is_the_only_one() {
        let folder = tempfile::tempdir().unwrap();
        let error = find_nvrtc(Some(folder.path())).unwrap_err();
        assert!(error.to_string().contains("NVRTC is missing"), "{error}");
        // What lies beside the library and is not it.
        std::fs::write(folder.path().join("libnvrtc-builtins.so.13.5"), "").unwrap();
        assert!(find_nvrtc(Some(folder.path())).is_err());
        let library = folder.path().join("libnvrtc.so.13");
        std::fs::write(&library, "").unwrap();
        assert_eq!(find_nvrtc(Some(folder.path())).unwrap(), [(library.clone(), NvrtcSource::Setting)]);
        assert_eq!(find_nvrtc(Some(&library)).unwrap(), [(library, NvrtcSource::Setting)]);
    }
}

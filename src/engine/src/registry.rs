//! Where engines are found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::manifest::{FILE_NAME, Manifest, ManifestError};

/// Environment variable with folders of engines, separated as in `PATH`.
pub const ENGINES_VARIABLE: &str = "VESALIUS_ENGINES";

/// Why an engine was not found. Displayed as one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// No engine of that name.
    #[error(
        "there is no engine '{name}': {}; looked in {}",
        if known.is_empty() { "no engine was found".to_owned() } else { format!("known are {}", known.join(", ")) },
        join_paths(searched)
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names that exist.
        known: Vec<String>,
        /// The folders that were looked in.
        searched: Vec<PathBuf>,
    },
    /// A path that holds no engine.
    #[error("there is no engine at {}: give a folder with a {FILE_NAME}, or that file", path.display())]
    NoManifest {
        /// What was asked for.
        path: PathBuf,
    },
}

fn join_paths(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return format!("no folder (set {ENGINES_VARIABLE})");
    }
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// One engine in a list.
#[derive(Clone, Debug)]
pub struct RegistryEntry {
    /// Name of its folder, by which [`Registry::find`] takes it.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its manifest, or why that cannot be read.
    pub manifest: Result<Manifest, ManifestError>,
}

/// The folder of the user's own engines, the last that [`Registry::standard`] looks in.
pub fn user_engines() -> Option<PathBuf> {
    user_data_folder().map(|data| data.join("engines"))
}

/// The folders in which engines lie, each in a folder of its own name.
#[derive(Clone, Debug)]
pub struct Registry {
    folders: Vec<PathBuf>,
}

impl Registry {
    /// Looks in `folders`, in this order.
    pub fn with_folders(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { folders: folders.into_iter().collect() }
    }

    /// Looks, in this order, in the folders that `VESALIUS_ENGINES` lists, in `engines/` under the working
    /// directory, in `engines/`, `../../engines/` and `../share/vesalius/engines/` seen from the program, and in
    /// `vesalius/engines/` under `XDG_DATA_HOME` (`~/.local/share` where that is not set).
    pub fn standard() -> Self {
        let mut folders = Vec::new();
        if let Some(list) = std::env::var_os(ENGINES_VARIABLE) {
            folders.extend(std::env::split_paths(&list).filter(|p| !p.as_os_str().is_empty()));
        }
        folders.push(PathBuf::from("engines"));
        if let Some(beside) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
            folders.extend(["engines", "../../engines", "../share/vesalius/engines"].map(|f| beside.join(f)));
        }
        folders.extend(user_engines());
        Self { folders }
    }

    /// Where it looks.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The folder of the engine called `name_or_path`: a name, a folder with a `manifest.toml`, or such a file.
    ///
    /// What holds a path separator or ends in `.toml` is a path; anything else is a name, and a path where no
    /// engine has that name.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] where there is none.
    pub fn find(&self, name_or_path: &str) -> Result<PathBuf, RegistryError> {
        let path = Path::new(name_or_path);
        if name_or_path.contains(std::path::is_separator) || name_or_path.ends_with(".toml") {
            return folder_at(path).ok_or_else(|| RegistryError::NoManifest { path: path.to_owned() });
        }
        // "." and ".." are folders and would also resolve inside every folder looked in.
        let is_name = !name_or_path.is_empty() && !name_or_path.starts_with('.');
        let named =
            self.folders.iter().filter(|_| is_name).find_map(|folder| folder_at(&folder.join(name_or_path)));
        named.or_else(|| folder_at(path)).ok_or_else(|| RegistryError::Unknown {
            name: name_or_path.to_owned(),
            known: self.list().into_iter().map(|entry| entry.name).collect(),
            searched: self.folders.clone(),
        })
    }

    /// Every engine by name. Of several with one name the first by folder order counts, as in [`Self::find`].
    pub fn list(&self) -> Vec<RegistryEntry> {
        let mut entries = BTreeMap::new();
        for folder in &self.folders {
            let Ok(children) = std::fs::read_dir(folder) else { continue };
            for child in children.flatten() {
                let Ok(name) = child.file_name().into_string() else { continue };
                let Some(folder) = folder_at(&child.path()).filter(|_| child.path().is_dir()) else {
                    continue;
                };
                entries.entry(name.clone()).or_insert_with(|| RegistryEntry {
                    name,
                    manifest: Manifest::read(&folder.join(FILE_NAME)),
                    folder,
                });
            }
        }
        entries.into_values().collect()
    }
}

/// The engine's folder where `path` is one, or its manifest.
fn folder_at(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return path.join(FILE_NAME).is_file().then(|| path.to_owned());
    }
    if path.file_name()? != FILE_NAME || !path.is_file() {
        return None;
    }
    let parent = path.parent()?;
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
}

/// `vesalius/` in the user's data folder.
pub(crate) fn user_data_folder() -> Option<PathBuf> {
    user_folder("XDG_DATA_HOME", ".local/share")
}

/// `vesalius/` in the folder that `variable` names, or in `fallback` under the home folder, by the XDG Base Directory
/// Specification (<https://specifications.freedesktop.org/basedir-spec/latest/>).
pub(crate) fn user_folder(variable: &str, fallback: &str) -> Option<PathBuf> {
    let given = std::env::var_os(variable).map(PathBuf::from).filter(|p| p.is_absolute());
    let folder = given.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(fallback)))?;
    Some(folder.join("vesalius"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, name: &str, manifest: &str) -> PathBuf {
        let engine = folder.join(name);
        std::fs::create_dir_all(&engine).unwrap();
        std::fs::write(engine.join(FILE_NAME), manifest).unwrap();
        engine
    }

    #[test]
    fn the_first_folder_with_the_name_counts() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let a = put(first.path(), "a", "");
        put(second.path(), "a", "");
        let b = put(second.path(), "b", "");
        std::fs::create_dir(first.path().join("not-an-engine")).unwrap();
        let registry = Registry::with_folders([first.path().to_owned(), second.path().to_owned()]);
        assert_eq!(registry.find("a").unwrap(), a);
        assert_eq!(registry.find("b").unwrap(), b);
        let names: Vec<_> = registry.list().into_iter().map(|e| (e.name, e.manifest.is_ok())).collect();
        assert_eq!(names, [("a".to_owned(), false), ("b".to_owned(), false)]);
    }

    #[test]
    fn a_folder_or_its_manifest_is_taken_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let engine = put(folder.path(), "mine", "");
        let registry = Registry::with_folders([]);
        assert_eq!(registry.find(engine.to_str().unwrap()).unwrap(), engine);
        assert_eq!(registry.find(engine.join(FILE_NAME).to_str().unwrap()).unwrap(), engine);
        for wrong in [engine.join("model.onnx"), folder.path().to_owned(), folder.path().join("no.toml")] {
            let error = registry.find(wrong.to_str().unwrap()).unwrap_err();
            assert!(matches!(error, RegistryError::NoManifest { .. }), "{error}");
        }
    }

    #[test]
    fn an_unknown_engine_is_told_from_the_known_ones() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "heart", "");
        let registry = Registry::with_folders([folder.path().to_owned()]);
        for wrong in ["hart", "", "..", "."] {
            let message = registry.find(wrong).unwrap_err().to_string();
            assert!(message.contains("known are heart"), "{message}");
            assert!(message.contains(folder.path().to_str().unwrap()), "{message}");
            assert!(!message.contains('\n'));
        }
        let message = Registry::with_folders([]).find("x").unwrap_err().to_string();
        assert!(message.contains("no engine was found") && message.contains(ENGINES_VARIABLE), "{message}");
    }
}

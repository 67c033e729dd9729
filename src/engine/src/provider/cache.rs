//! What was compiled ahead, kept in `vesalius/engines/` under `XDG_CACHE_HOME` (`~/.cache` where that is not set).
//!
//! Each build has a folder named after its engine, provider, precision and key. The key is a hash of all that the build
//! depends on ([`BuildKey`]), so a build that no longer fits has another name and is never loaded by mistake. In the
//! folder lie the compiled model, named after its own hash, and `built.json`, which names it and says what it was built
//! from. A build is made in a folder of its own, written through to the disk, and shown by renaming `built.json` into
//! place: whoever looks sees the old build or the new one and never half of one. A model is loaded only if its hash is
//! the one in `built.json` and no other user can have written either.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::Provider;
use super::trust::{TrustError, refuse_exposed, sha256_hex};
use crate::manifest::Precision;
use crate::registry::user_folder;

/// Name of a build's record in its folder.
pub const RECORD: &str = "built.json";
/// Version of the record.
const SCHEMA: u32 = 1;
/// Begins the names of folders that are being filled.
const PARTIAL: &str = ".partial-";
/// Begins the names of files that processes lock.
const LOCK: &str = ".lock-";
/// Folder of TensorRT's timing cache, which makes later builds faster.
const TIMING: &str = "timing";

/// Why a build is not to be had. Displayed as one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// Nowhere to keep builds.
    #[error("there is no folder for compiled engines: set HOME, or XDG_CACHE_HOME to an absolute path")]
    NoFolder,
    /// A file that cannot be read or written.
    #[error("the cache of compiled engines cannot be used: {source} ({})", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Somebody else is building the same.
    #[error("{name} is being compiled by another process: wait for it")]
    Busy {
        /// Name of the build's folder.
        name: String,
    },
    /// A build whose files are not what its record says.
    #[error("the compiled engine {name} is damaged ({problem}): build it again")]
    Damaged {
        /// Name of the build's folder.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Files that others could have written.
    #[error(transparent)]
    Exposed(#[from] TrustError),
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError::Io { path, source }
}

/// All that a build depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildKey {
    /// SHA-256 of the model's file.
    pub model_sha256: String,
    /// What it is compiled for.
    pub provider: Provider,
    /// The numbers it runs in.
    pub precision: Precision,
    /// Version of ONNX Runtime.
    pub onnxruntime: String,
    /// Version of TensorRT.
    pub tensorrt: String,
    /// Major version of CUDA that the provider is built for.
    pub cuda: String,
    /// Name of the GPU.
    pub gpu: String,
    /// Its compute capability, such as `8.9`.
    pub compute_capability: String,
    /// SHA-256 of the plan, where one of `trtexec` was imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_sha256: Option<String>,
}

impl BuildKey {
    fn parts(&self) -> [(&'static str, &str); 8] {
        [
            ("model", &self.model_sha256),
            ("provider", self.provider.name()),
            ("precision", self.precision.name()),
            ("ONNX Runtime", &self.onnxruntime),
            ("TensorRT", &self.tensorrt),
            ("CUDA", &self.cuda),
            ("GPU", &self.gpu),
            ("compute capability", &self.compute_capability),
        ]
    }

    /// 64 lower-case digits that differ when anything differs that the build depends on. An imported plan is the build
    /// and not what it depends on.
    pub fn digest(&self) -> String {
        // Lengths keep one part from running into the next.
        let text: String =
            self.parts().iter().map(|(name, value)| format!("{name}:{}:{value}\n", value.len())).collect();
        sha256_hex(text.as_bytes())
    }

    /// What differs from another key, for people: `TensorRT 10.9.0 → 10.13.2`; nothing where the keys agree.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let shown = |name, value: &str| {
            if name == "model" { crate::error::short(value).to_owned() } else { value.to_owned() }
        };
        let both = self.parts().into_iter().zip(now.parts());
        both.filter(|((_, old), (_, new))| old != new)
            .map(|((name, old), (_, new))| format!("{name} {} → {}", shown(name, old), shown(name, new)))
            .collect()
    }
}

/// The record of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    /// Version of the record.
    pub schema: u32,
    /// Name of the engine.
    pub engine: String,
    /// What it was built from and with.
    pub key: BuildKey,
    /// When, in seconds since 1970.
    pub built_at_s: u64,
    /// How long it took.
    pub took_ms: u64,
    /// File name of the compiled model, in the record's folder.
    pub file: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A build in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its folder.
    pub folder: PathBuf,
    /// Its record.
    pub built: Built,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Builds.
    pub entries: usize,
    /// Bytes of all together.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 64, bytes: 8 << 30 }
    }
}

/// The folder of builds.
#[derive(Clone, Debug)]
pub struct EngineCache {
    root: PathBuf,
    limits: Limits,
}

impl EngineCache {
    /// The user's cache.
    ///
    /// # Errors
    ///
    /// [`CacheError::NoFolder`].
    pub fn standard() -> Result<Self, CacheError> {
        let folder = user_folder("XDG_CACHE_HOME", ".cache").ok_or(CacheError::NoFolder)?;
        Ok(Self::new(folder.join("engines"), Limits::default()))
    }

    /// A cache in a folder of its own, which is made when something is put into it.
    pub fn new(root: PathBuf, limits: Limits) -> Self {
        Self { root, limits }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn name(engine: &str, key: &BuildKey) -> String {
        let digest = key.digest();
        let digest = digest.get(..16).unwrap_or(&digest);
        format!("{engine}-{}-{}-{digest}", key.provider.name(), key.precision)
    }

    /// The build for a key; `None` where there is none.
    pub fn find(&self, engine: &str, key: &BuildKey) -> Option<Entry> {
        let entry = read_entry(&self.root.join(Self::name(engine, key)))?;
        // The name holds a part of the hash only.
        (entry.built.engine == engine && entry.built.key.digest() == key.digest()).then_some(entry)
    }

    /// All builds, by name.
    pub fn list(&self) -> Vec<Entry> {
        let mut entries: Vec<_> = self.children().iter().filter_map(|folder| read_entry(folder)).collect();
        entries.sort_by(|a, b| a.folder.cmp(&b.folder));
        entries
    }

    fn children(&self) -> Vec<PathBuf> {
        let Ok(children) = std::fs::read_dir(&self.root) else { return Vec::new() };
        let own = |name: &str| name == TIMING || name.starts_with(LOCK);
        let children = children.flatten().filter(|child| !child.file_name().to_str().is_some_and(own));
        children.map(|child| child.path()).filter(|path| path.is_dir()).collect()
    }

    /// The compiled model of a build, its hash found right.
    ///
    /// # Errors
    ///
    /// [`CacheError::Damaged`] where it is not what the record says, [`CacheError::Exposed`] where others than this user
    /// and root could have written it.
    pub fn load(&self, entry: &Entry) -> Result<Vec<u8>, CacheError> {
        let path = entry.folder.join(&entry.built.file);
        for folder in [&self.root, &entry.folder] {
            refuse_exposed(folder, &std::fs::metadata(folder).map_err(io(folder))?)?;
        }
        let mut file = File::open(&path).map_err(io(&path))?;
        refuse_exposed(&path, &file.metadata().map_err(io(&path))?)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io(&path))?;
        if sha256_hex(&bytes) != entry.built.sha256 {
            let name = name_of(&entry.folder);
            return Err(CacheError::Damaged { name, problem: "its SHA-256 is not the recorded one" });
        }
        Ok(bytes)
    }

    /// Makes a build and shows it. `make` gets an empty folder to work in, the folder of the timing cache, and
    /// returns the compiled model's bytes; what it leaves in the folder is thrown away. An older build of the same key
    /// stays until the new one is whole, and for good where `make` fails.
    ///
    /// # Errors
    ///
    /// `make`'s own, and [`CacheError`].
    pub fn build<E: From<CacheError>>(
        &self,
        engine: &str,
        key: &BuildKey,
        make: impl FnOnce(&Path, &Path) -> Result<Vec<u8>, E>,
    ) -> Result<Entry, E> {
        let name = Self::name(engine, key);
        let timing = self.root.join(TIMING);
        make_private(&self.root)?;
        make_private(&timing)?;
        let _lock = self.lock(&name)?;
        let partial = self.root.join(format!("{PARTIAL}{name}"));
        // Left by a process that was ended; nobody else is at it, for the lock is ours.
        remove(&partial)?;
        make_private(&partial)?;
        let started = std::time::Instant::now();
        let made = make(&partial, &timing);
        let put = made.and_then(|bytes| {
            let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            Ok(self.put(engine, key, &partial, &bytes, took_ms)?)
        });
        // Whatever happened, nothing half-made stays.
        let removed = remove(&partial);
        let entry = put?;
        removed?;
        self.trim(&entry.folder)?;
        Ok(entry)
    }

    fn lock(&self, name: &str) -> Result<File, CacheError> {
        let path = self.root.join(format!("{LOCK}{name}"));
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => Err(CacheError::Busy { name: name.to_owned() }),
            Err(std::fs::TryLockError::Error(error)) => Err(io(&path)(error)),
        }
    }

    fn put(
        &self,
        engine: &str,
        key: &BuildKey,
        partial: &Path,
        bytes: &[u8],
        took_ms: u64,
    ) -> Result<Entry, CacheError> {
        let sha256 = sha256_hex(bytes);
        let folder = self.root.join(Self::name(engine, key));
        make_private(&folder)?;
        let built = Built {
            schema: SCHEMA,
            engine: engine.to_owned(),
            key: key.clone(),
            built_at_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            took_ms,
            file: format!("{}.onnx", crate::error::short(&sha256)),
            sha256,
            bytes: bytes.len() as u64,
        };
        let record =
            serde_json::to_vec_pretty(&built).map_err(|error| io(&folder)(std::io::Error::other(error)))?;
        // The model first: its name is new unless it is the very same file.
        for (name, content) in [(built.file.as_str(), bytes), (RECORD, &record)] {
            let (from, to) = (partial.join(format!("{PARTIAL}{name}")), folder.join(name));
            write_through(&from, content).map_err(io(&from))?;
            std::fs::rename(&from, &to).map_err(io(&to))?;
            sync_folder(&folder)?;
        }
        sync_folder(&self.root)?;
        // What the record does not name is of an older build.
        for old in std::fs::read_dir(&folder).map_err(io(&folder))?.flatten() {
            let name = old.file_name();
            if name != RECORD && name != built.file.as_str() {
                let _ = std::fs::remove_file(old.path());
            }
        }
        Ok(Entry { folder, built })
    }

    /// Removes the oldest builds until the limits hold, `keep` never.
    fn trim(&self, keep: &Path) -> Result<(), CacheError> {
        let mut entries = self.list();
        entries.sort_by_key(|entry| (entry.folder != keep, std::cmp::Reverse(entry.built.built_at_s)));
        let mut bytes = 0_u64;
        for (position, entry) in entries.iter().enumerate() {
            bytes = bytes.saturating_add(entry.built.bytes);
            if entry.folder != keep && (position >= self.limits.entries || bytes > self.limits.bytes) {
                remove(&entry.folder)?;
            }
        }
        Ok(())
    }

    /// Removes the builds that `unwanted` says, and what dead processes left. Returns what was removed.
    ///
    /// # Errors
    ///
    /// [`CacheError::Io`].
    pub fn clean(&self, unwanted: impl Fn(&Entry) -> bool) -> Result<Vec<PathBuf>, CacheError> {
        let mut removed = Vec::new();
        for folder in self.children() {
            let name = name_of(&folder);
            let building = name.strip_prefix(PARTIAL).unwrap_or(&name);
            // What is being built now is let be.
            let Ok(_lock) = self.lock(building) else { continue };
            let entry = read_entry(&folder);
            if entry.is_none_or(|entry| unwanted(&entry)) {
                remove(&folder)?;
                removed.push(folder);
            }
        }
        removed.sort();
        Ok(removed)
    }
}

fn name_of(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The build in a folder; `None` where there is no whole one.
fn read_entry(folder: &Path) -> Option<Entry> {
    let text = std::fs::read_to_string(folder.join(RECORD)).ok()?;
    let built: Built = serde_json::from_str(&text).ok()?;
    // A name and no path: the record says which file, never where.
    let plain = Path::new(&built.file).file_name().is_some_and(|name| name == built.file.as_str());
    (built.schema == SCHEMA && plain).then(|| Entry { folder: folder.to_owned(), built })
}

fn make_private(folder: &Path) -> Result<(), CacheError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(io(folder))
}

fn remove(folder: &Path) -> Result<(), CacheError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(folder)(error)),
        _ => Ok(()),
    }
}

fn write_through(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> Result<(), CacheError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io(folder))
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;

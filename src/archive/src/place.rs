//! Folders of this machine and of stores, under one set of verbs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vesalius_ledger::digest::FileDigest;

use crate::done::{DONE, Done, FileRecord};
use crate::error::ArchiveError;
use crate::remote::Remote;

/// Name of the folder for results that are not complete.
const WORK: &str = ".work";

/// A folder, here or in a store.
#[derive(Clone, Debug)]
pub enum Place {
    /// Of this machine.
    Local(PathBuf),
    /// Of a store.
    Remote(Store),
}

/// A folder of a store.
#[derive(Clone, Debug)]
pub struct Store(Arc<Remote>);

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::Remote(store) => f.write_str(store.0.shown()),
        }
    }
}

/// What was made of a path or address: a file of this machine that lives as long as this does.
#[derive(Debug)]
pub struct Fetched {
    /// The file or folder.
    pub path: PathBuf,
    _copy: Option<tempfile::TempDir>,
}

impl Place {
    /// A folder by path, or a store's by address; nothing is made or asked for yet.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Address`].
    pub fn open(address: &str) -> Result<Self, ArchiveError> {
        match address.split_once("://") {
            None => Ok(Self::Local(address.into())),
            Some(("file", path)) => Ok(Self::Local(path.into())),
            Some(_) => Ok(Self::Remote(Store(Arc::new(Remote::open(address)?)))),
        }
    }

    /// The folder, where it is one of this machine.
    pub fn local(&self) -> Option<&Path> {
        match self {
            Self::Local(path) => Some(path),
            Self::Remote(_) => None,
        }
    }

    fn fail(&self, what: &str, verb: &'static str) -> impl Fn(io::Error) -> ArchiveError {
        let (place, what) = (self.to_string(), what.to_owned());
        move |error| ArchiveError::Access {
            place: place.clone(),
            what: what.clone(),
            verb,
            message: error.to_string(),
        }
    }

    /// A file's content; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Access`].
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        match self {
            Self::Remote(store) => store.0.read(name),
            Self::Local(folder) => match std::fs::read(folder.join(name)) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(self.fail(name, "read")(error)),
            },
        }
    }

    /// Writes a file whole where none is; returns whether none was.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Access`].
    pub fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, ArchiveError> {
        let folder = match self {
            Self::Remote(store) => return store.0.create(name, bytes),
            Self::Local(folder) => folder,
        };
        let fail = self.fail(name, "written");
        std::fs::create_dir_all(folder).map_err(&fail)?;
        // Readable by whom the results are.
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        let mut partial =
            tempfile::Builder::new().permissions(readable).tempfile_in(folder).map_err(&fail)?;
        io::Write::write_all(&mut partial, bytes).map_err(&fail)?;
        partial.as_file().sync_all().map_err(&fail)?;
        match partial.persist_noclobber(folder.join(name)) {
            Ok(_) => Ok(true),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(fail(error.error)),
        }
    }

    /// An empty folder for a recording's results until they are complete: on the same disk where the place is local, so that
    /// a rename puts them in their place.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Access`].
    pub fn work_folder(&self, id: &str) -> Result<tempfile::TempDir, ArchiveError> {
        let prefix = format!("{id}.{}.", process_name());
        match self {
            Self::Remote(_) => tempfile::Builder::new().prefix("vesalius-").tempdir(),
            Self::Local(folder) => {
                let work = folder.join(WORK);
                std::fs::create_dir_all(&work)
                    .and_then(|()| tempfile::Builder::new().prefix(&prefix).tempdir_in(&work))
            }
        }
        .map_err(self.fail(WORK, "written"))
    }

    /// Removes what processes of this machine that are no more left unfinished.
    pub fn tidy(&self) {
        let Self::Local(folder) = self else { return };
        let mine = process_name();
        let Some((host, _)) = mine.rsplit_once('-') else { return };
        for entry in std::fs::read_dir(folder.join(WORK)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let mut parts = name.rsplitn(3, '.').skip(1);
            let of = parts.next().and_then(|process| process.rsplit_once('-'));
            let Some((its_host, pid)) = of else { continue };
            if its_host == host && pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists() {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        // Gone only where it is empty.
        let _ = std::fs::remove_dir(folder.join(WORK));
    }

    /// Puts the results in `from` and their mark in their place, all or nothing; returns whether they are the first. Where
    /// another process has finished the recording, what it made stays.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn publish(&self, from: tempfile::TempDir, done: &Done) -> Result<bool, ArchiveError> {
        let id = &done.recording.id;
        let mut mark = serde_json::to_vec_pretty(done).unwrap_or_default();
        mark.push(b'\n');
        let folder = match self {
            Self::Remote(store) => {
                if store.0.read(&format!("{id}/{DONE}"))?.is_some() {
                    return Ok(false);
                }
                for file in &done.files {
                    store.0.send(&from.path().join(&file.name), &format!("{id}/{}", file.name))?;
                }
                return store.0.create(&format!("{id}/{DONE}"), &mark);
            }
            Self::Local(folder) => folder,
        };
        let fail = self.fail(id, "written");
        std::fs::write(from.path().join(DONE), &mark).map_err(&fail)?;
        // On the disk before it has its name: a power cut leaves the whole folder or none.
        for file in done.files.iter().map(|f| f.name.as_str()).chain([DONE, ""]) {
            std::fs::File::open(from.path().join(file)).and_then(|f| f.sync_all()).map_err(&fail)?;
        }
        let to = folder.join(id);
        match std::fs::rename(from.path(), &to) {
            Ok(()) => {
                // Renamed: there is nothing left to remove.
                let _ = from.keep();
                std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(&fail)?;
                Ok(true)
            }
            Err(_) if to.join(DONE).is_file() => Ok(false),
            Err(_) if to.exists() => Err(ArchiveError::InTheWay(to)),
            Err(error) => Err(fail(error)),
        }
    }

    /// Removes a recording's results, its mark first.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Access`].
    pub fn forget(&self, id: &str) -> Result<(), ArchiveError> {
        match self {
            // What else it left is overwritten, file by file.
            Self::Remote(store) => store.0.remove(&format!("{id}/{DONE}")),
            Self::Local(folder) => {
                let fail = self.fail(id, "removed");
                std::fs::remove_file(folder.join(id).join(DONE)).map_err(&fail)?;
                std::fs::remove_dir_all(folder.join(id)).map_err(&fail)
            }
        }
    }

    /// The mark of a recording; `None` where it is not finished.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`], where it is damaged too.
    pub fn done(&self, id: &str) -> Result<Option<Done>, ArchiveError> {
        let name = format!("{id}/{DONE}");
        let Some(bytes) = self.read(&name)? else { return Ok(None) };
        let damaged =
            |message: String| ArchiveError::Damaged { place: self.to_string(), what: name.clone(), message };
        let done: Done = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
        if done.recording.id != id {
            return Err(damaged(format!("it is that of '{}'", done.recording.id)));
        }
        Ok(Some(done))
    }

    /// The ids of the finished recordings, in order.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Access`].
    pub fn finished(&self) -> Result<Vec<String>, ArchiveError> {
        let folder = match self {
            Self::Remote(store) => return store.0.folders_with(DONE),
            Self::Local(folder) => folder,
        };
        let entries = std::fs::read_dir(folder).map_err(self.fail("", "listed"))?;
        let mut ids: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().join(DONE).is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        ids.sort();
        Ok(ids)
    }

    /// A recording as a file of this machine, or a folder of it where the name ends in `/`; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`].
    pub fn fetch(&self, input: &str) -> Result<Option<Fetched>, ArchiveError> {
        if input.contains("://") {
            let (folder, name) = input.trim_end_matches('/').rsplit_once('/').unwrap_or((input, ""));
            let name = if input.ends_with('/') { format!("{name}/") } else { name.to_owned() };
            return Self::open(folder)?.fetch(&name);
        }
        let store = match self {
            Self::Local(folder) => {
                let path = folder.join(input);
                return Ok(path.exists().then_some(Fetched { path, _copy: None }));
            }
            Self::Remote(store) => &store.0,
        };
        let copy =
            tempfile::Builder::new().prefix("vesalius-").tempdir().map_err(self.fail(input, "fetched"))?;
        let name = input.trim_end_matches('/').rsplit('/').next().unwrap_or(input);
        let path = copy.path().join(name);
        let found = if input.ends_with('/') {
            std::fs::create_dir(&path).map_err(self.fail(input, "fetched"))?;
            let names = store.objects(input)?;
            for object in &names {
                store.fetch(&format!("{input}{object}"), &path.join(object))?;
            }
            !names.is_empty()
        } else {
            store.fetch(input, &path)?
        };
        Ok(found.then_some(Fetched { path, _copy: Some(copy) }))
    }

    /// Brings a finished recording's files into `to`, by links where both are on one disk, and checks what came.
    ///
    /// # Errors
    ///
    /// [`ArchiveError`], where a file is not what its mark says.
    pub fn copy_out(&self, id: &str, files: &[FileRecord], to: &Path) -> Result<(), ArchiveError> {
        for file in files {
            let (name, target) = (format!("{id}/{}", file.name), to.join(&file.name));
            let fail = self.fail(&name, "fetched");
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent).map_err(&fail)?;
            }
            match self {
                Self::Remote(store) => {
                    if !store.0.fetch(&name, &target)? {
                        return Err(fail(io::ErrorKind::NotFound.into()));
                    }
                }
                Self::Local(folder) => {
                    let from = folder.join(&name);
                    std::fs::hard_link(&from, &target)
                        .or_else(|_| std::fs::copy(&from, &target).map(|_| ()))
                        .map_err(&fail)?;
                }
            }
            check(&target, file).map_err(|message| ArchiveError::Damaged {
                place: self.to_string(),
                what: name.clone(),
                message,
            })?;
        }
        Ok(())
    }
}

/// Whether a file is what its record says.
pub(crate) fn check(path: &Path, file: &FileRecord) -> Result<(), String> {
    let digest = FileDigest::of(path).map_err(|e| e.to_string())?;
    if (digest.bytes, digest.hex().as_str()) == (file.bytes, file.sha256.as_str()) {
        Ok(())
    } else {
        Err("it is not what was written".to_owned())
    }
}

/// This process among those of all machines that share a disk.
fn process_name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().replace(['.', '/'], "_");
    format!("{host}-{}", std::process::id())
}

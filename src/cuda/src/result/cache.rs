//! Compiled kernels on disk: a GPU's machine compiles each once.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::find::user_cache_folder;

/// Length of the checksum in front of a cubin.
const SUM: usize = 32;

/// A folder of cubins, each named by the SHA-256 of all that it was made of and headed by its own.
///
/// A file is written beside its place and renamed, so nobody ever reads half of one; one that does not match
/// its checksum counts as missing. A folder that cannot be written costs the time to compile, nothing else.
#[derive(Clone, Debug)]
pub struct CubinCache {
    folder: Option<PathBuf>,
}

impl CubinCache {
    /// In `vesalius/cubins` of the user's cache folder.
    pub fn standard() -> Self {
        Self { folder: user_cache_folder().map(|cache| cache.join("cubins")) }
    }

    /// In a folder, which is made when it is first needed.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()) }
    }

    /// No cache.
    pub fn none() -> Self {
        Self { folder: None }
    }

    /// The name of what is made of these parts.
    pub fn key(parts: &[&str]) -> String {
        let mut hash = Sha256::new();
        for part in parts {
            // With its length, so that no two lists of parts are one text.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A cubin that was put before and is whole.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.path(key)?).ok()?;
        let cubin = bytes.split_off_checked(SUM)?;
        (!cubin.is_empty() && Sha256::digest(&cubin).as_slice() == bytes).then_some(cubin)
    }

    /// Keeps a cubin.
    ///
    /// # Errors
    ///
    /// What the system says of the folder; nothing is lost but time.
    pub fn put(&self, key: &str, cubin: &[u8]) -> std::io::Result<()> {
        let (Some(folder), Some(path)) = (&self.folder, self.path(key)) else { return Ok(()) };
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&Sha256::digest(cubin))?;
        file.write_all(cubin)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(format!("{key}.cubin")))
    }
}

trait SplitOffChecked: Sized {
    fn split_off_checked(&mut self, at: usize) -> Option<Self>;
}

impl SplitOffChecked for Vec<u8> {
    fn split_off_checked(&mut self, at: usize) -> Option<Self> {
        (at <= self.len()).then(|| self.split_off(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_comes_back_and_what_is_damaged_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CubinCache::at(folder.path().join("made"));
        let key = CubinCache::key(&["source", "sm_75"]);
        assert_ne!(key, CubinCache::key(&["sources", "m_75"]));
        assert_eq!(cache.get(&key), None);
        cache.put(&key, b"a cubin").unwrap();
        assert_eq!(cache.get(&key).unwrap(), b"a cubin");
        let path = folder.path().join("made").join(format!("{key}.cubin"));
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(cache.get(&key), None);
        fs::write(&path, b"short").unwrap();
        assert_eq!(cache.get(&key), None);
        cache.put(&key, b"a cubin").unwrap();
        assert_eq!(cache.get(&key).unwrap(), b"a cubin");
        CubinCache::none().put(&key, b"a cubin").unwrap();
        assert_eq!(CubinCache::none().get(&key), None);
    }
}

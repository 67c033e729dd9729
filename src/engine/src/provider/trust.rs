//! Which TensorRT plans may be loaded.
//!
//! A plan holds machine code and is run with the rights of this process, so one is loaded only if its SHA-256 is known:
//! listed in the engine's manifest, or by the user in `vesalius/trusted-plans.txt` under `XDG_CONFIG_HOME`
//! (`~/.config` where that is not set). That file has a hash a line, what follows it is a comment, so that the lines
//! of `sha256sum` can be put into it as they are. Whoever can write to it decides what is run, so it is not read where
//! others than its owner can.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::short;
use crate::manifest::{Manifest, Precision};
use crate::registry::user_folder;

/// The list's name in the user's configuration folder.
pub const TRUST_FILE: &str = "trusted-plans.txt";

/// A longer list is none that somebody has written.
const MAX_LENGTH: u64 = 1 << 20;

/// Why a plan is not loaded. Displayed as one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// Nobody vouches for the plan.
    #[error(
        "the TensorRT plan with SHA-256 {}… is not trusted: a plan is code; if you made it, or trust who did, put the \
         whole hash {sha256} into {}",
        short(sha256), list.as_deref().unwrap_or(Path::new(TRUST_FILE)).display()
    )]
    Unknown {
        /// Hash of the plan.
        sha256: String,
        /// The user's list, whether it exists or not.
        list: Option<PathBuf>,
    },
    /// The plan is listed with another precision.
    #[error(
        "the manifest lists the TensorRT plan {}… as {listed} and it was given as {given}: give it as {listed}",
        short(sha256)
    )]
    OtherPrecision {
        /// Hash of the plan.
        sha256: String,
        /// What the manifest says.
        listed: Precision,
        /// What was asked for.
        given: Precision,
    },
    /// Others than the user could have written a file that decides what is run.
    #[error("{} is not read: {problem} (run 'chmod go-w' on it as its owner)", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Who else can write to it.
        problem: &'static str,
    },
    /// A line that is none.
    #[error("line {line} of the list of trusted plans begins with no SHA-256: write 64 lower-case digits ({})", path.display())]
    BadLine {
        /// The list.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// A file that cannot be read.
    #[error("{} cannot be read: {message}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        message: String,
    },
}

/// Whether text is a SHA-256 as `sha256sum` prints it.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// SHA-256 in 64 lower-case digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Plans that the user trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustList {
    path: Option<PathBuf>,
    hashes: BTreeSet<String>,
}

impl TrustList {
    /// The user's list; empty where there is none.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn standard() -> Result<Self, TrustError> {
        user_folder("XDG_CONFIG_HOME", ".config")
            .map_or_else(|| Ok(Self::default()), |folder| Self::read(&folder.join(TRUST_FILE)))
    }

    /// Reads a list; it is empty where the file does not exist.
    ///
    /// # Errors
    ///
    /// [`TrustError`] where others can write to the file or its folder, and for a line that begins with no hash.
    pub fn read(path: &Path) -> Result<Self, TrustError> {
        let io = |error: std::io::Error| TrustError::Io { path: path.to_owned(), message: error.to_string() };
        let mut list = Self { path: Some(path.to_owned()), hashes: BTreeSet::new() };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(list),
            Err(error) => return Err(io(error)),
        };
        // Of the file that is open, not of whatever has its name by then.
        refuse_exposed(path, &file.metadata().map_err(io)?)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            refuse_exposed(folder, &std::fs::metadata(folder).map_err(io)?)?;
        }
        let mut text = String::new();
        file.take(MAX_LENGTH).read_to_string(&mut text).map_err(io)?;
        for (position, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let hash = line.split_whitespace().next().unwrap_or_default();
            if !is_sha256(hash) {
                return Err(TrustError::BadLine { path: path.to_owned(), line: position + 1 });
            }
            list.hashes.insert(hash.to_owned());
        }
        Ok(list)
    }

    /// Whether a hash is listed.
    pub fn contains(&self, sha256: &str) -> bool {
        self.hashes.contains(sha256)
    }

    /// Whether a plan may be run for an engine in a precision; its hash where it may.
    ///
    /// # Errors
    ///
    /// [`TrustError::Unknown`] where neither the manifest nor this list has its hash, and
    /// [`TrustError::OtherPrecision`].
    pub fn check(&self, plan: &[u8], manifest: &Manifest, given: Precision) -> Result<String, TrustError> {
        let sha256 = sha256_hex(plan);
        if let Some(listed) = manifest.plans.iter().find(|listed| listed.sha256 == sha256) {
            let listed = listed.precision;
            return if listed == given {
                Ok(sha256)
            } else {
                Err(TrustError::OtherPrecision { sha256, listed, given })
            };
        }
        if self.contains(&sha256) {
            return Ok(sha256);
        }
        Err(TrustError::Unknown { sha256, list: self.path.clone() })
    }
}

/// Refuses a file or folder that others than this user and root own or can write to.
pub(crate) fn refuse_exposed(path: &Path, metadata: &Metadata) -> Result<(), TrustError> {
    let exposed = |problem| Err(TrustError::Exposed { path: path.to_owned(), problem });
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if metadata.mode() & 0o022 != 0 {
            return exposed("others than its owner can write to it");
        }
        // The process's own entry belongs to the user it runs as (proc(5)).
        let own = std::fs::metadata("/proc/self").map(|own| own.uid());
        if metadata.uid() != 0 && own.is_ok_and(|own| own != metadata.uid()) {
            return exposed("it belongs to another user");
        }
    }
    #[cfg(not(unix))]
    let _ = (metadata, exposed);
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::manifest::PlanSection;

    const MANIFEST: &str = include_str!("../../tests/models/threshold/manifest.toml");

    fn list(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(TRUST_FILE);
        std::fs::write(&path, text).unwrap();
        set_mode(&path, 0o644);
        (folder, path)
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_plan_that_is_listed_may_run_and_with_one_byte_changed_it_may_not() {
        let plan: Vec<u8> = (0..2000_u32).map(|i| (i * 7) as u8).collect();
        let manifest = Manifest::parse(MANIFEST).unwrap();
        let (_keep, path) = list(&format!("# mine\n\n{}  fetal-head.plan\n", sha256_hex(&plan)));
        let trusted = TrustList::read(&path).unwrap();
        assert_eq!(trusted.check(&plan, &manifest, Precision::F16), Ok(sha256_hex(&plan)));
        for at in [0, 999, 1999] {
            let mut changed = plan.clone();
            changed[at] ^= 1;
            let error = trusted.check(&changed, &manifest, Precision::F16).unwrap_err();
            let text = error.to_string();
            assert!(matches!(&error, TrustError::Unknown { .. }), "{error}");
            assert!(text.contains(&sha256_hex(&changed)) && text.contains(path.to_str().unwrap()), "{text}");
            assert!(!text.contains('\n'));
        }
        // One more byte is another plan too.
        let longer = [plan.as_slice(), &[0]].concat();
        assert!(trusted.check(&longer, &manifest, Precision::F16).is_err());
    }

    #[test]
    fn the_manifest_vouches_for_its_plans() {
        let plan = b"a plan";
        let mut manifest = Manifest::parse(MANIFEST).unwrap();
        let nobody = TrustList::default();
        assert!(nobody.check(plan, &manifest, Precision::F16).is_err());
        manifest.plans.push(PlanSection {
            sha256: sha256_hex(plan),
            precision: Precision::F16,
            made_with: "x".to_owned(),
        });
        assert!(nobody.check(plan, &manifest, Precision::F16).is_ok());
        let error = nobody.check(plan, &manifest, Precision::F32).unwrap_err();
        assert!(matches!(error, TrustError::OtherPrecision { .. }), "{error}");
        assert!(nobody.check(b"a plaN", &manifest, Precision::F16).is_err());
    }

    #[test]
    fn a_list_that_others_can_write_to_is_not_read() {
        let (folder, path) = list(&"0".repeat(64));
        for mode in [0o664, 0o646, 0o777] {
            set_mode(&path, mode);
            let error = TrustList::read(&path).unwrap_err();
            assert!(matches!(error, TrustError::Exposed { .. }), "{mode:o}: {error}");
            assert!(error.to_string().contains("chmod"), "{error}");
        }
        set_mode(&path, 0o600);
        set_mode(folder.path(), 0o777);
        assert!(matches!(TrustList::read(&path), Err(TrustError::Exposed { .. })));
        set_mode(folder.path(), 0o755);
        assert!(TrustList::read(&path).unwrap().contains(&"0".repeat(64)));
    }

    #[test]
    fn lines_that_are_no_hashes_are_named() {
        for bad in ["abc", &"A".repeat(64), &"0".repeat(63), "-"] {
            let (_keep, path) = list(&format!("{}\n{bad} x\n", "0".repeat(64)));
            assert_eq!(TrustList::read(&path), Err(TrustError::BadLine { path, line: 2 }));
        }
        assert_eq!(TrustList::read(Path::new("/none/list")).unwrap().hashes, BTreeSet::new());
    }
}

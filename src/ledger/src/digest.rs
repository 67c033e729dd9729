//! SHA-256 of files and texts, by which records say what they are of.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Bytes that are read at a time.
const BLOCK: usize = 1 << 18;

/// SHA-256 and length of a file, read once from end to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileDigest {
    /// The 32 bytes.
    pub sha256: [u8; 32],
    /// Length of the file in bytes.
    pub bytes: u64,
}

impl FileDigest {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn of(path: &Path) -> io::Result<Self> {
        let (mut file, mut hash, mut bytes) = (File::open(path)?, Sha256::new(), 0);
        let mut block = vec![0; BLOCK];
        loop {
            match file.read(&mut block) {
                Ok(0) => return Ok(Self { sha256: hash.finalize().into(), bytes }),
                Ok(n) => {
                    hash.update(block.get(..n).unwrap_or(&[]));
                    bytes += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The hash in 64 lower-case digits.
    pub fn hex(&self) -> String {
        hex(&self.sha256)
    }
}

/// Bytes as lower-case hexadecimal digits, two a byte.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of a text in 64 lower-case digits.
pub fn of_text(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of_text("abc"), abc);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let digest = FileDigest::of(&path).unwrap();
        assert_eq!((digest.hex().as_str(), digest.bytes), (abc, 3));
        let long = vec![7; BLOCK + 1];
        std::fs::write(&path, &long).unwrap();
        let digest = FileDigest::of(&path).unwrap();
        assert_eq!((digest.hex(), digest.bytes), (hex(&Sha256::digest(&long)), BLOCK as u64 + 1));
        assert!(FileDigest::of(&folder.path().join("none")).is_err());
    }
}

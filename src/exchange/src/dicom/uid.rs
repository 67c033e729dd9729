//! Unique identifiers from digests.

use std::fmt;

use sha2::{Digest, Sha256};

/// A unique identifier (UID) of what Vesalius writes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(String);

impl Uid {
    /// The UID of what these parts make up: always the same for the same parts, and of its own for every others.
    ///
    /// It is a UUID of version 8 (RFC 9562, 5.8) of the parts' SHA-256, written under 2.25 (PS3.5, B.2).
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // Lengths keep ("ab", "c") apart from ("a", "bc").
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let number = digest.iter().take(16).fold(0_u128, |n, &byte| n << 8 | u128::from(byte));
        Self::of_number(number)
    }

    /// The UID of 128 bits, six of which are overwritten with version and variant.
    pub fn of_number(number: u128) -> Self {
        let version = (number & !(0xF << 76)) | (8 << 76);
        let variant = (version & !(0b11 << 62)) | (0b10 << 62);
        Self(format!("2.25.{variant}"))
    }

    /// One that is known already.
    pub fn of_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, at most 64 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_a_uuid_of_version_8_and_of_its_parts_alone() {
        let uid = Uid::of([b"ab".as_slice(), b"c"]);
        assert_eq!(uid, Uid::of([b"ab".as_slice(), b"c"]));
        assert_ne!(uid, Uid::of([b"a".as_slice(), b"bc"]));
        let number: u128 = uid.as_str().strip_prefix("2.25.").unwrap().parse().unwrap();
        assert_eq!((number >> 76 & 0xF, number >> 62 & 0b11), (8, 0b10));
        assert!(uid.as_str().len() <= 64);
    }
}

//! The key from which pseudonyms are made, and the mapping that leads back.

use std::io::{Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::DeidentifyError;
use crate::dicom::Uid;

/// Bytes of a key.
const LENGTH: usize = 32;

/// A secret key. The same key gives the same pseudonyms, so that what belongs together stays together; without it nobody
/// gets from a name to its pseudonym by trying names.
pub(super) struct Key([u8; LENGTH]);

impl Key {
    /// Reads a key, or draws one and writes it where there is no file.
    pub(super) fn open(path: &Path) -> Result<Self, DeidentifyError> {
        let fail = |source| DeidentifyError::Key { path: path.to_owned(), source };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).ok_or_else(|| DeidentifyError::NoKey(path.to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut key = [0; LENGTH];
                std::fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut key)).map_err(fail)?;
                let text: String = key.iter().map(|b| format!("{b:02x}")).collect();
                let mut file = private(path).map_err(fail)?;
                file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(fail)?;
                file.sync_all().map_err(fail)?;
                Ok(Self(key))
            }
            Err(error) => Err(fail(error)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() != 2 * LENGTH {
            return None;
        }
        let mut key = [0; LENGTH];
        for (i, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self(key))
    }

    /// HMAC-SHA-256 of a name, of a kind of names.
    fn mac(&self, kind: &str, name: &str) -> [u8; 32] {
        hmac(&self.0, &[kind.as_bytes(), &[0], name.as_bytes()])
    }

    /// The UID that stands for another one.
    pub(super) fn uid(&self, uid: &str) -> Uid {
        let mac = self.mac("uid", uid);
        Uid::of_number(mac.iter().take(16).fold(0_u128, |n, &byte| n << 8 | u128::from(byte)))
    }

    /// A pseudonym of 16 hexadecimal digits.
    pub(super) fn pseudonym(&self, kind: &str, name: &str) -> String {
        self.mac(kind, name).iter().take(8).map(|b| format!("{b:02X}")).collect()
    }
}

/// HMAC-SHA-256 (RFC 2104) of a message in parts, under a key of one block at the most.
fn hmac(key: &[u8], message: &[&[u8]]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK];
        block.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
        block
    };
    let mut inner = Sha256::new_with_prefix(padded(0x36));
    message.iter().for_each(|part| inner.update(part));
    let mut outer = Sha256::new_with_prefix(padded(0x5C));
    outer.update(inner.finalize());
    outer.finalize().into()
}

/// A new file that only its owner reads.
pub(super) fn private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_is_that_of_the_standard() {
        // RFC 4231, test cases 1 and 2.
        let hex = |mac: [u8; 32]| mac.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(
            hex(hmac(&[0x0B; 20], &[b"Hi ", b"There"])),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            hex(hmac(b"Jefe", &[b"what do ya want for nothing?"])),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_key_is_drawn_once_and_gives_the_same_pseudonyms_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let (first, second) = (Key::open(&path).unwrap(), Key::open(&path).unwrap());
        assert_eq!(first.uid("1.2.3"), second.uid("1.2.3"));
        assert_ne!(first.uid("1.2.3"), first.uid("1.2.4"));
        assert_ne!(first.pseudonym("patient", "A"), Key([7; 32]).pseudonym("patient", "A"));
        std::fs::write(&path, "short").unwrap();
        assert!(matches!(Key::open(&path), Err(DeidentifyError::NoKey(_))));
    }
}

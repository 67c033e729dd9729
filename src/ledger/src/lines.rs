//! A file of whole lines.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// A file that only ever holds complete lines: a write that fails half-way is taken back.
#[derive(Debug)]
pub struct LineFile {
    file: File,
    length: u64,
    line: Vec<u8>,
}

impl LineFile {
    /// Creates or empties the file.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(path)?, length: 0, line: Vec::new() })
    }

    /// Appends what `fill` writes, as one piece. It should end in a newline.
    ///
    /// # Errors
    ///
    /// Those of `fill`, then nothing was written; those of the file system, then the file ends where it did.
    pub fn append(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
        self.line.clear();
        fill(&mut self.line)?;
        if let Err(error) = self.file.write_all(&self.line) {
            // A full disk leaves part of a line; the reader should not meet it.
            let _ = self.file.set_len(self.length);
            let _ = self.file.seek(SeekFrom::Start(self.length));
            return Err(error);
        }
        self.length += self.line.len() as u64;
        Ok(())
    }

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_cannot_be_made_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let mut file = LineFile::create(&path).unwrap();
        file.append(|line| line.write_all(b"one\n")).unwrap();
        let failed = file.append(|line| {
            line.write_all(b"half")?;
            Err(io::Error::other("no more"))
        });
        assert!(failed.is_err());
        file.append(|line| line.write_all(b"two\n")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_an_error() {
        let mut file = LineFile { file: File::create("/dev/full").unwrap(), length: 0, line: Vec::new() };
        assert!(file.append(|line| line.write_all(b"one\n")).is_err());
    }
}

//! Where the bytes come from: a file that is read piece by piece, or bytes in memory.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

/// A place of bytes in the source: from `start`, `length` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub start: u64,
    pub length: u64,
}

impl Range {
    /// One past the last byte.
    pub fn end(self) -> u64 {
        self.start.saturating_add(self.length)
    }
}

enum Bytes {
    File(BufReader<File>),
    Memory(Cursor<Arc<[u8]>>),
}

/// A file or bytes in memory, of known length.
pub(crate) struct Source {
    bytes: Bytes,
    length: u64,
}

/// Neither the file's name, which may be a patient's, nor its bytes.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Source {
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { bytes: Bytes::File(BufReader::with_capacity(1 << 16, file)), length })
    }

    pub fn from_bytes(bytes: Arc<[u8]>) -> Self {
        let length = bytes.len() as u64;
        Self { bytes: Bytes::Memory(Cursor::new(bytes)), length }
    }

    /// Number of bytes in all.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends a piece to `into`. The piece must lie inside of the source: memory is taken before reading.
    pub fn read_range(&mut self, range: Range, into: &mut Vec<u8>) -> io::Result<()> {
        if range.end() > self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.seek(SeekFrom::Start(range.start))?;
        into.reserve(usize::try_from(range.length).map_err(|_| io::ErrorKind::OutOfMemory)?);
        let read = self.by_ref().take(range.length).read_to_end(into)?;
        if read as u64 == range.length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.bytes {
            Bytes::File(file) => file.read(into),
            Bytes::Memory(bytes) => bytes.read(into),
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.bytes {
            Bytes::File(file) => file.seek(to),
            Bytes::Memory(bytes) => bytes.seek(to),
        }
    }
}

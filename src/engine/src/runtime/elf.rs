//! Whether a file is a whole shared library for this machine, before the linker is let at it, and what it needs.
//!
//! `dlopen` maps the segments that the program headers name without comparing them with the file's length; touching
//! a page past the end kills the process with SIGBUS. Layout: System V ABI, "ELF-64 Object File Format"
//! (<https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html>).

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ElfError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("it is no shared library")]
    NotElf,
    #[error("it is built for another kind of machine")]
    OtherMachine,
    #[error("it is cut short: {length} bytes of at least {needed}")]
    Truncated { length: u64, needed: u64 },
}

/// `e_machine` of this machine, where it is known.
const MACHINE: Option<u16> = if cfg!(target_arch = "x86_64") {
    Some(62)
} else if cfg!(target_arch = "aarch64") {
    Some(183)
} else {
    None
};

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;

/// Kinds of program header.
const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
/// Tags of dynamic entries: a needed library, the string table and its size.
const NEEDED: u64 = 1;
const STRINGS: u64 = 5;
const STRINGS_SIZE: u64 = 10;
/// No library has more of either.
const MAX_TABLE: u64 = 16 << 20;

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Checks the header and that every segment lies inside the file.
pub(crate) fn check(path: &Path) -> Result<(), ElfError> {
    program_headers(&mut File::open(path)?).map(|_| ())
}

/// Names of the libraries that a library asks the linker for, in its order.
pub(crate) fn needed(path: &Path) -> Result<Vec<String>, ElfError> {
    let mut file = File::open(path)?;
    let headers = program_headers(&mut file)?;
    let headers: Vec<&[u8]> = headers.chunks_exact(PROGRAM_HEADER).collect();
    let of_kind = |kind| headers.iter().filter(move |h| u32_at(h, 0) == kind);
    let mut part = |offset: u64, size: u64| -> Result<Vec<u8>, ElfError> {
        let mut bytes = vec![0; usize::try_from(size.min(MAX_TABLE)).unwrap_or(0)];
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    let Some(dynamic) = of_kind(DYNAMIC).next() else { return Ok(Vec::new()) };
    let entries = part(u64_at(dynamic, 8), u64_at(dynamic, 32))?;
    let values = |tag: u64| {
        let entries = entries.chunks_exact(16).take_while(|entry| u64_at(entry, 0) != 0);
        entries.filter(move |entry| u64_at(entry, 0) == tag).map(|entry| u64_at(entry, 8))
    };
    // The table is named by its address once loaded; a segment says where that lies in the file.
    let (address, size) = (values(STRINGS).next().unwrap_or(0), values(STRINGS_SIZE).next().unwrap_or(0));
    let offset = of_kind(LOAD).find_map(|load| {
        let into = address.checked_sub(u64_at(load, 16)).filter(|into| *into < u64_at(load, 32))?;
        u64_at(load, 8).checked_add(into)
    });
    let strings = part(offset.ok_or(ElfError::NotElf)?, size)?;
    let name = |at: u64| {
        let rest = strings.get(usize::try_from(at).ok()?..)?;
        let end = rest.iter().position(|b| *b == 0)?;
        String::from_utf8(rest.get(..end)?.to_vec()).ok()
    };
    Ok(values(NEEDED).filter_map(name).collect())
}

/// The program headers of a library that is whole.
fn program_headers(file: &mut File) -> Result<Vec<u8>, ElfError> {
    let length = file.metadata()?.len();
    let mut header = [0_u8; HEADER];
    if length < HEADER as u64 {
        return Err(ElfError::NotElf);
    }
    file.read_exact(&mut header)?;
    // Magic, 64 bits, little-endian, and a shared object (3) by `e_type`.
    if !header.starts_with(b"\x7fELF\x02\x01") || u16_at(&header, 16) != 3 {
        return Err(ElfError::NotElf);
    }
    if MACHINE.is_some_and(|machine| u16_at(&header, 18) != machine) {
        return Err(ElfError::OtherMachine);
    }
    let (first, size, count) = (u64_at(&header, 32), u16_at(&header, 54), u16_at(&header, 56));
    if usize::from(size) != PROGRAM_HEADER || count == 0 {
        return Err(ElfError::NotElf);
    }
    let table = u64::from(count) * PROGRAM_HEADER as u64;
    let mut needed = first.saturating_add(table);
    let mut headers = vec![0_u8; usize::from(count) * PROGRAM_HEADER];
    if needed <= length {
        file.seek(SeekFrom::Start(first))?;
        file.read_exact(&mut headers)?;
        for segment in headers.chunks_exact(PROGRAM_HEADER) {
            needed = needed.max(u64_at(segment, 8).saturating_add(u64_at(segment, 32)));
        }
    }
    if needed > length { Err(ElfError::Truncated { length, needed }) } else { Ok(headers) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_is_whole_and_a_part_of_it_is_not() {
        // A test binary is a position-independent executable, which is a shared object to ELF.
        let own = std::env::current_exe().unwrap();
        check(&own).unwrap();
        let bytes = std::fs::read(&own).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let half = folder.path().join("half.so");
        std::fs::write(&half, &bytes[..4096]).unwrap();
        assert!(matches!(check(&half), Err(ElfError::Truncated { .. })));
    }

    #[test]
    fn this_program_needs_the_c_library() {
        let needed = needed(&std::env::current_exe().unwrap()).unwrap();
        assert!(needed.iter().any(|name| name.starts_with("libc.so")), "{needed:?}");
    }

    #[test]
    fn text_is_no_library() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("empty", &b""[..]), ("text", &[b'x'; 200][..]), ("magic", &b"\x7fELF"[..])] {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            assert!(matches!(check(&path), Err(ElfError::NotElf)), "{name}");
            assert!(matches!(needed(&path), Err(ElfError::NotElf)), "{name}");
        }
        assert!(matches!(check(folder.path()), Err(ElfError::Io(_) | ElfError::NotElf)));
        assert!(matches!(check(&folder.path().join("none")), Err(ElfError::Io(_))));
    }
}

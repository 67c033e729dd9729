//! Memory that two processes share, of a size that neither can change.
#![allow(unsafe_code)] // Copies between shared and private memory go through pointers: a reference would promise too much.

use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};

use crate::layout::Layout;

/// What makes the mapping safe to touch: without these, the other side could shrink the file under it (SIGBUS).
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

/// The shared memory, mapped.
#[derive(Debug)]
pub(crate) struct Shared {
    map: MmapRaw,
}

/// A file without a name of a layout's size, sealed.
pub(crate) fn create(layout: &Layout) -> io::Result<OwnedFd> {
    let file = memfd_create("vesalius-inference", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&file, layout.total_bytes() as u64)?;
    fcntl_add_seals(&file, SEALS)?;
    Ok(file)
}

impl Shared {
    /// Maps a file that [`create`] made, here or in the other process.
    pub(crate) fn map(file: impl AsFd, layout: &Layout) -> io::Result<Self> {
        let file = file.as_fd();
        let size = u64::try_from(fstat(file)?.st_size).unwrap_or(0);
        if !fcntl_get_seals(file)?.contains(SEALS) || size != layout.total_bytes() as u64 {
            let problem = "the shared memory is not sealed or of another size than agreed";
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(Self { map: MmapOptions::new().len(layout.total_bytes()).map_raw(&file)? })
    }

    fn start_of(&self, range: &Range<usize>) -> Option<*mut u8> {
        // SAFETY: the offset lies within the mapping.
        (range.start <= range.end && range.end <= self.map.len())
            .then(|| unsafe { self.map.as_mut_ptr().add(range.start) })
    }

    /// Copies bytes into a region of the same length; false where they do not fit.
    pub(crate) fn write(&self, range: &Range<usize>, bytes: &[u8]) -> bool {
        let Some(to) = self.start_of(range).filter(|_| range.len() == bytes.len()) else { return false };
        // SAFETY: `to` is valid for as many bytes as the slice has, checked above; private memory and the mapping do not
        // overlap. The other process may read at the same time if it breaks the protocol: it then reads nonsense.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        true
    }

    /// Copies a region into private memory; false where it lies outside.
    pub(crate) fn read(&self, range: &Range<usize>, into: &mut Vec<u8>) -> bool {
        into.clear();
        let Some(from) = self.start_of(range) else { return false };
        into.reserve(range.len());
        // SAFETY: `from` is valid for the range's length and the vector has room for it; all bytes up to the new
        // length are then initialised. Copied, because the other process could still change what a reference saw.
        unsafe {
            std::ptr::copy_nonoverlapping(from, into.as_mut_ptr(), range.len());
            into.set_len(range.len());
        }
        true
    }

    /// A slot's input and output as slices, for the side that computes. `None` where they lie outside or overlap.
    ///
    /// # Safety
    ///
    /// The other side must not touch either before this side answers, and the slices must be gone by then. The child
    /// may rely on that: its parent owns all that it computes on, and gains nothing by breaking its own protocol.
    pub(crate) unsafe fn slices(
        &mut self,
        input: &Range<usize>,
        output: &Range<usize>,
    ) -> Option<(&[u8], &mut [u8])> {
        if input.end > output.start {
            return None;
        }
        let (from, to) = (self.start_of(input)?, self.start_of(output)?);
        // SAFETY: both are valid for their lengths (checked), do not overlap (checked), and `&mut self` keeps this
        // process from making others; the caller answers for the other process.
        unsafe {
            Some((
                std::slice::from_raw_parts(from, input.len()),
                std::slice::from_raw_parts_mut(to, output.len()),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_maps_see_the_same_bytes() {
        let layout = Layout::new(2, 10, 20).unwrap();
        let file = create(&layout).unwrap();
        let (a, mut b) = (Shared::map(&file, &layout).unwrap(), Shared::map(&file, &layout).unwrap());
        let (input, output) = (layout.input(1, 4).unwrap(), layout.output(1, 20).unwrap());
        assert!(a.write(&input, b"abcd"));
        assert!(!a.write(&input, b"abc"));
        // SAFETY: both maps are this test's.
        let (seen, answer) = unsafe { b.slices(&input, &output) }.unwrap();
        assert_eq!(seen, b"abcd");
        answer.fill(7);
        let mut copy = vec![1, 2, 3];
        assert!(a.read(&output, &mut copy));
        assert_eq!(copy, [7; 20]);
        assert!(!a.read(&(0..layout.total_bytes() + 1), &mut copy));
    }

    #[test]
    fn its_size_cannot_be_changed() {
        let layout = Layout::new(1, 10, 20).unwrap();
        let file = create(&layout).unwrap();
        assert!(ftruncate(&file, 0).is_err());
        assert!(fcntl_add_seals(&file, SealFlags::WRITE).is_err());
        let other = Layout::new(2, 10, 20).unwrap();
        assert!(Shared::map(&file, &other).is_err());
    }
}

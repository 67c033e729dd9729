//! Memory that only loading needed, given back to the system.
//!
//! ONNX Runtime parses, optimises and re-orders a model when it loads it. That leaves twice the model's size in freed
//! pieces of heap, and some 10 MB of the library's code resident that running a model never enters.
#![allow(unsafe_code)] // Calls of the C library that no safe crate wraps.

use std::path::Path;

/// Gives back what loading a session with the library at `runtime` left behind. Does nothing where the system is not
/// Linux with GNU's C library.
pub(crate) fn give_back(runtime: Option<&Path>) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        heap();
        if let Some(runtime) = runtime.and_then(Path::to_str) {
            code_of(runtime);
        }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = runtime;
}

/// Free memory at the end of a heap that [`return_large_memory`] lets stay there until the next [`trim_heaps`].
pub const KEPT_BYTES: i32 = 8 << 20;

/// Gives pieces of memory of this many bytes and more back to the system as soon as they are free. GNU's C library keeps them in its
/// heaps from the first time on that such a piece was freed; where coders come and go for hours, those heaps are full of holes then,
/// and grow. What is smaller is kept at the end of the main heap too, up to [`KEPT_BYTES`], where the library would give it back
/// and take it again many times a second, on whichever thread frees it. For programs that run for so long, use pieces of all
/// sizes again and again, and call [`trim_heaps`] now and then.
pub fn return_large_memory(from_bytes: i32) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt(3) takes no pointers, is thread-safe in glibc and changes nothing about memory in use.
    unsafe {
        c::mallopt(c::M_MMAP_THRESHOLD, from_bytes);
        c::mallopt(c::M_TRIM_THRESHOLD, KEPT_BYTES);
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = from_bytes;
}

/// Lets all threads of the process share two heaps, where GNU's C library would make one for each: what lies free in one is
/// of no use to another. For programs, before they start threads; a library leaves this to its host.
pub fn share_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt(3) takes no pointers, is thread-safe in glibc and changes nothing about memory in use.
    unsafe {
        c::mallopt(c::M_ARENA_MAX, 2);
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod c {
    use std::ffi::{c_int, c_void};

    unsafe extern "C" {
        pub(super) fn malloc_trim(pad: usize) -> c_int;
        pub(super) fn mallopt(parameter: c_int, value: c_int) -> c_int;
        pub(super) fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    }

    /// From malloc.h.
    pub(super) const M_ARENA_MAX: c_int = -8;
    pub(super) const M_MMAP_THRESHOLD: c_int = -3;
    pub(super) const M_TRIM_THRESHOLD: c_int = -1;
    /// From sys/mman.h.
    pub(super) const MADV_DONTNEED: c_int = 4;
}

/// Gives back to the system what lies free in the process's heaps, in the middle of them too. Allocations of other threads wait
/// meanwhile.
pub fn trim_heaps() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    heap();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn heap() {
    // SAFETY: malloc_trim(3) takes no pointers, is thread-safe in glibc and changes nothing about memory in use.
    unsafe {
        c::malloc_trim(0);
    }
}

/// Lets go of the pages of a library's code. Those that are entered again come back from the file.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn code_of(library: &str) {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return };
    for (first, end) in maps.lines().filter_map(|line| code_range(line, library)) {
        // SAFETY: the kernel names this range as a private mapping of a file, readable and executable and never
        // writable: its pages are the file's, nothing was relocated in them, and a dropped page is read again when it
        // is next touched (madvise(2)). The library is never unloaded, so the range stays what it is.
        unsafe {
            c::madvise(std::ptr::without_provenance_mut(first), end - first, c::MADV_DONTNEED);
        }
    }
}

/// The addresses of a line of `/proc/self/maps` (proc(5)) that maps code of `library`.
#[cfg(any(test, all(target_os = "linux", target_env = "gnu")))]
fn code_range(line: &str, library: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_whitespace();
    let (range, permissions) = (fields.next()?, fields.next()?);
    // Offset, device and inode stand between; a path with spaces is the rest of the line.
    if permissions != "r-xp" || !line.ends_with(library) {
        return None;
    }
    let (first, end) = range.split_once('-')?;
    let address = |hex| usize::from_str_radix(hex, 16).ok();
    Some((address(first)?, address(end)?)).filter(|(first, end)| first < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_the_library_is_let_go() {
        let lib = "/opt/ort/libonnxruntime.so";
        let line = |permissions, path| format!("7f00-7f80 {permissions} 0010 fe:00 42    {path}");
        assert_eq!(code_range(&line("r-xp", lib), lib), Some((0x7f00, 0x7f80)));
        assert_eq!(code_range(&line("r--p", lib), lib), None);
        assert_eq!(code_range(&line("rw-p", lib), lib), None);
        assert_eq!(code_range(&line("r-xs", lib), lib), None);
        assert_eq!(code_range(&line("r-xp", "/usr/lib/libc.so.6"), lib), None);
        assert_eq!(code_range("", lib), None);
    }
}

//! Freed memory, given back to the system.
#![allow(unsafe_code)] // One call of the C library that no safe crate wraps.

/// Asks the C library to return what it holds of freed memory. Does nothing where that library is not GNU's.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // SAFETY: malloc_trim(3) takes no pointers, is thread-safe, and touches free memory alone.
        unsafe {
            malloc_trim(0);
        }
    }
}

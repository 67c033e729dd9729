//! NVRTC's functions, as `nvrtc.h` of CUDA 11.2 to 13 declares them.

use std::ffi::{c_char, c_int};
use std::path::Path;

use libloading::Library;

/// An `nvrtcProgram`.
pub type Program = *mut std::ffi::c_void;

/// The functions that are used, by their C names.
#[derive(Clone, Copy)]
pub struct NvrtcFunctions {
    pub(crate) version: unsafe extern "C" fn(*mut c_int, *mut c_int) -> c_int,
    pub(crate) error_string: unsafe extern "C" fn(c_int) -> *const c_char,
    pub(crate) arch_count: unsafe extern "C" fn(*mut c_int) -> c_int,
    pub(crate) archs: unsafe extern "C" fn(*mut c_int) -> c_int,
    pub(crate) create: unsafe extern "C" fn(
        *mut Program,
        *const c_char,
        *const c_char,
        c_int,
        *const *const c_char,
        *const *const c_char,
    ) -> c_int,
    pub(crate) destroy: unsafe extern "C" fn(*mut Program) -> c_int,
    pub(crate) compile: unsafe extern "C" fn(Program, c_int, *const *const c_char) -> c_int,
    pub(crate) log_size: unsafe extern "C" fn(Program, *mut usize) -> c_int,
    pub(crate) log: unsafe extern "C" fn(Program, *mut c_char) -> c_int,
    pub(crate) cubin_size: unsafe extern "C" fn(Program, *mut usize) -> c_int,
    pub(crate) cubin: unsafe extern "C" fn(Program, *mut c_char) -> c_int,
}

/// The opened library.
pub struct Nvrtc {
    functions: NvrtcFunctions,
    /// Keeps the functions where they are.
    _library: Library,
}

impl std::fmt::Debug for Nvrtc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nvrtc")
    }
}

impl Nvrtc {
    /// Opens the library at a path, or by a name that the system's linker knows.
    ///
    /// # Errors
    ///
    /// The linker's words, in one line.
    pub fn open(path: &Path) -> Result<Self, String> {
        let text = |error: libloading::Error| error.to_string().replace('\n', " ");
        // SAFETY: NVRTC's initialisers only set up its own tables.
        let library = unsafe { Library::new(path) }.map_err(text)?;
        macro_rules! get {
            ($name:literal) => {
                // SAFETY: the type is the one that nvrtc.h declares for this name, and `library` is kept with
                // it.
                *unsafe { library.get(concat!($name, "\0").as_bytes()) }.map_err(text)?
            };
        }
        let functions = NvrtcFunctions {
            version: get!("nvrtcVersion"),
            error_string: get!("nvrtcGetErrorString"),
            arch_count: get!("nvrtcGetNumSupportedArchs"),
            archs: get!("nvrtcGetSupportedArchs"),
            create: get!("nvrtcCreateProgram"),
            destroy: get!("nvrtcDestroyProgram"),
            compile: get!("nvrtcCompileProgram"),
            log_size: get!("nvrtcGetProgramLogSize"),
            log: get!("nvrtcGetProgramLog"),
            cubin_size: get!("nvrtcGetCUBINSize"),
            cubin: get!("nvrtcGetCUBIN"),
        };
        Ok(Self { functions, _library: library })
    }

    /// The functions; they hold while the library is open.
    pub(crate) fn functions(&self) -> &NvrtcFunctions {
        &self.functions
    }
}

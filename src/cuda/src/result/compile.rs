//! Kernels to cubins.

use std::ffi::{CStr, CString, c_char, c_int};
use std::path::{Path, PathBuf};

use super::cache::CubinCache;
use super::error::{CudaError, Off};
use super::find::{NvrtcSource, find_nvrtc};
use crate::kernels::{HEADER, HEADER_NAME, Source};
use crate::sys::Nvrtc;

/// Options beside the architecture. Multiplications and additions are not fused, and division, square root
/// and subnormal numbers are as IEEE 754 has them: a kernel then gives the bits that the same source gives on
/// the CPU.
pub const OPTIONS: [&str; 5] =
    ["--std=c++17", "--fmad=false", "--ftz=false", "--prec-div=true", "--prec-sqrt=true"];

/// A compiled source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cubin {
    /// The device's code.
    pub image: Vec<u8>,
    /// Whether it came from the cache.
    pub was_cached: bool,
}

/// The run-time compiler with its cache.
///
/// It is opened when something has to be compiled, so that a machine whose cache is full needs no compiler.
#[derive(Debug)]
pub struct Compiler {
    setting: Option<PathBuf>,
    cache: CubinCache,
    library: parking_lot::Mutex<Option<(Nvrtc, PathBuf, NvrtcSource)>>,
}

impl Compiler {
    /// With the library looked for at `setting`, by `VESALIUS_NVRTC_PATH`, in the user's data folder, in the
    /// system.
    pub fn new(setting: Option<&Path>, cache: CubinCache) -> Self {
        Self { setting: setting.map(Path::to_owned), cache, library: parking_lot::Mutex::new(None) }
    }

    /// Version of the library, where it is and how it was found.
    ///
    /// # Errors
    ///
    /// [`Off::LibraryMissing`].
    pub fn library(&self) -> Result<((i32, i32), PathBuf, NvrtcSource), Off> {
        self.with(|nvrtc, path, source| (version(nvrtc), path.to_owned(), source))
    }

    /// The compute capabilities that the library compiles for, 10 · major + minor.
    ///
    /// # Errors
    ///
    /// [`Off::LibraryMissing`].
    pub fn architectures(&self) -> Result<Vec<u32>, Off> {
        self.with(|nvrtc, _, _| {
            let functions = nvrtc.functions();
            let mut count: c_int = 0;
            // SAFETY: the pointer is to a local that outlives the call.
            if unsafe { (functions.arch_count)(&raw mut count) } != 0 || !(1..1000).contains(&count) {
                return Vec::new();
            }
            let mut archs = vec![0 as c_int; count as usize];
            // SAFETY: the library writes as many numbers as it has just named, and there is room for them.
            if unsafe { (functions.archs)(archs.as_mut_ptr()) } != 0 {
                return Vec::new();
            }
            archs.into_iter().filter_map(|arch| u32::try_from(arch).ok()).collect()
        })
    }

    /// A source compiled for a compute capability (10 · major + minor), from the cache where it is there.
    ///
    /// A driver loads what compilers of its own major version or an older one made: `driver_major` is that
    /// version, `None` for code that no driver is to load.
    ///
    /// # Errors
    ///
    /// [`CudaError::Compile`], [`CudaError::Off`] when it is not cached and there is no compiler, or one that
    /// is too new for the driver.
    pub fn compile(&self, source: &Source, arch: u32, driver_major: Option<i32>) -> Result<Cubin, CudaError> {
        let arch_text = format!("sm_{arch}");
        let driver_text = format!("driver {driver_major:?}");
        let mut parts = vec![source.text, HEADER, arch_text.as_str(), driver_text.as_str()];
        parts.extend(OPTIONS);
        let key = CubinCache::key(&parts);
        if let Some(image) = self.cache.get(&key) {
            return Ok(Cubin { image, was_cached: true });
        }
        let (major, _) = self.with(|nvrtc, _, _| version(nvrtc)).map_err(CudaError::Off)?;
        if let Some(driver) = driver_major.filter(|driver| *driver < major) {
            return Err(CudaError::Off(missing(format!(
                "NVRTC {major} compiles for drivers of CUDA {major}, this one is of {driver}; \
                 set VESALIUS_NVRTC_PATH to an NVRTC {driver}"
            ))));
        }
        let image = self
            .with(|nvrtc, _, _| compile(nvrtc, source, &arch_text))
            .map_err(CudaError::Off)?
            .map_err(|message| CudaError::Compile { kernel: source.name, arch, message })?;
        // A cache that cannot be written costs only the time to compile again.
        let _ = self.cache.put(&key, &image);
        Ok(Cubin { image, was_cached: false })
    }

    fn with<T>(&self, act: impl FnOnce(&Nvrtc, &Path, NvrtcSource) -> T) -> Result<T, Off> {
        let mut library = self.library.lock();
        if library.is_none() {
            *library = Some(open(self.setting.as_deref())?);
        }
        match library.as_ref() {
            Some((nvrtc, path, source)) => Ok(act(nvrtc, path, *source)),
            None => Err(missing("it was not opened")),
        }
    }
}

fn missing(message: impl Into<String>) -> Off {
    Off::LibraryMissing { library: "NVRTC (libnvrtc.so)", message: message.into() }
}

fn open(setting: Option<&Path>) -> Result<(Nvrtc, PathBuf, NvrtcSource), Off> {
    for (path, source) in find_nvrtc(setting)? {
        match Nvrtc::open(&path) {
            Ok(nvrtc) => return Ok((nvrtc, path, source)),
            // The system may have any of its names, or none.
            Err(_) if source == NvrtcSource::System => {}
            Err(message) => return Err(missing(format!("{message}; run 'make setup' again"))),
        }
    }
    Err(missing("run 'make setup' (scripts/setup.sh), or set VESALIUS_NVRTC_PATH to the file"))
}

fn version(nvrtc: &Nvrtc) -> (i32, i32) {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the pointers are to locals that outlive the call.
    unsafe { (nvrtc.functions().version)(&raw mut major, &raw mut minor) };
    (major, minor)
}

/// A program that is destroyed when it goes.
struct Program<'a> {
    nvrtc: &'a Nvrtc,
    raw: *mut std::ffi::c_void,
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        // SAFETY: `raw` was made by `nvrtcCreateProgram` and is destroyed here alone.
        unsafe { (self.nvrtc.functions().destroy)(&raw mut self.raw) };
    }
}

impl Program<'_> {
    fn check(&self, result: c_int) -> Result<(), String> {
        if result == 0 {
            return Ok(());
        }
        // SAFETY: the library answers any number with a static string.
        let text = unsafe { (self.nvrtc.functions().error_string)(result) };
        if text.is_null() {
            return Err(format!("NVRTC error {result}"));
        }
        // SAFETY: not null, and static.
        Err(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    }

    /// The compiler's words, in one line.
    fn log(&self) -> String {
        let functions = self.nvrtc.functions();
        let mut size = 0;
        // SAFETY: the program is alive, the pointer is to a local.
        if unsafe { (functions.log_size)(self.raw, &raw mut size) } != 0 || size == 0 {
            return String::new();
        }
        let mut log = vec![0_u8; size];
        // SAFETY: the library writes as many bytes as it has just named, and there is room for them.
        if unsafe { (functions.log)(self.raw, log.as_mut_ptr().cast()) } != 0 {
            return String::new();
        }
        String::from_utf8_lossy(&log).trim_end_matches('\0').split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn compile(nvrtc: &Nvrtc, source: &Source, arch: &str) -> Result<Vec<u8>, String> {
    let functions = nvrtc.functions();
    let c = |text: &str| CString::new(text).map_err(|_| "the source has a zero byte".to_owned());
    let (text, name, header, header_name) = (c(source.text)?, c(source.name)?, c(HEADER)?, c(HEADER_NAME)?);
    let (headers, header_names) = ([header.as_ptr()], [header_name.as_ptr()]);
    let mut program = Program { nvrtc, raw: std::ptr::null_mut() };
    // SAFETY: every string ends with a zero byte and lives beyond the call, which copies them.
    let made = unsafe {
        (functions.create)(
            &raw mut program.raw,
            text.as_ptr(),
            name.as_ptr(),
            1,
            headers.as_ptr(),
            header_names.as_ptr(),
        )
    };
    if made != 0 {
        let error = program.check(made);
        // There is none to destroy.
        std::mem::forget(program);
        error?;
        return Err("NVRTC made no program".to_owned());
    }
    let mut options = vec![c(&format!("--gpu-architecture={arch}"))?];
    for option in OPTIONS {
        options.push(c(option)?);
    }
    let pointers: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
    // SAFETY: the program is alive, and as many options are there as are named.
    let result = unsafe { (functions.compile)(program.raw, pointers.len() as c_int, pointers.as_ptr()) };
    program.check(result).map_err(|error| format!("{error}: {}", program.log()))?;
    let mut size = 0;
    // SAFETY: the program is alive, the pointer is to a local.
    program.check(unsafe { (functions.cubin_size)(program.raw, &raw mut size) })?;
    let mut image = vec![0_u8; size];
    // SAFETY: the library writes as many bytes as it has just named, and there is room for them.
    program.check(unsafe { (functions.cubin)(program.raw, image.as_mut_ptr().cast()) })?;
    Ok(image)
}

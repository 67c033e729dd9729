//! What this machine can run an engine on, found out without a call that a machine without a driver would not survive.
//!
//! TensorRT's `createInferRuntime` returns a bad pointer that is not null where there is no driver, and CUDA's runtime
//! fails late and unclearly. So the driver is asked first, by its own library, and nothing of CUDA or TensorRT is
//! loaded before it has answered. [`driver`] is the only function that does so.
#![allow(unsafe_code)] // The driver's C functions, called through its library's symbols.

use std::ffi::{CStr, c_char, c_int, c_uint};
use std::fmt;
use std::path::Path;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use super::Provider;
use crate::error::one_line;
use crate::runtime::{self, Runtime, RuntimeError, elf, with_causes};

/// The driver's library.
const DRIVER: &str = "libcuda.so.1";

/// What the CUDA provider loads by itself when it meets the first convolution, so that the linker does not know.
const CUDNN: &str = "libcudnn.so.9";

/// An NVIDIA GPU and its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// Its index among the driver's.
    pub index: i32,
    /// Its name, such as `NVIDIA RTX 4000 Ada Generation`.
    pub name: String,
    /// Compute capability, major and minor.
    pub compute_capability: (i32, i32),
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// The newest CUDA that the driver runs, major and minor.
    pub driver_cuda: (i32, i32),
}

impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.compute_capability;
        let (cuda, cuda_minor) = self.driver_cuda;
        let gib = self.memory_bytes as f64 / f64::from(1_u32 << 30);
        write!(
            f,
            "{} (compute {major}.{minor}, {gib:.0} GiB, driver for CUDA {cuda}.{cuda_minor})",
            self.name
        )
    }
}

/// Why there is no GPU to use. Displayed as one line without what to do, which [`Obstacle`] adds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// No driver.
    #[error("there is no NVIDIA driver ({DRIVER} was not found)")]
    Missing,
    /// A driver that lacks a function.
    #[error("the NVIDIA driver cannot be used: {message}")]
    Unusable {
        /// What the linker says.
        message: String,
    },
    /// A driver that does not start.
    #[error("the NVIDIA driver does not start: {function} gave error {code}{}", meaning(*code))]
    Failed {
        /// The function that failed.
        function: &'static str,
        /// `CUresult`.
        code: c_int,
    },
    /// A driver without such a GPU.
    #[error("the NVIDIA driver has no GPU {index} (it has {count})")]
    NoSuchGpu {
        /// The index asked for.
        index: i32,
        /// How many there are.
        count: i32,
    },
}

/// The commonest values of `CUresult`.
/// Source: CUDA Driver API, "Data types used by CUDA driver"
/// (<https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__TYPES.html>).
fn meaning(code: c_int) -> &'static str {
    match code {
        100 => ", there is no GPU",
        802 => ", the GPU is not ready yet",
        803 => ", the driver's library and its kernel module differ in version",
        804 => ", the driver is too old for this GPU",
        999 => ", often a kernel module that is not loaded",
        _ => "",
    }
}

/// Asks the driver for a GPU. Loads the driver's library and calls `cuInit`; on a machine without a driver it calls
/// nothing.
///
/// # Errors
///
/// [`DriverError`].
pub fn driver(index: i32) -> Result<Gpu, DriverError> {
    // SAFETY: loading runs the constructors of the driver's library, which NVIDIA means to be loaded by name.
    let library = unsafe { Library::new(DRIVER) }.map_err(|error| {
        // What the linker says is a cause of the error.
        let message = with_causes(&error);
        if message.contains("cannot open shared object file") {
            DriverError::Missing
        } else {
            DriverError::Unusable { message }
        }
    })?;
    // Never unloaded: threads that the driver starts would lose their code.
    let library = std::mem::ManuallyDrop::new(library);
    // SAFETY: the signatures are those of cuda.h; integers and pointers to local integers and buffers that outlive the
    // calls are all that crosses. Each result is looked at before the next call relies on it.
    unsafe { ask(&library, index) }
}

macro_rules! call {
    ($library:expr, $name:literal, ($($type:ty),*), ($($value:expr),*)) => {{
        let function = $library
            .get::<unsafe extern "C" fn($($type),*) -> c_int>(concat!($name, "\0").as_bytes())
            .map_err(|error| DriverError::Unusable { message: with_causes(&error) })?;
        match function($($value),*) {
            0 => Ok(()),
            code => Err(DriverError::Failed { function: $name, code }),
        }
    }};
}

/// # Safety
///
/// `library` must be NVIDIA's driver.
unsafe fn ask(library: &Library, index: i32) -> Result<Gpu, DriverError> {
    const CAPABILITY_MAJOR: c_int = 75;
    const CAPABILITY_MINOR: c_int = 76;
    let (mut version, mut count, mut device) = (0, 0, 0);
    let (mut major, mut minor, mut memory_bytes) = (0, 0, 0_usize);
    let mut name: [c_char; 256] = [0; 256];
    // SAFETY: as the caller's; see `driver`.
    unsafe {
        call!(library, "cuInit", (c_uint), (0))?;
        call!(library, "cuDriverGetVersion", (*mut c_int), (&mut version))?;
        call!(library, "cuDeviceGetCount", (*mut c_int), (&mut count))?;
        if !(0..count).contains(&index) {
            return Err(DriverError::NoSuchGpu { index, count });
        }
        call!(library, "cuDeviceGet", (*mut c_int, c_int), (&mut device, index))?;
        // One byte is kept for the end of the text.
        call!(library, "cuDeviceGetName", (*mut c_char, c_int, c_int), (name.as_mut_ptr(), 255, device))?;
        let attribute = |out: &mut c_int, which: c_int| {
            call!(
                library,
                "cuDeviceGetAttribute",
                (*mut c_int, c_int, c_int),
                (std::ptr::from_mut(out), which, device)
            )
        };
        attribute(&mut major, CAPABILITY_MAJOR)?;
        attribute(&mut minor, CAPABILITY_MINOR)?;
        call!(library, "cuDeviceTotalMem_v2", (*mut usize, c_int), (&mut memory_bytes, device))?;
        Ok(Gpu {
            index,
            name: one_line(&CStr::from_ptr(name.as_ptr()).to_string_lossy()),
            compute_capability: (major, minor),
            memory_bytes: memory_bytes as u64,
            // 1000·major + 10·minor.
            driver_cuda: (version / 1000, version % 1000 / 10),
        })
    }
}

/// One thing that stands in the way of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What is missing or wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

/// What a provider needs and what of it is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Which.
    pub provider: Provider,
    /// Whether the loaded ONNX Runtime was built with it.
    pub offered: bool,
    /// The GPU it would run on; `None` for the CPU, and where there is none.
    pub gpu: Option<Gpu>,
    /// Version of TensorRT, where that is what runs and it is here.
    pub tensorrt: Option<String>,
    /// Major version of CUDA that the provider is built for, such as `13`; `None` where its file is not here.
    pub cuda: Option<String>,
    /// What stands in the way; nothing where it would work.
    pub obstacles: Vec<Obstacle>,
}

impl Availability {
    /// Whether nothing stands in the way.
    pub fn works(&self) -> bool {
        self.obstacles.is_empty()
    }
}

/// Finds out whether a provider would run here.
///
/// # Errors
///
/// [`RuntimeError`] where there is no ONNX Runtime to offer anything.
pub fn availability(
    provider: Provider,
    runtime: Option<&Path>,
    device: i32,
) -> Result<Availability, RuntimeError> {
    let runtime = runtime::load(runtime)?;
    let offered = provider.is_offered();
    let mut found =
        Availability { provider, offered, gpu: None, tensorrt: None, cuda: None, obstacles: Vec::new() };
    let Some(file) = provider.file_name() else { return Ok(found) };
    match driver_of(provider, device) {
        Ok(gpu) => found.gpu = gpu,
        Err(error) => {
            found.obstacles.push(Obstacle { what: error.to_string(), remedy: remedy(&error).to_owned() });
        }
    }
    if !offered {
        found.obstacles.push(Obstacle {
            what: format!("ONNX Runtime {} is a build without {}", runtime.version, provider.label()),
            remedy: if provider.is_gpu() {
                "get its GPU build, see docs/gpu.md".to_owned()
            } else {
                "name the library of the Python package onnxruntime-openvino in ORT_DYLIB_PATH, see docs/parity.md".to_owned()
            },
        });
        return Ok(found);
    }
    let needed = match beside(runtime, provider, file) {
        Ok(needed) => needed,
        Err(obstacle) => {
            found.obstacles.push(obstacle);
            return Ok(found);
        }
    };
    found.cuda = needed.iter().find_map(|name| name.strip_prefix("libcudart.so.")).map(str::to_owned);
    if provider.is_gpu() && found.gpu.is_none() {
        // Without a driver nothing of CUDA is loaded.
        return Ok(found);
    }
    let missing = load_all(needed, runtime.path.parent());
    if !missing.is_empty() {
        found.obstacles.push(Obstacle {
            what: format!("{} cannot be loaded", missing.join(", ")),
            remedy: provider.libraries_remedy().to_owned(),
        });
    } else if provider == Provider::TensorRt {
        found.tensorrt = tensorrt_version();
    }
    Ok(found)
}

/// The GPU that a provider would run on; a provider that needs none asks no driver.
fn driver_of(provider: Provider, device: i32) -> Result<Option<Gpu>, DriverError> {
    if provider.is_gpu() { driver(device).map(Some) } else { Ok(None) }
}

fn remedy(error: &DriverError) -> &'static str {
    match error {
        DriverError::Missing => "install the driver of your GPU, or let the container see it",
        DriverError::NoSuchGpu { .. } => "give the index of a GPU that nvidia-smi lists",
        _ => "see whether nvidia-smi works, then install the driver again or restart",
    }
}

/// The libraries that a provider beside the runtime needs, but for the driver's.
fn beside(runtime: &Runtime, provider: Provider, file: &str) -> Result<Vec<String>, Obstacle> {
    let folder = runtime.path.parent().unwrap_or(Path::new("."));
    for file in ["libonnxruntime_providers_shared.so", file] {
        let path = folder.join(file);
        elf::check(&path).map_err(|error| Obstacle {
            what: format!("{file} beside ONNX Runtime cannot be used: {error} ({})", path.display()),
            remedy: if provider.is_gpu() {
                "get the GPU build whole, see docs/gpu.md".to_owned()
            } else {
                provider.libraries_remedy().to_owned()
            },
        })?;
    }
    let mut needed = elf::needed(&folder.join(file)).unwrap_or_default();
    needed.retain(|name| name != DRIVER);
    if needed.iter().any(|name| name.starts_with("libcublas.so")) && !needed.iter().any(|n| n == CUDNN) {
        needed.push(CUDNN.to_owned());
    }
    Ok(needed)
}

/// Loads libraries for good, each by name or else from `folder`, and returns those that cannot be.
///
/// What is loaded is found by its name when the provider asks for it, so libraries may lie beside ONNX Runtime
/// without being known to the linker.
fn load_all(mut names: Vec<String>, folder: Option<&Path>) -> Vec<String> {
    loop {
        let before = names.len();
        names.retain(|name| {
            !load_library(Path::new(name)) && !folder.is_some_and(|f| load_library(&f.join(name)))
        });
        // Those that need each other: again, until nothing more can be loaded.
        if names.is_empty() || names.len() == before {
            return names;
        }
    }
}

fn load_library(path: &Path) -> bool {
    // A file that is cut short would kill the process; by a bare name the linker looks where files are installed.
    if path.components().count() > 1 && elf::check(path).is_err() {
        return false;
    }
    // SAFETY: these are the libraries that the provider would make the linker load, with their constructors, a moment
    // later. The driver has answered before.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) };
    library.map(std::mem::forget).is_ok()
}

/// The version of the TensorRT that is loaded.
fn tensorrt_version() -> Option<String> {
    // SAFETY: `getInferLibVersion` takes nothing and returns an integer (NvInferRuntimeBase.h); the library is loaded.
    let version = unsafe {
        let library = std::mem::ManuallyDrop::new(Library::new("libnvinfer.so.10").ok()?);
        let function = library.get::<unsafe extern "C" fn() -> c_int>(b"getInferLibVersion\0").ok()?;
        function()
    };
    Some(version_text(version))
}

/// TensorRT 10 counts 10000·major + 100·minor + patch.
fn version_text(version: c_int) -> String {
    format!("{}.{}.{}", version / 10_000, version % 10_000 / 100, version % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where there is a driver this says what it is; where there is none it says so.
    #[test]
    fn the_driver_answers_or_is_missing() {
        match driver(0) {
            Ok(gpu) => {
                assert!(!gpu.name.is_empty() && gpu.compute_capability.0 > 0, "{gpu:?}");
                assert!(matches!(driver(4096), Err(DriverError::NoSuchGpu { index: 4096, .. })));
            }
            Err(error) => {
                println!("no GPU here: {error}");
                let text = error.to_string();
                assert!(text.contains("NVIDIA") && !text.contains('\n'), "{text}");
                // A machine on which nobody installed a driver lacks its library and nothing else.
                let is_installed = Path::new("/proc/driver/nvidia/version").exists();
                assert!(is_installed || error == DriverError::Missing, "{error:?}");
                // Asking again says the same.
                assert_eq!(driver(0), Err(error));
            }
        }
    }

    #[test]
    fn versions_are_told_as_people_write_them() {
        assert_eq!(version_text(101_302), "10.13.2");
        assert_eq!(version_text(100_900), "10.9.0");
    }

    #[test]
    fn errors_of_the_driver_are_explained() {
        let error = DriverError::Failed { function: "cuInit", code: 803 };
        assert!(error.to_string().contains("cuInit gave error 803, the driver's library"), "{error}");
        let error = DriverError::Failed { function: "cuInit", code: 1 };
        assert!(error.to_string().ends_with("error 1"), "{error}");
    }

    #[test]
    fn libraries_are_found_by_name_and_in_a_folder() {
        let nothing = load_all(vec!["libc.so.6".to_owned()], None);
        assert!(nothing.is_empty(), "{nothing:?}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("libnone-a.so.1"), "no library").unwrap();
        let missing = load_all(
            ["libnone-a.so.1", "libc.so.6", "libnone-b.so.1"].map(str::to_owned).to_vec(),
            Some(folder.path()),
        );
        assert_eq!(missing, ["libnone-a.so.1", "libnone-b.so.1"]);
    }
}

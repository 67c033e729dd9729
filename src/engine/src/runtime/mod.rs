//! ONNX Runtime: found, checked and loaded once a process.
//!
//! The library is looked for, in this order: at the path given, at `ORT_DYLIB_PATH`, beside the program, in
//! `vesalius/onnxruntime/*/` in the user's data folder (the newest version, and of that the build for GPUs first), and
//! where the system's linker looks. The first that exists is taken; if it cannot be used that is an error, and no other
//! is tried in its stead, so that a broken installation never changes silently which code runs. A path may be a file or
//! a folder with the file.
//!
//! The runtime's telemetry is off, see [`keep_private`]. Its own log is silent but for fatal messages; `ORT_LOG` set to `verbose`, `info`,
//! `warning` or `error` opens it. Once loaded, library and environment stay until the process ends: nothing is torn
//! down, so threads that still run a model at exit find it whole.

pub(crate) mod elf;
mod find;
mod telemetry;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use parking_lot::Mutex;

use crate::error::one_line;
use find::Candidate;
pub use telemetry::keep_private;

/// Environment variable with the path of the library.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// The environment variable that opens the runtime's own log.
const LOG_VARIABLE: &str = "ORT_LOG";

/// How the library was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeSource {
    /// A path given by the caller.
    Setting,
    /// `ORT_DYLIB_PATH`.
    Variable,
    /// Beside the program.
    BesideProgram,
    /// In the user's data folder, where set-up puts it.
    UserData,
    /// By the system's linker.
    System,
}

impl RuntimeSource {
    /// In a few words, for people.
    pub const fn display(self) -> &'static str {
        match self {
            Self::Setting => "given path",
            Self::Variable => LIBRARY_VARIABLE,
            Self::BesideProgram => "beside the program",
            Self::UserData => "user data folder",
            Self::System => "system",
        }
    }
}

/// The loaded library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// Its version, such as `1.32.0`; `unknown` where the library does not say.
    pub version: String,
    /// What it says of its build.
    pub build: String,
    /// Where it is.
    pub path: PathBuf,
    /// How it was found.
    pub source: RuntimeSource,
}

/// Why there is no ONNX Runtime. Displayed as one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// Nowhere.
    #[error(
        "ONNX Runtime (libonnxruntime.so) was not found: run 'make setup' (scripts/setup.sh), \
         or set {LIBRARY_VARIABLE} to the file; looked in {}",
        searched.join(", ")
    )]
    Missing {
        /// Places looked in.
        searched: Vec<String>,
    },
    /// A path that was given holds none.
    #[error("there is no libonnxruntime.so at the {}: correct it, or run 'make setup' ({})", source_kind.display(), path.display())]
    NotAtPath {
        /// Who gave the path.
        source_kind: RuntimeSource,
        /// The path.
        path: PathBuf,
    },
    /// The file is damaged or something else.
    #[error("ONNX Runtime cannot be loaded: {message}; run 'make setup' again, or set {LIBRARY_VARIABLE} to another ({})", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Too old.
    #[error(
        "ONNX Runtime {found} is too old: 1.{minimum_minor} or newer is needed; run 'make setup', \
         or set {LIBRARY_VARIABLE} to a newer one ({})",
        path.display()
    )]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The oldest minor version of 1.x that will do.
        minimum_minor: u32,
    },
    /// Another file is loaded already, and there can be one a process.
    #[error("ONNX Runtime is already loaded from {} and cannot be changed to {}: restart the program", loaded.display(), asked.display())]
    AlreadyLoaded {
        /// The file that is loaded.
        loaded: PathBuf,
        /// The file that was asked for.
        asked: PathBuf,
    },
}

struct Loaded {
    runtime: Runtime,
    environment: ort::environment::Environment,
}

/// Never dropped: statics are not, and the library must outlive every thread that may be inside it.
static LOADED: OnceLock<Loaded> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// Finds and loads the library, or says which one is loaded. `path` is the setting that goes before all else.
///
/// # Errors
///
/// [`RuntimeError`]; a later call tries again.
pub fn load(path: Option<&Path>) -> Result<&'static Runtime, RuntimeError> {
    load_all(path).map(|loaded| &loaded.runtime)
}

/// The library in use, if one is loaded.
pub fn loaded() -> Option<&'static Runtime> {
    LOADED.get().map(|loaded| &loaded.runtime)
}

/// The environment that sessions are made in.
pub(crate) fn environment(
    path: Option<&Path>,
) -> Result<&'static ort::environment::Environment, RuntimeError> {
    load_all(path).map(|loaded| &loaded.environment)
}

fn load_all(path: Option<&Path>) -> Result<&'static Loaded, RuntimeError> {
    let _one_at_a_time = LOADING.lock();
    if let Some(loaded) = LOADED.get() {
        let Some(path) = path else { return Ok(loaded) };
        return match find::library_at(path) {
            None => {
                Err(RuntimeError::NotAtPath { source_kind: RuntimeSource::Setting, path: path.to_owned() })
            }
            Some(asked) if !same_file(&asked, &loaded.runtime.path) => {
                Err(RuntimeError::AlreadyLoaded { loaded: loaded.runtime.path.clone(), asked })
            }
            Some(_) => Ok(loaded),
        };
    }
    keep_private();
    let mut searched = Vec::new();
    let candidate = find::candidate(path, &mut searched)?;
    let loaded = match candidate {
        Some(candidate) => open(&candidate)?,
        None => open_system(searched)?,
    };
    Ok(LOADED.get_or_init(|| loaded))
}

fn same_file(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn open(candidate: &Candidate) -> Result<Loaded, RuntimeError> {
    let unusable = |message: String| RuntimeError::Unusable { path: candidate.path.clone(), message };
    // The linker maps a truncated file and dies of SIGBUS in it, so its extent is checked first.
    elf::check(&candidate.path).map_err(|error| unusable(error.to_string()))?;
    // Absolute: of a relative path `ort` asks the program's own location and panics without one.
    let path = candidate.path.canonicalize().map_err(|error| unusable(error.to_string()))?;
    let builder = ort::init_from(&path).map_err(|error| load_error(&candidate.path, error))?;
    finish(builder, candidate.path.clone(), candidate.source)
}

fn load_error(path: &Path, error: ort::LoadDynamicError) -> RuntimeError {
    let path = path.to_owned();
    match error {
        ort::LoadDynamicError::BadVersion { version_str, .. } => {
            RuntimeError::TooOld { path, found: version_str, minimum_minor: ort::MINOR_VERSION }
        }
        ort::LoadDynamicError::Dlopen { error, .. } => {
            RuntimeError::Unusable { path, message: with_causes(&error) }
        }
        ort::LoadDynamicError::MissingApi { .. } => {
            RuntimeError::Unusable { path, message: "it is another library".to_owned() }
        }
        other => RuntimeError::Unusable { path, message: one_line(&other.to_string()) },
    }
}

/// An error and what caused it, in one line: the linker's words are a cause.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    one_line(&causes.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}

/// Lets the system's linker look. A library that it does not have is missing; one that it has must be good.
fn open_system(mut searched: Vec<String>) -> Result<Loaded, RuntimeError> {
    // `ort` asks the program's own location for a name without a folder, and panics without one.
    let own_location_known = std::env::current_exe().is_ok_and(|exe| exe.parent().is_some());
    for name in find::SYSTEM_NAMES.iter().filter(|_| own_location_known) {
        match ort::init_from(name) {
            Ok(builder) => {
                let path = find::mapped_library().unwrap_or_else(|| PathBuf::from(name));
                return finish(builder, path, RuntimeSource::System);
            }
            Err(ort::LoadDynamicError::Dlopen { error, .. })
                if with_causes(&error).contains("cannot open shared object file") => {}
            Err(error) => return Err(load_error(Path::new(name), error)),
        }
    }
    searched.push("the system's libraries".to_owned());
    Err(RuntimeError::Missing { searched })
}

fn finish(
    builder: ort::environment::EnvironmentBuilder,
    path: PathBuf,
    source: RuntimeSource,
) -> Result<Loaded, RuntimeError> {
    let environment =
        builder.with_name("vesalius").with_telemetry(false).build().map_err(|error| {
            RuntimeError::Unusable { path: path.clone(), message: one_line(error.message()) }
        })?;
    if !log_is_wanted() {
        environment.set_log_level(ort::logging::LogLevel::Fatal);
    }
    let build = one_line(ort::info());
    let version = version_of(&build, &path);
    Ok(Loaded { runtime: Runtime { version, build, path, source }, environment })
}

/// Whether the runtime's own log is asked for.
pub(crate) fn log_is_wanted() -> bool {
    std::env::var_os(LOG_VARIABLE).is_some_and(|level| !level.is_empty())
}

/// The version from the file's name (`….so.1.32.0`), the build's description (`git-branch=rel-1.32.0`) or the folder,
/// which set-up names after it (`onnxruntime/1.32.0/libonnxruntime.so`).
fn version_of(build: &str, path: &Path) -> String {
    let is_version = |text: &&str| text.split('.').count() >= 2 && find::version_key(text).is_some();
    let from_build = build
        .split([' ', ',', '='])
        .map(|word| word.strip_prefix("rel-").or_else(|| word.strip_prefix('v')).unwrap_or(word))
        .find(is_version);
    let resolved = path.canonicalize().ok();
    let name = resolved.as_deref().unwrap_or(path).file_name().and_then(|name| name.to_str()).unwrap_or("");
    let from_name = name.split_once(".so.").map(|(_, version)| version).filter(is_version);
    let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    let folder = folder.map(|name| name.strip_suffix("-gpu").unwrap_or(name));
    from_name.or(from_build).or(folder.filter(is_version)).unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_comes_from_the_file_or_the_build() {
        let build = "ORT Build Info: git-branch=rel-1.29.1, git-commit-id=26250ae, build type=Release, cmake cxx flags: -O2";
        assert_eq!(version_of(build, Path::new("/nowhere/libonnxruntime.so")), "1.29.1");
        assert_eq!(version_of("", Path::new("/nowhere/libonnxruntime.so.1.32.0")), "1.32.0");
        assert_eq!(version_of("git-branch=main", Path::new("/nowhere/libonnxruntime.so")), "unknown");
        assert_eq!(version_of("git-branch=main", Path::new("/nowhere/1.32.0/libonnxruntime.so")), "1.32.0");
    }

    #[test]
    fn errors_are_one_line_and_say_what_to_do() {
        let path = PathBuf::from("/opt/x.so");
        let errors = [
            RuntimeError::Missing { searched: vec!["here".to_owned()] },
            RuntimeError::NotAtPath { source_kind: RuntimeSource::Variable, path: path.clone() },
            RuntimeError::Unusable { path: path.clone(), message: "damaged".to_owned() },
            RuntimeError::TooOld { path, found: "1.17.0".to_owned(), minimum_minor: 22 },
        ];
        for error in errors {
            let text = error.to_string();
            assert!(!text.contains('\n') && text.contains("make setup"), "{text}");
        }
    }
}

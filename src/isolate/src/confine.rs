//! What the child may not do, as far as the system can enforce it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// What a child needs, all else being denied.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Most bytes of private writable memory (`RLIMIT_DATA`); `None`: as much as there is.
    pub data_bytes: Option<u64>,
    /// Files and folders it may read, beside the system's libraries and what the system says of itself.
    pub readable: Vec<PathBuf>,
}

/// What of it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// No network, no other programs, no hands on other processes.
    pub calls: Result<(), String>,
    /// No files but those that may be read.
    pub files: Result<(), String>,
    /// A limit of memory, in bytes.
    pub data_bytes: Option<u64>,
}

/// Where libraries lie, and where ONNX Runtime and the C library look at the processor.
const SYSTEM: [&str; 8] = [
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/proc",
    "/sys/devices/system",
    "/dev/null",
    "/dev/urandom",
];

/// Calls that inference never makes, and that a taken-over process would begin with.
const DENIED: [i64; 14] = [
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept4,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
    libc::SYS_mount,
    libc::SYS_unshare,
    libc::SYS_setns,
];

/// Confines this thread and all it starts, so it is to be called before there are others. What cannot be enforced is
/// said, not an error: an older kernel still runs, and the state shows which parts hold.
pub(crate) fn confine(limits: &Limits) -> Confinement {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // No memory image of a patient's pictures on a disk.
    let _ = setrlimit(Resource::Core, none);
    let data_bytes = limits.data_bytes.filter(|&bytes| {
        setrlimit(Resource::Data, Rlimit { current: Some(bytes), maximum: Some(bytes) }).is_ok()
    });
    Confinement { files: files(&limits.readable), calls: calls(), data_bytes }
}

fn files(readable: &[PathBuf]) -> Result<(), String> {
    let abi = ABI::V4;
    let paths = SYSTEM.iter().map(PathBuf::from).chain(readable.iter().cloned());
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|ruleset| ruleset.create())
        // Paths that do not exist are left out by the crate.
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(paths, AccessFs::from_read(abi))))
        .and_then(|ruleset| ruleset.restrict_self())
        .map_err(|error| error.to_string())?;
    match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err("this kernel has no Landlock".to_owned()),
    }
}

fn calls() -> Result<(), String> {
    let architecture = std::env::consts::ARCH.try_into().map_err(|_| "unknown processor".to_owned())?;
    let rules: BTreeMap<i64, Vec<_>> = DENIED.iter().map(|&call| (call, Vec::new())).collect();
    let denied = SeccompAction::Errno(libc::EPERM as u32);
    let program: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, denied, architecture)
        .and_then(TryInto::try_into)
        .map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())
}

impl std::fmt::Display for Confinement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.calls {
            Ok(()) => f.write_str("no network, no other programs")?,
            Err(why) => write!(f, "network not denied ({why})")?,
        }
        match &self.files {
            Ok(()) => f.write_str("; no files but its engine's")?,
            Err(why) => write!(f, "; files not denied ({why})")?,
        }
        match self.data_bytes {
            Some(bytes) => write!(f, "; at most {} MiB of memory", bytes >> 20),
            None => f.write_str("; memory not limited"),
        }
    }
}

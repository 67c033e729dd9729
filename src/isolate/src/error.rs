//! What can go wrong between two processes, each in one line.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How a process came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It returned this status.
    Exit(i32),
    /// A signal of this number ended it.
    Signal(i32),
    /// It ended, and the system does not say how.
    Unknown,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(status) => write!(f, "it ended with status {status}"),
            Self::Signal(number) => write!(f, "it was ended by {}", signal_name(*number)),
            Self::Unknown => f.write_str("it ended"),
        }
    }
}

/// The names of the signals that end a process that computes; others by their number.
fn signal_name(number: i32) -> String {
    // Numbers of Linux on x86 and ARM, signal(7).
    let name = match number {
        2 => "SIGINT",
        4 => "SIGILL (an instruction that this processor lacks)",
        6 => "SIGABRT (it gave up, often for want of memory)",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL (a person, or the system for want of memory)",
        11 => "SIGSEGV (a crash)",
        15 => "SIGTERM",
        31 => "SIGSYS (a call that it is not allowed)",
        _ => return format!("signal {number}"),
    };
    name.to_owned()
}

/// Why no process serves.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IsolateError {
    /// A layout that cannot be.
    #[error(
        "shared memory of {slots} slots of {input_bytes} and {output_bytes} bytes is not possible: {problem}"
    )]
    Layout {
        /// Slots asked for.
        slots: usize,
        /// Bytes of an input.
        input_bytes: usize,
        /// Bytes of an output.
        output_bytes: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The system refused something that every Linux has.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The program to run is not there or cannot be run.
    #[error("cannot start '{}': {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("the inference process did not become ready: {0}")]
    EndedEarly(Ending),
    /// It was not ready in time.
    #[error("the inference process was not ready after {:.1} s", .0.as_secs_f64())]
    NotReady(Duration),
    /// It said why it cannot serve.
    #[error("{0}")]
    Refused(String),
    /// It speaks another language: another version of the program.
    #[error(
        "the inference process answers in a way that is not understood ({0}): is it of the same version?"
    )]
    Protocol(&'static str),
    /// Not on this system.
    #[error("a process of its own for inference needs Linux; run it in a thread instead")]
    Unsupported,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// Not yet; the same ticket may be waited for again.
    #[error("no answer after {:.0} ms", .0.as_secs_f64() * 1e3)]
    Timeout(Duration),
    /// There is no process any more.
    #[error("the inference process is gone: {0}")]
    Died(Ending),
    /// It answered that it could not; it stays fit for the next call.
    #[error("{0}")]
    Failed(String),
    /// Its answer makes no sense: it must be ended.
    #[error("the inference process answers in a way that is not understood ({0})")]
    Protocol(&'static str),
    /// No slot is free, or a length or slot is out of bounds: the caller's fault.
    #[error("a call that cannot be made: {0}")]
    Misuse(&'static str),
    /// The system refused something that every Linux has.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

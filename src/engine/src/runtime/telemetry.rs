//! Nothing is recorded or sent of what the runtime does here.
//!
//! Microsoft's own builds for Linux and macOS record and send it since 1.29: the program's path, the processor, the models'
//! names, operators and hashes, under an identifier of the machine that stays. The interface that turns this off takes the
//! environment that has by then written the first record to the disk; only the variable, seen before that, keeps all of it from
//! happening. Source: <https://github.com/microsoft/onnxruntime/pull/27379>.
#![allow(unsafe_code)] // The environment of a process is shared with its other threads.

/// Where it is set to 1, the runtime records and sends nothing.
const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Keeps the runtime from recording and sending what it does: for programs, before they start threads. Loading the runtime
/// does it too, for hosts that did not. A value that the user gave the variable stays.
pub fn keep_private() {
    if std::env::var_os(VARIABLE).is_none() {
        // SAFETY: writing the environment races with C code of other threads that reads it at that moment; Rust's own readers
        // take its lock. Programs of this project come here before they start threads. A host that loads the runtime later pays
        // the risk of that moment, once in the life of the process; what it buys is that nothing leaves the machine.
        unsafe { std::env::set_var(VARIABLE, "1") };
    }
}

//! The thread that starts a process and waits for its end.
//!
//! It lives exactly as long as the process. A child that asks to die with its parent dies with the *thread* that started
//! it (prctl(2), `PR_SET_PDEATHSIG`), so no thread that may end earlier can do this.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::error::{Ending, IsolateError};

/// A running process and the thread that waits for it.
#[derive(Debug)]
pub(crate) struct Keeper {
    ended: Arc<OnceLock<Ending>>,
    process: OwnedFd,
    id: u32,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts a program. `command` is consumed with all descriptors it hands on.
    pub(crate) fn start(mut command: Command) -> Result<Self, IsolateError> {
        let program = command.get_program().to_owned();
        let ended = Arc::new(OnceLock::new());
        let (tell, told) = mpsc::channel();
        let seen = Arc::clone(&ended);
        let wait = move || {
            let started = command.spawn().and_then(|child| {
                // While nobody has waited for it, the number is its own.
                let id = child.id();
                let pid =
                    i32::try_from(id).ok().and_then(Pid::from_raw).ok_or(std::io::ErrorKind::InvalidData)?;
                Ok((pidfd_open(pid, PidfdFlags::empty())?, id, child))
            });
            // Its ends of what it was handed are closed here.
            drop(command);
            match started {
                Err(error) => {
                    let _ = tell.send(Err(error));
                }
                Ok((process, id, mut child)) => {
                    let _ = tell.send(Ok((process, id)));
                    let _ = seen.set(child.wait().map_or(Ending::Unknown, ending));
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("inference-wait".to_owned())
            .spawn(wait)
            .map_err(|source| IsolateError::System { what: "no thread for the inference process", source })?;
        match told.recv() {
            Ok(Ok((process, id))) => Ok(Self { ended, process, id, thread: Some(thread) }),
            Ok(Err(source)) => Err(IsolateError::Start { program: program.into(), source }),
            Err(_) => Err(IsolateError::EndedEarly(Ending::Unknown)),
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Ending> {
        self.ended.get().copied()
    }

    /// How it ended, after its end of the connection has closed: it is ended for good if it still lingers.
    pub(crate) fn end(&mut self) -> Ending {
        // It may be ended already: then there is nobody to signal.
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.ended().unwrap_or(Ending::Unknown)
    }

    /// As [`Self::end`], but a process that is about to end by itself is given a moment, for its own status says more.
    pub(crate) fn end_gently(&mut self) -> Ending {
        for _ in 0..50 {
            if self.ended().is_some() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        self.end()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exit(code),
        (None, Some(signal)) => Ending::Signal(signal),
        (None, None) => Ending::Unknown,
    }
}

//! The child's side: take a message, compute, answer.
#![allow(unsafe_code)] // Taking over the two descriptors that the parent hands on.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::confine::{Limits, confine};
use crate::layout::Layout;
use crate::memory::Shared;
use crate::priority::{Urgency, set_urgency};
use crate::wire::{MOST, Message};

/// Number under which a child finds its connection.
pub(crate) const SOCKET_FD: RawFd = 3;
/// Number under which a child finds the shared memory.
pub(crate) const MEMORY_FD: RawFd = 4;

/// What a child does.
pub trait Job: Sized {
    /// What it needs; asked before anything is loaded, so that loading is confined too.
    ///
    /// # Errors
    ///
    /// One line that says why it cannot serve.
    fn limits(config: &str) -> Result<Limits, String>;

    /// Gets ready for inputs and outputs of the layout's sizes.
    ///
    /// # Errors
    ///
    /// One line that says why it cannot serve.
    fn start(config: &str, layout: &Layout) -> Result<Self, String>;

    /// Computes one output and says how many bytes of it there are.
    ///
    /// # Errors
    ///
    /// One line that says why not; the next call is served all the same.
    fn call(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize, String>;
}

/// Serves calls until the parent closes the connection or ends. To be called by a process that
/// [`Process::spawn`](crate::Process::spawn) started, before anything else is done in it: before threads are started
/// and files opened.
pub fn serve<J: Job>() -> ExitCode {
    // With the parent, whatever this process is at.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    // Pictures come first: what draws and shows them shares these processors.
    set_urgency(Urgency::Aside);
    close_all_else();
    // SAFETY: the parent hands on these two numbers, and nothing in this process, which has only begun, owns them.
    let (socket, file) = unsafe { (OwnedFd::from_raw_fd(SOCKET_FD), OwnedFd::from_raw_fd(MEMORY_FD)) };
    let mut bytes = vec![0; MOST];
    let Some(Message::Start { layout, config }) = receive(&socket, &mut bytes) else {
        return ExitCode::from(2);
    };
    let ready = J::limits(&config).and_then(|limits| {
        let shared = Shared::map(&file, &layout).map_err(|error| format!("no shared memory: {error}"))?;
        let confinement = confine(&limits);
        let job = catch_unwind(|| J::start(&config, &layout)).unwrap_or_else(|panic| Err(words(&*panic)))?;
        Ok((job, shared, confinement))
    });
    let (mut job, mut shared, confinement) = match ready {
        Ok(ready) => ready,
        Err(why) => {
            answer(&socket, &Message::Refused { why });
            return ExitCode::from(1);
        }
    };
    if !answer(&socket, &Message::Ready { confinement: confinement.to_string() }) {
        return ExitCode::SUCCESS;
    }
    while let Some(message) = receive(&socket, &mut bytes) {
        let Message::Call { sequence, slot, length } = message else { return ExitCode::from(2) };
        let start = Instant::now();
        let regions = usize::try_from(length).ok().and_then(|length| {
            let input = layout.input(slot as usize, length)?;
            Some((input, layout.output(slot as usize, layout.output_bytes())?))
        });
        // SAFETY: the parent writes to a slot only while no call on it is under way, and reads after the answer.
        let slices = regions.and_then(|(input, output)| unsafe { shared.slices(&input, &output) });
        let Some((input, output)) = slices else { return ExitCode::from(2) };
        let done = catch_unwind(AssertUnwindSafe(|| job.call(input, output)));
        let message = match done.unwrap_or_else(|panic| Err(words(&*panic))) {
            Ok(length) => Message::Done {
                sequence,
                slot,
                length: length as u64,
                elapsed_ns: u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX),
            },
            Err(why) => Message::Failed { sequence, slot, why },
        };
        if !answer(&socket, &message) {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// The next message; `None` when the parent is gone or talks nonsense.
fn receive(socket: &OwnedFd, bytes: &mut [u8]) -> Option<Message> {
    loop {
        match recv(socket, &mut *bytes, RecvFlags::empty()) {
            Ok((_, 0)) => return None,
            Ok((_, length)) => return Message::decode(bytes.get(..length)?).ok(),
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

fn answer(socket: &OwnedFd, message: &Message) -> bool {
    send(socket, &message.encode(), SendFlags::NOSIGNAL).is_ok()
}

/// Closes what the parent left open for no purpose: a library's camera or socket must not live on in here.
fn close_all_else() {
    let first = MEMORY_FD as libc::c_uint + 1;
    // SAFETY: close_range(2) takes numbers alone; nothing in this process, which has only begun, uses any of them.
    unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
}

/// A panic in words.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", text.unwrap_or("without a word").lines().next().unwrap_or(""))
}

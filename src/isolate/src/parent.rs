//! The parent's side: a process, calls to it, and answers that do not wait for ever.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};

use crate::child::{MEMORY_FD, SOCKET_FD};
use crate::error::{CallError, Ending, IsolateError};
use crate::keeper::Keeper;
use crate::layout::Layout;
use crate::memory::{self, Shared};
use crate::wire::{MOST, Message};

/// What to start.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The program; its `main` calls [`serve`](crate::serve) when it gets `arguments`.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The job's configuration, handed to the child as it is.
    pub config: String,
    /// The memory to share.
    pub layout: Layout,
    /// How long it may take to become ready.
    pub ready_within: Duration,
}

/// A call under way. It must be waited for until there is an answer, or the process be given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    sequence: u64,
    slot: u32,
}

/// What an answer came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Time that the child computed.
    pub computed: Duration,
}

/// A process that serves calls. Ended for good when dropped.
#[derive(Debug)]
pub struct Process {
    keeper: Keeper,
    socket: OwnedFd,
    shared: Shared,
    layout: Layout,
    confinement: String,
    next: u64,
    /// Calls without an answer yet, the oldest first: the child answers in this order.
    under_way: VecDeque<Ticket>,
    /// Its answer could not be understood: what follows cannot be either.
    broken: Option<&'static str>,
}

impl Process {
    /// Starts a process and waits until it is ready to serve.
    ///
    /// # Errors
    ///
    /// [`IsolateError`]; the process is gone then.
    pub fn spawn(launch: &Launch) -> Result<Self, IsolateError> {
        let system = |what| move |source: Errno| IsolateError::System { what, source: source.into() };
        let io = |what| move |source| IsolateError::System { what, source };
        let start = Instant::now();
        let file = memory::create(&launch.layout).map_err(io("no shared memory"))?;
        let shared = Shared::map(&file, &launch.layout).map_err(io("no shared memory"))?;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .map_err(system("no connection to the inference process"))?;
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments).stdin(Stdio::null()).stdout(Stdio::null());
        let handed = vec![
            FdMapping { parent_fd: theirs, child_fd: SOCKET_FD },
            FdMapping { parent_fd: file, child_fd: MEMORY_FD },
        ];
        // The two numbers differ, which is all that can collide.
        command.fd_mappings(handed).map_err(|_| IsolateError::Protocol("two descriptors of one number"))?;
        let keeper = Keeper::start(command)?;
        let mut process = Self {
            keeper,
            socket: ours,
            shared,
            layout: launch.layout,
            confinement: String::new(),
            next: 0,
            under_way: VecDeque::new(),
            broken: None,
        };
        let hello = Message::Start { layout: launch.layout, config: launch.config.clone() };
        // A child that ended already is found out by what follows.
        let _ = send(&process.socket, &hello.encode(), SendFlags::NOSIGNAL);
        let left = launch.ready_within.saturating_sub(start.elapsed());
        match process.receive(left) {
            Ok(Message::Ready { confinement }) => {
                process.confinement = confinement;
                Ok(process)
            }
            Ok(Message::Refused { why }) => Err(IsolateError::Refused(why)),
            Ok(_) => Err(IsolateError::Protocol("an answer before it was ready")),
            Err(CallError::Timeout(_)) => Err(IsolateError::NotReady(launch.ready_within)),
            Err(CallError::Died(ending)) => Err(IsolateError::EndedEarly(ending)),
            Err(CallError::System { what, source }) => Err(IsolateError::System { what, source }),
            Err(CallError::Protocol(what) | CallError::Misuse(what)) => Err(IsolateError::Protocol(what)),
            Err(CallError::Failed(why)) => Err(IsolateError::Refused(why)),
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.keeper.id()
    }

    /// What confines it, in words.
    pub fn confinement(&self) -> &str {
        &self.confinement
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Ending> {
        self.keeper.ended()
    }

    /// Calls without an answer yet.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Hands it an input; the answer is to be waited for.
    ///
    /// # Errors
    ///
    /// [`CallError::Misuse`] where all slots are taken or the input is too long, [`CallError::Died`].
    pub fn submit(&mut self, input: &[u8]) -> Result<Ticket, CallError> {
        if let Some(what) = self.broken {
            return Err(CallError::Protocol(what));
        }
        if self.under_way.len() >= self.layout.slots() {
            return Err(CallError::Misuse("all slots are taken: wait for an answer first"));
        }
        let slot = (self.next % self.layout.slots() as u64) as u32;
        let Some(range) = self.layout.input(slot as usize, input.len()) else {
            return Err(CallError::Misuse("the input is longer than agreed"));
        };
        if !self.shared.write(&range, input) {
            return Err(CallError::Misuse("the input lies outside the shared memory"));
        }
        let ticket = Ticket { sequence: self.next, slot };
        let call = Message::Call { sequence: ticket.sequence, slot, length: input.len() as u64 };
        match send(&self.socket, &call.encode(), SendFlags::NOSIGNAL) {
            Ok(_) => {}
            Err(Errno::PIPE | Errno::CONNRESET) => return Err(CallError::Died(self.keeper.end_gently())),
            Err(error) => {
                return Err(CallError::System {
                    what: "cannot call the inference process",
                    source: error.into(),
                });
            }
        }
        self.next += 1;
        self.under_way.push_back(ticket);
        Ok(ticket)
    }

    /// Waits for the answer to a call; answers come in the order of the calls, so wait for the oldest first. The output
    /// is copied: what the process does to the shared memory later changes nothing.
    ///
    /// # Errors
    ///
    /// [`CallError::Timeout`]: the ticket stays good. [`CallError::Failed`]: the process serves on. All else: it is of no use
    /// any more.
    pub fn wait(
        &mut self,
        ticket: Ticket,
        within: Duration,
        output: &mut Vec<u8>,
    ) -> Result<Answer, CallError> {
        if let Some(what) = self.broken {
            return Err(CallError::Protocol(what));
        }
        if self.under_way.front() != Some(&ticket) {
            return Err(CallError::Misuse("that call is not the oldest without an answer"));
        }
        let message = match self.receive(within) {
            Err(CallError::Protocol(what)) => return Err(self.give_up(what)),
            other => other?,
        };
        match message {
            Message::Done { sequence, slot, length, elapsed_ns } if (Ticket { sequence, slot }) == ticket => {
                let range = usize::try_from(length).ok().and_then(|n| self.layout.output(slot as usize, n));
                if !range.is_some_and(|range| self.shared.read(&range, output)) {
                    return Err(self.give_up("an output longer than agreed"));
                }
                self.under_way.pop_front();
                Ok(Answer { computed: Duration::from_nanos(elapsed_ns) })
            }
            Message::Failed { sequence, slot, why } if (Ticket { sequence, slot }) == ticket => {
                self.under_way.pop_front();
                Err(CallError::Failed(why))
            }
            _ => Err(self.give_up("an answer to something else")),
        }
    }

    /// One call: [`Self::submit`], then [`Self::wait`].
    ///
    /// # Errors
    ///
    /// As both; after a timeout the call is still under way, and the process is to be given up.
    pub fn call(
        &mut self,
        input: &[u8],
        within: Duration,
        output: &mut Vec<u8>,
    ) -> Result<Answer, CallError> {
        let ticket = self.submit(input)?;
        self.wait(ticket, within, output)
    }

    /// Ends it at once, whatever it does, and says how it ended.
    pub fn kill(mut self) -> Ending {
        self.keeper.end()
    }

    fn give_up(&mut self, what: &'static str) -> CallError {
        self.broken = Some(what);
        CallError::Protocol(what)
    }

    fn receive(&mut self, within: Duration) -> Result<Message, CallError> {
        let until = Instant::now() + within;
        let failed = |error: Errno| CallError::System {
            what: "cannot hear the inference process",
            source: error.into(),
        };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).map_err(|_| CallError::Misuse("a wait without end"))?;
            let mut polled = [PollFd::new(&self.socket, PollFlags::IN)];
            match poll(&mut polled, Some(&timeout)) {
                Ok(0) => return Err(CallError::Timeout(within)),
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        let mut bytes = vec![0; MOST];
        match recv(&self.socket, bytes.as_mut_slice(), RecvFlags::DONTWAIT) {
            // Its end of the connection is closed: it ended, or is about to.
            Ok((_, 0)) | Err(Errno::CONNRESET) => Err(CallError::Died(self.keeper.end_gently())),
            Ok((_, length)) => {
                Message::decode(bytes.get(..length).unwrap_or(&[])).map_err(CallError::Protocol)
            }
            Err(error) => Err(failed(error)),
        }
    }
}

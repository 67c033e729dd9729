//! A device that is none: the driver's calls, done on the CPU as late as their order allows.
//!
//! Work is only queued. It is done when somebody waits for it, and of other streams just what has to come
//! before: work that is not ordered behind what it needs finds it undone, and memory that is let go of too
//! early is found freed. Every breach is noted; [`HostDevice::finish`] asks for them.

mod driver;
mod memory;
mod shim;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::ThreadId;

use vesalius_cuda::sys::{Code, Dim3, Outcome, RawStream};
use vesalius_cuda::{Context, Cuda, CudaError, Kernels};

use memory::Memory;

type LaunchFn = unsafe extern "C" fn(*const u8, *const u32, *const u32);

#[derive(Clone)]
struct Function {
    name: String,
    module: usize,
    launch: LaunchFn,
    size: usize,
}

/// Which ends of a copy lie on the device.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Up,
    Down,
    Across,
}

enum Op {
    Copy {
        to: u64,
        from: u64,
        bytes: usize,
        way: Way,
    },
    Set {
        at: u64,
        value: u8,
        bytes: usize,
    },
    Launch {
        function: Function,
        grid: Dim3,
        block: Dim3,
        arguments: Vec<u8>,
    },
    /// A recording is done.
    Record {
        ticket: u64,
    },
    /// Waits for a recording of a stream.
    Wait {
        on: usize,
        ticket: u64,
    },
}

/// An event's last recording: on which stream and its number.
type Recorded = Option<(usize, u64)>;

/// What fails: the call, after how many good ones, with which code.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    pub call: &'static str,
    pub after: u32,
    pub code: Code,
}

#[derive(Default)]
struct State {
    next: usize,
    memory: Memory,
    pinned: Memory,
    streams: HashMap<usize, VecDeque<Op>>,
    events: HashMap<usize, Recorded>,
    tickets: u64,
    done: HashSet<u64>,
    modules: HashMap<usize, libloading::Library>,
    functions: HashMap<usize, Function>,
    retained: i32,
    current: HashMap<ThreadId, Vec<usize>>,
    failure: Option<Failure>,
    /// A code that every call returns once the context is lost.
    lost: Option<Code>,
    calls: Vec<&'static str>,
    breaches: Vec<String>,
}

const PRIMARY: usize = 0x1000;

impl State {
    fn breach(&mut self, what: impl Into<String>) {
        self.breaches.push(what.into());
    }

    fn handle(&mut self) -> usize {
        self.next += 16;
        self.next
    }

    /// Does the next piece of a stream's work.
    fn step(&mut self, stream: usize) -> bool {
        let Some(op) = self.streams.get_mut(&stream).and_then(VecDeque::pop_front) else { return false };
        match op {
            Op::Copy { to, from, bytes, way } => {
                let touch = |address, is_host| {
                    let memory = if is_host { &self.pinned } else { &self.memory };
                    memory.touch(address, bytes)
                };
                for fault in [touch(from, way == Way::Up), touch(to, way == Way::Down)] {
                    if let Err(what) = fault {
                        return self.lost_by(format!("copy: {what}"));
                    }
                }
                // SAFETY: both ends have just been found to be there.
                unsafe { std::ptr::copy_nonoverlapping(from as *const u8, to as *mut u8, bytes) };
            }
            Op::Set { at, value, bytes } => {
                if let Err(what) = self.memory.touch(at, bytes) {
                    return self.lost_by(format!("memset: {what}"));
                }
                // SAFETY: it has just been found to be there.
                unsafe { std::ptr::write_bytes(at as *mut u8, value, bytes) };
            }
            Op::Launch { function, grid, block, arguments } => {
                if !self.modules.contains_key(&function.module) {
                    return self.lost_by(format!("{}: its module was unloaded", function.name));
                }
                for word in arguments.chunks_exact(8) {
                    let word = u64::from_ne_bytes(word.try_into().unwrap());
                    if self.memory.is_freed(word) {
                        return self.lost_by(format!("{}: its memory was freed", function.name));
                    }
                }
                // SAFETY: the library's function of this kernel, with a structure of its size. What it does
                // to memory is what is tested; guards show it.
                unsafe { (function.launch)(arguments.as_ptr(), grid.as_ptr(), block.as_ptr()) };
            }
            Op::Record { ticket } => {
                self.done.insert(ticket);
            }
            Op::Wait { on, ticket } => self.run_to(on, ticket),
        }
        true
    }

    fn lost_by(&mut self, what: String) -> bool {
        self.breach(what);
        self.lost = Some(Code::ILLEGAL_ADDRESS);
        true
    }

    /// Does the work that a recording is behind, and no other.
    fn run_to(&mut self, stream: usize, ticket: u64) {
        while !self.done.contains(&ticket) && self.lost.is_none() {
            if !self.step(stream) {
                return self.breach("an event's stream has ended without it");
            }
        }
    }
}

/// The device. Cheap to clone.
#[derive(Clone, Default)]
pub struct HostDevice {
    state: Arc<Mutex<State>>,
}

impl std::fmt::Debug for HostDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostDevice")
    }
}

impl HostDevice {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A context on it.
    pub fn context(&self) -> Context {
        Context::primary(&Cuda::with_driver(Arc::new(self.clone())).unwrap(), 0).unwrap()
    }

    /// The kernels, compiled by g++.
    pub fn kernels(&self, context: &Context) -> Result<Kernels, CudaError> {
        let image = |source: &vesalius_cuda::kernels::Source| {
            Ok(shim::libraries()[source.name].to_str().unwrap().as_bytes().to_vec())
        };
        // SAFETY: this device's images are paths of libraries made of the very sources.
        unsafe { Kernels::from_images(context, image) }
    }

    /// Lets a call fail; with a code that loses the context, all that follow fail too.
    pub fn fail(&self, failure: Failure) {
        self.state().failure = Some(failure);
    }

    /// Ends every failure: what a reset of the device does.
    pub fn heal(&self) {
        let mut state = self.state();
        (state.failure, state.lost) = (None, None);
    }

    /// The calls since the last time.
    pub fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.state().calls)
    }

    /// Does all that is queued on a stream.
    pub fn run(&self, stream: RawStream) {
        let mut state = self.state();
        while state.step(stream.0) {}
    }

    /// How many memories there are on the device.
    pub fn alive(&self) -> usize {
        self.state().memory.alive()
    }

    /// What was done wrong so far.
    pub fn breaches(&self) -> Vec<String> {
        self.state().breaches.clone()
    }

    /// Fails on any breach; everything must have been given back.
    pub fn finish(&self) {
        let state = self.state();
        assert!(state.breaches.is_empty(), "{:?}", state.breaches);
        assert!(state.memory.is_whole() && state.pinned.is_whole(), "something was written beside a memory");
        let left = (state.memory.alive(), state.pinned.alive(), state.streams.len(), state.events.len());
        assert_eq!(left, (0, 0, 0, 0), "memories, page-locked memories, streams, events are left");
        assert_eq!((state.retained, state.modules.len()), (0, 0), "a context or a module is left");
        assert!(state.current.values().all(Vec::is_empty), "a thread is left in a context");
    }

    /// Notes a call of another library that works in the context.
    #[allow(dead_code)] // For the feature `nvmm`; this file is part of tests of crates that have no such feature.
    pub fn foreign(&self, name: &'static str) -> Outcome<()> {
        self.call(name, true).map(drop)
    }

    /// Notes a call; the state, or the error that the call returns.
    fn call(&self, name: &'static str, in_context: bool) -> Outcome<MutexGuard<'_, State>> {
        let mut state = self.state();
        state.calls.push(name);
        let thread = std::thread::current().id();
        if in_context && state.current.get(&thread).is_none_or(Vec::is_empty) {
            state.breach(format!("{name} without a context"));
        }
        if let Some(code) = state.lost {
            return Err(code);
        }
        if let Some(failure) = state.failure.as_mut().filter(|failure| failure.call == name) {
            if failure.after == 0 {
                let code = failure.code;
                state.failure = None;
                if code.is_sticky() {
                    state.lost = Some(code);
                }
                return Err(code);
            }
            failure.after -= 1;
        }
        Ok(state)
    }

    fn queue(&self, name: &'static str, stream: RawStream, op: Op) -> Outcome<()> {
        let mut state = self.call(name, true)?;
        match state.streams.get_mut(&stream.0) {
            Some(queue) => queue.push_back(op),
            None => state.breach(format!("{name} on a stream that there is not")),
        }
        Ok(())
    }
}

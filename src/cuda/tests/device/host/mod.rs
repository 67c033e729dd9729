//! A device that is none: the driver's calls, done on the CPU as late as their order allows.
//!
//! Work is only queued. It is done when somebody waits for it, and of other streams just what has to come before: work
//! that is not ordered behind what it needs finds it undone, and memory that is let go of too early is found freed. Every
//! breach is noted; [`HostDevice::finish`] asks for them.

mod memory;
mod shim;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::ThreadId;

use vesalius_cuda::sys::{
    Code, DevicePtr, Dim3, Driver, Outcome, RawContext, RawEvent, RawFunction, RawModule, RawStream,
};
use vesalius_cuda::{Context, Cuda, CudaError, Kernels};

use memory::Memory;

type LaunchFn = unsafe extern "C" fn(*const u8, *const u32, *const u32);

#[derive(Clone)]
struct Function {
    name: String,
    launch: LaunchFn,
    size: usize,
}

enum Op {
    Copy {
        to: u64,
        from: u64,
        bytes: usize,
        is_download: bool,
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
            Op::Copy { to, from, bytes, is_download } => {
                let (device, host) = if is_download { (from, to) } else { (to, from) };
                for fault in [self.memory.touch(device, bytes), self.pinned.touch(host, bytes)] {
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
                for word in arguments.chunks_exact(8) {
                    let word = u64::from_ne_bytes(word.try_into().unwrap());
                    if self.memory.is_freed(word) {
                        return self.lost_by(format!("{}: its memory was freed", function.name));
                    }
                }
                // SAFETY: the library's function of this kernel, with a structure of its size. What it does to memory
                // is what is tested; guards show it.
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

// SAFETY: work of a stream is done in its order, and memory stays until it is freed, and longer.
unsafe impl Driver for HostDevice {
    fn version(&self) -> Outcome<i32> {
        Ok(13_000)
    }
    fn device_count(&self) -> Outcome<i32> {
        Ok(1)
    }
    fn device_name(&self, _: i32) -> Outcome<String> {
        Ok("CPU through g++".to_owned())
    }
    fn compute_capability(&self, _: i32) -> Outcome<(i32, i32)> {
        Ok((8, 7))
    }
    fn error_name(&self, code: Code) -> String {
        format!("CUDA_ERROR_{}", code.0)
    }

    fn primary_retain(&self, _: i32) -> Outcome<RawContext> {
        let mut state = self.call("retain", false)?;
        state.retained += 1;
        Ok(RawContext(PRIMARY))
    }
    unsafe fn primary_release(&self, _: i32) -> Outcome<()> {
        // Taken back even when the context is lost, as the driver does.
        self.state().retained -= 1;
        self.call("release", false).map(drop)
    }
    unsafe fn context_push(&self, context: RawContext) -> Outcome<()> {
        // Pushing goes on working in a lost context.
        self.state().current.entry(std::thread::current().id()).or_default().push(context.0);
        Ok(())
    }
    unsafe fn context_pop(&self) -> Outcome<()> {
        let mut state = self.state();
        if state.current.entry(std::thread::current().id()).or_default().pop().is_none() {
            state.breach("a context is popped that was not pushed");
        }
        Ok(())
    }

    unsafe fn mem_alloc(&self, bytes: usize) -> Outcome<DevicePtr> {
        Ok(DevicePtr(self.call("mem_alloc", true)?.memory.allocate(bytes)))
    }
    unsafe fn mem_free(&self, memory: DevicePtr) -> Outcome<()> {
        let mut state = self.call("mem_free", true)?;
        if let Err(what) = state.memory.free(memory.0) {
            state.breach(what);
        }
        Ok(())
    }
    unsafe fn host_alloc(&self, bytes: usize) -> Outcome<*mut u8> {
        Ok(self.call("host_alloc", true)?.pinned.allocate(bytes) as *mut u8)
    }
    unsafe fn host_free(&self, memory: *mut u8) -> Outcome<()> {
        let mut state = self.call("host_free", true)?;
        if let Err(what) = state.pinned.free(memory as u64) {
            state.breach(what);
        }
        Ok(())
    }

    unsafe fn copy_to_device(
        &self,
        to: DevicePtr,
        from: *const u8,
        bytes: usize,
        stream: RawStream,
    ) -> Outcome<()> {
        self.queue("upload", stream, Op::Copy { to: to.0, from: from as u64, bytes, is_download: false })
    }
    unsafe fn copy_to_host(
        &self,
        to: *mut u8,
        from: DevicePtr,
        bytes: usize,
        stream: RawStream,
    ) -> Outcome<()> {
        self.queue("download", stream, Op::Copy { to: to as u64, from: from.0, bytes, is_download: true })
    }
    unsafe fn memset(&self, memory: DevicePtr, value: u8, bytes: usize, stream: RawStream) -> Outcome<()> {
        self.queue("memset", stream, Op::Set { at: memory.0, value, bytes })
    }

    unsafe fn stream_create(&self) -> Outcome<RawStream> {
        let mut state = self.call("stream_create", true)?;
        let handle = state.handle();
        state.streams.insert(handle, VecDeque::new());
        Ok(RawStream(handle))
    }
    unsafe fn stream_destroy(&self, stream: RawStream) -> Outcome<()> {
        let mut state = self.call("stream_destroy", true)?;
        // The driver would do what is left; that nobody waits for it must not touch memory any more.
        let touches = |op: &Op| !matches!(op, Op::Record { .. } | Op::Wait { .. });
        match state.streams.get(&stream.0) {
            None => state.breach("a stream is destroyed that never was"),
            Some(queue) if queue.iter().any(touches) => state.breach("a stream is destroyed that has work"),
            Some(_) => while state.step(stream.0) {},
        }
        state.streams.remove(&stream.0);
        Ok(())
    }
    unsafe fn stream_synchronize(&self, stream: RawStream) -> Outcome<()> {
        let mut state = self.call("stream_synchronize", true)?;
        while state.lost.is_none() && state.step(stream.0) {}
        state.lost.map_or(Ok(()), Err)
    }
    unsafe fn stream_wait(&self, stream: RawStream, event: RawEvent) -> Outcome<()> {
        let recorded = self.call("stream_wait", true)?.events.get(&event.0).copied().flatten();
        match recorded {
            Some((on, ticket)) => {
                let op = Op::Wait { on, ticket };
                self.state().streams.get_mut(&stream.0).unwrap().push_back(op);
            }
            None => self.state().breach("a stream waits for an event that was never recorded"),
        }
        Ok(())
    }

    unsafe fn event_create(&self, _: bool) -> Outcome<RawEvent> {
        let mut state = self.call("event_create", true)?;
        let handle = state.handle();
        state.events.insert(handle, None);
        Ok(RawEvent(handle))
    }
    unsafe fn event_destroy(&self, event: RawEvent) -> Outcome<()> {
        let mut state = self.call("event_destroy", true)?;
        if state.events.remove(&event.0).is_none() {
            state.breach("an event is destroyed that never was");
        }
        Ok(())
    }
    unsafe fn event_record(&self, event: RawEvent, stream: RawStream) -> Outcome<()> {
        let mut state = self.call("event_record", true)?;
        state.tickets += 1;
        let ticket = state.tickets;
        match state.events.get_mut(&event.0) {
            Some(recorded) => *recorded = Some((stream.0, ticket)),
            None => state.breach("an event is recorded that never was"),
        }
        match state.streams.get_mut(&stream.0) {
            Some(queue) => queue.push_back(Op::Record { ticket }),
            None => state.breach("an event is recorded on a stream that there is not"),
        }
        Ok(())
    }
    unsafe fn event_query(&self, event: RawEvent) -> Outcome<bool> {
        let state = self.call("event_query", true)?;
        Ok(state.events[&event.0].is_none_or(|(_, ticket)| state.done.contains(&ticket)))
    }
    unsafe fn event_synchronize(&self, event: RawEvent) -> Outcome<()> {
        let mut state = self.call("event_synchronize", true)?;
        if let Some((stream, ticket)) = state.events[&event.0] {
            state.run_to(stream, ticket);
        }
        state.lost.map_or(Ok(()), Err)
    }
    unsafe fn event_elapsed_ms(&self, _: RawEvent, _: RawEvent) -> Outcome<f32> {
        self.call("event_elapsed", true).map(|_| 1.0)
    }

    unsafe fn module_load(&self, image: &[u8]) -> Outcome<RawModule> {
        let mut state = self.call("module_load", true)?;
        let path = std::str::from_utf8(image).map_err(|_| Code(200))?;
        // SAFETY: a library of kernels has no initialisers.
        let library = unsafe { libloading::Library::new(path) }.map_err(|_| Code(200))?;
        let handle = state.handle();
        state.modules.insert(handle, library);
        Ok(RawModule(handle))
    }
    unsafe fn module_unload(&self, module: RawModule) -> Outcome<()> {
        let mut state = self.call("module_unload", true)?;
        if state.modules.remove(&module.0).is_none() {
            state.breach("a module is unloaded that never was");
        }
        Ok(())
    }
    unsafe fn module_function(&self, module: RawModule, name: &str) -> Outcome<RawFunction> {
        let mut state = self.call("module_function", true)?;
        let library = state.modules.get(&module.0).ok_or(Code::INVALID_VALUE)?;
        // SAFETY: the shim declares these two for each kernel, with these types.
        let function = unsafe {
            let launch = library.get::<LaunchFn>(format!("{name}__launch\0").as_bytes());
            let size = library.get::<unsafe extern "C" fn() -> usize>(format!("{name}__size\0").as_bytes());
            let (Ok(launch), Ok(size)) = (launch, size) else { return Err(Code::NOT_FOUND) };
            Function { name: name.to_owned(), launch: *launch, size: size() }
        };
        let handle = state.handle();
        state.functions.insert(handle, function);
        Ok(RawFunction(handle))
    }
    unsafe fn launch(
        &self,
        function: RawFunction,
        grid: Dim3,
        block: Dim3,
        arguments: &[u8],
        stream: RawStream,
    ) -> Outcome<()> {
        let function = self.state().functions[&function.0].clone();
        if function.size != arguments.len() {
            let what = format!("{} takes {} bytes, not {}", function.name, function.size, arguments.len());
            self.state().breach(what);
            return Err(Code::INVALID_VALUE);
        }
        if block.iter().product::<u32>() > 1024 || grid[1] > 65_535 || grid[2] > 65_535 {
            return Err(Code::INVALID_VALUE);
        }
        self.queue("launch", stream, Op::Launch { function, grid, block, arguments: arguments.to_vec() })
    }
}

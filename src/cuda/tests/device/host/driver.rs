//! The driver's calls, done by [`HostDevice`].

use std::collections::VecDeque;

use vesalius_cuda::sys::{
    Code, DevicePtr, Dim3, Driver, Outcome, RawContext, RawEvent, RawFunction, RawModule, RawStream,
};

use super::{Function, HostDevice, LaunchFn, Op, PRIMARY, Way};

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
        self.queue("upload", stream, Op::Copy { to: to.0, from: from as u64, bytes, way: Way::Up })
    }
    unsafe fn copy_to_host(
        &self,
        to: *mut u8,
        from: DevicePtr,
        bytes: usize,
        stream: RawStream,
    ) -> Outcome<()> {
        self.queue("download", stream, Op::Copy { to: to as u64, from: from.0, bytes, way: Way::Down })
    }
    unsafe fn copy_on_device(
        &self,
        to: DevicePtr,
        from: DevicePtr,
        bytes: usize,
        stream: RawStream,
    ) -> Outcome<()> {
        self.queue("copy", stream, Op::Copy { to: to.0, from: from.0, bytes, way: Way::Across })
    }
    unsafe fn host_pointer(&self, memory: DevicePtr) -> Outcome<*mut u8> {
        drop(self.call("host_pointer", true)?);
        Ok(memory.0 as *mut u8)
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
            Function { name: name.to_owned(), module: module.0, launch: *launch, size: size() }
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

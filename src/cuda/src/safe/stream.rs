//! Order: streams, fences between them, and what is kept alive until a stream has passed.
//!
//! Work is handed in with a [`Work`]: everything that it touches is held, and let go when the fence behind it
//! has passed. Nothing here makes the host wait but [`Fence::block`], [`Stream::synchronize`] and dropping a
//! stream that still has work, and each is counted.

use std::any::Any;
use std::sync::Arc;

use parking_lot::Mutex;

use super::context::Context;
use super::counters::Counters;
use super::keep::KeepAlive;
use crate::result::CudaError;
use crate::sys::{RawEvent, RawStream};

#[derive(Debug)]
struct Event {
    context: Context,
    raw: RawEvent,
}

impl Drop for Event {
    fn drop(&mut self) {
        self.context.give_event(self.raw);
    }
}

/// A place in a stream: passed once everything before it is done.
#[derive(Clone, Debug)]
pub struct Fence {
    event: Arc<Event>,
}

impl Fence {
    /// Whether everything before it is done. The host does not wait.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`]: among them those of the work before it.
    pub fn is_passed(&self) -> Result<bool, CudaError> {
        let context = &self.event.context;
        let _entered = context.enter()?;
        // SAFETY: the event is alive as long as `self` is.
        context.check("cuEventQuery", unsafe { context.driver().event_query(self.event.raw) })
    }

    /// Makes the host wait until everything before it is done. Counted.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`]: among them those of the work before it.
    pub fn block(&self) -> Result<(), CudaError> {
        let context = &self.event.context;
        Counters::add(&context.count().host_waits, 1);
        let _entered = context.enter()?;
        // SAFETY: the event is alive as long as `self` is.
        context.check("cuEventSynchronize", unsafe { context.driver().event_synchronize(self.event.raw) })
    }
}

/// Whose a stream is.
enum Provenance {
    Own,
    /// Somebody else's, kept alive by this and never destroyed by us.
    Borrowed(#[allow(dead_code)] Box<dyn Any + Send + Sync>),
}

struct Inner {
    context: Context,
    raw: RawStream,
    provenance: Provenance,
    keep: Mutex<KeepAlive>,
}

/// A queue of work on a device, done in order. Cheap to clone.
#[derive(Clone)]
pub struct Stream {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whose = match self.inner.provenance {
            Provenance::Own => "own",
            Provenance::Borrowed(_) => "borrowed",
        };
        write!(f, "Stream({whose}, {:?})", self.inner.keep.lock())
    }
}

impl Stream {
    /// A stream of one's own, which does not wait for the default stream.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn new(context: &Context) -> Result<Self, CudaError> {
        let _entered = context.enter()?;
        // SAFETY: the context is current.
        let raw = context.check("cuStreamCreate", unsafe { context.driver().stream_create() })?;
        Ok(Self::make(context, raw, Provenance::Own))
    }

    /// A stream that somebody else made and `keeper` keeps alive, such as that of a `GstCudaMemory`.
    ///
    /// # Safety
    ///
    /// `raw` is a stream of `context` and stays alive while `keeper` does.
    pub unsafe fn borrowed(context: &Context, raw: RawStream, keeper: Box<dyn Any + Send + Sync>) -> Self {
        Self::make(context, raw, Provenance::Borrowed(keeper))
    }

    fn make(context: &Context, raw: RawStream, provenance: Provenance) -> Self {
        let inner = Inner { context: context.clone(), raw, provenance, keep: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// The context it is of.
    pub fn context(&self) -> &Context {
        &self.inner.context
    }

    /// The driver's handle, alive as long as this is.
    pub fn raw(&self) -> RawStream {
        self.inner.raw
    }

    /// A fence behind everything handed in so far.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn fence(&self) -> Result<Fence, CudaError> {
        let context = self.context();
        let event = Event { context: context.clone(), raw: context.take_event()? };
        let _entered = context.enter()?;
        // SAFETY: event and stream are alive.
        let recorded = unsafe { context.driver().event_record(event.raw, self.raw()) };
        context.check("cuEventRecord", recorded)?;
        Ok(Fence { event: Arc::new(event) })
    }

    /// Lets everything handed in from now on wait until a fence of another stream has passed. The host does
    /// not wait.
    ///
    /// # Errors
    ///
    /// [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn wait(&self, fence: &Fence) -> Result<(), CudaError> {
        let context = self.context();
        if fence.event.context != *context {
            return Err(CudaError::OtherContext);
        }
        let _entered = context.enter()?;
        // SAFETY: event and stream are alive; the driver takes note of what was recorded at this moment.
        let waits = unsafe { context.driver().stream_wait(self.raw(), fence.event.raw) };
        context.check("cuStreamWaitEvent", waits)
    }

    /// Makes the host wait until everything is done. Counted.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`]: among them those of the work.
    pub fn synchronize(&self) -> Result<(), CudaError> {
        let context = self.context();
        Counters::add(&context.count().host_waits, 1);
        let _entered = context.enter()?;
        // SAFETY: the stream is alive.
        let done = unsafe { context.driver().stream_synchronize(self.raw()) };
        context.check("cuStreamSynchronize", done)?;
        self.collect();
        Ok(())
    }

    /// Lets go of what has been passed. Handing in work does this too.
    pub fn collect(&self) {
        self.inner.keep.lock().collect();
    }

    /// How many pieces of work are not known to be done.
    pub fn in_flight(&self) -> usize {
        self.inner.keep.lock().len()
    }

    /// Begins a piece of work.
    pub fn begin(&self) -> Work<'_> {
        self.collect();
        Work { stream: self, held: Vec::new() }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.keep.get_mut().drain();
        if let (Provenance::Own, Ok(_entered)) = (&self.provenance, self.context.enter()) {
            // SAFETY: made by us, and nobody else has it.
            let _ = unsafe { self.context.driver().stream_destroy(self.raw) };
        }
    }
}

/// A piece of work on a stream: launches and copies, and everything that they touch.
///
/// However it ends, what it touches is kept until the stream has passed it.
#[derive(Debug)]
pub struct Work<'s> {
    stream: &'s Stream,
    held: Vec<Box<dyn Any + Send>>,
}

impl Work<'_> {
    /// The stream it is on.
    pub fn stream(&self) -> &Stream {
        self.stream
    }

    /// The context it is in.
    pub fn context(&self) -> &Context {
        self.stream.context()
    }

    /// Keeps something until the stream has passed this work.
    pub fn hold<T: Any + Send>(&mut self, thing: T) {
        self.held.push(Box::new(thing));
    }

    /// Ends it; the fence passes when it is done.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn finish(mut self) -> Result<Fence, CudaError> {
        self.settle()
    }

    fn settle(&mut self) -> Result<Fence, CudaError> {
        let held = std::mem::take(&mut self.held);
        match self.stream.fence() {
            Ok(fence) => {
                self.stream.inner.keep.lock().hold(fence.clone(), held);
                Ok(fence)
            }
            Err(error) => {
                // Without a fence the stream itself is waited for; see `KeepAlive::give_up` for the rest.
                let waited = self.stream.synchronize();
                if matches!(&waited, Err(error) if !error.is_sticky()) {
                    std::mem::forget(held);
                }
                Err(error)
            }
        }
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        if !self.held.is_empty() {
            let _ = self.settle();
        }
    }
}

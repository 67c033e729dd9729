//! A context: one GPU's memory and work, shared with whoever else uses it.

use std::any::Any;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use parking_lot::Mutex;

use super::counters::{Counters, CountersNow};
use super::probe::{Cuda, Device};
use crate::result::CudaError;
use crate::sys::{Driver, Outcome, RawContext, RawEvent};

/// Whose a context is; what is done with it at the end follows from that.
enum Origin {
    /// The device's primary context, retained by us and released by us.
    Primary,
    /// Somebody else's, kept alive by this and never destroyed by us.
    Adopted(#[allow(dead_code)] Box<dyn Any + Send + Sync>),
}

struct Inner {
    driver: Arc<dyn Driver>,
    raw: RawContext,
    device: Device,
    driver_version: i32,
    origin: Origin,
    counters: Counters,
    /// Events that are not in use.
    events: Mutex<Vec<RawEvent>>,
    /// Page-locked memories that are not in use, as addresses, by their size.
    pinned: Mutex<HashMap<usize, Vec<usize>>>,
}

/// A context on a device. Cheap to clone; the last clone lets go of it.
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = match self.inner.origin {
            Origin::Primary => "primary",
            Origin::Adopted(_) => "adopted",
        };
        write!(f, "Context({origin} on {})", self.inner.device.name)
    }
}

impl PartialEq for Context {
    fn eq(&self, other: &Self) -> bool {
        self.inner.raw == other.inner.raw
    }
}

impl Context {
    /// The primary context of a device: the one that ONNX Runtime, TensorRT and everybody else take who do
    /// not ask for another.
    ///
    /// # Errors
    ///
    /// [`CudaError::Off`] for a device that is not there or too old, [`CudaError::Driver`].
    pub fn primary(cuda: &Cuda, ordinal: i32) -> Result<Self, CudaError> {
        let device = cuda.device(ordinal)?.clone();
        let driver = Arc::clone(cuda.driver());
        let raw = driver
            .primary_retain(ordinal)
            .map_err(|code| failed(driver.as_ref(), "cuDevicePrimaryCtxRetain", code))?;
        Ok(Self::make(cuda, raw, device, Origin::Primary))
    }

    /// A context that somebody else made and `keeper` keeps alive, such as a reference of a `GstCudaContext`.
    /// It is never destroyed here.
    ///
    /// # Errors
    ///
    /// [`CudaError::Off`] for a device that is not there or too old.
    ///
    /// # Safety
    ///
    /// `raw` is a context on device `ordinal` and stays alive while `keeper` does.
    pub unsafe fn adopt(
        cuda: &Cuda,
        ordinal: i32,
        raw: RawContext,
        keeper: Box<dyn Any + Send + Sync>,
    ) -> Result<Self, CudaError> {
        let device = cuda.device(ordinal)?.clone();
        Ok(Self::make(cuda, raw, device, Origin::Adopted(keeper)))
    }

    fn make(cuda: &Cuda, raw: RawContext, device: Device, origin: Origin) -> Self {
        let inner = Inner {
            driver: Arc::clone(cuda.driver()),
            raw,
            device,
            driver_version: cuda.driver_version(),
            origin,
            counters: Counters::default(),
            events: Mutex::default(),
            pinned: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The device it is on.
    pub fn device(&self) -> &Device {
        &self.inner.device
    }

    /// Major version of the driver's interface.
    pub fn driver_major(&self) -> i32 {
        self.inner.driver_version / 1000
    }

    /// The driver's handle, alive as long as this is.
    pub fn raw(&self) -> RawContext {
        self.inner.raw
    }

    /// Counts since it was made.
    pub fn counters(&self) -> CountersNow {
        self.inner.counters.now()
    }

    /// Makes the context the thread's own until the guard goes, then brings back the one before: threads of
    /// GStreamer have contexts of their own.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn enter(&self) -> Result<Entered<'_>, CudaError> {
        // SAFETY: the context is alive as long as `self` is.
        self.check("cuCtxPushCurrent", unsafe { self.inner.driver.context_push(self.inner.raw) })?;
        Ok(Entered { context: self, _thread: PhantomData })
    }

    /// Whether both are one and the same, and not a later one that the driver gave the same handle.
    #[cfg(feature = "nvmm")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn driver(&self) -> &dyn Driver {
        self.inner.driver.as_ref()
    }

    pub(crate) fn count(&self) -> &Counters {
        &self.inner.counters
    }

    pub(crate) fn check<T>(&self, call: &'static str, outcome: Outcome<T>) -> Result<T, CudaError> {
        outcome.map_err(|code| failed(self.driver(), call, code))
    }

    /// An event that takes no time stamps, made when all are in use.
    pub(crate) fn take_event(&self) -> Result<RawEvent, CudaError> {
        if let Some(event) = self.inner.events.lock().pop() {
            return Ok(event);
        }
        let _entered = self.enter()?;
        // SAFETY: the context is current.
        self.check("cuEventCreate", unsafe { self.driver().event_create(false) })
    }

    /// Takes an event back. Who still waits for it on the device waits for what was recorded before, by the
    /// driver's rules, so that it can be recorded anew at once.
    pub(crate) fn give_event(&self, event: RawEvent) {
        self.inner.events.lock().push(event);
    }

    /// Page-locked memory of at least `bytes`: its address and size.
    pub(crate) fn take_pinned(&self, bytes: usize) -> Result<(*mut u8, usize), CudaError> {
        let size = bytes.max(4096).next_power_of_two();
        if let Some(address) = self.inner.pinned.lock().get_mut(&size).and_then(Vec::pop) {
            return Ok((address as *mut u8, size));
        }
        let _entered = self.enter()?;
        // SAFETY: the context is current.
        let memory = self.check("cuMemHostAlloc", unsafe { self.driver().host_alloc(size) })?;
        Ok((memory, size))
    }

    /// Takes back memory that nothing on the device uses any more.
    pub(crate) fn give_pinned(&self, memory: *mut u8, size: usize) {
        self.inner.pinned.lock().entry(size).or_default().push(memory as usize);
    }
}

fn failed(driver: &dyn Driver, call: &'static str, code: crate::sys::Code) -> CudaError {
    CudaError::Driver { call, code, name: driver.error_name(code) }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let driver = self.driver.as_ref();
        // Nothing can be done about failures here; a context that is lost takes all of it along.
        // SAFETY: the context is alive until it is released below; nobody else has its events and memories,
        // since whoever has one has a clone of the context as well.
        unsafe {
            if driver.context_push(self.raw).is_ok() {
                for event in self.events.get_mut().drain(..) {
                    let _ = driver.event_destroy(event);
                }
                for (_, memories) in self.pinned.get_mut().drain() {
                    for memory in memories {
                        let _ = driver.host_free(memory as *mut u8);
                    }
                }
                let _ = driver.context_pop();
            }
            match self.origin {
                Origin::Primary => {
                    let _ = driver.primary_release(self.device.ordinal);
                }
                // Its keeper goes after this.
                Origin::Adopted(_) => {}
            }
        }
    }
}

/// A thread is in a context while this lives.
#[derive(Debug)]
pub struct Entered<'a> {
    context: &'a Context,
    /// The stack of contexts is the thread's.
    _thread: PhantomData<*const ()>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        // SAFETY: it was pushed when this was made, on this very thread.
        let _ = unsafe { self.context.driver().context_pop() };
    }
}

//! How long work takes on the device.

use super::context::Context;
use super::stream::Stream;
use crate::result::CudaError;
use crate::sys::RawEvent;

/// Two events that take time stamps.
#[derive(Debug)]
pub struct Timer {
    context: Context,
    from: RawEvent,
    to: RawEvent,
}

impl Timer {
    /// A timer for streams of a context.
    ///
    /// # Errors
    ///
    /// [`CudaError::Driver`].
    pub fn new(context: &Context) -> Result<Self, CudaError> {
        let _entered = context.enter()?;
        // SAFETY: the context is current.
        let make = || context.check("cuEventCreate", unsafe { context.driver().event_create(true) });
        let from = make()?;
        let to = make().inspect_err(|_| {
            // SAFETY: made just now, and nobody else has it.
            let _ = unsafe { context.driver().event_destroy(from) };
        })?;
        Ok(Self { context: context.clone(), from, to })
    }

    /// What the device needs for what `act` hands in, in milliseconds. The host waits.
    ///
    /// # Errors
    ///
    /// Those of `act`, [`CudaError::OtherContext`], [`CudaError::Driver`].
    pub fn measure(
        &self,
        stream: &Stream,
        act: impl FnOnce() -> Result<(), CudaError>,
    ) -> Result<f32, CudaError> {
        if *stream.context() != self.context {
            return Err(CudaError::OtherContext);
        }
        let record = |event| {
            let _entered = self.context.enter()?;
            // SAFETY: event and stream are alive.
            self.context
                .check("cuEventRecord", unsafe { self.context.driver().event_record(event, stream.raw()) })
        };
        record(self.from)?;
        act()?;
        record(self.to)?;
        stream.synchronize()?;
        let _entered = self.context.enter()?;
        // SAFETY: both events are alive, take time stamps, and have been recorded and passed.
        let elapsed = unsafe { self.context.driver().event_elapsed_ms(self.from, self.to) };
        self.context.check("cuEventElapsedTime", elapsed)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Ok(_entered) = self.context.enter() {
            for event in [self.from, self.to] {
                // SAFETY: made by us, and nobody else has it.
                let _ = unsafe { self.context.driver().event_destroy(event) };
            }
        }
    }
}

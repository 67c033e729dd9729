//! FAULT, and the way out of it.
//!
//! After some errors a context is lost: every later call in it fails. Whoever uses one through [`Recovering`]
//! gets the error at once, never a wait: the frame goes on without a result. The rest of the time the device
//! is left alone, and now and then everything is built anew, at longer and longer intervals.
//!
//! The driver's documentation says of these errors that "to continue using CUDA, the process must be
//! terminated and relaunched": a rebuild helps where whatever was wrong went with the context, such as an
//! adopted context whose owner made another or a device that came back. Where it does not help, FAULT stays,
//! and a supervisor starts the process that infers anew.

use std::time::Duration;

use crate::result::CudaError;

/// When a device in FAULT is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOff {
    /// After the first failure.
    pub first: Duration,
    /// The longest; each interval is twice the one before.
    pub longest: Duration,
}

impl Default for BackOff {
    fn default() -> Self {
        Self { first: Duration::from_millis(250), longest: Duration::from_secs(30) }
    }
}

impl BackOff {
    fn after(&self, failures: u32) -> Duration {
        self.first.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(self.longest)
    }
}

/// How a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It works.
    Ready,
    /// It is lost.
    Fault {
        /// What happened, in one line.
        cause: String,
        /// Failures in a row: the one that led here and those of rebuilding.
        failures: u32,
        /// When it is tried again, on the caller's clock.
        retry_at: Duration,
    },
}

/// An error of work on a device.
pub trait DeviceError: From<CudaError> + std::fmt::Display {
    /// Whether the context is lost with it.
    fn is_sticky(&self) -> bool;
}

impl DeviceError for CudaError {
    fn is_sticky(&self) -> bool {
        CudaError::is_sticky(self)
    }
}

/// Everything on a device that goes with its context, and how to build it anew.
pub struct Recovering<T, E = CudaError> {
    build: Box<dyn FnMut() -> Result<T, E> + Send>,
    built: Option<T>,
    health: Health,
    back_off: BackOff,
    rebuilds: u64,
}

impl<T, E> std::fmt::Debug for Recovering<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recovering({:?}, {} rebuilds)", self.health, self.rebuilds)
    }
}

impl<T, E: DeviceError> Recovering<T, E> {
    /// Builds for the first time.
    ///
    /// # Errors
    ///
    /// Those of `build`: what does not work at the start is no FAULT.
    pub fn new(
        back_off: BackOff,
        mut build: impl FnMut() -> Result<T, E> + Send + 'static,
    ) -> Result<Self, E> {
        let built = Some(build()?);
        Ok(Self { build: Box::new(build), built, health: Health::Ready, back_off, rebuilds: 0 })
    }

    /// Works with what is built. `now` is the time on a clock that never goes back.
    ///
    /// An error that loses the context drops everything that was built and leads to FAULT; any other leaves
    /// all as it is. In FAULT nothing of the device is touched before it is time to try again.
    ///
    /// # Errors
    ///
    /// Those of `act`, [`CudaError::Fault`].
    pub fn act<R>(&mut self, now: Duration, act: impl FnOnce(&mut T) -> Result<R, E>) -> Result<R, E> {
        if let Health::Fault { cause, failures, retry_at } = &self.health {
            if now < *retry_at {
                let retry_ms = u64::try_from((*retry_at - now).as_millis()).unwrap_or(u64::MAX);
                return Err(CudaError::Fault { retry_ms, cause: cause.clone() }.into());
            }
            let failures = *failures;
            match (self.build)() {
                Ok(built) => {
                    self.built = Some(built);
                    self.rebuilds += 1;
                    self.health = Health::Ready;
                }
                Err(error) => {
                    self.fault(now, &error, failures + 1);
                    return Err(error);
                }
            }
        }
        let Some(built) = &mut self.built else {
            return Err(CudaError::Fault { retry_ms: 0, cause: "nothing is built".to_owned() }.into());
        };
        act(built).inspect_err(|error| {
            if error.is_sticky() {
                self.fault(now, error, 1);
            }
        })
    }

    fn fault(&mut self, now: Duration, error: &E, failures: u32) {
        // Its owners give back what they have; the driver refuses most of it, and that is of no consequence.
        self.built = None;
        let retry_at = now.saturating_add(self.back_off.after(failures));
        self.health = Health::Fault { cause: error.to_string(), failures, retry_at };
    }

    /// How it is.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// How often it was built anew.
    pub fn rebuilds(&self) -> u64 {
        self.rebuilds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_double_up_to_the_longest() {
        let rules = BackOff { first: Duration::from_millis(250), longest: Duration::from_secs(3) };
        let after: Vec<u128> = (1..=6).map(|n| rules.after(n).as_millis()).collect();
        assert_eq!(after, [250, 500, 1000, 2000, 3000, 3000]);
        assert_eq!(rules.after(u32::MAX), rules.longest);
    }
}

//! Whether there is a GPU to work on, and if not, why.

use std::sync::Arc;

use crate::result::Off;
use crate::sys::{Cudarc, Driver, OpenError};

/// The oldest driver interface that will do, as `cuDriverGetVersion` has it: CUDA 12.0.
const OLDEST_DRIVER: i32 = 12_000;
/// The oldest compute capability: Turing, the oldest that the compilers of CUDA 13 know.
const OLDEST_CAPABILITY: (i32, i32) = (7, 5);

/// A GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The driver's number for it, from 0.
    pub ordinal: i32,
    /// Its name.
    pub name: String,
    /// Major and minor compute capability.
    pub capability: (i32, i32),
}

impl Device {
    /// The capability as compilers are told it: 87 for 8.7.
    pub fn arch(&self) -> u32 {
        u32::try_from(self.capability.0 * 10 + self.capability.1).unwrap_or(0)
    }
}

/// A driver that works and knows a device.
#[derive(Clone, Debug)]
pub struct Cuda {
    driver: Arc<dyn Driver>,
    version: i32,
    devices: Vec<Device>,
}

impl Cuda {
    /// Looks for a driver and its devices; the same program runs where there is none.
    ///
    /// ```
    /// match vesalius_cuda::Cuda::probe() {
    ///     Ok(cuda) => println!("{}", cuda.devices()[0].name),
    ///     Err(off) => println!("no GPU: {off}"),
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Off`], displayed as one line.
    pub fn probe() -> Result<Self, Off> {
        let driver = Cudarc::open().map_err(|error| match error {
            OpenError::NoLibrary => Off::NoDriver,
            OpenError::NoSymbol(name) => Off::LibraryMissing {
                library: "a function of the NVIDIA driver",
                message: format!("libcuda has no {name}; update the driver"),
            },
            OpenError::Init(crate::sys::Code::NO_DEVICE) => Off::NoDevice,
            OpenError::Init(code) => Off::DriverFails { name: format!("CUDA error {}", code.0) },
        })?;
        Self::with_driver(Arc::new(driver))
    }

    /// On a driver of one's own, as tests have it.
    ///
    /// # Errors
    ///
    /// [`Off`].
    pub fn with_driver(driver: Arc<dyn Driver>) -> Result<Self, Off> {
        let fails = |code| Off::DriverFails { name: driver.error_name(code) };
        let version = driver.version().map_err(fails)?;
        if version < OLDEST_DRIVER {
            return Err(Off::DriverTooOld { found: version, needed: OLDEST_DRIVER });
        }
        let count = driver.device_count().map_err(fails)?;
        if count < 1 {
            return Err(Off::NoDevice);
        }
        let devices = (0..count).map(|ordinal| {
            let name = driver.device_name(ordinal).map_err(fails)?;
            let capability = driver.compute_capability(ordinal).map_err(fails)?;
            Ok(Device { ordinal, name, capability })
        });
        let devices = devices.collect::<Result<Vec<_>, Off>>()?;
        Ok(Self { driver, version, devices })
    }

    /// Every device that the driver knows, at least one.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// The device of a number, if the kernels run on it.
    ///
    /// # Errors
    ///
    /// [`Off::NoSuchDevice`], [`Off::DeviceTooOld`].
    pub fn device(&self, ordinal: i32) -> Result<&Device, Off> {
        let count = self.devices.len() as i32;
        let device = self.devices.iter().find(|device| device.ordinal == ordinal);
        let device = device.ok_or(Off::NoSuchDevice { device: ordinal, count })?;
        if device.capability < OLDEST_CAPABILITY {
            return Err(Off::DeviceTooOld {
                name: device.name.clone(),
                capability: device.capability,
                needed: OLDEST_CAPABILITY,
            });
        }
        Ok(device)
    }

    /// The driver's interface, 1000 · major + 10 · minor.
    pub fn driver_version(&self) -> i32 {
        self.version
    }

    pub(crate) fn driver(&self) -> &Arc<dyn Driver> {
        &self.driver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_says_what_it_has_or_why_it_has_none() {
        match Cuda::probe() {
            Ok(cuda) => assert!(!cuda.devices().is_empty()),
            Err(off) => assert!(!off.to_string().contains('\n') && !off.to_string().is_empty()),
        }
    }
}

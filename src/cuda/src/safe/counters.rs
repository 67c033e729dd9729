//! What happened on a device, counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counts of a context since it was made.
        #[derive(Debug, Default)]
        pub struct Counters {
            $(pub(crate) $name: AtomicU64,)*
        }

        /// Counts of a context since it was made: "nothing is copied" and "the host never waits" are numbers
        /// here.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct CountersNow {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// All counts as they stand.
            pub fn now(&self) -> CountersNow {
                CountersNow { $($name: self.$name.load(Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Pictures copied from the host to the device.
    frames_uploaded,
    /// Pictures copied from the device to the host.
    frames_downloaded,
    /// Pictures copied from one place on the device to another.
    frames_copied,
    /// Bytes that went to the device, whatever they are.
    bytes_up,
    /// Bytes that came from the device, whatever they are.
    bytes_down,
    /// How often the host waited for the device.
    host_waits,
    /// Kernels launched.
    launches,
    /// Memories allocated on the device.
    allocations,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Relaxed);
    }
}

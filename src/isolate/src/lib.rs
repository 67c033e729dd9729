//! A model in a process of its own, so that its crash, its hunger for memory or its silence ends that process and
//! nothing else.
//!
//! A thread cannot survive a segmentation fault, an out-of-memory kill or a driver that never returns; a process can.
//! The parent ([`Process`]) writes a tensor into shared memory, sends a message of a few bytes, and waits no longer
//! than it likes. The child ([`serve`]) answers through the same memory. Neither trusts the other's numbers: lengths and slots are
//! checked on both sides, and the memory's size is sealed, so that no side can pull it away from the other.
//!
//! * [`Layout`]: what lies where in the shared memory;
//! * [`Launch`], [`Process`], [`Ticket`]: the parent's side;
//! * [`serve`], [`Job`]: the child's side;
//! * [`Limits`], [`Confinement`]: what the child may not do, and what of it the system could enforce;
//! * [`Restarts`]: when a process that ended is started again, and when no more;
//! * [`set_urgency`]: which threads go before others, where a picture shares its processors with the model.
//!
//! Linux only: elsewhere [`Process::spawn`] says so and the caller stays with a thread.

mod backoff;
mod error;
mod layout;
mod wire;

#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
mod confine;
#[cfg(target_os = "linux")]
mod keeper;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod parent;
#[cfg(target_os = "linux")]
mod priority;

pub use backoff::{Decision, Restarts};
pub use error::{CallError, Ending, IsolateError};
pub use layout::{Layout, MOST_BYTES, MOST_SLOTS};

#[cfg(target_os = "linux")]
pub use child::{Job, serve};
#[cfg(target_os = "linux")]
pub use confine::{Confinement, Limits};
#[cfg(target_os = "linux")]
pub use parent::{Answer, Launch, Process, Ticket};
#[cfg(target_os = "linux")]
pub use priority::{Granted, Urgency, set_urgency};

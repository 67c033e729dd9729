//! What is kept until a stream has passed.

use std::any::Any;
use std::collections::VecDeque;

use super::stream::Fence;
use crate::result::CudaError;

/// Things that stay until fences have passed, in order.
#[derive(Default)]
pub struct KeepAlive {
    queue: VecDeque<(Fence, Vec<Box<dyn Any + Send>>)>,
}

impl std::fmt::Debug for KeepAlive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeepAlive({} held)", self.len())
    }
}

impl KeepAlive {
    /// Keeps things until a fence has passed.
    pub fn hold(&mut self, until: Fence, things: Vec<Box<dyn Any + Send>>) {
        self.queue.push_back((until, things));
    }

    /// How many fences have not been seen to pass.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Lets go of what has been passed, without waiting. The fences are of one stream, so the first that has
    /// not passed ends the look.
    pub fn collect(&mut self) {
        while let Some((fence, _)) = self.queue.front() {
            match fence.is_passed() {
                Ok(true) => drop(self.queue.pop_front()),
                Ok(false) => break,
                Err(error) => {
                    self.give_up(&error);
                    break;
                }
            }
        }
    }

    /// Lets go of everything, waiting for it.
    pub fn drain(&mut self) {
        while let Some((fence, _)) = self.queue.back() {
            match fence.block() {
                // The last has passed, so all have.
                Ok(()) => self.queue.clear(),
                Err(error) => self.give_up(&error),
            }
        }
    }

    /// A fence that cannot be asked. Where the context is lost no work runs any more and things can go; else
    /// it is not known whether work still touches them, and memory is better lost than handed to somebody
    /// else.
    fn give_up(&mut self, error: &CudaError) {
        for (_, things) in self.queue.drain(..) {
            if !error.is_sticky() {
                std::mem::forget(things);
            }
        }
    }
}

impl Drop for KeepAlive {
    fn drop(&mut self) {
        self.drain();
    }
}

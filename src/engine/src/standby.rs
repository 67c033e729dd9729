//! A worker that is made ready while another serves.
//!
//! Loading and warming up takes seconds on a GPU. Whoever wants another engine, or the same one freshly compiled, starts
//! a [`Standby`] and goes on with the worker at hand until it is ready; then one takes the other's place between two
//! pictures. One that fails changes nothing.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use crate::engine::{Engine, Worker};
use crate::error::EngineError;
use crate::session::SessionOptions;

/// A worker in the making, on a thread of its own.
#[derive(Debug)]
pub struct Standby {
    /// `None` when the worker, or why there is none, was handed over.
    ready: Option<Receiver<Result<Worker, EngineError>>>,
}

impl Standby {
    /// Begins to load an engine. What it loads has run on a picture before it is handed over.
    ///
    /// # Errors
    ///
    /// Where no thread can be started.
    pub fn start(engine: &Engine, options: &SessionOptions) -> std::io::Result<Self> {
        let (engine, options) = (engine.clone(), options.clone());
        let (sender, ready) = sync_channel(1);
        std::thread::Builder::new().name("vesalius-standby".to_owned()).spawn(move || {
            let made = Worker::new(&engine, &options).and_then(|mut worker| {
                worker.warm_up()?;
                Ok(worker)
            });
            // Whoever waited may have gone.
            let _ = sender.send(made);
        })?;
        Ok(Self { ready: Some(ready) })
    }

    /// The worker, or why there is none, once; `None` while it is made.
    pub fn take(&mut self) -> Option<Result<Worker, EngineError>> {
        let made = match self.ready.as_ref()?.try_recv() {
            Ok(made) => made,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(panicked()),
        };
        self.ready = None;
        Some(made)
    }

    /// Waits for the worker.
    ///
    /// # Errors
    ///
    /// As [`Worker::new`] and [`Worker::process`].
    pub fn wait(self) -> Result<Worker, EngineError> {
        let made = self.ready.and_then(|ready| ready.recv().ok());
        made.unwrap_or_else(|| Err(panicked()))
    }
}

/// The thread ended without a word.
fn panicked() -> EngineError {
    EngineError::Run { engine: "standby".to_owned(), message: "its loading ended in a panic".to_owned() }
}

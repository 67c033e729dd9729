//! A worker that is made ready while another serves.
//!
//! Loading and warming up takes seconds on a GPU. Whoever wants another engine, or the same one freshly compiled, starts
//! a [`Standby`] and goes on with the worker at hand until it is ready; then one takes the other's place between two
//! pictures. One that fails changes nothing.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use crate::engine::{Engine, Worker, synthetic_run};
use crate::error::EngineError;
use crate::session::SessionOptions;

/// A worker in the making, on a thread of its own.
#[derive(Debug)]
pub struct Standby {
    ready: Receiver<Result<Worker, EngineError>>,
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
                synthetic_run(&mut worker)?;
                Ok(worker)
            });
            // Whoever waited may have gone.
            let _ = sender.send(made);
        })?;
        Ok(Self { ready })
    }

    /// The worker, or why there is none, once; `None` while it is made.
    pub fn take(&mut self) -> Option<Result<Worker, EngineError>> {
        match self.ready.try_recv() {
            Ok(made) => Some(made),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }

    /// Waits for the worker.
    ///
    /// # Errors
    ///
    /// As [`Worker::new`] and [`Worker::process`].
    pub fn wait(self) -> Result<Worker, EngineError> {
        self.ready.recv().unwrap_or_else(|_| {
            // The thread ended without a word: it panicked inside a library.
            Err(EngineError::Run { engine: "standby".to_owned(), message: "its loading panicked".to_owned() })
        })
    }
}

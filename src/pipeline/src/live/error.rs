//! Why a live job does not begin, or does not go on.

use std::path::PathBuf;

/// Every message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The source's name is none.
    #[error("{message}")]
    Source {
        /// What is wrong.
        message: String,
    },
    /// The engine, the protocol or the scale cannot be used.
    #[error("{message}")]
    Settings {
        /// What is wrong.
        message: String,
    },
    /// The chain of elements does not start, or broke.
    #[error("the picture's pipeline failed: {message}")]
    Chain {
        /// What GStreamer says.
        message: String,
    },
    /// No window.
    #[error("no window: {message}")]
    Window {
        /// What is missing.
        message: String,
    },
    /// Nothing is served.
    #[error(transparent)]
    Serve(#[from] vesalius_serve::ServeError),
    /// Recordings cannot be written there.
    #[error("{}: cannot be written: {message}", path.display())]
    Record {
        /// The folder.
        path: PathBuf,
        /// Why not.
        message: String,
    },
    /// The system gives no thread.
    #[error("a thread could not be started: {0}")]
    Thread(std::io::Error),
}

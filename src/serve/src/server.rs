//! A thread that serves, from the moment it stands to the moment it is dropped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

use crate::Control;
use crate::hub::Hub;
use crate::routes::{Shared, router};

/// Connections at once. A browser takes two or three; more wait until others go.
const MOST_CONNECTIONS: usize = 512;

/// A client that has not said what it wants by then is sent away.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

/// Fewest characters of a token.
const SHORTEST_TOKEN: usize = 16;

/// How to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where; port 0 takes any free one.
    pub address: SocketAddr,
    /// What others must know to be let in; needed on every address but loopback. Letters, digits, `-` and `_`.
    pub token: Option<String>,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Everybody on the network could look and control.
    #[error("{0} can be reached from other machines: give a token, or serve on 127.0.0.1")]
    TokenNeeded(SocketAddr),
    /// Too short to be a secret, or with characters that do not fit into a header.
    #[error("the token must have at least {SHORTEST_TOKEN} letters, digits, '-' or '_'")]
    TokenUnfit,
    /// The address is taken, not this machine's, or not allowed.
    #[error("cannot serve on {address}: {cause}; give another address or port")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// No thread or no event queue.
    #[error("cannot start the server: {0}")]
    System(std::io::Error),
}

/// A server at work; stops when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts serving.
    ///
    /// # Errors
    ///
    /// [`ServeError`].
    pub fn start(options: &Options, hub: Hub, control: Arc<dyn Control>) -> Result<Self, ServeError> {
        let address = options.address;
        let fits = |token: &str| {
            token.len() >= SHORTEST_TOKEN
                && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        match &options.token {
            None if !address.ip().is_loopback() => return Err(ServeError::TokenNeeded(address)),
            Some(token) if !fits(token) => return Err(ServeError::TokenUnfit),
            _ => {}
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(8)
            .thread_name("vesalius-serve")
            .enable_all()
            .build()
            .map_err(ServeError::System)?;
        let bound = runtime.block_on(TcpListener::bind(address));
        let bound = bound.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|cause| ServeError::Bind { address, cause })?;
        let shared = Shared { hub, control, token: options.token.as_deref().map(Arc::from) };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("vesalius-serve".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, shared) => {}
                        _ = stopped => {}
                    }
                });
                // Streams never end by themselves, and a control that hangs must not hold the program.
                runtime.shutdown_timeout(Duration::from_millis(200));
            })
            .map_err(ServeError::System)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, shared: Shared) {
    let service = router(shared);
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        // Never closed, so there is always a permit to wait for.
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // Out of descriptors, or a client that is gone again: others will come.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // Events are small, and wanted now.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS_WITHIN)
                .max_buf_size(64 << 10)
                .serve_connection(TokioIo::new(stream), service);
            // A client that breaks off is its own business.
            let _ = connection.await;
            drop(permit);
        });
    }
}

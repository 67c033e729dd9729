//! The newest of everything, left by the job and taken by whoever asks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::metrics::Metric;
use crate::status::Status;

/// A picture as JPEG bytes.
pub type Jpeg = Arc<[u8]>;

/// A picture that is older is not now, and nobody is given it: none are made while nobody looks.
const OLD: Duration = Duration::from_secs(1);

/// A picture, and when it was left.
#[derive(Clone, Debug)]
pub(crate) struct Newest {
    at: Instant,
    jpeg: Jpeg,
}

impl Newest {
    /// The picture, while it is now.
    pub(crate) fn now(&self) -> Option<Jpeg> {
        (self.at.elapsed() < OLD).then(|| self.jpeg.clone())
    }
}

/// Where the job leaves its newest. Cheap to clone. Nothing here waits for a reader.
#[derive(Clone, Debug)]
pub struct Hub {
    status: watch::Sender<Arc<Status>>,
    picture: watch::Sender<Option<Newest>>,
    metrics: watch::Sender<Arc<Vec<Metric>>>,
    updated: watch::Sender<Instant>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            status: watch::Sender::new(Arc::default()),
            picture: watch::Sender::new(None),
            metrics: watch::Sender::new(Arc::default()),
            updated: watch::Sender::new(Instant::now()),
        }
    }
}

impl Hub {
    /// Leaves a status. One that says the same wakes nobody.
    pub fn set_status(&self, status: Status) {
        self.updated.send_replace(Instant::now());
        self.status.send_if_modified(|old| {
            let is_another = **old != status;
            if is_another {
                *old = Arc::new(status);
            }
            is_another
        });
    }

    /// Leaves a picture.
    pub fn set_picture(&self, jpeg: impl Into<Jpeg>) {
        self.picture.send_replace(Some(Newest { at: Instant::now(), jpeg: jpeg.into() }));
    }

    /// Whether anybody looks at pictures now: if nobody does, none need be made.
    pub fn picture_is_wanted(&self) -> bool {
        self.picture.receiver_count() > 0
    }

    /// Leaves figures for Prometheus.
    pub fn set_metrics(&self, metrics: Vec<Metric>) {
        self.metrics.send_replace(Arc::new(metrics));
    }

    pub(crate) fn status(&self) -> Arc<Status> {
        self.status.borrow().clone()
    }

    pub(crate) fn watch_status(&self) -> watch::Receiver<Arc<Status>> {
        self.status.subscribe()
    }

    pub(crate) fn watch_picture(&self) -> watch::Receiver<Option<Newest>> {
        self.picture.subscribe()
    }

    pub(crate) fn metrics(&self) -> Arc<Vec<Metric>> {
        self.metrics.borrow().clone()
    }

    /// When the job last left a status, or began.
    pub(crate) fn last_update(&self) -> Instant {
        *self.updated.borrow()
    }
}

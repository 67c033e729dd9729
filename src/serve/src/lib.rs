//! Control, metrics and a browser's view of a live picture, over HTTP.
//!
//! ```text
//! the live job ── Hub: status, newest JPEG, metrics ──► Server ──► browsers, scripts, Prometheus, a supervisor
//!              ◄─ Control: on/off, engine, record, … ──┘
//! ```
//!
//! Never in the frame's way: the job leaves its newest in the [`Hub`], which holds one of each, and goes on. A browser takes the
//! newest when it is ready for one; a slow one sees fewer pictures, and nobody else notices.
//!
//! | path | |
//! |---|---|
//! | `GET /` | the page |
//! | `GET /api/status` | [`Status`] as JSON |
//! | `GET /api/events` | the same as server-sent events, whenever it changes |
//! | `GET /picture.jpg`, `/picture.mjpeg` | the newest picture; the newest, again and again |
//! | `POST /api/ai`, `/api/engine`, `/api/record`, `/api/look-back`, `/api/snapshot`, `/api/new-patient`, `/api/webrtc` | [`Control`]; JSON in and out |
//! | `GET /metrics` | Prometheus text |
//! | `GET /healthz`, `/readyz` | 200, or 503 and one line that says why not |
//!
//! # Who may
//!
//! On a loopback address whoever is on the machine may look and control; a page of another site in the same browser may
//! not, for requests must name this host and come from this origin. On any other address everything but `/healthz` needs the
//! token: `Authorization: Bearer …`, or once `/?token=…`, which a browser then keeps as a cookie. Without a token the
//! server does not start there.

mod guard;
mod hub;
mod metrics;
mod routes;
mod server;
mod status;

pub use hub::{Hub, Jpeg};
pub use metrics::{Metric, MetricKind};
pub use server::{Options, ServeError, Server};
pub use status::{Ai, Privacy, Recording, Signal, Status, ValueNow};
pub use vesalius_measure::live::AiState;

/// What a person can do to the job. Called on a thread that may wait a little; must not panic.
pub trait Control: Send + Sync + 'static {
    /// Turns results and drawing on or off; takes effect at once, whatever inference does.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    fn set_ai(&self, on: bool) -> Result<(), Refusal>;

    /// Takes another engine when it has warmed up; the old one serves until then.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: there is none of that name, or it does not load. The old one stays.
    fn set_engine(&self, name: &str) -> Result<(), Refusal>;

    /// Starts or stops recording.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    fn record(&self, on: bool) -> Result<(), Refusal>;

    /// Keeps the seconds before now, as many as are asked for and there are; says where.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    fn look_back(&self, seconds: Option<u32>) -> Result<String, Refusal>;

    /// Keeps the picture as it is shown; says where.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    fn snapshot(&self) -> Result<String, Refusal>;

    /// Another patient: tracks, times, extremes and calibration begin anew.
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    fn new_patient(&self) -> Result<(), Refusal>;

    /// Answers a browser's offer of a WebRTC session (SDP, RFC 8866).
    ///
    /// # Errors
    ///
    /// [`Refusal`]: not here; the browser then takes pictures one by one.
    fn webrtc(&self, offer: &str) -> Result<String, Refusal>;
}

/// Why something was not done, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It was asked wrongly.
    #[error("{0}")]
    Bad(String),
    /// It cannot be done now, or here.
    #[error("{0}")]
    NotNow(String),
}

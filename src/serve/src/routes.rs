//! What is answered to whom may ask.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use tokio_stream::wrappers::WatchStream;

use crate::guard::guard;
use crate::hub::{Hub, Newest};
use crate::{Control, Refusal, metrics};

/// Most bytes of a request's body: an SDP offer takes a few thousand.
const MOST_BODY: usize = 64 << 10;

/// A job that has said nothing for longer is not healthy.
const SILENT: Duration = Duration::from_secs(5);

/// How long a person waits for an answer to a button.
const CONTROL_WITHIN: Duration = Duration::from_secs(10);

/// What every answer may need.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) token: Option<Arc<str>>,
}

pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/", get(|| asset("text/html; charset=utf-8", include_str!("../web/index.html"))))
        .route("/app.js", get(|| asset("text/javascript; charset=utf-8", include_str!("../web/app.js"))))
        .route("/style.css", get(|| asset("text/css; charset=utf-8", include_str!("../web/style.css"))))
        .route("/api/status", get(status))
        .route("/api/events", get(events))
        .route("/picture.jpg", get(picture))
        .route("/picture.mjpeg", get(pictures))
        .route("/api/ai", post(ai))
        .route("/api/engine", post(engine))
        .route("/api/record", post(record))
        .route("/api/look-back", post(look_back))
        .route("/api/snapshot", post(snapshot))
        .route("/api/new-patient", post(new_patient))
        .route("/api/webrtc", post(webrtc))
        .route("/metrics", get(prometheus))
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .layer(axum::middleware::from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn status(State(shared): State<Shared>) -> Response {
    Json(&*shared.hub.status()).into_response()
}

async fn events(State(shared): State<Shared>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let stream = WatchStream::new(shared.hub.watch_status()).map(|status| {
        // A status is numbers and texts: it can always be written; were it not, an empty event does no harm.
        Ok(Event::default().json_data(&*status).unwrap_or_default())
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(5)))
}

async fn picture(State(shared): State<Shared>) -> Response {
    let mut receiver = shared.hub.watch_picture();
    let newest = receiver.borrow_and_update().as_ref().and_then(Newest::now);
    // Where nobody looked, none was made: one will be now.
    let newest = match newest {
        Some(jpeg) => Some(jpeg),
        None => {
            let _ = tokio::time::timeout(Duration::from_secs(1), receiver.changed()).await;
            receiver.borrow().as_ref().and_then(Newest::now)
        }
    };
    match newest {
        Some(jpeg) => ([(header::CONTENT_TYPE, "image/jpeg")], Bytes::copy_from_slice(&jpeg)).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "no picture yet\n").into_response(),
    }
}

/// Each picture as a part of its own. Whoever is slow misses pictures: the watch holds the newest alone.
async fn pictures(State(shared): State<Shared>) -> Response {
    const BOUNDARY: &str = "vesalius-picture";
    let parts = WatchStream::new(shared.hub.watch_picture()).filter_map(async |jpeg| {
        let jpeg = jpeg?.now()?;
        let head =
            format!("--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        Some(Ok::<_, Infallible>(Bytes::from([head.as_bytes(), &jpeg, b"\r\n"].concat())))
    });
    let kind = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response()
}

async fn prometheus(State(shared): State<Shared>) -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], metrics::text(&shared.hub.metrics())).into_response()
}

async fn healthy(State(shared): State<Shared>) -> Response {
    let silent = shared.hub.last_update().elapsed();
    if silent > SILENT {
        let why = format!("the job has said nothing for {:.0} s\n", silent.as_secs_f64());
        return (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    }
    "healthy\n".into_response()
}

async fn ready(State(shared): State<Shared>) -> Response {
    match shared.hub.status().not_ready.as_str() {
        "" => "ready\n".into_response(),
        why => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seconds {
    #[serde(default)]
    seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Offer {
    sdp: String,
}

/// A request's JSON; a wrong one is said in one line.
fn parsed<T: for<'a> Deserialize<'a>>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Bad(format!("not the expected JSON: {error}")))
}

/// Does something to the job, off the threads that serve.
async fn control(
    shared: Shared,
    act: impl FnOnce(&dyn Control) -> Result<serde_json::Value, Refusal> + Send + 'static,
) -> Response {
    let done = tokio::task::spawn_blocking(move || act(&*shared.control));
    let answer = match tokio::time::timeout(CONTROL_WITHIN, done).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Refusal::NotNow("it failed in an unexpected way; see the log".to_owned())),
        Err(_) => Err(Refusal::NotNow("no answer within 10 s; it may still be done".to_owned())),
    };
    match answer {
        Ok(value) => Json(value).into_response(),
        Err(refusal) => {
            let code = match refusal {
                Refusal::Bad(_) => StatusCode::BAD_REQUEST,
                Refusal::NotNow(_) => StatusCode::CONFLICT,
            };
            (code, Json(serde_json::json!({ "error": refusal.to_string() }))).into_response()
        }
    }
}

fn nothing(done: Result<(), Refusal>) -> Result<serde_json::Value, Refusal> {
    done.map(|()| serde_json::json!({ "ok": true }))
}

fn file(done: Result<String, Refusal>) -> Result<serde_json::Value, Refusal> {
    done.map(|file| serde_json::json!({ "ok": true, "file": file }))
}

async fn ai(State(shared): State<Shared>, body: Bytes) -> Response {
    control(shared, move |c| nothing(c.set_ai(parsed::<Switch>(&body)?.on))).await
}

async fn engine(State(shared): State<Shared>, body: Bytes) -> Response {
    control(shared, move |c| nothing(c.set_engine(&parsed::<Named>(&body)?.name))).await
}

async fn record(State(shared): State<Shared>, body: Bytes) -> Response {
    control(shared, move |c| nothing(c.record(parsed::<Switch>(&body)?.on))).await
}

async fn look_back(State(shared): State<Shared>, body: Bytes) -> Response {
    control(shared, move |c| {
        let asked = if body.is_empty() { Seconds::default() } else { parsed(&body)? };
        file(c.look_back(asked.seconds))
    })
    .await
}

async fn snapshot(State(shared): State<Shared>) -> Response {
    control(shared, |c| file(c.snapshot())).await
}

async fn new_patient(State(shared): State<Shared>) -> Response {
    control(shared, |c| nothing(c.new_patient())).await
}

async fn webrtc(State(shared): State<Shared>, body: Bytes) -> Response {
    control(shared, move |c| {
        let sdp = c.webrtc(&parsed::<Offer>(&body)?.sdp)?;
        Ok(serde_json::json!({ "sdp": sdp }))
    })
    .await
}

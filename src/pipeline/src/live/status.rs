//! A live job in words and figures.

use std::time::Instant;

use gst::prelude::*;
use vesalius_draw::format_measurement;
use vesalius_measure::live::{AiState, SignalState};
use vesalius_measure::result::{FrameResult, Measurement, Reason, ResultStatus, Validity};
use vesalius_serve::{Ai, Metric, MetricKind, Privacy, Recording, Signal, Status, ValueNow};

use super::feed::FeedFigures;
use super::latency::LatencyReport;
use super::record::KINDS;
use super::room::free_bytes;
use super::shared::Shared;

/// What is to be seen of a job now.
pub(crate) fn status(shared: &Shared) -> Status {
    let now = Instant::now();
    let feed = shared.feed.figures();
    let (result, signal) = {
        let seen = shared.seen.lock();
        let signal = Signal {
            state: seen.signal.as_str().to_owned(),
            for_s: tenths(now.saturating_duration_since(seen.signal_since).as_secs_f64()),
            width: feed.width,
            height: feed.height,
            rate_hz: tenths(seen.rate_hz(now)),
            frames: feed.frames,
            lost: seen.latencies.lost(),
            delay_ms: tenths(seen.delay_ms(0.999)),
            why: picture_why(&feed),
        };
        (seen.result.clone(), signal)
    };
    let is_live = signal.state == SignalState::Live.as_str();
    let on: bool = shared.segment.property("enabled");
    let ai = ai(shared, on, result.as_deref());
    let values = result.as_deref().map(values).unwrap_or_default();
    let not_ready = match () {
        () if !is_live => format!("{} {}", signal.state, signal.why).trim_end().to_owned(),
        () if feed.is_behind => signal.why.clone(),
        () if on && matches!(ai.state, AiState::Fault | AiState::Loading) => ai.why.clone(),
        () => String::new(),
    };
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        source: shared.source.clone(),
        signal,
        ai,
        calibration: result.as_deref().map(calibration).unwrap_or_default(),
        recording: recording(shared),
        privacy: privacy(shared),
        values,
        notice: shared.notice.clone(),
        engines: shared.engines.keys().cloned().collect(),
        not_ready,
    }
}

/// What is wrong with the pictures that come; empty where nothing is.
pub(crate) fn picture_why(feed: &FeedFigures) -> String {
    match () {
        () if !feed.why.is_empty() => feed.why.clone(),
        () if feed.is_behind => format!(
            "pictures are lost: this machine is too slow for {}×{} at the source's rate; have it send less or smaller ones",
            feed.width, feed.height
        ),
        () if feed.comes_late => {
            "the source does not keep up with its own times: it, or this machine, is too slow for what it sends".to_owned()
        }
        () if feed.times_are_odd => {
            "the source's times are no clock's; those at which pictures come are taken".to_owned()
        }
        () => String::new(),
    }
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn ai(shared: &Shared, on: bool, result: Option<&FrameResult>) -> Ai {
    let Some(result) = result else { return Ai { on, ..Ai::default() } };
    let live = result.live.as_deref().cloned().unwrap_or_default();
    let stats: gst::Structure = shared.segment.property("stats");
    Ai {
        on,
        state: live.ai,
        engine: result.engine.name.clone(),
        sha256: result.engine.sha256.chars().take(12).collect(),
        rate_hz: tenths(live.rate_hz),
        age_ms: (result.status == ResultStatus::Ok).then_some(tenths(result.age_ns as f64 / 1e6)),
        carried: result.status == ResultStatus::Ok && result.motion.is_some(),
        why: live.why,
        process_id: stats.get::<u32>("process-id").ok().filter(|&id| id != 0),
        place: {
            let isolation = stats.get::<String>("isolation").unwrap_or_default();
            let both = [isolation, result.engine.backend.clone()];
            both.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
        },
    }
}

/// On what grounds millimetres hold; empty where there is no scale.
fn calibration(result: &FrameResult) -> String {
    let lacks = |reason| result.measurements.iter().any(|m| m.reason == Some(reason));
    match &result.calibration {
        Some(scale) => {
            let (x, y) = (scale.mm_per_px_x().get(), scale.mm_per_px_y().get());
            let scale_text = if x == y { format!("{x:.4}") } else { format!("{x:.4} × {y:.4}") };
            format!("{scale_text} mm/px, {}", scale.source().as_str())
        }
        None if lacks(Reason::CalibrationExpired) => "CALIBRATION EXPIRED".to_owned(),
        None => String::new(),
    }
}

fn values(result: &FrameResult) -> Vec<ValueNow> {
    if result.status != ResultStatus::Ok || !result.found_something() {
        return Vec::new();
    }
    let all = result.measurements.iter().chain(&result.series);
    all.take(MOST_VALUES).map(value).collect()
}

/// Values of one frame that a page shows; several objects have very many.
const MOST_VALUES: usize = 24;

fn value(m: &Measurement) -> ValueNow {
    let text = format_measurement(m);
    let label = vesalius_draw::short_label(m.name);
    let text = text.strip_prefix(&*label).map_or(text.as_str(), str::trim_start).to_owned();
    ValueNow {
        structure: m.structure.to_string(),
        name: m.name.to_owned(),
        text,
        value: m.value,
        unit: m.unit.ucum().to_owned(),
        validity: match (m.validity, m.reason) {
            (Validity::Valid, _) => "VALID".to_owned(),
            (_, Some(reason)) => reason.code().to_owned(),
            (validity, None) => validity.as_str().to_uppercase(),
        },
    }
}

fn recording(shared: &Shared) -> Recording {
    let free_bytes = shared.folder.as_deref().and_then(free_bytes).unwrap_or(0);
    let side = shared.recording.lock();
    Recording {
        on: side.wanted,
        for_s: side.now.as_ref().map_or(0.0, |now| now.runs_for().as_secs_f64().round()),
        // In steps, or the status would change with every byte.
        free_bytes: free_bytes >> 24 << 24,
        why: side.why.clone(),
        look_back_s: tenths(look_back(shared)),
    }
}

fn privacy(shared: &Shared) -> Privacy {
    shared.exits.now().map_or_else(Privacy::default, |now| Privacy {
        gate: true,
        blanked: now.closed.is_some(),
        why: now.closed.unwrap_or_default().to_owned(),
    })
}

fn look_back(shared: &Shared) -> f64 {
    shared.look_back.lock().now.as_ref().map_or(0.0, |now| now.covers().as_secs_f64())
}

/// Times and counts of the whole job.
pub(crate) fn latency(shared: &Shared) -> LatencyReport {
    let stats: gst::Structure = shared.segment.property("stats");
    let count = |name: &str| stats.get::<u64>(name).unwrap_or_default();
    LatencyReport {
        frames: shared.feed.figures().frames,
        inferred: count("inferred"),
        failed: count("failed"),
        stale: count("stale"),
        carried: count("carried"),
        priority: shared.priority.lock().as_str(),
        ..shared.seen.lock().latencies.report()
    }
}

/// What must stand beside every picture that is kept.
pub(crate) fn facts(shared: &Shared) -> serde_json::Value {
    let status = status(shared);
    serde_json::json!({
        "taken_utc": crate::identity::now_utc(),
        "software": crate::identity::software(),
        "engine": engine(shared),
        "status": status,
        "not_for_clinical_use": true,
    })
}

/// Who the newest result is from.
pub(crate) fn engine(shared: &Shared) -> serde_json::Value {
    let engine = shared.seen.lock().result.as_ref().map(|result| result.engine.clone());
    serde_json::to_value(engine).unwrap_or_default()
}

/// What a recording that begins now says of itself in its file's head, one for each kind of picture.
pub(crate) fn signatures(shared: &Shared) -> [String; 2] {
    let result = shared.seen.lock().result.clone();
    let engine = match result.as_ref().map(|result| &result.engine) {
        None => "no engine yet".to_owned(),
        Some(engine) if engine.sha256.is_empty() => format!("engine {}, not loaded yet", engine.name),
        Some(engine) => format!(
            "engine {} {} {} on {}, SHA-256 {}",
            engine.name, engine.version, engine.precision, engine.backend, engine.sha256
        ),
    };
    let scale = result.as_deref().map(calibration).filter(|scale| !scale.is_empty());
    let scale = scale.unwrap_or_else(|| "no scale".to_owned());
    let (version, utc) = (env!("CARGO_PKG_VERSION"), crate::identity::now_utc());
    KINDS.map(|kind| {
        format!("Vesalius {version}, {kind} picture from {utc} on; {engine}; {scale}; not for clinical use")
    })
}

/// Figures for Prometheus.
pub(crate) fn metrics(shared: &Shared) -> Vec<Metric> {
    let status = status(shared);
    let stats: gst::Structure = shared.segment.property("stats");
    let count = |name: &str| stats.get::<u64>(name).unwrap_or_default() as f64;
    let feed = shared.feed.figures();
    let (p50, p99) = {
        let seen = shared.seen.lock();
        (seen.delay_ms(0.5), seen.delay_ms(0.99))
    };
    let one = |name, help, kind, value| Metric { name, help, kind, labels: Vec::new(), value };
    let delay = |q: &str, ms: f64| Metric {
        name: "vesalius_picture_delay_seconds",
        help: "Time of a picture within the chain, over the last minute.",
        kind: MetricKind::Gauge,
        labels: vec![("quantile", q.to_owned())],
        value: ms / 1e3,
    };
    use MetricKind::{Counter, Gauge};
    let mut all = vec![
        one("vesalius_frames_total", "Pictures of the source.", Counter, feed.frames as f64),
        one(
            "vesalius_frames_lost_total",
            "Pictures that were not shown.",
            Counter,
            status.signal.lost as f64,
        ),
        one("vesalius_source_lost_total", "Times that the source was lost.", Counter, feed.times_lost as f64),
        one(
            "vesalius_source_times_replaced_total",
            "Pictures whose time by the source could not be, so that it was that of coming.",
            Counter,
            feed.times_replaced as f64,
        ),
        one("vesalius_inferred_total", "Pictures that the engine looked at.", Counter, count("inferred")),
        one("vesalius_inference_failed_total", "Pictures on which it failed.", Counter, count("failed")),
        one(
            "vesalius_stale_total",
            "Pictures shown without a result that was too old.",
            Counter,
            count("stale"),
        ),
        one(
            "vesalius_carried_total",
            "Pictures shown with a result that was carried along with the picture.",
            Counter,
            count("carried"),
        ),
        one("vesalius_result_rate_hertz", "Results a second.", Gauge, status.ai.rate_hz),
        one("vesalius_recording", "Whether it records.", Gauge, f64::from(u8::from(status.recording.on))),
        one(
            "vesalius_recording_dropped_total",
            "Pictures that a recording was too slow for.",
            Counter,
            shared.recording.lock().dropped as f64,
        ),
        delay("0.5", p50),
        delay("0.99", p99),
        delay("0.999", status.signal.delay_ms),
    ];
    if let Ok(webrtc) = &shared.webrtc {
        let name = "vesalius_stream_browsers";
        all.push(one(name, "Browsers that see the stream.", Gauge, webrtc.connected() as f64));
    }
    if let Some(gate) = shared.exits.now() {
        all.extend([
            one(
                "vesalius_privacy_blanked",
                "Whether blanks leave the room in the pictures' place.",
                Gauge,
                f64::from(u8::from(gate.closed.is_some())),
            ),
            one(
                "vesalius_privacy_blanked_total",
                "Pictures that were not known to show the inside of a body.",
                Counter,
                gate.blanked as f64,
            ),
            one(
                "vesalius_privacy_missed_total",
                "Pictures that the privacy gate was too slow for, which left the room in no form.",
                Counter,
                gate.missed as f64,
            ),
        ]);
    }
    if let Some(age_ms) = status.ai.age_ms {
        all.push(one("vesalius_result_age_seconds", "Age of the result that is shown.", Gauge, age_ms / 1e3));
    }
    let states = [AiState::Off, AiState::Loading, AiState::Running, AiState::Degraded, AiState::Fault];
    let is = shared.seen.lock().result.as_ref().and_then(|r| r.live.clone()).map(|live| live.ai);
    all.extend(states.into_iter().map(|state| Metric {
        name: "vesalius_ai_state",
        help: "1 for the state that the engine is in.",
        kind: Gauge,
        labels: vec![("state", state.as_str().to_owned())],
        value: f64::from(u8::from(is == Some(state))),
    }));
    all
}

//! `vesalius ctl`: a live job's controls from the shell, by the requests of its page.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::args::{AiSwitch, CtlAction, CtlArgs, RecordSwitch};

/// A job answers within ten seconds: that is how long loading an engine may take.
const WITHIN: Duration = Duration::from_secs(15);

/// Runs the command.
pub fn run(args: &CtlArgs) -> anyhow::Result<u8> {
    let job = Job::find(args)?;
    let answer = match &args.action {
        CtlAction::Status => job.ask("/api/status", None)?,
        CtlAction::Ai { switch } => job.ask("/api/ai", Some(json!({ "on": *switch == AiSwitch::On })))?,
        CtlAction::Engine { name } => job.ask("/api/engine", Some(json!({ "name": name })))?,
        CtlAction::Record { switch } => {
            job.ask("/api/record", Some(json!({ "on": *switch == RecordSwitch::Start })))?
        }
        CtlAction::Snapshot => job.ask("/api/snapshot", Some(json!({})))?,
        CtlAction::LookBack { seconds } => job.ask("/api/look-back", Some(json!({ "seconds": seconds })))?,
        CtlAction::NewPatient => job.ask("/api/new-patient", Some(json!({})))?,
    };
    if args.json {
        say!("{answer}");
    } else if matches!(args.action, CtlAction::Status) {
        for line in lines(&answer) {
            say!("{line}");
        }
    } else {
        say!("{}", answer.get("file").and_then(Value::as_str).unwrap_or("done"));
    }
    Ok(crate::OK)
}

struct Job {
    agent: ureq::Agent,
    at: String,
    token: Option<String>,
}

impl Job {
    fn find(args: &CtlArgs) -> anyhow::Result<Self> {
        let token = match &args.token_file {
            Some(path) => Some(
                std::fs::read_to_string(path)
                    .with_context(|| format!("{}: the token cannot be read", path.display()))?
                    .trim()
                    .to_owned(),
            ),
            None => std::env::var("VESALIUS_TOKEN").ok().filter(|token| !token.is_empty()),
        };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(WITHIN))
            // The job is asked itself: no proxy stands before this machine.
            .proxy(None)
            .build();
        let at = args.at.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Ok(Self { agent: config.into(), at, token })
    }

    /// The answer to a request; one that is refused is an error with the job's own words.
    fn ask(&self, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let url = format!("http://{}{path}", self.at);
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let sent = match body {
            Some(body) => {
                let request = self.agent.post(&url);
                let request = match &bearer {
                    Some(bearer) => request.header("Authorization", bearer),
                    None => request,
                };
                request.header("Content-Type", "application/json").send(body.to_string())
            }
            None => {
                let request = self.agent.get(&url);
                let request = match &bearer {
                    Some(bearer) => request.header("Authorization", bearer),
                    None => request,
                };
                request.call()
            }
        };
        let mut response = sent.with_context(|| {
            format!(
                "no live job answers at {}: start one with --serve, or name its address with --at",
                self.at
            )
        })?;
        let status = response.status();
        let text = response.body_mut().read_to_string().context("the answer breaks off")?;
        if !status.is_success() {
            let said = serde_json::from_str::<Value>(&text).ok();
            let said = said.as_ref().and_then(|said| said.get("error")?.as_str()).unwrap_or(text.trim());
            if status.as_u16() == 401 {
                bail!("the token is missing or wrong: give --token-file FILE, or set VESALIUS_TOKEN");
            }
            bail!("{said}");
        }
        serde_json::from_str(&text).context("that is no live job")
    }
}

/// A status in lines for people.
fn lines(status: &Value) -> Vec<String> {
    let text = |path: &str| status.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |path: &str| status.pointer(path).and_then(Value::as_f64).unwrap_or_default();
    let because = |why: String| if why.is_empty() { why } else { format!(" ({why})") };
    let picture = format!(
        "picture    {}{}, {}x{}, {:.1}/s, {} came, {} not shown, 99.9 % within {:.1} ms",
        text("/signal/state"),
        because(text("/signal/why")),
        number("/signal/width"),
        number("/signal/height"),
        number("/signal/rate_hz"),
        number("/signal/frames"),
        number("/signal/lost"),
        number("/signal/delay_ms")
    );
    let age = status.pointer("/ai/age_ms").and_then(Value::as_f64);
    let ai = format!(
        "AI         {}{}, engine {}, {:.1}/s{}",
        text("/ai/state"),
        because(text("/ai/why")),
        text("/ai/engine"),
        number("/ai/rate_hz"),
        age.map_or_else(String::new, |age| {
            let is_carried = status.pointer("/ai/carried").and_then(Value::as_bool).unwrap_or_default();
            format!(", {age:.0} ms old{}", if is_carried { ", carried" } else { "" })
        })
    );
    let on = status.pointer("/recording/on").and_then(Value::as_bool).unwrap_or_default();
    let kept = number("/recording/look_back_s");
    let recording = format!(
        "recording  {}{}{}, {:.1} GB free",
        if on { format!("for {:.0} s", number("/recording/for_s")) } else { "off".to_owned() },
        because(text("/recording/why")),
        if kept > 0.0 { format!(", the last {kept:.0} s are kept") } else { String::new() },
        number("/recording/free_bytes") / 1e9
    );
    let calibration = text("/calibration");
    let scale = format!("scale      {}", if calibration.is_empty() { "none" } else { &calibration });
    let is = |path: &str| status.pointer(path).and_then(Value::as_bool).unwrap_or_default();
    let mut lines = vec![picture, ai, scale, recording];
    if is("/privacy/gate") {
        let blanked = format!("blanks leave the room{}", because(text("/privacy/why")));
        let passes = if is("/privacy/blanked") { blanked } else { "pictures leave the room".to_owned() };
        lines.push(format!("privacy    {passes}"));
    }
    let values = status.pointer("/values").and_then(Value::as_array);
    for value in values.into_iter().flatten() {
        let of = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        lines.push(format!("           {} {}: {}", of("structure"), of("name"), of("text")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_few_lines() {
        let status = json!({
            "signal": { "state": "LIVE", "width": 640, "height": 480, "rate_hz": 25.0, "frames": 100, "lost": 0, "delay_ms": 2.5 },
            "ai": { "state": "FAULT", "why": "no answer for 0.5 s", "engine": "larynx", "rate_hz": 0.0, "age_ms": null },
            "privacy": { "gate": true, "blanked": true, "why": "outside of the body" },
            "recording": { "on": false, "why": "the disk is full", "free_bytes": 5_000_000, "look_back_s": 30.0 },
            "calibration": "",
            "values": [{ "structure": "head", "name": "bpd", "text": "91 ± 2 mm" }],
        });
        let lines = lines(&status);
        assert_eq!(lines[0], "picture    LIVE, 640x480, 25.0/s, 100 came, 0 not shown, 99.9 % within 2.5 ms");
        assert_eq!(lines[1], "AI         FAULT (no answer for 0.5 s), engine larynx, 0.0/s");
        assert_eq!(lines[2], "scale      none");
        assert_eq!(lines[3], "recording  off (the disk is full), the last 30 s are kept, 0.0 GB free");
        assert_eq!(lines[4], "privacy    blanks leave the room (outside of the body)");
        assert_eq!(lines[5], "           head bpd: 91 ± 2 mm");
        let mut status = status;
        status["signal"]["why"] = "pictures are lost".into();
        status["ai"] = json!({ "state": "RUNNING", "engine": "larynx", "rate_hz": 24.0, "age_ms": 41.0, "carried": true });
        let lines = super::lines(&status);
        assert!(lines[0].starts_with("picture    LIVE (pictures are lost), 640x480,"), "{lines:?}");
        assert_eq!(lines[1], "AI         RUNNING, engine larynx, 24.0/s, 41 ms old, carried");
    }
}

//! Serves the page with made-up figures and a picture from a file, to work on the page:
//! `cargo run -p vesalius-serve --example page -- PICTURE.jpg [PORT]`.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use vesalius_serve::{
    Ai, AiState, Control, Hub, Options, Privacy, Recording, Refusal, Server, Signal, Status, ValueNow,
};

struct Pretend(Mutex<(bool, bool)>);

impl Control for Pretend {
    fn set_ai(&self, on: bool) -> Result<(), Refusal> {
        self.0.lock().unwrap().0 = on;
        Ok(())
    }
    fn set_engine(&self, name: &str) -> Result<(), Refusal> {
        Err(Refusal::NotNow(format!("'{name}' does not load: its model is damaged")))
    }
    fn record(&self, on: bool) -> Result<(), Refusal> {
        self.0.lock().unwrap().1 = on;
        Ok(())
    }
    fn look_back(&self, _seconds: Option<u32>) -> Result<String, Refusal> {
        Ok("look-back-0001.mp4".to_owned())
    }
    fn snapshot(&self) -> Result<String, Refusal> {
        Ok("snapshot-0001.png".to_owned())
    }
    fn new_patient(&self) -> Result<(), Refusal> {
        Ok(())
    }
    fn webrtc(&self, _offer: &str) -> Result<String, Refusal> {
        Err(Refusal::NotNow("no WebRTC here".to_owned()))
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let jpeg = std::fs::read(arguments.next().expect("a JPEG file")).unwrap();
    let port = arguments.next().map_or(8080, |p| p.parse().unwrap());
    let (hub, job) = (Hub::default(), Arc::new(Pretend(Mutex::new((true, false)))));
    let options = Options { address: ([127, 0, 0, 1], port).into(), token: None };
    let server = Server::start(&options, hub.clone(), job.clone()).unwrap();
    println!("http://{}", server.address());
    for tick in 0_u32.. {
        let (on, recording) = *job.0.lock().unwrap();
        let t = f64::from(tick) / 5.0;
        let value = |name: &str, value: f64, unit: &str, text: String, validity: &str| ValueNow {
            structure: "head".to_owned(),
            name: name.to_owned(),
            text,
            value: (validity != "NOT_FOUND").then_some(value),
            unit: unit.to_owned(),
            validity: validity.to_owned(),
        };
        let hc = 251.0 + 3.0 * t.sin();
        let area = 40.0 + 2.0 * (t * 0.7).cos();
        hub.set_picture(jpeg.clone());
        hub.set_status(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            source: "Theatre 1, ultrasound".to_owned(),
            signal: Signal {
                state: "LIVE".to_owned(),
                for_s: t,
                width: 1280,
                height: 720,
                rate_hz: 30.0,
                frames: u64::from(tick) * 6,
                lost: 0,
                delay_ms: 3.4,
                why: String::new(),
            },
            ai: Ai {
                on,
                state: if on { AiState::Running } else { AiState::Off },
                engine: "fetal-head".to_owned(),
                sha256: "9f2c41d07a3b".to_owned(),
                rate_hz: 29.8,
                age_ms: on.then_some(41.0),
                carried: false,
                why: String::new(),
                place: "process".to_owned(),
                process_id: Some(4711),
            },
            calibration: "0.21 mm/px, DICOM region".to_owned(),
            recording: Recording {
                on: recording,
                for_s: t,
                free_bytes: 1 << 40,
                why: String::new(),
                look_back_s: t.min(30.0),
            },
            privacy: Privacy {
                gate: true,
                blanked: !on,
                why: if on { "" } else { "outside of the body" }.to_owned(),
            },
            values: if on {
                vec![
                    value("head_circumference", hc, "mm", format!("{hc:.0} ± 4 mm"), "VALID"),
                    value("area", area, "cm2", format!("{area:.1} cm²"), "TRUNCATED"),
                    value("gestational_age", 0.0, "wk", "not found".to_owned(), "NOT_FOUND"),
                ]
            } else {
                vec![]
            },
            notice: "INVESTIGATIONAL – NOT FOR CLINICAL USE".to_owned(),
            engines: vec!["fetal-head".to_owned(), "larynx".to_owned()],
            not_ready: String::new(),
        });
        std::thread::sleep(Duration::from_millis(200));
    }
}

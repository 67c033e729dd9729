//! `vesalius doctor --live`: what live pictures need.

use std::time::Duration;

use gst::prelude::*;
use vesalius_engine::bench::{Case, measure};
use vesalius_engine::{Engine, Registry, SessionOptions};
use vesalius_isolate::{Granted, Urgency, set_urgency};
use vesalius_measure::frame::Frame;

use crate::doctor::Check;

/// Elements that live pictures need beside those of recordings, and the Debian package of each.
const ELEMENTS: [(&str, &str, &str); 7] = [
    ("v4l2src", "gstreamer1.0-plugins-good", "cameras and frame grabbers"),
    ("decklinkvideosrc", "gstreamer1.0-plugins-bad", "SDI and HDMI cards of Blackmagic Design"),
    ("rtspsrc", "gstreamer1.0-plugins-good", "RTSP"),
    ("srtsrc", "gstreamer1.0-plugins-bad", "SRT"),
    ("jpegenc", "gstreamer1.0-plugins-good", "the page's pictures"),
    ("splitmuxsink", "gstreamer1.0-plugins-good", "recording"),
    ("kmssink", "gstreamer1.0-plugins-bad", "a screen without a desktop"),
];

/// For how long an engine is tried.
const TRIED_FOR: Duration = Duration::from_secs(2);
/// Rate that most scopes and scanners send at.
const USUAL_RATE: f64 = 30.0;

/// All checks; the engine is tried at the rates of the devices that there are.
pub fn checks(engine: &str) -> Vec<Check> {
    if let Err(error) = gst::init() {
        return vec![check("live", false, false, error.to_string(), "run scripts/setup.sh")];
    }
    let mut checks: Vec<Check> = ELEMENTS
        .into_iter()
        .map(|(name, package, what)| {
            let there = gst::ElementFactory::find(name).is_some();
            let found = if there { what.to_owned() } else { format!("missing: no {what}") };
            check(&format!("element {name}"), there, true, found, &format!("install {package}"))
        })
        .collect();
    let (devices, fastest) = devices();
    checks.extend(devices);
    checks.push(screen());
    checks.push(priority());
    checks.push(keeps_up(engine, fastest));
    checks
}

fn check(what: &str, works: bool, optional: bool, found: String, remedy: &str) -> Check {
    Check { what: what.to_owned(), works, optional, found, remedy: remedy.to_owned() }
}

/// Capture devices with what they send, and the fastest rate among them.
fn devices() -> (Vec<Check>, Option<f64>) {
    let monitor = gst::DeviceMonitor::new();
    monitor.add_filter(Some("Video/Source"), None);
    if monitor.start().is_err() {
        let found = "no device monitor of this GStreamer starts".to_owned();
        return (
            vec![check("capture devices", false, true, found, "install gstreamer1.0-plugins-good")],
            None,
        );
    }
    let devices: Vec<gst::Device> = monitor.devices().into_iter().collect();
    monitor.stop();
    let mut fastest: Option<f64> = None;
    let checks: Vec<Check> = devices
        .iter()
        .map(|device| {
            let (text, rate) = formats(device.caps().as_deref());
            fastest = fastest.into_iter().chain(rate).reduce(f64::max);
            let path = device.properties().and_then(|p| {
                p.get::<String>("device.path").or_else(|_| p.get::<String>("api.v4l2.path")).ok()
            });
            let source = path.map_or_else(String::new, |path| format!("v4l2://{path}: "));
            check(&format!("device {}", device.display_name()), true, true, format!("{source}{text}"), "")
        })
        .collect();
    if checks.is_empty() {
        let remedy = "plug a camera or frame grabber in, and look whether /dev/video0 is there and this user may read it \
                      (group video); streams (rtsp://, srt://) and SDI cards are not listed here";
        return (vec![check("capture devices", false, true, "none found".to_owned(), remedy)], None);
    }
    (checks, fastest)
}

/// The largest sizes that a device sends, each with its highest rate.
fn formats(caps: Option<&gst::CapsRef>) -> (String, Option<f64>) {
    let mut sizes: Vec<(i32, i32, Option<f64>, String)> = caps
        .into_iter()
        .flat_map(|caps| caps.iter())
        .filter_map(|structure| {
            let (width, height) = (structure.get::<i32>("width").ok()?, structure.get::<i32>("height").ok()?);
            let format = match structure.get::<String>("format") {
                Ok(format) => format,
                Err(_) => structure.name().rsplit('/').next().unwrap_or_default().to_uppercase(),
            };
            Some((width, height, highest_rate(structure), format))
        })
        .collect();
    sizes.sort_by_key(|(width, height, ..)| std::cmp::Reverse(i64::from(*width) * i64::from(*height)));
    sizes.dedup_by(|a, b| (a.0, a.1, &a.3) == (b.0, b.1, &b.3));
    let fastest = sizes.iter().filter_map(|(_, _, rate, _)| *rate).reduce(f64::max);
    let shown: Vec<String> = sizes
        .iter()
        .take(4)
        .map(|(width, height, rate, format)| {
            format!("{width}x{height} {format}{}", rate.map_or(String::new(), |rate| format!(" {rate:.0}/s")))
        })
        .collect();
    let text = if shown.is_empty() { "it does not say what it sends".to_owned() } else { shown.join(", ") };
    (text, fastest)
}

fn highest_rate(structure: &gst::StructureRef) -> Option<f64> {
    let of = |rate: gst::Fraction| f64::from(rate.numer()) / f64::from(rate.denom().max(1));
    if let Ok(rate) = structure.get::<gst::Fraction>("framerate") {
        return Some(of(rate));
    }
    if let Ok(list) = structure.get::<gst::List>("framerate") {
        return list.iter().filter_map(|v| v.get::<gst::Fraction>().ok()).map(of).reduce(f64::max);
    }
    structure.get::<gst::FractionRange>("framerate").ok().map(|range| of(range.max()))
}

fn screen() -> Check {
    let names = vesalius_pipeline::live::monitors();
    let names = names.map_or_else(|why| why, |names| names.join(", "));
    let desktop = ["WAYLAND_DISPLAY", "DISPLAY"].into_iter().find(|name| std::env::var_os(name).is_some());
    let kernel = std::fs::read_dir("/dev/dri").is_ok_and(|mut entries| entries.next().is_some());
    let found = match (desktop, kernel) {
        (Some(name), _) => format!("a desktop ({name}): --window or --fullscreen; monitors: {names}"),
        (None, true) => format!("the kernel's, no desktop: --fullscreen; monitors: {names}"),
        (None, false) => "none: --serve shows the picture in a browser".to_owned(),
    };
    check("screen", desktop.is_some() || kernel, true, found, "connect one, or start within its desktop")
}

/// Whether the picture's threads may go before those of other programs.
fn priority() -> Check {
    // On a thread of its own, which ends with it.
    let granted = std::thread::spawn(|| set_urgency(Urgency::Picture)).join().unwrap_or_default();
    let found = match granted {
        Granted::RealTime => "real time: other programs' work does not hold it up",
        Granted::Raised => "raised: other programs' work holds it up a little",
        Granted::Usual | Granted::Lowered => "as any other program's: a busy machine makes the picture late",
    };
    let remedy = "give the user the right to it: LimitRTPRIO=20 and LimitNICE=-10 in a systemd unit, or the line \
                  '@video - rtprio 20' in /etc/security/limits.d/vesalius.conf, then log in anew";
    check("the picture's priority", granted == Granted::RealTime, true, found.to_owned(), remedy)
}

/// Whether an engine answers on each picture before the next one comes.
fn keeps_up(name: &str, fastest: Option<f64>) -> Check {
    let wanted = fastest.unwrap_or(USUAL_RATE).min(60.0);
    let tried = Registry::standard().find(name).map_err(|e| e.to_string()).and_then(|folder| {
        let engine = Engine::open(&folder).map_err(|e| e.to_string())?;
        let options = SessionOptions::default();
        let selection = engine.select(&options).map_err(|e| e.to_string())?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let case = Case { provider: selection.provider, precision: selection.precision, threads };
        let (width, height) = (1280, 720);
        let luma: Vec<u8> = (0..width * height * 3 / 2).map(|at| (at % 251) as u8).collect();
        let (y, chroma) = luma.split_at(width * height);
        let (u, v) = chroma.split_at(chroma.len() / 2);
        let planes = [(y, width), (u, width / 2), (v, width / 2)];
        let frame = Frame::new(vesalius_measure::frame::PixelFormat::I420, width, height, &planes)
            .map_err(|e| e.to_string())?;
        measure(&engine, case, &options, &frame, TRIED_FOR).map_err(|e| e.to_string())
    });
    let what = format!("engine {name}, live");
    match tried {
        Err(error) => check(&what, false, false, "not usable".to_owned(), &error),
        Ok(measured) => {
            let case = measured.case;
            let rate = measured.live_rate();
            let found = format!(
                "{} on {}, {} threads: 99 % of 1280x720 pictures within {:.1} ms, {}; wanted {wanted:.0}/s",
                case.precision.name(),
                case.provider.name(),
                case.threads,
                measured.whole.p99.as_secs_f64() * 1e3,
                rate.map_or_else(|| "no live rate".to_owned(), |rate| format!("good for {rate}/s")),
            );
            let works = rate.is_some_and(|rate| f64::from(rate) >= wanted.min(30.0));
            let remedy = "the picture passes all the same, and results come at the rate above: take a smaller engine, INT8 \
                          (--precision int8), OpenVINO (--provider openvino) or a GPU, or end what else runs here";
            check(&what, works, true, found, remedy)
        }
    }
}

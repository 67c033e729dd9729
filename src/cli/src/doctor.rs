//! `vesalius doctor`.

use gst::prelude::*;
use serde_json::json;
use vesalius_engine::provider::probe::availability;
use vesalius_engine::{Engine, Provider, Registry, SessionOptions, engine::verify, runtime};

use crate::args::DoctorArgs;

/// Elements that jobs need, and the Debian package of each.
const ELEMENTS: [(&str, &str); 10] = [
    ("filesrc", "libgstreamer1.0-0"),
    ("decodebin", "gstreamer1.0-plugins-base"),
    ("videoconvert", "gstreamer1.0-plugins-base"),
    ("appsrc", "gstreamer1.0-plugins-base"),
    ("qtdemux", "gstreamer1.0-plugins-good"),
    ("matroskademux", "gstreamer1.0-plugins-good"),
    ("mp4mux", "gstreamer1.0-plugins-good"),
    ("h264parse", "gstreamer1.0-plugins-bad"),
    ("x264enc", "gstreamer1.0-plugins-ugly"),
    ("avdec_h264", "gstreamer1.0-libav"),
];

/// One thing looked at.
pub struct Check {
    pub what: String,
    pub works: bool,
    /// Whether all is well without it.
    pub optional: bool,
    pub found: String,
    /// What to do where it does not work.
    pub remedy: String,
}

/// Runs the command.
pub fn run(args: &DoctorArgs) -> anyhow::Result<u8> {
    let mut checks = vec![gstreamer()];
    checks.extend(elements());
    checks.push(onnxruntime());
    checks.extend(engines());
    checks.extend(Provider::ALL.map(backend));
    if args.live {
        checks.extend(crate::doctor_live::checks(&args.engine));
    }
    let bad = checks.iter().filter(|c| !c.works && !c.optional).count();
    if args.json {
        let lines: Vec<_> = checks
            .iter()
            .map(|c| {
                json!({ "what": c.what, "works": c.works, "optional": c.optional, "found": c.found,
                    "remedy": (!c.works).then_some(&c.remedy) })
            })
            .collect();
        say!("{}", serde_json::Value::from(lines));
    } else {
        for check in &checks {
            let sign = match (check.works, check.optional) {
                (true, _) => "✓",
                (false, true) => "–",
                (false, false) => "✗",
            };
            say!("{sign} {:<28} {}", check.what, check.found);
            if !check.works {
                say!("  → {}", check.remedy);
            }
        }
        say!(
            "{}",
            if bad == 0 { "everything works".to_owned() } else { format!("{bad} things do not work") }
        );
    }
    Ok(if bad == 0 { crate::OK } else { crate::FAILED })
}

fn gstreamer() -> Check {
    let started = gst::init();
    let (major, minor, micro, _) = gst::version();
    let recent = (major, minor) >= (1, 20);
    Check {
        what: "GStreamer".to_owned(),
        works: started.is_ok() && recent,
        optional: false,
        found: match started {
            Ok(()) => format!("{major}.{minor}.{micro}"),
            Err(error) => error.to_string(),
        },
        remedy: "run scripts/setup.sh; 1.20 is the oldest that works".to_owned(),
    }
}

fn elements() -> Vec<Check> {
    ELEMENTS
        .into_iter()
        .map(|(element, package)| {
            let factory = gst::ElementFactory::find(element);
            Check {
                what: format!("element {element}"),
                works: factory.is_some(),
                optional: false,
                found: factory.and_then(|f| f.plugin()).map_or_else(
                    || "missing".to_owned(),
                    |plugin| format!("plugin {} {}", plugin.plugin_name(), plugin.version()),
                ),
                remedy: format!("run scripts/setup.sh, or install {package}"),
            }
        })
        .collect()
}

fn onnxruntime() -> Check {
    let loaded = runtime::load(None);
    Check {
        what: "ONNX Runtime".to_owned(),
        works: loaded.is_ok(),
        optional: false,
        found: match &loaded {
            Ok(runtime) => format!("{} ({})", runtime.version, runtime.path.display()),
            Err(_) => "not usable".to_owned(),
        },
        remedy: loaded.err().map(|e| e.to_string()).unwrap_or_default(),
    }
}

fn engines() -> Vec<Check> {
    let entries = Registry::standard().list();
    if entries.is_empty() {
        return vec![Check {
            what: "engines".to_owned(),
            works: false,
            optional: false,
            found: "none".to_owned(),
            remedy: "run from the project's folder, or set VESALIUS_ENGINES to the folder of engines"
                .to_owned(),
        }];
    }
    entries
        .into_iter()
        .map(|entry| {
            let tried = Engine::open(&entry.folder).and_then(|e| verify(&e, &SessionOptions::default()));
            Check {
                what: format!("engine {}", entry.name),
                works: tried.is_ok(),
                optional: false,
                found: match &tried {
                    Ok(seen) => format!(
                        "{:.1} ms a frame {}",
                        seen.best_run.as_secs_f64() * 1e3,
                        match seen.selection.provider {
                            Provider::Cpu => "on one thread",
                            gpu => gpu.backend(),
                        }
                    ),
                    Err(_) => "not usable".to_owned(),
                },
                remedy: tried.err().map(|e| e.to_string()).unwrap_or_default(),
            }
        })
        .collect()
}

/// Whether the ONNX Runtime that is loaded offers a provider, and whether that would run here. A GPU is nobody's duty.
fn backend(provider: Provider) -> Check {
    let found = availability(provider, None, 0);
    let join = |parts: Vec<&str>| parts.join("; ");
    let offered = |offered| if offered { "offered" } else { "not offered by this ONNX Runtime" };
    Check {
        what: format!("backend {}", provider.backend()),
        works: found.as_ref().is_ok_and(|found| found.works()),
        optional: provider != Provider::Cpu,
        found: match &found {
            Ok(found) if found.works() && !provider.is_gpu() => "inference on the processor".to_owned(),
            Ok(found) if found.works() => {
                let gpu = found.gpu.as_ref().map(ToString::to_string).unwrap_or_default();
                let tensorrt = found.tensorrt.as_ref().map(|v| format!(", TensorRT {v}")).unwrap_or_default();
                format!("{gpu}{tensorrt}")
            }
            Ok(found) => format!(
                "{}; {}",
                offered(found.offered),
                join(found.obstacles.iter().map(|o| o.what.as_str()).collect())
            ),
            Err(_) => "not usable".to_owned(),
        },
        remedy: match &found {
            Ok(found) => join(found.obstacles.iter().map(|o| o.remedy.as_str()).collect()),
            Err(_) => "see ONNX Runtime above".to_owned(),
        },
    }
}

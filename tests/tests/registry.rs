//! The plugin as users meet it: found by `GST_PLUGIN_PATH` alone, described by `gst-inspect-1.0`, run by
//! `gst-launch-1.0`. Its properties are a promise: they are compared with `snapshots/`.
//!
//! ```text
//! child process: GST_PLUGIN_PATH=<build folder> GST_REGISTRY=<its own> gst-inspect-1.0 | gst-launch-1.0
//! ```
//!
//! `VESALIUS_UPDATE_SNAPSHOTS=1 cargo test -p vesalius-tests --test registry` writes the snapshots anew.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};

use gst::glib;
use gst::prelude::*;
use vesalius_tests::{build_folder, engine};

const ELEMENTS: [&str; 3] = ["vesaliussegment", "vesaliusmeasure", "vesaliusoverlay"];

/// Runs one of GStreamer's tools on the built plugin with a registry of its own.
fn tool(name: &str, registry: &Path, arguments: &[&str]) -> Output {
    let plugin = build_folder().join("libgstvesalius.so");
    assert!(
        plugin.is_file(),
        "{} is missing: `make test` builds it, or `cargo build -p gst-plugin-vesalius`",
        plugin.display()
    );
    Command::new(name)
        .args(arguments)
        .env("GST_PLUGIN_PATH", build_folder())
        .env("GST_REGISTRY", registry.join("registry.bin"))
        // Colours would be in the text.
        .env("GST_INSPECT_NO_COLORS", "1")
        .output()
        .unwrap_or_else(|error| panic!("{name} cannot be run, `make setup` installs it: {error}"))
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The element's own properties: name, type, range, default, and from when on it stays as it is.
fn describe(element: &gst::Element) -> String {
    let mut description = String::new();
    for property in element.list_properties().iter().filter(|p| p.owner_type() == element.type_()) {
        let flags = property.flags();
        let range = range(property);
        let access = if flags.contains(glib::ParamFlags::WRITABLE) { "read-write" } else { "read-only" };
        let changes = if flags.contains(gst::PARAM_FLAG_MUTABLE_PLAYING) {
            ", changes while playing"
        } else if flags.contains(gst::PARAM_FLAG_MUTABLE_READY) {
            ", set before READY"
        } else {
            ""
        };
        writeln!(
            description,
            "{}: {}{range}, default {}, {access}{changes}",
            property.name(),
            property.value_type(),
            default(property),
        )
        .unwrap();
    }
    description
}

fn default(property: &glib::ParamSpec) -> String {
    let value = property.default_value();
    if let Some((_, value)) = glib::EnumValue::from_value(value) {
        return value.nick().to_owned();
    }
    // A structure that is not there cannot be written down.
    if property.value_type() == gst::Structure::static_type() {
        return "none".to_owned();
    }
    let text = value.transform::<String>().ok().and_then(|text| text.get::<Option<String>>().ok().flatten());
    text.map_or("none".to_owned(), |text| format!("{text:?}"))
}

fn range(property: &glib::ParamSpec) -> String {
    if let Some(number) = property.downcast_ref::<glib::ParamSpecDouble>() {
        format!(" {}..={}", number.minimum(), number.maximum())
    } else if let Some(number) = property.downcast_ref::<glib::ParamSpecUInt>() {
        format!(" {}..={}", number.minimum(), number.maximum())
    } else if let Some(choice) = property.downcast_ref::<glib::ParamSpecEnum>() {
        let values = choice.enum_class();
        let nicks: Vec<_> = values.values().iter().map(|value| value.nick().to_owned()).collect();
        format!(" {}", nicks.join("|"))
    } else {
        String::new()
    }
}

#[test]
fn properties_are_those_of_the_snapshots() {
    gst::init().unwrap();
    let elements: [gst::Element; 3] = [
        gstvesalius::Segment::new().upcast(),
        gstvesalius::Measure::new().upcast(),
        gstvesalius::Overlay::new().upcast(),
    ];
    for (element, name) in elements.iter().zip(ELEMENTS) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(format!("{name}.txt"));
        let now = describe(element);
        if std::env::var_os("VESALIUS_UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let snapshot = std::fs::read_to_string(&path).unwrap_or_default();
        let changed: Vec<_> = snapshot
            .lines()
            .filter(|line| !now.lines().any(|l| l == *line))
            .map(|line| format!("- {line}"))
            .chain(
                now.lines()
                    .filter(|line| !snapshot.lines().any(|l| l == *line))
                    .map(|line| format!("+ {line}")),
            )
            .collect();
        assert!(
            changed.is_empty(),
            "the properties of {name} are not those of {}; if that is meant, set VESALIUS_UPDATE_SNAPSHOTS=1:\n{}",
            path.display(),
            changed.join("\n")
        );
    }
}

#[test]
fn gst_inspect_describes_every_element() {
    let registry = tempfile::tempdir().unwrap();
    let output = tool("gst-inspect-1.0", registry.path(), &["vesalius"]);
    assert!(output.status.success(), "{}", text(&output));
    for name in ELEMENTS {
        assert!(text(&output).contains(name), "the plugin does not list {name}: {}", text(&output));
        let output = tool("gst-inspect-1.0", registry.path(), &[name]);
        let description = text(&output);
        assert!(output.status.success(), "{description}");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(format!("{name}.txt"));
        let snapshot = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(!snapshot.is_empty(), "there is no snapshot of {name}");
        let names: Vec<_> = description.lines().filter_map(|line| line.trim().split_once(':')).collect();
        for property in snapshot.lines().filter_map(|line| line.split_once(':')) {
            let blurb =
                names.iter().find(|(name, _)| name.trim() == property.0).map(|(_, blurb)| blurb.trim());
            assert!(blurb.is_some_and(|b| b.len() > 10), "{name} does not explain {}: {blurb:?}", property.0);
        }
        for format in ["NV12", "I420", "GRAY8", "RGB"] {
            assert!(description.contains(format), "{name} does not name {format}");
        }
    }
}

#[test]
fn gst_launch_runs_the_elements_from_a_line() {
    vesalius_tests::init();
    let registry = tempfile::tempdir().unwrap();
    let engine = format!("engine={}", engine("threshold").display());
    for (mode, line) in [
        ("mode=every-frame", "fakesink"),
        ("mode=latest", "fakevideosink sync=false"),
        ("mode=every-frame max-in-flight=4", "videoconvert ! fakesink"),
    ] {
        let line = format!(
            "-m videotestsrc num-buffers=30 pattern=ball ! video/x-raw,format=NV12,width=320,height=240 ! \
             vesaliussegment {engine} {mode} ! vesaliusmeasure calibration=0.2 ! vesaliusoverlay ! {line}"
        );
        let arguments: Vec<_> = line.split(' ').collect();
        let output = tool("gst-launch-1.0", registry.path(), &arguments);
        let said = text(&output);
        assert!(output.status.success(), "{line}: {said}");
        assert!(!said.contains("WARNING") && !said.contains("CRITICAL"), "{line}: {said}");
        if mode.contains("every-frame") {
            let areas = said.matches("name=(string)area,").count();
            assert_eq!(areas, 30, "{line}: a message for each frame's area");
        }
    }
}

#[test]
fn gst_launch_ends_with_the_reason_when_something_is_missing() {
    let registry = tempfile::tempdir().unwrap();
    let threshold = format!("engine={}", engine("threshold").display());
    for (properties, words) in [
        ("engine=no-such-engine".to_owned(), "no-such-engine"),
        (
            format!("{threshold} runtime=/no/such/libonnxruntime.so"),
            "there is no libonnxruntime.so at the given path",
        ),
        (format!("{threshold} backend=abacus"), "there is no backend 'abacus'"),
    ] {
        let line = format!("videotestsrc num-buffers=1 ! vesaliussegment {properties} ! fakesink");
        let output = tool("gst-launch-1.0", registry.path(), &line.split(' ').collect::<Vec<_>>());
        assert!(!output.status.success(), "{line}");
        assert!(text(&output).contains(words), "{line}: {}", text(&output));
    }
}

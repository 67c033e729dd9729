//! Somebody hands recordings on without their patients: nothing of whom is left in header or pixels.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dicom_core::{PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use gst::prelude::*;
use parking_lot::Mutex;
use serde_json::Value;
use vesalius_dicom::Recording;
use vesalius_tests::dicom::{Cine, put, set_regions};
use vesalius_tests::pipeline;
use vesalius_tests::program::{Ran, phantom, run, vesalius};

const SECRET: &str = "SECRETNAME";
const SECRET_UID: &str = "1.2.987654321";
const WIDTH: u16 = 200;
const HEIGHT: u16 = 160;

/// Two grey frames, bright everywhere, with names in every place that the test knows, and a region in columns 40 to 159 and
/// rows 30 to 149, moved by `shift` columns.
fn recording(path: &Path, shift: u32) {
    let cine = Cine {
        size: [WIDTH, HEIGHT],
        pixels: (0..2 * usize::from(WIDTH) * usize::from(HEIGHT)).map(|i| 100 + (i % 50) as u8).collect(),
        region: [40 + shift, 30, 159 + shift, 149],
        delta_cm: 0.05,
        uids: [SECRET_UID; 3],
    };
    let mut object = cine.object();
    for (tag, vr) in [
        (tags::PATIENT_NAME, VR::PN),
        (tags::PATIENT_ID, VR::LO),
        (tags::INSTITUTION_NAME, VR::LO),
        (tags::STATION_NAME, VR::SH),
        (tags::STUDY_DESCRIPTION, VR::LO),
        (tags::DEVICE_SERIAL_NUMBER, VR::LO),
        (tags::IMAGE_COMMENTS, VR::LT),
        (tags::PROTOCOL_NAME, VR::LO),
        (Tag(0x0019, 0x1060), VR::UT),
    ] {
        put(&mut object, tag, vr, SECRET);
    }
    // A name in attributes that stay, where only codes belong.
    put(&mut object, tags::BODY_PART_EXAMINED, VR::CS, "Secretname");
    put(
        &mut object,
        tags::IMAGE_TYPE,
        VR::CS,
        PrimitiveValue::Strs(
            ["ORIGINAL", "PRIMARY", "Secretname", "0001"].map(String::from).into_iter().collect(),
        ),
    );
    put(&mut object, tags::MANUFACTURER, VR::LO, "Maker");
    put(&mut object, tags::STUDY_DATE, VR::DA, "20240131");
    let mut region = cine.region_item();
    put(&mut region, tags::IMAGE_COMMENTS, VR::LT, SECRET);
    set_regions(&mut object, vec![region]);
    cine.write(object, path);
}

fn deidentify(folder: &Path, input: &Path, args: &[&str]) -> (Ran, PathBuf) {
    let out = folder.join("clean");
    let mut command = vesalius();
    command.arg("deidentify").arg(input).arg("--out").arg(&out).arg("--key").arg(folder.join("key"));
    (run(command.args(args)), out)
}

fn log(out: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(out.join("deidentified.json")).unwrap()).unwrap()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|w| w.eq_ignore_ascii_case(text.as_bytes()))
}

#[test]
fn nothing_of_the_patient_is_left_in_header_pixels_names_or_log() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join(format!("{SECRET}.dcm"));
    recording(&input, 0);
    let map = folder.path().join("map.csv");
    let (ran, out) = deidentify(folder.path(), &input, &["--map", map.to_str().unwrap()]);
    ran.ok();
    let said = log(&out);
    let file = out.join(said["done"][0]["output"].as_str().unwrap());
    for entry in [&file, &out.join("deidentified.json")] {
        let bytes = std::fs::read(entry).unwrap();
        assert!(!contains(&bytes, SECRET) && !contains(&bytes, SECRET_UID), "{}", entry.display());
        assert!(!contains(&bytes, "20240131"), "{}", entry.display());
    }
    assert!(!file.display().to_string().contains(SECRET));
    let mut cleaned = Recording::open(&file).unwrap();
    assert_eq!((cleaned.frame_count(), cleaned.times().frames[1].pts_ns), (2, 40_000_000));
    assert!(cleaned.calibration().is_ok(), "the regions' numbers stay");
    let mut original = Recording::open(&input).unwrap();
    for n in 0..2 {
        let (clean, before) = (cleaned.frame(n).unwrap().data, original.frame(n).unwrap().data);
        let mut kept = 0;
        for (i, (&now, &then)) in clean.iter().zip(&before).enumerate() {
            let (x, y) = (i % usize::from(WIDTH), i / usize::from(WIDTH));
            let is_within = (40..=159).contains(&x) && (30..=149).contains(&y);
            assert!(if is_within { now == then || now == 0 } else { now == 0 }, "({x},{y}) of frame {n}");
            kept += usize::from(now != 0);
        }
        assert!(kept > 10_000, "{kept}");
    }
    let object = dicom_object::open_file(&file).unwrap();
    let text = |tag| object.element(tag).unwrap().to_str().unwrap().trim().to_owned();
    assert_eq!(
        (text(tags::PATIENT_IDENTITY_REMOVED), text(tags::BURNED_IN_ANNOTATION)),
        ("YES".into(), "NO".into())
    );
    let image_type = object.element(tags::IMAGE_TYPE).unwrap().to_multi_str().unwrap();
    assert_eq!(image_type.iter().map(|v| v.trim()).collect::<Vec<_>>(), ["DERIVED", "PRIMARY"]);
    let removed = said["done"][0]["header"].as_array().unwrap();
    assert!(removed.iter().any(|a| a["name"] == "InstitutionName" && a["action"] == "removed"));
    assert!(removed.iter().any(|a| a["tag"] == "(0019,1060)" && a["name"] == "private"));
    let map = std::fs::read_to_string(map).unwrap();
    assert!(map.contains(SECRET_UID) && map.contains(&text(tags::STUDY_INSTANCE_UID)), "{map}");
    // The same key gives the same file again.
    let bytes = std::fs::read(&file).unwrap();
    deidentify(folder.path(), &input, &[]).0.ok();
    assert!(bytes == std::fs::read(&file).unwrap());
}

#[test]
fn what_nothing_tells_of_is_refused_and_key_and_map_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("a.dcm");
    // The region lies outside of the picture, and the picture is lit from side to side.
    recording(&input, 100);
    let (ran, out) = deidentify(folder.path(), &input, &[]);
    assert!(ran.one_line_error().contains("--keep"), "{}", ran.err);
    let files = std::fs::read_dir(&out)
        .unwrap()
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|e| e == "dcm"));
    assert_eq!(files.count(), 0);
    let (ran, out) = deidentify(folder.path(), &input, &["--keep", "50,50,99,99"]);
    ran.ok();
    assert_eq!(log(&out)["done"][0]["kept_because"], "stated");
    let inside = out.join("map.csv");
    let (ran, _) = deidentify(folder.path(), &input, &["--map", inside.to_str().unwrap()]);
    assert!(ran.one_line_error().contains("must not lie in the folder"), "{}", ran.err);
    let text = folder.path().join("text.txt");
    std::fs::write(&text, "no recording").unwrap();
    let begun = Instant::now();
    deidentify(folder.path(), &text, &["--strip-top", "10"]).0.one_line_error();
    assert!(begun.elapsed() < Duration::from_secs(15), "what cannot be decoded is not waited for");
}

/// A clip with sound and with a name in its metadata.
fn with_sound_and_tags(pictures: &Path, clip: &Path) {
    gst::init().unwrap();
    let line = format!(
        "filesrc location={} ! qtdemux ! h264parse ! taginject tags=title={SECRET},comment={SECRET} ! mp4mux name=m ! \
         filesink location={} audiotestsrc num-buffers=10 ! audioconvert ! avenc_aac ! m.",
        pictures.display(),
        clip.display()
    );
    let made = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
    assert_eq!(pipeline::play(&made).error, None);
    pipeline::leave(&made, gst::State::Null);
}

/// Media types of a file's streams and names of its tags, as GStreamer's own demuxer tells them.
fn streams_and_tags(clip: &Path) -> (Vec<String>, Vec<String>) {
    let line = format!("filesrc location={} ! parsebin name=p", clip.display());
    let looked = gst::parse::launch(&line).unwrap().downcast::<gst::Pipeline>().unwrap();
    let streams = Arc::new(Mutex::new(Vec::new()));
    let (found, within) = (Arc::clone(&streams), looked.downgrade());
    looked.by_name("p").unwrap().connect_pad_added(move |_, pad| {
        let caps = pad.current_caps().unwrap();
        found.lock().push(caps.structure(0).unwrap().name().to_string());
        let sink = gst::ElementFactory::make("fakesink").build().unwrap();
        within.upgrade().unwrap().add(&sink).unwrap();
        sink.sync_state_with_parent().unwrap();
        pad.link(&sink.static_pad("sink").unwrap()).unwrap();
    });
    let ended = pipeline::play(&looked);
    pipeline::leave(&looked, gst::State::Null);
    assert_eq!(ended.error, None);
    let tags = ended.messages.iter().filter_map(|message| match message.view() {
        gst::MessageView::Tag(tag) => Some(tag.tags()),
        _ => None,
    });
    let names = tags.flat_map(|tags| tags.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>());
    let names = names.collect();
    let streams = streams.lock().clone();
    (streams, names)
}

#[test]
fn a_clip_is_written_anew_without_what_stands_beside_its_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let silent = phantom(&folder.path().join("p"), &["--frames", "3", "--no-masks"]);
    let clip = folder.path().join(format!("{SECRET}.mp4"));
    with_sound_and_tags(&silent, &clip);
    let (streams, tags) = streams_and_tags(&clip);
    assert!(streams.iter().any(|s| s.starts_with("audio/")) && tags.iter().any(|t| t == "title"), "{tags:?}");
    assert!(contains(&std::fs::read(&clip).unwrap(), SECRET));
    let (ran, out) = deidentify(folder.path(), &clip, &["--strip-top", "10"]);
    ran.ok();
    let said = log(&out);
    let file = out.join(said["done"][0]["output"].as_str().unwrap());
    let (streams, tags) = streams_and_tags(&file);
    assert_eq!(streams, ["video/x-h264"]);
    // Its date is that of its own making.
    let of_pictures = [
        "video-codec",
        "encoder",
        "container-format",
        "bitrate",
        "minimum-bitrate",
        "maximum-bitrate",
        "datetime",
    ];
    assert!(tags.iter().all(|tag| of_pictures.contains(&tag.as_str())), "{tags:?}");
    assert!(!contains(&std::fs::read(&file).unwrap(), SECRET));
    let pictures = vesalius_tests::program::decode(&file);
    let before = vesalius_tests::program::decode(&clip);
    assert_eq!(pictures.len(), before.len());
    for (now, then) in pictures.iter().zip(&before) {
        assert_eq!(now.size, then.size);
        // From 0 on; MP4 counts microseconds.
        assert!(
            now.shown_ns.abs_diff(then.shown_ns - before[0].shown_ns) <= 1000,
            "{} {}",
            now.shown_ns,
            then.shown_ns
        );
    }
    assert!(out.join("qc").read_dir().unwrap().count() == 1);
}

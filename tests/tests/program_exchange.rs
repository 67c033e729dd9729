//! Somebody hands runs on: what stands in the DICOM objects is what stands in the run, bit by bit.

use std::path::{Path, PathBuf};

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{DefaultDicomObject, InMemDicomObject};
use serde_json::Value;
use vesalius_dicom::Recording;
use vesalius_tests::dicom::{Cine, put};
use vesalius_tests::program::{Ran, phantom, replay, results, run, vesalius};

const FRAMES: usize = 3;
const SIZE: [&str; 6] = ["--width", "400", "--height", "270", "--mm-per-px", "0.4"];

/// A run of a phantom's clip, or of a DICOM recording of its pictures.
fn made(folder: &Path, dicom: bool) -> (PathBuf, PathBuf) {
    let frames = FRAMES.to_string();
    let clip = phantom(
        &folder.join("phantom"),
        &[&["--frames", &frames, "--stills", "--no-masks"], &SIZE[..]].concat(),
    );
    let input = if dicom { recording(&folder.join("phantom/images"), &folder.join("a.dcm")) } else { clip };
    let out = folder.join("run");
    let scale: &[&str] = if dicom { &[] } else { &["--calibration", "0.4"] };
    replay(&input, &out, &[&["--masks"], scale].concat()).ok();
    (input, out)
}

/// The pictures of a folder as an ultrasound recording with a patient, and a region of 0.4 mm a pixel.
fn recording(pictures: &Path, path: &Path) -> PathBuf {
    let picture =
        |n: usize| image::open(pictures.join(format!("{n:06}.png"))).unwrap().into_luma8().into_raw();
    let cine = Cine {
        size: [400, 270],
        pixels: (0..FRAMES).flat_map(picture).collect(),
        region: [0, 0, 399, 269],
        delta_cm: 0.04,
        uids: ["1.2.3.4.5", "1.2.3.4", "1.2.3.4.1"],
    };
    let mut object = cine.object();
    put(&mut object, tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 100");
    put(&mut object, tags::PATIENT_NAME, VR::PN, "Müller^Jörg");
    put(&mut object, tags::PATIENT_ID, VR::LO, "PID-4711");
    cine.write(object, path);
    path.to_owned()
}

const ALL: [&str; 3] = ["--dicom-seg", "--dicom-sr", "--dicom-sc"];

fn export(run_folder: &Path, args: &[&str]) -> Ran {
    run(vesalius().arg("export").arg(run_folder).args(args))
}

fn text(object: &InMemDicomObject, tag: Tag) -> String {
    object.element(tag).unwrap().to_str().unwrap().trim_end_matches(['\0', ' ']).to_owned()
}

fn items(object: &InMemDicomObject, tag: Tag) -> &[InMemDicomObject] {
    object.element(tag).unwrap_or_else(|_| panic!("no {tag}")).items().unwrap_or(&[])
}

fn only(object: &InMemDicomObject, tag: Tag) -> &InMemDicomObject {
    assert_eq!(items(object, tag).len(), 1, "{tag}");
    &items(object, tag)[0]
}

fn open(path: &Path) -> DefaultDicomObject {
    dicom_object::open_file(path).unwrap()
}

/// Every mask of the run against every frame of the Segmentation: what is not there must be empty.
fn assert_masks(run_folder: &Path, source_uid: &str) {
    let object = open(&run_folder.join("dicom/segmentation.dcm"));
    let bits = object.element(tags::PIXEL_DATA).unwrap().to_bytes().unwrap().into_owned();
    let pixels = 400 * 270;
    let frames = items(&object, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    assert_eq!(text(&object, tags::NUMBER_OF_FRAMES), frames.len().to_string());
    let mut found = vec![vec![0_u8; pixels]; FRAMES];
    for (i, frame) in frames.iter().enumerate() {
        let derivation = only(frame, tags::DERIVATION_IMAGE_SEQUENCE);
        let source = only(derivation, tags::SOURCE_IMAGE_SEQUENCE);
        assert_eq!(text(source, tags::REFERENCED_SOP_INSTANCE_UID), source_uid);
        assert_eq!(text(source, tags::SPATIAL_LOCATIONS_PRESERVED), "YES");
        let number: usize = text(source, tags::REFERENCED_FRAME_NUMBER).parse().unwrap();
        let segment = only(frame, tags::SEGMENT_IDENTIFICATION_SEQUENCE);
        let segment: u8 = text(segment, tags::REFERENCED_SEGMENT_NUMBER).parse().unwrap();
        for (p, label) in found[number - 1].iter_mut().enumerate() {
            let bit = i * pixels + p;
            if bits[bit / 8] >> (bit % 8) & 1 == 1 {
                *label = segment;
            }
        }
    }
    for (n, labels) in found.iter().enumerate() {
        let mask = image::open(run_folder.join(format!("masks/{n:06}.png"))).unwrap().into_luma8().into_raw();
        assert!(mask.iter().any(|l| *l > 0), "the phantom's head was found");
        assert_eq!(labels, &mask, "mask {n}");
    }
    let segment = only(&object, tags::SEGMENT_SEQUENCE);
    let algorithm = only(segment, tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE);
    let sha256 = results(run_folder)[0]["engine"]["sha256"].as_str().unwrap().to_owned();
    assert!(text(algorithm, tags::ALGORITHM_PARAMETERS).contains(&sha256));
}

/// Numbers of a report by frame, in the order in which they stand.
fn numbers(report: &InMemDicomObject) -> Vec<(usize, f64, String)> {
    let measurements = items(report, tags::CONTENT_SEQUENCE).last().unwrap();
    let mut found = Vec::new();
    for group in items(measurements, tags::CONTENT_SEQUENCE) {
        let content = items(group, tags::CONTENT_SEQUENCE);
        let kind = |item: &&InMemDicomObject, kind: &str| text(item, tags::VALUE_TYPE) == kind;
        // The recording's frame stands behind that of the mask.
        let Some(image) = content.iter().rev().find(|i| kind(i, "IMAGE")) else { continue };
        let frame = text(only(image, tags::REFERENCED_SOP_SEQUENCE), tags::REFERENCED_FRAME_NUMBER);
        for item in content.iter().filter(|i| kind(i, "NUM")) {
            let measured = only(item, tags::MEASURED_VALUE_SEQUENCE);
            let value = measured.element(tags::FLOATING_POINT_VALUE).unwrap().to_float64().unwrap();
            let decimal: f64 = text(measured, tags::NUMERIC_VALUE).parse().unwrap();
            assert!((decimal - value).abs() <= 1e-9 * value.abs(), "{decimal} for {value}");
            let unit = text(only(measured, tags::MEASUREMENT_UNITS_CODE_SEQUENCE), tags::CODE_VALUE);
            found.push((frame.parse().unwrap(), value, unit));
        }
    }
    found
}

fn assert_report(run_folder: &Path) {
    let report = open(&run_folder.join("dicom/report.dcm"));
    assert_eq!(text(&report, tags::VERIFICATION_FLAG), "UNVERIFIED");
    let frames = &results(run_folder)[1..];
    let values = frames.iter().enumerate().flat_map(|(n, f)| {
        let values = f["values"].as_array().unwrap().iter().filter(|v| v["value"].is_number());
        values.map(move |v| (n + 1, v["value"].as_f64().unwrap(), v["unit"].as_str().unwrap().to_owned()))
    });
    let expected: Vec<_> = values.collect();
    assert!(expected.len() >= 7 * FRAMES && expected.iter().any(|v| v.2 == "mm"), "{expected:?}");
    assert_eq!(numbers(&report), expected);
}

/// The capture's frames, decoded, against the annotated video as decoded by GStreamer's own elements: luma of red, green
/// and blue is not what GStreamer's is to the last step, so it is near.
fn assert_capture(run_folder: &Path) {
    let mut capture = Recording::open(&run_folder.join("dicom/capture.dcm")).unwrap();
    let pictures = vesalius_tests::program::decode(&run_folder.join("annotated.mp4"));
    assert_eq!((capture.frame_count(), pictures.len()), (FRAMES, FRAMES));
    for (n, picture) in pictures.iter().enumerate() {
        let shown = picture.shown_ns - pictures[0].shown_ns;
        // MP4 counts microseconds.
        assert!(capture.times().frames[n].pts_ns.abs_diff(shown) <= 1000, "frame {n} at {shown}");
        let frame = capture.frame(n).unwrap();
        assert_eq!((frame.width, frame.height), picture.size);
        let luma = frame
            .data
            .chunks_exact(3)
            .map(|p| 0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2]));
        let differences = luma.zip(&picture.gray).map(|(a, b)| (a - f64::from(*b)).abs());
        let mean = differences.sum::<f64>() / picture.gray.len() as f64;
        assert!(mean < 8.0, "frame {n}: {mean}");
    }
}

#[test]
fn a_dicom_recording_keeps_its_patient_and_gets_its_masks_and_values_back() {
    let folder = tempfile::tempdir().unwrap();
    let (_, out) = made(folder.path(), true);
    export(&out, &ALL).ok();
    assert_masks(&out, "1.2.3.4.5");
    assert_report(&out);
    assert_capture(&out);
    assert!(!out.join("dicom/source.dcm").exists());
    for name in ["segmentation", "report", "capture"] {
        let object = open(&out.join(format!("dicom/{name}.dcm")));
        assert_eq!(text(&object, tags::STUDY_INSTANCE_UID), "1.2.3.4", "{name}");
        assert_eq!(text(&object, tags::PATIENT_NAME), "Müller^Jörg", "{name}");
        assert_ne!(text(&object, tags::SERIES_INSTANCE_UID), "1.2.3.4.1", "{name}");
    }
    // The same run gives the same bytes.
    let other = folder.path().join("again");
    export(&out, &[&ALL[..], &["--out", other.to_str().unwrap()]].concat()).ok();
    for name in ["segmentation.dcm", "report.dcm", "capture.dcm"] {
        let read = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert!(read(&out.join("dicom")) == read(&other), "{name}");
    }
}

#[test]
fn a_clip_becomes_an_image_of_a_study_that_says_that_it_was_generated() {
    let folder = tempfile::tempdir().unwrap();
    let (clip, out) = made(folder.path(), false);
    let said: Value =
        serde_json::from_str(&export(&out, &[&ALL[..], &["--json"]].concat()).ok().out).unwrap();
    assert_eq!(said["items"][0]["generated_study"], true);
    let source = open(&out.join("dicom/source.dcm"));
    assert!(text(&source, tags::PATIENT_NAME).contains("GENERATED"));
    assert!(text(&source, tags::STUDY_DESCRIPTION).contains("no DICOM file"));
    assert_masks(&out, &text(&source, tags::SOP_INSTANCE_UID));
    assert_report(&out);
    assert_capture(&out);
    // Elsewhere it has to be said where it is, and another file is not taken for it.
    let moved = folder.path().join("moved.mp4");
    std::fs::rename(&clip, &moved).unwrap();
    let gone = export(&out, &ALL);
    assert!(gone.one_line_error().contains("--source"), "{}", gone.err);
    let annotated = out.join("annotated.mp4");
    let other = export(&out, &["--dicom-sr", "--source", annotated.to_str().unwrap()]);
    assert!(other.one_line_error().contains("SHA-256 differs"), "{}", other.err);
    export(&out, &["--dicom-sr", "--source", moved.to_str().unwrap()]).ok();
}

/// Stills, one of them without a scale: what has no number is in the report as a measurement failure with its reason, for
/// readers fail at a number without a value; and one frame has no time.
#[test]
fn stills_get_a_study_each_and_say_what_they_have_no_value_of() {
    let folder = tempfile::tempdir().unwrap();
    phantom(&folder.path().join("p"), &[&["--frames", "2", "--stills", "--no-masks"], &SIZE[..]].concat());
    let out = folder.path().join("run");
    replay(&folder.path().join("p/images"), &out, &["--masks"]).ok();
    // A value of the first still is taken away, as the engine's doubt would.
    let records = out.join("results.jsonl");
    let lines = results(&out);
    let mut first = lines[1].clone();
    let value = first["values"].as_array_mut().unwrap().iter_mut().find(|v| v["value"].is_number()).unwrap();
    value["value"] = Value::Null;
    value["validity"] = "invalid".into();
    value["reason"] = "LOW_CONFIDENCE".into();
    let wanting = first["values"].as_array().unwrap().iter().filter(|v| v["value"].is_null()).count();
    let kept: Vec<String> = [&lines[0], &first, &lines[2]].map(ToString::to_string).to_vec();
    std::fs::write(&records, kept.join("\n") + "\n").unwrap();
    export(&out, &ALL).ok();
    let [a, b] = ["000000", "000001"].map(|name| out.join("dicom").join(name));
    let study = |folder: &Path| text_of(&folder.join("report.dcm"), tags::STUDY_INSTANCE_UID);
    assert_ne!(study(&a), study(&b));
    for name in ["source.dcm", "capture.dcm"] {
        let object = open(&a.join(name));
        assert_eq!(text(&object, tags::NUMBER_OF_FRAMES), "1");
        assert!(object.get(tags::FRAME_INCREMENT_POINTER).is_none(), "{name}");
        assert_eq!(Recording::open(&a.join(name)).unwrap().frame_count(), 1);
    }
    let report = open(&a.join("report.dcm"));
    let group =
        items(items(&report, tags::CONTENT_SEQUENCE).last().unwrap(), tags::CONTENT_SEQUENCE).last().unwrap();
    let failed: Vec<_> = items(group, tags::CONTENT_SEQUENCE)
        .iter()
        .filter(|i| text(i, tags::VALUE_TYPE) == "CODE")
        .filter(|i| text(only(i, tags::CONCEPT_CODE_SEQUENCE), tags::CODE_VALUE) == "114006")
        .collect();
    assert_eq!(failed.len(), wanting);
    let why =
        |item: &InMemDicomObject| text(items(item, tags::CONTENT_SEQUENCE).last().unwrap(), tags::TEXT_VALUE);
    assert!(failed.iter().any(|item| why(item) == "no value: LOW_CONFIDENCE"));
    let numbers = numbers(&report).len();
    assert!(numbers > 0 && numbers < first["values"].as_array().unwrap().len(), "{numbers}");
}

fn text_of(path: &Path, tag: Tag) -> String {
    text(&open(path), tag)
}

#[test]
fn what_a_run_does_not_have_is_asked_for_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let clip = phantom(&folder.path().join("p"), &["--frames", "1", "--no-masks"]);
    let out = folder.path().join("run");
    replay(&clip, &out, &["--no-video"]).ok();
    for (option, expected) in [("--dicom-seg", "replay with --masks"), ("--dicom-sc", "without --no-video")] {
        let ran = export(&out, &[option]);
        assert!(ran.one_line_error().contains(expected), "{}", ran.err);
    }
    assert!(export(folder.path(), &ALL).one_line_error().contains("is no run"));
    assert_eq!(export(&out, &[]).code, Some(2));
    let results = out.join("results.jsonl");
    let text = std::fs::read_to_string(&results).unwrap();
    std::fs::write(&results, &text[..text.len() - 20]).unwrap();
    assert!(export(&out, &["--dicom-sr"]).one_line_error().contains("line 2 cannot be read"));
}

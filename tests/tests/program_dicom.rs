//! Somebody replays DICOM recordings: their own times and scales, and no millimetres where the file cannot be trusted.

use std::path::{Path, PathBuf};

use dicom_core::value::{DataSetSequence, PixelFragmentSequence};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use vesalius_tests::program::{self, decode, public_data, replay, results, run, vesalius};

/// Times between frames of the recordings made here, milliseconds: no two alike.
const INCREMENTS_MS: [u32; 8] = [0, 33, 67, 20, 45, 90, 11, 38];

fn us(object: &mut InMemDicomObject, tag: dicom_core::Tag, value: u16) {
    object.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
}

/// An ultrasound recording with a variable rate and one region of 0.2 mm a pixel over all of it.
fn recording(width: u16, height: u16) -> InMemDicomObject {
    let mut object = InMemDicomObject::new_empty();
    for (tag, vr, value) in [
        (tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.3.1"),
        (tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.4.5"),
        (tags::MODALITY, VR::CS, "US"),
        (tags::PATIENT_NAME, VR::PN, "Vesalius^Andreas"),
        (tags::PATIENT_ID, VR::LO, "PID-4711"),
        (tags::INSTITUTION_NAME, VR::LO, "Padova Hospital"),
        (tags::STUDY_DATE, VR::DA, "15430601"),
        (tags::NUMBER_OF_FRAMES, VR::IS, "8"),
    ] {
        object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
    }
    let vector = INCREMENTS_MS.map(|ms| ms.to_string()).join("\\");
    object.put(DataElement::new(tags::FRAME_TIME_VECTOR, VR::DS, PrimitiveValue::from(vector.as_str())));
    object.put(DataElement::new(
        tags::FRAME_INCREMENT_POINTER,
        VR::AT,
        PrimitiveValue::from(tags::FRAME_TIME_VECTOR),
    ));
    for (tag, value) in [
        (tags::ROWS, height),
        (tags::COLUMNS, width),
        (tags::BITS_ALLOCATED, 8),
        (tags::BITS_STORED, 8),
        (tags::HIGH_BIT, 7),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        us(&mut object, tag, value);
    }
    let mut region = InMemDicomObject::new_empty();
    for (tag, value) in [
        (tags::REGION_SPATIAL_FORMAT, 1),
        (tags::REGION_DATA_TYPE, 1),
        (tags::PHYSICAL_UNITS_X_DIRECTION, 3),
        (tags::PHYSICAL_UNITS_Y_DIRECTION, 3),
    ] {
        us(&mut region, tag, value);
    }
    for (tag, value) in [
        (tags::REGION_FLAGS, 0),
        (tags::REGION_LOCATION_MIN_X0, 0),
        (tags::REGION_LOCATION_MIN_Y0, 0),
        (tags::REGION_LOCATION_MAX_X1, u32::from(width) - 1),
        (tags::REGION_LOCATION_MAX_Y1, u32::from(height) - 1),
    ] {
        region.put(DataElement::new(tag, VR::UL, PrimitiveValue::from(value)));
    }
    for tag in [tags::PHYSICAL_DELTA_X, tags::PHYSICAL_DELTA_Y] {
        region.put(DataElement::new(tag, VR::FD, PrimitiveValue::from(0.02_f64)));
    }
    object.put(DataElement::new(
        tags::SEQUENCE_OF_ULTRASOUND_REGIONS,
        VR::SQ,
        DataSetSequence::from(vec![region]),
    ));
    object
}

fn save(object: InMemDicomObject, transfer_syntax: &str, path: &Path) {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(transfer_syntax)
        .media_storage_sop_class_uid("1.2.840.10008.5.1.4.1.1.3.1")
        .media_storage_sop_instance_uid("1.2.3.4.5")
        .build()
        .unwrap();
    object.with_exact_meta(meta).write_to_file(path).unwrap();
}

/// The frames of a phantom's head as native grey pixels.
fn native(path: &Path) {
    let folder = path.with_extension("phantom");
    let size = ["--width", "400", "--height", "270", "--mm-per-px", "0.4"];
    program::phantom(&folder, &[&["--frames", "8", "--stills", "--no-masks"], size.as_slice()].concat());
    let mut object = recording(400, 270);
    us(&mut object, tags::SAMPLES_PER_PIXEL, 1);
    object.put(DataElement::new(
        tags::PHOTOMETRIC_INTERPRETATION,
        VR::CS,
        PrimitiveValue::from("MONOCHROME2"),
    ));
    let pixels: Vec<u8> = (0..8)
        .flat_map(|n| image::open(folder.join(format!("images/{n:06}.png"))).unwrap().into_luma8().into_raw())
        .collect();
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::from(pixels)));
    save(object, "1.2.840.10008.1.2.1", path);
}

/// The same times and scale around an H.264 stream that says 25 frames a second.
fn video(path: &Path) {
    let stream = path.with_extension("h264");
    program::launch(
        "videotestsrc num-buffers=8 pattern=ball ! video/x-raw,format=I420,width=160,height=120,framerate=25/1 ! \
         x264enc bframes=2 ! video/x-h264,stream-format=byte-stream ! filesink location={}",
        &stream,
    );
    let mut bytes = std::fs::read(stream).unwrap();
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    let mut object = recording(160, 120);
    us(&mut object, tags::SAMPLES_PER_PIXEL, 3);
    us(&mut object, tags::PLANAR_CONFIGURATION, 0);
    object.put(DataElement::new(
        tags::PHOTOMETRIC_INTERPRETATION,
        VR::CS,
        PrimitiveValue::from("YBR_PARTIAL_420"),
    ));
    let pixels = PixelFragmentSequence::new_fragments(vec![bytes]);
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
    save(object, "1.2.840.10008.1.2.4.102", path);
}

#[test]
fn a_recordings_own_times_and_scale_are_used() {
    let folder = tempfile::tempdir().unwrap();
    let times: Vec<u64> = INCREMENTS_MS
        .iter()
        .scan(0, |at, ms| {
            *at += u64::from(*ms) * 1_000_000;
            Some(*at)
        })
        .collect();
    for (name, make) in [("native.dcm", native as fn(&Path)), ("video.dcm", video)] {
        let file = folder.path().join(name);
        make(&file);
        let out = folder.path().join(format!("{name}.out"));
        replay(&file, &out, &[]).ok();
        let lines = results(&out);
        let shown: Vec<u64> = lines[1..].iter().map(|line| line["pts_ns"].as_u64().unwrap()).collect();
        assert_eq!(shown, times, "{name}: the file's own times, frame by frame");
        assert_eq!(lines[0]["timebase"], "frame-time-vector", "{name}");
        assert_eq!(lines[0]["input"]["kind"], "dicom", "{name}");
        assert_eq!(lines[0]["calibration"]["source"], "dicom-region", "{name}: {}", lines[0]);
        assert_eq!(lines[0]["calibration"]["mm_per_px_x"], 0.2, "{name}: 0.02 cm are 0.2 mm");
        for picture in decode(&out.join("annotated.mp4")).iter().zip(&times) {
            assert!(
                picture.0.shown_ns.abs_diff(*picture.1) <= 1_000,
                "{name}: the annotated video keeps them"
            );
        }
        // Millimetres where something was measured.
        if name == "native.dcm" {
            let (hc, unit, _) = program::value(&lines[1], "head_circumference");
            assert_eq!(unit, "mm");
            // 250 mm at 0.4 mm a pixel, of which the file says that they are 0.2 mm.
            assert!((hc.unwrap() / 125.0 - 1.0).abs() < 0.03, "{hc:?}");
        }
        assert_no_patient(&out, &["Vesalius^", "Andreas", "PID-4711", "Padova", "15430601", "1.2.3.4.5"]);
    }
    // A stated scale goes before the file's.
    let out = folder.path().join("stated");
    replay(&folder.path().join("native.dcm"), &out, &["--calibration", "0.4", "--no-video"]).ok();
    let lines = results(&out);
    let (hc, unit, _) = program::value(&lines[1], "head_circumference");
    assert_eq!(unit, "mm");
    assert!((hc.unwrap() / 250.0 - 1.0).abs() < 0.03, "{hc:?}");
}

/// No file of a run holds any of some texts. Each must be too long to arise by chance: hashes and times are full of digits.
fn assert_no_patient(out: &Path, texts: &[&str]) {
    for file in ["results.jsonl", "measurements.csv", "summary.json", "annotated.mp4"] {
        let Ok(bytes) = std::fs::read(out.join(file)) else { continue };
        for text in texts {
            let found = bytes.windows(text.len()).any(|w| w == text.as_bytes());
            assert!(!found, "{file} holds '{text}'");
        }
    }
}

#[test]
fn show_says_what_a_file_is_and_not_whose() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("native.dcm");
    native(&file);
    let ran = run(vesalius().arg("show").arg(&file)).ok();
    for text in ["Ultrasound Multi-frame", "400×270", "variable, 11.000 to 90.000 ms", "millimetres   yes"] {
        assert!(ran.out.contains(text), "'{text}' is not in {}", ran.out);
    }
    for text in ["Andreas", "4711", "Padova", "1543"] {
        assert!(!ran.out.contains(text) && !ran.err.contains(text), "'{text}' is in {}", ran.out);
    }
    let missing = run(vesalius().arg("show").arg(folder.path().join("none.dcm")));
    assert!(missing.one_line_error().contains("none.dcm"));
}

#[test]
fn a_folder_of_recordings_is_a_run_each() {
    let folder = tempfile::tempdir().unwrap();
    let study = folder.path().join("study");
    std::fs::create_dir(&study).unwrap();
    native(&study.join("a"));
    std::fs::rename(study.join("a.phantom"), folder.path().join("a.phantom")).unwrap();
    std::fs::copy(study.join("a"), study.join("b.dcm")).unwrap();
    std::fs::write(study.join("notes.txt"), "not DICOM").unwrap();
    let out = folder.path().join("out");
    replay(&study, &out, &["--no-video"]).ok();
    for name in ["a", "b"] {
        program::assert_whole(&out.join(name), 8);
    }
}

/// File, frames, what the run says of the scale: the id of a calibration's source, or the code of the refusal.
const PUBLIC: [(&str, usize, &str); 8] = [
    ("DIRW0007.dcm", 65, "dicom-region"),
    ("JPGLosslessP14SV1_1s_1f_8b.dcm", 1, "dicom-region"),
    ("OBXXXX1A_rle_2frame.dcm", 2, "dicom-region"),
    ("examples_jpeg2k.dcm", 1, "NO_REGION"),
    ("examples_palette.dcm", 1, "REGION_OUTSIDE_PICTURE"),
    ("examples_rgb_color.dcm", 1, "NO_REGION"),
    ("examples_ybr_color.dcm", 30, "REGION_OUTSIDE_PICTURE"),
    ("gdcm-US-ALOKA-16.dcm", 1, "dicom-region"),
];

#[test]
fn public_recordings_are_read_or_refused() {
    let Some(data) = public_data().map(|data| data.join("dicom")) else { return };
    let folder = tempfile::tempdir().unwrap();
    for (file, frames, scale) in PUBLIC {
        let out: PathBuf = folder.path().join(file);
        let ran = replay(&data.join(file), &out, &[]).ok();
        let lines = results(&out);
        assert_eq!(lines.len() - 1, frames, "{file}");
        let said = match lines[0]["calibration"].as_object() {
            Some(calibration) => calibration["source"].as_str().unwrap().to_owned(),
            None => lines[0]["calibration_refused"]["code"].as_str().unwrap().to_owned(),
        };
        assert_eq!(said, scale, "{file}");
        if scale == "REGION_OUTSIDE_PICTURE" {
            assert!(ran.out.contains("lies outside the picture"), "{file}: {}", ran.out);
        }
        if scale != "dicom-region" {
            let text = std::fs::read_to_string(out.join("results.jsonl")).unwrap();
            assert!(!text.contains("\"mm"), "{file}: millimetres without a scale");
        }
    }
    // The frame times of DIRW0007 vary; its picture runs backwards in x by a negative delta and forwards in mm.
    let lines = results(&folder.path().join("DIRW0007.dcm"));
    let times: Vec<u64> = lines[1..].iter().map(|line| line["pts_ns"].as_u64().unwrap()).collect();
    let steps: std::collections::BTreeSet<u64> =
        times.windows(2).map(|w| (w[1] - w[0]) / 1_000_000).collect();
    assert!(steps.len() > 1 && times.windows(2).all(|w| w[0] < w[1]), "{steps:?}");
    for broken in ["MR_truncated.dcm", "badVR.dcm", "no_meta.dcm"] {
        let ran = replay(&data.join(broken), &folder.path().join("broken"), &[]);
        assert!(ran.one_line_error().contains(broken), "{}", ran.err);
    }
}

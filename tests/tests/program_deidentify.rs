//! Somebody hands recordings on without their patients: nothing of whom is left in header or pixels.

use std::path::{Path, PathBuf};

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use serde_json::Value;
use vesalius_dicom::Recording;
use vesalius_tests::program::{Ran, phantom, run, vesalius};

const SECRET: &str = "SECRETNAME";
const SECRET_UID: &str = "1.2.987654321";
const WIDTH: u16 = 200;
const HEIGHT: u16 = 160;

fn put(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) {
    object.put(DataElement::new(tag, vr, value.into()));
}

/// Two grey frames, bright everywhere, with names in every place that the test knows, and a region in columns 40 to 159 and
/// rows 30 to 149, moved by `shift` columns.
fn recording(path: &Path, shift: u32) {
    let mut object = InMemDicomObject::new_empty();
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
    // A name in an attribute that stays, where only codes belong.
    put(&mut object, tags::BODY_PART_EXAMINED, VR::CS, "Secretname");
    for tag in [tags::SOP_INSTANCE_UID, tags::STUDY_INSTANCE_UID, tags::SERIES_INSTANCE_UID] {
        put(&mut object, tag, VR::UI, SECRET_UID);
    }
    for (tag, vr, value) in [
        (tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.3.1"),
        (tags::MODALITY, VR::CS, "US"),
        (tags::MANUFACTURER, VR::LO, "Maker"),
        (tags::STUDY_DATE, VR::DA, "20240131"),
        (tags::NUMBER_OF_FRAMES, VR::IS, "2"),
        (tags::FRAME_TIME, VR::DS, "40"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
    ] {
        put(&mut object, tag, vr, value);
    }
    put(&mut object, tags::FRAME_INCREMENT_POINTER, VR::AT, tags::FRAME_TIME);
    for (tag, value) in [
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::ROWS, HEIGHT),
        (tags::COLUMNS, WIDTH),
        (tags::BITS_ALLOCATED, 8),
        (tags::BITS_STORED, 8),
        (tags::HIGH_BIT, 7),
        (tags::PIXEL_REPRESENTATION, 0),
    ] {
        put(&mut object, tag, VR::US, value);
    }
    let mut region = InMemDicomObject::new_empty();
    put(&mut region, tags::REGION_SPATIAL_FORMAT, VR::US, 1_u16);
    put(&mut region, tags::REGION_DATA_TYPE, VR::US, 1_u16);
    put(&mut region, tags::PHYSICAL_UNITS_X_DIRECTION, VR::US, 3_u16);
    put(&mut region, tags::PHYSICAL_UNITS_Y_DIRECTION, VR::US, 3_u16);
    put(&mut region, tags::IMAGE_COMMENTS, VR::LT, SECRET);
    for (tag, value) in [
        (tags::REGION_FLAGS, 0),
        (tags::REGION_LOCATION_MIN_X0, 40 + shift),
        (tags::REGION_LOCATION_MIN_Y0, 30),
        (tags::REGION_LOCATION_MAX_X1, 159 + shift),
        (tags::REGION_LOCATION_MAX_Y1, 149),
    ] {
        put(&mut region, tag, VR::UL, value);
    }
    put(&mut region, tags::PHYSICAL_DELTA_X, VR::FD, 0.05_f64);
    put(&mut region, tags::PHYSICAL_DELTA_Y, VR::FD, 0.05_f64);
    let regions = DataSetSequence::from(vec![region]);
    object.put(DataElement::new(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, VR::SQ, regions));
    let pixels: Vec<u8> =
        (0..2 * usize::from(WIDTH) * usize::from(HEIGHT)).map(|i| 100 + (i % 50) as u8).collect();
    put(&mut object, tags::PIXEL_DATA, VR::OB, pixels);
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax("1.2.840.10008.1.2.1")
        .media_storage_sop_class_uid("1.2.840.10008.5.1.4.1.1.3.1")
        .media_storage_sop_instance_uid(SECRET_UID)
        .build()
        .unwrap();
    object.with_exact_meta(meta).write_to_file(path).unwrap();
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
    deidentify(folder.path(), &text, &["--strip-top", "10"]).0.one_line_error();
}

#[test]
fn a_clip_is_written_anew_without_what_stands_beside_its_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let clip = phantom(&folder.path().join("p"), &["--frames", "3", "--no-masks"]);
    let (ran, out) = deidentify(folder.path(), &clip, &["--strip-top", "10"]);
    ran.ok();
    let said = log(&out);
    let file = out.join(said["done"][0]["output"].as_str().unwrap());
    let pictures = vesalius_tests::program::decode(&file);
    let before = vesalius_tests::program::decode(&clip);
    assert_eq!(pictures.len(), before.len());
    for (now, then) in pictures.iter().zip(&before) {
        assert_eq!((now.size, now.shown_ns), (then.size, then.shown_ns));
    }
    assert!(out.join("qc").read_dir().unwrap().count() == 1);
}

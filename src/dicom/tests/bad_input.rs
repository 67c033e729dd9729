//! Files that contradict themselves: one clear line or a stated gap, never a guess.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Made, region};
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use vesalius_dicom::{DicomError, NoScale, Recording, TimeProblem, Timebase};
use vesalius_measure::calibration::region::Refusal;

fn open(made: &Made) -> Result<Recording, DicomError> {
    Recording::from_bytes(made.bytes())
}

fn line(made: &Made) -> String {
    let line = open(made).expect_err("does not open").to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

#[test]
fn frames_that_are_not_there_are_counted_aloud() {
    for (said, held) in [(1, "3"), (2, "3"), (4, "3"), (9, "3")] {
        let mut made = Made::grey(3);
        made.put(tags::NUMBER_OF_FRAMES, VR::IS, said.to_string());
        let line = line(&made);
        assert!(line.contains(&format!("says {said}, the pixel data holds {held}")), "{line}");
    }
    let mut made = Made::grey(1);
    made.put(tags::NUMBER_OF_FRAMES, VR::IS, "0");
    assert!(line(&made).contains("Number of Frames (0028,0008)"));
    made.put(tags::NUMBER_OF_FRAMES, VR::IS, "-3");
    assert!(line(&made).contains("Number of Frames (0028,0008)"));
    made.put(tags::NUMBER_OF_FRAMES, VR::IS, "2000000000");
    assert!(line(&made).contains("Number of Frames (0028,0008)"));
}

#[test]
fn encoded_frames_that_are_not_there_are_counted_aloud() {
    for file in ["jpeg_422", "jpeg_422_no_table", "jpeg_422_pieces", "jpeg_422_pieces_no_table", "rle_grey"] {
        for said in ["1 ", "2 ", "4 ", "11"] {
            let mut bytes = std::fs::read(common::files().join(format!("{file}.dcm"))).unwrap();
            let place = [0x28, 0, 8, 0, b'I', b'S', 2, 0];
            let at = bytes.windows(8).position(|w| w == place).expect("Number of Frames") + 8;
            bytes[at..at + 2].copy_from_slice(said.as_bytes());
            let error = Recording::from_bytes(bytes).expect_err(file);
            assert!(matches!(error, DicomError::FrameCount { .. }), "{file}: {error}");
        }
    }
}

#[test]
fn transfer_syntaxes_that_are_not_read_are_named() {
    for (uid, name) in [
        ("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000"),
        ("1.2.840.10008.1.2.1.99", "Deflated"),
        ("1.2.840.10008.1.2.2", "Big Endian"),
        ("1.2.840.10008.1.2.4.55", "JPEG"),
        ("1.2.3.4", "unknown"),
    ] {
        let mut bytes = Made::grey(1).bytes();
        let at =
            bytes.windows(19).position(|w| w == common::EXPLICIT.as_bytes()).expect("Transfer Syntax UID");
        // The group's length is not relied upon: the UID is exchanged in place, with its length.
        let padded = format!("{uid}{}", if uid.len() % 2 == 1 { "\0" } else { "" });
        bytes.splice(at..at + 20, padded.bytes());
        bytes[at - 2..at].copy_from_slice(&(padded.len() as u16).to_le_bytes());
        let line = Recording::from_bytes(bytes).expect_err(uid).to_string();
        assert!(line.contains(uid) && line.contains(name), "{line}");
    }
}

#[test]
fn cut_off_files_say_so_wherever_they_are_cut() {
    for file in ["native_grey", "jpeg_422", "jls_grey", "native_implicit"] {
        let bytes = std::fs::read(common::files().join(format!("{file}.dcm"))).unwrap();
        for length in 0..bytes.len() - 8 {
            let error = Recording::from_bytes(bytes[..length].to_vec()).expect_err("is not whole");
            let line = error.to_string();
            assert!(!line.contains('\n'));
            if length < 132 {
                assert!(matches!(error, DicomError::NotDicom), "{file} {length}: {line}");
            }
        }
    }
}

#[test]
fn pixels_of_unknown_kind_are_refused_in_words() {
    let cases: [(Tag, VR, PrimitiveValue, &str); 12] = [
        (tags::ROWS, VR::US, 0u16.into(), "no rows"),
        (tags::COLUMNS, VR::LO, "x".into(), "Columns (0028,0011) cannot be read"),
        (tags::BITS_ALLOCATED, VR::US, 32u16.into(), "32 bits allocated"),
        (tags::BITS_STORED, VR::US, 0u16.into(), "0 bits stored"),
        (tags::BITS_STORED, VR::US, 12u16.into(), "12 bits stored of 8"),
        (tags::HIGH_BIT, VR::US, 6u16.into(), "high bit 6"),
        (tags::SAMPLES_PER_PIXEL, VR::US, 3u16.into(), "3 samples per pixel do not go with MONOCHROME2"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "CMYK".into(), "Photometric Interpretation (0028,0004)"),
        (
            tags::PHOTOMETRIC_INTERPRETATION,
            VR::CS,
            "PALETTE COLOR".into(),
            "Palette Color Lookup Table Descriptor",
        ),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "YBR_PARTIAL_420".into(), "samples per pixel"),
        (tags::RESCALE_SLOPE, VR::DS, "x".into(), ""),
        (tags::TRANSFER_SYNTAX_UID, VR::UI, "1.2".into(), ""),
    ];
    for (tag, vr, value, says) in cases {
        let mut made = Made::grey(1);
        if tag == tags::TRANSFER_SYNTAX_UID {
            // Its group belongs in front of the data set and is not looked for in it.
            continue;
        }
        made.put(tag, vr, value);
        if says.is_empty() {
            // 8 bits are shown as they stand, and rescaling is not asked.
            assert!(open(&made).is_ok());
        } else {
            let line = line(&made);
            assert!(line.contains(says), "{line}");
        }
    }
    let mut made = Made::grey(1);
    made.remove(tags::PIXEL_DATA);
    assert!(line(&made).contains("holds no picture"));
    made.remove(tags::ROWS);
    assert!(line(&made).contains("holds no picture"));
}

fn with_region(change: impl FnOnce(&mut InMemDicomObject)) -> Made {
    let mut item = region();
    change(&mut item);
    let mut made = Made::grey(2);
    made.sequence(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, vec![item]);
    made
}

fn put(item: &mut InMemDicomObject, tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) {
    item.put(DataElement::new(tag, vr, value.into()));
}

fn refusal(made: &Made) -> &'static str {
    let recording = open(made).expect("opens");
    let refusal = recording.calibration().expect_err("gives no millimetres");
    let line = refusal.to_string();
    assert!(!line.contains('\n') && recording.describe().to_string().contains(&line));
    refusal.code()
}

#[test]
fn whole_regions_make_a_scale() {
    let recording = open(&with_region(|_| {})).unwrap();
    let scale = recording.calibration().unwrap().common_scale().cloned().unwrap();
    assert_eq!((scale.mm_per_px_x().get(), scale.mm_per_px_y().get()), (0.5, 0.5));
    // Of either sign.
    let recording = open(&with_region(|r| put(r, tags::PHYSICAL_DELTA_X, VR::FD, -0.05))).unwrap();
    assert_eq!(recording.calibration().unwrap().common_scale().unwrap().mm_per_px_x().get(), 0.5);
}

#[test]
fn broken_regions_make_none() {
    let deltas = [0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-4, 0.6, 1e300, -0.0];
    for delta in deltas {
        for tag in [tags::PHYSICAL_DELTA_X, tags::PHYSICAL_DELTA_Y] {
            assert_eq!(refusal(&with_region(|r| put(r, tag, VR::FD, delta))), "REGION_SCALE", "{delta}");
        }
    }
    for unit in [0u16, 1, 2, 4, 5, 8, 99, 65535] {
        for tag in [tags::PHYSICAL_UNITS_X_DIRECTION, tags::PHYSICAL_UNITS_Y_DIRECTION] {
            assert_eq!(refusal(&with_region(|r| put(r, tag, VR::US, unit))), "REGION_UNIT", "{unit}");
        }
    }
    for tag in [tags::PHYSICAL_DELTA_X, tags::PHYSICAL_DELTA_Y] {
        assert_eq!(
            refusal(&with_region(|r| {
                r.remove_element(tag);
            })),
            "REGION_SCALE"
        );
        assert_eq!(refusal(&with_region(|r| put(r, tag, VR::LO, "0.05"))), "REGION_SCALE");
    }
    for tag in [tags::REGION_LOCATION_MAX_X1, tags::REGION_LOCATION_MAX_Y1, tags::REGION_LOCATION_MIN_X0] {
        assert_eq!(
            refusal(&with_region(|r| {
                r.remove_element(tag);
            })),
            "REGION_OUTSIDE_PICTURE"
        );
        assert_eq!(refusal(&with_region(|r| put(r, tag, VR::SL, -1i32))), "REGION_OUTSIDE_PICTURE");
        assert_eq!(refusal(&with_region(|r| put(r, tag, VR::UL, 99u32))), "REGION_OUTSIDE_PICTURE");
    }
    // A region whose format is not known may hold any scale.
    assert_eq!(
        refusal(&with_region(|r| {
            r.remove_element(tags::REGION_SPATIAL_FORMAT);
        })),
        "REGION_FORMAT"
    );
    assert_eq!(refusal(&with_region(|r| put(r, tags::REGION_SPATIAL_FORMAT, VR::US, 6u16))), "REGION_FORMAT");
    assert_eq!(refusal(&with_region(|r| put(r, tags::REGION_SPATIAL_FORMAT, VR::US, 2u16))), "REGION_NOT_2D");
    let empty = with_region(|r| {
        put(r, tags::REGION_LOCATION_MIN_X0, VR::UL, 5u32);
        put(r, tags::REGION_LOCATION_MAX_X1, VR::UL, 2u32);
    });
    assert_eq!(refusal(&empty), "REGION_EMPTY");
    let mut none = Made::grey(1);
    none.sequence(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, vec![]);
    assert_eq!(refusal(&none), "NO_REGION");
    none.sequence(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, vec![InMemDicomObject::new_empty()]);
    assert_eq!(refusal(&none), "REGION_FORMAT");
}

#[test]
fn overlapping_regions_with_different_scales_make_none() {
    let mut other = region();
    put(&mut other, tags::PHYSICAL_DELTA_X, VR::FD, 0.051);
    let mut made = Made::grey(1);
    made.sequence(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, vec![region(), other.clone()]);
    assert_eq!(refusal(&made), "REGION_OVERLAP");
    put(&mut other, tags::REGION_FLAGS, VR::UL, 2u32);
    made.sequence(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, vec![region(), other]);
    assert_eq!(refusal(&made), "REGION_SCALING_PROTECTED");
}

#[test]
fn pixel_spacing_is_rows_first_and_set_against_the_regions() {
    let spaced = |value: &str| {
        let mut made = with_region(|r| put(r, tags::PHYSICAL_DELTA_X, VR::FD, 0.1));
        made.put(tags::PIXEL_SPACING, VR::DS, value);
        made
    };
    // Rows first: y is 0.5 mm, x is 1 mm.
    assert!(open(&spaced("0.5\\1.0")).unwrap().calibration().is_ok());
    assert_eq!(refusal(&spaced("1.0\\0.5")), "PIXEL_SPACING_DIFFERS");
    assert_eq!(refusal(&spaced("0.5")), "PIXEL_SPACING_UNREADABLE");
    assert_eq!(refusal(&spaced("x\\1.0")), "PIXEL_SPACING_UNREADABLE");
    let mut alone = Made::grey(1);
    alone.put(tags::PIXEL_SPACING, VR::DS, "0.5\\0.5");
    let decided = open(&alone).unwrap().calibration();
    assert!(matches!(decided, Err(NoScale::Regions(Refusal::PixelSpacingAlone(_)))), "{decided:?}");
    // Distances on a detector or on paper are read and are no scale.
    let mut elsewhere = Made::grey(1);
    elsewhere.put(tags::IMAGER_PIXEL_SPACING, VR::DS, "0.5\\0.5");
    elsewhere.put(tags::NOMINAL_SCANNED_PIXEL_SPACING, VR::DS, "0.5\\0.5");
    assert!(open(&elsewhere).unwrap().spacing().imager_mm.is_some());
    assert_eq!(refusal(&elsewhere), "NO_REGION");
}

#[test]
fn times_that_do_not_fit_leave_the_pictures_and_no_times() {
    let mut made = Made::grey(3);
    made.put(tags::FRAME_INCREMENT_POINTER, VR::AT, PrimitiveValue::from(tags::FRAME_TIME_VECTOR));
    made.put(tags::FRAME_TIME_VECTOR, VR::DS, PrimitiveValue::Strs(vec!["0".into(), "40".into()].into()));
    let mut recording = open(&made).unwrap();
    assert_eq!(recording.times().timebase, Timebase::None);
    assert_eq!(recording.times().problem, Some(TimeProblem::VectorLength { vector: 2, frames: 3 }));
    assert!(
        recording.describe().to_string().contains("Frame Time Vector (0018,1065) has 2 entries for 3 frames")
    );
    assert_eq!(recording.frames().filter(Result::is_ok).count(), 3);
}

#[test]
fn frames_outside_of_the_recording_are_refused() {
    let mut recording = open(&Made::grey(3)).unwrap();
    assert!(matches!(recording.frame(3), Err(DicomError::NoSuchFrame { frame: 3, frames: 3 })));
    assert!(recording.frame(usize::MAX).is_err());
}

/// A sequence that only looks like one in a picture's icon, delimiters without what they end, nesting without end.
#[test]
fn delimiters_that_do_not_match_are_an_error() {
    let head = Made::grey(1).bytes();
    let pixel = head.windows(4).position(|w| w == [0xE0, 0x7F, 0x10, 0x00]).unwrap();
    let item = [0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF];
    let item_end = [0xFE, 0xFF, 0x0D, 0xE0, 0, 0, 0, 0];
    let sequence_end = [0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0];
    let sequence = [0x18, 0, 0x11, 0x60, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF];
    let deep = [&sequence[..], &item].concat().repeat(100_000);
    for middle in [
        item_end.to_vec(),
        sequence_end.to_vec(),
        [&item_end[..], &item].concat(),
        [&sequence[..], &item_end, &item].concat(),
        [&sequence[..], &item, &sequence_end].concat(),
        [&sequence[..], &sequence_end, &sequence_end].concat(),
        deep,
    ] {
        let bytes = [&head[..pixel], &middle, &head[pixel..]].concat();
        if let Ok(recording) = Recording::from_bytes(bytes) {
            assert!(recording.calibration().is_err());
        }
    }
}

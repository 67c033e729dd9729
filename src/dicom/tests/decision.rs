//! The decision about millimetres for every public file, reviewed by hand against its header.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use vesalius_dicom::{NoScale, Recording};
use vesalius_measure::geometry::PointInFrame;

/// What is decided about a file, and why that is right.
enum Decision {
    /// A scale of so many mm a pixel on both axes, at these points; none at those.
    Scale { mm: f64, within: &'static [(f64, f64)], outside: &'static [(f64, f64)] },
    /// No scale, with this code, and this in the line that says why.
    None { code: &'static str, says: &'static str },
    /// The file is not opened, with this in the line that says why.
    Unreadable(&'static str),
}

struct Case {
    file: &'static str,
    decision: Decision,
}

const CASES: &[Case] = &[
    // Vector-phased echo, 576×456. Region 1 has no format (a frame around everything) and says nothing; region 2 is 2D
    // tissue in cm at (27,48)–(548,391) with Physical Delta X −0.0525 and Y +0.0525: the sign tells a direction, the
    // scale is its size.
    Case {
        file: "DIRW0007",
        decision: Decision::Scale {
            mm: 0.524_781_335_066_295_8,
            within: &[(100.0, 100.0), (500.0, 350.0)],
            outside: &[(10.0, 100.0), (300.0, 420.0), (560.0, 300.0)],
        },
    },
    // EPIQ echo, 1024×768, one 2D tissue region (14,38)–(1010,758) in cm.
    Case {
        file: "JPGLosslessP14SV1_1s_1f_8b",
        decision: Decision::Scale {
            mm: 0.254_766_965_923_781_6,
            within: &[(14.0, 38.0), (1000.0, 700.0)],
            outside: &[(5.0, 300.0), (500.0, 20.0)],
        },
    },
    // CX50, 800×600: 2D region (120,60)–(800,518), its end equal to Columns and so exclusive; below it an ECG trace
    // (176,522)–(743,576) in seconds, where nothing is measured.
    Case {
        file: "OBXXXX1A_rle_2frame",
        decision: Decision::Scale {
            mm: 0.262_287_876_619_699_8,
            within: &[(130.0, 70.0), (790.0, 500.0)],
            outside: &[(50.0, 100.0), (400.0, 550.0)],
        },
    },
    // Two pictures side by side, (32,24)–(335,415) and (336,24)–(639,415), with the same scale: each is measured in,
    // nothing across. Region 3 is a grey bar without a format.
    Case {
        file: "gdcm-US-ALOKA-16",
        decision: Decision::Scale {
            mm: 0.382_653_065_025_806_4,
            within: &[(100.0, 200.0), (300.0, 400.0)],
            outside: &[(100.0, 200.0), (400.0, 200.0)],
        },
    },
    // The same scanner as above, the picture cropped to 800×350: rows 60 to 518 are not there. The scale happens to
    // hold; nothing in the file tells that it does.
    Case {
        file: "examples_palette",
        decision: Decision::None {
            code: "REGION_OUTSIDE_PICTURE",
            says: "lies outside the picture of 800x350",
        },
    },
    // Halved to 320×240 after acquisition, the region (84,31)–(595,414) left as it was: its scale is half the true one.
    Case {
        file: "examples_ybr_color",
        decision: Decision::None {
            code: "REGION_OUTSIDE_PICTURE",
            says: "lies outside the picture of 320x240",
        },
    },
    Case {
        file: "examples_rgb_color",
        decision: Decision::None { code: "NO_REGION", says: "no ultrasound regions" },
    },
    Case {
        file: "examples_jpeg2k",
        decision: Decision::None { code: "NO_REGION", says: "no ultrasound regions" },
    },
    // Number of Frames is `1A`.
    Case {
        file: "badVR",
        decision: Decision::Unreadable("Number of Frames (0028,0008) cannot be read as a whole number"),
    },
    // 62 bytes of 64×64 samples of 16 bits are missing.
    Case { file: "MR_truncated", decision: Decision::Unreadable("the file is cut off") },
    // A data set without preamble and meta information.
    Case { file: "no_meta", decision: Decision::Unreadable("is not a DICOM file: `DICM` is missing") },
];

fn points(of: &[(f64, f64)]) -> Vec<PointInFrame> {
    of.iter().map(|&(x_px, y_px)| PointInFrame { x_px, y_px }).collect()
}

fn check(path: &std::path::Path, decision: &Decision) -> Result<(), String> {
    let recording = match (Recording::open(path), decision) {
        (Err(error), Decision::Unreadable(says)) => {
            let line = error.to_string();
            return if line.contains(says) && !line.contains('\n') { Ok(()) } else { Err(line) };
        }
        (Err(error), _) => return Err(error.to_string()),
        (Ok(_), Decision::Unreadable(_)) => return Err("is opened".into()),
        (Ok(recording), _) => recording,
    };
    match (recording.calibration(), decision) {
        (Err(refusal), Decision::None { code, says }) => {
            let line = refusal.to_string();
            let same = refusal.code() == *code && line.contains(says) && !line.contains('\n');
            if same { Ok(()) } else { Err(line) }
        }
        (Ok(field), Decision::Scale { mm, within, outside }) => {
            let scale = field.at(points(within)).map_err(|r| format!("no scale within: {r:?}"))?;
            let near = |found: f64| (found / mm - 1.0).abs() < 1e-9;
            if !near(scale.mm_per_px_x().get()) || !near(scale.mm_per_px_y().get()) {
                return Err(format!("{scale:?}"));
            }
            // Alone, each point outside has no scale; for pictures side by side, only both together have none.
            let measured = if field.at(points(&outside[..1])).is_ok() {
                vec![field.at(points(outside))]
            } else {
                outside.iter().map(|p| field.at(points(&[*p]))).collect()
            };
            if measured.iter().all(Result::is_err) { Ok(()) } else { Err("a scale outside".into()) }
        }
        (found, _) => Err(format!("{found:?}")),
    }
}

#[test]
fn every_public_file_gets_the_reviewed_decision() {
    let Some(folder) = common::public_files() else { return };
    let failures: Vec<String> = CASES
        .iter()
        .filter_map(|case| {
            let path = folder.join(format!("{}.dcm", case.file));
            check(&path, &case.decision).err().map(|e| format!("{}: {e}", case.file))
        })
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
    let files = std::fs::read_dir(&folder).unwrap();
    for file in files.map(|f| f.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "dcm")) {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(CASES.iter().any(|c| c.file == name), "{name} is not in the table");
    }
}

/// Copies keep the regions and not the size.
#[test]
fn regions_in_what_is_no_ultrasound_picture_make_no_scale() {
    let mut made = common::Made::grey(1);
    made.sequence(dicom_dictionary_std::tags::SEQUENCE_OF_ULTRASOUND_REGIONS, vec![common::region()]);
    assert!(Recording::from_bytes(made.bytes()).unwrap().calibration().is_ok());
    made.put(dicom_dictionary_std::tags::SOP_CLASS_UID, dicom_core::VR::UI, "1.2.840.10008.5.1.4.1.1.7.4");
    let refusal = Recording::from_bytes(made.bytes()).unwrap().calibration().unwrap_err();
    assert!(matches!(refusal, NoScale::NotUltrasound { .. }), "{refusal}");
}

/// What `vesalius show` prints of a file that plays at a variable rate and is calibrated.
#[test]
fn the_description_says_what_it_is_and_whether_there_are_millimetres() {
    let Some(folder) = common::public_files() else { return };
    let text = Recording::open(&folder.join("DIRW0007.dcm")).unwrap().describe().to_string();
    for line in [
        "kind          Ultrasound Multi-frame Image Storage (1.2.840.10008.5.1.4.1.1.3.1), modality US",
        "picture       576×456 pixels, YBR_FULL_422, 8 of 8 bits",
        "frames        65; Frame Time Vector; 2.477 s; variable, 33.333 to 50.000 ms a frame",
        "region 1      (0,32)–(575,431), no format, no data type; without units",
        "region 2      (27,48)–(548,391), 2D, tissue; a pixel is -0.052478 cm in x, 0.052478 cm in y",
        "millimetres   yes, within a region: a pixel is 0.52478 mm wide and 0.52478 mm high",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\nis not in\n{text}");
    }
}

//! What a person may rely on: a picture that the engine is unsure of, one unlike its training data, an answer explained, and
//! an engine that is not what it says.

use std::path::{Path, PathBuf};

use image::{GrayImage, Luma, RgbImage};
use vesalius_tests::picture::is_bright;
use vesalius_tests::program::{Ran, public_data, replay, results, run, summary, vesalius};

const SIZE: (u32, u32) = (320, 240);

/// An ellipse of some brightness on dark ground.
fn ellipse(level: u8) -> GrayImage {
    GrayImage::from_fn(SIZE.0, SIZE.1, |x, y| {
        let inside = is_bright(SIZE.0 as usize, SIZE.1 as usize, x as usize, y as usize);
        Luma([if inside { level } else { 30 }])
    })
}

fn frame_of<'a>(lines: &'a [serde_json::Value], name: &str) -> &'a serde_json::Value {
    lines.iter().find(|line| line["input"] == name).unwrap_or_else(|| panic!("no {name}"))
}

/// Pixels of the outline's colour, `#56B4E9`.
fn outline_px(picture: &RgbImage) -> usize {
    let near = |p: &[u8; 3]| p.iter().zip([0x56, 0xB4, 0xE9]).all(|(a, b)| a.abs_diff(b) < 40);
    picture.pixels().filter(|pixel| near(&pixel.0)).count()
}

#[test]
fn low_confidence_is_dashed_and_gives_no_value_and_unlike_pictures_give_none_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    // The engine's probability is 0.97 in the first, 0.62 in the second; the third is brighter than what it calls like.
    ellipse(220).save(pictures.join("sure.png")).unwrap();
    ellipse(140).save(pictures.join("unsure.png")).unwrap();
    GrayImage::from_pixel(SIZE.0, SIZE.1, Luma([250])).save(pictures.join("white.png")).unwrap();
    let out = folder.path().join("out");
    let engine = vesalius_tests::engine("unlike");
    replay(&pictures, &out, &["--engine", engine.to_str().unwrap(), "--calibration", "0.2"]).ok();

    let lines = results(&out);
    let said = |name: &str, reason: Option<&str>| {
        let frame = frame_of(&lines, name);
        assert_eq!(frame["status"], "ok", "{frame}");
        let structure = &frame["structures"][0];
        assert!(structure["found"] == true && structure["confidence"].is_number(), "{structure}");
        assert_eq!(structure["withheld"].as_str(), reason, "{name}");
        let values = frame["values"].as_array().unwrap();
        assert!(values.len() > 5);
        for value in values {
            let is_given = value["value"].is_number();
            match reason {
                // Some measures of a round thing have no value at any time.
                None => assert!(is_given || value["reason"] == "INDETERMINATE", "{name}: {value}"),
                Some(reason) => assert!(!is_given && value["reason"] == reason, "{name}: {value}"),
            }
        }
        frame
    };
    let sure = said("sure.png", None);
    assert!(sure["unlikeness"]["unlike"] == false && sure["unlikeness"]["score"].as_f64().unwrap() < 0.6);
    let unsure = said("unsure.png", Some("LOW_CONFIDENCE"));
    let confidence = unsure["structures"][0]["confidence"].as_f64().unwrap();
    assert!((confidence - 0.62).abs() < 0.02, "{confidence}");
    let white = said("white.png", Some("UNLIKE_TRAINING"));
    assert!(white["unlikeness"]["unlike"] == true && white["unlikeness"]["threshold"] == 0.6, "{white}");
    assert_eq!(summary(&out)["frames"]["unlike_training"], 1);

    let annotated = |name: &str| image::open(out.join("annotated").join(name)).unwrap().into_rgb8();
    let (solid, dashed) = (outline_px(&annotated("sure.png")), outline_px(&annotated("unsure.png")));
    assert!(dashed > solid / 4 && dashed < solid * 9 / 10, "{dashed} pixels dashed, {solid} solid");
}

fn explain(input: &Path, args: &[&str], out: &Path) -> Ran {
    run(vesalius().arg("explain").arg(input).args(args).arg("--json").arg("--out").arg(out))
}

#[test]
fn an_answer_is_explained_on_one_page() {
    let folder = tempfile::tempdir().unwrap();
    let (still, page) = (folder.path().join("still.png"), folder.path().join("page.png"));
    ellipse(220).save(&still).unwrap();
    let engine = vesalius_tests::engine("unlike");
    let engine = ["--engine", engine.to_str().unwrap()];
    let ran = explain(&still, &engine, &page).ok();
    let said: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(said["found"] == true && said["unsure"] == false && said["unlike"] == false, "{said}");
    assert!(
        said["confidence"].as_f64().unwrap() > 0.9 && said["steadiness"].as_f64().unwrap() > 0.9,
        "{said}"
    );
    let drawn = image::open(&page).unwrap().into_rgb8();
    assert!(drawn.width() > 1200 && drawn.height() > 900);
    // Where the map of probability is at its end it has cividis's last colour.
    let yellow = drawn.pixels().filter(|p| p.0[0] > 220 && p.0[1] > 200 && p.0[2] < 110).count();
    assert!(yellow > 10_000, "{yellow}");
    let same = folder.path().join("again.png");
    explain(&still, &engine, &same).ok();
    assert_eq!(
        std::fs::read(&page).unwrap(),
        std::fs::read(&same).unwrap(),
        "the same input gives the same bytes"
    );

    let ran = explain(&still, &[&engine[..], &["--structure", "dark"]].concat(), &page);
    assert!(ran.one_line_error().contains("it has bright"), "{}", ran.err);
    let ran = explain(&still, &[&engine[..], &["--frame", "3"]].concat(), &page);
    assert!(ran.one_line_error().contains("no frame 3"), "{}", ran.err);
}

#[test]
fn a_frame_of_a_recording_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let clip = vesalius_tests::program::phantom(folder.path(), &["--frames", "4"]);
    let page = folder.path().join("page.png");
    let engine = vesalius_tests::engine("threshold");
    let ran = explain(&clip, &["--engine", engine.to_str().unwrap(), "--frame", "2"], &page).ok();
    let said: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(said["frame"] == 2 && said["unlike"].is_null(), "{said}");
    assert!(page.is_file());
    let ran = explain(&clip, &["--engine", engine.to_str().unwrap(), "--frame", "4"], &page);
    assert!(ran.one_line_error().contains("no frame 4: it has 4"), "{}", ran.err);
}

/// Copies a shipped engine, its manifest changed.
fn copy(to: &Path, change: impl Fn(String) -> String) -> PathBuf {
    let from = vesalius_tests::program::project().join("engines/fetal-head");
    std::fs::create_dir_all(to.join("sample")).unwrap();
    for part in ["", "sample"] {
        for entry in std::fs::read_dir(from.join(part)).unwrap().flatten().filter(|e| e.path().is_file()) {
            std::fs::copy(entry.path(), to.join(part).join(entry.file_name())).unwrap();
        }
    }
    let manifest = to.join("manifest.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let changed = change(text.clone());
    std::fs::write(&manifest, &changed).unwrap();
    to.to_owned()
}

#[test]
fn verify_holds_an_engine_to_its_sample_and_its_gates() {
    let verify = |engine: &Path| run(vesalius().args(["engine", "verify"]).arg(engine));
    let folder = tempfile::tempdir().unwrap();
    let good = copy(&folder.path().join("good"), |text| text);
    let ran = verify(&good).ok();
    assert!(ran.out.contains("on cpu in f32: the stored masks bit for bit"), "{}", ran.out);
    assert!(ran.out.contains("int8 passes every gate"), "{}", ran.out);

    let poor = copy(&folder.path().join("poor"), |text| text.replace("dice_p1 = 0.99", "dice_p1 = 0.90"));
    let error = verify(&poor).one_line_error().to_owned();
    assert!(
        error.contains("int8 misses a parity gate: dice_p1 is 0.90") && error.contains("0.95"),
        "{error}"
    );

    // A pixel of a stored mask changed.
    let masks = std::fs::read_dir(good.join("sample")).unwrap().flatten().map(|entry| entry.path());
    let mask = masks.into_iter().find(|path| path.to_str().unwrap().ends_with(".mask.png")).unwrap();
    let mut picture = image::open(&mask).unwrap().into_luma8();
    picture.put_pixel(3, 3, Luma([1]));
    picture.save(&mask).unwrap();
    let error = verify(&good).one_line_error().to_owned();
    assert!(
        error.contains("do not come out again bit for bit") && error.contains("1 other pixels"),
        "{error}"
    );
}

/// The chosen numbers are said, and follow from the manifest and the processor.
#[test]
fn auto_takes_what_the_manifest_vouches_for() {
    let folder = tempfile::tempdir().unwrap();
    let still = folder.path().join("still.png");
    ellipse(220).save(&still).unwrap();
    let taken = |engine: &Path, out: &str| {
        let out = folder.path().join(out);
        replay(&still, &out, &["--engine", engine.to_str().unwrap(), "--no-video"]).ok();
        let lines = results(&out);
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        (text(&lines[0]["engine"]["precision"]), text(&lines[0]["configuration"]["backend_why"]))
    };
    let good = copy(&folder.path().join("good"), |text| text);
    let poor = copy(&folder.path().join("poor"), |text| text.replace("dice_p1 = 0.99", "dice_p1 = 0.90"));
    let fast = vesalius_engine::provider::choose::multiplies_bytes();
    let (precision, why) = taken(&good, "a");
    assert_eq!(
        (precision.as_str(), why.contains("parity figures")),
        (if fast { "int8" } else { "f32" }, fast)
    );
    let (precision, why) = taken(&poor, "b");
    assert_eq!((precision.as_str(), why.contains("parity figures")), ("f32", false));
}

/// Larynges and heads by the other's engine: what the engines themselves are sure of.
#[test]
fn real_frames_are_explained() {
    let Some(data) = public_data() else { return };
    let first = |folder: &str| {
        let mut files: Vec<_> =
            std::fs::read_dir(data.join(folder)).unwrap().flatten().map(|entry| entry.path()).collect();
        files.sort();
        files.swap_remove(0)
    };
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.png");
    let ran = explain(&first("hc18/images"), &["--engine", "fetal-head"], &page).ok();
    let said: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(
        said["confidence"].as_f64().unwrap() > 0.9 && said["steadiness"].as_f64().unwrap() > 0.8,
        "{said}"
    );
}

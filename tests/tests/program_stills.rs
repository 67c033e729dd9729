//! A research team replays a folder of stills as they come: other sizes, other formats, one of them broken, the scale
//! of each in a table.

use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use vesalius_tests::program::{self, measurements, replay, results, summary, value};

/// Largest error of a head circumference.
const HC_ERROR: f64 = 0.02;

/// A phantom's first frame without the losses of video, its true circumference in pixels and its true mask.
fn head(folder: &Path, width: u32, height: u32) -> (GrayImage, f64, GrayImage) {
    let (w, h) = (width.to_string(), height.to_string());
    program::phantom(
        folder,
        &["--frames", "1", "--stills", "--width", &w, "--height", &h, "--mm-per-px", "0.4"],
    );
    let truth: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("truth.json")).unwrap()).unwrap();
    let hc_px = truth["frames"][0]["head_circumference_mm"].as_f64().unwrap() / 0.4;
    let open = |kind: &str| image::open(folder.join(kind).join("000000.png")).unwrap().into_luma8();
    (open("images"), hc_px, open("masks"))
}

/// A still in every format, each of a size of its own: file, true circumference in pixels and true mask.
fn gallery(folder: &Path) -> Vec<(PathBuf, f64, GrayImage)> {
    type Write = fn(&GrayImage, &Path);
    let formats: [(&str, Write); 9] = [
        ("a-gray.png", |picture, path| picture.save(path).unwrap()),
        ("b-rgb.png", |picture, path| DynamicImage::from(picture.clone()).into_rgb8().save(path).unwrap()),
        ("c-rgba.png", |picture, path| DynamicImage::from(picture.clone()).into_rgba8().save(path).unwrap()),
        ("d-deep.png", |picture, path| DynamicImage::from(picture.clone()).into_luma16().save(path).unwrap()),
        ("e.jpg", |picture, path| picture.save(path).unwrap()),
        ("f.webp", |picture, path| DynamicImage::from(picture.clone()).into_rgb8().save(path).unwrap()),
        ("g.bmp", |picture, path| picture.save(path).unwrap()),
        ("h.tiff", |picture, path| picture.save(path).unwrap()),
        ("i.TIF", |picture, path| picture.save_with_format(path, ImageFormat::Tiff).unwrap()),
    ];
    let mut stills = Vec::new();
    for (i, (name, write)) in (0_u32..).zip(formats) {
        let made = tempfile::tempdir().unwrap();
        let (picture, hc_px, mask) = head(made.path(), 400 + 7 * i, 270 + 5 * i);
        let path = folder.join(name);
        write(&picture, &path);
        stills.push((path, hc_px, mask));
    }
    stills
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn table(path: &Path, lines: &[String]) -> PathBuf {
    let text = format!("file,mm_per_px_x,mm_per_px_y\n{}\n", lines.join("\n"));
    std::fs::write(path, text).unwrap();
    path.to_owned()
}

#[test]
fn a_folder_of_all_kinds_of_stills() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    let stills = gallery(&pictures);
    std::fs::write(pictures.join("notes.txt"), "not a picture").unwrap();
    std::fs::create_dir(pictures.join("folder.png")).unwrap();
    // Each has a scale of its own, matched by name whatever the order.
    let scale = |i: usize| 0.2 + 0.05 * i as f64;
    let mut lines: Vec<String> = stills
        .iter()
        .enumerate()
        .map(|(i, (path, ..))| {
            format!("{},{},{}", path.file_name().unwrap().to_str().unwrap(), scale(i), scale(i))
        })
        .collect();
    lines.reverse();
    lines.push("of-no-file.png,1,1".to_owned());
    let csv = table(&folder.path().join("scales.csv"), &lines);
    let out = folder.path().join("out");
    replay(&pictures, &out, &["--masks", "--calibration", csv.to_str().unwrap()]).ok();

    let frames = results(&out);
    assert_eq!(frames[0]["input"]["kind"], "stills");
    assert_eq!(frames.len() - 1, stills.len());
    for (i, (frame, (path, hc_px, true_mask))) in frames[1..].iter().zip(&stills).enumerate() {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!((frame["input"].as_str(), frame["frame"].as_u64()), (Some(name), Some(i as u64)));
        let (hc, unit, validity) = value(frame, "head_circumference");
        assert_eq!((unit, validity), ("mm", "valid"), "{name}");
        let error = hc.unwrap() / (hc_px * scale(i)) - 1.0;
        assert!(error.abs() <= HC_ERROR, "{name}: {:.2} % off", 100.0 * error);
        let (width, height) = true_mask.dimensions();
        assert_eq!(frame["size"], serde_json::json!([width, height]), "{name}");

        let mask =
            image::open(out.join("masks").join(stem(path)).with_extension("png")).unwrap().into_luma8();
        assert_eq!(mask.dimensions(), (width, height), "{name}: masks have the source's size");
        let dice = program::dice(&mask, true_mask);
        assert!(dice >= 0.95, "{name}: Dice {dice:.3}");
        let annotated =
            image::open(out.join("annotated").join(stem(path)).with_extension("png")).unwrap().into_rgb8();
        assert_eq!(annotated.dimensions(), (width, height), "{name}");
        let original = image::open(path).unwrap().into_luma8();
        let drawn = annotated.pixels().zip(original.pixels()).filter(|(new, old)| {
            let Luma([old]) = old;
            new.0.iter().any(|channel| channel.abs_diff(*old) > 3)
        });
        let part = drawn.count() as f64 / f64::from(width * height);
        assert!((0.002..0.3).contains(&part), "{name}: the drawing covers {:.1} %", 100.0 * part);
    }
    for kind in ["masks", "annotated"] {
        assert_eq!(std::fs::read_dir(out.join(kind)).unwrap().count(), stills.len(), "{kind}: one a still");
    }
    assert!(!out.join("annotated.mp4").exists(), "stills make no video");
}

#[test]
fn one_still_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (picture, hc_px, _) = head(&folder.path().join("phantom"), 400, 270);
    let still = folder.path().join("head.png");
    picture.save(&still).unwrap();
    let out = folder.path().join("out");
    replay(&still, &out, &["--calibration", "0.4,0.4", "--masks"]).ok();
    let frames = results(&out);
    assert_eq!((frames.len(), &frames[0]["input"]["kind"]), (2, &"still".into()));
    let (hc, ..) = value(&frames[1], "head_circumference");
    assert!((hc.unwrap() / (0.4 * hc_px) - 1.0).abs() <= HC_ERROR, "{hc:?}");
    assert!(out.join("masks/head.png").is_file() && out.join("annotated/head.png").is_file());
    // A picture under a video's name is still a picture.
    let misnamed = folder.path().join("head.mp4");
    std::fs::copy(&still, &misnamed).unwrap();
    replay(&misnamed, &folder.path().join("misnamed"), &[]).ok();
    assert_eq!(results(&folder.path().join("misnamed"))[0]["input"]["kind"], "still");
}

#[test]
fn the_smallest_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    let sizes = [(1, 1), (2, 1), (1, 3), (207, 141), (1, 500)];
    for (i, (width, height)) in sizes.into_iter().enumerate() {
        GrayImage::from_pixel(width, height, Luma([120])).save(pictures.join(format!("{i}.png"))).unwrap();
    }
    DynamicImage::new_rgb8(1, 1).save(pictures.join("9.png")).unwrap();
    let out = folder.path().join("out");
    replay(&pictures, &out, &["--masks", "--calibration", "0.1"]).ok();
    program::assert_whole(&out, sizes.len() + 1);
    for (i, size) in sizes.into_iter().enumerate() {
        for kind in ["masks", "annotated"] {
            let picture = image::open(out.join(kind).join(format!("{i}.png"))).unwrap();
            assert_eq!((picture.width(), picture.height()), size, "{kind} of {i}");
        }
    }
    assert!(measurements(&out).iter().all(|row| row["validity"] != "valid"), "nothing is to be found there");
}

#[test]
fn a_still_without_a_line_in_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    for name in ["a.png", "b.png"] {
        GrayImage::new(64, 48).save(pictures.join(name)).unwrap();
    }
    let csv = table(&folder.path().join("scales.csv"), &["a.png,0.1,0.1".to_owned()]);
    let ran = replay(&pictures, &folder.path().join("out"), &["--calibration", csv.to_str().unwrap()]);
    let error = ran.one_line_error();
    assert!(error.contains("'b.png'") && error.contains("table"), "{error}");
}

#[test]
fn one_broken_still_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    for name in ["a.png", "b.png", "c.png", "d.png"] {
        GrayImage::new(64, 48).save(pictures.join(name)).unwrap();
    }
    let whole = std::fs::read(pictures.join("b.png")).unwrap();
    std::fs::write(pictures.join("b.png"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(pictures.join("d.png"), "not a picture").unwrap();
    let out = folder.path().join("out");
    let ran = replay(&pictures, &out, &["--masks"]);
    let error = ran.one_line_error();
    assert!(error.contains("2 of 4") && error.contains("b.png"), "{error}");
    program::assert_whole_stills(&out, &["a.png", "c.png"]);
    assert_eq!(summary(&out)["state"], "failed");
    for kind in ["masks", "annotated"] {
        let mut names: Vec<_> = std::fs::read_dir(out.join(kind))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["a.png", "c.png"], "{kind}");
    }
    // A broken one alone.
    let ran = replay(&pictures.join("b.png"), &folder.path().join("alone"), &[]);
    assert!(ran.one_line_error().contains("b.png"), "{}", ran.err);
}

#[test]
fn stills_of_one_stem_do_not_overwrite_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    GrayImage::new(64, 48).save(pictures.join("a.bmp")).unwrap();
    GrayImage::new(32, 24).save(pictures.join("a.png")).unwrap();
    GrayImage::new(16, 8).save(pictures.join("b.png")).unwrap();
    let out = folder.path().join("out");
    replay(&pictures, &out, &["--masks"]).ok();
    for kind in ["masks", "annotated"] {
        let mut sizes: Vec<_> = std::fs::read_dir(out.join(kind))
            .unwrap()
            .map(|entry| image::image_dimensions(entry.unwrap().path()).unwrap())
            .collect();
        sizes.sort_unstable();
        assert_eq!(sizes, [(16, 8), (32, 24), (64, 48)], "{kind}: one a still");
        assert!(out.join(kind).join("b.png").is_file(), "{kind}: a stem that is alone is the name");
    }
}

//! Somebody replays a recording of whose truth every pixel is known: a phantom's clip. The values must be the
//! truth's, the masks the truth's, the annotated video the input's frame for frame and time for time, and doing it
//! again must give the same bytes.

use std::path::{Path, PathBuf};

use vesalius_tests::program::{
    self, Picture, decode, measurements, phantom, replay, results, summary, value,
};

/// Largest error of a head circumference: 2 %, half of what two sonographers differ by.
const HC_ERROR: f64 = 0.02;
/// Smallest part of frames with a valid value.
const VALID: f64 = 0.8;
/// Smallest overlap with the true mask.
const DICE: f64 = 0.95;
/// Largest shift of a frame's time: the clock of the MP4 file counts microseconds.
const SHIFT_NS: u64 = 1_000;

/// Time and size of every frame.
fn timing(pictures: &[Picture]) -> Vec<(u64, (u32, u32))> {
    pictures.iter().map(|p| (p.shown_ns, p.size)).collect()
}

/// The annotated video shows as many frames as the input, of the same size, at the same times.
#[track_caller]
fn assert_same_frames(input: &Path, out: &Path) -> (Vec<Picture>, Vec<Picture>) {
    let (before, after) = (decode(input), decode(&out.join("annotated.mp4")));
    assert_eq!(before.len(), after.len(), "frames of {} and of its annotated video", input.display());
    let same = |a: &Picture, b: &Picture| a.size == b.size && a.shown_ns.abs_diff(b.shown_ns) <= SHIFT_NS;
    assert!(
        before.iter().zip(&after).all(|(a, b)| same(a, b)),
        "{}: times and sizes before {:?} and after {:?}",
        input.display(),
        timing(&before),
        timing(&after)
    );
    // The records tell the same times.
    let lines = results(out);
    assert_eq!(lines.len() - 1, before.len(), "records of {}", input.display());
    for (line, picture) in lines[1..].iter().zip(&before) {
        let pts_ns = line["pts_ns"].as_u64().expect("a number");
        assert!(
            pts_ns.abs_diff(picture.shown_ns) <= SHIFT_NS,
            "{}: {line} {}",
            input.display(),
            picture.shown_ns
        );
        let (width, height) = picture.size;
        assert_eq!(line["size"], serde_json::json!([width, height]));
    }
    (before, after)
}

fn truth(clip: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read(clip.with_file_name("truth.json")).expect("the truth lies beside the clip");
    let truth: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    truth["frames"].as_array().expect("frames").clone()
}

#[test]
fn a_phantom_is_measured_as_it_is() {
    let scenes: [(&str, &[&str], &str); 5] = [
        ("fan", &["--width", "400", "--height", "270", "--mm-per-px", "0.4"], "0.4"),
        ("linear", &["--width", "400", "--height", "300", "--mm-per-px", "0.4", "--field", "linear"], "0.4"),
        ("anisotropic", &["--width", "400", "--height", "216", "--mm-per-px", "0.4,0.5"], "0.4,0.5"),
        (
            "shadowed and bright, another size and seed",
            &[
                "--width",
                "480",
                "--height",
                "360",
                "--mm-per-px",
                "0.3",
                "--seed",
                "7",
                "--shadow",
                "10",
                "--gain",
                "3",
                "--head-circumference",
                "200",
                "--angle",
                "40",
            ],
            "0.3",
        ),
        (
            "dark, full size",
            &["--seed", "11", "--gain", "-4", "--motion", "2", "--cephalic-index", "84", "--shadow", "6"],
            "0.2",
        ),
    ];
    for (name, args, scale) in scenes {
        let folder = tempfile::tempdir().unwrap();
        let clip = phantom(&folder.path().join("phantom"), &[&["--frames", "16"], args].concat());
        let out = folder.path().join("out");
        replay(&clip, &out, &["--calibration", scale, "--masks"]).ok();

        let (frames, truth) = (results(&out), truth(&clip));
        assert_eq!(frames.len() - 1, truth.len(), "{name}: frames");
        let mut valid = 0;
        for (frame, truth) in frames[1..].iter().zip(&truth) {
            let true_hc = truth["head_circumference_mm"].as_f64().unwrap();
            let (hc, unit, validity) = value(frame, "head_circumference");
            assert_eq!(unit, "mm", "{name}");
            if validity == "valid" {
                valid += 1;
                let error = hc.unwrap() / true_hc - 1.0;
                assert!(error.abs() <= HC_ERROR, "{name}: {:.2} % off in {frame}", 100.0 * error);
            }
        }
        assert!(
            f64::from(valid) >= VALID * truth.len() as f64,
            "{name}: {valid} of {} are valid",
            truth.len()
        );

        let folders = (clip.with_file_name("masks"), out.join("masks"));
        assert_eq!(std::fs::read_dir(&folders.1).unwrap().count(), truth.len(), "{name}: a mask a frame");
        for number in 0..truth.len() {
            let file = format!("{number:06}.png");
            let true_mask = image::open(folders.0.join(&file)).unwrap().into_luma8();
            let mask = image::open(folders.1.join(&file)).unwrap();
            assert_eq!(mask.color(), image::ColorType::L8, "{name}");
            let mask = mask.into_luma8();
            assert_eq!(mask.dimensions(), true_mask.dimensions(), "{name}: masks have the source's size");
            assert!(mask.iter().all(|v| *v <= 1), "{name}: pixel values are class indices");
            let dice = program::dice(&mask, &true_mask);
            assert!(dice >= DICE, "{name}: Dice {dice:.3} in frame {number}");
        }
        assert_same_frames(&clip, &out);
    }
}

#[test]
fn every_value_has_its_unit() {
    let folder = tempfile::tempdir().unwrap();
    let clip =
        phantom(folder.path(), &["--frames", "2", "--width", "400", "--height", "270", "--mm-per-px", "0.4"]);
    let out = folder.path().join("out");
    replay(&clip, &out, &["--calibration", "0.4", "--no-video"]).ok();
    assert!(!out.join("annotated.mp4").exists(), "--no-video means none");
    assert!(!out.join("masks").exists(), "masks are written on demand");
    let rows = measurements(&out);
    let expected = [
        ("area", "mm2"),
        ("perimeter", "mm"),
        ("head_circumference", "mm"),
        ("bpd", "mm"),
        ("ofd", "mm"),
        ("cephalic_index", "%"),
        ("gestational_age", "wk"),
    ];
    let truth = truth(&clip);
    assert_eq!(truth.len(), 2);
    for (frame, truth) in truth.iter().enumerate() {
        let of_frame: Vec<_> = rows.iter().filter(|row| row["frame"] == frame.to_string()).collect();
        let names: Vec<_> = of_frame.iter().map(|row| (row["name"].as_str(), row["unit"].as_str())).collect();
        assert_eq!(names, expected, "frame {frame}");
        for row in of_frame {
            assert_eq!((row["input"].as_str(), row["structure"].as_str()), ("clip.mp4", "head"));
            assert_eq!((row["validity"].as_str(), row["reason"].as_str()), ("valid", ""), "{row:?}");
            assert!(row["uncertainty"].parse::<f64>().unwrap() > 0.0, "{row:?}");
            let measured: f64 = row["value"].parse().unwrap();
            // Areas err twice as much as lengths, ratios of two axes twice as much as one.
            let (true_value, tolerance) = match row["name"].as_str() {
                "area" => (truth["area_mm2"].as_f64().unwrap(), 2.0 * HC_ERROR),
                "perimeter" => (truth["perimeter_mm"].as_f64().unwrap(), HC_ERROR),
                "bpd" => (truth["bpd_mm"].as_f64().unwrap(), HC_ERROR),
                "ofd" => (truth["ofd_mm"].as_f64().unwrap(), HC_ERROR),
                "head_circumference" => (truth["head_circumference_mm"].as_f64().unwrap(), HC_ERROR),
                "cephalic_index" => (78.3, 2.0 * HC_ERROR),
                // Hadlock 1984 of 250 mm: 8.96 + 0.540·25 + 0.0003·25³ = 27.15 weeks.
                "gestational_age" => (27.15, HC_ERROR),
                other => panic!("an unknown value {other}"),
            };
            assert!((measured / true_value - 1.0).abs() <= tolerance, "{row:?}: the truth is {true_value}");
        }
    }
}

#[test]
fn without_calibration_there_are_pixels_and_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let clip =
        phantom(folder.path(), &["--frames", "2", "--width", "400", "--height", "270", "--mm-per-px", "0.4"]);
    let out = folder.path().join("out");
    replay(&clip, &out, &["--no-video"]).ok();
    let true_px = truth(&clip)[0]["head_circumference_mm"].as_f64().unwrap() / 0.4;
    for row in measurements(&out) {
        match row["name"].as_str() {
            "head_circumference" => {
                assert_eq!(row["unit"], "[px]");
                let error = row["value"].parse::<f64>().unwrap() / true_px - 1.0;
                assert!(error.abs() <= HC_ERROR, "{row:?}: the truth is {true_px} pixels");
            }
            // A ratio needs no scale, only square pixels, which the recording promises.
            "cephalic_index" => {
                assert_eq!((row["unit"].as_str(), row["reason"].as_str()), ("%", ""));
                continue;
            }
            "gestational_age" => {
                assert_eq!((row["value"].as_str(), row["validity"].as_str()), ("", "invalid"), "{row:?}");
                assert_eq!(row["reason"], "NO_CALIBRATION", "{row:?}");
            }
            _ => assert!(row["unit"].starts_with("[px]"), "{row:?}"),
        }
        assert_eq!(row["reason"], "NO_CALIBRATION", "every length says why it is not in mm: {row:?}");
    }
    // Nowhere a millimetre.
    for file in ["results.jsonl", "measurements.csv", "summary.json"] {
        let text = std::fs::read_to_string(out.join(file)).unwrap();
        assert!(!text.contains("\"mm") && !text.contains(",mm"), "{file}: {text}");
    }
}

#[test]
fn what_is_not_drawn_on_stays() {
    let folder = tempfile::tempdir().unwrap();
    let clip =
        phantom(folder.path(), &["--frames", "4", "--width", "400", "--height", "270", "--mm-per-px", "0.4"]);
    let out = folder.path().join("out");
    replay(&clip, &out, &["--calibration", "0.4"]).ok();
    let (before, after) = assert_same_frames(&clip, &out);
    for (before, after) in before.iter().zip(&after) {
        let differ = before.gray.iter().zip(&after.gray).filter(|(a, b)| a.abs_diff(**b) > 24).count();
        let part = differ as f64 / before.gray.len() as f64;
        // An outline of two pixels, its calipers and a panel of text; the rest loses a little by coding.
        assert!((0.002..0.25).contains(&part), "the drawing covers {:.1} % of the frame", 100.0 * part);
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let clip = phantom(
        folder.path(),
        &["--frames", "12", "--width", "400", "--height", "270", "--mm-per-px", "0.4"],
    );
    let identity_without_clock = |out: &Path| {
        let text = std::fs::read_to_string(out.join("results.jsonl")).unwrap();
        let (first, frames) = text.split_once('\n').unwrap();
        let mut identity: serde_json::Value = serde_json::from_str(first).unwrap();
        let started = identity["started_utc"].take();
        assert!(started.as_str().is_some_and(|s| s.len() == 20 && s.ends_with('Z')), "{started}");
        (identity, frames.to_owned(), std::fs::read(out.join("measurements.csv")).unwrap())
    };
    let outs: Vec<PathBuf> = ["1", "2", "1"]
        .iter()
        .enumerate()
        .map(|(i, threads)| {
            let out = folder.path().join(format!("out{i}"));
            replay(&clip, &out, &["--calibration", "0.4", "--threads", threads, "--no-video"]).ok();
            out
        })
        .collect();
    let first = identity_without_clock(&outs[0]);
    assert_eq!(first, identity_without_clock(&outs[2]), "twice with one thread");
    assert_eq!(first, identity_without_clock(&outs[1]), "with two threads as with one");
    // A video or none is a setting of its own; the frames are the same.
    let with_video = folder.path().join("video");
    replay(&clip, &with_video, &["--calibration", "0.4"]).ok();
    assert_eq!(first.1, identity_without_clock(&with_video).1, "with an annotated video as without");
}

#[test]
fn whatever_gstreamer_decodes_is_replayed() {
    // Name, elements the line needs, line.
    let formats: [(&str, &[&str], &str); 8] = [
        ("odd.mp4", &["x264enc"], "format=Y444,width=207,height=141 ! x264enc ! mp4mux"),
        ("reordered.mp4", &["x264enc"], "format=I420,width=160,height=120 ! x264enc bframes=3 ! mp4mux"),
        ("reordered.mov", &["x264enc"], "format=I420,width=160,height=120 ! x264enc bframes=2 ! qtmux"),
        ("odd-ffv1.mkv", &["avenc_ffv1"], "format=I420,width=207,height=141 ! avenc_ffv1 ! matroskamux"),
        ("motion.avi", &["jpegenc"], "format=I420,width=160,height=120 ! jpegenc ! avimux"),
        ("uncompressed.avi", &["avimux"], "format=I420,width=160,height=120 ! avimux"),
        (
            "program.mpg",
            &["mpeg2enc", "avmux_mpeg"],
            "format=I420,width=160,height=120 ! mpeg2enc ! mpegvideoparse ! avmux_mpeg",
        ),
        ("transport.ts", &["x264enc"], "format=I420,width=160,height=120 ! x264enc ! h264parse ! mpegtsmux"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, needs, line) in formats {
        if !needs.iter().all(|element| program::has_element(element)) {
            continue;
        }
        let file = folder.path().join(name);
        let source = "videotestsrc num-buffers=12 pattern=ball ! video/x-raw,framerate=25/1";
        program::launch(&format!("{source},{line} ! filesink location={{}}"), &file);
        let out = folder.path().join(format!("{name}.out"));
        replay(&file, &out, &[]).ok();
        let (before, _) = assert_same_frames(&file, &out);
        assert_eq!(before.len(), 12, "{name}");
    }
}

/// A GIF of three frames of 2×2 colour cells, 100 ms each, written by hand after the GIF89a specification
/// (<https://www.w3.org/Graphics/GIF/spec-gif89a.txt>).
fn gif(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = b"GIF89a".to_vec();
    bytes.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
    bytes.extend([0x80, 0, 0]);
    bytes.extend([0, 0, 0, 255, 255, 255]);
    for frame in 0..3_u32 {
        bytes.extend([0x21, 0xf9, 4, 0, 10, 0, 0, 0]);
        bytes.extend([0x2c, 0, 0, 0, 0]);
        bytes.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
        bytes.push(0);
        // Codes of 3 bits, with a clear code so often that they never grow: LZW without compression.
        bytes.push(2);
        let (mut bits, mut data) = (Vec::new(), Vec::new());
        for pixel in 0..u32::from(width) * u32::from(height) {
            if pixel % 2 == 0 {
                bits.push(4);
            }
            bits.push((pixel / 7 + frame) % 2);
        }
        bits.push(5);
        for (i, code) in bits.iter().enumerate() {
            for bit in 0..3 {
                let at = 3 * i + bit;
                if at % 8 == 0 {
                    data.push(0_u8);
                }
                *data.last_mut().unwrap() |= (((code >> bit) & 1) as u8) << (at % 8);
            }
        }
        for block in data.chunks(255) {
            bytes.push(block.len() as u8);
            bytes.extend(block);
        }
        bytes.push(0);
    }
    bytes.push(0x3b);
    bytes
}

#[test]
fn a_gif_is_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("moving.gif");
    std::fs::write(&file, gif(64, 48)).unwrap();
    let out = folder.path().join("out");
    replay(&file, &out, &[]).ok();
    let lines = results(&out);
    assert_eq!(lines[0]["input"]["kind"], "video");
    let times: Vec<_> = lines[1..].iter().map(|line| line["pts_ns"].as_u64().unwrap() / 1_000_000).collect();
    assert_eq!(times, [0, 100, 200], "a tenth of a second each, as the file says");
    let pictures = decode(&out.join("annotated.mp4"));
    assert_eq!(timing(&pictures), [0, 100, 200].map(|ms| (ms * 1_000_000, (64, 48))));
    // Stripes of seven pixels, black and white, that change places from frame to frame.
    for (number, picture) in pictures.iter().enumerate() {
        let white = |pixel: usize| (pixel / 7 + number) % 2 == 1;
        let right =
            picture.gray.iter().enumerate().filter(|(pixel, gray)| (**gray > 127) == white(*pixel)).count();
        assert!(right * 10 > picture.gray.len() * 9, "frame {number}: {right} pixels are as they were");
    }
    // Cut off, it is used as far as it goes.
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let out = folder.path().join("cut");
    let ran = replay(&file, &out, &[]);
    assert!(ran.one_line_error().contains("after 1 frames"), "{}", ran.err);
    assert_eq!(decode(&out.join("annotated.mp4")).len(), 1);
}

#[test]
fn several_inputs_have_a_folder_each_and_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let clip =
        phantom(folder.path(), &["--frames", "2", "--width", "400", "--height", "270", "--mm-per-px", "0.4"]);
    let same_name = folder.path().join("other/clip.mp4");
    std::fs::create_dir(folder.path().join("other")).unwrap();
    std::fs::copy(&clip, &same_name).unwrap();
    let missing = folder.path().join("missing.mp4");
    let out = folder.path().join("out");
    let mut command = program::vesalius();
    command.arg("replay").args([&clip, &missing, &same_name]).arg("--out").arg(&out);
    let ran = program::run(&mut command);
    assert_eq!(ran.code, Some(1), "one of three failed: {ran:?}");
    assert!(ran.err.lines().all(|line| line.starts_with("vesalius: ")), "{}", ran.err);
    assert!(ran.err.contains("missing.mp4") && ran.err.contains("1 of 3"), "{}", ran.err);
    for name in ["clip", "clip-2"] {
        program::assert_whole(&out.join(name), 2);
        assert_same_frames(&clip, &out.join(name));
    }
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("index.json")).unwrap()).unwrap();
    let states: Vec<_> =
        index.as_array().unwrap().iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["complete", "failed", "complete"], "{index}");
}

#[test]
fn machines_get_one_object_an_input() {
    let folder = tempfile::tempdir().unwrap();
    let clip =
        phantom(folder.path(), &["--frames", "2", "--width", "400", "--height", "270", "--mm-per-px", "0.4"]);
    let missing = folder.path().join("missing.mp4");
    let mut command = program::vesalius();
    command.arg("replay").args([&clip, &missing]).arg("--json").arg("--out").arg(folder.path().join("out"));
    let ran = program::run(&mut command);
    assert_eq!(ran.code, Some(1));
    let lines: Vec<serde_json::Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
        .collect();
    assert_eq!(lines.len(), 2, "{}", ran.out);
    assert_eq!(
        (&lines[0]["state"], &lines[0]["summary"]["frames"]["total"]),
        (&"complete".into(), &2.into())
    );
    assert_eq!(lines[0]["summary"], summary(&folder.path().join("out/clip")), "the summary is the file's");
    assert_eq!(lines[1]["state"], "failed");
    assert!(lines[1]["errors"][0].as_str().unwrap().contains("missing.mp4"), "{}", lines[1]);
}

#[test]
fn an_input_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let clip =
        phantom(folder.path(), &["--frames", "2", "--width", "400", "--height", "270", "--mm-per-px", "0.4"]);
    // A recording with the name of the annotated video, in the folder of the results.
    let recording = folder.path().join("annotated.mp4");
    std::fs::rename(&clip, &recording).unwrap();
    let before = std::fs::read(&recording).unwrap();
    let ran = replay(&recording, folder.path(), &[]);
    assert!(ran.one_line_error().contains("--out"), "{}", ran.err);
    assert!(before == std::fs::read(&recording).unwrap(), "the recording was written over");
    // And a folder of stills with that of the annotated ones.
    let stills = folder.path().join("annotated");
    std::fs::create_dir(&stills).unwrap();
    image::GrayImage::from_pixel(64, 48, image::Luma([90])).save(stills.join("a.png")).unwrap();
    let before = std::fs::read(stills.join("a.png")).unwrap();
    let ran = replay(&stills, folder.path(), &[]);
    assert!(ran.one_line_error().contains("--out"), "{}", ran.err);
    assert!(before == std::fs::read(stills.join("a.png")).unwrap(), "a still was written over");
    // Nor by a link or a way round.
    let round = folder.path().join("phantom-link.mp4");
    std::os::unix::fs::symlink(&recording, &round).unwrap();
    let ran = replay(&round, &folder.path().join("masks/.."), &[]);
    assert!(ran.one_line_error().contains("--out"), "{}", ran.err);
}

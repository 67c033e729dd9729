//! Everything that is wrong with an input, an engine, a calibration or a disk: one line that says what and what to do,
//! an exit code that is not 0, no panic, no hang, and what was written is whole.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use vesalius_tests::program::{self, Ran, Running, decode, launch, replay, results, run, summary, vesalius};

/// Frames of the recordings made here.
const FRAMES: usize = 60;

/// A recording of 60 frames at 25 a second, by the elements after its source.
fn recording(folder: &Path, name: &str, line: &str) -> PathBuf {
    let file = folder.join(name);
    let source =
        format!("videotestsrc num-buffers={FRAMES} pattern=ball ! video/x-raw,framerate=25/1,format=I420");
    launch(&format!("{source},{line} ! filesink location={{}}"), &file);
    file
}

const H264: &str = "width=160,height=120 ! x264enc key-int-max=5 bframes=0";

/// The first part of a file, in per cent.
fn cut(file: &Path, percent: usize) -> PathBuf {
    let bytes = std::fs::read(file).unwrap();
    let path = file.with_file_name(format!("cut-{}", file.file_name().unwrap().to_str().unwrap()));
    std::fs::write(&path, &bytes[..bytes.len() * percent / 100]).unwrap();
    path
}

/// A test engine, made by `src/engine/tests/make_models.py`.
fn engine(name: &str) -> String {
    vesalius_tests::engine(name).to_str().unwrap().to_owned()
}

/// A copy of a test engine with another manifest.
fn engine_with(folder: &Path, change: impl Fn(String) -> String) -> String {
    for file in ["manifest.toml", "model.onnx"] {
        std::fs::copy(vesalius_tests::engine("threshold").join(file), folder.join(file)).unwrap();
    }
    let manifest = std::fs::read_to_string(folder.join("manifest.toml")).unwrap();
    let changed = change(manifest.clone());
    assert_ne!(changed, manifest, "the manifest has what is changed here");
    std::fs::write(folder.join("manifest.toml"), changed).unwrap();
    folder.to_str().unwrap().to_owned()
}

/// The annotated video, where there is one, can be played and has as many frames as there are records.
#[track_caller]
fn assert_video_whole(out: &Path, frames: usize) {
    assert_eq!(decode(&out.join("annotated.mp4")).len(), frames, "frames in the annotated video");
    assert_eq!(summary(out)["files"]["annotated"], "annotated.mp4");
}

#[track_caller]
fn assert_says(ran: &Ran, words: &[&str]) {
    let line = ran.one_line_error();
    for word in words {
        assert!(line.contains(word), "'{word}' is not in: {line}");
    }
}

#[test]
fn files_that_are_no_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("text.mp4"), "not a video at all\n".repeat(50)).unwrap();
    std::fs::write(at("empty.mp4"), "").unwrap();
    std::fs::write(at("zeros.mkv"), vec![0; 5000]).unwrap();
    std::fs::write(at("text.png"), "not a picture").unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    std::fs::write(at("folder/a.txt"), "x").unwrap();
    launch("audiotestsrc num-buffers=20 ! audioconvert ! wavenc ! filesink location={}", &at("sound.wav"));
    launch(
        "audiotestsrc num-buffers=20 ! audioconvert ! flacenc ! matroskamux ! filesink location={}",
        &at("sound.mkv"),
    );
    launch(
        "videotestsrc num-buffers=0 ! video/x-raw,format=I420 ! x264enc ! mp4mux ! filesink location={}",
        &at("zero.mp4"),
    );
    launch(
        "videotestsrc num-buffers=0 ! video/x-raw,format=I420 ! avimux ! filesink location={}",
        &at("zero.avi"),
    );
    for (name, words) in [
        ("none.mp4", &["none.mp4", "no such file"][..]),
        ("text.mp4", &["text.mp4", "not a video"]),
        ("empty.mp4", &["empty.mp4", "is empty"]),
        ("zeros.mkv", &["zeros.mkv", "not a video"]),
        ("text.png", &["text.png", "not a picture"]),
        ("folder", &["folder", "no pictures", "PNG"]),
        ("sound.wav", &["sound.wav", "no video"]),
        ("sound.mkv", &["sound.mkv", "no video"]),
        ("zero.mp4", &["zero.mp4"]),
        ("zero.avi", &["zero.avi"]),
    ] {
        for more in [&[][..], &["--no-video"]] {
            let out = at("out").join(name);
            assert_says(&replay(&at(name), &out, more), words);
            assert!(!out.join("annotated.mp4").exists(), "{name}: no frames, no video");
            if out.join("results.jsonl").exists() {
                program::assert_whole(&out, 0);
                assert_eq!(summary(&out)["state"], "failed", "{name}");
            }
        }
    }
}

#[test]
fn recordings_that_are_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    // The index stands at the end of an ordinary MP4: without it nothing can be decoded.
    let end = cut(&recording(folder.path(), "end.mp4", &format!("{H264} ! mp4mux")), 60);
    let out = folder.path().join("end");
    assert_says(&replay(&end, &out, &[]), &["cut-end.mp4", "cut off"]);
    program::assert_whole(&out, 0);
    // These can be decoded as far as they go, and that is kept.
    for (name, line) in [
        ("front.mp4", format!("{H264} ! mp4mux faststart=true")),
        ("fragments.mp4", format!("{H264} ! mp4mux fragment-duration=200")),
        ("matroska.mkv", format!("{H264} ! matroskamux")),
        ("motion.avi", "width=160,height=120 ! jpegenc ! avimux".to_owned()),
    ] {
        let whole = recording(folder.path(), name, &line);
        let out = folder.path().join(format!("whole-{name}"));
        replay(&whole, &out, &["--no-video"]).ok();
        program::assert_whole(&out, FRAMES);
        for (more, video) in [(&[][..], true), (&["--no-video"], false)] {
            let out = folder.path().join(format!("{name}-{video}"));
            assert_says(&replay(&cut(&whole, 60), &out, more), &[name, "cut off", "kept"]);
            let frames = results(&out).len() - 1;
            assert!((10..FRAMES).contains(&frames), "{name}: {frames} frames of 60 % of the file");
            program::assert_whole(&out, frames);
            assert_eq!(summary(&out)["state"], "failed", "{name}");
            if video {
                assert_video_whole(&out, frames);
            }
        }
    }
    // A transport stream is made to be cut anywhere: nothing is wrong with what is left.
    let part = cut(&recording(folder.path(), "part.ts", &format!("{H264} ! h264parse ! mpegtsmux")), 60);
    let out = folder.path().join("part");
    replay(&part, &out, &[]).ok();
    let frames = results(&out).len() - 1;
    assert!((10..FRAMES).contains(&frames), "{frames} frames of 60 % of the file");
    assert_video_whole(&out, frames);
}

#[test]
fn recordings_with_a_hole() {
    // Bytes in the middle are gone bad: what decodes is used, and nothing crashes.
    let folder = tempfile::tempdir().unwrap();
    for (name, line) in
        [("hole.mp4", "mp4mux faststart=true"), ("hole.mkv", "matroskamux"), ("hole.ts", "mpegtsmux")]
    {
        let file = recording(folder.path(), name, &format!("{H264} ! h264parse ! {line}"));
        let mut bytes = std::fs::read(&file).unwrap();
        let (start, end) = (bytes.len() * 45 / 100, bytes.len() * 55 / 100);
        for (i, byte) in bytes[start..end].iter_mut().enumerate() {
            *byte = (i * 37 % 251) as u8;
        }
        std::fs::write(&file, bytes).unwrap();
        let out = folder.path().join(format!("out-{name}"));
        let ran = replay(&file, &out, &[]);
        if ran.code != Some(0) {
            ran.one_line_error();
        }
        let frames = results(&out).len() - 1;
        assert!(frames >= FRAMES / 4, "{name}: {frames} frames are before the hole");
        program::assert_whole(&out, frames);
        assert_video_whole(&out, frames);
    }
}

#[test]
fn the_smallest_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let small = |name: &str, size: &str| {
        let file = folder.path().join(name);
        let source = "videotestsrc num-buffers=3 ! video/x-raw,format=I420";
        launch(&format!("{source},{size} ! avenc_ffv1 ! matroskamux ! filesink location={{}}"), &file);
        file
    };
    if !program::has_element("avenc_ffv1") {
        return;
    }
    for (name, size) in
        [("1.mkv", "width=1,height=1"), ("2.mkv", "width=2,height=1"), ("15.mkv", "width=15,height=64")]
    {
        let file = small(name, size);
        let out = folder.path().join(format!("values-{name}"));
        replay(&file, &out, &["--no-video", "--masks", "--calibration", "0.1"]).ok();
        program::assert_whole(&out, 3);
        // H.264 does not hold it, and that is said.
        let out = folder.path().join(format!("video-{name}"));
        assert_says(&replay(&file, &out, &[]), &["annotated video", "--no-video"]);
        program::assert_whole(&out, 0);
        assert!(!out.join("annotated.mp4").exists(), "{name}");
    }
    for (name, size) in [
        ("16.mkv", "width=16,height=16"),
        ("odd.mkv", "width=207,height=141"),
        ("17.mkv", "width=17,height=300"),
    ] {
        let out = folder.path().join(format!("out-{name}"));
        replay(&small(name, size), &out, &["--masks"]).ok();
        program::assert_whole(&out, 3);
        assert_video_whole(&out, 3);
    }
}

#[test]
fn a_size_that_changes() {
    let folder = tempfile::tempdir().unwrap();
    let part = |name: &str, size: &str, line: &str| {
        std::fs::read(recording(
            folder.path(),
            name,
            &format!("{size} ! x264enc key-int-max=5 bframes=0 ! {line}"),
        ))
        .unwrap()
    };
    let (large, small) = ("width=320,height=240", "width=160,height=120");
    for (name, line) in
        [("both.h264", "video/x-h264,stream-format=byte-stream"), ("both.ts", "h264parse ! mpegtsmux")]
    {
        let bytes = [part("a", large, line), part("b", small, line)].concat();
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let out = folder.path().join(format!("video-{name}"));
        assert_says(&replay(&file, &out, &["--masks"]), &[name, "320x240", "160x120", "--no-video"]);
        // Every frame of the first size is there, in the table and in the video.
        program::assert_whole(&out, FRAMES);
        assert_video_whole(&out, FRAMES);
        assert!(results(&out)[1..].iter().all(|line| line["size"] == serde_json::json!([320, 240])));

        let out = folder.path().join(format!("values-{name}"));
        replay(&file, &out, &["--no-video", "--masks", "--calibration", "0.2"]).ok();
        program::assert_whole(&out, 2 * FRAMES);
        let lines = results(&out);
        // The scale was given for the first size and is not used for another.
        for (range, size, scale) in [
            (1..=FRAMES, (320, 240), serde_json::json!("operator:0.2x0.2")),
            (FRAMES + 1..=2 * FRAMES, (160, 120), serde_json::Value::Null),
        ] {
            for line in &lines[range] {
                assert_eq!(line["size"], serde_json::json!([size.0, size.1]));
                assert_eq!(line["calibration"], scale, "{line}");
                let mask = out.join(format!("masks/{:06}.png", line["frame"].as_u64().unwrap()));
                assert_eq!(image::image_dimensions(mask).unwrap(), size, "{name}");
            }
        }
    }
}

#[test]
fn folders_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let clip = recording(folder.path(), "clip.mp4", &format!("{H264} ! mp4mux"));
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for out in
        [file.clone(), file.join("below"), PathBuf::from("/proc/vesalius"), PathBuf::from("/dev/null/x")]
    {
        assert_says(&replay(&clip, &out, &[]), &[out.to_str().unwrap(), "cannot be written", "--out"]);
        let both = run(vesalius().arg("replay").args([&clip, &clip]).arg("--out").arg(&out));
        assert_eq!(both.code, Some(1));
        assert!(both.errors().all(|line| line.starts_with("vesalius: ")), "{}", both.err);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "x", "the file that is in the way stays");
    // Places in the folder that are taken.
    for name in ["results.jsonl", "measurements.csv", "annotated.mp4", "summary.json"] {
        let out = folder.path().join(format!("taken-{name}"));
        std::fs::create_dir_all(out.join(name)).unwrap();
        replay(&clip, &out, &[]).one_line_error();
    }
    let out = folder.path().join("taken-masks");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("masks"), "x").unwrap();
    assert_says(&replay(&clip, &out, &["--masks"]), &["masks", "--out"]);
}

#[test]
fn a_disk_that_is_full_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let clip = recording(folder.path(), "clip.mp4", &format!("{H264} ! mp4mux"));
    for (name, words) in [
        ("results.jsonl", &["results.jsonl", "No space left"][..]),
        ("measurements.csv", &["measurements.csv", "No space left"]),
        ("annotated.mp4", &["No space left", "--no-video"]),
    ] {
        let out = folder.path().join(format!("out-{name}"));
        std::fs::create_dir(&out).unwrap();
        std::os::unix::fs::symlink("/dev/full", out.join(name)).unwrap();
        assert_says(&replay(&clip, &out, &[]), words);
        if name == "annotated.mp4" {
            // Only the video is lost, not what was measured until then.
            let frames = results(&out).len() - 1;
            program::assert_whole(&out, frames);
        }
    }
}

/// Replays with no file longer than `blocks` of 1024 bytes: what a full disk does, in the middle of a run.
fn replay_limited(clip: &Path, out: &Path, blocks: u32) -> Ran {
    let program = vesalius();
    let mut command = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(program.get_program()).arg("replay").arg(clip).arg("--out").arg(out);
    for (name, value) in program.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    run(&mut command)
}

#[test]
fn a_disk_that_becomes_full() {
    let folder = tempfile::tempdir().unwrap();
    let clip = recording(folder.path(), "clip.mp4", "width=320,height=240 ! x264enc bframes=0 ! mp4mux");
    // Noise makes the video the larger file, the records are it otherwise.
    let noise = folder.path().join("noise.mp4");
    launch(
        "videotestsrc num-buffers=60 pattern=snow ! video/x-raw,framerate=25/1,format=I420,width=320,height=240 ! \
         x264enc bframes=0 pass=qual quantizer=30 ! mp4mux ! filesink location={}",
        &noise,
    );
    for (clip, blocks, words) in [
        // No file may be longer: the summary fits, the results do not.
        (&clip, 8, &["results.jsonl", "make room"][..]),
        (&clip, 30, &["results.jsonl", "make room"]),
        (&noise, 30, &["--"]),
        (&noise, 600, &["annotated video"]),
    ] {
        let out = folder.path().join(format!("out-{blocks}-{}", clip.file_stem().unwrap().to_str().unwrap()));
        let ran = replay_limited(clip, &out, blocks);
        assert_says(&ran, words);
        let frames = results(&out).len() - 1;
        assert!(frames < FRAMES || blocks == 600, "{frames} frames fit into {blocks} KiB");
        program::assert_whole(&out, frames);
        assert_eq!(summary(&out)["state"], "failed");
        let video = out.join("annotated.mp4");
        if video.exists() {
            assert!(!decode(&video).is_empty(), "what is there of the video can be played");
        } else {
            assert!(summary(&out)["files"]["annotated"].is_null());
        }
        // What was not written is not left in pieces.
        assert!(!out.join("summary.json.partial").exists());
    }
}

#[test]
fn a_small_disk() {
    // A file system of its own, in a name space of its own, where the machine permits that.
    let may = run(Command::new("unshare").args(["--mount", "--map-root-user", "true"]));
    if may.code != Some(0) {
        println!("skipped: mounting in a name space is not permitted here: {}", may.err.trim());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = recording(folder.path(), "clip.mp4", "width=320,height=240 ! x264enc bframes=0 ! mp4mux");
    let (disk, copy) = (folder.path().join("disk"), folder.path().join("copy"));
    std::fs::create_dir(&disk).unwrap();
    std::fs::create_dir(&copy).unwrap();
    let program = vesalius();
    let script = "mount -t tmpfs -o size=64k tmpfs \"$1\" || exit 99; \
                  \"$0\" replay \"$3\" --out \"$1/out\" --masks; code=$?; cp -r \"$1/out/.\" \"$2\"; exit $code";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "bash", "-c", script]).arg(program.get_program());
    command.args([&disk, &copy, &clip]);
    for (name, value) in program.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let ran = run(&mut command);
    if ran.code == Some(99) {
        println!("skipped: no tmpfs can be mounted here: {}", ran.err.trim());
        return;
    }
    assert_says(&ran, &["No space left", "--out"]);
    let frames = results(&copy).len() - 1;
    assert!(frames < FRAMES, "{frames} frames and their masks fit into 64 KiB");
    program::measurements(&copy);
    if copy.join("summary.json").exists() {
        program::assert_whole(&copy, frames);
    }
}

#[test]
fn engines_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let clip = recording(folder.path(), "clip.mp4", &format!("{H264} ! mp4mux"));
    let at = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    };
    let another_hash = engine_with(&at("hash"), |manifest| {
        let hash = manifest.split("sha256 = \"").nth(1).unwrap()[..64].to_owned();
        manifest.replace(&hash, &"0".repeat(64))
    });
    let unknown_key = engine_with(&at("key"), |manifest| manifest.replace("[input]", "[input]\nwidht = 3"));
    let unknown_value = engine_with(&at("value"), |manifest| manifest.replace("\"nchw\"", "\"nwhc\""));
    let no_toml = engine_with(&at("toml"), |_| "not = = toml".to_owned());
    let no_model = engine_with(&at("model"), |manifest| manifest.replace("model.onnx", "gone.onnx"));
    let empty = at("empty").to_str().unwrap().to_owned();
    for (name, words) in [
        ("no-such-engine", &["no-such-engine", "fetal-head"][..]),
        ("", &["no engine"]),
        (&empty, &["empty", "manifest.toml"]),
        (&engine("corrupt"), &["corrupt", "cannot be loaded", "export"]),
        (&engine("wrong-shape"), &["wrong-shape", "shape", "manifest"]),
        (&another_hash, &["SHA-256", "000000000000"]),
        (&unknown_key, &["widht", "manifest"]),
        (&unknown_value, &["nwhc"]),
        (&no_toml, &["manifest.toml"]),
        (&no_model, &["gone.onnx"]),
    ] {
        for more in [&[][..], &["--no-video"]] {
            let out = folder.path().join("out");
            let ran = replay(&clip, &out, &[&["--engine", name], more].concat());
            assert_says(&ran, words);
            assert!(!out.join("annotated.mp4").exists(), "{name}: no frames, no video");
        }
    }
    // A model that answers with no number: frame by frame, with the picture untouched.
    let out = folder.path().join("nan");
    let ran = replay(&clip, &out, &["--engine", &engine("nan"), "--masks", "--calibration", "0.2"]);
    assert_says(&ran, &["60 of 60", "NaN"]);
    program::assert_whole(&out, FRAMES);
    assert_video_whole(&out, FRAMES);
    let lines = results(&out);
    assert!(lines[1..].iter().all(|line| line["status"] == "missing"), "{}", lines[1]);
    assert_eq!(summary(&out)["frames"]["failed"], FRAMES);
    assert!(program::measurements(&out).iter().all(|row| row["value"].is_empty()), "missing is not zero");
    let mask = image::open(out.join("masks/000000.png")).unwrap().into_luma8();
    assert!(mask.iter().all(|v| *v == 0));
}

#[test]
fn calibrations_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let clip = recording(folder.path(), "clip.mp4", &format!("{H264} ! mp4mux"));
    let table = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let header = "file,mm_per_px_x,mm_per_px_y";
    let other_file = table("other.csv", &format!("{header}\nanother.mp4,0.1,0.1\n"));
    let zero = table("zero.csv", &format!("{header}\nclip.mp4,0,0.1\n"));
    let words_within = table("words.csv", &format!("{header}\nclip.mp4,a,b\n"));
    let another_header = table("header.csv", "name,scale\nclip.mp4,0.1\n");
    let nothing = table("nothing.csv", "");
    let binary = folder.path().join("binary.csv");
    std::fs::write(&binary, [0xff, 0xfe, 0, 1, b'\n', 0xff]).unwrap();
    let cases: &[(&str, &[&str])] = &[
        ("0", &["0 mm per pixel", "give"]),
        ("-1", &["-1 mm per pixel", "give"]),
        ("nan", &["NaN", "give"]),
        ("NaN,0.1", &["NaN", "give"]),
        ("inf", &["inf", "give"]),
        ("1e-9", &["give"]),
        ("many", &["'many'", "give MM_PER_PX"]),
        ("", &["give MM_PER_PX"]),
        ("0.1,0.1,0.1", &["give MM_PER_PX"]),
        ("0.1,", &["give MM_PER_PX"]),
        ("none.csv", &["none.csv", "no such file"]),
        (&other_file, &["'clip.mp4'", "--calibration"]),
        (&zero, &["zero.csv", "line 2", "clip.mp4"]),
        (&words_within, &["words.csv", "line 2"]),
        (&another_header, &["header.csv", "file,mm_per_px_x,mm_per_px_y"]),
        (&nothing, &["clip.mp4"]),
        (binary.to_str().unwrap(), &["binary.csv"]),
    ];
    for (scale, words) in cases {
        let out = folder.path().join("out");
        assert_says(&replay(&clip, &out, &["--calibration", scale]), words);
        assert!(!out.join("results.jsonl").exists(), "'{scale}': nothing was measured");
    }
}

#[test]
fn without_onnx_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let clip = recording(folder.path(), "clip.mp4", &format!("{H264} ! mp4mux"));
    let text = folder.path().join("text.so");
    std::fs::write(&text, "not a library").unwrap();
    let nowhere = |command: &mut Command| {
        command.env("HOME", folder.path()).env("XDG_DATA_HOME", folder.path()).env_remove("ORT_DYLIB_PATH");
    };
    let replay = |change: &dyn Fn(&mut Command)| {
        let mut command = vesalius();
        command.arg("replay").arg(&clip).arg("--out").arg(folder.path().join("out"));
        nowhere(&mut command);
        change(&mut command);
        run(&mut command)
    };
    assert_says(
        &replay(&|command| {
            command.env("ORT_DYLIB_PATH", "/nonexistent");
        }),
        &["ORT_DYLIB_PATH", "/nonexistent", "make setup"],
    );
    assert_says(
        &replay(&|command| {
            command.args(["--runtime", "/nonexistent/libonnxruntime.so"]);
        }),
        &["/nonexistent/libonnxruntime.so"],
    );
    assert_says(
        &replay(&|command| {
            command.env("ORT_DYLIB_PATH", &text);
        }),
        &["text.so"],
    );
    let somewhere_in_the_system = Command::new("ldconfig")
        .arg("-p")
        .output()
        .is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("libonnxruntime"));
    if !somewhere_in_the_system {
        assert_says(&replay(&|_| ()), &["libonnxruntime.so", "make setup", "looked in"]);
    }
}

#[test]
fn ctrl_c_finishes_what_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("long.mp4");
    launch(
        "videotestsrc num-buffers=4000 pattern=ball ! video/x-raw,framerate=25/1,format=I420,width=320,height=240 ! \
         x264enc speed-preset=ultrafast ! mp4mux ! filesink location={}",
        &clip,
    );
    for (more, video) in [(&[][..], true), (&["--no-video"], false)] {
        let out = folder.path().join(format!("out-{video}"));
        let mut command = vesalius();
        command.arg("replay").args([&clip, &clip]).arg("--out").arg(&out).args(more);
        let running = Running::start(&mut command);
        let results_file = out.join("long/results.jsonl");
        vesalius_tests::wait_until("some frames are done", || {
            std::fs::read_to_string(&results_file).is_ok_and(|text| text.lines().count() > 40)
        });
        let interrupt = |id: u32| {
            assert!(Command::new("kill").args(["-INT", &id.to_string()]).status().unwrap().success())
        };
        interrupt(running.child.id());
        let asked = std::time::Instant::now();
        let ran = running.wait();
        assert!(asked.elapsed() < Duration::from_secs(10), "it takes {:?} to stop", asked.elapsed());
        assert_eq!(ran.code, Some(130), "{ran:?}");
        assert!(ran.err.contains("stopped after") && ran.err.contains("kept"), "{}", ran.err);
        assert!(!ran.err.contains("CRITICAL") && !ran.err.contains("panicked"), "{}", ran.err);
        let out = out.join("long");
        let frames = results(&out).len() - 1;
        assert!((40..4000).contains(&frames), "{frames} frames");
        program::assert_whole(&out, frames);
        assert_eq!(summary(&out)["state"], "interrupted");
        assert!(!out.with_file_name("long-2").exists(), "the next input is not begun");
        if video {
            assert_video_whole(&out, frames);
        }
    }
}

#[test]
fn power_cut() {
    // Killed in the middle: what was written until then is whole but for the last line, and the video plays.
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("long.mp4");
    launch(
        "videotestsrc num-buffers=4000 pattern=ball ! video/x-raw,framerate=25/1,format=I420,width=320,height=240 ! \
         x264enc speed-preset=ultrafast ! mp4mux ! filesink location={}",
        &clip,
    );
    let out = folder.path().join("out");
    let mut running = Running::start(vesalius().arg("replay").arg(&clip).arg("--out").arg(&out));
    vesalius_tests::wait_until("four seconds of video are done", || {
        std::fs::read_to_string(out.join("results.jsonl")).is_ok_and(|text| text.lines().count() > 100)
    });
    running.child.kill().unwrap();
    assert_eq!(running.wait().code, None);
    assert!(results(&out).len() > 100);
    program::measurements(&out);
    assert!(
        decode(&out.join("annotated.mp4")).len() >= 25,
        "all but the last seconds of the video are there"
    );
}

#[test]
fn wrong_use_is_told() {
    for (args, words) in [
        (&["replay"][..], &["INPUT"][..]),
        (&["replay", "x.mp4"], &["--out"]),
        (&["replay", "x.mp4", "--out", "y", "--threads", "many"], &["--threads"]),
        (&["phantom", "fetal-head"], &["--out"]),
        (&["nothing"], &["nothing"]),
    ] {
        let ran = run(vesalius().args(args));
        assert_eq!(ran.code, Some(2), "{args:?}: {ran:?}");
        assert!(words.iter().all(|word| ran.err.contains(word)), "{args:?}: {}", ran.err);
    }
}

#[test]
fn phantoms_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["--frames", "0"][..],
        &["--fps", "0"],
        &["--fps", "nan"],
        &["--width", "0"],
        &["--width", "8", "--height", "8"],
        &["--mm-per-px", "0"],
        &["--mm-per-px", "many"],
        &["--head-circumference", "-5"],
        &["--head-circumference", "nan"],
        &["--cephalic-index", "0"],
        &["--gain", "nan"],
        &["--motion", "inf"],
    ] {
        let out = folder.path().join("out");
        let ran = run(vesalius().args(["phantom", "fetal-head", "--out"]).arg(&out).args(args));
        ran.one_line_error();
        assert!(!out.join("clip.mp4").exists(), "{args:?}: nothing was rendered");
    }
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let ran = run(vesalius().args(["phantom", "fetal-head", "--frames", "2", "--out"]).arg(&file));
    assert_says(&ran, &["cannot be written"]);
}

#[test]
fn a_reader_that_leaves() {
    // `vesalius … | head -1` is no reason to fall over.
    let program = vesalius();
    for command in ["engine list", "engine show fetal-head", "doctor", "--help"] {
        let mut pipe = Command::new("bash");
        // The reader is gone before the first word.
        let script = format!("set -o pipefail; (sleep 0.3; exec \"$0\" {command}) | true");
        pipe.args(["-c", &script]).arg(program.get_program());
        for (name, value) in program.get_envs() {
            if let Some(value) = value {
                pipe.env(name, value);
            }
        }
        let ran = run(&mut pipe);
        assert!(!ran.err.contains("panicked"), "{command}: {}", ran.err);
        assert!(matches!(ran.code, Some(0 | 1)), "{command}: {ran:?}");
    }
}

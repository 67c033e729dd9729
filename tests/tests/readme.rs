//! A newcomer copies the lines of the README and of docs/ into a terminal, in the project's folder and with a recording
//! called `my-recording.mp4`, a model `my-model.onnx`, a still `typical.png` and what the model's makers got for it,
//! `reference.npy`; and each must work as it stands.

use std::path::{Path, PathBuf};
use std::process::Command;

use vesalius_tests::program::{decode, phantom, project, run};

/// A line to be copied, with the `export` lines of its block before it.
#[derive(Debug)]
struct Line {
    from: String,
    exports: String,
    text: String,
}

/// The README and every page of docs/.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![project().join("README.md")];
    let mut folders = vec![project().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// The lines of a page's `sh` blocks that run GStreamer or the program.
fn lines(page: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    // A line that ends in a backslash goes on in the next.
    let text = text.replace("\\\n", " ");
    let (mut found, mut within, mut exports) = (Vec::new(), false, String::new());
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("```") {
            within = line == "```sh";
            exports.clear();
        } else if within && line.starts_with("export ") {
            exports += &format!("{line}; ");
        } else if within
            && ["gst-launch-1.0 ", "gst-inspect-1.0 ", "target/release/vesalius ", "vesalius "]
                .iter()
                .any(|start| line.starts_with(start))
        {
            let from = page.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            found.push(Line { from, exports: exports.clone(), text: line.to_owned() });
        }
    }
    found
}

/// A folder that looks as the project's does to somebody who has built it and has a recording.
fn folder_of_a_newcomer() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("target/release");
    std::fs::create_dir_all(&release).unwrap();
    let built = vesalius_tests::build_folder();
    for file in ["vesalius", "libgstvesalius.so"] {
        let from = built.join(file);
        assert!(from.is_file(), "{} is missing: run `make test`, which builds it first", from.display());
        std::os::unix::fs::symlink(from, release.join(file)).unwrap();
    }
    std::os::unix::fs::symlink(
        project().canonicalize().unwrap().join("engines"),
        folder.path().join("engines"),
    )
    .unwrap();
    let made = folder.path().join("made");
    let clip = phantom(&made, &["--frames", "24", "--width", "400", "--height", "270", "--mm-per-px", "0.4"]);
    std::fs::rename(clip, folder.path().join("my-recording.mp4")).unwrap();
    model_of_a_newcomer(folder.path());
    // Engines that are imported must not land in the home folder of whoever runs the tests, where the runtime lies.
    let data = folder.path().join("data/vesalius");
    std::fs::create_dir_all(&data).unwrap();
    let runtime = vesalius_engine::registry::user_engines().unwrap().with_file_name("onnxruntime");
    std::os::unix::fs::symlink(runtime, data.join("onnxruntime")).unwrap();
    folder
}

/// A model, a picture for it, and the model's own answer to that picture.
fn model_of_a_newcomer(folder: &Path) {
    let model = project().join("src/engine/tests/import_models/bgr-imagenet-nhwc.onnx");
    std::fs::copy(model, folder.join("my-model.onnx")).unwrap();
    let disc = |x: u32, y: u32| (f64::from(x) - 40.0).hypot(f64::from(y) - 30.0) < 20.0;
    let pixel = |x, y| if disc(x, y) { image::Rgb([200, 40, 50]) } else { image::Rgb([90, 95, 160]) };
    let picture = image::RgbImage::from_fn(120, 60, pixel);
    picture.save(folder.join("typical.png")).unwrap();
    // It takes 64×48 pixels, blue first, less ImageNet's mean, and answers by
    // softmax(0, 12·(red − blue) − 3, 12·(blue − red) − 3), see make_models.py.
    let small = image::imageops::resize(&picture, 64, 48, image::imageops::FilterType::Triangle);
    let answer = small.pixels().flat_map(|pixel| {
        let [red, _, blue] = pixel.0.map(|byte| f64::from(byte) / 255.0);
        let scores = [0.0, 12.0 * (red - blue) - 3.0, 12.0 * (blue - red) - 3.0].map(f64::exp);
        let sum: f64 = scores.iter().sum();
        scores.map(|score| ((score / sum) as f32).to_le_bytes())
    });
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 48, 64, 3), }\n";
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    let head = [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes()].concat();
    std::fs::write(
        folder.join("reference.npy"),
        head.into_iter().chain(answer.flatten()).collect::<Vec<u8>>(),
    )
    .unwrap();
}

#[test]
fn every_line_works_as_it_stands() {
    let lines: Vec<Line> = pages().iter().flat_map(|page| lines(page)).collect();
    let count = |start: &str| lines.iter().filter(|line| line.text.starts_with(start)).count();
    assert!(count("gst-launch-1.0") >= 2, "the README says how the elements are used: {lines:?}");
    assert!(count("target/release/vesalius") >= 1, "the README says how the program is used: {lines:?}");
    let folder = folder_of_a_newcomer();
    for line in &lines {
        if line.text.contains("autovideosink") {
            println!("skipped, it needs a screen: {}", line.text);
            continue;
        }
        println!("{}: {}", line.from, line.text);
        let _ = std::fs::remove_file(folder.path().join("annotated.mp4"));
        let mut shell = Command::new("bash");
        shell.arg("-c").arg(format!("{}{}", line.exports, line.text)).current_dir(folder.path());
        shell.env("PATH", path_with(&folder.path().join("target/release")));
        // Its plugin path is the line's own affair, unless the line relies on the block before it.
        if line.exports.is_empty() {
            shell.env("GST_PLUGIN_PATH", folder.path().join("target/release"));
        }
        shell.env("GST_REGISTRY", folder.path().join("registry")).env_remove("VESALIUS_ENGINES");
        shell.env("XDG_DATA_HOME", folder.path().join("data"));
        let ran = run(&mut shell);
        assert_eq!(ran.code, Some(0), "{}: {}\n{}{}", line.from, line.text, ran.out, ran.err);
        assert!(!ran.err.contains("CRITICAL") && !ran.err.contains("panicked"), "{}: {}", line.text, ran.err);
        if line.text.contains("location=annotated.mp4") {
            let pictures = decode(&folder.path().join("annotated.mp4"));
            assert_eq!(pictures.len(), 24, "{}: frames in the video", line.text);
        }
        if line.text.contains("gst-launch-1.0 -m") && line.text.contains("vesaliusmeasure") {
            assert!(ran.out.contains("vesalius-measurement"), "no values on the bus: {}", line.text);
        }
    }
}

fn path_with(folder: &Path) -> String {
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

//! A newcomer copies the lines of the README and of docs/ into a terminal, in the project's folder and with a recording
//! called `my-recording.mp4`, and each must work as it stands.

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
    folder
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

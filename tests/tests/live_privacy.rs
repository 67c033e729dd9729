//! The privacy gate: what leaves the room of a live job, and what it lets through of what there is to try it on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use vesalius_measure::frame::{Frame, PixelFormat};
use vesalius_measure::picture::{BodyGate, BodyRule, PictureAnalysis, PictureLevels};
use vesalius_phantom::scenes::{PixelFormat as Layout, SceneOptions};
use vesalius_tests::job::{Running, is_live, status};
use vesalius_tests::program::public_data;
use vesalius_tests::wait_until;

const MS: u64 = 1_000_000;

/// As red as tissue, with something that moves in it.
const TISSUE: &str = "videotestsrc pattern=ball foreground-color=0xffb04038 background-color=0xff903028";
/// Grey and blue.
const ROOM: &str = "videotestsrc pattern=ball foreground-color=0xffc8c8c8 background-color=0xff406080";

/// Three seconds of one and then the other, without a gap.
fn source(first: &str, then: &str) -> String {
    let caps = "video/x-raw,format=I420,width=320,height=240,framerate=20/1";
    format!(
        "launch:{first} num-buffers=60 ! {caps} ! queue ! c.  {then} num-buffers=1200 ! {caps} ! queue ! c.  \
         concat name=c ! identity sync=true"
    )
}

/// Mean red and blue of a recorded file's pictures, in order.
fn colours(file: &Path, folder: &Path) -> Vec<[f64; 2]> {
    let raw = folder.join("raw.rgb");
    let text = format!(
        "filesrc location={} ! matroskademux ! h264parse ! avdec_h264 ! videoconvert ! videoscale ! \
         video/x-raw,format=RGB,width=32,height=24 ! filesink location={}",
        file.display(),
        raw.display()
    );
    let done = Command::new("gst-launch-1.0").arg("-q").args(text.split(' ')).status().unwrap();
    assert!(done.success(), "{text}");
    let bytes = std::fs::read(&raw).unwrap();
    let of = |picture: &[u8], channel: usize| {
        picture.iter().skip(channel).step_by(3).map(|v| f64::from(*v)).sum::<f64>() / (32.0 * 24.0)
    };
    bytes.chunks_exact(32 * 24 * 3).map(|picture| [of(picture, 0), of(picture, 2)]).collect()
}

fn files(folder: &Path, part: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries.filter(|path| path.to_string_lossy().contains(part)).collect();
    found.sort();
    found
}

fn is_tissue([red, blue]: &[f64; 2]) -> bool {
    red - blue > 60.0
}

fn is_room([_, blue]: &[f64; 2]) -> bool {
    *blue > 90.0
}

#[test]
fn the_room_is_on_no_recording_not_even_what_was_seen_just_before_and_is_on_the_screen() {
    let folder = tempfile::tempdir().unwrap();
    let job = Running::start(&source(TISSUE, ROOM), "threshold", |options| {
        options.privacy_gate = true;
        options.folder = Some(folder.path().to_owned());
        options.record = true;
        options.look_back = Some(Duration::from_secs(20));
    });
    wait_until("the tissue is recorded", || status_of(&job).0);
    wait_until("the room is not", || !status_of(&job).0 && job.live_frames().len() > 80);
    std::thread::sleep(Duration::from_millis(1500));
    let kept = job.control.look_back(None).unwrap();
    let snapshot = job.control.snapshot().unwrap();
    let shown = job.live_frames().len();
    job.end().unwrap();
    for part in ["-annotated-00000.mkv", "-clean-00000.mkv", "lookback-clean.mkv"] {
        let file = files(folder.path(), part).remove(0);
        let seen = colours(&file, folder.path());
        let tissue = seen.iter().filter(|c| is_tissue(c)).count();
        assert!(seen.iter().all(|c| !is_room(c)), "{part}: the room was kept: {seen:?}");
        // Of three seconds at 20 a second, all but the second before it opens and the half before it closes.
        assert!((10..=32).contains(&tissue), "{part}: {tissue} pictures of tissue");
        assert!(seen.len() > tissue + 30, "{part}: blanks stand for what was left out");
    }
    assert!(shown > 80, "the screen shows all");
    assert!(kept.ends_with("annotated.mkv") && folder.path().join(&kept).is_file());
    let picture = image::open(folder.path().join(snapshot)).unwrap().into_rgb8();
    let blue = picture.pixels().map(|p| f64::from(p.0[2])).sum::<f64>()
        / f64::from(picture.width() * picture.height());
    assert!(blue < 60.0, "the snapshot is a blank: {blue}");
    let account = std::fs::read_to_string(files(folder.path(), "-account.jsonl").remove(0)).unwrap();
    let lines: Vec<serde_json::Value> = account.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let privacy: Vec<bool> =
        lines.iter().filter(|l| l["record"] == "privacy").map(|l| l["blanked"].as_bool().unwrap()).collect();
    assert_eq!(privacy, [true, false, true], "{lines:?}");
    assert!(lines.last().unwrap()["blanked"].as_u64().unwrap() > 30);
}

/// Whether pictures leave the room, and why not.
fn status_of(job: &Running) -> (bool, String) {
    let status = job.status();
    assert!(status.privacy.gate);
    (!status.privacy.blanked, status.privacy.why)
}

fn position(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[test]
fn the_page_never_gets_the_room() {
    let job = Running::start(&source(TISSUE, ROOM), "threshold", |options| {
        options.privacy_gate = true;
        options.serve = Some(vesalius_serve::Options { address: ([127, 0, 0, 1], 0).into(), token: None });
    });
    let address = job.address.unwrap();
    let (mut tissue, mut blanks) = (0, 0);
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /picture.mjpeg HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (mut bytes, mut part) = (Vec::new(), [0; 1 << 16]);
    while !(tissue > 3 && blanks > 3 && job.live_frames().len() > 90) {
        let n = stream.read(&mut part).unwrap();
        assert!(n > 0 && job.live_frames().len() < 400, "{tissue} pictures of tissue, {blanks} blanks");
        bytes.extend_from_slice(&part[..n]);
        // From one picture's first bytes to its last.
        while let Some(from) = position(&bytes, &[0xff, 0xd8, 0xff])
            && let Some(length) = position(&bytes[from..], &[0xff, 0xd9, b'\r', b'\n'])
        {
            let picture = image::load_from_memory(&bytes[from..from + length + 2]).unwrap().into_rgb8();
            bytes.drain(..from + length + 2);
            let mean = |i: usize| {
                picture.pixels().map(|p| f64::from(p.0[i])).sum::<f64>()
                    / f64::from(picture.width() * picture.height())
            };
            let colour = [mean(0), mean(2)];
            assert!(!is_room(&colour), "the page got the room: {colour:?}");
            if is_tissue(&colour) { tissue += 1 } else { blanks += 1 }
        }
    }
    let said = status(address);
    assert_eq!(said["privacy"]["gate"], true);
    assert_eq!(said["privacy"]["blanked"], true, "{said}");
    assert!(job.live_frames().iter().all(|frame| is_live(&frame.result)));
    job.end().unwrap();
}

#[test]
fn without_a_gate_everything_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let job = Running::start(&source(ROOM, ROOM), "threshold", |options| {
        options.folder = Some(folder.path().to_owned());
        options.record = true;
    });
    wait_until("something is recorded", || job.live_frames().len() > 30);
    assert!(!job.status().privacy.gate);
    job.end().unwrap();
    let seen = colours(&files(folder.path(), "-clean-00000.mkv").remove(0), folder.path());
    assert!(seen.iter().filter(|c| is_room(c)).count() > 20);
}

/// Pictures as a stream at 25 a second: how many pass once the gate is open (after 1 s), and how many there are after that.
fn passed(pictures: impl Iterator<Item = (Vec<u8>, usize, usize)>) -> (usize, usize) {
    let mut analysis = PictureAnalysis::new(PictureLevels::default());
    let mut gate = BodyGate::new(BodyRule::default(), 1000 * MS);
    let (mut passed, mut all) = (0, 0);
    for (i, (rgb, width, height)) in (0_u64..).zip(pictures) {
        let frame = Frame::new(PixelFormat::Rgb, width, height, &[(&rgb, width * 3)]).unwrap();
        analysis.look(&frame, i * 40 * MS);
        let open = gate.frame(i * 40 * MS, Some(analysis.quality()), false).is_ok();
        if i >= 26 {
            all += 1;
            passed += usize::from(open);
        }
    }
    (passed, all)
}

fn phantom(name: &str) -> impl Iterator<Item = (Vec<u8>, usize, usize)> {
    let phantom = SceneOptions::from_name(name).unwrap().prepare().unwrap();
    let [width, height] = phantom.size_px().map(|side| side as usize);
    (0..32).map(move |number| {
        let frame = phantom.render(number);
        let rgb = match frame.format {
            Layout::Rgb24 => frame.pixels,
            Layout::Gray8 => frame.pixels.iter().flat_map(|v| [*v; 3]).collect(),
        };
        (rgb, width, height)
    })
}

#[test]
fn phantoms_of_ultrasound_black_bars_and_rooms_do_not_pass_and_the_endoscopes_does() {
    for name in ["fetal-head", "lv", "vessel"] {
        assert_eq!(passed(phantom(name)).0, 0, "{name}");
    }
    let (inside, all) = passed(phantom("endoscope"));
    assert_eq!(inside, all, "the inside passes");
    let flat = |rgb: [u8; 3]| {
        // With the light falling off to the sides, and some noise.
        let pixel = move |i: usize| {
            let (x, y) = ((i % 320) as f64 / 160.0 - 1.0, (i / 320) as f64 / 120.0 - 1.0);
            let light = 1.0 - 0.3 * (x * x + y * y) / 2.0;
            rgb.map(|v| (f64::from(v) * light + ((i * 7919) % 9) as f64 - 4.0) as u8)
        };
        (0..40).map(move |_| ((0..320 * 240).flat_map(pixel).collect::<Vec<u8>>(), 320, 240))
    };
    for (name, rgb) in [
        ("black", [4, 4, 4]),
        ("white wall", [220, 215, 205]),
        ("wall in warm light", [230, 200, 160]),
        ("green drape", [60, 120, 90]),
        ("blue drape", [60, 90, 150]),
        ("grey floor", [120, 120, 118]),
        ("pale skin", [224, 172, 140]),
        ("night", [20, 24, 40]),
    ] {
        assert_eq!(passed(flat(rgb)).0, 0, "{name}");
    }
}

/// All pictures of a folder in order, as a stream.
fn stills(folder: PathBuf) -> impl Iterator<Item = (Vec<u8>, usize, usize)> {
    files(&folder, ".webp").into_iter().map(|path| {
        let picture = image::open(path).unwrap().into_rgb8();
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        (picture.into_raw(), width, height)
    })
}

#[test]
fn the_larynx_passes() {
    let Some(data) = public_data() else { return };
    let (mut inside, mut all) = (0, 0);
    for sequence in ["seq1", "seq2", "seq3", "seq4", "seq5", "seq6", "seq7", "seq8"] {
        let folder = data.join("vocalfolds/images").join(sequence);
        // The first pictures again, so that it is open when the sequence begins.
        let first: Vec<_> = stills(folder.clone()).take(1).collect();
        let (passed, pictures) = passed(first.into_iter().cycle().take(26).chain(stills(folder)));
        println!("{sequence}: {passed} of {pictures}");
        (inside, all) = (inside + passed, all + pictures);
    }
    println!("{inside} of {all} pictures of the larynx pass");
    assert!(all > 400 && inside as f64 >= 0.9 * all as f64, "{inside} of {all}");
}

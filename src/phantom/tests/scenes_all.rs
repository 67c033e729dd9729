//! What holds for every scene: names, sizes, determinism, agreement of mask and outline, ruler, depth change, speed.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Value, json};
use vesalius_phantom::PhantomError;
use vesalius_phantom::scenes::SceneOptions;

fn each() -> impl Iterator<Item = SceneOptions> {
    SceneOptions::CATALOGUE.iter().map(|info| SceneOptions::from_name(info.name).unwrap())
}

/// Default options of a scene with some of them changed.
fn with(name: &str, changes: Value) -> SceneOptions {
    let mut options = changes;
    options["scene"] = json!(name);
    serde_json::from_value(options).unwrap()
}

#[test]
fn the_catalogue_names_every_scene_once() {
    let names: BTreeSet<&str> = SceneOptions::CATALOGUE.iter().map(|info| info.name).collect();
    assert_eq!(names.len(), SceneOptions::CATALOGUE.len());
    assert_eq!(names.len(), 10);
    for options in each() {
        let info = options.info();
        assert_eq!(SceneOptions::from_name(info.name).unwrap(), options);
        assert_eq!(serde_json::to_value(&options).unwrap()["scene"], info.name);
        assert!(!info.description.contains('\n') && info.suggested_frames > 0);
        for (position, class) in info.classes.iter().enumerate() {
            assert_eq!(usize::from(class.index), position + 1);
        }
    }
    let error = SceneOptions::from_name("heart").unwrap_err();
    assert!(matches!(error, PhantomError::UnknownScene { .. }));
    let text = error.to_string();
    assert!(text.contains("'heart'") && text.contains("optic-nerve") && !text.contains('\n'), "{text}");
}

#[test]
fn frames_are_whole_repeatable_and_ordered() {
    for options in each() {
        let phantom = options.prepare().unwrap();
        let name = phantom.info().name;
        let [width, height] = phantom.size_px();
        let pixels = width as usize * height as usize;
        let first = phantom.render(31);
        assert_eq!(first.pixels.len(), pixels * first.format.bytes_per_px(), "{name}");
        assert_eq!(first.format, phantom.info().format, "{name}");
        assert_eq!(first.mask.len(), pixels, "{name}");
        assert_eq!(first.mask, phantom.mask(31), "{name}");
        assert_eq!((first.truth.width_px, first.truth.height_px), (width, height), "{name}");
        assert_eq!((first.truth.frame_index, first.truth.pts_ns), (31, phantom.pts_ns(31)), "{name}");
        // Another frame in between, and a phantom prepared anew on another thread, change nothing.
        let other = phantom.render(4);
        assert_ne!(other.pixels, first.pixels, "{name}");
        let again =
            std::thread::scope(|scope| scope.spawn(|| options.prepare().unwrap().render(31)).join().unwrap());
        assert_eq!(again, first, "{name}");
        assert!((0..100).all(|k| phantom.pts_ns(k) < phantom.pts_ns(k + 1)), "{name}");
        // A picture, not a flat field: dark, middle and bright gray are all there.
        let share = |low: u8, high: u8| {
            first.pixels.iter().filter(|v| (low..=high).contains(v)).count() as f64
                / first.pixels.len() as f64
        };
        assert!(share(0, 30) > 0.05 && share(50, 150) > 0.1 && share(180, 255) > 0.002, "{name}");
        let clip = phantom.clip(100);
        assert_eq!((clip.scene.as_str(), clip.frames, clip.last_pts_ns), (name, 100, phantom.pts_ns(99)));
        // Frames that no clip reaches are no reason to fail.
        let far = phantom.truth(u64::MAX);
        assert_eq!(far.frame_index, u64::MAX, "{name}");
    }
}

/// Just inside an outline lies its class, just outside another one.
#[test]
fn masks_agree_with_outlines() {
    for options in each() {
        let phantom = options.prepare().unwrap();
        let name = phantom.info().name;
        let [width, height] = phantom.size_px().map(|side| side as usize);
        for frame in [0, 45, 110] {
            let mask = phantom.mask(frame);
            let classes = phantom.truth(frame).classes;
            let outlines = phantom.outlines(frame);
            assert_eq!(classes.len(), outlines.len(), "{name}");
            for outline in outlines {
                // Even-odd rule per row on the polygon, where it and the mask have no other class to share with.
                let (mut same, mut all) = (0, 0);
                for y in 0..height {
                    let mut crossings: Vec<f64> = Vec::new();
                    for (k, p) in outline.points_px.iter().enumerate() {
                        let q = outline.points_px[(k + 1) % outline.points_px.len()];
                        let at = y as f64;
                        if (p[1] > at) != (q[1] > at) {
                            crossings.push(p[0] + (at - p[1]) / (q[1] - p[1]) * (q[0] - p[0]));
                        }
                    }
                    for x in 0..width {
                        let before = crossings.iter().filter(|&&c| c < x as f64).count();
                        let value = mask[y * width + x];
                        if before % 2 == 1 || value == outline.class {
                            all += 1;
                            same += u32::from(before % 2 == 1 && value == outline.class);
                        }
                    }
                }
                // The tool covers a part of the lesion, the field's border a part of the tool.
                let least = match name {
                    "endoscope" => 0.93,
                    "fetal-head" => 0.995,
                    // Six pixels thick.
                    "vessel" if outline.class == 2 => 0.97,
                    _ => 0.99,
                };
                let share = f64::from(same) / f64::from(all);
                assert!(share > least, "{name}, frame {frame}, class {}: {share}", outline.class);
            }
        }
    }
}

#[test]
fn ultrasound_scenes_have_a_ruler_and_change_their_depth() {
    for info in SceneOptions::CATALOGUE {
        if ["fetal-head", "endoscope"].contains(&info.name) {
            continue;
        }
        let changes = json!({
            "mm_per_px_x": 0.2,
            "mm_per_px_y": 0.2,
            "width_px": 720,
            "height_px": 400,
            "ultrasound": {
                "annotations": {"depth_ruler": true},
                "depth_change": {"at_frame": 3, "factor": 1.25},
            },
        });
        let phantom = with(info.name, changes).prepare().unwrap();
        let width = phantom.size_px()[0] as usize;
        for (frame, pitch) in [(2, 0.2), (3, 0.25)] {
            let picture = phantom.render(frame);
            assert_eq!(picture.truth.mm_per_px_y, Some(pitch), "{}", info.name);
            let rows: Vec<usize> =
                (0..400).filter(|y| picture.pixels[y * width + width - 4] == 200).collect();
            let step = 10.0 / pitch;
            let expected: Vec<usize> =
                (0..).map(|k| (f64::from(k) * step).round() as usize).take_while(|&y| y < 400).collect();
            assert_eq!(rows, expected, "{}", info.name);
        }
    }
}

/// A frame takes long enough to be drawn, and not so long that clips cannot be made while one waits. The bound is a quarter
/// of what one core of a small server does in an optimised build, so that only a real slowdown fails.
#[test]
fn scenes_render_fast_enough() {
    if cfg!(debug_assertions) {
        println!("skipped: timing is for optimised builds");
        return;
    }
    for name in
        ["lv", "lv-short-axis", "vessel", "ivc", "nodule", "bladder", "muscle", "optic-nerve", "endoscope"]
    {
        let phantom = with(name, json!({"width_px": 400, "height_px": 300})).prepare().unwrap();
        // The best of three rounds: other work on the machine must not fail this.
        let rounds = (0..3_u64).map(|round| {
            let start = Instant::now();
            let bytes: usize = (0..15).map(|index| phantom.render(15 * round + index).pixels.len()).sum();
            assert!(bytes > 0);
            15.0 / start.elapsed().as_secs_f64()
        });
        let rate = rounds.fold(0.0, f64::max);
        println!("{name}: {rate:.0} frames/s of 400x300");
        assert!(rate > 8.0, "{name}: {rate}");
    }
}

/// Odd sizes and pitches give odd pictures, not panics.
#[test]
fn extreme_pictures_are_no_error() {
    for info in SceneOptions::CATALOGUE {
        for (width, height, pitch) in [(16, 16, 0.04_f64), (16, 16, 20.0), (17, 300, 0.3), (300, 19, 0.3)] {
            let mut changes = json!({"width_px": width, "height_px": height});
            if info.name == "endoscope" {
                changes["mm_per_px"] = json!(pitch.clamp(0.005, 1.0));
                changes["field_share"] = json!(1.4);
                changes["blurred_s"] = json!([[0.0, 1.0]]);
            } else {
                changes["mm_per_px_x"] = json!(pitch);
                changes["mm_per_px_y"] = json!(pitch);
            }
            if info.name == "muscle" {
                changes["wedge_deg"] = json!(0.0);
            }
            let phantom = with(info.name, changes).prepare().unwrap();
            for frame in [0, 12, 100] {
                let frame = phantom.render(frame);
                let expected = width * height * frame.format.bytes_per_px();
                assert_eq!(frame.pixels.len(), expected, "{}", info.name);
            }
        }
    }
}

/// Uneven frame times reach every scene that takes them, and each frame shows its own time.
#[test]
fn frame_times_may_be_uneven() {
    for info in SceneOptions::CATALOGUE {
        if info.name == "fetal-head" {
            continue;
        }
        let timing = json!({"timing": {"jitter": 0.3, "rate_swing": 0.4, "dropped_share": 0.25, "dropped_frames": [5]}});
        let phantom = with(info.name, timing).prepare().unwrap();
        let times: Vec<u64> = (0..90).map(|frame| phantom.pts_ns(frame)).collect();
        let intervals: BTreeSet<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(intervals.len() > 60, "{}", info.name);
        // A quarter of the frames is gone: the clip lasts a third longer than its frames would.
        let lasts_s = (times[89] - times[0]) as f64 / 1e9;
        let steady_s = 89.0 / phantom.frame_rate_hz();
        assert!(lasts_s > 1.1 * steady_s, "{}: {lasts_s} {steady_s}", info.name);
        assert_eq!(phantom.truth(40).pts_ns, times[40], "{}", info.name);
    }
}

/// The picture's walls move with the truth's: the steepest rise of gray across a dark cavity's outline stays within half
/// a millimetre (1.1 and 1.4 pixels) of it in every phase, where the wall's lining makes it bright.
#[test]
fn walls_are_seen_where_they_are_true() {
    for (name, pitch) in [("lv", 0.46), ("ivc", 0.36)] {
        let phantom = with(name, json!({"seed": 3})).prepare().unwrap();
        let [width, height] = phantom.size_px().map(|side| side as usize);
        for frame in [0, 6, 14, 25, 33, 60, 75] {
            let picture = phantom.render(frame);
            let outline = &phantom.outlines(frame)[0].points_px;
            // Mean gray along the outline, moved out (in, where negative) across it.
            let gray = |away_mm: f64| {
                let (mut sum, mut n) = (0.0, 0.0);
                // The ventricle's outline ends with the mitral line, which is no wall.
                for (k, p) in outline.iter().enumerate().take(if name == "lv" { 720 } else { outline.len() })
                {
                    let (from, to) = (outline[k.saturating_sub(1)], outline[(k + 1).min(outline.len() - 1)]);
                    let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
                    let length = dx.hypot(dy);
                    // Both outlines run clockwise on the screen. Walls along the beam are seen blurred.
                    let normal = [dy / length, -dx / length];
                    if normal[1].abs() < 0.8 {
                        continue;
                    }
                    let at = [0, 1].map(|i| (p[i] + away_mm / pitch * normal[i]).round());
                    if at[0] >= 0.0 && at[1] >= 0.0 && at[0] < width as f64 && at[1] < height as f64 {
                        sum += f64::from(picture.pixels[at[1] as usize * width + at[0] as usize]);
                        n += 1.0;
                    }
                }
                sum / n
            };
            let profile: Vec<f64> = (-16..=16).map(|k| gray(0.25 * f64::from(k))).collect();
            let steepest = profile
                .windows(3)
                .enumerate()
                .max_by(|a, b| (a.1[2] - a.1[0]).total_cmp(&(b.1[2] - b.1[0])))
                .map(|(k, _)| 0.25 * (k as f64 - 15.0))
                .unwrap();
            println!("{name} {frame}: {steepest} mm");
            assert!(steepest.abs() <= 0.5, "{name}, frame {frame}: {steepest} mm");
            assert!(profile[4] + 40.0 < profile[20], "{name}, frame {frame}: {profile:.0?}");
        }
    }
}

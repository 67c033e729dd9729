//! The endoscope's view: truth against masks and pictures, and over time.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::f64::consts::PI;

use common::{assert_area_matches_mask, assert_json_round_trip, sha256};
use vesalius_phantom::scenes::{
    ClipMeasures, EndoscopeClip, EndoscopeField, EndoscopeFrame, EndoscopeScene, FrameMeasures, FrameRecord,
    Phantom, PixelFormat, SceneOptions,
};

fn small() -> EndoscopeScene {
    EndoscopeScene { width_px: 280, height_px: 240, mm_per_px: 0.15, ..EndoscopeScene::default() }
}

fn measures(record: FrameRecord) -> EndoscopeFrame {
    match record.measures {
        FrameMeasures::Endoscope(endoscope) => endoscope,
        other => panic!("{other:?}"),
    }
}

fn clip(phantom: &dyn Phantom, frames: u64) -> EndoscopeClip {
    match phantom.clip(frames).measures {
        ClipMeasures::Endoscope(endoscope) => endoscope,
        other => panic!("{other:?}"),
    }
}

/// Frame number at a time of the nominal 30 frames a second.
fn at(time_s: f64) -> u64 {
    (30.0 * time_s) as u64
}

/// Picture bytes of one frame with the tool at the lesion, and of one outside. A change must be meant, and noted.
#[test]
fn golden_digests() {
    let phantom = EndoscopeScene { outside_s: vec![[6.0, 7.0]], ..small() }.prepare().unwrap();
    assert_eq!(
        [sha256(&phantom.render(at(4.0)).pixels), sha256(&phantom.render(at(6.5)).pixels)],
        [
            "828baa62c23ccb78ea751c4014c774bdbbd12fc28e77b0b27f4d7e23629aac56",
            "ac3f68d22477e6373b21844a4b20e1b585376a0091cf205d07a94a3c9a69bb4f"
        ]
    );
}

#[test]
fn field_has_its_closed_form_area_and_black_beyond() {
    for (field, factor) in
        [(EndoscopeField::Circle, PI), (EndoscopeField::Octagon, 8.0 * (2_f64.sqrt() - 1.0))]
    {
        let phantom = EndoscopeScene { field, ..EndoscopeScene::default() }.prepare().unwrap();
        let frame = phantom.render(100);
        assert_eq!(frame.format, PixelFormat::Rgb24);
        let truth = measures(frame.truth);
        let mask = phantom.field_mask();
        let counted = mask.iter().map(|&v| u64::from(v)).sum::<u64>() as f64;
        assert!((truth.field_area_px / (factor * 228.0 * 228.0) - 1.0).abs() < 1e-12);
        assert!((counted / truth.field_area_px - 1.0).abs() < 2e-3, "{counted}");
        for (&inside, pixel) in mask.iter().zip(frame.pixels.chunks_exact(3)) {
            assert!(inside == 1 || pixel == [0, 0, 0]);
        }
    }
}

#[test]
fn lesion_and_tool_measure_what_the_truth_says() {
    let phantom = EndoscopeScene::default().prepare().unwrap();
    for time_s in [0.5, 2.9, 3.5, 4.4, 5.2, 6.6] {
        let record = phantom.truth(at(time_s));
        let truth = measures(record.clone());
        let lesion = truth.lesion.unwrap();
        assert!((lesion.feret_mm - 8.0).abs() < 1e-9 && (lesion.short_mm - 6.4).abs() < 1e-9);
        assert!((lesion.feret_px * truth.mm_per_px - 8.0).abs() < 1e-9);
        let mask = phantom.mask(at(time_s));
        let Some(tool) = truth.tool else {
            let pitch = [truth.mm_per_px; 2];
            assert_area_matches_mask(&mask, &record.classes[0], pitch, 0.01);
            assert!(!mask.contains(&2));
            continue;
        };
        assert!((tool.width_mm - 2.4).abs() < 1e-9);
        assert!((tool.width_px * tool.mm_per_px - 2.4).abs() < 1e-9);
        // Area of the tool in the mask over the length of its axis within the field is its width.
        let tools = mask.iter().filter(|&&v| v == 2).count() as f64;
        let length = (tool.tip_px[0] - tool.entry_px[0]).hypot(tool.tip_px[1] - tool.entry_px[1]);
        let lean = tool.width_px / length;
        assert!(
            (tools / length / tool.width_px - 1.0).abs() < 0.02 + 0.5 * lean * lean,
            "{time_s}: {tools} {length}"
        );
        assert_eq!(tool.is_touching, (3.2..=5.6).contains(&time_s), "{time_s}");
        if tool.is_touching {
            assert_eq!(tool.mm_per_px, truth.mm_per_px);
            // The tip lies on the lesion's outline.
            let nearest = phantom.outlines(at(time_s))[0]
                .points_px
                .iter()
                .map(|p| (p[0] - tool.tip_px[0]).hypot(p[1] - tool.tip_px[1]))
                .fold(f64::INFINITY, f64::min);
            assert!(nearest < 0.5, "{nearest}");
        } else {
            assert!(tool.mm_per_px < truth.mm_per_px);
        }
    }
}

#[test]
fn highlights_are_where_they_are_counted() {
    let share = |highlights| {
        let phantom = EndoscopeScene { highlights, ..small() }.prepare().unwrap();
        let frame = phantom.render(20);
        let field = phantom.field_mask();
        let inside = field.iter().filter(|&&v| v == 1).count() as f64;
        // Nearly saturated and colourless, as detectors have it.
        let white = frame.pixels.chunks_exact(3).filter(|p| p.iter().all(|&v| v > 205)).count() as f64;
        (measures(frame.truth).specular_fraction.unwrap(), white / inside)
    };
    let (none, white) = share(0.0);
    assert_eq!((none, white), (0.0, 0.0));
    let (some, white) = share(0.7);
    assert!(some > 0.002 && (white / some - 1.0).abs() < 0.35, "{some} {white}");
    let phantom = small().prepare().unwrap();
    assert_eq!(measures(phantom.truth(20)).specular_fraction, None);
}

/// Mean squared difference of neighbours on green inside the field.
fn sharpness(phantom: &dyn Phantom, frame: u64) -> f64 {
    let pixels = phantom.render(frame).pixels;
    let green = |x: usize, y: usize| f64::from(pixels[3 * (y * 280 + x) + 1]);
    let mut sum = 0.0;
    for y in 70..170 {
        for x in 80..200 {
            sum += (green(x + 1, y) - green(x, y)).powi(2);
        }
    }
    sum / 12_000.0
}

#[test]
fn blur_darkness_and_the_room_are_seen_when_told() {
    let scene = EndoscopeScene {
        blurred_s: vec![[1.0, 1.5]],
        dark_s: vec![[2.0, 2.5]],
        outside_s: vec![[0.0, 0.2]],
        caecum_s: Some(3.0),
        exit_s: Some(6.0),
        ..small()
    };
    let phantom = scene.prepare().unwrap();
    let clear = sharpness(&phantom, at(0.8));
    assert!(sharpness(&phantom, at(1.2)) < 0.25 * clear);
    let mean = |frame: u64| {
        let pixels = phantom.render(frame).pixels;
        pixels.iter().map(|&v| f64::from(v)).sum::<f64>() / pixels.len() as f64
    };
    assert!(mean(at(2.2)) < 0.2 * mean(at(1.8)));
    let red_over_blue = |frame: u64| {
        let pixels = phantom.render(frame).pixels;
        let channel = |c: usize| pixels.iter().skip(c).step_by(3).map(|&v| f64::from(v)).sum::<f64>();
        channel(0) / channel(2)
    };
    assert!(red_over_blue(0) < 1.2 && red_over_blue(at(0.8)) > 1.5);
    for (time_s, blurred, dark, outside, withdrawal) in [
        (0.1, false, false, true, false),
        (0.8, false, false, false, false),
        (1.2, true, false, false, false),
        (2.2, false, true, false, false),
        (4.0, false, false, false, true),
        (6.5, false, false, true, true),
    ] {
        let truth = measures(phantom.truth(at(time_s)));
        assert_eq!(
            (truth.is_blurred, truth.is_dark, truth.is_out_of_body, truth.is_withdrawal),
            (blurred, dark, outside, withdrawal),
            "{time_s}"
        );
        assert_eq!(truth.lesion.is_none(), outside);
    }
    let whole = clip(&phantom, 240);
    assert_eq!((whole.caecum_ns, whole.exit_ns), (Some(3_000_000_000), Some(6_000_000_000)));
    assert_eq!(whole.withdrawal_s, Some(3.0));
    assert_eq!(clip(&phantom, 120).withdrawal_s, None);
}

/// Frames with a tool and frames where it touches are those that the clip's record lists.
#[test]
fn tool_stretches_agree_with_the_frames() {
    let phantom = EndoscopeScene { tool_period_s: 3.0, exit_s: Some(8.0), ..small() }.prepare().unwrap();
    let clip = clip(&phantom, 300);
    let within = |stretches: &[[f64; 2]], t: f64| stretches.iter().any(|&[from, to]| from < t && t < to);
    for frame in 0..300 {
        let t = phantom.pts_ns(frame) as f64 / 1e9;
        let truth = measures(phantom.truth(frame));
        let near_an_end =
            clip.tool_seen_s.iter().chain(&clip.tool_touching_s).flatten().any(|e| (e - t).abs() < 0.02);
        if near_an_end {
            continue;
        }
        assert_eq!(truth.tool.is_some(), within(&clip.tool_seen_s, t), "{t}");
        assert_eq!(truth.tool.is_some_and(|tool| tool.is_touching), within(&clip.tool_touching_s, t), "{t}");
    }
}

#[test]
fn options_are_checked_in_one_line() {
    let refuses = |option: &str, change: &dyn Fn(&mut EndoscopeScene)| {
        let mut scene = EndoscopeScene::default();
        change(&mut scene);
        let text = scene.prepare().unwrap_err().to_string();
        assert!(text.contains(option) && !text.contains('\n'), "{text}");
    };
    for bad in [f64::NAN, -500.0, 1e9] {
        refuses("field_share", &|s| s.field_share = bad);
        refuses("mm_per_px", &|s| s.mm_per_px = bad);
        refuses("distance_swing", &|s| s.distance_swing = bad);
        refuses("sway", &|s| s.sway = bad);
        refuses("lesion_mm", &|s| s.lesion_mm = bad);
        refuses("lesion_ratio", &|s| s.lesion_ratio = bad);
        refuses("lesion_at", &|s| s.lesion_at[1] = bad);
        refuses("tool_mm", &|s| s.tool_mm = bad);
        refuses("tool_period_s", &|s| s.tool_period_s = bad);
        refuses("highlights", &|s| s.highlights = bad);
        refuses("blurred_s", &|s| s.blurred_s = vec![[bad, 1.0]]);
        refuses("caecum_s", &|s| s.caecum_s = Some(bad));
        refuses("exit_s", &|s| s.exit_s = Some(bad));
    }
    refuses("outside_s", &|s| s.outside_s = vec![[2.0, 1.0]]);
    refuses("exit_s", &|s| (s.caecum_s, s.exit_s) = (Some(9.0), Some(8.0)));
}

#[test]
fn records_and_options_survive_json() {
    assert_json_round_trip(&SceneOptions::Endoscope(EndoscopeScene { caecum_s: Some(4.0), ..small() }));
}
